"""Waiting for the user, whatever happens meanwhile. The device flow stands for all flows that poll."""

from __future__ import annotations

import copy
import pickle
import threading
from email.utils import formatdate
from time import time

import pytest
import requests
from attrs import define

from requests_oauth2client import (
    AccessDenied,
    BackChannelAuthenticationPollingJob,
    BackChannelAuthenticationPoolingJob,
    BaseTokenEndpointPollingJob,
    BaseTokenEndpointPoolingJob,
    BearerToken,
    ConnectionFailed,
    DeviceAuthorizationPollingJob,
    DeviceAuthorizationPoolingJob,
    DeviceAuthorizationResponse,
    DPoPKey,
    ExpiredToken,
    InvalidClient,
    InvalidParam,
    InvalidTokenResponse,
    OAuth2Client,
    PollingExpired,
    PollingStopped,
    ServerError,
    UnexpectedRedirect,
)
from requests_oauth2client.testing.misbehaviour import html, redirect, unavailable

PENDING = {"status": 400, "json": {"error": "authorization_pending"}}
SLOW_DOWN = {"status": 400, "json": {"error": "slow_down"}}


@pytest.fixture
def device(client, waits):
    """A device that waits for its user; the server said 5 seconds, and 600 until it is too late."""
    return client.authorize_device(scope="read")


@pytest.fixture
def job(client, device):
    """A job for that device."""
    return DeviceAuthorizationPollingJob(client, device)


def failing(error):
    def answer(request):
        raise error

    return answer


# ---------------------------------------------------------------- the interval


def test_one_call_is_one_wait_and_one_request(server, device, job, waits):
    """Each call waits first, then asks once; `None` means: not yet."""
    assert job() is None
    assert (waits, len(server.requests)) == ([5], 2)
    server.approve_device(device.user_code, "alice")
    assert isinstance(job(), BearerToken)
    assert waits == [5, 5]


def test_slow_down_lasts(server, job, waits):
    """`slow_down` makes all further waits five seconds longer (RFC 8628 §3.5)."""
    server.misbehave("token", **SLOW_DOWN)
    server.misbehave("token", **SLOW_DOWN)
    assert [job(), job(), job(), job()] == [None] * 4
    assert waits == [5, 10, 15, 15]
    assert job.interval == 15


def test_slow_down_interval(client, server, device, waits):
    """How much `slow_down` adds can be chosen."""
    server.misbehave("token", **SLOW_DOWN)
    job = DeviceAuthorizationPollingJob(client, device, slow_down_interval=7)
    job()
    assert job.interval == 12


@pytest.mark.parametrize(
    ("said", "given", "used"),
    [(None, None, 5), (None, 3, 3), (9, None, 9), (9, 3, 3), ("9", None, 9), (0, None, 0), (2.5, None, 2.5)],
)
def test_interval(client, server, said, given, used):
    """The interval is what the program says, else what the server says, else 5 seconds (RFC 8628 §3.2)."""
    server.misbehave(
        "device_authorization",
        json={"device_code": "d", "user_code": "u", "verification_uri": "https://as.local/d", "interval": said},
    )
    assert DeviceAuthorizationPollingJob(client, client.authorize_device(), interval=given).interval == used


@pytest.mark.parametrize("interval", [-1, "soon", float("nan"), float("inf"), True, 1e9, [5]])
@pytest.mark.parametrize("name", ["interval", "slow_down_interval"])
def test_unusable_interval(client, name, interval):
    """An interval that is no reasonable number of seconds is refused at once, by its name."""
    with pytest.raises(InvalidParam, match=f"`{name}`"):
        DeviceAuthorizationPollingJob(client, "code", **{name: interval})


# ---------------------------------------------------------------- what passes


