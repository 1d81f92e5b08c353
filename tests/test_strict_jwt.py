"""JWTs as text: what is one, what is none, and what `jwskate` gives still works."""

from __future__ import annotations

import copy
import json
import pickle
import tracemalloc

import jwskate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import BearerToken, IdToken, InvalidIdToken, strict_jwt, tokens
from requests_oauth2client.id_token import parse_id_token
from requests_oauth2client.jose import b64u
from requests_oauth2client.strict_jwt import MalformedIdToken, StrictJwt, b64u_decode, parse_jwt

KEY = jwskate.Jwk.generate(alg="ES256").with_kid_thumbprint()
CLAIMS = {"iss": "https://as.local", "sub": "alice", "aud": ["client_id"], "exp": 2000000000, "iat": 1900000000}
TEXT = str(jwskate.Jwt.sign(CLAIMS, KEY))
HEADER, PAYLOAD, SIGNATURE = TEXT.split(".")


def part(text: str | bytes) -> str:
    return b64u(text.encode() if isinstance(text, str) else text)


MALFORMED = {
    "empty": "",
    "a word": "opaque",
    "two parts": f"{HEADER}.{PAYLOAD}",
    "four parts": f"{TEXT}.",
    "six parts": f"{TEXT}.a.b.c",
    "an empty header": f".{PAYLOAD}.{SIGNATURE}",
    "an empty payload": f"{HEADER}..{SIGNATURE}",
    "a header that is an array": f"{part('[]')}.{PAYLOAD}.{SIGNATURE}",
    "a header that is no JSON": f"{part('{')}.{PAYLOAD}.{SIGNATURE}",
    "claims in an array": f"{HEADER}.{part('[{}]')}.{SIGNATURE}",
    "claims that are a string": f"{HEADER}.{part(json.dumps('alice'))}.{SIGNATURE}",
    "a repeated header": f"""{part('{"alg":"none","alg":"ES256"}')}.{PAYLOAD}.{SIGNATURE}""",
    "a repeated claim": f"""{HEADER}.{part('{"sub":"alice","sub":"mallory"}')}.{SIGNATURE}""",
    "a repeated member below": f"""{HEADER}.{part('{"address":{"a":1,"a":2}}')}.{SIGNATURE}""",
    "NaN": f"""{HEADER}.{part('{"exp":NaN}')}.{SIGNATURE}""",
    "Infinity": f"""{HEADER}.{part('{"exp":Infinity}')}.{SIGNATURE}""",
    "text after the claims": f"{HEADER}.{part('{}{}')}.{SIGNATURE}",
    "UTF-16": f"{HEADER}.{part(json.dumps(CLAIMS).encode('utf-16'))}.{SIGNATURE}",
    "a byte order mark": f"{HEADER}.{part(json.dumps(CLAIMS).encode('utf-8-sig'))}.{SIGNATURE}",
    "bytes that are no text": f"{HEADER}.{part(b'{' + bytes([0xFF]) + b'}')}.{SIGNATURE}",
    "a very deep array": f"{HEADER}.{part('{' + chr(34) + 'a' + chr(34) + ':' + '[' * 10_000)}.{SIGNATURE}",
    "a number of five thousand digits": f"""{HEADER}.{part('{"exp":' + "9" * 5_000 + "}")}.{SIGNATURE}""",
    "padding": f"{HEADER}.{PAYLOAD}.{SIGNATURE}==",
    "base64 of the standard alphabet": f"{HEADER}.{PAYLOAD}.++//",
    "a character outside of the alphabet": f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-4]}!{SIGNATURE[-3:]}",
    "a signature of an impossible length": f"{HEADER}.{PAYLOAD}.{SIGNATURE[:85]}",
    "bits after the end of the signature": f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}",
    "letters that are not ASCII": f"{HEADER}.{PAYLOAD}.é",
    "more than 16 KiB": f"{HEADER}.{part(json.dumps({'sub': 'a' * 17_000}))}.{SIGNATURE}",
    "None": None,
    "a number": 12,
    "a dict": CLAIMS,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_jwt(name):
    """What is no JWT is refused when it is made, by an error of ours that jwskate's users know too."""
    for make in (IdToken, StrictJwt, parse_id_token, parse_jwt):
        with pytest.raises(MalformedIdToken) as caught:
            make(MALFORMED[name])
        assert isinstance(caught.value, InvalidIdToken)
        assert isinstance(caught.value, jwskate.InvalidJwt)


