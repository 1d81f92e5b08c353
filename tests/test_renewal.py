"""Renewal through stores, after refusals, ahead of the expiry, and when an API refuses a token."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import threading
import time
from contextlib import contextmanager

import pytest
import requests
from attrs import define
from requests.adapters import BaseAdapter

from requests_oauth2client import (
    BearerToken,
    ConnectionFailed,
    CorruptTokenStore,
    DPoPToken,
    EndpointError,
    InvalidClient,
    InvalidGrant,
    InvalidParam,
    InvalidTokenResponse,
    MemoryTokenStore,
    NonRenewableTokenError,
    OAuth2AccessTokenAuth,
    OAuth2AuthorizationCodeAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2DeviceCodeAuth,
    OAuth2Error,
    OAuth2ResourceOwnerPasswordAuth,
    TokenNotStored,
    TokenStoreUnavailable,
    TransportError,
)
from requests_oauth2client import refusals as refusals_room
from requests_oauth2client.testing import Response
from requests_oauth2client.token_store import Entry, StoredToken


class Unreliable(MemoryTokenStore):
    """A store that is down when it is told to be, and notes what it is asked for."""

    def __init__(self):
        super().__init__(lock_timeout=5)
        self.down = set()
        self.log = []
        self.before_put = lambda: None

    def _use(self, name):
        self.log.append(name)
        if name in self.down:
            msg = "the store is down"
            raise TokenStoreUnavailable(msg)

    def get(self, key):
        self._use("get")
        return super().get(key)

    def put(self, key, value, *, replacing):
        self._use("put")
        self.before_put()
        return super().put(key, value, replacing=replacing)

    def delete(self, key):
        self._use("delete")
        super().delete(key)

    @contextmanager
    def lock(self, key):
        self._use("lock")
        with super().lock(key):
            yield
        self._use("unlock")


ALL = {"get", "put", "delete", "lock"}


@pytest.fixture
def store():
    return Unreliable()


@pytest.fixture
def events():
    return []


@pytest.fixture
def client(server, events):
    """The client of the server; what happens to its tokens is noted."""
    return OAuth2Client.from_discovery_document(
        server.metadata,
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
        on_event=events.append,
    )


@pytest.fixture
def token(server, now):
    """A token of alice, with a refresh token."""
    return BearerToken(**server.issue_token("client_id", user="alice", scope="read"))


@pytest.fixture
def of_alice(client, store):
    """Make handlers that share the token of alice in the store."""
    return lambda token=None, **kwargs: OAuth2AccessTokenAuth(client, token, store=store, store_key="alice", **kwargs)


@pytest.fixture
def call(client, api):
    """Call the API with a handler; return the access token that it got."""

    def call(auth):
        response = client.session.get(api.url, auth=auth)
        response.raise_for_status()
        return response.request.headers["Authorization"].partition(" ")[2]

    return call


def names(events):
    return [event.name for event in events]


class TestSharing:
    def test_one_token(self, client, store, call, server, events):
        """Handlers of the same client and grant share one token, in whatever order scopes are given."""
        one = OAuth2ClientCredentialsAuth(client, scope="read write", store=store)
        two = OAuth2ClientCredentialsAuth(client, scope=["write", "read"], store=store)
        assert call(one) == call(two)
        assert server.count("token") == 1
        assert names(events) == ["token_obtained", "token_renewed", "served_from_store"]

    @pytest.mark.parametrize("other", [{"scope": "other"}, {"resource": "https://api.local/"}, {"store_key": "x"}])
    def test_other_tokens(self, client, store, call, server, other):
        """Whatever decides which token it is keeps tokens apart."""
        call(OAuth2ClientCredentialsAuth(client, store=store))
        call(OAuth2ClientCredentialsAuth(client, store=store, **other))
        assert server.count("token") == 2

    def test_users(self, client, store, server, call):
        """Each user has their own token."""
        server.add_user("bob", password="builder")
        for username, password in (("alice", "wonderland"), ("bob", "builder"), ("alice", "wonderland")):
            call(OAuth2ResourceOwnerPasswordAuth(client, username=username, password=password, store=store))
        assert server.count("token") == 2

    def test_whose(self, client, store):
        """A handler whose grant does not tell whose token it is must be told."""
        for make in (
            lambda: OAuth2AccessTokenAuth(client, None, store=store),
            lambda: OAuth2AuthorizationCodeAuth(client, "code", store=store),
            lambda: OAuth2DeviceCodeAuth(client, "code", store=store),
            lambda: OAuth2ClientCredentialsAuth(client, assertion="x", store=store),
        ):
            with pytest.raises(InvalidParam, match="store_key"):
                make()

    def test_restart(self, of_alice, token, store, call, now, server):
        """A token that was given is stored at its first use; the next start needs none."""
        assert call(of_alice(token)) == str(token)
        again = of_alice()
        assert call(again) == str(token)
        assert again.token == token
        assert again.token.expires_at == token.expires_at
        now.shift(3600)
        assert call(of_alice()) != str(token)
        assert server.reuse_alarms == 0

    def test_dpop_survives(self, client, store, call, server, now):
        """So does the key that a token is bound to: it is refreshed after a restart."""
        server.issue_refresh_tokens.add("client_credentials")
        first = client.client_credentials(dpop=True)
        call(OAuth2AccessTokenAuth(client, first, store=store, store_key="alice"))
        now.shift(3601)
        again = OAuth2AccessTokenAuth(client, None, store=store, store_key="alice")
        call(again)
        assert isinstance(again.token, DPoPToken)
        assert again.token.dpop_key.dpop_jkt == first.dpop_key.dpop_jkt

    def test_own_token_class(self, server, store, call):
        """A token of one's own class comes back as such."""

        class Mine(BearerToken):
            pass

        client = OAuth2Client.from_discovery_document(
            server.metadata,
            client_id="client_id",
            client_secret="client_secret",
            session=server.session(),
            token_class=Mine,
        )
        call(OAuth2ClientCredentialsAuth(client, store=store))
        auth = OAuth2ClientCredentialsAuth(client, store=store)
        call(auth)
        assert type(auth.token) is Mine

    def test_a_token_that_judges_its_expiry(self, client, call):
        """A token of one's own class is asked whether it is expired, at each request."""

        class Revocable(BearerToken):
            revoked = False

            def is_expired(self, leeway=0):
                return self.revoked

        text = str(client.client_credentials())
        auth = OAuth2ClientCredentialsAuth(client, token=Revocable(text, expires_in=-60))
        assert call(auth) == call(auth) == text
        Revocable.revoked = True
        assert call(auth) != text

    def test_the_winner_serves_all(self, of_alice, token, call, server, now):
        """Of two handlers with the same expired token, one renews; the other uses what it stored."""
        one, two = of_alice(token), of_alice()
        call(one)
        call(two)
        now.shift(3601)
        assert call(one) == call(two)
        assert server.count("token") == 1
        assert server.reuse_alarms == 0

    def test_nothing_to_read_for_a_valid_token(self, of_alice, token, store, call):
        """A token that is in memory and valid costs no look into the store."""
        auth = of_alice(token)
        call(auth)
        store.log.clear()
        call(auth)
        assert store.log == []

    def test_stored_token_needs_no_lock(self, of_alice, token, store, call):
        """A valid token is read without waiting for whoever holds the lock."""
        call(of_alice(token))
        store.log.clear()
        call(of_alice())
        assert store.log == ["get"]

    def test_stored_before_it_is_used(self, of_alice, token, store, call, now, api, client):
        """While a new token is being stored, nobody has seen it."""
        auth = of_alice(token)
        call(auth)
        now.shift(3590)
        seen = []
        store.before_put = lambda: seen.append(auth.token)
        assert call(auth) != str(token)
        assert seen == [token]

    def test_iterators(self, client, store, call, now, server):
        """A scope that can be read only once is sent at each renewal."""
        auth = OAuth2ClientCredentialsAuth(client, scope=iter(["a", "b"]), store=store)
        call(auth)
        now.shift(3600)
        call(auth)
        assert [request.form["scope"] for request in server.requests if request.endpoint == "token"] == [["a b"]] * 2


