"""The Authorization Server of these tests does what the others rely on; seen with plain requests, not our library."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
import requests
from jwskate import Jwk, Jwt

pytestmark = pytest.mark.servers

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def post(oidc_provider):
    """Post a form to an endpoint of the server as one of its `client_secret_basic` clients."""

    def post(path, client="basic", headers=None, **form):
        client = oidc_provider.clients[client]
        auth = quote_plus(client["client_id"]), quote_plus(client["client_secret"])
        return requests.post(oidc_provider.issuer + path, data=form, auth=auth, headers=headers, timeout=10)

    return post


@pytest.fixture
def callback(oidc_provider):
    """Ask for a code, as one of its clients and users, and return the parameters of the callback."""

    def callback(client="basic", user="alice", deny=False, session=None, **params):
        client = oidc_provider.clients[client]
        params = {
            "client_id": client["client_id"],
            "redirect_uri": client["redirect_uris"][0],
            "response_type": "code",
            "scope": "openid",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **params,
        }
        url = requests.Request("GET", f"{oidc_provider.issuer}/auth", params=params).prepare().url
        answer = oidc_provider.login(url, user, deny=deny, session=session)
        assert answer.startswith(client["redirect_uris"][0])
        return {name: value for name, [value] in parse_qs(urlsplit(answer).query).items()}

    return callback


def call(url, token, method="GET", key=None, nonce=None):
    """Call an API with a token, and with a proof when a key is given."""
    headers = {"Authorization": f"{'DPoP' if key else 'Bearer'} {token}"}
    if key:
        headers["DPoP"] = proof(key, url, method, nonce=nonce, access_token=token)
    return requests.request(method, url, headers=headers, timeout=10)


def proof(key, url, method="POST", nonce=None, access_token=None):
    claims = {"jti": uuid.uuid4().hex, "htm": method, "htu": url, "iat": int(time.time())}
    if nonce:
        claims["nonce"] = nonce
    if access_token:
        claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
    return str(Jwt.sign(claims, key, typ="dpop+jwt", extra_headers={"jwk": dict(key.public_jwk())}))


def test_discovery(oidc_provider):
    """It publishes metadata under its issuer, where both RFC 8414 and OpenID Connect look for it."""
    metadata = [
        requests.get(f"{oidc_provider.issuer}/.well-known/{name}", timeout=5).json()
        for name in ("openid-configuration", "oauth-authorization-server")
    ]
    assert metadata[0] == metadata[1]
    assert metadata[0]["issuer"] == oidc_provider.issuer
    assert metadata[0]["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("client", ["basic", "basic-encoded"])
def test_client_credentials(oidc_provider, post, client):
    """A client whose id and secret are form-encoded, as RFC 6749 §2.3.1 says, gets a token that the API accepts."""
    answer = post("/token", client, grant_type="client_credentials", scope="read").json()
    seen = call(f"{oidc_provider.api_url}/open/users", answer["access_token"]).json()
    assert seen["path"] == "/open/users"
    assert seen["token"]["client_id"] == oidc_provider.clients[client]["client_id"]
    assert seen["token"]["scope"] == "read"


def test_api_refuses(oidc_provider, post):
    """The API wants a token, a known one, and the scope of the path."""
    token = post("/token", grant_type="client_credentials", scope="read").json()["access_token"]
    assert requests.get(f"{oidc_provider.api_url}/open/", timeout=5).headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert 'error="invalid_token"' in call(f"{oidc_provider.api_url}/open/", "x").headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in call(f"{oidc_provider.api_url}/write/", token).headers["WWW-Authenticate"]


@pytest.mark.parametrize("resource", ["opaque", "jwt"])
def test_resource(oidc_provider, post, resource):
    """A token for a resource has it as audience, and the format that the resource wants."""
    audience = oidc_provider.resources[resource]
    answer = post("/token", grant_type="client_credentials", scope="write", resource=audience).json()
    assert answer["access_token"].count(".") == {"opaque": 0, "jwt": 2}[resource]
    assert call(f"{oidc_provider.api_url}/write/", answer["access_token"]).json()["token"]["aud"] == audience


def test_login(oidc_provider, post, callback):
    """A user logs in and consents; the code gives an ID Token and tokens, which are refreshed with rotation, once."""
    answer = callback(state="a-state", nonce="a-nonce")
    assert answer["iss"] == oidc_provider.issuer
    assert answer["state"] == "a-state"
    redirect_uri = oidc_provider.clients["basic"]["redirect_uris"][0]
    form = {"code": answer["code"], "code_verifier": VERIFIER, "redirect_uri": redirect_uri}
    token = post("/token", grant_type="authorization_code", **form).json()
    assert Jwt(token["id_token"]).claims["nonce"] == "a-nonce"
    assert call(f"{oidc_provider.issuer}/me", token["access_token"]).json() == {"sub": "alice"}
    refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert post("/token", **refresh).json()["refresh_token"] != token["refresh_token"]
    assert post("/token", **refresh).json()["error"] == "invalid_grant"


def test_denial(callback):
    """A user who says no sends the client away with an error."""
    assert callback(deny=True)["error"] == "access_denied"


def test_second_login(callback):
    """A user who has a session is not asked again; one who has none can not be met silently."""
    assert callback(prompt="none")["error"] == "login_required"
    with requests.Session() as session:
        callback(session=session)
        assert "code" in callback(session=session, prompt="none")


def test_password(oidc_provider, post):
    """The password grant gives what a login gives."""
    token = post("/token", grant_type="password", username="bob", password="the builder", scope="openid email").json()
    assert {"access_token", "refresh_token", "id_token"} < token.keys()
    user = call(f"{oidc_provider.issuer}/me", token["access_token"]).json()
    assert user == {"sub": "bob", "email": "bob@example.com", "email_verified": False}
    answer = post("/token", grant_type="password", username="bob", password="no", scope="openid")
    assert answer.json()["error"] == "invalid_grant"


def test_jwt_bearer(oidc_provider, post):
    """An assertion of the trusted issuer gives a token for its subject."""
    claims = {
        "iss": oidc_provider.assertion_issuer,
        "sub": "alice",
        "aud": oidc_provider.issuer,
        "exp": int(time.time()) + 60,
    }
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "read"}
    assertion = str(Jwt.sign(claims, oidc_provider.assertion_jwk))
    token = post("/token", assertion=assertion, **form).json()
    assert call(f"{oidc_provider.api_url}/open/", token["access_token"]).json()["token"]["sub"] == "alice"
    assert "refresh_token" not in token
    forged = str(Jwt.sign(claims, Jwk.generate(alg="ES256")))
    assert post("/token", assertion=forged, **form).json()["error"] == "invalid_grant"


def test_token_exchange(oidc_provider, post):
    """A user's token is exchanged for another one for a resource, with the actor named in it."""
    types = "urn:ietf:params:oauth:token-type"
    subject = post("/token", grant_type="password", username="alice", password="in wonderland", scope="openid").json()
    actor = post("/token", grant_type="client_credentials").json()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": subject["access_token"],
        "subject_token_type": f"{types}:access_token",
    }
    exchanged = post(
        "/token",
        **form,
        actor_token=actor["access_token"],
        actor_token_type=f"{types}:access_token",
        resource=oidc_provider.resources["jwt"],
        scope="read",
    ).json()
    assert exchanged["issued_token_type"] == f"{types}:access_token"
    seen = call(f"{oidc_provider.api_url}/open/", exchanged["access_token"]).json()["token"]
    assert (seen["sub"], seen["act"]) == ("alice", {"sub": "basic"})
    identity = post("/token", **form, requested_token_type=f"{types}:id_token").json()
    assert identity["token_type"] == "N_A"
    assert Jwt(identity["access_token"]).claims["sub"] == "alice"


