"""DPoP: tokens that are of use only to who holds a key, and the proofs that show it (RFC 9449).

A proof goes with each request. It names the method and URL, is signed for each attempt to send, and holds the nonce
that its server gave last: it is good for no other request, and at no other server.

<https://www.rfc-editor.org/rfc/rfc9449>
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from functools import cache, partial
from json.encoder import encode_basestring_ascii as quoted
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import define, field, frozen, setters

from .dpop_validation import validate_dpop_proof
from .enums import AccessTokenTypes, JwtTypes
from .exceptions import (
    InvalidDPoPAccessToken,
    InvalidDPoPAlg,
    InvalidDPoPKey,
    InvalidDPoPProof,
    InvalidParam,
    InvalidUseDPoPNonceResponse,
    MissingDPoPNonce,
    RepeatedDPoPNonce,
)
from .jose import CompactSigner, sha256_b64u, uuid4
from .nonces import NONCE_HEADER, NonceMemory, origin_of
from .resending import drain, follow_with, forget_redirect, redirected, repeat, resend
from .signing_keys import MIN_RSA_BITS, SIGNATURE_ALGS, registered_name
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import requests
    from jwskate import JweCompact, Jwk, SignedJwt
    from typing_extensions import Self

    from .id_token import IdToken

    Role = Literal["as", "rs"]
    """Who a proof is for: an Authorization Server, or an API (a Resource Server)."""

__all__ = [
    "DPoPKey",
    "DPoPToken",
    "InvalidDPoPAccessToken",
    "InvalidDPoPAlg",
    "InvalidDPoPKey",
    "InvalidDPoPProof",
    "InvalidUseDPoPNonceResponse",
    "MissingDPoPNonce",
    "RepeatedDPoPNonce",
    "add_dpop_proof",
    "validate_dpop_proof",
]

DPOP_HEADER = "DPoP"
WIRE_ENCODING = "latin-1"

_set = object.__setattr__


@cache
def _key_pairs() -> Any:
    """Return the room `key_pairs`, which brings cryptography; an import in each function would cost 1 µs each time."""
    from . import key_pairs

    return key_pairs


def _now() -> int:
    return int(time())


def _forgetful(key: DPoPKey, attribute: Any, nonce: str | None) -> str | None:
    """Let a nonce that is set by hand stand for all servers of its role."""
    key._memory(attribute.name[:2]).clear()  # noqa: SLF001 - a hook of this class
    return nonce


@define(init=False, eq=False, repr=False, weakref_slot=False, on_setattr=setters.frozen)
class DPoPKey:
    """A private key that signs DPoP proofs, and the nonces that servers gave for them.

    Everything but the nonces is frozen. An instance can be shared between threads.

    Attributes:
        alg: the signature algorithm.
        jti_generator: makes the unique `jti` of each proof.
        iat_generator: makes the `iat` of each proof, in seconds since the epoch.
        jwt_typ: the `typ` header of proofs.
        dpop_token_class: the class of the tokens that are bound to this key.
        as_nonce: the last nonce that an Authorization Server gave. One that is set by hand, or given to the
            constructor, goes into the proofs for all of them, until one gives another.
        rs_nonce: the same for APIs.

    """

    _material: Any = field(alias="private_key", repr=False)
    alg: str
    jti_generator: Callable[[], object]
    iat_generator: Callable[[], float]
    jwt_typ: str
    dpop_token_class: type[DPoPToken]
    as_nonce: str | None = field(on_setattr=_forgetful)
    rs_nonce: str | None = field(on_setattr=_forgetful)
    _as_memory: NonceMemory = field(init=False, repr=False, eq=False)
    _rs_memory: NonceMemory = field(init=False, repr=False, eq=False)
    _signer: CompactSigner | None = field(init=False, repr=False, eq=False)
    _hashed: tuple[str, str] | None = field(init=False, repr=False, eq=False)

    def __init__(
        self,
        private_key: Jwk | Mapping[str, Any] | Any,
        alg: str | None = None,
        jti_generator: Callable[[], object] = uuid4,
        iat_generator: Callable[[], float] = _now,
        jwt_typ: str = JwtTypes.DPOP_PROOF_JWT.value,
        dpop_token_class: type[DPoPToken] | None = None,
        as_nonce: str | None = None,
        rs_nonce: str | None = None,
    ) -> None:
        """Make a DPoP key out of an existing private key.

        Args:
            private_key: a `cryptography` key, a `jwskate.Jwk`, or a JWK as a dict.
            alg: the signature algorithm; by default that of the JWK, or what the type of the key suggests.
            jti_generator: makes the unique `jti` of each proof.
            iat_generator: makes the `iat` of each proof, in seconds since the epoch.
            jwt_typ: the `typ` header of proofs.
            dpop_token_class: the class of the tokens that are bound to this key; `DPoPToken` by default.
            as_nonce: the nonce for proofs to Authorization Servers, until one gives another.
            rs_nonce: the nonce for proofs to APIs, until one gives another.

        Raises:
            InvalidDPoPKey: the key is not an asymmetric private key that can sign.
            InvalidDPoPAlg: the key cannot sign with `alg`, or is meant for another.

        """
        algs = _key_pairs().supported_algs(private_key)
        if not algs:
            private_key, algs = _private_jwk(private_key)
            alg = alg or private_key.get("alg")
            if alg != private_key.get("alg", alg):
                raise InvalidDPoPAlg(str(alg))
        if alg is not None and alg not in algs:
            raise InvalidDPoPAlg(alg)
        put = _set.__get__(self)  # bound once, for twelve calls
        put("_material", private_key)
        put("alg", alg or algs[0])
        put("jti_generator", jti_generator)
        put("iat_generator", iat_generator)
        put("jwt_typ", jwt_typ)
        put("dpop_token_class", dpop_token_class or DPoPToken)
        put("as_nonce", as_nonce)
        put("rs_nonce", rs_nonce)
        put("_as_memory", NonceMemory())
        put("_rs_memory", NonceMemory())
        put("_signer", None)
        put("_hashed", None)

    @classmethod
    def generate(
        cls,
        alg: str = "ES256",
        jwt_typ: str = JwtTypes.DPOP_PROOF_JWT.value,
        jti_generator: Callable[[], object] = uuid4,
        iat_generator: Callable[[], float] = _now,
        dpop_token_class: type[DPoPToken] | None = None,
        as_nonce: str | None = None,
        rs_nonce: str | None = None,
        *,
        rsa_key_size: int = MIN_RSA_BITS,
    ) -> Self:
        """Return a new key for `alg`, any asymmetric signature algorithm.

        Args:
            alg: the signature algorithm; ES256 and EdDSA keys are made in microseconds, RSA keys in tenths of seconds.
            rsa_key_size: bits of an RSA key, 2048 at least.

        All others are those of the constructor.

        Raises:
            InvalidDPoPAlg: `alg` is no asymmetric signature algorithm.

        """
        if alg not in SIGNATURE_ALGS:
            raise InvalidDPoPAlg(alg)
        if rsa_key_size < MIN_RSA_BITS:
            msg = f"`rsa_key_size` is {rsa_key_size}: RSA keys need {MIN_RSA_BITS} bits at least (RFC 7518 §3.3)."
            raise InvalidParam(msg)
        return cls(
            _key_pairs().generate_key(alg, rsa_key_size),
            alg,
            jti_generator,
            iat_generator,
            jwt_typ,
            dpop_token_class,
            as_nonce,
            rs_nonce,
        )

    # ------------------------------------------------------------ the key

    @property
    def private_key(self) -> Jwk:
        """The private key, as a `jwskate.Jwk`."""
        if hasattr(self._material, "private_bytes"):
            from jwskate import Jwk  # costs more than everything else here together

            _set(self, "_material", Jwk.from_cryptography_key(self._material, alg=self.alg))
        jwk: Jwk = self._material
        return jwk

    def _raw_key(self) -> Any:
        return getattr(self._material, "cryptography_key", self._material)

    def _public_json(self) -> str:
        public: str = _key_pairs().public_json(self._raw_key())
        return public

    @property
    def public_jwk(self) -> Jwk:
        """The public key, with the members that make it and no others."""
        from jwskate import Jwk

        return Jwk(json.loads(self._public_json()))

    @property
    def dpop_jkt(self) -> str:
        """The thumbprint of the public key, which codes and tokens are bound to (RFC 9449 §6.1, §10)."""
        jkt: str = _key_pairs().thumbprint(self._public_json())
        return jkt

    # ------------------------------------------------------------ proofs

    def _first_signer(self) -> CompactSigner:
        typ, alg = quoted(self.jwt_typ), registered_name(self.alg)
        header = f'{{"typ":{typ},"alg":"{alg}","jwk":{self._public_json()}}}'
        signer = CompactSigner(_key_pairs().key_signer(self._raw_key(), self.alg), header)
        _set(self, "_signer", signer)
        return signer

    def _proof(self, htm: str, url: str, ath: str | None, nonce: str | None) -> str:
        signer = self._signer or self._first_signer()
        # written out, since a JSON encoder takes four times as long for so little
        jti, iat = quoted(str(self.jti_generator())), int(self.iat_generator())
        claims = f'{{"jti":{jti},"htm":{quoted(htm)},"htu":{quoted(_htu(url))},"iat":{iat}'
        if ath is not None:
            claims += f',"ath":{quoted(ath)}'
        if nonce:
            claims += f',"nonce":{quoted(nonce)}'
        return signer.sign_json(claims + "}")

    def proof(self, htm: str, htu: str, ath: str | None = None, nonce: str | None = None) -> SignedJwt:
        """Return a fresh proof for one request to an API (RFC 9449 §4.2).

        Args:
            htm: the method of the request.
            htu: its URL; query and fragment are left out.
            ath: the SHA-256 of the access token that goes with it, in base64url.
            nonce: the nonce; by default the one remembered for the API that `htu` is at. An empty one is left out.

        """
        from .lazy_jwt import LazySignedJwt  # brings jwskate

        if nonce is None:
            nonce = self._nonce("rs", htu)
        return LazySignedJwt(self._proof(htm, htu, ath, nonce))

    def _text_of_proof(self, htm: str, url: str, ath: str | None, nonce: str | None) -> str:
        """Return a proof as it is sent: made by the `proof` of a subclass, if it has one of its own."""
        if type(self).proof is DPoPKey.proof:
            return self._proof(htm, url, ath, nonce)
        return str(self.proof(htm=htm, htu=url, ath=ath, nonce=nonce or ""))

    def sign(
        self,
        request: requests.PreparedRequest,
        *,
        role: Role,
        access_token: str | None = None,
        header: str = DPOP_HEADER,
    ) -> None:
        """Put a fresh proof into a header of `request`, with the nonce that its server gave last.

        The proof in the header renews itself when it is written to a connection a second time.

        Args:
            request: a request which is complete but for this header.
            role: `as` for a request to an Authorization Server, `rs` for one to an API.
            access_token: the access token that goes with it.
            header: the name of the header.

        """
        htm, url = str(request.method), str(request.url)
        ath = None if access_token is None else self._hash(access_token)
        nonce = self._nonce(role, url)
        proof = WireProof(self._text_of_proof(htm, url, ath, nonce))
        proof.key, proof.made_for, proof.nonce, proof.unsent = self, (htm, url, role, ath), nonce, [True]
        request.headers[header] = proof

    def _hash(self, access_token: str) -> str:
        hashed = self._hashed
        if hashed is None or hashed[0] != access_token:
            hashed = access_token, sha256_b64u(access_token)
            _set(self, "_hashed", hashed)
        return hashed[1]

    # ------------------------------------------------------------ nonces

    def _memory(self, role: str) -> NonceMemory:
        return self._as_memory if role == "as" else self._rs_memory

    def _nonce(self, role: Role, url: str) -> str | None:
        if role == "as":
            return self._as_memory.get(url, self.as_nonce)
        return self._rs_memory.get(url, self.rs_nonce)

    def remember(self, response: requests.Response, *, role: Role) -> str | None:
        """Remember the nonce that came with an answer, whatever its status (RFC 9449 §8.2).

        Args:
            response: an answer of an Authorization Server, or of an API.
            role: which of them, `as` or `rs`.

        Returns:
            the nonce; `None` if there is none.

        """
        nonce = self._memory(role).learn(_url_of(response), response.headers)
        if nonce is not None:
            _set(self, "as_nonce" if role == "as" else "rs_nonce", nonce)
        return nonce

    def recall_as_nonce(self, url: str, memory: NonceMemory) -> None:
        """Begin with what the Authorization Server of `url` gave for another key: nonces are not bound to keys."""
        nonce = memory.get(url, None)
        if nonce is not None and self._nonce("as", url) is None:
            self._as_memory.put(url, nonce)
            _set(self, "as_nonce", nonce)

    def _obey(self, response: requests.Response, role: Role, header: str) -> None:
        """Remember the nonce of an answer that demands one, unless the refused proof had it."""
        refused = _nonce_in(response.request, header)
        if refused is _UNKNOWN:
            refused = self._nonce(role, _url_of(response))
        nonce = self.remember(response, role=role)
        if nonce is None:
            raise MissingDPoPNonce(response)
        if nonce == refused:
            raise RepeatedDPoPNonce(response)

    def handle_as_provided_dpop_nonce(self, response: requests.Response, header: str = DPOP_HEADER) -> None:
        """Remember the nonce that an Authorization Server demands (RFC 9449 §8).

        Args:
            response: an answer with the error `use_dpop_nonce`.
            header: the header of the request that held the refused proof.

        Raises:
            MissingDPoPNonce: the answer has no nonce.
            RepeatedDPoPNonce: the refused proof had this very nonce.

        """
        self._obey(response, "as", header)

    def handle_rs_provided_dpop_nonce(self, response: requests.Response, header: str = DPOP_HEADER) -> None:
        """Remember the nonce that an API demands (RFC 9449 §9); see `handle_as_provided_dpop_nonce`."""
        self._obey(response, "rs", header)

    # ------------------------------------------------------------ as a value

    def as_dict(self) -> dict[str, Any]:
        """Return what makes this key, private key included, fit for JSON; `DPoPKey(**key.as_dict())` is equal to it."""
        return {
            "alg": self.alg,
            "private_key": self.private_key.to_dict(),
            "jwt_typ": self.jwt_typ,
            "as_nonce": self.as_nonce,
            "rs_nonce": self.rs_nonce,
        }

    def _comparable(self) -> tuple[object, ...]:
        return self.dpop_jkt, self.alg, self.jwt_typ, self.dpop_token_class, self.as_nonce, self.rs_nonce

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DPoPKey):
            return NotImplemented
        return self is other or self._comparable() == other._comparable()

    def __hash__(self) -> int:
        return hash((self.dpop_jkt, self.alg, self.jwt_typ))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alg={self.alg!r}, as_nonce={self.as_nonce!r}, rs_nonce={self.rs_nonce!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # a `cryptography` key cannot be pickled: its JWK can
        made_of = {**self.as_dict(), "dpop_token_class": self.dpop_token_class}
        for name, default in (("jti_generator", uuid4), ("iat_generator", _now)):
            if getattr(self, name) is not default:
                made_of[name] = getattr(self, name)
        return partial(type(self), **made_of), ()


def _private_jwk(material: object) -> tuple[Jwk, tuple[str, ...]]:
    """Return `material` as a private JWK for signatures, and the algorithms it can sign with."""
    from jwskate import to_jwk

    try:
        jwk = to_jwk(material)
        algs = _key_pairs().supported_algs(jwk.cryptography_key)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise InvalidDPoPKey(material) from None
    if not algs or jwk.get("use", "sig") != "sig":
        raise InvalidDPoPKey(material)
    return jwk, algs


def _htu(url: str) -> str:
    """Return `url` without query and fragment, and without credentials, which no proof has to hold."""
    url = url.partition("?")[0].partition("#")[0]
    if "@" in url:
        scheme, separator, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        return scheme + separator + authority.rpartition("@")[2] + slash + path
    return url


def _url_of(response: requests.Response) -> str:
    return str(response.url or response.request.url)


class WireProof(str):
    """A proof in the headers of a prepared request, which never goes over the wire twice.

    `http.client` encodes the value of a header in latin-1 at the moment when it writes it. The retries of urllib3, and
    whoever sends a prepared request again, write the same headers again: from the second time on, this text gives a new
    proof. Whoever only looks at it, in whatever other encoding, sees the first.
    """

    __slots__ = ("key", "made_for", "nonce", "unsent")

    key: DPoPKey
    made_for: tuple[str, str, Role, str | None]
    nonce: str | None
    """The nonce of the proof that was given last."""
    unsent: list[bool]
    """Empty once the text itself was given."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the proof in bytes; in latin-1, a new one when it was given already."""
        if encoding == WIRE_ENCODING:
            try:
                self.unsent.pop()  # atomic: of two threads that send the same request, one gets the text
            except IndexError:
                htm, url, role, ath = self.made_for
                self.nonce = self.key._nonce(role, url)  # noqa: SLF001 - the two are one
                return self.key._text_of_proof(htm, url, ath, self.nonce).encode(encoding)  # noqa: SLF001 - idem
        return super().encode(encoding, errors)

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)  # without the key


