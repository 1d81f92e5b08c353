"""Token introspection, RFC 7662."""

from __future__ import annotations

import pytest

from requests_oauth2client import (
    BearerToken,
    IntrospectionError,
    InvalidClient,
    InvalidParam,
    MissingRefreshToken,
    UnknownIntrospectionError,
    UnknownTokenType,
)
from requests_oauth2client.tokens import TokenType

RFC7662_2_2 = {
    "active": True,
    "client_id": "l238j323ds-23ij4",
    "username": "jdoe",
    "scope": "read write dolphin",
    "sub": "Z5O3upPC88QrAjx00dis",
    "aud": "https://protected.example.net/resource",
    "iss": "https://server.example.com/",
    "exp": 1419356238,
    "iat": 1419350238,
    "extension_field": "twenty-seven",
}


@pytest.fixture
def token(server):
    return BearerToken(**server.issue_token("client_id", user="alice", scope="read"))


def sent(server):
    form = server.last("introspection").form
    assert form.pop("client_id") == ["client_id"]
    assert form.pop("client_secret") == ["client_secret"]
    return form


def test_rfc7662_2_2(client, server):
    """RFC 7662 §2.2: the members of the example come as they are."""
    server.misbehave("introspection", json=RFC7662_2_2)
    assert client.introspect_token("2YotnFZFEjr1zCsicMWpAA") == RFC7662_2_2


@pytest.mark.parametrize("as_text", [True, False])
def test_access_token(client, server, token, as_text):
    """The server tells what an access token is worth."""
    found = client.introspect_token(str(token) if as_text else token)
    assert (found["active"], found["scope"], found["sub"]) == (True, "read", "alice")
    assert sent(server) == {"token": [str(token)]}
    assert client.introspect_token("unknown") == {"active": False}


@pytest.mark.parametrize(
    ("hint", "member"),
    [
        (None, "access_token"),
        ("access_token", "access_token"),
        (TokenType.ACCESS_TOKEN, "access_token"),
        ("refresh_token", "refresh_token"),
        (TokenType.REFRESH_TOKEN, "refresh_token"),
    ],
)
def test_hints(client, server, token, hint, member):
    """Of a token, the hint selects what is sent."""
    assert client.introspect_token(token, hint, realm="x")["active"] is True
    assert sent(server) == {
        "token": [token[member]],
        "realm": ["x"],
        **({"token_type_hint": [str(hint)]} if hint else {}),
    }


def test_other_hints(client, server, token):
    """A token has nothing for another hint; text goes with any."""
    with pytest.raises(UnknownTokenType, match="Invalid `token_type_hint`") as caught:
        client.introspect_token(token, "id_token")
    assert isinstance(caught.value, (TypeError, ValueError))
    assert (caught.value.token, caught.value.token_type) == (token, "id_token")
    assert server.requests == []
    client.introspect_token("text", "urn:other")
    assert sent(server)["token_type_hint"] == ["urn:other"]


def test_no_refresh_token(client, server):
    """A token without refresh token has none to ask about."""
    with pytest.raises(MissingRefreshToken):
        client.introspect_token(BearerToken("at"), "refresh_token")
    assert server.requests == []


@pytest.mark.parametrize("token", [None, ""])
def test_nothing_to_ask_about(client, server, token):
    """`None` is no token: it is refused, and not sent as the text 'None'."""
    with pytest.raises(InvalidParam, match="There is no token here"):
        client.introspect_token(token)
    assert server.requests == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/jwt", "application/token-introspection+jwt", None])
def test_text(client, server, content_type):
    """What does not claim to be JSON, and is none, comes as text."""
    server.misbehave("introspection", body="eyJ.x.y", headers={"Content-Type": content_type} if content_type else {})
    assert client.introspect_token("at") == "eyJ.x.y"


@pytest.mark.parametrize("content_type", [None, "text/plain"])
def test_undeclared_json(client, server, content_type):
    """JSON without its media type is JSON."""
    server.misbehave(
        "introspection", body='{"active": false}', headers={"Content-Type": content_type} if content_type else {}
    )
    assert client.introspect_token("at") == {"active": False}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"active": tr'),
        ("application/json; charset=utf-8", "active"),
        ("application/json", '["active"]'),
        ("application/json", "true"),
        ("application/json", '{"active": true, "active": false}'),
        ("text/html", "<h1>Please log in</h1>"),
    ],
)
def test_unusable(client, server, content_type, body):
    """What claims to be JSON and is no object, or is a web page, is an error and no answer."""
    server.misbehave("introspection", body=body, headers={"Content-Type": content_type})
    with pytest.raises(UnknownIntrospectionError, match="unusable introspection response") as caught:
        client.introspect_token("at")
    assert caught.value.response.text == body


def test_errors(client, server):
    """A standard error has the class of its code; any other failure is an `UnknownIntrospectionError`."""
    for code, cls in (("invalid_client", InvalidClient), ("odd", IntrospectionError)):
        server.misbehave("introspection", status=401, json={"error": code, "error_description": "why"})
        with pytest.raises(cls, match="why") as caught:
            client.introspect_token("at")
        assert type(caught.value) is cls
    server.misbehave("introspection", status=500, body="oops")
    with pytest.raises(UnknownIntrospectionError) as caught:
        client.introspect_token("at")
    assert caught.value.response.status_code == 500
