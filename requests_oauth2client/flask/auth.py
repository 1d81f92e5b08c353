"""Auth handlers that keep the token of each user in their Flask session.

A handler is made once and serves all users: what it knows of one of them lives in their session, and, while one of
their requests is handled, in an inner handler that nobody else sees.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, cast

from requests_oauth2client.auth import OAuth2AccessTokenAuth, OAuth2ClientCredentialsAuth
from requests_oauth2client.exceptions import InvalidParam, TokenNotStored
from requests_oauth2client.optional import needed
from requests_oauth2client.tokens import BearerToken
from requests_oauth2client.web_session import SessionTokens

flask: Any = needed("flask", extra="flask")
_sessions: Any = needed("flask.sessions", extra="flask")

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.renewal import RenewingAuth
    from requests_oauth2client.serializers import Serializer
    from requests_oauth2client.token_store import TokenStore

    Base = RenewingAuth
else:
    Base = object

_NOT_INNER: Any = object()
_REST_OF_COOKIE = 300
"""Characters of a session cookie that signature, time and other members take, at least."""


class FlaskSessionAuthMixin(Base):
    """Keeps the token of an auth handler in the Flask session of the user; put it before the handler's class.

    By default the token is encrypted with the secret key of the application, wherever the session lives, so that a
    cookie can be read by nobody. With `store`, it stays on the server, and the session has a reference to it.

    Attributes:
        session_key: name of the member of the session.
        serializer: makes the text in the session, instead; a plain `TokenSerializer` lets the browser read the token.
        token: the token of the current session; set it after a login, and to `None` after a logout.

    """

    session_key: str
    serializer: Serializer[BearerToken] | None

    def __init__(
        self,
        session_key: str,
        serializer: Serializer[BearerToken] | None = None,
        *args: Any,
        store: TokenStore | None = None,
        **token_kwargs: Any,
    ) -> None:
        """Make a handler for all users.

        Args:
            session_key: name of the member of the session.
            serializer: see the attribute.
            *args: further arguments of the handler.
            store: keeps tokens on the server.
            **token_kwargs: further arguments of the handler.

        Raises:
            InvalidParam: these arguments do not go together.

        """
        if token_kwargs.get("renew_in_background") or token_kwargs.get("store_key"):
            msg = "A handler of Flask sessions takes no `renew_in_background` (no thread has a session) or `store_key`."
            raise InvalidParam(msg)
        own = self.__dict__
        own |= {"session_key": session_key, "serializer": serializer, "_tokens": None}
        if store is not None or serializer is not None:
            own["_tokens"] = SessionTokens(session_key, serializer=serializer, store=store)
        own["_held"] = None  # until all is there: a handler may be made outside of a request
        if "token" not in signature(super().__init__).bind_partial(*args).arguments:
            token_kwargs.setdefault("token", None)
        super().__init__(*args, **token_kwargs)
        token = own.pop("_held")
        if token is not None:
            self.token = token

    @property
    def token(self) -> BearerToken | None:
        """The token of the current session; `None` when there is none."""
        held = self.__dict__.get("_held", _NOT_INNER)
        return self._session_tokens().get(flask.session) if held is _NOT_INNER else held

    @token.setter
    def token(self, token: str | BearerToken | None) -> None:
        token = BearerToken(token) if isinstance(token, str) else token
        if "_held" in self.__dict__:
            self.__dict__["_held"] = token
        else:
            flask.g.pop(self._inner_name, None)
            self._keep(token)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the token of the session; of other attributes, the handler decides."""
        if name == "token" and "_held" not in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token of the current session to `request`, as the handler does."""
        return super(FlaskSessionAuthMixin, self._inner()).__call__(request)

    def renew_token(self) -> None:
        """Renew the token of the session, and keep it, unless another request of the same session just did."""
        tokens = self._session_tokens()
        with tokens.lock(flask.session):
            newer = tokens.get(flask.session)
            if newer is not None and newer != self.token and not newer.is_expired(self.leeway):
                self.token = newer
                return
            super().renew_token()
            self._keep(self.token)

    @property
    def _inner_name(self) -> str:
        return f"_requests_oauth2client_{id(self)}"

    def _inner(self) -> FlaskSessionAuthMixin:
        """Return the handler that serves the current web request: its state is that of one user."""
        inner = flask.g.get(self._inner_name)
        if inner is None:
            inner = type(self).__new__(type(self))
            attributes = self._attributes()
            inner.__dict__["_held"] = attributes["token"]
            for name, value in attributes.items():
                object.__setattr__(inner, name, value)
            inner._start()  # noqa: SLF001 - of this very class
            setattr(flask.g, self._inner_name, inner)
        return cast("FlaskSessionAuthMixin", inner)

    def _session_tokens(self) -> SessionTokens:
        if self.__dict__["_tokens"] is not None:
            return cast("SessionTokens", self.__dict__["_tokens"])
        app = flask.current_app
        if not app.secret_key:
            msg = "Flask has no secret key to encrypt with: set `app.secret_key` to 32 random bytes."
            raise InvalidParam(msg)
        return SessionTokens.encrypted(
            self.session_key, [app.secret_key, *(app.config.get("SECRET_KEY_FALLBACKS") or ())]
        )

    def _keep(self, token: BearerToken | None) -> None:
        tokens = self._session_tokens()
        tokens.put(flask.session, token)
        limit = flask.current_app.config["MAX_COOKIE_SIZE"]
        is_cookie = isinstance(flask.current_app.session_interface, _sessions.SecureCookieSessionInterface)
        if is_cookie and limit and len(flask.session.get(self.session_key, "")) > limit - _REST_OF_COOKIE:
            del flask.session[self.session_key]
            msg = (
                "This token is too large for a cookie, which browsers would drop without a word: pass `store=` to keep "
                "tokens on the server, or use sessions that live there."
            )
            raise TokenNotStored(msg)


class FlaskOAuth2ClientCredentialsAuth(FlaskSessionAuthMixin, OAuth2ClientCredentialsAuth):
    """Gets tokens for the client itself, one for each session: `session_key=`, `client=`, `scope=` and so on."""


class FlaskOAuth2AccessTokenAuth(FlaskSessionAuthMixin, OAuth2AccessTokenAuth):
    """Uses and refreshes the token of the user who is logged in: set `token` when the login comes back."""
