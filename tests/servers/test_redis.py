"""A token store in a real Redis server, which is killed in the middle."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
import redis as redis_package

from requests_oauth2client import (
    BearerToken,
    CorruptTokenStore,
    OAuth2AccessTokenAuth,
    OAuth2ClientCredentialsAuth,
    RedisTokenStore,
    TokenNotStored,
    TokenStoreUnavailable,
)

from ..redis_server import RedisServer, running  # noqa: TID252 - tests are files, not an installed package

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("redis")]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server that is up, also when the test before killed it."""
    if redis_server._process is None:
        redis_server.start()
    yield redis_server
    if redis_server._process is None:
        redis_server.start()


@pytest.fixture
def make(redis: RedisServer, request: pytest.FixtureRequest):
    """Make stores of the same tokens, as several machines would."""
    made = []

    def make(**options):
        client = redis_package.Redis.from_url(redis.url, socket_timeout=1, socket_connect_timeout=1)
        made.append(client)
        return RedisTokenStore(client, prefix=f"{request.node.name}:", **{"lease": 0.3, "lock_timeout": 2, **options})

    yield make
    for client in made:
        client.close()


@pytest.fixture
def token(server, now):
    return BearerToken(**server.issue_token("client_id", user="alice"))


@pytest.fixture
def of_alice(client, make):
    return lambda token=None: OAuth2AccessTokenAuth(client, token, store=make(), store_key="alice")


@pytest.fixture
def call(client, api):
    def call(auth):
        response = client.session.get(api.url, auth=auth)
        response.raise_for_status()
        return response.request.headers["Authorization"].removeprefix("Bearer ")

    return call


def test_url(redis):
    """The URL of the server is enough."""
    store = RedisTokenStore(redis.url, prefix="url:")
    assert store.put("key", "text", replacing=None)
    assert store.get("key") == "text"
    assert "127.0.0.1" not in repr(store)
    store._client.close()


def test_a_long_renewal_keeps_its_lock(make):
    """A holder extends its lease while it works: nobody else comes in."""
    one, two = make(), make(lock_timeout=0.2)
    with one.lock("key"):
        time.sleep(1)
        with pytest.raises(TokenStoreUnavailable), two.lock("key"):
            pytest.fail("two holders")
    with two.lock("key"):
        """It is free at once."""


def test_a_dead_holder(make, monkeypatch):
    """The lock of a holder that died is free after its lease."""
    dead, other = make(), make()
    monkeypatch.setattr(dead, "_extend", lambda *_: None)
    lock = dead.lock("key")
    lock.__enter__()
    started = time.monotonic()
    with other.lock("key"):
        assert 0.1 < time.monotonic() - started < 1.5


def test_a_holder_that_outlives_its_lease(make, monkeypatch):
    """A holder that was stopped for longer than its lease cannot overwrite what the next one stored, nor free its lock."""
    stopped, other = make(), make()
    stopped.put("key", "old", replacing=None)
    monkeypatch.setattr(stopped, "_extend", lambda *_: None)
    with stopped.lock("key"):
        read = stopped.get("key")
        time.sleep(0.4)
        with other.lock("key"):
            assert other.put("key", "new", replacing=other.get("key"))
            assert stopped.put("key", "late", replacing=read) is False
    with other.lock("key"), pytest.raises(TokenStoreUnavailable):  # noqa: SIM117 - the inner one waits for the outer one
        with make(lock_timeout=0.1).lock("key"):
            pytest.fail("two holders")
    assert other.get("key") == "new"


def test_lost_answers(make):
    """A command whose answer was lost may be sent again: it has the same effect and answer."""
    store = make()
    for _ in range(2):
        assert store.put("key", "1", replacing=None)
    for _ in range(2):
        assert store.put("key", "2", replacing="1")
    store._take("lock", "me")
    store._take("lock", "me")


def test_keep(make):
    """Tokens that nobody renews are dropped, if that is wished."""
    store = make(keep=0.2)
    store.put("key", "text", replacing=None)
    assert store.get("key") == "text"
    time.sleep(0.3)
    assert store.get("key") is None


