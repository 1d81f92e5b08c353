"""The programs of `docs/examples` run as they are, in processes of their own, against the embedded server."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from requests_oauth2client.testing import AuthorizationServer, ProtectedApi, Response

from .redis_server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))


@pytest.fixture
def served() -> Iterator[AuthorizationServer]:
    """A server on a loopback port, with the clients of the examples."""
    server = AuthorizationServer("https://as.local", polling_interval=0)
    server.add_client("service", client_secret="s3cret")
    server.add_client(
        "web", client_secret="s3cret", redirect_uris="http://localhost/callback", scope="openid orders:read"
    )
    server.add_client("app", public=True, redirect_uris="http://127.0.0.1/callback")
    server.add_user("alice")
    with server.serve():
        yield server


@pytest.fixture
def orders(served: AuthorizationServer) -> ProtectedApi:
    """The API with the orders."""
    api = served.protect("https://orders.local/v1", scope="orders:read")
    api.answer = lambda *_: Response.json([{"item": "a lamp"}, {"item": "a rug"}])
    return api


@contextmanager
def program(name: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run an example, until the end of the block."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
    variables.pop("DISPLAY", None)
    with subprocess.Popen(
        [sys.executable, str(EXAMPLES / name)],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def settings(server: AuthorizationServer, api: ProtectedApi, client_id: str = "service") -> dict[str, str]:
    return {"ISSUER": server.issuer, "CLIENT_ID": client_id, "CLIENT_SECRET": "s3cret", "API_URL": api.url}


def until(lines, pattern: str) -> re.Match[str]:
    """Read lines until one fits."""
    read = []
    for line in lines:
        read.append(line)
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"no line with {pattern} in {read}")


def test_every_example_is_listed() -> None:
    """The page of the examples names each of them, and each says what it needs."""
    page = (EXAMPLES / "index.md").read_text("utf-8")
    for path in PROGRAMS:
        assert f"[{path.name}]({path.name})" in page
        assert "in the environment" in (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM")
def test_daemon_with_redis(served: AuthorizationServer, orders: ProtectedApi, tmp_path: Path) -> None:
    """Two daemons share one token, go on after an outage of the API, and stop when they are asked to."""
    with running(tmp_path) as redis:
        environment = {**settings(served, orders), "REDIS_URL": redis.url, "INTERVAL": "0.02"}
        with program("daemon_with_redis.py", **environment) as first:
            until(first.stderr, "daemon 2 orders")
            with program("daemon_with_redis.py", **environment) as second:
                until(second.stderr, "daemon 2 orders")
                assert served.count("token") == 1
                served.misbehave("api", status=503)
                served.misbehave("api", status=503)
                until(first.stderr, "no orders this time")
                until(first.stderr, "daemon 2 orders")
                for process in (first, second):
                    process.terminate()
                    until(process.stderr, "daemon stopped")
                    assert process.wait(10) == 0


def test_command_line_login(served: AuthorizationServer, orders: ProtectedApi, tmp_path: Path) -> None:
    """The user logs in once; the second run finds the token; when the session is over, they log in again."""
    environment = {**settings(served, orders, "app"), "XDG_STATE_HOME": str(tmp_path), "BROWSER": "true %s"}

    def run(*, login: bool) -> None:
        with program("command_line_login.py", **environment) as process:
            if login:
                address = until(process.stderr, r"^(http\S+/authorize\?\S+)")[1]
                assert requests.get(served.authorize(address, user="alice"), timeout=10).ok
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out) == (0, "a lamp\na rug\n"), err

    run(login=True)
    run(login=False)
    assert served.count("authorization") == 1
    served.access_tokens.clear()
    run(login=False)  # the API said no, and the refresh token helped
    served.access_tokens.clear()
    served.refresh_tokens.clear()
    with program("command_line_login.py", **environment) as process:
        assert process.communicate(timeout=20)[1].startswith("my-orders: 401")


@pytest.mark.parametrize(("decision", "said", "status"), [("approve", "2 orders", 0), ("deny", "You said no.", 1)])
def test_headless_device(
    served: AuthorizationServer, orders: ProtectedApi, decision: str, said: str, status: int
) -> None:
    """The owner says yes or no on another device."""
    with program("headless_device.py", **settings(served, orders, "app")) as process:
        code = until(process.stdout, r"enter (\S+)")[1]
        until(process.stdout, "waiting")
        if decision == "approve":
            served.approve_device(code, "alice", after=2)
        else:
            served.deny_device(code)
        until(process.stdout, re.escape(said))
        assert process.wait(10) == status


def test_two_apis_with_dpop(served: AuthorizationServer, orders: ProtectedApi) -> None:
    """One token, bound to a key, is good for both APIs, which demand nonces."""
    served.require_dpop = served.dpop_nonce_as = served.dpop_nonce_rs = True
    stock = served.protect("https://stock.local/v1", scope="stock:read", name="stock")
    stock.answer = lambda *_: Response.json({"a lamp": 3})
    environment = {**settings(served, orders), "ORDERS_URL": orders.url, "STOCK_URL": stock.url}
    with program("two_apis_with_dpop.py", **environment) as process:
        out, err = process.communicate(timeout=20)
    assert (out, err) == ("a lamp: 3 in stock\na rug: 0 in stock\n", "")
    assert len({token.jkt for token in served.access_tokens.values()}) == 1


# ---------------------------------------------------------------- the web application


@pytest.fixture
def browser(served: AuthorizationServer, orders: ProtectedApi, monkeypatch: pytest.MonkeyPatch):
    """A browser of the Flask application."""
    pytest.importorskip("flask")
    for name, value in {**settings(served, orders, "web"), "SECRET_KEY": "0123456789abcdef" * 4}.items():
        monkeypatch.setenv(name, value)
    application = runpy.run_path(str(EXAMPLES / "flask_login.py"))["app"]
    application.config["SESSION_COOKIE_SECURE"] = False  # the test client speaks http
    return application.test_client()


def log_in(browser, served: AuthorizationServer, **decision) -> object:
    """Follow the user to the Authorization Server and back."""
    away = browser.get("/login")
    assert away.status_code == 302
    back = served.authorize(away.location, user="alice", **decision)
    return browser.get(back)


def test_flask_login(browser, served: AuthorizationServer) -> None:
    """A user logs in, sees their orders with a token that their browser cannot read, and logs out."""
    assert "Log in" in browser.get("/").text
    assert log_in(browser, served).location == "/"
    assert "Hello alice" in browser.get("/").text
    assert "<li>a lamp</li>" in browser.get("/").text
    token = next(iter(served.access_tokens))
    assert token not in str(browser.get_cookie("session"))
    browser.post("/logout")
    assert "Log in" in browser.get("/").text


def test_flask_login_refused(browser, served: AuthorizationServer) -> None:
    """A user who says no, or a callback that this browser did not ask for, is not logged in."""
    assert log_in(browser, served, deny=True).status_code == 403
    assert browser.get("/callback?code=stolen&state=unknown").status_code == 403
    assert "Log in" in browser.get("/").text
