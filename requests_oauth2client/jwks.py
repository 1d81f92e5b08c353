"""The public keys of an Authorization Server: kept, found by `kid`, fetched again when they change (RFC 7517).

A key set is a document until a key of it is used: of fifty keys, the one that verifies a token is built, once. What a
server publishes replaces what it published before, so that a withdrawn key is not trusted any longer (OIDC Core
§10.1.1).

<https://www.rfc-editor.org/rfc/rfc7517> <https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys>
"""

from __future__ import annotations

import json
from collections import UserDict
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from operator import is_
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .evidence import printable
from .exceptions import InvalidParam, OAuth2Error, UnknownVerificationKey
from .jose import sha256_b64u, verifier
from .signing_keys import MIN_RSA_BITS, RSA_ALGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from jwskate import Jwk, JwkSet

    from .jose import Verify

    Fetch = Callable[[], tuple[list[Mapping[str, Any]], float | None]]
    """Gets the keys of a JWK Set (see `keys_of`), and for how many seconds their server lets them be kept."""

    class VerificationKeys(Protocol):
        """Where the key that verifies a signature comes from."""

        def get(self, kid: str | None, alg: str) -> VerificationKey:
            """Return the key with this `kid`, or the only suitable one; raise `UnknownVerificationKey`."""
            ...


COOLDOWN = 30.0
"""Seconds after a fetch in which no unknown `kid` causes another one (tokens with random `kid`s)."""

RETRY_AFTER_FAILURE = 5.0
"""Seconds after a failed fetch in which no other is tried."""

DEFAULT_LIFETIME = 600.0
"""Seconds that keys are kept when their server does not say how long."""

MAX_LIFETIME = 86_400.0
"""Seconds that keys are kept at most, whatever their server says, and even if it cannot be reached."""

