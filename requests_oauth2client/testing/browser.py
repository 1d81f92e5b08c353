"""Who is at the browser: login sessions, kept by a cookie."""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from .tokens import Login

if TYPE_CHECKING:
    from .clients import User
    from .core import Core
    from .http import Form, Request, Response

COOKIE = "as_browser"


def browser_of(request: Request) -> str | None:
    """Return the identifier of the browser, from its cookie."""
    try:
        cookie = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None


def remember_browser(server: Core, request: Request, response: Response) -> tuple[str, Response]:
    """Give the browser an identifier, unless it has one."""
    browser = browser_of(request)
    if browser is not None:
        return browser, response
    browser = secrets.token_urlsafe(16)
    secure = "; Secure" if server.issuer.startswith("https") else ""
    cookie = f"{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax{secure}"
    return browser, response.with_headers(("Set-Cookie", cookie))


def login_of(server: Core, request: Request) -> Login | None:
    """Return who is logged in at the browser."""
    return server.logins.get(browser_of(request) or "")


def check_password(server: Core, form: Form) -> User | None:
    """Return the user, if that is their password; users without a password need none."""
    user = server.users.get(form.get("username") or "")
    given = form.get("password") or ""
    if user is None or not hmac.compare_digest(given.encode(), (user.password or "").encode()):
        return None
    return user


def log_in(server: Core, browser: str, form: Form) -> Login | None:
    """Log in with a username and a password; `None` if they are wrong."""
    user = check_password(server, form)
    if user is None:
        return None
    login = Login(user=user, auth_time=server.clock.now())
    server.logins[browser] = login
    return login
