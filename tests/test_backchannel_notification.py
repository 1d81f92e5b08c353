"""What is posted to our notification endpoint is believed only when it comes from the server (CIBA §10.2, §10.3)."""

from __future__ import annotations

import json
import time

import pytest
from jwskate import Jwk, Jwt

from requests_oauth2client import (
    AccessDenied,
    BackChannelAuthenticationError,
    BackChannelAuthenticationResponse,
    BackChannelNotification,
    BearerToken,
    ExpiredToken,
    InvalidBackChannelNotification,
    InvalidIdToken,
    MismatchingIdTokenAcr,
    MissingIdToken,
    OAuth2Client,
)
from requests_oauth2client.exceptions import (
    MismatchingIdTokenAuthReqId,
    MismatchingIdTokenHash,
    MissingIdTokenClaim,
)
from requests_oauth2client.id_token import IdToken, half_hash
from requests_oauth2client.jose import b64u_json

TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"
IDENTIFIER = "1c266114-a1be-4252-8ad1-04986c5b9ac1"
PING = json.dumps({"auth_req_id": IDENTIFIER})
"""CIBA §10.2."""

RT_HASH = "urn:openid:params:jwt:claim:rt_hash"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"


def bearer(token=TOKEN):
    return f"Bearer {token}"


# ---------------------------------------------------------------- ping


@pytest.mark.parametrize("pending", [IDENTIFIER, BackChannelAuthenticationResponse(IDENTIFIER)])
@pytest.mark.parametrize("authorization", [bearer(), f"bearer  {TOKEN} "])
@pytest.mark.parametrize("body", [PING, PING.encode()])
def test_ping(pending, authorization, body):
    """A ping with our token, for what we wait for, is accepted."""
    notification = BackChannelNotification(authorization, body)
    assert notification.auth_req_id == IDENTIFIER
    assert notification.validate_ping(pending, TOKEN) == IDENTIFIER


@pytest.mark.parametrize(
    ("authorization", "body", "reason"),
    [
        (None, PING, "Bearer"),
        ("", PING, "Bearer"),
        ("Bearer", PING, "Bearer"),
        ("Bearer ", PING, "Bearer"),
        (f"Basic {TOKEN}", PING, "Bearer"),
        (bearer(), "", "JSON"),
        (bearer(), "[]", "JSON"),
        (bearer(), b"\xff\xfe", "JSON"),
        (bearer(), "[" * 100_000, "bytes"),
        (bearer(), "[" * 60_000, "JSON"),
        (bearer(), "{}", "auth_req_id"),
        (bearer(), '{"auth_req_id": 5}', "auth_req_id"),
        (bearer(), '{"auth_req_id": ""}', "auth_req_id"),
        (bearer(), '{"auth_req_id": "a", "auth_req_id": "b"}', "JSON"),
    ],
)
def test_malformed(authorization, body, reason):
    """What has not the form of a notification is refused when it is read."""
    with pytest.raises(InvalidBackChannelNotification, match=reason):
        BackChannelNotification(authorization, body)


@pytest.mark.parametrize(
    ("token", "pending", "reason"),
    [
        ("another", IDENTIFIER, "client_notification_token"),
        (TOKEN + "x", IDENTIFIER, "client_notification_token"),
        (TOKEN[:-1], IDENTIFIER, "client_notification_token"),
        ("é", IDENTIFIER, "client_notification_token"),
        ("", IDENTIFIER, "client_notification_token"),
        (TOKEN, "another", "another authentication"),
        (TOKEN, BackChannelAuthenticationResponse("another"), "another authentication"),
    ],
)
def test_not_for_us(token, pending, reason):
    """Another token, or another authentication, is refused; the text tells none of them."""
    notification = BackChannelNotification(bearer(), PING)
    with pytest.raises(InvalidBackChannelNotification, match=reason) as refused:
        notification.validate_ping(pending, token)
    assert TOKEN not in str(refused.value)
    assert IDENTIFIER not in str(refused.value)


