"""Asymmetric signing keys straight from `cryptography`: made, signed with, and shown as public JWK.

A `jwskate.Jwk` costs ten times the generation of the P-256 key it wraps. Where a new key goes with every token, it is
made here, and becomes a `Jwk` only when somebody asks for one.

<https://www.rfc-editor.org/rfc/rfc7518#section-3> <https://www.rfc-editor.org/rfc/rfc8037> <https://www.rfc-editor.org/rfc/rfc8812>
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .jose import b64u, ec_signer, sha256_b64u

if TYPE_CHECKING:
    from .jose import Sign

# the names that `cryptography` and JWK give to the curve of an algorithm
_CURVES = {
    "ES256": ("secp256r1", "P-256"),
    "ES384": ("secp384r1", "P-384"),
    "ES512": ("secp521r1", "P-521"),
    "ES256K": ("secp256k1", "secp256k1"),
}
_CURVES["ES256k"] = _CURVES["ES256K"]  # how jwskate spells it
_CURVE_NAMES = dict(_CURVES.values())
_RSA_ALGS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

SIGNATURE_ALGS = (*_CURVES, "EdDSA", *_RSA_ALGS)
"""The algorithms that keys are made for."""

MIN_RSA_BITS = 2048
"""Bits that an RSA key must have, at least (RFC 7518 §3.3)."""


def registered_name(alg: str) -> str:
    """Return the name of `alg` that is registered, and goes over the wire (RFC 8812 §3.2)."""
    return "ES256K" if alg == "ES256k" else alg


def generate_key(alg: str, rsa_bits: int = MIN_RSA_BITS) -> Any:
    """Return a new private key for `alg`, one of `SIGNATURE_ALGS`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if alg in _CURVES:
        return ec.generate_private_key(getattr(ec, _CURVES[alg][0].upper())())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, rsa_bits)


def supported_algs(key: object) -> tuple[str, ...]:
    """Return the algorithms that the private `key` can sign with; the first is what its type suggests."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return tuple(alg for alg, (curve, _) in _CURVES.items() if curve == key.curve.name)
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA_ALGS if key.key_size >= MIN_RSA_BITS else ()
    return ("EdDSA",) if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else ()


def key_signer(key: Any, alg: str) -> Sign:
    """Return a function that signs bytes with the private `key`, by one of its `supported_algs`."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if alg == "EdDSA":
        sign: Sign = key.sign
        return sign
    hashing = getattr(hashes, f"SHA{alg[2:5]}")()
    if alg in _CURVES:
        return ec_signer(key, hashing, (key.curve.key_size + 7) // 8)
    if alg.startswith("PS"):
        pss = padding.PSS(padding.MGF1(hashing), hashing.digest_size)
        return lambda data: key.sign(data, pss, hashing)
    pkcs1 = padding.PKCS1v15()
    return lambda data: key.sign(data, pkcs1, hashing)


def public_members(key: Any) -> dict[str, str]:
    """Return the members that make the public JWK of a private `key`, and no others."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = public.public_bytes(form.Encoding.X962, form.PublicFormat.UncompressedPoint)
        size = len(point) // 2  # of each coordinate, after one byte that tells the format
        x, y = b64u(point[1 : size + 1]), b64u(point[size + 1 :])
        return {"kty": "EC", "crv": _CURVE_NAMES[key.curve.name], "x": x, "y": y}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _b64u_number(numbers.n), "e": _b64u_number(numbers.e)}
    crv = "Ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "Ed448"
    return {"kty": "OKP", "crv": crv, "x": b64u(public.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw))}


def thumbprint(members: dict[str, str]) -> str:
    """Return the SHA-256 thumbprint of `public_members` (RFC 7638)."""
    return sha256_b64u(json.dumps(members, separators=(",", ":"), sort_keys=True))


def _b64u_number(number: int) -> str:
    return b64u(number.to_bytes((number.bit_length() + 7) // 8, "big"))
