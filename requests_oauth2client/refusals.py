"""What failed is not asked again at once: a server that is down or says no is left in peace for a while.

Pauses grow with each failure in a row, within bounds. A part of them is random: a fleet must not come back as one.
Those who share a store share a note of the last failure, so that one of them asks, and not each.
"""

from __future__ import annotations

import copy
import hashlib
import json
from math import ceil
from random import uniform
from time import monotonic, time
from typing import Any

from . import exceptions
from .evidence import printable
from .exceptions import EndpointError, InvalidTokenResponse, OAuth2Error, ServerError, TransportError
from .retries import REFUSED_STATUSES, retry_after

REFUSAL = (5.0, 300.0)
"""Seconds without a request after the server said no: at first, and after many times."""

OUTAGE = (1.0, 60.0)
"""Seconds without a request after the server could not be reached, or failed: at first, and after many times."""

FREE_FAILURES = 2
"""Outages in a row that bring no pause yet: what passes at once is not made longer."""

LONGEST_ASKED = 3600.0
"""Seconds that a `Retry-After` can impose, at most: a mistake of the server must not last for ever."""

JITTER = 0.25
"""Part of each pause that is random, in either direction."""


class Pause:
    """A time in which something is not tried again, longer after each failure; immune to steps of the clock."""

    __slots__ = ("_until", "failures")

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """Forget all failures."""
        self.failures = 0
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds left, not positive when the pause is over."""
        return self._until - monotonic()

    def begin(self, bounds: tuple[float, float], *, free: int = 0) -> None:
        """Begin a pause between `bounds`, twice as long as the one before; none for the first `free` failures."""
        first, longest = bounds
        self.failures += 1
        if self.failures <= free:
            return
        seconds = min(first * 2.0 ** min(self.failures - free - 1, 30), longest)
        self._until = monotonic() + seconds * uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter

    def last(self, seconds: float) -> None:
        """Begin a pause of that many seconds, and up to a quarter more."""
        self.failures += 1
        self._until = monotonic() + seconds * uniform(1, 1 + JITTER)  # noqa: S311 - jitter


class Refusals:
    """Remembers the last failure of token requests, so that the server is not asked the same at every API call."""

    __slots__ = ("_error", "_memory", "_pause")

    def __init__(self) -> None:
        self._pause = Pause()
        self._memory: OAuth2Error | None = None
        self.forget()

    def forget(self) -> None:
        """Let the next request go out at once: something changed."""
        self._error: OAuth2Error | None = None
        self._pause.end()

    def check(self) -> None:
        """Raise the remembered error, as long as it is too early to ask again."""
        error, left = self._error, self._pause.left
        if error is None or left <= 0:
            return
        again = copy.copy(error)
        advice = "unless another token is stored or set, or `forget_token()` is called"
        again.args = (f"{error} This is remembered: the server is not asked again for {ceil(left)} s, {advice}.",)
        self._memory = again
        raise again from error

    def is_memory(self, error: OAuth2Error) -> bool:
        """Tell whether `check` raised this error: then nothing new happened."""
        return error is self._memory

    def remember(self, error: OAuth2Error) -> bool:
        """Begin a pause, if `error` is the doing of the server or of the way to it; tell whether it is."""
        if error is self._error:
            return True
        response = error.response
        status = getattr(response, "status_code", None)
        asked = retry_after(response) if status in REFUSED_STATUSES else None
        if asked is not None:
            self._pause.last(min(asked, LONGEST_ASKED))
        elif isinstance(error, (TransportError, InvalidTokenResponse, ServerError)) or (status or 0) >= 500:  # noqa: PLR2004 - the class of server errors
            self._pause.begin(OUTAGE, free=FREE_FAILURES)
        elif isinstance(error, EndpointError):
            self._pause.begin(REFUSAL)
        else:
            return False
        self._error = error
        return True

    # ------------------------------------------------------------ shared with others

    def note(self, text: str | None) -> str:
        """Return what others should know of the last failure, which is about the stored token `text`; no secret."""
        return json.dumps(
            {
                "about": _digest(text),
                "at": time(),
                "seconds": max(self._pause.left, 0.0),
                "failures": self._pause.failures,
                "class": type(self._error).__name__,
                "error": getattr(self._error, "error", None),
                "message": str(self._error),
            }
        )

    def learn(self, note: str | None, text: str | None) -> None:
        """Take over the failure of another, if it is about the stored token `text`; what is no note says nothing."""
        try:
            members: dict[str, Any] = json.loads(note or "")
            if members["about"] != _digest(text):
                return
            seconds, failures = float(members["seconds"]), int(members["failures"])
            passed = time() - float(members["at"])
            error = _revived(str(members["class"]), members["error"], str(members["message"]))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            return
        known = max(failures, self._pause.failures)
        # never longer than the whole pause, however far apart the clocks are
        left = min(seconds - passed, seconds, LONGEST_ASKED)
        if left > max(self._pause.left, 0.0):
            self._pause.last(left)
            self._error = error
        self._pause.failures = known


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:32]


def _revived(name: str, code: object, message: str) -> OAuth2Error:
    """Return the error that another was told, without its evidence."""
    cls = getattr(exceptions, name, None)
    if not isinstance(cls, type) or not issubclass(cls, OAuth2Error):
        cls = TransportError if code is None else EndpointError  # a class of the program of the other
    error = cls.__new__(cls)
    attributes: dict[str, Any] = {"error": str(code), "uri": None} if issubclass(cls, EndpointError) else {}
    error._say(f"Another holder of this token was told: {printable(message, 1000)}", **attributes)  # noqa: SLF001 - ours
    return error
