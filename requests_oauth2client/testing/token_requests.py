"""What all grants share: who asks, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen
from requests.structures import CaseInsensitiveDict

from .http import Form, Refusal, Request
from .id_token import id_token
from .tokens import Grant

if TYPE_CHECKING:
    from .clients import Client
    from .core import Core


@frozen
class TokenRequest:
    """A token request from an authenticated client."""

    server: Core
    request: Request
    form: Form
    client: Client
    grant_type: str
    jkt: str | None = None
    """Thumbprint of the key whose possession was proven, RFC 9449 §5."""

    @property
    def refresh_jkt(self) -> str | None:
        """The key to which a refresh token is bound: that of a public client, RFC 9449 §5."""
        return self.jkt if self.client.public else None

    @classmethod
    def without_http(
        cls, server: Core, client_id: str, grant_type: str, parameters: Mapping[str, str | None]
    ) -> TokenRequest:
        """Make the request that a grant would have made."""
        form = Form({name: [value] for name, value in parameters.items() if value is not None})
        request = Request("POST", server.endpoint("token"), CaseInsensitiveDict(), endpoint="token")
        return cls(server, request, form, server.clients[client_id], grant_type)


GrantHandler: TypeAlias = Callable[[TokenRequest], dict[str, Any]]
"""Handles one grant type: returns the token response, or raises a `Refusal`."""


def new_grant(asked: TokenRequest, **fields: Any) -> Grant:
    """Make a grant of the `scope`, `resource` and `audience` asked for. `fields` are other fields of `Grant`."""
    return Grant(
        client_id=asked.client.client_id,
        scope=asked.server.scope_for(asked.client, asked.form.get("scope")),
        audience=asked.server.targets_for(asked.form.all("resource"), asked.form.all("audience")),
        **fields,
    )


def token_response(asked: TokenRequest, grant: Grant, *, code: str | None = None) -> dict[str, Any]:
    """Issue the tokens of a new grant: an access token, and a refresh token for the grant types that give one."""
    refresh_token = None
    if asked.grant_type in asked.server.issue_refresh_tokens:
        refresh_token = asked.server.new_refresh_token(grant, jkt=asked.refresh_jkt).value
    return access_token_response(asked, grant, scope=grant.scope, refresh_token=refresh_token, code=code)


def access_token_response(
    asked: TokenRequest,
    grant: Grant,
    *,
    scope: tuple[str, ...],
    refresh_token: str | None,
    code: str | None = None,
) -> dict[str, Any]:
    """Issue an access token, and make the token response, RFC 6749 §5.1."""
    server = asked.server
    targets = server.targets_for(asked.form.all("resource"), asked.form.all("audience"))
    if grant.audience and not set(targets) <= set(grant.audience):
        raise Refusal("invalid_target", "not among the resources that were granted")  # RFC 8707 §2.2
    jkt = None if server.dpop_downgrade else asked.jkt
    token = server.new_access_token(grant, scope=scope, audience=targets or grant.audience, jkt=jkt)
    response: dict[str, Any] = {"access_token": token.value, "token_type": "Bearer" if jkt is None else "DPoP"}
    if token.expires_at is not None and not server.omit_expires_in:
        response["expires_in"] = round(token.expires_at - token.issued_at)
    if scope and not server.omit_scope:
        response["scope"] = " ".join(scope)
    if refresh_token is not None:
        response["refresh_token"] = refresh_token
    if grant.user is not None and "openid" in scope and asked.grant_type in server.issue_id_tokens:
        response["id_token"] = id_token(server, grant, access_token=token.value, refresh_token=refresh_token, code=code)
    return {**response, **server.extra_token_fields}
