"""Every Python block of the README and of the documentation runs, in the order of its page, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

import pytest

from requests_oauth2client.testing import AccessToken, AuthorizationServer, Request, Response
from requests_oauth2client.testing.protected_api import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\n((?: *# .*\n)+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


class Block(NamedTuple):
    line: int
    code: str

    @property
    def expected(self) -> list[str]:
        """The comments right below each `print`, where a page tells what is printed."""
        comments = "".join(PRINTED.findall(self.code)).splitlines()
        return [comment.strip().removeprefix("# ") for comment in comments]


def blocks(page: Path, language: str) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        if found[1] == language:
            yield Block(text.count("\n", 0, found.start(2)), found[2])


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def orders(request: Request, token: AccessToken) -> Response:
    """The API of the examples: it has orders, and echoes what else it is sent."""
    if request.method == "GET" and request.path == "/v1/orders":
        return Response.json([{"id": 1, "item": "a lamp"}])
    return echo(request, token)


@pytest.fixture
def as_local(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> AuthorizationServer:
    """The server of the examples, with the clients that the pages have."""
    server = internet(AuthorizationServer("https://as.local"))
    server.add_client("my-service", client_secret="my-secret")
    server.add_client("by-header", client_secret="my-secret", auth_methods="client_secret_basic")
    server.add_client("by-hmac", client_secret="my-secret", auth_methods="client_secret_jwt")
    server.add_client("my-script", public=True, redirect_uris="http://127.0.0.1/callback")
    server.add_client("my-web-app", client_secret="my-secret", redirect_uris="https://app.local/callback")
    server.add_client("my-tv", public=True)
    server.add_user("alice", email="alice@example.com")
    server.polling_interval = 0  # nobody waits for a page
    server.protect("https://api.local/v1", scope="orders:read").answer = orders
    return server


@pytest.fixture
def browser(as_local: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser of alice, who logs in wherever she is sent."""

    def visit(url: str) -> bool:
        def back() -> None:
            with urlopen(as_local.authorize(url, "alice")) as page:
                page.read()

        threading.Thread(target=back).start()
        return True

    monkeypatch.setenv("BROWSER", "a browser")
    monkeypatch.setattr(webbrowser, "open", visit)


def run(page: Path, block: Block, names: dict[str, Any]) -> list[str]:
    """Run a block with what the page defined before; return what it printed."""
    printed = io.StringIO()
    code = compile("\n" * block.line + block.code, name(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return printed.getvalue().splitlines()


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, "python"))], ids=name)
@pytest.mark.usefixtures("browser")
def test_python_blocks_run(page: Path, as_local: AuthorizationServer) -> None:
    """The code of a page runs as pasted, and what is said to be printed is printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        printed = run(page, block, names)
        if block.expected:
            assert printed == block.expected, f"{name(page)}:{block.line}"
        if "public_key" in names:  # a page that makes a key gives it to the server, as its reader would
            as_local.add_client("by-key", jwks=names["public_key"])
        if "login_url" in names:  # a page that sends its user away gets them back
            names["callback_url"] = as_local.authorize(names.pop("login_url"), "alice")
        with contextlib.suppress(KeyError, LookupError):  # alice agrees to what a page asks her elsewhere
            as_local.approve_device(names["device"].user_code, "alice")
        with contextlib.suppress(KeyError, LookupError):
            as_local.approve_ciba(names["asked"].auth_req_id)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another file of the repository finds it."""
    missing = {target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()}
    assert missing == set()


@pytest.mark.parametrize("heading", ["Quickstart", "Tests"])
def test_one_command_each(heading: str) -> None:
    """Under "Quickstart" and "Tests", the README has one shell block with one command."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section
    commands = [code for language, code in BLOCK.findall(section[1]) if language == "shell"]
    assert [len(command.splitlines()) for command in commands] == [1]
