"""The Pushed Authorization Request Endpoint, RFC 9126."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from .authorization_requests import REQUEST_URI_PREFIX, check_redirect_uri, check_request, unwrap
from .client_authentication import authenticate
from .dpop import key_of_token_request
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
    jkt = key_of_token_request(server, request, required=False)
    if jkt is not None:  # as good as `dpop_jkt`, RFC 9449 §10.1
        if parameters.get("dpop_jkt") not in {None, jkt}:
            raise Refusal("invalid_request", "'dpop_jkt' is not that of the proof")
        parameters = Form({**parameters.values, "dpop_jkt": [jkt]})
    check_request(server, client, parameters, check_redirect_uri(client, parameters))
    name = REQUEST_URI_PREFIX + secrets.token_urlsafe(32)
    lifetime = server.par_lifetime
    server.pushed_requests[name] = PushedRequest(client.client_id, parameters, server.clock.now() + lifetime)
    return Response.json({"request_uri": name, "expires_in": lifetime}, 201)
