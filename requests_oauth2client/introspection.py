"""Token introspection (RFC 7662).

<https://www.rfc-editor.org/rfc/rfc7662>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoint import BaseClient
from .enums import Endpoints, TokenType
from .exceptions import IntrospectionError, MissingRefreshToken, UnknownIntrospectionError, UnknownTokenType
from .hidden import hidden
from .strict_json import loads, loads_object
from .tokens import BearerToken, token_text

if TYPE_CHECKING:
    import requests

    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs


class Introspection(BaseClient):
    """Asks the server about tokens."""

    __slots__ = ()

    def introspect_token(
        self,
        token: str | BearerToken,
        token_type_hint: str | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **introspect_kwargs: Any,
    ) -> Any:
        """Ask the server what a token is worth (RFC 7662 §2).

        Args:
            token: the token; of a `BearerToken`, the hint selects the access token (default) or the refresh token.
            token_type_hint: `access_token` or `refresh_token`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **introspect_kwargs: further form fields.

        Returns:
            The members of the answer as a dict; the text of the answer when it is of another type than JSON.

        Raises:
            UnknownTokenType: the hint does not fit a `BearerToken`.
            MissingRefreshToken: the hint is `refresh_token`, and the token has none.
            IntrospectionError: the server refused with a standard error.
            UnknownIntrospectionError: the server failed in another way.
            TransportError: no usable answer came.

        """
        token = hidden(token)
        data = hidden(
            {"token": _selected(token, token_type_hint), "token_type_hint": token_type_hint, **introspect_kwargs}
        )
        return self._request(
            Endpoints.INTROSPECTION.value,
            data=data,
            on_success=self.parse_introspection_response,
            on_failure=self.on_introspection_error,
            requests_kwargs=requests_kwargs,
        )

    def parse_introspection_response(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> Any:  # noqa: ARG002 - for subclasses
        """Return the JSON of a 2xx answer, or its text when it does not claim to be JSON.

        Raises:
            UnknownIntrospectionError: it claims to be JSON, and is no object; or it is a web page.

        """
        content_type = response.headers.get("Content-Type", "").lower()
        try:
            return loads_object(response.content) if "json" in content_type else loads(response.content)
        except ValueError as exc:
            if "json" in content_type or "html" in content_type:
                raise UnknownIntrospectionError(response=response, description=str(exc)) from exc
            return response.text

    def on_introspection_error(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> Any:  # noqa: ARG002 - for subclasses
        """Raise the error that the answer stands for."""
        raise self._standard_error(response, IntrospectionError) or UnknownIntrospectionError(response=response)


def _selected(token: str | BearerToken, hint: str | None) -> str:
    if not isinstance(token, BearerToken) or hint in (None, TokenType.ACCESS_TOKEN):
        return token_text(token)
    if hint != TokenType.REFRESH_TOKEN:
        msg = f"Invalid `token_type_hint` '{hint}' for a {type(token).__name__}: use 'access_token' or 'refresh_token'."
        raise UnknownTokenType(msg, token, hint)
    if token.refresh_token is None:
        raise MissingRefreshToken(token)
    return token.refresh_token
