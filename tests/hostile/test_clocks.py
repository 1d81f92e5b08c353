"""Clocks that are off by years, on either side, and clocks that are set while the program runs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from jwskate import Jwk, SignedJwt

from requests_oauth2client import (
    BearerToken,
    DPoPKey,
    ExpiredAccessToken,
    ExpiredIdToken,
    InvalidClient,
    InvalidDPoPProof,
    InvalidIdToken,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2Error,
    PrivateKeyJwt,
    TokenSerializer,
    validate_dpop_proof,
)
from requests_oauth2client.exceptions import IdTokenNotYetValid
from requests_oauth2client.testing import AuthorizationServer

YEARS = [-60, -30, -1, 1, 30, 900]
YEAR = 365.25 * 86_400
KEY = Jwk.generate(alg="ES256")


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret="marked-secret", redirect_uris="https://app.local/cb")
    server.add_client("with_key", jwks=KEY.public_jwk())
    server.add_user("alice")
    return server


def client_of(server, **credentials):
    credentials = credentials or {"client_id": "client_id", "client_secret": "marked-secret"}
    return OAuth2Client.from_discovery_document(
        server.metadata, redirect_uri="https://app.local/cb", session=server.session(), **credentials
    )


@pytest.fixture(params=YEARS, ids="{:+}".format)
def off(request, server):
    """The clock of this machine is that many years off; that of the server is right."""
    years = request.param
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc) + timedelta(days=365.25 * years), tick=False):
        server.clock.advance(-years * YEAR)
        yield years


def test_rfc6749_4_2_2_lifetimes_are_relative(server, off, api):
    """`expires_in` counts from now, so a token works, and expires when it does, by whatever clock."""
    client = client_of(server)
    token = client.client_credentials()
    assert token.expires_in == 3600
    assert not token.is_expired()
    assert client.session.get(api.url, auth=token).status_code == 200
    assert TokenSerializer().loads(TokenSerializer().dumps(token)) == token


def test_oidc_3_1_3_7_id_tokens(server, off):
    """An ID Token is refused by who does not know what time it is: expired, or not valid yet."""
    client = client_of(server)
    request = client.authorization_request()
    response = request.validate_callback(server.authorize(request, user="alice"))
    with pytest.raises(InvalidIdToken) as caught:
        client.authorization_code(response)
    assert type(caught.value) is (ExpiredIdToken if off > 0 else IdTokenNotYetValid)


def test_rfc7523_3_assertions(server, off):
    """A client assertion that is expired, or from the future, is refused by an honest server; the error tells it."""
    with pytest.raises(InvalidClient, match="Check the client_id"):
        client_of(server, auth=PrivateKeyJwt("with_key", KEY)).client_credentials()


def test_rfc9449_11_1_proofs(server, off):
    """So is a DPoP proof, there and by `validate_dpop_proof`."""
    with pytest.raises(OAuth2Error):
        client_of(server).client_credentials(dpop=True)
    proof = DPoPKey.generate().proof("GET", "https://api.local/")
    with (
        time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc), tick=False),
        pytest.raises(InvalidDPoPProof, match="too far away"),
    ):
        validate_dpop_proof(str(proof), htm="GET", htu="https://api.local/")


def test_request_objects(server, off):
    """Signed requests, and everything else that has times, can be made at any of them."""
    client = client_of(server)
    request = client.start_authorization(sign_jwk=KEY, lifetime=60)
    claims = SignedJwt(str(request.request)).claims
    assert claims["exp"] - claims["iat"] == 60


@pytest.mark.parametrize("years", [-30, -1, 1, 30])
def test_a_clock_that_is_set(server, years, api):
    """A handler goes on when the clock is set: with the token it has, or with a new one; the API has the last word."""
    start = datetime(2030, 1, 1, tzinfo=timezone.utc)
    client = client_of(server)
    auth = OAuth2ClientCredentialsAuth(client)
    with time_machine.travel(start, tick=False) as clock:
        assert client.session.get(api.url, auth=auth).status_code == 200
        clock.shift(years * YEAR)
        server.clock.advance(-years * YEAR)
        assert client.session.get(api.url, auth=auth).status_code == 200
        assert server.count("token") == (1 if years < 0 else 2)
        server.clock.advance(2 * 3600)  # the token is expired there; whoever's clock was set back does not know
        assert client.session.get(api.url, auth=auth).status_code == 200
        assert server.count("token") == (2 if years < 0 else 3)


@pytest.mark.parametrize("expires_in", [-1, -(10**9), -1e300, 0])
def test_lifetimes_in_the_past(server, expires_in):
    """A token that was born expired is not sent."""
    server.extra_token_fields["expires_in"] = expires_in
    token = client_of(server).client_credentials()
    assert token.is_expired() or expires_in == 0
    if expires_in:
        with pytest.raises(ExpiredAccessToken):
            server.session().get("https://api.local/", auth=token)


@pytest.mark.parametrize("expires_at", [10**11, 10**18, 1e300, -1e300, 0, -1])
def test_impossible_dates(expires_at):
    """A date that no calendar has is the last or the first day of ours."""
    token = BearerToken("at", expires_at=expires_at)
    assert token.expires_at is not None
    assert token.is_expired() is (expires_at <= 0)
    assert isinstance(token.expires_in, int)
