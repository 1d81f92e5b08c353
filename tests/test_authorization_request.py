"""Authorization Requests in their three forms: what they hold, and the URL that leaves."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs.exceptions import FrozenInstanceError
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from furl import furl
from jwskate import JweCompact, Jwk, SignedJwt

from requests_oauth2client.authorization_request import (
    AuthorizationRequest,
    RequestParameterAuthorizationRequest,
    RequestUriParameterAuthorizationRequest,
)
from requests_oauth2client.enums import CodeChallengeMethods, ResponseTypes
from requests_oauth2client.exceptions import (
    InvalidAcrValuesParam,
    InvalidCodeVerifierParam,
    InvalidEndpointUri,
    InvalidMaxAgeParam,
    InvalidParam,
    InvalidScopeParam,
    MissingIssuerParam,
    UnsupportedCodeChallengeMethod,
    UnsupportedResponseTypeParam,
)
from requests_oauth2client.pkce import PkceUtils

ENDPOINT = "https://as.local/authorize"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
SIGN, ENC = Jwk.generate(alg="ES256"), Jwk.generate(alg="RSA-OAEP-256", key_size=2048)


def without_alg(alg, **options):
    """A key that does not say what it is for."""
    return Jwk({name: value for name, value in Jwk.generate(alg=alg, **options).items() if name != "alg"})


def made(endpoint=ENDPOINT, **options):
    return AuthorizationRequest(endpoint, **{"client_id": "app", **options})


def query(url):
    return parse_qs(urlsplit(str(url)).query, keep_blank_values=True)


def test_defaults():
    """By default there are new `state`, `nonce` and PKCE values, and `openid` is the scope."""
    request, other = made(), made()
    assert request.scope == ("openid",)
    assert len(request.state) == len(request.nonce) == 43
    assert len({request.state, request.nonce, other.state, other.nonce}) == 4
    assert request.code_verifier != other.code_verifier
    assert request.code_challenge == PkceUtils.derive_challenge(request.code_verifier)
    assert list(request.args) == [
        "client_id", "scope", "response_type", "state", "nonce", "code_challenge_method", "code_challenge",
    ]  # fmt: skip
    assert request.code_verifier not in request.uri


@pytest.mark.parametrize("value", ["marked \ud800", ["a", "marked \udfff"]])
def test_what_no_text_is(value):
    """A lone surrogate is refused by the name of its parameter, when the URL is made."""
    request = AuthorizationRequest("https://as.local/authorize", client_id="c", foo=value)
    with pytest.raises(InvalidParam, match="`foo` holds characters") as caught:
        request.uri  # noqa: B018 - reading it is the test
    assert "marked" not in repr(caught.value)


def test_everything():
    """Each parameter is an attribute and part of the URL, in a fixed order."""
    request = made(
        redirect_uri="https://app.local/cb?x=1",
        scope=["openid", "email"],
        response_type=ResponseTypes.CODE,
        state="a state",
        nonce="a&nonce",
        code_verifier=VERIFIER,
        code_challenge_method=CodeChallengeMethods.S256,
        acr_values=["gold", "silver"],
        max_age=0,
        issuer="https://as.local",
        authorization_response_iss_parameter_supported=True,
        audience="https://api.local",
    )
    assert request.args == {
        "client_id": "app",
        "redirect_uri": "https://app.local/cb?x=1",
        "scope": "openid email",
        "response_type": "code",
        "state": "a state",
        "nonce": "a&nonce",
        "code_challenge_method": "S256",
        "acr_values": "gold silver",
        "max_age": "0",
        "code_challenge": CHALLENGE,
        "audience": "https://api.local",
    }
    assert request.uri == (
        "https://as.local/authorize?client_id=app&redirect_uri=https%3A%2F%2Fapp.local%2Fcb%3Fx%3D1&scope=openid+email"
        "&response_type=code&state=a+state&nonce=a%26nonce&code_challenge_method=S256&acr_values=gold+silver&max_age=0"
        f"&code_challenge={CHALLENGE}&audience=https%3A%2F%2Fapi.local"
    )
    assert all(type(value) is str for value in request.args.values())
    assert str(request) == repr(request) == request.uri == request.furl.url
    assert isinstance(request.furl, furl)
    assert request.furl.args["scope"] == "openid email"
    assert request.as_dict() == {
        "authorization_endpoint": ENDPOINT,
        "client_id": "app",
        "redirect_uri": "https://app.local/cb?x=1",
        "scope": ("openid", "email"),
        "response_type": "code",
        "state": "a state",
        "nonce": "a&nonce",
        "code_challenge_method": "S256",
        "acr_values": ("gold", "silver"),
        "max_age": 0,
        "code_verifier": VERIFIER,
        "authorization_response_iss_parameter_supported": True,
        "issuer": "https://as.local",
        "dpop_key": None,
        "audience": "https://api.local",
    }
    assert request.audience == "https://api.local"
    assert (
        made(**{name: value for name, value in request.as_dict().items() if name != "authorization_endpoint"})
        == request
    )


@pytest.mark.parametrize(
    ("scope", "expected", "has_nonce"),
    [
        ("openid", ("openid",), True),
        ("email openid", ("email", "openid"), True),
        (["openid", "email"], ("openid", "email"), True),
        (dict.fromkeys(["openid", "email"]).keys(), ("openid", "email"), True),
        ("notopenid", ("notopenid",), False),
        ("openid2 email", ("openid2", "email"), False),
        ("", None, False),
        ([], None, False),
        (None, None, False),
    ],
)
def test_scope_and_nonce(scope, expected, has_nonce):
    """There is a nonce when `openid` is one of the scopes, not when it is part of another."""
    request = made(scope=scope)
    assert request.scope == expected
    assert (request.nonce is not None) == has_nonce
    assert query(request).get("scope", [None]) == [" ".join(expected) if expected else None]


def test_values_can_be_left_out():
    """`None` leaves `state`, `nonce` and PKCE out."""
    request = made(state=None, nonce=None, code_challenge_method=None, code_verifier=VERIFIER, scope=None)
    assert request.code_verifier is None
    assert request.code_challenge is None
    assert request.args == {"client_id": "app", "response_type": "code"}


def test_own_generators():
    """A subclass makes `state` and `nonce` its own way."""

    class Request(AuthorizationRequest):
        @classmethod
        def generate_state(cls):
            return "own-state"

        @classmethod
        def generate_nonce(cls):
            return "own-nonce"

    request = Request(ENDPOINT, client_id="app")
    assert (request.state, request.nonce) == ("own-state", "own-nonce")


def test_plain_pkce():
    """With `plain`, the verifier is the challenge."""
    assert query(made(code_verifier=VERIFIER, code_challenge_method="plain"))["code_challenge"] == [VERIFIER]


@pytest.mark.parametrize(
    ("value", "kept", "sent"),
    [
        ("text", "text", ["text"]),
        ("", "", [""]),
        ("a b&c=é", "a b&c=é", ["a b&c=é"]),
        (7, 7, ["7"]),
        (0, 0, ["0"]),
        (True, True, ["true"]),
        (False, False, ["false"]),
        (["https://a", "https://b"], ("https://a", "https://b"), ["https://a", "https://b"]),
        (("a", 1, None), ("a", 1, None), ["a", "1"]),
        (dict.fromkeys("ab").keys(), ("a", "b"), ["a", "b"]),
        ([], (), None),
        ({"id_token": {"email": None}}, {"id_token": {"email": None}}, ['{"id_token":{"email":null}}']),
        (
            [{"type": "é", "actions": ("read",)}],
            [{"type": "é", "actions": ["read"]}],
            ['[{"type":"é","actions":["read"]}]'],
        ),
        (None, None, None),
    ],
)
def test_extras(value, kept, sent):
    """Lists repeat the parameter, objects are JSON, numbers and booleans are text, `None` is left out."""
    request = made(extra=value)
    assert request.extra == request.kwargs["extra"] == kept
    assert query(request).get("extra") == sent


@pytest.mark.parametrize("name", ["prompt", "ui_locales", "claims_locales"])
def test_lists_of_openid_connect(name):
    """What OIDC Core §3.1.2.1 separates by spaces stays one parameter."""
    assert query(made(**{name: ["fr", "en"]}))[name] == ["fr en"]


def test_an_id_token_is_an_extra():
    """An ID Token can be given as `id_token_hint` as it is."""
    jwt = SignedJwt.sign({"sub": "alice"}, SIGN)
    assert query(made(id_token_hint=jwt))["id_token_hint"] == [str(jwt)]


def test_names_of_extras_are_encoded():
    """The name of a parameter cannot inject another."""
    assert query(made(**{"a&b=c": "x", "é": "y"})).items() >= {"a&b=c": ["x"], "é": ["y"]}.items()
    assert query(made(state="s", **{"a&state": "x"}))["state"] == ["s"]


@pytest.mark.parametrize(
    ("endpoint", "start"),
    [
        ("https://as.local/authorize?tenant=1&x=a%20b", "https://as.local/authorize?tenant=1&x=a%20b&client_id=app"),
        ("https://as.local/authorize?", "https://as.local/authorize?client_id=app"),
        ("https://as.local/authorize?a=b&", "https://as.local/authorize?a=b&client_id=app"),
        ("https://as.local:8443/", "https://as.local:8443/?client_id=app"),
        ("http://as.test/authorize", "http://as.test/authorize?client_id=app"),
    ],
)
def test_query_of_the_endpoint_is_kept(endpoint, start):
    """Parameters are added to those which the URL of the endpoint has (RFC 6749 §3.1)."""
    assert made(endpoint).uri.startswith(start)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"authorization_endpoint": "https://as.local/authorize#x"}, InvalidEndpointUri, "fragment"),
        ({"authorization_endpoint": "javascript:alert(1)"}, InvalidEndpointUri, "authorization_endpoint"),
        ({"authorization_endpoint": "https://as.local/a b"}, InvalidEndpointUri, "authorization_endpoint"),
        ({"authorization_endpoint": None}, InvalidEndpointUri, "authorization_endpoint"),
        ({"response_type": "token"}, UnsupportedResponseTypeParam, "token"),
        ({"response_type": "code id_token"}, UnsupportedResponseTypeParam, "code id_token"),
        ({"max_age": -1}, InvalidMaxAgeParam, "Invalid 'max_age' parameter"),
        ({"max_age": "300"}, InvalidMaxAgeParam, "Invalid 'max_age' parameter"),
        ({"max_age": True}, InvalidMaxAgeParam, "Invalid 'max_age' parameter"),
        ({"authorization_response_iss_parameter_supported": True}, MissingIssuerParam, "issuer"),
        ({"scope": 1}, InvalidScopeParam, "scope"),
        ({"scope": [1]}, InvalidScopeParam, "scope"),
        ({"scope": 'say "hi"'}, InvalidScopeParam, "scope"),
        ({"acr_values": 1}, InvalidAcrValuesParam, "Invalid 'acr_values'"),
        ({"state": ""}, InvalidParam, "`state`"),
        ({"state": 12345}, InvalidParam, "`state` of type int"),
        ({"nonce": ""}, InvalidParam, "`nonce`"),
        ({"nonce": b"nonce"}, InvalidParam, "`nonce` of type bytes"),
        ({"code_verifier": "short"}, InvalidCodeVerifierParam, "43 to 128"),
        ({"code_verifier": ""}, InvalidCodeVerifierParam, "43 to 128"),
        ({"code_challenge_method": "S512"}, UnsupportedCodeChallengeMethod, "S256"),
        ({"code_challenge": CHALLENGE}, InvalidParam, "code_verifier"),
        ({"extra": b"bytes"}, InvalidParam, "`extra` of type bytes"),
        ({"extra": object()}, InvalidParam, "`extra` of type object"),
        ({"extra": [object()]}, InvalidParam, "`extra` of type object"),
        ({"extra": {"a": object()}}, InvalidParam, "cannot be made JSON"),
        ({"extra": {"a": float("nan")}}, InvalidParam, "cannot be made JSON"),
    ],
)
def test_bad_parameters(options, error, match):
    """What cannot be sent is refused when the request is made."""
    options = {"authorization_endpoint": ENDPOINT, "client_id": "app", **options}
    with pytest.raises(error, match=match):
        AuthorizationRequest(**options)


def test_requests_are_values():
    """A request is frozen and hashable, copies and pickles, and knows no other attribute than its parameters."""
    request = made(state="s", nonce="n", code_verifier=VERIFIER, resource=["https://a"], claims={"userinfo": {}})
    assert copy.deepcopy(request) == copy.copy(request) == pickle.loads(pickle.dumps(request)) == request
    assert copy.deepcopy(request).uri == request.uri
    assert {request, copy.copy(request)} == {request}
    assert request != made(state="s", nonce="n", code_verifier=VERIFIER)
    assert not hasattr(request, "unknown")
    with pytest.raises(FrozenInstanceError):
        request.state = "other"


def test_the_mapping_of_the_caller_stays_theirs():
    """What is changed afterwards in a list or mapping does not change the request."""
    resource, claims = ["https://a"], {"userinfo": {"email": None}}
    request = made(resource=resource, claims=claims)
    uri = request.uri
    resource.append("https://b")
    claims["userinfo"]["phone"] = None
    assert request.uri == uri


def test_dpop_key():
    """`dpop=True` makes a key, whose thumbprint is sent (RFC 9449 §10); a given key is used."""
    dpop = pytest.importorskip("requests_oauth2client.dpop")
    request = made(dpop=True, dpop_alg="ES384")
    assert request.dpop_key.alg == "ES384"
    assert query(request)["dpop_jkt"] == [request.dpop_jkt] == [request.dpop_key.dpop_jkt]
    key = dpop.DPoPKey.generate()
    assert made(dpop_key=key).dpop_key is key
    assert request.validate_callback(f"code=c&state={request.state}").dpop_key is request.dpop_key
    with pytest.raises(InvalidParam, match="dpop_jkt"):
        made(dpop_key=key, dpop_jkt="other")


def test_own_dpop_jkt():
    """Without a key of ours, `dpop_jkt` is a parameter like another."""
    assert query(made(dpop_jkt="theirs"))["dpop_jkt"] == ["theirs"]


# ---------------------------------------------------------------- request objects (RFC 9101)


def test_claims_are_the_parameters(now):
    """Signed without audience, the claims are exactly `args`, and the times."""
    request = made(max_age=300, resource=["https://a", "https://b"])
    jwt = request.sign_request_jwt(SIGN, lifetime=60)
    at = int(datetime.now(tz=timezone.utc).timestamp())
    assert jwt.claims == {**request.args, "iat": at, "exp": at + 60}
    assert jwt.headers == {"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": SIGN.thumbprint()}
    assert jwt.verify_signature(SIGN.public_jwk(), alg="ES256")
    assert "exp" not in request.sign_request_jwt(SIGN).claims


def test_claims_for_an_audience(now):
    """With an audience, the claims are those of RFC 9101 §4: `iss` and `aud`, numbers as numbers, JSON as JSON."""
    request = made(
        max_age=300,
        resource=["https://a", "https://b"],
        claims={"userinfo": {}},
        ui_locales=["fr", "en"],
        level=3,
        none=None,
    )
    claims = request.sign_request_jwt(SIGN, lifetime=60, aud="https://as.local").claims
    at = int(datetime.now(tz=timezone.utc).timestamp())
    assert claims == {
        "iss": "app",
        "aud": "https://as.local",
        "client_id": "app",
        "scope": "openid",
        "response_type": "code",
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge_method": "S256",
        "code_challenge": request.code_challenge,
        "max_age": 300,
        "resource": ["https://a", "https://b"],
        "claims": {"userinfo": {}},
        "ui_locales": "fr en",
        "level": 3,
        "iat": at,
        "nbf": at,
        "exp": at + 60,
    }


@pytest.mark.parametrize(
    ("key", "alg", "expected"),
    [
        (Jwk.generate(alg="RS256", key_size=2048), None, "RS256"),
        (Jwk.generate(alg="PS256", key_size=2048), None, "PS256"),
        (without_alg("ES384"), None, "ES384"),
        (without_alg("RS256", key_size=2048), None, "RS256"),
        (without_alg("RS256", key_size=2048), "PS512", "PS512"),
        (dict(Jwk.generate(alg="EdDSA", kid="my-key")), None, "EdDSA"),
        (Jwk.generate(alg="HS256"), None, "HS256"),
    ],
)
def test_algorithms(key, alg, expected):
    """The algorithm is the one asked for, that of the key, or what its type suggests; the key is announced."""
    jwt = made().sign_request_jwt(key, alg)
    jwk = Jwk(key)
    assert jwt.alg == expected
    assert jwt.headers.get("kid") == (None if jwk.is_symmetric else jwk.get("kid", jwk.thumbprint()))
    assert jwt.verify_signature(jwk if jwk.is_symmetric else jwk.public_jwk(), alg=expected)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (SIGN.public_jwk(), None),
        (SIGN, "RS256"),
        (SIGN, "FOO"),
        (ENC, None),
        ({"kty": "what"}, None),
        (None, None),
        ("MARK", None),
        ({**SIGN, "use": "enc"}, None),
        ({**SIGN, "d": "MARK"}, None),
        (without_alg("HS256"), None),
    ],
)
def test_keys_that_cannot_sign(key, alg):
    """A public key, a wrong algorithm or no key at all give a clear error, without the key in its text."""
    with pytest.raises(InvalidParam, match="request object") as refused:
        made().sign(key, alg)
    assert "MARK" not in str(refused.value)


@pytest.mark.parametrize("lifetime", [0, -1, 1.5, True, "60"])
def test_bad_lifetimes(lifetime):
    """A lifetime is a positive number of seconds."""
    with pytest.raises(InvalidParam, match="lifetime"):
        made().sign_request_jwt(SIGN, lifetime=lifetime)


def test_signed_form(now):
    """The URL of the signed form has `client_id`, `request` and what is asked beside; it validates the callback."""
    request = made(resource="https://a")
    signed = request.sign(SIGN, lifetime=60, aud="https://as.local", scope="openid", foo=["1", "2"])
    assert isinstance(signed, RequestParameterAuthorizationRequest)
    assert query(signed) == {
        "client_id": ["app"],
        "request": [str(signed.request)],
        "scope": ["openid"],
        "foo": ["1", "2"],
    }
    assert isinstance(signed.request, SignedJwt)
    assert signed.request.audiences == ["https://as.local"]
    assert signed.expires_at == datetime(2030, 1, 1, 0, 1, tzinfo=timezone.utc)
    assert (signed.is_expired(), signed.is_expired(61)) == (False, True)
    assert signed.foo == ("1", "2")
    assert str(signed) == repr(signed) == signed.uri == signed.furl.url
    assert signed.authorization_request is request
    assert signed.validate_callback(f"code=c&state={request.state}").code_verifier == request.code_verifier


@pytest.mark.parametrize(
    ("key", "alg", "expected"),
    [
        (ENC, None, "RSA-OAEP-256"),
        (without_alg("RSA-OAEP-256", key_size=2048, kid="k"), None, "RSA-OAEP-256"),
        (without_alg("ECDH-ES", crv="P-256"), None, "ECDH-ES"),
        (without_alg("ECDH-ES", crv="P-256"), "ECDH-ES+A128KW", "ECDH-ES+A128KW"),
        (Jwk.from_cryptography_key(X25519PrivateKey.generate()), None, "ECDH-ES"),
        (Jwk.generate(alg="A128KW"), None, "A128KW"),
    ],
)
def test_encrypted_form(key, alg, expected):
    """The encrypted form holds the signed one, for the key of the server."""
    request = made()
    form = request.sign_and_encrypt(SIGN, key, enc_alg=alg, enc="A256GCM", aud="https://as.local", foo="bar")
    assert isinstance(form.request, JweCompact)
    assert (form.request.alg, form.request.enc, form.request.headers["cty"]) == (expected, "A256GCM", "JWT")
    assert form.request.headers["kid"] == key.get("kid", key.thumbprint())
    assert query(form) == {"client_id": ["app"], "request": [str(form.request)], "foo": ["bar"]}
    jwt = SignedJwt(form.request.decrypt(key, alg=expected))
    assert (jwt.claims["state"], jwt.claims["aud"]) == (request.state, "https://as.local")
    public = key if key.is_symmetric else key.public_jwk()
    assert request.sign_and_encrypt_request_jwt(SIGN, public, enc_alg=alg).enc == "A128CBC-HS256"


@pytest.mark.parametrize(
    ("key", "alg", "enc"),
    [
        (SIGN.public_jwk(), "RSA-OAEP-256", "A128GCM"),
        (ENC, None, "FOO"),
        (ENC, "RSA-OAEP", "A128GCM"),
        ({**ENC, "use": "sig"}, None, "A128GCM"),
        ("MARK", None, "A128GCM"),
        (None, None, "A128GCM"),
    ],
)
def test_keys_that_cannot_encrypt(key, alg, enc):
    """A key or an algorithm that does not fit gives a clear error."""
    with pytest.raises(InvalidParam, match="request object"):
        made().sign_and_encrypt(SIGN, key, enc_alg=alg, enc=enc)


# ---------------------------------------------------------------- forms made by hand


def test_request_parameter_form():
    """A request object can be given as text; further parameters are attributes."""
    jwt = str(made().sign_request_jwt(SIGN))
    form = RequestParameterAuthorizationRequest(ENDPOINT, "app", jwt, foo="bar")
    assert isinstance(form.request, SignedJwt)
    assert form.foo == "bar"
    assert form.expires_at is None
    assert form.is_expired() is None
    assert query(form) == {"client_id": ["app"], "request": [jwt], "foo": ["bar"]}
    assert form == RequestParameterAuthorizationRequest(ENDPOINT, client_id="app", request=jwt, foo="bar")
    assert form != RequestParameterAuthorizationRequest(ENDPOINT, client_id="app", request=jwt)
    jwe = str(made().sign_and_encrypt_request_jwt(SIGN, ENC))
    assert isinstance(RequestParameterAuthorizationRequest(ENDPOINT, "app", jwe).request, JweCompact)


@pytest.mark.parametrize("request_object", ["", "abc", "a.b.c", "a.b.c.d.e", None, 1])
def test_bad_request_objects(request_object):
    """What is neither a signed JWT nor a JWE is refused."""
    with pytest.raises(InvalidParam, match="neither a signed JWT nor a JWE"):
        RequestParameterAuthorizationRequest(ENDPOINT, "app", request_object)


def test_request_uri_form(now):
    """A `request_uri` stands for the parameters, until it expires."""
    options = {"client_id": "app", "request_uri": "urn:ietf:params:oauth:request_uri:x"}
    form = RequestUriParameterAuthorizationRequest(ENDPOINT, **options, expires_in=60, foo="bar")
    assert form.uri == f"{ENDPOINT}?client_id=app&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax&foo=bar"
    assert (form.request_uri, form.foo, form.expires_in, form.dpop_jkt) == (options["request_uri"], "bar", 60, None)
    assert form.expires_at == datetime(2030, 1, 1, 0, 1, tzinfo=timezone.utc)
    assert form == RequestUriParameterAuthorizationRequest(ENDPOINT, **options, expires_at=form.expires_at, foo="bar")
    assert form.as_dict() == {
        "authorization_endpoint": ENDPOINT, **options, "expires_at": form.expires_at, "dpop_key": None, "foo": "bar",
    }  # fmt: skip
    now.shift(61)
    assert form.is_expired()
    with pytest.raises(InvalidParam, match="AuthorizationRequest"):
        form.validate_callback("code=c")
    assert form.state is None
    known = form.standing_for(request := made())
    assert known.state == request.state
    assert known == form
    assert known.validate_callback(f"code=c&state={request.state}").code == "c"


def test_forms_are_values():
    """The other forms copy and pickle too, with the request that they stand for."""
    request = made(claims={"userinfo": {}})
    pushed = RequestUriParameterAuthorizationRequest(
        ENDPOINT, client_id="app", request_uri="urn:x", authorization_request=request
    )
    for form in (pushed, request.sign(SIGN), request.sign_and_encrypt(SIGN, ENC)):
        for other in (copy.copy(form), copy.deepcopy(form), pickle.loads(pickle.dumps(form))):
            assert other == form
            assert other.uri == form.uri
            assert other.authorization_request == request
        assert {form, copy.copy(form)} == {form}
        assert not hasattr(form, "unknown")
        assert json.dumps(form.as_dict())
