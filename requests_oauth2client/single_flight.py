"""One renewal, however many threads ask for it.

The first caller does the work; those who come while it runs wait for it and share its outcome.
"""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, NoReturn

from .forking import start_anew_in_children

if TYPE_CHECKING:
    from collections.abc import Callable


class _Flight:
    """One run of the work."""

    __slots__ = ("done", "error", "landed", "thread")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.landed = False
        self.error: Exception | None = None
        self.thread = threading.get_ident()


class SingleFlight:
    """Runs one piece of work at a time; a copy, a pickle, or what a forked child has of it starts empty."""

    __slots__ = ("__weakref__", "_flight", "_lock")

    def __init__(self) -> None:
        self.after_fork()
        start_anew_in_children(self)

    def after_fork(self) -> None:
        """Start empty: a flight of the parent process can never land in a child."""
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
        mine = _Flight()
        try:  # from here on: an interruption must not leave behind a flight that never lands
            if self._take_off(mine, needed, wait=wait):
                work()
                mine.landed = True
        except Exception as exc:
            mine.error = exc
            raise
        finally:
            with self._lock:
                if self._flight is mine:
                    self._flight = None
            mine.done.set()

    def _take_off(self, mine: _Flight, needed: Callable[[], bool], *, wait: bool) -> bool:
        """Make `mine` the flight, and tell so; else wait for the one that is under way, if `wait` says so."""
        while True:
            with self._lock:
                if not needed():
                    return False
                flight = self._flight
                if flight is None:
                    self._flight = mine
                    return True
            if not wait or flight.thread == threading.get_ident():
                return False
            flight.done.wait()
            if flight.error is not None:
                _raise_again(flight.error)
            if flight.landed:
                return False  # else its thread was interrupted: one of those who waited takes over


def _raise_again(error: Exception) -> NoReturn:
    """Raise a copy of `error`, since each thread adds its own traceback; what cannot be copied is shared."""
    try:
        copied = copy.copy(error)
    except Exception:  # noqa: BLE001 - a constructor with other parameters may raise anything
        raise error from error.__cause__
    raise copied from error
