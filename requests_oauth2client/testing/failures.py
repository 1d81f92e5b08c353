"""The failures that code must survive, each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from requests import ConnectionError as NoConnection

from .http import Request, Response, TimedOut
from .misbehaviour import canned, html, unavailable

if TYPE_CHECKING:
    from .recording import Recorder


@frozen
class Failures:
    """Makes endpoints of a server fail: the next time they are asked, or several times.

    The `endpoint` is `token`, `userinfo`, `jwks`, `api` and so on. `AuthorizationServer.misbehave` can do more.
    """

    _server: Recorder

    def refuse(
        self,
        endpoint: str = "token",
        error: str = "invalid_grant",
        description: str | None = None,
        *,
        status: int = 400,
        times: int | None = 1,
    ) -> None:
        """Answer an error of OAuth 2.0 (RFC 6749 §5.2)."""
        content = {"error": error, "error_description": description}
        members = {name: value for name, value in content.items() if value is not None}
        self._server.misbehave(endpoint, canned(status, json=members), times=times)

    def be_unavailable(self, endpoint: str = "token", *, retry_after: int | None = None, times: int | None = 1) -> None:
        """Answer 503, with `Retry-After` in seconds when that is given."""
        self._server.misbehave(endpoint, unavailable(retry_after), times=times)

    def time_out(self, endpoint: str = "token", *, times: int | None = 1) -> None:
        """Answer nothing, until the one who asked gives up; it takes no time."""

        def answer(request: Request) -> Response:
            msg = f"{request.endpoint} does not answer, as the test wants it"
            raise TimedOut(msg)

        self._server.misbehave(endpoint, answer, times=times)

    def be_unreachable(self, endpoint: str = "token", *, times: int | None = 1) -> None:
        """Let no connection come about; for sessions that reach the server in this process."""

        def answer(request: Request) -> Response:
            msg = f"{request.endpoint} cannot be reached, as the test wants it"
            raise NoConnection(msg)

        self._server.misbehave(endpoint, answer, times=times)

    def answer_nonsense(self, endpoint: str = "token", *, times: int | None = 1) -> None:
        """Answer a web page, as proxies and login walls do."""
        self._server.misbehave(endpoint, html(), times=times)
