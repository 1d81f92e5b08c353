"""Whatever a server sends, and however slowly, an exchange has an end, and takes little room."""

from __future__ import annotations

import gzip
import io
import itertools
import pickle
import time
import tracemalloc
import zlib

import pytest
import requests
from urllib3 import HTTPResponse

from requests_oauth2client import BoundedAdapter, ConnectionFailed, OAuth2Client, RequestTimeout, TransportError
from requests_oauth2client.bounded_http import MAX_HEAD_SIZE, Deadline, bounded_session, read_body
from requests_oauth2client.endpoint import DEFAULT_DEADLINE, exchange
from requests_oauth2client.testing import misbehaviour

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOKEN = b'{"access_token":"at","token_type":"Bearer"}'


def drip(start, byte=b" "):
    """`start`, and then one byte after the other."""
    return lambda: itertools.chain([start], itertools.repeat(byte))


DRIPS = {
    "status line": drip(b"HTTP/1.1 200 ", b"K"),
    "one header": drip(JSON + b"X: ", b"x"),
    "many headers": drip(JSON, b"X: y\r\n"),
    "100 Continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body with a length": drip(JSON + b"Content-Length: 1000\r\n\r\n{"),
    "body without a length": drip(JSON + b"\r\n{"),
    "chunks": drip(JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "one chunk": drip(JSON + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b" "),
    "the size of a chunk": drip(JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": drip(JSON + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "empty gzip members": drip(JSON + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
}


@pytest.mark.parametrize("name", DRIPS)
def test_drips(wire, name):
    """A server that is never silent for long, and never done, is given up after `deadline` seconds, wherever it drips."""
    origin = wire(pause=0.02, endless=DRIPS[name])
    with OAuth2Client(f"{origin}/token", ("client_id", "secret"), deadline=0.3, timeout=0.3) as client:
        start = time.monotonic()
        with pytest.raises(RequestTimeout, match="longer `deadline`") as caught:
            client.client_credentials()
        assert 0.25 < time.monotonic() - start < 2
    assert caught.value.may_have_been_processed


def test_other_sessions(wire):
    """In the session of a caller, a body that drips is given up too; a `BoundedAdapter` does it for the head."""
    body, head = (wire(pause=0.02, endless=DRIPS[name]) for name in ("chunks", "one header"))
    with requests.Session() as session:
        start = time.monotonic()
        with pytest.raises(RequestTimeout):
            OAuth2Client(f"{body}/token", ("c", "s"), session=session, deadline=0.3, timeout=0.3).client_credentials()
        session.mount("http://", BoundedAdapter())
        with pytest.raises(RequestTimeout):
            OAuth2Client(f"{head}/token", ("c", "s"), session=session, deadline=0.3, timeout=0.3).client_credentials()
        assert time.monotonic() - start < 4


def test_in_process(server):
    """The embedded server drips as well, without a socket."""
    server.misbehave("token", misbehaviour.slow_drip(0.01, 1000))
    client = OAuth2Client(
        server.endpoint("token"), ("client_id", "client_secret"), session=server.session(), deadline=1e-9
    )
    start = time.monotonic()
    with pytest.raises(RequestTimeout):
        client.token_request({"grant_type": "client_credentials"}, timeout=0.2)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("deadline", "timeout", "seconds"),
    [(60.0, 10.0, 60.0), (60.0, 90, 90.0), (60.0, (50, 40), 90.0), (60.0, None, 60.0), (60.0, (None, 5), 60.0)],
)
def test_patience(monkeypatch, server, deadline, timeout, seconds):
    """Who allows a longer silence than `deadline` allows an exchange of that length."""
    given = []
    monkeypatch.setattr("requests_oauth2client.endpoint.Deadline", lambda whole: given.append(whole) or Deadline(whole))
    session = server.session()
    exchange(session, "GET", server.endpoint("jwks"), headers={}, deadline=deadline, timeout=timeout)
    assert given == [seconds]


def test_no_deadline(server):
    """`deadline=None` is no limit; by default there is one."""
    client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=server.session())
    assert client.deadline == DEFAULT_DEADLINE == 60
    with Deadline(None) as forever:
        assert forever.until == float("inf")
    patient = OAuth2Client(server.endpoint("token"), client.auth, session=server.session(), deadline=None)
    assert patient.client_credentials().access_token


@pytest.mark.parametrize(
    "head",
    [
        [JSON, b"X: " + b"x" * 70_000],
        [JSON, *[b"X: y\r\n"] * 200],
        [JSON, *[b"X: " + b"x" * 60_000 + b"\r\n"] * 50],
        [b"HTTP/1.1 200 " + b"x" * 70_000],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 100_000,
        [b"x" * 1_000_000],
        [b""],
    ],
    ids=["one long header", "many headers", "long together", "long status", "100 Continue", "no HTTP", "nothing"],
)
def test_long_heads(wire, head):
    """A head of many or of long lines is refused before it takes room, whatever its kind."""
    origin = wire(*head, b"\r\n\r\n{}")
    with (
        OAuth2Client(f"{origin}/token", ("client_id", "secret"), deadline=10) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        client.client_credentials()
    assert len(str(caught.value)) < 400
    assert MAX_HEAD_SIZE == 2**18


def test_connections_go_on(wire, server):
    """An exchange in time leaves a connection that serves the next one, under its own deadline."""
    with server.serve(), OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), deadline=1) as client:
        for _ in range(3):
            client.client_credentials()
        pools = client.session.get_adapter(server.issuer).poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - no mapping
        time.sleep(1.1)
        assert client.client_credentials().access_token


