"""Old door to the rooms `lifetime` and `uris`, and to the error of the latter."""

from __future__ import annotations

from .exceptions import InvalidUri
from .lifetime import accepts_expires_in
from .uris import validate_endpoint_uri, validate_issuer_uri

__all__ = ["InvalidUri", "accepts_expires_in", "validate_endpoint_uri", "validate_issuer_uri"]
