"""PingFederate: <https://docs.pingidentity.com/pingfederate/latest/developers_reference_guide/pf_oauth_20_endpoints.html>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.client import OAuth2Client

from .common import https_url

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey


class Ping:
    """Clients of a PingFederate server."""

    @classmethod
    def client(
        cls,
        issuer: str,
        auth: ClientCredentials | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of a PingFederate server.

        Args:
            issuer: its domain or URL.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: see `OAuth2Client`.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        Raises:
            InvalidParam: `issuer` is neither.

        """
        url = https_url(issuer, "issuer", path=True)
        known = {
            "token_endpoint": f"{url}/as/token.oauth2",
            "authorization_endpoint": f"{url}/as/authorization.oauth2",
            "device_authorization_endpoint": f"{url}/as/device_authz.oauth2",
            "backchannel_authentication_endpoint": f"{url}/as/bc-auth.ciba",
            "revocation_endpoint": f"{url}/as/revoke_token.oauth2",
            "introspection_endpoint": f"{url}/as/introspect.oauth2",
            "userinfo_endpoint": f"{url}/idp/userinfo.openid",
            "jwks_uri": f"{url}/pf/JWKS",
            "issuer": url,
            "registration_endpoint": f"{url}/as/clients.oauth2",
            "ping_revoked_sris_endpoint": f"{url}/pf-ws/rest/sessionMgmt/revokedSris",
            "ping_session_management_sris_endpoint": f"{url}/pf-ws/rest/sessionMgmt/sessions",
            "ping_session_management_users_endpoint": f"{url}/pf-ws/rest/sessionMgmt/users",
            "ping_end_session_endpoint": f"{url}/idp/startSLO.ping",
        }
        return OAuth2Client(
            auth=auth,
            client_id=client_id,
            client_secret=client_secret,
            private_jwk=private_jwk,
            session=session,
            **{**known, **kwargs},
        )
