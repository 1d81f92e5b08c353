"""The embedded server and its APIs demand proofs of possession, made here by hand."""

from __future__ import annotations

import base64
import hashlib
import uuid
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwskate
import pytest
import requests

from requests_oauth2client.testing import AuthorizationServer

KEY = jwskate.Jwk.generate(alg="ES256")
OTHER_KEY = jwskate.Jwk.generate(alg="ES256")
CALLBACK = "https://app.local/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("c", client_secret="marked-secret", redirect_uris=CALLBACK)
    server.add_client("native", public=True, redirect_uris=CALLBACK)
    server.add_user("alice")
    return server


@pytest.fixture
def session(server):
    return server.session()


@pytest.fixture
def api(server):
    return server.protect("https://api.local/")


def proof(server, method, url, *, key=KEY, headers=None, token=None, **claims):
    ath = (
        None
        if token is None
        else base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
    )
    claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": url, "iat": int(server.clock.now()), "ath": ath, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    headers = {"typ": "dpop+jwt", "alg": key.alg, "jwk": dict(key.public_jwk().minimize()), **(headers or {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return str(jwskate.Jwt.sign_arbitrary(claims, headers, key, alg=key.alg))


def token(session, server, *, dpop=None, **form):
    fields = {"client_id": "c", "client_secret": "marked-secret", "grant_type": "client_credentials", **form}
    data = {name: value for name, value in fields.items() if value is not None}
    url = server.endpoint("token")
    value = proof(server, "POST", url) if dpop is None else dpop
    return session.post(url, data=data, headers={"DPoP": value} if value else {})


def call(session, server, url, value, *, scheme="DPoP", dpop=None, **claims):
    made = proof(server, "GET", url.split("?")[0], token=value, **claims) if dpop is None else dpop
    headers = {"Authorization": f"{scheme} {value}", **({"DPoP": made} if made else {})}
    return session.get(url, headers=headers)


def test_bound_token(server, session, api):
    """A proof at the token endpoint binds the token to its key, and each call needs a proof of its own."""
    granted = token(session, server)
    assert granted.json()["token_type"] == "DPoP"
    value = granted.json()["access_token"]
    assert call(session, server, f"{api.url}things?a=1", value).status_code == 200
    assert call(session, server, server.endpoint("userinfo"), value).status_code == 403
    introspected = session.post(
        server.endpoint("introspection"), data={"client_id": "c", "client_secret": "marked-secret", "token": value}
    ).json()
    assert (introspected["token_type"], introspected["cnf"]) == ("DPoP", {"jkt": KEY.thumbprint()})


def test_loopback(server, api):
    """Proofs work over a socket, for the URLs on the loopback interface; a second header is noticed."""
    with server.serve(), requests.Session() as session:
        value = token(session, server).json()["access_token"]
        assert call(session, server, api.url, value).status_code == 200
        two = ", ".join(proof(server, "GET", api.url, token=value) for _ in range(2))
        assert "more than one" in call(session, server, api.url, value, dpop=two).headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"htm": "GET"}, "'htm'"),
        ({"htm": "post"}, "'htm'"),
        ({"htu": "https://as.local/other"}, "'htu'"),
        ({"htu": "https://other.local/token"}, "'htu'"),
        ({"htu": "http://as.local/token"}, "'htu'"),
        ({"htu": "https://as.local:444/token"}, "'htu'"),
        ({"htu": "https://as.local:x/token"}, "'htu'"),
        ({"htu": None}, "'htu'"),
        ({"htm": None}, "'htm'"),
        ({"jti": None}, "'jti'"),
        ({"jti": ""}, "'jti'"),
        ({"iat": None}, "'iat'"),
        ({"iat": True}, "'iat'"),
        ({"iat": 1}, "'iat'"),
        ({"iat": 99999999999}, "'iat'"),
        ({"headers": {"typ": None}}, "'typ'"),
        ({"headers": {"typ": "JWT"}}, "'typ'"),
        ({"headers": {"jwk": None}}, "'jwk'"),
        ({"headers": {"jwk": {"kty": "EC"}}}, "'jwk'"),
        ({"headers": {"jwk": dict(KEY)}}, "'jwk'"),
        ({"headers": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "'jwk'"),
        ({"headers": {"jwk": dict(OTHER_KEY.public_jwk())}}, "signature"),
        ({"headers": {"alg": "none"}}, "algorithm"),
        ({"headers": {"alg": "HS256"}}, "algorithm"),
    ],
)
def test_bad_proofs(server, session, claims, said):
    """Each claim and header of a proof is checked, RFC 9449 §4.3."""
    made = proof(
        server, "POST", server.endpoint("token"), **{**claims, **({"htu": claims["htu"]} if "htu" in claims else {})}
    )
    refused = token(session, server, dpop=made)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    assert said in refused.json()["error_description"]


@pytest.mark.parametrize(
    "htu", ["https://as.local:443/token", "https://AS.local/token", "https://as.local/token?a=1#b"]
)
def test_same_url(server, session, htu):
    """Other spellings of the same URL are accepted."""
    assert token(session, server, dpop=proof(server, "POST", htu)).status_code == 200


