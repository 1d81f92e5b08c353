"""Log a user in with their browser, which comes back to a loopback port."""

from __future__ import annotations

import io
import os
import re
import socket
import sys
import threading
import time
import webbrowser
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from jwskate import Jwk

from requests_oauth2client import loopback, loopback_server
from requests_oauth2client.authorization_request import AuthorizationRequest
from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.dpop import DPoPToken
from requests_oauth2client.exceptions import (
    AuthorizationResponseError,
    InvalidGrant,
    InvalidParam,
    LoopbackTimeout,
    MismatchingIssuer,
    MissingIdToken,
)
from requests_oauth2client.loopback import LoopbackReceiver, authorize_by_loopback, open_browser
from requests_oauth2client.loopback_page import HEADERS, page
from requests_oauth2client.loopback_server import MAX_CONNECTIONS
from requests_oauth2client.pasting import terminal

KEY = Jwk.generate(alg="ES256")
SECRET = "a secret of more than thirty-two bytes"


class Browser:
    """Opens an Authorization Request as `alice` would, and follows the redirect to the loopback address."""

    def __init__(self, server, **choices):
        self.server, self.choices = server, choices
        self.answers = []
        self.callback = None

    def __call__(self, url):
        self.callback = self.server.authorize(url, "alice", **self.choices)
        self.get(self.callback)
        return True

    def get(self, url, method="GET"):
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname, parts.port, timeout=20)
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        self.answers.append((response.status, dict(response.getheaders()), response.read().decode()))
        connection.close()
        return self.answers[-1]


@pytest.fixture
def server(server):
    uris = ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback"]
    server.add_client("cli", public=True, redirect_uris=uris)
    server.add_client("secretive", client_secret=SECRET, redirect_uris=uris)
    server.add_client("signing", jwks=KEY, redirect_uris=uris)
    return server


@pytest.fixture
def client(server):
    return made(server, "cli")


@pytest.fixture
def said():
    return []


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while left := {thread for thread in set(threading.enumerate()) - before if thread.is_alive()}:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def made(server, auth):
    return OAuth2Client.from_discovery_document(server.metadata, auth=auth, session=server.session())


def log_in(client, **options):
    """Call `authorize_by_loopback`, in less time than a user has, and without terminal unless the test has one."""
    try:
        return authorize_by_loopback(client, **{"timeout": 10, "paste_from": None, **options})
    finally:
        for thread in threading.enumerate():
            if thread.name == "loopback browser":  # it still reads its page
                thread.join()


def is_closed(url):
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", parts.port)) != 0


def test_one_call(client, server, said, capsys):
    """One call opens the browser, receives the redirect, and gives a token whose ID Token is validated."""
    browser = Browser(server)
    token = log_in(client, scope="openid email", open_browser=browser, tell=said.append, app_name="<The App>")
    assert token.id_token.sub == "alice"
    assert client.userinfo(token)["email"] == "alice@example.com"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback\?code=.*", browser.callback)
    ((status, headers, text),) = browser.answers
    assert status == 200
    assert headers.items() >= HEADERS.items()
    assert headers["Cache-Control"] == "no-store"
    assert "You are signed in" in text
    assert "&lt;The App&gt;" in text
    assert is_closed(browser.callback)
    assert len(said) == 1
    assert "http" in said[0]
    assert "paste" not in said[0]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("auth", "wanted", "options", "token_class"),
    [
        ("cli", {}, {}, "BearerToken"),
        ("cli", {"require_par": True}, {}, "BearerToken"),
        ("cli", {"require_dpop": True, "dpop_nonce_as": True}, {"dpop": True}, "DPoPToken"),
        (("secretive", SECRET), {}, {}, "BearerToken"),
        (("secretive", SECRET), {"require_par": True}, {"dpop": True}, "DPoPToken"),
        (("signing", KEY), {"require_signed_request_object": True}, {"sign_jwk": KEY}, "BearerToken"),
        (("signing", KEY), {"require_par": True}, {"sign_jwk": KEY}, "BearerToken"),
    ],
)
def test_kinds_of_clients(server, said, auth, wanted, options, token_class):
    """Public and confidential clients, pushed and signed requests, and DPoP all work."""
    for name, value in wanted.items():
        setattr(server, name, value)
    client = made(server, auth)
    token = log_in(client, open_browser=Browser(server), tell=said.append, **options)
    assert token.id_token.sub == "alice"
    assert type(token).__name__ == token_class
    assert isinstance(token, DPoPToken) == ("dpop" in options)


