"""Answers that no honest server gives, at each endpoint: a typed error with evidence, or a value that can be trusted."""

from __future__ import annotations

import logging
import pickle
import traceback
from base64 import b64decode, b64encode
from urllib.parse import unquote_plus

import pytest
import requests

from requests_oauth2client import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    EndpointError,
    IntrospectionError,
    InvalidClient,
    InvalidDiscoveryDocument,
    InvalidGrant,
    InvalidTokenResponse,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2Error,
    RequestTimeout,
    ResponseTooLarge,
    ServerError,
    TransportError,
    UnexpectedRedirect,
    UnknownIntrospectionError,
    UserInfoError,
)
from requests_oauth2client.exceptions import InvalidUserInfoResponse
from requests_oauth2client.testing import AuthorizationServer, Response, misbehaviour

SECRET = "marked-secret:%+é of more than 32 bytes"
REFRESH, ACCESS, PASSWORD, ASSERTION = "marked-refresh", "marked-access", "marked-password", "marked.assertion.x"


def discover(client):
    return OAuth2Client.from_discovery_endpoint(issuer=client.issuer, auth=client.auth, session=client.session)


CALLS = {
    "token": lambda client: client.client_credentials("read"),
    "refresh": lambda client: client.refresh_token(BearerToken(ACCESS, refresh_token=REFRESH)),
    "password": lambda client: client.resource_owner_password("alice", PASSWORD),
    "jwt_bearer": lambda client: client.jwt_bearer(ASSERTION),
    "revocation": lambda client: client.revoke_refresh_token(BearerToken(ACCESS, refresh_token=REFRESH)),
    "introspection": lambda client: client.introspect_token(ACCESS),
    "userinfo": lambda client: client.userinfo(ACCESS),
    "discovery": discover,
}
ENDPOINT = {"refresh": "token", "password": "token", "jwt_bearer": "token"}
EACH_CALL = pytest.mark.parametrize("name", CALLS)

UNUSABLE = {
    "token": InvalidTokenResponse,
    "introspection": UnknownIntrospectionError,
    "userinfo": InvalidUserInfoResponse,
    "discovery": InvalidDiscoveryDocument,
}
"""What an answer is that is no token, no claims, no metadata, though its status is 200. To revocation, 200 is enough."""

FAILED = {**UNUSABLE, "userinfo": UserInfoError}
"""What a failure is that names no error code. Revocation returns False."""


@pytest.fixture(params=[ClientSecretPost, ClientSecretBasic, ClientSecretJwt])
def method(request):
    return request.param


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    methods = "client_secret_post client_secret_basic client_secret_jwt"
    server.add_client("client_id", client_secret=SECRET, auth_methods=methods)
    return server


def client_of(server, method=ClientSecretPost, session=None):
    auth = method("client_id", SECRET)
    return OAuth2Client.from_discovery_document(server.metadata, auth=auth, session=session or server.session())


