"""What an authorization request may ask: RFC 6749 §4.1.1, RFC 7636, OIDC Core §3.1.2.1."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .clients import words
from .http import Form, Refusal
from .pending import CheckedRequest
from .request_objects import read_request_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clients import Client
    from .core import Core

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"


def read_parameters(server: Core, parameters: Mapping[str, list[str]]) -> tuple[Client, Form]:
    """Find the client and the parameters of a request, wherever they are: here, in a request object, or pushed before.

    Raises:
        Refusal: when there is no such client, or the parameters cannot be read or trusted.

    """
    form = Form.read(parameters, repeatable=("resource", "audience"))
    client = server.clients.get(form.required("client_id"))
    if client is None:
        raise Refusal("invalid_client", "unknown client")
    request_uri = form.get("request_uri")
    if request_uri is not None:
        if "request" in form:
            raise Refusal("invalid_request", "'request' and 'request_uri' exclude each other")
        return client, _pushed(server, client, request_uri)
    if server.require_par or client.require_pushed_authorization_requests:
        raise Refusal("invalid_request", "the request must be pushed first")
    return client, unwrap(server, client, form)


def _pushed(server: Core, client: Client, request_uri: str) -> Form:
    if not request_uri.startswith(REQUEST_URI_PREFIX):
        raise Refusal("request_uri_not_supported", "only pushed requests have a 'request_uri' here")
    pushed = server.pushed_requests.pop(request_uri, None)  # good for one use, RFC 9126 §4
    if pushed is None or pushed.client_id != client.client_id or pushed.expires_at <= server.clock.now():
        raise Refusal("invalid_request_uri", "'request_uri' is unknown, expired or used")
    return pushed.parameters


def unwrap(server: Core, client: Client, form: Form) -> Form:
    """Return the parameters inside the request object, if there is one.

    Raises:
        Refusal: see `read_request_object`; also when one is required and missing.

    """
    value = form.get("request")
    if value is not None:
        return read_request_object(server, client, value)
    if server.require_signed_request_object or client.require_signed_request_object:
        raise Refusal("invalid_request", "a signed request object is required")
    return form


def check_redirect_uri(client: Client, form: Form) -> str:
    """Return the redirect URI of a request: one that the client registered, RFC 9700 §4.1.3.

    Raises:
        Refusal: `invalid_request` when it is not; the server must not redirect then.

    """
    asked = form.get("redirect_uri")
    if asked is None and len(client.redirect_uris) == 1:
        return client.redirect_uris[0]
    if asked is None:
        raise Refusal("invalid_request", "parameter 'redirect_uri' is missing")
    if not any(asked == uri or _same_but_for_the_port(asked, uri) for uri in client.redirect_uris):
        raise Refusal("invalid_request", "'redirect_uri' is not registered")
    return asked


def _same_but_for_the_port(asked: str, registered: str) -> bool:
    """Compare loopback redirect URIs, whose port is chosen when the program starts, RFC 8252 §7.3."""
    try:
        parts, expected = urlsplit(asked), urlsplit(registered)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or not _is_loopback(parts.hostname or "") or "@" in parts.netloc or "#" in asked:
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    written = {f"{host}:{port}", host}
    return parts.netloc in written and (parts.scheme, parts.hostname, parts.path, parts.query) == (
        expected.scheme,
        expected.hostname,
        expected.path,
        expected.query,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_request(server: Core, client: Client, form: Form, redirect_uri: str) -> CheckedRequest:
    """Check all other parameters.

    Raises:
        Refusal: with the error code that goes back to the client.

    """
    if form.required("response_type") != "code":
        raise Refusal("unsupported_response_type", "'response_type' must be 'code'")
    if form.get("response_mode") not in {None, "query"}:
        raise Refusal("invalid_request", "'response_mode' must be 'query'")
    if client.grant_types is not None and "authorization_code" not in client.grant_types:
        raise Refusal("unauthorized_client", "this client may not use that grant")
    prompt = words(form.get("prompt"))
    if "none" in prompt and len(prompt) > 1:
        raise Refusal("invalid_request", "'prompt' cannot be 'none' and something else")
    max_age = form.get("max_age")
    if max_age is not None and not re.fullmatch("[0-9]+", max_age):
        raise Refusal("invalid_request", "'max_age' must be a number of seconds")
    method = _check_pkce(server, client, form)
    return CheckedRequest(
        client=client,
        redirect_uri=redirect_uri,
        redirect_uri_sent="redirect_uri" in form,
        scope=server.scope_for(client, form.get("scope")),
        audience=server.targets_for(form.all("resource"), form.all("audience")),
        state=form.get("state"),
        nonce=form.get("nonce"),
        code_challenge=form.get("code_challenge"),
        code_challenge_method=method,
        dpop_jkt=_check_jkt(form),
        prompt=prompt,
        max_age=None if max_age is None else int(max_age),
        acr_values=words(form.get("acr_values")),
        login_hint=form.get("login_hint"),
    )


def _check_jkt(form: Form) -> str | None:
    value = form.get("dpop_jkt")
    if value is not None and not re.fullmatch("[A-Za-z0-9_-]{43}", value):
        raise Refusal("invalid_request", "'dpop_jkt' is not the SHA-256 thumbprint of a key")
    return value


def _check_pkce(server: Core, client: Client, form: Form) -> str:
    challenge = form.get("code_challenge")
    if challenge is None:
        if server.require_pkce or client.public:
            raise Refusal("invalid_request", "'code_challenge' is missing")
        if "code_challenge_method" in form:
            raise Refusal("invalid_request", "'code_challenge_method' without 'code_challenge'")
    method = form.get("code_challenge_method") or "plain"  # RFC 7636 §4.3
    if challenge is not None:
        if method != "S256" and not (method == "plain" and server.allow_plain_pkce):
            raise Refusal("invalid_request", "'code_challenge_method' must be 'S256'")
        if not re.fullmatch("[A-Za-z0-9._~-]{43,128}", challenge):
            raise Refusal("invalid_request", "'code_challenge' is malformed")
    return method
