"""DPoP from the token request to the API, with the embedded server: every grant, every way to ask for it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jwskate import Jwk, Jwt, SignedJwt
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from requests_oauth2client.api_client import ApiClient
from requests_oauth2client.auth import OAuth2AccessTokenAuth, OAuth2ClientCredentialsAuth
from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.dpop import DPoPKey, DPoPToken
from requests_oauth2client.exceptions import (
    InvalidDPoPAlg,
    InvalidRequest,
    InvalidTokenResponse,
    UnsupportedTokenTypeError,
    UseDPoPNonce,
)
from requests_oauth2client.serializers import TokenSerializer
from requests_oauth2client.testing import Response, misbehaviour
from requests_oauth2client.tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests_oauth2client.testing import AuthorizationServer, ProtectedApi, Request

CALLBACK = "https://app.local/callback"
ISSUER_KEY = Jwk.generate(alg="ES256")


@pytest.fixture
def server(server: AuthorizationServer) -> AuthorizationServer:
    server.add_client("client_id", client_secret="client_secret", redirect_uris=CALLBACK)
    server.add_client("native", public=True, redirect_uris=CALLBACK)
    server.trust_issuer("https://idp.local", ISSUER_KEY)
    server.enforce_polling_interval = False
    return server


@pytest.fixture
def client(server: AuthorizationServer) -> OAuth2Client:
    return made(server)


def made(server: AuthorizationServer, *, auth: Any = ("client_id", "client_secret"), **options: Any) -> OAuth2Client:
    return OAuth2Client.from_discovery_document(
        server.metadata, auth=auth, redirect_uri=CALLBACK, session=server.session(), **options
    )


def by_code(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    request = client.authorization_request(scope="read", **dpop)
    return client.authorization_code(request.validate_callback(server.authorize(request, "alice")), **dpop)


def by_bare_code(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    request = client.authorization_request(scope="read", dpop=False)
    response = request.validate_callback(server.authorize(request, "alice"))
    return client.authorization_code(
        response.code, code_verifier=response.code_verifier, redirect_uri=response.redirect_uri, **dpop
    )


def by_pushed_code(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    request = client.authorization_request(scope="read", **dpop)
    pushed = client.pushed_authorization_request(request)
    assert pushed.dpop_key is request.dpop_key
    return client.authorization_code(request.validate_callback(server.authorize(pushed, "alice")), **dpop)


def by_device(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    response = client.authorize_device(scope="read")
    server.approve_device(response.user_code, "alice")
    return client.device_code(response, **dpop)


def by_ciba(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    response = client.backchannel_authentication_request("openid", login_hint="alice")
    server.approve_ciba(response.auth_req_id)
    return client.ciba(response, **dpop)


def by_exchange(client: OAuth2Client, _server: AuthorizationServer, **dpop: Any) -> BearerToken:
    return client.token_exchange(subject_token=client.client_credentials(dpop=True), **dpop)


def by_assertion(client: OAuth2Client, server: AuthorizationServer, **dpop: Any) -> BearerToken:
    now = int(time.time())
    claims = {
        "iss": "https://idp.local",
        "sub": "alice",
        "aud": server.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": str(now),
    }
    return client.jwt_bearer(Jwt.sign(claims, ISSUER_KEY, alg="ES256"), **dpop)


def by_refresh(client: OAuth2Client, _server: AuthorizationServer, **dpop: Any) -> BearerToken:
    first = client.resource_owner_password("alice", "wonderland", dpop=True)
    return client.refresh_token(str(first.refresh_token), **dpop)


Grant = "Callable[..., BearerToken]"
GRANTS: dict[str, Any] = {
    "client_credentials": lambda client, _server, **dpop: client.client_credentials(**dpop),
    "password": lambda client, _server, **dpop: client.resource_owner_password("alice", "wonderland", **dpop),
    "code": by_code,
    "bare code": by_bare_code,
    "pushed": by_pushed_code,
    "device": by_device,
    "ciba": by_ciba,
    "exchange": by_exchange,
    "jwt_bearer": by_assertion,
    "refresh": by_refresh,
    "token_request": lambda client, _server, **dpop: client.token_request({"grant_type": "client_credentials"}, **dpop),
}
every_grant = pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)


def claims_of(request: Request) -> dict[str, Any]:
    return SignedJwt(request.headers["DPoP"]).claims


def proofs(server: AuthorizationServer) -> list[str]:
    return [request.headers["DPoP"] for request in server.requests if "DPoP" in request.headers]


# ---------------------------------------------------------------- asking for it


@every_grant
def test_dpop_on_demand(client: OAuth2Client, server: AuthorizationServer, api: ProtectedApi, grant: Any) -> None:
    """`dpop=True` makes a new key, and the token is bound to it."""
    server.require_dpop = True
    token = grant(client, server, dpop=True)
    assert isinstance(token, DPoPToken)
    known = server.active_access_token(token.access_token)
    assert known is not None
    assert known.jkt == token.dpop_key.dpop_jkt
    claims = claims_of(server.last("token"))
    assert (claims["htm"], claims["htu"]) == ("POST", server.endpoint("token"))
    assert "ath" not in claims
    assert b"dpop" not in server.last("token").body
    assert server.session().get(api.url, auth=token).status_code == 200


@every_grant
def test_dpop_by_default(server: AuthorizationServer, grant: Any) -> None:
    """`dpop_bound_access_tokens=True` does the same for every grant, with the key generator and algorithm of the client."""
    server.require_dpop = True
    algs: list[str] = []

    def generate(alg: str) -> DPoPKey:
        algs.append(alg)
        return DPoPKey.generate(alg)

    client = made(server, dpop_bound_access_tokens=True, dpop_alg="EdDSA", dpop_key_generator=generate)
    token = grant(client, server)
    assert isinstance(token, DPoPToken)
    assert token.dpop_key.alg == "EdDSA"
    assert set(algs) == {"EdDSA"}


@every_grant
def test_an_own_key(client: OAuth2Client, server: AuthorizationServer, grant: Any) -> None:
    """A given key is used, even when `dpop=False` stands beside it."""
    key = DPoPKey.generate("ES384")
    token = grant(client, server, dpop=False, dpop_key=key)
    assert isinstance(token, DPoPToken)
    assert token.dpop_key is key


@every_grant
def test_not_asking_for_it(server: AuthorizationServer, grant: Any) -> None:
    """`dpop=False` overrides the default of the client: no proof, and a Bearer token."""
    token = grant(made(server, dpop_bound_access_tokens=True), server, dpop=False)
    assert type(token) is BearerToken
    assert "DPoP" not in server.last("token").headers


@every_grant
@pytest.mark.parametrize("uses", [None, 1])
def test_nonces_of_the_server(server: AuthorizationServer, grant: Any, uses: int | None) -> None:
    """A server that demands nonces gets them, also when each is good for one request; every proof is another."""
    server.require_dpop, server.dpop_nonce_as, server.dpop_nonce_uses = True, True, uses
    token = grant(made(server), server, dpop=True)
    assert isinstance(token, DPoPToken)
    sent = proofs(server)
    assert len(set(sent)) == len(sent)
    assert token.dpop_key.as_nonce is not None
    assert token.dpop_key.rs_nonce is None


def test_a_nonce_costs_one_request_per_key(client: OAuth2Client, server: AuthorizationServer) -> None:
    """The nonce of the server is remembered by the key: its second token request has it at once."""
    server.dpop_nonce_as = True
    key = DPoPKey.generate()
    for _ in range(3):
        client.client_credentials(dpop_key=key)
    assert server.count("token") == 4


def test_a_nonce_costs_one_request_per_client(client: OAuth2Client, server: AuthorizationServer) -> None:
    """The client remembers the nonce of its server: a new key for each token has it at once (RFC 9449 §8.2)."""
    server.dpop_nonce_as = True
    tokens = [client.client_credentials(dpop=True) for _ in range(3)]
    assert len({token.dpop_key.dpop_jkt for token in tokens}) == 3
    assert server.count("token") == 4


def test_a_nonce_goes_back_to_its_server_only(client: OAuth2Client, server: AuthorizationServer) -> None:
    """What one origin gave for another key is not sent to an endpoint at another origin."""
    server.dpop_nonce_as = True
    client.client_credentials(dpop=True)
    elsewhere = DPoPKey.generate()
    elsewhere.recall_as_nonce("https://other.local/token", client._as_nonces)
    assert elsewhere.as_nonce is None


def test_a_nonce_that_was_set_by_hand_stays(client: OAuth2Client, server: AuthorizationServer) -> None:
    """A nonce that the program gave to a key is tried first, whatever other keys were given."""
    server.dpop_nonce_as = True
    client.client_credentials(dpop=True)
    client.client_credentials(dpop_key=DPoPKey.generate(as_nonce="by-hand"))
    assert [SignedJwt(proof).claims.get("nonce") for proof in proofs(server)][2] == "by-hand"


def test_pushed_requests_are_proven(client: OAuth2Client, server: AuthorizationServer) -> None:
    """A pushed request has a proof for its own endpoint, a nonce when one is demanded, and `dpop_jkt` (RFC 9449 §10.1)."""
    server.dpop_nonce_as = True
    request = client.authorization_request(dpop=True)
    client.pushed_authorization_request(request)
    assert server.count("par") == 2
    assert claims_of(server.last("par"))["htu"] == server.endpoint("par")
    assert server.last("par").form["dpop_jkt"] == [request.dpop_jkt]


def test_a_code_is_bound_to_the_key_of_its_request(client: OAuth2Client, server: AuthorizationServer) -> None:
    """`dpop_jkt` binds the code: another key does not get a token for it."""
    request = client.authorization_request(dpop=True)
    response = request.validate_callback(server.authorize(request, "alice"))
    with pytest.raises(Exception, match=r"invalid_grant|invalid_dpop_proof"):
        client.authorization_code(response, dpop_key=DPoPKey.generate())


# ---------------------------------------------------------------- what a server may do wrong


@every_grant
def test_a_downgrade_is_refused(client: OAuth2Client, server: AuthorizationServer, grant: Any) -> None:
    """A Bearer token for a request with a proof is not accepted: it would be of use to any thief."""
    first = server.count("token")
    if grant in (by_exchange, by_refresh):  # their first token is honest
        server.misbehave("token", lambda request: request.proceed())
    server.dpop_downgrade = True
    with pytest.raises(InvalidTokenResponse, match="Unsupported token_type 'Bearer'") as caught:
        grant(client, server, dpop=True)
    assert isinstance(caught.value.__cause__, UnsupportedTokenTypeError)
    assert server.count("token") > first


def test_a_token_without_type_is_a_dpop_token(client: OAuth2Client, server: AuthorizationServer) -> None:
    """A server that leaves `token_type` out means what was asked for."""
    server.misbehave("token", misbehaviour.canned(json={"access_token": "token"}))
    assert client.client_credentials(dpop=True).token_type == "DPoP"


def nonce_demand(*nonces: str) -> Callable[[Request], Any]:
    """Demand these nonces, one after the other, whatever was sent."""
    left = iter(nonces)

    def answer(_request: Request) -> Any:
        nonce = next(left)
        headers = {"DPoP-Nonce": nonce} if nonce else {}
        return misbehaviour.canned(400, json={"error": "use_dpop_nonce"}, headers=headers)(_request)

    return answer


@pytest.mark.parametrize(
    ("nonces", "message", "requests_sent"),
    [
        (("",), "`DPoP-Nonce` HTTP header is missing", 1),
        (("n1", "n1"), "nonce that was already included in the DPoP proof", 2),
        (("n1", "n2", "n3", "n4"), "different DPoP `nonce` for the third time in row", 3),
    ],
)
def test_demands_without_end(
    client: OAuth2Client, server: AuthorizationServer, nonces: tuple[str, ...], message: str, requests_sent: int
) -> None:
    """A server that is never content is given up after three requests at most."""
    server.misbehave("token", nonce_demand(*nonces), times=len(nonces))
    with pytest.raises(InvalidTokenResponse, match=message):
        client.client_credentials(dpop=True)
    assert server.count("token") == requests_sent


def test_a_demand_without_proof(client: OAuth2Client, server: AuthorizationServer) -> None:
    """A server that wants a nonce where no proof was sent is told so."""
    server.misbehave("token", nonce_demand("n1"))
    with pytest.raises(InvalidTokenResponse, match="did not include a DPoP proof") as caught:
        client.client_credentials()
    assert not isinstance(caught.value, UseDPoPNonce)


def test_a_server_that_requires_dpop(client: OAuth2Client, server: AuthorizationServer) -> None:
    """Without a proof, its error comes as it is."""
    server.require_dpop = True
    with pytest.raises(InvalidRequest, match="a DPoP proof is required"):
        client.client_credentials()


@pytest.mark.parametrize("alg", ["HS256", "none", "A128GCM", ""])
def test_an_algorithm_that_is_not_asymmetric(server: AuthorizationServer, alg: str) -> None:
    """Such a client is not even made."""
    with pytest.raises(InvalidDPoPAlg):
        made(server, dpop_alg=alg)


# ---------------------------------------------------------------- using it


def test_refresh_with_the_same_key(server: AuthorizationServer, api: ProtectedApi) -> None:
    """A public client refreshes with the key that its refresh token is bound to (RFC 9449 §5)."""
    server.require_dpop = server.dpop_nonce_as = True
    client = made(server, auth="native")
    token = by_code(client, server, dpop=True)
    assert isinstance(token, DPoPToken)
    renewed = client.refresh_token(token)
    assert isinstance(renewed, DPoPToken)
    assert renewed.dpop_key is token.dpop_key
    auth = OAuth2AccessTokenAuth(client, renewed.replace(expires_in=-1))
    assert server.session().get(api.url, auth=auth).status_code == 200
    assert auth.token.dpop_key is token.dpop_key


def test_a_stored_token_is_refreshed_with_its_key(server: AuthorizationServer, api: ProtectedApi) -> None:
    """The key travels with the serialized token."""
    client = made(server, auth="native")
    serializer = TokenSerializer()
    token = serializer.loads(serializer.dumps(by_code(client, server, dpop=True)))
    assert isinstance(token, DPoPToken)
    assert server.session().get(api.url, auth=token).status_code == 200
    assert client.refresh_token(token).dpop_key == token.dpop_key


def test_the_four_requests(server: AuthorizationServer, api: ProtectedApi) -> None:
    """The first call costs two token requests and two calls; later calls cost one each."""
    server.require_dpop = server.dpop_nonce_as = server.dpop_nonce_rs = True
    client = made(server)
    calls = ApiClient(api.url, auth=OAuth2ClientCredentialsAuth(client, dpop=True), session=server.session())
    assert calls.get("one").ok
    assert [request.endpoint for request in server.requests] == ["token", "token", "api", "api"]
    assert [request.response_status for request in server.requests] == [400, 200, 401, 200]
    assert ["nonce" in claims_of(request) for request in server.requests] == [False, True, False, True]
    assert calls.post("two", json={"a": 1}).json()["body"] == '{"a": 1}'
    assert calls.get("three").ok
    assert len(server.requests) == 6
    assert len(set(proofs(server))) == 6


def test_two_apis_with_one_token(server: AuthorizationServer) -> None:
    """Each API has its own nonces: five calls each are twelve requests, and no nonce goes to the other, or to the AS."""
    server.require_dpop = server.dpop_nonce_as = server.dpop_nonce_rs = True
    apis = [server.protect("https://one.local/"), server.protect("https://two.local/")]
    token = made(server).client_credentials(dpop=True)
    session = server.session()
    for _ in range(5):
        for api in apis:
            assert session.get(api.url, auth=token).ok
    assert server.count("api") == 12
    nonces = {
        host: {claims_of(r).get("nonce") for r in server.requests if host in r.url} - {None}
        for host in ("one.local", "two.local", "as.local")
    }
    assert all(len(given) == 1 for given in nonces.values())
    assert len(set.union(*nonces.values())) == 3


def test_nonces_that_expire_and_rotate(server: AuthorizationServer, api: ProtectedApi) -> None:
    """Nonces that are good once, or forgotten by the server meanwhile, are replaced without a word."""
    server.dpop_nonce_rs, server.dpop_nonce_uses = True, 1
    token = made(server).client_credentials(dpop=True)
    session = server.session()
    for _ in range(4):
        assert session.get(api.url, auth=token).ok
    assert server.count("api") == 5
    server.rotate_dpop_nonces()
    assert session.get(api.url, auth=token).ok
    assert server.count("api") == 7


def test_userinfo(server: AuthorizationServer) -> None:
    """UserInfo is an API at the origin of the server: proven with `ath`, and with nonces of its own."""
    server.require_dpop = server.dpop_nonce_as = server.dpop_nonce_rs = True
    client = made(server)
    request = client.authorization_request(scope="openid", dpop=True)
    token = client.authorization_code(request.validate_callback(server.authorize(request, "alice")))
    assert client.userinfo(token)["sub"] == "alice"
    assert claims_of(server.last("userinfo"))["ath"]
    assert token.dpop_key.as_nonce is not None
    assert token.dpop_key.rs_nonce is not None


def test_a_proof_is_refused_twice(server: AuthorizationServer, api: ProtectedApi) -> None:
    """The embedded server refuses what was used; nothing here sends it."""
    token = made(server).client_credentials(dpop=True)
    session = server.session()
    response = session.get(api.url, auth=token)
    replay = session.get(api.url, headers=dict(response.request.headers))
    assert replay.status_code == 401
    assert "jti" in replay.headers["WWW-Authenticate"]


def test_threads_get_and_use_tokens(server: AuthorizationServer, api: ProtectedApi) -> None:
    """One handler in many threads, with nonces that are good once: every call succeeds in the end."""
    server.require_dpop = server.dpop_nonce_as = server.dpop_nonce_rs = True
    auth = OAuth2ClientCredentialsAuth(made(server), dpop=True)
    session = server.session()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: session.get(api.url, auth=auth).status_code, range(40)))
    assert statuses == [200] * 40
    sent = proofs(server)
    assert len(set(sent)) == len(sent)


def test_over_sockets_with_retries_of_urllib3(server: AuthorizationServer, api: ProtectedApi) -> None:
    """A session with `Retry` gets through a flaky API without a replay."""
    server.dpop_nonce_rs = True
    with server.serve(), requests.Session() as session:
        client = OAuth2Client.from_discovery_document(
            server.metadata, auth=("client_id", "client_secret"), session=session
        )
        token = client.client_credentials(dpop=True)
        session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
        server.misbehave("api", misbehaviour.canned(503), times=2)
        assert session.get(api.url, auth=token).status_code == 200
        assert json.loads(session.get(api.url, auth=token).content)["method"] == "GET"
    sent = proofs(server)
    assert len(set(sent)) == len(sent)


@pytest.mark.parametrize("nonces", [False, True])
@pytest.mark.parametrize("target", ["https://api.local/new", "https://elsewhere.local/"])
def test_a_redirect_after_a_renewal(server: AuthorizationServer, api: ProtectedApi, target: str, nonces: bool) -> None:
    """A request that got a new token, maybe a nonce, and then a redirect is followed as any other."""
    server.dpop_nonce_rs = nonces
    server.protect("https://elsewhere.local/")
    api.answer = lambda request, _token: (
        Response.redirect(target, 302) if request.path == "/old" else Response.json({"path": request.path})
    )
    auth = OAuth2ClientCredentialsAuth(made(server), dpop=True)
    session = server.session()
    assert session.get("https://api.local/first", auth=auth).ok
    first = auth.token
    server.access_tokens.clear()
    response = session.get("https://api.local/old", auth=auth)
    assert auth.token != first
    last = server.requests[-1]
    assert last.url == target
    if target.startswith("https://elsewhere"):
        assert response.status_code == 401
        assert {"Authorization", "DPoP"} & set(last.headers) == set()
    else:
        assert response.json() == {"path": "/new"}
        assert claims_of(last)["htu"] == target
    sent = proofs(server)
    assert len(set(sent)) == len(sent)
