"""`ApiClient`: what leaves, where it goes, and that it stays below the root."""

from __future__ import annotations

import copy
import http.cookiejar
import http.server
import itertools
import pickle
import posixpath
import threading
from collections import OrderedDict
from functools import cached_property
from io import BytesIO
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from requests_oauth2client.api_client import ApiClient
from requests_oauth2client.exceptions import InvalidBoolFieldsParam, InvalidParam, InvalidPathParam, OAuth2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = "https://api.local/v1"


class Api(BaseAdapter):
    """Where the network would be: it keeps what it is sent, and answers with `status`."""

    def __init__(self, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__()
        self.status = status
        self.headers = dict(headers)
        self.received: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []
        self.closed = 0

    def send(self, request, **options):
        self.received.append(request)
        self.options.append(options)
        response = requests.Response()
        response.status_code = self.status
        response.url = request.url
        response.request = request
        response.raw = BytesIO(b"")
        response.headers.update(self.headers)
        return response

    def close(self):
        self.closed += 1

    @property
    def last(self) -> requests.PreparedRequest:
        return self.received[-1]


def session_to(adapter: BaseAdapter) -> requests.Session:
    session = requests.Session()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@pytest.fixture
def server() -> Api:
    return Api()


@pytest.fixture
def api(server: Api) -> ApiClient:
    return ApiClient(ROOT, session=session_to(server))


class Token(requests.auth.AuthBase):
    """An auth handler as anybody writes one."""

    def __init__(self, value: str = "my-token") -> None:
        self.value = value

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self.value}"
        return request

    def __eq__(self, other):
        return isinstance(other, Token) and self.value == other.value

    __hash__ = None  # as handlers that hold a mutable token are


class Unstringable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@attrs.frozen
class Slotted(ApiClient):
    """A subclass with fields of its own, whose constructor attrs generates."""

    tenant: str = attrs.field(default="none", kw_only=True)


@attrs.frozen(init=False, slots=False)
class Tenant(ApiClient):
    """A subclass with a constructor that only it knows."""

    tenant: str

    def __init__(self, tenant: str, **kwargs: Any) -> None:
        super().__init__(f"https://{tenant}.api.local", **kwargs)
        object.__setattr__(self, "tenant", tenant)

    @cached_property
    def own_url(self) -> str:
        return self.to_absolute_url("me")


class Json(ApiClient):
    """A subclass that adds an ending to each URL."""

    def to_absolute_url(self, path=None):
        return super().to_absolute_url(path) + ".json"


# ---------------------------------------------------------------- where a request goes


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (None, ROOT),
        ([], ROOT),
        ("", f"{ROOT}/"),
        ("/", f"{ROOT}/"),
        ("users", f"{ROOT}/users"),
        ("/users", f"{ROOT}/users"),
        ("//users", f"{ROOT}/users"),
        ("users/42/", f"{ROOT}/users/42/"),
        ("users//42", f"{ROOT}/users//42"),
        (b"foo/bar", f"{ROOT}/foo/bar"),
        ("é".encode(), f"{ROOT}/é"),
        (".well-known/jwks.json", f"{ROOT}/.well-known/jwks.json"),
        ("a...b/...", f"{ROOT}/a...b/..."),
        ("users?page=2&next=../x", f"{ROOT}/users?page=2&next=../x"),
        ("?page=2", f"{ROOT}/?page=2"),
        ("a%20b%2Fc", f"{ROOT}/a%20b%2Fc"),
        ("100%/a%20b", f"{ROOT}/100%25/a%20b"),
        ("users/me@example.com", f"{ROOT}/users/me@example.com"),
        ("@evil.com", f"{ROOT}/@evil.com"),
        ("users/42:activate", f"{ROOT}/users/42:activate"),
        ("/users:search", f"{ROOT}/users:search"),
        ("web/https://example.com", f"{ROOT}/web/https://example.com"),
        (["resource", 1234, "/foo"], f"{ROOT}/resource/1234/foo"),
        (("users", 0), f"{ROOT}/users/0"),
        (iter(["users", b"42", "/posts/"]), f"{ROOT}/users/42/posts/"),
        (["a/", "/b/c/", "d"], f"{ROOT}/a/b/c/d"),
        (["a b", "50%", "x?y", "x#y", "m@n", "p:q", "s;t"], f"{ROOT}/a%20b/50%25/x%3Fy/x%23y/m%40n/p%3Aq/s%3Bt"),
        (["DOMAIN\\user", "é"], f"{ROOT}/DOMAIN%5Cuser/%C3%A9"),
        (["https://evil.com"], f"{ROOT}/https%3A//evil.com"),
        (["", 1][1:], f"{ROOT}/1"),
    ],
)
def test_paths(api: ApiClient, path: Any, url: str) -> None:
    """Text is appended as it is after one slash, segments are quoted and joined."""
    assert api.to_absolute_url(path) == url


