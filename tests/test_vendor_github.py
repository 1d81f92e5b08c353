"""GitHub: errors with the status 200, scopes with commas, no OpenID Connect."""

from __future__ import annotations

import pytest

from requests_oauth2client import (
    AuthorizationPending,
    AuthorizationResponse,
    DeviceAuthorizationPollingJob,
    ExpiredToken,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
)
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.vendor_specific import GitHub

PATHS = {
    "token": "/login/oauth/access_token",
    "authorization": "/login/oauth/authorize",
    "device_authorization": "/login/device/code",
}


@pytest.fixture
def github(internet):
    """GitHub, as far as paths go."""
    server = internet(AuthorizationServer("https://github.com", paths=PATHS))
    server.add_client("c", client_secret="s")
    return server


@pytest.mark.parametrize("host", ["github.com", "github.example.com"])
def test_client(host):
    """The endpoints of GitHub, and of an Enterprise Server."""
    client = GitHub.client(client_id="c", client_secret="s", host=host)
    assert client.token_endpoint == f"https://{host}/login/oauth/access_token"
    assert client.authorization_endpoint == f"https://{host}/login/oauth/authorize"
    assert client.device_authorization_endpoint == f"https://{host}/login/device/code"
    assert client.issuer is client.userinfo_endpoint is client.revocation_endpoint is None


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("bad_verification_code", InvalidGrant),
        ("bad_refresh_token", InvalidGrant),
        ("incorrect_client_credentials", InvalidClient),
        ("incorrect_device_code", InvalidGrant),
        ("token_expired", ExpiredToken),
        ("device_flow_disabled", UnauthorizedClient),
        ("authorization_pending", AuthorizationPending),
    ],
)
def test_errors_with_status_200(github, code, error):
    """An error is an error, whatever its status."""
    github.misbehave("token", status=200, json={"error": code, "error_uri": "https://docs.github.com"})
    with pytest.raises(error) as refused:
        GitHub.client(client_id="c", client_secret="s").device_code("code")
    assert refused.value.error == code


def test_login(github):
    """A login asks for no ID Token and misses none; scopes are separated as everywhere else."""
    client = GitHub.client(client_id="c", client_secret="s", redirect_uri="https://app.local/cb")
    request = client.authorization_request()
    assert "scope" not in request.args
    assert request.nonce is None
    assert client.authorization_request(scope="repo gist").args["scope"] == "repo gist"
    github.misbehave("token", json={"access_token": "gho_x", "token_type": "bearer", "scope": "repo,gist"})
    token = client.authorization_code(AuthorizationResponse(code="x", requested_scope=request.scope))
    assert github.last("token").headers["Accept"] == "application/json"
    assert token.scope == "repo gist"


def test_token_without_scope(github):
    """A GitHub App's token has no scope."""
    github.misbehave("token", json={"access_token": "ghu_x", "token_type": "bearer", "scope": ""})
    assert GitHub.client(client_id="c", client_secret="s").device_code("x").scope == ""
    github.misbehave("token", json={"access_token": "ghu_x", "token_type": "bearer"})
    assert GitHub.client(client_id="c", client_secret="s").device_code("x").scope is None


def test_device_flow(github, waits):
    """The device flow polls through GitHub's 200 answers."""
    client = GitHub.client(client_id="c", client_secret="s")
    github.misbehave("token", json={"error": "authorization_pending"})
    github.misbehave("token", json={"error": "slow_down", "interval": 10})
    github.misbehave("token", json={"access_token": "gho_x", "token_type": "bearer", "scope": "repo"})
    job = DeviceAuthorizationPollingJob(client, client.authorize_device(scope="repo"))
    assert job.wait().access_token == "gho_x"
    assert waits == [5, 5, 10]
