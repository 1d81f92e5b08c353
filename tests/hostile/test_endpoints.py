"""Attacks by an Authorization Server, or by who stands before it, on the requests that a client sends."""

from __future__ import annotations

import contextlib
import gzip
import logging
import pickle
import tracemalloc
from base64 import b64encode

import pytest
import requests
from jwskate import Jwk, SignedJwt
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from requests_oauth2client import (
    BackChannelAuthenticationResponse,
    ClientSecretJwt,
    ConnectionFailed,
    DeviceAuthorizationResponse,
    InvalidBackChannelAuthenticationResponse,
    InvalidClient,
    InvalidDeviceAuthorizationResponse,
    InvalidParam,
    InvalidPushedAuthorizationResponse,
    OAuth2Client,
    OAuth2Error,
    PrivateKeyJwt,
    RequestTimeout,
    ResponseTooLarge,
    RetryPolicy,
    ServerError,
    UnexpectedRedirect,
)
from requests_oauth2client.exceptions import InvalidJwksResponse
from requests_oauth2client.testing import AuthorizationServer, Response, misbehaviour

SECRET = "marked-secret-of-more-than-32-bytes"
CALLBACK = "https://app.local/callback"
KEY = Jwk.generate(alg="ES256")

ENDPOINTS = {
    "token": lambda client: client.client_credentials(),
    "refresh": lambda client: client.refresh_token("marked-refresh"),
    "code": lambda client: client.authorization_code("marked-code"),
    "exchange": lambda client: client.token_exchange(subject_token="marked-st", subject_token_type="access_token"),
    "device_code": lambda client: client.device_code("marked-device-code"),
    "ciba": lambda client: client.ciba("marked-auth-req-id"),
    "par": lambda client: client.pushed_authorization_request(client.authorization_request()),
    "device_authorization": lambda client: client.authorize_device(scope="openid"),
    "backchannel_authentication": lambda client: client.backchannel_authentication_request(login_hint="alice"),
    "revocation": lambda client: client.revoke_access_token("marked-access"),
    "introspection": lambda client: client.introspect_token("marked-access"),
    "userinfo": lambda client: client.userinfo("marked-access"),
    "jwks": lambda client: client.update_authorization_server_public_keys(),
}
AT_TOKEN = ("refresh", "code", "exchange", "device_code", "ciba")
EACH = pytest.mark.parametrize("name", ENDPOINTS)


def endpoint_of(name):
    return "token" if name in AT_TOKEN else name


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    methods = "client_secret_post client_secret_basic client_secret_jwt private_key_jwt"
    server.add_client(
        "client_id", client_secret=SECRET, redirect_uris=CALLBACK, auth_methods=methods, jwks=KEY.public_jwk()
    )
    server.add_user("alice")
    return server


def client_of(server, **changes):
    auth = changes.pop("auth", None) or ("client_id", SECRET)
    session = changes.pop("session", None) or server.session()
    return OAuth2Client.from_discovery_document(
        server.metadata, auth=auth, redirect_uri=CALLBACK, session=session, **changes
    )


@EACH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_rfc9700_4_12_a_secret_follows_a_307(server, name, status):
    """No endpoint can send a request, and what it carries, to another place."""
    client = client_of(server)
    for location in ("https://evil.local/x", "//evil.local/x", "/token2", "http://as.local/token"):
        server.misbehave(endpoint_of(name), misbehaviour.redirect(location, status))
        with pytest.raises(UnexpectedRedirect) as caught:
            ENDPOINTS[name](client)
        assert "marked" not in str(caught.value)
    assert server.strays == []
    assert len(server.requests) == 4


@EACH
def test_cve_2025_66471_a_bomb_in_a_redirect(server, name):
    """The body of an answer that nobody follows is not unpacked either, and a place that cannot be read is none."""
    bomb = gzip.compress(b"x" * 20_000_000)
    headers = {"Location": "https://evil.local/\xff\xfe", "Content-Encoding": "gzip"}
    client = client_of(server)
    server.misbehave(endpoint_of(name), status=307, headers=headers, body=bomb)
    tracemalloc.start()
    with pytest.raises(ResponseTooLarge):
        ENDPOINTS[name](client)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    server.misbehave(endpoint_of(name), status=307, headers={"Location": "https://evil.local/\xff\xfe"})
    with pytest.raises(UnexpectedRedirect):
        ENDPOINTS[name](client)


