"""The embedded Authorization Server, seen by a client that is nothing but `requests`."""

from __future__ import annotations

import base64
import io
import threading
from urllib.parse import quote_plus, urlsplit

import jwskate
import pytest
import requests

from requests_oauth2client.testing import AuthorizationServer, Challenge, Clock, Refusal, Response
from requests_oauth2client.testing.clients import Client, ClientFields
from requests_oauth2client.testing.switches import Choices, Switches, switch_names

KEYS = {
    alg: jwskate.Jwk.generate(alg=alg, **({"key_size": 2048} if alg[0] in "RP" else {}))
    for alg in ("RS256", "PS256", "ES256", "EdDSA")
}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECRET = "marked secret, longer than 32 bytes: +%41&é"


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("post", client_secret=SECRET, scope="openid profile read write")
    server.add_client("basic", client_secret=SECRET, auth_methods="client_secret_basic")
    server.add_client("secret_jwt", client_secret=SECRET, auth_methods="client_secret_jwt")
    server.add_client("keys", jwks=[key.public_jwk() for key in KEYS.values()])
    server.add_client("public", public=True)
    server.add_user("alice", password="marked-password", sub="248289761001", name="Alice", email="a@as.local", level=3)
    return server


@pytest.fixture
def session(server):
    return server.session()


def post(session, url, **form):
    return session.post(url, data=form)


def token(session, server, **form):
    fields = {"client_id": "post", "client_secret": SECRET, "grant_type": "client_credentials", **form}
    return post(session, server.endpoint("token"), **fields)


def bearer(value):
    return {"Authorization": f"Bearer {value}"}


