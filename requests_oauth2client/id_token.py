"""ID Tokens, and their validation, one claim a method, in the order of OIDC Core §3.1.3.7.

A validator holds values: what the client and its Authorization Request expect. A claim that is missing is a failure.

<https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation>
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import evolve, field, frozen

from .exceptions import (
    ExpiredIdToken,
    IdTokenNotYetValid,
    InvalidIdToken,
    MismatchingIdTokenAcr,
    MismatchingIdTokenAudience,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenAzp,
    MismatchingIdTokenHash,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MismatchingIdTokenSubject,
    MissingIdToken,
    MissingIdTokenClaim,
    UnsupportedIdTokenAlg,
)
from .jose import b64u
from .jwks import VerificationKey
from .lifetime import LATEST
from .strict_jwt import InvalidIdTokenSignature, JwtPolicy, MalformedIdToken, StrictJwt, parse_jwt

__all__ = [
    "IdToken",
    "IdTokenValidator",
    "InvalidIdTokenSignature",
    "MalformedIdToken",
    "RefreshedIdTokenValidator",
    "parse_id_token",
    "validate_refreshed_id_token",
    "validator_for",
]

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeVar

    from jwskate import JweCompact, Jwk
    from typing_extensions import Self

    from .jwks import VerificationKeys

    class TokenWithIdToken(Protocol):
        """A token response."""

        @property
        def access_token(self) -> str: ...
        @property
        def id_token(self) -> IdToken | JweCompact | None: ...
        def replace(self, *, id_token: IdToken) -> Self: ...

    T = TypeVar("T", bound=TokenWithIdToken)
    V = TypeVar("V", bound="IdTokenValidator")

    class IdTokenClient(Protocol):
        """What validation asks of a client."""

        @property
        def issuer(self) -> str | None: ...
        @property
        def client_id(self) -> str: ...
        @property
        def client_secret(self) -> str | None: ...
        @property
        def id_token_signed_response_alg(self) -> str | None: ...
        @property
        def id_token_encrypted_response_alg(self) -> str | None: ...
        @property
        def id_token_decryption_key(self) -> Jwk | None: ...
        @property
        def verification_keys(self) -> VerificationKeys: ...

    class AuthenticationExpectations(Protocol):
        """What validation asks of an Authorization Response: the expectations of its request, and its code."""

        @property
        def issuer(self) -> str | None: ...
        @property
        def nonce(self) -> str | None: ...
        @property
        def acr_values(self) -> tuple[str, ...] | None: ...
        @property
        def max_age(self) -> int | None: ...
        @property
        def state(self) -> str | None: ...
        @property
        def code(self) -> str | None: ...


CLOCK_SKEW = 60
"""Seconds by which the clock of the server may be ahead of ours, for `iat` and `nbf`."""

HASHES = {
    **{f"{family}{size}": f"sha{size}" for family in ("HS", "RS", "PS", "ES") for size in (256, 384, 512)},
    "ES256K": "sha256",
    "ES256k": "sha256",
    "Ed25519": "sha512",
}
"""The hash of each signature algorithm, for `at_hash` and the like (OIDC Core §3.1.3.6); EdDSA has its curve's."""

SHAKE256_SIZE = 114
"""Bytes of SHAKE256 that Ed448 takes (RFC 8032 §5.2)."""


class IdToken(StrictJwt):
    """An ID Token: who authenticated, when and how, as a signed JWT (OIDC Core §2).

    It has the claims as attributes, and all that a `jwskate.SignedJwt` has. It equals its text. A new instance is not
    trusted: `BearerToken.validate_id_token` tells whether it can be.
    """

    __module__ = "requests_oauth2client.tokens"  # its documented place: what messages show, and pickles look up

    @property
    def authorized_party(self) -> str | None:
        """The client that it was issued to (`azp`).

        Raises:
            AttributeError: the claim is not a string.

        """
        azp = self.claims.get("azp")
        if azp is None or isinstance(azp, str):
            return azp
        raise AttributeError("azp")

    @property
    def auth_datetime(self) -> datetime | None:
        """When the user authenticated (`auth_time`), in UTC.

        Raises:
            AttributeError: the claim is not a positive number of seconds.

        """
        auth_time = self.claims.get("auth_time")
        if auth_time is None:
            return None
        if isinstance(auth_time, int) and not isinstance(auth_time, bool) and 0 < auth_time <= LATEST:
            return datetime.fromtimestamp(auth_time, timezone.utc)
        raise AttributeError("auth_time")

    @classmethod
    def hash_method(cls, key: Jwk, alg: str | None = None) -> Callable[[str], str]:
        """Return the function that gives `at_hash`, `c_hash` and `s_hash`: half of a hash (OIDC Core §3.1.3.6).

        Args:
            key: the key that the ID Token is signed with; its curve selects the hash of EdDSA.
            alg: the algorithm, when the key does not name it.

        Raises:
            UnsupportedIdTokenAlg: no hash is known for this algorithm.

        """
        return half_hash(alg or key.get("alg") or "", key.get("crv"))