def test_through_a_proxy(wire):
    """The head of what a proxy answers is bounded as well."""
    origin = wire(pause=0.02, endless=DRIPS["one header"])
    client = OAuth2Client("https://as.example/token", ("c", "s"), deadline=0.3, timeout=0.3)
    client.session.proxies = {"https": origin, "http": origin}
    start = time.monotonic()
    with pytest.raises(TransportError):
        client.client_credentials()
    assert time.monotonic() - start < 3


def test_socks_is_left_alone():
    """What is no HTTP proxy keeps connections of its own kind."""
    adapter, other = BoundedAdapter(), requests.adapters.HTTPAdapter()
    adapter.proxy_manager["socks5://127.0.0.1:1"] = other.poolmanager
    assert adapter.proxy_manager_for("socks5://127.0.0.1:1") is other.poolmanager
    assert "pool_classes_by_scheme" in vars(other.poolmanager)
    assert other.poolmanager.pool_classes_by_scheme != adapter.poolmanager.pool_classes_by_scheme


def test_sessions_travel():
    """A session of ours pickles, adapters and all."""
    again = pickle.loads(pickle.dumps(bounded_session()))
    assert type(again.get_adapter("https://as.example/")) is BoundedAdapter
    assert again.get_adapter("https://as.example/").poolmanager.pool_classes_by_scheme["https"].__name__ == "_TlsPool"


def test_cookies_are_not_kept(wire):
    """Cookies that a server sets are not kept, and so not sent; those that a caller puts there are."""
    headers = b"".join(b"Set-Cookie: c%d=marked; Path=/; Domain=127.0.0.1\r\n" % i for i in range(50))
    origin = wire(JSON + headers + b"\r\n" + TOKEN)
    client = OAuth2Client(f"{origin}/token", ("client_id", "secret"))
    client.session.cookies.set("sticky", "1")
    sent = []
    client.session.hooks["response"].append(lambda response, **_: sent.append(response.request.headers.get("Cookie")))
    for _ in range(2):
        client.client_credentials()
    assert sent == ["sticky=1"] * 2
    assert len(client.session.cookies) == 1


# ---------------------------------------------------------------- encodings


def raw_deflate(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODINGS = {
    "": (TOKEN, TOKEN),
    "identity": (TOKEN, TOKEN),
    "gzip": (gzip.compress(TOKEN), TOKEN),
    " GZip ": (gzip.compress(TOKEN), TOKEN),
    "x-gzip": (gzip.compress(TOKEN[:9]) + gzip.compress(TOKEN[9:]), TOKEN),
    "deflate": (zlib.compress(TOKEN), TOKEN),
    "Deflate": (raw_deflate(TOKEN), TOKEN),
    "gzip, gzip": (gzip.compress(gzip.compress(TOKEN)), gzip.compress(gzip.compress(TOKEN))),
    "br": (b"\x0b\x02\x80{}\x03", b"\x0b\x02\x80{}\x03"),
    "zstd": (b"(\xb5/\xfd", b"(\xb5/\xfd"),
}


def response_of(body, encoding, raw=None):
    response = requests.Response()
    response.headers["Content-Encoding"] = encoding
    response.raw = raw or HTTPResponse(body=io.BytesIO(body), preload_content=False)
    return response


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(encoding):
    """Gzip and deflate, which we ask for, are decoded; what we did not ask for stays as it came."""
    body, decoded = ENCODINGS[encoding]
    response = response_of(body, encoding)
    assert read_body(response, 1000) == response.content == decoded


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip"),
        ("deflate", b"not deflate"),
        ("gzip", gzip.compress(TOKEN, mtime=0)[:-9]),
        ("deflate", zlib.compress(TOKEN)[:-5]),
        ("gzip", gzip.compress(TOKEN, mtime=0) + b"rest"),
        ("deflate", b"\x78"),
        ("gzip", gzip.compress(b"") * 100),
    ],
)
def test_broken_encodings(encoding, body):
    """What is not compressed as announced, is cut, or is larger compressed than allowed, is an error of requests."""
    with pytest.raises(requests.exceptions.ContentDecodingError):
        read_body(response_of(body, encoding), 1000)


@pytest.mark.parametrize("bomb", [gzip.compress(b"x" * 50_000_000), gzip.compress(b"x" * 100_000) * 500])
def test_bombs_are_never_unpacked(bomb):
    """Of a bomb, the limit and one byte are decompressed, and no more room is ever taken."""
    response = response_of(bomb, "gzip")
    tracemalloc.start()
    assert len(read_body(response, 100_000)) == 100_001
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


class _Odd:
    """The raw answer of an adapter that has nothing to do with urllib3."""

    def __init__(self, parts):
        self._parts = iter(parts)

    def read(self, _):
        part = next(self._parts, b"")
        if isinstance(part, Exception):
            raise part
        return part

    def close(self):
        self._parts = iter(())


def test_other_adapters():
    """An adapter needs no more than a `read`; what it raises is an error of requests."""
    assert read_body(response_of(b"", "", _Odd([b"a", b"b"])), 10) == b"ab"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        read_body(response_of(b"", "", _Odd([b"a", OSError("gone")])), 10)
    with pytest.raises(requests.ReadTimeout):
        read_body(response_of(b"", "", _Odd([b"a", b"b"])), 10, until=0)
    empty = requests.Response()
    assert read_body(empty, 10) == b""


def test_we_ask_for_what_we_decode(client, server):
    """Requests ask for gzip and deflate only, whatever else urllib3 could decode."""
    client.client_credentials()
    assert server.last("token").headers["Accept-Encoding"] == "gzip, deflate"
