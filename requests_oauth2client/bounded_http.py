"""What one HTTP exchange may cost, whatever the server sends: seconds, bytes of headers, bytes of body.

The `timeout` of requests bounds the silence between two bytes; a server that sends a byte now and then is never silent.
Here the exchange as a whole has an end. That takes an adapter of our own, which the sessions have that the library
makes; in the session of a caller, only the body is bounded, unless it has a `BoundedAdapter` too.
"""

from __future__ import annotations

import io
import zlib
from contextlib import suppress
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse, IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, SSLError
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.exceptions import SSLError as TlsError
from urllib3.poolmanager import ProxyManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

FOREVER = float("inf")

MAX_HEAD_SIZE = 256 * 1024
"""Bytes that status line and headers may have together, informational answers (1xx) included."""

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What we ask for, and decode ourselves; what comes in another encoding is left as it is, and no JSON."""

_CHUNK = 65536

_until: ContextVar[float] = ContextVar("_until", default=FOREVER)
"""When the exchange of this thread must be over, on the monotonic clock."""


class Deadline:
    """A context in which exchanges of this thread must be over after some seconds."""

    __slots__ = ("_token", "until")

    def __init__(self, seconds: float | None) -> None:
        """Start; `None` for no limit."""
        self.until = FOREVER if seconds is None else monotonic() + seconds

    def __enter__(self) -> Self:
        self._token = _until.set(self.until)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _until.reset(self._token)


# ---------------------------------------------------------------- the transport


class _Timed(io.RawIOBase):
    """The bytes that come over a connection, as long as there is time, and room in the head."""

    def __init__(self, raw: Any, sock: Any, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until
        self._patience: float | None = sock.gettimeout()
        self.room: float = FOREVER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - monotonic()
        if left <= 0:
            msg = "the answer took too long as a whole"
            raise TimeoutError(msg)
        self._sock.settimeout(left if self._patience is None else min(left, self._patience))
        count: int = self._raw.readinto(buffer)
        self.room -= count
        if self.room < 0:
            msg = "the headers are too long as a whole"
            raise HTTPException(msg)
        return count

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError):
                self._sock.settimeout(self._patience)
            self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose head and body come through a `_Timed`, when there is a `Deadline`."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._source: _Timed | None = None
        until = _until.get()
        if until != FOREVER:
            stream: Any = self.fp
            self._source = _Timed(stream.detach(), sock, until)
            self.fp = io.BufferedReader(self._source)

    def begin(self) -> None:
        if self._source is not None:
            self._source.room = MAX_HEAD_SIZE
        super().begin()
        if self._source is not None:
            self._source.room = FOREVER


class _Pool(HTTPConnectionPool):
    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.response_class = _Response
        return connection


class _TlsPool(HTTPSConnectionPool):
    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.response_class = _Response
        return connection


_POOLS = {"http": _Pool, "https": _TlsPool}


class BoundedAdapter(HTTPAdapter):
    """A transport on which the `deadline` of a client also bounds the head of an answer, and `MAX_HEAD_SIZE` its size.

    To have that in a session of your own: `session.mount("https://", BoundedAdapter())`.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections of ours."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Make connections of ours through HTTP proxies too; those of SOCKS are another kind."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if type(manager) is ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager


