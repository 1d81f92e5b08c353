"""Google: its endpoints, refresh tokens on demand, and the device flow before the RFC."""

from __future__ import annotations

import pytest

from requests_oauth2client import AuthorizationPending, OAuth2Client
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.vendor_specific import Google


def test_client():
    """All endpoints are known."""
    client = Google.client(client_id="c", client_secret="s")
    assert isinstance(client, OAuth2Client)
    assert client.issuer == "https://accounts.google.com"
    assert client.token_endpoint == "https://oauth2.googleapis.com/token"
    assert client.authorization_endpoint == "https://accounts.google.com/o/oauth2/v2/auth"
    assert client.device_authorization_endpoint == "https://oauth2.googleapis.com/device/code"
    assert client.revocation_endpoint == "https://oauth2.googleapis.com/revoke"
    assert client.userinfo_endpoint == "https://openidconnect.googleapis.com/v1/userinfo"
    assert client.jwks_uri == "https://www.googleapis.com/oauth2/v3/certs"


def test_refresh_tokens():
    """A request that wants a refresh token says so."""
    client = Google.client(client_id="c", redirect_uri="https://app.local/cb")
    request = client.authorization_request(scope="openid email", **Google.OFFLINE)
    assert request.args["access_type"] == "offline"
    assert request.args["prompt"] == "consent"


def test_device_flow(internet):
    """Google says `verification_url`, and answers 428 while the user has not decided."""
    paths = {"token": "https://oauth2.googleapis.com/token"}
    paths["device_authorization"] = "https://oauth2.googleapis.com/device/code"
    server = internet(AuthorizationServer("https://accounts.google.com", paths=paths))
    client = Google.client(client_id="c", client_secret="s")
    server.misbehave(
        "device_authorization",
        json={
            "device_code": "4/4-GMMhmHCXhWEzkobqIHGG_EnNYYsAkukHspeYUk9E8",
            "user_code": "GQVQ-JKEC",
            "verification_url": "https://www.google.com/device",
            "expires_in": 1800,
            "interval": 5,
        },
    )
    device = client.authorize_device(scope="email")
    assert device.verification_uri == "https://www.google.com/device"
    server.misbehave("token", status=428, json={"error": "authorization_pending", "error_description": "Precondition"})
    with pytest.raises(AuthorizationPending):
        client.device_code(device)
