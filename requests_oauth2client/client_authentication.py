"""How a client proves who it is to its Authorization Server (RFC 6749 §2.3, RFC 7523 §2.2).

Each method is a `requests` auth handler for form POSTs; an instance is a value, and makes a fresh assertion for each
request. To add a method, subclass `BaseClientAuthenticationMethod` and write `__call__`.

<https://www.rfc-editor.org/rfc/rfc6749#section-2.3> <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cached_property, partial
from time import time
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, quote_plus, urlencode

from attrs import field, fields, frozen
from requests.auth import AuthBase

from .enums import JwtTypes
from .exceptions import (
    InvalidClientAssertionSigningKeyOrAlg,
    InvalidRequestForClientAuthentication,
    UnsupportedClientCredentials,
)
from .jose import CompactSigner, default_alg, hmac_signer, signer, uuid4
from .signing_keys import registered_name

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from jwskate import Jwk
    from typing_extensions import Self

PrivateKey: TypeAlias = "Jwk | Mapping[str, Any] | PrivateKeyTypes | str | bytes"
"""A private key as a JWK, as PEM, or of `cryptography`."""

ClientCredentials: TypeAlias = "AuthBase | tuple[str, str | PrivateKey] | str"
"""A client authentication method, or `(client_id, secret)`, `(client_id, private_key)`, `client_id`."""

FORM = "application/x-www-form-urlencoded"
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _identifier(_instance: Any, attribute: Any, value: Any) -> None:
    """Refuse what cannot be a client identifier or secret (RFC 6749 appendix A)."""
    if not isinstance(value, str) or not value or not value.isprintable():
        kind = "str" if isinstance(value, str) else type(value).__name__  # not what `hidden` made of it
        msg = f"`{attribute.name}` of type {kind} is not supported: pass a non-empty printable str."
        raise UnsupportedClientCredentials(msg)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


@frozen
class BaseClientAuthenticationMethod(AuthBase):
    """What all client authentication methods share.

    Attributes:
        client_id: the identifier of the client.

    """

    client_id: str = field(validator=_identifier)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Check that `request` is a form POST: the only requests that client credentials may go with.

        Raises:
            InvalidRequestForClientAuthentication: it is anything else, such as a call to an API.

        """
        content_type = request.headers.get("Content-Type")
        if request.method == "POST" and (content_type == FORM or not content_type or _media_type(content_type) == FORM):
            return request
        raise InvalidRequestForClientAuthentication(request)

    def for_issuer(self, issuer: str | None) -> BaseClientAuthenticationMethod:  # noqa: ARG002 - most methods have no audience
        """Return the same method, bound to the Authorization Server `issuer` where that makes a difference."""
        return self


def _add_to_form(request: requests.PreparedRequest, fields: dict[str, str]) -> requests.PreparedRequest:
    """Put `fields` into the form of `request`, replacing parameters of these names."""
    body = request.body or ""
    if isinstance(body, bytes):
        body = body.decode("utf-8")
    # saves parsing and re-encoding the whole form when, as nearly always, nothing is to be replaced
    if any(name + "=" in body for name in fields):
        kept = [pair for pair in parse_qsl(body, keep_blank_values=True) if pair[0] not in fields]
        body = urlencode(kept)
    added = urlencode(fields)
    request.body = f"{body}&{added}" if body else added
    request.headers["Content-Type"] = FORM
    request.headers["Content-Length"] = str(len(request.body.encode("utf-8")))
    return request


