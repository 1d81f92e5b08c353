"""What users do with their browsers and phones, done by a test instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from requests.structures import CaseInsensitiveDict

from .authorization import answer, decide_now
from .ciba import notification
from .device import find_device
from .http import Refusal, Request, Response
from .recording import Recorder
from .token_requests import TokenRequest, new_grant, token_response
from .tokens import Login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from .clients import User
    from .pending import DeviceRequest
    from .switches import Choices


def post_notification(url: str, token: str, content: dict[str, Any]) -> None:
    """Send a notification to a client, CIBA Core §10.2 and §10.3."""
    requests.post(url, json=content, headers={"Authorization": f"Bearer {token}"}, timeout=5, allow_redirects=False)


class UserActions(Recorder):
    """Logs in, approves and denies."""

    def __init__(self, issuer: str, *, paths: Mapping[str, str] | None = None, **choices: Unpack[Choices]) -> None:
        """See `AuthorizationServer`."""
        super().__init__(issuer, paths=paths, **choices)
        self.notify: Callable[[str, str, dict[str, Any]], object] = post_notification

    def authorize(
        self,
        url: object,
        user: str | None = None,
        *,
        deny: bool = False,
        error: str | None = None,
        auth_time: float | None = None,
        acr: str | None = None,
    ) -> str:
        """Do what a user with a browser would do: open an authorization request, log in, decide.

        Args:
            url: the authorization request.
            user: name of the user who logs in. With `prompt=none`, of the user who is logged in already; `None` if
                nobody is.
            deny: whether they deny the request.
            error: an error code that the server answers instead.
            auth_time: when they logged in, in seconds since 1970-01-01 UTC; now by default. If that is too old for
                `max_age`, they log in again.
            acr: how they logged in; by default, the first of the `acr_values` asked for that the server supports.

        Returns:
            the URL to which the browser is redirected.

        Raises:
            Refusal: when the server shows an error page instead of redirecting.

        """
        refusals: list[Refusal] = []
        login = None
        if user is not None:
            login = Login(self.users[user], self.clock.now() if auth_time is None else auth_time, acr)

        def respond(request: Request) -> Response:
            try:
                with self.lock:
                    return answer(self, request, lambda asked: decide_now(self, asked, login, deny=deny, error=error))
            except Refusal as refusal:
                refusals.append(refusal)
                raise

        request = Request("GET", str(url), CaseInsensitiveDict())
        location = self.dispatch(request, "authorization", respond).header("Location")
        if location is None:
            raise refusals[0] if refusals else Refusal("server_error", "the answer is not a redirect")
        return location

    def approve_device(self, user_code: str, user: str, *, after: int = 0) -> None:
        """Approve a device, as its user would on the verification page.

        Args:
            user_code: the code that the device shows.
            user: name of the user.
            after: number of polls that still get `authorization_pending`.

        Raises:
            LookupError: if no device waits for that code.

        """
        with self.lock:
            pending = self._waiting_device(user_code)
            pending.login = Login(self.users[user], self.clock.now())
            pending.polls_before_decision = after

    def deny_device(self, user_code: str, *, after: int = 0) -> None:
        """Deny a device. See `approve_device`."""
        with self.lock:
            pending = self._waiting_device(user_code)
            pending.denied = True
            pending.polls_before_decision = after

    def _waiting_device(self, user_code: str) -> DeviceRequest:
        pending = find_device(self, user_code)
        if pending is None:
            raise LookupError(f"no device waits for the code '{user_code}'")
        return pending

    def approve_ciba(self, auth_req_id: str, *, acr: str | None = None, after: int = 0) -> None:
        """Approve a CIBA request, as the user whom it hints at; then notify the client, in ping and push mode.

        Args:
            auth_req_id: the request.
            acr: how the user logged in.
            after: number of polls that still get `authorization_pending`.

        Raises:
            LookupError: if no such request waits.

        """
        self._decide_ciba(auth_req_id, lambda user: Login(user, self.clock.now(), acr), after)

    def deny_ciba(self, auth_req_id: str, *, after: int = 0) -> None:
        """Deny a CIBA request. See `approve_ciba`."""
        self._decide_ciba(auth_req_id, lambda _: None, after)

    def _decide_ciba(self, auth_req_id: str, decide: Callable[[User], Login | None], after: int) -> None:
        with self.lock:
            pending = self.backchannel_requests.get(auth_req_id)
            if pending is None or not pending.undecided or pending.expires_at <= self.clock.now():
                raise LookupError("no such CIBA request waits")
            pending.login = decide(pending.user)
            pending.denied = pending.login is None
            pending.polls_before_decision = after
            content = notification(self, pending)
            url = self.clients[pending.client_id].backchannel_client_notification_endpoint
        if content is not None and url is not None:  # without the lock: the client may answer by a request to us
            self.notify(url, pending.client_notification_token or "", content)

    def issue_token(
        self,
        client_id: str,
        *,
        user: str | None = None,
        scope: str | None = None,
        grant_type: str = "authorization_code",
        **parameters: str,
    ) -> dict[str, Any]:
        """Issue tokens without any request, as if that grant had just succeeded.

        Args:
            client_id: the client that gets the tokens.
            user: name of the user who granted it; `None` for the client's own.
            scope: the scope of the tokens.
            grant_type: decides, with `issue_refresh_tokens`, whether there is a refresh token.
            **parameters: other parameters of the token request, such as `resource`.

        Returns:
            the fields of a token response.

        """
        with self.lock:
            login = Login(self.users[user], self.clock.now()) if user is not None else None
            asked = TokenRequest.without_http(self, client_id, grant_type, {"scope": scope, **parameters})
            return token_response(asked, new_grant(asked, user=login.user if login else None, login=login))
