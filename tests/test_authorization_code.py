"""The authorization code grant, from the request to the token: against the embedded server."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from jwskate import Jwk, SignedJwt

from requests_oauth2client.authorization_request import (
    AuthorizationRequest,
    RequestParameterAuthorizationRequest,
    RequestUriParameterAuthorizationRequest,
)
from requests_oauth2client.authorization_response import AuthorizationResponse
from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.client_authentication import (
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    PrivateKeyJwt,
    PublicApp,
)
from requests_oauth2client.dpop import DPoPKey, DPoPToken
from requests_oauth2client.exceptions import (
    AuthorizationResponseError,
    InvalidGrant,
    InvalidIdToken,
    InvalidParam,
    InvalidPushedAuthorizationResponse,
    InvalidRequest,
    LoginRequired,
    MismatchingIdTokenAcr,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenHash,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MissingEndpointUri,
    MissingIdToken,
    UnexpectedRedirect,
    UnknownTokenEndpointError,
)
from requests_oauth2client.testing import misbehaviour
from requests_oauth2client.tokens import BearerToken

CALLBACK = "https://app.local/cb"
KEY = Jwk.generate(alg="ES256")
SECRET = "a secret of more than thirty-two bytes"


@pytest.fixture
def server(server):
    server.add_client("app", client_secret=SECRET, jwks=KEY, redirect_uris=CALLBACK, auth_methods="client_secret_post")
    return server


@pytest.fixture
def client(server):
    return made(server)


def made(server, auth=("app", SECRET), **options):
    """A client of `server`, by discovery."""
    options = {"redirect_uri": CALLBACK, "session": server.session(), **options}
    return OAuth2Client.from_discovery_document(server.metadata, auth=auth, **options)


def form(server, endpoint):
    """The form that `endpoint` received last."""
    return parse_qs(server.last(endpoint).body.decode(), keep_blank_values=True)


def log_in(client, server, request=None, **choices):
    request = request or client.authorization_request()
    return request.validate_callback(server.authorize(request, "alice", **choices))


# ---------------------------------------------------------------- the whole way


def test_the_whole_way(client, server):
    """A user logs in: the code is redeemed with its verifier, the ID Token is validated, the token is theirs."""
    request = client.authorization_request(scope="openid email", max_age=60, acr_values="gold")
    response = request.validate_callback(server.authorize(request, "alice"))
    token = client.authorization_code(response)
    assert form(server, "token") == {
        "grant_type": ["authorization_code"],
        "code": [response.code],
        "redirect_uri": [CALLBACK],
        "code_verifier": [request.code_verifier],
        "client_id": ["app"],
        "client_secret": [SECRET],
    }
    assert server.last("token").headers["Accept"] == "application/json"
    assert token.id_token.sub == "alice"
    assert token.id_token.nonce == request.nonce
    assert token.id_token.acr == "gold"
    assert client.userinfo(token)["email"] == "alice@example.com"


def test_a_request_takes_what_the_client_knows(client, server):
    """Endpoint, identifiers, issuer and RFC 9207 come from the client; what is given wins."""
    request = client.authorization_request(state="s", nonce=None, scope=("a", "b"), prompt="login")
    assert request == AuthorizationRequest(
        server.endpoint("authorization"),
        client_id="app",
        redirect_uri=CALLBACK,
        scope="a b",
        state="s",
        nonce=None,
        code_verifier=request.code_verifier,
        issuer="https://as.local",
        authorization_response_iss_parameter_supported=True,
        prompt="login",
    )
    other = client.authorization_request(redirect_uri="https://other.local/cb", code_challenge_method=None, issuer="x")
    assert (other.redirect_uri, other.code_challenge_method, other.issuer) == ("https://other.local/cb", None, "x")


def test_pkce_can_be_turned_off_by_the_client(server):
    """`code_challenge_method=None` on the client means requests without PKCE."""
    client = made(server, code_challenge_method=None)
    assert client.authorization_request().code_verifier is None
    assert client.authorization_code(log_in(client, server)).id_token.sub == "alice"
    assert "code_verifier" not in form(server, "token")


def test_no_authorization_endpoint():
    """Without Authorization Endpoint there is no request."""
    with pytest.raises(MissingEndpointUri, match="authorization_endpoint"):
        OAuth2Client("https://as.local/token", client_id="app").authorization_request()


def test_a_code_by_hand(client, server):
    """A bare code is redeemed with what is given beside; its ID Token is validated too."""
    request = client.authorization_request()
    response = request.validate_callback(server.authorize(request, "alice"))
    token = client.authorization_code(
        code=response.code,
        code_verifier=request.code_verifier,
        redirect_uri=CALLBACK,
        custom="a",
        resource=["https://a", "https://b"],
        none=None,
    )
    assert token.id_token.sub == "alice"
    assert form(server, "token")["custom"] == ["a"]
    assert form(server, "token")["resource"] == ["https://a", "https://b"]
    assert "none" not in form(server, "token")
    server.id_token_claims = {"iss": "https://evil.example"}
    response = log_in(client, server, request)
    with pytest.raises(MismatchingIdTokenIssuer):
        client.authorization_code(response.code, code_verifier=request.code_verifier, redirect_uri=CALLBACK)


def test_given_fields_win(client, server):
    """What is passed by keyword replaces what the response says."""
    response = log_in(client, server)
    with pytest.raises(InvalidGrant):
        client.authorization_code(response, redirect_uri="https://other.local/cb")
    assert form(server, "token")["redirect_uri"] == ["https://other.local/cb"]
    assert form(server, "token")["code_verifier"] == [response.code_verifier]


@pytest.mark.parametrize("how", ["replay", "verifier"])
def test_codes_that_do_not_work(client, server, how):
    """A code used twice, or by whoever has not the verifier, is `InvalidGrant`."""
    response = log_in(client, server)
    if how == "replay":
        client.authorization_code(response)
        with pytest.raises(InvalidGrant):
            client.authorization_code(response)
    else:
        with pytest.raises(InvalidGrant):
            client.authorization_code(response, code_verifier="x" * 43)


def test_requests_kwargs(client, server):
    """`requests_kwargs` reach the session, in both exchanges."""
    request = client.authorization_request()
    pushed = client.pushed_authorization_request(request, {"headers": {"X-Trace": "1"}})
    assert server.last("par").headers["X-Trace"] == "1"
    response = pushed.validate_callback(server.authorize(pushed, "alice"))
    client.authorization_code(response, requests_kwargs={"headers": {"X-Trace": "2"}})
    assert server.last("token").headers["X-Trace"] == "2"


# ---------------------------------------------------------------- what the server may do wrong


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "https://evil.example"}, MismatchingIdTokenIssuer),
        ({"nonce": "other"}, MismatchingIdTokenNonce),
        ({"nonce": None}, MismatchingIdTokenNonce),
        ({"acr": "bronze"}, MismatchingIdTokenAcr),
        ({"auth_time": 1}, MismatchingIdTokenAuthTime),
        ({"auth_time": None}, InvalidIdToken),
        ({"at_hash": "other"}, MismatchingIdTokenHash),
        ({"c_hash": "other"}, MismatchingIdTokenHash),
        ({"aud": "other"}, InvalidIdToken),
        ({"exp": None}, InvalidIdToken),
    ],
)
def test_id_tokens_are_validated(client, server, claims, error):
    """No token is returned whose ID Token does not answer this very request."""
    server.id_token_claims = claims
    response = log_in(client, server, client.authorization_request(acr_values="gold", max_age=60))
    with pytest.raises(error):
        client.authorization_code(response)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, True),
        ({"nonce": None}, True),
        ({"scope": "email", "nonce": "a-nonce"}, True),
        ({"scope": "email"}, False),
        ({"scope": None}, False),
    ],
)
def test_a_missing_id_token(client, server, options, missing):
    """Whoever asked for `openid`, or sent a nonce, gets an ID Token or an error."""
    server.issue_id_tokens = set()
    response = log_in(client, server, client.authorization_request(**options))
    if not missing:
        assert client.authorization_code(response).id_token is None
        return
    with pytest.raises(MissingIdToken):
        client.authorization_code(response)
    response = log_in(client, server, client.authorization_request(**options))
    assert client.authorization_code(response, validate=False).id_token is None


def test_validation_can_be_turned_off(client, server):
    """`validate=False` returns the ID Token as it came."""
    server.id_token_claims = {"iss": "https://evil.example"}
    assert client.authorization_code(log_in(client, server), validate=False).id_token.issuer == "https://evil.example"


def test_errors_from_the_browser(client, server):
    """A user who says no, and a login that cannot be silent, are errors of their own."""
    request = client.authorization_request()
    with pytest.raises(AuthorizationResponseError) as denied:
        request.validate_callback(server.authorize(request, "alice", deny=True))
    assert denied.value.error == "access_denied"
    silent = client.authorization_request(prompt="none")
    with pytest.raises(LoginRequired):
        silent.validate_callback(server.authorize(silent))


# ---------------------------------------------------------------- DPoP


@pytest.mark.parametrize("push", [False, True])
def test_dpop(client, server, push):
    """Code, pushed request and token are bound to one key, with the nonces that the server wants."""
    server.require_dpop = server.dpop_nonce_as = True
    request = client.authorization_request(dpop=True, dpop_alg="EdDSA")
    assert request.dpop_key.alg == "EdDSA"
    sent = client.pushed_authorization_request(request) if push else request
    assert sent.dpop_key is request.dpop_key
    response = sent.validate_callback(server.authorize(sent, "alice"))
    token = client.authorization_code(response)
    assert isinstance(token, DPoPToken)
    assert token.dpop_key is request.dpop_key
    assert token.id_token.sub == "alice"
    if push:
        assert form(server, "par")["dpop_jkt"] == [request.dpop_jkt]
        assert server.last("par").headers["DPoP"]
        assert (server.count("par"), server.count("token")) == (2, 1)


def test_dpop_by_default(server):
    """A client of bound tokens makes bound requests, unless told otherwise; its key generator is used."""
    made_keys = []

    def generate(alg):
        made_keys.append(DPoPKey.generate(alg))
        return made_keys[-1]

    client = made(server, dpop_bound_access_tokens=True, dpop_alg="ES384", dpop_key_generator=generate)
    assert client.authorization_request().dpop_key is made_keys[0]
    assert made_keys[0].alg == "ES384"
    assert client.authorization_request(dpop=False).dpop_key is None
    key = DPoPKey.generate()
    assert client.authorization_request(dpop_key=key, dpop=False).dpop_key is key
    assert len(made_keys) == 1
    response = log_in(client, server, client.authorization_request(dpop=False, scope="email"))
    assert isinstance(
        client.authorization_code(response.code, code_verifier=response.code_verifier, redirect_uri=CALLBACK), DPoPToken
    )
    assert len(made_keys) == 2


# ---------------------------------------------------------------- pushed requests (RFC 9126)


@pytest.mark.parametrize(
    ("registered", "auth"),
    [
        ({"client_secret": SECRET, "auth_methods": "client_secret_post"}, ClientSecretPost("app", SECRET)),
        ({"client_secret": SECRET, "auth_methods": "client_secret_basic"}, ClientSecretBasic("app", SECRET)),
        ({"client_secret": SECRET, "auth_methods": "client_secret_jwt"}, ClientSecretJwt("app", SECRET)),
        ({"jwks": KEY}, PrivateKeyJwt("app", KEY)),
        ({"public": True}, PublicApp("app")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pushed_requests(server, now, registered, auth):
    """All parameters are posted once, with client authentication by any method; the URL has the reference only."""
    server.add_client("app", redirect_uris=CALLBACK, **registered)
    server.require_par = True
    client = made(server, auth)
    request = client.authorization_request(resource=["https://a.local", "https://b.local"])
    pushed = client.pushed_authorization_request(request)
    sent = form(server, "par")
    assert sent.items() >= {"resource": ["https://a.local", "https://b.local"], "state": [request.state]}.items()
    assert sent["client_id"] == ["app"]
    assert sent["code_challenge"] == [request.code_challenge]
    assert "code_verifier" not in sent
    assert pushed.uri == (
        f"{server.endpoint('authorization')}?client_id=app&request_uri={pushed.request_uri.replace(':', '%3A')}"
    )
    assert pushed.expires_at == datetime(2030, 1, 1, 0, 1, tzinfo=timezone.utc)
    assert pushed.authorization_request is request
    response = pushed.validate_callback(server.authorize(pushed, "alice"))
    assert client.authorization_code(response).id_token.sub == "alice"


@pytest.mark.parametrize("encrypted", [False, True])
def test_signed_requests(client, server, encrypted):
    """A signed request is accepted by value, and pushed, where nothing goes beside it (RFC 9126 §3)."""
    server.require_signed_request_object = server.strict_request_objects = True
    for push in (False, True):
        request = client.authorization_request(max_age=60, resource=["https://a.local", "https://b.local"])
        options = {"lifetime": 60, "aud": client.issuer, "response_type": "code"}
        if encrypted:
            enc_jwk = server.keys.decryption_keys()[0].public_jwk()
            signed = request.sign_and_encrypt(KEY, enc_jwk, **options)
        else:
            signed = request.sign(KEY, **options)
        sent = client.pushed_authorization_request(signed) if push else signed
        if push:
            assert form(server, "par").keys() == {"client_id", "client_secret", "request"}
        response = sent.validate_callback(server.authorize(sent, "alice"))
        assert response.max_age == 60
        assert client.authorization_code(response).id_token.sub == "alice"


def test_what_cannot_be_pushed(client):
    """A reference, or anything else, is refused before anything is sent."""
    reference = RequestUriParameterAuthorizationRequest(
        "https://as.local/authorize", client_id="app", request_uri="urn:x"
    )
    for wrong in (reference, "https://as.local/authorize?client_id=app", None):
        with pytest.raises(InvalidParam, match="cannot be pushed"):
            client.pushed_authorization_request(wrong)


def test_no_par_endpoint(server):
    """Without the endpoint, nothing can be pushed."""
    client = made(server, pushed_authorization_request_endpoint=None)
    with pytest.raises(MissingEndpointUri, match="pushed_authorization_request_endpoint"):
        client.pushed_authorization_request(client.authorization_request())


URI = "urn:ietf:params:oauth:request_uri:x"


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ({"json": {"expires_in": 60}, "status": 201}, "pushed authorization response"),
        ({"json": {"request_uri": None, "expires_in": 60}}, "`request_uri` is not a URI"),
        ({"json": {"request_uri": 7, "expires_in": 60}}, "`request_uri` is not a URI"),
        ({"json": {"request_uri": "", "expires_in": 60}}, "`request_uri` is not a URI"),
        ({"json": {"request_uri": "abc", "expires_in": 60}}, "`request_uri` is not a URI"),
        ({"json": {"request_uri": [URI], "expires_in": 60}}, "`request_uri` is not a URI"),
        ({"json": {"request_uri": f"{URI}\n", "expires_in": 60}}, "`request_uri`"),
        ({"json": {"request_uri": f"{URI} y", "expires_in": 60}}, "`request_uri` holds characters"),
        ({"json": {"request_uri": f"{URI}é", "expires_in": 60}}, "`request_uri` holds characters"),
        ({"json": {"request_uri": URI}}, "`expires_in` is not a positive number"),
        ({"json": {"request_uri": URI, "expires_in": 0}}, "`expires_in` is not a positive number"),
        ({"json": {"request_uri": URI, "expires_in": -1}}, "`expires_in` is not a positive number"),
        ({"json": {"request_uri": URI, "expires_in": "soon"}}, "`expires_in` is not a positive number"),
        ({"json": {"request_uri": URI, "expires_in": None}}, "`expires_in` is not a positive number"),
        ({"json": {"request_uri": URI, "expires_in": True}}, "`expires_in` is not a positive number"),
        ({"json": [{"request_uri": URI, "expires_in": 60}]}, "not an object"),
        ({"json": "text"}, "not an object"),
        ({"body": b"<html>"}, "unusable"),
        ({"body": b""}, "unusable"),
        ({"body": b'{"request_uri":"a:b","request_uri":"c:d","expires_in":60}'}, "repeated"),
        ({"body": b"<html>", "status": 500}, "unusable"),
        ({"body": b"", "status": 404}, "unusable"),
        ({"json": {"error": 7}, "status": 400}, "unusable"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_unusable_answers(client, server, answer, match):
    """An answer without usable reference gives one typed error, with the answer, and none of what was sent."""
    server.misbehave("par", **answer)
    request = client.authorization_request()
    with pytest.raises(InvalidPushedAuthorizationResponse, match=match) as refused:
        client.pushed_authorization_request(request)
    assert refused.value.response.status_code == answer.get("status", 200)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("expires_in", [1, 60, 60.0, "60", 10**400])
def test_lifetimes_of_references(client, server, expires_in):
    """Any positive number of seconds is understood."""
    server.misbehave("par", json={"request_uri": URI, "expires_in": expires_in}, status=201)
    pushed = client.pushed_authorization_request(client.authorization_request())
    assert pushed.request_uri == URI
    assert pushed.expires_at.timestamp() > time.time()


@pytest.mark.parametrize(
    ("error", "error_class"),
    [("invalid_request", InvalidRequest), ("invalid_request_object", UnknownTokenEndpointError)],
)
def test_refused_requests(client, server, error, error_class):
    """A standard error has its class; an unknown code that of all unknown codes. One in a 200 is an error, too."""
    for status in (400, 200):
        server.misbehave("par", json={"error": error, "error_description": "no"}, status=status)
        with pytest.raises(error_class) as refused:
            client.pushed_authorization_request(client.authorization_request())
        assert (refused.value.error, refused.value.description) == (error, "no")


def test_redirects_are_not_followed(client, server):
    """A redirect of the endpoint is an error: the client secret goes nowhere else."""
    server.misbehave("par", misbehaviour.redirect("https://evil.example/"))
    with pytest.raises(UnexpectedRedirect):
        client.pushed_authorization_request(client.authorization_request())
    assert server.strays == []


def test_hooks(server):
    """Subclasses judge the answers in their own way, with the signature of all hooks."""

    class Own(OAuth2Client):
        def parse_pushed_authorization_response(self, response, *, dpop_key=None):
            return RequestUriParameterAuthorizationRequest(
                self.authorization_endpoint,
                client_id=self.client_id,
                request_uri=response.json()["uri"],
                dpop_key=dpop_key,
            )

        def on_pushed_authorization_request_error(self, response, *, dpop_key=None):
            return f"refused with {response.status_code}"

    client = Own.from_discovery_document(server.metadata, auth=("app", SECRET), session=server.session())
    request = client.authorization_request(dpop=True)
    server.misbehave("par", json={"uri": "urn:y"})
    pushed = client.pushed_authorization_request(request)
    assert (pushed.request_uri, pushed.authorization_request, pushed.dpop_key) == ("urn:y", request, request.dpop_key)
    server.misbehave("par", status=503)
    assert client.pushed_authorization_request(request) == "refused with 503"


@pytest.mark.parametrize("result", [None, "text", {}])
@pytest.mark.parametrize("code", ["the-code", AuthorizationResponse(code="the-code", nonce="the-nonce")])
def test_hooks_for_codes_may_return_anything(server, code, result):
    """What a lenient error hook returns is the result, also where a token would have to come with an ID Token."""

    class Lenient(OAuth2Client):
        def on_token_error(self, response, *, dpop_key=None):
            return result

    client = Lenient.from_discovery_document(server.metadata, auth=("app", SECRET), session=server.session())
    assert client.authorization_code(code) == result


# ---------------------------------------------------------------- in the form that the server wants


def test_start_authorization(server):
    """Where nothing else is wanted, the request is a plain one."""
    client = made(server)
    request = client.start_authorization(scope="openid email", prompt="login")
    assert isinstance(request, AuthorizationRequest)
    assert (request.scope, request.prompt) == (("openid", "email"), "login")
    assert client.authorization_code(log_in(client, server, request)).id_token.sub == "alice"


@pytest.mark.parametrize(
    ("wanted", "options", "form_of_request"),
    [
        ({"require_par": True}, {}, RequestUriParameterAuthorizationRequest),
        ({}, {"push": True}, RequestUriParameterAuthorizationRequest),
        ({"require_signed_request_object": True}, {"sign_jwk": KEY}, RequestParameterAuthorizationRequest),
        ({"strict_request_objects": True}, {"sign_jwk": KEY, "lifetime": 30}, RequestParameterAuthorizationRequest),
        (
            {"require_par": True, "require_signed_request_object": True, "strict_request_objects": True},
            {"sign_jwk": KEY, "dpop": True},
            RequestUriParameterAuthorizationRequest,
        ),
    ],
)
def test_start_authorization_as_wanted(server, wanted, options, form_of_request):
    """What the metadata require is obeyed: pushed, signed, or both; the callback is validated by the same object."""
    for name, value in wanted.items():
        setattr(server, name, value)
    client = made(server)
    request = client.start_authorization(**options)
    assert type(request) is form_of_request
    response = request.validate_callback(server.authorize(request, "alice"))
    assert client.authorization_code(response).id_token.sub == "alice"


def test_signed_requests_are_addressed(server):
    """A request signed by `start_authorization` names client and server, and expires (RFC 9101 §4)."""
    request = made(server).start_authorization(sign_jwk=KEY, lifetime=30, max_age=60)
    claims = request.request.claims
    assert claims["iss"] == claims["client_id"] == "app"
    assert claims["aud"] == "https://as.local"
    assert claims["exp"] - claims["iat"] == 30
    assert claims["max_age"] == 60
    assert parse_qs(urlsplit(request.uri).query).keys() == {"client_id", "request", "response_type", "scope"}


def test_encrypted_by_start_authorization(server):
    """With the server's key, the signed request is encrypted, too."""
    enc_jwk = server.keys.decryption_keys()[1].public_jwk()
    client = made(server)
    request = client.start_authorization(sign_jwk=KEY, enc_jwk=enc_jwk, scope=None)
    assert request.request.alg == "ECDH-ES"
    assert client.authorization_code(log_in(client, server, request), validate=False).access_token