def test_repr_has_no_secret():
    """A notification can be logged."""
    shown = repr(BackChannelNotification(bearer(), PING))
    assert TOKEN not in shown
    assert IDENTIFIER not in shown


# ---------------------------------------------------------------- with a server that notifies


@pytest.fixture
def notified(server):
    """What the server posts to us, as (authorization, body)."""
    received = []
    server.notify = lambda url, token, content: received.append((f"Bearer {token}", json.dumps(content)))
    return received


@pytest.fixture
def register(server):
    """Register the client for a mode of delivery."""

    def add(mode):
        server.add_client(
            "client_id",
            client_secret="client_secret",
            backchannel_token_delivery_mode=mode,
            backchannel_client_notification_endpoint="https://client.local/notify",
        )

    return add


def test_ping_mode(server, client, register, notified):
    """The server pings when the user has decided; the token is then asked for once."""
    register("ping")
    asked = client.backchannel_authentication_request(login_hint="alice", client_notification_token=TOKEN)
    server.approve_ciba(asked.auth_req_id)
    ping = BackChannelNotification(*notified[0])
    ping.validate_ping(asked, TOKEN)
    assert isinstance(client.ciba(asked), BearerToken)


@pytest.fixture
def push(server, client, register, notified):
    """Let Alice decide, and return the pushed notification and what was acknowledged."""
    register("push")

    def get(*, deny=False, asked_for=None, acr=None):
        asked = client.backchannel_authentication_request(
            login_hint="alice", client_notification_token=TOKEN, **(asked_for or {})
        )
        if deny:
            server.deny_ciba(asked.auth_req_id)
        else:
            server.approve_ciba(asked.auth_req_id, acr=acr)
        return asked, BackChannelNotification(*notified[-1])

    return get


def test_push_mode(client, push, api):
    """A pushed token is validated, and can be used."""
    asked, notification = push()
    token = notification.validate_push(client, asked, TOKEN)
    assert token.id_token.sub == "alice"
    assert token.refresh_token
    assert "auth_req_id" not in token.kwargs
    assert client.session.get("https://api.local/", auth=token, timeout=1).json()["sub"] == "alice"


def test_push_with_another_token(client, push):
    """Who does not know our token pushes nothing."""
    asked, notification = push()
    with pytest.raises(InvalidBackChannelNotification):
        notification.validate_push(client, asked, "another")


def test_push_denied(client, push):
    """A refusal is pushed too, and raised with its class; there is no response to look at."""
    asked, notification = push(deny=True)
    with pytest.raises(AccessDenied, match=r"notification with error 'access_denied' \(the user said no\)") as refused:
        notification.validate_push(client, asked, TOKEN)
    assert refused.value.response is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("expired_token", ExpiredToken),
        ("transaction_failed", BackChannelAuthenticationError),
        (["x"], BackChannelAuthenticationError),
    ],
)
def test_push_errors(client, error, expected):
    """The errors of CIBA §12, and others."""
    body = json.dumps({"auth_req_id": IDENTIFIER, "error": error, "error_description": 5})
    with pytest.raises(expected):
        BackChannelNotification(bearer(), body).validate_push(client, IDENTIFIER, TOKEN)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"at_hash": None}, MissingIdTokenClaim),
        ({"at_hash": "x"}, MismatchingIdTokenHash),
        ({RT_HASH: None}, MissingIdTokenClaim),
        ({RT_HASH: "x"}, MismatchingIdTokenHash),
        ({AUTH_REQ_ID: None}, MissingIdTokenClaim),
        ({AUTH_REQ_ID: "x"}, MismatchingIdTokenAuthReqId),
        ({"aud": "other"}, InvalidIdToken),
        ({"iss": "https://other.local"}, InvalidIdToken),
    ],
)
def test_push_bound_together(server, client, push, changes, error):
    """The ID Token names the access token, the refresh token and the authentication (CIBA §10.3.1)."""
    server.id_token_claims = changes
    asked, notification = push()
    with pytest.raises(error):
        notification.validate_push(client, asked, TOKEN)


