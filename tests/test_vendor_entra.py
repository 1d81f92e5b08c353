"""Microsoft Entra ID: tenants, clouds, certificates, and error codes of its own."""

from __future__ import annotations

import pytest
from jwskate import Jwk, SignedJwt

from requests_oauth2client import AccessDenied, DeviceAuthorizationPollingJob, InvalidGrant, InvalidParam
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.vendor_specific import Entra

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
URL = f"https://login.microsoftonline.com/{TENANT}"
KEY = {**Jwk.generate(alg="PS256"), "x5t#S256": "A1bC2dE3fH4iJ5kL6mN7oP8qR9sT0uVwXyZ_-aBcDeF"}


@pytest.fixture
def entra(internet):
    """A tenant, as far as paths and issuer go."""
    paths = {"token": f"/{TENANT}/oauth2/v2.0/token", "device_authorization": f"/{TENANT}/oauth2/v2.0/devicecode"}
    server = internet(AuthorizationServer(f"{URL}/v2.0", paths=paths))
    server.add_client("app", client_secret="secret")
    return server


def test_client(entra):
    """All endpoints of a tenant are known, and its issuer."""
    client = Entra.client(TENANT, client_id="app", client_secret="secret")
    assert client.token_endpoint == f"{URL}/oauth2/v2.0/token"
    assert client.authorization_endpoint == f"{URL}/oauth2/v2.0/authorize"
    assert client.device_authorization_endpoint == f"{URL}/oauth2/v2.0/devicecode"
    assert client.jwks_uri == f"{URL}/discovery/v2.0/keys"
    assert client.userinfo_endpoint == "https://graph.microsoft.com/oidc/userinfo"
    assert client.issuer == f"{URL}/v2.0"
    assert client.revocation_endpoint is client.introspection_endpoint is None
    assert client.client_credentials("https://graph.microsoft.com/.default").access_token


@pytest.mark.parametrize(
    ("tenant", "issuer"),
    [
        (TENANT.upper(), f"https://login.microsoftonline.com/{TENANT.upper()}/v2.0"),
        ("consumers", "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        ("contoso.onmicrosoft.com", None),
        ("common", None),
        ("organizations", None),
    ],
)
def test_issuer(tenant, issuer):
    """The issuer names the tenant by its identifier: where that is not known, neither is the issuer."""
    assert Entra.client(tenant, client_id="app").issuer == issuer


def test_other_clouds():
    """Other clouds have another host, for UserInfo too."""
    client = Entra.client(TENANT, client_id="app", host="login.microsoftonline.us")
    assert client.token_endpoint == f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"
    assert client.userinfo_endpoint == "https://graph.microsoft.us/oidc/userinfo"
    assert Entra.client("x", client_id="a", host="x.ciamlogin.com").userinfo_endpoint is None


@pytest.mark.parametrize("tenant", ["", "a/b", "../x", "a b", None, "?x"])
def test_no_tenant(tenant):
    """What cannot be a tenant is refused."""
    with pytest.raises(InvalidParam, match="`tenant`"):
        Entra.client(tenant, client_id="app")


def test_certificate(entra):
    """An assertion names the certificate by its thumbprint, and the Token Endpoint as audience."""
    entra.add_client("app", jwks={name: value for name, value in KEY.items() if name != "x5t#S256"})
    entra.misbehave("token", json={"access_token": "at"})
    Entra.client(TENANT, client_id="app", private_jwk=KEY).client_credentials("x/.default")
    assertion = SignedJwt(entra.last("token").form["client_assertion"][0])
    assert assertion.claims["aud"] == f"{URL}/oauth2/v2.0/token"
    assert {name: assertion.headers[name] for name in ("alg", "typ", "x5t#S256")} == {
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": KEY["x5t#S256"],
    }


@pytest.mark.parametrize("key", [Jwk.generate(alg="PS256"), "-----BEGIN PRIVATE KEY-----", object()])
def test_key_without_certificate(key):
    """A key without the thumbprint of its certificate would be of no use."""
    with pytest.raises(InvalidParam, match="x5t#S256"):
        Entra.client(TENANT, client_id="app", private_jwk=key)


@pytest.mark.parametrize(
    ("code", "error"), [("authorization_declined", AccessDenied), ("bad_verification_code", InvalidGrant)]
)
def test_device_errors(entra, waits, code, error):
    """The user who declines, and a wrong code, end the device flow with their class."""
    client = Entra.client(TENANT, client_id="app", client_secret="secret")
    job = DeviceAuthorizationPollingJob(client, client.authorize_device(scope="openid"))
    entra.misbehave("token", status=400, json={"error": code, "error_codes": [70000]})
    with pytest.raises(error):
        job()
