"""Tokens, keys and Authorization Requests as text, to keep them in a session, a cookie or a file.

The text is compact JSON, deflated, in base64url: it fits where only JSON strings do. It is **neither encrypted nor
signed**, and holds secrets: keep it where nobody else can read or write it. Reading checks its form and size, not where
it comes from.
"""

from __future__ import annotations

import json
import re
import zlib
from abc import abstractmethod
from base64 import urlsafe_b64decode
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from attrs import fields

from .authorization_request import (
    AuthorizationRequest,
    BaseAuthorizationRequest,
    RequestParameterAuthorizationRequest,
    RequestUriParameterAuthorizationRequest,
)
from .dpop import DPoPKey, DPoPToken
from .exceptions import InvalidParam, InvalidSerializedValue, OAuth2Error, UnsupportedTokenTypeError
from .hidden import forget_locals, hidden
from .jose import b64u
from .strict_json import loads_object
from .token_exchange import IssuedToken
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

MAX_SERIALIZED_SIZE = 1024 * 1024
"""Bytes that a text may have, before and after decompression (a decompression bomb)."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


def _epoch(value: object) -> int | float:
    """Return an expiry in seconds since the epoch; a fraction of a second is kept."""
    if isinstance(value, datetime):
        at = value.timestamp()
        return int(at) if at == int(at) else at
    msg = f"an object of type {type(value).__name__} cannot be serialized"
    raise TypeError(msg)


def _pack(members: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(members, separators=(",", ":"), default=_epoch, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        msg = f"This value holds something that JSON cannot: {exc}."
        raise InvalidParam(msg) from exc
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b64u(compressor.compress(text.encode("utf-8")) + compressor.flush())


def _unpack(text: str | bytes) -> dict[str, Any]:
    value: object = text.decode("latin-1") if isinstance(text, bytes) else text
    if not isinstance(value, str) or len(value) > MAX_SERIALIZED_SIZE or not _BASE64URL.fullmatch(value):
        reason = "it is not base64url, or too long"
        raise InvalidSerializedValue(reason)
    data = value.rstrip("=")
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = decompressor.decompress(urlsafe_b64decode(data + "=" * (-len(data) % 4)), MAX_SERIALIZED_SIZE)
        if not decompressor.eof or decompressor.unused_data:
            reason = f"it is cut, followed by something, or longer than {MAX_SERIALIZED_SIZE} bytes"
            raise InvalidSerializedValue(reason)
        return loads_object(unpacked)
    except (ValueError, zlib.error) as exc:
        if isinstance(exc, InvalidSerializedValue):
            raise
        reason = f"it cannot be read ({type(exc).__name__})"
        raise InvalidSerializedValue(reason) from exc


class Serializer(Generic[T]):
    """What the serializers share: values to text, and back.

    Each step can be replaced: by an argument, or by overriding the class method of that name in a subclass.

    Args:
        dumper: makes the text out of the value.
        loader: makes a dict of members out of the text.
        make_instance: makes the value out of the members.

    """

    def __init__(
        self,
        dumper: Callable[[T], str | bytes] | None = None,
        loader: Callable[[Any], Any] | None = None,
        make_instance: Callable[[dict[str, Any]], T] | None = None,
    ) -> None:
        self.dumper = dumper or self.default_dumper
        self.loader = loader or self.default_loader
        self.make_instance = make_instance or self.default_make_instance

    def dumps(self, value: T) -> str:
        """Return `value` as text, which holds its secrets.

        Raises:
            InvalidParam: it holds something that JSON cannot.

        """
        dumped = self.dumper(value)
        return dumped.decode("utf-8") if isinstance(dumped, bytes) else dumped

    def loads(self, serialized: str | bytes) -> T:
        """Return the value that was serialized.

        Raises:
            InvalidSerializedValue: the text is malformed, or is not such a value.

        """
        serialized = hidden(serialized)
        try:
            loaded = hidden(self.loader(serialized))
            if not isinstance(loaded, dict):
                return cast("T", loaded)  # a loader that does the whole work
            return self.make_instance(loaded)
        except OAuth2Error as exc:
            forget_locals(exc)
            raise

    @classmethod
    def default_dumper(cls, value: T) -> str:
        """Return `value` as text."""
        return _pack(cls.members_of(value))

    @classmethod
    def default_loader(cls, serialized: str | bytes) -> Any:
        """Return the members in a text.

        Raises:
            InvalidSerializedValue: it is malformed, or too long.

        """
        return _unpack(serialized)

    @classmethod
    def default_make_instance(cls, members: dict[str, Any]) -> T:
        """Return the value that has `members`.

        Raises:
            InvalidSerializedValue: there is none.

        """
        try:
            return cls.instance_of(dict(members))
        except UnsupportedTokenTypeError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError) as exc:
            reason = f"its members are not those of such a value ({type(exc).__name__})"
            raise InvalidSerializedValue(reason) from exc

    @classmethod
    @abstractmethod
    def members_of(cls, value: T) -> dict[str, Any]:
        """Return what makes `value`, fit for JSON."""

    @classmethod
    @abstractmethod
    def instance_of(cls, members: dict[str, Any]) -> T:
        """Return the value that has `members`; may raise any `ValueError`, `TypeError` or `LookupError`."""


class DPoPKeySerializer(Serializer[DPoPKey]):
    """Serializes a `DPoPKey`: private key, algorithm, `typ` of proofs, and the nonces last given.

    Own generators and an own token class are code, and stay behind: give them back in a `make_instance`.
    """

    @classmethod
    def members_of(cls, value: DPoPKey) -> dict[str, Any]:
        """Return what makes the key, fit for JSON."""
        return value.as_dict()

    @classmethod
    def instance_of(cls, members: dict[str, Any]) -> DPoPKey:
        """Return the key that has `members`."""
        return DPoPKey(**members)


class TokenSerializer(Serializer[BearerToken]):
    """Serializes a token of any type with all that came with it, the key of a `DPoPToken` included.

    The expiry is kept as a point in time: a token expires when it does, however long it was stored.
    """

    token_classes: ClassVar[dict[str, type[BearerToken]]] = {
        token_class.TOKEN_TYPE.lower(): token_class for token_class in (BearerToken, DPoPToken, IssuedToken)
    }
    """The class for each `token_type`; subclasses may extend it."""

    @classmethod
    def default_loader(cls, serialized: str | bytes, token_class: type[BearerToken] | None = None) -> Any:
        """Return the members in a text; with `token_class`, the token of that class that they make.

        Raises:
            InvalidSerializedValue: it is malformed, or too long.

        """
        members = _unpack(serialized)
        return members if token_class is None else token_class(**members)

    @classmethod
    def members_of(cls, value: BearerToken) -> dict[str, Any]:
        """Return what makes the token, fit for JSON; what it has not is left out."""
        members = value.as_dict(with_expires_in=False)
        if "id_token" in members:
            members["id_token"] = str(members["id_token"])
        return members

    @classmethod
    def instance_of(cls, members: dict[str, Any]) -> BearerToken:
        """Return the token that has `members`.

        Raises:
            UnsupportedTokenTypeError: its type is not in `token_classes`.

        """
        token_type = str(members.get("token_type", BearerToken.TOKEN_TYPE))
        token_class = cls.token_classes.get(token_type.lower())
        if token_class is None:
            raise UnsupportedTokenTypeError(token_type)
        if issubclass(token_class, DPoPToken):
            members["_dpop_key"] = DPoPKeySerializer.instance_of(members.pop("dpop_key"))
        return token_class(**members)


BearerTokenSerializer = TokenSerializer


_FORMS: dict[str, type[BaseAuthorizationRequest]] = {
    "parameters": AuthorizationRequest,
    "request": RequestParameterAuthorizationRequest,
    "request_uri": RequestUriParameterAuthorizationRequest,
}
_STANDARD_MEMBERS = {field.name for field in fields(AuthorizationRequest) if field.init} - {"kwargs"}


class AuthorizationRequestSerializer(Serializer[BaseAuthorizationRequest]):
    """Serializes an Authorization Request in any of its forms, to keep it until the user comes back.

    A signed or pushed request takes the request that it stands for with it, so that it still validates the callback.
    """

    forms: ClassVar[dict[str, type[BaseAuthorizationRequest]]] = _FORMS
    """The class for each form; subclasses may put their own."""

    @classmethod
    def members_of(cls, value: BaseAuthorizationRequest) -> dict[str, Any]:
        """Return what makes the request, fit for JSON; extras are apart, so that none poses as another member."""
        form = next((name for name, form in _FORMS.items() if isinstance(value, form)), None)
        if form is None:
            msg = f"A {type(value).__name__} is no Authorization Request."
            raise InvalidParam(msg)
        members = {name: item for name, item in value.as_dict().items() if name not in value.kwargs}
        if value.dpop_key is not None:
            members["dpop_key"] = DPoPKeySerializer.members_of(value.dpop_key)
        stands_for = getattr(value, "authorization_request", None)
        if stands_for is not None:
            members["authorization_request"] = cls.members_of(stands_for)
        return {"form": form, **members, "kwargs": value.kwargs}

    @classmethod
    def instance_of(cls, members: dict[str, Any]) -> BaseAuthorizationRequest:
        """Return the request that has `members`."""
        form, kwargs = cls.forms[members.pop("form")], members.pop("kwargs")
        if issubclass(form, AuthorizationRequest) and not members.keys() >= _STANDARD_MEMBERS:
            msg = "a member is missing, and would be made anew"
            raise ValueError(msg)
        if members["dpop_key"] is not None:
            members["dpop_key"] = DPoPKeySerializer.instance_of(members["dpop_key"])
        stands_for = members.get("authorization_request")
        if stands_for is not None:
            made = cls.instance_of(dict(stands_for))
            if made.dpop_key == members["dpop_key"]:
                members["dpop_key"] = made.dpop_key  # one key, which learns nonces for both
            members["authorization_request"] = made
        return form(**members, **kwargs)
