"""Every request is recorded, and answered honestly or as planned."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Any

from .core import Core
from .http import Headers, Refusal, Request, Response, TimedOut
from .misbehaviour import Misbehaviour, Planned, canned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from .switches import Choices


class Recorder(Core):
    """Takes note of requests, and misbehaves on demand."""

    def __init__(self, issuer: str, *, paths: Mapping[str, str] | None = None, **choices: Unpack[Choices]) -> None:
        """See `AuthorizationServer`."""
        super().__init__(issuer, paths=paths, **choices)
        self._planned: dict[str, list[Planned]] = {}

    def dispatch(self, request: Request, name: str, respond: Callable[[Request], Response]) -> Response:
        """Take note of a request, then answer it, honestly or as planned by `misbehave`."""

        def proceed() -> Response:
            try:
                response = respond(request)
            except Refusal as refusal:
                response = refusal.response()
            return response.with_headers(*request.response_headers)

        request.endpoint = name
        request.proceed = proceed
        with self.lock:
            self.requests.append(request)
            planned = self._next_misbehaviour(name)
        if planned is None:
            response = proceed()
        else:
            if planned.delay:
                if request.patience is not None and planned.delay > request.patience:
                    msg = f"no answer from the {name} endpoint within {request.patience} s"
                    raise TimedOut(msg)
                sleep(planned.delay)
            response = planned.answer(request)
        request.response_status = response.status
        return response

    def _next_misbehaviour(self, name: str) -> Planned | None:
        waiting = self._planned.get(name)
        if not waiting:
            return None
        planned = waiting[0]
        if planned.times is not None:
            planned.times -= 1
            if planned.times <= 0:
                waiting.pop(0)
        return planned

    def misbehave(
        self,
        endpoint: str,
        answer: Misbehaviour | None = None,
        *,
        status: int = 200,
        body: bytes | str | None = None,
        headers: Headers | None = None,
        json: Any = None,
        times: int | None = 1,
        delay: float = 0.0,
    ) -> None:
        """Plan another answer for the next requests to an endpoint. Several plans follow one another.

        Args:
            endpoint: name of the endpoint, or of an API.
            answer: a callable that takes the `Request` and returns the `Response`; several are ready in
                `requests_oauth2client.testing.misbehaviour`. Without it, what follows makes the answer.
            status: HTTP status.
            body: HTTP body.
            headers: HTTP headers.
            json: content of a JSON body.
            times: number of requests; `None` for all that come.
            delay: seconds to wait before the answer. When nothing else is given, the answer itself is honest.

        """
        if answer is None:
            honest = (status, body, headers, json) == (200, None, None, None)
            answer = Request.proceed_with if honest else canned(status, body or b"", headers, json)
        with self.lock:
            self._planned.setdefault(endpoint, []).append(Planned(answer, times, delay))

    def behave(self) -> None:
        """Forget all planned misbehaviours, and come back to the choices made when the server was built."""
        with self.lock:
            self._planned.clear()
            self.reset_switches()

    def count(self, endpoint: str) -> int:
        """Return the number of requests that an endpoint, or an API, received."""
        with self.lock:
            return sum(request.endpoint == endpoint for request in self.requests)

    def last(self, endpoint: str) -> Request:
        """Return the last request that an endpoint, or an API, received."""
        with self.lock:
            return next(request for request in reversed(self.requests) if request.endpoint == endpoint)
