"""`call`: one request to an API, with a token that goes nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from requests_oauth2client.testing import AuthorizationServer, ProtectedApi, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def served() -> Iterator[AuthorizationServer]:
    """A server on a loopback port."""
    server = AuthorizationServer("https://as.local")
    server.add_client("service", client_secret="s3cret")
    with server.serve():
        yield server


@pytest.fixture
def orders(served: AuthorizationServer, monkeypatch: pytest.MonkeyPatch, command) -> ProtectedApi:
    """An API on another loopback port; the environment tells the client."""
    for name, value in {"ISSUER": served.issuer, "CLIENT_ID": "service", "CLIENT_SECRET": "s3cret"}.items():
        monkeypatch.setenv(f"OAUTH2_{name}", value)
    return served.protect("https://api.local/v1")


def received(server: AuthorizationServer) -> Request:
    return [request for request in server.requests if request.endpoint == "api"][-1]


def test_get(command, orders: ProtectedApi, served: AuthorizationServer) -> None:
    """The body of the answer is printed as it is."""
    ran = command("call", f"{orders.url}/orders?page=2&page=3")
    assert (ran.status, ran.err) == (0, "")
    assert json.loads(ran.out)["query"] == {"page": ["2", "3"]}
    assert received(served).method == "GET"


@pytest.mark.parametrize(
    ("arguments", "method", "body", "media_type"),
    [
        (["-d", "a=1&b=2"], "POST", b"a=1&b=2", "application/x-www-form-urlencoded"),
        (["-j", '{"a": 1}'], "POST", b'{"a": 1}', "application/json"),
        (["-X", "PUT", "-d", "text", "-H", "content-type: text/plain"], "PUT", b"text", "text/plain"),
        (["-X", "DELETE"], "DELETE", b"", ""),
        (["-d", "@-"], "POST", b"\x00\xff", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies(
    command, orders: ProtectedApi, served: AuthorizationServer, arguments: list[str], method, body, media_type
) -> None:
    """A body makes it a POST, and has a type."""
    ran = command("call", orders.url, *arguments, stdin=b"\x00\xff")
    assert ran.status == 0, ran.err
    request = received(served)
    assert (request.method, request.body, request.media_type) == (method, body, media_type)


@pytest.mark.parametrize(
    "arguments", [["-X", "GE T"], ["-X", ""], ["--timeout", "0"], ["--timeout", "nan"], ["--timeout", "inf"]]
)
def test_what_no_request_can_have(command, orders: ProtectedApi, arguments: list[str]) -> None:
    """A method is a word, and a time limit some seconds."""
    ran = command("call", orders.url, *arguments)
    assert ran.status == 2
    assert f"invalid {'method' if arguments[0] == '-X' else 'seconds'} value" in ran.err


def test_a_body_that_is_no_json(command, orders: ProtectedApi, served: AuthorizationServer) -> None:
    """What the shell made of JSON without quotes is not sent."""
    ran = command("call", orders.url, "-j", "{item: hunter2}")
    assert ran.status == 2
    assert "The body is no JSON: " in ran.err
    assert "hunter2" not in ran.err
    assert served.count("api") == 0


def test_body_from_a_file(command, orders: ProtectedApi, served: AuthorizationServer, tmp_path: Path) -> None:
    """`@FILE` is the content of the file."""
    (tmp_path / "order.json").write_bytes(b"[1]")
    command("call", orders.url, "-j", f"@{tmp_path / 'order.json'}")
    assert received(served).body == b"[1]"
    ran = command("call", orders.url, "-j", f"@{tmp_path / 'nothing'}")
    assert ran.status == 2
    assert "cannot be read" in ran.err


def test_headers(command, orders: ProtectedApi, served: AuthorizationServer) -> None:
    """Headers are sent; that of the token is not for the user to set."""
    command("call", orders.url, "-H", "X-One: 1", "-H", "Accept: text/plain")
    assert (received(served).headers["X-One"], received(served).headers["Accept"]) == ("1", "text/plain")
    for header in ("Authorization: Bearer mine", "nonsense"):
        assert command("call", orders.url, "-H", header).status == 2


def test_include_and_json(command, orders: ProtectedApi) -> None:
    """`-i` and `--json` show status and headers, too."""
    orders.answer = lambda *_: Response.json({"x": 1}, 201, {"X-Evil": "a"})
    lines = command("call", orders.url, "-i").out.splitlines()
    assert lines[0] == "HTTP 201 Created"
    assert "X-Evil: a" in lines
    assert lines[-1] == '{"x": 1}'
    shown = json.loads(command("call", orders.url, "--json").out)
    assert (shown["status"], shown["headers"]["X-Evil"], shown["body"]) == (201, "a", {"x": 1})
    orders.answer = lambda *_: Response(200, (), b"text")
    assert json.loads(command("call", orders.url, "--json").out)["body"] == "text"


def test_output(command, orders: ProtectedApi, tmp_path: Path) -> None:
    """`-o` writes the body to a file."""
    orders.answer = lambda *_: Response(200, (), b"\x00\x01")
    ran = command("call", orders.url, "-o", tmp_path / "body")
    assert (ran.out, (tmp_path / "body").read_bytes()) == ("", b"\x00\x01")


def test_refusal_of_the_api(command, orders: ProtectedApi) -> None:
    """A refusal has a status of its own; body and challenge are shown."""
    orders.scope = ("admin",)
    ran = command("call", orders.url)
    assert ran.status == 8
    assert "403 Forbidden" in ran.err
    assert 'error="insufficient_scope"' in ran.err


def test_no_answer_of_the_api(command, orders: ProtectedApi, tmp_path: Path) -> None:
    """An API that cannot be reached is told without its URL, which may hold secrets."""
    token = tmp_path / "token"
    token.write_text("abc\n")
    ran = command("call", "http://127.0.0.1:1/?key=s3cret", "--token-file", token)
    assert ran.status == 4
    assert "no usable answer of the API (Connection refused)" in ran.err
    assert "s3cret" not in ran.err


def test_dpop(command, orders: ProtectedApi, served: AuthorizationServer) -> None:
    """Each request has a proof, with the nonce that the API wants."""
    served.dpop_nonce_rs = True
    assert command("call", orders.url, "--dpop").status == 0
    assert "DPoP" in received(served).headers


def test_expired_stored_token(command, orders: ProtectedApi, served: AuthorizationServer, tmp_path: Path) -> None:
    """A stored token that the API refuses is renewed, once."""
    arguments = ["call", orders.url, "--store", tmp_path / "tokens"]
    assert command(*arguments).status == 0
    served.access_tokens.clear()  # the server lost its memory
    assert command(*arguments).status == 0
    assert served.count("token") == 2


def test_given_token(command, orders: ProtectedApi, served: AuthorizationServer, tmp_path: Path) -> None:
    """`--token-file` calls with a token from elsewhere, and asks no server for one."""
    file = tmp_path / "token"
    file.write_text(served.issue_token("service")["access_token"])
    assert command("call", orders.url, "--token-file", file).status == 0
    assert served.count("token") == 0


# ---------------------------------------------------------------- where the token may go


def test_api(command, orders: ProtectedApi, served: AuthorizationServer) -> None:
    """With `--api`, paths are below it, and so must addresses be."""
    assert command("call", "/orders/1", "--api", orders.url).status == 0
    assert received(served).path == "/v1/orders/1"
    assert command("call", f"{orders.url}/x", "--api", orders.url).status == 0
    assert command("call", orders.url, "--api", f"{orders.url}/").status == 0


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("http://api.example/orders", None),
        ("/orders", None),
        ("https://user:password@api.example/", None),
        ("https://api.example/v1/../admin", None),
        ("https://api.example/#x", None),
        ("ftp://api.example/", None),
        ("https://api.example.evil/v1", "https://api.example"),
        ("https://api.example/v10", "https://api.example/v1"),
        ("/../admin", "https://api.example/v1"),
        ("/orders", "http://api.example/v1"),
    ],
)
def test_other_places(command, orders: ProtectedApi, served: AuthorizationServer, url: str, api: str | None) -> None:
    """A token travels neither unencrypted nor to another API; then not even a token is asked for."""
    ran = command("call", url, *(["--api", api] if api else []))
    assert ran.status == 2, ran
    assert served.count("token") == 0
