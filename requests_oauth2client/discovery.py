"""Where an Authorization Server publishes its metadata, and what to make of it (RFC 8414, OIDC Discovery).

<https://www.rfc-editor.org/rfc/rfc8414> <https://openid.net/specs/openid-connect-discovery-1_0.html>
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .evidence import printable
from .exceptions import InvalidDiscoveryDocument, InvalidParam
from .strict_json import loads_object


def well_known_uri(origin: str, name: str, *, at_root: bool = True) -> str:
    """Return the well-known URI `name` of `origin` (RFC 8615 §3).

    Args:
        origin: a URL, with or without a path.
        name: what is well known, such as `openid-configuration`.
        at_root: put `/.well-known/` before the path of `origin` (RFC 8414 §3.1), and not behind it.

    """
    parts = urlsplit(origin)
    path, name = parts.path.strip("/"), name.strip("/")
    inside = f"/{path}" if path else ""
    return urlunsplit(
        parts._replace(path=f"/.well-known{inside}/{name}" if at_root else f"{inside}/.well-known/{name}")
    )


def oidc_discovery_document_url(issuer: str) -> str:
    """Return where OpenID Providers publish their metadata (OIDC Discovery §4)."""
    return well_known_uri(issuer, "openid-configuration", at_root=False)


def oauth2_discovery_document_url(issuer: str) -> str:
    """Return where Authorization Servers publish their metadata (RFC 8414 §3)."""
    return well_known_uri(issuer, "oauth-authorization-server", at_root=True)


def discovery_document_urls(issuer: str) -> tuple[str, ...]:
    """Return all places to look for the metadata of `issuer`, in the order to try them (RFC 8414 §3.1, §5)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = (
        urlunsplit(parts._replace(path=f"/.well-known/{name}{path}"))
        for name in ("oauth-authorization-server", "openid-configuration")
    )
    return tuple(dict.fromkeys((oidc_discovery_document_url(issuer), *inserted)))


def parse_discovery_document(text: bytes, response: Any = None) -> dict[str, Any]:
    """Return the metadata in `text`.

    Raises:
        InvalidDiscoveryDocument: it is not a JSON object.

    """
    try:
        return loads_object(text)
    except ValueError as exc:
        msg = f"This discovery document is unusable: {exc}. Check its URL."
        raise InvalidDiscoveryDocument(msg, None, response) from exc


def check_issuer(received: object, expected: str | None) -> None:
    """Compare the `issuer` of a metadata document with the expected one, as strings (RFC 8414 §3.3).

    Raises:
        InvalidParam: they differ; such a document may belong to somebody else (mix-up).

    """
    if expected is not None and received != expected:
        msg = (
            "Mismatching `issuer` value in discovery document "
            f"(received '{printable(received)}', expected '{printable(expected)}'). "
            "They must be equal to the last slash: pass what the server says, if this is the server that you mean."
        )
        raise InvalidParam(msg)


def discovered(document: Any, names: dict[str, type]) -> dict[str, Any]:
    """Return the members of `document` which are in `names`.

    Args:
        document: the metadata.
        names: the type that each member must have.

    Raises:
        InvalidDiscoveryDocument: a member is of another type, or the document is no object.

    """
    if not isinstance(document, Mapping):
        msg = f"A discovery document is a JSON object; this is of type {type(document).__name__}."
        raise InvalidDiscoveryDocument(msg, document)
    found = {}
    for name, kind in names.items():
        value = document.get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            msg = f"`{name}` in the discovery document is of type {type(value).__name__}; {kind.__name__} is expected."
            raise InvalidDiscoveryDocument(msg, document)
        found[name] = value
    return found
