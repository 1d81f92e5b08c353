"""The UserInfo Endpoint, OIDC Core §5.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bearer import Challenge, check_access_token
from .http import Request, Response

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
    scope = ["openid"] if server.userinfo_requires_openid else []
    token = check_access_token(server, request, realm=server.issuer, scope=scope)
    if token.grant.user is None:
        raise Challenge("invalid_token", "the access token is not that of a user", realm=server.issuer)
    return Response.json(claims_about(token.grant.user, token.scope))


def claims_about(user: User, scope: Iterable[str]) -> dict[str, Any]:
    """Return `sub` and the claims that the scope allows. Claims that no standard scope protects are always given."""
    hidden = {claim for name, claims in CLAIMS_BY_SCOPE.items() if name not in scope for claim in claims}
    return {"sub": user.sub, **{name: value for name, value in user.claims.items() if name not in hidden}}