@pytest.mark.parametrize("name", [name for name in MALFORMED if name != "None"])
def test_what_is_no_id_token(name):
    """A token response whose ID Token is none is refused."""
    with pytest.raises(InvalidIdToken, match="token is neither a JWT or a JWE") as caught:
        BearerToken("access_token", id_token=MALFORMED[name])
    assert caught.value.id_token is MALFORMED[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("padding", "in base64url .not base64url."),
        ("letters that are not ASCII", "characters that are not ASCII"),
        ("None", "of type NoneType: pass a str or bytes"),
        ("a number", "of type int: pass a str or bytes"),
    ],
)
def test_why_it_is_no_jwt(name, reason):
    """The error says which wish was not met."""
    with pytest.raises(MalformedIdToken, match=reason):
        StrictJwt(MALFORMED[name])


JWE_HEADER = part(json.dumps({"alg": "ECDH-ES", "enc": "A128GCM"}))

MALFORMED_JWE = {
    "empty parts": "....",
    "a header that is an array": f"{part('[]')}.a.b.c.d",
    "a header that is a string": f"{part(json.dumps('enc'))}.a.b.c.d",
    "no enc": f"{part(json.dumps({'alg': 'ECDH-ES'}))}....",
    "an enc of another type": f"{part(json.dumps({'alg': 'ECDH-ES', 'enc': [1]}))}....",
    "a repeated header": f"""{part('{"alg":"dir","alg":"ECDH-ES","enc":"A128GCM"}')}....""",
    "a deep header": f"{part('[' * 10_000)}....",
    "other characters": f"{JWE_HEADER}.!.!.!.!",
    "more than 16 KiB": f"{JWE_HEADER}...{'A' * 17_000}.",
    "letters that are not ASCII": f"{JWE_HEADER}...é.",
}


@pytest.mark.parametrize("name", MALFORMED_JWE)
def test_what_is_no_jwe(name):
    """Five parts alone do not make a JWE."""
    with pytest.raises(InvalidIdToken, match="token is neither a JWT or a JWE"):
        BearerToken("access_token", id_token=MALFORMED_JWE[name])


def test_a_jwe_is_kept():
    """An encrypted ID Token is kept as a `JweCompact`."""
    key = jwskate.Jwk.generate(alg="ECDH-ES+A128KW", crv="P-256")
    text = str(jwskate.Jwt.sign(CLAIMS, KEY).encrypt(key.public_jwk(), enc="A128GCM"))
    token = BearerToken("access_token", id_token=text)
    assert isinstance(token.id_token, jwskate.JweCompact)
    assert token.id_token == text
    assert parse_id_token(token.id_token) is token.id_token


@pytest.mark.parametrize(
    "value",
    [TEXT, TEXT.encode(), f"\n {HEADER}.\n{PAYLOAD}.\n{SIGNATURE}\t", jwskate.SignedJwt(TEXT), IdToken(TEXT)],
    ids=["str", "bytes", "folded", "SignedJwt", "IdToken"],
)
def test_forms(value):
    """A JWT is accepted in any form, white space dropped."""
    assert IdToken(value) == TEXT
    assert parse_id_token(value) == TEXT


