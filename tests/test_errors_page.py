"""Errors as teachers: the page that lists them all is made out of the code, and each says what to do."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from requests_oauth2client import exceptions

ROOT = Path(__file__).parents[1]

SAID_BY_THE_MESSAGE = set(
    "TransportError ConnectionFailed RequestTimeout ResponseTooLarge UnexpectedRedirect InvalidUseDPoPNonceResponse "
    "InvalidAuthResponse InvalidIdToken MalformedIdToken InvalidIdTokenSignature UnknownVerificationKey "
    "NonRenewableTokenError TokenStoreError TokenStoreUnavailable TokenNotStored CorruptTokenStore MissingPackage "
    "PollingExpired MissingEndpointUri InvalidDiscoveryDocument InvalidUri InvalidParam InvalidEndpointUri InvalidIssuer "
    "UntrustedEndpointOrigin InvalidBackchannelAuthenticationRequestHintParam UnknownTokenType "
    "UnsupportedCodeChallengeMethod UnsupportedClientCredentials".split()
)
"""Errors that are raised for many reasons: what to do depends on the case, and is said where they are raised."""


@pytest.fixture(scope="module")
def hook():
    """The hook that mkdocs runs."""
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "docs" / "hooks" / "errors_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["errors_page"] = module
    spec.loader.exec_module(module)
    return module


def test_every_error_is_listed(hook) -> None:
    """Each error of the drawing has one row, with its place, what happened, and what to do."""
    rows = re.findall(
        r"^\| \[`(\w+)`\]\[requests_oauth2client\.\w+\.\1\]<br>is a (`.+`) \| (.+?) \| (.+) \|$",
        hook.table(),
        re.MULTILINE,
    )
    drawn = set(re.findall(r"\w+", re.search(r"```\n(.*?)```", exceptions.__doc__, re.DOTALL)[1])) - {"OAuth2Error"}
    assert sorted(row[0] for row in rows) == sorted(drawn)
    for name, places, happened, to_do in rows:
        assert "`OAuth2Error`" in places, name
        assert happened.endswith((".", "§5.2).", ")")), name
        assert to_do.endswith("."), name


def test_hints(hook) -> None:
    """Each error says what to do, by its hint or in its message; a hint is a sentence, and ends the message."""
    errors = dict.fromkeys(hook.all_errors())
    without = {error.__name__ for error in errors if not error.hint}
    assert without == SAID_BY_THE_MESSAGE
    for error in errors:
        if error.hint:
            assert re.fullmatch(r"[A-Z`].*\.", error.hint), error.__name__


def test_the_hook_writes_one_page(hook) -> None:
    """The page has the table in place of the marker; other pages are left alone."""
    text = (ROOT / "docs" / hook.PAGE).read_text("utf-8")
    assert text.count(hook.MARKER) == 1
    written = hook.on_page_markdown(text, page=SimpleNamespace(file=SimpleNamespace(src_uri=hook.PAGE)))
    assert hook.MARKER not in written
    assert "`InvalidGrant`" in written
    other = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    assert hook.on_page_markdown(hook.MARKER, page=other) == hook.MARKER