@pytest.mark.parametrize(
    "plan",
    [
        {"answer": failing(requests.ConnectionError("down"))},
        {"answer": failing(requests.Timeout("slow"))},
        {"answer": failing(requests.exceptions.ChunkedEncodingError("cut"))},
        {"answer": unavailable()},
        {"answer": html(502)},
        {"status": 500, "json": {"error": "server_error"}},
        {"status": 503, "json": {"error": "temporarily_unavailable"}},
        {"status": 429, "json": {"error": "too_many_requests"}},
        {"status": 408},
    ],
    ids=lambda plan: str(plan.get("status") or plan["answer"].__qualname__),
)
def test_failures_that_pass(server, device, job, waits, plan):
    """Without a usable answer, each wait is twice as long as the last, and the device code is not lost."""
    server.approve_device(device.user_code, "alice")
    server.misbehave("token", plan.pop("answer", None), times=3, **plan)
    assert [job(), job(), job()] == [None] * 3
    assert job.last_error is not None
    assert isinstance(job(), BearerToken)
    assert waits == [5, 10, 20, 40]
    assert job.last_error is None


def test_backoff_ends_with_an_answer(server, job, waits):
    """After a failure, the first answer brings the interval back to what it was."""
    server.misbehave("token", unavailable(), times=2)
    for _ in range(4):
        job()
    assert waits == [5, 10, 20, 5]


def test_backoff_is_bounded(client, server, waits):
    """A server that is down for long is still asked every five minutes."""
    server.misbehave("token", unavailable(), times=None)
    job = DeviceAuthorizationPollingJob(client, "code")
    for _ in range(9):
        job()
    assert waits[-3:] == [300, 300, 300]


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("error", [PENDING, SLOW_DOWN, {"status": 503}], ids=["pending", "slow_down", "503"])
def test_retry_after(server, job, waits, error, as_date):
    """`Retry-After` is obeyed once, in seconds or as a date, whatever the answer (RFC 9110 §10.2.3)."""
    value = formatdate(time() + 5 + 42, usegmt=True) if as_date else "42"
    server.misbehave("token", **error, headers={"Retry-After": value})
    assert [job(), job()] == [None, None]
    assert waits == [5, 42]


@pytest.mark.parametrize("value", ["soon", "-3", "9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT", ""])
def test_unusable_retry_after(server, job, waits, value):
    """A `Retry-After` that cannot be read changes nothing."""
    server.misbehave("token", **PENDING, headers={"Retry-After": value})
    assert [job(), job()] == [None, None]
    assert waits == [5, 5]


def test_no_wait_beyond_the_expiry(server, job, waits):
    """A server that asks to be left alone for longer than the code lives is asked once more when it expires."""
    server.misbehave("token", status=503, headers={"Retry-After": "86400"})
    assert job() is None
    with pytest.raises(ExpiredToken):
        job()
    assert waits == [5, 595]


# ---------------------------------------------------------------- what ends it


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"status": 400, "json": {"error": "access_denied"}}, AccessDenied),
        ({"status": 400, "json": {"error": "expired_token"}}, ExpiredToken),
        ({"status": 401, "json": {"error": "invalid_client"}}, InvalidClient),
        ({"status": 400, "json": {"error": "server_error"}}, ServerError),
        ({"status": 200, "body": "<html>"}, InvalidTokenResponse),
        ({"answer": redirect("https://elsewhere.example/")}, UnexpectedRedirect),
        ({"answer": failing(requests.exceptions.SSLError("bad certificate"))}, ConnectionFailed),
    ],
    ids=["denied", "expired", "client", "server-error-400", "html", "redirect", "certificate"],
)
def test_what_ends_it(server, job, plan, error):
    """What will not pass by itself is raised, with its class."""
    server.misbehave("token", plan.pop("answer", None), **plan)
    with pytest.raises(error):
        job()


def test_expiry(server, job, waits, now):
    """The server says when it is too late; after that, nothing is sent any more."""
    while len(waits) < 119:
        assert job() is None
    with pytest.raises(ExpiredToken):
        job()
    sent = len(server.requests)
    now.shift(1)
    with pytest.raises(PollingExpired):
        job()
    assert (len(server.requests), len(waits)) == (sent, 120)