def test_a_larger_limit():
    """The limit of size is the caller's to change."""
    text = str(jwskate.Jwt.sign({"sub": "a" * 20_000}, KEY))
    assert IdToken(text, max_size=0) == text
    assert IdToken(text, max_size=30_000).subject == "a" * 20_000
    assert IdToken(text, max_size=len(text)) == text
    for limit in (1, len(text) - 1):
        with pytest.raises(MalformedIdToken, match=f"{limit} are read at most"):
            IdToken(text, max_size=limit)
    assert pickle.loads(pickle.dumps(IdToken(text, max_size=0))) == text


def test_what_jwskate_gives():
    """Claims as attributes and members, headers, verification, equality: as any `SignedJwt`."""
    token = IdToken(TEXT)
    reference = jwskate.SignedJwt(TEXT)
    assert isinstance(token, jwskate.SignedJwt)
    assert token.claims == reference.claims == CLAIMS
    assert token.headers == reference.headers == {"alg": "ES256", "typ": "JWT", "kid": KEY.kid}
    assert token.signature == reference.signature
    assert token.signed_part == reference.signed_part
    assert (token.alg, token.kid, token.typ) == ("ES256", KEY.kid, "JWT")
    assert (token.issuer, token.subject, token.audiences) == ("https://as.local", "alice", ["client_id"])
    assert token.expires_at == reference.expires_at
    assert token.issued_at == reference.issued_at
    assert token.not_before is None
    assert token.is_expired() is False
    assert token.sub == token["sub"] == token.get_claim("sub") == "alice"
    assert token.verify(KEY.public_jwk()) is token
    assert token.verify_signature(KEY.public_jwk().as_jwks())
    token.validate(KEY.public_jwk(), issuer="https://as.local", audience="client_id", sub="alice")
    assert str(token) == repr(token) == TEXT
    assert bytes(token) == TEXT.encode()
    assert token == TEXT == token
    assert token == TEXT.encode()
    assert token == reference
    assert token != "other"
    assert {token: 1}[TEXT] == 1
    with pytest.raises(AttributeError):
        token.no_such_claim  # noqa: B018 - reading it is the test
    with pytest.raises(KeyError):
        token["no_such_claim"]
    assert not hasattr(token, "__no_such_protocol__")


def test_signing():
    """`IdToken.sign` gives an `IdToken`."""
    token = IdToken.sign(CLAIMS, KEY)
    assert type(token) is IdToken
    assert token.verify(KEY.public_jwk()).claims == CLAIMS
    assert IdToken.timestamp(60) - IdToken.timestamp() in {60, 61}


def test_its_documented_place():
    """`IdToken` is known as a member of `tokens`."""
    assert IdToken.__module__ == "requests_oauth2client.tokens"
    assert tokens.IdToken is IdToken


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
def test_copies(read):
    """A copy is equal, and shares nothing that can be changed."""
    token = IdToken(TEXT)
    if read:
        assert token.claims
    for copied in (copy.copy(token), copy.deepcopy(token), pickle.loads(pickle.dumps(token))):
        assert type(copied) is IdToken
        assert copied == token
        assert copied.claims == CLAIMS
        assert copied.claims is not token.claims


def test_two_tokens_of_one_text_share_no_claims():
    """Changing the claims of one instance changes no other."""
    first, second = IdToken(TEXT), IdToken(TEXT)
    again = IdToken(second)
    first.claims["sub"] = "mallory"
    first.headers["alg"] = "none"
    assert (second.sub, again.sub) == ("alice", "alice")
    assert second.headers["alg"] == IdToken(TEXT).headers["alg"] == "ES256"


def test_claims_are_read_from_the_right_token():
    """The claims of a token are its own, whichever token was made or read before."""
    first, second = (IdToken.sign({"sub": name}, KEY) for name in ("alice", "bob"))
    assert (first.sub, second.sub) == ("alice", "bob")
    third, fourth = IdToken(str(first)), IdToken(str(second))
    assert (fourth.sub, third.sub) == ("bob", "alice")
    assert third.signature == first.signature != fourth.signature


