"""Flask: the token of each user in their session, logins in as many tabs as they like."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from datetime import timedelta

import flask
import pytest
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from werkzeug.serving import make_server

from requests_oauth2client import (
    ApiClient,
    BearerToken,
    InvalidParam,
    InvalidScope,
    NonRenewableTokenError,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    TokenSerializer,
)
from requests_oauth2client.exceptions import TokenNotStored
from requests_oauth2client.flask import (
    FlaskOAuth2AccessTokenAuth,
    FlaskOAuth2ClientCredentialsAuth,
    FlaskSessionAuthMixin,
)
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.token_store import MemoryTokenStore
from requests_oauth2client.web_session import LoginCookies

API = "https://api.local/"


@pytest.fixture
def app():
    app = flask.Flask(__name__)
    app.secret_key = "a secret key of the application, long and random"
    return app


@pytest.fixture(params=["cookie", "store"])
def kept(request):
    """Where tokens are: in the cookie, encrypted, or in a store."""
    return {"store": MemoryTokenStore()} if request.param == "store" else {}


@pytest.fixture
def calls(app, client, server, kept):
    """A page that calls an API with a token of its own for each session."""
    server.protect(API)
    auth = FlaskOAuth2ClientCredentialsAuth(session_key="token", client=client, scope="read", **kept)
    api_client = ApiClient(API, auth=auth, session=client.session)

    @app.get("/")
    def page():
        return api_client.get("orders").json()["client_id"]

    return auth


def token_requests(server):
    return sum(request.endpoint == "token" for request in server.requests)


def readable(cookie):
    """What anybody who has a session cookie of Flask can read in it."""
    payload = cookie.lstrip(".").split(".")[0]
    data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return zlib.decompress(data) if cookie.startswith(".") else data


# ---------------------------------------------------------------- one token for each session


def test_one_token_for_a_session(app, server, calls):
    """A session gets its token at the first API call, and uses it in all its requests."""
    browser = app.test_client()
    assert [browser.get("/").text, browser.get("/").text] == ["client_id"] * 2
    assert token_requests(server) == 1
    assert server.last("token").form["scope"] == ["read"]


def test_several_calls_in_one_request(app, server, client, api):
    """All API calls of one request use the same token."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client)
    with app.test_request_context():
        for _ in range(3):
            client.session.get(API, auth=auth, timeout=1)
    assert token_requests(server) == 1


def test_each_session_has_its_own(app, server, calls):
    """Two users do not share a token."""
    browsers = [app.test_client(), app.test_client()]
    for _ in range(2):
        for browser in browsers:
            browser.get("/")
    assert token_requests(server) == 2
    assert len({request.headers["Authorization"] for request in server.requests if request.endpoint == "api"}) == 2


def test_users_at_the_same_time(app, server, calls):
    """Users whose requests are handled at the same time neither wait for each other nor get each other's token."""
    server.misbehave("token", lambda request: request.proceed(), times=4, delay=0.05)
    seen = []

    def visit():
        browser = app.test_client()
        browser.get("/")
        seen.append(server.requests[-1].headers.get("Authorization"))
        browser.get("/")

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert token_requests(server) == 4
    used = [request.headers["Authorization"] for request in server.requests if request.endpoint == "api"]
    assert len(used) == 8
    assert all(used.count(header) == 2 for header in used)


def test_renewal(app, server, calls, now):
    """An expired token is renewed, and the session keeps the new one."""
    browser = app.test_client()
    browser.get("/")
    now.shift(3600)
    browser.get("/")
    browser.get("/")
    assert token_requests(server) == 2


def test_refused_token(app, server, calls):
    """A token that the API calls invalid is renewed, and the session keeps the new one."""
    browser = app.test_client()
    browser.get("/")
    server.access_tokens.clear()
    assert browser.get("/").text == "client_id"
    browser.get("/")
    assert token_requests(server) == 2


def test_failure(app, server, calls):
    """A failure for one session does not keep others from trying."""
    app.testing = True
    server.misbehave("token", status=400, json={"error": "invalid_scope"})
    with pytest.raises(InvalidScope):
        app.test_client().get("/")
    assert app.test_client().get("/").text == "client_id"


