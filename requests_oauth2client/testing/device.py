"""Devices without a browser, RFC 8628: the Device Authorization Endpoint, the page for the user, the grant."""

from __future__ import annotations

import re
import secrets
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .browser import check_password
from .client_authentication import authenticate
from .http import Form, Refusal, Response
from .pages import decision_page, page
from .pending import DeviceRequest
from .polling import poll
from .token_requests import token_response
from .tokens import Login

if TYPE_CHECKING:
    from .core import Core
    from .http import Request
    from .token_requests import TokenRequest

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, hence no words, RFC 8628 §6.1."""


def device_authorization_endpoint(server: Core, request: Request) -> Response:
    """Give a device its codes."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    if client.grant_types is not None and DEVICE_CODE not in client.grant_types:
        raise Refusal("unauthorized_client", "this client may not use that grant")
    letters = [secrets.choice(LETTERS) for _ in range(8)]
    pending = DeviceRequest(
        client_id=client.client_id,
        scope=server.scope_for(client, form.get("scope")),
        audience=server.targets_for(form.all("resource"), form.all("audience")),
        expires_at=server.clock.now() + server.device_code_lifetime,
        interval=5 if server.polling_interval is None else server.polling_interval,
        device_code=secrets.token_urlsafe(32),
        user_code="".join(letters[:4]) + "-" + "".join(letters[4:]),
    )
    server.device_requests[pending.device_code] = pending
    uri = server.endpoint("verification")
    response = {
        "device_code": pending.device_code,
        "user_code": pending.user_code,
        "verification_uri": uri,
        "verification_uri_complete": f"{uri}?{urlencode({'user_code': pending.user_code})}",
        "expires_in": server.device_code_lifetime,
        "interval": server.polling_interval,
    }
    return Response.json({name: value for name, value in response.items() if value is not None})


def device_code(asked: TokenRequest) -> dict[str, Any]:
    """Redeem a device code, once the user decided."""
    return token_response(asked, poll(asked, asked.server.device_requests.get(asked.form.required("device_code"))))


def find_device(server: Core, user_code: str) -> DeviceRequest | None:
    """Return the request of a device that waits for its user. Case and punctuation do not count, RFC 8628 §6.1."""
    typed = re.sub("[^A-Z]", "", user_code.upper())
    now = server.clock.now()
    return next(
        (
            pending
            for pending in server.device_requests.values()
            if pending.user_code.replace("-", "") == typed and pending.undecided and pending.expires_at > now
        ),
        None,
    )


def verification_endpoint(server: Core, request: Request) -> Response:
    """Show the page where the user types the code, and take their decision. They always log in for that."""
    form = Form.of(request) if request.method == "POST" else Form.read(request.query)
    if request.method == "GET":
        return _page(server, form)
    pending = find_device(server, form.get("user_code") or "")
    if pending is None:
        return _page(server, form, error="There is no such code, or it is too old.")
    if form.get("decision") != "allow":
        pending.denied = True
        return page("Denied", "<p>The device gets nothing. You can close this page.</p>")
    user = check_password(server, form)
    if user is None:
        return _page(server, form, error="Wrong username or password.")
    pending.login = Login(user=user, auth_time=server.clock.now())
    return page("Connected", "<p>You can go back to your device, and close this page.</p>")


def _page(server: Core, form: Form, error: str | None = None) -> Response:
    user_code = escape(form.get("user_code") or "")
    return decision_page(
        "Connect a device",
        server.endpoint("verification"),
        scope=(),
        hidden={},
        username=form.get("username"),
        ask_password=True,
        error=error,
        extra=f'<label>Code shown by the device<input name="user_code" autocomplete="off" value="{user_code}"></label>',
    )