@frozen
class ClientSecretBasic(BaseClientAuthenticationMethod):
    """`client_secret_basic`: identifier and secret in the `Authorization` header (RFC 6749 §2.3.1).

    Attributes:
        client_id: the identifier of the client.
        client_secret: its secret.
        form_encoded: encode both with the form algorithm first, as the RFC says; `False` is for servers which read
            them raw, which matters when they hold other characters than letters, digits and `-._`.

    """

    client_secret: str = field(validator=_identifier, repr=False)
    form_encoded: bool = True

    def __attrs_post_init__(self) -> None:
        if not self.form_encoded and ":" in self.client_id:
            msg = "A client_id with a colon cannot be sent raw: leave `form_encoded=True`, or use ClientSecretPost."
            raise UnsupportedClientCredentials(msg)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the `Authorization` header to `request`."""
        super().__call__(request)
        client_id, secret = self.client_id, self.client_secret
        if self.form_encoded:
            client_id, secret = quote_plus(client_id), quote_plus(secret)
        request.headers["Authorization"] = "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode("ascii")
        return request


@frozen
class ClientSecretPost(BaseClientAuthenticationMethod):
    """`client_secret_post`: identifier and secret in the form (RFC 6749 §2.3.1).

    Attributes:
        client_id: the identifier of the client.
        client_secret: its secret.

    """

    client_secret: str = field(validator=_identifier, repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add `client_id` and `client_secret` to the form of `request`."""
        super().__call__(request)
        return _add_to_form(request, {"client_id": self.client_id, "client_secret": self.client_secret})


