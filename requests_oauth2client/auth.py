"""`requests` auth handlers that obtain, keep and renew a token; how they renew is in `renewal`.

However many threads share a handler, one renews at a time. While the old token is still valid (within `leeway` of its
expiry) the others go on with it and nobody waits; once it is expired they wait for the one, and share its outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, setters

from .device_authorization import DeviceAuthorizationPollingJob
from .enums import GrantTypes
from .exceptions import NonRenewableTokenError
from .renewal import RenewingAuth

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from .authorization_response import AuthorizationResponse
    from .client import OAuth2Client
    from .device_authorization import DeviceAuthorizationResponse
    from .polling import BaseTokenEndpointPollingJob
    from .token_store import TokenStore
    from .tokens import BearerToken

__all__ = [
    "NonRenewableTokenError",
    "OAuth2AccessTokenAuth",
    "OAuth2AuthorizationCodeAuth",
    "OAuth2ClientCredentialsAuth",
    "OAuth2DeviceCodeAuth",
    "OAuth2ResourceOwnerPasswordAuth",
]

_frozen = setters.frozen


@define(init=False, eq=False)
class OAuth2AccessTokenAuth(RenewingAuth):
    """Uses a token that was obtained elsewhere, and renews it with its refresh token, if it has one."""

    GRANT_TYPE: ClassVar[str] = GrantTypes.REFRESH_TOKEN.value

    def __init__(
        self,
        client: OAuth2Client,
        token: str | BearerToken | None,
        *,
        leeway: float = 20,
        store: TokenStore | None = None,
        store_key: str | None = None,
        renew_on_401: bool = True,
        renew_in_background: bool = False,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler out of a token.

        Args:
            client: the client that refreshes it.
            token: the token.
            leeway: seconds before expiry at which it is renewed.
            store: see `RenewingAuth`.
            store_key: see `RenewingAuth`.
            renew_on_401: see `RenewingAuth`.
            renew_in_background: see `RenewingAuth`.
            **token_kwargs: further form fields of refresh requests.

        """
        super().__init__(
            client,
            token,
            token_kwargs,
            leeway=leeway,
            store=store,
            store_key=store_key,
            renew_on_401=renew_on_401,
            renew_in_background=renew_in_background,
        )

    def renew_token(self) -> None:
        """Refresh the token (RFC 6749 §6); does nothing when there is no refresh token."""
        self._refresh()


