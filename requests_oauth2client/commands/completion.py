"""`completion`: what makes a shell complete the command line, with the extra `cli`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.optional import needed

from .exit_codes import ExitCode

if TYPE_CHECKING:
    import argparse

    from .console import Console

SUMMARY = "Print a script that makes your shell complete these commands."
SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `completion`."""
    parser = commands.add_parser("completion", help=SUMMARY, description=SUMMARY, parents=[common])
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Print the script.

    Raises:
        MissingPackage: the package that writes it is not installed.

    """
    shtab = needed("shtab", extra="cli")
    console.result(shtab.complete(options.parser, options.shell))
    return ExitCode.DONE