def test_replay(server, session, api):
    """A proof works once."""
    made = proof(server, "POST", server.endpoint("token"))
    value = token(session, server, dpop=made).json()["access_token"]
    assert "'jti'" in token(session, server, dpop=made).json()["error_description"]
    made = proof(server, "GET", api.url, token=value)
    assert call(session, server, api.url, value, dpop=made).status_code == 200
    assert "'jti'" in call(session, server, api.url, value, dpop=made).headers["WWW-Authenticate"]


def test_algorithms(server, session):
    """The server may limit the algorithms."""
    server.dpop_algs = {"EdDSA"}
    assert server.metadata["dpop_signing_alg_values_supported"] == ["EdDSA"]
    assert token(session, server).json()["error"] == "invalid_dpop_proof"
    made = proof(server, "POST", server.endpoint("token"), key=jwskate.Jwk.generate(alg="EdDSA"))
    assert token(session, server, dpop=made).status_code == 200


def test_required(server, session, api):
    """The server, or a client's registration, may require proofs."""
    bearer = token(session, server, dpop="").json()["access_token"]
    assert call(session, server, api.url, bearer, scheme="Bearer", dpop="").status_code == 200
    server.require_dpop = True
    assert token(session, server, dpop="").json()["error"] == "invalid_request"
    refused = call(session, server, api.url, bearer, scheme="Bearer", dpop="")
    assert refused.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')
    assert 'algs="' in session.get(api.url).headers["WWW-Authenticate"]
    server.require_dpop = False
    server.add_client("c", client_secret="marked-secret", dpop_bound_access_tokens=True)
    assert token(session, server, dpop="").json()["error"] == "invalid_request"


def test_downgrade(server, session, api):
    """A server can answer a Bearer token, and mean it."""
    server.dpop_downgrade = True
    granted = token(session, server).json()
    assert granted["token_type"] == "Bearer"
    assert call(session, server, api.url, granted["access_token"], scheme="Bearer", dpop="").status_code == 200


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"scheme": "Bearer"}, "invalid_token"),
        ({"dpop": "", "scheme": "Bearer"}, "invalid_token"),
        ({"key": OTHER_KEY}, "invalid_token"),
        ({"dpop": "x"}, "invalid_dpop_proof"),
        ({"ath": "x"}, "invalid_dpop_proof"),
        ({"ath": None}, "invalid_dpop_proof"),
    ],
)
def test_wrong_use(server, session, api, how, error):
    """A bound token without its proof, by another key, or with the proof for another token is refused."""
    value = token(session, server).json()["access_token"]
    refused = call(session, server, api.url, value, **how)
    assert refused.status_code == 401
    assert f'DPoP error="{error}"' in refused.headers["WWW-Authenticate"]


def test_unbound_token(server, session, api):
    """A Bearer token does not become better by a proof; no proof at all is noticed too."""
    bearer = token(session, server, dpop="").json()["access_token"]
    assert 'DPoP error="invalid_token"' in call(session, server, api.url, bearer).headers["WWW-Authenticate"]
    value = token(session, server).json()["access_token"]
    refused = session.get(api.url, headers={"Authorization": f"DPoP {value}"})
    assert 'DPoP error="invalid_dpop_proof"' in refused.headers["WWW-Authenticate"]


class TestNonces:
    def test_four_requests(self, server, session, api):
        """Server and API each ask for their nonce first: one token and one call take four requests."""
        server.dpop_nonce_as = server.dpop_nonce_rs = True
        asked = token(session, server)
        assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
        as_nonce = asked.headers["DPoP-Nonce"]
        granted = token(session, server, dpop=proof(server, "POST", server.endpoint("token"), nonce=as_nonce))
        assert granted.status_code == 200
        assert "DPoP-Nonce" not in granted.headers

        value = granted.json()["access_token"]
        asked = call(session, server, api.url, value, nonce=as_nonce)
        assert asked.status_code == 401
        assert asked.headers["WWW-Authenticate"].startswith('DPoP error="use_dpop_nonce"')
        rs_nonce = asked.headers["DPoP-Nonce"]
        assert rs_nonce != as_nonce
        for _ in range(2):
            assert call(session, server, api.url, value, nonce=rs_nonce).status_code == 200
        other = server.protect("https://other.local/")
        assert call(session, server, other.url, value, nonce=rs_nonce).headers["DPoP-Nonce"] != rs_nonce
        server.rotate_dpop_nonces()
        assert call(session, server, api.url, value, nonce=rs_nonce).status_code == 401

    def test_each_nonce_once(self, server, session, api):
        """With nonces that work once, each answer brings the next one, and none works twice."""
        server.dpop_nonce_rs, server.dpop_nonce_uses = True, 1
        value = token(session, server).json()["access_token"]
        nonce = call(session, server, api.url, value).headers["DPoP-Nonce"]
        for _ in range(3):
            answer = call(session, server, api.url, value, nonce=nonce)
            assert answer.status_code == 200
            assert call(session, server, api.url, value, nonce=nonce).status_code == 401
            nonce = answer.headers["DPoP-Nonce"]

    def test_several_uses(self, server, session, api):
        """A nonce may work a few times; the answer to its last use brings the next one."""
        server.dpop_nonce_rs, server.dpop_nonce_uses = True, 3
        value = token(session, server).json()["access_token"]
        nonce = call(session, server, api.url, value).headers["DPoP-Nonce"]
        answers = [call(session, server, api.url, value, nonce=nonce) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 401]
        assert ["DPoP-Nonce" in answer.headers for answer in answers] == [False, False, True, True]

    def test_storm(self, server, session):
        """A server can refuse every nonce that it gives."""
        server.dpop_nonce_as, server.dpop_nonce_uses = True, 0
        nonce = None
        for _ in range(3):
            refused = token(session, server, dpop=proof(server, "POST", server.endpoint("token"), nonce=nonce))
            assert refused.json()["error"] == "use_dpop_nonce"
            assert refused.headers["DPoP-Nonce"] != nonce
            nonce = refused.headers["DPoP-Nonce"]

    def test_pushed_requests(self, server, session):
        """The PAR endpoint asks for a nonce too."""
        server.dpop_nonce_as = True
        url = server.endpoint("par")
        form = {
            "client_id": "c", "client_secret": "marked-secret", "response_type": "code", "redirect_uri": CALLBACK,
        }  # fmt: skip
        asked = session.post(url, data=form, headers={"DPoP": proof(server, "POST", url)})
        assert asked.json()["error"] == "use_dpop_nonce"
        made = proof(server, "POST", url, nonce=asked.headers["DPoP-Nonce"])
        assert session.post(url, data=form, headers={"DPoP": made}).status_code == 201


