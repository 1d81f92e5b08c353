"""Tokens as files in one directory, for all processes of one user on one machine."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from requests_oauth2client.exceptions import CorruptTokenStore, TokenStoreUnavailable
from requests_oauth2client.hidden import forget_locals, hidden
from requests_oauth2client.token_store import LOCK_TIMEOUT

from .file_locks import FileLocks, file_name, private_directory

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

FORMAT = "requests_oauth2client token 1"
"""What a file says to be."""

MAX_FILE_SIZE = 4 * 1024 * 1024
"""Bytes that a file may have."""

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class FileTokenStore:
    """Keeps each token in a file of mode 0600, which is replaced as a whole.

    The directory must be on a local disk: network file systems lock unreliably. Links are not followed, and a file that
    another user owns or may write is not read.

    Attributes:
        directory: where the files are; made with mode 0700 if it is not there.
        lock_timeout: seconds to wait for the lock of a token.

    """

    def __init__(self, directory: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.directory = private_directory(directory)
        self.lock_timeout = lock_timeout
        self._locks = FileLocks(self.directory, lock_timeout)

    def get(self, key: str) -> str | None:
        """Return the text of `key`."""
        path = self._path(key)
        try:
            # O_NONBLOCK: a pipe that somebody put there must not make us wait
            descriptor = os.open(path, os.O_RDONLY | _NO_LINKS | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return None
        except OSError as exc:
            if exc.errno in (errno.ELOOP, errno.EMLINK):
                raise CorruptTokenStore(_foreign(path, "a link")) from exc
            raise TokenStoreUnavailable(_failed("read", path, exc)) from exc
        try:
            with os.fdopen(descriptor, "rb") as file:
                info = os.fstat(descriptor)
                content = hidden(file.read(MAX_FILE_SIZE).decode("latin-1") if stat.S_ISREG(info.st_mode) else "")
        except OSError as exc:
            raise TokenStoreUnavailable(_failed("read", path, exc)) from exc
        if not stat.S_ISREG(info.st_mode):
            raise CorruptTokenStore(_foreign(path, "no file"))
        if hasattr(os, "geteuid") and (info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise CorruptTokenStore(_foreign(path, "a file that others can write"))
        return _parse(content, key, path)

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`; it is on the disk when this returns."""
        path, value, replacing = self._path(key), hidden(value), hidden(replacing)
        with self._locks.hold(f"{path.stem}.put"):
            if self.get(key) != replacing:
                return False
            content = hidden(json.dumps({"format": FORMAT, "key": key, "text": value}))
            try:
                _replace(path, content)
            except OSError as exc:
                raise TokenStoreUnavailable(_failed("write", path, exc)) from exc
            return True

    def delete(self, key: str) -> None:
        """Forget `key`; a file that is not ours stays."""
        path = self._path(key)
        with self._locks.hold(f"{path.stem}.put"):
            if self.get(key) is not None:
                try:
                    path.unlink(missing_ok=True)
                except OSError as exc:
                    raise TokenStoreUnavailable(_failed("delete", path, exc)) from exc

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold the lock of `key`, against all processes of this machine."""
        return self._locks.hold(self._path(key).stem)

    def _path(self, key: str) -> Path:
        return self.directory / f"{file_name(key)}.token"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.directory)!r})"


def _replace(path: Path, content: str) -> None:
    """Put `content` in the place of the file, so that readers see the old one or the new one, even after a crash."""
    unfinished = path.with_name(f".{path.name}.new")  # one name: whoever writes holds the lock
    with suppress(FileNotFoundError):
        unfinished.unlink()  # its writer was killed
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(path)
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _parse(content: str, key: str, path: Path) -> str:
    try:
        members = hidden(json.loads(content))
        text = hidden(members["text"])
        if members["format"] == FORMAT and members["key"] == key and isinstance(text, str):
            return str(text)
    except (ValueError, LookupError, TypeError, RecursionError) as exc:
        forget_locals(exc)
        raise CorruptTokenStore(_foreign(path, "damaged, or no token")) from exc
    raise CorruptTokenStore(_foreign(path, "no token of this key and format"))


def _foreign(path: Path, what: str) -> str:
    return f"{str(path)!r} is {what}. It is neither used nor overwritten: find out who put it there, then remove it."


def _failed(verb: str, path: Path, exc: OSError) -> str:
    return f"Cannot {verb} {str(path)!r} ({type(exc).__name__}, errno {exc.errno}). Check the disk and the permissions."