def test_expired_before_the_first_question(client, server, now):
    """A code that has expired meanwhile is not asked for: no wait, no request."""
    device = client.authorize_device()
    now.shift(601)
    with pytest.raises(PollingExpired, match="start the flow again"):
        DeviceAuthorizationPollingJob(client, device)()
    assert [request.endpoint for request in server.requests] == ["device_authorization"]


# ---------------------------------------------------------------- wait


def test_wait(server, device, job, waits):
    """`wait` asks until there is a token, and tells of each wait before it begins."""
    server.approve_device(device.user_code, "alice", after=2)
    told = []
    token = job.wait(on_wait=lambda waiting: told.append((waiting.next_wait, waiting.last_error)))
    assert isinstance(token, BearerToken)
    assert told == [(5, None)] * 3
    assert waits == [5, 5, 5]


def test_wait_tells_of_failures(server, device, job, waits):
    """The hook can show that the server is not reachable, and for how long it will be left alone."""
    server.approve_device(device.user_code, "alice")
    server.misbehave("token", unavailable(retry_after=30))
    told = []
    job.wait(on_wait=lambda waiting: told.append((waiting.next_wait, getattr(waiting.last_error, "response", None))))
    assert [seconds for seconds, _ in told] == [5, 30]
    assert told[1][1].status_code == 503


def test_wait_no_longer_than(server, device, job, waits):
    """A program may give up before the server does; later it may go on with the same job."""
    with pytest.raises(PollingExpired, match="within the 12 seconds") as expired:
        job.wait(timeout=12)
    assert waits == [5, 5, 2]
    assert isinstance(expired.value, TimeoutError)
    server.approve_device(device.user_code, "alice")
    assert isinstance(job.wait(), BearerToken)


def test_timeout_names_its_cause(server, job, waits):
    """When the server could not be reached, that is the cause of the timeout."""
    server.misbehave("token", unavailable(), times=None)
    with pytest.raises(PollingExpired) as expired:
        job.wait(timeout=60)
    assert expired.value.__cause__ is job.last_error is not None


def test_short_timeout_never_asks(server, job, waits):
    """The interval is never undercut: a timeout below it ends without a question."""
    with pytest.raises(PollingExpired):
        job.wait(timeout=3)
    assert waits == [3]
    assert len(server.requests) == 1


def test_stop(client, device):
    """Another thread ends the wait at once; the job can be called again."""
    job = DeviceAuthorizationPollingJob(client, device, interval=60)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(PollingStopped):
        job.wait(stop=stop)
    with pytest.raises(PollingStopped):
        job.wait(stop=stop, timeout=0)
    assert pickle.loads(pickle.dumps(job)).device_code == device.device_code  # the event is not part of it


