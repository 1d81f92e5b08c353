"""Auth0: a tenant, its client, its Management API."""

from __future__ import annotations

import pytest
from jwskate import Jwk, SignedJwt

from requests_oauth2client import ApiClient, ClientSecretPost, OAuth2Client, OAuth2ClientCredentialsAuth, PrivateKeyJwt
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.vendor_specific import Auth0

KEY = Jwk.generate(alg="RS256").with_kid_thumbprint()
URL = "https://mytenant.eu.auth0.com"


@pytest.fixture
def auth0(internet):
    """A tenant, as far as paths and issuer go."""
    server = internet(AuthorizationServer(f"{URL}/", paths={"token": "/oauth/token", "revocation": "/oauth/revoke"}))
    server.add_client("client_id", client_secret="client_secret")
    return server


@pytest.mark.parametrize(
    ("given", "domain"),
    [
        ("mytenant", "mytenant.auth0.com"),
        ("mytenant.eu", "mytenant.eu.auth0.com"),
        ("mytenant.eu.auth0.com", "mytenant.eu.auth0.com"),
        ("https://mytenant.eu.auth0.com", "mytenant.eu.auth0.com"),
        ("https://mytenant.eu.auth0.com/", "mytenant.eu.auth0.com"),
        ("https://mytenant.eu", "mytenant.eu.auth0.com"),
        ("https://login.example.com", "login.example.com"),
    ],
)
def test_tenant(given, domain):
    """A tenant is known by its name, its domain, or a URL, of a custom domain too."""
    assert Auth0.tenant(given) == domain


@pytest.mark.parametrize(
    "given",
    ["", "http://mytenant.eu.auth0.com", "ftp://x.y", "https://", "a/b", "a b.eu", "https://u:p@x.auth0.com", "x..y",
     "https://x.auth0.com/path", "https://x.auth0.com?q", "https://x.eu:port", "https://[::1", None, 5, ".eu", "mytenant.eu\n"],
)  # fmt: skip
def test_no_tenant(given):
    """What is no tenant is refused."""
    with pytest.raises(ValueError, match="`tenant`"):
        Auth0.tenant(given)


def test_client():
    """All endpoints are known, and the issuer as ID Tokens have it: with a slash."""
    client = Auth0.client("mytenant.eu", client_id="client_id", client_secret="client_secret")
    assert isinstance(client, OAuth2Client)
    assert client.token_endpoint == f"{URL}/oauth/token"
    assert client.authorization_endpoint == f"{URL}/authorize"
    assert client.pushed_authorization_request_endpoint == f"{URL}/oauth/par"
    assert client.device_authorization_endpoint == f"{URL}/oauth/device/code"
    assert client.backchannel_authentication_endpoint == f"{URL}/bc-authorize"
    assert client.revocation_endpoint == f"{URL}/oauth/revoke"
    assert client.userinfo_endpoint == f"{URL}/userinfo"
    assert client.jwks_uri == f"{URL}/.well-known/jwks.json"
    assert client.issuer == f"{URL}/"
    assert client.auth == ClientSecretPost("client_id", "client_secret")
    assert client.extra_metadata == {}


def test_other_arguments():
    """Arguments of `OAuth2Client` go through, and win."""
    client = Auth0.client("x", ("client_id", "secret"), issuer="https://login.example.com/", timeout=3, mine="too")
    assert (client.issuer, client.timeout, client.extra_metadata) == ("https://login.example.com/", 3, {"mine": "too"})


def test_readme(auth0):
    """A token for an API is asked for by its audience."""
    client = Auth0.client("mytenant.eu", client_id="client_id", client_secret="client_secret")
    assert client.client_credentials(audience="https://my.api").access_token
    assert auth0.last("token").form["audience"] == ["https://my.api"]


@pytest.mark.parametrize("management", [False, True])
def test_private_jwk(auth0, management):
    """A private key signs assertions for the issuer, slash included, of the client and of the Management API."""
    auth0.add_client("client_id", jwks=KEY)
    auth0.protect(f"{URL}/api/v2/")
    if management:
        Auth0.management_api_client("mytenant.eu", client_id="client_id", private_jwk=KEY).get("users")
    else:
        client = Auth0.client("mytenant.eu", client_id="client_id", private_jwk=dict(KEY))
        assert isinstance(client.auth, PrivateKeyJwt)
        client.client_credentials()
    assertion = SignedJwt(auth0.last("token").form["client_assertion"][0])
    assert assertion.claims["aud"] == f"{URL}/"


def test_management_api(auth0):
    """The Management API gets its tokens by itself, for its own audience."""
    auth0.protect(f"{URL}/api/v2/")
    api = Auth0.management_api_client("mytenant.eu", client_id="client_id", client_secret="client_secret", timeout=7)
    assert isinstance(api, ApiClient)
    assert (api.base_url, api.timeout) == (f"{URL}/api/v2/", 7)
    assert isinstance(api.auth, OAuth2ClientCredentialsAuth)
    assert api.auth.token_kwargs == {"audience": f"{URL}/api/v2/"}
    assert api.get("users").status_code == 200
    assert auth0.last("token").form["audience"] == [f"{URL}/api/v2/"]
    assert auth0.last("api").path == "/api/v2/users"