# ---------------------------------------------------------------- what the browser holds


def test_browser_cannot_read(app, server, calls):
    """Nothing of the token can be read in the cookie."""
    browser = app.test_client()
    browser.get("/")
    cookie = browser.get_cookie("session").value
    token = server.last("api").headers["Authorization"].partition(" ")[2]
    visible = readable(cookie)
    assert token.encode() not in visible
    for text in json.loads(visible).values():
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert token.encode() not in decoded
        with pytest.raises(zlib.error):
            zlib.decompress(decoded, -15)


def test_plain_serializer(app, client, api):
    """A serializer of one's own is used as it is: a plain one lets the browser read the token."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", TokenSerializer(), client=client)
    with app.test_request_context():
        client.session.get(API, auth=auth, timeout=1)
        assert TokenSerializer().loads(flask.session["token"]) == auth.token


def test_rotated_secret(app, server, client, api):
    """After a change of the secret key, tokens of the old one are read as long as it is a fallback."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client)
    with app.test_request_context():
        auth.token = BearerToken("at")
        session = dict(flask.session)
    app.config["SECRET_KEY_FALLBACKS"] = [app.secret_key]
    app.secret_key = "another secret key"
    with app.test_request_context():
        flask.session.update(session)
        assert auth.token == BearerToken("at")
        app.config["SECRET_KEY_FALLBACKS"] = []
        assert auth.token is None
        assert client.session.get(API, auth=auth, timeout=1).status_code == 200


def test_too_large_for_a_cookie(app, client):
    """A token that browsers would drop is an error that says what to do."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client)
    large = BearerToken("at", id_claims={str(n): str(hash((n, "x"))) for n in range(300)})
    with app.test_request_context():
        with pytest.raises(TokenNotStored, match="`store=`"):
            auth.token = large
        assert "token" not in flask.session
        with_store = FlaskOAuth2ClientCredentialsAuth("token", client=client, store=MemoryTokenStore())
        with_store.token = large
        assert with_store.token == large
        app.config["MAX_COOKIE_SIZE"] = 0  # Flask's word for no limit
        auth.token = large


def test_sessions_on_the_server(app, client):
    """Sessions that live on the server have room for any token."""

    class Memory(SessionInterface):
        def open_session(self, app, request):
            return type("Session", (dict, SessionMixin), {})()

        def save_session(self, app, session, response):
            pass

    app.session_interface = Memory()
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client)
    with app.test_request_context():
        auth.token = BearerToken("at", other=[str(hash((n, "x"))) for n in range(600)])
        assert auth.token.access_token == "at"


def test_no_secret_key(app, client):
    """Without a secret key nothing can be encrypted."""
    app.secret_key = None
    with app.test_request_context(), pytest.raises(InvalidParam, match="secret_key"):
        _ = FlaskOAuth2ClientCredentialsAuth("token", client=client).token


# ---------------------------------------------------------------- the token as an attribute


def test_token(app, client, kept):
    """The token of the session can be read, set and removed."""
    auth = FlaskOAuth2ClientCredentialsAuth(session_key="token", client=client, scope="read", **kept)
    assert isinstance(auth, (OAuth2ClientCredentialsAuth, FlaskSessionAuthMixin))
    assert (auth.session_key, auth.token_kwargs) == ("token", {"scope": "read"})
    with app.test_request_context():
        assert auth.token is None
        auth.token = "text"
        assert auth.token == BearerToken("text")
        assert isinstance(flask.session["token"], str)
        json.dumps(dict(flask.session))
        auth.token = None
        assert dict(flask.session) == {}
        auth.token = "again"
        auth.forget_token()
        assert auth.token is None


def test_given_token(app, client):
    """A token can be given when the handler is made, inside of a request."""
    with app.test_request_context():
        auth = FlaskOAuth2ClientCredentialsAuth(session_key="token", client=client, scope=None, token="given")
        assert auth.token == BearerToken("given")
    with app.test_request_context():
        assert auth.token is None


def test_arguments_by_position(app, client):
    """What follows the serializer goes to the handler by position, its token included."""
    with app.test_request_context():
        auth = FlaskOAuth2AccessTokenAuth("token", None, client, BearerToken("at"))
        assert (auth.client, auth.token) == (client, BearerToken("at"))
        assert FlaskOAuth2AccessTokenAuth("other", None, client).token is None


def test_making_a_handler_keeps_the_session(app, client):
    """A handler that is made inside of a request does not forget the token of the session."""
    with app.test_request_context():
        FlaskOAuth2ClientCredentialsAuth("token", client=client).token = "at"
        assert FlaskOAuth2ClientCredentialsAuth("token", client=client).token == BearerToken("at")


def test_set_between_two_calls(app, server, client, api):
    """A token that is set is used by the next call, in the same request too."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client)
    with app.test_request_context():
        client.session.get(API, auth=auth, timeout=1)
        auth.token = BearerToken(**server.issue_token("client_id", user="alice"))
        assert client.session.get(API, auth=auth, timeout=1).json()["sub"] == "alice"


