"""The Token Endpoint: the grants that need nothing else, what they send, and what they give."""

from __future__ import annotations

import jwskate
import pytest

from requests_oauth2client import (
    BearerToken,
    GrantTypes,
    InvalidGrant,
    InvalidParam,
    InvalidRequest,
    InvalidScope,
    InvalidScopeParam,
    InvalidTarget,
    MissingRefreshToken,
    OAuth2Client,
    UnauthorizedClient,
    UnknownTokenEndpointError,
)

CREDENTIALS = {"client_id": ["client_id"], "client_secret": ["client_secret"]}
NO_SCOPE = (None, "", " ", [], (), [""])


def sent(server):
    """The form of the last token request, without credentials."""
    form = server.last("token").form
    assert CREDENTIALS.items() <= form.items()
    return {name: values for name, values in form.items() if name not in CREDENTIALS}


def refreshable(server, **parameters):
    return BearerToken(**server.issue_token("client_id", user="alice", **parameters))


class TestClientCredentials:
    @pytest.mark.parametrize("scope", ["read write", ["read", "write"], ("read", "write"), iter(["read", "write"])])
    def test_scope(self, client, server, scope):
        """Scopes come as text or one by one, and are sent with one space between them."""
        token = client.client_credentials(scope)
        assert sent(server) == {"grant_type": ["client_credentials"], "scope": ["read write"]}
        assert token.scope == "read write"
        assert token == BearerToken(str(token), expires_at=token.expires_at, scope="read write")
        assert token.expires_in in (3599, 3600)

    @pytest.mark.parametrize("scope", NO_SCOPE)
    def test_no_scope(self, client, server, scope):
        """Without scope, there is no such parameter."""
        assert client.client_credentials(scope).scope is None
        assert sent(server) == {"grant_type": ["client_credentials"]}

    @pytest.mark.parametrize("scope", [5, b"read", {"read": 1}, [5], "caf\u00e9"])
    def test_malformed_scope(self, client, server, scope):
        """What is no scope is refused before anything is sent."""
        with pytest.raises(InvalidScopeParam):
            client.client_credentials(scope)
        assert server.requests == []

    def test_further_parameters(self, client, server):
        """Other keywords are form fields; lists repeat their name, and `None` is left out."""
        client.client_credentials(
            resource=["https://a.local", "https://b.local"], audience="x", nothing=None, flag=True
        )
        assert sent(server) == {
            "grant_type": ["client_credentials"],
            "resource": ["https://a.local", "https://b.local"],
            "audience": ["x"],
            "flag": ["True"],
        }

    def test_refusals(self, client, server):
        """What the server refuses is an error of its own class."""
        server.add_client("client_id", client_secret="client_secret", scope="read", grant_types="password")
        with pytest.raises(UnauthorizedClient):
            client.client_credentials()
        server.add_client("client_id", client_secret="client_secret", scope="read")
        with pytest.raises(InvalidScope):
            client.client_credentials("admin")
        server.allowed_targets = {"https://api.local"}
        with pytest.raises(InvalidTarget):
            client.client_credentials(resource="https://other.local")

    def test_extra_members(self, client, server):
        """What else the server gives is part of the token."""
        server.extra_token_fields = {"custom_attr": "x", "my.custom.attr": [1]}
        token = client.client_credentials()
        assert (token.custom_attr, token["my.custom.attr"]) == ("x", [1])

    def test_no_expiry(self, client, server):
        """A server need not tell when the token expires."""
        server.omit_expires_in = True
        assert client.client_credentials().expires_at is None


class TestRefresh:
    @pytest.mark.parametrize("as_text", [True, False])
    def test_rotation(self, client, server, as_text):
        """A refresh token comes as text or in a token, and gives new ones."""
        old = refreshable(server, scope="read write")
        new = client.refresh_token(old.refresh_token if as_text else old)
        assert sent(server) == {"grant_type": ["refresh_token"], "refresh_token": [old.refresh_token]}
        assert new.access_token != old.access_token
        assert new.refresh_token != old.refresh_token
        assert new.scope == "read write"

    @pytest.mark.parametrize("returned", [True, False])
    def test_the_old_one_stays(self, client, server, returned):
        """When the server rotates nothing, whether or not it says so, the old refresh token is part of the result."""
        server.rotate_refresh_tokens, server.return_refresh_token_on_refresh = False, returned
        token = refreshable(server)
        for _ in range(3):
            token = client.refresh_token(token)
            assert token.refresh_token
        assert len({request.form["refresh_token"][0] for request in server.requests}) == 1

    def test_everything_else_is_new(self, client, server):
        """Nothing but the refresh token is kept from the old token."""
        old = refreshable(server, scope="read").replace(custom="old", id_token=None)
        assert "custom" not in client.refresh_token(old).kwargs

    def test_narrower_scope(self, client, server):
        """`scope` and other keywords are form fields."""
        token = client.refresh_token(
            refreshable(server, scope="read write"), scope=["read"], resource="https://a.local"
        )
        assert token.scope == "read"
        assert sent(server)["scope"] == ["read"]
        assert sent(server)["resource"] == ["https://a.local"]
        with pytest.raises(InvalidScopeParam):
            client.refresh_token("rt", scope=5)

    @pytest.mark.parametrize("token", [BearerToken("at"), None, ""])
    def test_missing(self, client, server, token):
        """Without refresh token, nothing is sent."""
        with pytest.raises(MissingRefreshToken) as caught:
            client.refresh_token(token)
        assert caught.value.token is token
        assert server.requests == []

    def test_reuse(self, client, server):
        """A server that detects reuse refuses; the error says what to do."""
        old = refreshable(server)
        client.refresh_token(old)
        with pytest.raises(InvalidGrant, match="cannot be used again"):
            client.refresh_token(old)


