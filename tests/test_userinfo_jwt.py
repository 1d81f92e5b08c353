"""UserInfo as JSON and as a JWT, and whom it is about."""

from __future__ import annotations

import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jwskate import JweCompact, Jwk, Jwt, SymmetricJwk

from requests_oauth2client import BearerToken, IdToken, OAuth2Client
from requests_oauth2client.exceptions import InvalidIdToken, InvalidJwksResponse, InvalidUserInfoResponse, UserInfoError

if TYPE_CHECKING:
    import requests_mock as requests_mock_module

ISSUER, CLIENT_ID, SECRET = "https://as.local", "client_id", "a client secret of 32 characters"
USERINFO, JWKS = "https://as.local/userinfo", "https://as.local/jwks"
KEY = Jwk({**Jwk.generate(alg="ES256"), "kid": "key"})
MALLORY = Jwk({**Jwk.generate(alg="ES256"), "kid": "key"})
DECRYPTION_KEY = Jwk.generate(alg="ECDH-ES", crv="P-256")
CLAIMS = {"sub": "alice", "email": "alice@example.com"}
SIGNED = {"iss": ISSUER, "aud": CLIENT_ID, **CLAIMS}
ALICE = IdToken.sign({"sub": "alice"}, KEY)


def make_client(**changes: Any) -> OAuth2Client:
    known = {"client_id": CLIENT_ID, "issuer": ISSUER, "userinfo_endpoint": USERINFO, "jwks_uri": JWKS}
    return OAuth2Client("https://as.local/token", **{**known, **changes})


def encrypt(content: str, alg: str = "ECDH-ES") -> str:
    return str(JweCompact.encrypt(content.encode(), DECRYPTION_KEY.minimize().public_jwk(), alg=alg, enc="A128GCM"))


@pytest.fixture
def answer(requests_mock: requests_mock_module.Mocker) -> Any:
    """Let the UserInfo Endpoint answer with a JWT; the keys of the server are where its metadata say."""
    requests_mock.get(JWKS, json={"keys": [{**dict(KEY.public_jwk()), "kid": "key"}]})

    def set_answer(text: str, content_type: str = "application/jwt") -> Any:
        return requests_mock.post(USERINFO, text=text, headers={"Content-Type": content_type})

    return set_answer


@pytest.mark.parametrize("content_type", ["application/jwt", "Application/JWT; charset=utf-8"])
@pytest.mark.parametrize("changes", [{}, {"userinfo_signed_response_alg": "ES256"}], ids=["any alg", "registered alg"])
def test_signed(answer, content_type, changes):
    """A signed JWT is verified with the keys of the server, and gives its claims."""
    post = answer(str(Jwt.sign(SIGNED, KEY)), content_type)
    assert make_client(**changes).userinfo("access_token") == SIGNED
    assert post.last_request.headers["Authorization"] == "Bearer access_token"


def test_signed_with_the_client_secret(answer):
    """HMAC is accepted when the client is registered for it."""
    answer(str(Jwt.sign(SIGNED, SymmetricJwk.from_bytes(SECRET.encode()), alg="HS256")))
    client = make_client(client_secret=SECRET, userinfo_signed_response_alg="HS256")
    assert client.userinfo("access_token") == SIGNED
    with pytest.raises(InvalidUserInfoResponse, match="alg"):
        make_client(client_secret=SECRET).userinfo("access_token")


ENCRYPTED_CLIENTS = {
    "as ID Tokens": {"id_token_decryption_key": DECRYPTION_KEY},
    "registered": {
        "id_token_decryption_key": DECRYPTION_KEY,
        "id_token_encrypted_response_alg": "ECDH-ES+A128KW",
        "userinfo_encrypted_response_alg": "ECDH-ES",
    },
}


@pytest.mark.parametrize("name", ENCRYPTED_CLIENTS)
def test_signed_and_encrypted(answer, name):
    """An encrypted JWT is decrypted, and the signed one inside is verified."""
    answer(encrypt(str(Jwt.sign(SIGNED, KEY))))
    assert make_client(**ENCRYPTED_CLIENTS[name]).userinfo("access_token") == SIGNED


@pytest.mark.parametrize("name", ENCRYPTED_CLIENTS)
def test_encrypted(answer, name):
    """Claims that are encrypted and not signed are accepted, unless the client is registered for signatures."""
    answer(encrypt(json.dumps(CLAIMS)))
    assert make_client(**ENCRYPTED_CLIENTS[name]).userinfo("access_token") == CLAIMS
    with pytest.raises(InvalidUserInfoResponse):
        make_client(**ENCRYPTED_CLIENTS[name], userinfo_signed_response_alg="ES256").userinfo("access_token")


def test_several_audiences(answer):
    """`aud` may hold others beside this client."""
    answer(str(Jwt.sign({**SIGNED, "aud": ["other", CLIENT_ID]}, KEY)))
    assert make_client().userinfo("access_token")["sub"] == "alice"


