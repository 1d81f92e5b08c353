"""What clients are told while they poll the Token Endpoint: RFC 8628 §3.5, CIBA Core §11."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .http import Refusal
from .tokens import Grant

if TYPE_CHECKING:
    from .pending import PolledRequest
    from .token_requests import TokenRequest

SLOWER_BY = 5
"""Seconds that a client must add to its interval after each `slow_down`."""


def poll(asked: TokenRequest, pending: PolledRequest | None) -> Grant:
    """Return what the user granted, once.

    Raises:
        Refusal: `authorization_pending`, `slow_down`, `access_denied`, `expired_token`; `invalid_grant` when this
            client has no such request, or got its tokens already.

    """
    server = asked.server
    if pending is None or pending.client_id != asked.client.client_id or pending.redeemed:
        raise Refusal("invalid_grant", "unknown, used or someone else's")
    now = server.clock.now()
    if pending.expires_at <= now:
        raise Refusal("expired_token", "the user took too long")
    last, pending.last_poll = pending.last_poll, now
    if server.enforce_polling_interval and last is not None and now - last < pending.interval:
        pending.interval += SLOWER_BY
        raise Refusal("slow_down", f"wait {pending.interval} s between two requests")
    if pending.polls_before_decision > 0:
        pending.polls_before_decision -= 1
        raise Refusal("authorization_pending", "the user did not decide yet")
    if pending.denied:
        raise Refusal("access_denied", "the user said no")
    if pending.login is None:
        raise Refusal("authorization_pending", "the user did not decide yet")
    pending.redeemed = True
    return granted(pending)


def granted(pending: PolledRequest) -> Grant:
    """Make the grant of a request that its user approved."""
    user = pending.login.user if pending.login else None
    return Grant(
        client_id=pending.client_id, scope=pending.scope, audience=pending.audience, user=user, login=pending.login
    )
