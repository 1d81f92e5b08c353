"""One renewal, however many threads ask for it.

The first caller does the work; those who come while it runs wait for it and share its outcome.
"""

from __future__ import annotations

import copy
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class _Flight:
    """One run of the work."""

    __slots__ = ("done", "error", "pid", "thread")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: Exception | None = None
        self.pid = os.getpid()
        self.thread = threading.get_ident()


class SingleFlight:
    """Runs one piece of work at a time; a copy or a pickle of it starts empty."""

    __slots__ = ("_flight", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _flight
        self._flight: _Flight | None = None

    def __reduce__(self) -> tuple[type[SingleFlight], tuple[()]]:
        return SingleFlight, ()

    @property
    def busy(self) -> bool:
        """Whether the work is being done now."""
        return self._flight is not None

    def run(self, work: Callable[[], object], *, needed: Callable[[], bool], wait: bool = True) -> None:
        """Do `work`, or wait until somebody else has done it; return at once when it is not `needed` (any more).

        Args:
            work: what to do; nothing is locked while it runs.
            needed: tells whether there is still something to do; asked under the lock, so it must be quick.
            wait: wait when the work is already being done by another thread.

        Raises:
            Exception: what `work` raised, for the thread that did it and, as a copy, for each that waited for it.

        """
        with self._lock:
            if not needed():
                return
            flight = self._flight
            # a flight of the parent process can never land in a forked child
            leads = flight is None or flight.pid != os.getpid()
            if flight is None or leads:
                flight = self._flight = _Flight()
        if leads:
            self._lead(flight, work)
        elif wait and flight.thread != threading.get_ident():
            flight.done.wait()
            if flight.error is not None:
                raise copy.copy(flight.error) from flight.error

    def _lead(self, flight: _Flight, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as exc:
            flight.error = exc
            raise
        except BaseException:
            flight.error = InterruptedError("The thread that did the work for all was interrupted: try again.")
            raise
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            flight.done.set()
