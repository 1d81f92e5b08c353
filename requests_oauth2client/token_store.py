"""Where tokens are kept, so that threads, processes and machines share one, and so that it survives a restart.

A store keeps texts under keys, and lends one lock for each key. It knows nothing of tokens: this module makes the texts
and the keys. To write a store, implement the four methods of `TokenStore`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .evidence import SECRET_PARAMETERS
from .exceptions import CorruptTokenStore, InvalidParam, OAuth2Error
from .serializers import TokenSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from .tokens import BearerToken


@runtime_checkable
class TokenStore(Protocol):
    """Keeps one text for each key, and lends one lock for each key.

    Texts are secret (see `EncryptedTokenStore`); keys are not. Every method may be called by any thread or process, and
    raises `TokenStoreError` when it cannot do what it says.
    """

    def get(self, key: str) -> str | None:
        """Return the text of `key`, `None` when there is none."""
        ...

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key` if its text still is `replacing` (`None`: there is none); tell whether it was.

        This is what keeps a holder that outlived its lock from overwriting what a later holder stored.
        """
        ...

    def delete(self, key: str) -> None:
        """Forget `key`."""
        ...

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Return a context in which no other thread, process or machine is in the same context for `key`."""
        ...


class MemoryTokenStore:
    """Keeps tokens in this process: handlers of the same client and grant share one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # guards _texts and _locks
        self._texts: dict[str, str] = {}
        self._locks: dict[str, threading.Lock] = {}

    def get(self, key: str) -> str | None:
        """Return the text of `key`."""
        with self._guard:
            return self._texts.get(key)

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`."""
        with self._guard:
            if self._texts.get(key) != replacing:
                return False
            self._texts[key] = value
            return True

    def delete(self, key: str) -> None:
        """Forget `key`."""
        with self._guard:
            self._texts.pop(key, None)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of `key`."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def token_key(*, server: str, client_id: str | None, grant_type: str, **parameters: Any) -> str:
    """Return the key of a token: made of everything that decides which token it is, readable from none of it.

    Args:
        server: issuer, or token endpoint when the issuer is not known.
        client_id: identifier of the client.
        grant_type: how the token is got.
        **parameters: user, scope, resource, audience, and every other parameter of the token request. Their order, and
            that of scopes, makes no difference; credentials are left out.

    Raises:
        InvalidParam: a parameter cannot be described.

    """
    parameters = {name: value for name, value in parameters.items() if name not in SECRET_PARAMETERS}
    scope = parameters.get("scope")
    if scope is not None:
        parameters["scope"] = sorted(scope.split() if isinstance(scope, str) else scope)
    described = {"server": server, "client_id": client_id, "grant_type": grant_type, **parameters}
    given = {name: value for name, value in described.items() if value is not None}
    text = json.dumps(given, sort_keys=True, default=_describe)
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(value: object) -> object:
    thumbprint = getattr(value, "dpop_jkt", None)
    if isinstance(thumbprint, str):
        return {"dpop_jkt": thumbprint}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "__iter__"):
        return list(value)
    msg = f"A parameter of type {type(value).__name__} cannot be part of the key of a stored token: pass `store_key=`."
    raise InvalidParam(msg)


_serializer = TokenSerializer()


def dump_token(token: BearerToken) -> str:
    """Return `token` as text: with absolute expiry, DPoP key and ID Token, so that it survives a restart."""
    return _serializer.dumps(token)


def load_token(text: str) -> BearerToken:
    """Return the token in `text`.

    Raises:
        CorruptTokenStore: it is not a token.

    """
    try:
        return _serializer.loads(text)
    except (OAuth2Error, ValueError, TypeError, KeyError) as exc:
        msg = (
            "The token store holds something that is no token. It is left as it is: find who wrote it, then delete it."
        )
        raise CorruptTokenStore(msg) from exc
