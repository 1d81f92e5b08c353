"""Compact JWS straight on the `cryptography` key that a `jwskate.Jwk` wraps (RFC 7515 §3.1).

jwskate parses keys and knows algorithms. Each of its layers copies what it handles, which costs more than an ES256
signature when a proof goes with every request: the functions here ask it once, and then talk to the key.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from os import urandom
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwskate import Jwk

    Sign = Callable[[bytes], bytes]
    Verify = Callable[[bytes, bytes], bool]

_HMAC_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

_DEFAULT_ALGS = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "OKP": "EdDSA"}

_VARIANTS = "89ab" * 4

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False).encode


def _b64u(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")


def b64u(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 7515 §2)."""
    return _b64u(data).decode("ascii")


def b64u_json(value: Mapping[str, Any]) -> str:
    """Return `value` as compact JSON, in base64url."""
    return b64u(_dumps(value).encode("ascii"))


def sha256_b64u(text: str) -> str:
    """Return the SHA-256 of ASCII `text` in base64url: `ath` of RFC 9449 §4.2, `S256` of RFC 7636 §4.2."""
    return b64u(hashlib.sha256(text.encode("ascii")).digest())


def uuid4() -> str:
    """Return a version 4 UUID, to be a `jti` (RFC 9562 §5.4); the module `uuid` takes twice as long."""
    digits = urandom(16).hex()
    variant = _VARIANTS[int(digits[16], 16)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def hmac_signer(secret: bytes, alg: str) -> Sign:
    """Return a function that signs with `secret`; `alg` is HS256, HS384 or HS512 (RFC 7518 §3.2).

    Raises:
        ValueError: for any other `alg`, and for an empty secret, with which anyone could sign.

    """
    if alg not in _HMAC_HASHES:
        msg = f"'{alg}' is not an HMAC algorithm: use HS256, HS384 or HS512."
        raise ValueError(msg)
    if not secret:
        msg = "An empty secret signs nothing."
        raise ValueError(msg)
    digest, name = hmac.digest, _HMAC_HASHES[alg]
    return lambda data: digest(secret, data, name)


def ec_signer(key: Any, algorithm: Any, size: int, split: Callable[[bytes], tuple[int, int]]) -> Sign:
    """Return a function that signs with an EC `key`; each half of a signature has `size` bytes (RFC 7518 §3.4)."""
    sign = key.sign

    def sign_ec(data: bytes) -> bytes:
        r, s = split(sign(data, algorithm))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign_ec


def signer(jwk: Jwk, alg: str) -> Sign:
    """Return a function that signs bytes with the private key of `jwk`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, utils

    wrapper: Any = jwk.signature_wrapper(alg)
    key = getattr(wrapper, "key", None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, size = ec.ECDSA(wrapper.hashing_alg), wrapper.curve.coordinate_size
        return ec_signer(key, algorithm, size, utils.decode_dss_signature)
    if isinstance(key, rsa.RSAPrivateKey):
        padding, hashing = wrapper.padding_alg, wrapper.hashing_alg
        return lambda data: key.sign(data, padding, hashing)
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        return key.sign
    sign: Sign = wrapper.sign  # what a later jwskate adds
    return sign


def verifier(jwk: Jwk, alg: str) -> Verify:
    """Return a function that tells whether a signature fits some bytes: `verify(data, signature)`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

    wrapper: Any = jwk.signature_wrapper(alg)
    key = getattr(wrapper, "key", None)
    if isinstance(key, ec.EllipticCurvePublicKey):
        size, algorithm, join = wrapper.curve.coordinate_size, ec.ECDSA(wrapper.hashing_alg), utils.encode_dss_signature
        number = int.from_bytes

        def verify_ec(data: bytes, signature: bytes) -> bool:
            if len(signature) != 2 * size:
                return False
            try:
                key.verify(join(number(signature[:size], "big"), number(signature[size:], "big")), data, algorithm)
            except InvalidSignature:
                return False
            return True

        return verify_ec
    if isinstance(key, rsa.RSAPublicKey):
        padding, hashing = wrapper.padding_alg, wrapper.hashing_alg

        def verify_rsa(data: bytes, signature: bytes) -> bool:
            try:
                key.verify(signature, data, padding, hashing)
            except InvalidSignature:
                return False
            return True

        return verify_rsa
    verify: Verify = wrapper.verify
    return verify


class CompactSigner:
    """Signs claims into compact JWS; the header, or its JSON in ASCII, is encoded once."""

    __slots__ = ("_prefix", "_sign")

    def __init__(self, sign: Sign, header: Mapping[str, Any] | str) -> None:
        self._sign = sign
        self._prefix = _b64u((header if isinstance(header, str) else _dumps(header)).encode("ascii")) + b"."

    def __call__(self, claims: Mapping[str, Any]) -> str:
        """Return `claims` as a signed compact JWS."""
        return self.sign_json(_dumps(claims))

    def sign_json(self, payload: str) -> str:
        """Return `payload`, which is JSON in ASCII, as a signed compact JWS."""
        signing_input = self._prefix + _b64u(payload.encode("ascii"))
        return (signing_input + b"." + _b64u(self._sign(signing_input))).decode("ascii")


def default_alg(jwk: Jwk) -> str | None:
    """Return the signature algorithm that `jwk` names, or that its type or curve suggests; `None` when nothing does."""
    return jwk.get("alg") or _DEFAULT_ALGS.get(jwk.get("crv", "")) or _DEFAULT_ALGS.get(jwk.get("kty", ""))
