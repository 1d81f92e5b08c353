"""Memory of the nonces that servers gave for DPoP proofs, by origin (RFC 9449 §8, §9).

A nonce is good at the server that gave it: sent to another it costs a refusal there, and tells what was not meant for
that server. Authorization Servers and APIs are remembered apart, since one origin may be both.
"""

from __future__ import annotations

import re
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ORIGINS = 100
"""Origins of which a nonce is remembered, per key and role; the one that was heard least recently goes first."""

NONCE_HEADER = "DPoP-Nonce"

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,4096}")  # NQCHAR of RFC 6749 appendix A, and a bound
_DEFAULT_PORTS = {"http": 80, "https": 443}
_lock = Lock()  # guards `_by_origin` of all memories: held for a few dict operations, and never while another is taken


def usable_nonce(value: str | None) -> str | None:
    """Return the value of a `DPoP-Nonce` header, `None` unless it is a nonce (RFC 9449 §8.1)."""
    return value if value and _NONCE.fullmatch(value) else None


def origin_of(url: str) -> str:
    """Return scheme, host and port of an absolute `url`: equal texts for equal origins (RFC 6454 §4).

    Raises:
        ValueError: for what is no URL.

    """
    end = url.find("/", 8)  # past `https://`
    prefix = url if end < 0 else url[:end]
    return _origin(prefix) if "@" not in prefix else _origin.__wrapped__(prefix)  # a cache is no place for credentials


@lru_cache(maxsize=256)
def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


class NonceMemory:
    """The nonces that servers of one role gave, by origin; bounded, and safe to share between threads."""

    __slots__ = ("_by_origin",)

    def __init__(self) -> None:
        self._by_origin: dict[str, str] | None = None  # most keys never meet a nonce

    def get(self, url: str, default: str | None) -> str | None:
        """Return what the server of `url` gave; `default` as long as no server gave anything."""
        by_origin = self._by_origin
        return default if by_origin is None else by_origin.get(origin_of(url))

    def put(self, url: str, nonce: str) -> None:
        """Remember the nonce that the server of `url` gave, in place of its previous one."""
        origin = origin_of(url)
        with _lock:
            if self._by_origin is None:
                self._by_origin = {}
            self._by_origin.pop(origin, None)  # comes back as the last one, so that the first is the oldest
            self._by_origin[origin] = nonce
            if len(self._by_origin) > MAX_ORIGINS:
                del self._by_origin[next(iter(self._by_origin))]

    def learn(self, url: str, headers: Mapping[str, str]) -> str | None:
        """Remember the nonce that came with an answer of the server of `url`; return it, `None` if there is none."""
        nonce = usable_nonce(headers.get(NONCE_HEADER))
        if nonce is not None:
            self.put(url, nonce)
        return nonce

    def clear(self) -> None:
        """Forget all."""
        with _lock:
            self._by_origin = None
