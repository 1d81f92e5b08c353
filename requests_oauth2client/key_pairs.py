"""Asymmetric key pairs straight from `cryptography`: made, signed with, and shown as public JWK.

A `jwskate.Jwk` costs ten times the generation of the P-256 key it wraps. Where a new key goes with every token, it is
made here, and becomes a `Jwk` only when somebody asks for one. This room imports cryptography: import it at the first
use of a key.

<https://www.rfc-editor.org/rfc/rfc7518#section-3> <https://www.rfc-editor.org/rfc/rfc8037> <https://www.rfc-editor.org/rfc/rfc8812>
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from .jose import b64u, ec_signer, sha256_b64u
from .signing_keys import MIN_RSA_BITS, RSA_ALGS

if TYPE_CHECKING:
    from .jose import Sign

_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ES256K": ec.SECP256K1(),
    "ES256k": ec.SECP256K1(),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_ECDSA = {alg: ec.ECDSA(_HASHES[alg[2:5]]) for alg in _CURVES}
_X962, _POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
_RAW, _PUBLIC_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw

# what `cryptography` calls a curve: the name of JWK, the algorithms, the bytes of a coordinate
_EC = {
    "secp256r1": ("P-256", ("ES256",), 32),
    "secp384r1": ("P-384", ("ES384",), 48),
    "secp521r1": ("P-521", ("ES512",), 66),
    "secp256k1": ("secp256k1", ("ES256K", "ES256k"), 32),
}


def generate_key(alg: str, rsa_bits: int = MIN_RSA_BITS) -> Any:
    """Return a new private key for `alg`, one of `SIGNATURE_ALGS`."""
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg])
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, rsa_bits)


def supported_algs(key: object) -> tuple[str, ...]:
    """Return the algorithms that the private `key` can sign with; the first is what its type suggests."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        known = _EC.get(key.curve.name)
        return known[1] if known else ()
    if isinstance(key, rsa.RSAPrivateKey):
        return RSA_ALGS if key.key_size >= MIN_RSA_BITS else ()
    return ("EdDSA",) if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else ()


def key_signer(key: Any, alg: str) -> Sign:
    """Return a function that signs bytes with the private `key`, by one of its `supported_algs`."""
    if alg == "EdDSA":
        sign: Sign = key.sign
        return sign
    if alg in _CURVES:
        return ec_signer(key, _ECDSA[alg], _EC[key.curve.name][2], utils.decode_dss_signature)
    hashing = _HASHES[alg[2:5]]
    if alg.startswith("PS"):
        pss = padding.PSS(padding.MGF1(hashing), hashing.digest_size)
        return lambda data: key.sign(data, pss, hashing)
    pkcs1 = padding.PKCS1v15()
    return lambda data: key.sign(data, pkcs1, hashing)


def public_json(key: Any) -> str:
    """Return the public JWK of a private `key` as compact JSON, with the members that make it and no others."""
    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        crv, _, size = _EC[key.curve.name]
        point = public.public_bytes(_X962, _POINT)  # one byte that tells the format, then the two coordinates
        x, y = b64u(point[1 : size + 1]), b64u(point[size + 1 :])
        return f'{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}'
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        return f'{{"kty":"RSA","n":"{_b64u_number(numbers.n)}","e":"{_b64u_number(numbers.e)}"}}'
    crv = "Ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "Ed448"
    return f'{{"kty":"OKP","crv":"{crv}","x":"{b64u(public.public_bytes(_RAW, _PUBLIC_RAW))}"}}'


def thumbprint(public: str) -> str:
    """Return the SHA-256 thumbprint of the key that `public_json` shows (RFC 7638)."""
    return sha256_b64u(json.dumps(json.loads(public), separators=(",", ":"), sort_keys=True))


def _b64u_number(number: int) -> str:
    return b64u(number.to_bytes((number.bit_length() + 7) // 8, "big"))
