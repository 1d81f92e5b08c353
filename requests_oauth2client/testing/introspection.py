"""The Introspection Endpoint, RFC 7662."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client_authentication import authenticate
from .http import Form, Refusal, Request, Response
from .tokens import AccessToken

if TYPE_CHECKING:
    from .core import Core


def introspection_endpoint(server: Core, request: Request) -> Response:
    """Tell an authenticated client about a token. `token_type_hint` is not needed, so it is ignored."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    if client.public:  # anybody could try tokens out
        raise Refusal("invalid_client", "a public client may not introspect tokens", status=401)
    return Response.json(describe_token(server, form.required("token")))


def describe_token(server: Core, value: str) -> dict[str, Any]:
    """Return the introspection response for a token, RFC 7662 §2.2."""
    token = server.access_tokens.get(value) or server.refresh_tokens.get(value)
    if token is None or not token.is_active(server.clock.now()):
        return {"active": False}
    grant = token.grant
    facts: dict[str, Any] = {
        "active": True,
        "client_id": grant.client_id,
        "iss": server.issuer,
        "sub": grant.sub,
        "iat": int(token.issued_at),
        "exp": None if token.expires_at is None else int(token.expires_at),
        "username": grant.user.username if grant.user else None,
        "scope": " ".join(token.scope if isinstance(token, AccessToken) else grant.scope) or None,
        **grant.claims,
    }
    if isinstance(token, AccessToken):
        audience = token.audience[0] if len(token.audience) == 1 else list(token.audience) or None
        facts |= {"token_type": "Bearer", "aud": audience}
        if token.jkt is not None:
            facts |= {"token_type": "DPoP", "cnf": {"jkt": token.jkt}}
    return {name: fact for name, fact in facts.items() if fact is not None}
