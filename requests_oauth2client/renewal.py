"""How an auth handler keeps a token, and renews it once for all who share it.

Threads share a handler: one of them renews, see `SingleFlight`. Processes and machines share a `TokenStore`: under its
lock, what is stored is read again, renewed only if that is still needed, and stored before it is used.
"""

from __future__ import annotations

import copy
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, fields, setters
from requests.auth import AuthBase

from .events import TokenEvent, tell
from .exceptions import (
    InvalidClient,
    InvalidGrant,
    InvalidParam,
    NonRenewableTokenError,
    OAuth2Error,
    TokenNotStored,
    TokenStoreError,
    TokenStoreUnavailable,
    UnauthorizedClient,
    UnrepeatableBody,
)
from .resending import repeat, resend
from .retries import retry_after
from .single_flight import SingleFlight
from .token_store import dump_token, load_token, token_key
from .tokens import BearerToken
from .www_authenticate import parse_www_authenticate

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from .client import OAuth2Client
    from .token_store import TokenStore

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds after a refusal in which the server is not asked again: at first, and after many refusals."""

EXCHANGE_ONLY = frozenset({"code_verifier", "redirect_uri", "validate"})
"""Arguments that belong to the exchange of a code, and not to later refreshes."""


class _Refusals:
    """Remembers that the server refused, so that it is not asked the same at every API call.

    Only the thread that renews touches it.
    """

    __slots__ = ("error", "pause", "until")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.error: OAuth2Error | None = None
        self.until = 0.0
        self.pause = FIRST_PAUSE

    def check(self) -> None:
        """Raise the remembered error while it is too early to ask again."""
        if self.error is not None and monotonic() < self.until:
            raise copy.copy(self.error) from self.error

    def remember(self, error: OAuth2Error) -> None:
        response = error.response
        if isinstance(error, (InvalidGrant, InvalidClient, UnauthorizedClient)):
            self.error, self.until = error, monotonic() + self.pause
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
        elif getattr(response, "status_code", None) in (429, 503):
            asked = retry_after(response)
            self.error = error
            self.until = monotonic() + (FIRST_PAUSE if asked is None else min(asked, LONGEST_PAUSE))


class _Listener:
    """The response hook of a handler. It goes where its request goes, but into no pickle: the credentials stay here."""

    __slots__ = ("_auth",)

    def __init__(self, auth: RenewingAuth | None = None) -> None:
        self._auth = auth

    def __call__(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        if response.status_code != 401 or self._auth is None:  # noqa: PLR2004 - Unauthorized
            return response
        return self._auth._refused(response, kwargs)  # noqa: SLF001 - the two are one

    def __reduce__(self) -> tuple[type[_Listener], tuple[()]]:
        return _Listener, ()


class _State:
    """What a handler has besides its parameters; a copy of it starts anew."""

    __slots__ = ("flight", "listener", "refusals", "unsaved")

    def __init__(self, auth: RenewingAuth | None = None) -> None:
        self.flight = SingleFlight()
        self.refusals = _Refusals()
        self.unsaved: tuple[BearerToken, str | None] | None = None  # a renewed token, and the text it replaces
        self.listener = _Listener(auth)

    def __reduce__(self) -> tuple[type[_State], tuple[()]]:
        return _State, ()


_fixed = setters.frozen


@define(init=False, eq=False)
class RenewingAuth(AuthBase):
    """What all handlers share: keep a token, know when it needs renewal, renew it once.

    Attributes:
        client: the client that gets tokens.
        token: the current token; `None` before the first use.
        leeway: seconds before expiry at which a token is renewed.
        token_kwargs: further arguments of token requests.
        store: where the token is kept, for other processes and for the next start; `None` for this handler only.
        store_key: which token of the store this is, such as the user; needed where the grant does not tell.
        renew_on_401: renew, and send the request once more, when the API refuses a token that should be valid.
        renew_in_background: within `leeway` of the expiry, let another thread renew, and go on with the old token.

    """

    GRANT_TYPE: ClassVar[str]
    """Grant of the first token: part of the key in a store."""

    KEY_NEEDED: ClassVar[bool] = True
    """Whether `store_key` must be given: the grant does not tell whose token it is."""

    REPEATABLE: ClassVar[bool] = False
    """Whether asking the server anew spends nothing: then a store that is down does not matter."""

    client: OAuth2Client = field(on_setattr=_fixed)
    token: BearerToken | None
    leeway: float = field(on_setattr=_fixed)
    token_kwargs: dict[str, Any] = field(on_setattr=_fixed, repr=False)
    store: TokenStore | None = field(on_setattr=_fixed)
    store_key: str | None = field(on_setattr=_fixed)
    renew_on_401: bool = field(on_setattr=_fixed)
    renew_in_background: bool = field(on_setattr=_fixed)
    _state: _State = field(repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        token: str | BearerToken | None,
        token_kwargs: dict[str, Any],
        *,
        leeway: float,
        store: TokenStore | None,
        store_key: str | None,
        renew_on_401: bool,
        renew_in_background: bool,
        **own: Any,
    ) -> None:
        if store is not None and self.KEY_NEEDED and not store_key:
            msg = "A store keeps the tokens of many: pass `store_key=`, which tells whose token this is (a user id)."
            raise InvalidParam(msg)
        values = {
            "client": client,
            "token": BearerToken(token) if isinstance(token, str) else token,
            "leeway": leeway,
            "token_kwargs": token_kwargs,
            "store": store,
            "store_key": store_key,
            "renew_on_401": renew_on_401,
            "renew_in_background": renew_in_background,
            "_state": _State(self),
            **own,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_state", _State(self))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [f.name for f in fields(type(self)) if f.name != "_state"]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        return hash((type(self), self.client))

    # ------------------------------------------------------------ as a requests auth handler

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add a valid token to `request`, renewing it first when it is about to expire.

        Raises:
            NonRenewableTokenError: there is no token, and no way to get one.
            ExpiredAccessToken: the token is expired, and there is no way to renew it.
            TokenStoreError: the store is down, and renewing without it could end the session of the user.
            OAuth2Error: the renewal failed.

        """
        token = self.token
        if token is None or token.is_expired(self.leeway):
            token = self._renewed(token)
        if self.renew_on_401:
            hooks, listener = request.hooks["response"], self._state.listener
            if listener not in hooks:
                hooks.append(listener)
        return token(request)

    def _renewed(self, token: BearerToken | None) -> BearerToken:
        usable = token is not None and not token.is_expired()
        if usable and self.renew_in_background:
            if not self._state.flight.busy:
                threading.Thread(target=self._renew_ahead, name="token renewal", daemon=True).start()
        else:
            try:
                self._renew(self._is_stale, wait=not usable)
            except OAuth2Error:
                # renewal ahead of the expiry is a precaution: while the old token is valid, its failure fails no call
                if token is None or token.is_expired():
                    raise
        current = self.token or (token if usable else None)
        if current is None:
            raise NonRenewableTokenError
        return current

    def _renew_ahead(self) -> None:
        try:
            self._renew(self._is_stale, wait=False)
        except OAuth2Error:
            return  # told to the hook of the client; the old token stays in use while it is valid

    def _is_stale(self, token: BearerToken) -> bool:
        return bool(token.is_expired(self.leeway))

    def _refused(self, response: requests.Response, send_kwargs: dict[str, Any]) -> requests.Response:
        """Renew a token that the API calls invalid, and send the request once more (RFC 6750 §3.1)."""
        refused = self.token
        sent = None if refused is None else response.request.headers.get(refused.AUTHORIZATION_HEADER)
        challenges = parse_www_authenticate(response.headers.get("WWW-Authenticate"))
        if sent is None or not any(challenge.get("error") == "invalid_token" for challenge in challenges):
            return response

        def stale(token: BearerToken) -> bool:
            return token.authorization_header() == sent or self._is_stale(token)

        try:
            self._renew(stale, wait=True)
            token = self.token
            if token is None or stale(token):
                return response
            again = token(repeat(response))
        except (OAuth2Error, UnrepeatableBody):
            return response  # the refusal is the answer: the failure was told to the hook of the client
        response = resend(response, again, send_kwargs)
        for hook in again.hooks["response"]:  # a DPoP token may have to answer for a nonce
            if not isinstance(hook, _Listener):
                response = hook(response, **send_kwargs) or response
        return response

    # ------------------------------------------------------------ renewal

    def renew_token(self) -> None:
        """Get a new token and put it into `token`; subclasses do it with their grant."""
        raise NotImplementedError

    def forget_token(self) -> None:
        """Forget the current token, in the store too: the next request gets a new one.

        Raises:
            TokenStoreError: the store did not forget it.

        """
        self.token = None
        self._state.refusals.forget()
        if self.store is not None:
            self.store.delete(self._key())

    def _refresh(self) -> None:
        """Renew with the refresh token, if there is one."""
        token = self.token
        if token is not None and token.refresh_token is not None:
            kwargs = {name: value for name, value in self.token_kwargs.items() if name not in EXCHANGE_ONLY}
            self.token = self.client.refresh_token(token, **kwargs)

    def _renew(self, stale: Callable[[BearerToken], bool], *, wait: bool) -> None:
        def needed() -> bool:
            return self.token is None or stale(self.token)

        self._state.flight.run(partial(self._obtain, stale), needed=needed, wait=wait)

    def _obtain(self, stale: Callable[[BearerToken], bool]) -> None:
        refusals, started = self._state.refusals, monotonic()
        refusals.check()
        before = self.token
        try:
            served = self._through_store(stale)
        except OAuth2Error as exc:
            refusals.remember(exc)
            self._tell("renewal_failed", started, type(exc).__name__)
            raise
        refusals.forget()
        if self.token is not before:
            self._tell("served_from_store" if served else "token_renewed", started)

    def _tell(self, name: Any, started: float, error: str | None = None) -> None:
        event = TokenEvent(
            name,
            client_id=getattr(self.client.auth, "client_id", None),
            grant_type=self.GRANT_TYPE,
            duration=monotonic() - started,
            error=error,
            expires_in=self.token.expires_in if self.token is not None and error is None else None,
        )
        tell(self.client.on_event, event)

    # ------------------------------------------------------------ the store

    def _key(self) -> str:
        client, kwargs = self.client, self.token_kwargs
        parameters = {name: value for name, value in kwargs.items() if name != "requests_kwargs"}
        dpop = kwargs.get("dpop", client.dpop_bound_access_tokens)
        return token_key(
            server=client.issuer or client.token_endpoint,
            client_id=getattr(client.auth, "client_id", None),
            grant_type=self.GRANT_TYPE,
            store_key=self.store_key,
            **{**parameters, "dpop": bool(dpop) or None},
            **self._owner(),
        )

    def _owner(self) -> dict[str, Any]:
        """Return what else tells whose token this is."""
        return {}

    def _through_store(self, stale: Callable[[BearerToken], bool]) -> bool:
        """Renew, under the lock of the store if there is one; tell whether the store had what was needed."""
        store = self.store
        if store is None:
            self.renew_token()
            return False
        try:
            with store.lock(self._key()):
                return self._renew_locked(store, self._key(), stale)
        except TokenStoreUnavailable:
            if not self.REPEATABLE:
                raise
        self.renew_token()  # asking anew spends nothing: better two tokens than none
        return False

    def _renew_locked(self, store: TokenStore, key: str, stale: Callable[[BearerToken], bool]) -> bool:
        if self._state.unsaved is not None:
            self._save(store, key, *self._state.unsaved)
        text = store.get(key)
        stored = None if text is None else load_token(text)
        if stored is not None and not stale(stored):
            self.token = stored
            return True
        # the renewal is made on a copy: nobody uses its token before it is stored
        scratch = copy.copy(self)
        object.__setattr__(scratch, "store", None)
        scratch.token = stored or self.token  # what is stored is newer: its refresh token is the one to spend
        before = scratch.token
        scratch.renew_token()
        if scratch.token is not None and scratch.token is not before:
            try:
                self._save(store, key, scratch.token, text)
            except TokenStoreError:
                self._adopt(scratch, but="token")
                raise
        self._adopt(scratch)
        return False

    def _save(self, store: TokenStore, key: str, token: BearerToken, replaced: str | None) -> None:
        """Store a renewed token before it is used.

        Raises:
            TokenNotStored: the store failed. The token is kept, and stored at the next attempt.

        """
        try:
            saved = store.put(key, dump_token(token), replacing=replaced)
        except TokenStoreError as exc:
            if self.REPEATABLE:
                return
            self._state.unsaved = (token, replaced)
            msg = (
                "The token was renewed, but the store did not take it. It is kept in memory, and stored before its "
                "first use: repair the store, then try again in this process."
            )
            raise TokenNotStored(msg) from exc
        self._state.unsaved = None
        if not saved:
            tell(self.client.on_event, TokenEvent("served_from_store", grant_type=self.GRANT_TYPE))

    def _adopt(self, scratch: RenewingAuth, but: str = "") -> None:
        """Take over what a renewal on a copy changed; the token last."""
        for f in fields(type(self)):
            if f.name not in ("store", "_state", "token"):
                object.__setattr__(self, f.name, getattr(scratch, f.name))
        if but != "token":
            self.token = scratch.token