def test_arguments_are_passed_on(client, server, said):
    """`requests_kwargs` go with each request to the server, `token_kwargs` to the token request."""
    log_in(
        client,
        open_browser=Browser(server),
        tell=said.append,
        push=True,
        requests_kwargs={"headers": {"X-Trace": "1"}},
        token_kwargs={"resource": "https://api.local"},
    )
    assert [server.last(name).headers["X-Trace"] for name in ("par", "token")] == ["1", "1"]
    assert "resource=https" in server.last("token").body.decode()


@pytest.mark.parametrize("host", ["::1", "localhost", "127.0.0.1"])
def test_hosts(client, server, said, host):
    """Each loopback address can be listened on."""
    if host == "::1":
        try:
            LoopbackReceiver("::1").close()
        except InvalidParam:
            pytest.skip("this machine has no IPv6")
    browser = Browser(server)
    token = log_in(client, host=host, open_browser=browser, tell=said.append)
    assert token.id_token.sub == "alice"
    assert urlsplit(browser.callback).hostname == host


# ---------------------------------------------------------------- what else arrives


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/", 404, "Nothing here"),
        ("/favicon.ico", 404, "Nothing here"),
        ("/callback/", 404, "Nothing here"),
        ("/other?code=c&state={state}", 404, "Nothing here"),
        ("/x/callback?code=c&state={state}", 404, "Nothing here"),
        ("/callback", 400, "Not the login"),
        ("/callback?", 400, "Not the login"),
        ("/callback?code=c", 400, "Not the login"),
        ("/callback?code=c&state=", 400, "Not the login"),
        ("/callback?code=c&state=wrong", 400, "Not the login"),
        ("/callback?error=access_denied&state=wrong", 400, "Not the login"),
        ("/callback?error=access_denied", 400, "Not the login"),
        ("/callback?state={state}", 400, "Not the login"),
        ("/callback?code=c&state={state}&state={state}", 400, "Not the login"),
        ("/callback?code=%3Cscript%3E&state=%3Cscript%3E", 400, "Not the login"),
        (f"/callback?code={'c' * 60000}&state=wrong", 400, "Not the login"),
        (f"/callback?code={'c' * 70000}&state={{state}}", 414, "Nothing here"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_stray_requests(client, server, said, target, status, says):
    """What is not the awaited callback is answered with an error page, and does not end the wait."""
    browser = Browser(server)

    def stray_then_login(url):
        callback = server.authorize(url, "alice")
        origin, state = callback.partition("/callback")[0], re.search("state=([^&]+)", callback)[1]
        browser.get(origin + target.replace("{state}", state))
        browser.get(callback)

    token = log_in(client, open_browser=stray_then_login, tell=said.append)
    assert token.id_token.sub == "alice"
    (stray_status, headers, text), (good_status, _, _) = browser.answers
    assert (stray_status, good_status) == (status, 200)
    assert says in text
    assert headers.items() >= HEADERS.items()
    assert "<script>" not in text.replace(text[text.rindex("<script>") :], "")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "BREW"])
def test_other_methods(client, server, said, method):
    """Only GET is answered with more than an error."""
    browser = Browser(server)

    def other_then_login(url):
        callback = server.authorize(url, "alice")
        browser.get(callback, method)
        browser.get(callback)

    token = log_in(client, open_browser=other_then_login, tell=said.append)
    assert token.id_token.sub == "alice"
    assert [status for status, _, _ in browser.answers] == [501, 200]
    assert "Error response" not in browser.answers[0][2]


def test_connections_that_say_nothing(client, server, said):
    """Browsers open connections ahead: they neither hold up the login nor its end, however many they are."""
    idle = []

    def preconnect(url):
        callback = server.authorize(url, "alice")
        parts = urlsplit(callback)
        address = (parts.hostname, parts.port)
        idle.extend(socket.create_connection(address) for _ in range(MAX_CONNECTIONS - 1))
        browser.get(callback)

    browser = Browser(server)
    started = time.monotonic()
    token = log_in(client, open_browser=preconnect, tell=said.append)
    assert token.id_token.sub == "alice"
    assert time.monotonic() - started < 5
    for connection in idle:
        connection.settimeout(5)
        assert connection.recv(1) == b""
        connection.close()


def test_too_many_connections():
    """Connections beyond the bound are closed at once."""
    with LoopbackReceiver() as receiver:
        address = ("127.0.0.1", urlsplit(receiver.redirect_uri).port)
        connections = [socket.create_connection(address) for _ in range(MAX_CONNECTIONS)]
        time.sleep(0.2)
        one_more = socket.create_connection(address)
        one_more.settimeout(5)
        assert one_more.recv(1) == b""
        for connection in (*connections, one_more):
            connection.close()


