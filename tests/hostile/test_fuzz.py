"""Whatever comes from outside, at any door: a value, or an error of ours; never another exception, nor a secret in the text.

The doors that stand alone have their property beside their other tests: JSON, URIs, callbacks, `WWW-Authenticate`, JWTs,
DPoP proofs, stored values, paths of `ApiClient`, cache headers. Here are those that a whole client stands behind. What
drives them is also driven by `fuzz/`, for hours if you like.
"""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from requests_oauth2client import (
    AuthorizationResponse,
    BackChannelAuthenticationResponse,
    BearerToken,
    DeviceAuthorizationResponse,
    OAuth2Client,
    OAuth2Error,
    RequestUriParameterAuthorizationRequest,
)
from requests_oauth2client.jwks import ServerKeys
from requests_oauth2client.testing import AuthorizationServer, Response

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
"""How many times more examples than in everyday runs."""

SECRET = "marked-secret"
ECHO = "echo of the secret"
"""Where a server repeats the secret that it was sent."""

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["Bearer", "DPoP", "N_A", "at", "a.b.c", "a.b.c.d.e", "invalid_grant", "use_dpop_nonce", "slow_down",
         "https://as.example/x", "http://127.0.0.1/", "urn:ietf:params:oauth:request_uri:x", "\r\n", "\x00", "\ud800",
         "eyJhbGciOiJub25lIn0.e30.", ECHO, "0", "-1", "1e400", "NaN", ""]
    ),
)  # fmt: skip

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.just(10**400), st.just(2**63)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)

MEMBERS = (
    "access_token token_type expires_in expires_at scope refresh_token id_token issued_token_type error error_description "
    "error_uri active sub iss aud exp client_id username device_code user_code verification_uri verification_uri_complete "
    "interval auth_req_id request_uri keys self cls kwargs _dpop_key dpop_key __class__ other _expiry response"
).split()

METADATA = (
    "issuer token_endpoint authorization_endpoint jwks_uri revocation_endpoint introspection_endpoint userinfo_endpoint "
    "device_authorization_endpoint backchannel_authentication_endpoint pushed_authorization_request_endpoint "
    "authorization_response_iss_parameter_supported require_pushed_authorization_requests require_signed_request_object "
    "code_challenge_methods_supported client_secret auth session testing token_class private_key"
).split()

JWK_MEMBERS = "kty kid alg use key_ops crv x y n e d k x5c x5u p q".split()
JWK_VALUES = st.one_of(
    st.sampled_from(
        ["RSA", "EC", "OKP", "oct", "AKP", "P-256", "Ed25519", "sig", "verify", "ES256", "AQAB", "AAAA", "AQ"]
    ),
    VALUES,
)


def objects(names, values=VALUES):
    """Objects some of whose members have these names, with any values."""
    return st.dictionaries(st.sampled_from(names), values, max_size=8)


def as_json(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


BODIES = st.one_of(
    objects(MEMBERS).map(as_json),
    objects(MEMBERS).map(lambda members: as_json({"access_token": "at", **members})),
    VALUES.map(as_json),
    st.binary(max_size=60),
    objects(MEMBERS).map(lambda members: as_json(members)[:-3]),
)

HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "DPoP-Nonce", "WWW-Authenticate", "Retry-After", "Location", "Content-Encoding", "X"]
    ),
    st.one_of(
        st.sampled_from(
            ["application/json", "text/html; charset=x", "application/jwt", "gzip", "9" * 30, "n-0", "utf-16"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20),
    ),
    max_size=3,
)

STATUSES = st.sampled_from([200, 200, 200, 201, 204, 301, 307, 400, 401, 403, 404, 429, 500, 503, 599])

CALLS = {
    "token": lambda c: c.client_credentials(scope="openid"),
    "token with DPoP": lambda c: c.client_credentials(dpop=True),
    "refresh": lambda c: c.refresh_token(BearerToken("marked-at", refresh_token="marked-rt")),
    "code": lambda c: c.authorization_code(AuthorizationResponse(code="marked-code", nonce="n")),
    "exchange": lambda c: c.token_exchange(subject_token="marked-st", subject_token_type="access_token"),
    "device_code": lambda c: c.device_code("marked-dc"),
    "ciba": lambda c: c.ciba("marked-id"),
    "par": lambda c: c.pushed_authorization_request(c.authorization_request()),
    "device_authorization": lambda c: c.authorize_device(),
    "backchannel_authentication": lambda c: c.backchannel_authentication_request(login_hint="alice"),
    "revocation": lambda c: c.revoke_access_token("marked-at"),
    "introspection": lambda c: c.introspect_token("marked-at"),
    "userinfo": lambda c: c.userinfo("marked-at"),
    "jwks": lambda c: c.update_authorization_server_public_keys(),
}
RESULTS = {
    "par": RequestUriParameterAuthorizationRequest,
    "device_authorization": DeviceAuthorizationResponse,
    "backchannel_authentication": BackChannelAuthenticationResponse,
    "revocation": bool,
    "introspection": object,
    "userinfo": dict,
    "jwks": object,
}


