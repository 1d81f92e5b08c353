"""What a server posts to our notification endpoint, in ping and push mode (CIBA §10.2, §10.3).

Anybody can post there: nothing in a notification is to be believed before it is validated.

<https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.10.2>
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .exceptions import BackChannelAuthenticationError, InvalidBackChannelNotification
from .strict_json import loads_object
from .token_endpoint import token_members

if TYPE_CHECKING:
    from .backchannel_authentication import BackChannelAuthenticationResponse
    from .client import OAuth2Client
    from .tokens import BearerToken

MAX_NOTIFICATION_SIZE = 64 * 1024
"""Bytes that the body of a notification may have."""


@frozen(init=False)
class BackChannelNotification:
    """A notification, as it came in: find the authentication it speaks of by its `auth_req_id`, then validate it.

    Attributes:
        auth_req_id: which authentication it speaks of, not yet to be believed.

    """

    auth_req_id: str = field(repr=False)
    _token: str = field(repr=False)
    _members: dict[str, Any] = field(repr=False)

    def __init__(self, authorization: str | None, body: bytes | str) -> None:
        """Read a notification.

        Args:
            authorization: the `Authorization` header of the request.
            body: the body of the request.

        Raises:
            InvalidBackChannelNotification: it has not the form of a notification.

        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise InvalidBackChannelNotification("it has no Bearer token")
        if len(body) > MAX_NOTIFICATION_SIZE:
            raise InvalidBackChannelNotification(f"its body is longer than {MAX_NOTIFICATION_SIZE} bytes")
        try:
            members = loads_object(body)
        except ValueError as exc:
            raise InvalidBackChannelNotification(f"its body is not a JSON object ({exc})") from exc
        auth_req_id = members.get("auth_req_id")
        if not isinstance(auth_req_id, str) or not auth_req_id:
            raise InvalidBackChannelNotification("it has no `auth_req_id`")
        self.__attrs_init__(auth_req_id, token.strip(), members)

    def validate_ping(
        self, auth_req_id: str | BackChannelAuthenticationResponse, client_notification_token: str
    ) -> str:
        """Return the `auth_req_id` to call `ciba` with, now that the user has decided (CIBA §10.2).

        Args:
            auth_req_id: the authentication that is waited for.
            client_notification_token: what was sent with its request.

        Raises:
            InvalidBackChannelNotification: it does not come from the server, or speaks of another authentication.

        """
        if not client_notification_token or not _same(self._token, client_notification_token):
            raise InvalidBackChannelNotification("its Bearer token is not the `client_notification_token`")
        expected = auth_req_id if isinstance(auth_req_id, str) else auth_req_id.auth_req_id
        if not _same(self.auth_req_id, expected):
            raise InvalidBackChannelNotification("it speaks of another authentication")
        return self.auth_req_id

    def validate_push(
        self,
        client: OAuth2Client,
        auth_req_id: str | BackChannelAuthenticationResponse,
        client_notification_token: str,
    ) -> BearerToken:
        """Return the pushed token, with its ID Token validated (CIBA §10.3.1).

        The ID Token must be there, and name the authentication, the access token and the refresh token.

        Args:
            client: the client that started the authentication.
            auth_req_id: the authentication that is waited for; the response, if at hand, tells which `acr` was asked.
            client_notification_token: what was sent with its request.

        Raises:
            InvalidBackChannelNotification: it does not come from the server, or speaks of another authentication.
            AccessDenied: the user said no.
            ExpiredToken: too late.
            BackChannelAuthenticationError: another error, such as `transaction_failed` (CIBA §12).
            InvalidIdToken: the ID Token must not be accepted.

        """
        from .decoupled_id_token import validate_backchannel_id_token  # loads jwskate

        self.validate_ping(auth_req_id, client_notification_token)
        self._raise_for_error(client)
        members = {name: value for name, value in self._members.items() if name != "auth_req_id"}
        try:
            token = client.token_class(**token_members(members))
        except (ValueError, TypeError) as exc:
            raise InvalidBackChannelNotification(f"it holds no usable token ({exc})") from exc
        acr_values = getattr(auth_req_id, "_asked_acr_values", None)
        return validate_backchannel_id_token(token, client, self.auth_req_id, acr_values=acr_values, pushed=True)

    def _raise_for_error(self, client: OAuth2Client) -> None:
        error = self._members.get("error")
        if error is None:
            return
        texts = {name: value for name, value in self._members.items() if isinstance(value, str)}
        error_class = client.exception_classes.get(str(error), BackChannelAuthenticationError)
        raise error_class(
            None, error=str(error), description=texts.get("error_description"), uri=texts.get("error_uri")
        )


def _same(received: str, expected: str) -> bool:
    """Compare in constant time, whatever the characters."""
    return compare_digest(received.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))