@pytest.mark.parametrize(
    ("options", "start", "match"),
    [
        ({"require_signed_request_object": True}, {}, "sign_jwk"),
        ({}, {"enc_jwk": KEY}, "sign_jwk"),
    ],
)
def test_start_authorization_refusals(server, options, start, match):
    """What cannot be made as the server wants it is refused at once."""
    for name, value in options.items():
        setattr(server, name, value)
    client = made(server)
    with pytest.raises(InvalidParam, match=match):
        client.start_authorization(**start)
    nameless = OAuth2Client("https://as.local/token", "app", authorization_endpoint="https://as.local/authorize")
    with pytest.raises(InvalidParam, match="issuer"):
        nameless.start_authorization(sign_jwk=KEY)


def test_push_can_be_refused(server):
    """`push=False` does not push, whatever the metadata say."""
    server.require_par = True
    assert isinstance(made(server).start_authorization(push=False), AuthorizationRequest)


# ---------------------------------------------------------------- responses made by hand


def test_a_response_by_hand(client, server):
    """An `AuthorizationResponse` made by hand works as one from `validate_callback`."""
    request = client.authorization_request()
    code = parse_qs(urlsplit(server.authorize(request, "alice")).query)["code"][0]
    response = AuthorizationResponse(
        code=code, redirect_uri=CALLBACK, code_verifier=request.code_verifier, nonce=request.nonce, issuer=client.issuer
    )
    token = client.authorization_code(response)
    assert isinstance(token, BearerToken)
    assert isinstance(token.id_token, SignedJwt)


def test_the_user_comes_back_to_another_process(client, server):
    """A client made anew, with a request that was serialized, finishes the login."""
    from requests_oauth2client.serializers import AuthorizationRequestSerializer

    serializer = AuthorizationRequestSerializer()
    stored = serializer.dumps(client.start_authorization(dpop=True, push=True))
    later = made(server, session=server.mount(requests.Session()))
    request = serializer.loads(stored)
    token = later.authorization_code(request.validate_callback(server.authorize(request, "alice")))
    assert token.id_token.sub == "alice"
    assert token.dpop_key == request.dpop_key