MAX_KEYS = 1000
"""Keys that a set may have."""

ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(RSA_ALGS, ("RSA", ())),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "ES256K": ("EC", ("secp256k1",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
    "Ed25519": ("OKP", ("Ed25519",)),
    "Ed448": ("OKP", ("Ed448",)),
}
"""Type and curves of the keys of each asymmetric signature algorithm (RFC 7518 §3.1, RFC 8812, RFC 9864)."""

JWSKATE_NAMES: Mapping[str, str] = {"ES256K": "ES256k", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
"""What jwskate calls the algorithms that it knows under another name."""

PUBLIC_MEMBERS: Mapping[str, tuple[str, ...]] = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""What makes a public key, of each type."""

SHOWN_MEMBERS = ("kty", "kid", "alg", "use", "key_ops")


@frozen
class VerificationKey:
    """A public key with the one algorithm that it verifies with.

    Attributes:
        alg: the algorithm, such as `ES256`.
        curve: the curve of an EC or OKP key.
        verify: `verify(data, signature)` tells whether they fit.

    """

    alg: str
    curve: str | None
    verify: Verify = field(repr=False, eq=False)


def suits(key: Mapping[str, Any], alg: str) -> bool:
    """Tell whether a JWK is meant to verify signatures made with `alg` (RFC 7517 §4.1-4.4, RFC 8725 §3.1)."""
    kty, curves = ALGORITHMS.get(alg, (None, ()))
    crv, operations = key.get("crv"), key.get("key_ops")
    if kty is None or key.get("kty") != kty or (curves and crv not in curves):
        return False
    names = (alg, JWSKATE_NAMES.get(alg), crv)  # of EdDSA, the name of the curve is one too (RFC 9864)
    return (
        (key.get("alg") is None or key["alg"] in names)
        and (key.get("use") is None or key["use"] == "sig")
        and (
            operations is None
            or (isinstance(operations, (list, tuple)) and ("verify" in operations or "sign" in operations))
        )
    )


def public_part(key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what of a JWK makes a public key, `None` when it is symmetric, malformed or of an unknown type."""
    kty = key.get("kty")
    members = {name: key.get(name) for name in PUBLIC_MEMBERS.get(kty, ())} if isinstance(kty, str) else {}
    if not members or not all(isinstance(value, str) and value for value in members.values()):
        return None
    return {**members, "kty": kty}


def _id_of(key: Mapping[str, Any]) -> str | None:
    """Return the `kid` of a JWK, its thumbprint when it has none (RFC 7638 §3)."""
    kid = key.get("kid")
    if kid is not None:
        return kid if isinstance(kid, str) else None
    public = public_part(key)
    return None if public is None else sha256_b64u(json.dumps(public, separators=(",", ":"), sort_keys=True))


def _built(key: Mapping[str, Any], alg: str) -> VerificationKey | None:
    """Return a JWK as a key that verifies; `None` when it cannot be one."""
    from jwskate import Jwk  # here: a client that verifies nothing does not load cryptography

    public = public_part(key)
    if public is None:
        return None
    try:
        jwk = Jwk(public)
        verify = verifier(jwk, JWSKATE_NAMES.get(alg, alg))
    except Exception:  # noqa: BLE001 - many kinds are raised for a malformed key, none of which may break the other keys
        return None
    if public["kty"] == "RSA" and jwk.cryptography_key.key_size < MIN_RSA_BITS:
        return None
    return VerificationKey(alg, public.get("crv"), verify)


def keys_of(document: object) -> list[Mapping[str, Any]]:
    """Return the keys of a JWK Set document, unread; none when it has no `keys`.

    Raises:
        ValueError: it is no JWK Set.

    """
    if not isinstance(document, Mapping):
        raise ValueError(f"a JWK Set is a JSON object, not of type {type(document).__name__}")  # noqa: TRY004 - see Raises
    keys = document.get("keys", [])
    if not isinstance(keys, (list, tuple)):
        raise ValueError("its 'keys' are not an array")  # noqa: TRY004 - see Raises
    if len(keys) > MAX_KEYS:
        raise ValueError(f"it has {len(keys)} keys, and {MAX_KEYS} are read at most")
    return [key for key in keys if isinstance(key, Mapping)]


def cache_lifetime(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return for how many seconds an answer may be kept, `None` when its headers do not say (RFC 9111 §4.2).

    Args:
        headers: HTTP headers, their names in any case.
        now: seconds since the epoch.

    """
    cache_control = headers.get("Cache-Control", "")
    directives = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (part.partition("=") for part in cache_control.split(","))
    }
    if not directives.keys().isdisjoint(("no-store", "no-cache")):
        return 0.0
    age = headers.get("Age", "0")
    if directives.get("max-age", "").isdecimal():
        return max(0.0, float(directives["max-age"][:12]) - (float(age[:12]) if age.isdecimal() else 0.0))
    if "Expires" not in headers:
        return None
    try:
        expires = parsedate_to_datetime(headers["Expires"]).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0  # RFC 9111 §5.3: an invalid date, such as "0", is in the past
    try:
        served = parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        served = time() if now is None else now
    return max(0.0, expires - served)


class _Snapshot:
    """The keys as they were at one time; an index by `kid`, and the keys that were built."""

    __slots__ = ("_built", "_index", "expires_at", "fetched_at", "keys", "served")

    def __init__(
        self,
        keys: list[Mapping[str, Any]],
        *,
        served: bool = False,
        fetched_at: float | None = None,
        expires_at: float = float("inf"),
    ) -> None:
        # a private key that anyone can download signs for anyone; one that the caller holds only shows its public part
        self.keys = [key for key in keys if "d" not in key] if served else keys
        self.served = served
        self.fetched_at = fetched_at
        self.expires_at = expires_at
        self._index: dict[str | None, list[Mapping[str, Any]]] | None = None
        self._built: dict[tuple[str | None, str], VerificationKey] = {}

    def is_fresh(self, now: float) -> bool:
        """Tell whether the keys may be used unasked; keys from the future came before the clock was set back."""
        return now < self.expires_at and (self.fetched_at is None or self.fetched_at <= now + COOLDOWN)

    def is_usable(self, now: float) -> bool:
        """Tell whether the keys may bridge an outage of their server."""
        return self.fetched_at is None or abs(now - self.fetched_at) < MAX_LIFETIME

    def with_kid(self, kid: str) -> list[Mapping[str, Any]]:
        index = self._index
        if index is None:
            index = {}
            for key in self.keys:
                index.setdefault(_id_of(key), []).append(key)
            self._index = index
        return index.get(kid, [])

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return the key with this `kid`, or the only one for `alg` when there is no `kid`."""
        found = self._built.get((kid, alg))
        if found is None:
            found = self._find(kid, alg)
            if found is not None:  # only what exists is remembered: a hostile `kid` leaves nothing here
                self._built[kid, alg] = found
        return found

    def _find(self, kid: str | None, alg: str) -> VerificationKey | None:
        candidates = self.keys if kid is None else self.with_kid(kid)
        built = [key for key in (_built(key, alg) for key in candidates if suits(key, alg)) if key is not None]
        return None if not built or (kid is None and len(built) > 1) else built[0]

    def knows(self, kid: str | None, alg: str) -> bool:
        """Tell whether a new fetch could not help."""
        return bool(self.with_kid(kid)) if kid is not None else any(suits(key, alg) for key in self.keys)

    def explain(self, kid: str | None, alg: str) -> str:
        """Say why there is no key."""
        if not self.keys:
            return (
                "the Authorization Server JWKS is not available: configure `jwks_uri` or `authorization_server_jwks`, "
                "and check that this URL serves keys"
            )
        if kid is None:
            fitting = sum(suits(key, alg) for key in self.keys)
            return f"it does not contain a Key ID (kid), and {fitting} keys of the Authorization Server are for '{alg}'"
        if not self.with_kid(kid):
            return f"there is no key\nwith kid='{printable(kid)}' in the Authorization Server JWKS"
        return f"its '{alg}' algorithm is not supported by the verification key with kid='{printable(kid)}'"


class ServerKeys:
    """The public keys of one Authorization Server, safe to share between threads.

    `ServerKeys(initial)` holds what a caller gave as `authorization_server_jwks`: a `jwskate.JwkSet`, which is kept as
    that very object, a JWK Set as a `dict`, what `export()` gave, or nothing. How to fetch keys is said at each call.
    """

    __slots__ = ("_given", "_lock", "_made", "_next_attempt", "_snapshot", "_turn")

    def __init__(self, initial: JwkSet | Mapping[str, Any] | None = None) -> None:
        """Hold `initial` keys, unread.

        Raises:
            InvalidParam: `initial` is no JWK Set.

        """
        self._turn = Lock()  # whose turn it is to fetch
        self._lock = Lock()  # guards the four below; `_snapshot` is replaced as a whole, and read without the lock
        self._next_attempt = 0.0
        self._made: JwkSet | None = None
        self._given: JwkSet | None = None
        if isinstance(initial, UserDict):  # a plain dict must not cost the import of jwskate
            from jwskate import JwkSet

            self._given = initial if isinstance(initial, JwkSet) else None
        try:
            keys = keys_of({} if initial is None else initial)
        except ValueError as exc:
            raise InvalidParam(f"`authorization_server_jwks` is unusable: {exc}.") from exc
        self._snapshot = _imported(keys, initial or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<{len(self._current().keys)} keys>)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.export(),)

    def _current(self) -> _Snapshot:
        """Return the keys; a `JwkSet` that was given is read as it is now, since its owner may change it."""
        snapshot, given = self._snapshot, self._given
        if given is None:
            return snapshot
        keys = given.jwks
        if len(keys) != len(snapshot.keys) or not all(map(is_, keys, snapshot.keys)):
            with self._lock:
                if self._given is given:
                    self._snapshot = _Snapshot(list(keys))
        return self._snapshot

    def get(self, kid: str | None, alg: str, fetch: Fetch | None = None) -> VerificationKey:
        """Return the key that a token was signed with.

        Args:
            kid: the `kid` header of the token; without one, the only key for `alg` is taken.
            alg: the algorithm that our policy allows.
            fetch: gets the keys anew: when there are none, when they are too old, and when `kid` is unknown.

        Raises:
            UnknownVerificationKey: there is no such key.
            OAuth2Error: what `fetch` raised, when no key can be used instead.

        """
        snapshot = self._current()
        fresh = snapshot.is_fresh(time())
        found = snapshot.find(kid, alg) if fresh else None
        if found is not None:
            return found
        failure: OAuth2Error | None = None
        if fetch is not None and not (fresh and snapshot.knows(kid, alg)):
            try:
                self._fetch_once(fetch)
            except OAuth2Error as exc:
                if not snapshot.keys:
                    raise
                failure = exc
        snapshot = self._current()
        # the last known keys bridge an outage of the server, but not for longer than any keys are kept
        usable = snapshot.is_usable(time())
        found = snapshot.find(kid, alg) if usable else None
        if found is None:
            reason = (
                snapshot.explain(kid, alg) if usable else "the Authorization Server JWKS is not available any longer"
            )
            raise UnknownVerificationKey(reason, kid, alg) from failure
        return found

    def _fetch_once(self, fetch: Fetch) -> None:
        with self._turn:
            pause = self._next_attempt - time()
            # who waited for a fetch takes what it brought; a longer pause: the clock was set back
            if not 0 < pause <= COOLDOWN:
                self._fetch(fetch)

    def _fetch(self, fetch: Fetch) -> None:
        self._next_attempt = time() + RETRY_AFTER_FAILURE
        keys, lifetime = fetch()
        now = time()
        lifetime = DEFAULT_LIFETIME if lifetime is None else min(max(lifetime, COOLDOWN), MAX_LIFETIME)
        snapshot = _Snapshot(keys, served=True, fetched_at=now, expires_at=now + lifetime)
        with self._lock:
            self._snapshot = snapshot
            self._next_attempt = now + COOLDOWN
            self._given = None  # never written to: it belongs to the caller, and may serve another client
            if self._made is not None:
                self._made.data = _as_jwk_set(snapshot.keys).data

    def refresh(self, fetch: Fetch) -> JwkSet:
        """Fetch the keys now, whatever their age, and return them; see `jwk_set`."""
        with self._turn:
            self._fetch(fetch)
        return self.jwk_set

    @property
    def jwk_set(self) -> JwkSet:
        """The keys as a `jwskate.JwkSet`, without those that jwskate does not know.

        It is the one that was given, as long as no other keys were fetched; else always the same one, kept up to date.
        """
        with self._lock:
            if self._given is not None:
                return self._given
            if self._made is None:
                self._made = _as_jwk_set(self._snapshot.keys)
                if not self._snapshot.keys and self._snapshot.fetched_at is None:
                    self._given = self._made  # an empty one that we gave away, for others to fill
            return self._made

    @property
    def known(self) -> bool:
        """Whether any key is known now."""
        return bool(self._current().keys)

    def export(self) -> dict[str, Any]:
        """Return the public keys as a JWK Set that JSON can hold, with the times between which they are fresh.

        `fetched_at` and `expires_at` are seconds since the epoch; they are missing when the keys were not fetched.
        """
        snapshot = self._current()
        keys = [
            {**{name: key[name] for name in SHOWN_MEMBERS if key.get(name) is not None}, **public}
            for key in snapshot.keys
            if (public := public_part(key)) is not None
        ]
        if snapshot.fetched_at is None:
            return {"keys": keys}
        return {"keys": keys, "fetched_at": int(snapshot.fetched_at), "expires_at": int(snapshot.expires_at)}


class KeySource:
    """Keys, and how to fetch them: what a client lends to those that verify a signature."""

    __slots__ = ("_fetch", "_keys")

    def __init__(self, keys: ServerKeys, fetch: Fetch | None = None) -> None:
        self._keys, self._fetch = keys, fetch

    def __bool__(self) -> bool:
        """Tell whether there are keys, or a place to fetch them from."""
        return self._fetch is not None or self._keys.known

    def get(self, kid: str | None, alg: str) -> VerificationKey:
        """Return a key; see `ServerKeys.get`."""
        return self._keys.get(kid, alg, self._fetch)


def _imported(keys: list[Mapping[str, Any]], document: Mapping[str, Any]) -> _Snapshot:
    """Return given keys as a snapshot; what an export says of its age is believed as far as a server's word is."""
    times = document.get("fetched_at"), document.get("expires_at")
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in times):
        return _Snapshot(keys)
    # bounded before `float`, which raises for numbers of 400 digits; what is no time at all is long ago
    fetched_at = float(max(0, min(times[0], time())))  # type: ignore[type-var, arg-type]  # checked above
    expires_at = float(max(0, min(times[1], fetched_at + MAX_LIFETIME)))  # type: ignore[type-var, arg-type]  # idem
    return _Snapshot(keys, served=True, fetched_at=fetched_at, expires_at=expires_at)


def _as_jwk_set(keys: list[Mapping[str, Any]]) -> JwkSet:
    from jwskate import JwkSet

    return JwkSet(keys=[jwk for jwk in map(_as_jwk, keys) if jwk is not None])


def _as_jwk(key: Mapping[str, Any]) -> Jwk | None:
    from jwskate import Jwk

    if isinstance(key, Jwk):
        return key
    try:
        return Jwk(dict(key)).with_kid_thumbprint() if isinstance(key.get("kid", ""), str) else None
    except Exception:  # noqa: BLE001 - many kinds are raised; a key of an unknown type must not hide the others
        return None
