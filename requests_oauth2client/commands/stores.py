"""Where the command line keeps tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests_oauth2client.token_store import TokenStore

    from .settings import Settings


def open_store(settings: Settings) -> TokenStore | None:
    """Return the store that the settings name: the OS keyring, or a folder; `None` when they name none.

    Raises:
        OAuth2Error: it cannot be used.

    """
    name = settings.text("store")
    if name is None:
        return None
    if name == "keyring":
        from requests_oauth2client.token_stores import KeyringTokenStore

        return KeyringTokenStore()
    from requests_oauth2client.token_stores import FileTokenStore

    return FileTokenStore(Path(name).expanduser())