@EACH
@pytest.mark.parametrize(
    "login", ["machine as.local login netrc-user password marked-netrc\n", "default login d password p"]
)
def test_cve_2024_47081_netrc(server, name, login, tmp_path, monkeypatch):
    """Credentials that a `.netrc` file has for the host of the server are not sent, nor do they replace ours."""
    netrc = tmp_path / "netrc"
    netrc.write_text(login)
    monkeypatch.setenv("NETRC", str(netrc))
    with contextlib.suppress(OAuth2Error):
        ENDPOINTS[name](client_of(server))
    sent = server.last(endpoint_of(name))
    assert b64encode(b"netrc-user:marked-netrc").decode() not in str(sent.headers)
    assert sent.headers.get("Authorization") in (None, "Bearer marked-access")


@EACH
def test_credentials_of_the_session(server, name):
    """Credentials that belong to the session of the caller stay with the requests of the caller."""
    session = server.session()
    session.auth = ("user", "marked-password")
    with contextlib.suppress(OAuth2Error):
        ENDPOINTS[name](client_of(server, session=session))
    assert "Basic" not in server.last(endpoint_of(name)).headers.get("Authorization", "")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("par", InvalidPushedAuthorizationResponse),
        ("device_authorization", InvalidDeviceAuthorizationResponse),
        ("backchannel_authentication", InvalidBackChannelAuthenticationResponse),
        ("jwks", InvalidJwksResponse),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        misbehaviour.html(),
        misbehaviour.canned(200, b""),
        misbehaviour.canned(200, b"null"),
        misbehaviour.canned(200, json=[{}]),
        misbehaviour.truncated_json(),
        misbehaviour.json_array(),
        misbehaviour.nested_json(),
        misbehaviour.invalid_utf8(),
        misbehaviour.duplicate_key("keys", []),
        misbehaviour.wrong_charset("utf-16"),
        misbehaviour.canned(500, b"<html>"),
    ],
    ids="html empty null array cut wrapped nested invalid-utf8 duplicate utf-16 failure".split(),
)
def test_rfc8259_answers_that_are_none(server, name, error, answer):
    """What is not the answer of that endpoint is its typed error, with evidence and without secrets."""
    if name != "jwks" and answer.__qualname__.startswith("duplicate_key"):
        answer = misbehaviour.canned(
            200,
            b'{"request_uri":"urn:a","request_uri":"urn:b","device_code":"a","device_code":"b","auth_req_id":1,"auth_req_id":2}',
        )
    server.misbehave(name, answer)
    with pytest.raises(error) as caught:
        ENDPOINTS[name](client_of(server))
    assert type(caught.value) is error
    assert "marked" not in str(caught.value)
    assert caught.value.response is not None


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("verification_uri", "javascript:alert(1)"),
        ("verification_uri", "file:///etc/passwd"),
        ("verification_uri", "calculator:"),
        ("verification_uri_complete", "data:text/html,<script>"),
        ("verification_uri_complete", 5),
        ("user_code", ["A"]),
        ("user_code", ""),
        ("device_code", {"a": 1}),
        ("interval", -1),
        ("interval", 1e308),
        ("interval", "soon"),
        ("interval", True),
    ],
)
def test_rfc8628_5_hostile_device_responses(server, member, value):
    """What the user is to open is a web page, and what the program is to wait is a time."""
    server.misbehave("device_authorization", misbehaviour.amended(**{member: value}))
    with pytest.raises(InvalidDeviceAuthorizationResponse):
        client_of(server).authorize_device()


@pytest.mark.parametrize(
    "member", ["_expiry", "other", "__class__", "self", "kwargs", "expires_at", "client", "_dpop_key"]
)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("device_authorization", DeviceAuthorizationResponse),
        ("backchannel_authentication", BackChannelAuthenticationResponse),
    ],
)
def test_cwe_915_members_that_are_ours(server, name, kind, member):
    """A member that is named as one of our fields stays plain data, or is dropped."""
    server.misbehave(name, misbehaviour.amended(**{member: "marked"}))
    made = ENDPOINTS[name](client_of(server))
    assert type(made) is kind
    assert made.expires_in is None or made.expires_in > 0
    assert made.other in ({}, {member: "marked"})


