"""Authorization Requests: what is asked of the user, as a URL (RFC 6749 §4.1.1, OIDC Core §3.1.2.1), in three forms.

`AuthorizationRequest` puts its parameters in the URL. Signed, and perhaps encrypted, they travel in one `request`
parameter (RFC 9101); pushed to the server before, a `request_uri` stands for them (RFC 9126).

<https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1> <https://www.rfc-editor.org/rfc/rfc9101>
"""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy
from functools import partial
from secrets import token_urlsafe
from time import time
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote_plus

from attrs import field, frozen

from .authorization_response import (
    AuthorizationResponse,
    WithExtras,
    callback_parameters,
    check_code,
    check_issuer,
    check_state,
    parse_acr_values,
)
from .enums import CodeChallengeMethods, ResponseTypes
from .evidence import printable
from .exceptions import (
    AccountSelectionRequired,
    AuthorizationResponseError,
    ConsentRequired,
    InteractionRequired,
    InvalidCodeVerifierParam,
    InvalidEndpointUri,
    InvalidMaxAgeParam,
    InvalidParam,
    InvalidUri,
    LoginRequired,
    MissingIssuerParam,
    SessionSelectionRequired,
    UnsupportedCodeChallengeMethod,
    UnsupportedResponseTypeParam,
)
from .hidden import hidden
from .jose import default_alg
from .lifetime import Expiring, as_datetime, expiry
from .pkce import PkceUtils
from .scopes import parse_scope
from .uris import validate_endpoint_uri

if TYPE_CHECKING:
    from datetime import datetime
    from types import EllipsisType

    from furl import furl
    from jwskate import JweCompact, Jwk, SignedJwt

    from .dpop import DPoPKey
    from .scopes import Scope

__all__ = [
    "AuthorizationRequest",
    "AuthorizationResponse",
    "BaseAuthorizationRequest",
    "CodeChallengeMethods",
    "InvalidCodeVerifierParam",
    "InvalidMaxAgeParam",
    "MissingIssuerParam",
    "PkceUtils",
    "RequestParameterAuthorizationRequest",
    "RequestUriParameterAuthorizationRequest",
    "ResponseTypes",
    "UnsupportedCodeChallengeMethod",
    "UnsupportedResponseTypeParam",
]


