"""The one door to an Authorization Server: how requests leave, and how answers come in."""

from __future__ import annotations

import socket
import ssl
from typing import ClassVar

import pytest
import requests
from urllib3.exceptions import MaxRetryError
from urllib3.exceptions import SSLError as TlsError

from requests_oauth2client import (
    BearerToken,
    ConnectionFailed,
    EndpointError,
    GrantTypes,
    InvalidGrant,
    InvalidParam,
    InvalidTokenResponse,
    MissingEndpointUri,
    OAuth2Client,
    RequestTimeout,
    ResponseTooLarge,
    ServerError,
    SlowDown,
    TransportError,
    UnknownTokenEndpointError,
)
from requests_oauth2client.endpoint import MAX_RESPONSE_SIZE, encode_form, exchange, standard_error
from requests_oauth2client.testing import AuthorizationServer, misbehaviour

CALLS = {
    "token": lambda client, **kwargs: client.client_credentials("read", **kwargs),
    "refresh": lambda client, **kwargs: client.refresh_token("marked-refresh", **kwargs),
    "password": lambda client, **kwargs: client.resource_owner_password("alice", "wonderland", **kwargs),
    "jwt_bearer": lambda client, **kwargs: client.jwt_bearer("marked-assertion", **kwargs),
    "revocation": lambda client, **kwargs: client.revoke_token("marked-token", **kwargs),
    "introspection": lambda client, **kwargs: client.introspect_token("marked-token", **kwargs),
    "userinfo": lambda client, **kwargs: client.userinfo("marked-token", **kwargs),
}
GRANTS = ("token", "refresh", "password", "jwt_bearer")
EACH_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)

CERTIFICATE = MaxRetryError(None, "/", TlsError(ssl.SSLCertVerificationError("self-signed")))
"""A refused certificate, as urllib3 has it."""


