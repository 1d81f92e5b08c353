"""Where tokens are kept, so that threads, processes and machines share one, and so that it survives a restart.

A store keeps texts under keys, and lends one lock for each key. It knows nothing of tokens: this module makes the texts
and the keys. To write a store, implement the four methods of `TokenStore`; others than the one in memory are in
`token_stores`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from weakref import WeakValueDictionary

from attrs import frozen

from .evidence import SECRET_PARAMETERS
from .exceptions import CorruptTokenStore, InvalidParam, OAuth2Error, TokenStoreUnavailable
from .forking import start_anew_in_children
from .hidden import forget_locals, hidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from .tokens import BearerToken

LOCK_TIMEOUT = 60.0
"""Seconds to wait for the lock of a key: longer than a token request with its retries."""

NOT_DECISIVE = frozenset({"client_secret", "password"})
"""Credentials that do not decide which token it is: the client or the user does, however they prove who they are."""


_FOREIGN = (
    "The token store holds something that is no token of this server. It is left as it is: find who wrote it, then "
    "delete it."
)


@runtime_checkable
class TokenStore(Protocol):
    """Keeps one text for each key, and lends one lock for each key.

    Texts are secret (see `EncryptedTokenStore`); keys are not. Every method may be called by any thread or process. It
    raises `TokenStoreUnavailable` when the store cannot be reached, `CorruptTokenStore` when what is there is not what
    was put there.
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
        """Return a context in which no other thread, process or machine is in the same context for `key`.

        The death of its holder must free it. Entering it raises `TokenStoreUnavailable` when it is not free in time.
        """
        ...


class _Lock:
    """The lock of one key, which lives as long as somebody holds it or waits for it."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


class MemoryTokenStore:
    """Keeps tokens in this process: handlers of the same client and grant share one.

    A forked child has a copy of its own from then on.

    Attributes:
        lock_timeout: seconds to wait for the lock of a key.

    """

    def __init__(self, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.lock_timeout = lock_timeout
        self._texts: dict[str, str] = {}
        self.after_fork()
        start_anew_in_children(self)

    def after_fork(self) -> None:
        """Make fresh locks: the threads that held those of the parent do not exist here."""
        self._guard = threading.Lock()  # guards _texts and _locks
        self._locks: WeakValueDictionary[str, _Lock] = WeakValueDictionary()

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
            held = self._locks.setdefault(key, _Lock())
        if not held.lock.acquire(timeout=self.lock_timeout):
            raise TokenStoreUnavailable(lock_not_free(self.lock_timeout))
        try:
            yield
        finally:
            held.lock.release()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def lock_not_free(seconds: float) -> str:
    """Return what to say when the lock of a key was not free in time."""
    return (
        f"Another holder kept the lock of this token for {seconds:g} s. Try again; if it lasts, find the process that "
        "hangs in a token request, or pass a longer `lock_timeout`."
    )


def token_key(*, server: str, client_id: str | None, grant_type: str, parameters: Mapping[str, Any]) -> str:
    """Return the key of a token: made of everything that decides which token it is, readable from none of it.

    Args:
        server: issuer, or token endpoint when the issuer is not known.
        client_id: identifier of the client.
        grant_type: how the token is got.
        parameters: user, scope, resource, audience, and every other parameter of the token request; `None` for what
            is not given. Their order, and that of scopes, makes no difference.

    Raises:
        InvalidParam: a parameter cannot be part of a key: a credential, or an object of unknown type.

    """
    given = {name: value for name, value in parameters.items() if value is not None and name not in NOT_DECISIVE}
    secret = given.keys() & SECRET_PARAMETERS
    if secret and not given.get("store_key"):
        msg = (
            f"{sorted(secret)} may decide which token this is, and cannot be part of its key in a store, which others "
            "may read: pass `store_key=`, which tells in other words whose token it is."
        )
        raise InvalidParam(msg)
    given = {name: value for name, value in given.items() if name not in secret}
    if "scope" in given:
        scope = given["scope"]
        given["scope"] = sorted(scope.split() if isinstance(scope, str) else map(str, scope))
    described = {"server": server, "client_id": client_id, "grant_type": str(grant_type), "parameters": given}
    try:
        text = json.dumps(described, sort_keys=True, default=_describe)
    except (TypeError, ValueError) as exc:
        msg = "The parameters of this token request cannot be described in the key of a stored token: use JSON types."
        raise InvalidParam(msg) from exc
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(value: object) -> object:
    thumbprint = getattr(value, "dpop_jkt", None)
    if isinstance(thumbprint, str):
        return {"dpop_jkt": thumbprint}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Iterable):
        return list(value)
    msg = f"A parameter of type {type(value).__name__} cannot be part of the key of a stored token: use JSON types."
    raise InvalidParam(msg)


@frozen
class StoredToken:
    """A token as a store has it.

    Attributes:
        token: the token.
        lifetime: seconds for which it was good when it was new; `None` when it does not expire.

    """

    token: BearerToken
    lifetime: float | None


@frozen
class Entry:
    """What a store has for one key: a token.

    Attributes:
        store: the store.
        key: see `token_key`.
        server: issuer, or token endpoint, that the token must be from.
        token_class: the class of tokens of its type.

    """

    store: TokenStore
    key: str
    server: str
    token_class: type[BearerToken]

    def dump(self, stored: StoredToken) -> str:
        """Return a token as text, with all that a restart needs: absolute expiry, DPoP key, ID Token, server."""
        from .serializers import TokenSerializer  # loads all that can be serialized: only those who store pay for it

        token = hidden(TokenSerializer().dumps(stored.token))
        members = {"server": self.server, "lifetime": stored.lifetime, "token": token}
        text: str = hidden(json.dumps(members, separators=(",", ":")))
        return text

    def load(self, text: str) -> StoredToken:
        """Return the token in `text`.

        Raises:
            CorruptTokenStore: it is no token, or one of another server.

        """
        from .serializers import TokenSerializer  # see `dump`

        class Serializer(TokenSerializer):
            token_classes = {**TokenSerializer.token_classes, self.token_class.TOKEN_TYPE.lower(): self.token_class}  # noqa: RUF012 - inherited

        text = hidden(text)
        try:
            members = hidden(json.loads(text))
            lifetime = members["lifetime"]
            stored = StoredToken(Serializer().loads(members["token"]), None if lifetime is None else float(lifetime))
            server = members["server"]
        except (OAuth2Error, ValueError, TypeError, LookupError, OverflowError, RecursionError) as exc:
            forget_locals(exc)
            raise CorruptTokenStore(_FOREIGN) from exc
        if server != self.server:
            raise CorruptTokenStore(_FOREIGN)
        return stored
