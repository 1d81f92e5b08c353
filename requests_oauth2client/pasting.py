"""Lines that a user types or pastes while something else goes on."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

TURN = 0.1
"""Seconds after which the reader looks whether it is still wanted."""


def terminal() -> TextIO | None:
    """Return the terminal of the user, if there is one."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.stdin.isatty():
            return sys.stdin
    return None


class Pasting:
    """Gives each line of a stream to a function, in a thread, until the end of a `with` block.

    Args:
        stream: a terminal, a pipe, or any stream of text; `None` for nothing.
        take: gets each line that is not blank, without the spaces around it.

    """

    def __init__(self, stream: TextIO | None, take: Callable[[str], None]) -> None:
        self._stream, self._take = stream, take
        self._stopped = Event()
        self._thread: Thread | None = None

    def __enter__(self) -> None:
        if self._stream is not None:
            self._thread = Thread(target=self._read, args=(self._stream,), name="pasting", daemon=True)
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._thread is not None:
            # where a terminal cannot be asked whether it has something (Windows), the thread ends with the next line
            self._thread.join(10 * TURN)

    def _read(self, stream: TextIO) -> None:
        for line in self._lines(stream):
            if self._stopped.is_set():
                return
            if line.strip():
                self._take(line.strip())

    def _lines(self, stream: TextIO) -> Iterator[str]:
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError, AttributeError):
            descriptor = None
        if descriptor is None or os.name != "posix":
            yield from stream
            return
        pending = b""
        while chunk := self._chunk(descriptor):
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
        yield pending.decode("utf-8", "replace")

    def _chunk(self, descriptor: int) -> bytes:
        """Return what there is to read; nothing at the end of the stream, or of the block."""
        while not self._stopped.is_set():
            if select.select([descriptor], [], [], TURN)[0]:
                return os.read(descriptor, 65_536)
        return b""
