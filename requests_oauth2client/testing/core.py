"""The memory of the Authorization Server, on which each endpoint builds."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from .clients import Client, User, public_keys, words
from .clock import Clock
from .dpop_nonces import DPoPNonces
from .http import Refusal, Request
from .keys import ServerKeys
from .switches import Switches
from .tokens import AccessToken, Grant, RefreshToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwskate import Jwk
    from typing_extensions import Unpack

    from .clients import ClientFields
    from .pending import BackchannelRequest, DeviceRequest, Interaction, PushedRequest
    from .switches import Choices
    from .tokens import AuthorizationCode, Login

PATHS = {
    "authorization": "/authorize",
    "interaction": "/authorize/decision",
    "par": "/par",
    "token": "/token",
    "revocation": "/revoke",
    "introspection": "/introspect",
    "userinfo": "/userinfo",
    "jwks": "/jwks",
    "device_authorization": "/device_authorization",
    "verification": "/device",
    "backchannel_authentication": "/backchannel_authentication",
}


class Core(Switches):
    """Identity, registrations, tokens and records of one Authorization Server.

    Attributes:
        clock: the time as this server sees it.
        requests: every request received by the server and its APIs, in order.
        strays: every request that went elsewhere, from a session that `session()` made. Nobody answers them.
        reuse_alarms: how many times a refresh token was presented after its rotation.
        code_replays: how many times an authorization code was presented after its redemption.

    """

    def __init__(self, issuer: str, *, paths: Mapping[str, str] | None = None, **switches: Unpack[Choices]) -> None:
        """See `AuthorizationServer`."""
        super().__init__(**switches)
        unknown = set(paths or ()) - set(PATHS)
        if unknown:
            msg = f"unknown endpoints in paths: {sorted(unknown)}; expected some of {sorted(PATHS)}"
            raise ValueError(msg)
        self._issuer = issuer
        self._paths = dict(paths or {})
        self.served_at: str | None = None
        """Origin on the loopback interface, while it is served there."""
        # Guards all that follows, and the clients, users and tokens inside. Held while one request is answered.
        self.lock = threading.RLock()
        self.clock = Clock()
        self.clients: dict[str, Client] = {}
        self.users: dict[str, User] = {}
        self.trusted_issuers: dict[str, tuple[Jwk, ...]] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.used_values: dict[tuple[str, str, str], float] = {}
        self._forget_above = 1000
        self.requests: list[Request] = []
        self.strays: list[Request] = []
        self.reuse_alarms = 0
        self.code_replays = 0
        self.keys = ServerKeys(issuer)
        self.dpop_nonces = DPoPNonces()
        self.codes: dict[str, AuthorizationCode] = {}
        self.pushed_requests: dict[str, PushedRequest] = {}
        self.interactions: dict[str, Interaction] = {}
        self.device_requests: dict[str, DeviceRequest] = {}
        self.backchannel_requests: dict[str, BackchannelRequest] = {}
        self.logins: dict[str, Login] = {}  # by browser
        self.consents: dict[tuple[str, str], set[str]] = {}  # scopes, by username and client_id

    # Where it is

    def locate(self, url: str) -> str:
        """Return where that URL is found now: at itself, or on the loopback port while the server is served."""
        if self.served_at is None:
            return url
        parts = urlsplit(url)
        return self.served_at + urlunsplit(("", "", parts.path, parts.query, ""))

    @property
    def issuer(self) -> str:
        """The issuer identifier."""
        return self.locate(self._issuer)

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint, such as `token` or `userinfo`."""
        if name in self._paths:
            return self.locate(urljoin(self._issuer, self._paths[name]))
        return self.issuer.rstrip("/") + PATHS[name]

    def origins(self) -> set[str]:
        """Return the origins on which the server has an endpoint."""
        urls = (urlsplit(url) for url in (self.issuer, *map(self.endpoint, PATHS)))
        return {f"{url.scheme}://{url.netloc}" for url in urls}

    # Who it knows

    def add_client(
        self,
        client_id: str,
        *,
        client_secret: str | None = None,
        auth_methods: str | Iterable[str] | None = None,
        jwks: Any = None,
        redirect_uris: str | Iterable[str] = (),
        grant_types: str | Iterable[str] | None = None,
        scope: str | Iterable[str] | None = None,
        public: bool = False,
        **flags: Unpack[ClientFields],
    ) -> Client:
        """Register a client, or replace it.

        Args:
            client_id: its identifier.
            client_secret: its secret, if it has one.
            auth_methods: the methods by which it may authenticate. By default `none` when it is public,
                `private_key_jwt` when it has keys and no secret, `client_secret_post` otherwise.
            jwks: its public keys: a JWK, several, or a JWK Set. Only the public part is kept.
            redirect_uris: its redirect URIs, compared exactly, but for the port of loopback ones (RFC 8252 §7.3).
            grant_types: the grants that it may use. By default, any.
            scope: the scopes that it may ask for. By default, any.
            public: whether it has no credentials.
            **flags: other fields of `Client`.

        """
        if auth_methods is None:
            keys_only = jwks is not None and client_secret is None
            auth_methods = "none" if public else "private_key_jwt" if keys_only else "client_secret_post"
        client = Client(
            client_id=client_id,
            client_secret=client_secret,
            auth_methods=auth_methods,
            jwks=jwks,
            redirect_uris=redirect_uris,
            grant_types=grant_types,
            scope=scope,
            **flags,
        )
        with self.lock:
            self.clients[client_id] = client
        return client

    def add_user(self, username: str, *, password: str | None = None, sub: str | None = None, **claims: Any) -> User:
        """Register a user, or replace them. `sub` is the username by default; `claims` are about them."""
        user = User(username=username, password=password, sub=sub or username, claims=claims)
        with self.lock:
            self.users[username] = user
        return user

    def user_with_sub(self, sub: str) -> User | None:
        """Return the user with that `sub`."""
        return next((user for user in self.users.values() if user.sub == sub), None)

    def trust_issuer(self, issuer: str, jwks: Any) -> None:
        """Accept assertions signed by that issuer, with one of these keys, as authorization grants."""
        with self.lock:
            self.trusted_issuers[issuer] = public_keys(jwks)

    # What it issued

    def new_access_token(
        self, grant: Grant, *, scope: tuple[str, ...], audience: tuple[str, ...], jkt: str | None = None
    ) -> AccessToken:
        """Issue an access token for a grant, or for a part of it."""
        now = self.clock.now()
        lifetime = self.clients[grant.client_id].access_token_lifetime or self.access_token_lifetime
        token = AccessToken(
            value=secrets.token_urlsafe(32),
            grant=grant,
            scope=scope,
            audience=audience,
            issued_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            jkt=jkt,
        )
        self.access_tokens[token.value] = token
        return token

    def new_refresh_token(self, grant: Grant, *, jkt: str | None = None) -> RefreshToken:
        """Issue a refresh token for a grant."""
        now = self.clock.now()
        lifetime = self.refresh_token_lifetime
        token = RefreshToken(
            value=secrets.token_urlsafe(32),
            grant=grant,
            issued_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            jkt=jkt,
        )
        self.refresh_tokens[token.value] = token
        return token

    def active_access_token(self, value: str) -> AccessToken | None:
        """Return an access token that can be used now."""
        token = self.access_tokens.get(value)
        return token if token and token.is_active(self.clock.now()) else None

    def first_use(self, purpose: str, owner: str, value: str, until: float) -> bool:
        """Tell whether a one-time value comes for the first time; remember it until that time."""
        if len(self.used_values) > self._forget_above:
            oldest = self.clock.now() - self.clock_skew
            self.used_values = {key: expiry for key, expiry in self.used_values.items() if expiry >= oldest}
            self._forget_above = 2 * len(self.used_values) + 1000
        first = (purpose, owner, value) not in self.used_values
        self.used_values[purpose, owner, value] = until
        return first

    # What it can grant

    def scope_for(self, client: Client, asked: str | None) -> tuple[str, ...]:
        """Return the scope to grant: what is asked, or all that the client may have.

        Raises:
            Refusal: `invalid_scope` for a scope that the client may not have.

        """
        if asked is None:
            return client.scope or ()
        scope = words(asked)
        if client.scope is not None and not set(scope) <= set(client.scope):
            raise Refusal("invalid_scope", "this client may not ask for that scope")
        return scope

    def targets_for(self, resources: Iterable[str], audiences: Iterable[str]) -> tuple[str, ...]:
        """Return the targets of a token, RFC 8707 §2.

        Raises:
            Refusal: `invalid_target` for a resource that is not an absolute URI, or not known here.

        """
        for resource in resources:
            parts = urlsplit(resource)
            if not parts.scheme or parts.fragment or "#" in resource:
                raise Refusal("invalid_target", "'resource' must be an absolute URI without fragment")
        targets = (*resources, *audiences)
        if self.allowed_targets is not None and not set(targets) <= self.allowed_targets:
            raise Refusal("invalid_target", "no such resource here")
        return targets