@pytest.mark.parametrize("foreign", ["list", "binary"])
def test_foreign_values(make, foreign):
    """What somebody else wrote there is told, and left as it is."""
    store = make()
    name = f"{store.prefix}key"
    if foreign == "list":
        store._client.rpush(name, "x")
    else:
        store._client.set(name, b"\xff")
    with pytest.raises(CorruptTokenStore):
        store.get("key")
    assert store._client.exists(name)


def test_wrong_password(redis):
    """A server that does not let us in is told, without the password."""
    with redis_package.Redis.from_url(redis.url) as admin:
        admin.config_set("requirepass", "right")
        store = RedisTokenStore(redis.url.replace("redis://", "redis://:marked-secret@"))
        try:
            with pytest.raises(TokenStoreUnavailable) as raised:
                store.get("key")
        finally:
            admin.config_set("requirepass", "")
    assert "marked-secret" not in str(raised.value)
    assert isinstance(raised.value.__cause__, redis_package.RedisError)
    store._client.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(make):
    """A child that is forked has its own connection."""
    store = make()
    store.put("key", "1", replacing=None)
    child = os.fork()
    if child == 0:
        try:
            with store.lock("key"):
                ok = store.get("key") == "1" and store.put("key", "2", replacing="1")
            os._exit(0 if ok else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get("key") == "2"


class TestKilled:
    def test_valid_tokens(self, redis, of_alice, token, call):
        """Who has a valid token goes on without Redis; what was stored is there when it is back."""
        auth = of_alice(token)
        call(auth)
        redis.kill()
        assert call(auth) == str(token)
        redis.start()
        assert call(of_alice()) == str(token)

    def test_expired_tokens(self, redis, of_alice, token, call, now, server):
        """Without Redis no refresh token is spent; when it is back, the session goes on."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)
        redis.kill()
        with pytest.raises(TokenStoreUnavailable, match="cannot be reached"):
            call(auth)
        assert server.count("token") == 0
        redis.start()
        assert call(auth) == call(of_alice())
        assert server.reuse_alarms == 0

    def test_client_tokens(self, redis, client, make, call, server):
        """Who gets tokens in its own name does so without Redis."""
        redis.kill()
        assert call(OAuth2ClientCredentialsAuth(client, store=make()))
        assert server.count("token") == 1

    def test_while_it_renews(self, redis, of_alice, token, call, now, server):
        """A token that was renewed while Redis died is kept, and stored before its first use."""
        auth = of_alice(token)
        call(auth)
        now.shift(3601)

        def killed(request):
            redis.kill()
            return request.proceed()

        server.misbehave("token", killed)
        with pytest.raises(TokenNotStored):
            call(auth)
        assert auth.token is token
        with pytest.raises(TokenStoreUnavailable):
            call(auth)
        redis.start()
        assert call(auth) == call(of_alice()) != str(token)
        assert server.count("token") == 1
        assert server.reuse_alarms == 0

    def test_while_others_wait(self, redis, of_alice, token, call, now, server):
        """Those who wait for the lock of a server that dies are told; they find the token when it is back."""
        auth, other = of_alice(token), of_alice()
        call(auth)
        call(other)
        now.shift(3601)
        asked, outcome = threading.Event(), []

        def slow(request):
            asked.set()
            time.sleep(0.3)
            redis.kill()
            time.sleep(0.3)
            redis.start()
            return request.proceed()

        def wait():
            try:
                outcome.append(call(other))
            except TokenStoreUnavailable as exc:
                outcome.append(exc)

        server.misbehave("token", slow)
        waiting = threading.Thread(target=lambda: (asked.wait(10), wait()))
        waiting.start()
        renewed = call(auth)
        waiting.join(20)
        assert isinstance(outcome[0], TokenStoreUnavailable) or outcome == [renewed]
        assert call(other) == renewed
        assert server.reuse_alarms == 0
