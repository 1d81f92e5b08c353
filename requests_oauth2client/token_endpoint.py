"""The Token Endpoint: one request, its answer, and the grants that need nothing else (RFC 6749 §3.2).

<https://www.rfc-editor.org/rfc/rfc6749#section-4> <https://www.rfc-editor.org/rfc/rfc7523#section-2.1>
<https://www.rfc-editor.org/rfc/rfc7522#section-2.1>
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from attrs import evolve

from .endpoint import BaseClient, request_options
from .enums import Endpoints, GrantTypes
from .events import TokenEvent, tell
from .evidence import redacted
from .exceptions import InvalidParam, InvalidTokenResponse, MissingRefreshToken, OAuth2Error, UnknownTokenEndpointError
from .hidden import hidden
from .jose import b64u
from .scopes import format_scope
from .strict_json import loads_object
from .tokens import BearerToken, token_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from jwskate import Jwt
    from typing_extensions import Unpack

    from .dpop import DPoPKey, DPoPToken
    from .endpoint import Hook, RequestOptions, RequestsKwargs, Timeout
    from .id_token import IdTokenClient
    from .scopes import Scope

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")

_RESERVED = ("_dpop_key", "expires_at")
"""Arguments of token classes that a server must not fill by a member of that name."""


class TokenEndpoint(BaseClient):
    """Sends token requests."""

    __slots__ = ()

    if TYPE_CHECKING:
        token_class: type[BearerToken]

    @overload
    def token_request(
        self,
        data: Mapping[str, Any],
        *,
        timeout: Timeout = None,
        dpop: Literal[True],
        dpop_key: DPoPKey | None = None,
        **requests_kwargs: Unpack[RequestOptions],
    ) -> DPoPToken: ...
    @overload
    def token_request(
        self,
        data: Mapping[str, Any],
        *,
        timeout: Timeout = None,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **requests_kwargs: Unpack[RequestOptions],
    ) -> BearerToken: ...
    def token_request(
        self,
        data: Mapping[str, Any],
        *,
        timeout: Timeout = None,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **requests_kwargs: Unpack[RequestOptions],
    ) -> BearerToken:
        """Send a token request: the open door for any grant.

        Args:
            data: form fields, `grant_type` included. `None` is left out, lists repeat their name.
            timeout: seconds; `None` for the timeout of the client.
            dpop: bind the token to a key (RFC 9449); `None` for `dpop_bound_access_tokens` of the client.
            dpop_key: the key to bind it to, which implies `dpop`; by default a new one.
            **requests_kwargs: further arguments of `requests.Session.request`, such as `verify` or `proxies`.

        Raises:
            EndpointError: the server refused; the class depends on the error code.
            InvalidTokenResponse: the answer is neither a token nor a standard error.
            TransportError: no usable answer came.

        """
        data, started = hidden(data), monotonic()
        token = self._request(
            Endpoints.TOKEN.value,
            data=data,
            on_success=self._token_hook(data.get("grant_type")),
            on_failure=self.on_token_error,
            dpop_key=self._dpop_key(dpop, dpop_key),
            timeout=timeout,
            requests_kwargs=cast("RequestsKwargs", requests_kwargs),
        )
        self._tell_obtained(data, token, monotonic() - started)
        return token

    def _token_hook(self, grant_type: object) -> Hook[BearerToken]:  # noqa: ARG002 - for grants that give something else
        """Return the hook that reads 2xx answers to this grant."""
        return self.parse_token_response

    def _tell_obtained(self, data: Mapping[str, Any], token: BearerToken, duration: float) -> None:
        if self.on_event is not None:
            client_id, grant_type = getattr(self.auth, "client_id", None), data.get("grant_type")
            expires_in = getattr(token, "expires_in", None)
            event = TokenEvent("token_obtained", client_id, Endpoints.TOKEN.value, grant_type, duration)
            tell(self.on_event, evolve(event, expires_in=expires_in))

    def parse_token_response(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> BearerToken:
        """Return the token in a 2xx answer of the Token Endpoint; what is no token goes to `on_token_error`."""
        try:
            return self._token_of(token_members(loads_object(response.content)), dpop_key)
        except (OAuth2Error, ValueError, TypeError) as exc:
            if isinstance(exc, OAuth2Error):  # may quote the server, which may quote us
                exc.args = (redacted(exc, response.request),)
            cause = exc
        try:
            return self.on_token_error(response, dpop_key=dpop_key)
        except InvalidTokenResponse as exc:
            if exc.description is not None:
                raise
            raise InvalidTokenResponse(response=response, description=str(cause)) from cause

    def _token_of(self, members: dict[str, Any], dpop_key: DPoPKey | None) -> BearerToken:
        if dpop_key is None:
            return self.token_class(**members)
        return dpop_key.dpop_token_class(**members, _dpop_key=dpop_key)

    def on_token_error(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> BearerToken:  # noqa: ARG002 - for subclasses
        """Raise the error that an answer of the Token Endpoint stands for; subclasses may return a token instead."""
        error = self._standard_error(response, UnknownTokenEndpointError)
        raise error or InvalidTokenResponse(response=response)

    @overload
    def client_credentials(
        self,
        scope: Scope = None,
        *,
        dpop: Literal[True],
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> DPoPToken: ...
    @overload
    def client_credentials(
        self,
        scope: Scope = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken: ...
    def client_credentials(
        self,
        scope: Scope = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Get a token for the client itself (RFC 6749 §4.4).

        Args:
            scope: scopes to ask for, as `"read write"` or one by one.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields, such as `resource` (RFC 8707) or `audience`.

        Raises:
            InvalidScopeParam: `scope` is malformed.
            OAuth2Error: see `token_request`.

        """
        data = {"grant_type": GrantTypes.CLIENT_CREDENTIALS.value, "scope": format_scope(scope), **token_kwargs}
        return self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))

    @overload
    def refresh_token(
        self,
        refresh_token: DPoPToken,
        requests_kwargs: RequestsKwargs | None = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **token_kwargs: Any,
    ) -> DPoPToken: ...
    @overload
    def refresh_token(
        self,
        refresh_token: str | BearerToken,
        requests_kwargs: RequestsKwargs | None = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **token_kwargs: Any,
    ) -> BearerToken: ...
    def refresh_token(
        self,
        refresh_token: str | BearerToken,
        requests_kwargs: RequestsKwargs | None = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        validate: bool = True,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Get a new access token with a refresh token (RFC 6749 §6).

        When the server returns no new refresh token, the old one stays in use and is part of the result; so does the ID
        Token. A DPoP token is refreshed with its own key (RFC 9449 §5). When the given token has an ID Token, and a new
        one comes, that is validated, and must be about the same user (OIDC Core §12.2).

        Args:
            refresh_token: the refresh token, or a token that has one.
            requests_kwargs: further arguments of `requests.Session.request`.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            validate: `False` returns a new ID Token as it came, and nothing in it may be believed.
            **token_kwargs: further form fields; `scope` may narrow what was granted.

        Raises:
            MissingRefreshToken: the given token has none.
            InvalidIdToken: the new ID Token must not be accepted; the new token is its `token_resp`.
            OAuth2Error: see `token_request`.

        """
        id_token = getattr(refresh_token, "id_token", None)
        if isinstance(refresh_token, BearerToken):
            dpop_key = dpop_key or getattr(refresh_token, "dpop_key", None)
            if refresh_token.refresh_token is None:
                raise MissingRefreshToken(refresh_token)
            refresh_token = refresh_token.refresh_token
        elif not refresh_token:
            raise MissingRefreshToken(refresh_token)
        refresh_token, token_kwargs = hidden((refresh_token, token_kwargs))
        data = hidden(
            {
                "grant_type": GrantTypes.REFRESH_TOKEN.value,
                "refresh_token": refresh_token,
                **_with_scope(token_kwargs),
            }
        )
        token = self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))
        if getattr(token, "refresh_token", "") is None:  # what a hook returns may have no such attribute
            token = token.replace(refresh_token=str(refresh_token))
        if id_token is not None and getattr(token, "id_token", "") is None:
            return token.replace(id_token=id_token)
        if not validate or id_token is None or getattr(token, "id_token", None) is None:
            return token
        from .id_token import validate_refreshed_id_token  # loads jwskate, which others can do without

        return validate_refreshed_id_token(token, id_token, cast("IdTokenClient", self))

    def resource_owner_password(
        self,
        username: str,
        password: str,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Get a token with the password of a user (RFC 6749 §4.3; RFC 9700 §2.4 forbids it for new systems).

        Args:
            username: name of the user.
            password: password of the user.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields, such as `scope`.

        Raises:
            OAuth2Error: see `token_request`.

        """
        password, token_kwargs = hidden((password, token_kwargs))
        data = hidden(
            {
                "grant_type": GrantTypes.RESOURCE_OWNER_PASSWORD.value,
                "username": username,
                "password": password,
                **_with_scope(token_kwargs),
            }
        )
        return self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))

    def jwt_bearer(
        self,
        assertion: Jwt | str,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Get a token with a JWT as authorization grant (RFC 7523 §2.1).

        Args:
            assertion: the JWT.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields, such as `scope`.

        Raises:
            OAuth2Error: see `token_request`.

        """
        assertion, token_kwargs = hidden((assertion, token_kwargs))
        data = hidden(
            {
                "grant_type": GrantTypes.JWT_BEARER.value,
                "assertion": token_text(assertion),
                **_with_scope(token_kwargs),
            }
        )
        return self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))

    def saml2_bearer(
        self,
        assertion: str | bytes,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Get a token with a SAML 2.0 assertion as authorization grant (RFC 7522 §2.1).

        Args:
            assertion: the `Assertion` element, as signed XML, or encoded in base64url already.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields, such as `scope`.

        Raises:
            InvalidParam: `assertion` is neither XML nor base64url.
            OAuth2Error: see `token_request`.

        """
        assertion, token_kwargs = hidden((assertion, token_kwargs))
        data = hidden(
            {
                "grant_type": GrantTypes.SAML2_BEARER.value,
                "assertion": _encoded_assertion(assertion),
                **_with_scope(token_kwargs),
            }
        )
        return self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))


