"""`BearerToken`: what a Token Endpoint gave, usable as a `requests` auth handler (RFC 6749 §5.1, RFC 6750 §2.1).

<https://www.rfc-editor.org/rfc/rfc6749#section-5.1> <https://www.rfc-editor.org/rfc/rfc6750>
"""

from __future__ import annotations

import sys
from functools import cache
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, fields, frozen
from requests.auth import AuthBase

from .enums import AccessTokenTypes, TokenType
from .exceptions import (
    ExpiredAccessToken,
    ExpiredIdToken,
    IdTokenNotYetValid,
    InvalidIdToken,
    InvalidParam,
    MismatchingIdTokenAcr,
    MismatchingIdTokenAlg,
    MismatchingIdTokenAudience,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenAzp,
    MismatchingIdTokenHash,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MismatchingIdTokenSubject,
    MissingIdToken,
    MissingIdTokenClaim,
    UnsupportedIdTokenAlg,
    UnsupportedTokenTypeError,
)
from .exceptions import UnsupportedTokenTypeError as UnsupportedTokenType
from .lifetime import Expiring, as_datetime, expiry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import requests
    from jwskate import JweCompact, SignedJwt
    from typing_extensions import Self

    from .id_token import AuthenticationExpectations, IdToken, IdTokenClient, IdTokenValidator

__all__ = [
    "AccessTokenTypes",
    "BearerToken",
    "ExpiredAccessToken",
    "ExpiredIdToken",
    "IdTokenNotYetValid",
    "InvalidIdToken",
    "MismatchingIdTokenAcr",
    "MismatchingIdTokenAlg",
    "MismatchingIdTokenAudience",
    "MismatchingIdTokenAuthTime",
    "MismatchingIdTokenAzp",
    "MismatchingIdTokenHash",
    "MismatchingIdTokenIssuer",
    "MismatchingIdTokenNonce",
    "MismatchingIdTokenSubject",
    "MissingIdToken",
    "MissingIdTokenClaim",
    "TokenResponse",
    "TokenType",
    "UnsupportedIdTokenAlg",
    "UnsupportedTokenType",
    "UnsupportedTokenTypeError",
]


