"""The main job, shown: a token is obtained, used on an API, renewed when it expires.

The Authorization Server and the API are those of `testing`, served on loopback ports: every line is a real HTTP exchange.
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

    from .testing import AccessToken, ProtectedApi, Request

SHOWN_OF_A_TOKEN = 4
TOLD = ("issuer", "error", "access_token", "token_type", "expires_in", "scope")
"""Members of an answer that a line has room for."""


def hidden(name: str, value: object) -> str:
    """Return `name=value` with enough of a token to recognize it, and nothing of another secret."""
    text = str(value)
    if name == "access_token":
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


def orders(request: Request, token: AccessToken) -> Response:
    """Answer as the API of the demo."""
    return Response.json({"orders": [{"id": 1, "item": "a reliable token"}], "asked_by": token.grant.client_id})


def demo(tell: Callable[[str], object] = print) -> dict[str, Any]:
    """Run the main job over HTTP on this machine.

    Args:
        tell: receives each line. No line holds a secret.

    Returns:
        the API's last answer.

    """
    # A token lives for whole seconds: long enough to be used twice, short enough to be waited for.
    server = AuthorizationServer(access_token_lifetime=1 + round(time.time() % 1))
    secret = secrets.token_urlsafe()
    server.add_client("demo", client_secret=secret, scope="orders:read")
    api = server.protect("https://api.local/orders", scope="orders:read")
    api.answer = orders
    session = requests.Session()
    session.trust_env = False  # no proxy stands between this machine and itself
    session.mount("http://", Narrator(tell))
    with server.serve() as issuer, session:
        return walk(tell, session, issuer, secret, api)


def walk(
    tell: Callable[[str], object], session: requests.Session, issuer: str, secret: str, protected: ProtectedApi
) -> dict[str, Any]:
    """Take the steps of the demo, each with its headline."""
    tell("Discovery: the issuer tells where its endpoints are.")
    client = OAuth2Client.from_discovery_endpoint(
        issuer=issuer, client_id="demo", client_secret=secret, session=session
    )
    auth = OAuth2ClientCredentialsAuth(client, scope="orders:read", leeway=0)
    api = ApiClient(protected.url, auth=auth, session=session)

    tell("The first API call gets an access token, by the client credentials grant.")
    api.get()
    tell("The next one uses it again.")
    api.get()

    tell("The token expires.")
    while auth.token and not auth.token.is_expired():
        time.sleep(0.01)
    tell("The next call renews it.")
    api.get()

    tell("The API refuses a token that the server never issued.")
    api.get(auth=BearerToken("made-up"), raise_for_status=False)

    tell("The API's answer to one more call:")
    answer: dict[str, Any] = api.get().json()
    tell(json.dumps(answer, indent=2))
    return answer
