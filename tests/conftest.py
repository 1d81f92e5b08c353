"""What all tests share: a server, its client, its API, a clock, and no network."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import shutil
import socket
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
import time_machine
from hypothesis import settings

from requests_oauth2client import OAuth2Client
from requests_oauth2client.cli import main
from requests_oauth2client.testing import AuthorizationServer, ProtectedApi

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# a busy machine is no failure, and a red run must be red again
settings.register_profile("steady", deadline=None, print_blob=True)
settings.load_profile("steady")

# as root in a container, and without calling home
CHROMIUM_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def server() -> AuthorizationServer:
    """An Authorization Server at https://as.local, which knows `client_id` with `client_secret`."""
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret="client_secret")
    server.add_user("alice", password="wonderland", email="alice@example.com")
    return server


@pytest.fixture
def api(server: AuthorizationServer) -> ProtectedApi:
    """An API at https://api.local, which accepts the access tokens of `server`."""
    return server.protect("https://api.local/")


@pytest.fixture
def client(server: AuthorizationServer) -> OAuth2Client:
    """The client of `server`; its session reaches `server`, `api`, and nothing else."""
    return OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=server.session()
    )


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    """A stopped clock, for this process and so for `server`; `now.shift(seconds)` moves it."""
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc), tick=False) as clock:
        yield clock


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, now: time_machine.Traveller) -> list[float]:
    """Seconds that were slept, in order; nobody sleeps, the clock moves instead."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now.shift(seconds)

    monkeypatch.setattr("time.sleep", sleep)
    return slept


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Callable[[AuthorizationServer], AuthorizationServer]:
    """Put a server and its APIs where every `requests` call of this process finds them."""
    servers: list[AuthorizationServer] = []
    initialize = requests.Session.__init__

    def with_servers(session: requests.Session) -> None:
        initialize(session)
        for server in servers:
            server.mount(session)

    def put(server: AuthorizationServer) -> AuthorizationServer:
        servers.append(server)
        return server

    monkeypatch.setattr(requests.Session, "__init__", with_servers)
    return put


class Wire:
    """Listens on loopback ports, and answers every request with given bytes: what no HTTP library would send."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __call__(self, *parts: bytes, pause: float = 0.0, endless=None) -> str:
        """Answer with `parts`, or with what `endless()` gives, `pause` seconds apart, and close; return the origin."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        self._start(self._accept, listener, endless or (lambda: parts), pause)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def _start(self, target, *args) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket, parts, pause: float) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._answer, listener.accept()[0], parts, pause)

    def _answer(self, connection: socket.socket, parts, pause: float) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536) or b"\r\n\r\n"
            for part in parts():
                connection.sendall(part)
                if self._stopped.wait(pause):
                    return
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                """What is left unread would reset the connection."""

    def close(self) -> None:
        self._stopped.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A `Wire`: `wire(b"HTTP/1.1 ...", ...)` returns the origin that answers so."""
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def chromium() -> Iterator[Any]:
    """A window of headless Chromium, driven by selenium."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("Chromium and its driver are not installed here (Debian: chromium, chromium-driver).")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in CHROMIUM_ARGUMENTS:
        options.add_argument(argument)
    window = webdriver.Chrome(options, webdriver.ChromeService(driver))
    window.implicitly_wait(5)
    yield window
    window.quit()


def is_here(host: object) -> bool:
    """Tell whether a host is this machine."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in ("localhost", "", None):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Fail a test that looks for another machine, even if it would catch the error."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guard(host: object) -> None:
        if not is_here(host):
            pytest.fail(f"this test wants to reach {host!r}; only loopback addresses are allowed", pytrace=False)

    def guarded(method):
        def call(self: socket.socket, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                guard(address[0])
            return method(self, address)

        return call

    def lookup(host, *args, **kwargs):
        guard(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", lookup)
        yield


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    """Run a command line in this process, where nothing is set in the environment, and no profile is there."""
    for name in os.environ:
        if name.startswith("OAUTH2_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*arguments: object, stdin: str | bytes = "") -> Ran:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        written = capsys.readouterr()
        return Ran(status, written.out, written.err)

    return run


# ---------------------------------------------------------------- `--attacks`


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--attacks", action="store_true", help="run the tests of tests/attacks.toml, and count attacks")


def attacks() -> list[dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / "attacks.toml").read_text("utf-8"))["attack"]


def is_tried_by(attack: dict[str, Any], node_id: str) -> bool:
    return node_id.removeprefix("tests/").startswith(tuple(attack["tests"]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--attacks"):
        return
    table = attacks()
    ids = [item.nodeid.removeprefix("tests/") for item in items]
    wanted = [test for attack in table for test in attack["tests"]]
    missing = [test for test in wanted if not any(node.startswith(test) for node in ids)]
    if missing:
        raise pytest.UsageError(f"tests/attacks.toml names tests that are not there: {missing}")
    chosen = [item for item in items if any(is_tried_by(attack, item.nodeid) for attack in table)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--attacks"):
        return
    survived = [report.nodeid for report in terminalreporter.stats.get("passed", ())]
    tried = survived + [
        report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())
    ]
    if not tried:
        return
    terminalreporter.section("attacks: tried, survived")
    for attack in attacks():
        counts = [sum(is_tried_by(attack, node) for node in nodes) for nodes in (tried, survived)]
        terminalreporter.write_line(
            "{:6}{:6}  {}: {} ({})".format(*counts, attack["by"], attack["what"], attack["source"])
        )
    distinct = [len(set(nodes)) for nodes in (tried, survived)]
    terminalreporter.write_line("{:6}{:6}  attacks, each counted once".format(*distinct))
