"""`requests` auth handlers that obtain, keep and renew a token.

However many threads share a handler, one renews at a time. While the old token is still valid (within `leeway` of its
expiry) the others go on with it and nobody waits; once it is expired they wait for the one, and share its outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field, fields, setters
from requests.auth import AuthBase

from .device_authorization import DeviceAuthorizationPollingJob, DeviceAuthorizationResponse
from .exceptions import NonRenewableTokenError, OAuth2Error
from .single_flight import SingleFlight
from .tokens import BearerToken

if TYPE_CHECKING:
    import requests

    from .authorization_response import AuthorizationResponse
    from .client import OAuth2Client

_frozen = setters.frozen

_EXCHANGE_ONLY = frozenset({"code_verifier", "redirect_uri", "validate"})
"""Arguments that belong to the exchange of a code, and not to later refreshes."""


def _as_token(token: str | BearerToken | None) -> BearerToken | None:
    return BearerToken(token) if isinstance(token, str) else token


@define(init=False, eq=False)
class _RenewingAuth(AuthBase):
    """What all handlers share: keep a token, know when it needs renewal, renew it once.

    Attributes:
        client: the client that gets tokens.
        token: the current token; `None` before the first use.
        leeway: seconds before expiry at which a token is renewed.
        token_kwargs: further form fields of token requests.

    """

    client: OAuth2Client = field(on_setattr=_frozen)
    token: BearerToken | None
    leeway: float = field(on_setattr=_frozen)
    token_kwargs: dict[str, Any] = field(on_setattr=_frozen, repr=False)
    _flight: SingleFlight = field(repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        token: str | BearerToken | None,
        leeway: float,
        token_kwargs: dict[str, Any],
        **own: Any,
    ) -> None:
        for name, value in {
            "client": client,
            "token": _as_token(token),
            "leeway": leeway,
            "token_kwargs": token_kwargs,
            "_flight": SingleFlight(),
            **own,
        }.items():
            object.__setattr__(self, name, value)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add a valid token to `request`, renewing it first when it is about to expire.

        Raises:
            NonRenewableTokenError: there is no token, and no way to get one.
            ExpiredAccessToken: the token is expired, and there is no way to renew it.
            OAuth2Error: the renewal failed.

        """
        token = self.token
        if token is None or token.is_expired(self.leeway):
            token = self._renewed(token)
        return token(request)

    def _renewed(self, token: BearerToken | None) -> BearerToken:
        def needed() -> bool:
            return self.token is None or bool(self.token.is_expired(self.leeway))

        usable = token is not None and not token.is_expired()
        try:
            self._flight.run(self.renew_token, needed=needed, wait=not usable)
        except OAuth2Error:
            # early renewal is a precaution: while the old token is valid, its failure is no failure of the call
            if token is None or token.is_expired():
                raise
        current = self.token
        if current is None:
            current = token if usable else None
        if current is None:
            raise NonRenewableTokenError
        return current

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [f.name for f in fields(type(self)) if f.name != "_flight"]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        return hash((type(self), self.client))

    def renew_token(self) -> None:
        """Get a new token and put it into `token`; subclasses do it with their grant."""
        raise NotImplementedError

    def forget_token(self) -> None:
        """Forget the current token: the next request gets a new one."""
        self.token = None

    def _refresh(self) -> None:
        """Renew with the refresh token, if there is one."""
        token = self.token
        if token is not None and token.refresh_token is not None:
            kwargs = {name: value for name, value in self.token_kwargs.items() if name not in _EXCHANGE_ONLY}
            self.token = self.client.refresh_token(token, **kwargs)


@define(init=False, eq=False)
class OAuth2AccessTokenAuth(_RenewingAuth):
    """Uses a token that was obtained elsewhere, and renews it with its refresh token, if it has one."""

    def __init__(
        self, client: OAuth2Client, token: str | BearerToken | None, *, leeway: float = 20, **token_kwargs: Any
    ) -> None:
        """Make a handler out of a token.

        Args:
            client: the client that refreshes it.
            token: the token.
            leeway: seconds before expiry at which it is renewed.
            **token_kwargs: further form fields of refresh requests.

        """
        super().__init__(client, token, leeway, token_kwargs)

    def renew_token(self) -> None:
        """Refresh the token (RFC 6749 §6); does nothing when there is no refresh token."""
        self._refresh()