def test_push_acr(client, push):
    """What was asked for holds for pushed tokens too."""
    asked, notification = push(asked_for={"acr_values": "mfa"}, acr="pwd")
    with pytest.raises(MismatchingIdTokenAcr):
        notification.validate_push(client, asked, TOKEN)


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_push_swapped(client, push, notified, name):
    """A token that was put in place of the pushed one is found out."""
    asked, _ = push()
    body = {**json.loads(notified[-1][1]), name: "swapped"}
    with pytest.raises(MismatchingIdTokenHash):
        BackChannelNotification(bearer(), json.dumps(body)).validate_push(client, asked, TOKEN)


def test_push_without_id_token(client, push, notified):
    """A push without ID Token could come from anybody who learned the notification token."""
    asked, _ = push()
    body = {**json.loads(notified[-1][1]), "id_token": None}
    with pytest.raises(MissingIdToken):
        BackChannelNotification(bearer(), json.dumps(body)).validate_push(client, asked, TOKEN)


def test_push_needs_keys(server, push):
    """TLS says nothing about who pushes: a client without keys cannot accept a push."""
    asked, notification = push()
    client = OAuth2Client(
        "https://as.local/token", client_id="client_id", client_secret="client_secret", session=server.session()
    )
    with pytest.raises(InvalidIdToken, match="JWKS is not available"):
        notification.validate_push(client, asked, TOKEN)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"access_token": 5},
        {"access_token": "at", "token_type": "mac"},
        {"access_token": "at", "expires_in": []},
        {"access_token": "a\r\nb"},
    ],
)
def test_push_unusable(client, members):
    """What holds no usable token is refused."""
    body = json.dumps({"auth_req_id": IDENTIFIER, **members})
    with pytest.raises(InvalidBackChannelNotification, match="no usable token"):
        BackChannelNotification(bearer(), body).validate_push(client, IDENTIFIER, TOKEN)


def test_ciba_section_10_3_1():
    """The hashes of the example in CIBA §10.3.1; the key of its signature is not published, ours signs the same claims."""
    key = Jwk.generate(alg="RS256").with_kid_thumbprint()
    tokens = {
        "access_token": "G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN",
        "refresh_token": "4bwc0ESC_IAhflf-ACC_vjD_ltc11ne-8gFPfA2Kx16",
    }
    hashed = half_hash("RS256", None)
    claims = {
        "iss": "https://server.example.com",
        "sub": "248289761001",
        "aud": "s6BhdRkqt3",
        "email": "janedoe@example.com",
        "exp": int(time.time()) + 300,
        "iat": int(time.time()),
        "at_hash": "Wt0kVFXMacqvnHeyU0001w",
        RT_HASH: "sHahCuSpXCRg5mkDDvvr4w",
        AUTH_REQ_ID: IDENTIFIER,
    }
    assert hashed(tokens["access_token"]) == claims["at_hash"]
    assert hashed(tokens["refresh_token"]) == claims[RT_HASH]
    body = {**tokens, "auth_req_id": IDENTIFIER, "token_type": "Bearer", "expires_in": 120}
    body["id_token"] = str(Jwt.sign(claims, key, extra_headers={"kid": key.kid}))
    client = OAuth2Client(
        "https://server.example.com/token",
        client_id="s6BhdRkqt3",
        client_secret="secret",
        issuer="https://server.example.com",
        authorization_server_jwks={"keys": [dict(key.public_jwk())]},
    )
    token = BackChannelNotification(bearer(), json.dumps(body)).validate_push(client, IDENTIFIER, TOKEN)
    assert isinstance(token.id_token, IdToken)
    assert token.id_token.claims == claims


def test_alg_none(client):
    """An unsigned ID Token is no ID Token."""
    unsigned = f"{b64u_json({'alg': 'none'})}.{b64u_json({'sub': 'alice'})}."
    body = {"auth_req_id": IDENTIFIER, "access_token": "at", "id_token": unsigned}
    with pytest.raises(InvalidIdToken):
        BackChannelNotification(bearer(), json.dumps(body)).validate_push(client, IDENTIFIER, TOKEN)