def test_requests_that_drip(monkeypatch):
    """A request that comes byte by byte is over in time, as one that does not come is: it takes no place for long."""
    monkeypatch.setattr(loopback_server, "REQUEST_TIMEOUT", 0.3)
    with LoopbackReceiver() as receiver:
        address = ("127.0.0.1", urlsplit(receiver.redirect_uri).port)
        connections = [socket.create_connection(address) for _ in range(MAX_CONNECTIONS)]
        started = time.monotonic()
        while receiver._server._connections and time.monotonic() - started < 8:
            for connection in connections:
                with suppress(OSError):
                    connection.sendall(b"G")
            time.sleep(0.1)
        assert not receiver._server._connections
        assert not receiver._server._due
        for connection in connections:
            connection.close()


def test_a_page_that_is_loaded_twice(client, server):
    """A callback that comes again, while the login is being finished, gets the same page."""
    browser = Browser(server)
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        callback = server.authorize(request, "alice")
        threads = [threading.Thread(target=browser.get, args=(callback,)) for _ in range(3)]
        waiting = threading.Thread(target=lambda: [thread.start() for thread in threads])
        waiting.start()
        response = receiver.wait_for(request, 10)
        time.sleep(0.3)
        client.authorization_code(response)
    for thread in (waiting, *threads):
        thread.join()
    assert [status for status, _, _ in browser.answers] == [200, 200, 200]
    assert len({text for _, _, text in browser.answers}) == 1
    assert server.count("token") == 1


# ---------------------------------------------------------------- logins that fail


def test_the_user_says_no(client, server, said):
    """A denial ends the wait with its error, and the page tells it."""
    browser = Browser(server, deny=True)
    with pytest.raises(AuthorizationResponseError) as denied:
        log_in(client, open_browser=browser, tell=said.append)
    assert denied.value.error == "access_denied"
    ((status, _, text),) = browser.answers
    assert status == 200
    assert "The login did not work" in text
    assert "access_denied" in text
    assert is_closed(browser.callback)


def test_what_the_server_says_is_escaped(client, server, said):
    """What a server puts into its error is shown as text."""
    browser = Browser(server)

    def hostile(url):
        good = server.authorize(url, "alice")
        callback = re.sub(
            "code=[^&]+", "error=%3Cimg+src=x%3E&error_description=%3Cscript%3Ealert(1)%3C/script%3E", good
        )
        browser.get(callback)

    with pytest.raises(AuthorizationResponseError):
        log_in(client, open_browser=hostile, tell=said.append)
    text = browser.answers[0][2]
    assert "&lt;img src=x&gt;" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<img" not in text
    assert text.count("<script>") == 1


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda server: server.misbehave("token", status=400, json={"error": "invalid_grant", "error_description": "MARK"}), InvalidGrant),
        (lambda server: server.issue_id_tokens.clear(), MissingIdToken),
    ],
)  # fmt: skip
def test_the_page_tells_the_truth(client, server, said, spoil, error):
    """The page is not a good one before there is a token; the reason stays in the program."""
    browser = Browser(server)
    spoil(server)
    with pytest.raises(error):
        log_in(client, open_browser=browser, tell=said.append)
    assert "The login did not work" in browser.answers[0][2]
    assert "MARK" not in browser.answers[0][2]


def test_mix_up(client, server, said):
    """The right `state` with another issuer ends the login: it is an attack, or a wrong configuration."""
    browser = Browser(server)

    def other_issuer(url):
        browser.get(server.authorize(url, "alice").replace("as.local", "evil.example"))

    with pytest.raises(MismatchingIssuer):
        log_in(client, open_browser=other_issuer, tell=said.append)
    assert server.count("token") == 0


def test_timeout(client, said):
    """When nobody comes back in time, a typed error says so, and the port is closed."""
    opened = []
    with pytest.raises(LoopbackTimeout, match=r"0\.2 seconds") as late:
        log_in(client, timeout=0.2, open_browser=opened.append, tell=said.append)
    assert isinstance(late.value, TimeoutError)
    assert late.value.timeout == 0.2
    assert is_closed(
        re.search(r"redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A(\d+)", opened[0]).expand(r"http://127.0.0.1:\1")
    )


