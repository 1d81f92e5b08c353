"""PingFederate: its endpoints."""

from __future__ import annotations

import pytest
from jwskate import Jwk

from requests_oauth2client import ClientSecretBasic, ClientSecretPost, PrivateKeyJwt
from requests_oauth2client.vendor_specific import Ping

KEY = Jwk.generate(alg="ES256").with_kid_thumbprint()


@pytest.mark.parametrize("issuer", ["my.ping.as", "https://my.ping.as", "https://my.ping.as/"])
def test_client(issuer):
    """All endpoints are known, those that are Ping's own too."""
    client = Ping.client(issuer, client_id="client_id", client_secret="client_secret")
    url = "https://my.ping.as"
    assert client.issuer == url
    assert client.token_endpoint == f"{url}/as/token.oauth2"
    assert client.authorization_endpoint == f"{url}/as/authorization.oauth2"
    assert client.device_authorization_endpoint == f"{url}/as/device_authz.oauth2"
    assert client.backchannel_authentication_endpoint == f"{url}/as/bc-auth.ciba"
    assert client.revocation_endpoint == f"{url}/as/revoke_token.oauth2"
    assert client.introspection_endpoint == f"{url}/as/introspect.oauth2"
    assert client.userinfo_endpoint == f"{url}/idp/userinfo.openid"
    assert client.jwks_uri == f"{url}/pf/JWKS"
    assert client.extra_metadata == {
        "registration_endpoint": f"{url}/as/clients.oauth2",
        "ping_revoked_sris_endpoint": f"{url}/pf-ws/rest/sessionMgmt/revokedSris",
        "ping_session_management_sris_endpoint": f"{url}/pf-ws/rest/sessionMgmt/sessions",
        "ping_session_management_users_endpoint": f"{url}/pf-ws/rest/sessionMgmt/users",
        "ping_end_session_endpoint": f"{url}/idp/startSLO.ping",
    }
    assert client.auth == ClientSecretPost("client_id", "client_secret")


@pytest.mark.parametrize("issuer", ["https://sso.example.com:9031", "https://sso.example.com/issuer1"])
def test_port_and_path(issuer):
    """A port, and the path of a virtual issuer, stay."""
    assert Ping.client(issuer, client_id="c").token_endpoint == f"{issuer}/as/token.oauth2"


@pytest.mark.parametrize("issuer", ["", "foo", "http://my.ping.as", "ftp://my.ping.as", "https://nodot", None])
def test_no_issuer(issuer):
    """What is neither a domain nor an https URL is refused."""
    with pytest.raises(ValueError, match="`issuer`"):
        Ping.client(issuer, client_id="c")


def test_credentials():
    """All kinds of credentials, by position and by keyword."""
    assert Ping.client("my.ping.as", ClientSecretBasic("c", "s")).auth == ClientSecretBasic("c", "s")
    assert Ping.client("my.ping.as", None, "c", "s").auth == ClientSecretPost("c", "s")
    assert isinstance(Ping.client("my.ping.as", client_id="c", private_jwk=KEY).auth, PrivateKeyJwt)
