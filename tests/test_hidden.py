"""Texts and mappings that show themselves to whoever uses them, and not to whoever only looks."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from requests_oauth2client.hidden import Hidden, HiddenFields, hidden


def test_texts():
    """A hidden text is its text everywhere but in its `repr`."""
    text = Hidden("marked")
    assert text == "marked"
    assert {text: 1} == {"marked": 1}
    assert f"{text}" == str(text) == "%s" % text == "marked"  # noqa: UP031 - each way of formatting
    assert text.encode() == b"marked"
    assert json.dumps([text]) == '["marked"]'
    assert "marked" not in f"{text!r} {[text]!r} { ({'a': text})!r}"
    assert type(str(text)) is str


def test_mappings():
    """A hidden mapping is its members everywhere but in its `repr`, which has the names."""
    fields = HiddenFields(grant_type="password", password="marked")
    assert fields == {"grant_type": "password", "password": "marked"}
    assert {**fields} == dict(fields)
    assert repr(fields) == "<grant_type, password>"
    assert json.loads(json.dumps(fields)) == fields


@pytest.mark.parametrize("value", [Hidden("marked"), HiddenFields(password="marked")])
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_journeys(value, travel):
    """Copies and pickles are as discreet."""
    assert travel(value) == value
    assert "marked" not in repr(travel(value))


def test_hidden():
    """Only plain texts and mappings are hidden; what has a class of its own speaks for itself."""

    class Own(str):
        __slots__ = ()

    assert type(hidden("a")) is Hidden
    assert type(hidden({"a": 1})) is HiddenFields
    for value in (None, 5, b"a", ["a"], Own("a"), Hidden("a")):
        assert hidden(value) is value
