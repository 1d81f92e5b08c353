"""The Authorization Endpoint, RFC 6749 §3.1, OIDC Core §3.1.2, RFC 9207."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from attrs import evolve

from .authorization_code import new_code
from .authorization_requests import check_redirect_uri, check_request, read_parameters
from .browser import browser_of, log_in, login_of, remember_browser
from .http import Form, Refusal, Response
from .pages import decision_page, error_page
from .pending import Interaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core import Core
    from .http import Request
    from .pending import CheckedRequest
    from .tokens import Login


class PageRefusal(Refusal):
    """A refusal that only the user may see, since nobody knows where to redirect."""

    def response(self) -> Response:
        """Make the error page."""
        return error_page(self)


def answer(server: Core, request: Request, decide: Callable[[CheckedRequest], Response]) -> Response:
    """Check an authorization request and answer it: errors go back to the client by redirect whenever possible."""
    try:
        client, form = read_parameters(server, request.form if request.method == "POST" else request.query)
        redirect_uri = check_redirect_uri(client, form)
    except Refusal as refusal:
        raise PageRefusal(refusal.error, refusal.description) from refusal
    request.client_id = client.client_id
    try:
        return decide(check_request(server, client, form, redirect_uri))
    except Refusal as refusal:
        return redirect_back(server, redirect_uri, form.get("state"), _error(refusal))


def redirect_back(server: Core, redirect_uri: str, state: str | None, parameters: dict[str, str | None]) -> Response:
    """Redirect to the client, with the `state` that it sent and the issuer."""
    parameters = {**parameters, "state": state, "iss": server.issuer if server.iss_parameter else None}
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return Response.redirect(f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{query}")


def _error(refusal: Refusal) -> dict[str, str | None]:
    return {"error": refusal.error, "error_description": refusal.description}


def approve(server: Core, asked: CheckedRequest, login: Login) -> Response:
    """Redirect with a code."""
    if login.acr is None:
        login = evolve(login, acr=_satisfied_acr(server, asked))
    return redirect_back(server, asked.redirect_uri, asked.state, {"code": new_code(server, asked, login)})


def _satisfied_acr(server: Core, asked: CheckedRequest) -> str | None:
    supported = server.acr_values_supported
    return next((acr for acr in asked.acr_values if supported is None or acr in supported), None)


def usable_login(server: Core, asked: CheckedRequest, login: Login | None) -> Login | None:
    """Return the login if it is good enough for this request, or `None` if the user must log in again.

    Raises:
        Refusal: `login_required` when the user may not be asked.

    """
    now = server.clock.now()
    if login is None or (asked.max_age is not None and now - login.auth_time > asked.max_age):
        login = None
    if login is None and "none" in asked.prompt:
        raise Refusal("login_required", "nobody is logged in, or not recently enough")
    return None if "login" in asked.prompt else login


# With a browser


def authorization_endpoint(server: Core, request: Request) -> Response:
    """Answer the browser: a page where its user decides, or a redirect at once if they decided before."""

    def decide(asked: CheckedRequest) -> Response:
        login = usable_login(server, asked, login_of(server, request))
        consented = login is not None and set(asked.scope) <= server.consents.get(
            (login.user.username, asked.client.client_id), set()
        )
        if login is not None and consented and "consent" not in asked.prompt:
            return approve(server, asked, login)
        if "none" in asked.prompt:
            raise Refusal("consent_required", "the user did not consent before")
        return _ask(server, request, asked, login)

    return answer(server, request, decide)


def _ask(
    server: Core, request: Request, asked: CheckedRequest, login: Login | None, error: str | None = None
) -> Response:
    name = secrets.token_urlsafe(16)
    response = decision_page(
        f"{asked.client.client_name or asked.client.client_id} wants to act for you",
        server.endpoint("interaction"),
        scope=asked.scope,
        hidden={"interaction": name},
        username=login.user.username if login else asked.login_hint,
        ask_password=login is None,
        error=error,
    )
    browser, response = remember_browser(server, request, response)
    server.interactions[name] = Interaction(browser, asked, login)
    return response


def interaction_endpoint(server: Core, request: Request) -> Response:
    """Take the decision of the user, from the page."""
    form = Form.of(request)
    interaction = server.interactions.pop(form.get("interaction") or "", None)
    # the page of one browser, posted by another, would log a user into someone else's session
    if interaction is None or interaction.browser != browser_of(request):
        raise PageRefusal("invalid_request", "This page is no longer valid. Start again from the application.")
    asked = interaction.asked
    if form.get("decision") != "allow":
        denial = Refusal("access_denied", "the user said no")
        return redirect_back(server, asked.redirect_uri, asked.state, _error(denial))
    login = interaction.login or log_in(server, interaction.browser, form)
    if login is None:
        return _ask(server, request, asked, None, error="Wrong username or password.")
    consent = server.consents.setdefault((login.user.username, asked.client.client_id), set())
    consent.update(asked.scope)
    return approve(server, asked, login)


# Without a browser


def decide_now(
    server: Core, asked: CheckedRequest, login: Login | None, *, deny: bool = False, error: str | None = None
) -> Response:
    """Answer as if a user had just decided. With `prompt=none`, as if they had decided before."""
    if error is not None:
        raise Refusal(error)
    usable = usable_login(server, asked, login)
    if deny:
        raise Refusal("access_denied", "the user said no")
    if login is None:
        raise ValueError("somebody must log in: tell which user")
    return approve(server, asked, usable or evolve(login, auth_time=server.clock.now()))
