"""A DPoP token as `auth=` of requests, against APIs that listen on loopback ports."""

from __future__ import annotations

import gzip
import io
import pickle
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util import Retry

from requests_oauth2client.dpop import DPoPKey, DPoPToken, validate_dpop_proof
from requests_oauth2client.exceptions import (
    InvalidDPoPProof,
    MissingDPoPNonce,
    OAuth2Error,
    RepeatedDPoPNonce,
    UnrepeatableBody,
)
from requests_oauth2client.jose import sha256_b64u

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = tuple[int, dict[str, str], bytes]

TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
ATH = sha256_b64u(TOKEN)


class Received:
    """One request, as it came out of the socket."""

    def __init__(self, handler: BaseHTTPRequestHandler, origin: str) -> None:
        self.method = handler.command
        self.path = handler.path
        self.url = origin + handler.path
        self.headers = handler.headers
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = b""
            while size := int(handler.rfile.readline(), 16):
                self.body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            self.body = handler.rfile.read(int(self.headers.get("Content-Length", 0)))

    @property
    def proof(self) -> str | None:
        return self.headers.get("DPoP")

    @property
    def claims(self) -> dict[str, Any]:
        from jwskate import SignedJwt

        return SignedJwt(self.proof).claims


class Listener(ThreadingHTTPServer):
    """Listens on a loopback port, for an `Api`."""

    daemon_threads = True

    def __init__(self, api: Api) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *args: Any) -> None:
        """Say nothing of clients that left."""


