"""The command line: `requests-oauth2client COMMAND`, or `python -m requests_oauth2client COMMAND`.

A command is a room of `commands`; it is entered in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import requests

from .commands import call, completion, demo, doctor, inspection, token
from .commands.console import Console
from .commands.exit_codes import MEANINGS, ExitCode, exit_code_of
from .evidence import printable
from .exceptions import OAuth2Error

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (token, call, inspection, doctor, demo, completion)

EPILOG = "exit status:\n" + "\n".join(f"  {code.value:3}  {meaning}" for code, meaning in MEANINGS.items())


REASONS = {ExitCode.UNREACHABLE: "There was no usable answer of the API"}


class Parser(argparse.ArgumentParser):
    """A parser that does not repeat a word in the wrong place: after an unknown flag, it may be a secret."""

    def error(self, message: str) -> NoReturn:
        """Tell the usage, and what is wrong."""
        super().error(re.sub(r"invalid choice: '.*' \(", "invalid choice (", message, flags=re.DOTALL))


class Version(argparse.Action):
    """Prints the version of what is installed, which takes a moment to read."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it, and end."""
        from importlib.metadata import version

        sys.stdout.write(f"requests_oauth2client {version('requests_oauth2client')}\n")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("messages")
    group.add_argument("-q", "--quiet", action="store_true", help="say only what you must know")
    group.add_argument("-v", "--verbose", action="store_true", help="tell what happens to tokens")
    group.add_argument("--traceback", action="store_true", help="show where an error comes from")
    parser = Parser(
        prog="requests-oauth2client",
        description="OAuth 2.x and OpenID Connect from the command line.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version, and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands, common)
    for command_parser in commands.choices.values():
        command_parser.set_defaults(usage_error=command_parser.error)
    parser.set_defaults(parser=parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of this process, and return its exit status."""
    options, unknown = make_parser().parse_known_args(arguments)
    if unknown:  # names only: a value may be a secret
        names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        options.usage_error(f"unknown {', '.join(names)}" if names else "too many arguments")
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us: there is nobody to ask or to tell
            setattr(sys, name, io.TextIOWrapper(io.BytesIO(), "utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "→" still shows the rest
    console = Console(quiet=options.quiet)
    try:
        status: int = options.run(options, console)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_output()  # who reads has seen enough, as `head` does
        return ExitCode.DONE
    except (OAuth2Error, requests.RequestException, OSError, KeyboardInterrupt) as exc:
        return failed(exc, exit_code_of(exc), console, options)
    except Exception as exc:  # noqa: BLE001 - a fault of ours is told in a line, too
        return failed(exc, ExitCode.BUG, console, options)
    return int(status)


def failed(error: BaseException, code: ExitCode, console: Console, options: argparse.Namespace) -> int:
    """Tell why a command failed, and return its exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        _abandon_output()
    if options.traceback:
        console.tell("".join(traceback.format_exception(error)).rstrip())
    elif isinstance(error, KeyboardInterrupt):
        console.tell("Stopped.")
    elif code is ExitCode.BUG:
        console.tell(f"error: {type(error).__name__}. This is a fault of the program: --traceback shows where.")
    elif isinstance(error, OAuth2Error):
        console.tell(f"error: {error}")
    elif (
        isinstance(error, OSError) and error.strerror and not isinstance(error, requests.RequestException)
    ):  # of the system, which knows no secret
        console.tell(f"error: {' '.join(filter(None, (_file_of(error), printable(error.strerror))))}.")
    else:  # from the API, or from the machine; its text may hold a URL with secrets, and much that is inside
        from .endpoint import reason_of  # not for --help

        said = reason_of(error) if isinstance(error, requests.RequestException) else None
        what = REASONS.get(code, "This did not work")
        console.tell(f"error: {what} ({said or type(error).__name__}); --traceback shows why.")
    return int(code)


def _abandon_output() -> None:
    """Let Python not write once more, at its end, what cannot be written: it would complain, and exit with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _file_of(error: OSError) -> str:
    return f"{printable(str(error.filename))}:" if error.filename else "The output cannot be written:"
