"""The main job, shown: a token is obtained, used on an API, renewed when it expires.

The Authorization Server and the API are those of `testing`, on loopback ports; each line is a real HTTP exchange.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import requests
from requests.adapters import HTTPAdapter

from .api_client import ApiClient
from .auth import OAuth2ClientCredentialsAuth
from .client import OAuth2Client
from .evidence import SECRET_PARAMETERS
from .testing import AuthorizationServer, Response
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .testing import AccessToken, Request

SHOWN_OF_A_TOKEN = 4
TOLD = ("issuer", "error", "access_token", "token_type", "expires_in", "scope")
"""Members of an answer that a line has room for."""


def hidden(name: str, value: object) -> str:
    """Return `name=value` with enough of a token to recognize it, and nothing of another secret."""
    text = str(value)
    if name == "access_token" and len(text) > SHOWN_OF_A_TOKEN:
        text = f"{text[:SHOWN_OF_A_TOKEN]}…"
    elif name in SECRET_PARAMETERS:
        text = "••••"
    return f"{name}={text}"


def told(members: Iterable[tuple[str, object]]) -> str:
    """Return members on one line, without their secrets."""
    return " ".join(hidden(name, value) for name, value in members)


def sent(request: requests.PreparedRequest) -> str:
    """Return what a request says: its form, its access token."""
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    form = parse_qsl(body) if isinstance(body, str) else []
    scheme, _, credentials = str(request.headers.get("Authorization", "")).partition(" ")
    return told([("access_token", credentials)] if scheme == "Bearer" else form)


def answered(response: requests.Response) -> str:
    """Return what a response says: some members of its JSON, or its challenge."""
    challenge = response.headers.get("WWW-Authenticate")
    if challenge:
        return challenge
    content = response.json()
    return told((name, content[name]) for name in TOLD if name in content)


class Narrator(HTTPAdapter):
    """Sends as any adapter does, and tells each exchange in one line."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        """Tell with `tell`."""
        super().__init__()
        self._tell = tell

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, and tell what was asked and answered."""
        response = super().send(request, *args, **kwargs)
        line = f"  {request.method} {request.url} {sent(request)}".rstrip()
        self._tell(f"{line} → {response.status_code} {answered(response)}".rstrip())
        return response


def orders(_: Request, token: AccessToken) -> Response:
    """Answer as the API of the demo."""
    return Response.json({"orders": [{"id": 1, "item": "a lamp"}], "asked_by": token.grant.client_id})


def demo(tell: Callable[[str], object] = print) -> dict[str, Any]:
    """Run the main job over HTTP on this machine.

    Args:
        tell: receives each line. No line holds a secret.

    Returns:
        the API's last answer.

    """
    # A token is said to expire after half a second to one and a half, which is worth waiting for. It lives longer,
    # so that no machine is too slow for the demo.
    server = AuthorizationServer(extra_token_fields={"expires_in": 1 + round(time.time() % 1)})
    secret = secrets.token_urlsafe()
    server.add_client("demo", client_secret=secret, scope="orders:read")
    protected = server.protect("https://api.local/orders", scope="orders:read")
    protected.answer = orders
    session = requests.Session()
    session.trust_env = False  # no proxy stands between this machine and itself
    session.mount("http://", Narrator(tell))
    with server.serve() as issuer, session:
        tell(f"An Authorization Server listens on {issuer}, an API on {protected.url}.")
        tell("1. Discovery: the issuer tells where its endpoints are.")
        client = OAuth2Client.from_discovery_endpoint(
            issuer=issuer, client_id="demo", client_secret=secret, session=session
        )
        auth = OAuth2ClientCredentialsAuth(client, scope="orders:read", leeway=0)
        return call(ApiClient(protected.url, auth=auth, session=session), auth, tell)


def call(api: ApiClient, auth: OAuth2ClientCredentialsAuth, tell: Callable[[str], object]) -> dict[str, Any]:
    """Call the API with no token, a valid one, an expired one and a wrong one."""
    tell("2. The first API call gets an access token, by the client credentials grant.")
    api.get()
    tell("3. The next call uses it again.")
    api.get()
    tell("4. The token expires; the next call renews it.")
    while auth.token and not auth.token.is_expired():
        time.sleep(0.01)
    api.get()
    tell("5. The API refuses a token that the server never issued.")
    api.get(auth=BearerToken("made-up"), raise_for_status=False)
    tell("6. With its own token, the client gets the API's answer.")
    answer: dict[str, Any] = api.get().json()
    tell(json.dumps(answer))
    return answer