@frozen(init=False)
class BaseClientAssertionAuthenticationMethod(BaseClientAuthenticationMethod):
    """What methods share that send a signed assertion about the client (RFC 7523 §2.2).

    Attributes:
        client_id: the identifier of the client, `iss` and `sub` of the assertion.
        lifetime: seconds between `iat` and `exp`.
        jti_gen: makes the unique `jti` of each assertion.
        aud: audience of the assertion; `None` for the issuer when the client knows it, else the URL of the endpoint.
        alg: signature algorithm; `None` for what the key suggests.
        typ: `typ` header of the assertion (rfc7523bis).

    """

    lifetime: int = field(default=60, kw_only=True)
    jti_gen: Callable[[], object] = field(default=uuid4, kw_only=True, repr=False)
    aud: str | None = field(default=None, kw_only=True)
    alg: str | None = field(default=None, kw_only=True)
    typ: str = field(default=JwtTypes.CLIENT_AUTHENTICATION_JWT.value, kw_only=True)

    def __init__(
        self,
        client_id: str,
        lifetime: int = 60,
        jti_gen: Callable[[], object] = uuid4,
        aud: str | None = None,
        alg: str | None = None,
        typ: str = JwtTypes.CLIENT_AUTHENTICATION_JWT.value,
    ) -> None:
        # by name: a subclass may have an `__attrs_init__` of its own
        BaseClientAssertionAuthenticationMethod.__attrs_init__(
            self, client_id, lifetime=lifetime, jti_gen=jti_gen, aud=aud, alg=alg, typ=typ
        )

    def client_assertion(self, audience: str) -> str:
        """Return a fresh assertion for `audience`."""
        now = int(time())
        client_id = self.client_id
        return self._signer(
            {
                "iss": client_id,
                "sub": client_id,
                "aud": audience,
                "iat": now,
                "exp": now + self.lifetime,
                "jti": str(self.jti_gen()),
            }
        )

    @property
    def _signer(self) -> Callable[[Mapping[str, Any]], str]:
        raise NotImplementedError

    def for_issuer(self, issuer: str | None) -> Self:
        """Return the same method with `issuer` as audience, unless it has one."""
        if self.aud or not issuer:
            return self
        bound = object.__new__(type(self))  # not by its constructor: that of a subclass may take other arguments
        bound.__dict__.update(self.__dict__)
        for name in (f.name for f in fields(type(self))):
            object.__setattr__(bound, name, issuer if name == "aud" else getattr(self, name))
        return bound

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add `client_id`, `client_assertion` and `client_assertion_type` to the form of `request`."""
        super().__call__(request)
        assertion = self.client_assertion(self.aud or str(request.url))
        return _add_to_form(
            request,
            {
                "client_id": self.client_id,
                "client_assertion": assertion,
                "client_assertion_type": CLIENT_ASSERTION_TYPE,
            },
        )


def _hmac_alg(_instance: Any, _attribute: Any, alg: Any) -> None:
    if alg not in ("HS256", "HS384", "HS512"):
        msg = f"client_secret_jwt with alg '{alg}' is not supported: use HS256, HS384 or HS512."
        raise UnsupportedClientCredentials(msg)


@frozen(init=False)
class ClientSecretJwt(BaseClientAssertionAuthenticationMethod):  # type: ignore[override]  # own initializer
    """`client_secret_jwt`: an assertion under an HMAC whose key is the secret (OIDC Core §9).

    The attributes are those of `BaseClientAssertionAuthenticationMethod`, and `client_secret`.
    """

    client_secret: str = field(validator=_identifier, repr=False, kw_only=True)
    alg: str = field(default="HS256", kw_only=True, validator=_hmac_alg)

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        lifetime: int = 60,
        alg: str = "HS256",
        jti_gen: Callable[[], object] = uuid4,
        aud: str | None = None,
        typ: str = JwtTypes.CLIENT_AUTHENTICATION_JWT.value,
    ) -> None:
        self.__attrs_init__(
            client_id, client_secret=client_secret, lifetime=lifetime, alg=alg, jti_gen=jti_gen, aud=aud, typ=typ
        )

    @cached_property
    def _signer(self) -> CompactSigner:
        sign = hmac_signer(self.client_secret.encode("utf-8"), self.alg)
        return CompactSigner(sign, {"alg": self.alg, "typ": self.typ})


def _private_jwk(material: object) -> Jwk:
    from jwskate import InvalidJwk, Jwk, to_jwk  # 45 ms that clients with a secret need not pay

    text = material.decode("latin-1") if isinstance(material, bytes) else material
    try:
        return Jwk.from_pem(text) if isinstance(text, str) and "-----BEGIN" in text else to_jwk(material)
    except InvalidJwk:  # says which member is wrong
        raise
    except (TypeError, ValueError, AttributeError, RecursionError) as exc:
        msg = (
            f"This private key, of type {type(material).__name__}, is not supported or not readable: "
            "pass a JWK with all its members, a PEM without password, or a key of `cryptography`."
        )
        raise UnsupportedClientCredentials(msg) from exc


@frozen(init=False)
class PrivateKeyJwt(BaseClientAssertionAuthenticationMethod):  # type: ignore[override]  # own initializer
    """`private_key_jwt`: an assertion signed with a private key (OIDC Core §9).

    A key without `kid` is announced by its RFC 7638 thumbprint; one without `alg` signs with what its type suggests:
    RS256, ES256/384/512 or EdDSA. The attributes are those of `BaseClientAssertionAuthenticationMethod`, and
    `private_jwk`.

    Raises:
        InvalidClientAssertionSigningKeyOrAlg: the key is public or symmetric, or does not support the algorithm.

    """

    private_jwk: Jwk = field(repr=False, hash=False, kw_only=True)

    def __init__(
        self,
        client_id: str,
        private_jwk: PrivateKey,
        *,
        alg: str | None = None,
        lifetime: int = 60,
        jti_gen: Callable[[], object] = uuid4,
        aud: str | None = None,
        typ: str = JwtTypes.CLIENT_AUTHENTICATION_JWT.value,
    ) -> None:
        jwk = _private_jwk(private_jwk)
        alg = jwk.get("alg") or alg or default_alg(jwk)
        if jwk.is_symmetric or not jwk.is_private or jwk.get("use", "sig") != "sig":
            raise InvalidClientAssertionSigningKeyOrAlg(alg)
        # X25519 and X448 agree on keys, and sign nothing, whatever jwskate says of their type
        if alg not in _names(jwk) or jwk.get("crv", "").startswith("X"):
            raise InvalidClientAssertionSigningKeyOrAlg(alg)
        self.__attrs_init__(client_id, private_jwk=jwk, alg=alg, lifetime=lifetime, jti_gen=jti_gen, aud=aud, typ=typ)

    def __hash__(self) -> int:
        return hash((self.client_id, self.alg, self.aud))

    def __reduce__(self) -> tuple[Any, ...]:
        # the `cryptography` key inside a Jwk cannot be pickled nor copied: its members can
        state = {a.name: getattr(self, a.name) for a in fields(type(self)) if a.init}
        return partial(type(self), **{**state, "private_jwk": dict(self.private_jwk)}), ()

    @property
    def kid(self) -> str:
        """The `kid` that assertions announce: the key's own, or its thumbprint."""
        return str(self.private_jwk.get("kid") or self.private_jwk.thumbprint())

    @cached_property
    def _signer(self) -> CompactSigner:
        alg, jwk = str(self.alg), self.private_jwk
        name = _names(jwk)[alg]
        if jwk.get("alg", name) != name:  # jwskate warns of its own algorithm, spelt in another way
            jwk = jwk.copy()
            del jwk["alg"]
        header = {"alg": registered_name(alg), "typ": self.typ, "kid": self.kid}
        if "x5t#S256" in jwk:  # some servers find a certificate by nothing else (RFC 7515 §4.1.8)
            header["x5t#S256"] = jwk["x5t#S256"]
        return CompactSigner(signer(jwk, name), header)


