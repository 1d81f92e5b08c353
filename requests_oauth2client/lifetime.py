"""`expires_in` and `expires_at`: one meaning for everything that expires.

`expires_in` counts seconds from now, as servers say it; `expires_at` is an aware UTC `datetime`. Inside, an expiry is a
number of seconds since the epoch, which costs one comparison where a `datetime` costs twenty.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import wraps
from math import ceil, isfinite
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from .exceptions import InvalidParam

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")

LATEST = 253_402_300_799.0
"""The last second that a `datetime` can hold: what expires later expires then."""

_CENTURY = 100 * 366 * 24 * 3600
_CENTURY_AGO = -_CENTURY


def seconds(expires_in: object) -> float | None:
    """Return `expires_in` as a finite number of seconds, `None` when it is no number (then nothing is known)."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, (int, float, str)):
        return None
    try:
        value = float(expires_in)
    except (ValueError, OverflowError):
        return LATEST if isinstance(expires_in, int) and expires_in > 0 else None
    return value if isfinite(value) else None


def expiry(expires_in: object = None, expires_at: datetime | float | None = None) -> float | None:
    """Return when something expires, in seconds since the epoch; `expires_in` wins over `expires_at`.

    Raises:
        InvalidParam: `expires_at` is neither an aware `datetime` nor a number of seconds since the epoch.

    """
    if expires_in is not None:
        if type(expires_in) is int and _CENTURY_AGO < expires_in < _CENTURY:  # saves half of making a token
            return time() // 1 + expires_in
        left = seconds(expires_in)
        return None if left is None else min(float(int(time())) + left, LATEST)
    if expires_at is None:
        return None
    if isinstance(expires_at, datetime):
        if expires_at.tzinfo is None:
            msg = "`expires_at` has no timezone: pass an aware datetime, such as datetime.now(tz=timezone.utc)."
            raise InvalidParam(msg)
        return min(expires_at.timestamp(), LATEST)
    at = seconds(expires_at)
    if at is None:
        msg = (
            f"`expires_at` is of type {type(expires_at).__name__}: pass an aware datetime, or seconds since the epoch."
        )
        raise InvalidParam(msg)
    return min(at, LATEST)


def as_datetime(at: float | None) -> datetime | None:
    """Return seconds since the epoch as an aware UTC `datetime`."""
    return None if at is None else datetime.fromtimestamp(max(at, 0.0), timezone.utc)


class Expiring:
    """What expires: keeps `_expiry`, in seconds since the epoch, or `None` when no expiry is known."""

    __slots__ = ()

    if TYPE_CHECKING:
        _expiry: float | None

    @property
    def expires_at(self) -> datetime | None:
        """When it expires, in UTC; `None` when that is not known."""
        return as_datetime(self._expiry)

    @property
    def expires_in(self) -> int | None:
        """Seconds left, rounded up; negative once expired, `None` when the expiry is not known."""
        return None if self._expiry is None else ceil(self._expiry - time())

    def is_expired(self, leeway: float = 0) -> bool | None:
        """Tell whether it is expired; `None` when the expiry is not known.

        Args:
            leeway: seconds before expiry at which it already counts as expired; may be negative.

        """
        at = self._expiry
        return None if at is None else time() + leeway > at


def accepts_expires_in(func: Callable[..., T]) -> Callable[..., T]:
    """Let a callable that takes `expires_at: datetime | None` also take `expires_in`, in seconds from now.

    A value that is no number means that no expiry is known. `expires_in` wins when both are given.
    """

    @wraps(func)
    def wrapper(*args: Any, expires_in: float | str | None = None, **kwargs: Any) -> T:
        if expires_in is not None:
            kwargs["expires_at"] = as_datetime(expiry(expires_in))
        return func(*args, **kwargs)

    return wrapper