def texts(error):
    """Everything that a log may show of an error."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


def failure(client, name, expected):
    """Make the call; check that it fails as expected, with its evidence and without secrets."""
    with pytest.raises(expected) as caught:
        CALLS[name](client)
    error = caught.value
    assert type(error) is expected
    assert isinstance(error, OAuth2Error)
    assert "marked" not in texts(error)
    assert len(str(error)) < 2000
    assert str(error).isprintable()
    assert b"marked" not in pickle.dumps(error) or b"marked" in error.response.content
    return error


MALFORMED = {
    "empty": misbehaviour.canned(200, b""),
    "html": misbehaviour.html(),
    "html as json": misbehaviour.canned(200, "<html>", {"Content-Type": "application/json"}),
    "truncated": misbehaviour.canned(200, b'{"access_token": "marked', {"Content-Type": "application/json"}),
    "array": misbehaviour.canned(200, json=[{"access_token": "at"}]),
    "string": misbehaviour.canned(200, json="at"),
    "number": misbehaviour.canned(200, json=1),
    "null": misbehaviour.canned(200, b"null", {"Content-Type": "application/json"}),
    "true": misbehaviour.canned(200, json=True),
    "duplicate": misbehaviour.canned(
        200, b'{"access_token": "a", "access_token": "b"}', {"Content-Type": "application/json"}
    ),
    "nan": misbehaviour.canned(200, b'{"access_token": "a", "expires_in": NaN}', {"Content-Type": "application/json"}),
    "nested": misbehaviour.nested_json(),
    "utf-16": misbehaviour.canned(200, '{"access_token": "a"}'.encode("utf-16"), {"Content-Type": "application/json"}),
    "latin-1": misbehaviour.canned(200, b'{"access_token": "\xe9"}', {"Content-Type": "application/json"}),
    "control characters": misbehaviour.canned(200, b"\x1b[2J\x00\r\n", {"Content-Type": "application/json"}),
    "image": misbehaviour.canned(200, b"\x89PNG\r\n\x1a\n", {"Content-Type": "application/json"}),
}


@EACH_CALL
@pytest.mark.parametrize("answer", MALFORMED)
def test_malformed(server, name, answer):
    """What is not a JSON object is a typed error, with the response attached; only revocation has no use for a body."""
    client = client_of(server)
    endpoint = ENDPOINT.get(name, name)
    server.misbehave(endpoint, MALFORMED[answer], times=None)
    if name == "revocation":
        assert client.revoke_token(ACCESS) is True
        return
    if name == "introspection" and answer == "empty":
        assert client.introspect_token(ACCESS) == ""
        return
    error = failure(client, name, UNUSABLE[endpoint])
    assert error.response.status_code == 200
    assert error.response.content == b"".join(MALFORMED[answer](server.requests[-1]).chunks())


@EACH_CALL
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 418, 429, 500, 502, 503, 504, 599])
def test_failures(server, name, status):
    """A failure without an error code is a typed error; revocation returns False."""
    client = client_of(server)
    endpoint = ENDPOINT.get(name, name)
    for body in (b"", b"<html><h1>Oops</h1>", b"[]", b'{"message": "no"}', b'{"error": 5}'):
        server.behave()
        server.misbehave(endpoint, status=status, body=body, times=None)
        if name == "revocation":
            assert client.revoke_token(ACCESS) is False
            continue
        error = failure(client, name, FAILED[endpoint])
        assert error.response.status_code == status
        assert str(status) in str(error)


@EACH_CALL
@pytest.mark.parametrize(
    ("code", "expected"), [("invalid_client", InvalidClient), ("server_error", ServerError), ("odd", None)]
)
def test_error_bodies(server, name, code, expected):
    """A standard error body has the class of its code, and the endpoint's own class for others."""
    client = client_of(server)
    endpoint = ENDPOINT.get(name, name)
    server.misbehave(endpoint, status=400, json={"error": code, "error_description": "why\nnot"}, times=None)
    if name == "discovery":
        failure(client, name, InvalidDiscoveryDocument)
        return
    others = {"introspection": IntrospectionError, "userinfo": UserInfoError}
    with pytest.raises(expected or others.get(endpoint, EndpointError), match=rf"'{code}' \(why\\nnot\)") as caught:
        CALLS[name](client)
    assert caught.value.error == code
    assert caught.value.response.status_code == 400


def everything(request):
    """All that a request carried, as it came and decoded."""
    header = request.headers.get("Authorization", "")
    decoded = b64decode(header[6:]).decode() if header.startswith("Basic ") else ""
    values = [value for values in request.form.values() for value in values]
    return " ".join([request.body.decode(), *values, header, decoded, unquote_plus(decoded)])


@EACH_CALL
def test_echo(server, name, method):
    """A server that repeats all it was sent, decoded or not, cannot put a secret into the text of an error."""

    def echo(request):
        said = everything(request)
        return Response.json({"error": "invalid_request", "error_description": said, "error_uri": said}, 400)

    client = client_of(server, method)
    server.misbehave(ENDPOINT.get(name, name), echo, times=None)
    with pytest.raises(OAuth2Error) as caught:
        CALLS[name](client)
    assert "marked" not in texts(caught.value)
    for assertion in server.requests[-1].form.get("client_assertion", []):
        assert assertion not in texts(caught.value)
    assert caught.value.response.status_code == 400


@pytest.mark.parametrize("name", ["token", "refresh", "password", "jwt_bearer", "revocation", "introspection"])
def test_echo_of_the_code(server, name, method):
    """Nor by way of the error code."""
    client = client_of(server, method)
    server.misbehave(ENDPOINT.get(name, name), lambda request: Response.json({"error": everything(request)}, 400))
    with pytest.raises(EndpointError) as caught:
        CALLS[name](client)
    assert "marked" not in texts(caught.value)


def test_echo_in_a_token_response(server):
    """Nor by way of a token type."""
    client = client_of(server)
    server.misbehave("token", lambda _: Response.json({"access_token": "at", "token_type": SECRET}))
    with pytest.raises(InvalidTokenResponse, match=r"Unsupported token_type '\[redacted\]'") as caught:
        client.client_credentials()
    assert "marked" not in texts(caught.value)