_UNKNOWN = object()


def _nonce_in(request: requests.PreparedRequest | None, header: str) -> object:
    """Return the nonce of the proof in `request`, `None` if it has none, `_UNKNOWN` if there is no proof."""
    proof = request.headers.get(header) if request is not None else None
    if isinstance(proof, WireProof):
        return proof.nonce
    try:
        payload = str(proof).split(".")[1]
        return json.loads(a2b_base64(payload.replace("-", "+").replace("_", "/") + "==")).get("nonce")
    except (LookupError, ValueError, AttributeError):
        return _UNKNOWN


def add_dpop_proof(
    request: requests.PreparedRequest, dpop_key: DPoPKey, access_token: str, header_name: str = DPOP_HEADER
) -> None:
    """Put a fresh proof into a header of a `request` to an API (RFC 9449 §7)."""
    dpop_key.sign(request, role="rs", access_token=access_token, header=header_name)


# ---------------------------------------------------------------- tokens

_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@frozen(init=False, repr=False)
class DPoPToken(BearerToken):  # type: ignore[override]  # nobody calls the constructor that attrs makes
    """An access token that is bound to a key, usable as `auth=` of `requests` (RFC 9449 §7).

    Each request gets a fresh proof. An API that demands a nonce gets the request once more, with the nonce. A redirect
    within the same origin gets a new proof; one to another origin gets neither token nor proof.

    The attributes are those of `BearerToken`, and `dpop_key`, the key that the token is bound to.
    """

    TOKEN_TYPE: ClassVar[str] = AccessTokenTypes.DPOP.value
    AUTHORIZATION_SCHEME: ClassVar[str] = "DPoP"
    DPOP_HEADER: ClassVar[str] = DPOP_HEADER

    dpop_key: DPoPKey

    def __init__(
        self,
        /,
        access_token: str,
        *,
        _dpop_key: DPoPKey,
        expires_at: datetime | float | None = None,
        expires_in: float | str | None = None,
        scope: str | None = None,
        refresh_token: str | None = None,
        token_type: str | None = None,
        id_token: str | bytes | IdToken | JweCompact | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a token out of the members of a token response; see `BearerToken`.

        Args:
            access_token: the access token.
            _dpop_key: the key that it is bound to.
            token_type: `DPoP` in any case; `None` stands for it.

        All others are those of `BearerToken`.

        Raises:
            InvalidDPoPAccessToken: the token cannot be sent in an HTTP header.
            InvalidDPoPKey: `_dpop_key` is not a `DPoPKey`.
            UnsupportedTokenTypeError: the server answered with another type of token, such as `Bearer`: a downgrade.

        """
        text: Any = access_token
        key: Any = _dpop_key
        if not isinstance(text, str) or not _TOKEN68.fullmatch(text):
            raise InvalidDPoPAccessToken(access_token)
        if not isinstance(key, DPoPKey):
            raise InvalidDPoPKey(_dpop_key)
        super().__init__(
            access_token,
            expires_at=expires_at,
            expires_in=expires_in,
            scope=scope,
            refresh_token=refresh_token,
            token_type=token_type,
            id_token=id_token,
            **kwargs,
        )
        _set(self, "dpop_key", _dpop_key)

    # ------------------------------------------------------------ as a value

    def _public_members(self) -> dict[str, Any]:
        return {**super()._public_members(), "dpop_key": self.dpop_key}

    def __hash__(self) -> int:
        return super().__hash__()

    def _members(self) -> dict[str, Any]:
        return {**super()._members(), "_dpop_key": self.dpop_key}

    def as_dict(self, *, with_expires_in: bool = True) -> dict[str, Any]:
        """Return all members that have a value, secrets included; `dpop_key` is fit for JSON.

        Args:
            with_expires_in: give `expires_in`, in seconds from now, instead of `expires_at`.

        """
        members = super().as_dict(with_expires_in=with_expires_in)
        del members["_dpop_key"]
        return {**members, "dpop_key": self.dpop_key.as_dict()}

    # ------------------------------------------------------------ as a requests auth handler

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add this token and a fresh proof to the headers of `request`, and listen to its answer.

        Raises:
            ExpiredAccessToken: it is expired; nothing is sent.

        """
        super().__call__(request)
        self._prove(request)
        hooks = request.hooks["response"]
        if hooks:  # maybe of a token which this one replaces
            hooks[:] = [hook for hook in hooks if not isinstance(hook, _Listener)]
        hooks.append(_Listener(self))
        return request

    def _prove(self, request: requests.PreparedRequest) -> None:
        self.dpop_key.sign(request, role="rs", access_token=self.access_token, header=self.DPOP_HEADER)

    def _prepare_redirect(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        """Let the request that follows a redirect have a proof of its own, or no token at all."""
        following = redirected(request, response)
        if following is None:
            return  # requests will refuse this URL, too
        if origin_of(str(following.url)) == origin_of(str(request.url)):
            self._prove(following)
        else:
            following.headers.pop(self.AUTHORIZATION_HEADER, None)
            following.headers.pop(self.DPOP_HEADER, None)
        follow_with(request, following)


class _Listener:
    """The response hook of a token. It goes where its request goes, but into no pickle: the private key stays here."""

    __slots__ = ("_token",)

    def __init__(self, token: DPoPToken | None = None) -> None:
        self._token = token

    def __call__(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        """Learn from an answer, and send the request once more if the API asks for a nonce (RFC 9449 §9)."""
        token, request, status = self._token, response.request, response.status_code
        if token is None:
            return response
        if status < 300 and NONCE_HEADER not in response.headers:  # noqa: PLR2004 - all is well
            forget_redirect(request)
            return response
        key, header = token.dpop_key, token.DPOP_HEADER
        proof = request.headers.get(header)
        if not isinstance(proof, WireProof) or proof.key is not key:
            return response  # the token is not in it: it was redirected to elsewhere, or another handler took over
        if status == 401 and _demands_nonce(response):  # noqa: PLR2004 - Unauthorized
            drain(response)
            key.handle_rs_provided_dpop_nonce(response, header)
            # a transport that cannot be asked again gives the refusal: the next request will have the nonce
            if hasattr(response, "connection"):
                again = repeat(response)
                token._prove(again)  # noqa: SLF001 - the two are one
                response = resend(response, again, kwargs)
        key.remember(response, role="rs")
        if response.is_redirect:
            token._prepare_redirect(request, response)  # noqa: SLF001 - the two are one
        else:
            forget_redirect(request)
        return response

    def __reduce__(self) -> tuple[Any, ...]:
        return _Listener, ()


def _demands_nonce(response: requests.Response) -> bool:
    from .www_authenticate import parse_www_authenticate  # most clients never meet a challenge

    challenges = parse_www_authenticate(response.headers.get("WWW-Authenticate"))
    return any(challenge.scheme == "dpop" and challenge.get("error") == "use_dpop_nonce" for challenge in challenges)
