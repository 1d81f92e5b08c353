"""Authorization requests, codes, ID Tokens and keys of the embedded server, seen by `requests` and `jwskate` alone."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwskate
import pytest
import requests

from requests_oauth2client.testing import AuthorizationServer, Refusal
from requests_oauth2client.testing.signed_jwt import ASYMMETRIC_ALGS

CALLBACK = "https://app.local/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
SECRET = "marked-secret-that-is-longer-than-32-bytes-and-even-longer-than-64"
KEY = jwskate.Jwk.generate(alg="ES256")


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, scope="openid email read", jwks=KEY)
    server.add_client(
        "native",
        public=True,
        redirect_uris=["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb", "app:/cb"],
    )
    server.add_user("alice", password="marked-password", sub="248289761001", email="alice@as.local")
    return server


@pytest.fixture
def session(server):
    return server.session()


def request_url(server, **parameters):
    parameters = {
        "client_id": "web", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid read", "state": "xyz",
        "nonce": "n-0S6_WzA2Mj", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **parameters,
    }  # fmt: skip
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{server.endpoint('authorization')}?{urlencode(given, doseq=True)}"


def callback(location):
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


def redeem(session, server, code, **form):
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        "client_id": "web", "client_secret": SECRET, **form,
    }  # fmt: skip
    data = {name: value for name, value in fields.items() if value is not None}
    return session.post(server.endpoint("token"), data=data)


def log_in(session, server, user="alice", **parameters):
    code = callback(server.authorize(request_url(server, **parameters), user=user))["code"]
    response = redeem(session, server, code)
    assert response.status_code == 200, response.text
    return response.json()


def published_key(session, server, jwt):
    [key] = [key for key in session.get(server.endpoint("jwks")).json()["keys"] if key["kid"] == jwt.headers["kid"]]
    return jwskate.Jwk(key)


def left_half(value, hashed=hashlib.sha256):
    digest = hashed(value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


class TestAuthorizationRequest:
    def test_callback(self, server):
        """The redirect has a code, the state and the issuer, and keeps the query of the redirect URI."""
        assert callback(server.authorize(request_url(server), user="alice")).keys() == {"code", "state", "iss"}
        answered = callback(server.authorize(request_url(server), user="alice"))
        assert (answered["state"], answered["iss"]) == ("xyz", "https://as.local")
        server.iss_parameter = False
        assert callback(server.authorize(request_url(server, state=None), user="alice")).keys() == {"code"}
        server.add_client("web", client_secret=SECRET, redirect_uris=f"{CALLBACK}?a=1")
        location = server.authorize(request_url(server, redirect_uri=f"{CALLBACK}?a=1"), user="alice")
        assert location.startswith(f"{CALLBACK}?a=1&code=")
        assert [request.response_status for request in server.requests] == [303] * 4
        assert server.count("authorization") == 4

    @pytest.mark.parametrize(
        ("parameters", "said"),
        [
            ({"client_id": None}, "'client_id' is missing"),
            ({"client_id": "nobody"}, "unknown client"),
            ({"client_id": ["web", "web"]}, "repeated"),
            ({"redirect_uri": "https://evil.local/"}, "not registered"),
            ({"redirect_uri": f"{CALLBACK}/"}, "not registered"),
            ({"redirect_uri": f"{CALLBACK}?a=1"}, "not registered"),
            ({"client_id": "native", "redirect_uri": None}, "is missing"),
            ({"request_uri": "https://web.local/request"}, "only pushed requests"),
            ({"request_uri": "urn:ietf:params:oauth:request_uri:unknown"}, "unknown, expired or used"),
            ({"request_uri": "urn:x", "request": "x"}, "exclude each other"),
            ({"request": "x"}, "not a signed JWT"),
        ],
    )
    def test_page(self, server, session, parameters, said):
        """Without a trusted redirect URI, the error is for the user's eyes."""
        url = request_url(server, **parameters)
        with pytest.raises(Refusal, match=said):
            server.authorize(url, user="alice")
        shown = session.get(url, allow_redirects=False)
        assert shown.status_code == 400
        assert shown.headers["Content-Type"] == "text/html; charset=utf-8"

    @pytest.mark.parametrize(
        ("parameters", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": None}, "invalid_request"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"scope": "openid admin"}, "invalid_scope"),
            ({"resource": "not a uri"}, "invalid_target"),
            ({"max_age": "soon"}, "invalid_request"),
            ({"prompt": "none login"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
        ],
    )
    def test_redirected_error(self, server, parameters, error):
        """Once the redirect URI is known to be good, errors go back to the client, with the state."""
        answered = callback(server.authorize(request_url(server, **parameters), user="alice"))
        assert (answered["error"], answered["state"], answered["iss"]) == (error, "xyz", "https://as.local")
        assert "code" not in answered

    def test_decisions(self, server):
        """The user may say no, and the server may say anything."""
        assert callback(server.authorize(request_url(server), user="alice", deny=True))["error"] == "access_denied"
        answered = callback(server.authorize(request_url(server), error="temporarily_unavailable"))
        assert answered["error"] == "temporarily_unavailable"
        with pytest.raises(ValueError, match="tell which user"):
            server.authorize(request_url(server))

    @pytest.mark.parametrize(
        ("asked", "accepted"),
        [
            ("http://127.0.0.1:51004/cb", True),
            ("http://127.0.0.1/cb", True),
            ("http://[::1]:51004/cb", True),
            ("http://localhost:51004/cb", True),
            ("app:/cb", True),
            ("http://127.0.0.2:51004/cb", False),
            ("http://127.0.0.1:51004/cb/", False),
            ("http://127.0.0.1:51004/cb?a=1", False),
            ("http://127.0.0.1:51004/cb#", False),
            ("https://127.0.0.1:51004/cb", False),
            ("http://evil@127.0.0.1:51004/cb", False),
            ("http://127.0.0.1:99999/cb", False),
            ("http://127.0.0.1.evil.local/cb", False),
            ("http://localhost.evil.local:51004/cb", False),
        ],
    )
    def test_loopback_redirect(self, server, asked, accepted):
        """A loopback redirect URI may have any port, RFC 8252 §7.3; all the rest is compared exactly."""
        url = request_url(server, client_id="native", redirect_uri=asked)
        if accepted:
            assert server.authorize(url, user="alice").startswith(f"{asked}?code=")
        else:
            with pytest.raises(Refusal, match="not registered"):
                server.authorize(url, user="alice")

    def test_pkce_is_required(self, server):
        """Public clients must use PKCE; others too when the server says so."""
        no_pkce = {"code_challenge": None, "code_challenge_method": None}
        native = request_url(server, client_id="native", redirect_uri="app:/cb", **no_pkce)
        assert callback(server.authorize(native, user="alice"))["error"] == "invalid_request"
        assert "code" in callback(server.authorize(request_url(server, **no_pkce), user="alice"))
        server.require_pkce = True
        assert callback(server.authorize(request_url(server, **no_pkce), user="alice"))["error"] == "invalid_request"

    def test_grant_types(self, server):
        """A client without that grant may not ask."""
        server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, grant_types="client_credentials")
        assert callback(server.authorize(request_url(server), user="alice"))["error"] == "unauthorized_client"

    def test_prompt_none(self, server):
        """With `prompt=none`, somebody must be logged in, recently enough."""
        silent = request_url(server, prompt="none", max_age=60)
        assert callback(server.authorize(silent))["error"] == "login_required"
        assert "code" in callback(server.authorize(silent, user="alice"))
        old = server.clock.now() - 100
        assert callback(server.authorize(silent, user="alice", auth_time=old))["error"] == "login_required"


class TestCode:
    def test_once(self, server, session):
        """A code works once; its second use revokes all that came from it."""
        code = callback(server.authorize(request_url(server), user="alice"))["code"]
        first = redeem(session, server, code).json()
        assert server.active_access_token(first["access_token"])
        replayed = redeem(session, server, code)
        assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
        assert server.code_replays == 1
        assert not server.active_access_token(first["access_token"])
        refreshed = redeem(session, server, None, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert refreshed.json()["error"] == "invalid_grant"

    @pytest.mark.parametrize(
        "form",
        [
            {"code": "unknown"},
            {"redirect_uri": None},
            {"redirect_uri": "https://evil.local/"},
            {"code_verifier": None},
            {"code_verifier": "x" * 43},
            {"client_id": "other"},
        ],
    )
    def test_refusals(self, server, session, form):
        """Another client, redirect URI or verifier does not redeem a code, and does not spoil it."""
        server.add_client("other", client_secret=SECRET)
        code = callback(server.authorize(request_url(server), user="alice"))["code"]
        assert redeem(session, server, **{"code": code, **form}).json()["error"] == "invalid_grant"
        assert redeem(session, server, code).status_code == 200

    def test_lifetime(self, server, session):
        """A code lives for one minute."""
        code = callback(server.authorize(request_url(server), user="alice"))["code"]
        server.clock.advance(60)
        assert redeem(session, server, code).json()["error"] == "invalid_grant"

    def test_downgrade(self, server, session):
        """A verifier without a challenge betrays a request that was tampered with, RFC 9700 §4.8.2."""
        url = request_url(server, code_challenge=None, code_challenge_method=None)
        code = callback(server.authorize(url, user="alice"))["code"]
        assert redeem(session, server, code).json()["error"] == "invalid_grant"
        assert redeem(session, server, code, code_verifier=None).status_code == 200

    def test_plain_and_default_redirect_uri(self, server, session):
        """Plain PKCE is for servers that allow it; the only redirect URI may be left out."""
        server.allow_plain_pkce = True
        url = request_url(server, code_challenge=VERIFIER, code_challenge_method="plain", redirect_uri=None)
        code = callback(server.authorize(url, user="alice"))["code"]
        assert redeem(session, server, code, redirect_uri=None).status_code == 200

    def test_resource(self, server, session):
        """The resources asked for limit the tokens; the token request may choose among them."""
        both = ["https://a.local", "https://b.local"]
        code = callback(server.authorize(request_url(server, resource=both), user="alice"))["code"]
        assert redeem(session, server, code, resource="https://c.local").json()["error"] == "invalid_target"
        code = callback(server.authorize(request_url(server, resource=both), user="alice"))["code"]
        granted = redeem(session, server, code, resource="https://b.local").json()
        assert server.access_tokens[granted["access_token"]].audience == ("https://b.local",)


class TestIdToken:
    @pytest.mark.parametrize("alg", [alg for alg in ASYMMETRIC_ALGS if alg not in {"RS384", "RS512", "PS384", "PS512"}])
    def test_signature_and_claims(self, server, session, alg):
        """ID Tokens are signed with the algorithm of the client and have the claims of OIDC Core §2."""
        server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, id_token_signed_response_alg=alg)
        server.id_token_hashes = {"at_hash", "c_hash", "s_hash"}
        answered = callback(server.authorize(request_url(server, acr_values="gold silver"), user="alice"))
        granted = redeem(session, server, answered["code"]).json()
        jwt = jwskate.SignedJwt(granted["id_token"])
        assert jwt.headers["alg"] == alg
        assert jwt.verify_signature(published_key(session, server, jwt), alg=alg)
        hashed = hashlib.sha512 if alg == "EdDSA" else getattr(hashlib, f"sha{alg[2:]}")
        now = int(server.clock.now())
        assert jwt.claims == {
            "iss": "https://as.local", "sub": "248289761001", "aud": "web", "nonce": "n-0S6_WzA2Mj", "acr": "gold",
            "iat": pytest.approx(now, abs=2), "exp": jwt.claims["iat"] + 3600, "auth_time": pytest.approx(now, abs=2),
            "at_hash": left_half(granted["access_token"], hashed), "c_hash": left_half(answered["code"], hashed),
            "s_hash": left_half("xyz", hashed),
        }  # fmt: skip

    def test_known_hash(self, server, session):
        """`at_hash` is the one of OIDC Core §A.3, whose access token is this one."""
        from requests_oauth2client.testing.id_token import half_hash

        assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"

    def test_client_secret(self, server, session):
        """HS256 signs with the client secret; a client without one cannot have it."""
        server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, id_token_signed_response_alg="HS256")
        jwt = jwskate.SignedJwt(log_in(session, server)["id_token"])
        assert jwt.verify_signature(jwskate.SymmetricJwk.from_bytes(SECRET.encode()), alg="HS256")
        server.add_client("web", public=True, redirect_uris=CALLBACK, id_token_signed_response_alg="HS256")
        code = callback(server.authorize(request_url(server), user="alice"))["code"]
        assert redeem(session, server, code, client_secret=None).json()["error"] == "server_error"

    @pytest.mark.parametrize(
        ("alg", "key"),
        [
            ("RSA-OAEP-256", jwskate.Jwk.generate(alg="RSA-OAEP-256", key_size=2048)),
            ("ECDH-ES", jwskate.Jwk.generate(alg="ECDH-ES", crv="P-256")),
            ("ECDH-ES+A128KW", jwskate.OKPJwk.generate(alg="ECDH-ES+A128KW", crv="X25519")),
        ],
    )
    def test_encryption(self, server, session, alg, key):
        """ID Tokens are encrypted for the client's key when the client wants so."""
        server.add_client(
            "web", client_secret=SECRET, redirect_uris=CALLBACK, jwks=[KEY, key], id_token_encrypted_response_alg=alg
        )
        jwe = jwskate.JweCompact(log_in(session, server)["id_token"])
        assert (jwe.alg, jwe.headers["cty"], jwe.enc) == (alg, "JWT", "A128CBC-HS256")
        jwt = jwskate.SignedJwt(jwe.decrypt(key))
        assert jwt.verify_signature(published_key(session, server, jwt), alg="RS256")
        server.add_client(
            "web",
            client_secret=SECRET,
            redirect_uris=CALLBACK,
            jwks=KEY,
            id_token_encrypted_response_alg="RSA-OAEP-256",
        )
        code = callback(server.authorize(request_url(server), user="alice"))["code"]
        assert redeem(session, server, code).json()["error"] == "server_error"

    def test_refresh(self, server, session):
        """A refresh gives an ID Token of the same login, without the nonce."""
        old = int(server.clock.now()) - 1000
        code = callback(server.authorize(request_url(server), user="alice", auth_time=old, acr="pwd"))["code"]
        granted = redeem(session, server, code).json()
        again = redeem(session, server, None, grant_type="refresh_token", refresh_token=granted["refresh_token"]).json()
        first, second = (jwskate.SignedJwt(tokens["id_token"]).claims for tokens in (granted, again))
        assert (first["auth_time"], first["acr"]) == (second["auth_time"], second["acr"]) == (old, "pwd")
        assert first["nonce"]
        assert "nonce" not in second
        server.issue_id_tokens.discard("refresh_token")
        form = {"grant_type": "refresh_token", "refresh_token": again["refresh_token"]}
        assert "id_token" not in redeem(session, server, None, **form).json()

    def test_only_for_openid(self, server, session):
        """Without the `openid` scope there is no ID Token."""
        assert "id_token" not in log_in(session, server, scope="read")
        assert "id_token" in server.issue_token("web", user="alice", scope="openid")

    def test_max_age_and_acr(self, server, session):
        """A login that is too old is renewed; only supported `acr_values` are satisfied."""
        server.acr_values_supported = {"silver"}
        url = request_url(server, max_age=60, acr_values="gold silver")
        code = callback(server.authorize(url, user="alice", auth_time=1))["code"]
        claims = jwskate.SignedJwt(redeem(session, server, code).json()["id_token"]).claims
        assert claims["auth_time"] == pytest.approx(server.clock.now(), abs=2)
        assert claims["acr"] == "silver"
        assert server.metadata["acr_values_supported"] == ["silver"]

    def test_forgery(self, server, session):
        """Claims can be replaced, removed and added, by a dict or by a function, or the whole token made up."""
        server.id_token_claims = {"iss": "https://evil.local", "aud": None, "extra": 1}
        claims = jwskate.SignedJwt(log_in(session, server)["id_token"]).claims
        assert (claims["iss"], claims["extra"]) == ("https://evil.local", 1)
        assert "aud" not in claims
        server.id_token_claims = lambda claims: {**claims, "exp": claims["exp"] - 7200}
        assert jwskate.SignedJwt(log_in(session, server)["id_token"]).claims["exp"] < time.time()
        server.id_token_maker = lambda claims, client: f"{claims['sub']}.{client.client_id}.x"
        assert log_in(session, server)["id_token"] == "248289761001.web.x"