class TestPassword:
    def test_password(self, client, server):
        """The password grant sends name and password, of any characters."""
        server.add_user("ålice", password="pässwörd&=+ %")
        token = client.resource_owner_password(
            "ålice", "pässwörd&=+ %", scope=["read", "write"], resource="https://a.local"
        )
        assert sent(server) == {
            "grant_type": ["password"],
            "username": ["ålice"],
            "password": ["pässwörd&=+ %"],
            "scope": ["read write"],
            "resource": ["https://a.local"],
        }
        assert token.scope == "read write"
        assert token.refresh_token


class TestJwtBearer:
    KEY = jwskate.Jwk.generate(alg="ES256").with_kid_thumbprint()

    def assertion(self, server, **claims):
        now = int(server.clock.now())
        all_claims = {
            "iss": "https://idp.local",
            "sub": "alice",
            "aud": server.issuer,
            "iat": now,
            "exp": now + 60,
            **claims,
        }
        return jwskate.Jwt.sign(all_claims, self.KEY)

    @pytest.mark.parametrize("form", [lambda jwt: jwt, str])
    def test_assertion(self, client, server, form):
        """A JWT, as text or as `jwskate` has it, is sent as it is."""
        server.trust_issuer("https://idp.local", self.KEY.public_jwk())
        assertion = form(self.assertion(server))
        token = client.jwt_bearer(assertion, scope="read", audience="x")
        assert sent(server) == {
            "grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "assertion": [str(assertion)],
            "scope": ["read"],
            "audience": ["x"],
        }
        assert token.scope == "read"

    def test_refused(self, client, server):
        """An assertion of somebody unknown is refused."""
        with pytest.raises(InvalidGrant):
            client.jwt_bearer(self.assertion(server))

    @pytest.mark.parametrize("assertion", [None, ""])
    def test_missing(self, client, server, assertion):
        """Without assertion, nothing is sent."""
        with pytest.raises(InvalidParam, match="no token"):
            client.jwt_bearer(assertion)
        assert server.requests == []


class TestTokenRequest:
    def test_any_grant(self, client, server):
        """`token_request` is the door for any other grant."""
        server.grants["urn:my:grant"] = lambda asked: {
            "access_token": asked.form.required("my"),
            "token_type": "bearer",
        }
        token = client.token_request({"grant_type": "urn:my:grant", "my": "at", "nothing": None})
        assert token == BearerToken("at", token_type="bearer")
        assert sent(server) == {"grant_type": ["urn:my:grant"], "my": ["at"]}

    def test_words(self, client, server):
        """Enumerations are sent as their value."""
        client.token_request({"grant_type": GrantTypes.CLIENT_CREDENTIALS})
        assert sent(server) == {"grant_type": ["client_credentials"]}

    def test_refusals(self, client):
        """A request that lacks a parameter, or an unknown grant, is an error of the server."""
        with pytest.raises(InvalidRequest):
            client.token_request({})
        with pytest.raises(UnknownTokenEndpointError, match="unsupported_grant_type"):
            client.token_request({"grant_type": "x"})

    def test_data_is_not_changed(self, client):
        """The mapping of the caller stays as it is."""
        data = {"grant_type": "client_credentials", "scope": None}
        client.token_request(data)
        assert data == {"grant_type": "client_credentials", "scope": None}

    def test_token_class(self, server):
        """The class of the tokens is a choice of the client."""

        class MyToken(BearerToken):
            TOKEN_TYPE = "mine"

        server.extra_token_fields = {"token_type": "MINE"}
        client = OAuth2Client(
            server.endpoint("token"), ("client_id", "client_secret"), token_class=MyToken, session=server.session()
        )
        token = client.client_credentials()
        assert type(token) is MyToken
        assert token.token_type == "MINE"