class TestConflicts:
    def test_put_that_loses(self, of_alice, token, store, call, now, client, server):
        """When another holder stored a newer token meanwhile, that one is used."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        newer = BearerToken(**server.issue_token("client_id", user="alice"))
        entry = Entry(store, auth._key(), client.issuer, BearerToken)

        def overtake():  # as a holder does whose predecessor was stopped for longer than its lease
            store._texts[entry.key] = entry.dump(StoredToken(newer, 3600))

        store.before_put = overtake
        assert call(auth) == str(newer)
        assert call(of_alice()) == str(newer)
        assert server.reuse_alarms == 0

    def test_a_login_that_is_overtaken(self, client, store, call, server, token):
        """A new login replaces what another holder of the old one stored meanwhile."""
        auth = OAuth2AccessTokenAuth(client, None, store=store, store_key="alice")
        entry = Entry(store, auth._key(), client.issuer, BearerToken)
        auth.token = token
        older = entry.dump(StoredToken(client.resource_owner_password("alice", "wonderland"), 3600))
        store.before_put = lambda: setattr(store, "before_put", lambda: None) or store._texts.update({entry.key: older})
        assert call(auth) == str(token)
        assert entry.load(store._texts[entry.key]).token == token

    @pytest.mark.parametrize("kind", ["user", "client"])
    def test_endless_conflicts(self, client, of_alice, store, call, server, token, now, kind):
        """When others replace the stored token all the time, the error says so; who asks for itself uses its own."""
        auth = of_alice(token) if kind == "user" else OAuth2ClientCredentialsAuth(client, store=store)
        call(auth)
        now.shift(3601)
        entry = Entry(store, auth._key(), client.issuer, BearerToken)

        def overtake():
            expired = BearerToken(**server.issue_token("client_id", user="alice")).replace(expires_in=-1)
            store._texts[entry.key] = entry.dump(StoredToken(expired, 3600))

        store.before_put = overtake
        if kind == "user":
            with pytest.raises(TokenStoreUnavailable, match="all the time"):
                call(auth)
        else:
            assert call(auth)

    @pytest.mark.parametrize("given", ["set", "valid"])
    def test_given_tokens(self, of_alice, token, call, server, now, given):
        """A token that is set replaces the stored one; so does a valid one that is newer, at the beginning."""
        call(of_alice(token))
        now.shift(60)
        newer = BearerToken(**server.issue_token("client_id", user="alice"))
        if given == "set":
            auth = of_alice()
            auth.token = newer
        else:
            auth = of_alice(newer)
        assert call(auth) == call(of_alice()) == str(newer)

    @pytest.mark.parametrize("shift", [60, 3601])
    def test_seeds(self, of_alice, token, call, server, now, shift):
        """A program that begins with the same token at each start goes on with what it stored since."""
        auth = of_alice(token)
        call(auth)
        now.shift(3590)
        renewed = call(auth)
        now.shift(shift)
        used = call(of_alice(token))
        assert used == call(of_alice())
        assert (used == renewed) is (shift == 60)
        assert server.reuse_alarms == 0

    def test_expired_seed(self, of_alice, token, call, now, server):
        """An expired token with a refresh token is renewed, and stored, if nothing is."""
        now.shift(3601)
        assert call(of_alice(token)) == call(of_alice())
        assert server.count("token") == 1

    def test_forgotten(self, of_alice, token, call, store, now):
        """What one handler forgets, the others do not bring back."""
        one, two = of_alice(token), of_alice()
        call(one)
        call(two)
        one.forget_token()
        assert store._texts == {}
        now.shift(3601)
        with pytest.raises(NonRenewableTokenError, match="not in the store any more"):
            call(two)
        with pytest.raises(NonRenewableTokenError):
            call(one)
        assert store._texts == {}

    def test_forgotten_meanwhile(self, of_alice, token, call, store, now):
        """A token that is forgotten while it is renewed stays forgotten."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        other = of_alice()
        store.before_put = other.forget_token
        with pytest.raises(NonRenewableTokenError):
            call(auth)
        assert store._texts == {}

    def test_forgotten_client_token(self, client, store, call, server, now):
        """A client that forgets its own token gets another."""
        one, two = (OAuth2ClientCredentialsAuth(client, store=store) for _ in range(2))
        call(one)
        call(two)
        one.forget_token()
        now.shift(3601)
        assert call(two) == call(one)
        assert server.count("token") == 2

    def test_corrupt(self, client, store, call, server):
        """What is no token is told, and left as it is."""
        auth = OAuth2ClientCredentialsAuth(client, store=store)
        store.put(auth._key(), "no token", replacing=None)
        with pytest.raises(CorruptTokenStore):
            call(auth)
        assert store.get(auth._key()) == "no token"
        assert server.count("token") == 0
        auth.forget_token()
        call(auth)