class TestUserInfo:
    def test_signed_and_encrypted(self, server, session):
        """UserInfo is JSON, a signed JWT, an encrypted JWT, or encrypted JSON, as the client wants."""
        rsa = jwskate.Jwk.generate(alg="RSA-OAEP-256", key_size=2048)
        registration = {"client_secret": SECRET, "redirect_uris": CALLBACK, "jwks": [rsa]}
        headers = {"Authorization": f"Bearer {log_in(session, server)['access_token']}"}

        def userinfo():
            response = session.get(server.endpoint("userinfo"), headers=headers)
            assert response.headers["Content-Type"] == "application/jwt"
            return response.text

        server.add_client("web", **registration, userinfo_signed_response_alg="ES256")
        jwt = jwskate.SignedJwt(userinfo())
        assert jwt.claims == {"iss": "https://as.local", "aud": "web", "sub": "248289761001"}
        assert jwt.verify_signature(published_key(session, server, jwt), alg="ES256")

        encrypted = {"userinfo_encrypted_response_alg": "RSA-OAEP-256", "userinfo_encrypted_response_enc": "A256GCM"}
        server.add_client("web", **registration, userinfo_signed_response_alg="ES256", **encrypted)
        jwe = jwskate.JweCompact(userinfo())
        assert (jwe.headers["cty"], jwe.enc) == ("JWT", "A256GCM")
        assert jwskate.SignedJwt(jwe.decrypt(rsa)).claims["sub"] == "248289761001"

        server.add_client("web", **registration, **encrypted)
        assert jwskate.JweCompact(userinfo()).decrypt(rsa) == b'{"sub": "248289761001"}'

    def test_forgery(self, server, session):
        """UserInfo can lie about anything."""
        server.userinfo_changes = {"sub": "someone else", "email": None, "level": 1}
        headers = {"Authorization": f"Bearer {log_in(session, server, scope='openid email')['access_token']}"}
        answered = session.get(server.endpoint("userinfo"), headers=headers).json()
        assert answered == {"sub": "someone else", "level": 1}