def __getattr__(name: str) -> Any:
    """Give what needs jwskate when it is asked for: importing it costs half of importing requests."""
    if name == "IdToken":
        from .id_token import IdToken

        return IdToken
    if name == "BearerTokenSerializer":  # an old door: its room stands above this one, and the face knows the way
        return getattr(sys.modules[__name__.rpartition(".")[0]], name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


class TokenResponse:
    """Base of all that a Token Endpoint may give."""

    __slots__ = ()


STANDARD_MEMBERS = ("access_token", "token_type", "expires_at", "scope", "refresh_token", "id_token")


def token_text(token: object) -> str:
    """Return the text of a token that is to be sent as a parameter.

    Raises:
        InvalidParam: there is none: `None` would go out as 'None', and be revoked with success.

    """
    text = "" if token is None else str(token)
    if not text:
        msg = "There is no token here. Pass the text of a token, or a token: it may have no refresh_token, for example."
        raise InvalidParam(msg)
    return text


def _text(name: str, value: object) -> str:
    """Return `value`, if it may be part of an HTTP header or form (no CR/LF injection)."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable():
        return value
    msg = f"`{name}` of type {type(value).__name__} is unusable: it must be a non-empty str of printable ASCII."
    raise InvalidParam(msg)


def _scope(value: object) -> str:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return " ".join(value)  # a frequent deviation of servers
    msg = f"`scope` of type {type(value).__name__} is unusable: it must be a str."
    raise InvalidParam(msg)


@frozen(init=False, repr=False)
class BearerToken(Expiring, TokenResponse, AuthBase):
    """An access token, and all that came with it; usable as `auth=` of `requests`, and as the text of the token.

    Attributes:
        access_token: the access token.
        expires_at: when it expires, an aware UTC datetime; `None` when the server did not say.
        scope: the scopes that were granted, separated by spaces.
        refresh_token: the refresh token.
        token_type: as received.
        id_token: the ID Token, an `IdToken`, or a `jwskate.JweCompact` while it is encrypted.
        kwargs: all other members of the response; also readable as attributes and by subscription.

    """

    TOKEN_TYPE: ClassVar[str] = AccessTokenTypes.BEARER.value
    AUTHORIZATION_HEADER: ClassVar[str] = "Authorization"
    AUTHORIZATION_SCHEME: ClassVar[str] = "Bearer"

    _is_overridden: ClassVar[bool] = False
    """Whether a subclass has its own `is_expired` or `authorization_header`: calling ours would cost each request."""

    # a subclass that attrs decorates gets another `repr`, made of the fields that say nothing against it
    access_token: str = field(repr=False)
    _expiry: float | None
    scope: str | None
    refresh_token: str | None = field(repr=False)
    token_type: str
    id_token: IdToken | JweCompact | None = field(repr=False)
    _extras: dict[str, Any] | None = field(repr=False, hash=False)

    def __init__(
        self,
        /,
        access_token: str,
        *,
        expires_at: datetime | float | None = None,
        expires_in: float | str | None = None,
        scope: str | None = None,
        refresh_token: str | None = None,
        token_type: str | None = None,
        id_token: str | bytes | IdToken | JweCompact | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a token out of the members of a token response.

        Args:
            access_token: the access token.
            expires_at: when it expires: an aware datetime, or seconds since the epoch.
            expires_in: seconds from now until it expires; wins over `expires_at`.
            scope: the scopes that were granted.
            refresh_token: the refresh token.
            token_type: must be `TOKEN_TYPE`, in any case; `None` stands for it.
            id_token: the ID Token; it is parsed, not validated.
            **kwargs: all other members.

        Raises:
            UnsupportedTokenTypeError: another `token_type`.
            InvalidIdToken: `id_token` is neither a JWT nor a JWE.
            InvalidParam: another member is of the wrong type.

        """
        if token_type is None:
            token_type = self.TOKEN_TYPE
        elif token_type != self.TOKEN_TYPE and str(token_type).lower() != self.TOKEN_TYPE.lower():
            raise UnsupportedTokenTypeError(token_type)
        _put_access_token(self, _text("access_token", access_token))
        _put_expiry(self, expiry(expires_in, expires_at))
        _put_scope(self, scope if scope is None or type(scope) is str else _scope(scope))
        _put_refresh_token(self, None if refresh_token is None else _text("refresh_token", refresh_token))
        _put_token_type(self, token_type)
        _put_id_token(self, None if id_token is None else _parsed_id_token(id_token))
        _put_extras(self, kwargs or None)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ours = BearerToken.is_expired, BearerToken.authorization_header
        cls._is_overridden = (cls.is_expired, cls.authorization_header) != ours

    # ------------------------------------------------------------ as a requests auth handler

    def authorization_header(self) -> str:
        """Return the value of the header that carries this token (RFC 6750 §2.1)."""
        return f"{self.AUTHORIZATION_SCHEME} {self.access_token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add this token to the headers of `request`.

        Raises:
            ExpiredAccessToken: it is expired; nothing is sent.

        """
        if self._is_overridden:
            if self.is_expired():
                raise ExpiredAccessToken(self)
            request.headers[self.AUTHORIZATION_HEADER] = self.authorization_header()
            return request
        at = self._expiry  # the same, without the calls: this runs at each request
        if at is not None and time() > at:
            raise ExpiredAccessToken(self)
        request.headers[self.AUTHORIZATION_HEADER] = f"{self.AUTHORIZATION_SCHEME} {self.access_token}"
        return request

    # ------------------------------------------------------------ as a value

    @property
    def kwargs(self) -> dict[str, Any]:
        """The members of the response that have no attribute of their own."""
        return dict(self._extras or ())

    def __getattr__(self, name: str) -> Any:
        """Give a member of the response that has no attribute of its own."""
        if not name.startswith("__"):
            extras = object.__getattribute__(self, "_extras")
            if extras and name in extras:
                return extras[name]
        msg = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(msg)

    def __getitem__(self, name: str) -> Any:
        """Give any member of the response by its name, whatever its characters."""
        if name == "expires_in":
            return self.expires_in
        if name in STANDARD_MEMBERS:
            return getattr(self, name)
        return (self._extras or {})[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether a member is there."""
        if name in STANDARD_MEMBERS:
            return getattr(self, str(name)) is not None
        return self._expiry is not None if name == "expires_in" else name in (self._extras or ())

    def __str__(self) -> str:
        return self.access_token

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self._public_members().items() if value is not None]
        hidden = [f"{name}=[hidden]" for name in ("access_token", "refresh_token", "id_token") if getattr(self, name)]
        return f"{type(self).__name__}({', '.join(hidden + shown)})"

    def _public_members(self) -> dict[str, Any]:
        return {
            "token_type": self.token_type,
            "expires_at": None if self._expiry is None else str(self.expires_at),
            "scope": self.scope,
            "others": sorted(self._extras) if self._extras else None,
        }

    def __hash__(self) -> int:
        return hash((type(self), self.access_token, self._expiry, self.refresh_token))

    def __getstate__(self) -> dict[str, Any]:
        return self._members()

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, **state)

    def _members(self) -> dict[str, Any]:
        """All constructor arguments that give this very token again."""
        return {
            **self.kwargs,
            "access_token": self.access_token,
            "expires_at": self._expiry,
            "scope": self.scope,
            "refresh_token": self.refresh_token,
            "token_type": self.token_type,
            "id_token": None if self.id_token is None else str(self.id_token),
        }

    def replace(self, /, **changes: Any) -> Self:
        """Return a token of the same class with `changes` to its members; all others stay."""
        return type(self)(**{**self._members(), "id_token": self.id_token, **changes})

    def as_dict(self, *, with_expires_in: bool = True) -> dict[str, Any]:
        """Return all members that have a value, secrets included.

        Args:
            with_expires_in: give `expires_in`, in seconds from now, instead of `expires_at`.

        """
        members = {**self._members(), "id_token": self.id_token, "expires_at": as_datetime(self._expiry)}
        if with_expires_in:
            members["expires_in"] = self.expires_in
            del members["expires_at"]
        return {name: value for name, value in members.items() if value is not None}

    @property
    def access_token_jwt(self) -> SignedJwt:
        """The access token as a JWT, not verified: APIs verify access tokens, clients have no business to.

        Raises:
            jwskate.InvalidJwt: the access token is no JWT.

        """
        from jwskate import SignedJwt

        return SignedJwt(self.access_token)

    def validate_id_token(
        self,
        client: IdTokenClient,
        azr: AuthenticationExpectations,
        exp_leeway: int = 0,
        auth_time_leeway: int = 10,
    ) -> Self:
        """Return the same token with its ID Token decrypted and validated (OIDC Core §3.1.3.7).

        Args:
            client: the `OAuth2Client` which the ID Token must be meant for.
            azr: the `AuthorizationResponse` which it must belong to.
            exp_leeway: seconds after its expiry in which it is still accepted.
            auth_time_leeway: seconds added to `max_age`.

        Raises:
            InvalidIdToken: its subclasses say what is wrong.

        """
        validator_for = _id_tokens()[1]
        return validator_for(client, azr, exp_leeway=exp_leeway, auth_time_leeway=auth_time_leeway).validate(self)


# The slots themselves: a frozen instance is filled through them in two thirds of the time of `object.__setattr__`.
(
    _put_access_token,
    _put_expiry,
    _put_scope,
    _put_refresh_token,
    _put_token_type,
    _put_id_token,
    _put_extras,
) = (getattr(BearerToken, f.name).__set__ for f in fields(BearerToken))


@cache
def _id_tokens() -> tuple[Callable[[object], IdToken | JweCompact], Callable[..., IdTokenValidator]]:
    """Load jwskate with the first ID Token; not asked again, since even an import that is done takes a microsecond."""
    from .id_token import parse_id_token, validator_for

    return parse_id_token, validator_for


def _parsed_id_token(value: object) -> IdToken | JweCompact:
    return _id_tokens()[0](value)
