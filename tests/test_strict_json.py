"""JSON of untrusted servers: RFC 8259 to the letter, or a `ValueError`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client.strict_json import loads, loads_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=50)
def test_every_json_value_is_read(value):
    """What Python writes as JSON is read back, from text and from UTF-8."""
    text = json.dumps(value)
    assert loads(text) == value
    assert loads(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "Expecting value"),
        (b"<html>", "Expecting value"),
        (b'{"a": 1', "delimiter"),
        (b'{"a": 1} trailing', "Extra data"),
        (b'{"a": 1, "a": 2}', "repeated"),
        (b'{"x": {"a": 1, "a": 1}}', "repeated"),
        (b'{"a": 1, "\\u0061": 2}', "repeated"),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"{'a': 1}", "property name"),
        (b'{"a": "line\nbreak"}', "control character"),
        (b'\xff\xfe{\x00"\x00a\x00"\x00:\x001\x00}\x00', "utf-8"),
        (b'{"a": "\xe9"}', "utf-8"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too deeply"),
    ],
)
def test_refused(text, why):
    """What is not JSON, or would be read in two ways by two readers, is a `ValueError` that says why."""
    with pytest.raises(ValueError, match=why):
        loads(text)


def test_byte_order_mark():
    """A UTF-8 byte order mark is skipped, as RFC 8259 §8.1 allows."""
    assert loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_text_is_taken_as_it_is():
    """A `str` needs no decoding."""
    assert loads_object('{"é": 1}') == {"é": 1}


@pytest.mark.parametrize("text", ["[]", "1", '"text"', "null", "true"])
def test_only_objects_have_members(text):
    """`loads_object` refuses all other values, and names their type."""
    with pytest.raises(ValueError, match=f"not an object but of type {type(json.loads(text)).__name__}"):
        loads_object(text)


@given(st.binary(max_size=60) | st.text(max_size=60))
@settings(max_examples=200)
def test_never_another_exception(text):
    """Whatever comes in, there is a value or a `ValueError`."""
    try:
        value = loads(text)
    except ValueError:
        return
    assert json.loads(text) == value