def test_interruption(client, monkeypatch):
    """Ctrl-C ends the wait, and cleans up."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(LoopbackReceiver, "_wait_until", interrupted)
    receivers = []
    monkeypatch.setattr(
        LoopbackReceiver, "__enter__", lambda self: receivers.append(self) or self._thread.start() or self
    )
    with pytest.raises(KeyboardInterrupt):
        log_in(client, open_browser=str, tell=str)
    assert is_closed(receivers[0].redirect_uri)


# ---------------------------------------------------------------- pasting


@pytest.fixture
def pipe():
    """A stream that can be waited for, and its other end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream, os.fdopen(writing, "w", encoding="utf-8") as end:
        yield stream, end


def test_pasting(client, server, said, pipe):
    """Without a browser here, the address of the last page can be pasted; what is something else is said to be."""
    stream, end = pipe
    addresses = []
    thread = threading.Thread(
        target=log_in,
        args=(client,),
        kwargs={"open_browser": addresses.append, "paste_from": stream, "tell": said.append, "timeout": 20},
    )
    thread.start()
    while not addresses:
        time.sleep(0.01)
    assert "paste" in said[0]
    for line in (
        "\n",
        "what?\n",
        f"{addresses[0]}\n",
        "code=c&state=wrong\n",
        f"  {server.authorize(addresses[0], 'alice')} \n",
    ):
        end.write(line)
        end.flush()
    thread.join()
    assert server.count("token") == 1
    assert len(said) == 4
    assert all("not the address" in text for text in said[1:])


@pytest.mark.parametrize("newline", ["\n", ""])
def test_pasting_from_other_streams(client, server, said, newline):
    """Any stream of text will do, with or without a line feed at its end."""
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        stream = io.StringIO(f"\nwrong\n{server.authorize(request, 'alice')}{newline}")
        response = receiver.wait_for(request, 10, paste_from=stream, tell=said.append)
    assert client.authorization_code(response).id_token.sub == "alice"
    assert len(said) == 1


def test_a_pipe_that_ends(client, server, pipe):
    """The last line of a pipe needs no line feed; its end is not the end of the wait."""
    stream, end = pipe
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        end.write(server.authorize(request, "alice"))
        end.close()
        assert receiver.wait_for(request, 10, paste_from=stream).code
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        with pytest.raises(LoopbackTimeout):
            receiver.wait_for(request, 0.3, paste_from=stream)


def test_the_browser_may_win(client, server, said, pipe):
    """While the terminal waits for a line, the browser can come back; the line is not read any more."""
    stream, end = pipe
    token = log_in(client, open_browser=Browser(server), paste_from=stream, tell=said.append)
    assert token.id_token.sub == "alice"
    end.write("for the next prompt\n")
    end.flush()
    assert stream.readline() == "for the next prompt\n"


def test_a_pasted_denial(client, server, said, pipe):
    """An error that is pasted ends the login, as one that the browser brings."""
    stream, end = pipe

    def paste(url):
        end.write(server.authorize(url, "alice", deny=True) + "\n")
        end.flush()

    with pytest.raises(AuthorizationResponseError):
        log_in(client, open_browser=paste, paste_from=stream, tell=said.append)


def test_the_terminal_is_used(client, server, monkeypatch, capsys, pipe):
    """By default the user may paste into the terminal, if there is one, and is told so on standard error."""
    stream, end = pipe
    assert terminal() is None
    monkeypatch.setattr(sys, "stdin", stream)
    assert terminal() is None
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert terminal() is stream

    def paste(url):
        end.write("what?\n" + server.authorize(url, "alice") + "\n")
        end.flush()

    assert log_in(client, open_browser=paste, paste_from=...).id_token.sub == "alice"
    out, err = capsys.readouterr()
    assert out == ""
    assert "paste its address" in err
    assert "not the address" in err
    monkeypatch.setattr(sys, "stdin", None)
    assert terminal() is None


# ---------------------------------------------------------------- opening the browser


def test_openers_that_fail(client, server, said):
    """An opener that raises is told about; the user can still open the address themselves."""
    browser = Browser(server)

    def broken(url):
        threading.Timer(0.2, browser, [url]).start()
        raise webbrowser.Error("no\nbrowser")

    token = log_in(client, open_browser=broken, tell=said.append)
    assert token.id_token.sub == "alice"
    assert said[1] == "The browser did not open (no\\nbrowser)."


