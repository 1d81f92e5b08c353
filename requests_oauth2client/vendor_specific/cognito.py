"""Amazon Cognito: <https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.exceptions import InvalidParam

from .common import https_url, plain_name

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials


class Cognito:
    """Clients of a user pool.

    There is neither a device flow nor introspection, and only refresh tokens can be revoked. The issuer is not on the
    domain of the endpoints.
    """

    @classmethod
    def client(
        cls,
        user_pool_id: str,
        domain: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        session: requests.Session | None = None,
        **kwargs: Any,
    ) -> OAuth2Client:
        """Return a client of a user pool.

        Args:
            user_pool_id: identifier of the user pool, which begins with its region: `eu-west-1_AbCdEfGhI`.
            domain: prefix of its domain, or its custom domain.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            session: see `OAuth2Client`.
            **kwargs: further arguments of `OAuth2Client`.

        Raises:
            InvalidParam: `user_pool_id` or `domain` is malformed.

        """
        region, separator, _ = plain_name(user_pool_id, "user_pool_id").partition("_")
        if not separator or "-" not in region:
            msg = "`user_pool_id` begins with a region and a '_', such as 'eu-west-1_AbCdEfGhI'."
            raise InvalidParam(msg)
        host = domain if "." in domain else f"{plain_name(domain, 'domain')}.auth.{region}.amazoncognito.com"
        url = https_url(host, "domain")
        issuer = f"https://cognito-idp.{region}.amazonaws.com/{user_pool_id}"
        known = {
            "token_endpoint": f"{url}/oauth2/token",
            "authorization_endpoint": f"{url}/oauth2/authorize",
            "revocation_endpoint": f"{url}/oauth2/revoke",
            "userinfo_endpoint": f"{url}/oauth2/userInfo",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "issuer": issuer,
            "end_session_endpoint": f"{url}/logout",
        }
        return OAuth2Client(
            auth=auth, client_id=client_id, client_secret=client_secret, session=session, **{**known, **kwargs}
        )
