"""Attacks by an API, or by who stands before it, on the programs that call it with tokens."""

from __future__ import annotations

import pytest
import requests

from requests_oauth2client import (
    ApiClient,
    DPoPKey,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2Error,
)
from requests_oauth2client.nonces import MAX_ORIGINS
from requests_oauth2client.testing import AuthorizationServer, Response, misbehaviour


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret="marked-secret")
    server.add_user("alice")
    return server


@pytest.fixture
def client(server):
    return OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="marked-secret", session=server.session()
    )


REFUSAL = {"status": 401, "headers": {"WWW-Authenticate": 'Bearer error="invalid_token"'}}


class TestRefusals:
    def test_cwe_400_tokens_that_are_never_good(self, server, client, api_of):
        """An API that calls every token invalid gets each request twice, and causes one renewal for each."""
        api = api_of(server)
        server.misbehave(api.name, times=None, **REFUSAL)
        auth = OAuth2ClientCredentialsAuth(client)
        for _ in range(5):
            assert client.session.get(api.url, auth=auth).status_code == 401
        assert server.count(api.name) <= 10
        assert server.count("token") <= 6

    def test_rfc9700_4_14_refresh_tokens_are_not_burnt(self, server, client, api_of):
        """Nor does it make a handler present a refresh token twice."""
        api = api_of(server)
        server.misbehave(api.name, times=None, **REFUSAL)
        token = client.token_class(**server.issue_token("client_id", user="alice"))
        auth = OAuth2AccessTokenAuth(client, token)
        for _ in range(5):
            assert client.session.get(api.url, auth=auth).status_code == 401
        assert server.reuse_alarms == 0

    @pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
    def test_rfc6750_3_1_other_statuses(self, server, client, api_of, status):
        """What is not a 401 renews nothing, whatever it says of the token."""
        api = api_of(server)
        server.misbehave(api.name, times=None, **{**REFUSAL, "status": status})
        assert client.session.get(api.url, auth=OAuth2ClientCredentialsAuth(client)).status_code == status
        assert (server.count(api.name), server.count("token")) == (1, 1)

    @pytest.mark.parametrize(
        "challenge",
        [
            'Bearer error="invalid_token"' + ', x="y"' * 5000,
            "Bearer " * 5000,
            'Bearer error="' + "\\" * 20_000,
            "=" * 20_000,
            ", " * 20_000,
            'Bearer error="invalid_token',
            "Bearer error=invalid_token\x80",
        ],
        ids="long schemes quotes equals commas unclosed latin-1".split(),
    )
    def test_cwe_1333_challenges(self, server, client, api_of, challenge):
        """A challenge of any length is read in no time, or left aside; the answer is the API's."""
        api = api_of(server)
        for scheme, dpop in (("Bearer", False), ("DPoP", True)):
            server.misbehave(
                api.name, status=401, headers={"WWW-Authenticate": challenge.replace("Bearer", scheme)}, times=2
            )
            auth = OAuth2ClientCredentialsAuth(client, dpop=dpop)
            assert client.session.get(api.url, auth=auth).status_code in (200, 401)
            server.behave()


@pytest.fixture
def api_of():
    return lambda server: server.protect("https://api.local/")


class TestNonces:
    @pytest.mark.parametrize("status", [401, 200])
    def test_rfc9449_9_a_nonce_with_every_answer(self, server, client, api_of, status):
        """An API that wants another nonce each time gets each request twice at most."""
        api = api_of(server)
        count = iter(range(10_000))
        server.misbehave(
            api.name,
            lambda _: Response(
                status, (("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'), ("DPoP-Nonce", f"n{next(count)}"))
            ),
            times=None,
        )
        token = client.client_credentials(dpop=True)
        for _ in range(20):
            assert client.session.get(api.url, auth=token).status_code == status
        assert server.count(api.name) <= 40

    def test_cwe_770_origins_without_end(self, client):
        """The nonces of more origins than are remembered push out the oldest."""
        key = DPoPKey.generate()
        response = requests.Response()
        response.headers["DPoP-Nonce"] = "n" * 4096
        for number in range(10 * MAX_ORIGINS):
            response.url = f"https://h{number}.local/"
            key.remember(response, role="rs")
        assert len(key._rs_memory._by_origin) == MAX_ORIGINS

    @pytest.mark.parametrize("nonce", ["a\tb", "a b", '"', "\x7f", "n" * 5000, "é", ""])
    def test_rfc9449_8_1_what_is_no_nonce(self, nonce):
        """What is no nonce is not remembered, and so not sent."""
        key, response = DPoPKey.generate(), requests.Response()
        response.url = "https://api.local/"
        response.headers["DPoP-Nonce"] = nonce
        assert key.remember(response, role="rs") is None
        assert key.rs_nonce is None

    def test_rfc9449_8_nonces_do_not_travel(self, server, client, api_of):
        """The nonce of an API is not told to the Authorization Server, and the other way round."""
        server.dpop_nonce_as = server.dpop_nonce_rs = True
        api = api_of(server)
        token = client.client_credentials(dpop=True)
        client.session.get(api.url, auth=token)
        assert token.dpop_key.as_nonce != token.dpop_key.rs_nonce
        again = client.client_credentials(dpop_key=token.dpop_key)
        assert again.dpop_key is token.dpop_key
        assert server.count("token") == 3


class TestRoots:
    """An `ApiClient` stays below its root, whatever ends up in a path."""

    @pytest.mark.parametrize(
        "path",
        [
            "../admin", "a/../../admin", "%2e%2e/admin", "%252e%252e/admin", "..;/admin", ".%2e/admin", "\\..\\admin",
            "https://evil.local/", "https:/\n/evil.local/", "http:evil.local", "//evil.local/..", "a\r\nHost: evil", "x#y",
            ["users", "../../admin"], ["users", ".."], ["users", ""], ["users", None], ["%2e%2e", "x"], b"../x", b"\xff/..",
            "a/%00", "..%2fadmin", "..%5cadmin", "%25252525252525252e%25252525252525252e/x",
        ],
        ids=repr,
    )  # fmt: skip
    def test_cwe_22_paths(self, server, path):
        """A path that leads out of the root, by some reading of some server, is refused before anything is sent."""
        api = server.protect("https://api.local/v1/")
        client = ApiClient(api.url, session=server.session(), auth=("user", "marked-password"))
        with pytest.raises(OAuth2Error) as caught:
            client.get(path)
        assert "marked" not in str(caught.value)
        assert server.requests == []
        assert server.strays == []

    def test_cwe_601_redirects(self, server):
        """A redirect out of the root is not followed unless the caller says so."""
        api = server.protect("https://api.local/v1/")
        client = ApiClient(api.url, session=server.session(), auth=("user", "marked-password"), raise_for_status=False)
        server.misbehave(api.name, misbehaviour.redirect("https://evil.local/", 302))
        assert client.get("x").status_code == 302
        assert server.strays == []
