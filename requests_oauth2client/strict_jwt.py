"""JWTs that an Authorization Server sent: parsed strictly, and opened by the policy of the client, never by their own.

What a JWT says of itself before its signature is verified only selects: its `alg` must be the one that the client
expects, its `kid` points into the keys that the client trusts. Keys in a header (`jwk`, `jku`, `x5u`, `x5c`) are the
sender's word: they are not read (RFC 8725 §3.1, §3.10).

<https://www.rfc-editor.org/rfc/rfc7515> <https://www.rfc-editor.org/rfc/rfc8725>
"""

from __future__ import annotations

from binascii import a2b_base64
from collections import deque
from functools import lru_cache
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen
from jwskate import InvalidJwt, InvalidSignature, JweCompact, SignedJwt
from jwskate.token import BaseCompactToken

from .evidence import printable
from .exceptions import InvalidIdToken, MismatchingIdTokenAlg, UnknownVerificationKey, UnsupportedIdTokenAlg
from .jose import hmac_signer
from .jwks import ALGORITHMS, VerificationKey
from .signing_keys import registered_name
from .strict_json import loads_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from .jwks import VerificationKeys

MAX_SIZE = 16 * 1024
"""Bytes that a JWT may have."""

HMAC_ALGS = frozenset({"HS256", "HS384", "HS512"})

