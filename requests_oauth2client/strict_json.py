"""JSON as RFC 8259 has it, from a server that is not trusted.

Python's parser is lenient: of two members of one name it keeps the last (another reader of the same text may keep the
first), and it knows NaN. Both are refused here, and whatever is wrong is a `ValueError`.
"""

from __future__ import annotations

import json
from typing import Any


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        msg = "a member name is repeated in the JSON"
        raise ValueError(msg)
    return members


def _no_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def loads(text: bytes | str) -> Any:
    """Return the value of JSON `text`, in UTF-8 when it is bytes (RFC 8259 §8.1).

    Raises:
        ValueError: when it is not JSON, repeats a member name, or is nested too deeply.

    """
    try:
        if not isinstance(text, str):
            text = text.decode("utf-8-sig")
        if text[:1] == "{":  # compact JSON is parsed without looking for white space around it
            value, end = _decoder.raw_decode(text)
            if end == len(text):
                return value
        return _decoder.decode(text)
    except RecursionError:
        msg = "the JSON is nested too deeply"
        raise ValueError(msg) from None


def loads_object(text: bytes | str) -> dict[str, Any]:
    """Return the members of the JSON object in `text`; see `loads`."""
    value = loads(text)
    if not isinstance(value, dict):
        msg = f"the JSON is not an object but of type {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that is wrong with a text
    return value
