"""What is told of tokens, and to whom."""

from __future__ import annotations

import logging

import pytest
from attrs import asdict

from requests_oauth2client import (
    InvalidClient,
    MemoryTokenStore,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    RetryPolicy,
    TokenEvent,
    log_events,
)
from requests_oauth2client.testing import Response

SECRETS = ("client_secret", "marked-secret")


@pytest.fixture
def events():
    return []


@pytest.fixture
def client_with(server):
    def make(hook, **kwargs):
        return OAuth2Client.from_discovery_document(
            server.metadata,
            client_id="client_id",
            client_secret="client_secret",
            session=server.session(),
            on_event=hook,
            retry=RetryPolicy(backoff=0),
            **kwargs,
        )

    return make


def live(client, server, call):
    """Let everything happen that is told."""
    store = MemoryTokenStore()
    server.dpop_nonce_as = True
    auths = [OAuth2ClientCredentialsAuth(client, store=store, dpop=True) for _ in range(2)]
    server.misbehave("token", status=503)
    for auth in auths:
        call(auth)
    server.misbehave("token", lambda _: Response.json({"error": "invalid_client"}, 401))
    for auth in auths:
        auth.forget_token()
    with pytest.raises(InvalidClient):
        call(auths[0])


@pytest.fixture
def call(api):
    return lambda auth: auth.client.session.get(api.url, auth=auth).raise_for_status()


def test_all_that_happens(client_with, server, call, events):
    """A token is obtained, with a retry and a nonce; renewed; served from the store; its renewal fails."""
    live(client_with(events.append), server, call)
    assert [event.name for event in events] == [
        "request_retried",
        "nonce_retried",
        "token_obtained",
        "token_renewed",
        "served_from_store",
        "renewal_failed",
    ]
    retried, nonce, obtained, renewed, served, failed = events
    assert (retried.attempt, retried.error, retried.endpoint) == (2, "503", "token_endpoint")
    assert (nonce.attempt, nonce.error) == (2, "use_dpop_nonce")
    assert obtained.expires_in == renewed.expires_in == served.expires_in == 3600
    assert {event.client_id for event in events} == {"client_id"}
    assert {event.grant_type for event in events} == {"client_credentials"}
    assert all(event.duration >= 0 for event in (obtained, renewed, served, failed))
    assert failed.error == "InvalidClient"


def test_no_secrets(client_with, server, call, events, caplog):
    """Nothing that is told is a secret, nor what is logged of it."""
    with caplog.at_level(logging.DEBUG):
        log = log_events()
        live(client_with(lambda event: (events.append(event), log(event))), server, call)
    assert server.access_tokens
    told = " ".join([*(str(asdict(event)) for event in events), caplog.text])
    secrets = {*SECRETS, *server.access_tokens}
    assert not [secret for secret in secrets if secret in told]


def test_no_hook(client_with, server, call):
    """Without a hook nothing is told."""
    live(client_with(None), server, call)


def test_broken_hook(client_with, server, call, caplog):
    """A hook that fails breaks nothing; its class is logged, and not what it says."""

    def fail(event):
        msg = "marked-secret"
        raise ValueError(msg)

    call(OAuth2ClientCredentialsAuth(client_with(fail)))
    assert "ValueError" in caplog.text
    assert "marked-secret" not in caplog.text


def test_log(caplog):
    """An event is one line of names and values; failures are warnings."""
    hook = log_events(level=logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        hook(TokenEvent("token_obtained", "me\nforged", expires_in=60))
        hook(TokenEvent("renewal_failed", error="InvalidGrant"))
        hook(TokenEvent("nonce_retried", error="use_dpop_nonce"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", r"token_obtained client_id='me\nforged' expires_in=60"),
        ("WARNING", "renewal_failed error='InvalidGrant'"),
        ("DEBUG", "nonce_retried error='use_dpop_nonce'"),
    ]
    assert {record.name for record in caplog.records} == {"requests_oauth2client"}


def test_own_logger(caplog):
    """The logger can be one's own."""
    with caplog.at_level(logging.INFO):
        log_events(logging.getLogger("mine"))(TokenEvent("token_obtained"))
    assert [record.name for record in caplog.records] == ["mine"]
