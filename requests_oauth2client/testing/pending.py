"""Requests that wait for what a user decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from .clients import Client, User
    from .http import Form
    from .tokens import Login


@frozen
class CheckedRequest:
    """An authorization request that the server can honour, if the user wants."""

    client: Client
    redirect_uri: str
    redirect_uri_sent: bool
    """Whether it was in the request; the token request must then repeat it."""
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    code_challenge: str | None
    code_challenge_method: str
    dpop_jkt: str | None
    prompt: tuple[str, ...]
    max_age: int | None
    acr_values: tuple[str, ...]
    login_hint: str | None


@frozen
class PushedRequest:
    """An authorization request that waits for its user."""

    client_id: str
    parameters: Form
    expires_at: float


@frozen
class Interaction:
    """A request that waits for what its user decides, in one browser."""

    browser: str
    asked: CheckedRequest
    login: Login | None
    """Who is known to be there; `None` when they must log in first."""


@define(eq=False, kw_only=True)
class PolledRequest:
    """A request whose client asks again and again whether its user decided."""

    client_id: str
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: float
    interval: int
    """Seconds to wait between two token requests."""
    last_poll: float | None = None
    polls_before_decision: int = 0
    """How many token requests are still told to wait, though the user decided."""
    login: Login | None = None
    """Who approved it."""
    denied: bool = False
    redeemed: bool = False

    @property
    def undecided(self) -> bool:
        """Whether its user can still decide."""
        return self.login is None and not self.denied


@define(eq=False, kw_only=True)
class DeviceRequest(PolledRequest):
    """A device that waits for its user, RFC 8628."""

    device_code: str = field(repr=False)
    user_code: str


@define(eq=False, kw_only=True)
class BackchannelRequest(PolledRequest):
    """A client that waits for a user elsewhere, CIBA."""

    auth_req_id: str = field(repr=False)
    user: User
    """Who is asked."""
    binding_message: str | None
    """What is shown on both devices."""
    acr_values: tuple[str, ...]
    client_notification_token: str | None = field(repr=False)
