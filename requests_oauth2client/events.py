"""What happens to tokens, for those who watch: one hook, values without secrets.

Pass a hook as `on_event=` to `OAuth2Client`; `log_events` makes one that writes to `logging`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from attrs import asdict, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    EventHook = Callable[["TokenEvent"], object]

EventName = Literal[
    "token_obtained", "token_renewed", "renewal_failed", "request_retried", "nonce_retried", "served_from_store"
]

FAILURES: frozenset[EventName] = frozenset({"renewal_failed", "request_retried"})
"""Events that tell of something that went wrong; a server that asks for a nonce does nothing wrong."""


@frozen
class TokenEvent:
    """One thing that happened.

    Attributes:
        name: what happened.
        client_id: identifier of the client; `None` when its authentication method has none.
        endpoint: name of the endpoint that was asked, such as `token_endpoint`.
        grant_type: grant of the token request.
        duration: seconds that it took.
        attempt: number of the attempt, counted from 1.
        error: class of the error that came of it.
        expires_in: seconds that the token is good for.

    """

    name: EventName
    client_id: str | None = None
    endpoint: str | None = None
    grant_type: str | None = None
    duration: float | None = None
    attempt: int | None = None
    error: str | None = None
    expires_in: int | None = None


_logger = logging.getLogger("requests_oauth2client")


def tell(hook: EventHook | None, event: TokenEvent) -> None:
    """Call `hook` with `event`; what it raises is logged by its class, and stops nothing: a watcher breaks no login."""
    if hook is None:
        return
    try:
        hook(event)
    except Exception as exc:  # noqa: BLE001 - it is not ours, and may raise anything
        _logger.error("The hook for token events raised %s.", type(exc).__name__)  # noqa: TRY400 - locals may be secret


def log_events(logger: logging.Logger | None = None, level: int = logging.INFO) -> EventHook:
    """Return a hook that writes each event as one line; failures are warnings.

    Args:
        logger: where to; by default the logger `requests_oauth2client`.
        level: level of everything that is no failure.

    """
    target = logger or _logger

    def write(event: TokenEvent) -> None:
        details = {name: value for name, value in asdict(event).items() if value is not None and name != "name"}
        text = " ".join(f"{name}={value!r}" for name, value in details.items())
        target.log(logging.WARNING if event.name in FAILURES else level, "%s %s", event.name, text)

    return write
