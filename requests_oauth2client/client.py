"""`OAuth2Client`: the assembly. What it can do is in its wings; here are its parameters, and discovery."""

from __future__ import annotations

import warnings
from inspect import signature
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from .authorization_code import AuthorizationCode
from .authorization_server_keys import AuthorizationServerKeys
from .backchannel_authentication import BackChannelAuthentication
from .bounded_http import bounded_session
from .client_authentication import BaseClientAuthenticationMethod, PrivateKeyJwt, client_auth_factory
from .device_authorization import DeviceAuthorization
from .discovery import (
    check_issuer,
    discovered,
    discovery_document_urls,
    oauth2_discovery_document_url,
    oidc_discovery_document_url,
    parse_discovery_document,
    well_known_uri,
)
from .dpop import DPoPKey
from .endpoint import DEFAULT_DEADLINE, DEFAULT_TIMEOUT, MAX_RESPONSE_SIZE, exchange
from .enums import Endpoints, GrantTypes
from .evidence import printable_url
from .exceptions import (
    InvalidAcrValuesParam,
    InvalidBackchannelAuthenticationRequestHintParam,
    InvalidDiscoveryDocument,
    InvalidDPoPAlg,
    InvalidEndpointUri,
    InvalidIssuer,
    InvalidParam,
    InvalidScopeParam,
    InvalidUri,
    MissingAuthRequestId,
    MissingDeviceCode,
    MissingEndpointUri,
    MissingIdTokenEncryptedResponseAlgParam,
    MissingIssuerParam,
    MissingRefreshToken,
    UnknownActorTokenType,
    UnknownSubjectTokenType,
    UnknownTokenType,
)
from .hidden import HiddenFields, forget_locals, hidden
from .introspection import Introspection
from .jwks import ServerKeys
from .nonces import NonceMemory
from .options import check_options
from .origin_policy import DEFAULT_ORIGIN_POLICY, OriginPolicy
from .revocation import Revocation
from .signing_keys import SIGNATURE_ALGS
from .token_endpoint import TokenEndpoint
from .token_exchange import TokenExchange
from .tokens import BearerToken
from .uris import validate_endpoint_uri, validate_issuer_uri
from .userinfo import UserInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import TypeVar

    import requests
    from jwskate import Jwk, JwkSet
    from requests.auth import AuthBase
    from typing_extensions import Self

    from .client_authentication import ClientCredentials, PrivateKey
    from .events import EventHook
    from .retries import RetryPolicy

    T = TypeVar("T")


def _url() -> Any:
    """Declare the URL of an endpoint, which discovery fills in."""
    return field(metadata={"discovered": str, "endpoint": True})


def _found(kind: type) -> Any:
    """Declare another member of the metadata that discovery fills in."""
    return field(metadata={"discovered": kind})


_UNSET: Any = ...
"""Left to the metadata document, or to the constructor."""


