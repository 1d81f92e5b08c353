"""`call`: one API request with a token."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests_oauth2client.evidence import printable
from requests_oauth2client.exceptions import InvalidParam

from .exit_codes import ExitCode
from .private_files import read_secret
from .settings import FLOWS, add_settings, settings_of
from .token import add_login_options, seconds

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.api_client import ApiClient, Auth

    from .console import Console
    from .settings import Settings

SUMMARY = "Send one request to an API, with a token, and print the answer."

EPILOG = """\
examples:
  %(prog)s --profile work https://api.example/orders
  %(prog)s --profile work /orders -X POST -j '{"item": "a lamp"}'    (with `api` in the profile)
  %(prog)s --profile bank --dpop https://api.example/accounts -i
"""

FIRST_FAILURE = 400
"""The lowest HTTP status that tells of a failure."""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `call`."""
    parser = commands.add_parser(
        "call",
        usage="%(prog)s [OPTIONS] URL",
        help=SUMMARY,
        description=SUMMARY,
        epilog=EPILOG,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", metavar="URL", help="an address, or a path below the `api` of the profile")
    parser.add_argument(
        "-X", "--request", dest="method", type=method, metavar="METHOD", help="GET, or POST when there is a body"
    )
    parser.add_argument(
        "-H", "--request-header", dest="headers", action="append", metavar="'NAME: VALUE'", help="can be repeated"
    )
    body = parser.add_mutually_exclusive_group()
    body.add_argument("-d", "--data", metavar="DATA", help="body: a form, or @FILE, or @- for standard input")
    body.add_argument("-j", "--data-json", metavar="JSON", help="body: JSON, or @FILE, or @- for standard input")
    parser.add_argument("-i", "--include", action="store_true", help="print status and headers, too")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the body to a file")
    parser.add_argument("--json", action="store_true", help="print status, headers and body as JSON")
    parser.add_argument("--timeout", type=seconds, default=60, metavar="SECONDS", help="%(default)s")
    parser.add_argument("--api", metavar="URL", help="base URL, which the token never leaves")
    parser.add_argument("--token-file", metavar="FILE", help="file with the access token, instead of getting one")
    parser.add_argument("--flow", choices=FLOWS, help="how to get the token; client-credentials by default")
    add_login_options(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def method(text: str) -> str:
    """Return an HTTP method, which is a word (RFC 9110 §9.1)."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError
    return text


def run(options: argparse.Namespace, console: Console) -> int:
    """Send the request, and print the answer."""
    from requests import Session

    settings = settings_of(options, console)
    with Session() as session:
        auth = authentication(options, settings, console)
        api, path = target(options.url, settings.text("api"), auth, session)
        headers, body = request_parts(options)
        response = api.request(
            options.method or ("GET" if body is None else "POST"),
            path,
            headers=headers,
            data=body,
            timeout=options.timeout,
            stream=True,
            raise_for_status=False,
        )
        show(response, options, console)
    return ExitCode.API_ERROR if response.status_code >= FIRST_FAILURE else ExitCode.DONE


def authentication(options: argparse.Namespace, settings: Settings, console: Console) -> Auth:
    """Return what puts the token on the request."""
    from requests_oauth2client.tokens import BearerToken

    from .flows import make_auth, make_client

    if options.token_file:
        return BearerToken(read_secret(options.token_file, console.note))
    client = make_client(settings, verbose=options.verbose)
    return make_auth(client, settings.text("flow") or FLOWS[0], settings, options)


def target(url: str, base: str | None, auth: Auth, session: requests.Session) -> tuple[ApiClient, str | None]:
    """Return the API to call, and a path on it.

    Raises:
        InvalidParam: a token would travel unencrypted, or to somebody else.

    """
    from requests_oauth2client.api_client import ApiClient
    from requests_oauth2client.uris import validate_endpoint_uri

    if "://" not in url:
        if base is None:
            msg = "To call a path, say of which API: pass --api, or put `api` into the profile."
            raise InvalidParam(msg)
        validate_endpoint_uri(base, path=False)
        return ApiClient(base, auth=auth, session=session), url
    validate_endpoint_uri(url, path=False)
    if base is not None:
        root = base.rstrip("/")
        if url != root and not url.startswith((f"{root}/", f"{root}?")):
            msg = f"This address is not below {root}, and the token is for nobody else. Pass another --api."
            raise InvalidParam(msg)
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return ApiClient(f"{parts.scheme}://{parts.netloc}", auth=auth, session=session), path or None


def request_parts(options: argparse.Namespace) -> tuple[dict[str, str], bytes | None]:
    """Return headers and body.

    Raises:
        InvalidParam: one of them cannot be sent.

    """
    headers: dict[str, str] = {}
    for line in options.headers or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            msg = "-H takes 'Name: value'."
            raise InvalidParam(msg)
        if name.strip().lower() in ("authorization", "dpop"):
            msg = f"The token is what sets the header {name.strip()}: leave it out, or use curl."
            raise InvalidParam(msg)
        headers[name.strip()] = value.strip()
    given = {name.lower() for name in headers}
    for content, media_type in (
        (options.data, "application/x-www-form-urlencoded"),
        (options.data_json, "application/json"),
    ):
        if content is not None:
            if "content-type" not in given:
                headers["Content-Type"] = media_type
            sent = _content(content)
            if content is options.data_json:
                _check_json(sent)
            return headers, sent
    return headers, None


def _content(given: str) -> bytes:
    if not given.startswith("@"):
        return given.encode()
    if given == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(given[1:]).expanduser().read_bytes()
    except OSError as exc:
        msg = f"The file with the body cannot be read: {exc.strerror}."
        raise InvalidParam(msg) from exc


def _check_json(content: bytes) -> None:
    try:
        json.loads(content)
    except ValueError as exc:  # whose text does not quote it
        msg = f'The body is no JSON: {exc}. Quote it for the shell, as in -j \'{{"item": "a lamp"}}\'.'
        raise InvalidParam(msg) from None


def show(response: requests.Response, options: argparse.Namespace, console: Console) -> None:
    """Print an answer: the body as it is, unless something else was asked for."""
    if options.output and not options.json:
        with Path(options.output).expanduser().open("wb") as file:
            for chunk in response.iter_content(65536):
                file.write(chunk)
    if options.json:
        shown = {"status": response.status_code, "headers": dict(response.headers), "body": _body(response)}
        console.result_json(shown)
        return
    if options.include:
        console.result(f"HTTP {response.status_code} {printable(response.reason)}")
        for name, value in response.headers.items():
            console.result(printable(f"{name}: {value}"))
        console.result("")
    elif response.status_code >= FIRST_FAILURE:
        console.note(f"The API answered {response.status_code} {printable(response.reason)}.")
        challenge = response.headers.get("WWW-Authenticate")
        if challenge:
            console.note(printable(f"WWW-Authenticate: {challenge}"))
    if not options.output:
        console.result_bytes(response.content)


def _body(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text
