"""Okta: the authorization server of an organization, and custom ones."""

from __future__ import annotations

import pytest
from jwskate import Jwk, SignedJwt

from requests_oauth2client import InvalidParam
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.vendor_specific import Okta

KEY = Jwk.generate(alg="RS256").with_kid_thumbprint()


@pytest.mark.parametrize(
    ("server", "issuer", "url"),
    [
        (None, "https://acme.okta.com", "https://acme.okta.com/oauth2/v1"),
        ("default", "https://acme.okta.com/oauth2/default", "https://acme.okta.com/oauth2/default/v1"),
        ("aus1x", "https://acme.okta.com/oauth2/aus1x", "https://acme.okta.com/oauth2/aus1x/v1"),
    ],
)
def test_client(server, issuer, url):
    """Issuer and endpoints of the server of the organization differ from those of a custom one."""
    client = Okta.client("acme.okta.com", authorization_server=server, client_id="c", client_secret="s")
    assert client.issuer == issuer
    assert client.token_endpoint == f"{url}/token"
    assert client.authorization_endpoint == f"{url}/authorize"
    assert client.pushed_authorization_request_endpoint == f"{url}/par"
    assert client.device_authorization_endpoint == f"{url}/device/authorize"
    assert client.backchannel_authentication_endpoint == f"{url}/bc/authorize"
    assert client.revocation_endpoint == f"{url}/revoke"
    assert client.introspection_endpoint == f"{url}/introspect"
    assert client.userinfo_endpoint == f"{url}/userinfo"
    assert client.jwks_uri == f"{url}/keys"
    assert client.extra_metadata == {"end_session_endpoint": f"{url}/logout"}


@pytest.mark.parametrize("arguments", [{"domain": "acme"}, {"domain": "http://a.b"}, {"authorization_server": "a/b"}])
def test_bad_names(arguments):
    """What cannot be a domain or a server is refused."""
    with pytest.raises(InvalidParam):
        Okta.client(**{"domain": "acme.okta.com", "client_id": "c", **arguments})


def test_private_jwk(internet):
    """Assertions name the endpoint as audience, each its own."""
    paths = {"token": "/oauth2/v1/token", "introspection": "/oauth2/v1/introspect"}
    server = internet(AuthorizationServer("https://acme.okta.com", paths=paths))
    server.add_client("c", jwks=KEY)
    client = Okta.client("acme.okta.com", client_id="c", private_jwk=KEY)
    client.introspect_token(client.client_credentials())
    for name, path in paths.items():
        assertion = SignedJwt(server.last(name).form["client_assertion"][0])
        assert assertion.claims["aud"] == f"https://acme.okta.com{path}"
