"""The Pushed Authorization Request Endpoint, RFC 9126."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from .authorization_requests import REQUEST_URI_PREFIX, check_redirect_uri, check_request, unwrap
from .client_authentication import authenticate
from .http import Form, Refusal, Response
from .pending import PushedRequest

if TYPE_CHECKING:
    from .core import Core
    from .http import Request


def par_endpoint(server: Core, request: Request) -> Response:
    """Check an authorization request, keep it, and name it."""
    form = Form.of(request)
    client = authenticate(server, request, form)
    if "request_uri" in form:
        raise Refusal("invalid_request", "'request_uri' cannot be pushed")  # RFC 9126 §2.1
    parameters = unwrap(server, client, form)
    if parameters.get("client_id") not in {None, client.client_id}:
        raise Refusal("invalid_request", "'client_id' is not that of the authenticated client")
    check_request(server, client, parameters, check_redirect_uri(client, parameters))
    name = REQUEST_URI_PREFIX + secrets.token_urlsafe(32)
    lifetime = server.par_lifetime
    server.pushed_requests[name] = PushedRequest(client.client_id, parameters, server.clock.now() + lifetime)
    return Response.json({"request_uri": name, "expires_in": lifetime}, 201)