@frozen(init=False, repr=False, kw_only=True)
class OAuth2Client(
    AuthorizationCode,
    DeviceAuthorization,
    BackChannelAuthentication,
    TokenExchange,
    TokenEndpoint,
    Revocation,
    Introspection,
    UserInfo,
    AuthorizationServerKeys,
):
    """An OAuth 2.x client of one Authorization Server.

    Where its verbs are: `AuthorizationCode` (Authorization Requests, PAR, codes), `TokenEndpoint` (client credentials,
    refresh, password, JWT bearer, and any other grant by `token_request`), `DeviceAuthorization`,
    `BackChannelAuthentication` (CIBA), `TokenExchange`, `Revocation`, `Introspection`, `UserInfo`,
    `AuthorizationServerKeys` (JWKS).

    All attributes are read-only. `extra_metadata` holds the keywords that this class does not know.
    """

    token_endpoint: str = _url()
    auth: AuthBase
    revocation_endpoint: str | None = _url()
    introspection_endpoint: str | None = _url()
    userinfo_endpoint: str | None = _url()
    authorization_endpoint: str | None = _url()
    redirect_uri: str | None
    backchannel_authentication_endpoint: str | None = _url()
    device_authorization_endpoint: str | None = _url()
    pushed_authorization_request_endpoint: str | None = _url()
    jwks_uri: str | None = _url()
    issuer: str | None = _found(str)
    id_token_signed_response_alg: str | None
    id_token_encrypted_response_alg: str | None
    id_token_decryption_key: Jwk | None = field(repr=False, hash=False)
    code_challenge_method: str | None
    authorization_response_iss_parameter_supported: bool = _found(bool)
    require_pushed_authorization_requests: bool = _found(bool)
    require_signed_request_object: bool = _found(bool)
    token_class: type[BearerToken]
    session: requests.Session
    dpop_bound_access_tokens: bool
    dpop_key_generator: Callable[[str], DPoPKey]
    dpop_alg: str
    testing: bool
    timeout: float
    deadline: float | None
    max_response_size: int
    retry: RetryPolicy | None
    on_event: EventHook | None = field(eq=False)
    # what it is called with hides its values
    extra_metadata: dict[str, Any] = field(converter=dict, repr=False, hash=False)
    _bound_auth: AuthBase = field(init=False, repr=False, eq=False)
    _server_keys: ServerKeys = field(init=False, repr=False, eq=False)
    _as_nonces: NonceMemory = field(init=False, repr=False, eq=False)

    def __init__(
        self,
        token_endpoint: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_key: PrivateKey | None = None,
        private_jwk: PrivateKey | None = None,
        revocation_endpoint: str | None = None,
        introspection_endpoint: str | None = None,
        userinfo_endpoint: str | None = None,
        authorization_endpoint: str | None = None,
        redirect_uri: str | None = None,
        backchannel_authentication_endpoint: str | None = None,
        device_authorization_endpoint: str | None = None,
        pushed_authorization_request_endpoint: str | None = None,
        jwks_uri: str | None = None,
        authorization_server_jwks: JwkSet | Mapping[str, Any] | None = None,
        issuer: str | None = None,
        id_token_signed_response_alg: str | None = "RS256",  # noqa: S107 - an algorithm, not a credential
        id_token_encrypted_response_alg: str | None = None,
        id_token_decryption_key: Jwk | Mapping[str, Any] | None = None,
        code_challenge_method: str | None = "S256",
        authorization_response_iss_parameter_supported: bool = False,
        require_pushed_authorization_requests: bool = False,
        require_signed_request_object: bool = False,
        token_class: type[BearerToken] = BearerToken,
        session: requests.Session | None = None,
        dpop_bound_access_tokens: bool = False,
        dpop_key_generator: Callable[[str], DPoPKey] = DPoPKey.generate,
        dpop_alg: str = "ES256",
        testing: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
        deadline: float | None = DEFAULT_DEADLINE,
        max_response_size: int = MAX_RESPONSE_SIZE,
        retry: RetryPolicy | None = None,
        on_event: EventHook | None = None,
        **extra_metadata: Any,
    ) -> None:
        """Make a client out of what is known about its server.

        Args:
            token_endpoint: URL of the Token Endpoint.
            auth: a client authentication method, or `(client_id, secret)`, `(client_id, private_jwk)`, `client_id`.
            client_id: identifier of the client, instead of `auth`.
            client_secret: secret of the client, sent with `ClientSecretPost`.
            private_key: private key of the client, for `PrivateKeyJwt`.
            private_jwk: same as `private_key`.
            revocation_endpoint: URL, as all that end so.
            redirect_uri: where users come back to after a login.
            jwks_uri: URL of the public keys of the server.
            authorization_server_jwks: these keys themselves; by default they are fetched when they are needed.
            issuer: issuer identifier of the server; makes more checks possible.
            id_token_signed_response_alg: algorithm that ID Tokens are signed with; `None` for any.
            id_token_encrypted_response_alg: algorithm that ID Tokens are encrypted with; `None` when they are not.
            id_token_decryption_key: private key to decrypt ID Tokens with.
            code_challenge_method: how PKCE is done; `None` turns it off.
            authorization_response_iss_parameter_supported: the server always adds `iss` to its responses (RFC 9207).
            require_pushed_authorization_requests: the server takes pushed requests only (RFC 9126).
            require_signed_request_object: the server takes signed requests only (RFC 9101).
            token_class: class of the tokens that are not bound to a key.
            session: session to send requests with; by default a new one.
            dpop_bound_access_tokens: ask for tokens bound to a key (RFC 9449), unless told otherwise.
            dpop_key_generator: makes such a key for an algorithm.
            dpop_alg: that algorithm.
            testing: accept plain http and any URL. Never set it against a real server.
            timeout: seconds without a connection, or without a byte of answer, before a request is given up.
            deadline: seconds that a request may take as a whole; `None` for no limit.
            max_response_size: bytes that an answer may have.
            retry: when to send a request again; by default never.
            on_event: is called with what happens, see `TokenEvent`.
            **extra_metadata: what this class does not know, such as an endpoint of a vendor; kept as it is.

        Raises:
            InvalidEndpointUri: the URL of an endpoint is not acceptable.
            InvalidIssuer: the issuer is not acceptable.
            UnsupportedClientCredentials: credentials are missing, or contradict each other.
            InvalidParam: a keyword is nearly, but not quite, one that is known, or its value can be of no use.

        """
        auth = _hidden_credentials(auth)
        client_secret, private_key, private_jwk = hidden((client_secret, private_key, private_jwk))
        id_token_decryption_key, extra_metadata = hidden((id_token_decryption_key, extra_metadata))
        try:
            auth = client_auth_factory(
                auth, client_id=client_id, client_secret=client_secret, private_key=private_key, private_jwk=private_jwk
            )
        except Exception as exc:
            forget_locals(exc)  # a key shows itself
            raise
        _refuse_misspelt(extra_metadata)
        session = session if session is not None else bounded_session()
        id_token_decryption_key, id_token_encrypted_response_alg = _decryption(
            id_token_decryption_key, id_token_encrypted_response_alg
        )
        given = locals()
        self.__attrs_init__(**{name: given[name] for name in _FIELDS})
        self._check()
        self._bind(authorization_server_jwks)

    def _check(self) -> None:
        if not self.testing:
            for name in _ENDPOINTS:
                uri = getattr(self, name)
                if uri is not None or name == "token_endpoint":
                    self.validate_endpoint_uri(name, uri)
            if self.issuer is not None:
                self.validate_issuer_uri("issuer", self.issuer)
        if self.authorization_response_iss_parameter_supported and not self.issuer:
            raise MissingIssuerParam
        if self.dpop_alg not in SIGNATURE_ALGS:
            raise InvalidDPoPAlg(self.dpop_alg)
        check_options(self)

    def _bind(self, jwks: JwkSet | Mapping[str, Any] | None) -> None:
        auth = self.auth
        bound = auth.for_issuer(self.issuer) if isinstance(auth, BaseClientAuthenticationMethod) else auth
        object.__setattr__(self, "_bound_auth", bound)
        object.__setattr__(self, "_server_keys", ServerKeys(jwks))
        object.__setattr__(self, "_as_nonces", NonceMemory())

    def validate_endpoint_uri(self, attribute: str, uri: str) -> str:
        """Return `uri` if it may be the URL of the endpoint `attribute`; subclasses may be stricter.

        Raises:
            InvalidEndpointUri: it may not.

        """
        try:
            return validate_endpoint_uri(uri)
        except InvalidUri as exc:
            raise InvalidEndpointUri(attribute, uri, exc) from exc

    def validate_issuer_uri(self, attribute: str, uri: str) -> str:
        """Return `uri` if it may identify an issuer; subclasses may be stricter.

        Raises:
            InvalidIssuer: it may not.

        """
        try:
            return validate_issuer_uri(uri)
        except InvalidUri as exc:
            raise InvalidIssuer(attribute, uri, exc) from exc

    # ------------------------------------------------------------ what is known about the client itself

    @property
    def client_id(self) -> str:
        """Identifier of the client."""
        client_id = getattr(self.auth, "client_id", None)
        if client_id is None:
            msg = "This client uses a custom authentication method without client_id: give it an attribute `client_id`."
            raise AttributeError(msg)
        return str(client_id)

    @property
    def client_secret(self) -> str | None:
        """Secret of the client; `None` when its authentication method has none."""
        return getattr(self.auth, "client_secret", None)

    @property
    def client_jwks(self) -> JwkSet:
        """The public keys to register at the server: for client assertions, and for the encryption of ID Tokens."""
        from jwskate import JwkSet

        keys = []
        if isinstance(self.auth, PrivateKeyJwt):
            assertion_key = self.auth.private_jwk.copy()
            assertion_key.update({"kid": self.auth.kid, "alg": self.auth.alg})
            keys.append(assertion_key.public_jwk().with_usage_parameters())
        if self.id_token_decryption_key is not None:
            key = self.id_token_decryption_key.public_jwk()
            keys.append(key.with_usage_parameters(self.id_token_encrypted_response_alg).with_kid_thumbprint())
        return JwkSet(keys=keys)

    def __repr__(self) -> str:
        issuer = f", issuer={self.issuer!r}" if self.issuer else ""
        return (
            f"{type(self).__name__}(token_endpoint={printable_url(self.token_endpoint)!r}, auth={self.auth!r}{issuer})"
        )

    def __hash__(self) -> int:
        return hash((type(self), self.token_endpoint, self.issuer, getattr(self.auth, "client_id", None)))

    def __getstate__(self) -> dict[str, Any]:
        state = {f.name: getattr(self, f.name) for f in fields(type(self))}
        key = self.id_token_decryption_key
        # the `cryptography` key inside a Jwk cannot be pickled nor copied: its members can
        return {**state, "id_token_decryption_key": None if key is None else dict(key)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        if self.id_token_decryption_key is not None:
            from jwskate import Jwk

            object.__setattr__(self, "id_token_decryption_key", Jwk(self.id_token_decryption_key))

    def __enter__(self) -> Self:
        """Fetch the keys of the server, if it has any, and return the client."""
        if self.jwks_uri:
            self.update_authorization_server_public_keys()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the session; exceptions pass."""
        self.session.close()

    # ------------------------------------------------------------ discovery

    @classmethod
    def from_discovery_endpoint(
        cls,
        url: str | None = None,
        issuer: str | None = None,
        *,
        origin_policy: OriginPolicy = DEFAULT_ORIGIN_POLICY,
        testing: bool = False,
        auth: ClientCredentials | None = _UNSET,
        client_id: str | None = _UNSET,
        client_secret: str | None = _UNSET,
        private_key: PrivateKey | None = _UNSET,
        private_jwk: PrivateKey | None = _UNSET,
        token_endpoint: str = _UNSET,
        revocation_endpoint: str | None = _UNSET,
        introspection_endpoint: str | None = _UNSET,
        userinfo_endpoint: str | None = _UNSET,
        authorization_endpoint: str | None = _UNSET,
        redirect_uri: str | None = _UNSET,
        backchannel_authentication_endpoint: str | None = _UNSET,
        device_authorization_endpoint: str | None = _UNSET,
        pushed_authorization_request_endpoint: str | None = _UNSET,
        jwks_uri: str | None = _UNSET,
        authorization_server_jwks: JwkSet | Mapping[str, Any] | None = _UNSET,
        id_token_signed_response_alg: str | None = _UNSET,
        id_token_encrypted_response_alg: str | None = _UNSET,
        id_token_decryption_key: Jwk | Mapping[str, Any] | None = _UNSET,
        code_challenge_method: str | None = _UNSET,
        authorization_response_iss_parameter_supported: bool = _UNSET,
        require_pushed_authorization_requests: bool = _UNSET,
        require_signed_request_object: bool = _UNSET,
        token_class: type[BearerToken] = _UNSET,
        session: requests.Session | None = _UNSET,
        dpop_bound_access_tokens: bool = _UNSET,
        dpop_key_generator: Callable[[str], DPoPKey] = _UNSET,
        dpop_alg: str = _UNSET,
        timeout: float = _UNSET,
        deadline: float | None = _UNSET,
        max_response_size: int = _UNSET,
        retry: RetryPolicy | None = _UNSET,
        on_event: EventHook | None = _UNSET,
        **extra_metadata: Any,
    ) -> Self:
        """Make a client out of the metadata that its server publishes (RFC 8414, OIDC Discovery).

        All other arguments are those of `OAuth2Client`, and win over the document.

        Args:
            url: URL of the metadata document.
            issuer: issuer identifier, which the document must name; without `url`, the well-known locations of this
                issuer are tried: that of OpenID Connect, then those of RFC 8414.
            origin_policy: where the endpoints may be that the document names.
            testing: see `OAuth2Client`.
            session: session to send requests with, this one included.

        Raises:
            InvalidParam: there is neither `url` nor `issuer`, or the document names another issuer.
            InvalidDiscoveryDocument: there is no usable document.
            UntrustedEndpointOrigin: an endpoint is where `origin_policy` does not allow any.
            TransportError: no usable answer came.

        """
        given = _given(locals())
        del (
            auth,
            client_secret,
            private_key,
            private_jwk,
            id_token_decryption_key,
            extra_metadata,
        )  # they show themselves
        urls = _document_urls(url, issuer, testing=testing)
        if given.get("session") is None:
            given["session"] = bounded_session()
        document = _fetch(given["session"], urls, given)
        return cls.from_discovery_document(
            document, issuer, found_at=url, origin_policy=origin_policy, testing=testing, **given
        )

    @classmethod
    def from_discovery_document(
        cls,
        discovery: Mapping[str, Any],
        issuer: str | None = None,
        *,
        https: bool = True,
        found_at: str | None = None,
        origin_policy: OriginPolicy = DEFAULT_ORIGIN_POLICY,
        testing: bool = False,
        auth: ClientCredentials | None = _UNSET,
        client_id: str | None = _UNSET,
        client_secret: str | None = _UNSET,
        private_key: PrivateKey | None = _UNSET,
        private_jwk: PrivateKey | None = _UNSET,
        token_endpoint: str = _UNSET,
        revocation_endpoint: str | None = _UNSET,
        introspection_endpoint: str | None = _UNSET,
        userinfo_endpoint: str | None = _UNSET,
        authorization_endpoint: str | None = _UNSET,
        redirect_uri: str | None = _UNSET,
        backchannel_authentication_endpoint: str | None = _UNSET,
        device_authorization_endpoint: str | None = _UNSET,
        pushed_authorization_request_endpoint: str | None = _UNSET,
        jwks_uri: str | None = _UNSET,
        authorization_server_jwks: JwkSet | Mapping[str, Any] | None = _UNSET,
        id_token_signed_response_alg: str | None = _UNSET,
        id_token_encrypted_response_alg: str | None = _UNSET,
        id_token_decryption_key: Jwk | Mapping[str, Any] | None = _UNSET,
        code_challenge_method: str | None = _UNSET,
        authorization_response_iss_parameter_supported: bool = _UNSET,
        require_pushed_authorization_requests: bool = _UNSET,
        require_signed_request_object: bool = _UNSET,
        token_class: type[BearerToken] = _UNSET,
        session: requests.Session | None = _UNSET,
        dpop_bound_access_tokens: bool = _UNSET,
        dpop_key_generator: Callable[[str], DPoPKey] = _UNSET,
        dpop_alg: str = _UNSET,
        timeout: float = _UNSET,
        deadline: float | None = _UNSET,
        max_response_size: int = _UNSET,
        retry: RetryPolicy | None = _UNSET,
        on_event: EventHook | None = _UNSET,
        **extra_metadata: Any,
    ) -> Self:
        """Make a client out of a metadata document.

        All other arguments are those of `OAuth2Client`, and win over the document.

        Args:
            discovery: the metadata.
            issuer: issuer identifier, which the document must name.
            https: `False` is an old word for `testing=True`.
            found_at: URL of the document, if it was you who chose it.
            origin_policy: where the endpoints may be that the document names.
            testing: see `OAuth2Client`.

        Raises:
            InvalidParam: the document names another issuer.
            InvalidDiscoveryDocument: it has no token endpoint, or a member of the wrong type.
            InvalidUri: its `jwks_uri` is not acceptable.
            InvalidEndpointUri: another of its URLs is not acceptable; `UntrustedEndpointOrigin` when it is for
                `origin_policy`.

        """
        given = _given(locals())
        del (
            auth,
            client_secret,
            private_key,
            private_jwk,
            id_token_decryption_key,
            extra_metadata,
        )  # they show themselves
        if not https:
            warnings.warn("The `https` parameter is deprecated: use `testing=True`.", DeprecationWarning, stacklevel=2)
            testing = True
        return _discovered_client(cls, discovery, issuer, found_at, given, None if testing else origin_policy)


_FIELDS = {f.name: f for f in fields(OAuth2Client) if f.init}
_ENDPOINTS = tuple(name for name, f in _FIELDS.items() if f.metadata.get("endpoint"))
_DISCOVERED = {name: f.metadata["discovered"] for name, f in _FIELDS.items() if "discovered" in f.metadata}
_KEYWORDS = signature(OAuth2Client).parameters.keys() - {"extra_metadata"}
_OPTIONS = tuple(_KEYWORDS - {"issuer", "testing"})
"""What discovery passes on."""


def _hidden_credentials(auth: Any) -> Any:
    """Return `(client_id, secret)` with a secret that does not show itself, all else as it is."""
    return (auth[0], *hidden(auth[1:])) if type(auth) is tuple and auth else auth


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `OAuth2Client` among the local variables of discovery, as far as they are set."""
    given = {name: values[name] for name in _OPTIONS if values[name] is not _UNSET}
    if "auth" in given:
        given["auth"] = _hidden_credentials(given["auth"])
    return HiddenFields({**given, **values["extra_metadata"]})


def _discovered_client(
    cls: Callable[..., T],
    discovery: Mapping[str, Any],
    issuer: str | None,
    found_at: str | None,
    given: Mapping[str, Any],
    origin_policy: OriginPolicy | None,
) -> T:
    """Return a client made of the metadata; without an `origin_policy`, for testing."""
    testing = origin_policy is None
    metadata = discovered(discovery, _DISCOVERED)
    check_issuer(metadata.get("issuer"), issuer)
    found = hidden({**metadata, **given})
    if issuer is not None:
        found["issuer"] = issuer
    if not found.get("token_endpoint"):
        msg = "This discovery document has no `token_endpoint`: pass one as keyword, or check the URL."
        raise InvalidDiscoveryDocument(msg, discovery)
    if found.get("jwks_uri") is not None and not testing:
        validate_endpoint_uri(found["jwks_uri"])
    client = cls(testing=testing, **found)
    if origin_policy is not None:
        named = {name: url for name, url in metadata.items() if name in _ENDPOINTS and name not in given}
        known = (issuer, found_at)
        # without a word of the caller, there is nothing but that of the document
        origin_policy.check(named, known if any(known) else (metadata.get("issuer"),))
    return client


def _refuse_misspelt(extra: Mapping[str, Any]) -> None:
    """Refuse `client_secert=` and the like, which would silently make a client without credentials or checks."""
    if not extra:
        return
    from difflib import get_close_matches  # most clients have no keyword of their own

    for name in extra:
        close = get_close_matches(name, _KEYWORDS, n=1, cutoff=0.905)
        if close:
            msg = f"Unknown keyword `{name}`: did you mean `{close[0]}`?"
            raise InvalidParam(msg)


def _decryption(key: Jwk | Mapping[str, Any] | None, alg: str | None) -> tuple[Jwk | None, str | None]:
    if key is None:
        return None, alg
    from jwskate import to_jwk

    jwk = to_jwk(key)
    alg = alg or jwk.get("alg")
    if not alg:
        raise MissingIdTokenEncryptedResponseAlgParam
    return jwk, alg


def _document_urls(url: str | None, issuer: str | None, *, testing: bool) -> tuple[str, ...]:
    """Return where to look for the metadata."""
    if issuer is not None and not testing:
        try:
            validate_issuer_uri(issuer)
        except InvalidUri as exc:
            raise InvalidIssuer("issuer", issuer, exc) from exc
    if url is not None:
        return (url if testing else validate_endpoint_uri(url),)
    if issuer is not None:
        return discovery_document_urls(issuer)
    msg = "Pass at least one of `issuer` or `url`."
    raise InvalidParam(msg)


def _fetch(session: requests.Session, urls: tuple[str, ...], client: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first metadata document found at `urls`; only 404 means that there is none at one of them."""
    response = None
    bounds = {name: client[name] for name in ("timeout", "deadline", "max_response_size") if name in client}
    for url in urls:
        response = exchange(session, "GET", url, headers={"Accept": "application/json"}, **bounds)
        if response.ok:
            return parse_discovery_document(response.content, response)
        if response.status_code not in (404, 405, 410):
            break
    status = getattr(response, "status_code", None)
    msg = (
        f"No discovery document: {printable_url(getattr(response, 'url', urls))} answered {status}. "
        "Check the issuer, or pass the URLs of the endpoints to OAuth2Client."
    )
    raise InvalidDiscoveryDocument(msg, None, response)


__all__ = [
    "Endpoints",
    "GrantTypes",
    "InvalidAcrValuesParam",
    "InvalidBackchannelAuthenticationRequestHintParam",
    "InvalidDiscoveryDocument",
    "InvalidEndpointUri",
    "InvalidIssuer",
    "InvalidParam",
    "InvalidScopeParam",
    "MissingAuthRequestId",
    "MissingDeviceCode",
    "MissingEndpointUri",
    "MissingIdTokenEncryptedResponseAlgParam",
    "MissingIssuerParam",
    "MissingRefreshToken",
    "OAuth2Client",
    "UnknownActorTokenType",
    "UnknownSubjectTokenType",
    "UnknownTokenType",
    "oauth2_discovery_document_url",
    "oidc_discovery_document_url",
    "well_known_uri",
]
