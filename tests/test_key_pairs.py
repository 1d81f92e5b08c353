"""Keys straight from `cryptography`: what they sign and show is what jwskate says of the same key."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from jwskate import Jwk, SignatureAlgs

from requests_oauth2client.jose import verifier
from requests_oauth2client.key_pairs import generate_key, key_signer, public_json, supported_algs, thumbprint
from requests_oauth2client.signing_keys import SIGNATURE_ALGS, registered_name

JWSKATE_NAMES = {"ES256K": "ES256k"}


@pytest.fixture(scope="module")
def keys() -> dict[str, object]:
    """One key for each family: making RSA keys takes long."""
    rsa_key = generate_key("RS256")
    return {alg: rsa_key if alg[1] == "S" and alg[0] in "RP" else generate_key(alg) for alg in SIGNATURE_ALGS}


def test_all_algorithms_are_there() -> None:
    """Every asymmetric algorithm that jwskate knows has its keys, and ES256K has its registered name too (RFC 8812)."""
    assert set(SIGNATURE_ALGS) == SignatureAlgs.ALL_ASYMMETRIC | {"ES256K"}
    assert {registered_name(alg) for alg in SIGNATURE_ALGS} == set(SIGNATURE_ALGS) - {"ES256k"}


@pytest.mark.parametrize("alg", SIGNATURE_ALGS)
def test_signatures_verify(keys: dict[str, object], alg: str) -> None:
    """What is signed here verifies there, and nothing else does."""
    key = keys[alg]
    assert alg in supported_algs(key)
    signature = key_signer(key, alg)(b"data")
    verify = verifier(Jwk(key).public_jwk(), JWSKATE_NAMES.get(alg, alg))
    assert verify(b"data", signature)
    assert not verify(b"date", signature)


@pytest.mark.parametrize("alg", SIGNATURE_ALGS)
def test_public_json(keys: dict[str, object], alg: str) -> None:
    """The public JWK has the members that make it and no others; its thumbprint is that of RFC 7638."""
    jwk = Jwk(keys[alg]).public_jwk().minimize()
    assert json.loads(public_json(keys[alg])) == dict(jwk)
    assert thumbprint(public_json(keys[alg])) == jwk.thumbprint()


def test_ed448() -> None:
    """EdDSA is Ed448, too, when the key is."""
    key = ed448.Ed448PrivateKey.generate()
    assert supported_algs(key) == ("EdDSA",)
    assert json.loads(public_json(key)) == dict(Jwk(key).public_jwk().minimize())
    assert verifier(Jwk(key).public_jwk(), "EdDSA")(b"data", key_signer(key, "EdDSA")(b"data"))


def test_rfc7638_section_3_1() -> None:
    """The thumbprint of the RSA key of RFC 7638 §3.1."""
    members = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
    }
    assert thumbprint(json.dumps(members)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_coordinates_have_their_length() -> None:
    """A coordinate with leading zeros keeps them (RFC 7518 §6.2.1.2)."""
    key = ec.derive_private_key(0xDA, ec.SECP256R1())
    for number in range(1, 400):
        key = ec.derive_private_key(number, ec.SECP256R1())
        if key.public_key().public_numbers().x < 1 << 248:
            break
    members = json.loads(public_json(key))
    assert len(members["x"]) == len(members["y"]) == 43
    assert members == dict(Jwk(key).public_jwk().minimize())


def test_what_no_key_is() -> None:
    """Public keys, keys for other purposes, short RSA keys and anything else can sign nothing."""
    private = generate_key("ES256")
    for key in (
        private.public_key(),
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.BrainpoolP256R1()),
        "key",
        None,
    ):
        assert supported_algs(key) == ()


def test_rsa_keys_have_2048_bits() -> None:
    """RSA keys have 2048 bits, more when asked for."""
    assert generate_key("PS256").key_size == 2048
    assert generate_key("RS512", 3072).key_size == 3072
