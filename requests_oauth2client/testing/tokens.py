"""Tokens that the server issued, and what stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

if TYPE_CHECKING:
    from .clients import User


@frozen
class Login:
    """How a user logged in."""

    user: User
    auth_time: float
    """Seconds since 1970-01-01 UTC."""
    acr: str | None = None


@define(eq=False)
class Grant:
    """What was granted to a client, once. All tokens that come from it, directly or by refresh, fall with it."""

    client_id: str
    scope: tuple[str, ...]
    user: User | None = None
    """Who granted it; `None` when the client acts for itself."""
    subject: str | None = None
    """Subject of its tokens, when there is no user."""
    audience: tuple[str, ...] = ()
    """`resource` and `audience` asked for; empty for any."""
    claims: dict[str, Any] = field(factory=dict)
    """More members for the introspection of its tokens, such as `act`."""
    login: Login | None = None
    """How the user logged in to grant it."""
    nonce: str | None = field(default=None, repr=False)
    """Of the authorization request."""
    state: str | None = field(default=None, repr=False)
    """Of the authorization request."""
    pushed_for: str | None = field(default=None, repr=False)
    """The `auth_req_id` of the request, when its tokens are pushed to the client."""
    revoked: bool = False

    @property
    def sub(self) -> str:
        """The `sub` claim of its tokens."""
        return self.user.sub if self.user else self.subject or self.client_id


@define(eq=False)
class AccessToken:
    """An access token."""

    value: str = field(repr=False)
    grant: Grant
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    issued_at: float
    expires_at: float | None
    """Seconds since 1970-01-01 UTC; `None` if it does not expire."""
    jkt: str | None = None
    """Thumbprint of the key to which it is bound; `None` for a Bearer token."""
    revoked: bool = False

    def is_active(self, now: float) -> bool:
        """Whether it can be used."""
        return not (self.revoked or self.grant.revoked or (self.expires_at is not None and now >= self.expires_at))


@define(eq=False)
class RefreshToken:
    """A refresh token."""

    value: str = field(repr=False)
    grant: Grant
    issued_at: float
    expires_at: float | None
    jkt: str | None = None
    """Thumbprint of the key that must sign the proof when it is used."""
    used: bool = False
    """Whether it was exchanged for another. To see it again is an alarm, RFC 9700 §4.14.2."""
    revoked: bool = False

    def is_active(self, now: float) -> bool:
        """Whether it can be used."""
        expired = self.expires_at is not None and now >= self.expires_at
        return not (self.used or self.revoked or self.grant.revoked or expired)


@define(eq=False)
class AuthorizationCode:
    """An authorization code."""

    value: str = field(repr=False)
    grant: Grant
    redirect_uri: str | None
    """What the token request must repeat, if anything."""
    code_challenge: str | None
    code_challenge_method: str
    dpop_jkt: str | None
    """Thumbprint of the key that must redeem it, RFC 9449 §10."""
    expires_at: float
    used: bool = False
