"""The UserInfo Endpoint, OIDC Core §5.3, when it answers JSON. As a JWT: `test_userinfo_jwt.py`."""

from __future__ import annotations

import pytest
import requests

from requests_oauth2client import BearerToken, ExpiredAccessToken, InvalidParam, OAuth2Client, UserInfoError
from requests_oauth2client.exceptions import InvalidUserInfoResponse


@pytest.fixture
def token(server):
    return BearerToken(**server.issue_token("client_id", user="alice", scope="openid email", grant_type="password"))


@pytest.mark.parametrize("as_text", [True, False])
def test_claims(client, server, token, as_text):
    """The token, or its text, is the authentication of a POST without credentials of the client."""
    assert client.userinfo(str(token) if as_text else token) == {"sub": "alice", "email": "alice@example.com"}
    request = server.last("userinfo")
    assert request.method == "POST"
    assert request.headers["Authorization"] == f"Bearer {token}"
    assert request.body == b""


def test_public_clients_too(server, token):
    """A client without credentials asks as any other."""
    client = OAuth2Client(
        server.endpoint("token"), "public", userinfo_endpoint=server.endpoint("userinfo"), session=server.session()
    )
    assert client.userinfo(token)["sub"] == "alice"


@pytest.mark.parametrize("token", ["", None, 5, b"at", "two\nlines"])
def test_no_token(client, server, token):
    """What cannot be an access token is refused, and nothing is sent."""
    with pytest.raises(InvalidParam, match="`access_token`"):
        client.userinfo(token)
    assert server.requests == []


def test_expired(client, server, now):
    """An expired token is not sent."""
    token = BearerToken("at", expires_in=1)
    now.shift(2)
    with pytest.raises(ExpiredAccessToken):
        client.userinfo(token)
    assert server.requests == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"alice"', b"null", b"<html>", b'{"sub": "a", "sub": "b"}', b'{"sub": "al']
)
def test_unusable(client, server, body):
    """What is no JSON object holds no claims."""
    server.misbehave("userinfo", body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(InvalidUserInfoResponse, match="unusable UserInfo response") as caught:
        client.userinfo("at")
    assert caught.value.response.content == body


class TestErrors:
    def test_challenge(self, client):
        """A refusal without body is an error, which is a `requests.HTTPError` too."""
        with pytest.raises(UserInfoError, match="answered 401") as caught:
            client.userinfo("unknown")
        assert isinstance(caught.value, requests.HTTPError)
        assert caught.value.response.status_code == 401
        assert 'error="invalid_token"' in caught.value.response.headers["WWW-Authenticate"]

    def test_insufficient_scope(self, client, server):
        """A token that was not issued for it is refused."""
        token = server.issue_token("client_id", user="alice", scope="email")["access_token"]
        with pytest.raises(UserInfoError, match="'openid' scope") as caught:
            client.userinfo(token)
        assert caught.value.response.status_code == 403

    def test_error_body(self, client, server):
        """An error body is read."""
        server.misbehave("userinfo", status=401, json={"error": "invalid_token", "error_description": "expired"})
        with pytest.raises(UserInfoError, match=r"'invalid_token' \(expired\)") as caught:
            client.userinfo("at")
        assert caught.value.error == "invalid_token"
