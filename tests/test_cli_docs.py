"""The documentation of the command line: its commands run, and its tables are complete."""

from __future__ import annotations

import re
import shlex
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from requests_oauth2client.commands.exit_codes import MEANINGS
from requests_oauth2client.commands.settings import ONLY_IN_PROFILES, SETTINGS
from requests_oauth2client.testing import AuthorizationServer, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "how-to" / "use-the-command-line.md").read_text("utf-8")
REFERENCE = (DOCS / "reference" / "command-line.md").read_text("utf-8")
PROGRAM = "requests-oauth2client "


def steps() -> Iterator[tuple[str, list[str]]]:
    """Each command of the page, and what the page says that it prints."""
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *shown = step.rstrip("\n").split("\n")
            yield line, shown


COMMANDS = [(line, shown) for line, shown in steps() if line.startswith(PROGRAM)]


@pytest.fixture
def as_local(internet: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command) -> AuthorizationServer:
    """The server, the API, the environment and the profiles of the page."""
    server = internet(AuthorizationServer("https://as.local", polling_interval=0))
    server.add_client("my-service", client_secret="my-secret")
    server.add_client("my-tv", public=True, redirect_uris="http://127.0.0.1/callback")
    server.add_user("alice")
    server.protect("https://api.local/v1").answer = lambda *_: Response.json([{"id": 1, "item": "a lamp"}])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("my-secret\n")
    for line, _ in steps():
        if line.startswith("export "):
            monkeypatch.setenv(*line.removeprefix("export ").split("="))
    profiles = tmp_path / "config" / "requests_oauth2client" / "profiles.ini"
    profiles.parent.mkdir(parents=True)
    profiles.write_text(re.search(r"^```ini\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1])
    profiles.chmod(0o600)
    return server


def user_decides(server: AuthorizationServer, done: threading.Event) -> None:
    """Be the user of the device."""
    while not done.is_set():
        for pending in list(server.device_requests.values()):
            if pending.undecided:
                server.approve_device(pending.user_code, "alice")
        time.sleep(0.005)


@pytest.mark.parametrize(("line", "shown"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_commands(command, as_local: AuthorizationServer, line: str, shown: list[str]) -> None:
    """Each command does what the page says; `…` stands for what is different each time."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    done = threading.Event()
    user = threading.Thread(target=user_decides, args=(as_local, done))
    user.start()
    try:
        ran = command(*words, *(["--wait", "0.2"] if "browser" in words else []))
    finally:
        done.set()
        user.join()
    assert ran.status == (6 if "browser" in words else 1 if "inspect" in words else 0), ran.err
    printed = ran.out + ran.err
    for expected in shown:
        pattern = ".*".join(map(re.escape, expected.split("…")))
        assert re.search(f"^{pattern}$", printed, re.MULTILINE), (expected, printed)


def test_commands_are_found() -> None:
    """The page is read."""
    assert len(COMMANDS) >= 12


def test_every_setting_is_documented() -> None:
    """The table has each setting, with its meaning."""
    for setting in SETTINGS.values():
        assert f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` | {setting.help} |" in REFERENCE
    for setting in ONLY_IN_PROFILES.values():
        assert f"| `{setting.variable}` | {setting.help} |" in REFERENCE


def test_every_exit_status_is_documented() -> None:
    """The table has each status, with its meaning."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", REFERENCE, re.MULTILINE)
    assert rows == [(str(code.value), meaning) for code, meaning in MEANINGS.items()]