@pytest.mark.parametrize("base_url", [ROOT, f"{ROOT}/", f"{ROOT}//"])
def test_slashes_of_the_root(base_url: str) -> None:
    """There is one slash between root and path, whatever the root ends with; the root itself is kept as given."""
    api = ApiClient(base_url)
    assert api.to_absolute_url("/users") == f"{ROOT}/users"
    assert api.to_absolute_url() == api.base_url == base_url


REFUSED = [
    "..",
    ".",
    "../admin",
    "users/../../admin",
    "users/..",
    "users/./me",
    "/../admin",
    "//../admin",
    "..?x",
    "%2e%2e/admin",
    "%2E%2e/admin",
    ".%2e/admin",
    "users/%2e",
    "%252e%252e/admin",
    "%25252e%2e/admin",
    "%%32e%%32e/admin",
    "x%2f..%2f..%2fadmin",
    "x%252f%252e.%252fadmin",
    "x%3f/../../admin",
    "x\\..\\..\\admin",
    "..%5cadmin",
    "..%255c..%255cadmin",
    "..;/admin",
    "..;a=b/admin",
    "..%3b/admin",
    " ../admin",
    "..%20/admin",
    "\u3000../admin",
    "%2525252525252e",
    "a\\b",
    "\\\\evil.com",
    "https://evil.com/",
    "HTTPS://evil.com/",
    "/https://evil.com/",
    " https://evil.com/",
    "https:/\n/evil.com/",
    "https:evil.com",
    "http:evil.com",
    "ftp://evil.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "evil.com:443/x",
    "users\n",
    "users\t/42",
    "a\x00b",
    "a\x7fb",
    "users%0d%0aX: y",
    "users%00",
    "users?q=\r\nX: y",
    "users#top",
    "users?q#top",
    "\ud800",
    b"\xff",
    True,
    42,
    object(),
    PurePosixPath("users"),
    {"users": 42},
    {"users"},
    [".."],
    ["users", ".."],
    ["users", "."],
    ["users", "../../admin"],
    ["users/..", "x"],
    ["%2e%2e"],
    ["%252e%252e", "x"],
    ["x\\..\\.."],
    ["..;x"],
    [".. "],
    ["users", ""],
    ["users", "/"],
    ["users", None],
    ["users", "a\nb"],
    ["users", "\ud800"],
    ["users", b"\xff"],
    ["users", Unstringable()],
]


@pytest.mark.parametrize("path", REFUSED, ids=itertools.count())
def test_refused_paths(api: ApiClient, server: Api, path: Any) -> None:
    """What a server might resolve to another place, or what is no path at all, is refused, and nothing is sent."""
    with pytest.raises(InvalidPathParam, match=r"Unexpected path .* Pass a relative path") as refused:
        api.get(path)
    assert isinstance(refused.value, TypeError)
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, OAuth2Error)
    assert refused.value.url is path
    assert server.received == []


PIECES = [
    *(
        "..",
        ".",
        "%2e",
        "%2E",
        "%252e",
        "%25",
        "2e",
        "/",
        "//",
        "\\",
        "%2f",
        "%5c",
        "%255c",
        ";",
        "%3b",
        "?",
        "%3f",
        "#",
    ),
    *("%23", "@", ":", "http", "https:", "evil.com", "\n", "\t", "\x00", " ", "%20", "%0a", "%09", "\x85", "\u3000"),
    *(
        "é",
        "%e9",
        "%ff",
        "%c0%ae",
        "\u2025",
        "\uff0e",
        "\uff12",
        "\ud800",
        "%",
        "%%",
        "32",
        "e",
        "a",
        "&",
        "=",
        "[",
        "]",
    ),
]
hostile = st.lists(st.sampled_from(PIECES), max_size=9).map("".join) | st.text()
paths = (
    hostile | hostile.map(lambda text: text.encode("utf-8", "replace")) | st.lists(hostile | st.integers(), max_size=4)
)
roots = st.sampled_from(
    [
        "https://api.local",
        "https://api.local/v1/",
        "https://API.local:8443/a%20b/é~/%7Ex",
        "http://[::1]:8080/x//",
        "https://bücher.local/v1",
    ]
)


def prepared(url: str) -> str:
    return requests.Session().prepare_request(requests.Request("GET", url)).url


