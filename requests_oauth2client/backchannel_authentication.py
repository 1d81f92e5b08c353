"""Client-Initiated Backchannel Authentication: the server reaches the user by itself (CIBA Core).

<https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html>
"""

from __future__ import annotations

import copy
import re
from time import time
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen, setters

from .authorization_request import sign_request_object
from .authorization_response import parse_acr_values
from .endpoint import request_options
from .enums import Endpoints, GrantTypes
from .exceptions import (
    BackChannelAuthenticationError,
    InvalidBackchannelAuthenticationRequestHintParam,
    InvalidBackChannelAuthenticationResponse,
    InvalidParam,
    MissingAuthRequestId,
    MissingIdToken,
)
from .hidden import hidden
from .jose import uuid4
from .lifetime import expiry, seconds
from .polling import DEFAULT_INTERVAL, BaseTokenEndpointPollingJob, PendingResponse, checked_text, pending_members
from .scopes import parse_scope
from .token_endpoint import TokenEndpoint
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import requests

    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs
    from .id_token import IdToken
    from .scopes import Scope

SIGNED_REQUEST_LIFETIME = 60
"""Seconds that a signed authentication request is valid (CIBA §7.1.1)."""

MAX_NOTIFICATION_TOKEN_LENGTH = 1024
"""Characters that a `client_notification_token` may have (CIBA §7.1)."""

_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@frozen(init=False, repr=False, eq=False)
class BackChannelAuthenticationResponse(PendingResponse):
    """The acknowledgement of an authentication request (CIBA §7.3).

    Attributes:
        auth_req_id: what to ask for tokens with; a credential.
        interval: seconds to wait between two requests.
        other: all other members; also readable as attributes.

    """

    auth_req_id: str = field(repr=False)
    _expiry: float | None
    interval: float | None
    other: dict[str, Any] = field(repr=False, hash=False)
    _asked_acr_values: tuple[str, ...] | None = field(init=False, default=None)

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}(expires_at={str(self.expires_at)!r}, interval={self.interval!r})"

    def answering(self, acr_values: tuple[str, ...] | None) -> BackChannelAuthenticationResponse:
        """Return this response, with what our request asked for: the ID Token is compared with it."""
        answer = copy.copy(self)
        object.__setattr__(answer, "_asked_acr_values", acr_values)
        return answer


