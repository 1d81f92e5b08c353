"""The demo, and the process that runs it."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys

import pytest

from requests_oauth2client import demo

EXCHANGES = {
    "discovery": r"GET \S+/\.well-known/openid-configuration → 200 issuer=http://127\.0\.0\.1:\d+",
    "token": r"POST \S+/token grant_type=client_credentials .*client_secret=•••• → 200 access_token=.{4}… .*expires_in=\d.*",
    "orders": r"GET \S+/orders access_token=.{4}… → 200",
    "refused": r"GET \S+/orders access_token=made… → 401 Bearer .*error=\"invalid_token\".*",
}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All secrets that the demo makes: the client's, and the tokens."""
    values = []
    original = secrets.token_urlsafe

    def token_urlsafe(nbytes: int | None = None) -> str:
        values.append(original(nbytes))
        return values[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", token_urlsafe)
    return values


def test_demo(made: list[str]) -> None:
    """Each HTTP exchange is one line, in order; the API answers; no secret is told."""
    lines: list[str] = []
    assert demo.demo(lines.append)["asked_by"] == "demo"
    told = "\n".join(lines)
    assert len(made) >= 3
    assert [value for value in made if value in told] == []
    exchanges = [line.strip() for line in lines if re.match(r"  [A-Z]+ http", line)]
    kinds = [next(kind for kind, shape in EXCHANGES.items() if re.fullmatch(shape, line)) for line in exchanges]
    # a machine that is busy for half a second sees one more renewal
    steps = "discovery token orders( token)? orders token orders( token)? refused( token)? orders"
    assert re.fullmatch(steps, " ".join(kinds)), told


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("access_token", "abcdefgh", "access_token=abcd…"),
        ("access_token", "abcd", "access_token=••••"),
        ("client_secret", "s3cret", "client_secret=••••"),
        ("refresh_token", "s3cret", "refresh_token=••••"),
        ("client_assertion", "e.y.j", "client_assertion=••••"),
        ("password", "s3cret", "password=••••"),
        ("scope", "read write", "scope=read write"),
    ],
)
def test_hidden(name: str, value: str, shown: str) -> None:
    """Of a token enough is shown to recognize it; of other secrets nothing."""
    assert demo.hidden(name, value) == shown


def test_command_line() -> None:
    """`python -m requests_oauth2client demo` ends with the API's answer."""
    run = subprocess.run(
        [sys.executable, "-m", "requests_oauth2client", "demo"], check=True, capture_output=True, timeout=30
    )
    assert run.stderr == b""
    assert run.stdout.decode().splitlines()[-1] == '{"orders": [{"id": 1, "item": "a lamp"}], "asked_by": "demo"}'
