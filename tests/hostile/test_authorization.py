"""Attacks on the way of a user through the browser, done by a second Authorization Server, a second user, and links."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from requests_oauth2client import (
    ApiClient,
    AuthorizationRequestSerializer,
    AuthorizationResponse,
    InvalidAuthResponse,
    InvalidGrant,
    InvalidParam,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MismatchingIssuer,
    MismatchingState,
    MissingIdToken,
    MissingIssuer,
    OAuth2Client,
    OAuth2Error,
)
from requests_oauth2client.exceptions import InvalidUserInfoResponse, MismatchingIdTokenHash
from requests_oauth2client.testing import AuthorizationServer

CALLBACK = "https://app.local/callback"


def registered(issuer):
    server = AuthorizationServer(issuer)
    server.add_client("client_id", client_secret="marked-secret", redirect_uris=CALLBACK)
    for name in ("alice", "mallory"):
        server.add_user(name, password=f"marked-{name}", email=f"{name}@example.com")
    return server


@pytest.fixture
def honest():
    return registered("https://as.local")


@pytest.fixture
def evil():
    """A server that the client knows too, and that works for the attacker."""
    return registered("https://evil.local")


def client_of(server, session=None, **changes):
    return OAuth2Client.from_discovery_document(
        {**server.metadata, **changes.pop("metadata", {})},
        client_id="client_id",
        client_secret="marked-secret",
        redirect_uri=CALLBACK,
        session=session or server.session(),
        **changes,
    )


def at(server, request):
    """The same Authorization Request, sent to another server: what an evil one redirects the browser to."""
    return f"{server.endpoint('authorization')}?{request.uri.partition('?')[2]}"


class TestMixUp:
    def test_rfc9700_4_4_mix_up_with_iss(self, honest, evil):
        """A code of the honest server does not go to the token endpoint of the evil one (RFC 9207)."""
        client = client_of(evil)
        request = client.authorization_request(scope="openid")
        callback = honest.authorize(at(honest, request), user="alice")
        with pytest.raises(MismatchingIssuer, match="mix-up") as caught:
            request.validate_callback(callback)
        assert (caught.value.received, caught.value.expected) == ("https://as.local", "https://evil.local")
        assert evil.requests == []

    def test_rfc9207_2_4_stripped_iss(self, honest, evil):
        """Nor does it when `iss` was taken out on the way, once the server is known to send it always."""
        client = client_of(evil)
        request = client.authorization_request(scope="openid")
        honest.iss_parameter = False
        with pytest.raises(MissingIssuer):
            request.validate_callback(honest.authorize(at(honest, request), user="alice"))

    def test_rfc9700_4_4_2_2_two_requests(self, honest, evil):
        """Where no server sends `iss`, the callback of one login is no answer to another."""
        without = {"metadata": {"authorization_response_iss_parameter_supported": False}}
        honest.iss_parameter = False
        mine, theirs = (client_of(s, **without).authorization_request() for s in (honest, evil))
        with pytest.raises(MismatchingState):
            theirs.validate_callback(honest.authorize(mine, user="alice"))

    def test_rfc9700_4_4_1_an_id_token_of_the_other(self, honest, evil):
        """A token response with the ID Token of the honest server is no login at the evil one."""
        client = client_of(evil, authorization_server_jwks=honest_jwks(honest))
        request = client.authorization_request(scope="openid")
        response = request.validate_callback(evil.authorize(request, user="alice"))
        stolen = honest.issue_token("client_id", user="alice", scope="openid")
        evil.misbehave("token", json=stolen)
        with pytest.raises(MismatchingIdTokenIssuer):
            client.authorization_code(response)

    def test_rfc8414_6_2_impersonation(self, honest, evil):
        """A document that names the issuer of another server is refused, at the place of the issuer and of the document."""
        evil.metadata_changes["issuer"] = honest.issuer
        with pytest.raises(InvalidParam, match="Mismatching `issuer`"):
            OAuth2Client.from_discovery_endpoint(issuer=evil.issuer, client_id="client_id", session=evil.session())
        with pytest.raises(InvalidParam, match="Mismatching `issuer`"):
            OAuth2Client.from_discovery_document(evil.metadata, evil.issuer, client_id="client_id")


def honest_jwks(server):
    session = server.session()
    return session.get(server.endpoint("jwks")).json()


class TestInjection:
    def test_rfc9700_4_5_code_injection_with_pkce(self, honest):
        """The code of another login, put into the callback of ours, is useless with our verifier."""
        client = client_of(honest)
        ours, stolen = client.authorization_request(), client.authorization_request()
        code = parse_qs(urlsplit(honest.authorize(stolen, user="alice")).query)["code"][0]
        response = ours.validate_callback(f"{CALLBACK}?code={code}&state={ours.state}&iss={honest.issuer}")
        with pytest.raises(InvalidGrant):
            client.authorization_code(response)

    def test_rfc9700_4_5_3_2_code_injection_with_nonce(self, honest):
        """Where a server knows no PKCE, the nonce in the ID Token gives the injected code away."""
        client = client_of(honest, code_challenge_method=None)
        ours, stolen = client.authorization_request(), client.authorization_request()
        code = parse_qs(urlsplit(honest.authorize(stolen, user="mallory")).query)["code"][0]
        response = ours.validate_callback(f"{CALLBACK}?code={code}&state={ours.state}&iss={honest.issuer}")
        with pytest.raises(MismatchingIdTokenNonce):
            client.authorization_code(response)

    def test_rfc9700_4_5_no_id_token_at_all(self, honest):
        """Leaving the ID Token out does not help: it was asked for."""
        client = client_of(honest)
        request = client.authorization_request(scope="openid")
        honest.issue_id_tokens.clear()
        with pytest.raises(MissingIdToken):
            client.authorization_code(request.validate_callback(honest.authorize(request, user="alice")))

    @pytest.mark.parametrize("supported", [["plain"], [], None, ["S256", "plain"]])
    def test_rfc9700_4_8_pkce_downgrade(self, honest, supported):
        """Whatever the metadata say of PKCE, the challenge is made with S256; only the caller can turn that off."""
        client = client_of(honest, metadata={"code_challenge_methods_supported": supported})
        request = client.authorization_request(code_verifier="v" * 43)
        assert request.args["code_challenge_method"] == "S256"
        assert request.args["code_challenge"] != "v" * 43
        assert "v" * 43 not in request.uri

    def test_rfc9700_4_8_stripped_challenge(self, honest):
        """A code that was made without our challenge is refused together with our verifier by a strict server."""
        client = client_of(honest)
        request = client.authorization_request()
        without = "&".join(pair for pair in request.uri.split("&") if not pair.startswith("code_challenge"))
        response = request.validate_callback(honest.authorize(without, user="mallory"))
        assert response.code_verifier == request.code_verifier
        with pytest.raises(OAuth2Error):
            client.authorization_code(response)
        assert honest.last("token").form["code_verifier"] == [request.code_verifier]

    def test_rfc9700_4_6_access_token_injection(self, honest):
        """An access token of another user beside our ID Token is noticed by its hash, and by UserInfo."""
        client = client_of(honest)
        mine, other = (honest.issue_token("client_id", user=name, scope="openid") for name in ("alice", "mallory"))
        honest.misbehave("token", json={**mine, "access_token": other["access_token"]})
        with pytest.raises(MismatchingIdTokenHash, match="token substitution"):
            client.authorization_code(AuthorizationResponse(code="c", issuer=honest.issuer))
        token = client.token_class(other["access_token"], id_token=mine["id_token"])
        with pytest.raises(InvalidUserInfoResponse, match="about the user"):
            client.userinfo(token)

    def test_rfc6819_4_4_1_1_a_code_is_sent_once(self, honest):
        """A server that asks for the code again by an error, or does not answer, does not get it again."""
        client = client_of(honest)
        for plan in ({"status": 503}, {"status": 429}, {"status": 500}, {"delay": 60}):
            request = client.authorization_request()
            response = request.validate_callback(honest.authorize(request, user="alice"))
            honest.requests.clear()
            honest.misbehave("token", **plan)
            with pytest.raises(OAuth2Error):
                client.authorization_code(response)
            assert honest.count("token") == 1


class TestCsrf:
    def test_rfc9700_4_7_login_csrf(self, honest):
        """The link that an attacker makes of the own callback logs nobody in."""
        client = client_of(honest)
        theirs = honest.authorize(client.authorization_request(), user="mallory")
        with pytest.raises(MismatchingState):
            client.authorization_request().validate_callback(theirs)

    def test_cve_2025_68158_state_of_another_browser(self, honest):
        """A `state` that the same application gave to another browser is not good in this one: the request is the memory."""
        client, keep = client_of(honest), AuthorizationRequestSerializer()
        sessions = {name: keep.dumps(client.authorization_request()) for name in ("alice", "mallory")}
        of_mallory = honest.authorize(keep.loads(sessions["mallory"]), user="mallory")
        with pytest.raises(MismatchingState):
            keep.loads(sessions["alice"]).validate_callback(of_mallory)
        assert keep.loads(sessions["mallory"]).validate_callback(of_mallory).code

    @pytest.mark.parametrize("request_", [{"state": ""}, {"nonce": ""}])
    def test_rfc6749_10_12_empty_values(self, honest, request_):
        """An empty `state` or `nonce` binds nothing, and is refused at once."""
        with pytest.raises(InvalidParam):
            client_of(honest).authorization_request(**request_)

    def test_rfc6749_10_10_guessing(self, honest):
        """`state`, `nonce` and verifier have 256 bits and more, and never repeat."""
        requests_ = [client_of(honest).authorization_request() for _ in range(50)]
        for name, length in (("state", 43), ("nonce", 43), ("code_verifier", 128)):
            values = {getattr(request, name) for request in requests_}
            assert len(values) == 50
            assert {len(value) for value in values} == {length}


class TestOtherResponses:
    @pytest.mark.parametrize("response_type", ["token", "id_token", "id_token token", "code token", "none"])
    def test_rfc9700_2_1_2_implicit(self, honest, response_type):
        """Tokens in the front channel cannot be asked for."""
        with pytest.raises(OAuth2Error, match="the only one that is safe"):
            client_of(honest).authorization_request(response_type=response_type)

    def test_rfc9700_4_3_1_tokens_in_the_callback(self, honest):
        """A token in a callback, in the query or the fragment, is never used."""
        request = client_of(honest).authorization_request()
        good = f"state={request.state}&iss={honest.issuer}"
        for callback in (f"{CALLBACK}?access_token=marked&{good}", f"{CALLBACK}#access_token=marked&{good}"):
            with pytest.raises(InvalidAuthResponse):
                request.validate_callback(callback)

    def test_rfc9700_4_12_nothing_secret_in_the_url(self, honest):
        """Neither the URL for the browser, nor what is logged of the request, holds secret or verifier."""
        request = client_of(honest).authorization_request()
        for text in (request.uri, repr(request), str(request), str(request.args)):
            assert "marked" not in text
            assert request.code_verifier not in text


def test_rfc6750_5_3_a_token_stays_at_its_api(honest, evil):
    """An API that redirects to another host, scheme or port does not pass the token on, followed or not."""
    api, other = honest.protect("https://api.local/"), evil.protect("https://thief.local/")
    session = honest.session()
    evil.mount(session)
    token = honest.issue_token("client_id", user="alice")["access_token"]
    client = ApiClient(api.url, auth=client_of(honest).token_class(token), session=session, raise_for_status=False)
    for status in (301, 302, 303, 307, 308):
        for location in ("https://thief.local/", "//thief.local/", "https://thief.local/x?y"):
            honest.misbehave(api.name, status=status, headers={"Location": location})
            client.get("x", allow_redirects=True)
            assert "Authorization" not in evil.last(other.name).headers
    assert client.get("x").status_code == 200