class TestReplay:
    """What must not be sent twice (RFC 9700 §4.14.2, RFC 6749 §4.1.2)."""

    @pytest.mark.parametrize("name", ["refresh", "code"])
    @pytest.mark.parametrize(
        "plan", [{"status": 502}, {"status": 504}, {"status": 500}, {"delay": 60}, {"answer": misbehaviour.html(200)}]
    )
    def test_rfc9700_4_14_2_an_ambiguous_failure(self, server, name, plan, monkeypatch):
        """After a failure that leaves open whether it was spent, a code or refresh token is not sent again."""
        monkeypatch.setattr("time.sleep", lambda _: None)
        client = client_of(server, retry=RetryPolicy(attempts=5))
        server.misbehave("token", times=None, **plan)
        with pytest.raises(OAuth2Error):
            ENDPOINTS[name](client)
        assert server.count("token") == 1

    def test_rfc7523_3_each_attempt_has_its_own_assertion(self, server, monkeypatch):
        """A retry after 503 has a fresh `jti`: a server that remembers them is satisfied."""
        monkeypatch.setattr("time.sleep", lambda _: None)
        client = client_of(server, auth=ClientSecretJwt("client_id", SECRET), retry=RetryPolicy(attempts=3))
        server.misbehave("token", status=503, times=2)
        assert client.client_credentials().access_token
        sent = [SignedJwt(r.form["client_assertion"][0]).jti for r in server.requests if r.endpoint == "token"]
        assert len(set(sent)) == len(sent) == 3

    @pytest.mark.parametrize("failure", ["status", "cut"])
    def test_retries_of_urllib3(self, server, failure, wire):
        """A session with the usual `Retry` of urllib3 does not repeat a POST that was received."""
        with requests.Session() as session:
            retry = Retry(total=3, status_forcelist=[503], backoff_factor=0)
            session.mount("http://", HTTPAdapter(max_retries=retry))
            if failure == "cut":
                client = OAuth2Client(wire(b"") + "/token", ("client_id", SECRET), session=session)
                with pytest.raises(ConnectionFailed) as caught:
                    client.refresh_token("marked")
                assert caught.value.may_have_been_processed
                return
            with server.serve():
                client = client_of(server, session=session)
                server.misbehave("token", status=503, times=None)
                with pytest.raises(OAuth2Error):
                    client.refresh_token("marked")
                assert server.count("token") == 1

    def test_retries_of_urllib3_for_every_method(self, server):
        """A session that was told to repeat POSTs repeats the assertion too, which an honest server refuses clearly."""
        with requests.Session() as session, server.serve():
            retry = Retry(total=3, status_forcelist=[503], backoff_factor=0, allowed_methods=None)
            session.mount("http://", HTTPAdapter(max_retries=retry))
            client = client_of(server, session=session, auth=ClientSecretJwt("client_id", SECRET))
            # the server saw the assertion, and then a gateway said 503
            server.misbehave("token", lambda request: Response(request.proceed().status and 503))
            with pytest.raises(InvalidClient):
                client.client_credentials()


class TestAudience:
    """A client assertion is good at one server (CVE-2025-27370, CVE-2025-27371)."""

    @pytest.mark.parametrize("auth", [PrivateKeyJwt("client_id", KEY), ClientSecretJwt("client_id", SECRET)])
    @pytest.mark.parametrize("name", ["token", "par", "revocation", "introspection", "device_authorization"])
    def test_cve_2025_27370_audience_injection(self, server, auth, name):
        """An evil server that names endpoints of an honest one gets no assertion that is good there."""
        evil = AuthorizationServer("https://evil.local")
        evil.metadata_changes["token_endpoint"] = server.endpoint("token")
        session = evil.session()
        server.mount(session)
        client = client_of(evil, auth=auth, session=session)
        with contextlib.suppress(OAuth2Error):
            ENDPOINTS[name](client)
        sent = (server if name == "token" else evil).last(name)
        assert SignedJwt(sent.form["client_assertion"][0]).claims["aud"] == "https://evil.local"
        assert name != "token" or sent.response_status == 401

    def test_cve_2025_27370_without_issuer(self, server):
        """Where the issuer is not known, an assertion is good at the very URL to which it goes, and nowhere else."""
        client = OAuth2Client(
            "https://as.local/token",
            PrivateKeyJwt("client_id", KEY),
            revocation_endpoint="https://evil.local/revoke",
            session=server.session(),
        )
        with pytest.raises(ConnectionFailed):
            client.revoke_access_token("marked")
        assertion = server.strays[0].form["client_assertion"][0]
        assert SignedJwt(assertion).claims["aud"] == "https://evil.local/revoke"