def test_stop_without_a_last_question(server, job):
    """An event that is set already means that nothing is sent."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(PollingStopped):
        job.wait(stop=stop)
    assert len(server.requests) == 1


# ---------------------------------------------------------------- DPoP


def test_one_key_for_a_job(server, client, device, waits):
    """All requests of a job are proven with one key, whose nonces are kept."""
    server.dpop_nonce_as = True
    server.approve_device(device.user_code, "alice", after=1)
    job = DeviceAuthorizationPollingJob(client, device, dpop=True)
    token = job.wait()
    proofs = [request for request in server.requests if request.endpoint == "token"]
    assert len(proofs) == 3  # the first one learns the nonce
    assert token.dpop_key is job._key


def test_given_key(client, device):
    """A given key is used."""
    key = DPoPKey.generate()
    job = DeviceAuthorizationPollingJob(client, device, dpop_key=key)
    job()
    assert job._key is key


def test_client_default(server, waits):
    """The default of the client holds for polling too, and can be overruled."""
    client = OAuth2Client.from_discovery_document(
        server.metadata,
        client_id="client_id",
        client_secret="client_secret",
        session=server.session(),
        dpop_bound_access_tokens=True,
    )
    for kwargs, token_type in (({}, "DPoP"), ({"dpop": False}, "Bearer")):
        device = client.authorize_device()
        server.approve_device(device.user_code, "alice")
        token = DeviceAuthorizationPollingJob(client, device, **kwargs).wait()
        assert token.token_type == token_type


# ---------------------------------------------------------------- as a value


def test_equality(client):
    """Jobs are equal by value, whatever they have lived through."""
    kwargs = {"slow_down_interval": 5, "requests_kwargs": {"verify": False}, "dpop": True}
    response = DeviceAuthorizationResponse("code", "user", "https://as.local", interval=7)
    one = DeviceAuthorizationPollingJob(client, "code", interval=7, **kwargs)
    assert one == DeviceAuthorizationPollingJob(client, response, **kwargs)
    assert one != DeviceAuthorizationPollingJob(client, "other", interval=7, **kwargs)
    assert one != BackChannelAuthenticationPollingJob(client, "code", interval=7, **kwargs)


def test_frozen(job):
    """Only the interval changes."""
    for name in ("client", "requests_kwargs", "token_kwargs", "slow_down_interval", "device_code"):
        with pytest.raises(AttributeError):
            setattr(job, name, None)
    job.interval = 8
    assert job.next_wait == 8


def test_callers_dicts_stay_theirs(client):
    """What the caller gave is copied."""
    requests_kwargs = {"verify": False}
    job = DeviceAuthorizationPollingJob(client, "code", requests_kwargs=requests_kwargs)
    requests_kwargs["verify"] = True
    assert job.requests_kwargs == {"verify": False}


@pytest.mark.parametrize("again", [lambda job: pickle.loads(pickle.dumps(job)), copy.deepcopy, copy.copy])
def test_copies(server, client, device, waits, again):
    """A job that was pickled or copied goes on where it was: interval, expiry, DPoP key and its nonces."""
    server.misbehave("token", **SLOW_DOWN)
    job = DeviceAuthorizationPollingJob(OAuth2Client("https://as.local/token", client_id="c"), device, dpop=True)
    job._arguments()
    job.interval = 10
    other = again(job)
    for name in ("device_code", "token_kwargs", "interval", "slow_down_interval", "next_wait", "_key"):
        assert getattr(other, name) == getattr(job, name), name
    assert other.client.token_endpoint == job.client.token_endpoint
    assert other._pending.expires_at == device.expires_at


def test_repr_has_no_secret(client):
    """A job can be logged."""
    job = DeviceAuthorizationPollingJob(
        client, "SECRET-code", requests_kwargs={"headers": {"X-Key": "SECRET"}}, custom="SECRET"
    )
    assert "SECRET" not in repr(job)
    assert "SECRET" not in repr(BackChannelAuthenticationPollingJob(client, "SECRET-id"))


def test_both_spellings():
    """The old spelling is another name of the same class."""
    assert BaseTokenEndpointPoolingJob is BaseTokenEndpointPollingJob
    assert DeviceAuthorizationPoolingJob is DeviceAuthorizationPollingJob
    assert BackChannelAuthenticationPoolingJob is BackChannelAuthenticationPollingJob
    from requests_oauth2client.pooling import BaseTokenEndpointPoolingJob as Old

    assert Old is BaseTokenEndpointPollingJob


def test_a_grant_of_ones_own(server, client, waits):
    """A subclass polls with any grant, and decides what to do meanwhile."""
    server.misbehave("token", **PENDING)
    server.misbehave("token", **SLOW_DOWN)
    server.misbehave("token", unavailable())
    said = []

    @define(init=False)
    class TicketJob(BaseTokenEndpointPollingJob):
        def token_request(self):
            return self.client.token_request({"grant_type": "client_credentials", **self.token_kwargs})

        def authorization_pending(self):
            said.append("pending")

        def slow_down(self):
            said.append("slow")

        def server_unavailable(self):
            said.append("unavailable")

    job = TicketJob(client, token_kwargs={"scope": "read"}, interval=1)
    assert isinstance(job.wait(), BearerToken)
    assert said == ["pending", "slow", "unavailable"]
    assert waits == [1, 1, 1, 2]


def test_the_base_asks_nothing(client, waits):
    """The base class has no grant."""
    with pytest.raises(NotImplementedError):
        BaseTokenEndpointPollingJob(client)()
