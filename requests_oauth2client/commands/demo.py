"""`demo`: the main job, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from .console import Console

SUMMARY = "Get a token, call an API, renew the token: all on this machine, shown as it happens."


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `demo`."""
    parser = commands.add_parser("demo", help=SUMMARY, description=SUMMARY, parents=[common])
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, console: Console) -> int:
    """Run the demo."""
    from requests_oauth2client.demo import demo

    demo(console.result)
    return ExitCode.DONE
