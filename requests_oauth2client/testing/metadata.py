"""What the server says of itself: RFC 8414, OIDC Discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clients import AUTH_METHODS
from .keys import ENCRYPTION_ALGS, ENCRYPTION_ENCS
from .signed_jwt import ASYMMETRIC_ALGS, SYMMETRIC_ALGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .core import Core

FIELDS = {
    "authorization": "authorization_endpoint",
    "par": "pushed_authorization_request_endpoint",
    "token": "token_endpoint",
    "revocation": "revocation_endpoint",
    "introspection": "introspection_endpoint",
    "userinfo": "userinfo_endpoint",
    "jwks": "jwks_uri",
    "device_authorization": "device_authorization_endpoint",
    "backchannel_authentication": "backchannel_authentication_endpoint",
}
"""Name of the metadata field that gives the URL of each endpoint."""


def metadata(server: Core, grant_types: Iterable[str]) -> dict[str, Any]:
    """Make the metadata document."""
    document = {
        "issuer": server.issuer,
        **{field: server.endpoint(name) for name, field in FIELDS.items()},
        "grant_types_supported": list(grant_types),
        **_client_authentication(),
        **_authorization(server),
        **_openid(server),
        **server.metadata_changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def _client_authentication() -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in ("token", "revocation", "introspection"):
        methods = [method for method in AUTH_METHODS if name != "introspection" or method != "none"]
        facts[f"{name}_endpoint_auth_methods_supported"] = methods
        facts[f"{name}_endpoint_auth_signing_alg_values_supported"] = [*ASYMMETRIC_ALGS, *SYMMETRIC_ALGS]
    return facts


def _authorization(server: Core) -> dict[str, Any]:
    return {
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256", "plain"] if server.allow_plain_pkce else ["S256"],
        "dpop_signing_alg_values_supported": sorted(server.dpop_algs or ASYMMETRIC_ALGS),
        "prompt_values_supported": ["none", "login", "consent"],
        "authorization_response_iss_parameter_supported": server.iss_parameter,
        "require_pushed_authorization_requests": server.require_par,
        "require_signed_request_object": server.require_signed_request_object,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,  # except pushed ones
        "request_object_signing_alg_values_supported": [*ASYMMETRIC_ALGS, *SYMMETRIC_ALGS],
        "request_object_encryption_alg_values_supported": list(ENCRYPTION_ALGS),
        "request_object_encryption_enc_values_supported": list(ENCRYPTION_ENCS),
    }


def _openid(server: Core) -> dict[str, Any]:
    scopes = {scope for client in server.clients.values() for scope in client.scope or ()}
    facts: dict[str, Any] = {
        "scopes_supported": sorted(scopes | {"openid"}),
        "subject_types_supported": ["public"],
        "acr_values_supported": sorted(server.acr_values_supported) if server.acr_values_supported else None,
        "claims_parameter_supported": False,
        "backchannel_token_delivery_modes_supported": ["poll", "ping", "push"],
        "backchannel_authentication_request_signing_alg_values_supported": list(ASYMMETRIC_ALGS),
        "backchannel_user_code_parameter_supported": False,
    }
    for name in ("id_token", "userinfo"):
        facts[f"{name}_signing_alg_values_supported"] = [*ASYMMETRIC_ALGS, *SYMMETRIC_ALGS]
        facts[f"{name}_encryption_alg_values_supported"] = list(ENCRYPTION_ALGS)
        facts[f"{name}_encryption_enc_values_supported"] = list(ENCRYPTION_ENCS)
    return facts
