"""Tokens, keys and requests survive as text."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import zlib
from datetime import datetime, timedelta, timezone
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwskate import Jwk, SignedJwt

from requests_oauth2client.authorization_request import (
    AuthorizationRequest,
    RequestParameterAuthorizationRequest,
    RequestUriParameterAuthorizationRequest,
)
from requests_oauth2client.dpop import DPoPKey, DPoPToken
from requests_oauth2client.exceptions import (
    InvalidParam,
    InvalidSerializedValue,
    OAuth2Error,
    UnsupportedTokenTypeError,
)
from requests_oauth2client.serializers import (
    MAX_SERIALIZED_SIZE,
    AuthorizationRequestSerializer,
    BearerTokenSerializer,
    DPoPKeySerializer,
    TokenSerializer,
)
from requests_oauth2client.token_exchange import IssuedToken
from requests_oauth2client.tokens import BearerToken

SIGN, ENC = Jwk.generate(alg="ES256"), Jwk.generate(alg="RSA-OAEP-256", key_size=2048)
ID_TOKEN = str(SignedJwt.sign({"iss": "https://as.local", "sub": "alice"}, SIGN))
JWE = str(SignedJwt(ID_TOKEN).encrypt(ENC.public_jwk(), "A128GCM"))
LATER = datetime(2040, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ENDPOINT = "https://as.local/authorize"


def unpack(text):
    return json.loads(zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), -15))


def pack(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.urlsafe_b64encode(compressor.compress(text) + compressor.flush()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        BearerToken("at"),
        BearerToken("at", expires_at=LATER, scope="a b", refresh_token="rt", token_type="bearer"),
        BearerToken("at", expires_at=LATER + timedelta(microseconds=123456)),
        BearerToken("at", expires_at=datetime(2001, 1, 1, tzinfo=timezone(timedelta(hours=5)))),
        BearerToken("at", expires_in=60, id_token=ID_TOKEN),
        BearerToken("at", id_token=JWE),
        BearerToken("at", foo={"a": [1, None, "é"]}, bar=0, baz="", **{"my.custom.attr": False}),
        BearerToken("at", dpop_key="what a server may send"),
        DPoPToken("at", _dpop_key=DPoPKey.generate(), expires_at=LATER, refresh_token="rt", id_token=ID_TOKEN),
        DPoPToken("at", _dpop_key=DPoPKey.generate("EdDSA", "own+jwt", as_nonce="n1", rs_nonce="n2"), foo="bar"),
        IssuedToken("text", issued_token_type="urn:ietf:params:oauth:token-type:saml2"),
    ],
    ids=lambda token: type(token).__name__,
)
def test_tokens(token):
    """A token is the same after a round trip, through `str` and through `bytes`; its expiry is to the microsecond."""
    serializer = TokenSerializer()
    text = serializer.dumps(token)
    assert type(text) is str
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    assert json.loads(json.dumps({"token": text}))["token"] == text
    for serialized in (text, text.encode()):
        loaded = serializer.loads(serialized)
        assert loaded == token
        assert type(loaded) is type(token)
        assert loaded.expires_at == token.expires_at
        assert loaded.as_dict() == token.as_dict()
    assert getattr(loaded, "dpop_key", None) == getattr(token, "dpop_key", None)


def test_format():
    """The text is compact JSON without empty members, the expiry a number of seconds, deflated, in base64url."""
    token = BearerToken("at", expires_at=LATER, foo="bar")
    text = TokenSerializer().dumps(token)
    assert unpack(text) == {
        "access_token": "at", "token_type": "Bearer", "expires_at": int(LATER.timestamp()), "foo": "bar",
    }  # fmt: skip
    assert type(unpack(text)["expires_at"]) is int


def test_time_passes(now):
    """What is serialized is the expiry, not the seconds left."""
    serializer = TokenSerializer()
    text = serializer.dumps(BearerToken("at", expires_in=60))
    now.shift(50)
    assert serializer.loads(text).expires_in == 10
    now.shift(50)
    assert serializer.loads(text).is_expired()
    assert serializer.dumps(serializer.loads(text)) == text


def test_one_class_two_names():
    """`BearerTokenSerializer` is `TokenSerializer`."""
    assert BearerTokenSerializer is TokenSerializer


def test_token_type_is_respected():
    """Another `token_type` is refused, and so is a DPoP token without key."""
    with pytest.raises(UnsupportedTokenTypeError):
        TokenSerializer().loads(pack({"access_token": "at", "token_type": "mac"}))
    with pytest.raises(InvalidSerializedValue):
        TokenSerializer().loads(pack({"access_token": "at", "token_type": "DPoP"}))
    assert TokenSerializer().loads(pack({"access_token": "at"})) == BearerToken("at")


def test_own_steps():
    """Each step can be replaced by an argument; a dumper may return bytes, a loader may return the token itself."""
    made = []
    serializer = TokenSerializer(
        dumper=lambda token: json.dumps({"access_token": str(token)}).encode(),
        loader=json.loads,
        make_instance=lambda members: made.append(members) or BearerToken(**members),
    )
    assert serializer.dumps(BearerToken("at")) == '{"access_token": "at"}'
    assert serializer.loads(b'{"access_token": "at"}') == BearerToken("at")
    assert made == [{"access_token": "at"}]
    assert TokenSerializer(loader=BearerToken).loads("at") == BearerToken("at")


def test_own_class():
    """A subclass brings its token classes; the class of the older loader is taken as an argument."""

    class Own(BearerToken):
        pass

    class OwnSerializer(TokenSerializer):
        token_classes: ClassVar = {**TokenSerializer.token_classes, "bearer": Own}

    text = TokenSerializer().dumps(BearerToken("at"))
    assert type(OwnSerializer().loads(text)) is Own
    assert type(TokenSerializer.default_loader(text, token_class=Own)) is Own


@pytest.mark.parametrize(
    "key",
    [
        DPoPKey.generate(),
        DPoPKey.generate("RS256", jwt_typ="own+jwt", as_nonce="one", rs_nonce="two"),
        DPoPKey(Jwk({name: value for name, value in Jwk.generate(alg="ES384").items() if name != "alg"})),
    ],
)
def test_dpop_keys(key):
    """A key keeps its algorithm, the `typ` of its proofs and its nonces, whatever its JWK says."""
    serializer = DPoPKeySerializer()
    loaded = serializer.loads(serializer.dumps(key))
    assert loaded == key
    assert (loaded.alg, loaded.jwt_typ, loaded.as_nonce, loaded.rs_nonce) == (
        key.alg, key.jwt_typ, key.as_nonce, key.rs_nonce,
    )  # fmt: skip


REQUEST = AuthorizationRequest(
    ENDPOINT,
    client_id="app",
    redirect_uri="https://app.local/cb",
    scope="openid email",
    acr_values="gold silver",
    max_age=0,
    issuer="https://as.local",
    authorization_response_iss_parameter_supported=True,
    resource=["https://a", "https://b"],
    claims={"id_token": {"email": None}},
    authorization_details=[{"type": "x", "actions": ["read"]}],
    level=3,
    form="what a server may want",
    kwargs={"a": 1},
)
BOUND = AuthorizationRequest(ENDPOINT, client_id="app", dpop_key=DPoPKey.generate(as_nonce="n"))


@pytest.mark.parametrize(
    "request_",
    [
        AuthorizationRequest(ENDPOINT, client_id="app"),
        AuthorizationRequest(ENDPOINT, client_id="app", state=None, nonce=None, scope=None, code_challenge_method=None),
        AuthorizationRequest(ENDPOINT, client_id="app", code_challenge_method="plain"),
        REQUEST,
        BOUND,
        REQUEST.sign(SIGN, lifetime=60, response_type="code", scope="openid"),
        REQUEST.sign_and_encrypt(SIGN, ENC),
        BOUND.sign(SIGN),
        RequestParameterAuthorizationRequest(ENDPOINT, "app", str(REQUEST.sign_request_jwt(SIGN)), expires_at=LATER, foo="bar"),
        RequestUriParameterAuthorizationRequest(
            ENDPOINT, client_id="app", request_uri="urn:x", expires_at=LATER, dpop_key=BOUND.dpop_key, foo=["a", "b"],
            authorization_request=BOUND,
        ),
    ],
)  # fmt: skip
def test_requests(request_):
    """A request of any form is the same after a round trip, and still validates the callback."""
    serializer = AuthorizationRequestSerializer()
    text = serializer.dumps(request_)
    assert type(text) is str
    loaded = serializer.loads(text)
    assert loaded == request_
    assert type(loaded) is type(request_)
    assert loaded.uri == request_.uri
    assert getattr(loaded, "expires_at", None) == getattr(request_, "expires_at", None)
    stands_for = getattr(request_, "authorization_request", request_)
    assert getattr(loaded, "authorization_request", loaded) == stands_for
    if stands_for is not None and stands_for.state is not None:
        response = loaded.validate_callback(f"code=c&state={stands_for.state}&iss=https://as.local")
        assert response.code_verifier == stands_for.code_verifier
        assert response.dpop_key is loaded.dpop_key


def test_requests_fit_a_json_session():
    """A pushed request and a token fit in a session that only takes JSON."""
    session = {"request": AuthorizationRequestSerializer().dumps(REQUEST)}
    assert AuthorizationRequestSerializer().loads(json.loads(json.dumps(session))["request"]) == REQUEST


def test_own_request_class():
    """A subclass brings its request class."""

    class Own(AuthorizationRequest):
        pass

    class OwnSerializer(AuthorizationRequestSerializer):
        forms: ClassVar = {**AuthorizationRequestSerializer.forms, "parameters": Own}

    loaded = OwnSerializer().loads(OwnSerializer().dumps(REQUEST))
    assert type(loaded) is Own
    assert loaded.as_dict() == REQUEST.as_dict()


def test_only_requests():
    """What is no request cannot be serialized as one."""
    with pytest.raises(InvalidParam, match="BearerToken"):
        AuthorizationRequestSerializer().dumps(BearerToken("at"))


@pytest.mark.parametrize("extra", [object(), float("nan"), b"bytes", [{1, 2}]], ids=["object", "nan", "bytes", "set"])
def test_what_json_cannot_hold(extra):
    """A token with an extra that JSON cannot hold is refused when it is serialized, not when it is read."""
    with pytest.raises(InvalidParam, match="JSON"):
        TokenSerializer().dumps(BearerToken("at", extra=extra))


def test_keys_that_differ():
    """A reference whose key is not that of its request keeps its own."""
    other = DPoPKey.generate()
    pushed = RequestUriParameterAuthorizationRequest(
        ENDPOINT, client_id="app", request_uri="urn:x", dpop_key=other, authorization_request=BOUND
    )
    loaded = AuthorizationRequestSerializer().loads(AuthorizationRequestSerializer().dumps(pushed))
    assert (loaded.dpop_key, loaded.authorization_request.dpop_key) == (other, BOUND.dpop_key)


MEMBERS = unpack(AuthorizationRequestSerializer().dumps(REQUEST))
BOMB = pack(b'{"access_token":"' + b"x" * (2 * MAX_SERIALIZED_SIZE) + b'"}')


@pytest.mark.parametrize("serializer", [TokenSerializer(), AuthorizationRequestSerializer(), DPoPKeySerializer()])
@pytest.mark.parametrize(
    "text",
    [
        "", "=", "é", "not base64!", "abc", "AAAA", b"\xff", None, 7, pack({}), pack([]), pack(b"null"), pack(b"{"), pack(b"\xff"),
        pack(b'{"access_token":"a","access_token":"b"}'), pack(b'{"expires_at":NaN}'), pack(b"[" * 100_000),
        pack({"access_token": 1}), pack({"form": []}), pack({"form": "parameters", "kwargs": 1}), BOMB,
        "A" * (MAX_SERIALIZED_SIZE + 1), pack({"access_token": "at"})[:-4], pack({"access_token": "at"}) + "AAAA",
        pack({**MEMBERS, "client_id": "again", "kwargs": {"client_id": "x"}}), pack({**MEMBERS, "dpop_key": {"alg": "ES256"}}),
        pack({**MEMBERS, "max_age": -1}), pack({**MEMBERS, "authorization_request": 1}),
        pack({name: value for name, value in MEMBERS.items() if name != "state"}),
        pack({"private_key": {"kty": "oct", "k": "MARK"}, "alg": "HS256"}), pack({"private_key": "MARK"}),
        pack({"private_key": "[" * 100_000}), pack({**MEMBERS, "dpop_key": {"private_key": '{"a":' * 100_000, "alg": "ES256"}}),
    ],
    ids=itertools.count(),  # keys are made anew in each worker of xdist, and so are the texts
)  # fmt: skip
def test_malformed_texts(serializer, text):
    """What is no serialized value is refused by one typed error, which shows nothing of it; bombs are not unpacked."""
    with pytest.raises(InvalidSerializedValue) as refused:
        serializer.loads(text)
    assert "MARK" not in str(refused.value)


def test_bombs_are_small():
    """The bomb of the test above is what it says: small as text."""
    assert len(BOMB) < 5000


SERIALIZERS = st.sampled_from([TokenSerializer(), AuthorizationRequestSerializer(), DPoPKeySerializer()])


@given(SERIALIZERS, st.one_of(st.text(), st.binary(), st.binary().map(pack)))
def test_any_text(serializer, text):
    """Whatever the text, reading it gives a value or an error of ours."""
    with contextlib.suppress(OAuth2Error):
        serializer.loads(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(SERIALIZERS, st.dictionaries(st.sampled_from([*MEMBERS, "private_key", "access_token", "alg", "form"]), JSON))
def test_any_members(serializer, members):
    """Whatever the members, reading them gives a value or an error of ours."""
    with contextlib.suppress(OAuth2Error):
        serializer.loads(pack({**MEMBERS, **members}))


@given(st.dictionaries(st.text(min_size=1).map(lambda name: f"x{name}"), JSON.filter(lambda value: value is not None)))
def test_any_extras(extras):
    """Whatever a server adds to a token comes back as it was."""
    token = BearerToken("at", **extras)
    assert TokenSerializer().loads(TokenSerializer().dumps(token)) == token