def resolved(path: str) -> str:
    """What a careless server makes of a path: backslashes are slashes, parameters and blanks vanish, dots are resolved."""
    segments = path.replace("\\", "/").split("/")
    return posixpath.normpath("/" + "/".join(segment.partition(";")[0].strip() for segment in segments).lstrip("/"))


@given(base_url=roots, path=paths)
@example(base_url="https://api.local/a%20b", path="100%")
@example(base_url="https://api.local/v1", path="%%32e%%32e/x")
def test_no_path_leaves_the_root(base_url: str, path: Any) -> None:
    """Whatever the text, what requests sends is below the root, also for servers that decode and resolve carelessly."""
    api = ApiClient(base_url)
    root = prepared(base_url).rstrip("/")
    try:
        url = prepared(api.to_absolute_url(path))
    except InvalidPathParam:
        return
    assert url == root or url.startswith(root + "/")
    there, here = urlsplit(url), urlsplit(root)
    assert (there.scheme, there.netloc, there.fragment) == (here.scheme, here.netloc, "")
    sent, below = there.path or "/", here.path
    for _ in range(4):
        assert (resolved(sent) + "/").startswith(resolved(below).rstrip("/") + "/")
        sent, below = unquote(sent), unquote(below)


@given(segments=st.lists(st.text(min_size=1).filter(lambda text: "/" not in text), min_size=1, max_size=4))
def test_segments_arrive_as_given(segments: list[str]) -> None:
    """A server that decodes each segment once gets the texts that were passed."""
    try:
        url = prepared(ApiClient(ROOT).to_absolute_url(segments))
    except InvalidPathParam:
        return
    assert [unquote(segment) for segment in urlsplit(url).path.removeprefix("/v1/").split("/")] == segments


@pytest.mark.parametrize("length", [10, 100_000])
@pytest.mark.parametrize("text", ["%25", "a", "a/", "a.", "../", " ", "%", "/", "a:", ";"])
def test_long_paths_take_no_time(text: str, length: int) -> None:
    """No text makes the checks hang; encodings of encodings are refused before they are undone one by one."""
    try:
        assert ApiClient(ROOT).to_absolute_url(text * length).startswith(f"{ROOT}/")
    except InvalidPathParam:
        assert text in ("%25", "../", "a:")


@pytest.fixture
def targets() -> Iterator[tuple[str, list[str]]]:
    """A server on a socket, and the request targets that it reads."""
    read: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            read.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/ro%20ot", read
        served.shutdown()
        thread.join()


def test_on_the_wire(targets: tuple[str, list[str]]) -> None:
    """What a server reads is what `to_absolute_url` returned, percent-encoded."""
    base_url, read = targets
    with ApiClient(base_url, trust_env=False) as api:
        for path in ("a b", "100%", "x%2Fy;z", "é?q=../a b", "@evil.com", "//evil.com", ["a/b", "c?d", "%41"], None):
            api.get(path)
    assert read == [
        "/ro%20ot/a%20b",
        "/ro%20ot/100%25",
        "/ro%20ot/x%2Fy;z",
        "/ro%20ot/%C3%A9?q=../a%20b",
        "/ro%20ot/@evil.com",
        "/ro%20ot/evil.com",
        "/ro%20ot/a/b/c%3Fd/%2541",
        "/ro%20ot",
    ]


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("", "does not start with https"),
        ("api.local/v1", "does not start with https"),
        ("//api.local/v1", "does not start with https"),
        ("/v1", "does not start with https"),
        ("ftp://api.local", "does not start with https"),
        ("httpx://api.local", "does not start with https"),
        ("https:api.local", "does not start with https"),
        ("https:///v1", "does not start with https"),
        ("https://:443/v1", "does not start with https"),
        ("https://api.local:0", "does not start with https"),
        ("https://api.local:99999", "malformed"),
        ("https://api.local:port", "malformed"),
        ("https://[::1", "malformed"),
        ("https://*.local", "malformed"),
        ("https://user:s3cret@api.local", "credentials"),
        ("https://s3cret@api.local", "credentials"),
        ("https://@api.local", "credentials"),
        ("https://api.local/v1?key=s3cret", "params="),
        ("https://api.local/v1?", "params="),
        ("https://api.local/v1#s3cret", "fragment"),
        ("https://api.local/v1/../v2", "segment"),
        ("https://api.local/%2e%2e", "segment"),
        ("https://api.local/100%", "percent-encode"),
        ("https://api.local/a b", "percent-encode"),
        (" https://api.local", "percent-encode"),
        ("https://api.local\n", "percent-encode"),
        ("https://api.local\x00", "percent-encode"),
        ("https://api.local\\@evil.com", "percent-encode"),
        (b"https://api.local", "does not start with https"),
        (None, "does not start with https"),
    ],
    ids=ascii,
)
def test_refused_roots(base_url: Any, problem: str) -> None:
    """A root that is no absolute http(s) URL, or that cannot be the beginning of one, is refused at once."""
    with pytest.raises(InvalidParam, match=f"Invalid `base_url`.*{problem}.* Pass an absolute URL") as refused:
        ApiClient(base_url)
    assert "s3cret" not in str(refused.value)


