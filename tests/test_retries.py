"""When a request to an Authorization Server is sent again, and when it must not be."""

from __future__ import annotations

import email.utils
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from requests_oauth2client import (
    BearerToken,
    ConnectionFailed,
    InvalidGrant,
    InvalidParam,
    InvalidScope,
    InvalidTokenResponse,
    OAuth2Client,
    PrivateKeyJwt,
    RequestTimeout,
    RetryPolicy,
    UnexpectedRedirect,
)
from requests_oauth2client import retries as room
from requests_oauth2client.client_authentication import ClientSecretPost
from requests_oauth2client.retries import retry_after
from requests_oauth2client.testing import Response
from requests_oauth2client.testing.misbehaviour import redirect, unavailable


@pytest.fixture
def waits(monkeypatch):
    """What was waited, instead of waiting."""
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def events():
    return []


@pytest.fixture
def client_with(server, events):
    """Make clients with a policy."""

    def make(policy=None, **kwargs):
        kwargs = {"client_id": "client_id", "client_secret": "client_secret", "session": server.session(), **kwargs}
        return OAuth2Client.from_discovery_document(server.metadata, retry=policy, on_event=events.append, **kwargs)

    return make


def responses(status, **headers):
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


class TestPolicy:
    @pytest.mark.parametrize("bad", [{"attempts": 0}, {"budget": -1}, {"backoff": "1"}, {"longest": float("nan")}])
    def test_bad_values(self, bad):
        """A policy that cannot be is told at once."""
        with pytest.raises(InvalidParam, match=next(iter(bad))):
            RetryPolicy(**bad)

    def test_backoff(self, monkeypatch):
        """Pauses are random, up to a bound that doubles, and that has a bound."""
        bounds = []
        monkeypatch.setattr(room, "uniform", lambda low, high: bounds.append((low, high)) or high)
        policy = RetryPolicy(attempts=10, backoff=1, longest=5, budget=100)
        assert [policy.pause(attempt, 0) for attempt in range(1, 6)] == [1, 2, 4, 5, 5]
        assert {low for low, _ in bounds} == {0}

    def test_attempts(self):
        """The first request counts."""
        assert RetryPolicy(attempts=2).pause(1, 0) is not None
        assert RetryPolicy(attempts=2).pause(2, 0) is None
        assert RetryPolicy(attempts=1).pause(1, 0) is None

    def test_budget(self):
        """What would be waited beyond the budget is not."""
        policy = RetryPolicy(budget=10)
        assert policy.pause(1, 5, responses(503, Retry_After="5")) == 5
        assert policy.pause(1, 5, responses(503, Retry_After="6")) is None

    def test_patience(self):
        """A server that wants more patience than there is, is not asked again."""
        policy = RetryPolicy(longest=20, budget=1000)
        assert policy.pause(1, 0, responses(429, Retry_After="20")) == 20
        assert policy.pause(1, 0, responses(429, Retry_After="21")) is None


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("120", 120),
            (" 5 ", 5),
            (None, None),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("9" * 10_000, None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_values(self, value, seconds):
        """Seconds, or a date; what is neither says nothing (RFC 9110 §10.2.3)."""
        assert retry_after(responses(503) if value is None else responses(503, Retry_After=value)) == seconds

    def test_date(self, now):
        """A date is compared with the clock."""
        date = email.utils.formatdate(time.time() + 90, usegmt=True)
        assert retry_after(responses(503, Retry_After=date)) == pytest.approx(90, abs=1)

    def test_no_response(self):
        """Without an answer, nobody asked to wait."""
        assert retry_after(None) is None


class TestAnswers:
    def test_off_by_default(self, client_with, server, waits):
        """Without a policy, nothing is sent twice."""
        server.misbehave("token", unavailable(1))
        with pytest.raises(InvalidTokenResponse):
            client_with().client_credentials()
        assert (server.count("token"), waits) == (1, [])

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_passing_statuses(self, client_with, server, waits, events, status):
        """What passes is tried again, and told."""
        server.misbehave("token", status=status, times=2)
        assert client_with(RetryPolicy()).client_credentials()
        assert server.count("token") == 3
        assert len(waits) == 2
        assert [(event.name, event.attempt, event.error) for event in events] == [
            ("request_retried", 2, str(status)),
            ("request_retried", 3, str(status)),
            ("token_obtained", None, None),
        ]

    @pytest.mark.parametrize("status", [400, 401, 500, 501])
    def test_other_statuses(self, client_with, server, waits, status):
        """What does not pass is not tried again."""
        server.misbehave("token", status=status)
        with pytest.raises(InvalidTokenResponse):
            client_with(RetryPolicy()).client_credentials()
        assert (server.count("token"), waits) == (1, [])

    def test_own_statuses(self, client_with, server, waits):
        """Which statuses pass is a choice."""
        server.misbehave("token", status=500)
        assert client_with(RetryPolicy(statuses=[500])).client_credentials()
        server.misbehave("token", status=503)
        with pytest.raises(InvalidTokenResponse):
            client_with(RetryPolicy(statuses=[500])).client_credentials()

    def test_giving_up(self, client_with, server, waits):
        """The last answer is what is judged in the end."""
        server.misbehave("token", lambda _: Response.json({"error": "temporarily_unavailable"}, 503), times=None)
        with pytest.raises(Exception, match="temporarily_unavailable"):
            client_with(RetryPolicy(attempts=4)).client_credentials()
        assert server.count("token") == 4

    def test_retry_after(self, client_with, server, waits):
        """`Retry-After` is obeyed."""
        server.misbehave("token", unavailable(7))
        client_with(RetryPolicy()).client_credentials()
        assert waits == [7]

    def test_fresh_assertions(self, server, client_with, waits):
        """Each attempt has an assertion of its own: a server that saw the first accepts the second."""
        from jwskate import Jwk

        key = Jwk.generate(alg="ES256").with_kid_thumbprint()
        server.add_client("by-key", jwks=key.public_jwk())
        server.misbehave("token", status=503, times=2)
        client = client_with(RetryPolicy(), client_id=None, client_secret=None, auth=PrivateKeyJwt("by-key", key))
        client.client_credentials()
        assertions = [request.form["client_assertion"][0] for request in server.requests]
        assert len(set(assertions)) == 3

    def test_fresh_proofs(self, server, client_with, waits):
        """So has each its own DPoP proof, and what a nonce costs is not taken for a failure."""
        server.dpop_nonce_as = True
        server.misbehave("token", status=503, times=2)
        client_with(RetryPolicy()).client_credentials(dpop=True)
        proofs = [request.headers["DPoP"] for request in server.requests if request.endpoint == "token"]
        assert len(set(proofs)) == len(proofs) == 4
        assert len(waits) == 2


class TestSingleUse:
    """A code or a rotating refresh token must not be sent again when it may have been spent."""

    @pytest.fixture
    def refresh_token(self, server):
        return BearerToken(**server.issue_token("client_id", user="alice"))

    @pytest.mark.parametrize("status", [429, 503])
    def test_refused(self, client_with, server, waits, refresh_token, status):
        """A server that says that it did not process the request may be asked again."""
        server.misbehave("token", status=status)
        assert client_with(RetryPolicy()).refresh_token(refresh_token)
        assert server.reuse_alarms == 0

    @pytest.mark.parametrize("status", [400, 503])
    def test_clear_answers(self, client_with, server, refresh_token, status):
        """A server that says what happened leaves no doubt."""
        server.misbehave("token", lambda _: Response.json({"error": "invalid_scope"}, status))
        with pytest.raises(InvalidScope) as raised:
            client_with().refresh_token(refresh_token)
        assert "spent" not in str(raised.value)

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_ambiguous_answers(self, client_with, server, waits, refresh_token, status):
        """A failure behind a gateway may have come after the token was spent: it is not sent again."""

        def spent(request):
            request.proceed()
            return Response(status)

        server.misbehave("token", spent)
        with pytest.raises(InvalidTokenResponse, match="may have been spent"):
            client_with(RetryPolicy(statuses=range(500, 600))).refresh_token(refresh_token)
        assert (server.count("token"), waits, server.reuse_alarms) == (1, [], 0)

    def test_timeout(self, client_with, server, waits, refresh_token):
        """After a request without an answer, the error says that the token may be spent."""
        server.misbehave("token", delay=30)
        client = client_with(RetryPolicy(), timeout=0.01)
        with pytest.raises(RequestTimeout, match=r"may have been spent.*expect `invalid_grant`") as raised:
            client.refresh_token(refresh_token)
        assert raised.value.may_have_been_processed
        assert refresh_token.refresh_token not in str(raised.value)
        assert (server.count("token"), waits) == (1, [])

    def test_timeout_of_what_can_be_repeated(self, client_with, server, waits):
        """A request that spends nothing is sent again."""
        server.misbehave("token", delay=30)
        assert client_with(RetryPolicy(), timeout=0.01).client_credentials()
        assert server.count("token") == 2

    @pytest.mark.parametrize("grant", ["refresh", "code"])
    def test_no_connection(self, waits, grant):
        """What cannot have been sent is sent again."""
        client = OAuth2Client("http://127.0.0.1:9/token", client_id="client_id", retry=RetryPolicy())
        send = client.refresh_token if grant == "refresh" else client.authorization_code
        with pytest.raises(ConnectionFailed) as raised:
            send("secret-value")
        assert not raised.value.may_have_been_processed
        assert "may have been spent" not in str(raised.value)
        assert "secret-value" not in str(raised.value)
        assert len(waits) == 2

    def test_broken_connection(self, waits):
        """A connection that breaks after the request was sent is ambiguous, on real sockets too."""
        received = []

        class Hangs(BaseHTTPRequestHandler):
            def do_POST(self):
                received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.connection.close()

        with ThreadingHTTPServer(("127.0.0.1", 0), Hangs) as server:
            server.handle_error = lambda *_: None
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            session = requests.Session()
            client = OAuth2Client(
                f"http://127.0.0.1:{server.server_port}/token",
                ClientSecretPost("client_id", "secret"),
                retry=RetryPolicy(attempts=3),
                session=session,
            )
            with pytest.raises(ConnectionFailed, match="may have been spent"):
                client.refresh_token("rt")
            assert len(received) == 1
            with pytest.raises(ConnectionFailed):
                client.client_credentials()
            assert len(received) == 4
            session.close()
            server.shutdown()
            thread.join()

    def test_own_failures(self, client_with, server, waits):
        """Which errors pass is a choice; a redirect never does."""
        server.misbehave("token", delay=30)
        with pytest.raises(RequestTimeout):
            client_with(RetryPolicy(failures=[ConnectionFailed]), timeout=0.01).client_credentials()
        server.misbehave("token", redirect("https://elsewhere.local/"))
        with pytest.raises(UnexpectedRedirect):
            client_with(RetryPolicy()).client_credentials()
        assert waits == []

    def test_spent_tokens_are_not_hidden(self, client_with, server, waits, refresh_token):
        """Who tries again, as the error advises, meets `invalid_grant` if the token was spent."""

        def spent(request):
            request.proceed()
            raise requests.ConnectionError

        server.misbehave("token", spent)
        client = client_with(RetryPolicy())
        with pytest.raises(ConnectionFailed, match="try once more yourself"):
            client.refresh_token(refresh_token)
        with pytest.raises(InvalidGrant):
            client.refresh_token(refresh_token)