@define(init=False, eq=False)
class OAuth2ClientCredentialsAuth(_RenewingAuth):
    """Gets tokens for the client itself, again and again (RFC 6749 §4.4)."""

    def __init__(
        self,
        client: OAuth2Client,
        *,
        leeway: float = 20,
        token: str | BearerToken | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler that asks for a token at the first request.

        Args:
            client: the client that gets tokens.
            leeway: seconds before expiry at which a token is renewed.
            token: a token to begin with.
            **token_kwargs: arguments of `OAuth2Client.client_credentials`, such as `scope`, `resource` or `dpop`.

        """
        super().__init__(client, token, leeway, token_kwargs)

    def renew_token(self) -> None:
        """Get another token; refresh tokens are not used (RFC 6749 §4.4.3)."""
        self.token = self.client.client_credentials(**self.token_kwargs)


@define(init=False, eq=False)
class OAuth2ResourceOwnerPasswordAuth(_RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Gets tokens with the password of a user, again and again (RFC 6749 §4.3).

    Attributes:
        username: name of the user.
        password: password of the user.

    """

    username: str = field(on_setattr=_frozen)
    password: str = field(on_setattr=_frozen, repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        *,
        username: str,
        password: str,
        leeway: float = 20,
        token: str | BearerToken | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler that asks for a token at the first request.

        Args:
            client: the client that gets tokens.
            username: name of the user.
            password: password of the user.
            leeway: seconds before expiry at which a token is renewed.
            token: a token to begin with.
            **token_kwargs: arguments of `OAuth2Client.resource_owner_password`, such as `scope`.

        """
        super().__init__(client, token, leeway, token_kwargs, username=username, password=password)

    def renew_token(self) -> None:
        """Get another token with the password."""
        self.token = self.client.resource_owner_password(self.username, self.password, **self.token_kwargs)


@define(init=False, eq=False)
class OAuth2AuthorizationCodeAuth(_RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Exchanges an authorization code at the first request, and refreshes afterwards (RFC 6749 §4.1.3, §6).

    The code is sent once, however many threads ask. It is kept when the exchange fails, and forgotten when it succeeds.

    Attributes:
        code: the code, or the `AuthorizationResponse` that holds it; `None` once it is exchanged.

    """

    code: str | AuthorizationResponse | None = field(repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        code: str | AuthorizationResponse | None,
        *,
        leeway: float = 20,
        token: str | BearerToken | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler out of a code.

        Args:
            client: the client that gets tokens.
            code: the code, or what `AuthorizationRequest.validate_callback` returned.
            leeway: seconds before expiry at which the token is refreshed.
            token: a token to begin with.
            **token_kwargs: arguments of `OAuth2Client.authorization_code`, such as `dpop` or `code_verifier`.

        """
        super().__init__(client, token, leeway, token_kwargs, code=code)

    def renew_token(self) -> None:
        """Exchange the code, if it is still there; else refresh the token."""
        if self.code is not None:
            self.exchange_code_for_token()
        else:
            self._refresh()

    def exchange_code_for_token(self) -> None:
        """Exchange the code for a token."""
        if self.code is not None:
            self.token = self.client.authorization_code(self.code, **self.token_kwargs)
            self.code = None


@define(init=False, eq=False)
class OAuth2DeviceCodeAuth(_RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Polls for the token of a device flow at the first request, and refreshes afterwards (RFC 8628 §3.4).

    One thread polls, however many ask; it ends when the code expires.

    Attributes:
        device_code: the device code, or the response that holds it; `None` once there is a token.
        interval: seconds between two requests, when `device_code` does not say it.
        expires_in: seconds in which the user must decide, when `device_code` does not say it.

    """

    device_code: str | DeviceAuthorizationResponse | None = field(repr=False)
    interval: float = field(on_setattr=_frozen)
    expires_in: float = field(on_setattr=_frozen)

    def __init__(
        self,
        client: OAuth2Client,
        device_code: str | DeviceAuthorizationResponse | None,
        *,
        leeway: float = 20,
        interval: float = 5,
        expires_in: float = 360,
        token: str | BearerToken | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler out of what `OAuth2Client.authorize_device` returned.

        Args:
            client: the client that gets tokens.
            device_code: the response, or a device code.
            leeway: seconds before expiry at which the token is refreshed.
            interval: seconds between two requests; what the response says wins.
            expires_in: seconds in which the user must decide; what the response says wins.
            token: a token to begin with.
            **token_kwargs: arguments of `OAuth2Client.device_code`, such as `dpop`.

        """
        own = {"device_code": device_code, "interval": interval, "expires_in": expires_in}
        super().__init__(client, token, leeway, token_kwargs, **own)

    def renew_token(self) -> None:
        """Wait for the user, if there is still a code; else refresh the token."""
        if self.device_code is not None:
            self.exchange_device_code_for_token()
        else:
            self._refresh()

    def exchange_device_code_for_token(self) -> None:
        """Poll until the user has decided.

        Raises:
            PollingExpired: the user has not decided in time.
            ExpiredToken: too late, said the server.
            AccessDenied: the user said no.

        """
        code = self.device_code
        if code is None:
            return
        interval = getattr(code, "interval", None)
        known_expiry = getattr(code, "expires_at", None)
        job = DeviceAuthorizationPollingJob(
            self.client, code, interval=self.interval if interval is None else interval, **self.token_kwargs
        )
        self.token = job.wait(timeout=self.expires_in if known_expiry is None else None)
        self.device_code = None