class TestInjection:
    """Values of users that want to be more than values."""

    @pytest.mark.parametrize(
        "value",
        [
            "x\r\nX-Evil: 1",
            "x&client_id=evil",
            "x&grant_type=password",
            "x%26scope=admin",
            "x\x00y",
            "é\u202e",
            "x;y=z",
        ],
    )
    def test_cwe_74_form_values(self, server, value):
        """A value stays one value of its own form field."""
        with contextlib.suppress(OAuth2Error):
            client_of(server).resource_owner_password(value, value, custom=value)
        form = server.last("token").form
        assert form["username"] == form["password"] == form["custom"] == [value]
        assert form["client_id"] == ["client_id"]
        assert form["grant_type"] == ["password"]
        assert "X-Evil" not in server.last("token").headers

    @pytest.mark.parametrize("value", ["x\r\nX-Evil: 1", "x\ny", "x\x00", "é", "", " "])
    def test_cwe_113_header_values(self, server, value):
        """A token that would break a header is no token, whoever gives it."""
        if value != " ":
            with pytest.raises((InvalidParam, OAuth2Error)):
                client_of(server).userinfo(value)
        server.misbehave("token", json={"access_token": value, "token_type": "Bearer"})
        if value.strip() or not value:
            with pytest.raises(OAuth2Error):
                client_of(server).client_credentials()
        assert server.count("userinfo") == 0

    @pytest.mark.parametrize("where", ["error", "error_description", "error_uri"])
    def test_cwe_117_log_injection(self, server, where, caplog):
        """What a server says stays on the line on which it is logged, and switches no terminal."""
        forged = "denied\r\n2026-01-01 00:00:00 INFO all is well\x1b[2J\x00\u202e\u2028"
        server.misbehave("token", status=400, json={"error": "invalid_grant", where: forged})
        with caplog.at_level(logging.DEBUG), pytest.raises(OAuth2Error) as caught:
            client_of(server).refresh_token("marked-refresh")
        logging.getLogger("app").error("%s", caught.value)
        assert all(record.getMessage().isprintable() for record in caplog.records)
        assert "marked" not in caplog.text

    def test_cwe_117_in_urls(self, server):
        """Nor does the URL that a redirect names."""
        server.misbehave("token", misbehaviour.redirect("https://x/\x1b[2Ja\xadb\xff"))
        with pytest.raises(UnexpectedRedirect) as caught:
            client_of(server).client_credentials()
        assert str(caught.value).isprintable()


class TestStorms:
    def test_rfc9449_8_nonces_without_end(self, server):
        """A server that wants another nonce for ever is asked three times."""
        server.dpop_nonce_as, server.dpop_nonce_uses = True, 0
        client = client_of(server)
        server.misbehave(
            "token",
            lambda request: Response.json({"error": "use_dpop_nonce"}, 400).with_headers(
                ("DPoP-Nonce", f"n{server.count('token')}")
            ),
            times=None,
        )
        with pytest.raises(OAuth2Error, match="third time in row"):
            client.client_credentials(dpop=True)
        assert server.count("token") == 3

    @pytest.mark.parametrize(
        "retry_after", ["99999999999", "9" * 5000, "-5", "Fri, 31 Dec 9999 23:59:59 GMT", "x", "nan"]
    )
    def test_rfc9110_10_2_3_retry_after(self, server, retry_after, monkeypatch):
        """A pause of years is not waited for; one that cannot be read is none."""
        waited = []
        monkeypatch.setattr("time.sleep", waited.append)
        server.misbehave("token", status=503, headers={"Retry-After": retry_after}, times=None)
        with pytest.raises(OAuth2Error):
            client_of(server, retry=RetryPolicy(attempts=3)).client_credentials()
        assert sum(waited) <= 30
        assert server.count("token") <= 3

    def test_no_policy(self, server):
        """Without a policy, nothing is sent twice."""
        server.misbehave("token", status=503, json={"error": "server_error"}, times=None)
        with pytest.raises(ServerError):
            client_of(server).client_credentials()
        server.misbehave("token", delay=60, times=None)
        server.behave()
        server.misbehave("token", delay=60)
        with pytest.raises(RequestTimeout):
            client_of(server).client_credentials()
        assert server.count("token") == 2


def test_an_answer_travels_without_credentials(server):
    """A pickled response holds neither the secret nor what added it: its request keeps a hook of ours."""
    client = client_of(server)
    server.misbehave("token", status=400, json={"error": "invalid_grant"})
    with pytest.raises(OAuth2Error) as caught:
        client.client_credentials()
    response = caught.value.response
    hook = response.request.hooks["response"][0]
    assert SECRET.encode() not in pickle.dumps(hook)
    assert pickle.loads(pickle.dumps(hook))(response) is response