class TestKeys:
    def test_jwks(self, server, session):
        """The JWKS has public keys only, for signatures and for encryption, may be cached, and may hold surprises."""
        server.add_client("ed", public=True, id_token_signed_response_alg="EdDSA")
        server.extra_jwks.append({"kty": "AKP", "alg": "ML-DSA-44"})
        response = session.get(server.endpoint("jwks"))
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        keys = response.json()["keys"]
        assert [(key["kty"], key.get("use"), key.get("alg")) for key in keys] == [
            ("RSA", "sig", "RS256"), ("EC", "sig", "ES256"), ("OKP", "sig", "EdDSA"), ("RSA", "enc", None),
            ("EC", "enc", None), ("AKP", None, "ML-DSA-44"),
        ]  # fmt: skip
        assert all("d" not in key for key in keys)
        assert len({key.get("kid") for key in keys}) == len(keys)
        server.jwks_max_age = None
        assert session.get(server.endpoint("jwks")).headers["Cache-Control"] == "no-store"
        assert session.post(server.endpoint("jwks")).status_code == 405

    @pytest.mark.parametrize("keep_old", [True, False])
    def test_rotation(self, server, session, keep_old):
        """After a rotation, new keys sign; the old ones stay published, or not."""
        before = jwskate.SignedJwt(log_in(session, server)["id_token"])
        server.rotate_keys(keep_old=keep_old)
        after = jwskate.SignedJwt(log_in(session, server)["id_token"])
        kids = {key["kid"] for key in session.get(server.endpoint("jwks")).json()["keys"]}
        assert before.headers["kid"] != after.headers["kid"]
        assert after.headers["kid"] in kids
        assert (before.headers["kid"] in kids) is keep_old

    def test_issuers_have_their_own(self, server):
        """Two issuers have different keys; one issuer keeps its own wherever it is served."""
        other = AuthorizationServer("https://other.local")
        assert server.keys.signing_key("ES256") != other.keys.signing_key("ES256")
        with server.serve():
            assert server.keys.signing_key("ES256") == AuthorizationServer("https://as.local").keys.signing_key("ES256")