@lru_cache(maxsize=32)
def half_hash(alg: str, curve: str | None) -> Callable[[str], str]:
    """Return the function behind `at_hash` for an algorithm; see `IdToken.hash_method`."""
    name = curve if alg == "EdDSA" else alg
    if name == "Ed448":
        return lambda text: b64u(hashlib.shake_256(_octets(text)).digest(SHAKE256_SIZE)[: SHAKE256_SIZE // 2])
    if name not in HASHES:
        raise UnsupportedIdTokenAlg(None, None, f"{alg} on {curve}" if alg == "EdDSA" else alg)
    new = getattr(hashlib, HASHES[name])

    def half(text: str) -> str:
        digest = new(_octets(text)).digest()
        return b64u(digest[: len(digest) // 2])

    return half


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def parse_id_token(value: object) -> IdToken | JweCompact:
    """Return a received ID Token, neither decrypted nor validated.

    Raises:
        InvalidIdToken: it is neither a JWT nor a JWE.

    """
    try:
        return parse_jwt(value, IdToken)  # type: ignore[return-value]  # it makes what it is told to
    except InvalidIdToken as exc:
        raise MalformedIdToken(f"This ID token is neither a JWT or a JWE. {exc}", id_token=value) from exc


@frozen(kw_only=True, slots=False)
class IdTokenValidator(JwtPolicy):
    """What an ID Token must be to be accepted; `validator_for` makes one out of a client and an Authorization Response.

    Attributes:
        client_id: must be in `aud`.
        issuer: must be `iss`, character by character; `None` when the client does not know its issuer.
        nonce: must be `nonce`, when the Authorization Request had one.
        acr_values: one of them must be `acr`.
        max_age: seconds since `auth_time`, at most.
        state: what `s_hash` is made of.
        code: what `c_hash` is made of.
        exp_leeway: seconds after `exp` in which it is still accepted.
        auth_time_leeway: seconds added to `max_age`.
        clock_skew: seconds by which `iat`, `nbf` and `auth_time` may be in the future.

    """

    jwt_class: ClassVar[type[StrictJwt]] = IdToken

    client_id: str
    issuer: str | None = None
    nonce: str | None = field(default=None, repr=False)
    acr_values: tuple[str, ...] | None = None
    max_age: float | None = None
    state: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    exp_leeway: float = 0
    auth_time_leeway: float = 10
    clock_skew: float = CLOCK_SKEW

    def validate(self, token: T) -> T:
        """Return `token` with its ID Token decrypted and validated; all else stays.

        Raises:
            MissingIdToken: it has none.
            InvalidIdToken: its subclasses say what is wrong.

        """
        if token.id_token is None:
            raise MissingIdToken(token)
        validated = self.check(token.id_token, token.access_token, token)
        return token if validated is token.id_token else token.replace(id_token=validated)

    def check(
        self, id_token: IdToken | JweCompact | str, access_token: str | None = None, token: object = None
    ) -> IdToken:
        """Return an ID Token decrypted and validated.

        Args:
            id_token: as received.
            access_token: what `at_hash` is made of.
            token: the token response, for the errors.

        Raises:
            InvalidIdToken: its subclasses say what is wrong.

        """
        opened, key = self.open(id_token, token)
        jwt: IdToken = opened
        self.check_issuer(jwt, token)
        self.check_subject(jwt, token)
        self.check_audience(jwt, token)
        self.check_authorized_party(jwt, token)
        now = time()
        self.check_expiry(jwt, token, now)
        self.check_issue(jwt, token, now)
        self.check_nonce(jwt, token)
        self.check_acr(jwt, token)
        self.check_hashes(jwt, token, key, access_token)
        self.check_auth_time(jwt, token, now)
        return jwt

    def check_issuer(self, jwt: IdToken, token: object) -> None:
        """`iss` is our issuer (§3.1.3.7, 2)."""
        iss = jwt.claims.get("iss")
        if not isinstance(iss, str) or not iss or (self.issuer is not None and iss != self.issuer):
            raise MismatchingIdTokenIssuer(iss, self.issuer, token, jwt)

    def check_subject(self, jwt: IdToken, token: object) -> None:
        """`sub` is there (§2)."""
        sub = jwt.claims.get("sub")
        if not isinstance(sub, str) or not sub:
            raise MissingIdTokenClaim("sub", token, jwt)

    def check_audience(self, jwt: IdToken, token: object) -> None:
        """`aud` holds our client_id (§3.1.3.7, 3)."""
        if self.client_id not in _audiences(jwt, token):
            raise MismatchingIdTokenAudience(jwt.claims.get("aud"), self.client_id, token, jwt)

    def check_authorized_party(self, jwt: IdToken, token: object) -> None:
        """`azp` is our client_id, and is there when others may use this ID Token too (§3.1.3.7, 4 and 5)."""
        azp = jwt.claims.get("azp")
        if azp != self.client_id and (azp is not None or len(_audiences(jwt, token)) > 1):
            raise MismatchingIdTokenAzp(azp, self.client_id, token, jwt)

    def check_expiry(self, jwt: IdToken, token: object, now: float) -> None:
        """`exp` is in the future (§3.1.3.7, 9)."""
        if now >= _time_of(jwt, "exp", token) + self.exp_leeway:
            raise ExpiredIdToken(token, jwt, datetime.fromtimestamp(now, timezone.utc))

    def check_issue(self, jwt: IdToken, token: object, now: float) -> None:
        """`iat` is there, and neither it nor `nbf` is in the future (§3.1.3.7, 10; RFC 7519 §4.1.5)."""
        names = ("iat",) if "nbf" not in jwt.claims else ("iat", "nbf")
        for name in names:
            at = _time_of(jwt, name, token)
            if at > now + self.clock_skew:
                raise IdTokenNotYetValid(at, int(now), token, jwt, claim=name)

    def check_nonce(self, jwt: IdToken, token: object) -> None:
        """`nonce` is that of our request (§3.1.3.7, 11)."""
        if self.nonce is not None and jwt.claims.get("nonce") != self.nonce:
            raise MismatchingIdTokenNonce(jwt.claims.get("nonce"), self.nonce, token, jwt)

    def check_acr(self, jwt: IdToken, token: object) -> None:
        """`acr` is among those that we asked for (§3.1.3.7, 12)."""
        if self.acr_values and jwt.claims.get("acr") not in self.acr_values:
            raise MismatchingIdTokenAcr(jwt.claims.get("acr"), self.acr_values, token, jwt)

    def check_hashes(self, jwt: IdToken, token: object, key: VerificationKey, access_token: str | None) -> None:
        """`at_hash`, `c_hash` and `s_hash` fit what came along (§3.1.3.8, §3.3.2.11; FAPI 1.0 part 2 §5.2.3)."""
        _check_hash("at_hash", jwt, token, key, access_token, "access token")
        _check_hash("c_hash", jwt, token, key, self.code, "code")
        _check_hash("s_hash", jwt, token, key, self.state, "state")

    def check_auth_time(self, jwt: IdToken, token: object, now: float) -> None:
        """`auth_time` is not older than `max_age` (§3.1.3.7, 13)."""
        if self.max_age is None:
            return
        at = _time_of(jwt, "auth_time", token)
        if not now - self.max_age - self.auth_time_leeway <= at <= now + self.clock_skew:
            raise MismatchingIdTokenAuthTime(at, f"{self.max_age} seconds before {int(now)}, at most", token, jwt)


def _check_hash(name: str, jwt: IdToken, token: object, key: VerificationKey, source: str | None, noun: str) -> None:
    """Refuse a hash that cannot be compared as well as one that differs (token substitution)."""
    received = jwt.claims.get(name, key)  # `key` stands for a missing claim: `null` is not missing, but wrong
    if received is key:
        return
    if source is None:
        raise InvalidIdToken(f"This ID Token has '{name}', but no {noun} was included in the request.", jwt, token)
    expected = half_hash(key.alg, key.curve)(source)
    if received != expected:
        raise MismatchingIdTokenHash(name, token, jwt, received, expected)


def _time_of(jwt: IdToken, name: str, token: object) -> float:
    """Return a claim as seconds since the epoch; NaN, infinity, and years that have no date are no time."""
    value = jwt.claims.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LATEST:
        return value
    raise MissingIdTokenClaim(name, token, jwt)


def _audiences(jwt: IdToken, token: object) -> list[str]:
    aud = jwt.claims.get("aud")
    if isinstance(aud, str):
        return [aud]
    if aud is None or (isinstance(aud, list) and all(isinstance(audience, str) for audience in aud)):
        return aud or []
    raise MissingIdTokenClaim("aud", token, jwt)


def validator_for(
    client: IdTokenClient, azr: AuthenticationExpectations, *, exp_leeway: float = 0, auth_time_leeway: float = 10
) -> IdTokenValidator:
    """Return what `client` and `azr` expect of an ID Token.

    Args:
        client: who the ID Token must be meant for.
        azr: the response to the Authorization Request that it must belong to; its issuer comes before the client's.
        exp_leeway: seconds after its expiry in which it is still accepted.
        auth_time_leeway: seconds added to `max_age`.

    """
    return _made(IdTokenValidator, client, azr, exp_leeway=exp_leeway, auth_time_leeway=auth_time_leeway)


def _made(cls: type[V], client: IdTokenClient, azr: AuthenticationExpectations, **others: Any) -> V:
    return cls(
        alg=client.id_token_signed_response_alg,
        client_secret=client.client_secret,
        encryption_alg=client.id_token_encrypted_response_alg,
        decryption_key=client.id_token_decryption_key,
        keys=client.verification_keys,
        client_id=client.client_id,
        issuer=azr.issuer or client.issuer,
        nonce=azr.nonce,
        acr_values=azr.acr_values,
        max_age=azr.max_age,
        state=azr.state,
        code=azr.code,
        **others,
    )


class TlsVouches:
    """Stands for the keys of a server, in an exchange with its Token Endpoint by a client that knows none of them.

    "If the ID Token is received via direct communication between the Client and the Token Endpoint [...], the TLS
    server validation MAY be used to validate the issuer in place of checking the token signature."
    OIDC Core §3.1.3.7, 6
    """

    def get(self, kid: str | None, alg: str) -> VerificationKey:  # noqa: ARG002 - the form of `VerificationKeys`
        """Return what accepts any signature."""
        return VerificationKey(alg, None, lambda _data, _signature: True)


class NothingExpected:
    """Stands for the Authorization Response where there is none: in a refresh."""

    issuer = nonce = acr_values = max_age = state = code = None


@frozen(kw_only=True, slots=False)
class RefreshedIdTokenValidator(IdTokenValidator):
    """What an ID Token must be that came with a refreshed token (OIDC Core §12.2).

    Attributes:
        previous: the validated ID Token of the original authentication; `None` when there is none to compare with.

    """

    previous: IdToken | None = None

    def _before(self, name: str) -> Any:
        return None if self.previous is None else self.previous.claims.get(name)

    def check_issuer(self, jwt: IdToken, token: object) -> None:
        """`iss` is the same as before."""
        IdTokenValidator.check_issuer(self, jwt, token)
        if self.previous is not None and jwt.claims["iss"] != self._before("iss"):
            raise MismatchingIdTokenIssuer(jwt.claims["iss"], self._before("iss"), token, jwt)

    def check_subject(self, jwt: IdToken, token: object) -> None:
        """`sub` is the same as before: a refresh never changes the user."""
        IdTokenValidator.check_subject(self, jwt, token)
        if self.previous is not None and jwt.claims["sub"] != self._before("sub"):
            raise MismatchingIdTokenSubject(jwt.claims["sub"], self._before("sub"), token, jwt)

    def check_audience(self, jwt: IdToken, token: object) -> None:
        """`aud` is the same as before."""
        IdTokenValidator.check_audience(self, jwt, token)
        if self.previous is not None and set(_audiences(jwt, token)) != set(_audiences(self.previous, token)):
            raise MismatchingIdTokenAudience(jwt.claims["aud"], self._before("aud"), token, jwt)

    def check_nonce(self, jwt: IdToken, token: object) -> None:
        """`nonce` may be left out, not changed."""
        if self.previous is not None and "nonce" in jwt.claims and jwt.claims["nonce"] != self._before("nonce"):
            raise MismatchingIdTokenNonce(jwt.claims["nonce"], self._before("nonce"), token, jwt)

    def check_auth_time(self, jwt: IdToken, token: object, now: float) -> None:  # noqa: ARG002 - its age was checked then
        """`auth_time` still is the time of the original authentication."""
        before = self._before("auth_time")
        if before is not None and "auth_time" in jwt.claims and jwt.claims["auth_time"] != before:
            raise MismatchingIdTokenAuthTime(jwt.claims["auth_time"], before, token, jwt)

    def check_hashes(self, jwt: IdToken, token: object, key: VerificationKey, access_token: str | None) -> None:
        """`at_hash` fits the new access token; there is no code and no state in a refresh."""
        _check_hash("at_hash", jwt, token, key, access_token, "access token")


def validate_refreshed_id_token(
    token: T, previous: IdToken | JweCompact | None, client: IdTokenClient, *, exp_leeway: float = 0
) -> T:
    """Return a refreshed token with its ID Token decrypted and validated, as it is when it has none (OIDC Core §12.2).

    Args:
        token: what the refresh gave.
        previous: the ID Token before the refresh; one that is still encrypted was never validated, and is left aside.
        client: who the ID Token must be meant for. When it knows no key of the server, nor where to fetch them, TLS
            stands for the signature.
        exp_leeway: seconds after its expiry in which it is still accepted.

    Raises:
        InvalidIdToken: its subclasses say what is wrong.

    """
    if token.id_token is None:
        return token
    known = previous if isinstance(previous, IdToken) else None
    validator = _made(RefreshedIdTokenValidator, client, NothingExpected(), exp_leeway=exp_leeway, previous=known)
    return (validator if validator.keys else evolve(validator, keys=TlsVouches())).validate(token)
