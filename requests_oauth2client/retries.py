"""When to send a request to an Authorization Server again (RFC 9110 §10.2.3, RFC 6585 §4).

Off by default: pass a `RetryPolicy` as `retry=` to `OAuth2Client`. urllib3's own `Retry` must not be used for these
requests: it repeats the same client assertion and DPoP proof, which a server refuses as replayed.
"""

from __future__ import annotations

import time
from itertools import count
from random import uniform
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from .enums import GrantTypes
from .exceptions import ConnectionFailed, InvalidParam, OAuth2Error, RequestTimeout, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import requests

_HEADERS = Retry()

SINGLE_USE_GRANTS = frozenset({GrantTypes.AUTHORIZATION_CODE.value, GrantTypes.REFRESH_TOKEN.value})
"""Grants which a server may take as theft when they are spent twice (RFC 6749 §4.1.2, RFC 9700 §4.14.2)."""

REFUSED_STATUSES = frozenset({429, 503})
"""Statuses that say: the request was not processed. After any other failure, it may have been."""

MAY_BE_SPENT = (
    "The code or refresh token may have been spent all the same. It was not sent again, since a server may take that "
    "for theft and end the session: try once more yourself, and expect `invalid_grant`."
)
"""What the error says after an ambiguous failure."""

PASSING_STATUSES = REFUSED_STATUSES | {502, 504}
"""Statuses that pass: those, and those of a gateway that got no answer from the server behind it."""


def retry_after(response: requests.Response | None) -> float | None:
    """Return the seconds that the server wants us to wait (`Retry-After`, as seconds or as a date)."""
    value = None if response is None else response.headers.get("Retry-After")
    if not value:
        return None
    try:
        return max(0.0, _HEADERS.parse_retry_after(value))
    except (InvalidHeader, ValueError):  # a number of thousands of digits, a year that no date has
        return None


def _at_least(least: float) -> Any:
    def check(_: object, attribute: Attribute[float], value: Any) -> None:
        if not isinstance(value, (int, float)) or not value >= least:
            msg = f"`{attribute.name}` of a RetryPolicy must be a number, {least:g} or more."
            raise InvalidParam(msg)

    return check


# of a function, attrs knows what it converts from; for `frozenset` itself it would read the source, 2 ms at each start
def _statuses(statuses: Iterable[int]) -> frozenset[int]:
    return frozenset(statuses)


def _failures(failures: Iterable[type[TransportError]]) -> tuple[type[TransportError], ...]:
    return tuple(failures)


@frozen
class RetryPolicy:
    """How often, how long and after what to try again. Each attempt has a fresh client assertion and DPoP proof.

    A code or a refresh token is sent again only when the server cannot have seen it (no connection) or says that it did
    not process it (429, 503): after anything else, sending it twice could end the session of the user.

    Attributes:
        attempts: requests in all, the first included.
        budget: seconds to spend on waiting, in all.
        backoff: seconds before the second attempt, doubled each time; a random part of it is waited (full jitter).
        longest: seconds between two attempts, at most; a server that asks for more is not asked again.
        statuses: HTTP statuses after which to try again.
        failures: errors after which to try again, subclasses of `TransportError`.

    """

    attempts: int = field(default=3, validator=_at_least(1))
    budget: float = field(default=30.0, validator=_at_least(0))
    backoff: float = field(default=0.5, validator=_at_least(0))
    longest: float = field(default=20.0, validator=_at_least(0))
    statuses: frozenset[int] = field(default=PASSING_STATUSES, converter=_statuses)
    failures: tuple[type[TransportError], ...] = field(default=(ConnectionFailed, RequestTimeout), converter=_failures)

    def pause(self, attempt: int, spent: float, response: requests.Response | None = None) -> float | None:
        """Return the seconds to wait before the next attempt; `None` to give up.

        Args:
            attempt: attempts made so far.
            spent: seconds waited so far.
            response: the answer to the last attempt, if there was one; its `Retry-After` is obeyed.

        """
        asked = retry_after(response)
        seconds = uniform(0, min(self.backoff * 2 ** (attempt - 1), self.longest)) if asked is None else asked  # noqa: S311 - jitter
        if attempt >= self.attempts or seconds > self.longest or spent + seconds > self.budget:
            return None
        return seconds


def with_retries(
    send: Callable[[], requests.Response],
    policy: RetryPolicy | None,
    *,
    single_use: bool,
    on_retry: Callable[[int, str], object],
) -> requests.Response:
    """Call `send` until it gives an answer that is worth having, or `policy` gives up.

    Args:
        send: sends a fresh request.
        policy: when to send another; `None` for never.
        single_use: the request spends something that must not be spent twice.
        on_retry: told the number of the next attempt, and why.

    Raises:
        TransportError: of the last attempt. When something may have been spent without an answer, the message says so.

    """
    spent = 0.0
    for attempt in count(1):
        response, failure = None, None
        try:
            response = send()
        except TransportError as exc:
            failure = exc
        forbidden = single_use and _ambiguous(response, failure)
        worth_it = policy is not None and not forbidden and _passes(policy, response, failure)
        pause = policy.pause(attempt, spent, response) if worth_it and policy is not None else None
        if pause is None:
            return _outcome(response, failure, forbidden=forbidden)
        on_retry(attempt + 1, type(failure).__name__ if response is None else str(response.status_code))
        time.sleep(pause)
        spent += pause
    raise AssertionError  # pragma: no cover - count() does not end


def _ambiguous(response: requests.Response | None, failure: TransportError | None) -> bool:
    """Tell whether the server may have processed a request that it gave no usable answer to."""
    if response is None:
        return failure is not None and failure.may_have_been_processed
    return response.status_code >= 500 and response.status_code not in REFUSED_STATUSES  # noqa: PLR2004 - server errors


def tell_if_spent(error: OAuth2Error, response: requests.Response) -> None:
    """Say in `error` that what `response` refused may have been spent, when that is not known."""
    if _ambiguous(response, None):
        error.args = (f"{error} {MAY_BE_SPENT}",)


def _passes(policy: RetryPolicy, response: requests.Response | None, failure: TransportError | None) -> bool:
    return isinstance(failure, policy.failures) if response is None else response.status_code in policy.statuses


def _outcome(
    response: requests.Response | None, failure: TransportError | None, *, forbidden: bool
) -> requests.Response:
    if response is not None:
        return response
    error = failure if failure is not None else TransportError("There is no answer.")
    if forbidden:
        error.args = (f"{error} {MAY_BE_SPENT}",)
    raise error
