"""Sending a request that a server refused once more, and following a redirect with other credentials.

What `requests` does for its own digest authentication, as functions for the response hooks of auth handlers.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
from requests.cookies import extract_cookies_to_jar, get_cookie_header
from requests.sessions import SessionRedirectMixin
from requests.utils import requote_uri

from .exceptions import UnrepeatableBody

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REFUSAL_SIZE = 1024 * 1024
"""Bytes of a refusal that are read, so that its connection can be used again; one with more is closed."""

_copy = requests.PreparedRequest.copy
_redirects = SessionRedirectMixin()
_FIRST = "_repeated_for"


def drain(refusal: requests.Response) -> None:
    """Read a refusal to its end, and release its connection."""
    body = bytearray()
    with suppress(requests.RequestException, RuntimeError):
        for chunk in refusal.iter_content(8192):
            body += chunk
            if len(body) > MAX_REFUSAL_SIZE:
                break
    refusal._content = bytes(body)  # noqa: SLF001 - as `Response.content` does
    refusal.close()


def repeat(refusal: requests.Response) -> requests.PreparedRequest:
    """Return the request that was refused, ready to be sent again: its body at its start, with cookies of the refusal.

    Raises:
        UnrepeatableBody: the body was a stream that is used up.

    """
    _rewind(refusal)
    request = _copy(refusal.request)
    request.__dict__[_FIRST] = _first(refusal.request)
    _take_cookies(request, refusal)
    return request


def resend(
    refusal: requests.Response, request: requests.PreparedRequest, send_kwargs: Mapping[str, Any]
) -> requests.Response:
    """Send `request` by the transport of `refusal`; return the answer, which has `refusal` in its history."""
    started = perf_counter()
    response: requests.Response = refusal.connection.send(request, **send_kwargs)
    response.elapsed = timedelta(seconds=perf_counter() - started)
    response.history.append(refusal)
    response.request = request
    return response


def redirected(request: requests.PreparedRequest, response: requests.Response) -> requests.PreparedRequest | None:
    """Return a copy of `request` with the URL and method that follow the redirect in `response`, if that names any URL.

    Later changes to its headers are what `requests` will send, see `follow_with`.
    """
    following = _copy(request)
    try:
        following.url = urljoin(str(response.url), requote_uri(_redirects.get_redirect_target(response) or ""))
    except ValueError:
        return None
    _redirects.rebuild_method(following, response)
    return following


def follow_with(request: requests.PreparedRequest, following: requests.PreparedRequest) -> None:
    """Let `requests` follow the redirect that `request` met with the headers of `following`.

    It sends a copy of the first request to the new URL, takes `Authorization` out only when the host differs, and knows
    nothing of proofs; the copy is the only moment to intervene. The request itself stays what was sent.
    """
    _first(request).copy = partial(_copy, following)  # type: ignore[method-assign]


def forget_redirect(request: requests.PreparedRequest) -> None:
    """Undo `follow_with`: the request was sent again, and met no redirect."""
    _first(request).__dict__.pop("copy", None)


def _first(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request that `requests` knows of: the one that `request` was repeated for, maybe several times."""
    first: requests.PreparedRequest = request.__dict__.get(_FIRST, request)
    return first


def _rewind(refusal: requests.Response) -> None:
    body: Any = refusal.request.body
    start = refusal.request._body_position  # type: ignore[attr-defined]  # noqa: SLF001 - as `HTTPDigestAuth` does
    if hasattr(body, "read") or hasattr(body, "__next__"):
        try:
            body.seek(start)
        except (AttributeError, TypeError, ValueError, OSError):
            raise UnrepeatableBody(refusal) from None


def _take_cookies(request: requests.PreparedRequest, refusal: requests.Response) -> None:
    jar: Any = request._cookies  # type: ignore[attr-defined]  # noqa: SLF001 - as `HTTPDigestAuth` does
    if jar is None:
        return
    sent = request.headers.pop("Cookie", None)
    if sent is not None and sent != get_cookie_header(jar, request):  # type: ignore[no-untyped-call]  # it is so in requests
        request.headers["Cookie"] = sent  # written by the caller, not made of the jar
        return
    extract_cookies_to_jar(jar, refusal.request, refusal.raw)  # type: ignore[no-untyped-call]  # idem
    request.prepare_cookies(jar)
