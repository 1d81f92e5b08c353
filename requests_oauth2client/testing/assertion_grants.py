"""Grants that rest on an assertion by someone the server trusts: RFC 7523 §2.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .http import Refusal
from .signed_jwt import ASYMMETRIC_ALGS, BadJwt, check_times, parse_jwt, verify_jwt
from .token_requests import TokenRequest, new_grant, token_response

if TYPE_CHECKING:
    from collections.abc import Mapping


def jwt_bearer(asked: TokenRequest) -> dict[str, Any]:
    """Grant what a JWT says, RFC 7523 §3. Its issuer is a trusted one, or the client itself, for its own account."""
    try:
        claims = _verified_claims(asked)
    except BadJwt as exc:
        raise Refusal("invalid_grant", f"assertion: {exc}") from exc
    sub = claims["sub"]
    return token_response(asked, new_grant(asked, user=asked.server.user_with_sub(sub), subject=sub))


def _verified_claims(asked: TokenRequest) -> Mapping[str, Any]:
    server = asked.server
    assertion = asked.form.required("assertion")
    issuer = parse_jwt(assertion).claims.get("iss")
    keys = asked.client.jwks if issuer == asked.client.client_id else server.trusted_issuers.get(str(issuer), ())
    if not keys:
        raise BadJwt("its issuer is not trusted")
    claims = verify_jwt(assertion, keys, ASYMMETRIC_ALGS).claims
    if not isinstance(claims.get("sub"), str):
        raise BadJwt("'sub' is missing")
    audiences = claims.get("aud")
    if not {server.issuer, server.endpoint("token")} & set(audiences if isinstance(audiences, list) else [audiences]):
        raise BadJwt(f"'aud' must be {server.issuer}")
    exp = check_times(claims, server.clock.now(), skew=server.clock_skew, max_lifetime=server.max_assertion_lifetime)
    jti = claims.get("jti")
    if jti is not None and not server.first_use("assertion", str(issuer), str(jti), exp):
        raise BadJwt("'jti' was used before")
    return claims
