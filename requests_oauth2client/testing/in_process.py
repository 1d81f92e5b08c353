"""Answers requests inside this process: a transport adapter for `requests`, without a socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPMessage
from http.client import responses as reasons
from typing import Any, TypeAlias

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3._collections import HTTPHeaderDict

from .http import Request, Response, TimedOut

Handler: TypeAlias = Callable[[Request], Response]


def body_bytes(body: Any) -> bytes:
    """Read whatever `requests` accepts as the body of a prepared request."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    if hasattr(body, "read"):
        return body_bytes(body.read())
    return b"".join(body)


class _Chunks(io.RawIOBase):
    """A body that comes chunk by chunk, as a socket would give it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def read1(self, size: int = -1) -> bytes:
        return self.read(size if size >= 0 else io.DEFAULT_BUFFER_SIZE) or b""


class _Headers:
    """Where `requests` looks for cookies: the headers as `http.client` keeps them."""

    def __init__(self, headers: tuple[tuple[str, str], ...]) -> None:
        self.msg = HTTPMessage()
        for name, value in headers:
            self.msg.add_header(name, value)

    def isclosed(self) -> bool:
        return False

    def close(self) -> None:
        """There is no connection to close."""


class InProcessAdapter(HTTPAdapter):
    """Gives each request to a function, and its answer back to `requests`."""

    def __init__(self, handler: Handler) -> None:
        """Answer with `handler`."""
        super().__init__()
        self._handler = handler

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002  # the signature is that of requests
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: ARG002  # idem
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002  # idem
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002  # idem
    ) -> requests.Response:
        """Answer a request.

        Raises:
            requests.ReadTimeout: at once, if the answer would come after the timeout.

        """
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        received = Request(
            method=request.method or "GET",
            url=request.url or "",
            headers=CaseInsensitiveDict(
                {_text(name): _text(value) for name, value in request.headers.items()},
            ),
            body=body_bytes(request.body),
            patience=patience if isinstance(patience, (int, float)) else None,
        )
        try:
            response = self._handler(received)
        except TimedOut as exc:
            raise requests.ReadTimeout(str(exc), request=request) from exc
        return self.build_response(request, _as_urllib3(response, received.method))


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _as_urllib3(response: Response, method: str) -> HTTPResponse:
    headers = HTTPHeaderDict(response.headers)
    if isinstance(response.body, bytes) and "Content-Length" not in headers:
        headers["Content-Length"] = str(len(response.body))
    return HTTPResponse(
        body=_Chunks(iter(()) if method == "HEAD" else response.chunks()),
        headers=headers,
        status=response.status,
        reason=reasons.get(response.status, ""),
        preload_content=False,
        decode_content=False,
        original_response=_Headers(response.headers),  # type: ignore[arg-type]  # only `msg` is read
        request_method=method,
    )