class TestCodes:
    @pytest.fixture
    def code(self, server, now):
        server.add_client("web", public=True, redirect_uris="https://app.local/callback")
        client = OAuth2Client.from_discovery_document(
            server.metadata, client_id="web", redirect_uri="https://app.local/callback", session=server.session()
        )
        azr = client.authorization_request(scope="read")
        response = azr.validate_callback(server.authorize(azr.uri, user="alice"))
        return client, response

    def make(self, code, store, response=None):
        return OAuth2AuthorizationCodeAuth(code[0], response, store=store, store_key="alice")

    def test_exchanged_and_stored(self, code, store, call, server, now):
        """A code is exchanged once, its token stored, and refreshed after a restart without code."""
        auth = self.make(code, store, code[1])
        first = call(auth)
        assert auth.code is None
        assert call(self.make(code, store)) == first
        now.shift(3601)
        assert call(self.make(code, store)) != first
        assert server.code_replays == server.reuse_alarms == 0

    def test_a_login_replaces(self, code, store, call, server):
        """A new code is a new login: its token replaces the stored one, however long that is valid."""
        call(self.make(code, store, code[1]))
        azr = code[0].authorization_request(scope="write")
        again = self.make(code, store, azr.validate_callback(server.authorize(azr.uri, user="alice")))
        assert call(again) == call(self.make(code, store))
        assert again.token.scope == "write"

    def test_store_down_before(self, code, store, call):
        """When the store is down, the code is not sent; it is when the store is back."""
        auth = self.make(code, store, code[1])
        store.down = ALL
        with pytest.raises(TokenStoreUnavailable):
            call(auth)
        assert auth.code is code[1]
        store.down = set()
        assert call(auth)

    def test_store_down_after(self, code, store, call, server):
        """When the store fails after the exchange, the token is kept, and stored before its first use."""
        auth = self.make(code, store, code[1])
        store.down = {"put"}
        with pytest.raises(TokenNotStored):
            call(auth)
        assert (auth.code, auth.token) == (None, None)
        with pytest.raises(TokenNotStored):
            call(auth)
        store.down = set()
        assert call(auth) == call(self.make(code, store))
        assert server.count("token") == 1
        assert server.code_replays == 0

    def test_device_code(self, client, store, call, server, monkeypatch):
        """A device code is exchanged once, and its token stored."""
        monkeypatch.setattr(time, "sleep", lambda _: None)
        server.enforce_polling_interval = False
        response = client.authorize_device(scope="read")
        server.approve_device(response.user_code, user="alice")
        auth = OAuth2DeviceCodeAuth(client, response, store=store, store_key="alice")
        first = call(auth)
        assert auth.device_code is None
        assert call(OAuth2DeviceCodeAuth(client, None, store=store, store_key="alice")) == first


