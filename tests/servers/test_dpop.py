"""Tokens that are bound to a key (RFC 9449), by every grant, at a real Authorization Server and two real APIs."""

from __future__ import annotations

import io
import time

import pytest
import requests
from jwskate import Jwt

from requests_oauth2client import (
    ApiClient,
    DPoPKey,
    DPoPToken,
    InvalidGrant,
    OAuth2AccessTokenAuth,
    OAuth2ClientCredentialsAuth,
)

from .registrations import USERS, generate

pytestmark = pytest.mark.servers

EC_ALGS = ["ES256", "ES384", "ES512", "EdDSA"]
RSA_ALGS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALICE = ("alice", USERS["alice"]["password"])


def by_client_credentials(server, client):
    return client.client_credentials(scope="read")


def by_password(server, client):
    return client.resource_owner_password(*ALICE, scope="openid")


def by_code(server, client):
    request = client.authorization_request()
    assert "dpop_jkt=" in request.uri
    return client.authorization_code(request.validate_callback(server.login(request.uri)))


def by_pushed_request(server, client):
    pushed = client.pushed_authorization_request(client.authorization_request())
    return client.authorization_code(pushed.validate_callback(server.login(pushed.uri)))


def by_device(server, client):
    device = client.authorize_device(scope="openid")
    server.approve_device(device.verification_uri, device.user_code)
    return client.device_code(device)


def by_ciba(server, client):
    asked = client.backchannel_authentication_request(login_hint="alice")
    server.answer_ciba(asked.auth_req_id)
    return client.ciba(asked)


def by_exchange(server, client):
    subject = by_password(server, client)
    return client.token_exchange(subject_token=subject, scope="openid")


def by_jwt_bearer(server, client):
    claims = {"iss": server.assertion_issuer, "sub": "alice", "aud": server.issuer, "exp": int(time.time()) + 60}
    return client.jwt_bearer(Jwt.sign(claims, server.assertion_jwk), scope="openid")


def by_refresh(server, client):
    return client.refresh_token(by_password(server, client))


GRANTS = [
    by_client_credentials,
    by_password,
    by_code,
    by_pushed_request,
    by_device,
    by_ciba,
    by_exchange,
    by_jwt_bearer,
    by_refresh,
]


@pytest.fixture
def paths(oidc_provider):
    """Tell which server was asked for what, and what it answered, in the block that this records."""

    def paths(exchanges, *servers):
        return [(e["server"], e["path"], e["status"]) for e in exchanges if e["server"] in servers]

    return paths


@pytest.mark.parametrize("name", ["dpop", "dpop-nonce"])
@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: grant.__name__)
def test_every_grant(oidc_provider, connect, grant, name):
    """Every grant gives a token bound to a key, with or without nonces of the server; both APIs accept it with theirs."""
    token = grant(oidc_provider, connect(name, dpop_bound_access_tokens=True))
    assert isinstance(token, DPoPToken)
    for api in (oidc_provider.api_url, oidc_provider.api2_url):
        seen = ApiClient(api, auth=token).get("nonce").json()
        assert seen["token"]["scheme"] == "DPoP"
        assert seen["token"]["jkt"] == token.dpop_key.dpop_jkt


def test_asked_for_by_one_request(oidc_provider, connect):
    """`dpop=True` on a request is enough, for a client that may use Bearer tokens as well."""
    token = connect("basic").client_credentials(scope="read", dpop=True)
    assert ApiClient(oidc_provider.api_url, auth=token).get("nonce").json()["token"]["scheme"] == "DPoP"


@pytest.fixture(scope="module")
def rsa_key():
    """One key for all RSA algorithms: it names none."""
    return {name: value for name, value in generate("RS256").items() if name != "alg"}


@pytest.mark.parametrize("alg", [*EC_ALGS, *RSA_ALGS])
def test_every_alg(oidc_provider, connect, rsa_key, alg):
    """The server and the API take proofs of every algorithm that they announce, with new keys and with own ones."""
    key = DPoPKey(rsa_key, alg=alg) if alg in RSA_ALGS else DPoPKey.generate(alg)
    token = connect("dpop-nonce").client_credentials(dpop_key=key)
    assert ApiClient(oidc_provider.api_url, auth=token).get("nonce").status_code == 200


def test_public_client(oidc_provider, connect):
    """A client without credentials has its refresh token bound to the key too: another key is refused."""
    client = connect("dpop-public", dpop_bound_access_tokens=True)
    token = by_code(oidc_provider, client)
    with pytest.raises(InvalidGrant):
        client.refresh_token(token.refresh_token, dpop_key=DPoPKey.generate())
    again = by_code(oidc_provider, client)
    refreshed = client.refresh_token(again)
    assert refreshed.dpop_key.dpop_jkt == again.dpop_key.dpop_jkt
    assert ApiClient(oidc_provider.api_url, auth=refreshed).get("nonce").status_code == 200


def test_code_is_bound(oidc_provider, connect):
    """A code that was asked for with a key is worth nothing with another one."""
    client = connect("dpop", dpop_bound_access_tokens=True)
    request = client.authorization_request()
    response = request.validate_callback(oidc_provider.login(request.uri))
    with pytest.raises(InvalidGrant):
        client.authorization_code(response.code, code_verifier=request.code_verifier, redirect_uri=client.redirect_uri)


@pytest.mark.parametrize("name", ["dpop", "dpop-nonce"])
def test_userinfo(oidc_provider, connect, name):
    """UserInfo takes a proof, and may want a nonce in it."""
    client = connect(name, dpop_bound_access_tokens=True)
    assert client.userinfo(by_password(oidc_provider, client))["sub"] == "alice"