class Handler(BaseHTTPRequestHandler):
    """Reads requests, writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def setup(self) -> None:
        self.server.api.connections += 1
        super().setup()

    def handle_any(self) -> None:
        api = self.server.api
        received = Received(self, api.origin)
        api.received.append(received)
        status, headers, body = api.answer(received)
        if status == 0:  # the connection breaks
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            for line in value.split("\n"):
                self.send_header(name, line)
        if "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


for _method in ("GET", "HEAD", "POST", "PUT"):
    setattr(Handler, f"do_{_method}", Handler.handle_any)


class Api:
    """An API that accepts no proof twice, and demands its nonce once it has one."""

    def __init__(self, nonce: str | None = None) -> None:
        self.nonce = nonce
        self.answers: dict[str, Callable[[Received], Answer]] = {}
        self.received: list[Received] = []
        self.seen: set[str] = set()
        self.connections = 0
        self.http = Listener(self)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str = "/things") -> str:
        return self.origin + path

    def answer(self, request: Received) -> Answer:
        special = self.answers.get(request.path.partition("?")[0])
        if special is not None:
            return special(request)
        return self.protected(request)

    def protected(self, request: Received) -> Answer:
        if request.headers.get("Authorization") != f"DPoP {TOKEN}":
            return 401, {"WWW-Authenticate": 'DPoP algs="ES256"'}, b"no token"
        proofs = request.headers.get_all("DPoP") or []
        assert len(proofs) == 1
        try:
            proof = validate_dpop_proof(
                proofs[0], htm=request.method, htu=request.url, ath=ATH, jti_seen=lambda jti, _until: self.saw(jti)
            )
        except InvalidDPoPProof as exc:
            return 401, {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'}, str(exc).encode()
        if self.nonce is not None and proof.claims.get("nonce") != self.nonce:
            return self.challenge()
        return 200, {}, b"here you are: " + request.body

    def challenge(self) -> Answer:
        return 401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": str(self.nonce)}, b"use a nonce"

    def saw(self, jti: str) -> bool:
        known = jti in self.seen
        self.seen.add(jti)
        return known

    @property
    def proofs(self) -> list[str | None]:
        return [request.proof for request in self.received]


@pytest.fixture
def make_api() -> Iterator[Callable[..., Api]]:
    apis: list[Api] = []

    def make(nonce: str | None = None) -> Api:
        apis.append(Api(nonce))
        return apis[-1]

    yield make
    for api in apis:
        api.http.shutdown()
        api.http.server_close()


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    return make_api()


@pytest.fixture(scope="module")
def private_key() -> Any:
    return DPoPKey.generate().private_key


@pytest.fixture
def token(private_key: Any) -> DPoPToken:
    return DPoPToken(TOKEN, _dpop_key=DPoPKey(private_key))


@pytest.fixture
def session(token: DPoPToken) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = token
        yield session


def redirect(location: str, status: int = 302) -> Callable[[Received], Answer]:
    return lambda _request: (status, {"Location": location}, b"elsewhere")


# ---------------------------------------------------------------- the request


def test_a_request_has_the_token_and_a_proof_for_it(api: Api, token: DPoPToken) -> None:
    """The proof names the method, the URL without query and fragment, and the hash of the token (RFC 9449 §4.2)."""
    response = requests.get(api.url("/things?page=2#top"), auth=token, timeout=5)
    assert response.status_code == 200
    (request,) = api.received
    assert request.headers["Authorization"] == f"DPoP {TOKEN}"
    claims = request.claims
    assert claims == {
        "jti": claims["jti"],
        "htm": "GET",
        "htu": api.url("/things"),
        "iat": claims["iat"],
        "ath": ATH,
    }
    assert response.request.headers["DPoP"] == request.proof


def test_credentials_in_a_url_stay_out_of_the_proof(api: Api, token: DPoPToken) -> None:
    """User and password of a URL are not part of its target URI (RFC 9110 §7.1), and no API has to read them."""
    url = api.url().replace("http://", "http://alice:wonderland@")
    assert requests.get(url, auth=token, timeout=5).ok
    assert api.received[0].claims["htu"] == api.url()


def test_headers_can_be_renamed(api: Api, private_key: Any) -> None:
    """Subclasses choose the headers, also for the request that is sent again."""

    class CustomToken(DPoPToken):
        AUTHORIZATION_HEADER = "X-Token"
        DPOP_HEADER = "X-DPoP"

    api.nonce = "n1"
    api.answers["/things"] = lambda r: (200, {}, b"") if "nonce" in _claims(r.headers["X-DPoP"]) else api.challenge()
    custom = CustomToken(TOKEN, _dpop_key=DPoPKey(private_key))
    assert requests.get(api.url(), auth=custom, timeout=5).ok
    assert [request.headers["X-Token"] for request in api.received] == [f"DPoP {TOKEN}"] * 2
    assert api.proofs == [None, None]


def _claims(proof: str) -> dict[str, Any]:
    from jwskate import SignedJwt

    return SignedJwt(proof).claims


# ---------------------------------------------------------------- nonces


def test_a_demanded_nonce_costs_one_request_once(make_api: Callable[..., Api], session: requests.Session) -> None:
    """The request is sent once more with the nonce; the next calls have it at once."""
    api = make_api("n1")
    response = session.get(api.url())
    assert response.content == b"here you are: "
    assert [previous.status_code for previous in response.history] == [401]
    assert response.history[0].content == b"use a nonce"
    assert session.get(api.url()).history == []
    assert [request.claims.get("nonce") for request in api.received] == [None, "n1", "n1"]
    assert api.connections == 1
    assert response.elapsed.total_seconds() > 0


def test_two_apis_with_one_token(make_api: Callable[..., Api], session: requests.Session) -> None:
    """Each API gets its own nonce: five calls to each of two APIs are twelve requests."""
    apis = [make_api("n1"), make_api("n2")]
    for _ in range(5):
        for api in apis:
            assert session.get(api.url()).ok
    assert [len(api.received) for api in apis] == [6, 6]
    assert {request.claims.get("nonce") for request in apis[0].received} == {None, "n1"}
    assert {request.claims.get("nonce") for request in apis[1].received} == {None, "n2"}


def test_a_nonce_is_learnt_from_any_answer(api: Api, session: requests.Session) -> None:
    """A nonce that comes with a 200 or a 404 replaces the previous one (RFC 9449 §8.2)."""
    statuses = iter([200, 404, 200])
    api.answers["/things"] = lambda _r: (next(statuses), {"DPoP-Nonce": f"n{len(api.received)}"}, b"")
    for _ in range(3):
        session.get(api.url())
    assert [request.claims.get("nonce") for request in api.received] == [None, "n1", "n2"]
    assert session.auth.dpop_key.rs_nonce == "n3"
    assert session.auth.dpop_key.as_nonce is None


def test_rotating_nonces_cost_nothing_when_announced(api: Api, session: requests.Session) -> None:
    """An API that gives the next nonce with each answer gets one request a call."""
    api.nonce = "n0"

    def rotate(request: Received) -> Answer:
        status, headers, body = api.protected(request)
        if status == 200:
            api.nonce = f"n{len(api.received)}"
            headers["DPoP-Nonce"] = api.nonce
        return status, headers, body

    api.answers["/things"] = rotate
    for _ in range(5):
        assert session.get(api.url()).ok
    assert len(api.received) == 6


def test_the_second_answer_is_returned_whatever_it_is(api: Api, session: requests.Session) -> None:
    """An API that demands yet another nonce is not obeyed again: no loop; the next call uses what was learnt."""
    api.answers["/things"] = lambda _r: (
        401,
        {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": f"n{len(api.received)}"},
        b"",
    )
    response = session.get(api.url())
    assert response.status_code == 401
    assert len(api.received) == 2
    assert session.auth.dpop_key.rs_nonce == "n2"


def test_a_challenge_without_nonce(api: Api, session: requests.Session) -> None:
    """An API that wants a nonce and gives none cannot be obeyed."""
    api.answers["/things"] = lambda _r: (401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, b"")
    with pytest.raises(MissingDPoPNonce, match="HTTP header is missing") as caught:
        session.get(api.url())
    assert caught.value.response.status_code == 401
    assert len(api.received) == 1


@pytest.mark.parametrize("nonce", ['with "quotes"', "with space", "b\\ackslash", "n" * 5000, ""])
def test_what_is_no_nonce_is_not_sent_back(api: Api, session: requests.Session, nonce: str) -> None:
    """A nonce has the characters of RFC 6749 appendix A; anything else is as good as none."""
    api.answers["/ok"] = lambda _r: (200, {"DPoP-Nonce": nonce}, b"")
    api.answers["/things"] = lambda _r: (
        401,
        {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": nonce},
        b"",
    )
    assert session.get(api.url("/ok")).ok
    assert session.auth.dpop_key.rs_nonce is None
    with pytest.raises(MissingDPoPNonce):
        session.get(api.url())


def test_a_repeated_nonce(api: Api, session: requests.Session) -> None:
    """An API that refuses the nonce which it gives again cannot be obeyed."""
    session.auth.dpop_key.rs_nonce = "n1"
    api.answers["/things"] = lambda _r: (
        401,
        {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n1"},
        b"",
    )
    with pytest.raises(RepeatedDPoPNonce, match="already included in the DPoP proof"):
        session.get(api.url())
    assert len(api.received) == 1


@pytest.mark.parametrize("header", ["DPoP", "X-DPoP"])
def test_a_nonce_that_was_learnt_meanwhile_is_no_repetition(api: Api, private_key: Any, header: str) -> None:
    """What counts is the nonce in the refused proof, in whatever header, not what is remembered by now."""
    custom = type("CustomToken", (DPoPToken,), {"DPOP_HEADER": header})
    key = DPoPKey(private_key)

    def challenge_and_tell(request: Received) -> Answer:
        if "nonce" in _claims(request.headers[header]):
            return 200, {}, b""
        key.rs_nonce = "n1"  # another request of ours got the same challenge just before
        api.nonce = "n1"
        return api.challenge()

    api.answers["/things"] = challenge_and_tell
    assert requests.get(api.url(), auth=custom(TOKEN, _dpop_key=key), timeout=5).ok


@pytest.mark.parametrize(
    "challenge",
    [
        'DPoP error="invalid_token"',
        'DPoP error="invalid_dpop_proof", error_description="use_dpop_nonce"',
        'DPoP algs="ES256"',
        'Bearer error="use_dpop_nonce"',
        'Bearer error_description="DPoP error=\\"use_dpop_nonce\\""',
        'garbage, =, "',
        None,
    ],
)
def test_any_other_401_is_returned_untouched(api: Api, session: requests.Session, challenge: str | None) -> None:
    """Only the demand for a nonce is answered; all else is the business of the caller."""
    headers = {"DPoP-Nonce": "n1", **({} if challenge is None else {"WWW-Authenticate": challenge})}
    api.answers["/things"] = lambda _r: (401, headers, b"no")
    response = session.get(api.url())
    assert (response.status_code, response.content, response.history) == (401, b"no", [])
    assert response.headers.get("WWW-Authenticate") == challenge
    assert len(api.received) == 1


@pytest.mark.parametrize(
    "challenge",
    [
        'dpop ERROR="use_dpop_nonce"',
        "DPoP error=use_dpop_nonce",
        'Bearer realm="a, DPoP b", DPoP algs="ES256 PS256", error="use_dpop_nonce"',
        'Bearer\nDPoP error="use_dpop_nonce"',
        'DPoP error="use_dpop_nonce", Bearer error="invalid_token"',
        'DPoP error = "use_dpop\\_nonce"',
    ],
)
def test_the_demand_is_found_among_other_challenges(api: Api, session: requests.Session, challenge: str) -> None:
    """Several challenges, in one header or in many, quoted or not, in any case (RFC 9110 §11.6.1)."""
    api.answers["/things"] = lambda r: (
        (200, {}, b"")
        if r.claims.get("nonce") == "n1"
        else (401, {"WWW-Authenticate": challenge, "DPoP-Nonce": "n1"}, b"")
    )
    assert session.get(api.url()).ok


def test_threads_share_a_token(make_api: Callable[..., Api], session: requests.Session) -> None:
    """Many threads with one token send as many different proofs, and each is answered."""
    apis = [make_api("n1"), make_api("n2")]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: session.get(apis[i % 2].url()).status_code, range(60)))
    assert results == [200] * 60
    proofs = apis[0].proofs + apis[1].proofs
    assert len(set(proofs)) == len(proofs)
    assert len(proofs) <= 60 + 8


# ---------------------------------------------------------------- what is sent again


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"data": b"\x00bytes"}, b"\x00bytes"),
        ({"data": bytearray(b"bytes")}, b"bytes"),
        ({"data": "text \N{SNOWMAN}".encode()}, "text \N{SNOWMAN}".encode()),
        ({"data": {"a": "1", "b": ["2", "3"]}}, b"a=1&b=2&b=3"),
        ({"json": {"a": 1}}, b'{"a": 1}'),
        ({}, b""),
    ],
)
def test_bodies_are_sent_again(
    make_api: Callable[..., Api], session: requests.Session, kwargs: dict[str, Any], expected: bytes
) -> None:
    """The whole body goes with the second attempt, too."""
    api = make_api("n1")
    response = session.post(api.url(), **kwargs, timeout=5)
    assert response.ok
    assert [request.body for request in api.received] == [expected, expected]


def test_a_file_is_rewound(make_api: Callable[..., Api], session: requests.Session, tmp_path: Any) -> None:
    """A file starts again where it started, which need not be its beginning."""
    api = make_api("n1")
    path = tmp_path / "file"
    path.write_bytes(b"skipped content")
    with path.open("rb") as file:
        file.seek(8)
        assert session.put(api.url(), data=file, timeout=5).ok
    body = io.BytesIO(b"skipped content")
    body.seek(8)
    api.nonce = "n2"
    assert session.put(api.url(), data=body, timeout=5).ok
    assert [request.body for request in api.received] == [b"content"] * 4


def test_multipart_is_sent_again(make_api: Callable[..., Api], session: requests.Session) -> None:
    """An upload of files as a multipart form is sent again as it was."""
    api = make_api("n1")
    assert session.post(api.url(), files={"file": io.BytesIO(b"content")}, data={"a": "1"}, timeout=5).ok
    first, second = api.received
    assert b"content" in first.body
    assert first.body == second.body


def test_a_body_that_can_be_iterated_again_is_sent_again(
    make_api: Callable[..., Api], session: requests.Session
) -> None:
    """An iterable that is no iterator starts anew each time; it goes in chunks."""

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one ", b"two"])

    api = make_api("n1")
    assert session.post(api.url(), data=Parts(), timeout=5).ok
    assert [request.body for request in api.received] == [b"one two", b"one two"]


class Unseekable(io.RawIOBase):
    """A pipe, for instance."""

    def __init__(self) -> None:
        self.rest = b"content"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class OnlyRead:
    """What some encoders of forms are: neither iterable nor seekable."""

    def __init__(self) -> None:
        self.file = io.BytesIO(b"content")

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)


@pytest.mark.parametrize(
    "make_body",
    [
        lambda: iter([b"content"]),
        lambda: (c for c in [b"content"]),
        Unseekable,
        pytest.param(
            OnlyRead, marks=pytest.mark.skipif(urllib3.__version__ < "2", reason="urllib3 1.26 sends no such body")
        ),
    ],
)
def test_a_stream_fails_clearly(
    make_api: Callable[..., Api], session: requests.Session, make_body: Callable[[], Any]
) -> None:
    """A body that is used up cannot be sent again: the error says so, and the same call anew succeeds."""
    api = make_api("n1")
    with pytest.raises(UnrepeatableBody, match="make the same call anew") as caught:
        session.post(api.url(), data=make_body(), timeout=5)
    assert isinstance(caught.value, OAuth2Error)
    assert isinstance(caught.value, requests.RequestException)
    assert caught.value.response.content == b"use a nonce"
    assert len(api.received) == 1
    assert session.post(api.url(), data=make_body(), timeout=5).ok
    assert [request.body for request in api.received] == [b"content", b"content"]


def test_cookies_of_a_refusal_are_kept(api: Api, session: requests.Session) -> None:
    """A cookie that comes with the refusal goes with the second attempt, and stays in the session."""
    api.nonce = "n1"

    def sticky(request: Received) -> Answer:
        status, headers, body = api.protected(request)
        return status, {**headers, "Set-Cookie": f"node={len(api.received)}"}, body

    api.answers["/things"] = sticky
    session.cookies.set("mine", "1")
    assert session.get(api.url()).ok
    assert [request.headers["Cookie"] for request in api.received] == ["mine=1", "mine=1; node=1"]
    assert session.cookies["node"] == "2"


def test_a_cookie_header_of_the_caller_is_kept(api: Api, session: requests.Session) -> None:
    """A `Cookie` header that the caller wrote is sent again as it is."""
    api.nonce = "n1"
    assert session.get(api.url(), headers={"Cookie": "a=b"}).ok
    assert [request.headers["Cookie"] for request in api.received] == ["a=b", "a=b"]


def test_a_request_without_cookie_jar(make_api: Callable[..., Api], token: DPoPToken) -> None:
    """A request that was prepared by hand, without any jar, is sent again without cookies."""
    api = make_api("n1")
    prepared = requests.PreparedRequest()
    prepared.prepare_method("GET")
    prepared.prepare_url(api.url(), None)
    prepared.prepare_headers({})
    with requests.Session() as session:
        assert session.send(token(prepared)).ok


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked", "gzip"])
def test_the_connection_is_released(api: Api, session: requests.Session, framing: str, stream: bool) -> None:
    """The refusal is read to its end: the second attempt takes the same connection."""
    api.nonce = "n1"

    def framed(request: Received) -> Answer:
        status, headers, body = api.protected(request)
        if framing == "chunked":
            return status, {**headers, "Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        if framing == "gzip":
            return status, {**headers, "Content-Encoding": "gzip"}, gzip.compress(body)
        return status, headers, body

    api.answers["/things"] = framed
    response = session.get(api.url(), stream=stream)
    assert response.content == b"here you are: "
    assert response.history[0].content == b"use a nonce"
    assert api.connections == 1


def test_a_refusal_without_end_is_not_read(api: Api, session: requests.Session) -> None:
    """A refusal of more than 1 MiB is given up, with its connection."""
    api.nonce = "n1"

    def flood(request: Received) -> Answer:
        status, headers, body = api.protected(request)
        return status, headers, body if status == 200 else b"x" * 3_000_000

    api.answers["/things"] = flood
    response = session.get(api.url(), stream=True)
    assert response.ok
    assert len(response.history[0].content) < 1_200_000
    assert api.connections == 2


def test_a_transport_that_cannot_be_asked_again(token: DPoPToken) -> None:
    """An adapter which does not show itself in its answers gives the refusal to the caller; the nonce is kept."""

    class Plain(BaseAdapter):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            response = requests.Response()
            response.status_code, response.url, response.request = 401, request.url, request
            response.headers.update({"WWW-Authenticate": "DPoP error=use_dpop_nonce", "DPoP-Nonce": "n1"})
            response.raw = io.BytesIO()
            return response

        def close(self) -> None:
            """Nothing is open."""

    with requests.Session() as session:
        session.mount("https://", Plain())
        assert session.get("https://api.local/", auth=token).status_code == 401
    assert token.dpop_key.rs_nonce == "n1"


def test_other_hooks_see_the_second_answer(make_api: Callable[..., Api], token: DPoPToken) -> None:
    """Hooks of the caller run after that of the token, on the answer which the caller gets."""
    api = make_api("n1")
    seen = []
    response = requests.get(
        api.url(), auth=token, timeout=5, hooks={"response": lambda r, **_kwargs: seen.append(r.status_code)}
    )
    assert response.ok
    assert seen == [200]


# ---------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_within_the_origin_gets_a_new_proof(
    api: Api, session: requests.Session, status: int, method: str
) -> None:
    """The proof of the followed request names its URL and its method, which may have become GET."""
    api.answers["/old"] = redirect("/new?x=1#y", status)
    response = session.request(method, api.url("/old"), data=b"body" if method == "POST" else None)
    assert response.ok
    old, new = api.received
    assert new.proof != old.proof
    assert (new.claims["htm"], new.claims["htu"]) == (new.method, api.url("/new"))
    assert new.method == ("POST" if method == "POST" and status in (307, 308) else "GET")
    assert response.history[0].request.headers["DPoP"] == old.proof
    assert response.request.headers["DPoP"] == new.proof


@pytest.mark.parametrize(
    "location", ["/new", "new", "./x/../new", "//{netloc}/new", "{origin}/new", "HTTP://{netloc}/new"]
)
def test_every_form_of_location_is_understood(api: Api, session: requests.Session, location: str) -> None:
    """Relative to the path, to the origin, to the scheme, or absolute."""
    location = location.format(origin=api.origin, netloc=api.origin.partition("//")[2])
    api.answers["/old"] = redirect(location)
    response = session.get(api.url("/old"))
    assert response.ok, response.content
    assert len(set(api.proofs)) == 2


def test_a_chain_of_redirects(api: Api, session: requests.Session) -> None:
    """Each hop has its own proof, and nonces on the way are learnt."""
    api.answers["/1"] = lambda _r: (302, {"Location": "/2", "DPoP-Nonce": "n1"}, b"")
    api.answers["/2"] = redirect("/3", 307)
    api.nonce = "n1"
    assert session.get(api.url("/1")).ok
    assert [request.claims["htu"] for request in api.received] == [api.url("/1"), api.url("/2"), api.url("/3")]
    assert [request.claims.get("nonce") for request in api.received] == [None, "n1", "n1"]


def test_a_redirect_after_a_nonce(api: Api, session: requests.Session) -> None:
    """A request that got its nonce and then a redirect is followed with a proof for the new URL."""
    api.nonce = "n1"

    def moved(request: Received) -> Answer:
        answer = api.protected(request)
        return answer if answer[0] == 401 else (302, {"Location": "/new"}, b"")

    api.answers["/old"] = moved
    assert session.get(api.url("/old")).ok
    assert [request.path for request in api.received] == ["/old", "/old", "/new"]
    assert len(set(api.proofs)) == 3


def test_a_nonce_after_a_redirect(api: Api, session: requests.Session) -> None:
    """The followed request is sent once more when a nonce is demanded there, its body included."""
    api.answers["/old"] = redirect("/new", 307)
    api.nonce = "n1"
    response = session.post(api.url("/old"), data=io.BytesIO(b"body"))
    assert response.content == b"here you are: body"
    assert [request.body for request in api.received] == [b"body"] * 3
    assert len(set(api.proofs)) == 3


@pytest.mark.parametrize("status", [302, 307])
def test_another_origin_gets_neither_token_nor_proof(
    make_api: Callable[..., Api], session: requests.Session, status: int
) -> None:
    """After a redirect to elsewhere, no header tells of the token, and no challenge from there is answered."""
    api, elsewhere = make_api(), make_api()
    api.answers["/old"] = redirect(elsewhere.url("/new"), status)
    elsewhere.nonce = "stolen"
    elsewhere.answers["/new"] = lambda _r: elsewhere.challenge()
    response = session.get(api.url("/old"))
    assert response.status_code == 401
    (request,) = elsewhere.received
    assert "Authorization" not in request.headers
    assert "DPoP" not in request.headers
    assert session.auth.dpop_key.rs_nonce is None
    assert response.history[0].request.headers["DPoP"] == api.proofs[0]


def test_another_origin_after_a_nonce(make_api: Callable[..., Api], session: requests.Session) -> None:
    """The same when the redirect answers the second attempt."""
    api, elsewhere = make_api("n1"), make_api()

    def moved(request: Received) -> Answer:
        answer = api.protected(request)
        return answer if answer[0] == 401 else (302, {"Location": elsewhere.url("/new")}, b"")

    api.answers["/old"] = moved
    session.get(api.url("/old"))
    assert {"Authorization", "DPoP"} & set(elsewhere.received[0].headers) == set()


def test_renamed_headers_do_not_leave_the_origin(make_api: Callable[..., Api], private_key: Any) -> None:
    """What requests takes out is `Authorization`; a header of another name is taken out here."""

    class CustomToken(DPoPToken):
        AUTHORIZATION_HEADER = "X-Token"
        DPOP_HEADER = "X-DPoP"

    api, elsewhere = make_api(), make_api()
    api.answers["/old"] = redirect(elsewhere.url("/new"))
    elsewhere.answers["/new"] = lambda _r: (200, {}, b"")
    requests.get(api.url("/old"), auth=CustomToken(TOKEN, _dpop_key=DPoPKey(private_key)), timeout=5)
    assert {"X-Token", "X-DPoP"} & set(elsewhere.received[0].headers) == set()
    assert "X-Token" in api.received[0].headers


def test_a_token_that_an_adapter_took_out(make_api: Callable[..., Api], session: requests.Session) -> None:
    """An adapter may take the token out of what it sends; a redirect to another origin has neither token nor proof."""

    class Gateway(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            request.headers.pop("Authorization", None)
            return super().send(request, *args, **kwargs)

    api, elsewhere = make_api(), make_api()
    api.answers["/old"] = redirect(elsewhere.url("/new"))
    elsewhere.answers["/new"] = lambda _r: (200, {}, b"")
    session.mount(api.origin, Gateway())
    assert session.get(api.url("/old")).ok
    assert {"Authorization", "DPoP"} & set(elsewhere.received[0].headers) == set()


def test_a_loop_back_home_has_no_token(make_api: Callable[..., Api], session: requests.Session) -> None:
    """What left the origin once comes back without credentials."""
    api, elsewhere = make_api(), make_api()
    api.answers["/old"] = redirect(elsewhere.url("/out"))
    elsewhere.answers["/out"] = redirect(api.url("/in"))
    assert session.get(api.url("/old")).status_code == 401
    assert {"Authorization", "DPoP"} & set(api.received[-1].headers) == set()


def test_a_redirect_that_is_not_followed(api: Api, session: requests.Session) -> None:
    """With `allow_redirects=False`, `response.next` is ready to be sent, with its own proof."""
    api.answers["/old"] = redirect("/new")
    response = session.get(api.url("/old"), allow_redirects=False)
    assert response.status_code == 302
    assert session.send(response.next).ok
    assert len(set(api.proofs)) == 2


def test_a_redirect_to_nowhere_is_for_requests_to_refuse(api: Api, session: requests.Session) -> None:
    """A location that is no URL fails as it does without a token."""
    api.answers["/old"] = redirect("http://[::1")
    with pytest.raises(ValueError, match="IPv6"):
        session.get(api.url("/old"))


def test_a_prepared_request_can_be_sent_again_after_a_redirect(
    make_api: Callable[..., Api], session: requests.Session
) -> None:
    """A redirect to elsewhere takes the token out of what follows, not out of the request itself."""
    api, elsewhere = make_api(), make_api()
    hops = iter([(302, {"Location": elsewhere.url("/new")}, b""), (302, {"Location": elsewhere.url("/new")}, b"")])
    api.answers["/old"] = lambda request: next(hops, None) or api.protected(request)
    prepared = session.prepare_request(requests.Request("GET", api.url("/old")))
    assert [session.send(prepared).status_code for _ in range(3)] == [401, 401, 200]
    assert len(set(api.proofs)) == 3
    assert prepared.copy().headers["Authorization"] == f"DPoP {TOKEN}"
    assert all("DPoP" not in request.headers for request in elsewhere.received)


# ---------------------------------------------------------------- no proof twice


def test_retries_of_urllib3_have_fresh_proofs(api: Api, session: requests.Session) -> None:
    """`HTTPAdapter(max_retries=Retry(…))` sends the same headers again; the proof in them renews itself."""
    answers = iter([(503, {}, b""), (0, {}, b""), (503, {"Retry-After": "0"}, b"")])
    api.answers["/things"] = lambda request: next(answers, None) or api.protected(request)
    session.mount("http://", HTTPAdapter(max_retries=Retry(5, status_forcelist=[503], backoff_factor=0)))
    assert session.get(api.url()).ok
    assert len(api.received) == 4
    assert len(set(api.proofs)) == 4
    assert len({request.claims["jti"] for request in api.received}) == 4


def test_retries_of_urllib3_use_the_newest_nonce(api: Api, session: requests.Session) -> None:
    """A proof that renews itself asks for the nonce again; a demand after retries is compared with what was sent last."""
    key = session.auth.dpop_key

    def flaky(request: Received) -> Answer:
        if len(api.received) == 1:
            key.rs_nonce = api.nonce = "n1"
            return 503, {}, b""
        if len(api.received) == 2:
            api.nonce = "n2"
            return api.challenge()
        return api.protected(request)

    api.answers["/things"] = flaky
    session.mount("http://", HTTPAdapter(max_retries=Retry(5, status_forcelist=[503], backoff_factor=0)))
    assert session.get(api.url()).ok
    assert [request.claims.get("nonce") for request in api.received] == [None, "n1", "n2"]


def test_a_prepared_request_that_is_sent_twice(api: Api, session: requests.Session) -> None:
    """Each time it is sent, the proof is another one."""
    prepared = session.prepare_request(requests.Request("GET", api.url()))
    assert [session.send(prepared).status_code for _ in range(3)] == [200, 200, 200]
    assert len(set(api.proofs)) == 3


def test_a_prepared_request_that_threads_send(api: Api, session: requests.Session) -> None:
    """Two threads that send one prepared request never send one proof."""
    prepared = session.prepare_request(requests.Request("GET", api.url()))
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda _: session.send(prepared).status_code, range(40)))
    assert statuses == {200: 40}


def test_http_proxies_get_fresh_proofs(make_api: Callable[..., Api], token: DPoPToken) -> None:
    """Through a proxy, urllib3 sends a copy of the headers; what is copied renews itself, too."""
    proxy = make_api()
    answers = iter([(503, {}, b""), (200, {}, b"")])
    proxy.answer = lambda _request: next(answers)  # type: ignore[method-assign]
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(5, status_forcelist=[503], backoff_factor=0)))
        session.proxies = {"http": proxy.origin}
        session.trust_env = False
        assert session.get("http://api.example/things", auth=token).ok
    assert len(set(proxy.proofs)) == 2
    assert proxy.received[0].claims["htu"] == "http://api.example/things"


# ---------------------------------------------------------------- what is left behind


def test_a_response_pickles_without_the_key(make_api: Callable[..., Api], session: requests.Session) -> None:
    """A pickled response holds the request that was sent; neither the private key nor the hook goes with it."""
    api = make_api("n1")
    api.answers["/old"] = redirect("/things")
    response = session.get(api.url("/old"))
    copy = pickle.loads(pickle.dumps(response))
    assert copy.content == response.content
    assert type(copy.request.headers["DPoP"]) is str
    assert copy.request.headers["DPoP"] == response.request.headers["DPoP"]
    assert session.auth.dpop_key.private_key.d.encode() not in pickle.dumps(response)
    with requests.Session() as other:
        assert other.send(copy.request).status_code == 401  # a replay: nothing renews it any more


def test_a_token_replaces_another_on_the_same_request(make_api: Callable[..., Api], token: DPoPToken) -> None:
    """An auth handler that renews a token on a prepared request leaves one listener, for the new token."""
    api = make_api("n1")
    other = DPoPToken("other", _dpop_key=DPoPKey.generate())
    prepared = token(other(requests.Request("GET", api.url()).prepare()))
    assert len(prepared.hooks["response"]) == 1
    with requests.Session() as session:
        assert session.send(prepared).ok
    assert other.dpop_key.rs_nonce is None
    assert token.dpop_key.rs_nonce == "n1"
