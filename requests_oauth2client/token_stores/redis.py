"""Tokens in Redis, for all machines that reach it (<https://redis.io/docs/latest/develop/use/patterns/distributed-locks/>)."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager, suppress
from random import uniform
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from requests_oauth2client.exceptions import CorruptTokenStore, TokenStoreError, TokenStoreUnavailable
from requests_oauth2client.hidden import forget_locals, hidden
from requests_oauth2client.optional import needed
from requests_oauth2client.token_store import LOCK_TIMEOUT, lock_not_free

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET_TIMEOUT = 5.0
"""Seconds to wait for Redis, unless the client says otherwise."""

FIRST_WAIT, LONGEST_WAIT = 0.005, 0.25
"""Seconds between two looks at a lock that another holds: at first, and after many looks."""

# Redis runs each script as a whole. Each may be sent again when its answer is lost: it gives the same answer then.
_PUT = """
local text = redis.call('GET', KEYS[1])
if text == ARGV[1] then return 1 end
if ARGV[2] == '' then
  if text then return 0 end
elseif text ~= ARGV[3] then return 0 end
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4]) end
return 1
"""

_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisTokenStore:
    """Keeps tokens in Redis, for a fleet.

    The lock of a token is a lease, which its holder extends while it lives. A holder that was stopped for longer than
    that finds that it cannot store any more: `put` compares before it replaces.

    A Redis that forgets (no persistence, eviction, a failover that loses writes) forgets sessions: see the guide.

    Attributes:
        prefix: begins the names of all keys in Redis.
        lease: seconds after which the lock of a dead holder is free.
        lock_timeout: seconds to wait for the lock of a token.
        keep: seconds after which a token that nobody renewed is dropped; `None` for never.

    """

    def __init__(
        self,
        client: Any,
        *,
        prefix: str = "requests_oauth2client:",
        lease: float = 15.0,
        lock_timeout: float = LOCK_TIMEOUT,
        keep: float | None = None,
    ) -> None:
        """Use a Redis server.

        Args:
            client: a `redis.Redis`, or a URL, such as `rediss://user:password@host:6379/0`.
            prefix: begins the names of all keys in Redis.
            lease: seconds after which the lock of a dead holder is free.
            lock_timeout: seconds to wait for the lock of a token; longer than `lease`.
            keep: seconds after which a token that nobody renewed is dropped; `None` for never.

        """
        package = needed("redis", extra="redis")
        if isinstance(client, str):
            client = package.Redis.from_url(
                client, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT
            )
        self._client = client
        self._errors = package.exceptions
        self.prefix = prefix
        self.lease = lease
        self.lock_timeout = lock_timeout
        self.keep = keep

    def get(self, key: str) -> str | None:
        """Return the text of `key`."""
        text = self._call("get", self.prefix + key)
        try:
            return text.decode() if isinstance(text, bytes) else text
        except UnicodeDecodeError as exc:
            raise CorruptTokenStore(_FOREIGN) from exc

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`."""
        value, replacing = hidden(value), hidden(replacing)
        keep = "" if self.keep is None else str(int(self.keep * 1000))
        there = "" if replacing is None else "1"
        return bool(self._call("eval", _PUT, 1, self.prefix + key, value, there, replacing or "", keep))

    def delete(self, key: str) -> None:
        """Forget `key`."""
        self._call("delete", self.prefix + key)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of `key`, against all that use this Redis."""
        name, holder = f"{self.prefix}{key}:lock", secrets.token_hex(16)
        self._take(name, holder)
        released = threading.Event()
        keeper = threading.Thread(target=self._extend, args=(name, holder, released), name="token lock", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            released.set()
            keeper.join()
            with suppress(TokenStoreError):  # it frees itself
                self._call("eval", _RELEASE, 1, name, holder)

    def _take(self, name: str, holder: str) -> None:
        deadline, wait = monotonic() + self.lock_timeout, FIRST_WAIT
        while not self._call("eval", _TAKE, 1, name, holder, self._lease):
            left = deadline - monotonic()
            if left <= 0:
                raise TokenStoreUnavailable(lock_not_free(self.lock_timeout))
            sleep(min(left, uniform(wait / 2, wait)))  # noqa: S311 - jitter
            wait = min(1.5 * wait, LONGEST_WAIT)

    def _extend(self, name: str, holder: str, released: threading.Event) -> None:
        """Extend a lease until its lock is released, or lost."""
        while not released.wait(self.lease / 3):
            with suppress(TokenStoreError):  # the next attempt may reach Redis in time; else `put` will tell
                if not self._call("eval", _EXTEND, 1, name, holder, self._lease):
                    return

    @property
    def _lease(self) -> int:
        return int(self.lease * 1000)

    def _call(self, command: str, *args: object) -> Any:
        try:
            return getattr(self._client, command)(*args)
        except self._errors.ResponseError as exc:
            forget_locals(exc)
            if "WRONGTYPE" in str(exc):
                raise CorruptTokenStore(_FOREIGN) from exc
            msg = "Redis refused a command. Check the rights of its user, and whether it can write."
            raise TokenStoreUnavailable(msg) from exc
        except (self._errors.RedisError, OSError) as exc:
            forget_locals(exc)
            msg = f"Redis cannot be reached ({type(exc).__name__}). The cause is chained to this error."
            raise TokenStoreUnavailable(msg) from exc

    def __repr__(self) -> str:
        return f"{type(self).__name__}(prefix={self.prefix!r})"


_FOREIGN = (
    "Redis holds something that is no token under the key of a token. It is left as it is: find out who wrote it, or "
    "choose another `prefix`."
)