class Recorder(requests.Session):
    """Keeps the arguments of each request, and sends none."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def request(self, method, url, **kwargs):
        self.calls.append((method, url, kwargs))
        raise requests.ConnectionError

    @property
    def last(self):
        return self.calls[-1][2]


@pytest.fixture
def recorded(server):
    return OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=Recorder()
    )


def ask(client, call, **kwargs):
    with pytest.raises(ConnectionFailed):
        call(client, **kwargs)
    return client.session.last


class TestForms:
    @pytest.mark.parametrize(
        ("fields", "form"),
        [
            ({}, ""),
            ({"a": None}, ""),
            ({"a": ""}, "a="),
            ({"a": "b c&d=e+é"}, "a=b+c%26d%3De%2B%C3%A9"),
            ({"a": ["1", "2"]}, "a=1&a=2"),
            ({"a": ("1", None, 2)}, "a=1&a=2"),
            ({"a": {"1"}}, "a=1"),
            ({"a": frozenset(["1"])}, "a=1"),
            ({"a": []}, ""),
            ({"a": True, "b": False, "c": 0, "d": 1.5}, "a=True&b=False&c=0&d=1.5"),
            ({"a": b"\xc3\xa9"}, "a=%C3%A9"),
            ({"a": BearerToken("at")}, "a=at"),
            ({"a": GrantTypes.DEVICE_CODE}, "a=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"),
            ({"b": 1, "a": 2}, "b=1&a=2"),
            ({"a": (text for text in "xy")}, "a=x&a=y"),
            ({"a": {"1": 0}.keys()}, "a=1"),
            ({"a": {"type": "x"}}, "a=%7B%22type%22%3A%22x%22%7D"),
            ({"a": [{"type": "x"}, {"n": 1}]}, "a=%5B%7B%22type%22%3A%22x%22%7D%2C%7B%22n%22%3A1%7D%5D"),
        ],
    )
    def test_encode(self, fields, form):
        """`None` is left out, lists repeat the name, objects are JSON, all else goes as its text, in the order given."""
        assert encode_form(fields) == form

    @pytest.mark.parametrize("value", [{"a": object()}, [{"a": {1}}], {"a": b"x"}])
    def test_no_json(self, value):
        """An object that is no JSON is refused, and not sent as Python shows it."""
        with pytest.raises(InvalidParam, match="`details` cannot be made JSON"):
            encode_form({"details": value})

    @pytest.mark.parametrize("value", ["marked \ud800", ["a", "marked \udfff"], b"marked \xff"])
    def test_what_no_text_is(self, value):
        """Lone surrogates, and bytes that are no UTF-8, are refused by the name of their parameter; no value is shown."""
        with pytest.raises(InvalidParam, match="`foo` holds characters") as caught:
            encode_form({"scope": "a", "foo": value})
        assert "marked" not in repr(caught.value)
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


class TestRequests:
    @EACH_CALL
    def test_what_leaves(self, client, server, call):
        """Every request is a form POST that asks for JSON, with credentials, and reads no cookie or query of ours."""
        try:
            call(client)
        except EndpointError:
            assert server.requests
        request = server.requests[-1]
        assert request.method == "POST"
        assert request.headers["Accept"] == "application/json"
        assert request.media_type == "application/x-www-form-urlencoded"
        assert request.headers["Content-Length"] == str(len(request.body))
        assert request.query == {}
        if request.endpoint == "userinfo":
            assert request.headers["Authorization"] == "Bearer marked-token"
            assert request.body == b""
        else:
            assert request.form["client_secret"] == ["client_secret"]

    @EACH_CALL
    def test_defaults(self, recorded, call):
        """Every request has a finite timeout, follows no redirect, and leaves its body to be read with a bound."""
        sent = ask(recorded, call)
        assert sent["timeout"] == 10
        assert sent["allow_redirects"] is False
        assert sent["stream"] is True
        assert callable(sent["auth"])

    def test_discovery_defaults(self):
        """So has discovery, which sends no credentials."""
        session = Recorder()
        with pytest.raises(ConnectionFailed):
            OAuth2Client.from_discovery_endpoint(
                issuer="https://as.local", client_id="c", client_secret="s", session=session
            )
        method, url, sent = session.calls[0]
        assert (method, url) == ("GET", "https://as.local/.well-known/openid-configuration")
        assert (sent["timeout"], sent["allow_redirects"], sent["data"]) == (10, False, None)
        assert sent["headers"] == {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}

    @EACH_CALL
    def test_timeout_of_the_client(self, server, call):
        """The timeout is a choice of the client, and of each call."""
        client = OAuth2Client.from_discovery_document(server.metadata, client_id="c", session=Recorder(), timeout=3)
        assert ask(client, call)["timeout"] == 3
        assert ask(client, call, requests_kwargs={"timeout": (1, 2)})["timeout"] == (1, 2)

    def test_timeout_of_token_request(self, recorded):
        """`token_request` has it as an argument, and takes those of requests as keywords."""
        for given, expected in (({}, 10), ({"timeout": 3}, 3), ({"timeout": None}, 10), ({"verify": False}, 10)):
            with pytest.raises(ConnectionFailed):
                recorded.token_request({"grant_type": "x"}, **given)
            assert recorded.session.last["timeout"] == expected
        assert recorded.session.last["verify"] is False

    @EACH_CALL
    def test_requests_kwargs(self, recorded, call):
        """The arguments of requests are passed on; headers are added to ours, and win."""
        kwargs = {
            "verify": "/ca.pem",
            "cert": ("c", "k"),
            "proxies": {"https": "http://proxy.local"},
            "params": {"p": "1"},
            "cookies": {"c": "1"},
            "hooks": {"response": []},
        }
        sent = ask(recorded, call, requests_kwargs={**kwargs, "headers": {"X-Id": "1", "Accept": "application/jwt"}})
        assert {name: sent[name] for name in kwargs} == kwargs
        assert sent["headers"]["X-Id"] == "1"
        assert sent["headers"]["Accept"] == "application/jwt"
        assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
        assert (
            ask(recorded, call, requests_kwargs={"allow_redirects": False, "headers": None})["allow_redirects"] is False
        )

    @EACH_CALL
    @pytest.mark.parametrize(
        "kwargs",
        [{"data": "x"}, {"json": {}}, {"files": {}}, {"auth": None}, {"stream": False}, {"method": "GET"}, {"url": "x"},
         {"dpop": True}, {"allow_redirects": True}],
        ids=lambda kwargs: next(iter(kwargs)),
    )  # fmt: skip
    def test_reserved_arguments(self, recorded, call, kwargs):
        """What makes the request to an endpoint cannot be replaced, and redirects cannot be switched on."""
        with pytest.raises(InvalidParam, match=f"`requests_kwargs` may not hold .*{next(iter(kwargs))}"):
            call(recorded, requests_kwargs=kwargs)
        assert recorded.session.calls == []

    def test_netrc(self, server, monkeypatch, tmp_path):
        """Credentials for this host in `.netrc` never replace those of the client, nor go with public requests."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine as.local login marked password marked\n")
        monkeypatch.setenv("NETRC", str(netrc))
        session = server.session()
        assert requests.utils.get_netrc_auth("https://as.local/token") == ("marked", "marked")
        server.add_client("public", public=True, auth_methods="none")
        client = OAuth2Client.from_discovery_endpoint(issuer=server.issuer, client_id="public", session=session)
        with pytest.raises(EndpointError):
            client.client_credentials()
        with pytest.raises(EndpointError):
            client.userinfo("marked-token")
        assert [request.headers.get("Authorization") for request in server.requests] == [
            None,
            None,
            "Bearer marked-token",
        ]

    def test_auth_of_the_session(self, client, server):
        """Neither do credentials that the session has for its own calls."""
        client.session.auth = ("marked", "marked")
        client.client_credentials()
        assert "Authorization" not in server.last("token").headers

    @EACH_CALL
    def test_missing_endpoint(self, call):
        """Without the URL of the endpoint, nothing is sent; the error is an AttributeError that names what to pass."""
        client = OAuth2Client("https://as.local/token", client_id="client_id", session=Recorder())
        if call in [CALLS[name] for name in GRANTS]:
            return
        with pytest.raises(MissingEndpointUri, match=r"no '(\w+_endpoint)'. Pass `\1=` to OAuth2Client") as caught:
            call(client)
        assert isinstance(caught.value, AttributeError)
        assert client.session.calls == []


