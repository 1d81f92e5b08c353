"""Ready-made misbehaviours: answers that no honest server gives.

Each function returns a callable to give to `AuthorizationServer.misbehave`:

    server.misbehave("token", redirect("https://elsewhere.example/"))

One's own is any callable that takes the `Request` and returns a `Response`. It can start from the honest answer, which
`request.proceed()` produces.
"""

from __future__ import annotations

import gzip
import json as json_module
from collections.abc import Callable, Iterator
from time import sleep
from typing import Any, TypeAlias

from attrs import define

from .http import Headers, Request, Response

Misbehaviour: TypeAlias = Callable[[Request], Response]


@define
class Planned:
    """A misbehaviour that waits for its turn."""

    answer: Misbehaviour
    times: int | None
    delay: float


def canned(
    status: int = 200, body: bytes | str = b"", headers: Headers | None = None, json: Any = None
) -> Misbehaviour:
    """Answer always the same. `json` is encoded, with its Content-Type; `headers` are added."""
    content = body.encode() if isinstance(body, str) else body
    response = Response(status, headers, content)
    if json is not None:
        response = Response(status, (("Content-Type", "application/json"), *response.headers), _dump(json))
    return lambda _: response


def _dump(content: Any) -> bytes:
    return json_module.dumps(content).encode()


def redirect(location: str, status: int = 307) -> Misbehaviour:
    """Redirect. With 307 and 308, a client that follows sends its secrets again, to `location`."""
    return lambda _: Response(status, (("Location", location),))


def html(status: int = 200, page: str = "<!doctype html><title>Proxy</title><h1>Please log in</h1>") -> Misbehaviour:
    """Answer a web page, as proxies and login walls do."""
    return canned(status, page, {"Content-Type": "text/html; charset=utf-8"})


def truncated_json() -> Misbehaviour:
    """Answer the first half of the honest body, with a matching Content-Length."""

    def answer(request: Request) -> Response:
        honest = request.proceed()
        body = b"".join(honest.chunks())
        return Response(honest.status, honest.headers, body[: len(body) // 2])

    return answer


def cut_body() -> Misbehaviour:
    """Announce the honest body by its Content-Length, send half of it, and close."""

    def answer(request: Request) -> Response:
        honest = request.proceed()
        body = b"".join(honest.chunks())
        return Response(honest.status, (*honest.headers, ("Content-Length", str(len(body)))), body[: len(body) // 2])

    return answer


def json_array(status: int = 200) -> Misbehaviour:
    """Answer the honest JSON object inside an array."""

    def answer(request: Request) -> Response:
        return canned(status, json=[request.proceed().content()])(request)

    return answer


def amended(**changes: Any) -> Misbehaviour:
    """Answer the honest JSON object with other values for some fields; `None` removes a field."""
    return lambda request: request.proceed().amend(changes)


def duplicate_key(name: str, value: Any) -> Misbehaviour:
    """Answer the honest JSON object, with a key that is there twice: `value` comes last."""

    def answer(request: Request) -> Response:
        honest = request.proceed()
        body = b"".join(honest.chunks()).rstrip()
        return Response(honest.status, honest.headers, body[:-1] + b", " + _dump(name) + b": " + _dump(value) + b"}")

    return answer


def nested_json(depth: int = 100_000) -> Misbehaviour:
    """Answer arrays inside arrays, which recursive parsers do not survive."""
    body = b'{"access_token":' + b"[" * depth + b"]" * depth + b"}"
    return canned(200, body, {"Content-Type": "application/json"})


def huge_number(digits: int = 100_000) -> Misbehaviour:
    """Answer a lifetime of that many digits."""
    body = b'{"access_token":"at","token_type":"Bearer","expires_in":' + b"9" * digits + b"}"
    return canned(200, body, {"Content-Type": "application/json"})


def huge_body(size: int = 10_000_000) -> Misbehaviour:
    """Answer valid JSON of that many bytes, without a Content-Length."""

    def chunks() -> Iterator[bytes]:
        yield b'{"access_token":"'
        for _ in range(size // 65536 + 1):
            yield b"x" * 65536
        yield b'","token_type":"Bearer"}'

    return lambda _: Response(200, {"Content-Type": "application/json"}, chunks)


def slow_drip(seconds: float = 0.05, size: int = 1000) -> Misbehaviour:
    """Answer one byte at a time, that many seconds apart: no single read times out."""

    def chunks() -> Iterator[bytes]:
        yield b"{"
        for _ in range(size):
            sleep(seconds)
            yield b" "
        yield b"}"

    return lambda _: Response(200, {"Content-Type": "application/json"}, chunks)


def gzip_bomb(size: int = 100_000_000) -> Misbehaviour:
    """Answer a small body that decompresses to that many bytes of JSON."""
    body = gzip.compress(b'{"access_token":"' + b"x" * size + b'"}', compresslevel=9)
    return canned(200, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})


def wrong_content_type(content_type: str = "text/plain") -> Misbehaviour:
    """Give the honest body under another Content-Type."""

    def answer(request: Request) -> Response:
        honest = request.proceed()
        kept = tuple(header for header in honest.headers if header[0].lower() != "content-type")
        return Response(honest.status, (*kept, ("Content-Type", content_type)), honest.body)

    return answer


def wrong_charset(charset: str = "utf-16") -> Misbehaviour:
    """Give the honest body in another encoding, as announced in the Content-Type."""

    def answer(request: Request) -> Response:
        honest = wrong_content_type(f"application/json; charset={charset}")(request)
        return Response(honest.status, honest.headers, b"".join(honest.chunks()).decode().encode(charset))

    return answer


def huge_header(size: int = 60_000) -> Misbehaviour:
    """Give the honest answer with one header of that many bytes."""
    return lambda request: request.proceed().with_headers(("X-Padding", "x" * size))


def unavailable(retry_after: int | None = None) -> Misbehaviour:
    """Answer 503, with a `Retry-After` in seconds when given."""
    return canned(503, b"", {} if retry_after is None else {"Retry-After": str(retry_after)})


def invalid_utf8() -> Misbehaviour:
    """Answer JSON with bytes that are not UTF-8."""
    return canned(200, b'{"access_token":"\xff\xfe","token_type":"Bearer"}', {"Content-Type": "application/json"})


def log_injection() -> Misbehaviour:
    """Answer an error whose texts hold line breaks and terminal control sequences, to forge lines in a log."""
    forged = "denied\r\n2026-01-01 00:00:00 INFO all is well\x1b[2J\x00\u202e"
    return canned(400, json={"error": "invalid_grant", "error_description": forged, "error_uri": f"https://x/{forged}"})


def strange_keys() -> Misbehaviour:
    """Publish, before the honest keys, others that are symmetric, weak, of an unknown type, or no keys at all."""
    strange: list[Any] = [
        {"kty": "oct", "k": "AAAA", "kid": "symmetric"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "unknown type"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "not on the curve"},
        {"kty": "EC", "crv": "P-999", "x": "AAAA", "y": "AAAA", "kid": "unknown curve"},
        {"kty": "RSA", "n": "Aw", "e": "Aw", "kid": "tiny"},
        {"kty": "RSA", "kid": ["not", "a", "text"]},
        {"kid": "no type"},
        "not an object",
        None,
    ]
    return lambda request: canned(200, json={"keys": [*strange, *request.proceed().content()["keys"]]})(request)