def test_decoded_once(monkeypatch):
    """A JWT that is read at once is decoded once; another one is decoded again when it is read."""
    decoded = []
    read = strict_jwt.loads_object
    monkeypatch.setattr(strict_jwt, "loads_object", lambda text: (decoded.append("sub" in text), read(text))[1])
    token = IdToken(TEXT)
    assert (token.sub, token.claims["sub"], sum(decoded)) == ("alice", "alice", 1)
    waiting, _ = IdToken(TEXT), IdToken(TEXT)
    assert (waiting.sub, sum(decoded)) == ("alice", 4)


def test_claims_are_no_protocols():
    """A claim cannot pose as a method that Python looks for, nor as a part of a half-made token."""
    token = IdToken.sign({"sub": "alice", "__deepcopy__": "a", "__reduce_ex__": "b", "__float__": "c"}, KEY)
    with pytest.raises(AttributeError, match="__deepcopy__"):
        token.__deepcopy__  # noqa: B018 - reading it is the test
    assert not hasattr(token, "__float__")
    assert copy.deepcopy(token) == token
    assert token["__deepcopy__"] == "a"
    assert not hasattr(IdToken.__new__(IdToken), "value")
    assert not hasattr(IdToken.__new__(IdToken), "sub")


def test_a_token_that_waits_is_small():
    """An access token with an ID Token of 700 characters takes less than 1600 bytes until its claims are read."""
    text = str(jwskate.Jwt.sign({**CLAIMS, "email": "alice@example.com", "name": "a" * 220}, KEY))
    assert 650 < len(text) < 750
    BearerToken("warm up", expires_in=60, id_token=text)
    tracemalloc.start(1)
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [BearerToken(f"{number:064d}", expires_in=60, id_token=text) for number in range(500)]
        each = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()
    assert each < 1600


def test_base64url_has_one_encoding():
    """Of the many texts that a lenient decoder takes for the same bytes, one is accepted."""
    assert b64u_decode(b"") == b""
    for data in (b"a", b"ab", b"abc", bytes(range(256))):
        text = b64u(data).encode()
        assert b64u_decode(text) == data
    for text in (b"YQ==", b"YR", b"Y", b"Y Q", b"YWJ", b"+/+/", b"+/+/YWJj", b"!!!!YWJj", b"YQ\n"):
        with pytest.raises(ValueError):
            b64u_decode(text)


@given(st.binary(max_size=100))
def test_base64url_of_any_bytes(data):
    """What is encoded is decoded to the same bytes."""
    assert b64u_decode(b64u(data).encode()) == data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PART = (
    st.sampled_from([HEADER, PAYLOAD, SIGNATURE, "", JWE_HEADER])
    | st.binary(max_size=20).map(part)
    | JSON.map(lambda value: part(json.dumps(value)))
    | st.text(max_size=10)
)


@given(st.text() | st.binary() | st.lists(PART, min_size=1, max_size=6).map(".".join))
@settings(max_examples=300)
def test_any_text_is_a_token_or_refused(value):
    """The parser gives a token or an error of ours, whatever a server sends."""
    try:
        token = parse_id_token(value)
    except InvalidIdToken:
        return
    assert isinstance(token, (IdToken, jwskate.JweCompact))
    assert isinstance(token.headers, dict)
    if isinstance(token, IdToken):
        assert isinstance(token.claims, dict)
        assert isinstance(token.signature, bytes)


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
@settings(max_examples=200)
def test_no_change_of_a_character_goes_unseen(position, character):
    """A token with one other character is another token: refused, or with another signature to verify."""
    changed = TEXT[:position] + character + TEXT[position + 1 :]
    try:
        token = IdToken(changed)
    except InvalidIdToken:
        return
    if character.isspace() or changed == TEXT:
        return
    assert token.verify_signature(KEY.public_jwk(), alg="ES256") is False