def assertion(server, key=KEYS["ES256"], *, client_id="keys", headers=None, **claims):
    now = int(server.clock.now())
    claims = {
        "iss": client_id, "sub": client_id, "aud": server.issuer, "iat": now, "exp": now + 60, "jti": "one", **claims,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return str(jwskate.Jwt.sign_arbitrary(claims, {"alg": key.alg, "typ": "JWT", **(headers or {})}, key))


def with_assertion(session, server, value, **form):
    return post(
        session, server.endpoint("token"), grant_type="client_credentials",
        client_assertion_type=ASSERTION, client_assertion=value, **form,
    )  # fmt: skip


class TestClientAuthentication:
    def test_post(self, server, session):
        """A secret in the body is accepted, and the response may not be cached."""
        response = token(session, server, scope="read")
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert server.last("token").client_id == "post"

    def test_basic_is_form_encoded(self, server, session):
        """Basic credentials are form-encoded first, RFC 6749 §2.3.1."""
        encoded = base64.b64encode(f"basic:{quote_plus(SECRET)}".encode()).decode()
        form = {"grant_type": "client_credentials"}
        url = server.endpoint("token")
        assert session.post(url, data=form, headers={"Authorization": f"Basic {encoded}"}).status_code == 200

        raw = base64.b64encode(f"basic:{SECRET}".encode()).decode()
        refused = session.post(url, data=form, headers={"Authorization": f"Basic {raw}"})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.headers["WWW-Authenticate"] == 'Basic realm="https://as.local"'

        server.add_client("basic", client_secret=SECRET, auth_methods="client_secret_basic", raw_basic=True)
        assert session.post(url, data=form, headers={"Authorization": f"Basic {raw}"}).status_code == 200

    @pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic bm9jb2xvbg==", "Basic /////w=="])
    def test_malformed_basic(self, server, session, header):
        """Malformed Basic credentials are refused with a challenge."""
        refused = session.post(
            server.endpoint("token"), data={"grant_type": "client_credentials"}, headers={"Authorization": header}
        )
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert "WWW-Authenticate" in refused.headers

    @pytest.mark.parametrize("alg", KEYS)
    def test_private_key_jwt(self, server, session, alg):
        """An assertion signed with any registered key is accepted, once."""
        value = assertion(server, KEYS[alg], headers={"typ": "client-authentication+jwt"})
        assert with_assertion(session, server, value).status_code == 200
        replayed = with_assertion(session, server, value)
        assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
        assert "jti" in replayed.json()["error_description"]

    def test_client_secret_jwt(self, server, session):
        """An assertion signed with the secret is accepted."""
        key = jwskate.SymmetricJwk.from_bytes(SECRET.encode(), alg="HS256")
        assert with_assertion(session, server, assertion(server, key, client_id="secret_jwt")).status_code == 200
        wrong = jwskate.SymmetricJwk.from_bytes(b"x" * 32, alg="HS256")
        refused = with_assertion(session, server, assertion(server, wrong, client_id="secret_jwt"))
        assert refused.json()["error"] == "invalid_client"

    @pytest.mark.parametrize("audience", ["https://as.local", "https://as.local/token"])
    def test_audience(self, server, session, audience):
        """The audience is the issuer or the endpoint; strictly, the issuer only."""
        assert with_assertion(session, server, assertion(server, aud=audience)).status_code == 200
        server.strict_audience = True
        response = with_assertion(session, server, assertion(server, aud=audience, jti="two"))
        assert response.status_code == (200 if audience == server.issuer else 401)

    @pytest.mark.parametrize(
        ("claims", "said"),
        [
            ({"iss": "other"}, "'iss'"),
            ({"iss": None}, "'iss'"),
            ({"aud": "https://other.local"}, "'aud'"),
            ({"aud": ["https://as.local"]}, "'aud'"),
            ({"aud": None}, "'aud'"),
            ({"exp": None}, "'exp'"),
            ({"exp": "tomorrow"}, "'exp'"),
            ({"exp": True}, "'exp'"),
            ({"exp": 1}, "expired"),
            ({"exp": 99999999999}, "too far"),
            ({"iat": 99999999999}, "not valid yet"),
            ({"nbf": 99999999999}, "not valid yet"),
            ({"jti": None}, "'jti'"),
            ({"jti": 1}, "'jti'"),
            ({"sub": "nobody"}, "unknown client"),
            ({"sub": "post"}, "may not authenticate"),
        ],
    )
    def test_bad_claims(self, server, session, claims, said):
        """Each claim of an assertion is checked."""
        refused = with_assertion(session, server, assertion(server, **claims))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert said in refused.json()["error_description"]

    def test_bad_signatures(self, server, session):
        """A foreign key, a foreign algorithm, a wrong type, an unknown `crit` and mere text are refused."""
        foreign = jwskate.Jwk.generate(alg="ES256")
        server.add_client("pinned", jwks=KEYS["RS256"].public_jwk(), token_endpoint_auth_signing_alg="PS256")
        header, payload, signature = assertion(server).split(".")
        for value in (
            assertion(server, foreign),
            assertion(server, foreign.with_kid_thumbprint(), headers={"kid": "?"}),
            assertion(server, KEYS["RS256"], client_id="pinned"),
            assertion(server, headers={"typ": "at+jwt"}),
            assertion(server, headers={"crit": ["exp"]}),
            f"{header}.{payload}.{signature[:-4]}AAAA",
            f"{header}.{payload}.",
            f"{base64.urlsafe_b64encode(b'[]').decode()}.{payload}.{signature}",
            "text",
        ):
            refused = with_assertion(session, server, value)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({}, 401, "invalid_client"),
            ({"client_id": "nobody"}, 401, "invalid_client"),
            ({"client_id": "post"}, 401, "invalid_client"),
            ({"client_id": "post", "client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_id": "basic", "client_secret": SECRET}, 401, "invalid_client"),
            ({"client_id": "public", "client_secret": SECRET}, 401, "invalid_client"),
            ({"client_id": "post", "client_secret": SECRET, "client_assertion": "x"}, 400, "invalid_request"),
            ({"client_id": ["post", "post"], "client_secret": SECRET}, 400, "invalid_request"),
            ({"client_assertion": "x"}, 401, "invalid_client"),
            ({"client_assertion_type": ASSERTION}, 400, "invalid_request"),
            ({"client_id": "public"}, 400, "unauthorized_client"),
        ],
    )
    def test_refusals(self, server, session, form, status, error):
        """Missing, unknown, wrong, mismatched, doubled and repeated credentials are refused."""
        refused = post(session, server.endpoint("token"), grant_type="client_credentials", **form)
        assert (refused.status_code, refused.json()["error"]) == (status, error)
        assert "WWW-Authenticate" not in refused.headers

    def test_client_id_must_agree(self, server, session):
        """A `client_id` beside an assertion is that of the assertion."""
        assert with_assertion(session, server, assertion(server), client_id="keys").status_code == 200
        refused = with_assertion(session, server, assertion(server, jti="two"), client_id="post")
        assert refused.json()["error"] == "invalid_request"

    @pytest.mark.parametrize(
        "as_what",
        [
            list,
            lambda keys: {"keys": [dict(key) for key in keys]},
            lambda keys: jwskate.JwkSet(keys=keys),
            lambda keys: dict(keys[0]),
        ],
    )
    def test_registered_keys(self, server, as_what):
        """Keys are registered as a list, a JWK Set or a single JWK; only their public part is kept."""
        client = server.add_client("keys", jwks=as_what([KEYS["ES256"], KEYS["EdDSA"]]))
        assert client.jwks[0] == KEYS["ES256"].public_jwk().with_kid_thumbprint()
        assert not any(key.is_private for key in client.jwks)

    @pytest.mark.parametrize(
        "registration", [{}, {"client_secret": "x", "auth_methods": "tls"}, {"public": True, "color": "red"}]
    )
    def test_impossible_registration(self, server, registration):
        """A client that could never authenticate cannot be registered."""
        with pytest.raises((ValueError, TypeError)):
            server.add_client("c", **registration)


