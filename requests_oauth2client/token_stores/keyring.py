"""Tokens in the keyring of the user: Keychain, Secret Service, Windows Credential Locker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests_oauth2client.exceptions import TokenStoreUnavailable
from requests_oauth2client.hidden import forget_locals, hidden
from requests_oauth2client.optional import needed
from requests_oauth2client.token_store import LOCK_TIMEOUT

from .file_locks import FileLocks, file_name, private_directory

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class KeyringTokenStore:
    """Keeps tokens in the keyring of the operating system, for all programs of one user on one machine.

    Windows keeps no more than about 1200 characters in one entry, fewer than many tokens have: use an
    `EncryptedTokenStore` over files there, with its key in the keyring.

    Attributes:
        service: the name under which the keyring shows the tokens.
        lock_timeout: seconds to wait for the lock of a token.

    """

    def __init__(
        self,
        service: str = "requests_oauth2client",
        *,
        backend: Any = None,
        lock_directory: str | os.PathLike[str] | None = None,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        """Open the keyring.

        Args:
            service: the name under which the keyring shows the tokens.
            backend: a `keyring.backend.KeyringBackend`; by default the one that `keyring` chooses.
            lock_directory: where the locks are, as files; the same for all programs that share tokens.
            lock_timeout: seconds to wait for the lock of a token.

        """
        package = needed("keyring", extra="keyring")
        self._backend = backend or package.get_keyring()
        self.service = service
        self.lock_timeout = lock_timeout
        directory = lock_directory or Path.home() / ".cache" / "requests_oauth2client" / "locks"
        self._locks = FileLocks(private_directory(directory), lock_timeout)

    def get(self, key: str) -> str | None:
        """Return the text of `key`."""
        text = self._call(self._backend.get_password, key)
        return None if text is None else str(text)

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`."""
        value, replacing = hidden(value), hidden(replacing)
        with self._locks.hold(f"{file_name(key)}.put"):
            if self.get(key) != replacing:
                return False
            self._call(self._backend.set_password, key, value)
            return True

    def delete(self, key: str) -> None:
        """Forget `key`."""
        with self._locks.hold(f"{file_name(key)}.put"):
            if self.get(key) is not None:
                self._call(self._backend.delete_password, key)

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold the lock of `key`, against all processes of this machine."""
        return self._locks.hold(file_name(key))

    def _call(self, method: Callable[..., Any], *args: str) -> Any:
        try:
            return method(self.service, *map(str, args))
        except Exception as exc:
            forget_locals(exc)
            msg = (
                f"The keyring did not do what it was asked for ({type(exc).__name__}). It may be locked, absent (on a "
                "machine without desktop), or refuse a text of this length: the cause is chained to this error."
            )
            raise TokenStoreUnavailable(msg) from exc

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.service!r})"
