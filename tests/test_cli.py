"""The command line as a whole: its help, its exit statuses, its two streams, its completion."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

from requests_oauth2client import (
    AccessDenied,
    ConnectionFailed,
    InvalidIdToken,
    InvalidParam,
    InvalidTokenResponse,
    PollingExpired,
    cli,
)
from requests_oauth2client.commands import completion, console, token
from requests_oauth2client.commands.console import Console, as_time, wants_color
from requests_oauth2client.commands.exit_codes import MEANINGS, ExitCode, exit_code_of
from requests_oauth2client.commands.report import Finding, Report, Section
from requests_oauth2client.exceptions import ExpiredToken, LoopbackTimeout, TokenStoreUnavailable

COMMANDS = "token call inspect doctor demo completion".split()
ROOT = Path(__file__).parents[1]


def python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, *arguments],
        text=True,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
        **options,
    )


def test_help(command) -> None:
    """`--help` lists the commands, and what each exit status means."""
    ran = command("--help")
    assert ran.status == 0
    for name in COMMANDS:
        assert f"    {name} " in ran.out or f"    {name}\n" in ran.out
    for code, meaning in MEANINGS.items():
        assert re.search(rf"^ +{code.value}  {re.escape(meaning)}$", ran.out, re.MULTILINE)


def test_version(command) -> None:
    """`--version` tells what is installed."""
    ran = command("--version")
    assert ran.status == 0
    assert ran.out == f"requests_oauth2client {version('requests_oauth2client')}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(command, name: str) -> None:
    """Each command explains itself."""
    ran = command(name, "--help")
    assert ran.status == 0
    assert "--traceback" in ran.out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["token", "nonsense"], ["doctor"], ["token", "--port", "x"]])
def test_wrong_command(command, arguments: list[str]) -> None:
    """A command line that cannot be read is told to the user with status 2."""
    ran = command(*arguments)
    assert ran.status == ExitCode.USAGE
    assert "usage:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["token", "--bogus=hunter2", "--more"], "token: error: unknown --bogus, --more"),
        (["token", "--client-secrte", "hunter2"], "argument FLOW: invalid choice (choose from"),
        (["inspect", "a=b&code=c", "hunter2"], "inspect: error: too many arguments"),
    ],
)
def test_unknown_arguments(command, arguments: list[str], told: str) -> None:
    """The usage is that of the command; values, which may be secrets, are not repeated."""
    ran = command(*arguments)
    assert ran.status == ExitCode.USAGE
    assert told in ran.err.splitlines()[-1]
    assert f"usage: requests-oauth2client {arguments[0]}" in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written(unbuffered: str) -> None:
    """What the system says is told, at the first byte or at the last."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "requests_oauth2client", "inspect", "a=b&code=c"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 2
    assert b"error: The output cannot be written: No space left on device." in done.stderr


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_closed_streams(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A stream that is closed from the beginning is no fault of the program."""
    monkeypatch.setattr(sys, name, None)
    assert cli.main(["inspect", "https://as.local/?code=c"]) in (0, 1)
    assert cli.main(["inspect", "nonsense"]) == 2
    assert cli.main(["inspect"]) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (InvalidParam("no"), 2),
        (AccessDenied(None, error="access_denied"), 3),
        (ConnectionFailed("no answer"), 4),
        (requests.ConnectTimeout(), 4),
        (InvalidTokenResponse(requests.Response()), 5),
        (InvalidIdToken("forged"), 5),
        (PollingExpired(), 6),
        (ExpiredToken(None, error="expired_token"), 6),
        (LoopbackTimeout(5), 6),
        (TokenStoreUnavailable("locked"), 7),
        (OSError("disk"), 2),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    """Each kind of failure has its status."""
    assert exit_code_of(error) == code


def test_every_exit_code_is_explained() -> None:
    """No status is without a meaning."""
    assert set(MEANINGS) == set(ExitCode)


def test_a_fault_of_the_program(command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is one line and a status; with `--traceback` it shows its place."""

    def fail(*_):
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(token, "run", fail)
    ran = command("token")
    assert (ran.status, ran.out) == (70, "")
    assert "ZeroDivisionError" in ran.err
    assert "secret inside" not in ran.err
    assert "Traceback" not in ran.err
    assert 'raise ZeroDivisionError("secret inside")' in command("token", "--traceback").err


def test_ctrl_c(command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with status 130, and without a traceback."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(token, "run", interrupted)
    assert command("token") == (130, "", "Stopped.\n")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_in_a_process() -> None:
    """Ctrl-C while a login is waited for ends the process with its status."""
    code = (
        "from requests_oauth2client.testing import AuthorizationServer as S\n"
        "from requests_oauth2client.cli import main\n"
        "import sys\n"
        "s = S(); s.add_client('tv', public=True)\n"
        "with s.serve() as issuer:\n"
        "    sys.exit(main(['token', 'device', '--issuer', issuer, '--client-id', 'tv']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stderr is not None
        while "enter the code" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().endswith("Stopped.\n")
        assert process.wait(10) == 130


def test_a_reader_that_leaves() -> None:
    """`… | head -0` is no error."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "requests_oauth2client", "inspect", "a=b&code=c"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_is_quick() -> None:
    """`--help` loads neither JOSE nor the client."""
    code = "import sys; from requests_oauth2client.cli import make_parser; make_parser(); print(*sys.modules)"
    loaded = set(python("-c", code).stdout.split())
    assert "requests_oauth2client.cli" in loaded
    assert loaded & {"jwskate", "cryptography", "furl", "rich", "shtab", "requests_oauth2client.client"} == set()


def test_console_script() -> None:
    """The console script is the same command line."""
    assert cli.main(["completion", "bash"]) == 0
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'requests-oauth2client = "requests_oauth2client.cli:main"' in text


# ---------------------------------------------------------------- completion


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion(command, shell: str) -> None:
    """There is a script for each shell, which knows the commands."""
    ran = command("completion", shell)
    assert ran.status == 0
    assert "doctor" in ran.out


def test_completion_in_bash(command, tmp_path: Path) -> None:
    """Bash completes commands, and the flags of a command."""
    script = tmp_path / "completion.bash"
    script.write_text(command("completion", "bash").out)
    ask = (
        f'source "{script}"; COMP_WORDS=(requests-oauth2client "$@"); COMP_CWORD=$(($# )); '
        '_shtab_requests_oauth2client; printf "%s\\n" "${COMPREPLY[@]}"'
    )

    def complete(*words: str) -> list[str]:
        done = subprocess.run(["bash", "-c", ask, "bash", *words], text=True, capture_output=True, check=False)
        return [word.strip() for word in done.stdout.split()]

    assert complete("do") == ["doctor"]
    assert complete("token", "--client-secret-f") == ["--client-secret-file"]
    assert "browser" in complete("token", "b")


def test_completion_without_the_extra(command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without shtab, the user is told what to install."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    ran = command("completion", "bash")
    assert ran.status == ExitCode.USAGE
    assert "cli" in ran.err


# ---------------------------------------------------------------- streams

REPORT = Report(
    "A title",
    (
        Section("Part", (("name", "[red]value\x1b[2J"), ("name", "again")), (Finding("problem", "bad", "RFC 1"),)),
        Section("Code", code="x = 1\n"),
    ),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colored"),
    [
        (Terminal, {}, True),
        (io.StringIO, {}, False),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
    ],
)
def test_colors(monkeypatch: pytest.MonkeyPatch, stream, environment: dict[str, str], colored: bool) -> None:
    """Colours are for terminals, unless `NO_COLOR` is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = stream()
    assert wants_color(out) is colored
    Console(out).show(REPORT, as_json=False)
    assert ("\x1b[" in out.getvalue()) is colored
    assert "\x1b[2J" not in out.getvalue()
    assert "[red]value" in out.getvalue()


def test_code_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code is shown whole, in lines as they were: it is there to be copied."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    code = f"import this\n\nname = '{'x' * 100}'\n"
    Console(out).show(Report("A title", (Section("Code", code=code),)), as_json=False)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown == f"A title\n\nCode\n    import this\n\n    name = '{'x' * 100}'\n"


def test_colors_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rich, a terminal gets plain text."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    out = Terminal()
    Console(out).show(REPORT, as_json=False)
    assert out.getvalue().splitlines() == [
        "A title", "", "Part", r"  name  [red]value\x1b[2J", "  name  again", "  ✗ problem: bad (RFC 1)", "", "Code", "    x = 1",
    ]  # fmt: skip


def test_report_as_json() -> None:
    """A report is JSON for scripts."""
    out = io.StringIO()
    Console(out).show(REPORT, as_json=True)
    assert json.loads(out.getvalue()) == {
        "title": "A title",
        "ok": False,
        "sections": [
            {
                "title": "Part",
                "values": {"name": ["[red]value\x1b[2J", "again"]},
                "findings": [{"level": "problem", "text": "bad", "source": "RFC 1"}],
            },
            {"title": "Code", "code": "x = 1\n"},
        ],
    }


def test_countdown(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the time that is left is shown on one line, and wiped away at the end."""
    monkeypatch.setenv("TERM", "xterm")
    err = Terminal()
    console = Console(io.StringIO(), err)
    with console.countdown("Waiting:", 65.5):
        deadline = time.monotonic() + 5
        while "left" not in err.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        console.tell("By the way.")
    console.tell("Done.")
    assert err.getvalue() == "\r\x1b[KWaiting: 1:05 left\r\x1b[KBy the way.\n\r\x1b[KDone.\n"


@pytest.mark.parametrize("options", [{"err": io.StringIO()}, {"err": Terminal(), "quiet": True}])
def test_no_countdown(options) -> None:
    """Into a file, or when quiet, nothing is shown."""
    with Console(io.StringIO(), **options).countdown("Waiting:", None):
        pass
    assert options["err"].getvalue() == ""


@pytest.mark.parametrize(("seconds", "shown"), [(-1, "0:00"), (5, "0:05"), (65, "1:05"), (7205, "2:00:05")])
def test_as_time(seconds: float, shown: str) -> None:
    """Durations are shown as on a clock."""
    assert as_time(seconds) == shown


def test_a_body_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API sends cannot drive the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    Console(out).result_bytes("a\x1b[2Jb\n\té".encode())
    assert out.getvalue() == "a\ufffd[2Jb\n\té\n"


def test_a_closed_stream() -> None:
    """A closed stream is no terminal."""
    stream = io.StringIO()
    stream.close()
    assert console.is_lively(stream) is False
