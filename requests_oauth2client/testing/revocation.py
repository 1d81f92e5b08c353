"""The Revocation Endpoint, RFC 7009."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client_authentication import authenticate
from .http import NO_STORE, Form, Refusal, Request, Response

if TYPE_CHECKING:
    from .core import Core


def revocation_endpoint(server: Core, request: Request) -> Response:
    """Revoke a token, if it is one of this client. A refresh token takes the whole grant with it."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    value = form.required("token")
    if form.get("token_type_hint") in server.unsupported_revocation_types:
        raise Refusal("unsupported_token_type", "this server does not revoke tokens of that type")
    refresh_token = server.refresh_tokens.get(value)
    token = refresh_token or server.access_tokens.get(value)
    if token is not None:
        if token.grant.client_id != client.client_id:
            raise Refusal("invalid_grant", "the token was issued to another client")
        token.revoked = True
        if refresh_token is not None:
            refresh_token.grant.revoked = True
    # an unknown token is as good as revoked, RFC 7009 §2.2
    return Response(200, NO_STORE)