class TestPushed:
    def push(self, session, server, **form):
        fields = {**dict(parse_qsl(urlsplit(request_url(server)).query)), "client_secret": SECRET, **form}
        return session.post(server.endpoint("par"), data={k: v for k, v in fields.items() if v is not None})

    def test_push(self, server, session):
        """A pushed request has a name, good for one use and one minute, by its client."""
        pushed = self.push(session, server)
        assert pushed.status_code == 201
        assert pushed.json().keys() == {"request_uri", "expires_in"}
        named = {"client_id": "web", "request_uri": pushed.json()["request_uri"]}
        url = f"{server.endpoint('authorization')}?{urlencode(named)}"
        answered = callback(server.authorize(url, user="alice"))
        assert answered["state"] == "xyz"
        assert redeem(session, server, answered["code"]).status_code == 200
        with pytest.raises(Refusal, match="unknown, expired or used"):
            server.authorize(url, user="alice")

        for delay, client_id in ((60, "web"), (0, "native")):
            name = self.push(session, server).json()["request_uri"]
            server.clock.advance(delay)
            query = urlencode({"client_id": client_id, "request_uri": name})
            with pytest.raises(Refusal, match="unknown, expired or used"):
                server.authorize(f"{server.endpoint('authorization')}?{query}", user="alice")

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"redirect_uri": "https://evil.local/"}, 400, "invalid_request"),
            ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
            ({"scope": "admin"}, 400, "invalid_scope"),
            ({"response_type": "token"}, 400, "unsupported_response_type"),
            ({"request": "x"}, 400, "invalid_request_object"),
        ],
    )
    def test_refusals(self, server, session, form, status, error):
        """A pushed request is checked at once, and its client authenticated."""
        refused = self.push(session, server, **form)
        assert (refused.status_code, refused.json()["error"]) == (status, error)

    def test_required(self, server, session):
        """The server, or a client's registration, may require that requests are pushed."""
        assert "code" in callback(server.authorize(request_url(server), user="alice"))
        server.require_par = True
        assert server.metadata["require_pushed_authorization_requests"] is True
        with pytest.raises(Refusal, match="must be pushed"):
            server.authorize(request_url(server), user="alice")
        server.require_par = False
        server.add_client(
            "web", client_secret=SECRET, redirect_uris=CALLBACK, require_pushed_authorization_requests=True
        )
        with pytest.raises(Refusal, match="must be pushed"):
            server.authorize(request_url(server), user="alice")

    def test_request_object(self, server, session):
        """A request object can be pushed; it must be one of that client."""
        pushed = self.push(session, server, request=request_object(server), state=None, redirect_uri=None)
        url = f"{server.endpoint('authorization')}?{urlencode({'client_id': 'web', 'request_uri': pushed.json()['request_uri']})}"
        assert callback(server.authorize(url, user="alice"))["state"] == "signed"
        refused = self.push(session, server, request=request_object(server, client_id="other"))
        assert refused.json()["error"] == "invalid_request_object"