class TestTokenEndpoint:
    def test_request_shape(self, server, session):
        """Another method, another Content-Type, secrets in the URL and unknown grants are refused."""
        url = server.endpoint("token")
        form = {"client_id": "post", "client_secret": SECRET, "grant_type": "client_credentials"}
        wrong_method = session.get(url)
        assert (wrong_method.status_code, wrong_method.headers["Allow"]) == (405, "POST")
        assert session.post(url, json=form).json()["error"] == "invalid_request"
        assert session.post(f"{url}?client_secret=x", data=form).json()["error"] == "invalid_request"
        assert token(session, server, grant_type="urn:x").json()["error"] == "unsupported_grant_type"
        assert token(session, server, grant_type="").json()["error"] == "invalid_request"
        assert session.post("https://as.local/nowhere").status_code == 404

    def test_scope(self, server, session):
        """A client gets the scope that it asks for, or all that it may have, and never more."""
        assert token(session, server, scope="read").json()["scope"] == "read"
        assert token(session, server).json()["scope"] == "openid profile read write"
        assert token(session, server, scope="read admin").json()["error"] == "invalid_scope"

    def test_grant_types(self, server, session):
        """A client may use the grants that it registered."""
        server.add_client("post", client_secret=SECRET, grant_types="password")
        assert token(session, server).json()["error"] == "unauthorized_client"

    def test_targets(self, server, session):
        """`resource` and `audience` may be repeated, must be well formed, and known if the server wants so."""
        both = ["https://api.local/a", "https://api.local/b"]
        value = token(session, server, resource=both).json()["access_token"]
        described = post(session, server.endpoint("introspection"), client_id="post", client_secret=SECRET, token=value)
        assert described.json()["aud"] == both
        assert token(session, server, resource="here").json()["error"] == "invalid_target"
        assert token(session, server, resource="https://api.local/#x").json()["error"] == "invalid_target"
        server.allowed_targets = {"https://api.local/a"}
        assert token(session, server, resource=both).json()["error"] == "invalid_target"
        assert token(session, server, audience="https://api.local/a").status_code == 200

    def test_password(self, server, session):
        """A user's password gives tokens for that user; a wrong one gives none."""
        granted = token(
            session, server, grant_type="password", username="alice", password="marked-password", scope="openid"
        )
        assert "refresh_token" in granted.json()
        for username, password in (("alice", "wrong"), ("bob", "marked-password")):
            refused = token(session, server, grant_type="password", username=username, password=password)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")

    def test_jwt_bearer(self, server, session):
        """An assertion by a trusted issuer, or by the client itself, is a grant."""
        idp = jwskate.Jwk.generate(alg="ES256")
        server.trust_issuer("https://idp.local", idp.public_jwk())
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
        value = assertion(server, idp, iss="https://idp.local", sub="248289761001", aud=[server.endpoint("token")])
        granted = token(session, server, **grant, assertion=value)
        assert server.access_tokens[granted.json()["access_token"]].grant.user.username == "alice"
        assert "refresh_token" not in granted.json()
        assert token(session, server, **grant, assertion=value).json()["error"] == "invalid_grant"

        own = post(
            session, server.endpoint("token"), **grant, assertion=assertion(server, sub="robot", jti=None),
            client_assertion_type=ASSERTION, client_assertion=assertion(server, jti="three"),
        )  # fmt: skip
        assert server.access_tokens[own.json()["access_token"]].grant.sub == "robot"

        for claims in ({"iss": "https://evil.local"}, {"sub": None}, {"aud": "https://evil.local"}, {"exp": 1}):
            bad = assertion(server, idp, **{"iss": "https://idp.local", "jti": "four", **claims})
            assert token(session, server, **grant, assertion=bad).json()["error"] == "invalid_grant"

    def test_own_grant(self, server, session):
        """A grant type of one's own is one function."""

        def dice(asked):
            if asked.form.required("number") != "6":
                raise Refusal("invalid_grant", "try again")
            return {"access_token": "won", "token_type": "Bearer"}

        server.grants["urn:dice"] = dice
        assert "urn:dice" in server.metadata["grant_types_supported"]
        assert token(session, server, grant_type="urn:dice", number="6").json()["access_token"] == "won"
        assert token(session, server, grant_type="urn:dice", number="5").json()["error"] == "invalid_grant"
        assert token(session, server, grant_type="urn:dice").json()["error"] == "invalid_request"


