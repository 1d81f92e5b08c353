"""Tokens without a user, from a real Authorization Server: obtained, used on an API, renewed, revoked."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from jwskate import Jwk, Jwt

from requests_oauth2client import (
    ApiClient,
    BearerToken,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    ExpiredAccessToken,
    InvalidClient,
    InvalidGrant,
    InvalidParam,
    InvalidScope,
    InvalidTarget,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2ResourceOwnerPasswordAuth,
    PrivateKeyJwt,
    UnsupportedTokenType,
)

from .registrations import EVERY_METHOD, USERS

pytestmark = pytest.mark.servers

ALICE = ("alice", USERS["alice"]["password"])


@pytest.fixture
def sent():
    """A session, with the list of the requests that it has sent."""
    with requests.Session() as session:
        session.requests = []
        session.hooks["response"].append(lambda response, **_: session.requests.append(response.request))
        yield session


# -- authentication of the client ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_every_method_gives_a_token_for_the_api(oidc_provider, connect, name):
    """Each authentication method obtains a token that the API accepts through ApiClient."""
    auth = OAuth2ClientCredentialsAuth(connect(name), scope="read")
    seen = ApiClient(oidc_provider.api_url, auth=auth).get("open/users").json()
    assert seen["path"] == "/open/users"
    assert seen["token"]["client_id"] == oidc_provider.clients[name]["client_id"]
    assert seen["token"]["scope"] == "read"


@pytest.mark.parametrize("name", ["secret-jwt", "key-ES256"])
def test_assertion_is_meant_for_the_issuer(oidc_provider, connect, sent, name):
    """By default an assertion names the issuer as its audience, and says in its header what it is."""
    connect(name, session=sent).client_credentials()
    form = dict(pair.split("=", 1) for pair in sent.requests[-1].body.split("&"))
    assertion = Jwt(form["client_assertion"])
    assert assertion.claims["aud"] == oidc_provider.issuer
    assert assertion.headers["typ"] == "client-authentication+jwt"


def test_assertion_for_the_endpoint(oidc_provider, connect):
    """An audience given by hand is used: the URL of the token endpoint, as RFC 7523 has it."""
    registered = oidc_provider.clients["key-ES256"]
    auth = PrivateKeyJwt(registered["client_id"], registered["private_jwk"], aud=f"{oidc_provider.issuer}/token")
    assert connect("key-ES256", auth=auth).client_credentials()


def test_assertion_is_new_each_time(connect):
    """One client authenticates many times: the server, which refuses an assertion that it has seen, accepts all."""
    client = connect("key-EdDSA")
    tokens = {str(client.client_credentials()) for _ in range(3)}
    assert len(tokens) == 3


@pytest.mark.parametrize(
    "auth",
    [
        ClientSecretBasic("basic", "wrong-secret"),
        ClientSecretPost("post", "wrong-secret"),
        ClientSecretJwt("secret-jwt", "wrong-secret" * 4),
        PrivateKeyJwt("key-ES256", Jwk.generate(alg="ES256").with_kid_thumbprint()),
        ClientSecretBasic("nobody", "wrong-secret"),
    ],
    ids=lambda auth: f"{type(auth).__name__}-{auth.client_id}",
)
def test_wrong_credentials(connect, auth):
    """Credentials that the server does not know are a typed error, which holds its answer and no secret."""
    with pytest.raises(InvalidClient) as refused:
        connect(auth=auth).client_credentials()
    assert refused.value.response.status_code == 401
    assert refused.value.error == "invalid_client"
    assert "wrong-secret" not in str(refused.value)


# -- what is asked for -----------------------------------------------------------------------------------------------


def test_scope_granted(connect):
    """The token tells the scope that was granted, which may be less than what was asked for."""
    assert connect().client_credentials(scope=["read", "unheard-of"]).scope == "read"


def test_scope_refused(connect):
    """A scope that the client may not have is refused."""
    with pytest.raises(InvalidScope):
        connect("narrow").client_credentials(scope="read write")


@pytest.mark.parametrize(("resource", "dots"), [("opaque", 0), ("jwt", 2)])
def test_resource(oidc_provider, connect, resource, dots):
    """A resource (RFC 8707) is the audience of the token, and chooses its format."""
    audience = oidc_provider.resources[resource]
    token = connect().client_credentials(scope="write", resource=audience)
    assert str(token).count(".") == dots
    assert ApiClient(oidc_provider.api_url, auth=token).get("write/this").json()["token"]["aud"] == audience


def test_unknown_resource(connect):
    """A resource that the server does not know is refused."""
    with pytest.raises(InvalidTarget):
        connect().client_credentials(resource="https://unheard-of.example/")


# -- refresh ---------------------------------------------------------------------------------------------------------


def test_refresh_with_rotation(connect):
    """A refresh gives a new refresh token; a used one is refused, and takes the new one with it."""
    client = connect()
    first = client.resource_owner_password(*ALICE, scope="openid")
    second = client.refresh_token(first)
    assert second.refresh_token
    assert second.refresh_token != first.refresh_token
    with pytest.raises(InvalidGrant):
        client.refresh_token(first)
    with pytest.raises(InvalidGrant):
        client.refresh_token(second)


def test_password_refused(connect):
    """A wrong password is a typed error that does not repeat it."""
    with pytest.raises(InvalidGrant) as refused:
        connect().resource_owner_password("alice", "not-my-password", scope="openid")
    assert "not-my-password" not in str(refused.value)


def test_jwt_bearer(oidc_provider, connect):
    """An assertion of a trusted issuer is a grant (RFC 7523 §2.1)."""
    claims = {
        "iss": oidc_provider.assertion_issuer,
        "sub": "bob",
        "aud": oidc_provider.issuer,
        "exp": int(time.time()) + 60,
    }
    token = connect().jwt_bearer(Jwt.sign(claims, oidc_provider.assertion_jwk), scope="read")
    assert ApiClient(oidc_provider.api_url, auth=token).get("open").json()["token"]["sub"] == "bob"


# -- revocation, introspection, userinfo, discovery ------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_revocation(connect, name):
    """A revoked token is no longer active; each authentication method works at these endpoints too."""
    client = connect(name)
    token = client.client_credentials(scope="read")
    before = client.introspect_token(token)
    assert before["active"] is True
    assert before["client_id"] == client.client_id
    assert before["scope"] == "read"
    assert client.revoke_access_token(token) is True
    assert client.introspect_token(token) == {"active": False}


def test_revoked_refresh_token(oidc_provider, connect):
    """Revoking a refresh token ends it, and the access token that came with it."""
    client = connect()
    token = client.resource_owner_password(*ALICE, scope="openid")
    assert client.introspect_token(token, "refresh_token")["active"] is True
    assert client.revoke_refresh_token(token) is True
    with pytest.raises(InvalidGrant):
        client.refresh_token(token)
    with pytest.raises(requests.HTTPError, match="401"):
        ApiClient(oidc_provider.api_url, auth=token).get("open")


def test_token_that_cannot_be_revoked(oidc_provider, connect):
    """This server can not revoke a JWT, and the caller learns it."""
    client = connect()
    token = client.client_credentials(scope="read", resource=oidc_provider.resources["jwt"])
    with pytest.raises(UnsupportedTokenType):
        client.revoke_access_token(token)


def test_userinfo(connect):
    """UserInfo tells the claims of the scopes."""
    client = connect()
    token = client.resource_owner_password(*ALICE, scope="openid email")
    assert client.userinfo(token) == {"sub": "alice", "email": "alice@example.com", "email_verified": True}


def test_discovery(oidc_provider, connect):
    """The issuer is enough to find every endpoint."""
    metadata = requests.get(f"{oidc_provider.issuer}/.well-known/openid-configuration", timeout=5).json()
    client = connect()
    assert client.issuer == oidc_provider.issuer
    for endpoint in [
        "token_endpoint",
        "authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "userinfo_endpoint",
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "jwks_uri",
        "authorization_response_iss_parameter_supported",
    ]:
        assert getattr(client, endpoint) == metadata[endpoint]


def test_discovery_of_another_issuer(oidc_provider):
    """Metadata of another issuer than the expected one is refused."""
    url = f"{oidc_provider.issuer}/.well-known/oauth-authorization-server"
    with pytest.raises(InvalidParam, match="Mismatching `issuer`"):
        OAuth2Client.from_discovery_endpoint(url, issuer="https://other.example", client_id="public")


# -- renewal ---------------------------------------------------------------------------------------------------------


def test_expired_token_is_renewed(oidc_provider, connect):
    """After its three seconds the API refuses a token; every handler gets a new one, by its own grant, and goes on."""
    client = connect("brief")
    token = client.resource_owner_password(*ALICE, scope="openid")
    handlers = {
        "refresh_token": OAuth2AccessTokenAuth(client, token, leeway=0),
        "client_credentials": OAuth2ClientCredentialsAuth(client, leeway=0),
        "password": OAuth2ResourceOwnerPasswordAuth(client, username=ALICE[0], password=ALICE[1], leeway=0),
    }
    apis = [ApiClient(oidc_provider.api_url, auth=handler) for handler in handlers.values()]
    assert [api.get("open").status_code for api in apis] == [200, 200, 200]
    before = [str(handler.token) for handler in handlers.values()]
    time.sleep(3)
    with pytest.raises(ExpiredAccessToken):
        requests.get(f"{oidc_provider.api_url}/open", auth=token, timeout=5)
    bare = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{oidc_provider.api_url}/open", headers=bare, timeout=5).status_code == 401
    with oidc_provider.recorded() as exchanges:
        assert [api.get("open").status_code for api in apis] == [200, 200, 200]
    assert not {str(handler.token) for handler in handlers.values()} & set(before)
    sent = [(e["server"], e["path"], e["status"]) for e in exchanges]
    assert sent.pop(1) == ("as", "/jwks", 200)  # the refresh brought an ID Token
    assert sent == [("as", "/token", 200), ("api", "/open", 200)] * 3


def test_threads_share_one_renewal(oidc_provider, connect):
    """32 threads on a cold handler: one token request, seen by the server, and every call succeeds."""
    api = ApiClient(oidc_provider.api_url, auth=OAuth2ClientCredentialsAuth(connect("key-ES256"), scope="read"))
    with oidc_provider.recorded() as exchanges, ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: api.get("open").status_code, range(32)))
    assert statuses == [200] * 32
    assert [e["path"] for e in exchanges if e["server"] == "as"] == ["/token"]


# -- the API ---------------------------------------------------------------------------------------------------------


def test_api_client(oidc_provider, connect):
    """Sub-paths, verbs, JSON, forms and query reach the API as they were given."""
    with ApiClient(oidc_provider.api_url, auth=OAuth2ClientCredentialsAuth(connect(), scope="read")) as api:
        seen = api.open.users[42].patch(json={"name": "Zoé"}, params={"page": 1, "all": True}).json()
        assert (seen["method"], seen["path"]) == ("PATCH", "/open/users/42")
        assert seen["query"] == {"page": "1", "all": "true"}
        assert seen["body"] in {'{"name": "Zo\\u00e9"}', '{"name":"Zo\\u00e9"}', '{"name":"Zoé"}', '{"name": "Zoé"}'}
        assert api.post(["open", "50%", "a b"], data={"x": None, "y": False}).json()["path"] == "/open/50%25/a%20b"
        with pytest.raises(requests.HTTPError, match="403"):
            api.get("write/this")
        assert api.get("write/this", raise_for_status=False).status_code == 403


def test_token_unknown_to_the_api(oidc_provider):
    """The API's refusal reaches the caller as it is."""
    with pytest.raises(requests.HTTPError) as refused:
        ApiClient(oidc_provider.api_url, auth=BearerToken("made-up")).get("open")
    assert refused.value.response.headers["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_token"')
