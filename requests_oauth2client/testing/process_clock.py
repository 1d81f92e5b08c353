"""A clock that moves a whole process: the embedded server, the client, and the code under test."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = __name__.partition(".")[0]


class ProcessClock(Clock):
    """The time as everybody in this process sees it, as long as they ask `time.time()`.

    `datetime.now()` and the monotonic clocks go on as they are; tools such as `time-machine` move them, too.
    """

    def __init__(self) -> None:
        """Start at the time of this machine."""
        super().__init__()
        self._real = time.time
        self._rules = False

        def shifted() -> float:
            # a module that was imported meanwhile may keep this function, long after this clock has ceased to rule
            return self.now() if self._rules else self._real()

        self._shifted = shifted

    def now(self) -> float:
        """Return the current time, in seconds since 1970-01-01 UTC."""
        return self._real() + self.offset

    def advance(self, seconds: float | timedelta) -> None:
        """Move forward by that many seconds; tokens expire on the way.

        Raises:
            ValueError: it would go backward, where tokens that were seen would be from the future.

        """
        if (seconds.total_seconds() if isinstance(seconds, timedelta) else seconds) < 0:
            msg = "this clock only goes forward; to set the server's clock alone, use `oauth2_server.clock`"
            raise ValueError(msg)
        super().advance(seconds)

    @contextmanager
    def ruling(self) -> Iterator[ProcessClock]:
        """Be the clock of this process, until the end of the block."""
        self._rules = True
        self._replace(self._real, self._shifted)
        try:
            yield self
        finally:
            self._rules = False
            self._replace(self._shifted, self._real)

    @staticmethod
    def _replace(old: Callable[[], float], new: Callable[[], float]) -> None:
        """Let everybody who reads the clock read another: in `time`, and where this library has taken it from there."""
        time.time = new
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == PACKAGE and module is not None:
                names: dict[str, Any] = vars(module)
                names.update({key: new for key, value in list(names.items()) if value is old})
