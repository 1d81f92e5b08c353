"""Verification of the JWTs that clients send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen
from jwskate import Jwk, SignedJwt, SymmetricJwk

ASYMMETRIC_ALGS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SYMMETRIC_ALGS = ("HS256", "HS384", "HS512")


class BadJwt(Exception):
    """A JWT that cannot be trusted; the message says why."""


@frozen
class VerifiedJwt:
    """A JWT whose signature was verified."""

    headers: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)


def parse_jwt(value: str) -> SignedJwt:
    """Parse a JWT without trusting it.

    Raises:
        BadJwt: if this is not a JWT.

    """
    try:
        jwt = SignedJwt(value)
    except Exception as exc:
        raise BadJwt("not a signed JWT") from exc
    if not all(isinstance(part, Mapping) for part in (jwt.headers, jwt.claims)):
        raise BadJwt("not a signed JWT")
    return jwt


def verify_jwt(value: str, keys: Iterable[Jwk], algs: Iterable[str], *, ignore_kid: bool = False) -> VerifiedJwt:
    """Verify the signature of a JWT.

    Args:
        value: the JWT.
        keys: the keys of the one who should have signed it. A `kid` in the header selects one.
        algs: the algorithms that may be used.
        ignore_kid: try all the keys, whatever the header says.

    Raises:
        BadJwt: if it is not a JWT, or not signed by one of the keys with one of the algorithms.

    """
    jwt = parse_jwt(value)
    alg, kid = jwt.headers.get("alg"), None if ignore_kid else jwt.headers.get("kid")
    if alg not in set(algs):
        raise BadJwt(f"signature algorithm '{alg}' is not accepted")
    if "crit" in jwt.headers:
        raise BadJwt("critical header parameters are not understood, RFC 7515 §4.1.11")
    for key in keys:
        if kid is not None and not key.is_symmetric and key.kid != kid:
            continue
        if key.alg not in {None, alg} or alg not in key.supported_signing_algorithms():
            continue
        if _is_signed(jwt, key, alg):
            return VerifiedJwt(jwt.headers, jwt.claims)
    raise BadJwt("signature does not verify with a key of its issuer")


def _is_signed(jwt: SignedJwt, key: Jwk, alg: str) -> bool:
    try:
        return key.verify(data=jwt.signed_part, signature=jwt.signature, alg=alg)
    except ValueError:  # some algorithms refuse a signature of another length this way
        return False


def secret_key(secret: str) -> Jwk:
    """Make a symmetric key of a client secret, OIDC Core §10.1."""
    return SymmetricJwk.from_bytes(secret.encode())


def check_times(claims: Mapping[str, Any], now: float, *, skew: float, max_lifetime: float) -> float:
    """Check `exp` (required), `iat` and `nbf`; return `exp`.

    Raises:
        BadJwt: if it is expired, not yet valid, or valid for longer than `max_lifetime` seconds.

    """
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name)
        if (value is None and name == "exp") or (value is not None and type(value) not in {int, float}):
            raise BadJwt(f"'{name}' must be a number of seconds")
    exp: float = claims["exp"]
    if exp <= now - skew:
        raise BadJwt("expired")
    if exp > now + max_lifetime + skew:
        raise BadJwt("'exp' is too far in the future")
    if any(claims.get(name, 0) > now + skew for name in ("iat", "nbf")):
        raise BadJwt("not valid yet")
    return exp
