"""An API that wants access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .clients import words
from .dpop_nonces import DPoPNonces
from .http import Request, Response
from .protected_resource import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .core import Core
    from .tokens import AccessToken


class ProtectedApi:
    """An API whose access tokens one `AuthorizationServer` issues.

    It answers any method on any path with a JSON object that tells what it received:
    `method`, `path`, `query`, `body`, `client_id`, `sub` and `scope`. What it does instead can be given as `answer`.

    It refuses, with the status and the `WWW-Authenticate` challenge that RFC 6750 §3 and RFC 9449 §7.1 ask for: no
    token, a token in the URL, an unknown, expired or revoked token, one that is for another resource, one that lacks a
    scope, one that is bound to a key and comes without a good proof of its possession.

    Made by `AuthorizationServer.protect`.

    Attributes:
        answer: a callable that takes the `Request` and its `AccessToken` and returns the `Response`.
        name: its name in `Request.endpoint`, `count` and `misbehave`.
        scope: the scopes that it requires.

    """

    def __init__(
        self, server: Core, url: str, *, scope: str | Iterable[str] | None = None, path: str = "/", name: str = "api"
    ) -> None:
        """See `AuthorizationServer.protect`."""
        self._server = server
        self._url = url
        self.path = path
        self.name = name
        self.scope = words(scope)
        self.dpop_nonces = DPoPNonces()
        self.served_at: str | None = None
        """Origin on the loopback interface, while the server is served."""
        self.answer: Callable[[Request, AccessToken], Response] = echo

    @property
    def url(self) -> str:
        """The URL of the API, where it is now."""
        parts = urlsplit(self._url)
        return (self.served_at or f"{parts.scheme}://{parts.netloc}") + parts.path

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def audiences(self) -> set[str]:
        """Return the `resource` values that mean this API: its URL, or any URL above it, with or without final `/`."""
        parts = urlsplit(self.url).path.strip("/").split("/")
        above = {"/".join([self.origin, *parts[:depth]]).rstrip("/") for depth in range(len(parts) + 1)}
        return above | {f"{url}/" for url in above}

    def respond(self, request: Request) -> Response:
        """Answer a request whose access token is good; refuse any other."""
        root = self.path.rstrip("/")
        if request.path != root and not request.path.startswith(f"{root}/"):
            return Response.json({"error": "not_found"}, 404)
        with self._server.lock:
            resource = Resource(self.url, self.dpop_nonces, self.scope, frozenset(self.audiences()))
            token = resource.check(self._server, request)
        return self.answer(request, token)

    def __repr__(self) -> str:
        """Show where it is."""
        return f"<ProtectedApi {self.url}>"


def echo(request: Request, token: AccessToken) -> Response:
    """Tell what was received."""
    received: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "query": {name: values[0] if len(values) == 1 else values for name, values in request.query.items()},
        "body": request.body.decode("utf-8", "replace"),
        "client_id": token.grant.client_id,
        "sub": token.grant.sub,
        "scope": " ".join(token.scope),
    }
    return Response.json(received)
