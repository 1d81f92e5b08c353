"""Scopes as callers write them, and as they are sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import InvalidScopeParam
from requests_oauth2client.scopes import format_scope, parse_scope


@pytest.mark.parametrize(
    ("scope", "parsed"),
    [
        (None, ()),
        ("", ()),
        ("   ", ()),
        ((), ()),
        ([""], ()),
        ("read", ("read",)),
        ("read write", ("read", "write")),
        ("  read   write ", ("read", "write")),
        (["read", "write"], ("read", "write")),
        (("read", "write admin"), ("read", "write", "admin")),
        (iter(["openid", "email"]), ("openid", "email")),
        ({"read": 1}.keys(), ("read",)),
        (frozenset({"read"}), ("read",)),
        (
            "https://www.example.com/auth/x:y!#$%&'()*+,-./~[]{}",
            ("https://www.example.com/auth/x:y!#$%&'()*+,-./~[]{}",),
        ),
    ],
)
def test_accepted(scope, parsed):
    """A scope is a text, or any iterable of texts, used once; order is kept, and nothing means no scope."""
    assert parse_scope(scope) == parsed


@pytest.mark.parametrize("scope", ["read write", ["read", "write"], iter(("read", "write"))])
def test_sent(scope):
    """Scopes are sent with one space between them."""
    assert format_scope(scope) == "read write"


@pytest.mark.parametrize("scope", [None, "", " ", [], ()])
def test_not_sent(scope):
    """No scope is `None`, which is not sent."""
    assert format_scope(scope) is None


@pytest.mark.parametrize(
    "scope",
    [1, True, 1.5, object(), b"read", {"read": True}, [b"read"], ["read", None], [["read"]], 'quo"te', "back\\slash",
     "caf\u00e9", "null\x00", ["ok", "del\x7f"]],
)  # fmt: skip
def test_refused(scope):
    """Other types, and characters that RFC 6749 §3.3 does not allow, are refused, with the scope as evidence."""
    with pytest.raises(InvalidScopeParam, match=f"Invalid 'scope' of type {type(scope).__name__}") as caught:
        parse_scope(scope)
    assert caught.value.scope is scope


@given(st.text(max_size=30) | st.lists(st.text(max_size=8), max_size=5))
@settings(max_examples=200)
def test_what_is_sent_is_a_scope(scope):
    """Whatever is accepted is sent as printable ASCII, without quotes and backslashes."""
    try:
        sent = format_scope(scope)
    except InvalidScopeParam:
        return
    assert sent is None or (sent.isascii() and sent.isprintable() and not set(sent) & {'"', "\\"} and "  " not in sent)
