"""GitHub: <https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.exceptions import ExpiredToken, InvalidClient, InvalidGrant, UnauthorizedClient

from .common import https_url

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.authorization_request import AuthorizationRequest
    from requests_oauth2client.client_authentication import ClientCredentials
    from requests_oauth2client.dpop import DPoPKey
    from requests_oauth2client.exceptions import EndpointError
    from requests_oauth2client.tokens import BearerToken


class GitHubClient(OAuth2Client):
    """A client that knows GitHub's own error codes, and its scopes with commas."""

    __slots__ = ()

    exception_classes: ClassVar[dict[str, type[EndpointError]]] = {
        **OAuth2Client.exception_classes,
        "bad_verification_code": InvalidGrant,
        "bad_refresh_token": InvalidGrant,
        "incorrect_device_code": InvalidGrant,
        "token_expired": ExpiredToken,
        "incorrect_client_credentials": InvalidClient,
        "device_flow_disabled": UnauthorizedClient,
    }

    def authorization_request(self, **kwargs: Any) -> AuthorizationRequest:
        """Make a request for an authorization code, without `openid`: GitHub does not know OpenID Connect."""
        return super().authorization_request(**{"scope": None, **kwargs})

    def parse_token_response(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> BearerToken:
        """Return the token in an answer, its scopes separated by spaces as everywhere else."""
        token = super().parse_token_response(response, dpop_key=dpop_key)
        return token if token.scope is None else token.replace(scope=" ".join(token.scope.split(",")))


class GitHub:
    """Clients of GitHub, for OAuth apps and for GitHub Apps on behalf of a user.

    GitHub answers errors with the status 200. It has no ID Tokens: `ApiClient("https://api.github.com", auth=…)` and
    its `user` tell who logged in.
    """

    @classmethod
    def client(
        cls,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        session: requests.Session | None = None,
        host: str = "github.com",
        **kwargs: Any,
    ) -> GitHubClient:
        """Return a client of GitHub.

        Args:
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            session: see `OAuth2Client`.
            host: that of a GitHub Enterprise Server.
            **kwargs: further arguments of `OAuth2Client`.

        """
        url = https_url(host, "host")
        known = {
            "token_endpoint": f"{url}/login/oauth/access_token",
            "authorization_endpoint": f"{url}/login/oauth/authorize",
            "device_authorization_endpoint": f"{url}/login/device/code",
        }
        return GitHubClient(
            auth=auth, client_id=client_id, client_secret=client_secret, session=session, **{**known, **kwargs}
        )