class TestRedirects:
    @EACH_CALL
    @pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
    def test_never_followed(self, server, name, status):
        """A redirect is an error that names both places; nothing follows it, whatever its status."""
        client = client_of(server)
        locations = (
            "https://evil.local/x?k=private",
            "/elsewhere",
            "http://evil.local/",
            "https://u:private@evil.local/",
            "",
        )
        for sent, location in enumerate(locations, 1):
            server.misbehave(
                ENDPOINT.get(name, name), status=status, headers={"Location": location} if location else {}
            )
            error = failure(client, name, UnexpectedRedirect)
            assert error.response.status_code == status
            shown = location.partition("?")[0].replace("u:private@", "")
            assert f"answered {status}, a redirect to '{shown}'" in str(error)
            assert "private" not in texts(error)
            assert len(server.requests) == sent
        assert server.strays == []

    @pytest.mark.parametrize("name", [name for name in CALLS if name != "discovery"])
    def test_over_sockets(self, server, name, method):
        """Between two real servers, no secret reaches the second one."""
        thief = AuthorizationServer("https://evil.local")
        with server.serve(), thief.serve(), requests.Session() as session:
            client = client_of(server, method, session)
            for status in (301, 302, 303, 307, 308):
                server.misbehave(ENDPOINT.get(name, name), misbehaviour.redirect(thief.endpoint("token"), status))
                failure(client, name, UnexpectedRedirect)
        assert thief.requests == []
        assert len(server.requests) == 5

    def test_the_handler_does_not_follow_either(self, server, api):
        """Nor does a handler that renews its token, and the API is not called without one."""
        client = client_of(server)
        server.misbehave("token", misbehaviour.redirect("https://evil.local/", 307))
        with pytest.raises(UnexpectedRedirect):
            client.session.get(api.url, auth=OAuth2ClientCredentialsAuth(client))
        assert api.name not in [request.endpoint for request in server.requests]
        assert server.strays == []


class TestSizeAndTime:
    @EACH_CALL
    @pytest.mark.parametrize("flood", [misbehaviour.huge_body(10_000_000), misbehaviour.gzip_bomb(20_000_000)])
    def test_floods(self, server, name, flood):
        """10 MB at any endpoint, plain or compressed, are an error and not an exhausted memory."""
        client = client_of(server)
        server.misbehave(ENDPOINT.get(name, name), flood)
        error = failure(client, name, ResponseTooLarge)
        assert len(error.response.content) == client.max_response_size

    @EACH_CALL
    def test_floods_in_errors(self, server, name):
        """So is a large error body."""
        client = client_of(server)
        server.misbehave(ENDPOINT.get(name, name), status=500, body=b"x" * 2_000_000)
        assert failure(client, name, ResponseTooLarge).response.status_code == 500

    @EACH_CALL
    def test_timeouts(self, server, name):
        """No answer in time is an error."""
        client = client_of(server)
        server.misbehave(ENDPOINT.get(name, name), delay=60)
        failure(client, name, RequestTimeout)

    def test_huge_headers(self, server):
        """Large headers of a good answer do no harm."""
        server.misbehave("token", misbehaviour.huge_header())
        assert client_of(server).client_credentials().access_token

    @pytest.mark.parametrize("digits", [20, 4000, 100_000])
    def test_huge_numbers(self, server, digits):
        """A lifetime of any number of digits is a lifetime, or unreadable; never an OverflowError."""
        server.misbehave("token", misbehaviour.huge_number(digits))
        client = client_of(server)
        if digits < 4300:
            assert client.client_credentials().expires_at.year == 9999
        else:
            failure(client, "token", InvalidTokenResponse)

    def test_a_rude_end(self, server):
        """A body that ends too early is a transport error."""
        with server.serve(), requests.Session() as session:
            client = client_of(server, session=session)
            server.misbehave("token", misbehaviour.cut_body())
            with pytest.raises(TransportError):
                client.client_credentials()


TOKEN = {"access_token": "at", "token_type": "Bearer", "expires_in": 60}


