"""Keycloak: its realms."""

from __future__ import annotations

import pytest

from requests_oauth2client import InvalidEndpointUri, InvalidParam
from requests_oauth2client.vendor_specific import Keycloak


@pytest.mark.parametrize(
    ("url", "realm", "issuer"),
    [
        ("https://sso.example.com", "master", "https://sso.example.com/realms/master"),
        ("https://sso.example.com/", "master", "https://sso.example.com/realms/master"),
        ("https://sso.example.com/auth", "my realm", "https://sso.example.com/auth/realms/my%20realm"),
        ("http://localhost:8080", "a/b", "http://localhost:8080/realms/a%2Fb"),
    ],
)
def test_client(url, realm, issuer):
    """All endpoints of a realm are known, wherever the server is."""
    client = Keycloak.client(url, realm, client_id="c", client_secret="s")
    base = f"{issuer}/protocol/openid-connect"
    assert client.issuer == issuer
    assert client.token_endpoint == f"{base}/token"
    assert client.authorization_endpoint == f"{base}/auth"
    assert client.pushed_authorization_request_endpoint == f"{base}/ext/par/request"
    assert client.device_authorization_endpoint == f"{base}/auth/device"
    assert client.backchannel_authentication_endpoint == f"{base}/ext/ciba/auth"
    assert client.revocation_endpoint == f"{base}/revoke"
    assert client.introspection_endpoint == f"{base}/token/introspect"
    assert client.userinfo_endpoint == f"{base}/userinfo"
    assert client.jwks_uri == f"{base}/certs"
    assert client.extra_metadata["end_session_endpoint"] == f"{base}/logout"


def test_bad_input():
    """A realm is needed, and a URL that credentials may be sent to."""
    with pytest.raises(InvalidParam, match="`realm`"):
        Keycloak.client("https://sso.example.com", "", client_id="c")
    with pytest.raises(InvalidEndpointUri):
        Keycloak.client("http://sso.example.com", "master", client_id="c")