def test_introspection(oidc_provider, connect):
    """The server tells the key that a token is bound to."""
    client = connect("dpop", dpop_bound_access_tokens=True)
    token = client.client_credentials()
    assert client.introspect_token(token)["cnf"] == {"jkt": token.dpop_key.dpop_jkt}


# -- nonces ----------------------------------------------------------------------------------------------------------


def test_first_token_costs_one_more_request(oidc_provider, connect, paths):
    """A server that requires nonces is asked twice for the first token, and once with the same key afterwards."""
    client = connect("dpop-nonce")
    key = DPoPKey.generate()
    with oidc_provider.recorded() as exchanges:
        client.client_credentials(dpop_key=key)
        client.client_credentials(dpop_key=key)
    assert paths(exchanges, "as") == [("as", "/token", 400), ("as", "/token", 200), ("as", "/token", 200)]
    proofs = [e["proof"] for e in exchanges]
    assert len(set(proofs)) == 3
    assert "nonce" not in Jwt(proofs[0]).claims
    assert Jwt(proofs[1]).claims["nonce"] == Jwt(proofs[2]).claims["nonce"]


def test_two_apis(oidc_provider, connect, paths):
    """One token on two APIs, five calls each: each API teaches its nonce once, so 12 requests."""
    auth = OAuth2ClientCredentialsAuth(connect("dpop"), dpop=True)
    apis = [ApiClient(url, auth=auth) for url in (oidc_provider.api_url, oidc_provider.api2_url)]
    with oidc_provider.recorded() as exchanges:
        for _ in range(5):
            assert [api.get("nonce").status_code for api in apis] == [200, 200]
    statuses = [status for _, _, status in paths(exchanges, "api", "api2")]
    assert sorted(statuses) == [200] * 10 + [401] * 2
    assert len({e["proof"] for e in exchanges if e["server"] != "as"}) == 12


def test_rotating_nonces(oidc_provider, connect, paths):
    """An API that gives a new nonce with every answer, 2xx included, is asked once a call after the first one."""
    api = ApiClient(oidc_provider.api_url, auth=connect("dpop").client_credentials(dpop=True))
    with oidc_provider.recorded() as exchanges:
        assert [api.get("rotating").status_code for _ in range(4)] == [200] * 4
    assert [status for _, _, status in paths(exchanges, "api")] == [401, 200, 200, 200, 200]


# -- the request -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ({"data": b"some bytes"}, "some bytes"),
        ({"data": {"a": "form"}}, "a=form"),
        ({"json": {"a": 1}}, '"a"'),
        ({"data": io.BytesIO(b"a file")}, "a file"),
        ({"files": {"file": ("name.txt", io.BytesIO(b"a part"))}}, "a part"),
    ],
    ids=["bytes", "form", "json", "file", "multipart"],
)
def test_body_is_sent_again(oidc_provider, connect, body, received):
    """The nonce arrives with a 401: the request is repeated with its whole body."""
    token = connect("dpop").client_credentials(dpop=True)
    response = requests.post(f"{oidc_provider.api_url}/nonce/it", auth=token, timeout=5, **body)
    assert response.status_code == 200
    assert [previous.status_code for previous in response.history] == [401]
    assert received in response.json()["body"]


def test_query_is_not_in_the_proof(oidc_provider, connect):
    """`htu` is the URL without its query (RFC 9449 §4.2): the API accepts a call that has one."""
    token = connect("dpop").client_credentials(dpop=True)
    seen = requests.get(f"{oidc_provider.api_url}/nonce/it?a=b#c", auth=token, timeout=5).json()
    assert (seen["path"], seen["query"]) == ("/nonce/it", {"a": "b"})


def test_redirect_on_the_same_origin(oidc_provider, connect, paths):
    """A redirect inside the API is followed with a new proof."""
    token = connect("dpop").client_credentials(dpop=True)
    with oidc_provider.recorded() as exchanges:
        assert requests.get(f"{oidc_provider.api_url}/here/it", auth=token, timeout=5).json()["path"] == "/open/it"
    assert paths(exchanges, "api") == [("api", "/here/it", 307), ("api", "/open/it", 200)]
    assert Jwt(exchanges[1]["proof"]).claims["htu"] == f"{oidc_provider.api_url}/open/it"


def test_redirect_to_another_origin(oidc_provider, connect, paths):
    """Neither the token nor a proof goes where a redirect to another origin leads."""
    token = connect("dpop").client_credentials(dpop=True)
    with oidc_provider.recorded() as exchanges:
        assert requests.get(f"{oidc_provider.api_url}/there/it", auth=token, timeout=5).status_code == 401
    assert paths(exchanges, "api", "api2") == [("api", "/there/it", 307), ("api2", "/open/it", 401)]
    assert "proof" not in exchanges[-1]
    assert "scheme" not in exchanges[-1]


def test_other_refusals_are_returned(oidc_provider, connect):
    """A refusal that is not about the nonce reaches the caller untouched."""
    client = connect("dpop")
    token = client.client_credentials(dpop=True)
    client.revoke_access_token(token)
    response = requests.get(f"{oidc_provider.api_url}/nonce/it", auth=token, timeout=5)
    assert response.status_code == 401
    assert response.history == []
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_renewal_keeps_the_key(oidc_provider, connect):
    """A handler refreshes a bound token with its key."""
    client = connect("dpop-nonce")
    token = client.resource_owner_password(*ALICE, scope="openid", dpop=True)
    lifetime = 600  # with a leeway of all of it, the token is renewed at once
    auth = OAuth2AccessTokenAuth(client, token, leeway=lifetime)
    seen = ApiClient(oidc_provider.api_url, auth=auth).get("nonce").json()["token"]
    assert seen["jkt"] == token.dpop_key.dpop_jkt
    assert str(auth.token) != str(token)
