"""Locks between processes of one machine, as files: the system frees them when their holder dies."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from requests_oauth2client.exceptions import InvalidParam, TokenStoreUnavailable
from requests_oauth2client.optional import needed
from requests_oauth2client.token_store import lock_not_free

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_INTERVAL = 0.01
"""Seconds between two looks at a lock that another process holds."""

_HEX = re.compile(r"[0-9a-f]{64}")


def file_name(key: str) -> str:
    """Return what a file for `key` may be called, whatever is in the key."""
    return key if _HEX.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def private_directory(path: str | os.PathLike[str]) -> Path:
    """Return a directory, made with mode 0700 if it is not there.

    Raises:
        InvalidParam: others may write there, and could put their own tokens or links.
        TokenStoreUnavailable: it cannot be made.

    """
    directory = Path(path).expanduser().absolute()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = directory.stat()
    except OSError as exc:
        msg = (
            f"The directory {str(directory)!r} for tokens cannot be used ({exc.strerror}): "
            "choose one in which this user may write."
        )
        raise TokenStoreUnavailable(msg) from exc
    if hasattr(os, "geteuid") and (info.st_uid not in (0, os.geteuid()) or info.st_mode & stat.S_IWOTH):
        msg = f"Others can write in {str(directory)!r}: keep tokens in a directory of this user, with mode 0700."
        raise InvalidParam(msg)
    return directory


class FileLocks:
    """One lock file for each name, in a directory."""

    __slots__ = ("_directory", "timeout")

    def __init__(self, directory: Path, timeout: float) -> None:
        needed("filelock", extra="file")
        self._directory = directory
        self.timeout = timeout

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lock of that name.

        Raises:
            TokenStoreUnavailable: it was not free in time, or its file cannot be made.

        """
        filelock = needed("filelock", extra="file")
        lock = filelock.FileLock(str(self._directory / f"{name}.lock"), mode=0o600)
        try:
            lock.acquire(timeout=self.timeout, poll_interval=POLL_INTERVAL)
        except filelock.Timeout as exc:
            raise TokenStoreUnavailable(lock_not_free(self.timeout)) from exc
        except (OSError, RuntimeError) as exc:
            msg = f"The lock of a token cannot be taken in {str(self._directory)!r} ({type(exc).__name__})."
            raise TokenStoreUnavailable(msg) from exc
        try:
            yield
        finally:
            lock.release()