@pytest.mark.parametrize(
    ("platform", "environment", "opened"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"BROWSER": "lynx"}, True),
        ("linux", {"DISPLAY": ""}, False),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_where_a_browser_is_opened(monkeypatch, platform, environment, opened):
    """Without a screen no browser is opened: it would take the terminal."""
    urls = []
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(webbrowser, "open", lambda url: urls.append(url) or True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert open_browser("https://as.local") is opened
    assert urls == ["https://as.local"] * opened


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "calc.exe", "-flag", "HTTP"])
def test_only_web_pages_are_opened(said, url):
    """Nothing but a web page is ever given to the system to open."""
    opened = []
    loopback._open(opened.append, url, said.append)
    assert opened == []


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"host": "0.0.0.0"}, "127.0.0.1"),
        ({"host": "192.168.1.1"}, "127.0.0.1"),
        ({"host": ""}, "127.0.0.1"),
        ({"path": "callback"}, "`path`"),
        ({"path": "/a?b"}, "`path`"),
        ({"path": "/a\n"}, "`path`"),
        ({"path": "/é"}, "`path`"),
        ({"port": -1}, "Port -1"),
        ({"port": 70000}, "Port 70000"),
        ({"port": "http"}, "Port http"),
    ],
)
def test_where_a_receiver_may_not_listen(options, match):
    """Only loopback hosts, plain paths and existing ports are accepted."""
    with pytest.raises(InvalidParam, match=match):
        LoopbackReceiver(**options)


def test_a_port_in_use():
    """A port that another program has is refused clearly."""
    with LoopbackReceiver() as first:
        port = urlsplit(first.redirect_uri).port
        with pytest.raises(InvalidParam, match="cannot be listened on"):
            LoopbackReceiver(port=port)
    second = LoopbackReceiver(port=port, path="/other")
    assert second.redirect_uri == f"http://127.0.0.1:{port}/other"
    second.close()
    second.close()


def test_what_cannot_be_asked_for(client, said):
    """A request without `state`, and a `redirect_uri` of one's own, are refused."""
    opened = []
    options = {"open_browser": opened.append, "tell": said.append}
    with pytest.raises(InvalidParam, match="without `state`"):
        log_in(client, state=None, **options)
    with pytest.raises(InvalidParam, match="`redirect_uri`"):
        log_in(client, redirect_uri="https://app.local/cb", **options)


def test_the_browser_is_faster(client, server):
    """A user who is logged in already may be back before the program waits for them."""
    browser = Browser(server)
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        browsing = threading.Thread(target=browser, args=(request,))
        browsing.start()
        time.sleep(0.3)
        assert receiver.wait_for(request, 10).code
    browsing.join()
    assert browser.answers[0][0] == 200


def test_nobody_waits(client, server):
    """A program that ends without waiting leaves no browser hanging."""
    browser = Browser(server)
    with LoopbackReceiver() as receiver:
        request = client.authorization_request(redirect_uri=receiver.redirect_uri)
        browsing = threading.Thread(target=browser, args=(request,))
        browsing.start()
        time.sleep(0.2)
    browsing.join()
    assert browser.answers[0][0] == 400


def test_a_callback_before_its_request():
    """Before a request is waited for, and after its callback, no other is taken."""
    request = AuthorizationRequest("https://as.local/authorize", client_id="cli")
    with LoopbackReceiver() as receiver:
        callback = f"code=c&state={request.state}"
        assert not receiver.offer(callback)
        threading.Timer(0.2, receiver.offer, [callback]).start()
        assert receiver.wait_for(request, 10).code == "c"
        assert receiver.offer(callback)
        assert not receiver.offer(f"code=other&state={request.state}")


# ---------------------------------------------------------------- the page


def test_the_page_needs_nothing_else():
    """The page has all that it needs, and its policy lets it load nothing; light and dark are both there."""
    text = page("Title", "Text", good=True).decode()
    assert not re.search(r"""(src|href)=["'](?!data:,)""", text)
    assert "prefers-color-scheme:dark" in text
    assert '<html lang="en">' in text
    policy = HEADERS["Content-Security-Policy"]
    for element in ("style", "script"):
        content = re.search(f"<{element}>(.*?)</{element}>", text, re.DOTALL)[1]
        assert f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "style=" not in text


@pytest.mark.parametrize("name", ["title", "text", "error", "description"])
def test_any_text_is_safe_on_the_page(name):
    """Whatever the text, it is shown as text, unpaired surrogates and braces included."""
    texts = {"title": "Title", "text": "Text", name: "<b>\"'&{title}\udc80é"}
    shown = page(**texts, good=False).decode()
    assert "&lt;b&gt;&quot;&#x27;&amp;{title}?é" in shown
    assert "<b>" not in shown
