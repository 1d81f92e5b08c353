"""The UserInfo Endpoint, OIDC Core §5.3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .http import NO_STORE, Request, Response
from .id_token import encrypt, sign
from .protected_resource import Challenge, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clients import User
    from .core import Core

CLAIMS_BY_SCOPE = {
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}  # fmt: skip
"""OIDC Core §5.4."""


def userinfo_endpoint(server: Core, request: Request) -> Response:
    """Give the claims about the user who granted an access token."""
    scope = ("openid",) if server.userinfo_requires_openid else ()
    token = Resource(server.issuer, server.dpop_nonces, scope).check(server, request)
    if token.grant.user is None:
        raise Challenge("invalid_token", "the access token is not that of a user", realm=server.issuer)
    claims = {**claims_about(token.grant.user, token.scope), **server.userinfo_changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    client = server.clients[token.grant.client_id]
    content = json.dumps(claims)
    if client.userinfo_signed_response_alg is None and client.userinfo_encrypted_response_alg is None:
        return Response.json(claims)
    headers = {}
    if client.userinfo_signed_response_alg is not None:
        claims = {"iss": server.issuer, "aud": client.client_id, **claims}
        content = sign(server, client, claims, client.userinfo_signed_response_alg)
        headers = {"cty": "JWT"}
    if client.userinfo_encrypted_response_alg is not None:
        content = encrypt(
            client,
            content,
            client.userinfo_encrypted_response_alg,
            client.userinfo_encrypted_response_enc,
            headers,
        )
    return Response(200, (("Content-Type", "application/jwt"), *NO_STORE), content.encode())


def claims_about(user: User, scope: Iterable[str]) -> dict[str, Any]:
    """Return `sub` and the claims that the scope allows. Claims that no standard scope protects are always given."""
    hidden = {claim for name, claims in CLAIMS_BY_SCOPE.items() if name not in scope for claim in claims}
    return {"sub": user.sub, **{name: value for name, value in user.claims.items() if name not in hidden}}
