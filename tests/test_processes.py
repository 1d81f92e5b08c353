"""Eight processes of eight threads on one store, against a server that rotates refresh tokens and notices their reuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from requests_oauth2client import OAuth2AccessTokenAuth, OAuth2Client
from requests_oauth2client.testing import AuthorizationServer

from .fleet_worker import open_client, open_store
from .redis_server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests_oauth2client.testing import ProtectedApi

PROCESSES = 8
EXPIRIES = 100
"""Expiries in a row."""

LIFETIME = 3600

pytestmark = [
    pytest.mark.xdist_group("fleet"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked and killed"),
]


class Process:
    """A worker, and the pipes to it."""

    def __init__(self) -> None:
        root = Path(__file__).parents[1]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fleet_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def tell(self, do: str, **arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "a worker died"
        return json.loads(line)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.tell(do, **arguments)
        return self.hear()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Fleet:
    """All workers, their server and its API."""

    def __init__(self, processes: list[Process]) -> None:
        self.processes = processes
        self.server = AuthorizationServer("https://as.local", access_token_lifetime=LIFETIME)
        self.server.add_client("fleet", client_secret="secret")
        self.server.add_user("alice", password="wonderland")
        self.api: ProtectedApi = self.server.protect("https://api.local/")
        self.store: list[str] = []

    def all(self, do: str, **arguments: Any) -> list[dict[str, Any]]:
        for process in self.processes:
            process.tell(do, **arguments)
        return [process.hear() for process in self.processes]

    def use(self, key: str | None, **options: Any) -> None:
        endpoint = self.server.endpoint("token")
        self.all("use", store=self.store, token_endpoint=endpoint, api=self.api.url, key=key, **options)

    def client(self) -> OAuth2Client:
        return open_client(self.server.endpoint("token"))

    def log_in(self, key: str) -> None:
        """Store the token of a user."""
        with self.client().session as session:
            client = OAuth2Client(self.server.endpoint("token"), ("fleet", "secret"), session=session)
            token = client.resource_owner_password("alice", "wonderland")
            store = open_store(*self.store)
            auth = OAuth2AccessTokenAuth(client, None, store=store, store_key=key)
            auth.token = token
            assert session.get(self.api.url, auth=auth).status_code == 200
            getattr(store, "close", getattr(getattr(store, "_client", None), "close", lambda: None))()

    def expire(self) -> None:
        """Let the current access token expire, for the server and in the eyes of all workers."""
        self.server.clock.advance(LIFETIME + 1)
        self.all("shift", seconds=LIFETIME + 1)

    def call(self, **arguments: Any) -> set[str]:
        """Call from all threads of all workers; return the different answers."""
        return {answer for process in self.all("call", **arguments) for answer in process["answers"]}


@pytest.fixture(scope="module")
def processes() -> Iterator[list[Process]]:
    started = [Process() for _ in range(PROCESSES)]
    yield started
    for process in started:
        process.end()


@pytest.fixture(scope="module")
def fleet_of(processes: list[Process]) -> Iterator[Fleet]:
    fleet = Fleet(processes)
    with fleet.server.serve():
        yield fleet


@pytest.fixture(params=["file", "sqlite", pytest.param("redis", marks=pytest.mark.servers)])
def fleet(request: pytest.FixtureRequest, fleet_of: Fleet, tmp_path: Path) -> Iterator[Fleet]:
    """The fleet with each store in turn."""
    fleet_of.server.reuse_alarms = 0
    if request.param == "redis":
        (tmp_path / "redis").mkdir()
        with running(tmp_path / "redis") as redis:
            fleet_of.store = ["redis", redis.url]
            yield fleet_of
        return
    fleet_of.store = [request.param, str(tmp_path / "tokens")]
    yield fleet_of


def test_cold_start(fleet: Fleet) -> None:
    """Eight processes that start at once send one token request, and all use its token."""
    before = fleet.server.count("token")
    fleet.use(None)
    answers = fleet.call()
    assert fleet.server.count("token") - before == 1
    assert len(answers) == 1
    assert answers.pop().startswith("200 Bearer ")


def test_one_renewal_for_each_expiry(fleet: Fleet) -> None:
    """At each expiry one process renews, each refresh token is spent once, and all use the same new token."""
    fleet.log_in("alice")
    fleet.use("alice")
    tokens = fleet.call()
    assert len(tokens) == 1
    for _ in range(EXPIRIES):
        before = fleet.server.count("token")
        fleet.expire()
        answers = fleet.call()
        assert fleet.server.count("token") - before == 1
        assert len(answers) == 1
        assert not answers & tokens
        tokens |= answers
    assert all(answer.startswith("200 Bearer ") for answer in tokens)
    assert fleet.server.reuse_alarms == 0


def test_revoked_token(fleet: Fleet) -> None:
    """When the API calls a token invalid that the clock calls valid, one process renews, and no call fails."""
    fleet.log_in("alice")
    fleet.use("alice")
    fleet.call()
    before = fleet.server.count("token")
    fleet.server.access_tokens.clear()
    statuses = [answer["status"] for answer in fleet.all("one_call")]
    assert statuses == [200] * PROCESSES
    assert fleet.server.count("token") - before == 1
    assert fleet.server.reuse_alarms == 0


def test_clock_steps(fleet: Fleet) -> None:
    """Clocks that step back and forth cost renewals, one for the fleet at a time, but no session and no call."""
    fleet.log_in("alice")
    fleet.use("alice")
    fleet.call()
    for step in (-10 * LIFETIME, 20 * LIFETIME, -10 * LIFETIME):
        before = fleet.server.count("token")
        fleet.all("shift", seconds=step)
        fleet.server.clock.advance(LIFETIME + 1)
        assert [answer["status"] for answer in fleet.all("one_call")] == [200] * PROCESSES
        assert fleet.server.count("token") - before == 1
        fleet.all("shift", seconds=LIFETIME + 1)
        fleet.call(through=False)
    assert fleet.server.reuse_alarms == 0


def test_fork(fleet: Fleet) -> None:
    """A child that is forked after a token was obtained uses it, renews it, and shares it with its parent."""
    fleet.log_in("alice")
    fleet.use("alice")
    parent, other = fleet.processes[:2]
    assert parent.ask("one_call") == {"status": 200}
    before = fleet.server.count("token")
    assert parent.ask("fork", die_at=None) == {"code": 0, "status": 200}
    assert fleet.server.count("token") == before
    fleet.expire()
    assert parent.ask("fork", die_at=None) == {"code": 0, "status": 200}
    assert [process.ask("one_call")["status"] for process in (parent, other)] == [200, 200]
    assert fleet.server.count("token") == before + 1
    assert fleet.server.reuse_alarms == 0


NOTHING_SPENT = ["locked", "read", "sending"]
SPENT_AND_LOST = ["answered", "renewed"]


@pytest.mark.parametrize("step", [*NOTHING_SPENT, *SPENT_AND_LOST, "stored"])
def test_killed_while_it_renews(fleet: Fleet, step: str) -> None:
    """When the process that renews is killed, the others go on; an answer that nobody could store ends the session."""
    fleet.log_in("alice")
    fleet.use("alice")
    fleet.call(through=False)
    fleet.expire()
    before = fleet.server.count("token")
    assert fleet.processes[0].ask("fork", die_at=step) == {"code": -9}
    survivors = {json.dumps(process.ask("one_call")) for process in fleet.processes[:3]}
    if step in SPENT_AND_LOST:
        assert survivors == {'{"error": "InvalidGrant"}'}
        assert {json.dumps(process.ask("one_call")) for process in fleet.processes[:3]} == survivors
        assert fleet.server.reuse_alarms == 1  # one asks, and all know the answer
        fleet.log_in("alice")  # the error says so: another login is what helps
        assert fleet.processes[1].ask("one_call") == {"status": 200}
    else:
        assert survivors == {'{"status": 200}'}
        assert fleet.server.reuse_alarms == 0
        assert fleet.server.count("token") - before == 1


@pytest.mark.parametrize("fleet", ["file"], indirect=True)
def test_killed_while_it_writes(fleet: Fleet) -> None:
    """A process that is killed between two writes to the disk leaves the old token, and nothing that disturbs."""
    fleet.log_in("alice")
    fleet.use("alice")
    fleet.expire()
    assert fleet.processes[0].ask("fork", die_at="replacing") == {"code": -9}
    assert fleet.processes[1].ask("one_call") == {"error": "InvalidGrant"}
    fleet.log_in("alice")
    assert fleet.processes[1].ask("one_call") == {"status": 200}


@pytest.mark.parametrize("step", ["locked", "sending", "answered", "renewed", "stored"])
def test_killed_while_it_asks_for_itself(fleet: Fleet, step: str) -> None:
    """A fleet that gets tokens in its own name goes on, wherever the process that renews is killed."""
    fleet.use(None)
    fleet.call(through=False)
    fleet.expire()
    assert fleet.processes[0].ask("fork", die_at=step) == {"code": -9}
    assert {json.dumps(process.ask("one_call")) for process in fleet.processes[:3]} == {'{"status": 200}'}
