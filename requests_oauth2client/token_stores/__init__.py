"""Token stores that outlive a process: on disk, in the keyring of the user, in Redis; and encryption for any of them.

Each is loaded at its first use, since each needs another package; see `token_store.TokenStore` to write one's own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encrypted import EncryptedTokenStore as EncryptedTokenStore
    from .file import FileTokenStore as FileTokenStore
    from .keyring import KeyringTokenStore as KeyringTokenStore
    from .redis import RedisTokenStore as RedisTokenStore
    from .sqlite import SqliteTokenStore as SqliteTokenStore

_HOMES = {
    "EncryptedTokenStore": "encrypted",
    "FileTokenStore": "file",
    "KeyringTokenStore": "keyring",
    "RedisTokenStore": "redis",
    "SqliteTokenStore": "sqlite",
}

__all__ = ["EncryptedTokenStore", "FileTokenStore", "KeyringTokenStore", "RedisTokenStore", "SqliteTokenStore"]


def __getattr__(name: str) -> Any:
    """Load a store at its first use."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value
