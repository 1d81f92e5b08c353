"""Token revocation (RFC 7009).

<https://www.rfc-editor.org/rfc/rfc7009>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoint import BaseClient
from .enums import Endpoints, TokenType
from .exceptions import MissingRefreshToken, RevocationError
from .hidden import hidden
from .tokens import BearerToken, token_text

if TYPE_CHECKING:
    import requests

    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs


class Revocation(BaseClient):
    """Revokes tokens."""

    __slots__ = ()

    def revoke_token(
        self,
        token: str | BearerToken,
        token_type_hint: str | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **revoke_kwargs: Any,
    ) -> bool:
        """Revoke a token (RFC 7009 §2.1).

        Args:
            token: the token; of a `BearerToken`, the hint `refresh_token` selects its refresh token.
            token_type_hint: `access_token`, `refresh_token`, or what else the server knows.
            requests_kwargs: further arguments of `requests.Session.request`.
            **revoke_kwargs: further form fields.

        Returns:
            `True` when the server accepted; `False` when it failed without a standard error.

        Raises:
            MissingRefreshToken: the refresh token is to be revoked, and there is none.
            RevocationError: the server refused with a standard error, or with one of the other `EndpointError`.
            TransportError: no usable answer came.

        """
        value = token_text(token)
        if isinstance(token, BearerToken) and token_type_hint == TokenType.REFRESH_TOKEN:
            if token.refresh_token is None:
                raise MissingRefreshToken(token)
            value = token.refresh_token
        token, value = hidden((token, value))
        return self._request(
            Endpoints.REVOCATION.value,
            data={"token": value, "token_type_hint": token_type_hint, **revoke_kwargs},
            on_success=self.parse_revocation_response,
            on_failure=self.on_revocation_error,
            requests_kwargs=requests_kwargs,
        )

    def parse_revocation_response(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> bool:  # noqa: ARG002 - for subclasses
        """Return `True`: any 2xx answer means that the token is revoked or was unknown (RFC 7009 §2.2)."""
        return True

    def on_revocation_error(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> bool:  # noqa: ARG002 - for subclasses
        """Raise the standard error in `response`; return `False` when it holds none."""
        error = self._standard_error(response, RevocationError)
        if error is not None:
            raise error
        return False

    def revoke_access_token(
        self, access_token: str | BearerToken, requests_kwargs: RequestsKwargs | None = None, **revoke_kwargs: Any
    ) -> bool:
        """Revoke an access token; see `revoke_token`."""
        access_token = hidden(access_token)
        return self.revoke_token(access_token, TokenType.ACCESS_TOKEN.value, requests_kwargs, **revoke_kwargs)

    def revoke_refresh_token(
        self, refresh_token: str | BearerToken, requests_kwargs: RequestsKwargs | None = None, **revoke_kwargs: Any
    ) -> bool:
        """Revoke a refresh token; see `revoke_token`."""
        refresh_token = hidden(refresh_token)
        return self.revoke_token(refresh_token, TokenType.REFRESH_TOKEN.value, requests_kwargs, **revoke_kwargs)
