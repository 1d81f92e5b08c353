"""Requests that wait for what a user decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from .clients import Client
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
