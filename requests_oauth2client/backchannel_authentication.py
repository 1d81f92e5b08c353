"""Client-Initiated Backchannel Authentication: the server reaches the user by itself (CIBA Core).

<https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html>
"""

from __future__ import annotations

from collections.abc import Iterable
from time import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from attrs import define, field, frozen, setters

from .enums import Endpoints, GrantTypes
from .exceptions import (
    BackChannelAuthenticationError,
    InvalidAcrValuesParam,
    InvalidBackchannelAuthenticationRequestHintParam,
    InvalidBackChannelAuthenticationResponse,
    MissingAuthRequestId,
)
from .jose import default_alg
from .lifetime import Expiring, expiry
from .polling import BaseTokenEndpointPollingJob, checked_interval
from .scopes import format_scope
from .strict_json import loads_object
from .token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import requests

    from .dpop import DPoPKey
    from .scopes import Scope
    from .tokens import BearerToken

SIGNED_REQUEST_LIFETIME = 60
"""Seconds that a signed authentication request is valid (CIBA §7.1.1)."""


@frozen(init=False, repr=False, eq=False)
class BackChannelAuthenticationResponse(Expiring):
    """The acknowledgement of an authentication request (CIBA §7.3).

    Attributes:
        auth_req_id: what to ask for tokens with; a credential.
        interval: seconds to wait between two requests.
        other: all other members; also readable as attributes.

    """

    auth_req_id: str
    _expiry: float | None
    interval: float | None
    other: dict[str, Any]

    def __init__(
        self,
        /,
        auth_req_id: str,
        expires_at: datetime | float | None = None,
        interval: float | None = 20,
        *,
        expires_in: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        self.__attrs_init__(auth_req_id, expiry(expires_in, expires_at), interval, kwargs)

    def __getattr__(self, name: str) -> Any:
        """Give a member that has no attribute of its own."""
        if not name.startswith("__") and name in object.__getattribute__(self, "other"):
            return self.other[name]
        msg = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(expires_at={str(self.expires_at)!r}, interval={self.interval!r})"


class BackChannelAuthentication(TokenEndpoint):
    """Starts backchannel authentications, and asks for their tokens."""

    __slots__ = ()

    def backchannel_authentication_request(
        self,
        scope: Scope = "openid",
        *,
        client_notification_token: str | None = None,
        acr_values: str | Iterable[str] | None = None,
        login_hint_token: str | None = None,
        id_token_hint: str | None = None,
        login_hint: str | None = None,
        binding_message: str | None = None,
        user_code: str | None = None,
        requested_expiry: int | None = None,
        private_jwk: Any = None,
        alg: str | None = None,
        requests_kwargs: Mapping[str, Any] | None = None,
        **ciba_kwargs: Any,
    ) -> BackChannelAuthenticationResponse:
        """Ask the server to authenticate a user (CIBA §7.1).

        Args:
            scope: scopes to ask for.
            client_notification_token: what the server must show at our notification endpoint; for ping and push.
            acr_values: acceptable ways of authentication, best first.
            login_hint_token: who, as a token.
            id_token_hint: who, as an ID Token of an earlier login.
            login_hint: who, as an address, a phone number, or what the server knows.
            binding_message: shown to the user on both devices.
            user_code: what only the user knows, where the server asks for it.
            requested_expiry: seconds in which the user must decide.
            private_jwk: signs the whole request, as one `request` parameter (CIBA §7.1.1).
            alg: algorithm of the signature; by default what the key suggests.
            requests_kwargs: further arguments of `requests.Session.request`.
            **ciba_kwargs: further parameters.

        Raises:
            InvalidBackchannelAuthenticationRequestHintParam: exactly one of the three hints is needed.
            InvalidScopeParam: `scope` is malformed.
            InvalidAcrValuesParam: `acr_values` is malformed.
            BackChannelAuthenticationError: the server refused.
            InvalidBackChannelAuthenticationResponse: the answer is unusable.
            TransportError: no usable answer came.

        """
        hints = {"login_hint_token": login_hint_token, "id_token_hint": id_token_hint, "login_hint": login_hint}
        if sum(hint is not None for hint in hints.values()) != 1:
            raise InvalidBackchannelAuthenticationRequestHintParam(
                f"Pass exactly one of {', '.join(f'`{name}`' for name in hints)} (CIBA §7.1)."
            )
        data = {
            "scope": format_scope(scope),
            "client_notification_token": client_notification_token,
            "acr_values": _acr_values(acr_values),
            **{name: None if hint is None else str(hint) for name, hint in hints.items()},
            "binding_message": binding_message,
            "user_code": user_code,
            "requested_expiry": requested_expiry,
            **ciba_kwargs,
        }
        if private_jwk is not None:
            data = {"request": self._signed_request(data, private_jwk, alg)}
        return self._request(
            Endpoints.BACKCHANNEL_AUTHENTICATION.value,
            data=data,
            on_success=self.parse_backchannel_authentication_response,
            on_failure=self.on_backchannel_authentication_error,
            requests_kwargs=requests_kwargs,
        )

    def _signed_request(self, parameters: Mapping[str, Any], private_jwk: Any, alg: str | None) -> str:
        """Return `parameters` as a signed JWT, with the claims that CIBA §7.1.1 asks for."""
        from jwskate import Jwt, to_jwk

        jwk = to_jwk(private_jwk, is_private=True, is_symmetric=False)
        now = int(time())
        client_id = getattr(self.auth, "client_id", None)
        claims = {
            "iss": client_id,
            "aud": self.issuer or self._uri(Endpoints.BACKCHANNEL_AUTHENTICATION.value),
            "iat": now,
            "nbf": now,
            "exp": now + SIGNED_REQUEST_LIFETIME,
            "jti": str(uuid4()),
            **parameters,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return str(Jwt.sign(given, jwk, alg=alg or default_alg(jwk)))

    def parse_backchannel_authentication_response(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> BackChannelAuthenticationResponse:
        """Return what a 2xx answer says."""
        try:
            return BackChannelAuthenticationResponse(**_members(response))
        except (ValueError, TypeError) as exc:
            error = self._standard_error(response, BackChannelAuthenticationError)
            invalid = InvalidBackChannelAuthenticationResponse(response=response, description=str(exc))
            raise error or invalid from exc

    def on_backchannel_authentication_error(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> BackChannelAuthenticationResponse:
        """Raise the error that an answer stands for."""
        error = self._standard_error(response, BackChannelAuthenticationError)
        raise error or InvalidBackChannelAuthenticationResponse(response=response)

    def ciba(
        self,
        auth_req_id: str | BackChannelAuthenticationResponse,
        requests_kwargs: Mapping[str, Any] | None = None,
        *,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Ask once for the token of a backchannel authentication (CIBA §10.1).

        Args:
            auth_req_id: the identifier, or the response that has it.
            requests_kwargs: further arguments of `requests.Session.request`.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            **token_kwargs: further form fields.

        Raises:
            AuthorizationPending: the user has not decided yet.
            SlowDown: as pending, and the interval grows.
            ExpiredToken: too late.
            AccessDenied: the user said no.
            OAuth2Error: see `token_request`.

        """
        grant = GrantTypes.CLIENT_INITIATED_BACKCHANNEL_AUTHENTICATION.value
        data = {"grant_type": grant, "auth_req_id": _identifier(auth_req_id), **token_kwargs}
        return self.token_request(data, dpop=dpop, dpop_key=dpop_key, **(requests_kwargs or {}))


def _acr_values(acr_values: Any) -> str | None:
    if acr_values is None or isinstance(acr_values, str):
        return acr_values or None
    if not isinstance(acr_values, Iterable) or isinstance(acr_values, (bytes, dict)):
        raise InvalidAcrValuesParam(acr_values)
    values = tuple(acr_values)
    if not all(isinstance(value, str) for value in values):
        raise InvalidAcrValuesParam(acr_values)
    return " ".join(values) or None


def _identifier(auth_req_id: str | BackChannelAuthenticationResponse) -> str:
    if not isinstance(auth_req_id, BackChannelAuthenticationResponse):
        return auth_req_id
    if not auth_req_id.auth_req_id:
        raise MissingAuthRequestId(auth_req_id)
    return auth_req_id.auth_req_id


def _members(response: requests.Response) -> dict[str, Any]:
    """Return the members of an acknowledgement, checked.

    Raises:
        ValueError: they are not those of CIBA §7.3.

    """
    members = loads_object(response.content)
    members.pop("expires_at", None)
    if not isinstance(members.get("auth_req_id"), str) or not members["auth_req_id"]:
        msg = "the body has no `auth_req_id`"
        raise ValueError(msg)
    if members.get("interval") is not None:
        members["interval"] = checked_interval(members["interval"])
    return members


_fixed = setters.frozen


@define(init=False)
class BackChannelAuthenticationPollingJob(BaseTokenEndpointPollingJob):  # type: ignore[override]  # each class gets its own initializer
    """Asks for the token of a backchannel authentication until the user has decided.

    Attributes:
        auth_req_id: the identifier of the authentication request.

    """

    auth_req_id: str = field(on_setattr=_fixed, repr=False)

    def __init__(
        self,
        client: BackChannelAuthentication,
        auth_req_id: str | BackChannelAuthenticationResponse,
        *,
        interval: float | None = None,
        slow_down_interval: float = 5,
        requests_kwargs: dict[str, Any] | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a job out of what `backchannel_authentication_request` returned.

        Args:
            client: the client that asks.
            auth_req_id: the response, whose interval and expiry are obeyed, or an identifier.
            interval: seconds to wait before each request, instead of what the server said; 5 by default.
            slow_down_interval: seconds that `slow_down` adds.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: arguments of `OAuth2Client.ciba`.

        """
        deadline = None
        if isinstance(auth_req_id, BackChannelAuthenticationResponse):
            interval = auth_req_id.interval if interval is None else interval
            deadline = None if auth_req_id.expires_at is None else auth_req_id.expires_at.timestamp()
        object.__setattr__(self, "auth_req_id", _identifier(auth_req_id))
        self._set_up(
            client,
            interval=interval,
            slow_down_interval=slow_down_interval,
            requests_kwargs=requests_kwargs,
            token_kwargs=token_kwargs,
            deadline=deadline,
        )

    def token_request(self) -> BearerToken:
        """Ask once, without waiting."""
        client: Any = self.client
        token: BearerToken = client.ciba(
            self.auth_req_id, requests_kwargs=self.requests_kwargs, **self._dpop_arguments()
        )
        return token


BackChannelAuthenticationPoolingJob = BackChannelAuthenticationPollingJob
