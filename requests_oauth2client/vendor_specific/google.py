"""Google: <https://developers.google.com/identity/openid-connect/openid-connect>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from requests_oauth2client.client import OAuth2Client

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials


class Google:
    """Clients of Google's accounts.

    Google gives a refresh token only for `access_type=offline`, and, after the first time, only when the user consents
    again: `client.authorization_request(**Google.OFFLINE)`.
    """

    OFFLINE: ClassVar[dict[str, str]] = {"access_type": "offline", "prompt": "consent"}
    """Parameters of an Authorization Request that make Google give a refresh token."""

    @classmethod
    def client(
        cls,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of Google's accounts. The device flow needs a `client_secret`, too.

        Args:
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        """
        known = {
            "token_endpoint": "https://oauth2.googleapis.com/token",
            "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
            "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
            "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
            "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
            "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
            "issuer": "https://accounts.google.com",
        }
        return OAuth2Client(
            auth=auth, client_id=client_id, client_secret=client_secret, session=session, **{**known, **kwargs}
        )
