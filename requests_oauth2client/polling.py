"""Polling the Token Endpoint until the user has decided (RFC 8628 §3.5, CIBA §11).

<https://www.rfc-editor.org/rfc/rfc8628#section-3.5>
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attrs import define, field, setters
from requests.exceptions import SSLError

from .exceptions import (
    AuthorizationPending,
    InvalidParam,
    InvalidTokenResponse,
    PollingExpired,
    PollingStopped,
    ServerError,
    SlowDown,
    TransportError,
    UnknownTokenEndpointError,
)
from .lifetime import Expiring, seconds
from .retries import retry_after
from .strict_json import loads_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from typing_extensions import Self

    from .dpop import DPoPKey
    from .endpoint import BaseClient, RequestsKwargs
    from .exceptions import OAuth2Error
    from .tokens import BearerToken

DEFAULT_INTERVAL = 5
"""Seconds between two requests: "If no value is provided, clients MUST use 5 as the default." RFC 8628 §3.2"""

LONGEST_INTERVAL = 3600.0
"""Seconds that an interval may have: no user is waited for at such a pace."""

LONGEST_BACKOFF = 300.0
"""Seconds that a server which fails is left alone, at most, unless its `Retry-After` says more."""

LONGEST_RETRY_AFTER = 86_400.0
"""Seconds that a `Retry-After` can make a job wait, at most, when it does not know when the request expires."""

_fixed = setters.frozen


class PendingResponse(Expiring):
    """What a server answers at the start of a flow in which the user decides elsewhere."""

    __slots__ = ()

    if TYPE_CHECKING:
        interval: float | None
        other: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Give a member that has no attribute of its own."""
        if not name.startswith("__") and name in object.__getattribute__(self, "other"):
            return self.other[name]
        msg = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(msg)


def pending_members(content: bytes) -> dict[str, Any]:
    """Return the members of such an answer, those that all have in common checked.

    Raises:
        ValueError: they are of the wrong type.

    """
    members = loads_object(content)
    members.pop("expires_at", None)  # ours, and not for a server to set
    if members.get("expires_in") is not None and seconds(members["expires_in"]) is None:
        msg = "its `expires_in` is not a number of seconds"
        raise ValueError(msg)
    if members.get("interval") is not None:
        members["interval"] = checked_interval("interval", members["interval"])
    return members


def checked_text(members: dict[str, Any], name: str) -> str:
    """Return a text that people may see, without what would drive their terminal.

    Raises:
        ValueError: it is missing, or something else.

    """
    value = members.get(name)
    if isinstance(value, str) and value and value.isprintable():
        return value
    msg = f"the body has no usable `{name}`"
    raise ValueError(msg)