class TestStoreDown:
    def test_asking_is_safe(self, client, store, call, server):
        """A client that asks for itself does so without the store."""
        store.down = ALL
        auth = OAuth2ClientCredentialsAuth(client, store=store)
        assert call(auth) == call(auth)
        assert server.count("token") == 1

    @pytest.mark.parametrize("part", ["get", "lock"])
    def test_refreshing_is_not(self, of_alice, token, store, call, now, server, part):
        """A refresh token is not spent without the store: the error says so, and nothing is sent."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.down = {part}
        with pytest.raises(TokenStoreUnavailable):
            call(auth)
        assert server.count("token") == 0
        assert server.count("api") == 1
        store.down = set()
        assert call(auth) == call(of_alice())

    def test_valid_tokens_are_used(self, of_alice, token, store, call, now, server):
        """A token that is valid is used, also when it cannot be stored or renewed for now."""
        store.down = ALL
        auth = of_alice(token)
        assert call(auth) == call(auth) == str(token)
        store.down = set()
        auth = of_alice(token)
        call(auth)
        store.down = ALL
        now.shift(3590)
        assert call(auth) == str(token)

    def test_a_dead_store_is_left_in_peace(self, of_alice, token, store, call):
        """While it has a valid token, a handler does not wait for a dead store at each call."""
        store.down = ALL
        auth = of_alice(token)
        for _ in range(20):
            call(auth)
        assert len(store.log) <= 3 * (refusals_room.FREE_FAILURES + 1)

    def test_not_stored(self, of_alice, token, store, call, now, server):
        """A rotated refresh token that could not be stored is kept, and stored before its token is used."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.down = {"put"}
        for _ in range(2):
            with pytest.raises(TokenNotStored, match="kept in memory") as raised:
                call(auth)
            assert isinstance(raised.value.__cause__, TokenStoreUnavailable)
            assert auth.token is token
        assert server.count("token") == 1
        store.down = set()
        assert call(auth) == call(of_alice()) != str(token)
        assert server.count("token") == 1
        assert server.reuse_alarms == 0

    @pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, OSError])
    def test_interrupted_while_storing(self, of_alice, token, store, call, now, server, fault):
        """A store that is interrupted, or raises what no store should, costs no token: none is spent twice."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.before_put = lambda: (_ for _ in ()).throw(fault)
        for _ in range(2):
            with pytest.raises(fault):
                call(auth)
        store.before_put = lambda: None
        assert call(auth) == call(of_alice()) != str(token)
        assert server.count("token") == 1
        assert server.reuse_alarms == 0

    def test_interrupted_while_looking(self, of_alice, token, store, call, now, server):
        """A token that could not be stored is kept until the store has told whether it has it."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.before_put = lambda: (_ for _ in ()).throw(OSError)
        with pytest.raises(OSError):
            call(auth)
        store.put = lambda *_, **__: store.down.add("get")
        with pytest.raises(TokenStoreUnavailable):
            call(auth)
        store.before_put, store.down = (lambda: None), set()
        del store.put
        assert call(auth) == call(of_alice()) != str(token)
        assert server.count("token") == 1

    def test_not_stored_and_overtaken(self, of_alice, token, store, call, now, server):
        """When somebody logged in again meanwhile, that token wins."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.down = {"put"}
        with pytest.raises(TokenNotStored):
            call(auth)
        store.down = set()
        login = of_alice()
        login.token = BearerToken(**server.issue_token("client_id", user="alice"))
        call(login)
        assert call(auth) == str(login.token)

    def test_answer_of_the_store_lost(self, of_alice, token, store, call, now, server):
        """A store that took the token, and failed to say so, has it: it is found there."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        put = store.put

        def put_and_fail(key, value, *, replacing):
            put(key, value, replacing=replacing)
            msg = "the answer was lost"
            raise TokenStoreUnavailable(msg)

        store.put = put_and_fail
        with pytest.raises(TokenNotStored):
            call(auth)
        store.put = put
        assert call(auth) == call(of_alice())
        assert server.count("token") == 1

    @pytest.mark.parametrize("grant", ["client", "user"])
    def test_lock_that_cannot_be_released(self, client, of_alice, token, store, call, now, server, grant):
        """A lock that cannot be given back costs nothing: the token is there."""
        auth = of_alice(token) if grant == "user" else OAuth2ClientCredentialsAuth(client, store=store)
        store.down = {"unlock"}
        call(auth)
        now.shift(3601)
        assert call(auth) != str(token)
        assert server.count("token") == (1 if grant == "user" else 2)

    def test_forgetting(self, of_alice, token, store):
        """A store that did not forget is told."""
        store.down = ALL
        with pytest.raises(TokenStoreUnavailable):
            of_alice(token).forget_token()


class TestOwnRenewal:
    def make(self, client, store, renew, **kwargs):
        class Own(OAuth2AccessTokenAuth):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.renewals = 0

            def renew_token(self):
                self.renewals += 1
                renew(self)

        return Own(client, None, store=store, store_key="alice", **kwargs)

    def test_attributes(self, client, store, call, now):
        """A subclass that renews by other means keeps what it noted, and its token is stored."""
        renew = lambda auth: setattr(auth, "token", client.client_credentials())  # noqa: E731 - short
        auth = self.make(client, store, renew)
        assert call(auth) == call(self.make(client, store, renew))
        assert auth.renewals == 1
        now.shift(3601)
        call(auth)
        assert auth.renewals == 2

    def test_sees_the_stored_token(self, client, store, of_alice, token, call, now):
        """It sees the stored token, whatever the handler had."""
        call(of_alice(token))
        now.shift(3601)
        seen = []

        def renew(auth):
            seen.append(auth.token)
            auth.token = client.refresh_token(auth.token)

        call(self.make(client, store, renew))
        assert seen == [token]

    def test_failure_after_renewal(self, client, store, call, now):
        """A token that was obtained before something else failed is stored all the same."""

        def renew(auth):
            auth.token = client.client_credentials()
            raise ZeroDivisionError

        auth = self.make(client, store, renew)
        with pytest.raises(ZeroDivisionError):
            call(auth)
        assert call(auth) == call(self.make(client, store, renew))
        assert auth.renewals == 1

    def test_subclasses_that_attrs_decorates(self, client, token):
        """Handlers of a subclass under `attrs.define(init=False)` are equal when their attributes are."""

        @define(init=False)
        class Mine(OAuth2AccessTokenAuth):
            pass

        assert Mine(client, token) == Mine(client, token)
        assert Mine(client, token) != Mine(client, "other")

    def test_copies(self, client, token):
        """A copy has all attributes, and a state of its own."""
        auth = self.make(client, None, lambda _: None)
        auth.renewals = 5
        auth.token = token
        copied = copy.copy(auth)
        assert copied.renewals == 5
        assert copied == auth
        assert copied._state is not auth._state
        assert copied._listener._auth is copied


