"""Signatures straight on the key, checked with published vectors and against jwskate."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from uuid import RFC_4122, UUID

import jwskate
import pytest

from requests_oauth2client.jose import (
    CompactSigner,
    b64u,
    b64u_json,
    default_alg,
    hmac_signer,
    sha256_b64u,
    signer,
    uuid4,
    verifier,
)

RFC7515_A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
RFC7515_A3_INPUT = (
    b"eyJhbGciOiJFUzI1NiJ9."
    b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC7515_A3_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

RFC7515_A1_SECRET = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC7515_A1_INPUT = (
    b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC7515_A1_SIGNATURE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

RFC8037_A1_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
RFC8037_A4_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

ALGS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256k", "EdDSA",
)  # fmt: skip


def keys():
    rsa = jwskate.RSAJwk.generate(key_size=2048).minimize()
    for alg in ALGS:
        if alg[0] in "RP":
            yield alg, rsa
        elif alg == "EdDSA":
            yield alg, jwskate.OKPJwk.generate(crv="Ed25519")
            yield alg, jwskate.OKPJwk.generate(crv="Ed448")
        else:
            yield alg, jwskate.Jwk.generate(alg=alg).minimize()


KEYS = list(keys())
EACH_KEY = pytest.mark.parametrize(("alg", "key"), KEYS, ids=[f"{alg} {key.get('crv', '')}" for alg, key in KEYS])


def unb64u(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_rfc7515_a1():
    """RFC 7515 A.1, HS256."""
    sign = hmac_signer(unb64u(RFC7515_A1_SECRET), "HS256")
    assert b64u(sign(RFC7515_A1_INPUT)) == RFC7515_A1_SIGNATURE


def test_rfc7515_a3():
    """RFC 7515 A.3, ES256: the signature of the RFC verifies, and so does ours."""
    key = jwskate.Jwk(RFC7515_A3_KEY)
    verify = verifier(key.public_jwk(), "ES256")
    assert verify(RFC7515_A3_INPUT, unb64u(RFC7515_A3_SIGNATURE))
    assert verify(RFC7515_A3_INPUT, signer(key, "ES256")(RFC7515_A3_INPUT))


def test_rfc8037_a4():
    """RFC 8037 A.4, Ed25519, whose signatures are deterministic."""
    key = jwskate.Jwk(RFC8037_A1_KEY)
    data = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert b64u(signer(key, "EdDSA")(data)) == RFC8037_A4_SIGNATURE
    assert verifier(key.public_jwk(), "EdDSA")(data, unb64u(RFC8037_A4_SIGNATURE))


@EACH_KEY
def test_jwskate_verifies(alg, key):
    """What the signer makes is what jwskate verifies."""
    jws = CompactSigner(signer(key, alg), {"alg": alg, "typ": "JWT"})({"iss": "é", "n": [1, {"a": None}]})
    jwt = jwskate.SignedJwt(jws)
    assert jwt.headers == {"alg": alg, "typ": "JWT"}
    assert jwt.claims == {"iss": "é", "n": [1, {"a": None}]}
    assert jwt.verify_signature(key.public_jwk(), alg=alg)


@EACH_KEY
def test_what_jwskate_signs_verifies(alg, key):
    """The verifier accepts what jwskate signs, and no other data, signature, length or key."""
    data = b"data"
    signature = bytes(key.sign(data, alg=alg))
    verify = verifier(key.public_jwk(), alg)
    assert verify(data, signature) is True
    assert verify(b"Data", signature) is False
    assert verify(data, bytes([signature[0] ^ 1]) + signature[1:]) is False
    assert verify(data, signature[:-1]) is False
    assert verify(data, b"") is False
    assert verify(data, signature + b"\0") is False


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_symmetric_keys(alg):
    """A symmetric JWK signs and verifies as jwskate does, and as the HMAC signer does."""
    key = jwskate.SymmetricJwk.from_bytes(b"secret" * 16)
    signature = signer(key, alg)(b"data")
    assert signature == bytes(key.sign(b"data", alg=alg)) == hmac_signer(b"secret" * 16, alg)(b"data")
    assert verifier(key, alg)(b"data", signature)


@pytest.mark.parametrize("alg", ["none", "RS256", "hs256", "", None])
def test_hmac_is_for_hmac_algorithms(alg):
    """Only HMAC algorithms sign with a secret."""
    with pytest.raises(ValueError, match="use HS256"):
        hmac_signer(b"secret", alg)


def test_an_empty_secret_signs_nothing():
    """An empty secret is refused: everybody knows it."""
    with pytest.raises(ValueError, match="empty secret"):
        hmac_signer(b"", "HS256")


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_b64u(data):
    """Base64url has no padding and no characters that a URL would encode."""
    text = b64u(data)
    assert unb64u(text) == data
    assert not set(text) & set("+/=")


def test_b64u_json():
    """JSON is compact ASCII."""
    assert json.loads(unb64u(b64u_json({"a": "é", "b": 1}))) == {"a": "é", "b": 1}
    assert unb64u(b64u_json({"a": "é", "b": 1})) == b'{"a":"\\u00e9","b":1}'


def test_rfc7636_appendix_b():
    """RFC 7636 appendix B: SHA-256 in base64url of a code verifier."""
    verifier_ = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert sha256_b64u(verifier_) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert sha256_b64u(verifier_) == b64u(hashlib.sha256(verifier_.encode()).digest())


@pytest.mark.parametrize(
    ("jwk", "alg"),
    [
        ({"kty": "RSA"}, "RS256"),
        ({"kty": "RSA", "alg": "PS512"}, "PS512"),
        ({"kty": "EC", "crv": "P-256"}, "ES256"),
        ({"kty": "EC", "crv": "P-384"}, "ES384"),
        ({"kty": "EC", "crv": "P-521"}, "ES512"),
        ({"kty": "EC", "crv": "secp256k1"}, None),
        ({"kty": "OKP", "crv": "Ed25519"}, "EdDSA"),
        ({"kty": "OKP", "crv": "Ed448"}, "EdDSA"),
        ({"kty": "oct"}, None),
    ],
)
def test_default_alg(jwk, alg):
    """A key signs with the algorithm that it names, or else that its type or curve suggests."""
    assert default_alg(jwk) == alg


def test_uuid4():
    """UUIDs are of version 4 and of the variant of RFC 9562, in their usual form, and no two are the same."""
    made = [uuid4() for _ in range(100)]
    parsed = [UUID(text) for text in made]
    assert {(uuid.version, uuid.variant) for uuid in parsed} == {(4, RFC_4122)}
    assert [str(uuid) for uuid in parsed] == made
    assert len(set(made)) == 100
