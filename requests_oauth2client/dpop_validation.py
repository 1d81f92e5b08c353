"""Validation of DPoP proofs, for APIs and Authorization Servers (RFC 9449 §4.3).

<https://www.rfc-editor.org/rfc/rfc9449#section-4.3>
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone
from hmac import compare_digest
from time import time
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

from .enums import JwtTypes
from .evidence import printable
from .exceptions import InvalidDPoPProof
from .jose import b64u, verifier
from .lifetime import LATEST
from .signing_keys import MIN_RSA_BITS, registered_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jwskate import Jwk, SignedJwt

_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MAX_SIZE = 16 * 1024
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def validate_dpop_proof(
    proof: str | bytes,
    *,
    htm: str,
    htu: str,
    ath: str | None = None,
    nonce: str | None = None,
    leeway: float = 60,
    alg: str | None = None,
    algs: Iterable[str] = (),
    jkt: str | None = None,
    jti_seen: Callable[[str, datetime], bool] | None = None,
) -> SignedJwt:
    """Return the DPoP proof that came with a request, once all of it has been checked (RFC 9449 §4.3).

    A request with more than one `DPoP` header must be refused before.

    Args:
        proof: the value of the `DPoP` header.
        htm: the method of the request.
        htu: the URL of the request, as clients see it; query and fragment are ignored, and both sides are normalised.
        ath: for a request to an API: the SHA-256 of the access token, in base64url.
        nonce: the nonce which the proof must have; by default it may have any.
        leeway: seconds that the `iat` of the proof may be away from now, in both directions.
        alg: the only algorithm that is accepted; by default all asymmetric ones are.
        algs: further algorithms that are accepted.
        jkt: for a request to an API: the thumbprint that the access token is bound to (its `cnf.jkt`, RFC 9449 §6).
        jti_seen: refuses replays (RFC 9449 §11.1). It is called when all else is right, with an identifier of this
            proof (43 characters, made of its key and its `jti`) and the UTC time until which it must be remembered.
            In one atomic step it remembers the identifier, and returns whether it was there already.

    Raises:
        InvalidDPoPProof: the message tells which check failed; do not act on the request.

    """
    raw = proof.encode("utf-8", "replace") if isinstance(proof, str) else proof
    jwt = _parse(raw)
    jwk = _public_key(raw, jwt)
    accepted = {*algs, *([] if alg is None else [alg])}
    _check_signature(raw, jwt, jwk, accepted)
    iat = _check_iat(raw, jwt, leeway)
    jti = _claim(raw, jwt, "jti", "a Unique Identifier (jti) claim is missing")
    _check_request(raw, jwt, htm, htu)
    if ath is not None:
        found = _claim(raw, jwt, "ath", "the Access Token hash (ath) claim is missing")
        if not _same(found, ath):
            _refuse(raw, f"Access Token Hash (ath) value '{printable(found)}' does not match expected '{ath}'")
    if nonce is not None:
        found = _claim(raw, jwt, "nonce", "the DPoP Nonce (nonce) claim is missing")
        if not _same(found, nonce):
            _refuse(raw, f"DPoP Nonce (nonce) value '{printable(found)}' does not match expected '{nonce}'")
    thumbprint = jwk.thumbprint()
    if jkt is not None and not _same(thumbprint, jkt):
        _refuse(raw, f"its key '{thumbprint}' is not the one that the access token is bound to, '{jkt}'")
    if jti_seen is not None:
        identifier = b64u(hashlib.sha256(f"{thumbprint} {jti}".encode("utf-8", "surrogatepass")).digest())
        if jti_seen(identifier, datetime.fromtimestamp(iat + leeway, timezone.utc)):
            _refuse(raw, "its Unique Identifier (jti) was already used: this is a replay")
    return jwt


def _refuse(proof: bytes, message: str) -> NoReturn:
    raise InvalidDPoPProof(proof, message) from None


def _same(found: str, expected: str) -> bool:
    """Compare in a time that does not tell where the difference is."""
    return compare_digest(found.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def _claim(proof: bytes, jwt: SignedJwt, name: str, missing: str) -> str:
    value = jwt.claims.get(name)
    if not isinstance(value, str) or not value:
        _refuse(proof, missing)
    return value


def _parse(proof: bytes) -> SignedJwt:
    from jwskate import SignedJwt

    problem = "it is not a syntactically valid JWT"
    data: Any = proof
    if not isinstance(data, bytes) or len(proof) > _MAX_SIZE or not _COMPACT.fullmatch(proof):
        _refuse(proof, problem)
    try:
        jwt = SignedJwt(bytes(proof))
    except (ValueError, RecursionError):
        _refuse(proof, problem)
    parts: tuple[Any, ...] = (jwt.headers, jwt.claims)
    if not all(isinstance(part, dict) for part in parts):
        _refuse(proof, problem)
    if jwt.headers.get("typ") != JwtTypes.DPOP_PROOF_JWT:
        _refuse(proof, f"its type (typ) is not the expected '{JwtTypes.DPOP_PROOF_JWT}'")
    if "crit" in jwt.headers:  # RFC 7515 §4.1.11: what is not understood must be refused
        _refuse(proof, "its 'crit' header demands extensions, and none is supported")
    return jwt


def _public_key(proof: bytes, jwt: SignedJwt) -> Jwk:
    from jwskate import Jwk

    members = jwt.headers.get("jwk")
    if members is None:
        _refuse(proof, "its 'jwk' header is missing")
    try:
        if not isinstance(members, dict):
            raise TypeError  # noqa: TRY301 - all that is wrong with the key is told in one way
        jwk: Jwk = Jwk(members)
    except (ValueError, TypeError, AttributeError, LookupError):
        _refuse(proof, "its 'jwk' header is not a valid JWK")
    if jwk.is_private or jwk.is_symmetric:
        _refuse(proof, "its 'jwk' header is a private or symmetric key")
    if jwk.kty == "RSA" and jwk.key_size < MIN_RSA_BITS:
        _refuse(proof, f"its 'jwk' header is not a valid JWK: RSA keys need {MIN_RSA_BITS} bits at least")
    return jwk.minimize()  # its `alg`, `use` and the like are the sender's word


def _check_signature(proof: bytes, jwt: SignedJwt, jwk: Jwk, accepted: set[str]) -> None:
    alg: Any = jwt.headers.get("alg")
    names = {registered_name(name): name for name in jwk.supported_signing_algorithms()}
    wanted = {registered_name(name) for name in accepted} or set(names)
    if not isinstance(alg, str) or registered_name(alg) not in wanted & set(names):
        found, listed = printable(alg, 50), ", ".join(sorted(wanted))
        _refuse(
            proof, f"its signature does not verify: alg '{found}' does not fit its key, or is not accepted ({listed})"
        )
    if not verifier(jwk, names[registered_name(alg)])(jwt.signed_part, bytes(jwt.signature)):
        _refuse(proof, "its signature does not verify")


def _check_iat(proof: bytes, jwt: SignedJwt, leeway: float) -> float:
    iat = jwt.claims.get("iat")
    if isinstance(iat, bool) or not isinstance(iat, (int, float)):
        _refuse(proof, "an Issued At (iat) claim is missing")
    if not abs(time() - min(max(iat, 0), LATEST)) <= leeway:  # so that NaN is far away too
        _refuse(proof, "its Issued At timestamp (iat) is too far away in the past or future")
    return iat


def _check_request(proof: bytes, jwt: SignedJwt, htm: str, htu: str) -> None:
    found = _claim(proof, jwt, "htm", "the HTTP method (htm) claim is missing.")
    if not _same(found, htm):
        _refuse(proof, f"HTTP Method (htm) '{printable(found, 50)}' does not matches expected '{htm}'")
    found = _claim(proof, jwt, "htu", "the HTTP URI (htu) claim is missing")
    normalised = normalised_htu(found)
    if normalised is None or not _same(normalised, normalised_htu(htu) or ""):
        _refuse(proof, f"HTTP URI (htu) '{printable(found)}' does not matches expected '{htu}'")


def normalised_htu(uri: str) -> str | None:
    """Return `uri` without query and fragment, in the one form that all equivalent URIs have (RFC 3986 §6.2.2, §6.2.3).

    `None` when it is no absolute URI.
    """
    if not uri.isprintable():  # `urlsplit` would drop line breaks without a word
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user = parts.netloc.rpartition("@")[0]
    authority = f"{user}@{host}" if user else host
    if port not in (None, _DEFAULT_PORTS.get(parts.scheme)):
        authority = f"{authority}:{port}"
    return f"{parts.scheme}://{authority}{_without_dots(_ESCAPES.sub(_normalised_escapes, parts.path))}"


def _normalised_escapes(escapes: re.Match[str]) -> str:
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in unquote_to_bytes(escapes[0]))


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
