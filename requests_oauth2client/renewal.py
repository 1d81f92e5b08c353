"""How an auth handler keeps a token, and renews it once for all who share it.

Threads share a handler: one of them renews, see `SingleFlight`. Processes and machines share a `TokenStore`: under its
lock, what is stored is read again, renewed only if that is still needed, and stored before it is used.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic, time
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from attrs import define, field, fields, setters
from requests.auth import AuthBase

from .events import TokenEvent, tell
from .exceptions import (
    CorruptTokenStore,
    InvalidParam,
    NonRenewableTokenError,
    OAuth2Error,
    TokenNotStored,
    TokenStoreError,
    TokenStoreUnavailable,
    UnrepeatableBody,
)
from .hidden import hidden
from .refusals import FREE_FAILURES, OUTAGE, REFUSAL, Pause, Refusals
from .resending import drain, repeat, resend
from .single_flight import SingleFlight
from .token_store import Entry, StoredToken, token_key
from .tokens import BearerToken

if TYPE_CHECKING:
    import requests

    from .client import OAuth2Client
    from .token_store import TokenStore

EXCHANGE_ONLY = frozenset({"code_verifier", "redirect_uri"})
"""Arguments that belong to the exchange of a code, and not to later refreshes."""

MAX_DISTRUSTED = 100
"""Origins of APIs that refuse new tokens, which a handler remembers."""

Stale = Callable[[BearerToken, "float | None"], bool]
"""Tells whether a token, of that lifetime, needs renewal."""

NOTE = ".refusal"
"""Ends the key of the note that a store keeps of the last failure, beside the token."""

MAX_CONFLICTS = 3
"""How often a renewal begins anew because another holder replaced the stored token meanwhile."""

_NONE: Any = object()
"""What no token is."""


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
    """What a handler has besides its parameters; a copy of the handler starts anew.

    Only the thread that renews writes here, but for `token_was_set`.
    """

    __slots__ = (
        "distrusted",
        "flight",
        "given",
        "lifetime",
        "patience",
        "pid",
        "previous",
        "read",
        "refusals",
        "refused",
        "stored",
        "unsaved",
    )

    def __init__(self) -> None:
        self.flight = SingleFlight()
        self.pid = os.getpid()
        self.refusals = Refusals()
        self.patience = Pause()  # while the old token is valid, after a renewal ahead of its expiry failed
        self.read: str | None = None  # what the store had when it was read last
        self.refused: str | None = None  # what it had when the server refused
        self.distrusted: dict[str, Pause] = {}  # by the origin of an API that refuses new tokens
        self.previous: str | None = None  # the header of the token before this one
        self.lifetime: float | None = None  # of the current token, when we saw it new
        self.stored: str | None = None  # the text that the store had for the current token
        self.given = False  # the current token was given by the program, and goes to the store
        self.unsaved: tuple[StoredToken, str, str | None] | None = None  # a renewed token, its text, what it replaces

    def token_was_set(self, old: BearerToken | None) -> None:
        """Note that the program put another token in place of `old`."""
        self.previous = None if old is None else old.authorization_header()
        self.refusals.forget()
        self.patience.end()
        self.lifetime = self.stored = self.unsaved = None
        self.given = True


def _set_token(auth: RenewingAuth, _: object, value: str | BearerToken | None) -> BearerToken | None:
    """Take a token from the program: it counts, whatever a store has."""
    token = BearerToken(value) if isinstance(value, str) else value
    auth._state.token_was_set(auth.token)  # noqa: SLF001 - a hook of its class
    auth._settle(None if auth.store is not None else token)  # noqa: SLF001 - idem
    return token


def _revive(cls: type[RenewingAuth], attributes: dict[str, Any]) -> RenewingAuth:
    """Make a copy of a handler, with an inner state of its own."""
    auth = cls.__new__(cls)
    for name, value in attributes.items():
        _put(auth, name, value)
    auth._start()  # noqa: SLF001 - a part of its class
    return auth


_fixed = setters.frozen
_put = object.__setattr__


@define(init=False, eq=False)
class RenewingAuth(AuthBase):
    """What all handlers share: keep a token, know when it needs renewal, renew it once.

    Attributes:
        client: the client that gets tokens.
        token: the current token; `None` before the first use. Set it to use another, which replaces the stored one.
        leeway: seconds before expiry at which a token is renewed. A token whose whole life is not longer than that is
            renewed in the middle of its life.
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
    token: BearerToken | None = field(on_setattr=_set_token)
    leeway: float = field(on_setattr=_fixed)
    token_kwargs: dict[str, Any] = field(on_setattr=_fixed, repr=False)
    store: TokenStore | None = field(on_setattr=_fixed)
    store_key: str | None = field(on_setattr=_fixed)
    renew_on_401: bool = field(on_setattr=_fixed)
    renew_in_background: bool = field(on_setattr=_fixed)
    _state: _State = field(repr=False, eq=False)
    _listener: _Listener | None = field(repr=False, eq=False)
    _settled: tuple[BearerToken, float] = field(repr=False, eq=False)
    """The current token, once it needs nothing but a look at the clock, and the time of its renewal.

    Both at once, so that no thread sees one without the other; worked out once, which saves a call at each request.
    """

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
        token = BearerToken(token) if isinstance(token, str) else token
        values = {
            "client": client,
            "token": token,
            "leeway": leeway,
            # an iterator would be empty at the second renewal
            "token_kwargs": {n: list(v) if isinstance(v, Iterator) else v for n, v in token_kwargs.items()},
            "store": store,
            "store_key": store_key,
            "renew_on_401": renew_on_401,
            "renew_in_background": renew_in_background,
            **own,
        }
        for name, value in values.items():
            _put(self, name, value)
        self._start()
        if store is not None:
            self._key()  # what cannot be part of a key is told now

    def _start(self) -> None:
        _put(self, "_state", _State())
        _put(self, "_listener", _Listener(self) if self.renew_on_401 else None)
        self._settle(self.token if self.store is None else None)

    def _settle(self, token: BearerToken | None) -> None:
        at = None if token is None else token._expiry  # noqa: SLF001 - seconds, where `expires_at` makes a datetime
        renewal = inf if at is None else at - self.leeway
        if token is not None and token._is_overridden:  # noqa: SLF001 - it is asked each time
            renewal = -inf
        _put(self, "_settled", (_NONE if token is None else token, renewal))

    def _attributes(self) -> dict[str, Any]:
        """Return all attributes, those that subclasses add included, but for the inner state."""
        names = {f.name for f in fields(type(self))} - {"_state", "_listener", "_settled"}
        return {**{name: getattr(self, name) for name in names}, **self.__dict__}

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self._attributes())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._attributes() == other._attributes()

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
        token, (settled, renewal) = self.token, self._settled
        request = (settled if token is settled and time() <= renewal else self._renewed(token))(request)
        listener = self._listener
        if listener is not None:
            hooks = request.hooks["response"]
            if listener not in hooks:
                hooks.append(listener)
        return request

    def _renewed(self, token: BearerToken | None) -> BearerToken:
        """Return the token to use instead of `token`, which is not settled, or close to its expiry."""
        state, settled = self._state, token is self._settled[0]
        usable = token is not None and not token.is_expired()
        if token is not None and usable and (state.patience.left > 0 or (settled and not self._is_stale(token))):
            return token
        if usable and settled and self.renew_in_background:
            self._renew_in_background()
        else:
            try:
                self._renew(self._is_stale, wait=not usable)
            except OAuth2Error:
                # renewal ahead of the expiry is a precaution: while the old token is valid, its failure fails no call
                if token is None or token.is_expired():
                    raise
                state.patience.begin(OUTAGE, free=FREE_FAILURES)
        current = self.token or (token if usable else None)
        if current is None:
            raise NonRenewableTokenError
        return current

    def _renew_in_background(self) -> None:
        if self._state.flight.busy:
            return
        try:
            threading.Thread(target=self._renew_ahead, name="token renewal", daemon=True).start()
        except RuntimeError:
            return  # no thread can be started (any more): the token is renewed when it is expired

    def _renew_ahead(self) -> None:
        try:
            self._renew(self._is_stale, wait=False)
        except OAuth2Error:
            self._state.patience.begin(OUTAGE, free=FREE_FAILURES)
            # told to the hook of the client; the old token stays in use while it is valid

    def _is_stale(self, token: BearerToken, lifetime: float | None = None) -> bool:
        """Tell whether a token is within `leeway` of its expiry, or past the middle of a life no longer than that."""
        if lifetime is None and token is self.token:
            lifetime = self._state.lifetime
        short = lifetime is not None and lifetime <= self.leeway
        return bool(token.is_expired(lifetime / 2 if short and lifetime is not None else self.leeway))

    # ------------------------------------------------------------ when the API says 401

    def _refused(self, refusal: requests.Response, send_kwargs: dict[str, Any]) -> requests.Response:
        """Renew a token that the API calls invalid, and send the request once more (RFC 6750 §3.1)."""
        state, current = self._state, self.token
        if current is None or not _calls_invalid(refusal):
            return refusal
        sent = refusal.request.headers.get(current.AUTHORIZATION_HEADER)
        # after a redirect, or by the hand of the caller, the request may have carried other credentials, or none
        if sent is None or sent not in (current.authorization_header(), state.previous):
            return refusal
        origin = _origin(refusal)
        pause = state.distrusted.get(origin)
        if pause is not None and pause.left > 0 and sent != state.previous:
            return refusal

        def stale(token: BearerToken, lifetime: float | None) -> bool:
            return token.authorization_header() == sent or self._is_stale(token, lifetime)

        try:
            self._renew(stale, wait=True)
            token = self.token
            if token is None or token.authorization_header() == sent or not hasattr(refusal, "connection"):
                return refusal
            again = repeat(refusal)
            known = [*again.hooks["response"]]
            again = token(again)
        except (OAuth2Error, UnrepeatableBody):
            return refusal  # it is the answer: the failure was told to the hook of the client
        drain(refusal)
        response = resend(refusal, again, send_kwargs)
        for hook in again.hooks["response"]:
            if hook not in known:  # that of the new token, which may have to answer for a nonce
                response = hook(response, **send_kwargs) or response
        self._trust(origin, helped=not (response.status_code == 401 and _calls_invalid(response)))  # noqa: PLR2004
        return response

    def _trust(self, origin: str, *, helped: bool) -> None:
        """Remember whether a new token helped: an API that refuses them all must not make us renew at every call."""
        distrusted = self._state.distrusted
        if helped:
            distrusted.pop(origin, None)
            return
        if len(distrusted) >= MAX_DISTRUSTED:
            distrusted.clear()
        distrusted.setdefault(origin, Pause()).begin(REFUSAL)

    # ------------------------------------------------------------ renewal

    def renew_token(self) -> None:
        """Get a new token and put it into `token`; subclasses do it with their grant.

        With a store, this runs on a copy of the handler, whose token is the stored one. Then what it changed is taken
        over: its attributes at once, the token when it is stored. Leave the call to the handler: your own takes no
        lock, and may spend a refresh token that another holder spent.
        """
        raise NotImplementedError

    def forget_token(self) -> None:
        """Forget the current token, in the store too: the next request gets a new one.

        Raises:
            TokenStoreError: the store did not forget it.

        """
        self.token = None
        self._state.given = False
        if self.store is not None:
            key = self._key()
            self.store.delete(key)
            self.store.delete(key + NOTE)

    def _pending(self) -> bool:
        """Tell whether there is a new grant to spend, such as a code: its token replaces what is stored."""
        return False

    def _refresh(self) -> None:
        """Renew with the refresh token, if there is one."""
        token = self.token
        if token is not None and token.refresh_token is not None:
            kwargs = {name: value for name, value in self.token_kwargs.items() if name not in EXCHANGE_ONLY}
            self.token = self.client.refresh_token(token, **kwargs)

    def _renew(self, stale: Stale, *, wait: bool) -> None:
        def needed() -> bool:
            token = self.token
            return token is None or token is not self._settled[0] or stale(token, self._state.lifetime)

        self._state.flight.run(partial(self._obtain, stale), needed=needed, wait=wait)

    def _obtain(self, stale: Stale) -> None:
        """Get a token that is not stale, from the store or from the server; one thread at a time does it."""
        state, started, before = self._state, monotonic(), self.token
        if state.pid != os.getpid():
            state.pid = os.getpid()
            self.client.session.close()  # in a forked child, the connections belong to the parent
        try:
            served = self._through_store(stale) if self.store is not None else self._renew_alone()
        except OAuth2Error as exc:
            state.refused = state.read
            if not state.refusals.is_memory(exc):
                state.refusals.remember(exc)
                self._tell("renewal_failed", started, type(exc).__name__)
            raise
        state.refusals.forget()
        state.patience.end()
        if self.token is not before:
            self._tell("served_from_store" if served else "token_renewed", started)

    def _renew_alone(self) -> bool:
        """Renew without a store."""
        self._state.refusals.check()
        before = self.token
        self.renew_token()
        if self.token is not before:
            self._accept(self._new(self.token))
        return False

    @staticmethod
    def _new(token: BearerToken | None) -> StoredToken:
        """Return a token that was just obtained, with its lifetime."""
        expires_in = getattr(token, "expires_in", None)
        return StoredToken(token, None if expires_in is None else max(expires_in, 0.0))  # type: ignore[arg-type] # see _accept

    def _accept(self, got: StoredToken, text: str | None = None) -> None:
        """Make a token the current one, and use it from now on."""
        state, old = self._state, self.token
        if old is not got.token:
            state.previous = None if old is None else old.authorization_header()
        state.lifetime, state.stored, state.given = got.lifetime, text, False
        _put(self, "token", got.token)
        self._settle(got.token)

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
        left_out = EXCHANGE_ONLY | {"requests_kwargs"}
        parameters = {name: value for name, value in kwargs.items() if name not in left_out}
        dpop = kwargs.get("dpop", client.dpop_bound_access_tokens) or None
        return token_key(
            server=self._server(),
            client_id=getattr(client.auth, "client_id", None),
            grant_type=self.GRANT_TYPE,
            parameters={**parameters, "dpop": dpop, "store_key": self.store_key, **self._owner()},
        )

    def _server(self) -> str:
        return self.client.issuer or self.client.token_endpoint

    def _owner(self) -> dict[str, Any]:
        """Return what else tells whose token this is."""
        return {}

    def _through_store(self, stale: Stale) -> bool:
        """Get a token from the store, or renew it under the lock of the store; tell whether the store had it."""
        state, served = self._state, None
        store: Any = self.store
        entry = Entry(store, self._key(), self._server(), self.client.token_class)
        try:
            own = self.token
            if state.unsaved is None and not self._pending() and (own is None or own is self._settled[0]):
                stored = self._read(entry)
                if stored is not None and not stale(stored.token, stored.lifetime):
                    self._accept(stored, state.read)
                    return True
            state.refusals.check()
            with store.lock(entry.key):
                served = self._renew_locked(entry, stale)
        except TokenStoreUnavailable:
            # asking anew spends nothing: better two tokens than none; a lock that cannot be given back frees itself
            if served is None and not self.REPEATABLE:
                raise
        return self._renew_alone() if served is None else served

    def _read(self, entry: Entry) -> StoredToken | None:
        """Return what is stored; another text than the one that was refused ends the pause."""
        state = self._state
        state.read = hidden(entry.store.get(entry.key))
        if state.read != state.refused:
            state.refused = state.read
            state.refusals.forget()
        return None if state.read is None else entry.load(state.read)

    def _renew_locked(self, entry: Entry, stale: Stale) -> bool:
        """Read again, renew if that is still needed, and store; tell whether the store had what was needed."""
        state = self._state
        self._save_again(entry)
        got: StoredToken | None = None
        for _ in range(MAX_CONFLICTS):
            stored, own, pending = self._read(entry), self.token, self._pending()
            base: StoredToken | None
            if own is not None and self._prevails(own, stored):
                given = StoredToken(own, state.lifetime)
                base, wins = given, True
                if not stale(own, state.lifetime) and self._save(entry, given, wins=True):
                    return False
            else:
                base, wins = stored, pending
                if stored is not None and not pending and not stale(stored.token, stored.lifetime):
                    self._accept(stored, state.read)
                    return True
                if stored is None and state.stored is not None:
                    self._was_forgotten(pending=pending)
            if not wins:
                with suppress(CorruptTokenStore):  # a note is not worth an error
                    state.refusals.learn(entry.store.get(entry.key + NOTE), state.read)
                state.refusals.check()
            got = self._ask(entry, base, wins=wins)
            if got is None:
                self._accept(self._new(None) if base is None else base, state.read)
                return False
            if self.token is got.token:
                return False
        if self.REPEATABLE and got is not None:
            self._accept(got)
            return False
        msg = (
            "Other holders replace the stored token all the time. Check that no two programs share its key by mistake."
        )
        raise TokenStoreUnavailable(msg)

    def _ask(self, entry: Entry, base: StoredToken | None, *, wins: bool) -> StoredToken | None:
        """Renew, and leave a note of a failure: those who wait for the lock need not ask the same."""
        state = self._state
        try:
            return self._renew_copy(entry, base, wins=wins)
        except OAuth2Error as exc:
            if state.refusals.remember(exc):
                key = entry.key + NOTE
                with suppress(TokenStoreError):  # then each asks for itself
                    entry.store.put(key, state.refusals.note(state.read), replacing=entry.store.get(key))
            raise

    def _prevails(self, own: BearerToken, stored: StoredToken | None) -> bool:
        """Tell whether a token that the program gave counts more than the stored one.

        One that was set does. One that the handler began with does while nothing is stored, or if it is valid and the
        stored one is older; else it is what the program begins with at each start, and its refresh token may be spent.
        """
        if self._state.given:
            return True
        if own is self._settled[0]:
            return False
        if stored is None:
            return True
        ours, theirs = own.expires_at, stored.token.expires_at
        return not own.is_expired() and (ours is None or theirs is None or ours > theirs)

    def _was_forgotten(self, *, pending: bool) -> None:
        """Forget a token that is not in the store any more: its refresh token may have been revoked, or spent."""
        _put(self, "token", None)
        self._settle(None)
        self._state.stored = None
        if not pending and not self.REPEATABLE:
            msg = (
                "The token is not in the store any more: it was forgotten, or the store lost it. Its refresh token may "
                "be spent, and is not used: get a new authorization from the user, and set `token`."
            )
            raise NonRenewableTokenError(msg)

    def _renew_copy(self, entry: Entry, base: StoredToken | None, *, wins: bool) -> StoredToken | None:
        """Renew `base` on a copy of this handler, so that nobody uses the new token before it is stored.

        Returns:
            the new token, which is the current one if it could be stored; `None` if there is none.

        """
        scratch = copy.copy(self)
        token = None if base is None else base.token
        _put(scratch, "store", None)
        _put(scratch, "token", token)
        before, error = scratch._attributes(), None  # noqa: SLF001 - of this very class
        try:
            scratch.renew_token()
        except Exception as exc:  # noqa: BLE001 - raised below: there may be a token all the same
            error = exc
        for name, value in scratch._attributes().items():  # noqa: SLF001 - idem
            if name not in ("token", "store") and value is not before.get(name, _NONE):
                _put(self, name, value)
        got = None if scratch.token is None or scratch.token is token else self._new(scratch.token)
        if got is not None:
            self._save(entry, got, wins=wins)
        if error is not None:
            raise error
        return got

    def _save(self, entry: Entry, got: StoredToken, *, wins: bool = False) -> bool:
        """Store a token before it is used; tell whether it took the place of what was read.

        Args:
            entry: where to.
            got: the token.
            wins: it comes from a new grant, and replaces whatever another holder stored meanwhile.

        Raises:
            TokenNotStored: the store failed. The token is kept, and stored at the next attempt.

        """
        state, text = self._state, entry.dump(got)
        state.unsaved = (got, text, state.read)  # now: `put` may be interrupted, or raise what no store should
        try:
            saved = entry.store.put(entry.key, text, replacing=state.read)
            while not saved and wins:
                state.read = hidden(entry.store.get(entry.key))
                state.unsaved = (got, text, state.read)
                saved = entry.store.put(entry.key, text, replacing=state.read)
        except TokenStoreError as exc:
            if self.REPEATABLE:
                state.unsaved = None
                self._accept(got)
                return True
            msg = (
                "The token was renewed, but the store did not take it. It is kept in memory, and stored before its "
                "first use: repair the store, then try again in this process."
            )
            raise TokenNotStored(msg) from exc
        state.unsaved = None
        if saved:
            state.read = text
            self._accept(got, text)
        return saved

    def _save_again(self, entry: Entry) -> None:
        """Store the token that could not be stored, unless another holder stored one meanwhile."""
        state = self._state
        if state.unsaved is None:
            return
        unsaved = got, text, state.read = state.unsaved
        if not self._save(entry, got):
            state.unsaved = unsaved  # until the store has told what it holds
            if entry.store.get(entry.key) == text:
                self._accept(got, text)  # the first attempt did succeed, and only its answer was lost
        state.unsaved = None


def _calls_invalid(response: requests.Response) -> bool:
    from .www_authenticate import parse_www_authenticate  # most clients never meet a challenge

    challenges = parse_www_authenticate(response.headers.get("WWW-Authenticate"))
    return any(challenge.get("error") == "invalid_token" for challenge in challenges)


def _origin(response: requests.Response) -> str:
    url = urlsplit(str(response.request.url))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
