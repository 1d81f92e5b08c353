"""Is this access token good for that? RFC 6750, for the APIs and the UserInfo endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .http import Refusal, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .core import Core
    from .tokens import AccessToken


class Challenge(Refusal):
    """A refusal by a protected resource: a `WWW-Authenticate` header instead of a JSON body, RFC 6750 §3."""

    def __init__(
        self, error: str = "", description: str = "", *, status: int = 401, scope: Iterable[str] = (), realm: str = ""
    ) -> None:
        """Challenge the client. Without `error`, it is only told that it needs a token."""
        super().__init__(error, description, status=status)
        self.parameters = {"realm": realm, "error": error, "error_description": description, "scope": " ".join(scope)}

    def response(self) -> Response:
        """Make the response, without a body."""
        parameters = ", ".join(f'{name}="{value}"' for name, value in self.parameters.items() if value)
        return Response(self.status, [("WWW-Authenticate", f"Bearer {parameters}"), ("Cache-Control", "no-store")])


def presented_token(request: Request, realm: str) -> str:
    """Return the access token in the header, or in the form body (RFC 6750 §2.2).

    Raises:
        Challenge: without `error` when there is none; `invalid_request` when there are several, or one in the URL,
            which ends in logs and histories.

    """
    authorization = request.headers.get("Authorization")
    if "access_token" in request.query:
        raise Challenge("invalid_request", "the URL is no place for an access token", status=400, realm=realm)
    in_form = request.form.get("access_token", []) if request.method == "POST" else []
    if len(in_form) + (authorization is not None) > 1:
        raise Challenge("invalid_request", "more than one access token", status=400, realm=realm)
    if in_form:
        return in_form[0]
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Challenge(realm=realm)
    return value.strip()


def check_access_token(
    server: Core, request: Request, *, realm: str, scope: Iterable[str] = (), audiences: Iterable[str] | None = None
) -> AccessToken:
    """Return the access token of a request, if it may do what it wants.

    Args:
        server: who issued it.
        request: the request to a protected resource.
        realm: what is protected.
        scope: the scopes that the token must have, all of them.
        audiences: what the resource calls itself; a token that is for others is refused. `None` to accept any.

    Raises:
        Challenge: `invalid_token` when it is unknown, expired, revoked or for another resource; `insufficient_scope`
            when it lacks a scope; see also `presented_token`.

    """
    token = server.active_access_token(presented_token(request, realm))
    if token is None:
        raise Challenge("invalid_token", "the access token is unknown, expired or revoked", realm=realm)
    if audiences is not None and token.audience and not set(token.audience) & set(audiences):
        raise Challenge("invalid_token", "the access token is for another resource", realm=realm)
    if not set(scope) <= set(token.scope):
        raise Challenge("insufficient_scope", "the access token lacks a scope", status=403, scope=scope, realm=realm)
    request.client_id = token.grant.client_id
    return token
