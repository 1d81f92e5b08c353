"""What the options of a client may be: a wrong one is told when the client is made, not at its first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exceptions import InvalidParam
from .retries import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_timeout(value: Any) -> bool:
    parts = value if isinstance(value, tuple) and len(value) == 2 else (value,)  # noqa: PLR2004 - to connect, and to read
    return all(part is None or _is_positive(part) for part in parts)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "session": (lambda value: callable(getattr(value, "request", None)), "a `requests.Session`"),
    "timeout": (_is_timeout, "a positive number of seconds, a pair of them (to connect, to read), or None"),
    "deadline": (lambda value: value is None or _is_positive(value), "a positive number of seconds, or None"),
    "max_response_size": (_is_positive, "a positive number of bytes"),
    "retry": (lambda value: value is None or isinstance(value, RetryPolicy), "a `RetryPolicy`, or None"),
    "on_event": (lambda value: value is None or callable(value), "a function of a `TokenEvent`, or None"),
    "token_class": (lambda value: isinstance(value, type), "a class of tokens"),
    "dpop_key_generator": (callable, "a function that returns a new `DPoPKey` for an algorithm"),
}


def check_option(name: str, value: Any) -> None:
    """Check one option of a client, or of a request.

    Raises:
        InvalidParam: it can be of no use.

    """
    is_usable, wanted = _CHECKS[name]
    if not is_usable(value):
        shown = repr(value) if isinstance(value, (int, float)) else f"of type {type(value).__name__}"
        msg = f"`{name}` is {shown}: pass {wanted}."
        raise InvalidParam(msg)


def check_options(client: object) -> None:
    """Check all options of a client; see `check_option`."""
    for name in _CHECKS:
        check_option(name, getattr(client, name))