def bounded_session() -> requests.Session:
    """Return a new session, whose exchanges are bounded as a whole, and which takes no cookies from servers.

    No endpoint of an Authorization Server needs any; kept, they could grow with each answer, and go with each request.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for prefix in ("https://", "http://"):
        session.mount(prefix, BoundedAdapter())
    return session


# ---------------------------------------------------------------- the body


def read_body(response: requests.Response, limit: int, until: float = FOREVER) -> bytes | None:
    """Read the body into `response.content`; return it, at most `limit` bytes and one of it.

    Whoever gets more than `limit` bytes must close the response.

    Args:
        response: an answer, made with `stream=True`.
        limit: bytes, after decompression.
        until: when it must be there, on the monotonic clock.

    Raises:
        requests.RequestException: it could not be read, or not in time.

    """
    content: Any = response._content  # noqa: SLF001 - `content` itself would read without bound
    if content is not False:
        return content  # type: ignore[no-any-return]  # bytes, or None
    body = bytearray()
    try:
        for chunk in _decoded(_chunks(response, until), response.headers.get("Content-Encoding", ""), limit):
            body += chunk
            if len(body) > limit:
                break
    except BaseException:
        response.close()  # a connection with the rest of a body must not serve another request
        raise
    content = response._content = bytes(body[: limit + 1])  # noqa: SLF001 - what `content` would do
    # of a body that is not read to its end, `response.close()` closes the connection
    response._content_consumed = len(body) <= limit  # type: ignore[attr-defined]  # noqa: SLF001 - idem
    return content  # type: ignore[no-any-return]  # bytes


def _chunks(response: requests.Response, until: float) -> Iterator[bytes]:
    """Yield what comes over the wire, as it comes."""
    read = _reader(response.raw)
    try:
        while chunk := read():
            yield chunk
            if monotonic() > until:
                msg = "The body took too long as a whole."
                raise requests.ReadTimeout(msg, response=response)
    except requests.RequestException:
        raise
    except (ReadTimeoutError, TimeoutError) as exc:
        raise requests.ReadTimeout(exc, response=response) from exc
    except TlsError as exc:
        raise SSLError(exc, response=response) from exc
    except (HTTPError, HTTPException, OSError) as exc:
        raise ChunkedEncodingError(exc, response=response) from exc


def _reader(raw: Any) -> Callable[[], bytes]:
    if raw is None:
        return bytes
    if not hasattr(raw, "stream"):  # an adapter without urllib3
        return lambda: raw.read(_CHUNK)
    inner = getattr(raw, "_fp", None)
    if isinstance(inner, HTTPResponse) and not hasattr(raw, "read1"):
        return lambda: _read_of_old(raw, inner)
    # `read` waits until the chunk is full, which a slow server never does
    read = raw.read1 if hasattr(raw, "read1") and hasattr(inner, "read1") else raw.read
    return lambda: read(_CHUNK, decode_content=False)


def _read_of_old(raw: Any, inner: HTTPResponse) -> bytes:
    """Read what there is, for urllib3 1.26, which has no `read1`; at the end, do what its `read` would do."""
    data = inner.read1(_CHUNK)
    if not data:
        if inner.length:
            raise IncompleteRead(b"", inner.length)
        inner.close()
        raw.release_conn()
    return data


def _decoded(chunks: Iterator[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """Decompress `chunks`, `limit` bytes and one at most: urllib3 before 2.6 would make a whole bomb of each chunk."""
    encoding = encoding.strip().lower()
    if encoding not in ("gzip", "x-gzip", "deflate"):
        yield from chunks
        return
    decoder: Any = None
    room, taken = limit + 1, 0
    try:
        for chunk in chunks:
            rest, taken = chunk, taken + len(chunk)
            if taken > limit:  # of what decompresses to nothing, there could be any amount
                msg = f"The body has more than {limit} bytes of {encoding}."
                raise ContentDecodingError(msg)
            while rest and room > 0:
                if decoder is None or decoder.eof:  # a gzip file may have several members
                    decoder = _decompressor(encoding, rest)
                data = decoder.decompress(rest, room)
                room -= len(data)
                rest = decoder.unconsumed_tail or decoder.unused_data
                yield data
            if room <= 0:
                return
    except zlib.error as exc:
        msg = f"The body is no {encoding}."
        raise ContentDecodingError(msg) from exc
    if decoder is not None and not decoder.eof:
        msg = f"The body is cut in the middle of {encoding}."
        raise ContentDecodingError(msg)


def _decompressor(encoding: str, start: bytes) -> Any:
    if encoding != "deflate":
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    # RFC 9110 §8.4.1.2 means the zlib format; some servers send raw deflate
    with_header = start[0] & 0x0F == zlib.DEFLATED and (len(start) == 1 or (start[0] * 256 + start[1]) % 31 == 0)
    return zlib.decompressobj(zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)