class TestRefusals:
    @pytest.fixture
    def clock(self, monkeypatch):
        """The clock of pauses; without jitter."""

        class Clock:
            now = 1000.0

            def __call__(self):
                return self.now

        clock = Clock()
        monkeypatch.setattr(refusals_room, "monotonic", clock)
        monkeypatch.setattr(refusals_room, "uniform", lambda low, high: (low + high) / 2 if low < 1 else low)
        return clock

    def failing(self, call, auth, error):
        with pytest.raises(error) as raised:
            call(auth)
        return str(raised.value)

    @pytest.mark.parametrize(("code", "error"), [("invalid_grant", InvalidGrant), ("invalid_client", InvalidClient)])
    def test_remembered(self, client, call, server, clock, code, error, events):
        """A refusal is remembered for 5 s, then 10 s, up to 5 minutes; the server is asked once each time."""
        auth = OAuth2ClientCredentialsAuth(client)
        server.misbehave("token", lambda _: Response.json({"error": code}, 400), times=None)
        for asked, pause in enumerate([5, 10, 20, 40, 80, 160, 300, 300], start=1):
            assert "remembered" not in self.failing(call, auth, error)
            clock.now += pause - 0.1
            assert f"{1} s" in self.failing(call, auth, error)
            assert server.count("token") == asked
            clock.now += 0.2
        assert names(events) == ["renewal_failed"] * 8
        server.behave()
        assert call(auth)

    def test_evidence(self, client, call, server, clock):
        """A remembered refusal is an error of its own, with the evidence of the first."""
        auth = OAuth2ClientCredentialsAuth(client)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_client"}, 401))
        with pytest.raises(InvalidClient) as first:
            call(auth)
        with pytest.raises(InvalidClient) as second:
            call(auth)
        assert second.value is not first.value
        assert second.value.__cause__ is first.value
        assert (second.value.error, second.value.response.status_code) == ("invalid_client", 401)
        assert "not asked again for 5 s" in str(second.value)
        assert pickle.loads(pickle.dumps(second.value)).error == "invalid_client"

    @pytest.mark.parametrize("change", ["set", "forget", "stored"])
    def test_cleared(self, of_alice, token, call, server, clock, now, change):
        """Another token, set or stored, ends the pause; so does forgetting the refused one."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_grant"}, 400))
        self.failing(call, auth, InvalidGrant)
        newer = BearerToken(**server.issue_token("client_id", user="alice"))
        if change == "set":
            auth.token = newer
        elif change == "stored":
            login = of_alice()
            login.token = newer
            call(login)
        else:
            auth.forget_token()
            self.failing(call, auth, NonRenewableTokenError)
            return
        assert call(auth) == str(newer)

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(("asked", "pause"), [("7", 7), ("100000", 3600), (None, None)])
    def test_retry_after(self, client, call, server, clock, status, asked, pause):
        """`Retry-After` is obeyed, up to an hour."""
        auth = OAuth2ClientCredentialsAuth(client)
        headers = {} if asked is None else {"Retry-After": asked}
        server.misbehave("token", status=status, headers=headers)
        self.failing(call, auth, InvalidTokenResponse)
        if pause is not None:
            clock.now += pause - 1
            self.failing(call, auth, InvalidTokenResponse)
            assert server.count("token") == 1
            clock.now += 2
        assert call(auth)

    def test_outage(self, client, call, server, clock):
        """A server that is down is asked twice more at once, then in growing intervals, up to a minute."""
        auth = OAuth2ClientCredentialsAuth(client)
        server.misbehave("token", status=500, times=None)
        for _ in range(3):
            assert "remembered" not in self.failing(call, auth, InvalidTokenResponse)
        for asked, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=3):
            clock.now += pause - 0.1
            assert "remembered" in self.failing(call, auth, InvalidTokenResponse)
            assert server.count("token") == asked
            clock.now += 0.2
            self.failing(call, auth, InvalidTokenResponse)
        server.behave()
        clock.now += 61
        assert call(auth)

    def test_unreachable(self, token, clock):
        """The same holds for a server that cannot be reached."""
        client = OAuth2Client("http://127.0.0.1:9/token", ("client_id", "secret"))
        auth = OAuth2ClientCredentialsAuth(client)
        prepared = requests.Request("GET", "http://127.0.0.1:9/").prepare()
        texts = []
        for _ in range(4):
            with pytest.raises(ConnectionFailed) as raised:
                auth(prepared)
            texts.append("remembered" in str(raised.value))
        assert texts == [False, False, False, True]

    def test_steps_of_the_clock(self, client, call, server, now):
        """A pause does not depend on the time of day."""
        auth = OAuth2ClientCredentialsAuth(client)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_client"}, 401))
        self.failing(call, auth, InvalidClient)
        now.shift(1_000_000)
        self.failing(call, auth, InvalidClient)
        assert server.count("token") == 1

    def test_jitter(self):
        """Pauses differ by up to a quarter: a fleet does not come back as one."""
        lefts = []
        for _ in range(200):
            pause = refusals_room.Pause()
            pause.begin((100.0, 1000.0))
            lefts.append(pause.left)
        assert 74 < min(lefts) < 85
        assert 115 < max(lefts) <= 125

    def test_own_errors_are_not_remembered(self, of_alice, token, store, call, now):
        """What is wrong with the store is no refusal of the server."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        store.down = ALL
        with pytest.raises(TokenStoreUnavailable):
            call(auth)
        store.down = set()
        assert call(auth)


