"""A clock that a test can move."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone


class Clock:
    """The time as the server sees it: the time of this machine, plus an offset.

    Since it reads `time.time()` at each call, tools that move the time of the whole process, such as `time-machine`
    or `freezegun`, move this clock too. Moving this clock alone makes the server and its clients disagree, as
    machines do.
    """

    def __init__(self, offset: float = 0.0) -> None:
        """Start `offset` seconds away from the time of this machine."""
        self.offset = offset

    def now(self) -> float:
        """Return the current time, in seconds since 1970-01-01 UTC."""
        return time.time() + self.offset

    def datetime(self) -> datetime:
        """Return the current time, as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), tz=timezone.utc)

    def advance(self, seconds: float | timedelta) -> None:
        """Move forward by that many seconds, or backward if negative."""
        self.offset += seconds.total_seconds() if isinstance(seconds, timedelta) else seconds

    def __repr__(self) -> str:
        """Show the current time and the offset."""
        return f"<Clock {self.datetime().isoformat(timespec='seconds')}, offset {self.offset:+g} s>"
