"""The UserInfo Endpoint (OIDC Core §5.3).

<https://openid.net/specs/openid-connect-core-1_0.html#UserInfo>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoint import BaseClient
from .enums import Endpoints
from .exceptions import InvalidUserInfoResponse, UserInfoError
from .strict_json import loads_object
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from .dpop import DPoPKey


class UserInfo(BaseClient):
    """Asks the server about the user."""

    __slots__ = ()

    def userinfo(
        self, access_token: str | BearerToken, requests_kwargs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask for the claims about the user who granted `access_token` (OIDC Core §5.3.1).

        Args:
            access_token: the access token, or a token.
            requests_kwargs: further arguments of `requests.Session.request`.

        Raises:
            UserInfoError: the server refused.
            InvalidUserInfoResponse: the answer holds no claims.
            TransportError: no usable answer came.

        """
        auth = access_token if isinstance(access_token, BearerToken) else BearerToken(access_token)
        return self._request(
            Endpoints.USER_INFO.value,
            data={},
            auth=auth,
            on_success=self.parse_userinfo_response,
            on_failure=self.on_userinfo_error,
            requests_kwargs=requests_kwargs,
        )

    def parse_userinfo_response(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> dict[str, Any]:
        """Return the claims in a 2xx answer."""
        try:
            return loads_object(response.content)
        except ValueError as exc:
            raise InvalidUserInfoResponse(response=response, description=str(exc)) from exc

    def on_userinfo_error(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> dict[str, Any]:
        """Raise the error that the answer stands for (RFC 6750 §3.1)."""
        raise self._standard_error(response, UserInfoError) or UserInfoError(response=response, error="unknown_error")
