"""Users log in at a real Authorization Server; its answers, its ID Tokens and its refusals are what they should be."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from requests_oauth2client import (
    ApiClient,
    AuthorizationResponseError,
    IdToken,
    InvalidGrant,
    InvalidIdToken,
    LoginRequired,
    MismatchingIdTokenAlg,
    MismatchingIssuer,
    MismatchingState,
    MissingIssuer,
    OAuth2AuthorizationCodeAuth,
    TokenEndpointError,
)
from requests_oauth2client.exceptions import InvalidUserInfoResponse
from requests_oauth2client.serializers import AuthorizationRequestSerializer

from .registrations import EVERY_METHOD

pytestmark = pytest.mark.servers


@pytest.fixture
def answer(oidc_provider):
    """Let a user answer an authorization request in any of its forms; return the checked response."""

    def answer(request, user="alice", **how):
        return request.validate_callback(oidc_provider.login(request.uri, user, **how))

    return answer


@pytest.fixture
def log_in(answer):
    """Let a user log in, and redeem the code."""

    def log_in(client, user="alice", session=None, **params):
        return client.authorization_code(answer(client.authorization_request(**params), user, session=session))

    return log_in


@pytest.fixture
def encryption_key(oidc_provider):
    """Find the public key of the server that request objects are encrypted to."""

    def encryption_key(alg):
        keys = requests.get(f"{oidc_provider.issuer}/jwks", timeout=5).json()["keys"]
        return next(key for key in keys if key.get("alg") == alg)

    return encryption_key


def altered(callback, **changes):
    """Return a callback URL with some of its parameters changed, or removed when None."""
    url = urlsplit(callback)
    params = {**dict(parse_qsl(url.query)), **changes}
    return url._replace(query=urlencode({k: v for k, v in params.items() if v is not None})).geturl()


# -- ID Tokens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA", "HS256"])
def test_id_token(oidc_provider, connect, log_in, alg):
    """A login gives an ID Token, signed with the algorithm of the client, that tells who logged in."""
    client = connect(f"id-{alg}", id_token_signed_response_alg=alg)
    token = log_in(client)
    assert isinstance(token.id_token, IdToken)
    assert token.id_token.alg == alg
    assert token.id_token.claims["iss"] == oidc_provider.issuer
    assert token.id_token.claims["sub"] == "alice"
    assert token.id_token.claims["aud"] == client.client_id


@pytest.mark.parametrize(("name", "alg"), [("id-RSA-OAEP-256", "RS256"), ("id-ECDH-ES", "ES256")])
def test_encrypted_id_token(oidc_provider, connect, log_in, name, alg):
    """An ID Token encrypted to the client is decrypted, and then validated as any other."""
    key = oidc_provider.clients[name]["decryption_jwk"]
    token = log_in(connect(name, id_token_signed_response_alg=alg, id_token_decryption_key=key), "bob")
    assert isinstance(token.id_token, IdToken)
    assert token.id_token.claims["sub"] == "bob"


def test_id_token_of_another_alg(connect, log_in):
    """The client says which algorithm is right, not the token."""
    with pytest.raises(MismatchingIdTokenAlg) as refused:
        log_in(connect("id-ES256"))  # RS256 unless told otherwise
    assert (refused.value.received, refused.value.expected) == ("ES256", "RS256")


def test_id_token_in_clear_text(oidc_provider, connect, log_in):
    """A client that expects encryption does not accept less."""
    key = oidc_provider.clients["id-ECDH-ES"]["decryption_jwk"]
    with pytest.raises(InvalidIdToken, match="should be encrypted"):
        log_in(connect("basic", id_token_decryption_key=key))


def test_context_of_the_login(connect, log_in):
    """`max_age` and `acr_values` are asked for, granted, and checked in the ID Token."""
    token = log_in(connect(), max_age=60, acr_values="mfa")
    assert token.id_token.claims["acr"] == "mfa"
    assert time.time() - token.id_token.claims["auth_time"] < 60


def test_refreshed_id_token(connect, log_in):
    """A refresh brings another ID Token of the same user, validated as the first one."""
    client = connect()
    first = log_in(client)
    second = client.refresh_token(first)
    assert isinstance(second.id_token, IdToken)
    assert second.id_token.claims["sub"] == first.id_token.claims["sub"]
    assert second.refresh_token != first.refresh_token


# -- the authorization request ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_every_method_redeems_a_code(connect, log_in, name):
    """PKCE and each authentication method go together."""
    client = connect(name)
    assert client.userinfo(log_in(client, scope="openid email"))["email"] == "alice@example.com"


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_pushed(connect, answer, name):
    """A request is pushed (RFC 9126) with each authentication method; its URL shows nothing of it."""
    client = connect(name)
    pushed = client.pushed_authorization_request(client.authorization_request())
    assert pushed.uri.startswith(f"{client.authorization_endpoint}?client_id=")
    assert "scope" not in pushed.uri
    assert client.authorization_code(answer(pushed)).id_token


def test_pushed_once(oidc_provider, connect, answer):
    """A pushed request is good for one login."""
    client = connect("par")
    pushed = client.pushed_authorization_request(client.authorization_request())
    answer(pushed)
    assert "error=invalid_request_uri" in oidc_provider.login(pushed.uri)


def test_client_that_must_push(connect, answer):
    """A client that must push is refused when it does not."""
    client = connect("par")
    with pytest.raises(AuthorizationResponseError, match="Pushed Authorization Request must be used"):
        answer(client.authorization_request())


@pytest.mark.parametrize("name", ["key-ES256", "key-RS256", "key-PS256", "key-EdDSA", "jar"])
def test_signed(oidc_provider, connect, answer, name):
    """A request travels signed (RFC 9101)."""
    client = connect(name)
    key = oidc_provider.clients[name]["private_jwk"]
    signed = client.authorization_request().sign(key, lifetime=60, aud=client.issuer)
    assert client.authorization_code(answer(signed)).id_token


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES"])
def test_encrypted(oidc_provider, connect, answer, encryption_key, alg):
    """A request travels signed and encrypted."""
    client = connect("jar")
    key = oidc_provider.clients["jar"]["private_jwk"]
    encrypted = client.authorization_request().sign_and_encrypt(
        key, encryption_key(alg), lifetime=60, aud=client.issuer
    )
    assert client.authorization_code(answer(encrypted)).id_token


def test_signed_and_pushed(oidc_provider, connect, answer):
    """A signed request is pushed."""
    client = connect("jar")
    signed = client.authorization_request().sign(
        oidc_provider.clients["jar"]["private_jwk"], lifetime=60, aud=client.issuer
    )
    assert client.authorization_code(answer(client.pushed_authorization_request(signed))).id_token


def test_forged_request(oidc_provider, connect, answer):
    """The server refuses a request that another key has signed."""
    client = connect("jar")
    forged = client.authorization_request().sign(
        oidc_provider.clients["key-RS256"]["private_jwk"], lifetime=60, aud=client.issuer
    )
    with pytest.raises(AuthorizationResponseError) as refused:
        answer(forged)
    assert refused.value.error == "invalid_request_object"


def test_resources(oidc_provider, connect, log_in):
    """Several resources are asked for at once; the code gives a token for one of them, the refresh token for the other."""
    client, resources = connect(), oidc_provider.resources
    request = client.authorization_request(scope="read", resource=list(resources.values()))
    response = request.validate_callback(oidc_provider.login(request.uri))
    token = client.authorization_code(response, resource=resources["jwt"])
    other = client.refresh_token(token, resource=resources["opaque"])
    for name, each in {"jwt": token, "opaque": other}.items():
        seen = ApiClient(oidc_provider.api_url, auth=each).get("open").json()["token"]
        assert (seen["sub"], seen["aud"]) == ("alice", resources[name])


def test_any_loopback_port(oidc_provider, connect):
    """A native client is called back on the port that it has at that time (RFC 8252 §7.3)."""
    client = connect("native", redirect_uri="http://127.0.0.1:49321/callback")
    request = client.authorization_request()
    callback = oidc_provider.login(request.uri)
    assert callback.startswith("http://127.0.0.1:49321/callback?")
    assert client.authorization_code(request.validate_callback(callback)).id_token


def test_request_kept_between_redirect_and_callback(oidc_provider, connect):
    """A request that was serialized and read again validates the callback, and redeems the code."""
    client = connect()
    request, serializer = client.authorization_request(), AuthorizationRequestSerializer()
    kept = serializer.dumps(request)
    callback = oidc_provider.login(request.uri)
    assert client.authorization_code(serializer.loads(kept).validate_callback(callback)).id_token


# -- the callback ----------------------------------------------------------------------------------------------------


def test_denial(answer, connect):
    """A user who says no is a typed error that tells what the server said."""
    with pytest.raises(AuthorizationResponseError) as refused:
        answer(connect().authorization_request(), deny=True)
    assert refused.value.error == "access_denied"
    assert refused.value.description == "the user said no"


def test_silent_login(answer, connect):
    """With `prompt=none`, a user with a session comes back at once, and one without is LoginRequired."""
    client = connect()
    with pytest.raises(LoginRequired):
        answer(client.authorization_request(prompt="none"))
    with requests.Session() as browser:
        answer(client.authorization_request(), session=browser)
        token = client.authorization_code(answer(client.authorization_request(prompt="none"), session=browser))
    assert token.id_token.claims["sub"] == "alice"


def test_old_session(answer, connect):
    """A session that is older than `max_age` does not do: the user authenticates again, or is LoginRequired."""
    client = connect()
    with requests.Session() as browser:
        answer(client.authorization_request(), session=browser)
        time.sleep(2.1)
        with pytest.raises(LoginRequired):
            answer(client.authorization_request(prompt="none", max_age=1), session=browser)
        fresh = client.authorization_code(answer(client.authorization_request(max_age=1), session=browser))
    assert time.time() - fresh.id_token.claims["auth_time"] < 2


def test_issuer_of_the_callback(oidc_provider, connect):
    """The server says in every answer, and in its metadata that it does, who it is (RFC 9207): nobody else may answer."""
    request = connect().authorization_request()
    for callback in (oidc_provider.login(request.uri), oidc_provider.login(request.uri, deny=True)):
        with pytest.raises(MissingIssuer):
            request.validate_callback(altered(callback, iss=None))
        with pytest.raises(MismatchingIssuer):
            request.validate_callback(altered(callback, iss="https://evil.example"))
        with pytest.raises(MismatchingState):
            request.validate_callback(altered(callback, state="forged"))


# -- the code --------------------------------------------------------------------------------------------------------


def test_code_replay(connect, answer):
    """A code that is redeemed again is refused, and ends the tokens that it gave."""
    client = connect()
    response = answer(client.authorization_request())
    token = client.authorization_code(response)
    with pytest.raises(InvalidGrant):
        client.authorization_code(response)
    with pytest.raises(InvalidGrant):
        client.refresh_token(token)


def test_wrong_verifier(connect, answer):
    """A stolen code is worth nothing without its verifier."""
    client = connect()
    with pytest.raises(InvalidGrant):
        client.authorization_code(answer(client.authorization_request()), code_verifier="x" * 43)


def test_code_of_another_client(connect, answer):
    """A code is worth nothing to another client."""
    response = answer(connect("basic").authorization_request())
    with pytest.raises(TokenEndpointError) as refused:
        connect("post").authorization_code(response)
    assert refused.value.error == "invalid_grant"


def test_threads_redeem_a_code_once(oidc_provider, connect, answer):
    """Threads that share a handler redeem the code once."""
    client = connect()
    api = ApiClient(
        oidc_provider.api_url, auth=OAuth2AuthorizationCodeAuth(client, answer(client.authorization_request()))
    )
    with oidc_provider.recorded() as exchanges, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: api.get("open").status_code, range(8))) == [200] * 8
    assert [e["path"] for e in exchanges if e["server"] == "as" and e["method"] == "POST"] == ["/token"]


def test_code_first_then_refresh(oidc_provider, connect, answer):
    """A handler redeems its code, and renews the token with the refresh token that came with it."""
    client = connect()
    auth = OAuth2AuthorizationCodeAuth(client, answer(client.authorization_request()))
    tokens = []
    for _ in range(3):
        assert ApiClient(oidc_provider.api_url, auth=auth).get("open").json()["token"]["sub"] == "alice"
        tokens.append((str(auth.token), auth.token.refresh_token))
        auth.token = auth.token.replace(expires_in=-1)
    assert len(set(tokens)) == 3


# -- UserInfo --------------------------------------------------------------------------------------------------------


def test_userinfo(connect, log_in):
    """UserInfo as JSON."""
    client = connect()
    assert client.userinfo(log_in(client, "bob", scope="openid profile")) == {"sub": "bob", "name": "Bob"}


def test_signed_userinfo(connect, log_in):
    """UserInfo as a signed JWT."""
    client = connect("userinfo-signed", userinfo_signed_response_alg="ES256")
    claims = client.userinfo(log_in(client, "bob", scope="openid profile"))
    assert (claims["sub"], claims["name"]) == ("bob", "Bob")


def test_encrypted_userinfo(oidc_provider, connect, log_in):
    """UserInfo as a signed JWT that is encrypted to the client."""
    client = connect(
        "userinfo-encrypted",
        userinfo_signed_response_alg="RS256",
        userinfo_encrypted_response_alg="ECDH-ES",
        id_token_decryption_key=oidc_provider.clients["userinfo-encrypted"]["decryption_jwk"],
    )
    claims = client.userinfo(log_in(client, "bob", scope="openid profile"))
    assert (claims["sub"], claims["name"]) == ("bob", "Bob")


def test_userinfo_in_clear_text(connect, log_in):
    """A client that expects a JWT does not accept less."""
    client = connect(userinfo_signed_response_alg="ES256")
    with pytest.raises(InvalidUserInfoResponse):
        client.userinfo(log_in(client))


def test_userinfo_of_somebody_else(connect, log_in):
    """UserInfo must be about the user of the ID Token."""
    client = connect()
    bob = log_in(client, "bob").id_token
    with pytest.raises(InvalidUserInfoResponse):
        client.userinfo(log_in(client, "alice"), id_token=bob)