# ---------------------------------------------------------------- clients for the URLs below


def test_sub_clients(api: ApiClient, server: Api) -> None:
    """Attributes and items are clients for the URLs below."""
    api.resource.get()
    api["my-resource"].get()
    api.users["42"].details.get("history")
    api.users[0].get()
    api["users", 42, "a b"].get()
    api[["users", "é?"]].get()
    api["users/42/"].posts.get()
    assert [request.url.removeprefix(ROOT) for request in server.received] == [
        "/resource",
        "/my-resource",
        "/users/42/details/history",
        "/users/0",
        "/users/42/a%20b",
        "/users/%C3%A9%3F",
        "/users/42/posts",
    ]


@pytest.mark.parametrize("below", [lambda api: api.users, lambda api: api["users"], lambda api: api.a["b"].users])
def test_sub_clients_keep_everything(below: Callable[[ApiClient], ApiClient]) -> None:
    """They share session, auth, options and class: only the root differs."""
    api = ApiClient(
        ROOT,
        auth=Token(),
        timeout=5,
        raise_for_status=False,
        none_fields="empty",
        bool_fields=("1", "0"),
        user_agent="me",
    )
    users = below(api)
    assert type(users) is ApiClient
    assert users.session is api.session
    assert users.session.headers["User-Agent"] == "me"
    for name in ("auth", "timeout", "raise_for_status", "none_fields", "bool_fields"):
        assert getattr(users, name) is getattr(api, name)


def test_sub_clients_are_authenticated(server: Api) -> None:
    """A call through a sub-client carries the token of the client it comes from, and the session's headers."""
    session = session_to(server)
    session.headers["User-Agent"] = "custom/1"
    ApiClient(ROOT, session=session, auth=Token()).users.get("42")
    assert server.last.headers["Authorization"] == "Bearer my-token"
    assert server.last.headers["User-Agent"] == "custom/1"


def test_sub_clients_of_subclasses() -> None:
    """A subclass keeps its class and what it adds, however it stores it and whatever its constructor takes."""
    slotted = Slotted(ROOT, tenant="acme", auth=Token(), none_fields="include").users
    assert (type(slotted), slotted.tenant, slotted.base_url) == (Slotted, "acme", f"{ROOT}/users")
    assert (slotted.auth, slotted.none_fields) == (Token(), "include")

    tenant = Tenant("acme", timeout=3).users["42"]
    assert (type(tenant), tenant.tenant, tenant.timeout) == (Tenant, "acme", 3)
    assert tenant.base_url == "https://acme.api.local/users/42"


def test_sub_clients_forget_cached_properties() -> None:
    """What a subclass has computed for one root is not taken for another."""
    tenant = Tenant("acme")
    assert tenant.own_url == "https://acme.api.local/me"
    assert tenant.users.own_url == "https://acme.api.local/users/me"


def test_an_ending_is_added_once() -> None:
    """What a subclass appends to the URLs of requests does not get into the roots of sub-clients."""
    assert Json(ROOT).users["42"].to_absolute_url("posts") == f"{ROOT}/users/42/posts.json"
    assert Json(ROOT)["a b"].to_absolute_url() == f"{ROOT}/a%20b.json"


@pytest.mark.parametrize("name", ["__len__", "__wrapped__", "__html__", "_repr_html_", "_private", "..", "a\nb", ""])
def test_names_that_are_no_resource(api: ApiClient, name: str) -> None:
    """Names with a leading underscore, and those that are no path, are missing attributes, as Python expects."""
    assert not hasattr(api, name)
    assert getattr(api, name, "default") == "default"


def test_underscored_resources(api: ApiClient) -> None:
    """Brackets reach the resources whose names are no attribute."""
    assert api["_search"].base_url == f"{ROOT}/_search"
    assert api["session"].base_url == f"{ROOT}/session"


