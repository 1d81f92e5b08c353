"""Amazon Cognito: a user pool, whose issuer is elsewhere than its endpoints."""

from __future__ import annotations

import pytest

from requests_oauth2client import InvalidParam, MissingEndpointUri
from requests_oauth2client.vendor_specific import Cognito


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("my-app", "https://my-app.auth.eu-west-1.amazoncognito.com"),
        ("auth.example.com", "https://auth.example.com"),
        ("https://auth.example.com", "https://auth.example.com"),
    ],
)
def test_client(domain, url):
    """Endpoints are on the domain of the user pool, the issuer is that of the region."""
    client = Cognito.client("eu-west-1_AbCdEfGhI", domain, client_id="c", client_secret="s")
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
    assert client.issuer == issuer
    assert client.jwks_uri == f"{issuer}/.well-known/jwks.json"
    assert client.token_endpoint == f"{url}/oauth2/token"
    assert client.authorization_endpoint == f"{url}/oauth2/authorize"
    assert client.revocation_endpoint == f"{url}/oauth2/revoke"
    assert client.userinfo_endpoint == f"{url}/oauth2/userInfo"
    assert client.extra_metadata == {"end_session_endpoint": f"{url}/logout"}


def test_no_device_flow():
    """There is no device flow; whoever asks for one is told so."""
    with pytest.raises(MissingEndpointUri):
        Cognito.client("eu-west-1_x", "my-app", client_id="c").authorize_device()


@pytest.mark.parametrize(
    ("pool", "domain", "name"),
    [("AbCdEfGhI", "x", "user_pool_id"), ("_x", "x", "user_pool_id"), ("a/b-c_d", "x", "user_pool_id"),
     ("eu-west-1_x", "a/b", "domain"), ("eu-west-1_x", "http://a.b", "domain"), ("eu-west-1_x", "", "domain")],
)  # fmt: skip
def test_bad_names(pool, domain, name):
    """What cannot be a user pool or a domain is refused by its name."""
    with pytest.raises(InvalidParam, match=f"`{name}`"):
        Cognito.client(pool, domain, client_id="c")
