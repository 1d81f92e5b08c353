"""What the server says of itself: RFC 8414, OIDC Discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clients import AUTH_METHODS
from .core import PATHS, Core
from .signed_jwt import ASYMMETRIC_ALGS, SYMMETRIC_ALGS

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = {
    "token": "token_endpoint",
    "revocation": "revocation_endpoint",
    "introspection": "introspection_endpoint",
    "userinfo": "userinfo_endpoint",
}
"""Name of the metadata field that gives the URL of each endpoint."""


def metadata(server: Core, grant_types: Iterable[str]) -> dict[str, Any]:
    """Make the metadata document."""
    scopes = {scope for client in server.clients.values() for scope in client.scope or ()}
    document: dict[str, Any] = {"issuer": server.issuer}
    document.update({FIELDS[name]: server.endpoint(name) for name in PATHS})
    document.update(
        grant_types_supported=list(grant_types),
        scopes_supported=sorted(scopes | {"openid"}),
        subject_types_supported=["public"],
    )
    for name in ("token", "revocation", "introspection"):
        methods = [method for method in AUTH_METHODS if name != "introspection" or method != "none"]
        document[f"{name}_endpoint_auth_methods_supported"] = methods
        document[f"{name}_endpoint_auth_signing_alg_values_supported"] = [*ASYMMETRIC_ALGS, *SYMMETRIC_ALGS]
    document.update(server.metadata_changes)
    return {name: value for name, value in document.items() if value is not None}