def judged(call):
    """Return what a call gives; an error must be ours, short, on one line, and without secrets."""
    error = None
    try:
        return call()
    except OAuth2Error as exc:
        error = exc
    for text in (str(error), repr(error)):
        assert "marked" not in text
        assert len(text) < 3000
    assert all(char.isprintable() or char == "\n" for char in str(error))
    return error


@pytest.fixture(scope="module")
def world():
    server = AuthorizationServer("https://as.example")
    server.add_client("client_id", client_secret=SECRET, redirect_uris="https://app.example/cb")
    client = OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", client_secret=SECRET, session=server.session()
    )
    return server, client


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=60 * FACTOR)
@given(status=STATUSES, headers=HEADERS, body=BODIES)
@example(status=200, headers={}, body=b'{"access_token":"at","expires_in":1e400}')
@example(status=400, headers={}, body=b'{"error":"\\ud800","error_description":"\\ud800"}')
@example(status=307, headers={"Location": "\xff"}, body=b"")
@example(status=200, headers={"Content-Type": "application/jwt"}, body=b"a.b.c")
def test_any_answer(world, name, status, headers, body):
    """Whatever an endpoint answers, the call gives what it promises, or an error of ours."""
    server, client = world
    server.behave()
    server.requests.clear()
    endpoint = name if name in RESULTS else "token"
    body = body.replace(ECHO.encode(), SECRET.encode())
    server.misbehave(endpoint, lambda _: Response(status, headers, body), times=None)
    result = judged(lambda: CALLS[name](client))
    assert isinstance(result, (RESULTS.get(name, BearerToken), OAuth2Error))
    assert len(server.requests) <= 3
    assert server.strays == []


@settings(max_examples=300 * FACTOR)
@given(st.one_of(objects(METADATA), VALUES), st.one_of(st.none(), st.just("https://as.example"), TEXTS))
@example({"token_endpoint": "https://[/x"}, None)
@example({"token_endpoint": "https://as.example:99999/x"}, None)
@example({"token_endpoint": "https://as.example/x", "issuer": "https://as.example", "testing": True}, None)
def test_any_metadata(document, issuer):
    """Whatever a metadata document holds, it makes a client with our credentials and https endpoints, or an error of ours."""

    def make():
        return OAuth2Client.from_discovery_document(document, issuer, client_id="client_id", client_secret=SECRET)

    client = judged(make)
    if isinstance(client, OAuth2Client):
        assert client.client_secret == SECRET
        assert client.token_endpoint.startswith("https://")
        assert not client.testing
        assert client.token_class is BearerToken
        assert "marked" not in repr(client)


@settings(max_examples=150 * FACTOR)
@given(STATUSES, HEADERS, st.one_of(objects(METADATA).map(as_json), BODIES))
def test_any_metadata_answer(status, headers, body):
    """Nor does anything else come of what the URL of the document answers."""
    server = AuthorizationServer("https://as.example")
    server.misbehave("discovery", lambda _: Response(status, headers, body), times=None)
    result = judged(
        lambda: OAuth2Client.from_discovery_endpoint(
            issuer="https://as.example", client_id="client_id", client_secret=SECRET, session=server.session()
        )
    )
    assert isinstance(result, (OAuth2Client, OAuth2Error))
    assert server.strays == []


@settings(max_examples=200 * FACTOR)
@given(st.one_of(st.lists(objects(JWK_MEMBERS, JWK_VALUES), max_size=4), VALUES), TEXTS, TEXTS)
def test_any_keys(keys, kid, alg):
    """Whatever a JWK Set holds, a key of it verifies one algorithm, or there is none."""

    def find():
        held = ServerKeys({"keys": keys})
        assert isinstance(held.export(), dict)
        assert len(held.jwk_set.jwks) <= 4
        return held.get(kid, alg)

    found = judged(find)
    assert isinstance(found, OAuth2Error) or found.verify(b"data", b"signature") is False


@settings(max_examples=200 * FACTOR)
@given(objects(MEMBERS), st.booleans())
def test_any_members_of_a_token(members, replaced):
    """Whatever members a token is made of, they are data: none replaces a method, a class, or a key."""

    def make():
        if replaced:
            return BearerToken("at").replace(**members)
        return BearerToken(**{"access_token": "at", **members})

    token = judged(make)
    if isinstance(token, BearerToken):
        assert type(token) is BearerToken
        assert str(token) == token.access_token
        assert token.access_token not in repr(token) or len(token.access_token) < 8
