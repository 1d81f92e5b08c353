"""What of an exchange may be shown, and what may travel."""

from __future__ import annotations

import html
import json
import pickle
from base64 import b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest
import requests

from requests_oauth2client.evidence import (
    MAX_SHOWN,
    SECRET_HEADERS,
    SECRET_PARAMETERS,
    printable,
    printable_url,
    redacted,
    secrets_of,
    shareable_request,
    shareable_response,
)
from requests_oauth2client.exceptions import InvalidClient

SECRET = "marked sécret+/&=%"


def prepared(data=None, headers=None, **kwargs):
    return requests.Request("POST", "https://as.local/token", data=data, headers=headers, **kwargs).prepare()


def basic(text):
    return {"Authorization": "Basic " + b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("é ☃", "é ☃"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        (5, "5"),
        (None, "None"),
        ("x" * MAX_SHOWN, "x" * MAX_SHOWN),
        ("x" * 10_000, "x" * MAX_SHOWN + "…"),
    ],
)
def test_printable(text, shown):
    """A text is shown on one line, without control characters, and cut."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://as.local/token", "https://as.local/token"),
        ("https://as.local:8443/token", "https://as.local:8443/token"),
        ("https://[::1]:8443/token", "https://[::1]:8443/token"),
        ("https://[::1]/token", "https://[::1]/token"),
        ("https://as.local/users/@me", "https://as.local/users/@me"),
        ("https://as.local/token?a=marked", "https://as.local/token"),
        ("https://as.local/token#marked", "https://as.local/token"),
        ("https://user:marked@as.local/token", "https://as.local/token"),
        ("https://user:mar@ked@as.local/token", "https://as.local/token"),
        ("https://user:marked/x@as.local/token", "https://…"),
        ("https://user:marked?x@as.local/token", "https://…"),
        ("user:marked@as.local/token", "as.local/token"),
        ("https:/user:marked@as.local/token", "as.local/token"),
        ("https://as.local/\n", "https://as.local/\\n"),
        ("", ""),
        (None, "None"),
    ],
)
def test_printable_url(url, shown):
    """A URL is shown without user information, query and fragment."""
    assert printable_url(url) == shown


@pytest.mark.parametrize("name", sorted(SECRET_PARAMETERS))
@pytest.mark.parametrize("encode", [str, str.encode])
def test_secrets_in_forms(name, encode):
    """The value of each credential in a form is a secret; the other values are not."""
    request = prepared(encode(urlencode({name: SECRET, "scope": "public", "empty": ""})))
    assert secrets_of(request) == {
        SECRET,
        quote_plus(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        html.escape(SECRET),
    }


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_secrets_in_headers(name):
    """What headers carry behind their scheme is a secret, as text and as bytes."""
    assert "marked" in secrets_of(prepared(headers={name: "Scheme marked"}))
    assert "marked" in secrets_of(prepared(headers={name: b"Scheme marked"}))
    assert "marked" in secrets_of(prepared(headers={name: "marked"}))


def test_cookies():
    """Each cookie is a secret."""
    assert {"one", "two"} <= secrets_of(prepared(headers={"Cookie": "a=one; b=two"}))


@pytest.mark.parametrize("encode", [str, quote_plus])
def test_secrets_in_basic_credentials(encode):
    """A server that decodes `Basic` credentials may echo the secret itself, form-encoded or not."""
    request = prepared(headers=basic(f"client:{encode(SECRET)}"))
    assert {SECRET, request.headers["Authorization"].partition(" ")[2]} <= secrets_of(request)


def test_malformed_basic_credentials():
    """Credentials that are not base64 are secrets as they are."""
    assert "é!" in secrets_of(prepared(headers={"Authorization": "Basic é!"}))


def test_no_request():
    """Without a request there is no secret."""
    assert secrets_of(None) == set()
    assert redacted("text", None) == "text"
    assert redacted("text\n", prepared()) == "text\\n"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (prepared({"client_secret": SECRET}), f"bad secret {SECRET}"),
        (prepared({"client_secret": SECRET}), "cannot parse " + urlencode({"client_secret": SECRET})),
        (prepared({"password": SECRET, "code": "marked-code"}), f"{SECRET}/marked-code"),
        (prepared(headers=basic(f"c:{quote_plus(SECRET)}")), f"wrong password '{SECRET}'"),
        (prepared(headers=basic(f"c:{SECRET}")), "wrong header " + basic(f"c:{SECRET}")["Authorization"]),
        (prepared({"refresh_token": "marked"}), "y" * (MAX_SHOWN - 3) + "marked"),
        (prepared({"refresh_token": "marked" * 200}), "marked" * 200),
    ],
)
def test_redacted(request_, said):
    """Credentials of the request are taken out of what the server said, before it is cut."""
    text = redacted(said, request_)
    assert "mar" not in text
    assert "[re" in text


def test_redacted_once():
    """Secrets that are part of each other, or of the replacement, make no mess."""
    request = prepared({"code": "e", "token": "ee", "password": "red"})
    assert redacted("ee e red", request) == "[redacted] [redacted] [redacted]"


def test_shareable_request():
    """A copy of a request keeps method, URL and harmless headers; the original keeps all."""
    request = prepared(
        {"client_secret": "marked"},
        headers={"Authorization": "Basic marked", "DPoP": "marked", "Proxy-Authorization": "marked", "X-Id": "1"},
        cookies={"session": "marked"},
        hooks={"response": [lambda *_, **__: None]},
    )
    shared = shareable_request(request)
    assert (shared.method, shared.url, shared.headers["X-Id"]) == ("POST", "https://as.local/token", "1")
    assert b"marked" not in pickle.dumps(shared)
    assert request.headers["Authorization"] == "Basic marked"
    assert request.body == "client_secret=marked"
    assert request.hooks["response"]


def test_shareable_request_that_was_not_prepared():
    """A request without anything can be shared too."""
    assert shareable_request(requests.PreparedRequest()).headers is None


@pytest.mark.parametrize(
    ("echo", "shared"),
    [
        (SECRET, "[redacted]"),
        (f"secret={quote_plus(SECRET)}&scope=a", "secret=[redacted]&scope=a"),
        (json.dumps({"error_description": f"not {SECRET}"}), '{"error_description": "not [redacted]"}'),
        (f"secret={quote_plus(SECRET).lower()}", "secret=[redacted]"),
        (f"<p>{html.escape(SECRET)}</p>", "<p>[redacted]</p>"),
        (f"<p>{SECRET}, and {quote(SECRET, safe='')}</p>", "<p>[redacted], and [redacted]</p>"),
    ],
)
def test_shareable_responses_do_not_echo(echo, shared):
    """What a server repeats of the credentials that it was sent is not in a pickle of its answer; all else is."""
    response = requests.Response()
    response.request = prepared({"client_secret": SECRET})
    response._content = echo.encode() + b"\xff"
    assert pickle.loads(pickle.dumps(shareable_response(response))).content == shared.encode() + b"\xff"
    assert response.content == echo.encode() + b"\xff"


@pytest.mark.parametrize(
    ("content", "shared"),
    [
        ('{"access_token": "marked", "token_type": "mac"}', '{"access_token": "[redacted]", "token_type": "mac"}'),
        ('{"refresh_token":"marked\\"marked","x":1}', '{"refresh_token":"[redacted]","x":1}'),
        ('{"id_token":"marked.cut', '{"id_token":"[redacted]"'),
        ('{"device_code" : "marked", "user_code": "A"}', '{"device_code" : "[redacted]", "user_code": "A"}'),
        ('{"access_token": 5}', '{"access_token": 5}'),
        ('{"scope": "access_token"}', '{"scope": "access_token"}'),
    ],
)
def test_shareable_responses_hold_no_token(content, shared):
    """What a refused answer would have issued is not in a pickle of it; the answer itself keeps it."""
    response = requests.Response()
    response._content = content.encode()
    response.headers.update({"Set-Cookie": "session=marked", "X-Id": "1"})
    response.cookies.set("session", "marked")
    assert shareable_response(response).text == shared
    assert b"marked" not in pickle.dumps(shareable_response(response))
    assert shareable_response(response).headers == {"X-Id": "1"}
    assert response.text == content
    assert (response.headers["Set-Cookie"], dict(response.cookies)) == ("session=marked", {"session": "marked"})


def test_pickles_of_errors_do_not_echo():
    """The words of a server are in a pickled error without the credentials that they repeat; the error itself keeps them."""
    response = requests.Response()
    response.status_code, response.request = 401, prepared({"client_secret": SECRET})
    error = InvalidClient(
        response, None, "invalid_client", f"{SECRET} is wrong", f"https://as.local/{quote(SECRET, safe='')}"
    )
    arrived = pickle.loads(pickle.dumps(error))
    assert (arrived.error, arrived.description, error.description) == (
        "invalid_client", "[redacted] is wrong", f"{SECRET} is wrong",
    )  # fmt: skip
    assert b"marked" not in pickle.dumps(error)


def test_shareable_response(client, server):
    """A copy of a response pickles, with the body and without the credentials of its request."""
    server.misbehave("token", status=418, body="teapot", headers={"X-Id": "1"})
    response = client.session.post(client.token_endpoint, data={"client_secret": "marked"})
    response.history = [response.__class__()]
    shared = pickle.loads(pickle.dumps(shareable_response(response)))
    assert (shared.status_code, shared.text, shared.headers["X-Id"], shared.url) == (
        418, "teapot", "1", client.token_endpoint,
    )  # fmt: skip
    assert shared.request.body is None
    assert len(shared.history) == 1
    assert response.request.body == "client_secret=marked"
