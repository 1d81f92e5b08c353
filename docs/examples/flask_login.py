"""A web application whose users log in, and that calls an API in their name.

Run it with ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL and SECRET_KEY (32 random bytes, kept) in the environment:
flask --app flask_login run. It takes: pip install 'requests_oauth2client[flask]'
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from flask import Flask, redirect, request, session, url_for
from markupsafe import escape

from requests_oauth2client import ApiClient, OAuth2Client, OAuth2Error
from requests_oauth2client.flask import FlaskOAuth2AccessTokenAuth
from requests_oauth2client.web_session import LoginCookies

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

app = Flask(__name__)
app.secret_key = secret = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
logins = LoginCookies(secret)


@cache
def client() -> OAuth2Client:
    """Return the client, made once for all users."""
    return OAuth2Client.from_discovery_endpoint(
        issuer=os.environ["ISSUER"], client_id=os.environ["CLIENT_ID"], client_secret=os.environ["CLIENT_SECRET"]
    )


@cache
def user_auth() -> FlaskOAuth2AccessTokenAuth:
    """Return the handler whose token is that of the user who asks, encrypted in their session."""
    return FlaskOAuth2AccessTokenAuth("token", client=client())


@app.get("/")
def home() -> ResponseReturnValue:
    """Show the orders of the user."""
    if "name" not in session:
        return '<a href="/login">Log in</a>'
    orders = ApiClient(os.environ["API_URL"], auth=user_auth()).get("orders").json()
    items = "".join(f"<li>{escape(order['item'])}</li>" for order in orders)
    return f"Hello {escape(session['name'])}<ul>{items}</ul>"


@app.get("/login")
def login() -> ResponseReturnValue:
    """Send the user to the Authorization Server."""
    started = client().start_authorization(scope="openid orders:read", redirect_uri=url_for("callback", _external=True))
    response = redirect(started.uri)
    logins.begin(response, started)
    return response


@app.get("/callback")
def callback() -> ResponseReturnValue:
    """Take the user back."""
    try:
        answer, _ = logins.finish(request.cookies, request.url)
        token = client().authorization_code(answer)
    except OAuth2Error as error:
        app.logger.warning("a login failed: %s", error)
        return "You are not logged in.", 403
    session.clear()  # nothing of before the login stays
    session["name"] = client().userinfo(token)["sub"]
    user_auth().token = token.replace(id_token=None)
    response = redirect(url_for("home"))
    logins.forget(response, answer)
    return response


@app.post("/logout")
def logout() -> ResponseReturnValue:
    """Forget the user."""
    user_auth().token = None
    session.clear()
    return redirect(url_for("home"))