JWS_PARTS = 3
JWE_PARTS = 5

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_LAST = {0: _ALPHABET, 1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
"""What the last character may be, by the length modulo 4: its unused bits are zero, so that a text has one encoding."""


class MalformedIdToken(InvalidIdToken, InvalidJwt):
    """What should be a JWT is none."""


class InvalidIdTokenSignature(InvalidSignature, InvalidIdToken):
    """The signature of a JWT does not fit: it was tampered with, or signed by somebody else."""

    def __init__(self, alg: str, id_token: object, token: object = None) -> None:
        InvalidIdToken.__init__(
            self,
            f"This JWT has an invalid '{alg}' signature: it was tampered with, or signed with another key.",
            id_token,
            token,
        )
        self.data: Any = id_token
        self.key = None  # could be the client secret
        self.alg = alg
        self.algs = None


def b64u_decode(text: bytes) -> bytes:
    """Return what base64url `text` encodes, without padding (RFC 7515 §2).

    Raises:
        ValueError: other characters (which Python's decoder would skip), or not the canonical encoding.

    """
    if text.translate(None, _ALPHABET) or (text and text[-1] not in _LAST[len(text) % 4]):
        raise ValueError("not base64url")
    return a2b_base64(text.translate(_TO_BASE64) + b"==")  # padding that is too long does not matter


def _members(part: bytes) -> dict[str, Any]:
    """Return the members of an encoded JSON object."""
    return loads_object(b64u_decode(part).decode("utf-8"))


header_of = lru_cache(maxsize=64)(_members)
"""Return the members of an encoded header, not to be changed: a key signs all its tokens under one header."""


_last_decoded: deque[tuple[bytes, dict[str, Any], bytes]] = deque(maxlen=1)
"""Text, claims and signature of the JWT that was made last. It is mostly the next one to be read: who reads it takes
them out, so that nothing is shared, and a JWT that is validated at once is decoded once."""


class StrictJwt(SignedJwt):
    """A signed JWT whose parts are checked when it is made, and decoded again when they are asked for.

    Until then it is hardly larger than its text: a token that waits in a session has no claims in memory.
    """

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make an empty instance: `__init__` parses."""
        return object.__new__(cls)

    def __init__(self, value: bytes | str, *, max_size: int = MAX_SIZE) -> None:
        """Keep the text of a JWT.

        Args:
            value: the JWT; white space in it is dropped.
            max_size: bytes that it may have; 0 for no limit.

        Raises:
            MalformedIdToken: it is no signed JWT; this is a `jwskate.InvalidJwt` too.

        """
        self.value = _text_of(value, max_size)
        parts = self.value.split(b".")
        if len(parts) != JWS_PARTS:
            raise MalformedIdToken(
                f"This is not a JWT: it has {len(parts)} parts, not a header, claims and a signature."
            )
        try:
            header_of(parts[0])
            _last_decoded.append((self.value, _members(parts[1]), b64u_decode(parts[2])))
        except ValueError as exc:
            raise MalformedIdToken(
                f"This is not a JWT: a header and claims as JSON objects, and a signature, all in base64url ({exc})."
            ) from exc

    def __getattr__(self, item: str) -> Any:
        """Give a decoded part, or a claim."""
        if item in ("claims", "signature"):  # set once asked for, and from then on attributes like others
            self._decode()
            return self.__dict__[item]
        if item == "headers":
            self.headers = _members(self.value.partition(b".")[0])
            return self.headers
        if item == "value" or item.startswith("__"):  # asked of a half-made instance by copy and pickle
            raise AttributeError(item)
        if hasattr(type(self), item):  # a property gave up: a claim of the same name is no answer to it
            raise AttributeError(f"`{item}` is missing in this JWT, or of a wrong type")
        return super().__getattr__(item)

    def _decode(self) -> None:
        try:
            fresh = _last_decoded.pop()
        except IndexError:
            fresh = None
        if fresh is None or fresh[0] is not self.value:
            _, payload, signature = self.value.split(b".")
            fresh = (self.value, _members(payload), b64u_decode(signature))
        self.claims = fresh[1]
        self.signature = fresh[2]  # type: ignore[assignment]  # bytes will do: a BinaPy is slow to slice

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), str(self))

    @classmethod
    def sign_arbitrary(
        cls, claims: Mapping[str, Any], headers: Mapping[str, Any], key: Any, *, alg: str | None = None
    ) -> Self:
        """Sign claims, as `jwskate.Jwt.sign_arbitrary` does; the result is of this class."""
        return cls(bytes(super().sign_arbitrary(claims, headers, key, alg=alg)), max_size=0)


def _remade(cls: type[StrictJwt], value: str) -> StrictJwt:
    return cls(value, max_size=0)


def _text_of(value: object, max_size: int) -> bytes:
    """Return a token as ASCII without white space."""
    if isinstance(value, BaseCompactToken):
        value = str(value)
    if isinstance(value, str):
        try:
            value = value.encode("ascii")
        except UnicodeEncodeError:
            raise MalformedIdToken("This is not a JWT: it has characters that are not ASCII.") from None
    if not isinstance(value, bytes):
        raise MalformedIdToken(f"This is not a JWT, but of type {type(value).__name__}: pass a str or bytes.")
    if 0 < max_size < len(value):
        raise MalformedIdToken(
            f"This JWT has {len(value)} bytes, and {max_size} are read at most: pass a larger `max_size`."
        )
    return b"".join(value.split())


def parse_jwt(value: object, jwt_class: type[StrictJwt] = StrictJwt) -> StrictJwt | JweCompact:
    """Return `value` as a signed JWT, or as a JWE when it is encrypted.

    Raises:
        MalformedIdToken: it is neither.

    """
    if isinstance(value, str):
        dots = value.count(".")
    elif isinstance(value, (jwt_class, JweCompact)):
        return value
    else:
        value = _text_of(value, MAX_SIZE)
        dots = value.count(b".")
    if dots != JWE_PARTS - 1:
        return jwt_class(value)
    try:
        text = _text_of(value, MAX_SIZE)
        header_of(text.partition(b".")[0])
        return JweCompact(text, max_size=MAX_SIZE)
    except ValueError as exc:
        raise MalformedIdToken(f"This is not a JWE: {exc}") from exc


@frozen(kw_only=True, slots=False)  # made for each validation: without slots, in half the time
class JwtPolicy:
    """What the client expects of a JWT, before any of its claims is read.

    Attributes:
        alg: the only acceptable signature algorithm; `None` for any asymmetric one. `none` is never acceptable, and
            HMAC only when it is named here: who verifies with a secret can sign with it.
        client_secret: the key for HMAC.
        encryption_alg: the only acceptable key management algorithm; `None` when the JWT must not be encrypted.
        decryption_key: a `jwskate.Jwk`.
        keys: the keys of the Authorization Server.

    """

    jwt_class: ClassVar[type[StrictJwt]] = StrictJwt

    alg: str | None = "RS256"
    client_secret: str | None = field(default=None, repr=False)
    encryption_alg: str | None = None
    decryption_key: Any = field(default=None, repr=False)
    keys: VerificationKeys | None = None

    def open(self, jwt: object, token: object = None) -> tuple[Any, VerificationKey]:
        """Decrypt `jwt` if it should be encrypted, and verify its signature.

        Args:
            jwt: an instance of `jwt_class`, a `jwskate.JweCompact`, or text.
            token: what it came with, for the errors.

        Returns:
            the signed JWT, and the key that verified it.

        Raises:
            InvalidIdToken: its subclasses say what is wrong.

        """
        opened = self.decrypt(parse_jwt(jwt, self.jwt_class), token)
        return opened, self.verify(opened, token)

    def decrypt(self, jwt: StrictJwt | JweCompact, token: object = None) -> StrictJwt:
        """Return the signed JWT inside of a JWE, or `jwt` when clear text is expected."""
        if isinstance(jwt, JweCompact):
            return self.nested(self.payload(jwt, token), jwt, token)
        if self.encryption_alg is not None:
            raise InvalidIdToken(
                f"This JWT is in clear text; it should be encrypted with '{self.encryption_alg}'.", jwt, token
            )
        return jwt

    def payload(self, jwt: JweCompact, token: object = None) -> bytes:
        """Return what is inside of a JWE."""
        if self.encryption_alg is None:
            raise InvalidIdToken(
                "This JWT is encrypted; it should be clear-text, as the client names no encryption algorithm for it.",
                jwt,
                token,
            )
        if self.decryption_key is None:
            raise InvalidIdToken("This JWT is encrypted, and the client does not have a decryption key.", jwt, token)
        try:
            headers = header_of(bytes(jwt.additional_authenticated_data))
        except ValueError as exc:
            raise MalformedIdToken(f"This is not a JWE: {exc}", jwt, token) from exc
        if headers.get("alg") != self.encryption_alg:
            raise MismatchingIdTokenAlg(headers.get("alg"), self.encryption_alg, token, jwt)
        for name in ("crit", "zip"):  # extensions, and compression: a bomb, or a leak of its content (RFC 8725 §3.6)
            if name in headers:
                raise InvalidIdToken(
                    f"This JWT is encrypted with a '{name}' header, which is not accepted.", jwt, token
                )
        try:
            return bytes(jwt.decrypt(self.decryption_key, alg=self.encryption_alg))
        except Exception as exc:  # many kinds are raised; which one is nobody's business (padding oracles)
            raise InvalidIdToken(
                "This JWT could not be decrypted with the decryption key of the client.", jwt, token
            ) from exc

    def nested(self, payload: bytes, jwt: JweCompact, token: object = None) -> StrictJwt:
        """Return the signed JWT that a JWE holds; it is not encrypted again."""
        if payload.count(b".") == JWE_PARTS - 1:
            raise InvalidIdToken("This JWT is encrypted twice; a signed JWT must be inside.", jwt, token)
        return self.jwt_class(payload)

    def verify(self, jwt: StrictJwt, token: object = None) -> VerificationKey:
        """Return the key that verified the signature of `jwt`."""
        signed = jwt.value.rpartition(b".")[0]
        headers = header_of(signed.partition(b".")[0])
        self.check_header(headers, jwt, token)
        alg = self.algorithm(headers, jwt, token)
        key = self.key(headers, alg, jwt, token)
        if not key.verify(signed, jwt.signature):
            raise InvalidIdTokenSignature(alg, jwt, token)
        return key

    def check_header(self, headers: Mapping[str, Any], jwt: StrictJwt, token: object) -> None:
        """Refuse extensions that must be understood (RFC 7515 §4.1.11), and JWTs of another kind (RFC 8725 §3.11)."""
        if "crit" in headers:
            raise InvalidIdToken(
                "This JWT has a 'crit' header: it relies on extensions which are not known here.", jwt, token
            )
        typ = headers.get("typ", "JWT")
        if not isinstance(typ, str) or typ.lower().endswith("+jwt"):
            raise InvalidIdToken(
                f"This JWT is of another kind (typ '{printable(typ)}'): it was made for another use.", jwt, token
            )

    def algorithm(self, headers: Mapping[str, Any], jwt: StrictJwt, token: object) -> str:
        """Return the algorithm to verify with: what the client expects, or what it allows."""
        received = headers.get("alg", self.alg)
        if received is None:
            raise InvalidIdToken(
                "This JWT does not contain an `alg` parameter, and the client does not name one.", jwt, token
            )
        alg = registered_name(received)
        if self.alg is not None and alg != registered_name(self.alg):
            raise MismatchingIdTokenAlg(alg, self.alg, token, jwt)
        if not isinstance(alg, str):
            raise UnsupportedIdTokenAlg(token, jwt, alg)
        if alg in HMAC_ALGS and not self.client_secret:
            raise InvalidIdToken(
                f"This JWT is signed with '{alg}', and the client does not have a Client Secret.", jwt, token
            )
        if alg in HMAC_ALGS and self.alg is None:
            raise MismatchingIdTokenAlg(alg, "asymmetric, unless the client names this one", token, jwt)
        if alg not in ALGORITHMS and alg not in HMAC_ALGS:
            raise UnsupportedIdTokenAlg(token, jwt, alg)
        return alg

    def key(self, headers: Mapping[str, Any], alg: str, jwt: StrictJwt, token: object) -> VerificationKey:
        """Return the key that this JWT must have been signed with."""
        if alg in HMAC_ALGS and self.client_secret:
            return _secret_key(self.client_secret, alg)
        kid = headers.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise InvalidIdToken("This JWT does not contain a Key ID (kid) that is a string.", jwt, token)
        if self.keys is None:
            raise InvalidIdToken(
                "This JWT cannot be verified: the Authorization Server JWKS is not available.", jwt, token
            )
        try:
            return self.keys.get(kid, alg)
        except UnknownVerificationKey as exc:
            raise InvalidIdToken(f"This JWT cannot be verified: {exc}.", jwt, token) from exc


def _secret_key(secret: str, alg: str) -> VerificationKey:
    sign = hmac_signer(secret.encode("utf-8"), alg)
    return VerificationKey(alg, None, lambda data, signature: compare_digest(sign(data), signature))
