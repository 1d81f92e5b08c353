"""ID Token validation: what is accepted, and a table of what must not be."""

from __future__ import annotations

import copy
import hmac
import json
import pickle
import re
import threading
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwskate
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwskate import JweCompact, Jwk, OKPJwk

from requests_oauth2client import AuthorizationResponse, BearerToken, DPoPKey, DPoPToken, IdToken, OAuth2Client
from requests_oauth2client.exceptions import (
    ExpiredIdToken,
    IdTokenNotYetValid,
    InvalidIdToken,
    MismatchingIdTokenAcr,
    MismatchingIdTokenAlg,
    MismatchingIdTokenAudience,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenAzp,
    MismatchingIdTokenHash,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MismatchingIdTokenSubject,
    MissingIdToken,
    MissingIdTokenClaim,
    OAuth2Error,
    UnsupportedIdTokenAlg,
)
from requests_oauth2client.id_token import (
    IdTokenValidator,
    InvalidIdTokenSignature,
    MalformedIdToken,
    RefreshedIdTokenValidator,
    validate_refreshed_id_token,
    validator_for,
)
from requests_oauth2client.jose import b64u, hmac_signer, signer
from requests_oauth2client.jwks import ServerKeys

VECTORS = Path(__file__).parent / "vectors"
CORE = json.loads((VECTORS / "oidc-core-a.json").read_text("utf-8"))
HASHES = json.loads((VECTORS / "openid-token-hashes.json").read_text("utf-8"))

ISSUER = "https://as.local"
CLIENT_ID = "client_id"
SECRET = "a client secret of 32 characters"
ACCESS_TOKEN = "access_token"
SOURCE = object()
"""What an ID Token came with, for the errors."""
NOW = int(datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp())

KEYS = {
    "RS256": Jwk.generate(alg="RS256", key_size=2048),
    "PS512": Jwk.generate(alg="PS512", key_size=2048),
    "ES256": Jwk.generate(alg="ES256"),
    "ES384": Jwk.generate(alg="ES384"),
    "ES512": Jwk.generate(alg="ES512"),
    "ES256K": Jwk({**Jwk.generate(alg="ES256k"), "alg": None}),
    "EdDSA": Jwk.generate(alg="EdDSA"),
    "Ed448": OKPJwk.generate(crv="Ed448"),
}
KEYS = {name: Jwk({**key, "kid": name}) for name, key in KEYS.items()}
JWSKATE_NAMES = {"ES256K": "ES256k", "Ed448": "EdDSA", "Ed25519": "EdDSA"}
PUBLISHED = {"keys": [{**dict(key.public_jwk()), "kid": key.kid, "use": "sig"} for key in KEYS.values()]}
MALLORY = Jwk({**Jwk.generate(alg="ES256"), "kid": "ES256"})

CLAIMS = {"iss": ISSUER, "sub": "alice", "aud": CLIENT_ID, "exp": NOW + 60, "iat": NOW}


def jws(header: Any, payload: Any, sign: Any = None) -> str:
    """A JWS, whatever its header, its payload and its signature may be; text goes in as it is."""
    encoded = [
        b64u(part.encode() if isinstance(part, str) else json.dumps(part).encode()) for part in (header, payload)
    ]
    signing_input = ".".join(encoded)
    return f"{signing_input}.{'' if sign is None else b64u(sign(signing_input.encode()))}"


def token(claims: Any = None, *, without: str = "", key: str = "ES256", headers: Any = None, **changes: Any) -> str:
    """An ID Token, signed by the server."""
    alg = JWSKATE_NAMES.get(key, key)
    if claims is None:
        claims = {name: value for name, value in {**CLAIMS, **changes}.items() if name != without}
    headers = {"alg": "EdDSA" if key == "Ed448" else key, "kid": key, **(headers or {})}
    headers = {name: value for name, value in headers.items() if value is not ...}
    return jws(headers, claims, signer(KEYS[key], alg))


def signed_by(sign: Any, headers: Any = None, **changes: Any) -> str:
    """An ID Token, signed by somebody else."""
    return jws({"alg": "ES256", "kid": "ES256", **(headers or {})}, {**CLAIMS, **changes}, sign)


def validator(**changes: Any) -> IdTokenValidator:
    expected = {"client_id": CLIENT_ID, "issuer": ISSUER, "alg": "ES256", "keys": ServerKeys(PUBLISHED)}
    return IdTokenValidator(**{**expected, **changes})


@pytest.fixture(autouse=True)
def _stopped(now):
    """In 2030, the clock stands still."""


# ---------------------------------------------------------------- what is accepted


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "any"])
def test_algorithms(key, pinned):
    """Every asymmetric algorithm is accepted when the client names it, or names none."""
    alg = "EdDSA" if key == "Ed448" else key
    received = token(key=key)
    checked = validator(alg=alg if pinned else None).check(received)
    assert type(checked) is IdToken
    assert checked == received
    assert checked.claims == CLAIMS


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_hmac(alg):
    """An HMAC algorithm is accepted when the client names it; its key is the client secret."""
    received = signed_by(hmac_signer(SECRET.encode(), alg), {"alg": alg})
    assert validator(alg=alg, client_secret=SECRET).check(received) == received


@pytest.mark.parametrize(("key", "alg"), [("EdDSA", "Ed25519"), ("Ed448", "Ed448")])
def test_fully_specified_algorithms(key, alg):
    """The names that RFC 9864 gave to EdDSA are understood."""
    received = jws({"alg": alg, "kid": key}, CLAIMS, signer(KEYS[key], "EdDSA"))
    assert validator(alg=alg).check(received) == received
    assert validator(alg=None).check(received) == received


@pytest.mark.parametrize("pinned", ["ES256K", "ES256k", None])
@pytest.mark.parametrize("alg", ["ES256K", "ES256k"])
def test_both_spellings_of_es256k(pinned, alg):
    """`ES256k`, as jwskate spells it, is `ES256K`."""
    received = token(key="ES256K", headers={"alg": alg})
    keys = ServerKeys({"keys": [{**dict(KEYS["ES256K"].public_jwk()), "kid": "ES256K", "alg": "ES256k"}]})
    assert validator(alg=pinned).check(received) == received
    assert validator(alg=pinned, keys=keys).check(received) == received


def test_a_token_that_does_not_name_its_algorithm():
    """Without `alg`, the algorithm is the one that the client expects."""
    assert validator().check(token(headers={"alg": ...}))


def test_the_only_suitable_key():
    """Without `kid`, the only key for the algorithm is taken."""
    received = token(headers={"kid": ...})
    assert validator().check(received) == received