def _names(jwk: Jwk) -> dict[str, str]:
    """Return what jwskate calls the algorithms of a key, by that name and by the registered one (ES256K)."""
    names = jwk.supported_signing_algorithms()
    return {**{registered_name(name): name for name in names}, **{name: name for name in names}}


@frozen
class PublicApp(BaseClientAuthenticationMethod):
    """`none`: a public client, which has no credentials and sends its `client_id` only (RFC 6749 §3.2.1)."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add `client_id` to the form of `request`."""
        super().__call__(request)
        return _add_to_form(request, {"client_id": self.client_id})


def _from_credential(
    client_id: Any, credential: Any, audience: str | None, default: Callable[[str, str], AuthBase]
) -> AuthBase:
    text = credential.decode("latin-1") if isinstance(credential, bytes) else credential
    is_pem = isinstance(text, str) and "-----BEGIN" in text
    if isinstance(credential, str) and not is_pem:
        return default(client_id, credential)
    if is_pem or isinstance(credential, Mapping) or hasattr(credential, "private_bytes"):
        return PrivateKeyJwt(client_id, credential, aud=audience)
    msg = f"Client credentials of type {type(credential).__name__} are not supported: pass a secret, or a private JWK."
    raise UnsupportedClientCredentials(msg)


def client_auth_factory(
    auth: ClientCredentials | None,
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    private_key: PrivateKey | None = None,
    private_jwk: PrivateKey | None = None,
    audience: str | None = None,
    default_auth_handler: Callable[[str, str], AuthBase] = ClientSecretPost,
) -> AuthBase:
    """Return the client authentication method that the parameters stand for.

    Args:
        auth: a method, used as it is; or `(client_id, secret)`, `(client_id, private_jwk)`, `client_id`.
        client_id: the identifier of the client, when `auth` is not given.
        client_secret: its secret, for `default_auth_handler`.
        private_key: its private key, for `PrivateKeyJwt`; wins over `client_secret`.
        private_jwk: same as `private_key`.
        audience: audience of assertions.
        default_auth_handler: what a secret is sent with.

    Raises:
        UnsupportedClientCredentials: the parameters contradict each other, or are not enough.

    """
    key = private_jwk if private_key is None else private_key
    given: Any = auth  # by the word of its type only
    if given is not None:
        if client_id is not None or client_secret is not None or key is not None:
            msg = "`auth` together with `client_id`, a secret or a key is not supported: pass one or the others."
            raise UnsupportedClientCredentials(msg)
        if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004 - a pair
            return _from_credential(*given, audience, default_auth_handler)
        if isinstance(given, str):
            return PublicApp(given)
        if callable(given) and not isinstance(given, type):
            return given  # type: ignore[no-any-return]  # any callable is an auth handler to requests
        msg = f"`auth` of type {type(given).__name__} is not supported: pass a client authentication method, or a pair."
        raise UnsupportedClientCredentials(msg)
    if client_id is None:
        msg = "A client without credentials is not supported: pass `client_id` (and a secret or key), or `auth`."
        raise UnsupportedClientCredentials(msg)
    if key is not None:
        return PrivateKeyJwt(client_id, key, aud=audience)
    if client_secret is not None:
        return _from_credential(client_id, client_secret, audience, default_auth_handler)
    return PublicApp(client_id)