@pytest.mark.parametrize(("deny", "outcome"), [(False, None), (True, "access_denied")])
def test_device(oidc_provider, post, deny, outcome):
    """A device waits until its user has approved, or has refused."""
    asked = post("/device/auth", scope="openid").json()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}
    assert post("/token", **form).json()["error"] == "authorization_pending"
    oidc_provider.approve_device(asked["verification_uri"], asked["user_code"], deny=deny)
    assert post("/token", **form).json().get("error") == outcome


@pytest.mark.parametrize(("deny", "outcome"), [(False, None), (True, "access_denied")])
def test_ciba(oidc_provider, post, deny, outcome):
    """A client waits until the user has approved, or has refused, elsewhere."""
    asked = post("/backchannel", scope="openid", login_hint="alice").json()
    form = {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": asked["auth_req_id"]}
    assert post("/token", **form).json()["error"] == "authorization_pending"
    oidc_provider.answer_ciba(asked["auth_req_id"], deny=deny)
    assert post("/token", **form).json().get("error") == outcome


def test_ciba_ping(oidc_provider, post):
    """The answer of the user is announced to a client in ping mode."""
    asked = post(
        "/backchannel", "ciba-ping", scope="openid", login_hint="bob", client_notification_token="n0t1fy"
    ).json()
    oidc_provider.answer_ciba(asked["auth_req_id"])
    ping = oidc_provider.notifications()[-1]
    assert ping["url"] == oidc_provider.ping_callback
    assert ping["headers"]["authorization"] == "Bearer n0t1fy"
    assert asked["auth_req_id"] in ping["body"]


def test_dpop(oidc_provider, post):
    """The token endpoint and each API want a nonce of their own; a token that is bound to a key is no Bearer token."""
    key = Jwk.generate(alg="ES256")
    endpoint, form = f"{oidc_provider.issuer}/token", {"grant_type": "client_credentials", "scope": "read"}
    with oidc_provider.recorded() as exchanges:
        asked = post("/token", "dpop-nonce", headers={"DPoP": proof(key, endpoint)}, **form)
        nonce = asked.headers["DPoP-Nonce"]
        token = post("/token", "dpop-nonce", headers={"DPoP": proof(key, endpoint, nonce=nonce)}, **form).json()
    assert asked.json()["error"] == "use_dpop_nonce"
    assert token["token_type"] == "DPoP"
    assert [(e["server"], e["path"], e["status"]) for e in exchanges] == [("as", "/token", 400), ("as", "/token", 200)]
    nonces = []
    for api in (oidc_provider.api_url, oidc_provider.api2_url):
        url = f"{api}/nonce/"
        refused = call(url, token["access_token"], key=key, nonce=nonce)
        assert refused.status_code == 401
        assert 'DPoP realm="api", error="use_dpop_nonce"' in refused.headers["WWW-Authenticate"]
        nonces.append(refused.headers["DPoP-Nonce"])
        assert call(url, token["access_token"], key=key, nonce=nonces[-1]).ok
    assert nonces[0] != nonces[1]
    assert call(f"{oidc_provider.api_url}/open/", token["access_token"]).status_code == 401


def test_rotating_nonces(oidc_provider, post):
    """An API can change its nonce with every answer."""
    key = Jwk.generate(alg="EdDSA")
    headers = {"DPoP": proof(key, f"{oidc_provider.issuer}/token")}
    token = post("/token", "dpop", headers=headers, grant_type="client_credentials").json()["access_token"]
    url = f"{oidc_provider.api_url}/rotating/"
    first = call(url, token, key=key).headers["DPoP-Nonce"]
    second = call(url, token, key=key, nonce=first)
    assert second.ok
    assert call(url, token, key=key, nonce=first).status_code == 401
