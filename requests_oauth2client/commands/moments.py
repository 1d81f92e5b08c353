"""Points in time, as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Return seconds in the largest unit that fits, such as `3 h`."""
    size, name = next(((size, name) for size, name in UNITS if abs(seconds) >= size), UNITS[-1])
    return f"{round(abs(seconds) / size)} {name}"


def epoch(value: object) -> float | None:
    """Return a NumericDate (RFC 7519 §2); `None` when it is none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def moment(value: object, now: float) -> str:
    """Return seconds since the epoch as text: as they are, as a date, and relative to now."""
    at = epoch(value)
    try:
        date = datetime.fromtimestamp(at if at is not None else float("nan"), tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return f"{value} (no date)"
    away = f"in {duration(at - now)}" if at is not None and at > now else f"{duration(now - (at or 0))} ago"
    return f"{value} ({date:%Y-%m-%d %H:%M:%S} UTC, {away})"