class TestTokenResponses:
    @pytest.mark.parametrize(
        ("member", "values"),
        [
            ("access_token", ["", 5, None, [], {}, True, "a\nb", "é", "\x00"]),
            ("token_type", ["mac", "", 5, [], {}, True, "Bearer\r\nX: y"]),
            ("expires_in", [[], {}, True, False]),
            ("refresh_token", ["", 5, [], {}, True, "a\nb"]),
            ("scope", [5, {}, True, [5]]),
            ("id_token", ["", "x", 5, [], {}, True, "a.b.c"]),
        ],
    )
    def test_wrong_types(self, server, member, values):
        """A member of the wrong type is an error that names it, and never a token that fails later."""
        client = client_of(server)
        for value in values:
            server.misbehave("token", json={**TOKEN, member: value})
            error = failure(client, "token", InvalidTokenResponse)
            assert error.response.json()[member] == value
            assert any(word in str(error) for word in (member, "ID token", "access_token")), str(error)
            assert error.__cause__ is not None

    @pytest.mark.parametrize(
        ("members", "found"),
        [
            ({"token_type": None}, {"token_type": "Bearer"}),
            ({"token_type": "bearer"}, {"token_type": "bearer"}),
            ({"expires_in": None}, {"expires_at": None}),
            ({"expires_in": "60"}, {"expires_in": 60}),
            ({"expires_in": "soon"}, {"expires_at": None}),
            ({"expires_in": 0}, {"expires_in": 0}),
            ({"expires_in": 59.5}, {"expires_in": 60}),
            ({"expires_in": -5}, {"expires_in": -5}),
            ({"expires_in": 10**30}, {}),
            ({"refresh_token": None}, {"refresh_token": None}),
            ({"scope": ["a", "b"]}, {"scope": "a b"}),
            ({"scope": None}, {"scope": None}),
            ({"id_token": None}, {"id_token": None}),
            ({"self": 1, "cls": 2, "kwargs": 3}, {"kwargs": {"self": 1, "cls": 2, "kwargs": 3}}),
            ({"extra": {"deep": [1]}}, {"extra": {"deep": [1]}}),
        ],
    )
    def test_deviations(self, server, now, members, found):
        """What real servers do otherwise is understood."""
        server.misbehave("token", json={**TOKEN, **members})
        token = client_of(server).client_credentials()
        assert {name: getattr(token, name) for name in found} == found

    def test_no_token_type(self, server):
        """A response without `token_type` is a token of the expected type."""
        server.misbehave("token", misbehaviour.amended(token_type=None))
        token = client_of(server).client_credentials()
        assert token.token_type == "Bearer"

    @pytest.mark.parametrize(
        "name", ["_dpop_key", "_expiry", "_extras", "_flight", "__class__", "__dict__", "expires_at"]
    )
    @pytest.mark.parametrize("value", ["marked", {"d": "marked"}, [1], None])
    def test_private_members(self, server, name, value):
        """A server cannot fill what is ours: such members are dropped, or plain data."""
        server.misbehave("token", json={**TOKEN, name: value})
        token = client_of(server).client_credentials()
        assert type(token) is BearerToken
        assert token.expires_in in (59, 60)
        assert str(token) == "at"
        assert token.kwargs in ({}, {name: value})
        assert "_dpop_key" not in token.kwargs

    def test_expires_at(self, server, now):
        """`expires_at`, as some servers give it instead of `expires_in`, is seconds since the epoch."""
        for value, expected in ((1893456060, 60), (1893456060.0, 60), ("1893456060", None), (True, None), ([], None)):
            server.misbehave("token", json={"access_token": "at", "expires_at": value})
            assert client_of(server).client_credentials().expires_in == expected

    @pytest.mark.parametrize("error", ["invalid_grant", None, 5, "", []])
    def test_errors_with_status_200(self, server, error):
        """A 200 with an `error` member is an error, even beside a token."""
        server.misbehave("token", json={**TOKEN, "error": error})
        failure(client_of(server), "token", InvalidGrant if error == "invalid_grant" else InvalidTokenResponse)

    def test_the_cause_is_told(self, server):
        """What is wrong with a token response is said, and not hidden behind a second error."""
        server.misbehave("token", json={**TOKEN, "token_type": "N_A"})
        error = failure(client_of(server), "token", InvalidTokenResponse)
        assert "Unsupported token_type 'N_A'" in str(error)
        assert "answered 200 with an unusable token response" in str(error)

    def test_parsed_equals_constructed(self, server, now):
        """A parsed token equals one made of the same members."""
        server.misbehave("token", json={**TOKEN, "custom": 1})
        assert client_of(server).client_credentials() == BearerToken("at", expires_in=60, custom=1)


class TestLogs:
    @EACH_CALL
    @pytest.mark.parametrize("loopback", [False, True])
    def test_nothing_secret_is_logged(self, server, name, method, caplog, loopback):
        """With every logger at DEBUG, urllib3's included, no call logs a secret, whether it succeeds or fails."""
        caplog.set_level(logging.DEBUG)
        for logger in ("urllib3", "urllib3.connectionpool", "requests_oauth2client"):
            caplog.set_level(logging.DEBUG, logger)
        if loopback:
            with server.serve(), requests.Session() as session:
                self.drive(server, client_of(server, method, session), name)
            assert "urllib3" in caplog.text
        else:
            self.drive(server, client_of(server, method), name)
        encoded = b64encode(f"client_id:{SECRET}".encode()).decode()
        for secret in ("marked", encoded, server.last(ENDPOINT.get(name, name)).form.get("client_assertion", ["-"])[0]):
            assert secret not in caplog.text or secret == "-"

    @staticmethod
    def drive(server, client, name):
        plans = [
            None,
            misbehaviour.canned(500, b"x"),
            misbehaviour.html(),
            misbehaviour.redirect("https://evil.local/x"),
        ]
        for plan in plans:
            if plan is not None:
                server.misbehave(ENDPOINT.get(name, name), plan)
            try:
                CALLS[name](client)
            except OAuth2Error as exc:
                logging.getLogger("app").debug("failed: %r %s", exc, exc)
                logging.getLogger("app").exception("failed")