@define(init=False)
class BaseTokenEndpointPollingJob:
    """Asks again and again for a token; one call of the job is one wait and one request.

    A job belongs to one thread. For a grant of your own, subclass it and write `token_request`.

    Attributes:
        client: the client that sends the requests.
        requests_kwargs: further arguments of `requests.Session.request`.
        token_kwargs: further arguments of the grant.
        slow_down_interval: seconds that `slow_down` adds to `interval`, for good.
        interval: seconds to wait before each request.
        last_error: why the last request got no answer, such as a `ConnectionFailed`; `None` when it got one.

    """

    client: BaseClient = field(on_setattr=_fixed)
    requests_kwargs: RequestsKwargs = field(on_setattr=_fixed, repr=False)
    token_kwargs: dict[str, Any] = field(on_setattr=_fixed, repr=False)
    slow_down_interval: float = field(on_setattr=_fixed)
    interval: float
    last_error: OAuth2Error | None = field(eq=False, repr=False)
    _pending: PendingResponse | None = field(eq=False, repr=False)
    _pause: float = field(eq=False, repr=False)
    _stop: Event | None = field(eq=False, repr=False)
    _key: DPoPKey | None = field(eq=False, repr=False)

    def __init__(
        self,
        client: BaseClient,
        requests_kwargs: RequestsKwargs | None = None,
        token_kwargs: dict[str, Any] | None = None,
        slow_down_interval: float = 5,
        interval: float | None = None,
        *,
        pending: PendingResponse | None = None,
    ) -> None:
        """Make a job.

        Args:
            client: the client that asks.
            requests_kwargs: further arguments of `requests.Session.request`.
            token_kwargs: further arguments of the grant.
            slow_down_interval: seconds that `slow_down` adds.
            interval: seconds to wait before each request; by default what the server said, or 5.
            pending: what the server said.

        Raises:
            InvalidParam: an interval is no number of seconds, or too long.

        """
        if interval is None:
            interval = None if pending is None else pending.interval
        values = {
            "client": client,
            "requests_kwargs": dict(requests_kwargs or ()),
            "token_kwargs": dict(token_kwargs or ()),
            "slow_down_interval": checked_interval("slow_down_interval", slow_down_interval),
            "interval": DEFAULT_INTERVAL if interval is None else checked_interval("interval", interval),
            "last_error": None,
            "_pending": pending,
            "_pause": 0.0,
            "_stop": None,
            "_key": None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __call__(self) -> BearerToken | None:
        """Wait `interval` seconds, and ask once.

        What passes by itself does not end the job: without an answer, or after a 429 or 5xx, the next wait is twice as
        long, or what `Retry-After` says.

        Returns:
            The token; `None` when it is not there yet: call again.

        Raises:
            ExpiredToken: too late, said the server.
            AccessDenied: the user said no.
            PollingExpired: too late, as the server had announced; nothing was sent.
            PollingStopped: the event of `wait` was set.
            OAuth2Error: see `OAuth2Client.token_request`.

        """
        if self._pending is not None and self._pending.is_expired():
            raise PollingExpired from self.last_error
        self.sleep()
        if self._stop is not None and self._stop.is_set():
            raise PollingStopped
        try:
            token = self.token_request()
        except SlowDown as exc:
            self._heard(exc)
            return self.slow_down()
        except AuthorizationPending as exc:
            self._heard(exc)
            return self.authorization_pending()
        except (TransportError, InvalidTokenResponse, ServerError, UnknownTokenEndpointError) as exc:
            if not _passes(exc):
                raise
            backoff = min(2 * max(self._pause, self.interval, 1.0), LONGEST_BACKOFF)
            self._pause = max(backoff, _asked_pause(exc))
            self.last_error = exc
            return self.server_unavailable()
        self.last_error = None
        return token

    def wait(
        self,
        *,
        timeout: float | None = None,
        stop: Event | None = None,
        on_wait: Callable[[Self], object] | None = None,
    ) -> BearerToken:
        """Ask until there is a token.

        Args:
            timeout: seconds to wait in all, so that less than `interval` never asks; by default as long as the server
                announced.
            stop: ends the wait at once when it is set, from another thread or a signal handler.
            on_wait: called before each wait, with this job: `next_wait` and `last_error` tell what to show.

        Raises:
            PollingExpired: `timeout` seconds have passed, or what the server announced.
            PollingStopped: `stop` was set; another job may go on.
            OAuth2Error: see `__call__`.

        """
        limit = float("inf") if timeout is None else time.time() + timeout
        self._stop = stop
        try:
            while True:
                if on_wait is not None:
                    on_wait(self)
                left = limit - time.time()
                if left < self.next_wait:
                    self._sleep(max(left, 0.0))
                    break
                token = self()
                if token is not None:
                    return token
            if stop is not None and stop.is_set():
                raise PollingStopped
        finally:
            self._stop = None
        raise PollingExpired(timeout) from self.last_error

    @property
    def next_wait(self) -> float:
        """Seconds to wait before the next request: `interval`, or more after a failure, but not beyond the expiry."""
        left = None if self._pending is None else self._pending.expires_in
        return max(self.interval, min(self._pause, LONGEST_RETRY_AFTER if left is None else left))

    def sleep(self) -> None:
        """Wait for the next request."""
        self._sleep(self.next_wait)

    def _sleep(self, wait: float) -> None:
        if self._stop is None:
            time.sleep(wait)
        else:
            self._stop.wait(wait)

    def _heard(self, exc: OAuth2Error) -> None:
        """Note that the server works, and how long it wants to be left alone."""
        self.last_error, self._pause = None, _asked_pause(exc)

    def slow_down(self) -> BearerToken | None:
        """Do what `slow_down` asks for: all further waits are longer (RFC 8628 §3.5)."""
        self.interval += self.slow_down_interval
        return None

    def authorization_pending(self) -> BearerToken | None:
        """Do what `authorization_pending` asks for: nothing but to go on."""
        return None

    def server_unavailable(self) -> BearerToken | None:
        """Go on after a network error or a failing server, which `last_error` is (RFC 8628 §3.5)."""
        return None

    def token_request(self) -> BearerToken:
        """Ask once, without waiting."""
        raise NotImplementedError

    def _arguments(self) -> dict[str, Any]:
        """Return `token_kwargs` with one DPoP key for all requests of this job, which so keeps its nonces."""
        if self._key is None:
            self._key = self.client._dpop_key(  # noqa: SLF001 - the job belongs to the wing of its client
                self.token_kwargs.get("dpop"), self.token_kwargs.get("dpop_key")
            )
        return self.token_kwargs if self._key is None else {**self.token_kwargs, "dpop_key": self._key}


def _asked_pause(exc: OAuth2Error) -> float:
    """Return the seconds that the server wants to be left alone (RFC 9110 §10.2.3)."""
    return retry_after(exc.response) or 0.0


def _passes(exc: OAuth2Error) -> bool:
    """Tell whether it may work the next time: no answer at all, or a server that is not available."""
    if exc.response is None:
        # a certificate or a URL that is wrong stays wrong
        return not isinstance(exc.__cause__, (SSLError, ValueError))
    status = exc.response.status_code
    return status in (408, 429) or 500 <= status < 600  # noqa: PLR2004 - the class of server errors


def checked_interval(name: str, interval: object) -> float:
    """Return an interval, in seconds.

    Raises:
        InvalidParam: it is no number of seconds, or too long.

    """
    value = seconds(interval)
    if value is None or not 0 <= value <= LONGEST_INTERVAL:
        msg = f"`{name}` is not a number of seconds between 0 and {LONGEST_INTERVAL:.0f}"
        raise InvalidParam(msg)
    return int(value) if value == int(value) else value


BaseTokenEndpointPoolingJob = BaseTokenEndpointPollingJob
