"""Token revocation, RFC 7009."""

from __future__ import annotations

import pytest

from requests_oauth2client import (
    BearerToken,
    InvalidClient,
    InvalidParam,
    MissingRefreshToken,
    OAuth2Client,
    RevocationError,
    UnsupportedTokenType,
)
from requests_oauth2client.tokens import TokenType


@pytest.fixture
def token(server):
    return BearerToken(**server.issue_token("client_id", user="alice"))


def sent(server):
    form = server.last("revocation").form
    assert form.pop("client_id") == ["client_id"]
    assert form.pop("client_secret") == ["client_secret"]
    return form


@pytest.mark.parametrize("as_text", [True, False])
def test_access_token(client, server, token, as_text):
    """An access token is revoked, and only that."""
    assert client.revoke_access_token(str(token) if as_text else token) is True
    assert sent(server) == {"token": [str(token)], "token_type_hint": ["access_token"]}
    assert client.introspect_token(token)["active"] is False
    assert client.refresh_token(token)


@pytest.mark.parametrize("as_text", [True, False])
def test_refresh_token(client, server, token, as_text):
    """A refresh token is revoked, by itself or as part of a token; the grant falls with it."""
    assert client.revoke_refresh_token(token.refresh_token if as_text else token) is True
    assert sent(server) == {"token": [token.refresh_token], "token_type_hint": ["refresh_token"]}
    assert client.introspect_token(token)["active"] is False


@pytest.mark.parametrize(
    ("hint", "member"),
    [
        (None, "access_token"),
        ("access_token", "access_token"),
        (TokenType.ACCESS_TOKEN, "access_token"),
        ("refresh_token", "refresh_token"),
        (TokenType.REFRESH_TOKEN, "refresh_token"),
        ("urn:other", "access_token"),
    ],
)
def test_hints(client, server, token, hint, member):
    """Of a token, the hint selects what is sent; without a hint there is no such parameter."""
    assert client.revoke_token(token, hint, realm="x")
    assert sent(server) == {
        "token": [token[member]],
        "realm": ["x"],
        **({"token_type_hint": [str(hint)]} if hint else {}),
    }


def test_unknown_tokens(client):
    """A token that the server does not know counts as revoked (RFC 7009 §2.2)."""
    assert client.revoke_token("unknown") is True


def test_no_refresh_token(client, server):
    """A token without refresh token has none to revoke."""
    with pytest.raises(MissingRefreshToken):
        client.revoke_refresh_token(BearerToken("at"))
    assert server.requests == []


@pytest.mark.parametrize("method", ["revoke_token", "revoke_access_token", "revoke_refresh_token"])
@pytest.mark.parametrize("token", [None, ""])
def test_nothing_to_revoke(client, server, method, token):
    """`None` is no token: it is refused, and not revoked, with success, as the text 'None'."""
    with pytest.raises(InvalidParam, match="There is no token here"):
        getattr(client, method)(token)
    assert server.requests == []


def test_unsupported_type(client, server, token):
    """A server that does not revoke this type says so (RFC 7009 §2.2.1)."""
    server.unsupported_revocation_types = {"access_token"}
    with pytest.raises(UnsupportedTokenType, match="Revoke the refresh token instead"):
        client.revoke_access_token(token)


def test_errors(client, server, token):
    """A standard error is raised, any other failure returns False."""
    server.misbehave("revocation", status=400, json={"error": "odd"})
    with pytest.raises(RevocationError) as caught:
        client.revoke_token(token)
    assert type(caught.value) is RevocationError
    for answer in ({"status": 500}, {"status": 400, "body": "no"}, {"status": 503, "json": {"detail": "x"}}):
        server.misbehave("revocation", **answer)
        assert client.revoke_token(token) is False
    impostor = OAuth2Client(
        client.token_endpoint,
        ("client_id", "wrong"),
        revocation_endpoint=client.revocation_endpoint,
        session=client.session,
    )
    with pytest.raises(InvalidClient):
        impostor.revoke_token(token)


@pytest.mark.parametrize("body", [b"", b"ok", b"<html>", b'{"error": "x"}'])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_success(client, server, token, status, body):
    """Any 2xx is a success, whatever the body (RFC 7009 §2.2)."""
    server.misbehave("revocation", status=status, body=body)
    assert client.revoke_token(token) is True
