"""`token`: get a token, and print it."""

from __future__ import annotations

import argparse
from math import inf
from typing import TYPE_CHECKING, Any

from requests_oauth2client.exceptions import InvalidParam

from .exit_codes import ExitCode
from .settings import FLOWS, add_settings, settings_of

if TYPE_CHECKING:
    from requests_oauth2client.tokens import BearerToken

    from .console import Console

SUMMARY = "Get an access token, and print it."

EPILOG = """\
examples:
  %(prog)s --issuer https://as.example --client-id my-service --client-secret-file secret.txt --scope orders:read
  %(prog)s device --profile tv --store ~/.local/state/tokens
  curl -H "$(%(prog)s --profile work --header)" https://api.example/orders
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `token`."""
    parser = commands.add_parser(
        "token",
        usage="%(prog)s [OPTIONS] [FLOW]",
        help=SUMMARY,
        description=SUMMARY,
        epilog=EPILOG,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "flow",
        nargs="?",
        choices=FLOWS,
        metavar="FLOW",
        help=f"how to get it: {', '.join(FLOWS)}; the first by default",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print all that came with the token, as JSON")
    shown.add_argument("--header", action="store_true", help="print the HTTP header, for `curl -H`")
    parser.add_argument("--new", action="store_true", help="get another token, even if the stored one is still good")
    parser.add_argument("--forget", action="store_true", help="remove the token from the store, and print nothing")
    add_login_options(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def seconds(text: str) -> float:
    """Return a time to wait."""
    value = float(text)
    if not 0 < value < inf:
        raise ValueError
    return value


def add_login_options(parser: argparse.ArgumentParser) -> None:
    """Add what a user who logs in may need."""
    login = parser.add_argument_group("login by browser")
    login.add_argument("--no-browser", action="store_true", help="only print the address; do not open it")
    login.add_argument("--port", type=int, default=0, metavar="PORT", help="where the browser comes back; any")
    login.add_argument("--wait", type=seconds, default=300, metavar="SECONDS", help="how long to wait; %(default)s")


def run(options: argparse.Namespace, console: Console) -> int:
    """Get a token, and print it."""
    from .flows import make_auth, make_client, obtained_token  # what sends requests: not for --help

    settings = settings_of(options, console)
    client = make_client(settings, verbose=options.verbose)
    auth = make_auth(client, settings.text("flow") or FLOWS[0], settings, options)
    if options.forget or options.new:
        if options.forget and auth.store is None:
            msg = "Where is the token to forget? Pass --store."
            raise InvalidParam(msg)
        auth.forget_token()
    if options.forget:
        console.note("Forgotten here; the server still honours it until it expires, or is revoked there.")
        return ExitCode.DONE
    show(obtained_token(auth), options, console)
    return ExitCode.DONE


def show(token: BearerToken, options: argparse.Namespace, console: Console) -> None:
    """Print a token in the form that was asked for."""
    bound = getattr(token, "dpop_key", None) is not None
    if options.json:
        console.result_json(token.as_dict())
        return
    if bound and options.header:
        msg = "A DPoP token needs a new proof with each request, which no fixed header has: use the command `call`."
        raise InvalidParam(msg)
    if bound:
        console.note("This token is bound to a key, and useless without it: `--json` prints both, `call` uses both.")
    console.result(f"{token.AUTHORIZATION_HEADER}: {token.authorization_header()}" if options.header else str(token))
