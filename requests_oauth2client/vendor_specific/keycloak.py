"""Keycloak: <https://www.keycloak.org/securing-apps/oidc-layers>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.exceptions import InvalidParam

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey


class Keycloak:
    """Clients of a realm of a Keycloak server."""

    @classmethod
    def client(
        cls,
        url: str,
        realm: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of a realm.

        Args:
            url: where the server is, such as `https://sso.example.com`; before version 17, with `/auth` at its end.
            realm: name of the realm.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: see `OAuth2Client`.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        Raises:
            InvalidParam: `realm` is empty.
            InvalidEndpointUri: `url` is not acceptable.

        """
        if not realm:
            msg = "`realm` is empty: pass the name of the realm, such as 'master'."
            raise InvalidParam(msg)
        issuer = f"{url.rstrip('/')}/realms/{quote(realm, safe='')}"
        base = f"{issuer}/protocol/openid-connect"
        known = {
            "token_endpoint": f"{base}/token",
            "authorization_endpoint": f"{base}/auth",
            "pushed_authorization_request_endpoint": f"{base}/ext/par/request",
            "device_authorization_endpoint": f"{base}/auth/device",
            "backchannel_authentication_endpoint": f"{base}/ext/ciba/auth",
            "revocation_endpoint": f"{base}/revoke",
            "introspection_endpoint": f"{base}/token/introspect",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/certs",
            "issuer": issuer,
            "end_session_endpoint": f"{base}/logout",
            "registration_endpoint": f"{issuer}/clients-registrations/openid-connect",
        }
        return OAuth2Client(
            auth=auth,
            client_id=client_id,
            client_secret=client_secret,
            private_jwk=private_jwk,
            session=session,
            **{**known, **kwargs},
        )
