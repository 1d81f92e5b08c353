"""Request objects: authorization requests as JWT, RFC 9101."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwskate import JweCompact

from .http import Form, Refusal
from .signed_jwt import ASYMMETRIC_ALGS, SYMMETRIC_ALGS, BadJwt, check_times, secret_key, verify_jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clients import Client
    from .core import Core

NOT_PARAMETERS = {"iss", "aud", "exp", "nbf", "iat", "jti"}

TEN_YEARS = 10 * 365 * 86400

JWE_DOTS = 4
"""A JWE in compact serialization has five parts; a JWS has three."""


def read_request_object(server: Core, client: Client, value: str, *, one_time: bool = False) -> Form:
    """Return the parameters of a request object. Nothing outside of it counts, RFC 9101 §6.3.

    With `one_time`, it must have all that CIBA Core §7.1.1 wants: `iss`, `aud`, `exp`, `iat`, `nbf` and a new `jti`.

    Raises:
        Refusal: `invalid_request_object` when it cannot be decrypted, verified, or is not for this server.

    """
    try:
        return _read(server, client, value, one_time=one_time)
    except BadJwt as exc:
        raise Refusal("invalid_request_object", f"request object: {exc}") from exc


def _read(server: Core, client: Client, value: str, *, one_time: bool) -> Form:
    if value.count(".") == JWE_DOTS:
        value = _decrypt(server, value)
    symmetric = client.request_object_signing_alg in SYMMETRIC_ALGS
    keys = [secret_key(client.client_secret or "")] if symmetric else client.jwks
    algs = ASYMMETRIC_ALGS if client.request_object_signing_alg is None else [client.request_object_signing_alg]
    jwt = verify_jwt(value, keys, algs)
    _check_claims(server, client, jwt.headers, jwt.claims, strict=one_time or server.strict_request_objects)
    if one_time:
        _check_first_use(server, client, jwt.claims)
    else:
        _require(jwt.claims.get("client_id") == client.client_id, "'client_id' must be that of the client")
    parameters = {name: value for name, value in jwt.claims.items() if name not in NOT_PARAMETERS}
    return Form.read({name: _texts(value) for name, value in parameters.items()}, repeatable=("resource", "audience"))


def _decrypt(server: Core, value: str) -> str:
    try:
        jwe = JweCompact(value)
        for key in server.keys.decryption_keys():
            if jwe.headers.get("kid") in {None, key.kid} and jwe.alg in {"RSA-OAEP-256"} | _ecdh(key.kty):
                return bytes(jwe.decrypt({**key, "alg": jwe.alg})).decode()
    except Exception as exc:
        raise BadJwt("cannot be decrypted") from exc
    raise BadJwt("is not encrypted for a key of this server")


def _ecdh(kty: str) -> set[str]:
    return {"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"} if kty == "EC" else set()


def _check_first_use(server: Core, client: Client, claims: Mapping[str, Any]) -> None:
    for name in ("iat", "nbf", "jti"):
        _require(name in claims, f"'{name}' is missing")
    first = server.first_use("request object", client.client_id, str(claims["jti"]), claims["exp"])
    _require(first, "'jti' was used before")


def _check_claims(
    server: Core, client: Client, headers: Mapping[str, Any], claims: Mapping[str, Any], *, strict: bool
) -> None:
    if headers.get("typ", "JWT") not in {"JWT", "oauth-authz-req+jwt"}:
        raise BadJwt("'typ' must be oauth-authz-req+jwt")
    if claims.get("sub") == client.client_id:
        raise BadJwt("'sub' makes it look like a client assertion")  # RFC 9101 §10.8
    if {"request", "request_uri"} & claims.keys():
        raise BadJwt("it contains another request object")
    audience = claims.get("aud")
    if "iss" in claims or strict:
        _require(claims.get("iss") == client.client_id, "'iss' must be the client_id")
    if "aud" in claims or strict:
        _require(
            server.issuer in (audience if isinstance(audience, list) else [audience]), f"'aud' must be {server.issuer}"
        )
    if "exp" in claims or strict:
        check_times(claims, server.clock.now(), skew=server.clock_skew, max_lifetime=TEN_YEARS)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise BadJwt(otherwise)


def _texts(value: Any) -> list[str]:
    """Turn a claim into the values of a parameter; numbers may come as numbers, RFC 9101 §4."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return [str(value)]
    raise BadJwt("a parameter is neither a text nor a number")