ACCEPTED = {
    "one audience in an array": {"aud": [CLIENT_ID]},
    "several audiences and our azp": {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID},
    "an azp that is not needed": {"azp": CLIENT_ID},
    "times with fractions": {"exp": NOW + 0.5, "iat": NOW - 0.5},
    "a server whose clock is ahead": {"iat": NOW + 60, "nbf": NOW + 60},
    "one second left": {"exp": NOW + 1},
    "a nonce that was not asked for": {"nonce": "nonce"},
    "an acr that was not asked for": {"acr": "1"},
    "an auth_time that was not asked for": {"auth_time": NOW - 9999},
    "other claims": {"name": "Älice", "address": {"country": "fr"}, "nothing": None},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_claims(name):
    """What OIDC Core allows is accepted."""
    assert validator().check(token(**ACCEPTED[name])).claims == {**CLAIMS, **ACCEPTED[name]}


EXPECTED = {
    "nonce": ({"nonce": "n"}, {"nonce": "n"}),
    "acr": ({"acr_values": ("2", "1")}, {"acr": "1"}),
    "max_age": ({"max_age": 60}, {"auth_time": NOW - 60}),
    "max_age and its leeway": ({"max_age": 60, "auth_time_leeway": 5}, {"auth_time": NOW - 65}),
    "max_age=0": ({"max_age": 0}, {"auth_time": NOW}),
    "exp_leeway": ({"exp_leeway": 10}, {"exp": NOW - 9}),
    "no issuer": ({"issuer": None}, {"iss": "https://any.local"}),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_met_expectations(name):
    """What is expected and there is accepted."""
    expected, claims = EXPECTED[name]
    assert validator(**expected).check(token(**claims))


@pytest.mark.parametrize("key", KEYS)
def test_hashes(key):
    """The hashes of the access token, the code and the state are those of the algorithm of the ID Token."""
    method = IdToken.hash_method(KEYS[key], "EdDSA" if key == "Ed448" else key)
    hashes = {"at_hash": method(ACCESS_TOKEN), "c_hash": method("code"), "s_hash": method("state")}
    expected = validator(alg=None, code="code", state="state")
    assert expected.check(token(key=key, **hashes), ACCESS_TOKEN)
    for name, other in (("at_hash", "other"), ("c_hash", "state"), ("s_hash", "code")):
        with pytest.raises(MismatchingIdTokenHash, match=f"mismatching '{name}' value") as caught:
            expected.check(token(key=key, **{**hashes, name: method(other)}), ACCESS_TOKEN)
        assert caught.value.received == method(other)
        assert caught.value.expected == hashes[name]


@pytest.mark.parametrize(
    ("expected", "names"), [(expected, names) for expected, names in HASHES["hashes"].items()], ids=lambda v: str(v)[:9]
)
def test_published_hashes(expected, names):
    """`hash_method` gives the values that the OpenID working group agreed on."""
    keys = {"HS": Jwk(b"secret"), "RS": KEYS["RS256"], "PS": KEYS["PS512"], "ES": KEYS["ES256"]}
    for name in names:
        alg, _, curve = name.partition(" ")
        key = {"Ed25519": KEYS["EdDSA"], "Ed448": KEYS["Ed448"]}[curve] if curve else keys[alg[:2]]
        assert IdToken.hash_method(key, alg)(HASHES["text"]) == expected


def test_the_hash_of_a_key_that_names_its_algorithm():
    """Without `alg`, that of the key counts; without any, there is no hash."""
    assert IdToken.hash_method(KEYS["ES384"])(HASHES["text"]) == "adt46pcdiB-l6eTNifgoVM-5AIJAxq84"
    for key, alg, said in (
        (KEYS["Ed448"], None, ""),
        (KEYS["ES256"], "none", "none"),
        (OKPJwk.generate(crv="X25519"), "EdDSA", "EdDSA on X25519"),
    ):
        with pytest.raises(UnsupportedIdTokenAlg) as caught:
            IdToken.hash_method(key, alg)
        assert caught.value.alg == said


@pytest.mark.parametrize("example", ["A.2", "A.3", "A.4"])
def test_oidc_core_appendix_a(example, now):
    """The examples of OIDC Core are valid in their time, with their key."""
    now.move_to(CORE["iat"] + 30)
    vector = CORE[example]
    client = OAuth2Client(
        "https://server.example.com/token",
        client_id=CORE["client_id"],
        issuer=CORE["issuer"],
        authorization_server_jwks={"keys": [CORE["jwk"]]},
    )
    response = AuthorizationResponse(code=vector.get("code", "code"), nonce=CORE["nonce"])
    received = BearerToken(vector.get("access_token", "access_token"), id_token=vector["id_token"])
    validated = received.validate_id_token(client, response)
    assert validated == received
    assert validated.id_token.sub == CORE["sub"]
    for name in ("at_hash", "c_hash"):
        assert validated.id_token.get_claim(name) == vector.get(name)
    now.move_to(CORE["exp"])
    with pytest.raises(ExpiredIdToken):
        received.validate_id_token(client, response)


# ---------------------------------------------------------------- what is refused

RSA_PUBLIC = KEYS["RS256"].cryptography_key.public_key()
RSA_PEM = RSA_PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_DER = RSA_PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RSA_JWK = json.dumps(dict(KEYS["RS256"].public_jwk())).encode()


def tampered(text: str, **changes: Any) -> str:
    """The same header and signature, other claims."""
    header, _, signature = text.split(".")
    return f"{header}.{b64u(json.dumps({**CLAIMS, **changes}).encode())}.{signature}"


def by_mallory(**headers: Any) -> str:
    """Signed by another key than any that is published."""
    return signed_by(signer(MALLORY, "ES256"), headers)


def confused(key: bytes, alg: str = "HS256", kid: str = "RS256") -> str:
    """Signed with a public key as if it were a secret."""
    return signed_by(hmac_signer(key, alg), {"alg": alg, "kid": kid})


ANY = {"alg": None}
RS256 = {"alg": "RS256"}
HS256 = {"alg": "HS256", "client_secret": SECRET}

HOSTILE_HEADERS: dict[str, tuple[str, dict[str, Any], type[InvalidIdToken], str | dict[str, Any]]] = {
    # ---- no signature
    **{
        f"alg={alg}, {name}": (jws({"alg": alg, "kid": "ES256"}, CLAIMS), expected, error, attributes)
        for alg in ("none", "None", "NONE", "nOnE", "")
        for name, expected, error, attributes in (
            ("pinned", {}, MismatchingIdTokenAlg, {"received": alg, "expected": "ES256"}),
            ("any", ANY, UnsupportedIdTokenAlg, {"alg": alg}),
            ("none pinned", {"alg": alg}, UnsupportedIdTokenAlg, {"alg": alg}),
        )
    },
    "alg=none with the signature of another token": (
        jws({"alg": "none", "kid": "ES256"}, CLAIMS, signer(KEYS["ES256"], "ES256")),
        ANY,
        UnsupportedIdTokenAlg,
        {"alg": "none"},
    ),
    "no signature": (jws({"alg": "ES256", "kid": "ES256"}, CLAIMS), {}, InvalidIdTokenSignature, {"alg": "ES256"}),
    # ---- algorithms
    "HS256 with the RSA public key as PEM": (
        confused(RSA_PEM),
        RS256,
        MismatchingIdTokenAlg,
        {"received": "HS256", "expected": "RS256"},
    ),
    "HS256 with the RSA public key as DER": (confused(RSA_DER), RS256, MismatchingIdTokenAlg, {"received": "HS256"}),
    "HS256 with the RSA public key as JWK": (confused(RSA_JWK), RS256, MismatchingIdTokenAlg, {"received": "HS256"}),
    "HS256 with the RSA public key, any algorithm": (confused(RSA_PEM), ANY, InvalidIdToken, "have a Client Secret"),
    "HS256 with the RSA public key, a secret": (
        confused(RSA_PEM),
        {"alg": None, "client_secret": SECRET},
        MismatchingIdTokenAlg,
        {"received": "HS256"},
    ),
    "HS256 with the client secret, any algorithm": (
        confused(SECRET.encode()),
        {"alg": None, "client_secret": SECRET},
        MismatchingIdTokenAlg,
        "received 'HS256', expected 'asymmetric",
    ),
    "HS256 with an empty secret": (
        signed_by(lambda data: hmac.digest(b"", data, "sha256"), {"alg": "HS256"}),
        {"alg": "HS256", "client_secret": ""},
        InvalidIdToken,
        "does not have a Client Secret",
    ),
    "HS256 with another secret": (confused(b"other"), HS256, InvalidIdTokenSignature, {"alg": "HS256"}),
    "HS512 for HS256": (confused(SECRET.encode(), "HS512"), HS256, MismatchingIdTokenAlg, {"received": "HS512"}),
    "another algorithm of the same key": (
        jws({"alg": "PS256", "kid": "RS256"}, CLAIMS, signer(KEYS["RS256"].minimize(), "PS256")),
        RS256,
        MismatchingIdTokenAlg,
        {"received": "PS256", "expected": "RS256"},
    ),
    "an algorithm that its key is not for": (
        jws({"alg": "PS256", "kid": "RS256"}, CLAIMS, signer(KEYS["RS256"].minimize(), "PS256")),
        ANY,
        InvalidIdToken,
        "algorithm is not supported by the verification key",
    ),
    "the algorithm of another type of key": (
        token(headers={"kid": "RS256"}),
        ANY,
        InvalidIdToken,
        "algorithm is not supported by the verification key",
    ),
    "an encryption algorithm": (token(headers={"alg": "RSA-OAEP"}), ANY, UnsupportedIdTokenAlg, {"alg": "RSA-OAEP"}),
    "an unknown algorithm": (token(headers={"alg": "ES255"}), ANY, UnsupportedIdTokenAlg, {"alg": "ES255"}),
    **{
        f"alg={alg!r}": (token(headers={"alg": alg}), ANY, UnsupportedIdTokenAlg, {"alg": alg})
        for alg in (256, True, ["ES256"], {"ES256": 1})
    },
    "no algorithm, any algorithm": (
        token(headers={"alg": ...}),
        ANY,
        InvalidIdToken,
        "does not contain an `alg` parameter, and the client does not name one",
    ),
    # ---- keys
    "an unknown kid": (token(headers={"kid": "other"}), {}, InvalidIdToken, "no key\nwith kid='other' in the Authori"),
    "an empty kid": (token(headers={"kid": ""}), {}, InvalidIdToken, "no key\nwith kid='' in the Authorization"),
    "a kid that is a path": (token(headers={"kid": "../../dev/null"}), {}, InvalidIdToken, "no key"),
    "a kid that would break a log": (
        token(headers={"kid": "a\r\nb\x1b[0m"}),
        {},
        InvalidIdToken,
        r"kid='a\\r\\nb\\x1b\[0m",
    ),
    "a very long kid": (token(headers={"kid": "k" * 9000}), {}, InvalidIdToken, "…' in the Authorization Server JWKS"),
    **{
        f"kid={kid!r}": (token(headers={"kid": kid}), {}, InvalidIdToken, "does not contain a Key ID")
        for kid in (1, True, ["ES256"], {"kid": "ES256"})
    },
    "no kid, two keys": (
        token(headers={"kid": ...}),
        {"keys": ServerKeys({"keys": [dict(KEYS["ES256"].public_jwk()), dict(MALLORY.public_jwk(), kid="2")]})},
        InvalidIdToken,
        "does not contain a Key ID",
    ),
    "no keys": (token(), {"keys": ServerKeys()}, InvalidIdToken, "Authorization Server JWKS is not available"),
    "no key source": (token(), {"keys": None}, InvalidIdToken, "Authorization Server JWKS is not available"),
    "an encryption key": (
        token(),
        {"keys": ServerKeys({"keys": [{**dict(KEYS["ES256"].public_jwk()), "use": "enc"}]})},
        InvalidIdToken,
        "algorithm is not supported by the verification key",
    ),
    # ---- keys that the token brings along
    "a key in the header": (by_mallory(jwk=dict(MALLORY.public_jwk())), {}, InvalidIdTokenSignature, {"alg": "ES256"}),
    "a key in the header, with its own kid": (
        by_mallory(jwk=dict(MALLORY.public_jwk(), kid="m"), kid="m"),
        {},
        InvalidIdToken,
        "no key\nwith kid='m'",
    ),
    "the URL of a key set in the header": (by_mallory(jku="https://mallory.local/"), {}, InvalidIdTokenSignature, {}),
    "the URL of a certificate": (by_mallory(x5u="https://mallory.local/"), {}, InvalidIdTokenSignature, {}),
    "a certificate": (by_mallory(x5c=["MIIB"], x5t="x"), {}, InvalidIdTokenSignature, {}),
    # ---- signatures
    "another subject": (tampered(token(), sub="mallory"), {}, InvalidIdTokenSignature, {}),
    "another header": (
        jws({"alg": "ES256", "kid": "ES256", "x": 1}, CLAIMS) + token().rpartition(".")[2],
        {},
        InvalidIdTokenSignature,
        {},
    ),
    "a signature of zeros": (signed_by(lambda _: bytes(64)), {}, InvalidIdTokenSignature, {}),
    "a short signature": (signed_by(lambda _: b"a"), {}, InvalidIdTokenSignature, {}),
    "a signature in DER": (
        signed_by(lambda data: KEYS["ES256"].cryptography_key.sign(data, ECDSA(SHA256()))),
        {},
        InvalidIdTokenSignature,
        {},
    ),
    "a short RSA signature": (
        signed_by(lambda _: b"a", {"alg": "RS256", "kid": "RS256"}),
        RS256,
        InvalidIdTokenSignature,
        {},
    ),
    "a short EdDSA signature": (
        signed_by(lambda _: b"a", {"alg": "EdDSA", "kid": "EdDSA"}),
        {"alg": "EdDSA"},
        InvalidIdTokenSignature,
        {},
    ),
    # ---- extensions and other uses
    **{
        f"crit={crit!r}": (token(headers={"crit": crit, "b64": False}), {}, InvalidIdToken, "'crit' header")
        for crit in (["b64"], ["exp"], [], "b64", None)
    },
    **{
        f"typ={typ!r}": (
            token(headers={"typ": typ}),
            {},
            InvalidIdToken,
            f"of another kind .typ '{re.escape(str(typ))}'",
        )
        for typ in ("at+jwt", "logout+jwt", "AT+JWT", "application/at+jwt", "dpop+jwt", 1, None)
    },
    # ---- encryption
    "encrypted, clear text expected": (
        str(JweCompact.encrypt(token().encode(), KEYS["ES256"].minimize().public_jwk(), alg="ECDH-ES", enc="A128GCM")),
        {},
        InvalidIdToken,
        "should be clear-text",
    ),
    "clear text, encryption expected": (token(), {"encryption_alg": "ECDH-ES"}, InvalidIdToken, "should be encrypted"),
}


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_hostile_headers(name):
    """A token that was not signed by the server, for this use, is refused by its own error."""
    received, expected, error, evidence = HOSTILE_HEADERS[name]
    with pytest.raises(InvalidIdToken) as caught:
        validator(**expected).check(received, ACCESS_TOKEN, SOURCE)
    assert type(caught.value) is error
    check_evidence(caught, evidence)


def check_evidence(caught: Any, evidence: str | dict[str, Any]) -> None:
    if type(caught.value) is not MalformedIdToken:  # which is no JWT to show
        assert isinstance(caught.value.id_token, (IdToken, JweCompact))
        assert caught.value.token_resp is SOURCE or isinstance(caught.value.token_resp, BearerToken)
    if isinstance(evidence, str):
        assert caught.match(evidence)
    else:
        assert {name: getattr(caught.value, name) for name in evidence} == evidence
    message = str(caught.value)
    for secret in (SECRET, ACCESS_TOKEN, "the nonce"):
        assert secret not in message
    assert len(message) < 2000
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


SHAPES = (None, True, False, 0, 1, -1, "", [], {}, [1], ["a"], {"a": 1})
"""Values of any type, none of which fits a claim."""

HOSTILE_CLAIMS: dict[str, tuple[dict[str, Any], dict[str, Any], type[InvalidIdToken], str | dict[str, Any]]] = {
    # ---- missing
    "no iss": ({"without": "iss"}, {}, MismatchingIdTokenIssuer, {"received": None, "expected": ISSUER}),
    "no iss, no issuer": ({"without": "iss"}, {"issuer": None}, MismatchingIdTokenIssuer, {"received": None}),
    "no sub": ({"without": "sub"}, {}, MissingIdTokenClaim, {"claim": "sub"}),
    "no aud": ({"without": "aud"}, {}, MismatchingIdTokenAudience, {"received": None, "expected": CLIENT_ID}),
    "no exp": ({"without": "exp"}, {}, MissingIdTokenClaim, {"claim": "exp"}),
    "no iat": ({"without": "iat"}, {}, MissingIdTokenClaim, {"claim": "iat"}),
    "no nonce": ({}, {"nonce": "the nonce"}, MismatchingIdTokenNonce, {"received": None, "expected": "the nonce"}),
    "no acr": ({}, {"acr_values": ("1",)}, MismatchingIdTokenAcr, {"received": None, "expected": ("1",)}),
    "no auth_time": ({}, {"max_age": 10}, MissingIdTokenClaim, {"claim": "auth_time"}),
    "no claims": ({"claims": {}}, {}, MismatchingIdTokenIssuer, {"received": None}),
    # ---- values
    **{
        f"iss={iss!r}, no issuer": ({"iss": iss}, {"issuer": None}, MismatchingIdTokenIssuer, {"received": iss})
        for iss in SHAPES
    },
    **{
        f"iss={iss!r}": ({"iss": iss}, {}, MismatchingIdTokenIssuer, {"received": iss, "expected": ISSUER})
        for iss in (
            *SHAPES,
            f"{ISSUER}/",
            "https://AS.local",
            "https://as.local:443",
            "http://as.local",
            "https://as.local.mallory.local",
            "https://as.local#",
            [ISSUER],
        )
    },
    **{f"sub={sub!r}": ({"sub": sub}, {}, MissingIdTokenClaim, {"claim": "sub"}) for sub in SHAPES},
    **{
        f"aud={aud!r}": ({"aud": aud}, {}, MismatchingIdTokenAudience, {"received": aud, "expected": CLIENT_ID})
        for aud in ("other", "CLIENT_ID", f"{CLIENT_ID} other", f" {CLIENT_ID}", "", [], ["other"], [""])
    },
    **{
        f"aud={aud!r}": ({"aud": aud}, {}, MissingIdTokenClaim, {"claim": "aud"})
        for aud in (1, True, {CLIENT_ID: 1}, [CLIENT_ID, 1], [CLIENT_ID, None], [[CLIENT_ID]])
    },
    "several audiences, no azp": ({"aud": [CLIENT_ID, "b"]}, {}, MismatchingIdTokenAzp, {"received": None}),
    **{
        f"azp={azp!r}": ({"azp": azp}, {}, MismatchingIdTokenAzp, {"received": azp, "expected": CLIENT_ID})
        for azp in ("other", "", 0, True, [CLIENT_ID], {})
    },
    "several audiences, another azp": (
        {"aud": [CLIENT_ID, "b"], "azp": "b"},
        {},
        MismatchingIdTokenAzp,
        {"received": "b", "expected": CLIENT_ID},
    ),
    **{f"exp={exp!r}": ({"exp": exp}, {}, ExpiredIdToken, {}) for exp in (NOW, NOW - 1, 0, 0.5, 1)},
    **{
        f"{name}={at!r}": ({name: at}, {}, MissingIdTokenClaim, {"claim": name})
        for name in ("exp", "iat", "nbf")
        for at in (None, True, "1", "", [], {}, [NOW + 60], -1, 1e300, 10**4000, 253_402_300_800)
    },
    "an infinite exp": (
        {"claims": json.dumps(CLAIMS).replace(str(NOW + 60), "1e999")},
        {},
        MissingIdTokenClaim,
        {"claim": "exp"},
    ),
    "issued in the future": (
        {"iat": NOW + 61},
        {},
        IdTokenNotYetValid,
        {"claim": "iat", "received": NOW + 61, "expected": NOW},
    ),
    "valid in the future": ({"nbf": NOW + 61}, {}, IdTokenNotYetValid, {"claim": "nbf", "received": NOW + 61}),
    **{
        f"nonce={nonce!r}": (
            {"nonce": nonce},
            {"nonce": "the nonce"},
            MismatchingIdTokenNonce,
            {"received": nonce, "expected": "the nonce"},
        )
        for nonce in (*SHAPES, "other", "THE NONCE", ["the nonce"])
    },
    **{
        f"acr={acr!r}": ({"acr": acr}, {"acr_values": ("1", "2")}, MismatchingIdTokenAcr, {"received": acr})
        for acr in (None, "", 1, "3", "1 2", ["1"], {"1": 1}, True)
    },
    **{
        f"auth_time={at!r}": ({"auth_time": at}, {"max_age": 10}, MissingIdTokenClaim, {"claim": "auth_time"})
        for at in (None, "1", True, -1, [NOW], {})
    },
    "an old auth_time": ({"auth_time": NOW - 21}, {"max_age": 10}, MismatchingIdTokenAuthTime, {"received": NOW - 21}),
    "max_age=0 by value": ({"auth_time": NOW - 11}, {"max_age": 0}, MismatchingIdTokenAuthTime, {"received": NOW - 11}),
    "an old auth_time, in words": (
        {"auth_time": NOW - 21},
        {"max_age": 10},
        MismatchingIdTokenAuthTime,
        f"received '{NOW - 21}', expected '10 seconds before {NOW}",
    ),
    "an auth_time in the future": ({"auth_time": NOW + 61}, {"max_age": 10}, MismatchingIdTokenAuthTime, {}),
    **{
        f"{name}={value!r}": (
            {name: value},
            {"code": "code", "state": "state"},
            MismatchingIdTokenHash,
            {"claim": name, "received": value},
        )
        for name in ("at_hash", "c_hash", "s_hash")
        for value in (None, "", 1, True, [], {}, "77QmUPtjPfzWtF2AnpK9RQ", "code")
    },
    **{
        f"{name} of what no text can be": (
            {name: "x"},
            {"code": "\ud800", "state": "\udfff"},
            MismatchingIdTokenHash,
            {},
        )
        for name in ("c_hash", "s_hash")
    },
    "a full hash": ({"at_hash": "PxbbfFKHmD_ExnVGGO5tXHyDAypXI5NXJLqJ7Iz3PJg"}, {}, MismatchingIdTokenHash, {}),
}


@pytest.mark.parametrize("name", HOSTILE_CLAIMS)
def test_hostile_claims(name):
    """A claim that is missing, wrong or of another type is refused by its own error, with what was received."""
    claims, expected, error, evidence = HOSTILE_CLAIMS[name]
    with pytest.raises(InvalidIdToken) as caught:
        validator(**expected).check(token(**claims), ACCESS_TOKEN, SOURCE)
    assert type(caught.value) is error
    check_evidence(caught, evidence)


@pytest.mark.parametrize(("claim", "noun"), [("at_hash", "access token"), ("c_hash", "code"), ("s_hash", "state")])
def test_hashes_of_nothing(claim, noun):
    """A hash that cannot be compared is refused."""
    with pytest.raises(InvalidIdToken, match=f"no {noun} was included in the request") as caught:
        validator().check(token(**{claim: "77QmUPtjPfzWtF2AnpK9RQ"}), None, SOURCE)
    check_evidence(caught, claim)


def test_a_hash_of_nothing_after_a_refresh():
    """The same holds for the access token of a refresh."""
    expected = RefreshedIdTokenValidator(client_id=CLIENT_ID, alg="ES256", keys=ServerKeys(PUBLISHED))
    with pytest.raises(InvalidIdToken, match="no access token was included in the request"):
        expected.check(token(at_hash="77QmUPtjPfzWtF2AnpK9RQ"))


def test_expired():
    """An expired ID Token tells when it expired, and when that was seen."""
    with pytest.raises(ExpiredIdToken) as caught:
        validator().check(token(exp=NOW - 1))
    assert caught.value.received == datetime.fromtimestamp(NOW - 1, timezone.utc)
    assert caught.value.expected == datetime.fromtimestamp(NOW, timezone.utc)


def test_a_bad_signature_is_jwskates_too():
    """A bad signature is refused by an error that callers of jwskate know, without the key."""
    with pytest.raises(jwskate.InvalidSignature) as caught:
        validator().check(by_mallory())
    assert isinstance(caught.value, InvalidIdToken)
    assert isinstance(caught.value, OAuth2Error)
    assert caught.value.key is None
    assert caught.value.data == caught.value.id_token
    assert pickle.loads(pickle.dumps(caught.value)).alg == "ES256"


def test_checks_go_in_order():
    """Nothing is said about claims before the signature is verified, and about `exp` before `iss` and `aud`."""
    wrong = {"iss": "https://mallory.local", "aud": "other", "exp": 1}
    with pytest.raises(InvalidIdTokenSignature):
        validator().check(tampered(token(), **wrong))
    with pytest.raises(MismatchingIdTokenIssuer):
        validator().check(token(**wrong))
    with pytest.raises(MismatchingIdTokenAudience):
        validator().check(token(**{**wrong, "iss": ISSUER}))
    with pytest.raises(ExpiredIdToken):
        validator(nonce="n").check(token(exp=1))


# ---------------------------------------------------------------- encrypted

ENCRYPTION_KEYS = {
    "RSA-OAEP": Jwk.generate(alg="RSA-OAEP", key_size=2048),
    "RSA-OAEP-256": Jwk.generate(alg="RSA-OAEP-256", key_size=2048),
    "ECDH-ES": Jwk.generate(alg="ECDH-ES", crv="P-256"),
    "ECDH-ES+A128KW": OKPJwk.generate(alg="ECDH-ES+A128KW", crv="X25519"),
    "A128KW": Jwk.generate(alg="A128KW"),
    "dir": Jwk({**Jwk.generate(alg="A128GCM"), "alg": "dir"}),
}
ENCRYPTION_KEY = ENCRYPTION_KEYS["ECDH-ES"]


def encrypted(content: str | bytes, alg: str = "ECDH-ES", enc: str = "A128GCM", **headers: Any) -> str:
    key = ENCRYPTION_KEYS[alg]
    key = key if key.is_symmetric else key.public_jwk()
    content = content.encode() if isinstance(content, str) else content
    return str(JweCompact.encrypt(content, key, alg=alg, enc=enc, extra_headers={"cty": "JWT", **headers}))


def decrypting(alg: str = "ECDH-ES", **changes: Any) -> IdTokenValidator:
    return validator(encryption_alg=alg, decryption_key=ENCRYPTION_KEYS[alg], **changes)


@pytest.mark.parametrize("alg", ENCRYPTION_KEYS)
def test_encryption_algorithms(alg):
    """An encrypted ID Token is decrypted, and the signed one inside is validated."""
    inner = token()
    checked = decrypting(alg).check(encrypted(inner, alg))
    assert type(checked) is IdToken
    assert checked == inner


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_a_decryption_key_that_names_no_algorithm(alg):
    """A key that names no algorithm decrypts with the one that the client expects."""
    key = Jwk({name: value for name, value in ENCRYPTION_KEY.items() if name != "alg"})
    inner = token()
    received = str(JweCompact.encrypt(inner.encode(), key.public_jwk(), alg=alg, enc="A128GCM"))
    assert validator(encryption_alg=alg, decryption_key=key).check(received) == inner


def altered(text: str, position: int, **headers: Any) -> str:
    """A JWE with one part of another value, or with other headers."""
    parts = text.split(".")
    if headers:
        parts[0] = b64u(json.dumps(headers).encode())
    else:
        first = "A" if parts[position][:1] != "A" else "B"
        parts[position] = first + parts[position][1:]
    return ".".join(parts)


FAR = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
ENCRYPTED = encrypted(token())
HOSTILE_JWE: dict[str, tuple[str, type[InvalidIdToken], str]] = {
    "encrypted twice": (encrypted(encrypted(token())), InvalidIdToken, "encrypted twice"),
    "claims that are not signed": (encrypted(json.dumps(CLAIMS)), MalformedIdToken, "not a JWT"),
    "text": (encrypted("hello"), MalformedIdToken, "not a JWT"),
    "bytes": (encrypted(bytes(range(256))), MalformedIdToken, "not a JWT"),
    "nothing": (encrypted(b""), MalformedIdToken, "not a JWT"),
    "alg=none inside": (encrypted(jws({"alg": "none"}, CLAIMS)), MismatchingIdTokenAlg, "alg"),
    "signed by somebody else": (encrypted(by_mallory()), InvalidIdTokenSignature, "signature"),
    "for another issuer": (encrypted(token(iss="https://b.local")), MismatchingIdTokenIssuer, "iss"),
    "compressed": (encrypted(token(), zip="DEF"), InvalidIdToken, "'zip' header"),
    "an unknown extension": (encrypted(token(), crit=["exp"], exp=1), InvalidIdToken, "'crit' header"),
    "another algorithm": (encrypted(token(), "A128KW"), MismatchingIdTokenAlg, "'A128KW', expected 'ECDH-ES'"),
    "another ciphertext": (altered(ENCRYPTED, 3), InvalidIdToken, "could not be decrypted"),
    "another tag": (altered(ENCRYPTED, 4), InvalidIdToken, "could not be decrypted"),
    "another IV": (altered(ENCRYPTED, 2), InvalidIdToken, "could not be decrypted"),
    "no ephemeral key": (altered(ENCRYPTED, 0, alg="ECDH-ES", enc="A128GCM"), InvalidIdToken, "could not be decrypted"),
    "an ephemeral key off the curve": (
        altered(ENCRYPTED, 0, alg="ECDH-ES", enc="A128GCM", epk=FAR),
        InvalidIdToken,
        "could not be decrypted",
    ),
    "an unknown content encryption": (
        altered(ENCRYPTED, 0, alg="ECDH-ES", enc="A1", epk=FAR),
        InvalidIdToken,
        "could not be decrypted",
    ),
    "headers that are arguments": (
        altered(ENCRYPTED, 0, alg="ECDH-ES", enc="A128GCM", wrapped_cek="x", self=1, key_size=1),
        InvalidIdToken,
        "could not be decrypted",
    ),
    "no algorithm": (altered(ENCRYPTED, 0, enc="A128GCM"), MismatchingIdTokenAlg, "received 'None'"),
    "an algorithm of another type": (
        altered(ENCRYPTED, 0, alg=["ECDH-ES"], enc="A128GCM"),
        MismatchingIdTokenAlg,
        "alg",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_JWE)
def test_hostile_encryption(name):
    """What is inside of a JWE is trusted no more than what is outside."""
    received, error, message = HOSTILE_JWE[name]
    with pytest.raises(InvalidIdToken) as caught:
        decrypting().check(received, None, SOURCE)
    assert type(caught.value) is error
    check_evidence(caught, message)


def test_encryption_that_is_not_configured():
    """Without a decryption algorithm or key, an encrypted ID Token is refused."""
    received = encrypted(token())
    for expected, match in (
        (validator(decryption_key=ENCRYPTION_KEY), "^This JWT is encrypted; it should be clear-text"),
        (validator(encryption_alg="ECDH-ES"), "^This JWT is encrypted, and the client does not have a decryption key"),
    ):
        with pytest.raises(InvalidIdToken, match=match) as caught:
            expected.check(received, None, SOURCE)
        check_evidence(caught, match)
    other = evolve(decrypting(), decryption_key=Jwk.generate(alg="ECDH-ES", crv="P-256"))
    with pytest.raises(InvalidIdToken, match="could not be decrypted"):
        other.check(received)


def test_a_jwe_with_a_repeated_header():
    """A `JweCompact` that was made elsewhere is read strictly as well."""
    header = b64u(b'{"alg":"dir","alg":"ECDH-ES","enc":"A128GCM"}')
    jwe = JweCompact(".".join([header, *ENCRYPTED.split(".")[1:]]))
    with pytest.raises(MalformedIdToken, match="repeated") as caught:
        decrypting().check(jwe, None, SOURCE)
    assert (caught.value.id_token, caught.value.token_resp) == (jwe, SOURCE)


# ---------------------------------------------------------------- through tokens and clients


def make_client(**changes: Any) -> OAuth2Client:
    known = {"client_id": CLIENT_ID, "issuer": ISSUER, "authorization_server_jwks": PUBLISHED}
    return OAuth2Client("https://as.local/token", **{"id_token_signed_response_alg": "ES256", **known, **changes})


def test_the_token_stays_what_it_is():
    """Validation gives a token of the same class, with the ID Token decrypted, and all else as before."""
    client = make_client(id_token_decryption_key=ENCRYPTION_KEY)
    azr = AuthorizationResponse(code="code", nonce="n")
    inner = token(nonce="n")
    common = {"expires_in": 60, "refresh_token": "r", "scope": "openid", "custom": 1, "id_token": encrypted(inner)}
    bearer = BearerToken(ACCESS_TOKEN, **common)
    dpop = DPoPToken(ACCESS_TOKEN, _dpop_key=DPoPKey.generate(), **common)
    for received in (bearer, dpop):
        validated = received.validate_id_token(client, azr)
        assert type(validated) is type(received)
        assert type(validated.id_token) is IdToken
        assert validated.id_token == inner
        assert {**validated.as_dict(), "id_token": None} == {**received.as_dict(), "id_token": None}
        assert received.id_token != inner
        assert validated.validate_id_token(make_client(), azr) is validated


def test_no_id_token():
    """A token without ID Token cannot be validated."""
    received = BearerToken(ACCESS_TOKEN)
    with pytest.raises(MissingIdToken) as caught:
        received.validate_id_token(make_client(), AuthorizationResponse(code="code"))
    assert caught.value.token_resp is received


def test_what_client_and_response_expect():
    """The expectations are those of the client and of the Authorization Response, never those of the token."""
    client = make_client(client_secret=SECRET, id_token_decryption_key=ENCRYPTION_KEY)
    azr = AuthorizationResponse(code="c", nonce="n", state="s", max_age=10, acr_values="1 2", issuer="https://b.local")
    made = validator_for(client, azr, exp_leeway=1, auth_time_leeway=2)
    assert (made.issuer, made.client_id, made.client_secret) == ("https://b.local", CLIENT_ID, SECRET)
    assert (made.alg, made.encryption_alg, made.decryption_key) == ("ES256", "ECDH-ES", ENCRYPTION_KEY)
    assert (made.nonce, made.state, made.code, made.acr_values, made.max_age) == ("n", "s", "c", ("1", "2"), 10)
    assert (made.exp_leeway, made.auth_time_leeway) == (1, 2)
    for secret in (SECRET, ENCRYPTION_KEY.d, "'n'", "'s'", "'c'"):
        assert secret not in repr(made)
    usual = validator_for(client, azr)
    assert (usual.exp_leeway, usual.auth_time_leeway) == (0, 10)


def test_the_issuer_of_the_client():
    """When the response names no issuer, that of the client is expected."""
    with pytest.raises(MismatchingIdTokenIssuer) as caught:
        BearerToken(ACCESS_TOKEN, id_token=token(iss="https://b.local")).validate_id_token(
            make_client(), AuthorizationResponse(code="code")
        )
    assert (caught.value.received, caught.value.expected) == ("https://b.local", ISSUER)


def test_evidence_of_a_failure():
    """An error holds the ID Token and the token response that it came with."""
    received = BearerToken(ACCESS_TOKEN, id_token=token(sub=None))
    with pytest.raises(MissingIdTokenClaim) as caught:
        received.validate_id_token(make_client(), AuthorizationResponse(code="code"))
    assert caught.value.id_token == received.id_token
    assert caught.value.token_resp is received


def test_one_validator_for_many_threads():
    """Threads may share a validator, its keys, and the tokens."""
    shared, good, bad = validator(), IdToken(token()), tampered(token(), sub="mallory")
    found: list[str] = []

    def work() -> None:
        for _ in range(20):
            found.append(shared.check(copy.copy(good)).sub)
            with pytest.raises(InvalidIdTokenSignature):
                shared.check(bad)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["alice"] * 160


# ---------------------------------------------------------------- after a refresh

PREVIOUS = IdToken(token(nonce="n", auth_time=NOW - 500, exp=NOW - 100, iat=NOW - 400))


def refreshed(previous: Any = PREVIOUS, client: Any = None, **changes: Any) -> BearerToken:
    received = BearerToken("new_access_token", id_token=token(**changes))
    return validate_refreshed_id_token(received, previous, client or make_client())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nonce": "n"},
        {"auth_time": NOW - 500},
        {"at_hash": IdToken.hash_method(KEYS["ES256"])("new_access_token")},
        {"c_hash": "of the first code", "s_hash": "of the first state"},
    ],
)
def test_a_refreshed_id_token(changes):
    """After a refresh, the ID Token is about the same user, from the same issuer, for the same client."""
    assert refreshed(**changes).id_token.sub == "alice"


HOSTILE_REFRESHES = {
    "another user": ({"sub": "mallory"}, MismatchingIdTokenSubject, {"received": "mallory", "expected": "alice"}),
    "another issuer": ({"iss": "https://b.local"}, MismatchingIdTokenIssuer, {"received": "https://b.local"}),
    "another client": ({"aud": "other"}, MismatchingIdTokenAudience, {"received": "other"}),
    "one more client": (
        {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID},
        MismatchingIdTokenAudience,
        {"received": [CLIENT_ID, "b"], "expected": CLIENT_ID},
    ),
    "another nonce": ({"nonce": "m"}, MismatchingIdTokenNonce, {"received": "m", "expected": "n"}),
    "another login": ({"auth_time": NOW}, MismatchingIdTokenAuthTime, {"received": NOW, "expected": NOW - 500}),
    "another access token": ({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, MismatchingIdTokenHash, {"claim": "at_hash"}),
    "an expired one": ({"exp": NOW}, ExpiredIdToken, {}),
    "no user": ({"without": "sub"}, MissingIdTokenClaim, {"claim": "sub"}),
    "another key": ({"headers": {"kid": "ES384"}}, InvalidIdToken, "not supported by the verification key"),
}


@pytest.mark.parametrize("name", HOSTILE_REFRESHES)
def test_hostile_refreshes(name):
    """A refresh changes neither user nor issuer nor client, and its ID Token is checked as the first one was."""
    changes, error, evidence = HOSTILE_REFRESHES[name]
    with pytest.raises(InvalidIdToken) as caught:
        refreshed(**changes)
    assert type(caught.value) is error
    check_evidence(caught, evidence)


def test_a_refresh_that_tells_more():
    """What the first ID Token did not tell, a later one may."""
    first = IdToken(token())
    assert refreshed(first, auth_time=NOW - 500).id_token.auth_time == NOW - 500


def test_the_leeway_of_a_refresh():
    """The ID Token of a refresh may be expired for as long as the caller says."""
    for exp, leeway in ((NOW, 0), (NOW - 10, 10)):
        with pytest.raises(ExpiredIdToken):
            validate_refreshed_id_token(
                BearerToken("new", id_token=token(exp=exp)), PREVIOUS, make_client(), exp_leeway=leeway
            )
        received = BearerToken("new", id_token=token(exp=exp + 1))
        assert validate_refreshed_id_token(received, PREVIOUS, make_client(), exp_leeway=leeway) is received


def test_a_first_id_token_that_was_not_validated():
    """When the ID Token from before has no usable `aud`, the error has that one, and what was refreshed."""
    first = IdToken(token(aud=1))
    with pytest.raises(MissingIdTokenClaim) as caught:
        refreshed(first)
    assert caught.value.id_token is first
    assert caught.value.token_resp.access_token == "new_access_token"


def test_the_issuer_of_the_first_id_token():
    """A client that knows no issuer still notices that it changes."""
    with pytest.raises(MismatchingIdTokenIssuer) as caught:
        refreshed(client=make_client(issuer=None), iss="https://b.local")
    check_evidence(caught, {"received": "https://b.local", "expected": ISSUER})


def test_a_refresh_without_id_token():
    """A refreshed token without ID Token stays as it is."""
    received = BearerToken(ACCESS_TOKEN)
    assert validate_refreshed_id_token(received, PREVIOUS, make_client()) is received


@pytest.mark.parametrize("previous", [None, JweCompact(ENCRYPTED)], ids=["none", "encrypted"])
def test_a_refresh_without_previous_id_token(previous):
    """Without a validated ID Token to compare with, all other checks are made."""
    assert refreshed(previous, sub="bob", nonce="m").id_token.sub == "bob"
    with pytest.raises(MismatchingIdTokenAudience):
        refreshed(previous, aud="other")


def answer_with(requests_mock: Any, **changes: Any) -> None:
    """Let the Token Endpoint answer with a new token and a new ID Token."""
    members = {"access_token": "new_access_token", "token_type": "Bearer", "id_token": token(**changes)}
    requests_mock.post("https://as.local/token", json=members)


def test_refresh_token(requests_mock):
    """`refresh_token` validates the ID Token that comes along, against the one before."""
    client, before = make_client(), BearerToken(ACCESS_TOKEN, refresh_token="r", id_token=PREVIOUS)
    answer_with(requests_mock)
    after = client.refresh_token(before)
    assert (after.refresh_token, after.id_token.exp) == ("r", NOW + 60)
    answer_with(requests_mock, sub="mallory")
    with pytest.raises(MismatchingIdTokenSubject) as caught:
        client.refresh_token(before)
    assert caught.value.token_resp.access_token == "new_access_token"
    assert client.refresh_token(before, validate=False).id_token.sub == "mallory"
    assert client.refresh_token("r").id_token.sub == "mallory"


def test_refresh_token_without_id_token(requests_mock):
    """A refresh without a new ID Token keeps the one before; without one before, there is nothing to compare with."""
    requests_mock.post("https://as.local/token", json={"access_token": "new_access_token", "token_type": "Bearer"})
    client, before = make_client(), BearerToken(ACCESS_TOKEN, refresh_token="r", id_token=PREVIOUS)
    assert client.refresh_token(before).id_token == PREVIOUS
    answer_with(requests_mock, sub="mallory")
    assert client.refresh_token(BearerToken(ACCESS_TOKEN, refresh_token="r")).id_token.sub == "mallory"


def test_refresh_token_of_a_client_without_keys(requests_mock):
    """When the client knows no key, TLS stands for the signature; all else is checked."""
    client = make_client(authorization_server_jwks=None)
    before = BearerToken(ACCESS_TOKEN, refresh_token="r", id_token=PREVIOUS)
    at_hash = IdToken.hash_method(KEYS["ES256"])("new_access_token")
    answer_with(requests_mock, headers={"kid": "unknown"}, at_hash=at_hash)
    assert client.refresh_token(before).id_token.sub == "alice"
    for changes, error in (
        ({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, MismatchingIdTokenHash),
        ({"sub": "mallory"}, MismatchingIdTokenSubject),
        ({"iss": "https://b.local"}, MismatchingIdTokenIssuer),
        ({"headers": {"alg": "none"}}, MismatchingIdTokenAlg),
    ):
        answer_with(requests_mock, **changes)
        with pytest.raises(error):
            client.refresh_token(before)


# ---------------------------------------------------------------- attributes


def test_authorized_party():
    """`azp` is text, or not there."""
    assert IdToken(token(azp="a")).authorized_party == "a"
    assert IdToken(token()).authorized_party is None
    with pytest.raises(AttributeError, match="`authorized_party` is missing in this JWT, or of a wrong type"):
        IdToken(token(azp=1)).authorized_party  # noqa: B018 - reading it is the test


def test_a_claim_is_no_header():
    """A header that is missing is not replaced by a claim of its name."""
    received = IdToken(token(alg="none", kid="mine", headers={"alg": ..., "kid": ...}))
    for name in ("alg", "kid"):
        with pytest.raises(AttributeError):
            getattr(received, name)


def test_auth_datetime():
    """`auth_time` is a positive number of seconds, or not there."""
    assert IdToken(token(auth_time=NOW)).auth_datetime == datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert IdToken(token()).auth_datetime is None
    for value in (0, -1, "1", True, 1.5, [1], 10**20):
        with pytest.raises(AttributeError, match="`auth_datetime` is missing in this JWT, or of a wrong type"):
            IdToken(token(auth_time=value)).auth_datetime  # noqa: B018 - reading it is the test


# ---------------------------------------------------------------- anything

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([NOW, CLIENT_ID, ISSUER]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "acr", "auth_time", "at_hash", "c_hash", "s_hash")
EVERYTHING = SimpleNamespace(issuer=None, nonce="n", acr_values=("1",), max_age=10, state="s", code="c")


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_claims_are_accepted_or_refused(changes):
    """Signed claims of any value are accepted, or refused by an error of ours."""
    good = {"nonce": "n", "acr": "1", "auth_time": NOW}
    checked = outcome(validator_for(make_client(), EVERYTHING), token(**{**good, **changes}))
    if checked is not None:
        assert checked.claims["iss"] == ISSUER
        assert checked.claims["exp"] > NOW
        assert "at_hash" not in changes


def outcome(expected: IdTokenValidator, received: str) -> IdToken | None:
    """What came out of validation; `None` when it was an error of ours, that says something."""
    try:
        return expected.check(received, ACCESS_TOKEN)
    except InvalidIdToken as exc:
        message = str(exc)
    assert message
    return None


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "zip", "b64", "enc"]), JSON, max_size=4))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_headers_are_accepted_or_refused(headers):
    """Headers of any value are accepted, or refused by an error of ours."""
    received = token(headers=headers)
    for expected in (validator(), validator(alg=None), validator(alg=None, client_secret=SECRET)):
        assert outcome(expected, received) in {None, received}
