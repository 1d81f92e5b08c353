"""What of an HTTP exchange may be shown: texts for error messages, copies for pickles.

A server may echo what it was sent, and a log line may travel far: nothing here returns a credential.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

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


def printable(text: object, limit: int = MAX_SHOWN) -> str:
    """Return `text` on one line, control characters escaped (log injection), cut at `limit` characters."""
    shown = str(text)
    shown = shown if len(shown) <= limit else shown[:limit] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


def printable_url(url: object) -> str:
    """Return `url` without user information, query and fragment, where credentials hide."""
    text = str(url).partition("#")[0].partition("?")[0]
    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    return printable(scheme + separator + authority.rpartition("@")[2] + slash + path)


def secrets_of(request: requests.PreparedRequest | None) -> set[str]:
    """Return the credentials that `request` carried, as they may come back in an answer."""
    if request is None:
        return set()
    values = {
        str(request.headers[name]).rpartition(" ")[2] for name in SECRET_HEADERS if name in (request.headers or {})
    }
    body = request.body
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        values |= {value for name, value in parse_qsl(body) if name in SECRET_PARAMETERS}
    return {value for value in values if value}


def redacted(text: object, request: requests.PreparedRequest | None) -> str:
    """Return `text` fit for a message: printable, and without any credential that `request` carried."""
    raw = str(text)
    for secret in sorted(secrets_of(request), key=len, reverse=True):
        raw = raw.replace(secret, "[redacted]")
    return printable(raw)


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
    """Return a copy of `response` that pickles, whose request is a `shareable_request`."""
    shared = copy.copy(response)
    if getattr(response, "request", None) is not None:
        shared.request = shareable_request(response.request)
    shared.history = [shareable_response(previous) for previous in response.history]
    return shared