class BackChannelAuthentication(TokenEndpoint):
    """Starts backchannel authentications, and asks for their tokens."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def client_id(self) -> str: ...  # noqa: D102 - told in `OAuth2Client`

    def backchannel_authentication_request(
        self,
        scope: Scope = "openid",
        *,
        client_notification_token: str | None = None,
        acr_values: str | Iterable[str] | None = None,
        login_hint_token: str | None = None,
        id_token_hint: str | IdToken | BearerToken | None = None,
        login_hint: str | None = None,
        binding_message: str | None = None,
        user_code: str | None = None,
        requested_expiry: int | None = None,
        private_jwk: Any = None,
        alg: str | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **ciba_kwargs: Any,
    ) -> BackChannelAuthenticationResponse:
        """Ask the server to authenticate a user (CIBA §7.1).

        Args:
            scope: scopes to ask for.
            client_notification_token: what the server must show at our notification endpoint; for ping and push.
            acr_values: acceptable ways of authentication, best first.
            login_hint_token: who, as a token.
            id_token_hint: who, as an ID Token of an earlier login, or the token response that has one.
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
            InvalidParam: another parameter is malformed, or the key cannot sign.
            BackChannelAuthenticationError: the server refused.
            InvalidBackChannelAuthenticationResponse: the answer is unusable.
            TransportError: no usable answer came.

        """
        hints = {"login_hint_token": login_hint_token, "id_token_hint": id_token_hint, "login_hint": login_hint}
        if sum(hint is not None for hint in hints.values()) != 1:
            raise InvalidBackchannelAuthenticationRequestHintParam(
                f"Pass exactly one of {', '.join(f'`{name}`' for name in hints)} (CIBA §7.1)."
            )
        scopes, acrs = parse_scope(scope), parse_acr_values(acr_values)
        data = {
            "scope": " ".join(scopes) or None,
            "client_notification_token": _checked_notification_token(client_notification_token),
            "acr_values": " ".join(acrs or ()) or None,
            **{name: _hint(hint) for name, hint in hints.items()},
            "binding_message": binding_message,
            "user_code": user_code,
            "requested_expiry": _checked_expiry(requested_expiry),
            **ciba_kwargs,
        }
        if private_jwk is not None:
            data = {"request": self._signed_request(data, private_jwk, alg)}
        acknowledged = self._request(
            Endpoints.BACKCHANNEL_AUTHENTICATION.value,
            data=data,
            on_success=self.parse_backchannel_authentication_response,
            on_failure=self.on_backchannel_authentication_error,
            requests_kwargs=requests_kwargs,
        )
        if not isinstance(acknowledged, BackChannelAuthenticationResponse):  # what a hook made is the result
            return acknowledged
        return acknowledged.answering(acrs)

    def _signed_request(self, parameters: Mapping[str, Any], private_jwk: Any, alg: str | None) -> str:
        """Return `parameters` as a signed JWT, with the claims that CIBA §7.1.1 asks for."""
        now = int(time())
        claims = {
            "iss": self.client_id,
            "aud": self.issuer or self._uri(Endpoints.BACKCHANNEL_AUTHENTICATION.value),
            "iat": now,
            "nbf": now,
            "exp": now + SIGNED_REQUEST_LIFETIME,
            "jti": uuid4(),
            **parameters,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        signed = sign_request_object(given, private_jwk, alg, typ="JWT")
        if signed.alg.startswith("HS"):
            msg = "An authentication request is signed with an asymmetric private key (CIBA §7.1.1), not with a secret."
            raise InvalidParam(msg)
        return str(signed)

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
        requests_kwargs: RequestsKwargs | None = None,
        *,
        validate: bool = True,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Ask once for the token of a backchannel authentication (CIBA §10.1), and validate its ID Token.

        Args:
            auth_req_id: what `backchannel_authentication_request` returned, which tells what the ID Token must say. Or
                the bare identifier: an ID Token is then compared with what the client knows, and not missed.
            requests_kwargs: further arguments of `requests.Session.request`.
            validate: `False` returns the ID Token, if any, as it came, and nothing in it may be believed. Without
                `jwks_uri`, TLS vouches for it instead of its signature (OIDC Core §3.1.3.7, 6).
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            **token_kwargs: further form fields.

        Raises:
            AuthorizationPending: the user has not decided yet.
            SlowDown: as pending, and the interval grows.
            ExpiredToken: too late.
            AccessDenied: the user said no.
            InvalidIdToken: the ID Token must not be accepted; `MissingIdToken` when `acr_values` were asked for and
                none came.
            OAuth2Error: see `token_request`.

        """
        grant = GrantTypes.CLIENT_INITIATED_BACKCHANNEL_AUTHENTICATION.value
        auth_req_id, token_kwargs = hidden((auth_req_id, token_kwargs))
        identifier = hidden(_identifier(auth_req_id))
        data = hidden({"grant_type": grant, "auth_req_id": identifier, **token_kwargs})
        token = self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))
        if not validate:
            return token
        acr_values = getattr(auth_req_id, "_asked_acr_values", None)
        if getattr(token, "id_token", None) is not None:
            from .decoupled_id_token import validate_backchannel_id_token  # loads jwskate

            return validate_backchannel_id_token(token, self, identifier, acr_values=acr_values)
        if acr_values:
            raise MissingIdToken(token)  # nothing else tells how the user was authenticated
        return token


def _checked_notification_token(token: object) -> str | None:
    """Refuse what the server could not show us as a Bearer token (CIBA §7.1)."""
    if token is None:
        return None
    if isinstance(token, str) and len(token) <= MAX_NOTIFICATION_TOKEN_LENGTH and _TOKEN68.fullmatch(token):
        return token
    msg = (
        "`client_notification_token` must be a Bearer token of at most "
        f"{MAX_NOTIFICATION_TOKEN_LENGTH} characters: take secrets.token_urlsafe()."
    )
    raise InvalidParam(msg)


def _checked_expiry(requested_expiry: object) -> object:
    if requested_expiry is None:
        return None
    value = seconds(requested_expiry)
    if value is None or value <= 0 or value != int(value):
        msg = "`requested_expiry` is not a positive whole number of seconds (CIBA §7.1)."
        raise InvalidParam(msg)
    return requested_expiry


def _hint(hint: object) -> str | None:
    if isinstance(hint, BearerToken):  # the only text in it that is a hint
        if hint.id_token is None:
            raise MissingIdToken(hint)
        hint = hint.id_token
    return None if hint is None else str(hint)


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
    members = pending_members(response.content)
    checked_text(members, "auth_req_id")
    if members.get("interval") is None:
        members["interval"] = DEFAULT_INTERVAL  # CIBA §7.3
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
        requests_kwargs: RequestsKwargs | None = None,
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

        Raises:
            InvalidParam: an interval is no number of seconds, or too long.

        """
        pending = auth_req_id if isinstance(auth_req_id, BackChannelAuthenticationResponse) else None
        object.__setattr__(self, "auth_req_id", _identifier(auth_req_id))
        BaseTokenEndpointPollingJob.__init__(
            self, client, requests_kwargs, token_kwargs, slow_down_interval, interval, pending=pending
        )

    def token_request(self) -> BearerToken:
        """Ask once, without waiting."""
        client: Any = self.client
        token: BearerToken = client.ciba(
            self._pending or self.auth_req_id, requests_kwargs=self.requests_kwargs, **self._arguments()
        )
        return token


BackChannelAuthenticationPoolingJob = BackChannelAuthenticationPollingJob
