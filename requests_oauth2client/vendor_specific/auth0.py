"""Auth0 by Okta: <https://auth0.com/docs/api/authentication>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.api_client import ApiClient
from requests_oauth2client.auth import OAuth2ClientCredentialsAuth
from requests_oauth2client.client import OAuth2Client

from .common import https_url

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey

_LABELS_OF_CUSTOM_DOMAIN = 3
"""A custom domain is a name inside of a domain, such as `login.example.com`."""


class Auth0:
    """Clients of an Auth0 tenant, and of its Management API.

    Auth0 selects the API by `audience=`: `client.client_credentials(audience="https://my.api")`.
    """

    @classmethod
    def tenant(cls, tenant: str) -> str:
        """Return the domain of a tenant.

        Args:
            tenant: its name with its region (`"mytenant.eu"`), its domain, or a URL, of a custom domain too.

        Raises:
            InvalidParam: it is none of these.

        """
        given: Any = tenant
        if isinstance(given, str) and given and not {".", ":"} & set(given):
            given = f"{given}.auth0.com"
        host = https_url(given, "tenant").removeprefix("https://")
        is_custom = "://" in given and host.count(".") + 1 >= _LABELS_OF_CUSTOM_DOMAIN
        return host if host.endswith(".auth0.com") or is_custom else f"{host}.auth0.com"

    @classmethod
    def client(
        cls,
        tenant: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of a tenant.

        Args:
            tenant: see `tenant`.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: see `OAuth2Client`.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        """
        url = f"https://{cls.tenant(tenant)}"
        known = {
            "token_endpoint": f"{url}/oauth/token",
            "authorization_endpoint": f"{url}/authorize",
            "pushed_authorization_request_endpoint": f"{url}/oauth/par",
            "device_authorization_endpoint": f"{url}/oauth/device/code",
            "backchannel_authentication_endpoint": f"{url}/bc-authorize",
            "revocation_endpoint": f"{url}/oauth/revoke",
            "userinfo_endpoint": f"{url}/userinfo",
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "issuer": f"{url}/",  # with the slash: so it stands in ID Tokens, and is expected in client assertions
        }
        return OAuth2Client(
            auth=auth,
            client_id=client_id,
            client_secret=client_secret,
            private_jwk=private_jwk,
            session=session,
            **{**known, **kwargs},
        )

    @classmethod
    def management_api_client(
        cls,
        tenant: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> ApiClient:
        """Return a client of the Management API of a tenant, which gets its tokens by itself.

        Args:
            tenant: see `tenant`.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: see `OAuth2Client`.
            session: session for API calls and token requests.
            **kwargs: further arguments of `ApiClient`.

        """
        client = cls.client(
            tenant, auth, client_id=client_id, client_secret=client_secret, private_jwk=private_jwk, session=session
        )
        url = f"https://{cls.tenant(tenant)}/api/v2/"
        return ApiClient(url, auth=OAuth2ClientCredentialsAuth(client, audience=url), session=session, **kwargs)