class TestFailures:
    @EACH_CALL
    @pytest.mark.parametrize(
        ("raised", "expected", "sent"),
        [
            (requests.ConnectTimeout("connect"), RequestTimeout, False),
            (requests.ReadTimeout("read"), RequestTimeout, True),
            (requests.Timeout("any"), RequestTimeout, True),
            (requests.ConnectionError("reset"), ConnectionFailed, True),
            (requests.exceptions.SSLError(CERTIFICATE), ConnectionFailed, False),
            (requests.exceptions.SSLError("a record of the answer was changed"), ConnectionFailed, True),
            (requests.exceptions.ProxyError("proxy"), ConnectionFailed, False),
            (requests.exceptions.ChunkedEncodingError("chunk"), TransportError, True),
            (requests.exceptions.ContentDecodingError("gzip"), TransportError, True),
            (requests.exceptions.InvalidURL("url"), TransportError, True),
            (requests.TooManyRedirects("redirects"), TransportError, True),
        ],
        ids=lambda value: getattr(value, "__name__", type(value).__name__),
    )
    def test_typed(self, recorded, call, raised, expected, sent, monkeypatch):
        """What requests raises comes as one of ours, with the cause chained, and tells whether the server may have acted."""

        def fail(*args, **kwargs):
            raise raised

        monkeypatch.setattr(recorded.session, "request", fail)
        with pytest.raises(expected, match=r"https://as\.local/") as caught:
            call(recorded)
        assert type(caught.value) is expected
        assert caught.value.__cause__ is raised
        assert caught.value.may_have_been_processed is sent
        assert caught.value.response is None

    def test_response_of_the_cause(self, recorded, monkeypatch):
        """A response that came with the failure is kept."""
        response = requests.Response()

        def fail(*args, **kwargs):
            raise requests.RequestException(response=response)

        monkeypatch.setattr(recorded.session, "request", fail)
        with pytest.raises(TransportError) as caught:
            recorded.client_credentials()
        assert caught.value.response is response

    def test_errors_of_requests_still_catch(self):
        """Code that catches the errors of requests goes on working."""
        assert issubclass(ConnectionFailed, requests.ConnectionError)
        assert issubclass(RequestTimeout, requests.Timeout)

    @pytest.mark.parametrize(
        ("raised", "reason"),
        [
            (requests.exceptions.SSLError(CERTIFICATE), "its certificate is not valid: "),
            (
                requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
                "Connection reset by peer",
            ),
            (requests.ConnectionError("marked", "marked"), "ConnectionError"),
            (requests.ConnectionError(OSError("marked")), "ConnectionError"),
        ],
    )
    def test_reason(self, recorded, monkeypatch, raised, reason):
        """What the system said of a failed connection is told; what others wrote is not."""

        def fail(*args, **kwargs):
            raise raised

        monkeypatch.setattr(recorded.session, "request", fail)
        with pytest.raises(ConnectionFailed, match=rf"the connection broke \({reason}") as caught:
            recorded.client_credentials()
        assert "marked" not in str(caught.value)

    def test_refused_connection(self):
        """Nobody listens: the server cannot have seen the request."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/token"
        client = OAuth2Client(url, client_id="c", client_secret="marked-secret")
        with pytest.raises(ConnectionFailed, match=r"could not be reached, .* \(Connection refused\)") as caught:
            client.client_credentials()
        assert caught.value.may_have_been_processed is False
        assert "marked" not in str(caught.value)

    def test_no_answer_in_time(self, client, server):
        """The server is too slow: it may have seen the request, and the request may have had its effect."""
        server.misbehave("token", delay=5)
        with pytest.raises(RequestTimeout, match="longer `timeout`") as caught:
            client.client_credentials(requests_kwargs={"timeout": 0.1})
        assert caught.value.may_have_been_processed is True

    def test_no_answer_on_a_socket(self, server):
        """The same happens on a real socket."""
        with server.serve():
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), timeout=0.1)
            server.misbehave("token", delay=0.5)
            with pytest.raises(RequestTimeout):
                client.client_credentials()
            client.session.close()

    def test_a_failure_inside_of_the_auth_handler(self, server):
        """An auth handler of the caller that uses this library fails with its own error, not chained to itself."""
        error = ConnectionFailed("inner")

        def auth(request):
            raise error

        client = OAuth2Client("https://as.local/token", auth, session=server.session())
        with pytest.raises(ConnectionFailed) as caught:
            client.client_credentials()
        assert caught.value is error
        assert error.__cause__ is None


class TestBodies:
    def client(self, server, **kwargs):
        return OAuth2Client(
            server.endpoint("token"), ("client_id", "client_secret"), session=server.session(), **kwargs
        )

    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize("excess", [0, 1])
    def test_limit(self, server, announced, excess):
        """A body of `max_response_size` bytes is read, and not one byte more, with or without a Content-Length."""
        start, end = b'{"access_token": "', b'", "token_type": "Bearer"}'
        body = start + b"x" * (1000 + excess - len(start) - len(end)) + end
        if announced:
            server.misbehave("token", status=200, body=body)
        else:
            server.misbehave("token", lambda _: misbehaviour.Response(200, (), lambda: iter([body[:500], body[500:]])))
        client = self.client(server, max_response_size=1000)
        if not excess:
            assert client.client_credentials().access_token.startswith("xxx")
            return
        with pytest.raises(ResponseTooLarge, match=r"more than 1000 bytes.*raise `max_response_size`") as caught:
            client.client_credentials()
        assert caught.value.response.content == body[:1000]
        assert caught.value.response.status_code == 200

    def test_default_limit(self):
        """By default, a body may have 1 MiB."""
        assert MAX_RESPONSE_SIZE == 1024 * 1024
        assert OAuth2Client("https://as.local/token", client_id="c").max_response_size == MAX_RESPONSE_SIZE

    @pytest.mark.parametrize("loopback", [False, True], ids=["in process", "loopback"])
    @pytest.mark.parametrize("flood", [misbehaviour.huge_body(10_000_000), misbehaviour.gzip_bomb(10_000_000)])
    def test_floods(self, server, loopback, flood):
        """10 MB, plain or out of a small compressed body, are not read to the end."""
        server.misbehave("token", flood)
        if loopback:
            with server.serve(), requests.Session() as session:
                client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
                with pytest.raises(ResponseTooLarge) as caught:
                    client.client_credentials()
        else:
            with pytest.raises(ResponseTooLarge) as caught:
                self.client(server).client_credentials()
        assert len(caught.value.response.content) == MAX_RESPONSE_SIZE
        assert len(str(caught.value)) < 400

    def test_the_rest_of_a_flood_is_not_kept(self, server):
        """A connection with unread bytes on it is closed, and never serves the next request."""
        server.misbehave("token", misbehaviour.huge_body(3_000_000))
        with server.serve(), requests.Session() as session:
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
            with pytest.raises(ResponseTooLarge) as caught:
                client.client_credentials()
            assert caught.value.response.raw.closed
            assert client.client_credentials().access_token

    def test_content_encoding(self, server):
        """A compressed answer is read as any other."""
        import gzip

        body = gzip.compress(b'{"access_token": "at"}')
        server.misbehave("token", body=body, headers={"Content-Encoding": "gzip"})
        assert self.client(server).client_credentials().access_token == "at"

    def test_broken_content_encoding(self, server):
        """A body that is not compressed as announced is a typed error."""
        server.misbehave("token", body=b"not gzip", headers={"Content-Encoding": "gzip"})
        with pytest.raises(TransportError, match="ContentDecodingError"):
            self.client(server).client_credentials()

    def test_cut_body(self, server):
        """So is a body that is shorter than announced, since the connection broke."""
        with server.serve(), requests.Session() as session:
            server.misbehave("token", misbehaviour.cut_body())
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
            with pytest.raises(TransportError) as caught:
                client.client_credentials()
        assert caught.value.may_have_been_processed is True

    def test_connections_are_kept(self, server):
        """An answer is read to its end, so that the connection serves the next request too."""
        with server.serve(), requests.Session() as session:
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
            for _ in range(3):
                client.client_credentials()
            pools = session.get_adapter(server.issuer).poolmanager.pools
            assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - no mapping

    def test_bodies_that_are_read_already(self, server):
        """Adapters and hooks which read the body are no problem; the bound holds for them too."""
        session = server.session()
        session.hooks["response"].append(lambda response, **kwargs: response.content and None)
        client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
        assert client.client_credentials().access_token
        server.misbehave("token", body=b"x" * (MAX_RESPONSE_SIZE + 1))
        with pytest.raises(ResponseTooLarge):
            client.client_credentials()


class TestStandardErrors:
    @staticmethod
    def answer(body, status=400):
        response = requests.Response()
        response.status_code, response._content, response.url = status, body, "https://as.local/token"
        return response

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b'"error"',
            b"null",
            b"{}",
            b'{"error": ""}',
            b'{"error": null}',
            b'{"error": 5}',
            b'{"error": ["invalid_grant"]}',
            b'{"error": {"code": "invalid_grant"}}',
            b'{"error_description": "x"}',
            b'{"error": "a", "error": "b"}',
            b'{"error": "a"',
            b"\xff\xfe",
        ],
    )
    def test_none(self, body):
        """What has no error code, as text, is no standard error."""
        assert standard_error(self.answer(body), {}, EndpointError) is None

    @pytest.mark.parametrize(("code", "cls"), OAuth2Client.exception_classes.items())
    def test_codes(self, client, server, code, cls):
        """Each standard code has its class; the error holds all that the server said."""
        server.misbehave(
            "token", status=400, json={"error": code, "error_description": "what", "error_uri": "https://e"}
        )
        if code == "use_dpop_nonce":
            with pytest.raises(InvalidTokenResponse, match="initial request did not include a DPoP proof"):
                client.client_credentials()
            return
        with pytest.raises(cls) as caught:
            client.client_credentials()
        assert type(caught.value) is cls
        error = caught.value
        assert (error.error, error.description, error.uri) == (code, "what", "https://e")
        assert error.response.status_code == 400
        assert error.request.url == client.token_endpoint
        assert code in str(error)
        assert error.client is None

    @pytest.mark.parametrize("member", ["error_description", "error_uri"])
    @pytest.mark.parametrize("value", [5, None, ["x"], {"a": 1}, True])
    def test_odd_members(self, client, server, member, value):
        """Descriptions of other types than text are left out."""
        server.misbehave("token", status=400, json={"error": "invalid_grant", member: value})
        with pytest.raises(InvalidGrant, match="no description") as caught:
            client.client_credentials()
        assert (caught.value.description, caught.value.uri) == (None, None)

    @pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 429, 500, 502, 503])
    def test_status(self, client, server, status):
        """An error body is an error, whatever the status."""
        server.misbehave("token", status=status, json={"error": "server_error"})
        with pytest.raises(ServerError, match=f"answered {status} with error 'server_error'"):
            client.client_credentials()

    def test_unknown_codes(self, client, server):
        """Another code is an `UnknownTokenEndpointError`, unless a subclass of the client knows its class."""

        class QuotaExceeded(EndpointError):
            pass

        class Client(OAuth2Client):
            exception_classes: ClassVar = {
                **OAuth2Client.exception_classes,
                "quota": QuotaExceeded,
                "slow_down": QuotaExceeded,
            }

        server.misbehave("token", status=400, json={"error": "quota"}, times=2)
        with pytest.raises(UnknownTokenEndpointError):
            client.client_credentials()
        mine = Client(client.token_endpoint, client.auth, session=client.session)
        with pytest.raises(QuotaExceeded):
            mine.client_credentials()
        assert OAuth2Client.exception_classes["slow_down"] is SlowDown


HOOKS = {
    "token": ("parse_token_response", "on_token_error"),
    "revocation": ("parse_revocation_response", "on_revocation_error"),
    "introspection": ("parse_introspection_response", "on_introspection_error"),
    "userinfo": ("parse_userinfo_response", "on_userinfo_error"),
}


@pytest.mark.parametrize("endpoint", HOOKS)
@pytest.mark.parametrize("status", [200, 202, 400, 500])
def test_hooks(server, endpoint, status):
    """Each endpoint has a hook for success and one for failure; what it returns is the result of the call."""
    seen = []

    def hook(name):
        def called(self, response, *, dpop_key=None):
            seen.append((name, response.status_code, dpop_key))
            return name

        return called

    names = [name for pair in HOOKS.values() for name in pair]
    mine = type("Mine", (OAuth2Client,), {"__slots__": (), **{name: hook(name) for name in names}})
    client = mine.from_discovery_document(server.metadata, client_id="client_id", session=server.session())
    server.misbehave(endpoint, status=status, body="whatever")
    expected = HOOKS[endpoint][status >= 400]
    assert CALLS[endpoint](client) == expected
    assert seen == [(expected, status, None)]


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("result", [None, "text", {}])
@pytest.mark.parametrize("status", [200, 500])
def test_hooks_may_return_anything(server, grant, result, status):
    """A lenient error hook gives its result to any grant, the refresh grant included; a 200 that is no token goes there too."""

    class Lenient(OAuth2Client):
        def on_token_error(self, response, *, dpop_key=None):
            return result

    client = Lenient(server.endpoint("token"), ("client_id", "client_secret"), session=server.session())
    server.misbehave("token", status=status, body="{}")
    assert CALLS[grant](client) == result


def test_a_hook_may_explain(server):
    """The error of an error hook that says more than ours is left as it is."""

    class Explaining(OAuth2Client):
        def on_token_error(self, response, *, dpop_key=None):
            raise InvalidTokenResponse(response=response, description="it is Tuesday")

    client = Explaining(server.endpoint("token"), ("client_id", "client_secret"), session=server.session())
    for status in (200, 500):
        server.misbehave("token", status=status, body="{}")
        with pytest.raises(InvalidTokenResponse, match="it is Tuesday") as caught:
            client.client_credentials()
        assert caught.value.__cause__ is None


def test_a_lenient_parser(server):
    """A server that deviates is met by overriding `parse_token_response`."""

    class Lenient(OAuth2Client):
        def parse_token_response(self, response, *, dpop_key=None):
            return BearerToken(response.json()["data"]["token"])

    server.misbehave("token", json={"data": {"token": "at"}})
    client = Lenient(server.endpoint("token"), ("client_id", "client_secret"), session=server.session())
    assert client.client_credentials() == BearerToken("at")


def test_exchange_alone():
    """`exchange` is usable by itself, with nothing but a session, a method, a URL and headers."""
    server = AuthorizationServer()
    response = exchange(server.session(), "GET", server.issuer + "/.well-known/openid-configuration", headers={})
    assert response.json()["issuer"] == server.issuer
