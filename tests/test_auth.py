"""Handlers that obtain, keep and renew a token."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from attrs.exceptions import FrozenAttributeError

from requests_oauth2client import (
    ApiClient,
    BearerToken,
    ConnectionFailed,
    ExpiredAccessToken,
    InvalidGrant,
    InvalidScope,
    InvalidTokenResponse,
    NonRenewableTokenError,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2ResourceOwnerPasswordAuth,
    ServerError,
)
from requests_oauth2client.renewal import RenewingAuth
from requests_oauth2client.testing import Response

THREADS = 32


@pytest.fixture
def token(server, now):
    """A token of alice, with a refresh token."""
    return BearerToken(**server.issue_token("client_id", user="alice", scope="read"))


@pytest.fixture(params=["access token", "client credentials", "password"])
def auth(request, client, token):
    """A handler of each kind that holds `token`."""
    if request.param == "access token":
        return OAuth2AccessTokenAuth(client, token)
    if request.param == "client credentials":
        return OAuth2ClientCredentialsAuth(client, token=token)
    return OAuth2ResourceOwnerPasswordAuth(client, username="alice", password="wonderland", token=token)


@pytest.fixture
def call(client, api):
    """Call the API with a handler; return the access token that it got."""

    def call(auth):
        response = client.session.get(api.url, auth=auth)
        response.raise_for_status()
        return response.request.headers["Authorization"].removeprefix("Bearer ")

    return call


def together(work, threads=THREADS):
    """Do `work` in many threads that start at once; return what each returned or raised."""
    barrier = threading.Barrier(threads)

    def one(_):
        barrier.wait(10)
        try:
            return work()
        except BaseException as exc:  # noqa: BLE001 - it is what we want to see
            return exc

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


class TestClientCredentials:
    def test_obtained_at_the_first_use(self, server, client, call):
        """The token is asked for at the first request, with all parameters, and then used again and again."""
        auth = OAuth2ClientCredentialsAuth(
            client, scope=["read", "write"], resource=["https://api.local/"], audience="x"
        )
        assert auth.token is None
        assert server.requests == []
        used = {call(auth) for _ in range(3)}
        assert used == {str(auth.token)}
        assert server.count("token") == 1
        assert server.last("token").form == {
            "grant_type": ["client_credentials"],
            "scope": ["read write"],
            "resource": ["https://api.local/"],
            "audience": ["x"],
            "client_id": ["client_id"],
            "client_secret": ["client_secret"],
        }

    def test_no_refresh(self, server, client, call, now):
        """A refresh token is not used, even if there is one (RFC 6749 §4.4.3)."""
        server.issue_refresh_tokens = {"client_credentials"}
        auth = OAuth2ClientCredentialsAuth(client)
        first = call(auth)
        assert auth.token.refresh_token
        now.shift(3600)
        assert call(auth) != first
        assert server.last("token").form["grant_type"] == ["client_credentials"]

    def test_requests_kwargs(self, server, client, call):
        """The arguments of requests go to the token request, not to the API."""
        call(OAuth2ClientCredentialsAuth(client, requests_kwargs={"headers": {"X-Id": "1"}}))
        assert server.last("token").headers["X-Id"] == "1"
        assert "X-Id" not in server.last("api").headers

    def test_invalid_scope(self, server, client, call):
        """What the server refuses is raised by the API call, which is not sent."""
        server.add_client("client_id", client_secret="client_secret", scope="read")
        with pytest.raises(InvalidScope):
            call(OAuth2ClientCredentialsAuth(client, scope="admin"))
        assert server.count("api") == 0

    def test_api_client(self, client, api):
        """It is the `auth` of an `ApiClient` too."""
        auth = OAuth2ClientCredentialsAuth(client, scope="read")
        assert ApiClient(api.url, auth=auth, session=client.session).get("users").json()["scope"] == "read"


class TestAccessToken:
    def test_text(self, client, server, call):
        """The text of a token is enough."""
        text = server.issue_token("client_id", user="alice")["access_token"]
        auth = OAuth2AccessTokenAuth(client, text)
        assert auth.token == BearerToken(text)
        assert call(auth) == text
        assert server.count("token") == 0

    def test_refresh(self, server, client, token, call, now):
        """It is renewed with its refresh token, which rotates."""
        auth = OAuth2AccessTokenAuth(client, token, resource="https://api.local/")
        for _ in range(3):
            before = auth.token
            now.shift(3600)
            assert call(auth) == str(auth.token) != str(before)
            form = server.last("token").form
            assert form["grant_type"] == ["refresh_token"]
            assert form["refresh_token"] == [before.refresh_token]
            assert form["resource"] == ["https://api.local/"]
            assert auth.token.refresh_token != before.refresh_token
        assert server.reuse_alarms == 0

    def test_the_refresh_token_stays(self, server, client, token, call, now):
        """When the server returns no refresh token, the old one stays in use (RFC 6749 §6)."""
        server.rotate_refresh_tokens = False
        auth = OAuth2AccessTokenAuth(client, token)
        for _ in range(3):
            now.shift(3600)
            call(auth)
            assert auth.token.refresh_token == token.refresh_token
        assert server.count("token") == 3

    def test_no_refresh_token(self, client, token, call, now, server):
        """Without refresh token it serves until it expires, and then the error says so."""
        auth = OAuth2AccessTokenAuth(client, token.replace(refresh_token=None))
        now.shift(3599)
        assert call(auth) == str(token)
        now.shift(2)
        with pytest.raises(ExpiredAccessToken):
            call(auth)
        assert (server.count("token"), server.count("api")) == (0, 1)

    def test_no_token(self, client, call):
        """Without any token, there is nothing to renew."""
        with pytest.raises(NonRenewableTokenError, match="provide a token"):
            call(OAuth2AccessTokenAuth(client, None))


class TestPassword:
    def test_obtained_and_renewed(self, server, client, call, now):
        """The password gets the first token, and each later one."""
        auth = OAuth2ResourceOwnerPasswordAuth(client, username="alice", password="wonderland", scope="read")
        first = call(auth)
        now.shift(3600)
        assert call(auth) != first
        assert server.count("token") == 2
        form = server.last("token").form
        assert (form["grant_type"], form["username"], form["password"], form["scope"]) == (
            ["password"], ["alice"], ["wonderland"], ["read"],
        )  # fmt: skip

    def test_wrong_password(self, client, call):
        """A wrong password is an error that does not show it."""
        auth = OAuth2ResourceOwnerPasswordAuth(client, username="alice", password="marked-password")
        with pytest.raises(InvalidGrant) as caught:
            call(auth)
        assert "marked" not in str(caught.value) + repr(caught.value)


class TestRenewal:
    @pytest.mark.parametrize(("leeway", "after"), [(20, 3580), (0, 3600), (300, 3300), (-30, 3630)])
    def test_leeway(self, client, token, now, server, leeway, after, call):
        """A token is renewed `leeway` seconds before it expires, and not earlier."""
        auth = OAuth2ClientCredentialsAuth(client, token=token, leeway=leeway)
        assert OAuth2ClientCredentialsAuth(client).leeway == 20
        now.shift(after)
        server.clock.offset = -100
        if leeway >= 0:
            assert call(auth) == str(token)
        now.shift(1)
        assert call(auth) != str(token)
        assert server.count("token") == 1

    def test_no_expiry(self, auth, token, now, server, call):
        """A token whose expiry nobody knows is never renewed ahead."""
        auth.token = token.replace(expires_at=None)
        now.shift(3000)
        assert call(auth) == str(token)
        assert server.count("token") == 0

    def test_forget(self, auth, server, call, client):
        """After `forget_token`, the next call gets a new token, where that is possible."""
        first = call(auth)
        auth.forget_token()
        assert auth.token is None
        if isinstance(auth, OAuth2AccessTokenAuth):
            with pytest.raises(NonRenewableTokenError):
                call(auth)
        else:
            assert call(auth) != first
            assert server.count("token") == 1

    def test_on_demand(self, auth, token, call):
        """`renew_token` renews at once."""
        auth.renew_token()
        assert auth.token != token
        assert call(auth) == str(auth.token)

    def test_a_token_shorter_than_the_leeway(self, server, client, call):
        """A token that lives shorter than the leeway still serves the call that got it."""
        server.access_token_lifetime = 10
        auth = OAuth2ClientCredentialsAuth(client)
        assert call(auth)
        assert call(auth)

    def test_failure_ahead_of_expiry(self, auth, token, server, now, call):
        """While the token is valid, a renewal that fails breaks no call: the next one tries again."""
        now.shift(3590)
        server.misbehave("token", status=500, times=2)
        assert call(auth) == str(token)
        assert call(auth) == str(token)
        assert auth.token is token
        assert call(auth) != str(token)
        assert server.count("token") == 3

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ({"status": 500}, InvalidTokenResponse),
            ({"status": 400, "json": {"error": "server_error"}}, ServerError),
            ({"body": "<html>"}, InvalidTokenResponse),
            ({"json": {"access_token": "at", "token_type": "mac"}}, InvalidTokenResponse),
        ],
    )
    def test_nothing_is_lost(self, auth, token, server, now, call, answer, error):
        """A renewal that fails leaves the handler as it was, with its refresh token: it recovers with the server."""
        now.shift(3600.5)
        server.misbehave("token", **answer)
        with pytest.raises(error):
            call(auth)
        assert auth.token is token
        assert server.count("api") == 0
        assert call(auth) == str(auth.token) != str(token)
        assert server.reuse_alarms == 0

    def test_unreachable_server(self, token):
        """So does a server that cannot be reached."""
        client = OAuth2Client("http://127.0.0.1:9/token", ("client_id", "secret"))
        auth = OAuth2ClientCredentialsAuth(client)
        with pytest.raises(ConnectionFailed):
            requests.get("http://127.0.0.1:9/", auth=auth, timeout=1)

    def test_nothing_is_obtained(self, client, call):
        """A renewal that gives no token is an error that says so."""

        class Nothing(RenewingAuth):
            def renew_token(self):
                pass

        auth = Nothing(
            client, None, {}, leeway=20, store=None, store_key=None, renew_on_401=False, renew_in_background=False
        )
        with pytest.raises(NonRenewableTokenError):
            call(auth)

    def test_another_grant(self, client, server, call, now):
        """A handler for another grant overrides `renew_token`."""
        server.grants["urn:my:grant"] = server.grants["client_credentials"]

        class MyAuth(OAuth2ClientCredentialsAuth):
            def renew_token(self):
                self.token = self.client.token_request({"grant_type": "urn:my:grant", **self.token_kwargs})

        auth = MyAuth(client, scope="read")
        first = call(auth)
        now.shift(3600)
        assert call(auth) != first
        assert server.last("token").form["grant_type"] == ["urn:my:grant"]

    def test_abstract(self, client):
        """The base class has no grant."""
        with pytest.raises(NotImplementedError):
            RenewingAuth.renew_token(OAuth2ClientCredentialsAuth(client))


class TestThreads:
    @pytest.mark.parametrize("state", ["cold", "expired"])
    def test_one_renewal(self, auth, server, call, token, state, now):
        """32 threads on one cold or expired handler: one token request, and every call succeeds with its token."""
        if state == "cold" and not isinstance(auth, OAuth2AccessTokenAuth):
            auth.token = None
        else:
            now.shift(3601)
        server.misbehave("token", delay=0.05)
        used = together(lambda: call(auth))
        assert set(used) == {str(auth.token)}
        assert str(token) not in used
        assert server.count("token") == 1
        assert server.count("api") == THREADS
        assert server.reuse_alarms == 0

    def test_on_sockets(self, server, api):
        """The same happens between real sockets."""
        with server.serve(), requests.Session() as session:
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
            auth = OAuth2ClientCredentialsAuth(client)
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=THREADS)
            session.mount("http://", adapter)
            url = api.url
            statuses = together(lambda: session.get(url, auth=auth, timeout=10).status_code)
        assert statuses == [200] * THREADS
        assert server.count("token") == 1

    def test_nobody_waits_ahead_of_expiry(self, auth, token, server, now, call):
        """Inside the leeway one renews, and meanwhile the others go on with the old token."""
        now.shift(3590)
        asked, may_answer = threading.Event(), threading.Event()

        def slow(request):
            asked.set()
            assert may_answer.wait(10)
            return request.proceed()

        server.misbehave("token", slow)
        used = []
        leader = threading.Thread(target=lambda: used.append(call(auth)))
        leader.start()
        assert asked.wait(10)
        assert together(lambda: call(auth)) == [str(token)] * THREADS
        assert used == []
        may_answer.set()
        leader.join(10)
        assert used == [str(auth.token)] != [str(token)]
        assert server.count("token") == 1

    def test_a_failure_is_shared(self, auth, server, now, call, token):
        """When the renewal fails, each waiting call gets the error, and the server is asked once."""
        now.shift(3601)
        server.misbehave("token", lambda _: Response.json({"error": "invalid_grant"}, 400), delay=0.1, times=None)
        errors = together(lambda: call(auth))
        assert {type(error) for error in errors} == {InvalidGrant}
        assert len({id(error) for error in errors}) == THREADS
        assert {error.response.status_code for error in errors} == {400}
        assert server.count("token") == 1
        assert server.count("api") == 0
        assert auth.token is token

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
    def test_an_interrupted_renewal(self, auth, server, now, call, interruption):
        """When the thread that renews is interrupted, it alone is; another one renews for all."""
        now.shift(3601)

        def interrupt(request):
            raise interruption

        server.misbehave("token", interrupt, delay=0.05)
        used = together(lambda: call(auth))
        interrupted = [found for found in used if isinstance(found, interruption)]
        assert len(interrupted) == 1
        assert {found for found in used if found not in interrupted} == {str(auth.token)}
        assert server.count("token") == 2

    def test_calls_are_not_locked(self, client, server, call):
        """The API is called by all threads at once: no lock is held meanwhile."""
        inside = threading.Barrier(THREADS)

        def wait_for_all(request):
            inside.wait(10)
            return request.proceed()

        server.misbehave("api", wait_for_all, times=THREADS)
        auth = OAuth2ClientCredentialsAuth(client)
        assert len(set(together(lambda: call(auth)))) == 1
        assert server.count("token") == 1

    def test_each_handler_for_itself(self, client, server, call):
        """Two handlers do not wait for each other."""
        handlers = [OAuth2ClientCredentialsAuth(client, scope=scope) for scope in ("a", "b")]
        both = threading.Barrier(2)

        def wait_for_both(request):
            both.wait(10)
            return request.proceed()

        server.misbehave("token", wait_for_both, times=2)
        queue = iter(handlers)
        together(lambda: call(next(queue)), threads=2)
        assert {handler.token.scope for handler in handlers} == {"a", "b"}


class TestValues:
    def make(self, kind=OAuth2ClientCredentialsAuth, **kwargs):
        client = OAuth2Client("https://as.local/token", ("client_id", "marked-secret"), session=requests.Session())
        if kind is OAuth2AccessTokenAuth:
            kwargs["token"] = BearerToken("marked-access", refresh_token="marked-refresh", expires_in=60)
        if kind is OAuth2ResourceOwnerPasswordAuth:
            kwargs |= {"username": "alice", "password": "marked-password"}
        return kind(client, **kwargs)

    KINDS = pytest.mark.parametrize(
        "kind", [OAuth2AccessTokenAuth, OAuth2ClientCredentialsAuth, OAuth2ResourceOwnerPasswordAuth]
    )

    @KINDS
    def test_repr(self, kind):
        """The representation shows no secret."""
        auth = self.make(kind, extra="marked-extra")
        assert "marked" not in repr(auth)
        assert "client_id='client_id'" in repr(auth)

    @KINDS
    def test_equality(self, kind):
        """Handlers are equal when all their parameters are."""
        auth = self.make(kind, scope="read")
        same = copy.copy(auth)
        assert same == auth
        assert hash(same) == hash(auth)
        same.token = BearerToken("other")
        assert same != auth
        assert auth != self.make(kind, scope="write")
        assert auth != auth.token
        assert auth != "auth"

    @KINDS
    @pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda auth: pickle.loads(pickle.dumps(auth))])
    def test_copies(self, kind, make):
        """Copies and pickles keep all parameters and the token, and none of what is going on."""
        auth = self.make(kind, scope="read", leeway=7)
        copied = make(auth)
        assert type(copied) is kind
        assert copied.token == auth.token
        assert (copied.leeway, copied.token_kwargs) == (7, {"scope": "read"})
        assert copied.client.auth == auth.client.auth
        if kind is OAuth2ResourceOwnerPasswordAuth:
            assert (copied.username, copied.password) == ("alice", "marked-password")
        copied.token = None
        assert auth.token is not None or kind is not OAuth2AccessTokenAuth

    @pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda auth: pickle.loads(pickle.dumps(auth))])
    def test_copies_renew_on_their_own(self, server, api, make):
        """A copy renews its own token, also when the API refuses it."""
        with server.serve(), requests.Session() as session:
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"), session=session)
            auth = OAuth2ClientCredentialsAuth(client)
            session.get(api.url, auth=auth, timeout=10)
            copied = make(auth)
            server.access_tokens[str(auth.token)].revoked = True
            assert session.get(api.url, auth=copied, timeout=10).status_code == 200
            copied.client.session.close()
        assert copied.token != auth.token
        assert server.count("token") == 2

    @KINDS
    def test_fixed_parameters(self, kind):
        """Only the token changes."""
        auth = self.make(kind)
        auth.token = BearerToken("other")
        names = {"client", "leeway", "token_kwargs", *(["username", "password"] if "password" in dir(auth) else [])}
        for name in names:
            with pytest.raises(FrozenAttributeError):
                setattr(auth, name, None)

    def test_text_as_token(self):
        """Text becomes a token in each handler."""
        assert self.make(token="at").token == BearerToken("at")
        assert self.make(OAuth2ResourceOwnerPasswordAuth, token="at").token == BearerToken("at")