@define(init=False, eq=False)
class OAuth2ClientCredentialsAuth(RenewingAuth):
    """Gets tokens for the client itself, again and again (RFC 6749 §4.4)."""

    GRANT_TYPE: ClassVar[str] = GrantTypes.CLIENT_CREDENTIALS.value
    KEY_NEEDED: ClassVar[bool] = False
    REPEATABLE: ClassVar[bool] = True

    def __init__(
        self,
        client: OAuth2Client,
        *,
        leeway: float = 20,
        token: str | BearerToken | None = None,
        store: TokenStore | None = None,
        store_key: str | None = None,
        renew_on_401: bool = True,
        renew_in_background: bool = False,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler that asks for a token at the first request.

        Args:
            client: the client that gets tokens.
            leeway: seconds before expiry at which a token is renewed.
            token: a token to begin with.
            store: see `RenewingAuth`.
            store_key: see `RenewingAuth`.
            renew_on_401: see `RenewingAuth`.
            renew_in_background: see `RenewingAuth`.
            **token_kwargs: arguments of `OAuth2Client.client_credentials`, such as `scope`, `resource` or `dpop`.

        """
        super().__init__(
            client,
            token,
            token_kwargs,
            leeway=leeway,
            store=store,
            store_key=store_key,
            renew_on_401=renew_on_401,
            renew_in_background=renew_in_background,
        )

    def renew_token(self) -> None:
        """Get another token; refresh tokens are not used (RFC 6749 §4.4.3)."""
        self.token = self.client.client_credentials(**self.token_kwargs)


@define(init=False, eq=False)
class OAuth2ResourceOwnerPasswordAuth(RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Gets tokens with the password of a user, again and again (RFC 6749 §4.3).

    Attributes:
        username: name of the user.
        password: password of the user.

    """

    GRANT_TYPE: ClassVar[str] = GrantTypes.RESOURCE_OWNER_PASSWORD.value
    KEY_NEEDED: ClassVar[bool] = False
    REPEATABLE: ClassVar[bool] = True

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
        store: TokenStore | None = None,
        store_key: str | None = None,
        renew_on_401: bool = True,
        renew_in_background: bool = False,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler that asks for a token at the first request.

        Args:
            client: the client that gets tokens.
            username: name of the user.
            password: password of the user.
            leeway: seconds before expiry at which a token is renewed.
            token: a token to begin with.
            store: see `RenewingAuth`.
            store_key: see `RenewingAuth`.
            renew_on_401: see `RenewingAuth`.
            renew_in_background: see `RenewingAuth`.
            **token_kwargs: arguments of `OAuth2Client.resource_owner_password`, such as `scope`.

        """
        super().__init__(
            client,
            token,
            token_kwargs,
            leeway=leeway,
            store=store,
            store_key=store_key,
            renew_on_401=renew_on_401,
            renew_in_background=renew_in_background,
            username=username,
            password=password,
        )

    def renew_token(self) -> None:
        """Get another token with the password."""
        self.token = self.client.resource_owner_password(self.username, self.password, **self.token_kwargs)

    def _owner(self) -> dict[str, Any]:
        return {"username": self.username}


@define(init=False, eq=False)
class OAuth2AuthorizationCodeAuth(RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Exchanges an authorization code at the first request, and refreshes afterwards (RFC 6749 §4.1.3, §6).

    The code is sent once, however many threads ask. It is kept when the exchange fails, and forgotten when it succeeds.

    Attributes:
        code: the code, or the `AuthorizationResponse` that holds it; `None` once it is exchanged.

    """

    GRANT_TYPE: ClassVar[str] = GrantTypes.AUTHORIZATION_CODE.value

    code: str | AuthorizationResponse | None = field(repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        code: str | AuthorizationResponse | None,
        *,
        leeway: float = 20,
        token: str | BearerToken | None = None,
        store: TokenStore | None = None,
        store_key: str | None = None,
        renew_on_401: bool = True,
        renew_in_background: bool = False,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler out of a code.

        Args:
            client: the client that gets tokens.
            code: the code, or what `AuthorizationRequest.validate_callback` returned.
            leeway: seconds before expiry at which the token is refreshed.
            token: a token to begin with.
            store: see `RenewingAuth`.
            store_key: see `RenewingAuth`.
            renew_on_401: see `RenewingAuth`.
            renew_in_background: see `RenewingAuth`.
            **token_kwargs: arguments of `OAuth2Client.authorization_code`, such as `dpop` or `code_verifier`.

        """
        super().__init__(
            client,
            token,
            token_kwargs,
            leeway=leeway,
            store=store,
            store_key=store_key,
            renew_on_401=renew_on_401,
            renew_in_background=renew_in_background,
            code=code,
        )

    def renew_token(self) -> None:
        """Exchange the code, if it is still there; else refresh the token."""
        if self.code is not None:
            self.exchange_code_for_token()
        else:
            self._refresh()

    def _pending(self) -> bool:
        return self.code is not None

    def exchange_code_for_token(self) -> None:
        """Exchange the code for a token."""
        if self.code is not None:
            self.token = self.client.authorization_code(self.code, **self.token_kwargs)
            self.code = None


@define(init=False, eq=False)
class OAuth2DeviceCodeAuth(RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Polls for the token of a device flow at the first request, and refreshes afterwards (RFC 8628 §3.4).

    One thread polls, however many ask; it ends when the code expires.

    Attributes:
        device_code: the device code, or the response that holds it; `None` once there is a token.
        interval: seconds between two requests, when `device_code` does not say it.
        expires_in: seconds to wait for the user, when `device_code` does not say it.
        on_wait: called before each wait, with the polling job, so that a program can show progress.
        stop: ends the wait when it is set; the request then fails with `PollingStopped`.

    """

    GRANT_TYPE: ClassVar[str] = GrantTypes.DEVICE_CODE.value

    device_code: str | DeviceAuthorizationResponse | None = field(repr=False)
    interval: float = field(on_setattr=_frozen)
    expires_in: float = field(on_setattr=_frozen)
    on_wait: Callable[[BaseTokenEndpointPollingJob], object] | None = field(on_setattr=_frozen, repr=False)
    stop: Event | None = field(on_setattr=_frozen, repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        device_code: str | DeviceAuthorizationResponse | None,
        *,
        leeway: float = 20,
        interval: float = 5,
        expires_in: float = 360,
        on_wait: Callable[[BaseTokenEndpointPollingJob], object] | None = None,
        stop: Event | None = None,
        token: str | BearerToken | None = None,
        store: TokenStore | None = None,
        store_key: str | None = None,
        renew_on_401: bool = True,
        renew_in_background: bool = False,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler out of what `OAuth2Client.authorize_device` returned.

        Args:
            client: the client that gets tokens.
            device_code: the response, or a device code.
            leeway: seconds before expiry at which the token is refreshed.
            interval: seconds between two requests; what the response says wins.
            expires_in: seconds to wait for the user; what the response says wins.
            on_wait: called before each wait, with the polling job.
            stop: ends the wait when it is set, from another thread or a signal handler.
            token: a token to begin with.
            store: see `RenewingAuth`.
            store_key: see `RenewingAuth`.
            renew_on_401: see `RenewingAuth`.
            renew_in_background: see `RenewingAuth`.
            **token_kwargs: arguments of `OAuth2Client.device_code`, such as `dpop`.

        """
        super().__init__(
            client,
            token,
            token_kwargs,
            leeway=leeway,
            store=store,
            store_key=store_key,
            renew_on_401=renew_on_401,
            renew_in_background=renew_in_background,
            device_code=device_code,
            interval=interval,
            expires_in=expires_in,
            on_wait=on_wait,
            stop=stop,
        )

    def renew_token(self) -> None:
        """Wait for the user, if there is still a code; else refresh the token."""
        if self.device_code is not None:
            self.exchange_device_code_for_token()
        else:
            self._refresh()

    def _pending(self) -> bool:
        return self.device_code is not None

    def exchange_device_code_for_token(self) -> None:
        """Poll until the user has decided.

        Raises:
            PollingExpired: the user has not decided in time.
            PollingStopped: `stop` was set; the next request goes on waiting, unless it still is.
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
        timeout = self.expires_in if known_expiry is None else None
        self.token = job.wait(timeout=timeout, stop=self.stop, on_wait=self.on_wait)
        self.device_code = None