class TestRefresh:
    @pytest.fixture
    def granted(self, server):
        return server.issue_token("post", user="alice", scope="openid read write", resource="https://api.local/")

    def refresh(self, session, server, value, **form):
        return token(session, server, grant_type="refresh_token", refresh_token=value, **form)

    def test_rotation(self, server, session, granted):
        """A refresh token works once; its second use revokes all that came from the grant."""
        second = self.refresh(session, server, granted["refresh_token"]).json()
        assert second["refresh_token"] != granted["refresh_token"]
        assert second["scope"] == "openid read write"
        assert server.active_access_token(second["access_token"])

        assert self.refresh(session, server, granted["refresh_token"]).json()["error"] == "invalid_grant"
        assert server.reuse_alarms == 1
        assert not server.active_access_token(second["access_token"])
        assert self.refresh(session, server, second["refresh_token"]).json()["error"] == "invalid_grant"
        assert server.reuse_alarms == 1

    def test_without_rotation(self, server, session, granted):
        """Without rotation, the refresh token goes on working, and comes back or not."""
        server.rotate_refresh_tokens = False
        assert "refresh_token" not in self.refresh(session, server, granted["refresh_token"]).json()
        server.return_refresh_token_on_refresh = True
        again = self.refresh(session, server, granted["refresh_token"]).json()
        assert again["refresh_token"] == granted["refresh_token"]

    def test_narrower_only(self, server, session, granted):
        """A refresh may narrow the scope and the resources, not widen them."""
        server.rotate_refresh_tokens = False
        value = granted["refresh_token"]
        assert self.refresh(session, server, value, scope="read").json()["scope"] == "read"
        assert self.refresh(session, server, value, scope="profile").json()["error"] == "invalid_scope"
        assert self.refresh(session, server, value, resource="https://api.local/").status_code == 200
        refused = self.refresh(session, server, value, resource="https://other.local/")
        assert refused.json()["error"] == "invalid_target"

    def test_refusals(self, server, session, granted):
        """An unknown, foreign or expired refresh token is refused."""
        server.add_client("other", client_secret=SECRET)
        foreign = self.refresh(session, server, granted["refresh_token"], client_id="other")
        assert foreign.json()["error"] == "invalid_grant"
        assert self.refresh(session, server, "unknown").json()["error"] == "invalid_grant"
        server.clock.advance(14 * 86400)
        assert self.refresh(session, server, granted["refresh_token"]).json()["error"] == "invalid_grant"
        assert server.reuse_alarms == 0

    def test_choices(self, server):
        """Which grants give refresh tokens, how long tokens live and what the response says are choices."""
        server.issue_refresh_tokens = {"client_credentials"}
        assert "refresh_token" not in server.issue_token("post", user="alice")
        assert "refresh_token" in server.issue_token("post", grant_type="client_credentials")
        server.access_token_lifetime = 5
        assert server.issue_token("post")["expires_in"] == 5
        server.add_client("short", public=True, access_token_lifetime=2)
        assert server.issue_token("short")["expires_in"] == 2
        server.access_token_lifetime = server.refresh_token_lifetime = None
        endless = server.issue_token("post", grant_type="client_credentials")
        assert "expires_in" not in endless
        server.access_token_lifetime, server.omit_expires_in, server.omit_scope = 60, True, True
        server.extra_token_fields = {"tenant": 1}
        assert server.issue_token("post", scope="read").keys() == {"access_token", "token_type", "tenant"}
        server.clock.advance(10**9)
        assert server.active_access_token(endless["access_token"])


