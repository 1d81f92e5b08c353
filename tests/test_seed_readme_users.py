"""What earlier versions promised in their README, continued: the flows with a user, token exchange, and DPoP.

As in `test_seed_readme.py`, the code is ours; the calls, their arguments and what comes back are those of the examples.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwskate
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from requests_oauth2client import (
    ApiClient,
    AuthorizationRequest,
    AuthorizationResponse,
    BackChannelAuthenticationPoolingJob,
    BearerToken,
    ClientSecretJwt,
    DeviceAuthorizationPoolingJob,
    DPoPKey,
    DPoPToken,
    IdToken,
    InvalidAuthResponse,
    OAuth2AuthorizationCodeAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2DeviceCodeAuth,
    PrivateKeyJwt,
)
from requests_oauth2client.testing import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_ENDPOINT = "https://url.to.the/token_endpoint"
CREDENTIALS = {"client_id": "client_id", "client_secret": "client_secret"}
REDIRECT_URI = "https://url.to.my.application/redirect_uri"
PATHS = {
    "token": "/token_endpoint",
    "authorization": "/authorization_endpoint",
    "device_authorization": "/device_authorization_endpoint",
    "backchannel_authentication": "/backchannel_authorization_endpoint",
}


@pytest.fixture
def the_as(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> AuthorizationServer:
    """The server of the examples, with its endpoints where they have them."""
    server = internet(AuthorizationServer("https://url.to.the", paths=PATHS))
    server.add_client(
        "client_id",
        client_secret="client_secret",
        auth_methods="client_secret_post client_secret_jwt",
        redirect_uris=[REDIRECT_URI],
    )
    server.add_user("user@example.net", email="user@example.net")
    server.protect("https://your.protected.api/endpoint")
    return server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, now: Any) -> list[float]:
    """Seconds that were slept; the clock moves instead."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now.shift(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


# Authorization code grant


@pytest.fixture
def web_client(the_as: AuthorizationServer) -> OAuth2Client:
    """The client of the examples; it also knows the keys of the server, to check ID Tokens."""
    return OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        authorization_endpoint="https://url.to.the/authorization_endpoint",
        redirect_uri=REDIRECT_URI,
        jwks_uri=the_as.endpoint("jwks"),
        issuer="https://url.to.the",
        **CREDENTIALS,
    )


def test_authorization_request(web_client: OAuth2Client) -> None:
    """The request is a URL with state, nonce and PKCE, all of them random."""
    request = web_client.authorization_request(scope="openid email profile")
    assert str(request) == request.uri
    url = urlsplit(request.uri)
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://url.to.the/authorization_endpoint"
    sent = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
    assert sent == {
        "client_id": "client_id",
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "openid email profile",
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256",
    }
    other = web_client.authorization_request(scope="openid email profile")
    for name in ("state", "nonce", "code_challenge"):
        assert len(sent[name]) == 43
        assert getattr(other, name) != sent[name]