def test_renew_on_demand(app, server, client, kept):
    """A renewal by hand goes into the session."""
    auth = FlaskOAuth2ClientCredentialsAuth("token", client=client, **kept)
    with app.test_request_context():
        auth.renew_token()
        first = auth.token
        auth.renew_token()
        assert auth.token not in (None, first)


@pytest.mark.parametrize("kwargs", [{"renew_in_background": True}, {"store_key": "alice"}])
def test_bad_arguments(client, kwargs):
    """What cannot work in a web session is refused at once."""
    with pytest.raises(InvalidParam):
        FlaskOAuth2ClientCredentialsAuth("token", client=client, **kwargs)


def test_outside_of_a_request(client):
    """Without a request there is no session: Flask says so."""
    with pytest.raises(RuntimeError, match="context"):
        client.session.get(API, auth=FlaskOAuth2ClientCredentialsAuth("token", client=client), timeout=1)


# ---------------------------------------------------------------- tokens of users


def test_refresh_of_a_user(app, server, client, api, now, kept):
    """The token of a user is refreshed, and its new refresh token is kept; without a token they must log in."""
    auth = FlaskOAuth2AccessTokenAuth("token", client=client, **kept)

    @app.get("/login")
    def login():
        auth.token = BearerToken(**server.issue_token("client_id", user="alice", scope="read"))
        return "in"

    @app.get("/")
    def page():
        try:
            return client.session.get(API, auth=auth, timeout=1).json()["sub"]
        except NonRenewableTokenError:
            return "please log in"

    browser, other = app.test_client(), app.test_client()
    browser.get("/login")
    for _ in range(3):
        assert browser.get("/").text == "alice"
        now.shift(timedelta(hours=2))
    assert server.reuse_alarms == 0
    assert token_requests(server) == 2
    assert other.get("/").text == "please log in"