def request_object(server, key=KEY, *, headers=None, **claims):
    now = int(server.clock.now())
    claims = {
        "iss": "web", "aud": "https://as.local", "iat": now, "exp": now + 60, "client_id": "web", "scope": "openid",
        "response_type": "code", "redirect_uri": CALLBACK, "state": "signed", "nonce": "n", "max_age": 60,
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": ["https://a.local"], **claims,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return str(
        jwskate.Jwt.sign_arbitrary(claims, {"alg": key.alg, "typ": "oauth-authz-req+jwt", **(headers or {})}, key)
    )


class TestRequestObject:
    def open(self, server, value, **parameters):
        query = urlencode({"client_id": "web", "request": value, **parameters})
        return callback(server.authorize(f"{server.endpoint('authorization')}?{query}", user="alice"))

    def test_signed(self, server, session):
        """A signed request counts, and nothing outside of it does."""
        answered = self.open(server, request_object(server), state="unsigned", scope="read")
        assert answered["state"] == "signed"
        assert redeem(session, server, answered["code"]).json()["scope"] == "openid"

    @pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW"])
    def test_encrypted(self, server, session, alg):
        """A request can be encrypted for a key of the server's JWKS."""
        kty = "RSA" if alg.startswith("RSA") else "EC"
        keys = session.get(server.endpoint("jwks")).json()["keys"]
        [key] = [key for key in keys if key["use"] == "enc" and key["kty"] == kty]
        value = jwskate.SignedJwt(request_object(server)).encrypt(key, enc="A128CBC-HS256", alg=alg)
        assert self.open(server, str(value))["state"] == "signed"
        foreign = jwskate.Jwk.generate(alg="RSA-OAEP-256", key_size=2048).with_kid_thumbprint()
        with pytest.raises(Refusal, match="not encrypted for a key"):
            self.open(
                server,
                str(jwskate.SignedJwt(request_object(server)).encrypt(foreign.public_jwk(), enc="A128CBC-HS256")),
            )
        with pytest.raises(Refusal, match="cannot be decrypted"):
            self.open(server, f"{str(value)[:-4]}AAAA")

    def test_symmetric(self, server, session):
        """A client that registered HS256 signs with its secret."""
        server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, request_object_signing_alg="HS256")
        key = jwskate.SymmetricJwk.from_bytes(SECRET.encode(), alg="HS256")
        assert self.open(server, request_object(server, key))["state"] == "signed"
        with pytest.raises(Refusal, match="'ES256' is not accepted"):
            self.open(server, request_object(server))

    @pytest.mark.parametrize(
        ("claims", "said"),
        [
            ({"iss": "other"}, "'iss'"),
            ({"aud": "https://other.local"}, "'aud'"),
            ({"aud": ["https://other.local"]}, "'aud'"),
            ({"exp": 1}, "expired"),
            ({"nbf": 99999999999}, "not valid yet"),
            ({"client_id": None}, "'client_id'"),
            ({"client_id": "native"}, "'client_id'"),
            ({"sub": "web"}, "client assertion"),
            ({"request_uri": "urn:x"}, "another request object"),
            ({"state": {"a": 1}}, "neither a text nor a number"),
            ({"state": ["a", "b"]}, "repeated"),
        ],
    )
    def test_bad_claims(self, server, claims, said):
        """The claims of a request object are checked."""
        with pytest.raises(Refusal, match=said):
            self.open(server, request_object(server, **claims))

    def test_strictness(self, server):
        """`iss`, `aud` and `exp` are checked when present, and required by strict servers."""
        bare = request_object(server, iss=None, aud=None, exp=None)
        assert self.open(server, bare)["state"] == "signed"
        assert self.open(server, request_object(server, aud=["https://as.local"]))["state"] == "signed"
        server.strict_request_objects = True
        with pytest.raises(Refusal, match="'iss'"):
            self.open(server, bare)
        assert self.open(server, request_object(server))["state"] == "signed"
        with pytest.raises(Refusal, match="'typ'"):
            self.open(server, request_object(server, headers={"typ": "at+jwt"}))

    def test_required(self, server):
        """The server, or a client's registration, may require a signature."""
        server.require_signed_request_object = True
        with pytest.raises(Refusal, match="is required"):
            server.authorize(request_url(server), user="alice")
        server.require_signed_request_object = False
        server.add_client("web", client_secret=SECRET, redirect_uris=CALLBACK, require_signed_request_object=True)
        with pytest.raises(Refusal, match="is required"):
            server.authorize(request_url(server), user="alice")