def __getattr__(name: str) -> Any:
    """Open an old door: the room of the serializers stands above this one, and the face knows the way."""
    if name == "AuthorizationRequestSerializer":
        return getattr(sys.modules[__name__.rpartition(".")[0]], name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


_set = object.__setattr__

SPACE_SEPARATED = frozenset({"prompt", "ui_locales", "claims_locales"})
"""Further parameters whose several values make one text (OIDC Core §3.1.2.1); others are repeated (RFC 8707 §2)."""

REQUEST_OBJECT_TYPE = "oauth-authz-req+jwt"
"""The `typ` of request objects, which keeps other JWTs of the client from passing for one (RFC 9101 §10.8.1)."""

DEFAULT_ENCRYPTION_ALGS = {"RSA": "RSA-OAEP-256", "EC": "ECDH-ES", "OKP": "ECDH-ES"}
"""The key management algorithm that the type of a key suggests."""


def _extra(name: str, value: Any) -> Any:
    """Return an extra parameter as it is kept: a text, a number, a tuple of them, or JSON members.

    Raises:
        InvalidParam: it has no such form.

    """
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    try:
        if isinstance(value, Mapping):
            return json.loads(json.dumps(value, allow_nan=False))
        if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
            values = [_extra(name, item) for item in value]
            # objects in a list are one JSON text, such as `authorization_details` (RFC 9396 §2)
            return values if any(isinstance(item, (dict, list, tuple)) for item in values) else tuple(values)
    except (ValueError, TypeError) as exc:
        msg = f"`{name}` cannot be made JSON: {exc}"
        raise InvalidParam(msg) from exc
    text = str(value)
    if value == text:
        return text  # an object that is its text, such as an ID Token for `id_token_hint`
    msg = f"`{name}` of type {type(value).__name__} is no parameter of an Authorization Request: pass text."
    raise InvalidParam(msg)


def _as_sent(name: str, value: Any) -> str | list[str]:
    """Return an extra parameter as the query carries it."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, tuple):
        texts = [str(_as_sent(name, item)) for item in value if item is not None]
        return " ".join(texts) if name in SPACE_SEPARATED else texts
    return str(value)


def with_query(endpoint: str, parameters: Mapping[str, str | list[str]]) -> str:
    """Return `endpoint` with `parameters` added to the query that it may have (RFC 6749 §3.1).

    Raises:
        InvalidParam: a text cannot be encoded.

    """
    with suppress(UnicodeEncodeError):
        separator = "?" if "?" not in endpoint else "" if endpoint[-1] in "?&" else "&"
        return endpoint + separator + "&".join(_quoted(parameters))
    raise InvalidParam.no_text(parameters.items())  # not out of that error, which holds the value


def _quoted(parameters: Mapping[str, str | list[str]]) -> list[str]:
    quote, parts = quote_plus, []
    for name, value in parameters.items():
        # saves a third of the time: the names of the specifications need no quoting
        key = name if name.isidentifier() and name.isascii() else quote(name)
        if isinstance(value, str):
            parts.append(f"{key}={quote(value)}")
        else:
            parts.extend(f"{key}={quote(item)}" for item in value)
    return parts


def _checked_endpoint(uri: str) -> str:
    """Return the URL of an authorization endpoint; whether `http` may be is for the client to know (`testing=True`)."""
    try:
        return validate_endpoint_uri(uri, https=False, no_credentials=False, path=False)
    except InvalidUri as exc:
        raise InvalidEndpointUri("authorization_endpoint", uri, exc) from exc


def _is_seconds(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text_or_none(name: str, value: object) -> Any:
    if value is None or (isinstance(value, str) and value):
        return value
    msg = f"`{name}` of type {type(value).__name__} is unusable: pass a non-empty str, or None to leave it out."
    raise InvalidParam(msg)


class BaseAuthorizationRequest(WithExtras):
    """What the forms of an Authorization Request share: a URL to send the user to, and the check of what comes back."""

    __slots__ = ()

    if TYPE_CHECKING:
        authorization_endpoint: str
        client_id: str
        dpop_key: DPoPKey | None

        @property
        def state(self) -> str | None:
            """What tells its callback from others."""

    @property
    @abstractmethod
    def args(self) -> dict[str, str | list[str]]:
        """The parameters of the query; a list holds those that are repeated."""

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Return all parameters under the names of the constructor."""

    @abstractmethod
    def validate_callback(self, response: object) -> AuthorizationResponse:
        """Return the response that a callback holds, once it is checked; see `AuthorizationRequest`."""

    @property
    def uri(self) -> str:
        """The URL to send the user to."""
        return with_query(self.authorization_endpoint, self.args)

    @property
    def furl(self) -> furl:
        """The URL to send the user to, as a `furl.furl`."""
        from furl import furl  # costs as much as the rest of the request: only for those who ask

        return furl(self.uri)

    @property
    def dpop_jkt(self) -> str | None:
        """The thumbprint of the DPoP key that the code will be bound to (RFC 9449 §10)."""
        return None if self.dpop_key is None else self.dpop_key.dpop_jkt

    def __str__(self) -> str:
        return self.uri

    def __repr__(self) -> str:
        # the URL and nothing else: the code_verifier, which is not in it, stays out of logs
        return self.uri

    def _sent_extras(self) -> dict[str, str | list[str]]:
        return {name: _as_sent(name, value) for name, value in self.kwargs.items() if value is not None}


@frozen(init=False, repr=False, str=False)
class AuthorizationRequest(BaseAuthorizationRequest):
    """A request for an authorization code, with `state`, `nonce` and PKCE unless they are turned off.

    Keep it until the user comes back: only the same request can validate the callback.

    Attributes:
        authorization_endpoint: the URL of the Authorization Endpoint; the query that it may have is kept.
        client_id: the identifier of the client.
        redirect_uri: where the server sends the user, with the code.
        scope: the scopes asked for.
        response_type: always `code`.
        state: binds the callback to this request.
        nonce: binds the ID Token to this request.
        code_challenge_method: `S256`, `plain`, or `None` without PKCE.
        acr_values: the wanted authentication contexts, the best first.
        max_age: seconds since the user last authenticated, at most.
        code_verifier: what proves, with the code, that this request was ours; never part of the URL.
        authorization_response_iss_parameter_supported: the server always adds `iss` to its responses (RFC 9207 §3).
        issuer: the issuer that must answer.
        dpop_key: the key that the code and the tokens are bound to.
        kwargs: all other parameters.
        code_challenge: what stands for `code_verifier` in the URL.

    """

    authorization_endpoint: str
    client_id: str
    redirect_uri: str | None
    scope: tuple[str, ...] | None
    response_type: str
    state: str | None
    nonce: str | None
    code_challenge_method: str | None
    acr_values: tuple[str, ...] | None
    max_age: int | None
    code_verifier: str | None = field(repr=False)
    authorization_response_iss_parameter_supported: bool
    issuer: str | None
    dpop_key: DPoPKey | None = field(hash=False)
    kwargs: dict[str, Any] = field(hash=False)
    code_challenge: str | None = field(init=False, eq=False)

    exception_classes: ClassVar[dict[str, type[AuthorizationResponseError]]] = {
        "interaction_required": InteractionRequired,
        "login_required": LoginRequired,
        "account_selection_required": AccountSelectionRequired,
        "session_selection_required": SessionSelectionRequired,
        "consent_required": ConsentRequired,
    }
    """The class of each error code; subclasses may extend it."""

    def __init__(
        self,
        authorization_endpoint: str,
        *,
        client_id: str,
        redirect_uri: str | None = None,
        scope: Scope = "openid",
        response_type: str = ResponseTypes.CODE.value,
        state: str | EllipsisType | None = ...,
        nonce: str | EllipsisType | None = ...,
        code_verifier: str | None = None,
        code_challenge_method: str | None = CodeChallengeMethods.S256.value,
        acr_values: str | Iterable[str] | None = None,
        max_age: int | None = None,
        issuer: str | None = None,
        authorization_response_iss_parameter_supported: bool = False,
        dpop: bool = False,
        dpop_alg: str = "ES256",
        dpop_key: DPoPKey | None = None,
        **kwargs: Any,
    ) -> None:
        """Make a request; `...` stands for a new random value.

        Args:
            authorization_endpoint: as the attribute, such as all that is not listed here.
            client_id: as the attribute.
            redirect_uri: as the attribute.
            scope: scopes, as a text with spaces or as an iterable.
            response_type: only `code`.
            state: `None` turns it off.
            nonce: `None` turns it off; by default there is one if `openid` is in the scope.
            code_verifier: instead of a new one.
            code_challenge_method: `None` turns PKCE off.
            acr_values: as `scope`.
            max_age: as the attribute.
            issuer: as the attribute.
            authorization_response_iss_parameter_supported: as the attribute; needs `issuer`.
            dpop: bind the code to a new DPoP key.
            dpop_alg: the algorithm of that key.
            dpop_key: bind the code to this key.
            **kwargs: further parameters. A list or tuple repeats the parameter, but `prompt`, `ui_locales` and
                `claims_locales` become one text with spaces; a mapping, or a list of mappings, becomes JSON; `True`
                and `False` become `true` and `false`; `None` is left out.

        """
        if response_type != "code":
            raise UnsupportedResponseTypeParam(response_type)
        if max_age is not None and not _is_seconds(max_age):
            raise InvalidMaxAgeParam
        if authorization_response_iss_parameter_supported and not issuer:
            raise MissingIssuerParam
        scopes = parse_scope(scope) or None
        if nonce is ...:
            nonce = self.generate_nonce() if scopes and "openid" in scopes else None
        _set(self, "authorization_endpoint", _checked_endpoint(authorization_endpoint))
        _set(self, "client_id", client_id)
        _set(self, "redirect_uri", redirect_uri)
        _set(self, "scope", scopes)
        _set(self, "response_type", "code")
        _set(self, "state", self.generate_state() if state is ... else _text_or_none("state", state))
        _set(self, "nonce", _text_or_none("nonce", nonce))
        _set(self, "acr_values", parse_acr_values(acr_values))
        _set(self, "max_age", max_age)
        _set(self, "issuer", issuer)
        _set(self, "authorization_response_iss_parameter_supported", authorization_response_iss_parameter_supported)
        self._set_pkce(code_challenge_method, code_verifier)
        if dpop and dpop_key is None:
            from .dpop import DPoPKey

            dpop_key = DPoPKey.generate(alg=dpop_alg)
        _set(self, "dpop_key", dpop_key)
        if kwargs:
            self._check_extras(kwargs)
            kwargs = {name: _extra(name, value) for name, value in kwargs.items()}
        _set(self, "kwargs", kwargs)

    def _set_pkce(self, method: str | None, verifier: str | None) -> None:
        challenge = None
        if method is None:
            verifier = None
        elif verifier is None:
            verifier, challenge = PkceUtils.generate_code_verifier_and_challenge(method)
        else:
            challenge = PkceUtils.derive_challenge(verifier, method)
        _set(self, "code_challenge_method", method if method is None else str(method))
        _set(self, "code_verifier", verifier)
        _set(self, "code_challenge", challenge)

    def _check_extras(self, extras: Mapping[str, Any]) -> None:
        if "code_challenge" in extras:
            msg = "`code_challenge` is derived: pass `code_verifier`, or nothing for a new one."
            raise InvalidParam(msg)
        if "dpop_jkt" in extras and self.dpop_key is not None:
            msg = "`dpop_jkt` is derived from `dpop_key`: pass one of the two."
            raise InvalidParam(msg)

    @classmethod
    def generate_state(cls) -> str:
        """Return a new `state`, from 32 random bytes."""
        return token_urlsafe(32)

    @classmethod
    def generate_nonce(cls) -> str:
        """Return a new `nonce`, from 32 random bytes."""
        return token_urlsafe(32)

    def as_dict(self) -> dict[str, Any]:
        """Return all parameters under the names of the constructor, the `code_verifier` included."""
        return {
            "authorization_endpoint": self.authorization_endpoint,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "response_type": self.response_type,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge_method": self.code_challenge_method,
            "acr_values": self.acr_values,
            "max_age": self.max_age,
            "code_verifier": self.code_verifier,
            "authorization_response_iss_parameter_supported": self.authorization_response_iss_parameter_supported,
            "issuer": self.issuer,
            "dpop_key": self.dpop_key,
            **self.kwargs,
        }

    def _standard_parameters(self) -> dict[str, Any]:
        """Return what is not an extra, `None` included."""
        return {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope and " ".join(self.scope),
            "response_type": self.response_type,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge_method": self.code_challenge_method,
            "acr_values": self.acr_values and " ".join(self.acr_values),
            "max_age": self.max_age,
            "code_challenge": self.code_challenge,
            "dpop_jkt": self.dpop_jkt,
        }

    @property
    def args(self) -> dict[str, str | list[str]]:
        """The parameters of the query, each a `str`; a list holds those that are repeated."""
        standard = self._standard_parameters()
        args: dict[str, Any] = {
            name: value if type(value) is str else str(value) for name, value in standard.items() if value is not None
        }
        if self.kwargs:
            args |= self._sent_extras()
        return args

    def validate_callback(self, response: object) -> AuthorizationResponse:
        """Return the response that a callback holds, once it is known to answer this request.

        Checked in this order: one value a parameter, `iss`, `state`, `error`, `code`.

        Args:
            response: the URL that the user was sent to, its query string, or a URL object. Scheme, host and path are
                not compared with `redirect_uri`: proxies change them, and `state` tells more.

        Raises:
            InvalidAuthResponse: it must not be accepted; subclasses tell why.
            AuthorizationResponseError: the server said no; subclasses tell why, see `exception_classes`.

        """
        response = hidden(response)
        text, parameters = callback_parameters(response, self)
        required = self.authorization_response_iss_parameter_supported
        check_issuer(parameters.get("iss"), self.issuer, required, self, text)
        check_state(parameters.pop("state", None), self.state, self, text)
        if "error" in parameters or "error_description" in parameters or "error_uri" in parameters:
            return self.on_response_error(text)
        code = check_code(parameters.pop("code", None), self, text)
        return self._response(code, parameters)

    def _response(self, code: str, extras: dict[str, str]) -> AuthorizationResponse:
        # not through the constructor, where a parameter of the callback could pose as one of ours
        made = AuthorizationResponse.__new__(AuthorizationResponse)
        made.__attrs_init__(
            code,
            self.redirect_uri,
            self.code_verifier,
            self.state,
            self.nonce,
            self.acr_values,
            self.max_age,
            self.issuer,
            self.dpop_key,
            self.scope,
            dict(extras),
        )
        return made

    def on_response_error(self, response: str) -> AuthorizationResponse:
        """Raise the error that a callback holds; what an override returns is the result of `validate_callback`.

        Raises:
            AuthorizationResponseError: of the class that `exception_classes` has for its code.

        """
        text, parameters = callback_parameters(response, self)
        error = parameters.get("error", "")
        error_class = self.exception_classes.get(error, AuthorizationResponseError)
        raise error_class(self, text, error, parameters.get("error_description"), parameters.get("error_uri"))

    # ------------------------------------------------------------ request objects (RFC 9101)

    def _claims(self, lifetime: int | None, aud: str | None) -> dict[str, Any]:
        if lifetime is not None and not (_is_seconds(lifetime) and lifetime):
            msg = "`lifetime` is a positive number of seconds."
            raise InvalidParam(msg)
        now = int(time())
        if aud is None:
            claims: dict[str, Any] = dict(self.args)
        else:
            members = {**self._standard_parameters(), **self.kwargs}
            joined = {name: _as_sent(name, members[name]) for name in SPACE_SEPARATED & members.keys()}
            claims = {name: value for name, value in {**members, **joined}.items() if value is not None}
            claims |= {"iss": self.client_id, "aud": aud, "nbf": now}
        claims["iat"] = now
        if lifetime is not None:
            claims["exp"] = now + lifetime
        return claims

    def sign_request_jwt(
        self,
        jwk: Jwk | Mapping[str, Any] | Any,
        alg: str | None = None,
        lifetime: int | None = None,
        *,
        aud: str | None = None,
    ) -> SignedJwt:
        """Return this request as a signed JWT (RFC 9101 §4).

        Args:
            jwk: the private key, or the client secret as a symmetric key.
            alg: the algorithm; by default that of the key, or what its type suggests.
            lifetime: seconds until `exp`; `None` for no `exp`.
            aud: the issuer of the server. With it, the claims are those that RFC 9101 §4 asks for: `iss`, `aud` and
                `nbf` are added, numbers are numbers and JSON is JSON. Without it, they are exactly `args`, and `iat`.

        Raises:
            InvalidParam: the key or the algorithm cannot sign.

        """
        return sign_request_object(self._claims(lifetime, aud), jwk, alg)

    def sign(
        self,
        jwk: Jwk | Mapping[str, Any] | Any,
        alg: str | None = None,
        lifetime: int | None = None,
        *,
        aud: str | None = None,
        **kwargs: Any,
    ) -> RequestParameterAuthorizationRequest:
        """Return this request in its signed form; see `sign_request_jwt`. `kwargs` are parameters beside `request`."""
        return self._in_request(self.sign_request_jwt(jwk, alg, lifetime, aud=aud), lifetime, kwargs)

    def sign_and_encrypt_request_jwt(
        self,
        sign_jwk: Jwk | Mapping[str, Any] | Any,
        enc_jwk: Jwk | Mapping[str, Any] | Any,
        sign_alg: str | None = None,
        enc_alg: str | None = None,
        enc: str = "A128CBC-HS256",
        lifetime: int | None = None,
        *,
        aud: str | None = None,
    ) -> JweCompact:
        """Return this request as a signed JWT inside a JWE (RFC 9101 §6.1).

        Args:
            sign_jwk: see `jwk` of `sign_request_jwt`.
            enc_jwk: the public key of the server.
            sign_alg: see `alg` of `sign_request_jwt`.
            enc_alg: the key management algorithm; by default that of the key, or what its type suggests.
            enc: the content encryption algorithm.
            lifetime: see `sign_request_jwt`.
            aud: see `sign_request_jwt`.

        Raises:
            InvalidParam: a key or an algorithm cannot be used.

        """
        signed = self.sign_request_jwt(sign_jwk, sign_alg, lifetime, aud=aud)
        return _encrypted(signed, enc_jwk, enc_alg, enc)

    def sign_and_encrypt(
        self,
        sign_jwk: Jwk | Mapping[str, Any] | Any,
        enc_jwk: Jwk | Mapping[str, Any] | Any,
        sign_alg: str | None = None,
        enc_alg: str | None = None,
        enc: str = "A128CBC-HS256",
        lifetime: int | None = None,
        *,
        aud: str | None = None,
        **kwargs: Any,
    ) -> RequestParameterAuthorizationRequest:
        """Return this request in its encrypted form; see `sign_and_encrypt_request_jwt` and `sign`."""
        request = self.sign_and_encrypt_request_jwt(sign_jwk, enc_jwk, sign_alg, enc_alg, enc, lifetime, aud=aud)
        return self._in_request(request, lifetime, kwargs)

    def _in_request(
        self, request: SignedJwt | JweCompact, lifetime: int | None, extras: Mapping[str, Any]
    ) -> RequestParameterAuthorizationRequest:
        return RequestParameterAuthorizationRequest(
            self.authorization_endpoint,
            self.client_id,
            request,
            expires_in=lifetime,
            dpop_key=self.dpop_key,
            authorization_request=self,
            **extras,
        )


def _checked_alg(key: Jwk, alg: str | None, default: str | None, supported: Iterable[str], use: str) -> str:
    """Return the algorithm to use `key` with, if it is meant for that (RFC 7517 §4.2, §4.4)."""
    alg, own = alg or default, key.get("alg")
    if alg is None or alg not in supported or own not in (None, alg) or key.get("use", use) != use:
        what = f"of type {key.kty}, for '{printable(own or key.get('use') or 'anything')}'"
        msg = f"A key {what} cannot be used with the algorithm '{printable(alg)}' for a request object."
        raise InvalidParam(msg)
    return alg


def sign_request_object(
    claims: Mapping[str, Any], jwk: object, alg: str | None, typ: str = REQUEST_OBJECT_TYPE
) -> SignedJwt:
    """Return `claims` as a JWT, signed with the key and algorithm that `AuthorizationRequest.sign_request_jwt` takes.

    Raises:
        InvalidParam: the key or the algorithm cannot sign.

    """
    from jwskate import SignedJwt, to_jwk

    try:
        key = to_jwk(jwk)
        alg = _checked_alg(key, alg, default_alg(key), key.supported_signing_algorithms(), "sig")
        kid = {} if key.is_symmetric else {"kid": key.get("kid") or key.thumbprint()}
        return SignedJwt.sign(claims, key, alg=alg, typ=typ, extra_headers=kid)
    except InvalidParam:
        raise
    except (ValueError, TypeError, AttributeError, LookupError) as exc:
        msg = f"This key cannot sign a request object ({type(exc).__name__}): pass a private JWK."
        raise InvalidParam(msg) from exc


def _encrypted(signed: SignedJwt, jwk: object, alg: str | None, enc: str) -> JweCompact:
    from jwskate import to_jwk

    try:
        key = to_jwk(jwk)
        if not key.is_symmetric and key.is_private:
            key = key.public_jwk()
        default = key.get("alg") or DEFAULT_ENCRYPTION_ALGS.get(key.kty)
        alg = _checked_alg(key, alg, default, key.supported_key_management_algorithms(), "enc")
        return signed.encrypt(key, enc, alg, extra_headers={"kid": key.get("kid") or key.thumbprint()})
    except InvalidParam:
        raise
    except (ValueError, TypeError, AttributeError, LookupError) as exc:
        msg = f"This key cannot encrypt a request object with '{printable(enc)}' ({type(exc).__name__}): pass a JWK."
        raise InvalidParam(msg) from exc


class _StandIn(Expiring, BaseAuthorizationRequest):
    """A form of request that stands for an `authorization_request`, which validates the callback."""

    __slots__ = ()

    if TYPE_CHECKING:
        authorization_request: AuthorizationRequest | None

    @property
    def state(self) -> str | None:
        """The `state` of the request that this one stands for; `None` when that is not known."""
        return None if self.authorization_request is None else self.authorization_request.state

    def validate_callback(self, response: object) -> AuthorizationResponse:
        """Return the response that a callback holds, once it is checked by the request that this one stands for.

        Raises:
            InvalidParam: this was made without `authorization_request`.

        """
        if self.authorization_request is None:
            msg = "This request does not know what it stands for: call `validate_callback` of the AuthorizationRequest."
            raise InvalidParam(msg)
        return self.authorization_request.validate_callback(response)

    def _set_all(
        self,
        authorization_endpoint: str,
        client_id: str,
        expires_at: datetime | float | None,
        expires_in: float | str | None,
        dpop_key: DPoPKey | None,
        authorization_request: AuthorizationRequest | None,
        extras: Mapping[str, Any],
    ) -> None:
        _set(self, "authorization_endpoint", _checked_endpoint(authorization_endpoint))
        _set(self, "client_id", client_id)
        _set(self, "_expiry", expiry(expires_in, expires_at))
        _set(self, "dpop_key", dpop_key)
        _set(self, "authorization_request", authorization_request)
        _set(self, "kwargs", {name: _extra(name, value) for name, value in extras.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        # the JWT of a request object does not pickle: its text does
        members = {**self.as_dict(), "authorization_request": self.authorization_request}
        return partial(type(self), **members), ()

    def _as_dict(self, **own: str) -> dict[str, Any]:
        return {
            "authorization_endpoint": self.authorization_endpoint,
            "client_id": self.client_id,
            **own,
            "expires_at": as_datetime(self._expiry),
            "dpop_key": self.dpop_key,
            **self.kwargs,
        }


@frozen(init=False, repr=False, str=False)
class RequestParameterAuthorizationRequest(_StandIn):
    """An Authorization Request whose parameters are in a JWT, by value (RFC 9101 §5.1).

    Attributes:
        authorization_endpoint: the URL of the Authorization Endpoint.
        client_id: the identifier of the client.
        request: the request object, a `jwskate.SignedJwt` or `jwskate.JweCompact`.
        expires_at: when the request object expires.
        dpop_key: the key that the code is bound to.
        authorization_request: the request that is in the JWT; does not count when two of these are compared.
        kwargs: further parameters of the query.

    """

    authorization_endpoint: str
    client_id: str
    request: SignedJwt | JweCompact = field(hash=False)
    _expiry: float | None
    dpop_key: DPoPKey | None = field(hash=False)
    authorization_request: AuthorizationRequest | None = field(eq=False)
    kwargs: dict[str, Any] = field(hash=False)

    def __init__(
        self,
        authorization_endpoint: str,
        client_id: str,
        request: str | SignedJwt | JweCompact,
        expires_at: datetime | float | None = None,
        dpop_key: DPoPKey | None = None,
        *,
        expires_in: float | str | None = None,
        authorization_request: AuthorizationRequest | None = None,
        **kwargs: Any,
    ) -> None:
        self._set_all(
            authorization_endpoint, client_id, expires_at, expires_in, dpop_key, authorization_request, kwargs
        )
        _set(self, "request", _parsed_request(request))

    @property
    def args(self) -> dict[str, str | list[str]]:
        """The parameters of the query; a list holds those that are repeated."""
        return {"client_id": self.client_id, "request": str(self.request), **self._sent_extras()}

    def as_dict(self) -> dict[str, Any]:
        """Return all parameters under the names of the constructor, but `authorization_request`."""
        return self._as_dict(request=str(self.request))


def _parsed_request(request: object) -> SignedJwt | JweCompact:
    from jwskate import JweCompact, SignedJwt

    if isinstance(request, (SignedJwt, JweCompact)):
        return request
    text = str(request)
    try:
        return SignedJwt(text) if text.count(".") == 2 else JweCompact(text)  # noqa: PLR2004 - RFC 7515 §3.1, RFC 7516 §3.1
    except (ValueError, TypeError, AttributeError) as exc:
        msg = "`request` is neither a signed JWT nor a JWE, in compact form."
        raise InvalidParam(msg) from exc


@frozen(init=False, repr=False, str=False)
class RequestUriParameterAuthorizationRequest(_StandIn):
    """An Authorization Request whose parameters are behind a `request_uri`, such as a pushed one (RFC 9126 §4).

    Attributes:
        authorization_endpoint: the URL of the Authorization Endpoint.
        client_id: the identifier of the client.
        request_uri: the reference that the server gave.
        expires_at: when the reference expires.
        dpop_key: the key that the code is bound to.
        authorization_request: the request that was pushed; does not count when two of these are compared.
        kwargs: further parameters of the query.

    """

    authorization_endpoint: str
    client_id: str
    request_uri: str
    _expiry: float | None
    dpop_key: DPoPKey | None = field(hash=False)
    authorization_request: AuthorizationRequest | None = field(eq=False)
    kwargs: dict[str, Any] = field(hash=False)

    def __init__(
        self,
        authorization_endpoint: str,
        *,
        client_id: str,
        request_uri: str,
        expires_at: datetime | float | None = None,
        dpop_key: DPoPKey | None = None,
        expires_in: float | str | None = None,
        authorization_request: AuthorizationRequest | None = None,
        **kwargs: Any,
    ) -> None:
        self._set_all(
            authorization_endpoint, client_id, expires_at, expires_in, dpop_key, authorization_request, kwargs
        )
        _set(self, "request_uri", request_uri)

    def standing_for(self, request: AuthorizationRequest | None) -> RequestUriParameterAuthorizationRequest:
        """Return the same request, which knows the one that it stands for."""
        made = copy(self)
        _set(made, "authorization_request", request)
        return made

    @property
    def args(self) -> dict[str, str | list[str]]:
        """The parameters of the query; a list holds those that are repeated."""
        return {"client_id": self.client_id, "request_uri": self.request_uri, **self._sent_extras()}

    def as_dict(self) -> dict[str, Any]:
        """Return all parameters under the names of the constructor, but `authorization_request`."""
        return self._as_dict(request_uri=self.request_uri)