class TestBoundGrants:
    def authorize(self, server, **parameters):
        query = urlencode(
            {
                "client_id": "native", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid",
                "code_challenge": CHALLENGE, "code_challenge_method": "S256", **parameters,
            }
        )  # fmt: skip
        return dict(
            parse_qsl(urlsplit(server.authorize(f"{server.endpoint('authorization')}?{query}", user="alice")).query)
        )

    def redeem(self, session, server, code, *, key=KEY, client_id="native", **form):
        made = proof(server, "POST", server.endpoint("token"), key=key) if key else ""
        return token(
            session, server, dpop=made, client_id=client_id, client_secret=None if client_id == "native" else "marked-secret",
            **{"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **form},
        )  # fmt: skip

    def test_code(self, server, session):
        """A code asked for with `dpop_jkt` is redeemed with that key only, RFC 9449 §10."""
        assert self.authorize(server, dpop_jkt="short")["error"] == "invalid_request"
        code = self.authorize(server, dpop_jkt=KEY.thumbprint())["code"]
        for key in (OTHER_KEY, None):
            assert self.redeem(session, server, code, key=key).json()["error"] == "invalid_grant"
        granted = self.redeem(session, server, code).json()
        assert granted["token_type"] == "DPoP"
        assert call(session, server, server.endpoint("userinfo"), granted["access_token"]).json() == {"sub": "alice"}

    def test_pushed_with_a_proof(self, server, session):
        """A proof at the PAR endpoint binds the code as `dpop_jkt` does, and must agree with it, RFC 9449 §10.1."""
        url = server.endpoint("par")
        form = {
            "client_id": "c", "client_secret": "marked-secret", "response_type": "code", "redirect_uri": CALLBACK,
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        disagreeing = {**form, "dpop_jkt": OTHER_KEY.thumbprint()}
        refused = session.post(url, data=disagreeing, headers={"DPoP": proof(server, "POST", url)})
        assert refused.json()["error"] == "invalid_request"
        pushed = session.post(url, data=form, headers={"DPoP": proof(server, "POST", url)}).json()
        query = urlencode({"client_id": "c", "request_uri": pushed["request_uri"]})
        location = server.authorize(f"{server.endpoint('authorization')}?{query}", user="alice")
        code = dict(parse_qsl(urlsplit(location).query))["code"]
        assert self.redeem(session, server, code, key=OTHER_KEY, client_id="c").json()["error"] == "invalid_grant"
        assert self.redeem(session, server, code, client_id="c").status_code == 200

    def test_refresh(self, server, session):
        """The refresh token of a public client is bound to its key; a confidential client may change keys."""
        granted = self.redeem(session, server, self.authorize(server)["code"]).json()
        refresh = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
        for key in (OTHER_KEY, None):
            assert self.redeem(session, server, None, key=key, **refresh).json()["error"] == "invalid_grant"
        again = self.redeem(session, server, None, **refresh).json()
        assert again["token_type"] == "DPoP"
        refresh = {"grant_type": "refresh_token", "refresh_token": again["refresh_token"]}
        assert self.redeem(session, server, None, key=OTHER_KEY, **refresh).json()["error"] == "invalid_grant"

        code = self.authorize(server, client_id="c")["code"]
        granted = self.redeem(session, server, code, client_id="c").json()
        refresh = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
        changed = self.redeem(session, server, None, key=OTHER_KEY, client_id="c", **refresh).json()
        assert server.access_tokens[changed["access_token"]].jkt == OTHER_KEY.thumbprint()
