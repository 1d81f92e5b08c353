"""Where a command writes: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from .report import Report


WIPE = "\r\x1b[K"
"""Goes to the begin of the line, and wipes it."""


def is_lively(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def wants_color(stream: TextIO) -> bool:
    """Tell whether to write colours: on a terminal, unless `NO_COLOR` is set (https://no-color.org)."""
    return is_lively(stream) and not os.environ.get("NO_COLOR")


def as_time(seconds: float) -> str:
    """Return a duration as `1:05` or `2:00:05`."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Console:
    """The two streams of a command.

    Attributes:
        out: for results, which a script may read.
        err: for people.
        quiet: say nothing but what people need to act, and errors.

    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        """Write to the streams of this process, unless others are given."""
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.quiet = quiet
        self._lock = Lock()  # guards the line of the countdown
        self._counting = False

    def result(self, text: str) -> None:
        """Write a result, as a line."""
        self.out.write(f"{text}\n")

    def result_bytes(self, content: bytes) -> None:
        """Write a result as it is; to a terminal as a text that leaves it in order."""
        buffer = getattr(self.out, "buffer", None)
        if buffer is not None and not is_lively(self.out):
            self.out.flush()
            buffer.write(content)
            buffer.flush()
            return
        text = content.decode("utf-8", "replace")
        shown = "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
        self.out.write(shown if not shown or shown.endswith("\n") else f"{shown}\n")

    def result_json(self, value: Any) -> None:
        """Write a result as JSON."""
        self.result(json.dumps(value, indent=2, default=str))

    def show(self, report: Report, *, as_json: bool) -> None:
        """Write a report: as JSON, in colours, or as plain text."""
        from .rich_report import show  # only for reports

        if as_json:
            self.result_json(report.as_dict())
        elif not (wants_color(self.out) and show(report, self.out)):
            for line in report.lines():
                self.result(line)

    def tell(self, text: str) -> None:
        """Say what the user must know in order to act."""
        with self._lock:
            self.err.write(f"{WIPE}{text}\n" if self._counting else f"{text}\n")
            self.err.flush()

    def note(self, text: str) -> None:
        """Say what the user may like to know."""
        if not self.quiet:
            self.tell(text)

    @contextmanager
    def countdown(self, text: str, seconds: float | None) -> Iterator[None]:
        """Show, on a terminal, how much time is left, until the end of the block.

        Args:
            text: what is waited for.
            seconds: how long it may take; `None` when that is not known: then it counts upward.

        """
        if self.quiet or not is_lively(self.err):
            yield
            return
        stop = Event()
        self._counting = True
        ticking = Thread(target=self._tick, args=(text, seconds, stop), name="countdown", daemon=True)
        ticking.start()
        try:
            yield
        finally:
            stop.set()
            ticking.join()
            self._counting = False
            self.err.write(WIPE)
            self.err.flush()

    def _tick(self, text: str, seconds: float | None, stop: Event) -> None:
        started = monotonic()
        while True:
            passed = monotonic() - started
            shown = f"{as_time(seconds - passed)} left" if seconds is not None else as_time(passed)
            with self._lock:
                self.err.write(f"{WIPE}{text} {shown}")
                self.err.flush()
            if stop.wait(1.0):
                return
