"""How the server behaves: one attribute a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from attrs import Factory, define, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clients import Client

REFRESHABLE = (
    "authorization_code",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
)

WITH_ID_TOKEN = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
)


@define(kw_only=True, eq=False, repr=False, slots=False)
class Switches:
    """Choices of an Authorization Server, changed at any time by setting the attribute."""

    access_token_lifetime: int | None = 3600
    refresh_token_lifetime: int | None = 14 * 86400
    issue_refresh_tokens: set[str] = Factory(lambda: set(REFRESHABLE))
    rotate_refresh_tokens: bool = True
    return_refresh_token_on_refresh: bool = False
    omit_expires_in: bool = False
    omit_scope: bool = False
    extra_token_fields: dict[str, Any] = Factory(dict)
    allowed_targets: set[str] | None = None
    strict_audience: bool = False
    max_assertion_lifetime: int = 600
    clock_skew: int = 10
    unsupported_revocation_types: set[str] = Factory(set)
    userinfo_requires_openid: bool = True
    userinfo_changes: dict[str, Any] = Factory(dict)
    authorization_code_lifetime: int = 60
    require_pkce: bool = False
    allow_plain_pkce: bool = False
    iss_parameter: bool = True
    acr_values_supported: set[str] | None = None
    require_par: bool = False
    par_lifetime: int = 60
    require_signed_request_object: bool = False
    strict_request_objects: bool = False
    issue_id_tokens: set[str] = Factory(lambda: set(WITH_ID_TOKEN))
    id_token_lifetime: int = 3600
    id_token_hashes: set[str] = Factory(lambda: {"at_hash"})
    id_token_claims: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]] = Factory(dict)
    id_token_maker: Callable[[dict[str, Any], Client], str] | None = None
    require_dpop: bool = False
    dpop_algs: set[str] | None = None
    dpop_proof_lifetime: int = 60
    dpop_nonce_as: bool = False
    dpop_nonce_rs: bool = False
    dpop_nonce_uses: int | None = None
    dpop_downgrade: bool = False
    device_code_lifetime: int = 600
    backchannel_lifetime: int = 120
    polling_interval: int | None = 5
    enforce_polling_interval: bool = True
    exchangeable_tokens: dict[str, str] = Factory(dict)
    jwks_max_age: int | None = 3600
    extra_jwks: list[dict[str, Any]] = Factory(list)
    serve_oidc_discovery: bool = True
    serve_oauth_discovery: bool = True
    metadata_changes: dict[str, Any] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        """Remember the choices that `behave()` comes back to."""
        self._first_choices = {name: _copy(getattr(self, name)) for name in switch_names()}

    def reset_switches(self) -> None:
        """Come back to the choices made at the beginning."""
        for name, value in self._first_choices.items():
            setattr(self, name, _copy(value))


class Choices(TypedDict, total=False):
    """The same, as keywords of an Authorization Server."""

    access_token_lifetime: int | None
    refresh_token_lifetime: int | None
    issue_refresh_tokens: set[str]
    rotate_refresh_tokens: bool
    return_refresh_token_on_refresh: bool
    omit_expires_in: bool
    omit_scope: bool
    extra_token_fields: dict[str, Any]
    allowed_targets: set[str] | None
    strict_audience: bool
    max_assertion_lifetime: int
    clock_skew: int
    unsupported_revocation_types: set[str]
    userinfo_requires_openid: bool
    userinfo_changes: dict[str, Any]
    authorization_code_lifetime: int
    require_pkce: bool
    allow_plain_pkce: bool
    iss_parameter: bool
    acr_values_supported: set[str] | None
    require_par: bool
    par_lifetime: int
    require_signed_request_object: bool
    strict_request_objects: bool
    issue_id_tokens: set[str]
    id_token_lifetime: int
    id_token_hashes: set[str]
    id_token_claims: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]
    id_token_maker: Callable[[dict[str, Any], Client], str] | None
    require_dpop: bool
    dpop_algs: set[str] | None
    dpop_proof_lifetime: int
    dpop_nonce_as: bool
    dpop_nonce_rs: bool
    dpop_nonce_uses: int | None
    dpop_downgrade: bool
    device_code_lifetime: int
    backchannel_lifetime: int
    polling_interval: int | None
    enforce_polling_interval: bool
    exchangeable_tokens: dict[str, str]
    jwks_max_age: int | None
    extra_jwks: list[dict[str, Any]]
    serve_oidc_discovery: bool
    serve_oauth_discovery: bool
    metadata_changes: dict[str, Any]


def switch_names() -> tuple[str, ...]:
    """Return the names of all the switches."""
    return tuple(attribute.name for attribute in fields(Switches))


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, (set, dict, list)) else value
