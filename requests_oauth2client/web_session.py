"""Logins and tokens of users in a web application, whatever its framework.

A session belongs to one browser, and so do the secrets in it: what a browser gets is encrypted, or only a reference.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import nullcontext
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from .authorization_response import callback_parameters
from .exceptions import (
    CorruptTokenStore,
    InvalidAuthResponse,
    InvalidParam,
    InvalidSerializedValue,
    OAuth2Error,
    TokenStoreUnavailable,
)
from .jose import b64u
from .serializers import AuthorizationRequestSerializer, TokenSerializer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from contextlib import AbstractContextManager
    from typing import Protocol

    from .authorization_request import BaseAuthorizationRequest
    from .authorization_response import AuthorizationResponse
    from .serializers import Serializer
    from .token_store import TokenStore
    from .tokens import BearerToken

    Secrets = str | bytes | Iterable[str | bytes]

    class CookieResponse(Protocol):
        """A response of Flask, Django, Starlette, and others that are alike."""

        def set_cookie(  # noqa: D102 - told by the frameworks
            self,
            key: str,
            value: str = ...,
            *,
            max_age: int | None = ...,
            path: str = ...,
            secure: bool = ...,
            httponly: bool = ...,
            samesite: Any = ...,
        ) -> Any: ...


T = TypeVar("T")

MAX_COOKIE_SIZE = 4000
"""Characters of a cookie's value that all browsers keep; of more, some keep nothing."""

MAX_CONFLICTS = 10
"""How often another request of the same session may be faster."""


class Sealer:
    """Encrypts and authenticates bytes, with keys that are made out of secrets of any length.

    Args:
        secrets: the secret of the application, or several: the first encrypts, all decrypt.
        purpose: what for; what is sealed for one purpose cannot be opened for another.

    """

    def __init__(self, secrets: Secrets, purpose: str) -> None:
        from cryptography.fernet import Fernet, MultiFernet  # loaded by web applications only
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        given = [secrets] if isinstance(secrets, (str, bytes)) else [*secrets]
        if not given or not all(given):
            msg = (
                "A secret is needed to encrypt what goes to browsers: pass 32 random bytes, kept with the application."
            )
            raise InvalidParam(msg)
        info = f"requests_oauth2client {purpose}".encode()
        keys = [
            HKDF(SHA256(), 32, None, info).derive(secret.encode() if isinstance(secret, str) else secret)
            for secret in given
        ]
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])

    def seal(self, data: bytes) -> str:
        """Return `data` as a text that only `open` can read."""
        return self._fernet.encrypt(data).decode("ascii").rstrip("=")

    def open(self, text: object, max_age: int | None = None) -> bytes:
        """Return what was sealed.

        Args:
            text: what `seal` returned.
            max_age: seconds since it was sealed, at most.

        Raises:
            InvalidSerializedValue: it was not sealed with one of the secrets, was changed, or is too old.

        """
        from cryptography.fernet import InvalidToken

        if not isinstance(text, str):
            raise InvalidSerializedValue("it is not a text")
        try:
            return self._fernet.decrypt(text + "=" * (-len(text) % 4), ttl=max_age)
        except (InvalidToken, ValueError) as exc:
            raise InvalidSerializedValue("it was changed, is too old, or was sealed with another secret") from exc


class EncryptedSerializer(Generic[T]):
    """Serializes as another serializer does, and encrypts: what lives in a cookie, nobody else can read or change.

    Args:
        serializer: makes the text that is encrypted.
        secrets: see `Sealer`.
        purpose: see `Sealer`.

    """

    def __init__(self, serializer: Serializer[T], secrets: Secrets, purpose: str = "session") -> None:
        self.serializer = serializer
        self._sealer = Sealer(secrets, purpose)

    def dumps(self, value: T) -> str:
        """Return `value` as an encrypted text."""
        return self._sealer.seal(_unpacked(self.serializer.dumps(value)))

    def loads(self, serialized: str) -> T:
        """Return the value that was serialized.

        Raises:
            InvalidSerializedValue: it was not, was changed, or was encrypted with another secret.

        """
        return self.serializer.loads(_packed(self._sealer.open(serialized)))


