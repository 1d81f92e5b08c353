"""Who is this client? RFC 6749 §2.3, RFC 7523 §2.2 and §3, OIDC Core §9."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .http import Form, Refusal, Request
from .signed_jwt import (
    ASYMMETRIC_ALGS,
    SYMMETRIC_ALGS,
    BadJwt,
    check_times,
    parse_jwt,
    secret_key,
    verify_jwt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clients import Client
    from .core import Core

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def authenticate(server: Core, request: Request, form: Form) -> Client:
    """Return the client that sent a request, after checking its credentials.

    Raises:
        Refusal: `invalid_client` when they are missing, wrong, or not those that this client should use;
            `invalid_request` when several methods are used at once.

    """
    authorization = request.headers.get("Authorization")
    basic = authorization is not None and authorization.split(" ")[0].lower() == "basic"
    methods = [
        method
        for method, used in (
            ("basic", basic),
            ("client_secret", "client_secret" in form),
            ("client_assertion", "client_assertion" in form or "client_assertion_type" in form),
        )
        if used
    ]
    if len(methods) > 1:
        raise Refusal("invalid_request", "more than one client authentication method is used")
    try:
        client = _check(server, request, form, methods[0] if methods else "none")
    except Refusal as refusal:
        if basic and refusal.error == "invalid_client":  # RFC 6749 §5.2
            refusal.headers = (*refusal.headers, ("WWW-Authenticate", f'Basic realm="{server.issuer}"'))
        raise
    if form.get("client_id") not in {None, client.client_id}:
        raise Refusal("invalid_request", "'client_id' is not that of the authenticated client")
    request.client_id = client.client_id
    return client


def _check(server: Core, request: Request, form: Form, method: str) -> Client:
    if method == "basic":
        return _check_basic(server, request.headers["Authorization"])
    if method == "client_assertion":
        return _check_assertion(server, request, form)
    client_id = form.get("client_id")
    if client_id is None:
        raise Refusal("invalid_client", "the client does not authenticate", status=401)
    if method == "client_secret":
        client = _known(server, client_id, "client_secret_post")
        return _check_secret(client, form.required("client_secret"))
    return _known(server, client_id, "none")


def _known(server: Core, client_id: str, method: str) -> Client:
    client = server.clients.get(client_id)
    if client is None:
        raise Refusal("invalid_client", "unknown client", status=401)
    if method not in client.auth_methods:
        raise Refusal("invalid_client", f"this client may not authenticate with {method}", status=401)
    return client


def _check_secret(client: Client, secret: str) -> Client:
    if not hmac.compare_digest(secret.encode(), (client.client_secret or "").encode()):
        raise Refusal("invalid_client", "wrong client secret", status=401)
    return client


def _check_basic(server: Core, authorization: str) -> Client:
    try:
        decoded = base64.b64decode(authorization[len("Basic ") :].strip(), validate=True).decode()
    except ValueError as exc:
        raise Refusal("invalid_client", "malformed Basic credentials", status=401) from exc
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise Refusal("invalid_client", "malformed Basic credentials", status=401)
    raw = server.clients.get(client_id)
    if raw is None or not raw.raw_basic:  # RFC 6749 §2.3.1: both were form-encoded before
        client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    return _check_secret(_known(server, client_id, "client_secret_basic"), secret)


def _check_assertion(server: Core, request: Request, form: Form) -> Client:
    if form.get("client_assertion_type") != JWT_BEARER:
        raise Refusal("invalid_client", f"'client_assertion_type' must be {JWT_BEARER}", status=401)
    try:
        return _verified_sender(server, request, form.required("client_assertion"))
    except BadJwt as exc:
        raise Refusal("invalid_client", f"client_assertion: {exc}", status=401) from exc


def _verified_sender(server: Core, request: Request, assertion: str) -> Client:
    unverified = parse_jwt(assertion)
    symmetric = unverified.headers.get("alg") in SYMMETRIC_ALGS
    client = _known(server, str(unverified.claims.get("sub")), "client_secret_jwt" if symmetric else "private_key_jwt")
    keys = [secret_key(client.client_secret or "")] if symmetric else client.jwks
    algs: Iterable[str] = SYMMETRIC_ALGS if symmetric else ASYMMETRIC_ALGS
    if client.token_endpoint_auth_signing_alg is not None:
        algs = [client.token_endpoint_auth_signing_alg]
    jwt = verify_jwt(assertion, keys, algs)
    if jwt.headers.get("typ", "JWT") not in {"JWT", "client-authentication+jwt"}:
        raise BadJwt("'typ' must be client-authentication+jwt")
    if jwt.claims.get("iss") != client.client_id:
        raise BadJwt("'iss' must be the client_id, as 'sub'")
    _check_audience(server, request, jwt.claims.get("aud"))
    exp = check_times(
        jwt.claims, server.clock.now(), skew=server.clock_skew, max_lifetime=server.max_assertion_lifetime
    )
    jti = jwt.claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise BadJwt("'jti' is missing")
    if not server.first_use("client_assertion", client.client_id, jti, exp):
        raise BadJwt("'jti' was used before")
    return client


def _check_audience(server: Core, request: Request, audience: object) -> None:
    """Accept one audience only, or the assertion could be replayed elsewhere (draft-ietf-oauth-rfc7523bis)."""
    accepted = {server.issuer}
    if not server.strict_audience:
        accepted |= {server.endpoint("token"), server.endpoint(request.endpoint)}
    if not isinstance(audience, str) or audience not in accepted:
        raise BadJwt(f"'aud' must be one string: {server.issuer}")