def test_two_requests_of_one_session_refresh_once(app, server, client, api, now):
    """With a store, requests of one browser that come at the same time spend a rotating refresh token once."""
    auth = FlaskOAuth2AccessTokenAuth("token", client=client, store=MemoryTokenStore())

    @app.get("/login")
    def login():
        auth.token = BearerToken(**server.issue_token("client_id", user="alice"))
        return "in"

    @app.get("/")
    def page():
        return client.session.get(API, auth=auth, timeout=5).json()["sub"]

    browser = app.test_client()
    browser.get("/login")
    now.shift(timedelta(hours=2))
    cookie = browser.get_cookie("session").value
    server.misbehave("token", lambda request: request.proceed(), times=None, delay=0.05)
    answers = []

    def visit():
        tab = app.test_client()
        tab.set_cookie("session", cookie)
        answers.append(tab.get("/").text)

    tabs = [threading.Thread(target=visit) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(20)
    assert answers == ["alice"] * 4
    assert (token_requests(server), server.reuse_alarms) == (1, 0)


# ---------------------------------------------------------------- a login


def web_application(client, redirect_uri, api_url=API):
    """An application with a login, as in the documentation."""
    app = flask.Flask(__name__)
    app.secret_key = "a secret key of the application, long and random"
    logins = LoginCookies(app.secret_key)
    auth = FlaskOAuth2AccessTokenAuth("token", client=client)

    @app.get("/login")
    def login():
        request = client.authorization_request(scope="openid read", redirect_uri=redirect_uri)
        response = flask.redirect(request.uri)
        logins.begin(response, request, return_to=flask.request.args["return_to"])
        return response

    @app.get("/callback")
    def callback():
        answer, data = logins.finish(flask.request.cookies, flask.request.url)
        auth.token = client.authorization_code(answer)
        response = flask.redirect(data["return_to"])
        logins.forget(response, answer)
        return response

    @app.get("/page/<name>")
    def page(name):
        return f"{name} of {client.session.get(api_url, auth=auth, timeout=5).json()['sub']}"

    return app


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_tabs(server, client, api, order):
    """Two tabs that log in at the same time both end on the page that they came from."""
    redirect_uri = "http://localhost/callback"
    server.add_client("client_id", client_secret="client_secret", redirect_uris=[redirect_uri])
    app = web_application(client, redirect_uri)
    app.testing = True
    browser = app.test_client()
    starts = [browser.get(f"/login?return_to=/page/{name}") for name in ("one", "two")]
    for number in order:
        back = server.authorize(starts[number].location, "alice")
        landed = browser.get(back, follow_redirects=True)
        assert landed.text == f"{('one', 'two')[number]} of alice"
    assert not browser.get_cookie("oauth2_login")
    assert [cookie for cookie in browser._cookies if "oauth2_login" in str(cookie)] == []


def test_answers_that_cross(server, client, api):
    """Two answers to one browser that were made from the same cookies do not undo each other."""
    redirect_uri = "http://localhost/callback"
    server.add_client("client_id", client_secret="client_secret", redirect_uris=[redirect_uri])
    app = web_application(client, redirect_uri)
    answers = [app.test_client().get(f"/login?return_to=/page/{name}") for name in ("one", "two")]
    browser = app.test_client()
    for answer in answers:  # both were made before the browser had any cookie
        name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
        browser.set_cookie(name, value, path="/callback")
    for number, answer in enumerate(answers):
        back = server.authorize(answer.location, "alice")
        assert browser.get(back, follow_redirects=True).text == f"{('one', 'two')[number]} of alice"


@pytest.mark.browser
def test_two_tabs_of_a_real_browser(chromium):
    """In Chromium: two tabs begin a login, the second one finishes first, both end where they began."""
    server = AuthorizationServer()
    server.add_user("alice", password="wonderland")
    from selenium.webdriver.support.expected_conditions import url_to_be
    from selenium.webdriver.support.wait import WebDriverWait

    api = server.protect(API)
    with server.serve() as issuer:
        client = OAuth2Client.from_discovery_endpoint(issuer=issuer, client_id="web", client_secret="secret")
        listener = make_server("127.0.0.1", 0, flask.Flask(__name__), threaded=True)
        home = f"http://127.0.0.1:{listener.port}"
        server.add_client("web", client_secret="secret", redirect_uris=[f"{home}/callback"])
        listener.app = web_application(client, f"{home}/callback", api.url)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            tabs = {}
            for name in ("one", "two"):
                chromium.switch_to.new_window("tab")
                tabs[name] = chromium.current_window_handle
                chromium.get(f"{home}/login?return_to=/page/{name}")
            for name in ("two", "one"):
                chromium.switch_to.window(tabs[name])
                chromium.find_element("name", "username").send_keys("alice")
                chromium.find_element("name", "password").send_keys("wonderland")
                chromium.find_element("css selector", "button[value=allow]").click()
                WebDriverWait(chromium, 10).until(url_to_be(f"{home}/page/{name}"))
                assert chromium.find_element("tag name", "body").text == f"{name} of alice"
            assert chromium.execute_script("return document.cookie") == ""
        finally:
            listener.shutdown()
            thread.join()
            listener.server_close()


def test_flask_is_an_extra(monkeypatch):
    """Without Flask, the error names what to install."""
    import importlib
    import sys

    from requests_oauth2client.exceptions import MissingPackage

    for name in [name for name in sys.modules if name.startswith("requests_oauth2client.flask")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(MissingPackage, match="flask"):
        importlib.import_module("requests_oauth2client.flask")


def test_sessions_of_flask_are_cookies():
    """What decides about the size limit is what Flask uses by default."""
    assert isinstance(flask.Flask(__name__).session_interface, SecureCookieSessionInterface)
