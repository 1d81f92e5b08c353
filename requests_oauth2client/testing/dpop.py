"""Proofs of possession, RFC 9449, as both the Authorization Server and the APIs check them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jwskate import Jwk

from .http import Refusal
from .signed_jwt import ASYMMETRIC_ALGS, BadJwt, parse_jwt, verify_jwt

if TYPE_CHECKING:
    from .core import Core
    from .dpop_nonces import DPoPNonces
    from .http import Request
    from .signed_jwt import VerifiedJwt


class NonceWanted(Exception):
    """The proof has no nonce, or not one that is still good."""


def check_proof(
    server: Core, request: Request, nonces: DPoPNonces, *, nonce_required: bool, access_token: str | None = None
) -> str:
    """Check the proof of a request, in the order of RFC 9449 §4.3. Return the thumbprint of its key.

    Args:
        server: knows the time, and the proofs already used.
        request: the request. When its answer should tell a new nonce, that is added to its `response_headers`.
        nonces: the nonces of whoever received the request.
        nonce_required: whether the proof must have one of them.
        access_token: the token that comes with the proof, at a protected resource.

    Raises:
        BadJwt: if the proof is not good.
        NonceWanted: if it lacks a nonce, or has another one.

    """
    header = request.headers.get("DPoP", "")
    if "," in header:
        raise BadJwt("more than one proof")
    jwt, key = _verify(server, header)
    claims = jwt.claims
    _check_purpose(claims, request)
    if nonce_required:
        _check_nonce(server, request, nonces, claims.get("nonce"))
    now = server.clock.now()
    if not now - server.dpop_proof_lifetime <= claims["iat"] <= now + server.clock_skew:
        raise BadJwt("'iat' is too far from now")
    if access_token is not None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode().rstrip("=")
        if not hmac.compare_digest(str(claims.get("ath")).encode(), digest.encode()):
            raise BadJwt("'ath' is not the hash of the access token")
    thumbprint = key.thumbprint()
    if not server.first_use("DPoP proof", thumbprint, claims["jti"], claims["iat"] + server.dpop_proof_lifetime):
        raise BadJwt("'jti' was used before")
    return thumbprint


def _check_purpose(claims: Mapping[str, Any], request: Request) -> None:
    """Check that all claims are there, and that the proof is for this request."""
    for name, kinds in (("jti", (str,)), ("htm", (str,)), ("htu", (str,)), ("iat", (int, float))):
        if type(claims.get(name)) not in kinds or claims[name] == "":
            raise BadJwt(f"'{name}' is missing")
    if claims["htm"] != request.method:
        raise BadJwt(f"'htm' must be {request.method}")
    if normalized(claims["htu"]) != normalized(request.url):
        raise BadJwt("'htu' is not the URL of this request")


def _check_nonce(server: Core, request: Request, nonces: DPoPNonces, nonce: object) -> None:
    good = nonces.use(nonce, server.dpop_nonce_uses)
    if nonce != nonces.current:
        request.response_headers.append(("DPoP-Nonce", nonces.current))
    if not good:
        raise NonceWanted


def _verify(server: Core, header: str) -> tuple[VerifiedJwt, Jwk]:
    headers = parse_jwt(header).headers
    if headers.get("typ") != "dpop+jwt":
        raise BadJwt("'typ' must be dpop+jwt")
    if not isinstance(headers.get("jwk"), Mapping):
        raise BadJwt("'jwk' is missing")
    try:
        key = Jwk(dict(headers["jwk"]))
    except Exception as exc:
        raise BadJwt("'jwk' is not a key") from exc
    if key.is_private or key.is_symmetric:
        raise BadJwt("'jwk' is not a public key")
    # without `kid`: the key is the one in the header, whatever its name
    return verify_jwt(header, [key], server.dpop_algs or ASYMMETRIC_ALGS, ignore_kid=True), key


def normalized(url: str) -> tuple[str, str, int | None, str]:
    """Return what counts of a URL: scheme, host, port and path, RFC 3986 §6.2.2 and §6.2.3."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError as exc:
        raise BadJwt("'htu' is not a URL") from exc
    return parts.scheme, parts.hostname or "", port, parts.path or "/"


def key_of_token_request(server: Core, request: Request, *, required: bool) -> str | None:
    """Return the thumbprint of the key to which tokens must be bound, RFC 9449 §5; `None` for Bearer tokens.

    Raises:
        Refusal: `invalid_dpop_proof`; `use_dpop_nonce`; `invalid_request` when a proof is required and missing.

    """
    if "DPoP" not in request.headers:
        if required:
            raise Refusal("invalid_request", "a DPoP proof is required")
        return None
    try:
        return check_proof(server, request, server.dpop_nonces, nonce_required=server.dpop_nonce_as)
    except BadJwt as exc:
        raise Refusal("invalid_dpop_proof", str(exc)) from exc
    except NonceWanted as exc:
        raise Refusal("use_dpop_nonce", "the proof must have the nonce of this response") from exc
