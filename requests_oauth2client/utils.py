"""Old door to the rooms `lifetime` and `uris`."""

from __future__ import annotations

from .lifetime import accepts_expires_in
from .uris import validate_endpoint_uri, validate_issuer_uri

__all__ = ["accepts_expires_in", "validate_endpoint_uri", "validate_issuer_uri"]
