"""Authentication on another device, started by the client: OpenID Connect CIBA Core."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from attrs import evolve

from .client_authentication import authenticate
from .clients import words
from .http import Form, Refusal, Response
from .pending import BackchannelRequest
from .polling import granted, poll
from .request_objects import read_request_object
from .signed_jwt import ASYMMETRIC_ALGS, BadJwt, check_times, parse_jwt, verify_jwt
from .token_requests import TokenRequest, token_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jwskate import Jwk

    from .clients import Client, User
    from .core import Core
    from .http import Request

CIBA = "urn:openid:params:grant-type:ciba"
PUSH = "push"
HINTS = ("login_hint", "login_hint_token", "id_token_hint")
LONGEST_MESSAGE = 100
"""Signs that fit on the user's device."""


def backchannel_endpoint(server: Core, request: Request) -> Response:
    """Take an authentication request, CIBA Core §7.1."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    if client.public:
        raise Refusal("invalid_client", "a public client may not start an authentication", status=401)
    if client.grant_types is not None and CIBA not in client.grant_types:
        raise Refusal("unauthorized_client", "this client may not use that grant")
    if "request" in form:
        form = read_request_object(server, client, form.required("request"), one_time=True)
    scope = server.scope_for(client, form.required("scope"))
    if "openid" not in scope:
        raise Refusal("invalid_scope", "'scope' must contain openid")
    mode = client.backchannel_token_delivery_mode
    token = form.get("client_notification_token")
    if mode != "poll" and token is None:
        raise Refusal("invalid_request", "'client_notification_token' is missing")
    message = form.get("binding_message")
    if message is not None and len(message) > LONGEST_MESSAGE:
        raise Refusal("invalid_binding_message", f"at most {LONGEST_MESSAGE} signs")
    lifetime = _lifetime(server, form)
    pending = BackchannelRequest(
        client_id=client.client_id,
        scope=scope,
        audience=server.targets_for(form.all("resource"), form.all("audience")),
        expires_at=server.clock.now() + lifetime,
        interval=5 if server.polling_interval is None else server.polling_interval,
        auth_req_id=secrets.token_urlsafe(32),
        user=_user(server, client, form),
        binding_message=message,
        acr_values=words(form.get("acr_values")),
        client_notification_token=token,
    )
    server.backchannel_requests[pending.auth_req_id] = pending
    response = {"auth_req_id": pending.auth_req_id, "expires_in": lifetime}
    if mode != "push" and server.polling_interval is not None:
        response["interval"] = server.polling_interval
    return Response.json(response)


def _lifetime(server: Core, form: Form) -> int:
    asked = form.get("requested_expiry")
    if asked is None:
        return server.backchannel_lifetime
    if not asked.isascii() or not asked.isdigit() or int(asked) == 0:
        raise Refusal("invalid_request", "'requested_expiry' must be a positive number of seconds")
    return int(asked)


def _user(server: Core, client: Client, form: Form) -> User:
    """Return the user that the hint names.

    Raises:
        Refusal: `invalid_request` unless there is exactly one hint; `unknown_user_id`; `expired_login_hint_token`.

    """
    hints = [name for name in HINTS if name in form]
    if len(hints) != 1:
        raise Refusal("invalid_request", f"exactly one hint is needed, among {', '.join(HINTS)}")
    value = form.required(hints[0])
    name = value if hints[0] == "login_hint" else _subject(server, client, hints[0], value)
    for user in server.users.values():
        if name in {user.username, user.sub, user.claims.get("email"), user.claims.get("phone_number")}:
            return user
    raise Refusal("unknown_user_id", "the hint names nobody here")


def _subject(server: Core, client: Client, name: str, value: str) -> str:
    keys: Sequence[Jwk]
    try:
        claims = parse_jwt(value).claims
        if name == "id_token_hint":  # it may be expired, CIBA Core §7.1
            keys = server.keys.verification_keys(parse_jwt(value).headers.get("alg"))
        elif claims.get("iss") == client.client_id:
            keys = client.jwks
        else:
            keys = server.trusted_issuers.get(str(claims.get("iss")), ())
        claims = verify_jwt(value, keys, ASYMMETRIC_ALGS).claims
        if name == "login_hint_token" and claims.get("exp") is not None:
            _check_expiry(server, claims)
    except BadJwt as exc:
        raise Refusal("invalid_request", f"'{name}': {exc}") from exc
    return str(claims.get("sub"))


def _check_expiry(server: Core, claims: Any) -> None:
    try:
        check_times(claims, server.clock.now(), skew=server.clock_skew, max_lifetime=10**9)
    except BadJwt as exc:
        raise Refusal("expired_login_hint_token", str(exc)) from exc


def ciba(asked: TokenRequest) -> dict[str, Any]:
    """Redeem an authentication request, once the user decided."""
    if asked.client.backchannel_token_delivery_mode == PUSH:
        raise Refusal("unauthorized_client", "tokens are pushed to this client")  # CIBA Core §11
    return token_response(asked, poll(asked, asked.server.backchannel_requests.get(asked.form.required("auth_req_id"))))


def notification(server: Core, pending: BackchannelRequest) -> dict[str, Any] | None:
    """Return what to send to the client now that the user decided, CIBA Core §10.2 and §10.3; `None` for poll mode."""
    client = server.clients[pending.client_id]
    mode = client.backchannel_token_delivery_mode
    if mode == "poll":
        return None
    content: dict[str, Any] = {"auth_req_id": pending.auth_req_id}
    if mode == "push" and pending.denied:
        content.update(error="access_denied", error_description="the user said no")
    elif mode == "push":
        pending.redeemed = True
        asked = TokenRequest.without_http(server, client.client_id, CIBA, {})
        grant = evolve(granted(pending), pushed_for=pending.auth_req_id)
        content.update(token_response(asked, grant))
    return content