def encoded_xml(assertion: str | bytes) -> str | None:
    """Return a SAML assertion in base64url, not a byte of its XML changed; `None` when it is not XML."""
    data = assertion.encode() if isinstance(assertion, str) else assertion
    return b64u(data) if data.removeprefix(BOM_UTF8).lstrip().startswith(b"<") else None


def _encoded_assertion(assertion: str | bytes) -> str:
    encoded = encoded_xml(assertion)
    if encoded is None:  # it is encoded already: RFC 7522 §2.1 wants no line breaks, and no padding
        text = assertion if isinstance(assertion, str) else assertion.decode("latin-1")
        encoded = "".join(text.split()).rstrip("=")
    if not _BASE64URL.fullmatch(encoded):
        msg = "This `assertion` is neither XML nor base64url: pass the `Assertion` element as the issuer signed it."
        raise InvalidParam(msg)
    return encoded


def _with_scope(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with their `scope`, if any, in the form it is sent in."""
    return {**fields, "scope": format_scope(fields["scope"])} if "scope" in fields else fields


def token_members(received: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a token response, as arguments of a token class.

    Raises:
        ValueError: they are not those of a token.

    """
    members = dict(received)
    if "error" in members:
        msg = "the body holds an error"
        raise ValueError(msg)
    if not isinstance(members.get("access_token"), str):
        msg = "the body has no `access_token`"
        raise ValueError(msg)  # noqa: TRY004 - a matter of the answer, not of our code
    at = members.get("expires_at")
    for name in _RESERVED:
        members.pop(name, None)
    if "expires_in" not in members and isinstance(at, (int, float)) and not isinstance(at, bool):
        members["expires_at"] = at  # some servers give the epoch instead of, or beside, `expires_in`
    expires_in = members.get("expires_in")
    if expires_in is not None and (isinstance(expires_in, bool) or not isinstance(expires_in, (int, float, str))):
        msg = "`expires_in` is not a number of seconds"
        raise InvalidParam(msg)
    return members
