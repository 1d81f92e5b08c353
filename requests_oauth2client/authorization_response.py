"""What came back on the `redirect_uri`, and the checks that let it in (RFC 6749 §4.1.2, RFC 9207 §2.4).

Whoever can make the user follow a link can write a callback: its parameters are compared with what our request says,
and never take the place of it.

<https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2> <https://www.rfc-editor.org/rfc/rfc9207>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from attrs import field, frozen

from .evidence import printable
from .exceptions import (
    InvalidAcrValuesParam,
    InvalidAuthResponse,
    MismatchingIssuer,
    MismatchingState,
    MissingAuthCode,
    MissingIssuer,
)
from .hidden import hidden

if TYPE_CHECKING:
    from .dpop import DPoPKey

MAX_CALLBACK_LENGTH = 65_536
"""Characters of the longest callback that is parsed: several times what browsers and servers let through."""

MAX_CALLBACK_PARAMETERS = 100
"""How many parameters a callback may have."""


def parse_acr_values(acr_values: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Return authentication contexts, in their order; `None` when there are none.

    Raises:
        InvalidAcrValuesParam: it is neither a str nor an iterable of str.

    """
    if acr_values is None:
        return None
    if isinstance(acr_values, str):
        return tuple(acr_values.split()) or None
    if isinstance(acr_values, (bytes, Mapping)) or not isinstance(acr_values, Iterable):
        raise InvalidAcrValuesParam(acr_values)
    values = tuple(acr_values)
    if not all(isinstance(value, str) for value in values):
        raise InvalidAcrValuesParam(acr_values)
    return tuple(" ".join(values).split()) or None


class WithExtras:
    """What has parameters beside those that the specification names: in `kwargs`, and as attributes."""

    __slots__ = ()

    if TYPE_CHECKING:
        kwargs: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        # names with an underscore belong to Python (copy, pickle, notebooks): no parameter may pose as one of them
        if name[:1] != "_" and name != "kwargs" and name in self.kwargs:
            return self.kwargs[name]
        msg = f"'{type(self).__name__}' object has no attribute '{name}'"
        raise AttributeError(msg)


@frozen(init=False)
class AuthorizationResponse(WithExtras):
    """A successful Authorization Response: a code, and what our request expects of the tokens that it gives.

    `AuthorizationRequest.validate_callback` makes it. The named attributes are those of our request, except `code`; the
    rest of the callback is in `kwargs`, unchecked, and readable as attributes where a name is not taken.

    Attributes:
        code: the authorization code.
        redirect_uri: where the code was sent.
        code_verifier: the PKCE verifier to redeem it with.
        state: the `state` of the request, and of the callback.
        nonce: what the ID Token must repeat.
        acr_values: authentication contexts, one of which the ID Token must have.
        max_age: seconds since the user authenticated, at most.
        issuer: who must have issued the ID Token.
        dpop_key: the key that the code is bound to (RFC 9449 §10).
        requested_scope: the scope that was asked for; with `openid` in it, an ID Token is mandatory.
        kwargs: the other parameters of the callback.

    """

    code: str = field(repr=False)
    redirect_uri: str | None
    code_verifier: str | None = field(repr=False)
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    acr_values: tuple[str, ...] | None
    max_age: int | None
    issuer: str | None
    dpop_key: DPoPKey | None = field(hash=False)
    requested_scope: tuple[str, ...] | None
    kwargs: dict[str, Any] = field(repr=False, hash=False)

    def __init__(
        self,
        *,
        code: str,
        redirect_uri: str | None = None,
        code_verifier: str | None = None,
        state: str | None = None,
        nonce: str | None = None,
        acr_values: str | Iterable[str] | None = None,
        max_age: int | None = None,
        issuer: str | None = None,
        dpop_key: DPoPKey | None = None,
        requested_scope: tuple[str, ...] | None = None,
        **kwargs: Any,
    ) -> None:
        self.__attrs_init__(
            code,
            redirect_uri,
            code_verifier,
            state,
            nonce,
            parse_acr_values(acr_values),
            max_age,
            issuer,
            dpop_key,
            requested_scope,
            kwargs,
        )