class TestSharedRefusals:
    """Those who share a store share the failures, too."""

    @pytest.fixture
    def refused(self, of_alice, token, call, server, now):
        """Two handlers, as in two processes; the first was refused."""
        one, two = of_alice(token), of_alice()
        call(one)
        call(two)
        now.shift(7300)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_grant"}, 400), times=None)
        with pytest.raises(InvalidGrant, match=r"^https://as\.local/token answered 400"):
            call(one)
        return one, two

    def test_one_asks(self, refused, call, server):
        """A refusal is known to all: the others raise the same error without asking."""
        for _ in range(2):
            with pytest.raises(InvalidGrant, match=r"Another holder .* answered 400 .* not asked again") as raised:
                call(refused[1])
            assert (raised.value.error, raised.value.response) == ("invalid_grant", None)
        assert server.count("token") == 1

    def test_outages(self, client, store, call, server):
        """So is an outage; each further request is one of the fleet."""
        auths = [OAuth2ClientCredentialsAuth(client, store=store) for _ in range(10)]
        server.misbehave("token", status=500, times=None)
        for auth in auths:
            with pytest.raises(InvalidTokenResponse):
                call(auth)
        assert server.count("token") == refusals_room.FREE_FAILURES + 1

    def test_over(self, refused, of_alice, call, server):
        """A new login ends it for all."""
        server.behave()
        login = of_alice()
        login.token = BearerToken(**server.issue_token("client_id", user="alice"))
        assert call(login) == call(refused[0]) == call(refused[1])

    def test_forgotten(self, refused, store):
        """Nothing is left of a token that is forgotten."""
        assert len(store._texts) == 2
        refused[0].forget_token()
        assert store._texts == {}

    def test_no_secrets(self, refused, store, token):
        """A note is not secret, so that a store may show it."""
        (note,) = (text for key, text in store._texts.items() if key.endswith(".refusal"))
        assert "invalid_grant" in note
        assert token.refresh_token not in note
        assert "client_secret" not in note

    @pytest.mark.parametrize(
        ("skew", "asked"),
        [(-3600, False), (-1, False), (3, False), (100, True)],
        ids=["hour", "behind", "ahead", "over"],
    )
    def test_other_clocks(self, refused, call, server, now, skew, asked):
        """A clock that differs makes the pause shorter, but never longer than it was."""
        now.shift(skew)
        auth = refused[1]
        auth.token = None
        auth._state.given = False
        with pytest.raises(InvalidGrant):
            call(auth)
        assert (server.count("token") == 2) is asked
        assert auth._state.refusals._pause.left <= 300

    @pytest.mark.parametrize(
        "change",
        [
            {"about": None},
            {"seconds": "NaN"},
            {"seconds": "x"},
            {"failures": None},
            {"at": []},
            {"failures": float("inf")},
            None,
        ],
        ids=str,
    )
    def test_odd_notes(self, refused, store, call, server, change):
        """A note that cannot be read, or is about another token, says nothing."""
        (key,) = (key for key in store._texts if key.endswith(".refusal"))
        store._texts[key] = "no note" if change is None else json.dumps({**json.loads(store._texts[key]), **change})
        with pytest.raises(InvalidGrant):
            call(refused[1])
        assert server.count("token") == 2

    @pytest.mark.parametrize(
        ("name", "code", "error"),
        [("Mine", "mine", EndpointError), ("Mine", None, TransportError), ("requests", None, TransportError)],
    )
    def test_unknown_classes(self, refused, store, call, name, code, error):
        """An error of a class that only the other program has is told by its kind."""
        (key,) = (key for key in store._texts if key.endswith(".refusal"))
        store._texts[key] = json.dumps({**json.loads(store._texts[key]), "class": name, "error": code})
        with pytest.raises(error) as raised:
            call(refused[1])
        assert type(raised.value) is error

    def test_notes_that_cannot_be_kept(self, of_alice, token, store, call, now, server):
        """A store that fails to keep a note changes nothing."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_grant"}, 400))
        store.down = {"put"}
        with pytest.raises(InvalidGrant):
            call(auth)


class TestRefused:
    """The API answers 401."""

    @pytest.fixture
    def auth(self, client):
        return OAuth2ClientCredentialsAuth(client)

    def revoke(self, server):
        server.access_tokens.clear()

    def test_renewed_once(self, auth, client, server, api, call):
        """A token that the API calls invalid is renewed, and the call repeated with the new one."""
        first = call(auth)
        self.revoke(server)
        response = client.session.post(api.url, auth=auth, data="content", headers={"X-Own": "1"})
        assert response.status_code == 200
        assert response.json()["body"] == "content"
        assert [past.status_code for past in response.history] == [401]
        assert response.request.headers["X-Own"] == "1"
        assert response.request.headers["Authorization"] == f"Bearer {auth.token}" != f"Bearer {first}"
        assert (server.count("token"), server.count("api")) == (2, 3)

    def test_switched_off(self, client, server, api):
        """A switch turns it off."""
        auth = OAuth2ClientCredentialsAuth(client, renew_on_401=False)
        client.session.get(api.url, auth=auth)
        self.revoke(server)
        assert client.session.get(api.url, auth=auth).status_code == 401
        assert server.count("token") == 1

    @pytest.mark.parametrize(
        ("status", "challenge"),
        [
            (403, 'Bearer error="invalid_token"'),
            (403, 'Bearer error="insufficient_scope"'),
            (401, 'Bearer error="insufficient_scope"'),
            (401, 'Bearer realm="api"'),
            (401, 'Basic realm="invalid_token"'),
            (401, None),
            (500, 'Bearer error="invalid_token"'),
            (200, 'Bearer error="invalid_token"'),
        ],
    )
    def test_other_refusals(self, auth, client, server, api, call, status, challenge):
        """Nothing else is a reason to renew: not 403, nor a 401 that does not say that the token is invalid."""
        call(auth)
        headers = {} if challenge is None else {"WWW-Authenticate": challenge}
        server.misbehave("api", status=status, body="no", headers=headers)
        response = client.session.get(api.url, auth=auth)
        assert (response.status_code, response.history) == (status, [])
        assert server.count("token") == 1

    def test_no_loop(self, auth, client, server, api, call):
        """An API that refuses every token costs one renewal, and no more for a while; another API is not concerned."""
        other = server.protect("https://other.local/", name="other")
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        server.misbehave("api", status=401, headers=challenge, times=None)
        for _ in range(5):
            assert client.session.get(api.url, auth=auth).status_code == 401
        assert server.count("token") == 2
        assert server.count("api") == 6
        self.revoke(server)
        assert client.session.get(other.url, auth=auth).status_code == 200
        assert server.count("token") == 3

    def test_many_apis(self, auth):
        """The memory of APIs that refuse every token has a bound."""
        for number in range(250):
            auth._trust(f"https://api{number}.local", helped=False)
        assert len(auth._state.distrusted) <= 100

    def test_renewed_by_another(self, auth, client, server, api, call):
        """A call whose token another thread renewed meanwhile is repeated with that one, at no cost."""
        call(auth)

        def meanwhile(request):
            auth.renew_token()
            self_revoked = server.access_tokens.pop(request.headers["Authorization"].partition(" ")[2])
            assert self_revoked
            return request.proceed()

        server.misbehave("api", meanwhile)
        assert call(auth) == str(auth.token)
        assert server.count("token") == 2

    def test_shared(self, of_alice, token, client, server, call, api):
        """With a store, the first handler renews, the others find its token."""
        one, two = of_alice(token), of_alice()
        call(one)
        call(two)
        server.access_tokens.clear()
        assert call(one) == call(two)
        assert server.count("token") == 1
        assert server.reuse_alarms == 0

    @pytest.mark.parametrize("body", ["text", "file", "generator"])
    def test_bodies(self, auth, client, server, api, call, body):
        """A body that can be read again is sent again; for a stream the refusal is the answer, and the token renewed."""
        first = call(auth)
        self.revoke(server)
        file = io.BytesIO(b"--content")
        file.seek(2)
        data = {"text": "content", "file": file, "generator": (part for part in [b"con", b"tent"])}[body]
        response = client.session.post(api.url, auth=auth, data=data)
        if body == "generator":
            assert response.status_code == 401
            assert "invalid_token" in response.headers["WWW-Authenticate"]
            assert str(auth.token) != first
        else:
            assert response.json()["body"] == "content"
        assert server.count("token") == 2

    def test_cookies(self, auth, client, server, api, call):
        """Cookies that came with the refusal go with the second attempt."""
        call(auth)
        self.revoke(server)

        def with_cookie(request):
            return request.proceed().with_headers(("Set-Cookie", "session=1; Path=/"))

        server.misbehave("api", with_cookie)
        assert client.session.get(api.url, auth=auth).status_code == 200
        assert server.last("api").headers["Cookie"] == "session=1"

    def test_hooks(self, auth, client, server, api, call):
        """Hooks of the caller see the final answer once."""
        call(auth)
        self.revoke(server)
        seen = []
        hooks = {"response": lambda response, **_: seen.append(response.status_code)}
        client.session.get(api.url, auth=auth, hooks=hooks)
        assert seen[-1] == 200
        assert seen.count(200) == 1

    def test_other_credentials(self, auth, client, server, api, call):
        """A refusal of credentials that are not ours is none of our business: our token is not sent there."""
        call(auth)
        self.revoke(server)
        prepared = client.session.prepare_request(requests.Request("GET", api.url, auth=auth))
        prepared.headers["Authorization"] = "Bearer of-somebody-else"
        assert client.session.send(prepared).status_code == 401
        assert server.last("api").headers["Authorization"] == "Bearer of-somebody-else"
        del prepared.headers["Authorization"]
        assert client.session.send(prepared).status_code == 401
        assert server.count("token") == 1

    def test_failing_renewal(self, auth, client, server, api, call, events):
        """When the renewal fails, the refusal is the answer, and the failure is told."""
        call(auth)
        self.revoke(server)
        server.misbehave("token", status=500)
        assert client.session.get(api.url, auth=auth).status_code == 401
        assert names(events)[-1] == "renewal_failed"

    def test_no_refresh_token(self, client, server, api, call):
        """A token that cannot be renewed is refused as it is."""
        text = server.issue_token("client_id", user="alice")["access_token"]
        auth = OAuth2AccessTokenAuth(client, text)
        server.access_tokens.clear()
        assert client.session.get(api.url, auth=auth).status_code == 401
        assert (server.count("token"), server.count("api")) == (0, 1)

    def test_unknown_transport(self, auth, client, server, api, call):
        """An answer whose transport cannot be asked again is given as it is; the next call has the new token."""
        first = call(auth)

        class Odd(BaseAdapter):
            def send(self, request, **_):
                response = requests.Response()
                response.status_code, response.request, response.url = 401, request, request.url
                response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
                response._content = b""
                return response

            def close(self):
                """There is nothing to close."""

        session = requests.Session()
        session.mount("https://", Odd())
        assert session.get(api.url, auth=auth).status_code == 401
        assert call(auth) != first

    def test_dpop(self, client, server, api):
        """A DPoP token is renewed with a fresh proof, and a nonce that the API asks for meanwhile is given."""
        server.dpop_nonce_rs = True
        auth = OAuth2ClientCredentialsAuth(client, dpop=True)
        assert client.session.get(api.url, auth=auth).status_code == 200
        self.revoke(server)
        server.rotate_dpop_nonces()
        response = client.session.get(api.url, auth=auth)
        assert response.status_code == 200
        assert server.count("token") == 2

    def test_redirect(self, auth, client, server, api, call):
        """A refusal after a redirect within the API is answered too."""
        call(auth)
        self.revoke(server)
        server.misbehave("api", status=307, headers={"Location": f"{api.url}there"})
        response = client.session.get(api.url, auth=auth)
        assert response.status_code == 200
        assert response.json()["path"].endswith("there")
        assert server.count("token") == 2

    def test_pickled_request(self, auth, client, server, api, call):
        """The hook goes into no pickle: a request that was pickled holds no handler."""
        prepared = client.session.prepare_request(requests.Request("GET", api.url, auth=auth))
        again = pickle.loads(pickle.dumps(prepared))
        self.revoke(server)
        assert client.session.send(again).status_code == 401


class TestAhead:
    def test_in_background(self, client, server, call, now, events):
        """Another thread renews; meanwhile the old token is used."""
        auth = OAuth2ClientCredentialsAuth(client, renew_in_background=True)
        first = call(auth)
        now.shift(3590)
        asked, may_answer = threading.Event(), threading.Event()

        def slow(request):
            asked.set()
            assert may_answer.wait(10)
            return request.proceed()

        server.misbehave("token", slow)
        assert call(auth) == first
        assert asked.wait(10)
        assert call(auth) == first
        may_answer.set()
        deadline = time.monotonic() + 10
        while str(auth.token) == first and time.monotonic() < deadline:
            time.sleep(0.005)
        assert call(auth) != first
        assert server.count("token") == 2

    def test_in_background_when_expired(self, client, server, call, now):
        """An expired token is renewed at once: there is nothing else to use."""
        auth = OAuth2ClientCredentialsAuth(client, renew_in_background=True)
        first = call(auth)
        now.shift(3601)
        assert call(auth) != first

    def test_failure_in_background(self, client, server, call, now, events):
        """The old token stays in use while it is valid, and the server is not asked at every call."""
        auth = OAuth2ClientCredentialsAuth(client, renew_in_background=True)
        first = call(auth)
        now.shift(3590)
        server.misbehave("token", status=500, times=None)
        for _ in range(10):
            assert call(auth) == first
            time.sleep(0.01)
        assert 1 <= names(events).count("renewal_failed") <= refusals_room.FREE_FAILURES + 1
        now.shift(11)
        server.behave()

    def test_no_more_threads(self, client, server, call, now, monkeypatch):
        """When no thread can be started, the token is used until it expires."""
        auth = OAuth2ClientCredentialsAuth(client, renew_in_background=True)
        first = call(auth)
        now.shift(3590)

        def fail(*args, **kwargs):
            msg = "can't start new thread"
            raise RuntimeError(msg)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            assert call(auth) == first
        assert server.count("token") == 1

    @pytest.mark.parametrize("lifetime", [2, 10, 20])
    @pytest.mark.parametrize("stored", [False, True])
    def test_short_lives(self, client, server, call, now, lifetime, stored, store):
        """A token whose life is not longer than the leeway is renewed in the middle of it, not at every call."""
        server.access_token_lifetime = lifetime
        auths = [OAuth2ClientCredentialsAuth(client, store=store if stored else None, leeway=20) for _ in range(2)]
        auths = auths if stored else auths[:1]
        first = {call(auth) for auth in auths for _ in range(3)}
        now.shift(lifetime / 2 - 0.1)
        assert {call(auth) for auth in auths} == first
        assert server.count("token") == 1
        now.shift(0.2)
        assert {call(auth) for auth in auths for _ in range(3)} != first
        assert server.count("token") == 2

    def test_leeway_of_given_tokens(self, client, server, call):
        """A token of unknown lifetime is renewed within the leeway."""
        given = client.client_credentials().replace(expires_in=10)
        auth = OAuth2ClientCredentialsAuth(client, token=given)
        assert call(auth) != str(given)


class TestFork:
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_while_locks_are_held(self, client, server, call, store, now, monkeypatch):
        """A child that is forked while a thread renews, and holds all locks, renews by itself, on its own connections."""
        auth = OAuth2ClientCredentialsAuth(client, store=store)
        asked, may_answer = threading.Event(), threading.Event()

        def slow(request):
            asked.set()
            assert may_answer.wait(10)
            return request.proceed()

        server.misbehave("token", slow)
        leader = threading.Thread(target=call, args=(auth,))
        leader.start()
        assert asked.wait(10)
        closed = []
        monkeypatch.setattr(client.session, "close", lambda: closed.append(os.getpid()))
        child = os.fork()
        if child == 0:
            try:
                threading.Timer(10, os._exit, (3,)).start()
                os._exit(0 if call(auth) and closed == [os.getpid()] else 1)
            finally:
                os._exit(2)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        may_answer.set()
        leader.join(10)
        assert code == 0
        assert closed == []
        assert auth.token is not None


def test_every_failure_is_ours(of_alice, token, store, now, call):
    """Whatever the store does, the caller meets an error of this library."""
    for part in sorted(ALL):
        auth = of_alice(token)
        now.shift(3601)
        store.down = {part}
        try:
            call(auth)
        except OAuth2Error:
            continue
        finally:
            store.down = set()
