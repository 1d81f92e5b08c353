"""The device flow: what the user is told, and the token that comes of it (RFC 8628)."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from jwskate import Jwk, Jwt

from requests_oauth2client import (
    AccessDenied,
    ApiClient,
    AuthorizationPending,
    BearerToken,
    DeviceAuthorizationError,
    DeviceAuthorizationResponse,
    ExpiredToken,
    InvalidClient,
    InvalidDeviceAuthorizationResponse,
    InvalidGrant,
    InvalidIdToken,
    InvalidScopeParam,
    MismatchingIdTokenAudience,
    MismatchingIdTokenIssuer,
    MissingDeviceCode,
    MissingEndpointUri,
    OAuth2Client,
    OAuth2DeviceCodeAuth,
    PollingExpired,
    PollingStopped,
)
from requests_oauth2client.id_token import InvalidIdTokenSignature

GOOD = json.loads((Path(__file__).parent / "vectors" / "rfc8628-3.2.json").read_text("utf-8"))["response"]


# ---------------------------------------------------------------- the request and its answer


def test_request(server, client):
    """A request carries what is given, and the credentials of the client (RFC 8628 §3.1)."""
    response = client.authorize_device(scope=["openid", "email"], custom="value", nothing=None)
    request = server.last("device_authorization")
    assert request.form == {
        "scope": ["openid email"],
        "custom": ["value"],
        "client_id": ["client_id"],
        "client_secret": ["client_secret"],
    }
    assert request.headers["Accept"] == "application/json"
    assert response.user_code in response.verification_uri_complete


def test_rfc8628_section_3_2(server, client, now):
    """The example of RFC 8628 §3.2 is read as it stands."""
    server.misbehave("device_authorization", json=GOOD)
    response = client.authorize_device()
    assert response.device_code == GOOD["device_code"]
    assert response.user_code == "WDJB-MJHT"
    assert response.verification_uri == "https://example.com/device"
    assert response.verification_uri_complete == "https://example.com/device?user_code=WDJB-MJHT"
    assert response.expires_at == datetime(2030, 1, 1, 0, 30, tzinfo=timezone.utc)
    assert (response.expires_in, response.interval, response.is_expired()) == (1800, 5, False)
    now.shift(1799)
    assert response.is_expired(leeway=2)
    assert not response.is_expired()


def test_other_members(server, client):
    """What else the server says is kept, and readable as attribute; what is not there is an `AttributeError`."""
    server.misbehave("device_authorization", json={**GOOD, "message": "Hello", "expires_at": 5, "self": 1})
    response = client.authorize_device()
    assert (response.message, response.other) == ("Hello", {"message": "Hello", "self": 1})
    assert not hasattr(response, "nonsense")


def test_google_name(server, client):
    """`verification_url`, the name before the RFC, is taken for `verification_uri`."""
    old = {name: value for name, value in GOOD.items() if not name.startswith("verification")}
    server.misbehave("device_authorization", json={**old, "verification_url": "https://www.google.com/device"})
    response = client.authorize_device()
    assert response.verification_uri == response.verification_url == "https://www.google.com/device"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"device_code": None}, "device_code"),
        ({"device_code": ["x"]}, "device_code"),
        ({"device_code": ""}, "device_code"),
        ({"user_code": 12345678}, "user_code"),
        ({"user_code": "A\x1b[2J"}, "user_code"),
        ({"user_code": "A\nB"}, "user_code"),
        ({"verification_uri": None}, "verification_uri"),
        ({"verification_uri": "javascript:alert(1)"}, "verification_uri"),
        ({"verification_uri": "file:///etc/passwd"}, "verification_uri"),
        ({"verification_uri": "https://x\r\ny"}, "verification_uri"),
        ({"verification_uri_complete": "ssh://x"}, "verification_uri_complete"),
        ({"verification_uri_complete": 5}, "verification_uri_complete"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"expires_in": [1800]}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"interval": "soon"}, "interval"),
        ({"interval": -5}, "interval"),
        ({"interval": {"seconds": 5}}, "interval"),
        ({"interval": 10**12}, "interval"),
    ],
)
def test_unusable_answers(server, client, changes, name):
    """An answer whose members are wrong is refused by the name of the member, and nobody is shown anything of it."""
    server.misbehave("device_authorization", json={**GOOD, **changes})
    with pytest.raises(InvalidDeviceAuthorizationResponse, match=f"`{name}`"):
        client.authorize_device()


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"device_code": "a", "device_code": "b"}', "\xff"])
def test_no_json_object(server, client, body):
    """What is no JSON object is refused."""
    server.misbehave("device_authorization", body=body.encode("latin-1"))
    with pytest.raises(InvalidDeviceAuthorizationResponse):
        client.authorize_device()


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (401, {"error": "invalid_client"}, InvalidClient),
        (400, {"error": "slow_to_start", "error_description": "why"}, DeviceAuthorizationError),
        (200, {"error": "slow_to_start"}, DeviceAuthorizationError),
        (404, {"message": "no"}, InvalidDeviceAuthorizationResponse),
        (500, [], InvalidDeviceAuthorizationResponse),
    ],
)
def test_errors(server, client, status, content, error):
    """Standard errors have their class, whatever the status; all else is an unusable answer."""
    server.misbehave("device_authorization", status=status, json=content)
    with pytest.raises(error) as refused:
        client.authorize_device()
    assert refused.value.response.status_code == status


def test_bad_input(server):
    """What cannot be sent is refused before anything is sent."""
    client = OAuth2Client("https://as.local/token", client_id="c", session=server.session())
    with pytest.raises(MissingEndpointUri, match="device_authorization_endpoint"):
        client.authorize_device()
    with pytest.raises(InvalidScopeParam):
        client.authorize_device(scope=5)
    assert server.requests == []


def test_hooks(server):
    """Subclasses read answers and errors in their own way."""

    class Lenient(OAuth2Client):
        def parse_device_authorization_response(self, response, *, dpop_key=None):
            return DeviceAuthorizationResponse(**{**GOOD, **response.json()})

        def on_device_authorization_error(self, response, *, dpop_key=None):
            return "refused"

    client = Lenient.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=server.session()
    )
    server.misbehave("device_authorization", json={"user_code": "mine"})
    assert client.authorize_device().user_code == "mine"
    server.misbehave("device_authorization", status=400)
    assert client.authorize_device() == "refused"


def test_response_as_a_value():
    """A response can be made by hand, copied and pickled; its text does not show the code."""
    soon = datetime.now(tz=timezone.utc) + timedelta(seconds=60)
    response = DeviceAuthorizationResponse("SECRET", "user", "https://as.local/device", expires_at=soon, extra=0)
    assert "SECRET" not in repr(response)
    assert response.interval is None
    assert response.extra == 0
    for again in (copy.copy(response), copy.deepcopy(response), pickle.loads(pickle.dumps(response))):
        assert (again.device_code, again.expires_at, again.other) == ("SECRET", soon, {"extra": 0})
    assert DeviceAuthorizationResponse("d", "u", "https://as.local").is_expired() is None


# ---------------------------------------------------------------- the grant


def test_one_question(server, client, now):
    """`device_code` asks once."""
    device = client.authorize_device()
    with pytest.raises(AuthorizationPending):
        client.device_code(device)
    assert server.last("token").form["grant_type"] == ["urn:ietf:params:oauth:grant-type:device_code"]
    server.approve_device(device.user_code, "alice")
    now.shift(5)
    assert isinstance(client.device_code(device.device_code, custom="value"), BearerToken)
    assert server.last("token").form["custom"] == ["value"]
    with pytest.raises(InvalidGrant):
        client.device_code(device)


@pytest.mark.parametrize(("decide", "error"), [("deny", AccessDenied), ("wait", ExpiredToken)])
def test_no_token(server, client, now, decide, error):
    """A user who denies, or takes too long, ends the flow."""
    device = client.authorize_device()
    if decide == "deny":
        server.deny_device(device.user_code)
    else:
        now.shift(601)
    with pytest.raises(error):
        client.device_code(device)


def test_no_code(client):
    """A response without code is refused."""
    with pytest.raises(MissingDeviceCode) as refused:
        client.device_code(DeviceAuthorizationResponse("", "u", "https://as.local"))
    assert refused.value.device_authorization_response.user_code == "u"


# ---------------------------------------------------------------- its ID Token


@pytest.fixture
def redeem(server, client):
    """Get the token of a device that Alice approved, with changes to what the server says."""

    def get(client=client, changes=None, **kwargs):
        server.id_token_claims = changes or {}
        device = client.authorize_device(scope="openid")
        server.approve_device(device.user_code, "alice")
        return client.device_code(device, **kwargs)

    return get


def test_id_token(redeem):
    """The ID Token that comes along is validated, and tells who the user is."""
    assert redeem().id_token.sub == "alice"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "https://other.local"}, MismatchingIdTokenIssuer),
        ({"aud": "other"}, MismatchingIdTokenAudience),
        ({"exp": 1}, InvalidIdToken),
        ({"iat": None}, InvalidIdToken),
        ({"sub": None}, InvalidIdToken),
        ({"at_hash": "x"}, InvalidIdToken),
    ],
)
def test_bad_id_token(redeem, changes, error):
    """An ID Token that must not be accepted is an error; `validate=False` hands it out as it came."""
    with pytest.raises(error):
        redeem(changes=changes)
    assert redeem(changes=changes, validate=False).id_token


def test_forged_id_token(server, redeem):
    """An ID Token signed by somebody else is refused."""
    server.id_token_maker = lambda claims, _: str(Jwt.sign(claims, Jwk.generate(alg="RS256"), extra_headers={"kid": server.keys.signing_key("RS256").kid}))  # fmt: skip
    with pytest.raises(InvalidIdTokenSignature):
        redeem()


def test_no_id_token(server, redeem):
    """RFC 8628 knows no ID Token: it is not missed."""
    server.issue_id_tokens = set()
    assert redeem().id_token is None


def test_without_keys(server, redeem):
    """A client without `jwks_uri` checks the claims; TLS vouches for the signature (OIDC Core §3.1.3.7, 6)."""
    client = OAuth2Client(
        "https://as.local/token",
        device_authorization_endpoint="https://as.local/device_authorization",
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
    )
    assert redeem(client).id_token.sub == "alice"
    assert [request.endpoint for request in server.requests] == ["device_authorization", "token"]
    with pytest.raises(MismatchingIdTokenAudience):
        redeem(client, {"aud": "other"})


# ---------------------------------------------------------------- the auth handler


@pytest.mark.parametrize("by_keyword", [False, True])
@pytest.mark.parametrize("bare", [False, True])
def test_handler(server, client, api, waits, by_keyword, bare):
    """The first API call waits for the user; later ones use the token, then refresh it."""
    device = client.authorize_device()
    server.approve_device(device.user_code, "alice", after=1)
    code = device.device_code if bare else device
    auth = OAuth2DeviceCodeAuth(client, device_code=code) if by_keyword else OAuth2DeviceCodeAuth(client, code)
    calls = ApiClient("https://api.local/", auth=auth, session=client.session)
    assert calls.get().json()["sub"] == "alice"
    assert waits == [5, 5]
    assert auth.device_code is None
    calls.get()
    first = auth.token
    auth.token = first.replace(expires_in=1)
    assert calls.get().json()["sub"] == "alice"
    assert server.last("token").form["grant_type"] == ["refresh_token"]


def test_handler_polls_once(server, client, waits):
    """However many threads ask, one polls; all get its token."""
    device = client.authorize_device()
    server.approve_device(device.user_code, "alice", after=3)
    auth = OAuth2DeviceCodeAuth(client, device)
    server.protect("https://api.local/")
    results = []

    def call():
        results.append(client.session.get("https://api.local/", auth=auth, timeout=5).json()["sub"])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert results == ["alice"] * 8
    assert sum(request.endpoint == "token" for request in server.requests) == 4


def test_handler_gives_up(client, server, waits):
    """A bare code is asked for until `expires_in` seconds have passed."""
    server.misbehave("token", status=400, json={"error": "authorization_pending"}, times=None)
    auth = OAuth2DeviceCodeAuth(client, "code", interval=10, expires_in=25)
    with pytest.raises(PollingExpired):
        client.session.get("https://api.local/", auth=auth, timeout=1)
    assert waits == [10, 10, 5]
    assert auth.device_code == "code"


def test_handler_obeys_the_response(client, server, waits):
    """What the server announced wins over the arguments of the handler."""
    server.device_code_lifetime = 12
    auth = OAuth2DeviceCodeAuth(client, client.authorize_device(), interval=1, expires_in=1000)
    with pytest.raises((PollingExpired, ExpiredToken)):
        client.session.get("https://api.local/", auth=auth, timeout=1)
    assert waits[:2] == [5, 5]
    assert sum(waits) <= 15


def test_handler_survives_an_outage(client, server, api, waits):
    """A network error while polling does not lose the code."""
    device = client.authorize_device()
    server.approve_device(device.user_code, "alice")
    server.misbehave("token", status=503, times=2)
    auth = OAuth2DeviceCodeAuth(client, device)
    assert client.session.get("https://api.local/", auth=auth, timeout=1).json()["sub"] == "alice"


def test_handler_shows_progress_and_stops(client, server):
    """A program can show what it waits for, and stop waiting; the code is kept."""
    told, stop = [], threading.Event()

    def show(job):
        told.append(job.next_wait)
        stop.set()

    auth = OAuth2DeviceCodeAuth(client, client.authorize_device(), on_wait=show, stop=stop)
    with pytest.raises(PollingStopped):
        client.session.get("https://api.local/", auth=auth, timeout=1)
    assert told == [5]
    assert auth.device_code is not None
    assert [request.endpoint for request in server.requests] == ["device_authorization"]