class TestRevocationAndIntrospection:
    def call(self, session, server, endpoint, value, **form):
        return post(session, server.endpoint(endpoint), client_id="post", client_secret=SECRET, token=value, **form)

    def test_introspection(self, server, session):
        """An active token is described; anything else is only inactive."""
        granted = server.issue_token("post", user="alice", scope="read")
        described = self.call(session, server, "introspection", granted["access_token"]).json()
        assert described == {
            "active": True, "client_id": "post", "iss": "https://as.local", "sub": "248289761001", "username": "alice",
            "scope": "read", "token_type": "Bearer", "iat": described["iat"], "exp": described["iat"] + 3600,
        }  # fmt: skip
        assert self.call(session, server, "introspection", granted["refresh_token"]).json()["active"] is True
        server.clock.advance(3600)
        inactive = self.call(session, server, "introspection", granted["access_token"])
        assert (inactive.status_code, inactive.json()) == (200, {"active": False})
        assert self.call(session, server, "introspection", "unknown").json() == {"active": False}
        refused = post(session, server.endpoint("introspection"), client_id="public", token="x")
        assert refused.status_code == 401

    def test_revocation(self, server, session):
        """A revoked access token is alone; a revoked refresh token takes all its access tokens with it."""
        first, second = (server.issue_token("post", user="alice") for _ in range(2))
        answer = self.call(session, server, "revocation", first["access_token"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert not server.active_access_token(first["access_token"])
        assert (
            token(session, server, grant_type="refresh_token", refresh_token=first["refresh_token"]).status_code == 200
        )
        self.call(session, server, "revocation", second["refresh_token"])
        assert not server.active_access_token(second["access_token"])
        refused = token(session, server, grant_type="refresh_token", refresh_token=second["refresh_token"])
        assert (refused.json()["error"], server.reuse_alarms) == ("invalid_grant", 0)

    def test_revocation_refusals(self, server, session):
        """Unknown tokens are as good as revoked; tokens of others are not revoked; types may be unsupported."""
        assert self.call(session, server, "revocation", "unknown").status_code == 200
        server.add_client("other", client_secret=SECRET)
        foreign = server.issue_token("other")["access_token"]
        assert self.call(session, server, "revocation", foreign).json()["error"] == "invalid_grant"
        assert server.active_access_token(foreign)
        server.unsupported_revocation_types = {"access_token"}
        own = server.issue_token("post")["access_token"]
        refused = self.call(session, server, "revocation", own, token_type_hint="access_token")
        assert refused.json()["error"] == "unsupported_token_type"


class TestUserInfo:
    def test_claims_follow_the_scope(self, server, session):
        """The scope decides about standard claims; others are always given."""
        value = server.issue_token("post", user="alice", scope="openid profile")["access_token"]
        expected = {"sub": "248289761001", "name": "Alice", "level": 3}
        url = server.endpoint("userinfo")
        assert session.get(url, headers=bearer(value)).json() == expected
        assert session.post(url, headers=bearer(value)).json() == expected
        assert session.post(url, data={"access_token": value}).json() == expected

    def test_refusals(self, server, session):
        """A token without `openid`, or without a user, is refused."""
        url = server.endpoint("userinfo")
        no_openid = server.issue_token("post", user="alice", scope="read")["access_token"]
        refused = session.get(url, headers=bearer(no_openid))
        assert refused.status_code == 403
        assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
        server.userinfo_requires_openid = False
        assert session.get(url, headers=bearer(no_openid)).status_code == 200
        own = server.issue_token("post", scope="openid")["access_token"]
        assert 'error="invalid_token"' in session.get(url, headers=bearer(own)).headers["WWW-Authenticate"]
        assert session.put(url, headers=bearer(own)).status_code == 405


class TestProtectedApi:
    @pytest.fixture
    def api(self, server):
        return server.protect("https://api.local/v1/", scope="read")

    def test_echo(self, server, session, api):
        """The API tells what it received, whatever the method."""
        value = server.issue_token("post", user="alice", scope="read write")["access_token"]
        answer = session.patch(f"{api.url}things/1?a=1&a=2&b=3", data="text", headers=bearer(value))
        assert answer.json() == {
            "method": "PATCH", "path": "/v1/things/1", "query": {"a": ["1", "2"], "b": "3"}, "body": "text",
            "client_id": "post", "sub": "248289761001", "scope": "read write",
        }  # fmt: skip
        assert session.head(api.url, headers=bearer(value)).content == b""
        assert [(request.endpoint, request.response_status) for request in server.requests] == [("api", 200)] * 2

    @pytest.mark.parametrize(
        ("authorization", "url", "status", "challenge"),
        [
            (None, "", 401, 'Bearer realm="https://api.local/v1/"'),
            ("Basic eDp5", "", 401, 'Bearer realm="https://api.local/v1/"'),
            ("Bearer ", "", 401, 'Bearer realm="https://api.local/v1/"'),
            ("Bearer unknown", "", 401, 'error="invalid_token"'),
            ("bearer {good}", "", 200, ""),
            ("Bearer {expired}", "", 401, 'error="invalid_token"'),
            ("Bearer {elsewhere}", "", 401, 'error="invalid_token"'),
            ("Bearer {narrow}", "", 403, 'error="insufficient_scope"'),
            (None, "?access_token={good}", 400, 'error="invalid_request"'),
        ],
    )
    def test_challenges(self, server, session, api, authorization, url, status, challenge):
        """Each bad token has its challenge; without a token there is no error code."""
        server.access_token_lifetime = 1
        expired = server.issue_token("post", scope="read")["access_token"]
        server.clock.advance(1)
        server.access_token_lifetime = 60
        tokens = {
            "expired": expired,
            "good": server.issue_token("post", scope="read", resource="https://api.local")["access_token"],
            "elsewhere": server.issue_token("post", scope="read", resource="https://other.local")["access_token"],
            "narrow": server.issue_token("post", scope="write")["access_token"],
        }
        headers = {"Authorization": authorization.format(**tokens)} if authorization else {}
        answer = session.get(api.url + url.format(**tokens), headers=headers)
        assert answer.status_code == status
        assert challenge in answer.headers.get("WWW-Authenticate", "")
        if "error" not in challenge:
            assert "error" not in answer.headers.get("WWW-Authenticate", "")

    def test_two_tokens(self, server, session, api):
        """A token in the header and another in the body are refused."""
        value = server.issue_token("post", scope="read")["access_token"]
        assert session.post(api.url, data={"access_token": value}).status_code == 200
        refused = session.post(api.url, data={"access_token": value}, headers=bearer(value))
        assert 'error="invalid_request"' in refused.headers["WWW-Authenticate"]

    def test_own_answer(self, server, session):
        """An API may answer what it wants, only on its path, under its name; it can be added late."""
        api = server.protect("https://other.local/", path="/things", name="things")
        api.answer = lambda request, token: Response.json({"path": request.path, "user": token.grant.user.username})
        value = server.issue_token("post", user="alice")["access_token"]
        assert session.get("https://other.local/things/1", headers=bearer(value)).json() == {
            "path": "/things/1",
            "user": "alice",
        }
        assert session.get("https://other.local/thingsome", headers=bearer(value)).status_code == 404
        assert server.count("things") == 2

    def test_same_host_as_the_server(self, server, session):
        """An API can be on the host of its Authorization Server."""
        api = server.protect("https://as.local/api/")
        value = server.issue_token("post")["access_token"]
        assert session.get(api.url, headers=bearer(value)).json()["path"] == "/api/"
        assert token(session, server).status_code == 200


class TestDiscovery:
    @pytest.mark.parametrize(
        ("issuer", "oidc", "oauth"),
        [
            ("https://as.local", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
            ("https://as.local/", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
            (
                "https://as.local/t/1",
                "/t/1/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server/t/1",
            ),
        ],
    )
    def test_locations(self, issuer, oidc, oauth):
        """The metadata is at both well-known places, RFC 8414 §3.1 and OIDC Discovery §4."""
        server = AuthorizationServer(issuer)
        session = server.session()
        for path in (oidc, oauth):
            document = session.get(f"https://as.local{path}").json()
            assert document == server.metadata
            assert document["issuer"] == issuer
            assert document["token_endpoint"] == server.endpoint("token") == f"{issuer.rstrip('/')}/token"
        assert server.count("discovery") == 2
        server.serve_oidc_discovery = server.serve_oauth_discovery = False
        assert session.get(f"https://as.local{oidc}").status_code == 404
        assert session.get(f"https://as.local{oauth}").status_code == 404

    def test_paths(self):
        """Endpoints can be elsewhere, even on another host."""
        server = AuthorizationServer(
            "https://as.local/tenant", paths={"token": "/oauth/token", "userinfo": "https://user.local/info"}
        )
        server.add_client("post", client_secret=SECRET)
        session = server.session()
        assert server.metadata["token_endpoint"] == "https://as.local/oauth/token"
        assert token(session, server).status_code == 200
        assert session.get("https://user.local/info").status_code == 401
        with pytest.raises(ValueError, match="coffee"):
            AuthorizationServer(paths={"coffee": "/coffee"})

    def test_changes(self, server):
        """The metadata can be forged."""
        server.metadata_changes = {"issuer": "https://evil.local", "userinfo_endpoint": None}
        assert server.metadata["issuer"] == "https://evil.local"
        assert "userinfo_endpoint" not in server.metadata


class TestReachingIt:
    def test_nothing_else(self, server, session):
        """A session of the server reaches nothing else, and keeps what was sent there."""
        with pytest.raises(requests.ConnectionError, match=r"nothing is at https://evil\.local"):
            session.post("https://evil.local/?a=1", data={"client_secret": SECRET})
        assert server.requests == []
        assert [request.url for request in server.strays] == ["https://evil.local/?a=1"]

    def test_more_bodies(self, server, session):
        """So are bodies of text, and of nothing."""
        api = server.protect("https://api.local/")
        headers = bearer(server.issue_token("post")["access_token"])
        assert session.post(api.url, data=io.StringIO("text"), headers=headers).json()["body"] == "text"
        assert session.post(api.url, headers=headers).json()["body"] == ""

    def test_bodies(self, server, session):
        """Bodies of any kind are received."""
        api = server.protect("https://api.local/")
        headers = bearer(server.issue_token("post")["access_token"])
        for body in ("é", "é".encode(), iter(["é".encode()])):
            assert session.post(api.url, data=body, headers=headers).json()["body"] == "é"
        with open(__file__, "rb") as file:  # noqa: PTH123  # any file object will do
            assert "Bodies of any kind" in session.post(api.url, data=file, headers=headers).json()["body"]

    def test_loopback(self, server):
        """The same server is served on loopback ports, each API being an origin of its own."""
        api = server.protect("https://api.local/v1/")
        before = server.issue_token("post")["access_token"]
        with server.serve() as url:
            assert url == server.issuer == server.metadata["issuer"]
            assert urlsplit(url).hostname == urlsplit(api.url).hostname == "127.0.0.1"
            assert urlsplit(url).port != urlsplit(api.url).port
            late = server.protect("https://late.local/")
            with requests.Session() as session:
                value = token(session, server).json()["access_token"]
                for place in (api, late):
                    assert session.get(place.url, headers=bearer(value)).status_code == 200
                assert session.get(api.url, headers=bearer(before)).status_code == 200
                assert session.post(api.url, data=iter([b"a", b"b"]), headers=bearer(value)).json()["body"] == "ab"
                assert session.head(api.url, headers=bearer(value)).headers["Content-Length"] != "0"
                assert session.get(f"{url}/nowhere").status_code == 404
            with pytest.raises(RuntimeError, match="already"), server.serve():
                pass
        assert server.issuer == "https://as.local"
        assert api.url == "https://api.local/v1/"
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=1)

    def test_threads(self, server):
        """Many threads get a token each, and every request is recorded."""
        statuses = []

        def work(session):
            statuses.append(token(session, server).status_code)

        with server.serve():
            threads = [threading.Thread(target=work, args=(requests.Session(),)) for _ in range(16)]
            threads += [threading.Thread(target=work, args=(server.session(),)) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert statuses == [200] * 32
        assert server.count("token") == len({id(request) for request in server.requests}) == 32


def test_clock(server):
    """The clock moves on demand, and with the time of the process."""
    clock = Clock()
    before = clock.now()
    clock.advance(60)
    assert 60 <= clock.now() - before < 61
    assert clock.datetime().timestamp() == pytest.approx(clock.now(), abs=1)
    assert "+60 s" in repr(clock)


def test_records(server, session):
    """Each request is recorded with its form, its headers and the status of its answer."""
    token(session, server, scope="read", resource=["https://a.local", "https://b.local"])
    [request] = server.requests
    assert (request.endpoint, request.method, request.url, request.response_status) == (
        "token",
        "POST",
        "https://as.local/token",
        200,
    )
    assert request.form["scope"] == ["read"]
    assert request.form["resource"] == ["https://a.local", "https://b.local"]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"grant_type=client_credentials" in request.body
    session.post("https://as.local/nowhere?a=1", json={"a": 1})
    assert server.requests[1].json() == {"a": 1}
    assert (server.requests[1].endpoint, server.requests[1].form, server.requests[1].query) == (
        "unknown",
        {},
        {"a": ["1"]},
    )


@pytest.mark.parametrize(("keywords", "fields"), [(Choices, Switches), (ClientFields, Client)])
def test_keywords_have_the_types_of_the_fields(keywords, fields):
    """What type checkers know of keywords is what the attributes are."""
    known = {name: getattr(kind, "__forward_arg__", kind) for name, kind in keywords.__annotations__.items()}
    assert known == {name: kind for name, kind in fields.__annotations__.items() if name in known}
    if fields is Switches:
        assert set(known) == set(switch_names())


def test_reprs_are_short(server):
    """What a prompt shows of a registration fits on a line."""
    assert repr(server.add_client("shown", client_secret="marked")) == "<Client shown>"


def test_no_secret_in_reprs(server, session):
    """No repr shows a secret, a password or a token."""
    granted = token(session, server, grant_type="password", username="alice", password="marked-password").json()
    things = [
        server, *server.clients.values(), *server.users.values(), *server.access_tokens.values(),
        *server.refresh_tokens.values(), *server.requests, Response.json(granted), Refusal("x"), Challenge(),
        server.protect("https://api.local/"),
    ]  # fmt: skip
    text = " ".join(map(repr, things))
    for secret in (SECRET, "marked-password", granted["access_token"], granted["refresh_token"]):
        assert secret not in text


def test_every_choice_is_documented():
    """The table in the docstring tells all choices, with their defaults as they are."""
    table = {
        line.split("|")[1].strip(" `")
        for line in AuthorizationServer.__doc__.splitlines()
        if line.strip().startswith("| `")
    }
    assert table == set(switch_names())
