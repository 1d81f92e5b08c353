"""The embedded server misbehaves as asked, in this process and over a socket."""

from __future__ import annotations

import time

import pytest
import requests

from requests_oauth2client.testing import AuthorizationServer, Response, misbehaviour

FORM = {"client_id": "c", "client_secret": "marked-secret", "grant_type": "client_credentials"}


@pytest.fixture(params=["in process", "loopback"])
def reached(request):
    """A server and a session that reaches it."""
    server = AuthorizationServer("https://as.local")
    server.add_client("c", client_secret="marked-secret")
    if request.param == "in process":
        yield server, server.session()
    else:
        with server.serve(), requests.Session() as session:
            yield server, session


def ask(reached, **kwargs):
    server, session = reached
    return session.post(server.endpoint("token"), data=FORM, **{"allow_redirects": False, "timeout": 5, **kwargs})


def test_canned_answers(reached):
    """Canned answers are given in order, each as often as asked, and counted as any other."""
    server, _ = reached
    server.misbehave("token", status=500, body=b"<html>", headers={"Content-Type": "text/html"}, times=2)
    server.misbehave("token", status=400, json={"error": "slow_down"})
    answers = [ask(reached) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 500, 400, 200]
    assert answers[0].content == b"<html>"
    assert answers[0].headers["Content-Type"] == "text/html"
    assert answers[2].json() == {"error": "slow_down"}
    assert [request.response_status for request in server.requests] == [500, 500, 400, 200]


def test_until_it_behaves(reached):
    """A misbehaviour without a number lasts until `behave()`, which also resets the choices."""
    server, _ = reached
    server.misbehave("token", lambda request: Response(418, body=request.method.encode()), times=None)
    server.rotate_refresh_tokens = False
    server.extra_token_fields["a"] = 1
    assert [ask(reached).status_code for _ in range(3)] == [418] * 3
    server.behave()
    assert ask(reached).json().keys() == {"access_token", "token_type", "expires_in"}
    assert server.rotate_refresh_tokens


def test_first_choices_come_back():
    """`behave()` comes back to what the server was built with."""
    server = AuthorizationServer(access_token_lifetime=5)
    server.access_token_lifetime = 7
    server.behave()
    assert server.access_token_lifetime == 5


def test_delay(reached):
    """A late answer is honest, unless it comes too late."""
    server, _ = reached
    server.misbehave("token", delay=0.1)
    start = time.monotonic()
    assert ask(reached).status_code == 200
    assert time.monotonic() - start >= 0.1
    server.misbehave("token", delay=0.5)
    with pytest.raises(requests.ReadTimeout):
        ask(reached, timeout=(1, 0.1))


def test_redirect(reached):
    """A redirect that is followed with its body ends where the test can see it."""
    server, _ = reached
    server.misbehave("token", misbehaviour.redirect("https://evil.local/", status=308), times=2)
    answer = ask(reached)
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://evil.local/")
    in_process = server.session()
    with pytest.raises(requests.ConnectionError):
        ask((server, in_process), allow_redirects=True)
    assert server.strays[0].form["client_secret"] == ["marked-secret"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (misbehaviour.html(), ValueError),
        (misbehaviour.truncated_json(), ValueError),
        (misbehaviour.cut_body(), requests.RequestException),
        (misbehaviour.nested_json(), (ValueError, RecursionError)),
    ],
)
def test_unreadable(reached, answer, error):
    """Some answers cannot be read as JSON."""
    reached[0].misbehave("token", answer)
    with pytest.raises(error):
        assert "access_token" in ask(reached).json()


def test_readable_and_wrong(reached):
    """Some answers can be read, and are not what was expected."""
    server, _ = reached
    server.misbehave("token", misbehaviour.json_array())
    assert ask(reached).json()[0]["token_type"] == "Bearer"
    server.misbehave("token", misbehaviour.amended(token_type="mac", expires_in=None, extra=[1]))
    amended = ask(reached).json()
    assert (amended["token_type"], amended["extra"]) == ("mac", [1])
    assert "expires_in" not in amended
    server.misbehave("token", misbehaviour.duplicate_key("token_type", "evil"))
    answer = ask(reached)
    assert answer.text.count("token_type") == 2
    assert answer.json()["token_type"] == "evil"
    server.misbehave("token", misbehaviour.wrong_content_type())
    assert ask(reached).headers["Content-Type"] == "text/plain"
    server.misbehave("token", misbehaviour.wrong_charset("utf-16"))
    assert ask(reached).content.decode("utf-16").startswith("{")
    server.misbehave("token", misbehaviour.huge_header())
    assert len(ask(reached).headers["X-Padding"]) == 60_000
    server.misbehave("token", misbehaviour.huge_number(100))
    assert ask(reached).json()["expires_in"] == 10**100 - 1
    server.misbehave("token", misbehaviour.unavailable(3))
    assert ask(reached).headers["Retry-After"] == "3"
    server.misbehave("token", misbehaviour.unavailable())
    assert "Retry-After" not in ask(reached).headers


def test_large(reached):
    """Large bodies come without their length, or compressed."""
    server, _ = reached
    server.misbehave("token", misbehaviour.huge_body(2_000_000))
    with ask(reached, stream=True) as answer:
        assert "Content-Length" not in answer.headers
        assert len(answer.content) > 2_000_000
    server.misbehave("token", misbehaviour.gzip_bomb(3_000_000))
    with ask(reached, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) < 10_000
        assert len(answer.content) > 3_000_000


def test_slow_drip(reached):
    """A dripping body never lets one read time out."""
    server, _ = reached
    server.misbehave("token", misbehaviour.slow_drip(0.02, 10))
    start = time.monotonic()
    assert ask(reached, timeout=0.5).json() == {}
    assert time.monotonic() - start >= 0.2


def test_late_answers_to_those_who_left(reached):
    """A client that left before the answer does not disturb the next one."""
    server, _ = reached
    server.misbehave("token", delay=0.2)
    with pytest.raises(requests.ReadTimeout):
        ask(reached, timeout=(1, 0.05))
    assert ask(reached).status_code == 200


def test_injections(reached):
    """Errors can carry line breaks and control sequences, and keys can be strange."""
    server, session = reached
    server.misbehave("token", misbehaviour.log_injection())
    assert "\n" in ask(reached).json()["error_description"]
    server.misbehave("token", misbehaviour.invalid_utf8())
    with pytest.raises(UnicodeDecodeError):
        ask(reached).content.decode()
    server.misbehave("jwks", misbehaviour.strange_keys())
    keys = session.get(server.endpoint("jwks")).json()["keys"]
    assert {"kty": "oct", "k": "AAAA", "kid": "symmetric"} in keys
    assert any(isinstance(key, dict) and key.get("alg") == "RS256" for key in keys)


def test_apis_misbehave_too(reached):
    """APIs misbehave under their name."""
    server, _ = reached
    api = server.protect("https://api.local/")
    server.misbehave("api", status=503, body="busy")
    assert server.session().get(api.url).text == "busy"
