"""The user says yes or no on another device, or elsewhere: device flow, CIBA, token exchange, at a real server."""

from __future__ import annotations

import threading
import time

import pytest
from jwskate import Jwt

from requests_oauth2client import (
    AccessDenied,
    ApiClient,
    AuthorizationPending,
    BackChannelAuthenticationError,
    BackChannelAuthenticationPollingJob,
    BackChannelNotification,
    DeviceAuthorizationPollingJob,
    ExpiredToken,
    InvalidBackChannelNotification,
    InvalidGrant,
    InvalidRequest,
    InvalidTarget,
    OAuth2DeviceCodeAuth,
    PollingExpired,
)

from .registrations import EVERY_METHOD, USERS

pytestmark = pytest.mark.servers

ALICE = ("alice", USERS["alice"]["password"])
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"


def poll(job):
    """Call a job until it has a token, for five seconds at most."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        token = job()
        if token is not None:
            return token
    raise AssertionError("still pending")


# -- device flow (RFC 8628) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_device(oidc_provider, connect, name):
    """A device gets a code with each authentication method, and a token once its user has approved."""
    client = connect(name)
    device = client.authorize_device(scope="openid email")
    with pytest.raises(AuthorizationPending):
        client.device_code(device)
    oidc_provider.approve_device(device.verification_uri, device.user_code)
    token = client.device_code(device)
    assert client.userinfo(token)["email"] == "alice@example.com"


def test_device_polling(oidc_provider, connect):
    """A job answers None while the user makes up their mind, then the token."""
    client = connect()
    device = client.authorize_device(scope="openid")
    job = DeviceAuthorizationPollingJob(client, device, interval=0.1)
    assert job() is None
    oidc_provider.approve_device(device.verification_uri, device.user_code, "bob")
    assert client.userinfo(poll(job))["sub"] == "bob"


def test_device_denied(oidc_provider, connect):
    """A user who aborts ends the polling."""
    client = connect()
    device = client.authorize_device(scope="openid")
    oidc_provider.approve_device(device.verification_uri, device.user_code, deny=True)
    with pytest.raises(AccessDenied):
        DeviceAuthorizationPollingJob(client, device, interval=0.1).wait()


def test_device_expired(connect):
    """A code that nobody has entered in time is expired."""
    client = connect("brief-device")
    device = client.authorize_device(scope="openid")
    assert 0 < device.expires_in <= 1
    time.sleep(1.1)
    with pytest.raises(ExpiredToken):
        client.device_code(device)
    with pytest.raises(PollingExpired):
        DeviceAuthorizationPollingJob(client, device).wait()


def test_device_id_token(oidc_provider, connect):
    """The ID Token that comes with the token of a device is validated with the keys of the server."""
    client = connect()
    device = client.authorize_device(scope="openid")
    oidc_provider.approve_device(device.verification_uri, device.user_code)
    with oidc_provider.recorded() as exchanges:
        token = DeviceAuthorizationPollingJob(client, device, interval=0.1).wait()
    assert (token.id_token.sub, token.id_token.iss) == ("alice", oidc_provider.issuer)
    assert [exchange["path"] for exchange in exchanges] == ["/token", "/jwks"]


def test_device_code_is_good_once(oidc_provider, connect):
    """A device code gives one token."""
    client = connect()
    device = client.authorize_device(scope="openid")
    oidc_provider.approve_device(device.verification_uri, device.user_code)
    client.device_code(device)
    with pytest.raises(InvalidGrant):
        client.device_code(device)


def test_device_handler(oidc_provider, connect):
    """The handler waits for the user at the first request, then refreshes; the API call sees nothing of it."""
    client = connect()
    device = client.authorize_device(scope="openid")
    auth = OAuth2DeviceCodeAuth(client, device, interval=0.1)
    api = ApiClient(oidc_provider.api_url, auth=auth)
    user = threading.Timer(0.3, oidc_provider.approve_device, [device.verification_uri, device.user_code])
    user.start()
    assert api.get("open").json()["token"]["sub"] == "alice"
    user.join()
    auth.token = auth.token.replace(expires_in=-1)
    with oidc_provider.recorded() as exchanges:
        assert api.get("open").status_code == 200
    assert [(e["server"], e["path"], e["status"]) for e in exchanges] == [("as", "/token", 200), ("api", "/open", 200)]


# -- CIBA ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_ciba(oidc_provider, connect, name):
    """A client asks for a user with each authentication method, and gets a token once they have approved."""
    client = connect(name)
    asked = client.backchannel_authentication_request(scope="openid email", login_hint="alice")
    with pytest.raises(AuthorizationPending):
        client.ciba(asked)
    oidc_provider.answer_ciba(asked.auth_req_id)
    assert client.userinfo(client.ciba(asked))["email"] == "alice@example.com"


def test_ciba_polling(oidc_provider, connect):
    """A job answers None while the user makes up their mind, then the token."""
    client = connect()
    asked = client.backchannel_authentication_request(login_hint="bob", binding_message="W4SCT", acr_values="mfa")
    job = BackChannelAuthenticationPollingJob(client, asked, interval=0.1)
    assert job() is None
    oidc_provider.answer_ciba(asked.auth_req_id)
    token = job.wait(timeout=5)
    assert client.userinfo(token)["sub"] == token.id_token.sub == "bob"


def test_ciba_hints(oidc_provider, connect):
    """A user is known by a hint, by a token of someone who knows them, or by an ID Token of the past."""
    client = connect()
    identity = client.resource_owner_password(*ALICE, scope="openid").id_token
    for hint, sub in [
        ({"login_hint": "bob"}, "bob"),
        ({"login_hint_token": "hint-for-bob"}, "bob"),
        ({"id_token_hint": str(identity)}, "alice"),
    ]:
        asked = client.backchannel_authentication_request(**hint)
        oidc_provider.answer_ciba(asked.auth_req_id)
        assert client.userinfo(client.ciba(asked))["sub"] == sub


def test_ciba_signed(oidc_provider, connect):
    """A client that must sign its requests does."""
    client = connect("ciba-signed")
    key = oidc_provider.clients["ciba-signed"]["private_jwk"]
    asked = client.backchannel_authentication_request(login_hint="alice", private_jwk=key)
    oidc_provider.answer_ciba(asked.auth_req_id)
    assert client.ciba(asked).access_token
    with pytest.raises(InvalidRequest):
        client.backchannel_authentication_request(login_hint="alice")


def test_ciba_denied(oidc_provider, connect):
    """A user who refuses ends the polling."""
    client = connect()
    asked = client.backchannel_authentication_request(login_hint="alice")
    oidc_provider.answer_ciba(asked.auth_req_id, deny=True)
    with pytest.raises(AccessDenied):
        client.ciba(asked)


def test_ciba_expired(connect):
    """A request that asked for one second is expired after it."""
    client = connect()
    asked = client.backchannel_authentication_request(login_hint="alice", requested_expiry=1)
    assert 0 < asked.expires_in <= 1
    time.sleep(1.1)
    with pytest.raises(ExpiredToken):
        client.ciba(asked)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"login_hint": "nobody"}, "unknown_user_id"),
        ({"login_hint": "alice", "user_code": "0000"}, "invalid_user_code"),
        ({"login_hint": "alice", "binding_message": "no blanks allowed"}, "invalid_binding_message"),
    ],
)
def test_ciba_refused(connect, request_, error):
    """The server's refusals are typed errors with its own code."""
    with pytest.raises(BackChannelAuthenticationError) as refused:
        connect().backchannel_authentication_request(**request_)
    assert refused.value.error == error