def test_an_expiry(answer, now):
    """A JWT that tells when it expires is accepted until then."""
    claims = {**SIGNED, "exp": int(time.time()) + 1}
    answer(str(Jwt.sign(claims, KEY)))
    assert make_client().userinfo("access_token") == claims
    now.shift(1)
    with pytest.raises(InvalidUserInfoResponse, match="expired"):
        make_client().userinfo("access_token")


def test_an_unknown_issuer(answer):
    """A client that knows no issuer still wants one to be named."""
    answer(str(Jwt.sign({**SIGNED, "iss": "https://any.local"}, KEY)))
    assert make_client(issuer=None).userinfo("access_token")["iss"] == "https://any.local"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SIGNED.items() if key != name}


HOSTILE = {
    "not signed": (str(Jwt.unprotected(SIGNED)), {}, "not supported"),
    "not signed, registered": (str(Jwt.unprotected(SIGNED)), {"userinfo_signed_response_alg": "ES256"}, "'none'"),
    "signed by somebody else": (str(Jwt.sign(SIGNED, MALLORY)), {}, "invalid 'ES256' signature"),
    "with an unknown key": (str(Jwt.sign(SIGNED, Jwk({**KEY, "kid": "other"}))), {}, "no key"),
    "with another algorithm": (
        str(Jwt.sign(SIGNED, KEY)),
        {"userinfo_signed_response_alg": "RS256"},
        "'ES256', expected",
    ),
    "an access token": (str(Jwt.sign(SIGNED, KEY, typ="at+jwt")), {}, "of another kind"),
    "another issuer": (str(Jwt.sign({**SIGNED, "iss": "https://b.local"}, KEY)), {}, "issued by 'https://b.local'"),
    "no issuer": (str(Jwt.sign(without("iss"), KEY)), {}, "issued by 'None'"),
    "no issuer, none known": (str(Jwt.sign(without("iss"), KEY)), {"issuer": None}, "issued by 'None'"),
    "another audience": (str(Jwt.sign({**SIGNED, "aud": "other"}, KEY)), {}, "meant for 'other'"),
    "no audience": (str(Jwt.sign(without("aud"), KEY)), {}, "meant for 'None'"),
    "an audience of another type": (str(Jwt.sign({**SIGNED, "aud": {CLIENT_ID: 1}}, KEY)), {}, "meant for"),
    "expired": (str(Jwt.sign({**SIGNED, "exp": 1}, KEY)), {}, "expired at '1'"),
    "an expiry of another type": (str(Jwt.sign({**SIGNED, "exp": "4102444800"}, KEY)), {}, "expired at"),
    "encrypted, not expected": (encrypt(str(Jwt.sign(SIGNED, KEY))), {}, "should be clear-text"),
    "clear text, not expected": (
        str(Jwt.sign(SIGNED, KEY)),
        {"userinfo_encrypted_response_alg": "ECDH-ES", "id_token_decryption_key": DECRYPTION_KEY},
        "should be encrypted",
    ),
    "encrypted with another algorithm": (
        encrypt(str(Jwt.sign(SIGNED, KEY)), "ECDH-ES+A128KW"),
        {"id_token_decryption_key": DECRYPTION_KEY},
        "'ECDH-ES\\+A128KW', expected 'ECDH-ES'",
    ),
    "encrypted, no key": (
        encrypt(str(Jwt.sign(SIGNED, KEY))),
        {"userinfo_encrypted_response_alg": "ECDH-ES"},
        "does not have a decryption key",
    ),
    "encrypted twice": (encrypt(encrypt("{}")), {"id_token_decryption_key": DECRYPTION_KEY}, "encrypted twice"),
    "encrypted text": (encrypt("hello"), {"id_token_decryption_key": DECRYPTION_KEY}, "not a JWT"),
    "encrypted broken JSON": (encrypt("{"), {"id_token_decryption_key": DECRYPTION_KEY}, "unusable"),
    "JSON": (json.dumps(CLAIMS), {}, "not a JWT"),
    "nothing": ("", {}, "not a JWT"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers(answer, name):
    """A JWT that cannot be trusted is refused, with the answer as evidence and without the access token."""
    text, changes, message = HOSTILE[name]
    answer(text)
    with pytest.raises(InvalidUserInfoResponse, match=message) as caught:
        make_client(**changes).userinfo("the_access_token")
    assert caught.value.response.text == text
    assert "the_access_token" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).description == caught.value.description


@pytest.mark.parametrize("form", ["signed", "encrypted"])
def test_json_where_a_jwt_is_expected(answer, form):
    """A client that is registered for a JWT takes nothing less."""
    answer(json.dumps(CLAIMS), "application/json")
    client = make_client(**{f"userinfo_{form}_response_alg": "ES256"})
    with pytest.raises(InvalidUserInfoResponse, match="not of type 'application/jwt'"):
        client.userinfo("access_token")


def test_keys_that_cannot_be_fetched(answer, requests_mock: requests_mock_module.Mocker):
    """When the keys of the server cannot be fetched, it is their answer that is the evidence."""
    answer(str(Jwt.sign(SIGNED, KEY)))
    requests_mock.get(JWKS, status_code=503)
    with pytest.raises(InvalidJwksResponse) as caught:
        make_client().userinfo("access_token")
    assert caught.value.response.url == JWKS


# ---------------------------------------------------------------- whom it is about

FORMS = {
    "JSON": ("application/json", json.dumps),
    "a signed JWT": ("application/jwt", lambda claims: str(Jwt.sign({"iss": ISSUER, "aud": CLIENT_ID, **claims}, KEY))),
    "an encrypted JWT": ("application/jwt", lambda claims: encrypt(json.dumps(claims))),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_user(answer, form):
    """Claims about the user of the ID Token are accepted."""
    content_type, make = FORMS[form]
    answer(make(CLAIMS), content_type)
    client = make_client(id_token_decryption_key=DECRYPTION_KEY)
    assert client.userinfo(BearerToken("access_token", id_token=ALICE))["email"] == "alice@example.com"
    assert client.userinfo("access_token", id_token=ALICE)["email"] == "alice@example.com"


@pytest.mark.parametrize("claims", [{"sub": "mallory"}, {}, {"sub": None}, {"sub": ["alice"]}, {"sub": "Alice"}])
@pytest.mark.parametrize("form", FORMS)
def test_another_user(answer, form, claims):
    """Claims about another user than that of the ID Token, or about nobody, are refused (token substitution)."""
    content_type, make = FORMS[form]
    answer(make(claims), content_type)
    client = make_client(id_token_decryption_key=DECRYPTION_KEY)
    for call in (
        lambda: client.userinfo(BearerToken("access_token", id_token=ALICE)),
        lambda: client.userinfo("access_token", id_token=ALICE),
    ):
        with pytest.raises(InvalidUserInfoResponse, match="the ID Token about another"):
            call()


def test_an_id_token_without_user(answer):
    """An ID Token about nobody is no reason to accept claims about nobody."""
    answer("{}", "application/json")
    with pytest.raises(InvalidUserInfoResponse):
        make_client().userinfo("access_token", id_token=IdToken.sign({"iss": ISSUER}, KEY))


def test_no_id_token(answer):
    """Without an ID Token, or with one that is still encrypted, there is nobody to compare with."""
    answer('{"email": "alice@example.com"}', "application/json")
    client = make_client()
    assert client.userinfo("access_token") == {"email": "alice@example.com"}
    token = BearerToken("access_token", id_token=encrypt(str(ALICE)))
    assert client.userinfo(token) == {"email": "alice@example.com"}


def test_the_given_id_token_counts(answer):
    """The ID Token that is given as such stands above that of the token."""
    answer('{"sub": "bob"}', "application/json")
    token = BearerToken("access_token", id_token=ALICE)
    assert make_client().userinfo(token, id_token=IdToken.sign({"sub": "bob"}, KEY)) == {"sub": "bob"}


def test_an_error_without_a_standard_body(requests_mock: requests_mock_module.Mocker):
    """Whatever its body, an error is one, and a `requests.HTTPError`."""
    requests_mock.post(USERINFO, status_code=500, text="<html>")
    with pytest.raises(requests.HTTPError) as caught:
        make_client().userinfo("access_token")
    assert type(caught.value) is UserInfoError
    assert caught.value.response.status_code == 500


def test_errors_pass_the_check(requests_mock: requests_mock_module.Mocker):
    """What an error hook returns is the result, whoever it is about."""
    requests_mock.post(USERINFO, status_code=401, json={"error": "invalid_token"})
    token = BearerToken("access_token", id_token=ALICE)
    with pytest.raises(UserInfoError) as caught:
        make_client().userinfo(token)
    assert caught.value.error == "invalid_token"

    class Lenient(OAuth2Client):
        def on_userinfo_error(self, response: Any, *, dpop_key: Any = None) -> Any:
            return None

    client = Lenient("https://as.local/token", client_id=CLIENT_ID, userinfo_endpoint=USERINFO)
    assert client.userinfo(token) is None


def test_the_errors_are_not_id_token_errors(answer):
    """The reason is chained; the error itself is about the answer."""
    answer(str(Jwt.sign(SIGNED, MALLORY)))
    with pytest.raises(InvalidUserInfoResponse) as caught:
        make_client().userinfo("access_token")
    assert isinstance(caught.value.__cause__, InvalidIdToken)
    assert not isinstance(caught.value, InvalidIdToken)
