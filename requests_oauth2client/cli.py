"""The command line: `python -m requests_oauth2client COMMAND`.

A command is a function that adds its parser, with the function to run as `run`; it is entered in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name


def add_demo(commands: Commands) -> None:
    """Add `demo`."""
    summary = "Get a token, call an API, renew the token: all on this machine, shown as it happens."
    parser = commands.add_parser("demo", help=summary, description=summary)
    parser.set_defaults(run=run_demo)


def run_demo(_: argparse.Namespace) -> int:
    """Run the demo."""
    from .demo import demo

    demo()
    return 0


COMMANDS = (add_demo,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of this process, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m requests_oauth2client", description="OAuth 2.x and OpenID Connect for requests."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "→" still shows the rest
    status: int = options.run(options)
    return status