class TestBrowser:
    """The pages, as a browser would see them, without a socket and with one."""

    @pytest.fixture(params=["in process", "loopback"])
    def browser(self, request, server):
        if request.param == "in process":
            yield server.session()
        else:
            with server.serve(), requests.Session() as session:
                yield session

    def decide(self, browser, page, **form):
        action = re.search(r'action="([^"]+)"', page.text)[1]
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page.text))
        return browser.post(action, data={**hidden, "decision": "allow", **form}, allow_redirects=False)

    def open(self, browser, server, **parameters):
        return browser.get(request_url(server, **parameters), allow_redirects=False)

    def test_login(self, server, browser):
        """The user logs in and allows; afterwards the same request needs no page."""
        page = self.open(browser, server, login_hint='<b>"alice"')
        assert page.status_code == 200
        assert "web wants to act for you" in page.text
        assert "&lt;b&gt;&quot;alice&quot;" in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        done = self.decide(browser, page, username="alice", password="marked-password")
        assert done.status_code == 303
        assert redeem(browser, server, callback(done.headers["Location"])["code"]).status_code == 200
        again = self.open(browser, server, prompt="none")
        assert "code" in callback(again.headers["Location"])
        assert self.open(browser, server, prompt="login").status_code == 200
        consent = self.open(browser, server, prompt="consent")
        assert "You are <b>alice</b>" in consent.text
        assert "code" in callback(self.decide(browser, consent).headers["Location"])
        wider = self.open(browser, server, scope="openid email")
        assert wider.status_code == 200
        assert (
            callback(self.open(browser, server, scope="email", prompt="none").headers["Location"])["error"]
            == "consent_required"
        )
        server.clock.advance(100)
        assert self.open(browser, server, max_age=60).status_code == 200
        assert "Username" in self.open(browser, server, max_age=60).text

    def test_refusals(self, server, browser):
        """A wrong password is asked again, a denial goes back, and a page belongs to one browser and one use."""
        assert callback(self.open(browser, server, prompt="none").headers["Location"])["error"] == "login_required"
        page = self.open(browser, server)
        wrong = self.decide(browser, page, username="alice", password="wrong")
        assert (wrong.status_code, "Wrong username or password." in wrong.text) == (400, True)
        assert self.decide(browser, page, username="alice", password="marked-password").status_code == 400
        denied = self.decide(browser, wrong, decision="deny")
        assert callback(denied.headers["Location"])["error"] == "access_denied"
        page = self.open(browser, server)
        browser.cookies.clear()
        stolen = self.decide(browser, page, username="alice", password="marked-password")
        assert (stolen.status_code, "no longer valid" in stolen.text) == (400, True)

    def test_posted_request(self, server, browser):
        """An authorization request may be posted, OIDC Core §3.1.2.1."""
        form = parse_qs(urlsplit(request_url(server)).query)
        assert browser.post(server.endpoint("authorization"), data=form).status_code == 200