def _unpacked(text: str) -> bytes:
    """Return the bytes behind a base64url text: encoded once instead of twice, it takes three quarters of the room."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    return b"b" + data if b64u(data) == text else b"t" + text.encode()


def _packed(data: bytes) -> str:
    return b64u(data[1:]) if data[:1] == b"b" else data[1:].decode()


_tokens = TokenSerializer()


class SessionTokens:
    """Keeps the token of a user in their web session: encrypted, or on the server and only a reference to it.

    Args:
        session_key: name of the member of the session.
        serializer: makes the text in the session, such as an `EncryptedSerializer`; needed without `store`.
        store: keeps the token on the server. Needed where sessions are cookies and tokens are large, and where several
            requests of a browser may refresh at the same time: the store lends the lock.

    """

    def __init__(
        self,
        session_key: str,
        *,
        serializer: EncryptedSerializer[BearerToken] | Serializer[BearerToken] | None = None,
        store: TokenStore | None = None,
    ) -> None:
        if (serializer is None) == (store is None):
            msg = "Pass either `serializer=`, such as an EncryptedSerializer, or `store=`."
            raise InvalidParam(msg)
        self.session_key, self.serializer, self.store = session_key, serializer, store

    @classmethod
    def encrypted(cls, session_key: str, secrets: Secrets) -> SessionTokens:
        """Return one that encrypts tokens for the session itself; see `Sealer` for `secrets`."""
        return cls(session_key, serializer=EncryptedSerializer(TokenSerializer(), secrets, f"token {session_key}"))

    def get(self, session: Mapping[str, Any]) -> BearerToken | None:
        """Return the token of a session; `None` when there is none, or when it cannot be read (any more).

        Raises:
            TokenStoreError: the store is down.

        """
        text = session.get(self.session_key)
        if self.serializer is not None:
            try:
                return None if text is None else self.serializer.loads(text)
            except (OAuth2Error, ValueError):
                return None  # of an earlier secret, or version: the user logs in again
        stored = self._stored(text)
        try:
            return None if stored is None else _tokens.loads(stored)
        except InvalidSerializedValue as exc:
            msg = f"The token store holds something else than the token of a web session ({exc})."
            raise CorruptTokenStore(msg) from exc

    def put(self, session: MutableMapping[str, Any], token: BearerToken | None) -> None:
        """Make `token` the token of a session; `None` forgets it.

        Raises:
            TokenStoreError: the store is down.

        """
        if token is None:
            self._forget(session.pop(self.session_key, None))
        elif self.serializer is not None:
            session[self.session_key] = self.serializer.dumps(token)
        else:
            self._put(session, _tokens.dumps(token))

    def lock(self, session: MutableMapping[str, Any]) -> AbstractContextManager[object]:
        """Return a context in which no other request of this session is; without `store`, there is no such thing."""
        reference = session.get(self.session_key)
        if self.store is None or not isinstance(reference, str):
            return nullcontext()
        return self.store.lock(_key(reference))

    def _stored(self, reference: object) -> str | None:
        if self.store is None or not isinstance(reference, str):
            return None
        return self.store.get(_key(reference))

    def _put(self, session: MutableMapping[str, Any], text: str) -> None:
        reference: Any = session.get(self.session_key)
        if self._stored(reference) is None:  # never take a reference that somebody else may have chosen (fixation)
            reference = session[self.session_key] = token_urlsafe(32)
        store: Any = self.store
        for _ in range(MAX_CONFLICTS):  # when another request was faster, ours is the later one, and counts
            if store.put(_key(reference), text, replacing=store.get(_key(reference))):
                return
        msg = "Other requests replace the stored token of this session all the time: it could not be stored."
        raise TokenStoreUnavailable(msg)

    def _forget(self, reference: object) -> None:
        if self.store is not None and isinstance(reference, str):
            self.store.delete(_key(reference))


def _key(reference: str) -> str:
    """Return the key in the store: who reads the keys of a store must not be able to make a session of them."""
    return "web-session-" + hashlib.sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()


class LoginCookies:
    """Remembers the logins that a browser has begun, each in a cookie of its own, encrypted.

    A session cannot do that: of two tabs that begin at the same time, the answer that comes last overwrites what the
    other one put into the session. Here each login has a cookie, which the browser sends to the `redirect_uri` only.

    Args:
        secrets: see `Sealer`; usually the secret key of the application.
        name: the cookies are called this, and a part of the hash of their `state`.
        lifetime: seconds in which a login must come back.
        samesite: `Lax` lets the cookie come with the redirection; `response_mode=form_post` needs `None`.

    """

    def __init__(
        self, secrets: Secrets, *, name: str = "oauth2_login", lifetime: int = 3600, samesite: str = "Lax"
    ) -> None:
        self.name, self.lifetime, self.samesite = name, lifetime, samesite
        self._sealer = Sealer(secrets, "login")
        self._serializer = AuthorizationRequestSerializer()

    def begin(self, response: CookieResponse, request: BaseAuthorizationRequest, **data: Any) -> None:
        """Put a cookie for `request` onto the response that redirects to its `uri`.

        Args:
            response: a response with the `set_cookie` of Flask, Django or Starlette.
            request: the Authorization Request, in any form.
            **data: what else to remember for this login, in JSON's types, such as the page to go back to.

        Raises:
            InvalidParam: the request has no `state`, or is too large for a cookie.

        """
        if request.state is None:
            msg = "A login is found again by its `state`: do not turn it off."
            raise InvalidParam(msg)
        line = json.dumps(data, separators=(",", ":")).encode()
        value = self._sealer.seal(line + b"\n" + _unpacked(self._serializer.dumps(request)))
        if len(value) > MAX_COOKIE_SIZE:
            msg = f"This login would need a cookie of {len(value)} characters; browsers keep {MAX_COOKIE_SIZE}."
            raise InvalidParam(msg)
        plain = getattr(request, "authorization_request", None) or request
        self._set(response, request.state, getattr(plain, "redirect_uri", None), value, self.lifetime)

    def finish(self, cookies: Mapping[str, str], callback: object) -> tuple[AuthorizationResponse, dict[str, Any]]:
        """Return the validated Authorization Response, and the data of the login that it answers.

        Args:
            cookies: the cookies of the request to the `redirect_uri`.
            callback: its URL, or its query.

        Raises:
            InvalidAuthResponse: this browser has begun no such login, or too long ago; or the callback is malformed.
            AuthorizationResponseError: the server, or the user, refused.

        """
        text, parameters = callback_parameters(callback, None)
        state = parameters.get("state")
        sealed = None if state is None else cookies.get(self._cookie(state))
        try:
            line, _, data = self._sealer.open(sealed, self.lifetime).partition(b"\n")
        except InvalidSerializedValue as exc:
            msg = (
                "This browser has begun no login with that `state`, or too long ago: begin a new one. (A login that "
                "somebody else has begun must not end here.)"
            )
            raise InvalidAuthResponse(msg, None, text) from exc
        request = self._serializer.loads(_packed(data))
        return request.validate_callback(text), json.loads(line)

    def forget(self, response: CookieResponse, answer: AuthorizationResponse) -> None:
        """Remove the cookie of a login that has come back."""
        self._set(response, str(answer.state), answer.redirect_uri, "", 0)

    def _set(self, response: CookieResponse, state: str, redirect_uri: str | None, value: str, max_age: int) -> None:
        where = urlsplit(redirect_uri or "https://unknown.example/")
        response.set_cookie(
            self._cookie(state),
            value,
            max_age=max_age,
            path=where.path or "/",
            secure=where.scheme == "https" or self.samesite == "None",  # plain http is for this machine only
            httponly=True,
            samesite=self.samesite,
        )

    def _cookie(self, state: str) -> str:
        return f"{self.name}_{hashlib.sha256(state.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
