"""Secrets whose `repr` does not show them: what debuggers, pytest and error trackers print of local variables.

A traceback with locals shows the arguments of each function that an error passed through, those of `requests` and
urllib3 included. What the caller's own frames show is the caller's.
"""

from __future__ import annotations

from traceback import clear_frames
from typing import Any

SHOWN = "'[hidden]'"


class Hidden(str):
    """A text like any other, but for its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return SHOWN

    def __reduce__(self) -> tuple[Any, ...]:
        return Hidden, (str(self),)


class HiddenFields(dict[str, Any]):
    """A mapping like any other, whose `repr` shows the names only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{', '.join(map(str, self))}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return HiddenFields, (dict(self),)


def hidden(value: Any) -> Any:
    """Return a text as `Hidden`, a mapping as `HiddenFields`, what is in a tuple likewise, all else as it is."""
    if type(value) is str:
        return Hidden(value)
    if type(value) is tuple:
        return tuple(hidden(item) for item in value)
    return HiddenFields(value) if type(value) is dict else value


def forget_locals(error: BaseException | None) -> None:
    """Forget the local variables of all functions that `error` has left, and those of the errors that it came of.

    For what passes through `requests` and urllib3, which handle secrets as plain bytes.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
