"""Log a user in from a program on their machine: the browser comes back to a loopback address (RFC 8252 §7.3).

`authorize_by_loopback` does it all. `LoopbackReceiver` is the part that waits, for those who do the rest themselves.

<https://www.rfc-editor.org/rfc/rfc8252#section-7.3>
"""

from __future__ import annotations

import os
import re
import sys
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from .authorization_response import callback_parameters, same_state
from .evidence import printable
from .exceptions import AuthorizationResponseError, InvalidAuthResponse, InvalidParam, LoopbackTimeout
from .loopback_page import page
from .pasting import Pasting, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import EllipsisType, TracebackType
    from typing import TextIO

    from typing_extensions import Self

    from .authorization_code import AuthorizationCode
    from .authorization_request import BaseAuthorizationRequest
    from .authorization_response import AuthorizationResponse
    from .endpoint import RequestsKwargs
    from .tokens import BearerToken

HOSTS = ("127.0.0.1", "::1", "localhost")
"""Where a receiver may listen; `localhost` is for servers that insist on it (RFC 8252 §8.3)."""

CALL_TIMEOUT = 10.0
"""Seconds for which a browser that is back early waits for `wait_for` to be called."""

OUTCOME_TIMEOUT = 120.0
"""Seconds for which the browser waits, once it is back, to hear how the login ended."""

_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")


def open_browser(url: str) -> bool:
    """Open `url` in the browser of the user, if this machine has one with a window; tell whether it does."""
    graphical = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not graphical:  # `webbrowser` would start one in the terminal, over what the program shows there
        return False
    import webbrowser  # brings `subprocess`, and is needed for a login only

    return webbrowser.open(url)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class LoopbackReceiver:
    """Waits on a loopback port for the user to come back from the Authorization Server.

    ```python
    with LoopbackReceiver() as receiver:
        request = client.start_authorization(redirect_uri=receiver.redirect_uri)
        webbrowser.open(request.uri)
        token = client.authorization_code(receiver.wait_for(request))
    ```

    The browser gets its page when the block ends: a good one, or one that tells of failure when the block ends with an
    exception. Then the port is closed, and nothing is left behind.

    Attributes:
        redirect_uri: where the user must be sent back.

    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, path: str = "/callback", *, app_name: str = "your program"
    ) -> None:
        """Listen; requests are answered once the `with` block is entered.

        Args:
            host: one of `HOSTS`.
            port: 0 for a free one, which RFC 8252 §7.3 wants servers to accept; a fixed one for those that do not.
            path: path of the redirect URI.
            app_name: what the pages call the program that the user goes back to.

        Raises:
            InvalidParam: `host` is no loopback host, `path` is no path, or the port cannot be listened on.

        """
        if host not in HOSTS:
            msg = f"`host` must be one of {', '.join(HOSTS)}: what listens elsewhere is open to the network."
            raise InvalidParam(msg)
        if not _PATH.fullmatch(path):
            msg = "`path` must begin with '/', and hold letters, digits and '-._~/' only."
            raise InvalidParam(msg)
        from .loopback_server import LoopbackServer  # brings `http.server`, and is needed for a login only

        self._path = path
        self._app_name = app_name
        self._changed = Condition()  # guards the three that follow
        self._request: BaseAuthorizationRequest | None = None
        self._callback: str | None = None
        self._outcome: bytes | None = None
        try:
            self._server = LoopbackServer(self._answer, host, port)
        except (OSError, OverflowError, TypeError) as exc:
            msg = f"Port {port} of {host} cannot be listened on ({exc}). Choose another, or 0 for a free one."
            raise InvalidParam(msg) from exc
        shown = f"[{host}]" if ":" in host else host
        self.redirect_uri = f"http://{shown}:{self._server.server_address[1]}{path}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="loopback receiver", daemon=True)

    def __enter__(self) -> Self:
        """Answer requests from now on."""
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the browser its page, and stop listening; exceptions pass."""
        with self._changed:
            self._outcome = self._good_page() if exc is None else self._bad_page(exc)
            self._changed.notify_all()
        self.close()

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.end_connections()
        self._server.server_close()

    def wait_for(
        self,
        request: BaseAuthorizationRequest,
        timeout: float = 300,
        *,
        paste_from: TextIO | None = None,
        tell: Callable[[str], None] = _tell,
    ) -> AuthorizationResponse:
        """Return the response to `request`, once the user comes back with it.

        What else arrives, such as a request for an icon, or a callback with another `state`, is answered and forgotten.

        Args:
            request: the request that the user was sent away with.
            timeout: seconds to wait.
            paste_from: where a callback URL may be typed or pasted meanwhile, such as `sys.stdin`.
            tell: says to the user that what they pasted is something else.

        Raises:
            LoopbackTimeout: nobody came back in time.
            InvalidParam: the request has no `state`, which tells its callback from others.
            OAuth2Error: see `AuthorizationRequest.validate_callback`.

        """
        if request.state is None:
            msg = "A request without `state` cannot be told from others: leave `state` out, and a new one is made."
            raise InvalidParam(msg)
        deadline = monotonic() + timeout
        with self._changed:
            self._request, self._callback = request, None
            self._changed.notify_all()

        def take(pasted: str) -> None:
            if not self.offer(pasted):
                tell(_NOT_THIS_ONE)

        with Pasting(paste_from, take):
            callback = self._wait_until(deadline)
        if callback is None:
            raise LoopbackTimeout(timeout)
        return request.validate_callback(callback)

    def _wait_until(self, deadline: float) -> str | None:
        with self._changed:
            while self._callback is None and (left := deadline - monotonic()) > 0:
                self._changed.wait(min(left, 0.5))  # on Windows, Ctrl-C is noticed only in between
            return self._callback

    def offer(self, callback: str) -> bool:
        """Take a callback, wherever it came from, if it has the `state` that is waited for; tell whether it has.

        Args:
            callback: the URL that the user was sent to, or its query string.

        """
        with self._changed:
            if self._request is None or self._callback not in (None, callback):
                return False
            try:
                _, parameters = callback_parameters(callback, self._request)
            except InvalidAuthResponse:
                return False
            # the address of the request has the same `state`, and gets pasted too
            answers = "code" in parameters or "error" in parameters
            if not answers or not same_state(parameters.get("state"), self._request.state):
                return False
            self._callback = callback
            self._changed.notify_all()
            return True

    # ------------------------------------------------------------ pages

    def _answer(self, target: str) -> tuple[int, bytes]:
        """Return status and page for a GET of `target`; a callback that is waited for hears how the login ended."""
        path, _, query = target.partition("?")
        if path != self._path:
            return 404, page("Nothing here", f"Go back to {self._app_name}.", good=False)
        with self._changed:
            # a user who is logged in already may be back before `wait_for` is called
            self._changed.wait_for(lambda: self._request is not None or self._outcome is not None, CALL_TIMEOUT)
        if not self.offer(f"?{query}"):
            return 400, page(
                "Not the login we wait for",
                f"This answer is not complete, or belongs to another login. Go back to {self._app_name} and follow its "
                "newest link.",
                good=False,
            )
        with self._changed:
            self._changed.wait_for(lambda: self._outcome is not None, OUTCOME_TIMEOUT)
            return 200, self._outcome or self._bad_page(None)

    def _good_page(self) -> bytes:
        return page("You are signed in", f"You can close this window and go back to {self._app_name}.", good=True)

    def _bad_page(self, exc: BaseException | None) -> bytes:
        """Tell that the login failed; why is shown if the server told the browser, and else left to the program."""
        title, said = "The login did not work", {}
        if isinstance(exc, AuthorizationResponseError):
            evidence: Any = exc
            said = {"error": evidence.error, "description": evidence.description}
        text = f"Go back to {self._app_name} to see why. You can close this window."
        return page(title, text, good=False, **said)


