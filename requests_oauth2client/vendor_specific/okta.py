"""Okta: <https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.client import OAuth2Client

from .common import credentials, https_url, plain_name

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey


class Okta:
    """Clients of an Okta organization: of the authorization server that all have, or of a custom one.

    The server of the organization issues access tokens for Okta's own APIs. Your APIs need a custom server; `default`
    is the name of the one that comes ready made.
    """

    @classmethod
    def client(
        cls,
        domain: str,
        auth: ClientCredentials | None = None,
        *,
        authorization_server: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of an organization.

        Args:
            domain: domain of the organization, such as `mycompany.okta.com`.
            auth: see `OAuth2Client`.
            authorization_server: identifier of a custom authorization server; `None` for that of the organization.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: see `OAuth2Client`; assertions name the endpoint as audience, as Okta wants it.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        Raises:
            InvalidParam: a name cannot be part of a URL.

        """
        issuer = https_url(domain, "domain")
        url = f"{issuer}/oauth2/v1"
        if authorization_server is not None:
            issuer = f"{issuer}/oauth2/{plain_name(authorization_server, 'authorization_server')}"
            url = f"{issuer}/v1"
        known = {
            "token_endpoint": f"{url}/token",
            "authorization_endpoint": f"{url}/authorize",
            "pushed_authorization_request_endpoint": f"{url}/par",
            "device_authorization_endpoint": f"{url}/device/authorize",
            "backchannel_authentication_endpoint": f"{url}/bc/authorize",
            "revocation_endpoint": f"{url}/revoke",
            "introspection_endpoint": f"{url}/introspect",
            "userinfo_endpoint": f"{url}/userinfo",
            "jwks_uri": f"{url}/keys",
            "issuer": issuer,
            "end_session_endpoint": f"{url}/logout",
        }
        login = credentials(auth, client_id, client_secret, private_jwk)
        return OAuth2Client(session=session, **{**known, **login, **kwargs})
