"""A statement of somebody else as authorization grant: JWT (RFC 7523), SAML 2.0 (RFC 7522)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from jwskate import Jwk, Jwt

from requests_oauth2client import DPoPKey, InvalidGrant, InvalidParam, InvalidTokenResponse, OAuth2ClientCredentialsAuth
from requests_oauth2client.enums import GrantTypes

VECTORS = json.loads((Path(__file__).parent / "vectors" / "saml2-signed-assertions.json").read_text("utf-8"))
KEY = Jwk.generate(alg="ES256")


@pytest.mark.parametrize("vector", VECTORS["assertions"], ids=lambda vector: vector["alg"])
@pytest.mark.parametrize("form", ["xml", "bytes", "base64url", "padded"])
def test_saml2(server, client, vector, form):
    """An assertion is accepted as the issuer signed it, whether it was encoded before or not (RFC 7522 §2.1)."""
    server.trust_issuer("https://idp.local", vector["jwk"])
    server.add_user("bob", sub="248289761001")
    xml = vector["assertion"].encode()
    encoded = base64.urlsafe_b64encode(xml).decode()
    assertion = {"xml": vector["assertion"], "bytes": xml, "base64url": encoded.rstrip("="), "padded": encoded}[form]
    token = client.saml2_bearer(assertion, scope=["read", "write"])
    sent = server.last("token").form
    assert sent["grant_type"] == [GrantTypes.SAML2_BEARER.value] == ["urn:ietf:params:oauth:grant-type:saml2-bearer"]
    assert sent["assertion"] == [encoded.rstrip("=")]
    assert token.scope == "read write"
    assert server.access_tokens[str(token)].grant.sub == "248289761001"


def test_saml2_with_line_breaks(server, client):
    """Base64url that was broken into lines is made one; the assertion must not hold line breaks (RFC 7522 §2.1)."""
    server.misbehave("token", json={"access_token": "at"})
    client.saml2_bearer("PEFz\r\nc2VydGlvbi8-\n")
    assert server.last("token").form["assertion"] == ["PEFzc2VydGlvbi8-"]


@pytest.mark.parametrize("assertion", ["", b"", "{}", "a+b/c=", "ünknown", b"\xff\xfe<\x00", "a!"])
def test_not_saml(server, client, assertion):
    """What is neither XML nor base64url is refused before anything is sent."""
    with pytest.raises(InvalidParam, match="neither XML nor base64url"):
        client.saml2_bearer(assertion)
    assert server.requests == []


def test_saml2_refused(client):
    """An assertion that the server does not accept is `InvalidGrant`."""
    with pytest.raises(InvalidGrant):
        client.saml2_bearer("<Assertion/>")


def test_dpop(server, client):
    """The token is bound to a key on demand, for both grants."""
    server.trust_issuer("https://idp.local", VECTORS["assertions"][0]["jwk"])
    key = DPoPKey.generate()
    assert client.saml2_bearer(VECTORS["assertions"][0]["assertion"], dpop_key=key).dpop_key is key


def test_requests_kwargs(client, server):
    """Arguments of requests go through; those that make the request do not."""
    server.misbehave("token", json={"access_token": "at"})
    client.saml2_bearer("<a/>", requests_kwargs={"headers": {"X-Trace": "1"}})
    assert server.last("token").headers["X-Trace"] == "1"
    with pytest.raises(InvalidParam):
        client.saml2_bearer("<a/>", requests_kwargs={"data": {}})


def test_jwt(server, client, now):
    """A JWT of a trusted issuer gives a token for its subject (RFC 7523 §2.1)."""
    server.trust_issuer("https://idp.local", KEY)
    issued = int(server.clock.now())
    claims = {"iss": "https://idp.local", "sub": "alice", "aud": "https://as.local", "iat": issued, "exp": issued + 60}
    token = client.jwt_bearer(Jwt.sign({**claims, "jti": "1"}, KEY), scope="read")
    assert server.access_tokens[str(token)].grant.sub == "alice"
    assert server.last("token").form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


def test_renewal_with_a_grant_of_ones_own(server, client):
    """A handler that overrides `renew_token` gets all its tokens by an assertion."""

    class AssertionAuth(OAuth2ClientCredentialsAuth):
        def renew_token(self):
            self.token = self.client.saml2_bearer("<a/>", **self.token_kwargs)

    server.misbehave("token", json={"access_token": "at", "expires_in": 60})
    server.protect("https://api.local/")
    server.misbehave("api", status=200, json={})
    client.session.get("https://api.local/", auth=AssertionAuth(client), timeout=1)
    assert server.last("api").headers["Authorization"] == "Bearer at"


def test_error_does_not_repeat_the_assertion(server, client):
    """A server that echoes the assertion does not get it into the message."""
    server.misbehave("token", status=200, body="oops PEFzc2VydGlvbi8-")
    with pytest.raises(InvalidTokenResponse) as refused:
        client.saml2_bearer("<Assertion/>")
    assert "PEFzc2VydGlvbi8-" not in str(refused.value)