def test_own_values(web_client: OAuth2Client) -> None:
    """State, nonce and verifier can be given; the challenge follows from the verifier."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
    request = web_client.authorization_request(state="my-state", nonce="my-nonce", code_verifier=verifier)
    assert (request.state, request.nonce, request.code_verifier) == ("my-state", "my-nonce", verifier)
    assert request.code_challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_without_pkce(the_as: AuthorizationServer) -> None:
    """`code_challenge_method=None` on the client turns PKCE off."""
    client = OAuth2Client(
        TOKEN_ENDPOINT,
        authorization_endpoint="https://url.to.the/authorization_endpoint",
        redirect_uri=REDIRECT_URI,
        code_challenge_method=None,
        **CREDENTIALS,
    )
    assert "code_challenge" not in client.authorization_request().uri


def test_callback_and_code(the_as: AuthorizationServer, web_client: OAuth2Client) -> None:
    """The callback is checked, then its code is exchanged with the redirect URI and the verifier of the request."""
    request = web_client.authorization_request(scope="openid email profile")
    response = request.validate_callback(the_as.authorize(request.uri, "user@example.net"))
    assert isinstance(response, AuthorizationResponse)
    token = web_client.authorization_code(response)
    assert isinstance(token, BearerToken)
    assert isinstance(token.id_token, IdToken)
    form = the_as.last("token").form
    assert form["code"] == [response.code]
    assert form["redirect_uri"] == [REDIRECT_URI]
    assert form["code_verifier"] == [request.code_verifier]


def test_callback_of_somebody_else(web_client: OAuth2Client) -> None:
    """A callback with another `state` is refused."""
    request = web_client.authorization_request(scope="email")
    with pytest.raises(InvalidAuthResponse):
        request.validate_callback(f"{REDIRECT_URI}?code=a_code&state=other&iss=https://url.to.the")


def test_code_by_hand(the_as: AuthorizationServer, web_client: OAuth2Client) -> None:
    """A code can be exchanged with one's own parameters."""
    request = web_client.authorization_request(scope="email")
    code = request.validate_callback(the_as.authorize(request.uri, "user@example.net")).code
    token = web_client.authorization_code(
        code=code, code_verifier=request.code_verifier, redirect_uri=REDIRECT_URI, custom_param="custom_value"
    )
    assert isinstance(token, BearerToken)
    assert the_as.last("token").form["custom_param"] == ["custom_value"]


def test_code_handler(the_as: AuthorizationServer, now: Any) -> None:
    """The handler exchanges the code at the first call, and refreshes later."""
    client = OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        authorization_endpoint="https://url.to.the/authorization_endpoint",
        auth=("client_id", "client_secret"),
    )
    request = client.authorization_request(scope="email", redirect_uri=REDIRECT_URI)
    response = request.validate_callback(the_as.authorize(request.uri, "user@example.net"))
    api = ApiClient("https://your.protected.api/endpoint", auth=OAuth2AuthorizationCodeAuth(client, response))
    assert api.post(data={"some": "data"}).ok
    assert api.post(data={"some": "data"}).ok
    assert the_as.count("token") == 1
    now.shift(3600)
    assert api.post(data={"some": "data"}).ok
    assert the_as.last("token").form["grant_type"] == ["refresh_token"]


def test_authorization_request_alone() -> None:
    """An `AuthorizationRequest` needs no client; extra parameters are sent, and everything is readable."""
    request = AuthorizationRequest(
        "https://url.to.the/authorization_endpoint",
        client_id="my_client_id",
        redirect_uri="http://localhost/callback",
        scope="openid email profile",
        resource="https://my.resource.local/api",
    )
    sent = parse_qs(urlsplit(str(request)).query)
    assert sent["resource"] == ["https://my.resource.local/api"]
    assert sent["redirect_uri"] == ["http://localhost/callback"]
    assert request.code_verifier
    assert request.code_verifier not in request.uri


# Device authorization grant


@pytest.fixture
def device_client(the_as: AuthorizationServer) -> OAuth2Client:
    """The client of the examples."""
    return OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        device_authorization_endpoint="https://url.to.the/device_authorization_endpoint",
        auth=("client_id", "client_secret"),
    )


def test_device(the_as: AuthorizationServer, device_client: OAuth2Client, waits: list[float]) -> None:
    """The job waits as long as the server says, until the user has decided."""
    response = device_client.authorize_device()
    for name in ("device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_at", "interval"):
        assert getattr(response, name), name
    the_as.approve_device(response.user_code, "user@example.net", after=2)
    job = DeviceAuthorizationPoolingJob(device_client, response)
    answers = [job(), job(), job()]
    assert answers[:2] == [None, None]
    assert isinstance(answers[2], BearerToken)
    assert waits == [response.interval] * 3


def test_device_handler(the_as: AuthorizationServer, device_client: OAuth2Client, waits: list[float]) -> None:
    """The handler polls at the first call, until the user has approved."""
    response = device_client.authorize_device()
    the_as.approve_device(response.user_code, "user@example.net", after=1)
    api = ApiClient("https://your.protected.api/endpoint", auth=OAuth2DeviceCodeAuth(device_client, response))
    assert api.post(data={"some": "data"}).json()["sub"] == "user@example.net"
    assert len(waits) >= 1