_NOT_THIS_ONE = "That is not the address of the login that was started here. Paste the whole address of the last page:"


def authorize_by_loopback(
    client: AuthorizationCode,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    path: str = "/callback",
    timeout: float = 300,
    open_browser: Callable[[str], object] | None = open_browser,
    paste_from: TextIO | EllipsisType | None = ...,
    tell: Callable[[str], None] = _tell,
    app_name: str = "your program",
    requests_kwargs: RequestsKwargs | None = None,
    token_kwargs: Mapping[str, Any] | None = None,
    **request_kwargs: Any,
) -> BearerToken:
    """Log the user in with their browser, and return a token whose ID Token is validated.

    The browser comes back to a port of this machine. Where it cannot, because it runs elsewhere (SSH), the user pastes
    the address of the last page, which did not load. What comes first wins.

    Args:
        client: the client; public or confidential. The server must know the redirect URI
            `http://127.0.0.1/callback`, for any port.
        host: see `LoopbackReceiver`.
        port: see `LoopbackReceiver`.
        path: see `LoopbackReceiver`.
        timeout: seconds that the user has.
        open_browser: opens a URL; called in a thread. `None` leaves it to the user.
        paste_from: where the user may paste; `...` for the terminal if there is one, `None` for nowhere.
        tell: says something to the user; on standard error by default.
        app_name: see `LoopbackReceiver`.
        requests_kwargs: further arguments of `requests.Session.request`.
        token_kwargs: further arguments of `OAuth2Client.authorization_code`.
        **request_kwargs: see `OAuth2Client.start_authorization`, such as `scope`, `dpop` and `push`.

    Raises:
        LoopbackTimeout: nobody came back in time.
        AuthorizationResponseError: the server, or the user, said no.
        OAuth2Error: see `start_authorization`, `validate_callback` and `authorization_code`.

    """
    if "redirect_uri" in request_kwargs:
        msg = "`redirect_uri` is made of `host`, `port` and `path` here: choose those."
        raise InvalidParam(msg)
    stream = terminal() if isinstance(paste_from, type(...)) else paste_from
    with LoopbackReceiver(host, port, path, app_name=app_name) as receiver:
        request = client.start_authorization(
            redirect_uri=receiver.redirect_uri, requests_kwargs=requests_kwargs, **request_kwargs
        )
        hope = "" if open_browser is None else "Your browser should open now. If it does not, "
        text = f"{hope or 'To log in, '}open this address in {'it' if hope else 'a browser'}:\n\n{request.uri}\n"
        if stream is not None:
            text += "\nIf it runs on another machine, the last page will not load: paste its address here.\n"
        tell(text)
        if open_browser is not None:
            opening = (open_browser, request.uri, tell)
            Thread(target=_open, args=opening, name="loopback browser", daemon=True).start()
        response = receiver.wait_for(request, timeout, paste_from=stream, tell=tell)
        return client.authorization_code(response, requests_kwargs=requests_kwargs, **(token_kwargs or {}))


def _open(opener: Callable[[str], object], uri: str, tell: Callable[[str], None]) -> None:
    """Open `uri`; in a thread of its own, since some openers return when the browser ends."""
    if not uri.startswith(("https://", "http://")):
        return  # never let a server start another program
    try:
        opener(uri)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the user can still open the address
        tell(f"The browser did not open ({printable(exc)}).")
