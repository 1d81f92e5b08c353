"""Tokens in an SQLite database, for all processes of one machine: one file, however many users."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests_oauth2client.exceptions import CorruptTokenStore, InvalidParam, TokenStoreUnavailable
from requests_oauth2client.forking import start_anew_in_children
from requests_oauth2client.hidden import hidden
from requests_oauth2client.token_store import LOCK_TIMEOUT

from .file_locks import FileLocks, file_name, private_directory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

APPLICATION_ID = 0x0A2C_70CE
"""Tells our databases from others (`PRAGMA application_id`)."""

BUSY_TIMEOUT = 10.0
"""Seconds to wait while another process writes; a write takes milliseconds."""

_inherited: list[object] = []
"""Connections of the parent process, which must not even be closed in a child."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tokens (key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
COMMIT;
"""


class SqliteTokenStore:
    """Keeps tokens in an SQLite database of mode 0600.

    A token is on the disk when `put` returns. The lock of a token is a file beside the database: a renewal blocks
    nothing but that token.

    Attributes:
        path: the database; made if it is not there.
        lock_timeout: seconds to wait for the lock of a token.

    """

    def __init__(self, path: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        if os.fspath(path) in ("", ":memory:"):
            msg = "A database in memory is for one process only: use MemoryTokenStore."
            raise InvalidParam(msg)
        self.path = Path(path).expanduser().absolute()
        self.lock_timeout = lock_timeout
        private_directory(self.path.parent)
        self._locks = FileLocks(private_directory(f"{self.path}.locks"), lock_timeout)
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.Lock()  # guards _connection, which one thread uses at a time
        start_anew_in_children(self)
        with self._connected():
            """What is no database of ours is told now."""

    def after_fork(self) -> None:
        """Open another connection: SQLite forbids that a child uses, or even closes, that of its parent."""
        _inherited.append(self._connection)
        self._connection = None
        self._guard = threading.Lock()

    def get(self, key: str) -> str | None:
        """Return the text of `key`."""
        with self._connected() as connection:
            row = connection.execute("SELECT text FROM tokens WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`."""
        value, replacing = hidden(value), hidden(replacing)
        with self._connected() as connection:
            if replacing is None:
                sql, values = "INSERT OR IGNORE INTO tokens (text, key) VALUES (?, ?)", (value, key)
            else:
                sql, values = "UPDATE tokens SET text = ? WHERE key = ? AND text = ?", (value, key, replacing)  # type: ignore[assignment] # one more value
            return connection.execute(sql, values).rowcount == 1

    def delete(self, key: str) -> None:
        """Forget `key`."""
        with self._connected() as connection:
            connection.execute("DELETE FROM tokens WHERE key = ?", (key,))

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold the lock of `key`, against all processes of this machine."""
        return self._locks.hold(file_name(key))

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        import sqlite3  # 2 ms that only its users need

        try:
            with self._guard:
                if self._connection is None:
                    with self._locks.hold("open"):  # two at once could not both change the mode of the journal
                        self._connection = _open(self.path)
                yield self._connection
        except sqlite3.OperationalError as exc:
            msg = f"The database {str(self.path)!r} cannot be used now ({type(exc).__name__}: {exc})."
            raise TokenStoreUnavailable(msg) from exc
        except sqlite3.DatabaseError as exc:
            raise CorruptTokenStore(_foreign(self.path)) from exc

    def __del__(self) -> None:
        with suppress(Exception):  # it was not made, or the interpreter ends
            self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), lock_timeout=self.lock_timeout), (str(self.path),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def _open(path: Path) -> sqlite3.Connection:
    import sqlite3  # see `_connected`

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as exc:
        msg = f"The database {str(path)!r} cannot be opened ({type(exc).__name__}, errno {exc.errno})."
        raise TokenStoreUnavailable(msg) from exc
    os.close(descriptor)
    # each statement is a transaction of its own; `_guard` keeps threads apart
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise CorruptTokenStore(_foreign(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a rotated refresh token must survive a power cut
    if not application:
        connection.executescript(_SCHEMA)


def _foreign(path: Path) -> str:
    return (
        f"{str(path)!r} is no database of tokens, or is damaged. It is neither used nor overwritten: find out whose it "
        "is, then choose another path or restore it."
    )
