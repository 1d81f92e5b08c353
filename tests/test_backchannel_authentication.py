"""Backchannel authentication: what is asked, what is acknowledged, and the token that comes of it (CIBA Core)."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from jwskate import Jwk, Jwt, SignedJwt, SymmetricJwk

from requests_oauth2client import (
    AccessDenied,
    AuthorizationPending,
    BackChannelAuthenticationError,
    BackChannelAuthenticationPollingJob,
    BackChannelAuthenticationResponse,
    BearerToken,
    DPoPKey,
    ExpiredToken,
    IdToken,
    InvalidAcrValuesParam,
    InvalidBackchannelAuthenticationRequestHintParam,
    InvalidBackChannelAuthenticationResponse,
    InvalidClient,
    InvalidIdToken,
    InvalidParam,
    InvalidScopeParam,
    MismatchingIdTokenAcr,
    MismatchingIdTokenAudience,
    MismatchingIdTokenIssuer,
    MissingAuthRequestId,
    MissingEndpointUri,
    MissingIdToken,
    OAuth2Client,
)
from requests_oauth2client.exceptions import MismatchingIdTokenAuthReqId, MismatchingIdTokenHash

KEY = Jwk.generate(alg="ES256")
ID_TOKEN = str(Jwt.sign({"iss": "https://as.local", "sub": "alice"}, KEY))
ACKNOWLEDGED = {"auth_req_id": "1c266114-a1be-4252-8ad1-04986c5b9ac1", "expires_in": 120, "interval": 2}
"""CIBA §7.3."""
RT_HASH = "urn:openid:params:jwt:claim:rt_hash"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"


def sent(server):
    """What the last authentication request carried, credentials aside."""
    form = server.last("backchannel_authentication").form
    return {name: values for name, values in form.items() if name not in ("client_id", "client_secret")}


# ---------------------------------------------------------------- the request


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"login_hint": "alice"}, {"scope": ["openid"], "login_hint": ["alice"]}),
        ({"login_hint_token": "t", "scope": None}, {"login_hint_token": ["t"]}),
        ({"login_hint": "a", "scope": ()}, {"login_hint": ["a"]}),
        ({"login_hint": "a", "scope": ["openid", "email"]}, {"login_hint": ["a"], "scope": ["openid email"]}),
        ({"id_token_hint": ID_TOKEN}, {"scope": ["openid"], "id_token_hint": [ID_TOKEN]}),
        ({"id_token_hint": IdToken(ID_TOKEN)}, {"scope": ["openid"], "id_token_hint": [ID_TOKEN]}),
        ({"id_token_hint": BearerToken("at", id_token=ID_TOKEN)}, {"scope": ["openid"], "id_token_hint": [ID_TOKEN]}),
        (
            {
                "login_hint": "a",
                "acr_values": ["mfa", "pwd"],
                "binding_message": "W4SCT",
                "user_code": "1234",
                "requested_expiry": 60,
                "client_notification_token": "8d67dc78-7faa-4d41-aabd-67707b374255",
                "custom": "value",
                "nothing": None,
            },
            {
                "scope": ["openid"],
                "login_hint": ["a"],
                "acr_values": ["mfa pwd"],
                "binding_message": ["W4SCT"],
                "user_code": ["1234"],
                "requested_expiry": ["60"],
                "client_notification_token": ["8d67dc78-7faa-4d41-aabd-67707b374255"],
                "custom": ["value"],
            },
        ),
        ({"login_hint": "a", "acr_values": "mfa pwd"}, {"scope": ["openid"], "login_hint": ["a"], "acr_values": ["mfa pwd"]}),
        ({"login_hint": "a", "acr_values": ()}, {"scope": ["openid"], "login_hint": ["a"]}),
    ],
)  # fmt: skip
def test_request(server, client, arguments, expected):
    """A request carries exactly what is given (CIBA §7.1)."""
    server.misbehave("backchannel_authentication", json=ACKNOWLEDGED)
    client.backchannel_authentication_request(**arguments)
    assert sent(server) == expected
    assert server.last("backchannel_authentication").headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, InvalidBackchannelAuthenticationRequestHintParam),
        ({"login_hint": "a", "id_token_hint": "b"}, InvalidBackchannelAuthenticationRequestHintParam),
        ({"login_hint": "a", "login_hint_token": "b"}, InvalidBackchannelAuthenticationRequestHintParam),
        ({"login_hint": "a", "scope": 5}, InvalidScopeParam),
        ({"login_hint": "a", "acr_values": 5}, InvalidAcrValuesParam),
        ({"login_hint": "a", "acr_values": [5]}, InvalidAcrValuesParam),
        ({"login_hint": "a", "client_notification_token": "two words"}, InvalidParam),
        ({"login_hint": "a", "client_notification_token": ""}, InvalidParam),
        ({"login_hint": "a", "client_notification_token": "x" * 1025}, InvalidParam),
        ({"login_hint": "a", "client_notification_token": "a\n"}, InvalidParam),
        ({"login_hint": "a", "client_notification_token": 5}, InvalidParam),
        ({"login_hint": "a", "requested_expiry": 0}, InvalidParam),
        ({"login_hint": "a", "requested_expiry": -1}, InvalidParam),
        ({"login_hint": "a", "requested_expiry": 1.5}, InvalidParam),
        ({"login_hint": "a", "requested_expiry": "soon"}, InvalidParam),
        ({"id_token_hint": BearerToken("at")}, MissingIdToken),
        ({"login_hint": "a", "private_jwk": KEY.public_jwk()}, InvalidParam),
        ({"login_hint": "a", "private_jwk": SymmetricJwk.generate(key_size=256, alg="HS256")}, InvalidParam),
        ({"login_hint": "a", "private_jwk": KEY, "alg": "RS256"}, InvalidParam),
        ({"login_hint": "a", "private_jwk": "nonsense"}, InvalidParam),
        ({"login_hint": "a", "requests_kwargs": {"data": {}}}, InvalidParam),
    ],
)
def test_bad_input(server, client, arguments, error):
    """What cannot be sent is refused before anything is sent."""
    with pytest.raises(error):
        client.backchannel_authentication_request(**arguments)
    assert server.requests == []


def test_no_endpoint(server):
    """A client that does not know the endpoint says so."""
    client = OAuth2Client("https://as.local/token", client_id="c", client_secret="s", session=server.session())
    with pytest.raises(MissingEndpointUri, match="backchannel_authentication_endpoint"):
        client.backchannel_authentication_request(login_hint="a")


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_signed_request(server, client, now, alg):
    """A signed request holds all parameters, and the claims of CIBA §7.1.1; nothing is beside it."""
    key = Jwk.generate(alg=alg)
    server.add_client("client_id", client_secret="client_secret", jwks=key, auth_methods="client_secret_post")
    response = client.backchannel_authentication_request(
        scope="openid email", login_hint="alice", requested_expiry=60, private_jwk=dict(key), binding_message=None
    )
    assert response.expires_in == 60
    assert set(sent(server)) == {"request"}
    jwt = SignedJwt(sent(server)["request"][0])
    assert jwt.verify_signature(key.public_jwk(), alg=alg)
    assert jwt.headers == {"alg": alg, "typ": "JWT", "kid": key.thumbprint()}
    issued = int(datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp())
    assert {name: value for name, value in jwt.claims.items() if name != "jti"} == {
        "iss": "client_id",
        "aud": "https://as.local",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 60,
        "scope": "openid email",
        "login_hint": "alice",
        "requested_expiry": 60,
    }


def test_signed_requests_differ(server, client):
    """Each signed request has its own `jti`: the server refuses one that it has seen."""
    server.add_client("client_id", client_secret="client_secret", jwks=KEY, auth_methods="client_secret_post")
    for _ in range(2):
        client.backchannel_authentication_request(login_hint="alice", private_jwk=KEY)
    first, second = (SignedJwt(request.form["request"][0]) for request in server.requests)
    assert first.jti != second.jti


def test_signed_request_without_issuer(server):
    """A client that does not know the issuer addresses the endpoint."""
    client = OAuth2Client(
        "https://as.local/token",
        backchannel_authentication_endpoint="https://as.local/backchannel_authentication",
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
    )
    server.misbehave("backchannel_authentication", json=ACKNOWLEDGED)
    client.backchannel_authentication_request(login_hint="a", private_jwk=KEY, alg="ES256")
    assert SignedJwt(sent(server)["request"][0]).aud == "https://as.local/backchannel_authentication"


# ---------------------------------------------------------------- the acknowledgement


def test_acknowledgement(server, client, now):
    """The example of CIBA §7.3 is read as it stands, other members included."""
    server.misbehave("backchannel_authentication", json={**ACKNOWLEDGED, "custom": 0, "expires_at": 1, "self": 2})
    response = client.backchannel_authentication_request(login_hint="a")
    assert response.auth_req_id == "1c266114-a1be-4252-8ad1-04986c5b9ac1"
    assert response.expires_at == datetime(2030, 1, 1, 0, 2, tzinfo=timezone.utc)
    assert (response.interval, response.custom, response.other) == (2, 0, {"custom": 0, "self": 2})
    now.shift(100)
    assert (response.expires_in, response.is_expired(), response.is_expired(leeway=21)) == (20, False, True)
    with pytest.raises(AttributeError):
        response.nonsense  # noqa: B018 - reading it is the test


def test_default_interval(server, client):
    """A server that names no interval is asked every five seconds (CIBA §7.3)."""
    server.misbehave("backchannel_authentication", json={"auth_req_id": "x", "expires_in": 120})
    response = client.backchannel_authentication_request(login_hint="a")
    assert response.interval == 5
    assert BackChannelAuthenticationPollingJob(client, response).interval == 5
    assert BackChannelAuthenticationPollingJob(client, response, interval=9).interval == 9
    assert BackChannelAuthenticationPollingJob(client, "x").interval == 5


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"auth_req_id": None}, "auth_req_id"),
        ({"auth_req_id": ""}, "auth_req_id"),
        ({"auth_req_id": 5}, "auth_req_id"),
        ({"auth_req_id": "a\r\nb"}, "auth_req_id"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"expires_in": []}, "expires_in"),
        ({"interval": "soon"}, "interval"),
        ({"interval": -1}, "interval"),
        ({"interval": 10**9}, "interval"),
    ],
)
def test_unusable_acknowledgement(server, client, changes, name):
    """An acknowledgement whose members are wrong is refused, by the name of the member."""
    server.misbehave("backchannel_authentication", json={**ACKNOWLEDGED, **changes})
    with pytest.raises(InvalidBackChannelAuthenticationResponse, match=f"`{name}`"):
        client.backchannel_authentication_request(login_hint="a")


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (400, {"error": "unknown_user_id"}, BackChannelAuthenticationError),
        (200, {"error": "unknown_user_id"}, BackChannelAuthenticationError),
        (401, {"error": "invalid_client"}, InvalidClient),
        (403, {"error": "access_denied"}, AccessDenied),
        (500, {"what": "?"}, InvalidBackChannelAuthenticationResponse),
        (200, ["x"], InvalidBackChannelAuthenticationResponse),
    ],
)
def test_errors(server, client, status, content, error):
    """Standard errors have their class, whatever the status; all else is an unusable answer (CIBA §13)."""
    server.misbehave("backchannel_authentication", status=status, json=content)
    with pytest.raises(error):
        client.backchannel_authentication_request(login_hint="a")


def test_the_server_refuses(client):
    """The refusals of the server come with its code."""
    with pytest.raises(BackChannelAuthenticationError) as refused:
        client.backchannel_authentication_request(login_hint="nobody")
    assert refused.value.error == "unknown_user_id"


def test_hooks(server):
    """Subclasses read answers and errors in their own way."""

    class Lenient(OAuth2Client):
        def parse_backchannel_authentication_response(self, response, *, dpop_key=None):
            return response.json()["id"]

        def on_backchannel_authentication_error(self, response, *, dpop_key=None):
            return "refused"

    client = Lenient.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=server.session()
    )
    server.misbehave("backchannel_authentication", json={"id": "mine"})
    assert client.backchannel_authentication_request(login_hint="a") == "mine"
    server.misbehave("backchannel_authentication", status=400)
    assert client.backchannel_authentication_request(login_hint="a") == "refused"


def test_response_as_a_value():
    """A response can be made by hand, copied and pickled; its text does not show the identifier."""
    soon = datetime.now(tz=timezone.utc) + timedelta(seconds=60)
    response = BackChannelAuthenticationResponse("SECRET", expires_at=soon, extra=0)
    assert response.interval == 20
    assert "SECRET" not in repr(response)
    for again in (copy.copy(response), copy.deepcopy(response), pickle.loads(pickle.dumps(response))):
        assert (again.auth_req_id, again.expires_at, again.other) == ("SECRET", soon, {"extra": 0})
    assert BackChannelAuthenticationResponse("x").is_expired() is None


# ---------------------------------------------------------------- the grant


def test_one_question(server, client, now):
    """`ciba` asks once."""
    asked = client.backchannel_authentication_request(login_hint="alice")
    with pytest.raises(AuthorizationPending):
        client.ciba(asked)
    assert server.last("token").form["grant_type"] == ["urn:openid:params:grant-type:ciba"]
    server.approve_ciba(asked.auth_req_id)
    now.shift(5)
    token = client.ciba(asked, custom="value")
    assert server.last("token").form["custom"] == ["value"]
    assert token.id_token.sub == "alice"


@pytest.mark.parametrize(("decide", "error"), [("deny", AccessDenied), ("wait", ExpiredToken)])
def test_no_token(server, client, now, decide, error):
    """A user who denies, or takes too long, ends it."""
    asked = client.backchannel_authentication_request(login_hint="alice")
    if decide == "deny":
        server.deny_ciba(asked.auth_req_id)
    else:
        now.shift(121)
    with pytest.raises(error):
        client.ciba(asked)


def test_no_identifier(client):
    """A response without identifier is refused."""
    nothing = BackChannelAuthenticationResponse("")
    with pytest.raises(MissingAuthRequestId) as refused:
        client.ciba(nothing)
    assert refused.value.backchannel_authentication_response is nothing


def test_job(server, client, waits):
    """The job polls at the interval of the server, and validates the ID Token by what was asked for."""
    asked = client.backchannel_authentication_request(login_hint="alice")
    server.approve_ciba(asked.auth_req_id, after=2)
    job = BackChannelAuthenticationPollingJob(client, asked)
    assert [job(), job()] == [None, None]
    assert job().id_token.sub == "alice"
    assert waits == [5, 5, 5]
    assert job == BackChannelAuthenticationPollingJob(client, asked.auth_req_id, interval=asked.interval)


def test_dpop(server, client, waits):
    """`dpop=True` binds the token to a key, and is no form field."""
    asked = client.backchannel_authentication_request(login_hint="alice")
    server.approve_ciba(asked.auth_req_id)
    token = BackChannelAuthenticationPollingJob(client, asked, dpop=True).wait()
    assert token.token_type == "DPoP"
    assert "dpop" not in server.last("token").form
    key = DPoPKey.generate()
    asked = client.backchannel_authentication_request(login_hint="alice")
    server.approve_ciba(asked.auth_req_id)
    assert client.ciba(asked, dpop_key=key).dpop_key is key


# ---------------------------------------------------------------- its ID Token


@pytest.fixture
def redeem(server, client):
    """Get the token of a request that Alice approved, with changes to what the server says."""

    def get(client=client, changes=None, *, bare=False, asked_for=None, acr=None, **kwargs):
        server.id_token_claims = changes or {}
        asked = client.backchannel_authentication_request(login_hint="alice", **(asked_for or {}))
        server.approve_ciba(asked.auth_req_id, acr=acr)
        return client.ciba(asked.auth_req_id if bare else asked, **kwargs)

    return get


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "https://other.local"}, MismatchingIdTokenIssuer),
        ({"aud": "other"}, MismatchingIdTokenAudience),
        ({"exp": 1}, InvalidIdToken),
        ({"sub": None}, InvalidIdToken),
        ({"at_hash": "x"}, InvalidIdToken),
        ({RT_HASH: "x"}, MismatchingIdTokenHash),
        ({RT_HASH: 5}, MismatchingIdTokenHash),
        ({AUTH_REQ_ID: "x"}, MismatchingIdTokenAuthReqId),
        ({AUTH_REQ_ID: ["x"]}, MismatchingIdTokenAuthReqId),
    ],
)
def test_bad_id_token(redeem, changes, error, bare):
    """An ID Token that must not be accepted is an error; `validate=False` hands it out as it came."""
    with pytest.raises(error):
        redeem(changes=changes, bare=bare)
    assert redeem(changes=changes, bare=bare, validate=False).id_token


def test_rt_hash_without_refresh_token(server, redeem):
    """A hash of what did not come is no proof of anything."""
    server.issue_refresh_tokens = set()
    with pytest.raises(MismatchingIdTokenHash):
        redeem(changes={RT_HASH: "x"})


def test_acr(redeem):
    """The user was authenticated in one of the ways that were asked for."""
    asked_for = {"acr_values": ["mfa", "hwk"]}
    assert redeem(asked_for=asked_for, acr="hwk").id_token.acr == "hwk"
    with pytest.raises(MismatchingIdTokenAcr):
        redeem(asked_for=asked_for, acr="pwd")


def test_missing_id_token(server, redeem):
    """The ID Token must come when `acr_values` were asked for, since nothing else tells how the user logged in."""
    server.issue_id_tokens = set()
    assert redeem().id_token is None
    with pytest.raises(MissingIdToken):
        redeem(asked_for={"acr_values": ["mfa"]})
    assert redeem(asked_for={"acr_values": ["mfa"]}, validate=False).id_token is None


def test_server_cannot_tell_what_we_asked(server, client):
    """Members of the acknowledgement do not pass as our request."""
    server.misbehave("backchannel_authentication", json={**ACKNOWLEDGED, "_asked_acr_values": ["x"]})
    asked = client.backchannel_authentication_request(login_hint="a", acr_values="mfa")
    assert asked._asked_acr_values == ("mfa",)


def test_without_keys(server, redeem):
    """A client without `jwks_uri` checks the claims; TLS vouches for the signature (OIDC Core §3.1.3.7, 6)."""
    client = OAuth2Client(
        "https://as.local/token",
        backchannel_authentication_endpoint="https://as.local/backchannel_authentication",
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
    )
    assert redeem(client).id_token.sub == "alice"
    with pytest.raises(MismatchingIdTokenAudience):
        redeem(client, {"aud": "other"})
