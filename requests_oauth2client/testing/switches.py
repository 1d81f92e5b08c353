"""How the server behaves: one attribute a choice."""

from __future__ import annotations

from typing import Any

from attrs import Factory, define, fields

REFRESHABLE = (
    "authorization_code",
    "password",
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


def switch_names() -> tuple[str, ...]:
    """Return the names of all the switches."""
    return tuple(attribute.name for attribute in fields(Switches))


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, (set, dict)) else value
