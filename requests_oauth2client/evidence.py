"""What of an HTTP exchange may be shown: texts for error messages, copies for pickles.

A server may echo what it was sent, and a log line may travel far: nothing here returns a credential.
"""

from __future__ import annotations

import copy
import json
import re
from base64 import b64decode
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

if TYPE_CHECKING:
    import requests

MAX_SHOWN = 500
"""Characters of a server's text that a message shows."""

SECRET_PARAMETERS = frozenset(
    {
        "access_token",
        "actor_token",
        "assertion",
        "auth_req_id",
        "client_assertion",
        "client_notification_token",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "id_token",
        "id_token_hint",
        "login_hint_token",
        "password",
        "refresh_token",
        "request",
        "subject_token",
        "token",
    }
)
"""Form and JSON members whose value is a credential."""

SECRET_HEADERS = ("Authorization", "Proxy-Authorization", "DPoP", "Cookie")

REDACTED = "[redacted]"

_ISSUED = re.compile(
    r'"(access_token|refresh_token|id_token|device_code|auth_req_id|client_secret)"(\s*:\s*)"(?:[^"\\]|\\.)*"?'
)
"""JSON members of an answer that are credentials, whatever the answer is worth; the text may be cut."""


def printable(text: object, limit: int = MAX_SHOWN) -> str:
    """Return `text` on one line, control characters escaped (log injection), cut at `limit` characters."""
    shown = str(text)
    shown = shown if len(shown) <= limit else shown[:limit] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


def printable_url(url: object) -> str:
    """Return `url` without user information, query and fragment, where credentials hide."""
    text = str(url).partition("#")[0].partition("?")[0]
    scheme, separator, rest = text.partition("://")
    if not separator:  # no URL, but it may hold what was to be user information
        return printable(text.rpartition("@")[2])
    authority, slash, path = rest.partition("/")
    authority = authority.rpartition("@")[2]
    port = authority.rpartition("]")[2].partition(":")[2]
    if port and not port.isdecimal():  # a password with '/', '?' or '#' in it
        return printable(scheme + separator + "…")
    return printable(scheme + separator + authority + slash + path)


def secrets_of(request: requests.PreparedRequest | None) -> set[str]:
    """Return the credentials that `request` carried, in each form in which they may come back in an answer."""
    if request is None:
        return set()
    values = {
        secret
        for name in SECRET_HEADERS
        if request.headers and name in request.headers
        for secret in _secrets_in_header(request.headers[name])
    }
    body = request.body
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        values |= {value for name, value in parse_qsl(body) if name in SECRET_PARAMETERS}
    return {form for value in values if value for form in _forms(value)}


def _forms(value: str) -> tuple[str, ...]:
    return value, quote_plus(value), quote(value, safe=""), json.dumps(value)[1:-1], escape(value)


def _secrets_in_header(value: str | bytes) -> set[str]:
    """Return what follows the scheme, the secret inside `Basic` credentials, the value of each cookie."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    scheme, _, credentials = text.partition(" ")
    found = {credentials or scheme, *(cookie.partition("=")[2].strip() for cookie in text.split(";"))}
    if scheme.lower() == "basic":
        try:
            secret = b64decode(credentials).decode("utf-8", "replace").partition(":")[2]
        except ValueError:
            return found
        found |= {secret, unquote_plus(secret)}
    return found


def redacted(text: object, request: requests.PreparedRequest | None) -> str:
    """Return `text` fit for a message: printable, and without any credential that `request` carried."""
    return printable(without_secrets(str(text), request))


def without_secrets(text: str, request: requests.PreparedRequest | None) -> str:
    """Return `text` without any credential that `request` carried."""
    secrets = sorted(secrets_of(request), key=len, reverse=True)
    # whatever the case: of percent-encoding and escapes there are two spellings
    return re.sub("|".join(map(re.escape, secrets)), REDACTED, text, flags=re.IGNORECASE) if secrets else text


def shareable_request(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a copy of `request` without body, credentials and hooks: what a pickle may hold."""
    shared = request.copy()
    shared.body = None
    shared.hooks = {"response": []}
    shared._cookies = None  # type: ignore[attr-defined]  # noqa: SLF001 - requests keeps the jar there
    for name in SECRET_HEADERS:
        if shared.headers is not None:
            shared.headers.pop(name, None)
    return shared


def shareable_response(response: requests.Response) -> requests.Response:
    """Return a copy of `response` that pickles: without cookies, without what it issued, or echoes of its request.

    Its request is a `shareable_request`.
    """
    from requests.cookies import RequestsCookieJar  # only pickled errors need requests here

    shared = copy.copy(response)
    request = getattr(response, "request", None)
    if request is not None:
        shared.request = shareable_request(request)
    content: object = response._content  # noqa: SLF001 - `content` would read
    if isinstance(content, bytes):
        text = without_secrets(content.decode("utf-8", "surrogateescape"), request)
        text = _ISSUED.sub(rf'"\1"\2"{REDACTED}"', text)
        shared._content = text.encode("utf-8", "surrogateescape")  # noqa: SLF001 - idem
    shared.headers = response.headers.copy()
    shared.headers.pop("Set-Cookie", None)
    shared.cookies = RequestsCookieJar()
    shared.history = [shareable_response(previous) for previous in response.history]
    return shared