def test_an_unfinished_client_has_no_attributes() -> None:
    """A lookup on an instance whose constructor has not run ends, rather than recursing."""
    with pytest.raises(AttributeError, match="base_url"):
        ApiClient.__new__(ApiClient).base_url  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("item", ["..", "%2e%2e", "", None, "a\nb"])
def test_items_that_are_no_resource(api: ApiClient, item: Any) -> None:
    """Brackets refuse what a path refuses."""
    with pytest.raises(InvalidPathParam):
        api[item]


def test_not_iterable(api: ApiClient) -> None:
    """A client is neither a sequence nor a path."""
    with pytest.raises(TypeError):
        iter(api)
    with pytest.raises(TypeError):
        "users" in api  # noqa: B015 - asking is the test
    with pytest.raises(InvalidPathParam):
        api.get(api)


# ---------------------------------------------------------------- what leaves


@pytest.mark.parametrize("verb", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_verbs(api: ApiClient, server: Api, verb: str) -> None:
    """Each verb sends its method to the path, with what it was given."""
    response = getattr(api, verb)(
        "users", headers={"X-Test": "1"}, params={"page": 1}, cookies={"c": "d"}, verify=False
    )
    assert response.request is server.last
    assert server.last.method == verb.upper()
    assert server.last.url == f"{ROOT}/users?page=1"
    assert server.last.headers["X-Test"] == "1"
    assert server.last.headers["Cookie"] == "c=d"
    assert server.options[-1]["verify"] is False
    getattr(api, verb)()
    assert server.last.url == ROOT


def test_any_method(api: ApiClient, server: Api) -> None:
    """`request` sends methods that have no verb here."""
    api.request("PROPFIND", ["files", 1])
    assert (server.last.method, server.last.url) == ("PROPFIND", f"{ROOT}/files/1")


def test_verbs_go_through_request(server: Api) -> None:
    """One override of `request` changes all verbs."""

    class Traced(ApiClient):
        def request(self, method, path=None, **kwargs):
            kwargs["headers"] = {"X-Trace": method}
            return super().request(method, path, **kwargs)

    Traced(ROOT, session=session_to(server)).users.delete("42")
    assert server.last.headers["X-Trace"] == "DELETE"


def test_unknown_arguments(api: ApiClient, server: Api) -> None:
    """An argument that requests does not know is an error at once."""
    with pytest.raises(TypeError):
        api.get("users", nonsense=1)
    with pytest.raises(TypeError):
        api.get("users", url="https://evil.com")
    assert server.received == []


def test_redirects_are_not_followed() -> None:
    """A redirect, which could lead out of the root with the token, is returned; following is asked for by the call."""
    server = Api(302, {"Location": "https://evil.com/"})
    api = ApiClient(ROOT, session=session_to(server), auth=Token())
    for verb in (api.get, api.head, api.options, api.post):
        assert verb("users").status_code == 302
    assert {request.url for request in server.received} == {f"{ROOT}/users"}
    with pytest.raises(requests.TooManyRedirects):
        api.get("users", allow_redirects=True)


@pytest.mark.parametrize(
    ("of_client", "of_call", "raises"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_raise_for_status(of_client: bool, of_call: bool | None, raises: bool) -> None:
    """An error status raises, unless the client, or the call before it, says otherwise."""
    api = ApiClient(ROOT, session=session_to(Api(404)), raise_for_status=of_client)
    options = {} if of_call is None else {"raise_for_status": of_call}
    if raises:
        with pytest.raises(requests.HTTPError) as error:
            api.users.get("42", **options)
        assert error.value.response.status_code == 404
    else:
        assert api.users.get("42", **options).status_code == 404


def test_auth(server: Api) -> None:
    """The call's auth wins over the client's, which wins over the session's."""
    session = session_to(server)
    session.auth = ("session", "pw")
    ApiClient(ROOT, session=session).get()
    assert server.last.headers["Authorization"].startswith("Basic ")
    api = ApiClient(ROOT, session=session, auth=Token("client"))
    api.get()
    assert server.last.headers["Authorization"] == "Bearer client"
    api.get(auth=Token("call"))
    assert server.last.headers["Authorization"] == "Bearer call"
    api.get(auth=("user", "pw"))
    assert server.last.headers["Authorization"] == "Basic dXNlcjpwdw=="


def test_no_auth_for_one_call(server: Api, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """`auth=None` sends no credentials: neither the client's, nor the session's, nor those of a netrc file."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.local login me password pw\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session = session_to(server)
    ApiClient(ROOT, session=session).get()
    assert "Authorization" in server.last.headers
    ApiClient(ROOT, session=session).get(auth=None)
    assert "Authorization" not in server.last.headers
    session.auth = ("session", "pw")
    ApiClient(ROOT, session=session, auth=Token()).get(auth=None)
    assert "Authorization" not in server.last.headers


@pytest.mark.parametrize("auth", ["my-token", 42, ("user",), ("user", "password", "more"), ["user", "password"]])
def test_unusable_auth(auth: Any) -> None:
    """An `auth` that requests could not call is refused at once, and is not shown."""
    with pytest.raises(InvalidParam, match=r"Invalid `auth` of type .* BearerToken") as refused:
        ApiClient(ROOT, auth=auth)
    assert "my-token" not in str(refused.value)


def test_timeout(server: Api) -> None:
    """60 seconds by default; the client's value, or the call's, `None` included."""
    session = session_to(server)
    ApiClient(ROOT, session=session).get()
    api = ApiClient(ROOT, session=session, timeout=(3, 10))
    api.users.get()
    api.get(timeout=1)
    api.get(timeout=None)
    ApiClient(ROOT, session=session, timeout=None).get()
    assert [options["timeout"] for options in server.options] == [60, (3, 10), 1, None, None]


# ---------------------------------------------------------------- None and booleans

FIELDS = {"a": 1, "none": None, "yes": True, "no": False, "many": [True, None, "x"], "empty": []}


@pytest.mark.parametrize(
    "kind", [dict, OrderedDict, MappingProxyType, lambda fields: list(fields.items()), lambda f: tuple(f.items())]
)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "a=1&yes=true&no=false&many=true&many=x"),
        ({"none_fields": "exclude"}, "a=1&yes=true&no=false&many=true&many=x"),
        ({"none_fields": "include"}, "a=1&yes=true&no=false&many=true&many=x"),
        ({"none_fields": "empty"}, "a=1&none=&yes=true&no=false&many=true&many=&many=x"),
        ({"bool_fields": ("on", "off")}, "a=1&yes=on&no=off&many=on&many=x"),
        ({"bool_fields": [1, 0]}, "a=1&yes=1&no=0&many=1&many=x"),
    ],
)
def test_form_and_query_fields(kind, options: dict[str, Any], expected: str) -> None:
    """The rules apply to fields of mappings and of lists of pairs, whether the client or the call has them.

    `None` in the query is always left out, as `requests` does.
    """
    server = Api()
    session = session_to(server)
    fields = kind(FIELDS)
    before = copy.deepcopy(FIELDS)
    ApiClient(ROOT, session=session, **options).post("x", data=fields, params=fields)
    ApiClient(ROOT, session=session).users.post("x", data=fields, params=fields, **options)
    for request in server.received:
        assert request.body == expected
        without_none = expected.replace("none=&", "").replace("&many=&", "&")
        assert urlsplit(request.url).query == without_none
    assert before == FIELDS


@pytest.mark.parametrize(
    ("none_fields", "expected"),
    [
        ("exclude", b'{"yes":true,"nested":{"none":null},"list":[null]}'),
        ("include", b'{"none":null,"yes":true,"nested":{"none":null},"list":[null]}'),
        ("empty", b'{"none":"","yes":true,"nested":{"none":null},"list":[null]}'),
    ],
)
def test_json_members(api: ApiClient, server: Api, none_fields: Any, expected: bytes) -> None:
    """In JSON, the rule applies to the members of the object that is sent; booleans and what is nested are left alone."""
    members = {"none": None, "yes": True, "nested": {"none": None}, "list": [None]}
    before = copy.deepcopy(members)
    api.post("x", json=members, none_fields=none_fields)
    api.post("x", json=MappingProxyType(members) if none_fields != "include" else members, none_fields=none_fields)
    ApiClient(ROOT, session=api.session, none_fields=none_fields).patch("x", json=members)
    for request in server.received:
        assert request.body.replace(b": ", b":").replace(b", ", b",") == expected
    assert members == before


@pytest.mark.parametrize(
    ("json", "body"), [([None, True], b"[null, true]"), ({}, b"{}"), ("x", b'"x"'), (0, b"0"), (None, None)]
)
def test_other_json(api: ApiClient, server: Api, json: Any, body: bytes | None) -> None:
    """JSON that is no object is sent as it is; an empty object is sent too."""
    api.post("x", json=json)
    assert server.last.body == body


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ("a=None&b=True", "a=None&b=True"),
        (b"\x00\xff", b"\x00\xff"),
        ({"none": None}, None),
        ([], None),
        (None, None),
    ],
)
def test_other_data(api: ApiClient, server: Api, data: Any, body: Any) -> None:
    """Text and bytes are sent as they are; fields that are all left out make no body."""
    api.post("x", data=data)
    assert server.last.body == body


def test_streams(api: ApiClient, server: Api) -> None:
    """Files and generators reach requests untouched."""
    file = BytesIO(b"content")
    api.post("x", data=file)
    assert server.last.body is file
    chunks = (chunk for chunk in [b"a", b"b"])
    api.post("x", data=chunks)
    assert server.last.body is chunks


def test_files_with_fields(api: ApiClient, server: Api) -> None:
    """The rules apply to the fields beside uploaded files."""
    api.post("x", data={"yes": True, "none": None}, files={"file": ("a.txt", b"content")})
    assert b'name="yes"\r\n\r\ntrue\r\n' in server.last.body
    assert b'name="none"' not in server.last.body
    assert b'filename="a.txt"' in server.last.body


def test_malformed_pairs(api: ApiClient, server: Api) -> None:
    """A list that holds no pairs is left to requests, which refuses it."""
    with pytest.raises(ValueError, match="unpack"):
        api.post("x", data=[("a", "b", "c")])
    assert server.received == []


def test_params_of_the_session(server: Api) -> None:
    """Parameters of the session are added to those of each call."""
    api = ApiClient(ROOT, session=session_to(server), params={"key": "k"})
    api.get("users?q=1", params={"all": True})
    assert server.last.url == f"{ROOT}/users?q=1&key=k&all=true"
    api.get("users", params="raw=1")
    assert server.last.url == f"{ROOT}/users?raw=1"


def test_mappings_with_repeated_names(api: ApiClient, server: Api) -> None:
    """A mapping that has a name several times keeps all its values."""

    class Multi(dict):
        def items(self):
            return [("a", True), ("a", "x"), ("b", None)]

    api.get("users", params=Multi(a=1))
    assert server.last.url == f"{ROOT}/users?a=true&a=x"


def test_bool_fields_none() -> None:
    """`bool_fields=None` stands for Python's own words."""
    server = Api()
    api = ApiClient(ROOT, session=session_to(server), bool_fields=None)
    assert api.bool_fields == ("True", "False")
    api.post("x", data={"yes": True})
    assert server.last.body == "yes=True"
    api.post("x", data={"yes": True}, bool_fields=None)
    assert server.last.body == "yes=True"


@pytest.mark.parametrize("bool_fields", [(), ("true",), ("a", "b", "c"), "ab", b"ab", {"a", "b"}, 1, True])
def test_unusable_bool_fields(api: ApiClient, server: Api, bool_fields: Any) -> None:
    """Anything but two values is refused, for the client and for a call."""
    with pytest.raises(InvalidBoolFieldsParam, match="Invalid value for `bool_fields`") as refused:
        ApiClient(ROOT, bool_fields=bool_fields)
    assert refused.value.value == bool_fields
    with pytest.raises(InvalidBoolFieldsParam):
        api.get("x", bool_fields=bool_fields)
    assert server.received == []


@pytest.mark.parametrize("none_fields", ["", "drop", True, ["exclude"]])
def test_unusable_none_fields(api: ApiClient, server: Api, none_fields: Any) -> None:
    """Anything but the three rules is refused, for the client and for a call."""
    with pytest.raises(InvalidParam, match=r"`none_fields`.*'exclude'"):
        ApiClient(ROOT, none_fields=none_fields)
    with pytest.raises(InvalidParam, match="`none_fields`"):
        api.get("x", none_fields=none_fields)
    assert server.received == []


# ---------------------------------------------------------------- the session


def test_session() -> None:
    """A session that is given is used, as it is; there is a new one for each client otherwise."""
    session = requests.Session()
    session.headers["User-Agent"] = "custom/1"
    before = (dict(session.headers), session.cookies.copy(), session.proxies)
    api = ApiClient(ROOT, session=session)
    assert api.session is session
    assert (dict(session.headers), session.cookies.copy(), session.proxies) == before
    session.cookies = http.cookiejar.CookieJar()
    assert ApiClient(ROOT, session=session).session.cookies is session.cookies
    assert ApiClient(ROOT).session is not ApiClient(ROOT).session
    assert ApiClient(ROOT).session.headers["User-Agent"].startswith("python-requests/")


def test_options_of_the_session(server: Api) -> None:
    """Cookies, headers, user agent and other attributes are set on the session."""
    jar = requests.cookies.cookiejar_from_dict({"in": "jar"})
    proxies = {"https": "http://localhost:3128"}
    session = session_to(server)
    api = ApiClient(
        ROOT,
        session=session,
        cookies={"c": "d"},
        headers={"X-Test": "1"},
        user_agent="me/1",
        proxies=proxies,
        verify=False,
    )
    ApiClient(ROOT, session=session, cookies=jar)
    api.get()
    assert server.last.headers["X-Test"] == "1"
    assert server.last.headers["User-Agent"] == "me/1"
    assert set(server.last.headers["Cookie"].split("; ")) == {"c=d", "in=jar"}
    assert session.proxies == proxies
    assert session.verify is False


def test_no_user_agent(server: Api) -> None:
    """`user_agent=None` removes the header."""
    ApiClient(ROOT, session=session_to(server), user_agent=None).get()
    assert "User-Agent" not in server.last.headers


def test_misspelt_options() -> None:
    """An argument that neither the client nor its session knows is refused, before anything is changed."""
    session = requests.Session()
    with pytest.raises(InvalidParam, match="`proxy` is no parameter of ApiClient"):
        ApiClient(ROOT, session=session, proxy="http://localhost:3128", verify=False)
    assert session.verify is True


def test_context_manager(server: Api) -> None:
    """Leaving the block closes the session, and swallows nothing."""
    with ApiClient(ROOT, session=session_to(server)) as api:
        assert api.get().status_code == 200
    assert server.closed == 2  # it is mounted for http and for https
    with pytest.raises(RuntimeError, match="inside"), ApiClient(ROOT, session=session_to(server)):
        raise RuntimeError("inside")
    assert server.closed == 4


# ---------------------------------------------------------------- clients as values


def test_frozen(api: ApiClient) -> None:
    """A client does not change."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        api.base_url = "https://evil.com"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        api.users = "x"


def test_equality_and_hash() -> None:
    """Clients are equal when their attributes are; a client whose auth is unhashable has a hash too."""
    session = requests.Session()
    api = ApiClient(ROOT, session=session, auth=Token())
    assert api == ApiClient(ROOT, session=session, auth=Token())
    assert hash(api) == hash(ApiClient(ROOT, session=session, auth=Token()))
    assert api.users == api["users"]
    for other in (
        ApiClient(ROOT, session=session),
        ApiClient(ROOT, auth=Token()),
        ApiClient(ROOT, session=session, auth=Token(), timeout=1),
        api.users,
        Slotted(ROOT, session=session, auth=Token()),
    ):
        assert api != other
    assert {api: 1}[copy.copy(api)] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda **kw: ApiClient(ROOT, **kw),
        lambda **kw: Slotted(ROOT, tenant="acme", **kw),
        lambda **kw: Tenant("acme", **kw),
    ],
)
def test_copies(make) -> None:
    """A copy shares the session; deep copies and pickles have their own, with what it held."""
    session = requests.Session()
    session.headers["X-Test"] = "1"
    session.cookies["c"] = "d"
    api = make(auth=("me", "pw"), timeout=(1, 2), none_fields="empty", session=session)
    assert copy.copy(api) == api
    assert copy.copy(api).session is api.session
    for other in (copy.deepcopy(api), pickle.loads(pickle.dumps(api)), pickle.loads(pickle.dumps(api.users))):
        assert type(other) is type(api)
        assert other.session is not api.session
        assert other.session.headers["X-Test"] == "1"
        assert other.session.cookies.get_dict() == {"c": "d"}
        assert other.base_url.startswith(api.base_url)
        for field in attrs.fields(type(api)):
            if field.name not in ("base_url", "session"):
                assert getattr(other, field.name) == getattr(api, field.name)
        assert other.posts.base_url == f"{other.base_url}/posts"


def test_repr_tells_no_secret() -> None:
    """Tokens, passwords, headers and cookies are not in the `repr`."""
    for auth in (Token("s3cret"), ("s3cret", "s3cret"), lambda request: request):
        api = ApiClient(
            ROOT, auth=auth, headers={"X-Key": "s3cret"}, cookies={"sid": "s3cret"}, params={"key": "s3cret"}
        )
        assert "s3cret" not in repr(api)
        assert repr(api).startswith(f"ApiClient(base_url='{ROOT}', auth=<{type(auth).__name__}>, timeout=60,")
    assert "auth=None" in repr(ApiClient(ROOT))


def test_errors_pickle(api: ApiClient) -> None:
    """A refused path can be told to another process."""
    with pytest.raises(InvalidPathParam) as refused:
        api.get("..")
    again = pickle.loads(pickle.dumps(refused.value))
    assert (type(again), str(again), again.url) == (InvalidPathParam, str(refused.value), "..")