# Client-initiated backchannel authentication


def test_ciba(the_as: AuthorizationServer, waits: list[float]) -> None:
    """A request for a user gives an `auth_req_id`; the job polls, and slows down when told to."""
    client = OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        backchannel_authentication_endpoint="https://url.to.the/backchannel_authorization_endpoint",
        jwks_uri=the_as.endpoint("jwks"),  # the scope has `openid`: there is an ID Token to check
        issuer="https://url.to.the",
        auth=("client_id", "client_secret"),
    )
    the_as.misbehave("backchannel_authentication", lambda request: request.proceed().amend({"custom": "value"}))
    response = client.backchannel_authentication_request(scope="openid email profile", login_hint="user@example.net")
    assert response.auth_req_id
    assert response.expires_in <= 120
    assert response.expires_at
    assert response.interval
    assert response.custom == "value"
    the_as.approve_ciba(response.auth_req_id)
    the_as.misbehave("token", status=400, json={"error": "slow_down"})
    job = BackChannelAuthenticationPoolingJob(client, response)
    assert job() is None
    assert isinstance(job(), BearerToken)
    assert waits[1] == waits[0] + 5


# Token exchange


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (
            {"subject_token": "{}", "subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        ),
        (
            {"subject_token": "{}", "subject_token_type": "access_token"},
            {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        ),
    ],
)
def test_token_exchange(the_as: AuthorizationServer, arguments: dict[str, str], sent: dict[str, str]) -> None:
    """A token is exchanged; short names of types are written out."""
    client = OAuth2Client(TOKEN_ENDPOINT, auth=ClientSecretJwt("client_id", "client_secret"))
    mine = the_as.issue_token("client_id", user="user@example.net", scope="email")["access_token"]
    token = client.token_exchange(**{name: value.format(mine) for name, value in arguments.items()})
    assert isinstance(token, BearerToken)
    form = the_as.last("token").form
    assert form["subject_token"] == [mine]
    assert {name: form[name][0] for name in sent} == sent


def test_token_exchange_with_actor(the_as: AuthorizationServer) -> None:
    """The types of a `BearerToken` and an `IdToken` are guessed."""
    client = OAuth2Client(TOKEN_ENDPOINT, auth=ClientSecretJwt("client_id", "client_secret"))
    mine = the_as.issue_token("client_id", user="user@example.net", scope="openid email")
    client.token_exchange(subject_token=BearerToken(mine["access_token"]), actor_token=IdToken(mine["id_token"]))
    form = the_as.last("token").form
    assert form["subject_token_type"] == ["urn:ietf:params:oauth:token-type:access_token"]
    assert form["actor_token"] == [mine["id_token"]]
    assert form["actor_token_type"] == ["urn:ietf:params:oauth:token-type:id_token"]


# DPoP


@pytest.fixture
def as_local(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> AuthorizationServer:
    """The server of the DPoP examples, with its API."""
    server = internet(AuthorizationServer("https://as.local", require_dpop=True))
    server.add_client("client_id", client_secret="client_secret")
    server.protect("https://my.api.local/", scope="my_scope")
    return server


def test_dpop_on_demand(as_local: AuthorizationServer) -> None:
    """`dpop=True` gives a `DPoPToken`."""
    client = OAuth2Client.from_discovery_endpoint(issuer="https://as.local", **CREDENTIALS)
    assert isinstance(client.client_credentials(scope="my_scope", dpop=True), DPoPToken)


def test_dpop_by_default(as_local: AuthorizationServer) -> None:
    """`dpop_bound_access_tokens=True` makes every token a `DPoPToken`."""
    client = OAuth2Client.from_discovery_endpoint(
        issuer="https://as.local", dpop_bound_access_tokens=True, **CREDENTIALS
    )
    assert isinstance(client.client_credentials(scope="my_scope"), DPoPToken)


def test_dpop_handler(as_local: AuthorizationServer) -> None:
    """A handler gets a DPoP token and uses it with a proof."""
    key = jwskate.Jwk.generate(alg="ES256")
    as_local.add_client("client_id", jwks=key.public_jwk())
    client = OAuth2Client.from_discovery_endpoint(
        issuer="https://as.local", auth=PrivateKeyJwt("client_id", key), dpop_bound_access_tokens=True
    )
    session = requests.Session()
    session.auth = OAuth2ClientCredentialsAuth(client=client, scope="my_scope")
    response = session.get("https://my.api.local/endpoint")
    assert response.ok
    assert "DPoP" in response.request.headers
    assert response.request.headers["Authorization"].startswith("DPoP ")


@pytest.mark.parametrize(
    "make",
    [
        lambda: DPoPKey.generate(alg="RS512"),
        lambda: DPoPKey(private_key=jwskate.Jwk(jwskate.Jwk.generate(alg="ES256").to_dict())),
        lambda: DPoPKey(private_key=rsa.generate_private_key(public_exponent=65537, key_size=2048), alg="RS256"),
    ],
    ids=["generated", "JWK", "cryptography key"],
)
def test_own_dpop_key(as_local: AuthorizationServer, make: Callable[[], DPoPKey]) -> None:
    """One's own key is used, whatever it is made of."""
    client = OAuth2Client.from_discovery_endpoint(
        issuer="https://as.local", dpop_bound_access_tokens=True, **CREDENTIALS
    )
    key = make()
    token = client.client_credentials(scope="my_scope", dpop_key=key)
    assert isinstance(token, DPoPToken)
    assert token.dpop_key == key


def test_dpop_generator(as_local: AuthorizationServer) -> None:
    """The making of keys and proofs can be taken over, down to the headers of the token."""

    class CustomDPoPToken(DPoPToken):
        AUTHORIZATION_HEADER = "X-Custom-Auth"
        DPOP_HEADER = "X-DPoP"

    client = OAuth2Client.from_discovery_endpoint(
        issuer="https://as.local",
        dpop_bound_access_tokens=True,
        dpop_alg="RS256",
        dpop_key_generator=lambda alg: DPoPKey.generate(
            alg=alg,
            jwt_typ="jwt+custom",
            jti_generator=lambda: secrets.token_urlsafe(24),
            iat_generator=lambda: 12532424,
            dpop_token_class=CustomDPoPToken,
        ),
        **CREDENTIALS,
    )
    as_local.misbehave("token", json={"access_token": "a_token", "token_type": "DPoP"})
    token = client.client_credentials(scope="my_scope")
    assert isinstance(token, CustomDPoPToken)
    prepared = requests.Request("GET", "https://my.api.local/endpoint", auth=token).prepare()
    assert prepared.headers["X-Custom-Auth"] == "DPoP a_token"
    proof = jwskate.SignedJwt(prepared.headers["X-DPoP"])
    assert (proof.headers["typ"], proof.alg, proof.claims["iat"]) == ("jwt+custom", "RS256", 12532424)


def test_dpop_nonces(as_local: AuthorizationServer, now: Any) -> None:
    """When both sides want nonces, the first call takes four requests; the next ones take one each."""
    as_local.dpop_nonce_as = as_local.dpop_nonce_rs = True
    client = OAuth2Client.from_discovery_endpoint(issuer="https://as.local", **CREDENTIALS)
    auth = OAuth2ClientCredentialsAuth(client, scope="my_scope", dpop=True)
    api = ApiClient("https://my.api.local/", auth=auth)
    assert api.get("endpoint").ok
    assert (as_local.count("token"), as_local.count("api")) == (2, 2)
    assert api.post("other_endpoint").ok
    assert (as_local.count("token"), as_local.count("api")) == (2, 3)
    now.shift(3600)
    assert api.get("other_endpoint").ok
    assert requests.get("https://my.api.local/endpoint", auth=auth, timeout=5).ok