def _text_of(response: object, request: object) -> str:
    """Return a callback as text: a URL object knows its own, the raw query string of a web framework is bytes."""
    if isinstance(response, str):
        text = response.strip()
        if "=" in text:
            return text
    elif isinstance(response, bytes):
        return _text_of(response.decode("utf-8", "replace"), request)
    elif response is not None and not isinstance(response, Mapping):
        return str(response)
    raise InvalidAuthResponse(
        "Unable to parse the Authorization Response: pass the whole URL that the user was sent to, or its query string "
        "(a mapping hides parameters that are repeated).",
        request,
        str(response),
    )


def _query_of(text: str) -> str:
    """Return the query of a URL, or a bare query string as it is."""
    text = text.partition("#")[0]
    before, mark, query = text.partition("?")
    name, equals, _ = before.partition("=")
    if mark and (not equals or ":" in name or "/" in name):
        return query
    if not mark and (":" in name or "/" in name):
        return ""
    # an unescaped "?" may stand in the value of a parameter (RFC 3986 §3.4)
    return text


def callback_parameters(response: object, request: object) -> tuple[str, dict[str, str]]:
    """Return a callback as text, and its parameters that have a value (RFC 6749 §3.1).

    Args:
        response: a URL, a query string, or a URL object whose `str()` is a URL.
        request: the request that an error tells of.

    Raises:
        InvalidAuthResponse: it cannot be parsed, is too long, or repeats a parameter.
        MissingAuthCode: it has no parameter at all.

    """
    response = hidden(response)
    text = hidden(_text_of(response, request))
    if len(text) > MAX_CALLBACK_LENGTH:
        raise InvalidAuthResponse(
            f"This Authorization Response has {len(text)} characters; {MAX_CALLBACK_LENGTH} are read at most.",
            request,
            text,
        )
    try:
        pairs = parse_qsl(_query_of(text), keep_blank_values=True, max_num_fields=MAX_CALLBACK_PARAMETERS)
    except ValueError as exc:
        raise InvalidAuthResponse(f"Unable to parse the Authorization Response: {exc}.", request, text) from exc
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise InvalidAuthResponse(
            f"There are multiple '{printable(repeated)}' query parameters in response (parameter injection?).",
            request,
            text,
        )
    if "" in parameters.values():
        parameters = {name: value for name, value in parameters.items() if value}
    if not parameters:
        raise MissingAuthCode(request, text)
    if "response" in parameters and not parameters.keys() & {"code", "error", "state"}:
        raise InvalidAuthResponse(
            "This Authorization Response is a JWT (JARM), which is not supported: leave `response_mode` out.",
            request,
            text,
        )
    return text, hidden(parameters)


def same_state(received: str | None, expected: str | None) -> bool:
    """Compare two `state` values, without telling by its time where they differ."""
    if received is None or expected is None:
        return received is expected
    return compare_digest(received.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def check_issuer(received: str | None, expected: str | None, required: bool, request: object, text: str) -> None:
    """Refuse a callback from another Authorization Server (mix-up attack, RFC 9207 §2.4).

    Raises:
        MissingIssuer: there is no `iss`, and it is required.
        MismatchingIssuer: `iss` is not the `expected` issuer, character by character.

    """
    if received is None:
        if required:
            raise MissingIssuer(request, text)
    elif expected is not None and received != expected:
        raise MismatchingIssuer(received, expected, request, text)


def check_state(received: str | None, expected: str | None, request: object, text: str) -> None:
    """Refuse a callback that does not answer our request (CSRF, RFC 6749 §10.12).

    Raises:
        MismatchingState: `state` is not the `expected` one, missing or unexpected.

    """
    if not same_state(received, expected):
        raise MismatchingState(received, expected, request, text)


def check_code(code: str | None, request: object, text: str) -> str:
    """Return the authorization code.

    Raises:
        MissingAuthCode: there is none.
        InvalidAuthResponse: it holds characters that no code has (RFC 6749 appendix A.11).

    """
    if not code:
        raise MissingAuthCode(request, text)
    if not (code.isascii() and code.isprintable()):
        raise InvalidAuthResponse(
            "The 'code' of this Authorization Response holds characters that no code has.", request, text
        )
    return code
