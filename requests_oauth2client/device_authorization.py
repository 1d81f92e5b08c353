"""The device flow: the user decides on another device (RFC 8628).

<https://www.rfc-editor.org/rfc/rfc8628>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen, setters

from .endpoint import request_options
from .enums import Endpoints, GrantTypes
from .exceptions import DeviceAuthorizationError, InvalidDeviceAuthorizationResponse, MissingDeviceCode
from .hidden import hidden
from .lifetime import expiry
from .polling import BaseTokenEndpointPollingJob, PendingResponse, checked_text, pending_members
from .scopes import format_scope
from .token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    from datetime import datetime

    import requests

    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs
    from .tokens import BearerToken


@frozen(init=False, repr=False, eq=False)
class DeviceAuthorizationResponse(PendingResponse):
    """What the user must be told, and the code to ask for tokens with (RFC 8628 §3.2).

    Attributes:
        device_code: the code to ask with; a credential.
        user_code: what the user types in.
        verification_uri: where.
        verification_uri_complete: the same with the code inside, such as for a QR code.
        interval: seconds to wait between two requests; `None` when the server did not say.
        other: all other members; also readable as attributes.

    """

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    _expiry: float | None
    interval: float | None
    other: dict[str, Any] = field(repr=False, hash=False)

    def __init__(
        self,
        /,
        device_code: str,
        user_code: str,
        verification_uri: str,
        verification_uri_complete: str | None = None,
        expires_at: datetime | float | None = None,
        interval: float | None = None,
        *,
        expires_in: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        self.__attrs_init__(
            device_code=device_code,
            user_code=user_code,
            verification_uri=verification_uri,
            verification_uri_complete=verification_uri_complete,
            expiry=expiry(expires_in, expires_at),
            interval=interval,
            other=kwargs,
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(user_code={self.user_code!r}, verification_uri={self.verification_uri!r}, "
            f"expires_at={str(self.expires_at)!r}, interval={self.interval!r})"
        )


class DeviceAuthorization(TokenEndpoint):
    """Starts device flows, and asks for their tokens."""

    __slots__ = ()

    def authorize_device(
        self, requests_kwargs: RequestsKwargs | None = None, **data: Any
    ) -> DeviceAuthorizationResponse:
        """Start a device flow (RFC 8628 §3.1).

        Args:
            requests_kwargs: further arguments of `requests.Session.request`.
            **data: form fields, such as `scope`.

        Raises:
            DeviceAuthorizationError: the server refused.
            InvalidDeviceAuthorizationResponse: the answer is unusable.
            TransportError: no usable answer came.

        """
        if "scope" in data:
            data["scope"] = format_scope(data["scope"])
        return self._request(
            Endpoints.DEVICE_AUTHORIZATION.value,
            data=data,
            on_success=self.parse_device_authorization_response,
            on_failure=self.on_device_authorization_error,
            requests_kwargs=requests_kwargs,
        )

    def parse_device_authorization_response(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> DeviceAuthorizationResponse:
        """Return what a 2xx answer says."""
        try:
            return DeviceAuthorizationResponse(**_device_members(response))
        except (ValueError, TypeError) as exc:
            error = self._standard_error(response, DeviceAuthorizationError)
            raise error or InvalidDeviceAuthorizationResponse(response=response, description=str(exc)) from exc

    def on_device_authorization_error(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> DeviceAuthorizationResponse:
        """Raise the error that an answer stands for."""
        error = self._standard_error(response, DeviceAuthorizationError)
        raise error or InvalidDeviceAuthorizationResponse(response=response)

    def device_code(
        self,
        device_code: str | DeviceAuthorizationResponse,
        *,
        validate: bool = True,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Ask once for the token of a device flow (RFC 8628 §3.4).

        The ID Token that may come with it is validated (OIDC Core §3.1.3.7): by issuer, audience, times and signature.

        Args:
            device_code: the device code, or the response that has it.
            validate: `False` returns the ID Token as it came, and nothing in it may be believed. Without `jwks_uri`,
                TLS vouches for it instead of its signature (OIDC Core §3.1.3.7, 6).
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields.

        Raises:
            AuthorizationPending: the user has not decided yet.
            SlowDown: as pending, and the interval grows.
            ExpiredToken: too late.
            AccessDenied: the user said no.
            InvalidIdToken: the ID Token must not be accepted.
            OAuth2Error: see `token_request`.

        """
        device_code, token_kwargs = hidden((device_code, token_kwargs))
        data = hidden({"grant_type": GrantTypes.DEVICE_CODE.value, "device_code": _code(device_code), **token_kwargs})
        token = self.token_request(data, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))
        if not validate or getattr(token, "id_token", None) is None:
            return token
        from .decoupled_id_token import validate_device_id_token  # loads jwskate, which others can do without

        return validate_device_id_token(token, self)


def _code(device_code: str | DeviceAuthorizationResponse) -> str:
    if not isinstance(device_code, DeviceAuthorizationResponse):
        return device_code
    if not device_code.device_code:
        raise MissingDeviceCode(device_code)
    return device_code.device_code


def _device_members(response: requests.Response) -> dict[str, Any]:
    """Return the members of a device authorization response, checked.

    Raises:
        ValueError: they are not those of RFC 8628 §3.2.

    """
    members = pending_members(response.content)
    if "verification_uri" not in members and "verification_url" in members:
        members["verification_uri"] = members["verification_url"]  # Google's name, older than the RFC
    names = ["device_code", "user_code", "verification_uri"]
    if members.get("verification_uri_complete") is not None:
        names.append("verification_uri_complete")
    for name in names:
        text = checked_text(members, name)
        # programs open these in a browser: other schemes start other programs
        if name.startswith("verification") and not text.lower().startswith(("https://", "http://")):
            msg = f"`{name}` is not an http(s) URL"
            raise ValueError(msg)
    return members


_fixed = setters.frozen


@define(init=False)
class DeviceAuthorizationPollingJob(BaseTokenEndpointPollingJob):  # type: ignore[override]  # each class gets its own initializer
    """Asks for the token of a device flow until the user has decided.

    Attributes:
        device_code: the device code.

    """

    device_code: str = field(on_setattr=_fixed, repr=False)

    def __init__(
        self,
        client: DeviceAuthorization,
        device_code: str | DeviceAuthorizationResponse,
        interval: float | None = None,
        slow_down_interval: float = 5,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a job out of what `authorize_device` returned.

        Args:
            client: the client that asks.
            device_code: the response, whose interval and expiry are obeyed, or a device code.
            interval: seconds to wait before each request, instead of what the server said; 5 by default.
            slow_down_interval: seconds that `slow_down` adds.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: arguments of `OAuth2Client.device_code`.

        Raises:
            InvalidParam: an interval is no number of seconds, or too long.

        """
        pending = device_code if isinstance(device_code, DeviceAuthorizationResponse) else None
        object.__setattr__(self, "device_code", _code(device_code))
        BaseTokenEndpointPollingJob.__init__(
            self, client, requests_kwargs, token_kwargs, slow_down_interval, interval, pending=pending
        )

    def token_request(self) -> BearerToken:
        """Ask once, without waiting."""
        client: Any = self.client
        token: BearerToken = client.device_code(
            self.device_code, requests_kwargs=self.requests_kwargs, **self._arguments()
        )
        return token


DeviceAuthorizationPoolingJob = DeviceAuthorizationPollingJob
