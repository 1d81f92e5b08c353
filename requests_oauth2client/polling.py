"""Polling the Token Endpoint until the user has decided (RFC 8628 §3.5, CIBA §11)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attrs import define, field, setters

from .exceptions import (
    AuthorizationPending,
    InvalidTokenResponse,
    PollingExpired,
    PollingStopped,
    ServerError,
    SlowDown,
    TransportError,
)
from .lifetime import seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from .dpop import DPoPKey
    from .endpoint import BaseClient
    from .tokens import BearerToken

DEFAULT_INTERVAL = 5
"""Seconds between two requests: "If no value is provided, clients MUST use 5 as the default." RFC 8628 §3.2"""

LONGEST_PAUSE = 300.0
"""Seconds that a `Retry-After` or a failing server can make a job wait, at most."""

_fixed = setters.frozen


@define(init=False)
class BaseTokenEndpointPollingJob:
    """Asks again and again for a token; one call of the job is one wait and one request.

    Attributes:
        client: the client that sends the requests.
        requests_kwargs: further arguments of `requests.Session.request`.
        token_kwargs: further form fields.
        slow_down_interval: seconds that `slow_down` adds to `interval`, for good.
        interval: seconds to wait before each request.

    """

    client: BaseClient = field(on_setattr=_fixed)
    requests_kwargs: dict[str, Any] = field(on_setattr=_fixed)
    token_kwargs: dict[str, Any] = field(on_setattr=_fixed)
    slow_down_interval: float = field(on_setattr=_fixed)
    interval: float
    _deadline: float | None = field(eq=False, repr=False)
    _pause: float = field(eq=False, repr=False)
    _stop: Event | None = field(eq=False, repr=False)
    _key: DPoPKey | None = field(eq=False, repr=False)

    def _set_up(
        self,
        client: BaseClient,
        *,
        interval: float | None,
        slow_down_interval: float,
        requests_kwargs: dict[str, Any] | None,
        token_kwargs: dict[str, Any],
        deadline: float | None,
    ) -> None:
        values = {
            "client": client,
            "requests_kwargs": requests_kwargs or {},
            "token_kwargs": token_kwargs,
            "slow_down_interval": slow_down_interval,
            "interval": DEFAULT_INTERVAL if interval is None else interval,
            "_deadline": deadline,
            "_pause": 0.0,
            "_stop": None,
            "_key": None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __call__(self) -> BearerToken | None:
        """Wait `interval` seconds, and ask once.

        Returns:
            The token; `None` when it is not there yet: call again.

        Raises:
            ExpiredToken: too late, said the server.
            AccessDenied: the user said no.
            PollingExpired: too late, as the server had announced.
            PollingStopped: the event of `wait` was set.
            OAuth2Error: see `OAuth2Client.token_request`. What passes (no answer, a 5xx) does not end the job: the next
                wait is longer.

        """
        if self._deadline is not None and time.time() > self._deadline:
            raise PollingExpired
        self.sleep()
        if self._stop is not None and self._stop.is_set():
            raise PollingStopped
        try:
            return self.token_request()
        except SlowDown as exc:
            self._pause = _retry_after(exc.response)
            return self.slow_down()
        except AuthorizationPending as exc:
            self._pause = _retry_after(exc.response)
            return self.authorization_pending()
        except (TransportError, InvalidTokenResponse, ServerError) as exc:
            if not _passes(exc):
                raise
            self._pause = min(max(_retry_after(exc.response), 2 * self._pause, 2 * self.interval), LONGEST_PAUSE)
            return self.server_unavailable()

    def wait(
        self,
        *,
        timeout: float | None = None,
        stop: Event | None = None,
        on_wait: Callable[[BaseTokenEndpointPollingJob], object] | None = None,
    ) -> BearerToken:
        """Ask until there is a token.

        Args:
            timeout: seconds to wait in all; by default as long as the server announced.
            stop: ends the wait at once when it is set, from another thread or a signal handler.
            on_wait: called before each wait, with this job.

        Raises:
            PollingExpired: `timeout` seconds have passed, or what the server announced.
            PollingStopped: `stop` was set.
            OAuth2Error: see `__call__`.

        """
        if timeout is not None:
            self._deadline = min(time.time() + timeout, self._deadline or float("inf"))
        self._stop = stop
        token = None
        while token is None:
            if on_wait is not None:
                on_wait(self)
            token = self()
        return token

    def sleep(self) -> None:
        """Wait for the next request."""
        seconds = max(self.interval, self._pause)
        if self._stop is None:
            time.sleep(seconds)
        else:
            self._stop.wait(seconds)

    def slow_down(self) -> BearerToken | None:
        """Do what `slow_down` asks for: all further waits are longer (RFC 8628 §3.5)."""
        self.interval += self.slow_down_interval
        return None

    def authorization_pending(self) -> BearerToken | None:
        """Do what `authorization_pending` asks for: nothing but to go on."""
        return None

    def server_unavailable(self) -> BearerToken | None:
        """Go on after a network error or a failing server: each wait is twice as long as the last (RFC 8628 §3.5)."""
        return None

    def token_request(self) -> BearerToken:
        """Ask once, without waiting."""
        raise NotImplementedError

    def _dpop_arguments(self) -> dict[str, Any]:
        """Return `token_kwargs` with one DPoP key for all requests of this job: its nonces are kept, too."""
        if self._key is None:
            self._key = self.client._dpop_key(  # noqa: SLF001 - the job belongs to the wing of its client
                self.token_kwargs.get("dpop"), self.token_kwargs.get("dpop_key")
            )
        return self.token_kwargs if self._key is None else {**self.token_kwargs, "dpop_key": self._key}


def _retry_after(response: Any) -> float:
    """Return the seconds that the server wants us to wait (RFC 9110 §10.2.3)."""
    value = getattr(response, "headers", {}).get("Retry-After", "")
    return min(float(value), LONGEST_PAUSE) if value.isdecimal() else 0.0


def _passes(exc: TransportError | InvalidTokenResponse | ServerError) -> bool:
    """Tell whether it may work the next time: no answer at all, or a server that is not available."""
    status = getattr(exc.response, "status_code", None)
    return status is None or status == 429 or 500 <= status < 600  # noqa: PLR2004 - HTTP's own numbers


def checked_interval(interval: object) -> float:
    """Return a polling interval, in seconds.

    Raises:
        ValueError: it is no positive number.

    """
    value = seconds(interval)
    if value is None or value < 0:
        msg = "`interval` is not a positive number of seconds"
        raise ValueError(msg)
    return int(value) if value == int(value) else value


BaseTokenEndpointPoolingJob = BaseTokenEndpointPollingJob
