"""What the server knows of its clients and users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from attrs import field, frozen
from jwskate import Jwk, to_jwk

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")


def words(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Split a space separated list, such as a scope; an iterable is taken as it is."""
    if value is None:
        return ()
    return tuple(value.split() if isinstance(value, str) else value)


def _words_or_none(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    return None if value is None else words(value)


def public_keys(keys: Any) -> tuple[Jwk, ...]:
    """Keep the public part of a key, of several, or of a JWK Set, each with a `kid`."""
    if keys is None:
        return ()
    if isinstance(keys, Mapping) and "keys" in keys:
        keys = keys["keys"]
    elif isinstance(keys, (Jwk, Mapping)) or not isinstance(keys, Iterable):
        keys = [keys]
    return tuple((key if key.is_public else key.public_jwk()).with_kid_thumbprint() for key in map(to_jwk, keys))


@frozen(kw_only=True, repr=False)
class Client:
    """A registered client. Fields that RFC 7591 or OIDC Registration define bear the same name."""

    client_id: str
    client_secret: str | None = None
    auth_methods: tuple[str, ...] = field(converter=words)
    """Authentication methods that this client may use; any other is refused."""
    jwks: tuple[Jwk, ...] = field(default=(), converter=public_keys)
    """Its public keys: to verify its assertions and request objects, to encrypt what is for it."""
    redirect_uris: tuple[str, ...] = field(default=(), converter=words)
    grant_types: tuple[str, ...] | None = field(default=None, converter=_words_or_none)
    """Grants that it may use; `None` for any."""
    scope: tuple[str, ...] | None = field(default=None, converter=_words_or_none)
    """Scopes that it may ask for; `None` for any."""
    raw_basic: bool = False
    """Take `client_secret_basic` credentials as they are, against RFC 6749 §2.3.1: some servers do."""
    token_endpoint_auth_signing_alg: str | None = None
    """The only algorithm accepted for its assertions; `None` for any that suits its key."""
    access_token_lifetime: int | None = None
    """Seconds; `None` for the lifetime that the server gives to all."""
    client_name: str | None = None
    """What users read."""
    id_token_signed_response_alg: str = "RS256"  # noqa: S105  # an algorithm
    id_token_encrypted_response_alg: str | None = None
    id_token_encrypted_response_enc: str = "A128CBC-HS256"  # noqa: S105  # an algorithm
    userinfo_signed_response_alg: str | None = None
    """`None` for plain JSON."""
    userinfo_encrypted_response_alg: str | None = None
    userinfo_encrypted_response_enc: str = "A128CBC-HS256"
    request_object_signing_alg: str | None = None
    """The only algorithm accepted for its request objects; `None` for any asymmetric one."""
    require_signed_request_object: bool = False
    require_pushed_authorization_requests: bool = False
    backchannel_token_delivery_mode: str = "poll"  # noqa: S105  # a mode
    """`poll`, `ping` or `push`."""
    backchannel_client_notification_endpoint: str | None = None
    """Where it receives pings and pushed tokens."""
    dpop_bound_access_tokens: bool = False
    """Refuse its token requests that have no DPoP proof."""

    @auth_methods.validator
    def _check_auth_methods(self, _: object, value: tuple[str, ...]) -> None:
        unknown = set(value) - set(AUTH_METHODS)
        if unknown or not value:
            msg = f"auth_methods of client '{self.client_id}' must be among {AUTH_METHODS}, not {sorted(unknown)}"
            raise ValueError(msg)
        if self.client_secret is None and any(method.startswith("client_secret") for method in value):
            msg = f"client '{self.client_id}' needs a client_secret, jwks=... or public=True"
            raise ValueError(msg)

    def __repr__(self) -> str:
        return f"<Client {self.client_id}>"

    @property
    def public(self) -> bool:
        """Whether it has no credentials, RFC 6749 §2.1."""
        return self.auth_methods == ("none",)


class ClientFields(TypedDict, total=False):
    """Fields of `Client` that most registrations leave as they are."""

    raw_basic: bool
    token_endpoint_auth_signing_alg: str | None
    access_token_lifetime: int | None
    client_name: str | None
    id_token_signed_response_alg: str
    id_token_encrypted_response_alg: str | None
    id_token_encrypted_response_enc: str
    userinfo_signed_response_alg: str | None
    userinfo_encrypted_response_alg: str | None
    userinfo_encrypted_response_enc: str
    request_object_signing_alg: str | None
    require_signed_request_object: bool
    require_pushed_authorization_requests: bool
    backchannel_token_delivery_mode: str
    backchannel_client_notification_endpoint: str | None
    dpop_bound_access_tokens: bool


@frozen(kw_only=True)
class User:
    """Someone who can log in."""

    username: str
    password: str | None = field(default=None, repr=False)
    sub: str
    claims: dict[str, Any] = field(factory=dict)
    """Claims about them, for ID Tokens and UserInfo."""