def test_ciba_ping(oidc_provider, connect):
    """In ping mode the server says when the user has answered."""
    client = connect("ciba-ping")
    asked = client.backchannel_authentication_request(login_hint="alice", client_notification_token="n0t1fy-me")
    oidc_provider.answer_ciba(asked.auth_req_id)
    ping = oidc_provider.notifications()[-1]
    notification = BackChannelNotification(ping["headers"]["authorization"], ping["body"])
    with pytest.raises(InvalidBackChannelNotification):
        notification.validate_ping(asked, "another token")
    assert client.ciba(notification.validate_ping(asked, "n0t1fy-me")).access_token


# -- token exchange (RFC 8693), JWT bearer (RFC 7523) ----------------------------------------------------------------


@pytest.fixture
def alice(connect):
    """A token of Alice, with a refresh token and an ID Token."""
    return connect().resource_owner_password(*ALICE, scope="openid")


@pytest.mark.parametrize("type_", [None, "access_token", "refresh_token", "id_token"])
def test_exchange(oidc_provider, connect, alice, type_):
    """Each token of a user is exchanged, as what it is, for one that an API accepts."""
    subject = alice.id_token if type_ == "id_token" else alice
    token = connect().token_exchange(
        subject_token=subject, subject_token_type=type_, scope="read", resource=oidc_provider.resources["jwt"]
    )
    assert token.issued_token_type == f"{TOKEN_TYPE}access_token"
    assert ApiClient(oidc_provider.api_url, auth=token).get("open").json()["token"]["sub"] == "alice"


def test_exchange_with_actor(oidc_provider, connect, alice):
    """The actor is named in the new token."""
    client = connect()
    token = client.token_exchange(subject_token=alice, actor_token=client.client_credentials(), scope="read")
    seen = ApiClient(oidc_provider.api_url, auth=token).get("open").json()["token"]
    assert (seen["sub"], seen["act"]) == ("alice", {"sub": client.client_id})


def test_exchange_for_an_id_token(connect, alice):
    """What is not an access token comes with the type `N_A`, and is no Bearer token."""
    token = connect().token_exchange(subject_token=alice, requested_token_type="id_token")
    assert token.issued_token_type == f"{TOKEN_TYPE}id_token"
    assert token.token_type == "N_A"
    assert Jwt(str(token)).claims["sub"] == "alice"


def test_exchange_refused(oidc_provider, connect, alice):
    """A dead token, and too many resources, are typed errors."""
    client = connect()
    with pytest.raises(InvalidTarget):
        client.token_exchange(subject_token=alice, resource=list(oidc_provider.resources.values()))
    client.revoke_access_token(alice)
    with pytest.raises(InvalidRequest):
        client.token_exchange(subject_token=alice)
