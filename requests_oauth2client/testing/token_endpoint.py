"""The Token Endpoint, RFC 6749 §3.2, and the grants that need nothing else."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from .client_authentication import authenticate
from .dpop import key_of_token_request
from .http import Form, Refusal, Request, Response
from .token_requests import GrantHandler, TokenRequest, access_token_response, new_grant, token_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .core import Core


def token_endpoint(server: Core, grants: Mapping[str, GrantHandler], request: Request) -> Response:
    """Answer a token request."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    grant_type = form.required("grant_type")
    if grant_type not in grants:
        raise Refusal("unsupported_grant_type", "this server has no such grant")
    if client.grant_types is not None and grant_type not in client.grant_types:
        raise Refusal("unauthorized_client", "this client may not use that grant")
    jkt = key_of_token_request(server, request, required=server.require_dpop or client.dpop_bound_access_tokens)
    return Response.json(grants[grant_type](TokenRequest(server, request, form, client, grant_type, jkt)))


def client_credentials(asked: TokenRequest) -> dict[str, Any]:
    """Grant what a client asks for itself, RFC 6749 §4.4."""
    if asked.client.public:
        raise Refusal("unauthorized_client", "a public client has no credentials")
    return token_response(asked, new_grant(asked))


def password(asked: TokenRequest) -> dict[str, Any]:
    """Grant what a user allows by giving their password to the client, RFC 6749 §4.3."""
    user = asked.server.users.get(asked.form.required("username"))
    given = asked.form.required("password")
    if user is None or user.password is None or not hmac.compare_digest(given.encode(), user.password.encode()):
        raise Refusal("invalid_grant", "wrong username or password")
    return token_response(asked, new_grant(asked, user=user))


def refresh_token(asked: TokenRequest) -> dict[str, Any]:
    """Renew an access token, RFC 6749 §6, with rotation and detection of reuse, RFC 9700 §4.14.2."""
    server, form = asked.server, asked.form
    token = server.refresh_tokens.get(form.required("refresh_token"))
    if token is None or token.grant.client_id != asked.client.client_id:
        raise Refusal("invalid_grant", "unknown refresh token")
    if token.used:
        # Either the client or a thief used it before. Nobody can tell which, so nothing of that grant is good any more.
        token.grant.revoked = True
        server.reuse_alarms += 1
        raise Refusal("invalid_grant", "the refresh token was used before: all its tokens are revoked")
    if not token.is_active(server.clock.now()):
        raise Refusal("invalid_grant", "the refresh token is expired or revoked")
    if token.jkt is not None and token.jkt != asked.jkt:
        raise Refusal("invalid_grant", "the refresh token is bound to another key")
    scope = token.grant.scope
    if form.get("scope") is not None:
        scope = server.scope_for(asked.client, form.get("scope"))
        if not set(scope) <= set(token.grant.scope):
            raise Refusal("invalid_scope", "a refresh cannot widen the scope")
    successor = None
    if server.rotate_refresh_tokens:
        token.used = True
        successor = server.new_refresh_token(token.grant, jkt=token.jkt).value
    elif server.return_refresh_token_on_refresh:
        successor = token.value
    return access_token_response(asked, token.grant, scope=scope, refresh_token=successor)
