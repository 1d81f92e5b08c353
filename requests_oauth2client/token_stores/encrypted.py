"""Encryption of tokens at rest, over any store (<https://github.com/fernet/spec>)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from requests_oauth2client.exceptions import CorruptTokenStore, InvalidParam
from requests_oauth2client.hidden import forget_locals, hidden

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from requests_oauth2client.token_store import TokenStore


class EncryptedTokenStore:
    """Encrypts what another store keeps, and binds each text to its key: texts cannot be read, changed or swapped.

    To change the key, put the new one first, and remove the old one when all tokens were renewed, or `rotate` them.

    Attributes:
        store: where the encrypted texts are.

    """

    def __init__(self, store: TokenStore, keys: str | bytes | Iterable[str | bytes]) -> None:
        """Encrypt what `store` keeps.

        Args:
            store: where the encrypted texts are.
            keys: Fernet keys (32 random bytes in base64url, as `cryptography.fernet.Fernet.generate_key()` makes them).
                The first one encrypts, all of them decrypt.

        Raises:
            InvalidParam: there is no key, or one that is none.

        """
        from cryptography.fernet import Fernet, MultiFernet  # loaded with the store, not with the package

        keys = hidden(keys.decode("latin-1") if isinstance(keys, bytes) else keys)
        try:
            if not isinstance(keys, str):
                keys = [hidden(key.decode("latin-1") if isinstance(key, bytes) else key) for key in keys]
            self._fernet = MultiFernet([Fernet(key) for key in ([keys] if isinstance(keys, str) else keys)])
        except (ValueError, TypeError) as exc:
            forget_locals(exc)
            msg = "`keys` must be Fernet keys: make one with `cryptography.fernet.Fernet.generate_key()`."
            raise InvalidParam(msg) from exc
        self.store = store

    def get(self, key: str) -> str | None:
        """Return the text of `key`, decrypted."""
        text = self._read(key)[1]
        return None if text is None else str(text)

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        """Make `value` the text of `key`, if its text still is `replacing`; the other store compares what it has."""
        value, replacing = hidden(value), hidden(replacing)
        encrypted, text = self._read(key)
        return text == replacing and self.store.put(key, self._encrypt(key, value), replacing=encrypted)

    def delete(self, key: str) -> None:
        """Forget `key`."""
        self.store.delete(key)

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold the lock of `key` in the other store."""
        return self.store.lock(key)

    def rotate(self, key: str) -> None:
        """Encrypt the text of `key` anew, with the first of `keys`."""
        with self.store.lock(key):
            encrypted, text = self._read(key)
            if text is not None:
                self.store.put(key, self._encrypt(key, text), replacing=encrypted)

    def _encrypt(self, key: str, text: str) -> str:
        return self._fernet.encrypt(_digest(key) + text.encode()).decode()

    def _read(self, key: str) -> tuple[str | None, str | None]:
        """Return the text of `key` as the other store has it, and decrypted."""
        from cryptography.fernet import InvalidToken

        encrypted = hidden(self.store.get(key))
        if encrypted is None:
            return None, None
        try:
            digest, text = _divided(self._fernet.decrypt(encrypted.encode()))
        except (InvalidToken, ValueError) as exc:
            forget_locals(exc)
            msg = (
                "A stored token cannot be decrypted: it was encrypted with another key, or not at all, or it is "
                "damaged. It is left as it is: add the key that is missing to `keys`, or delete it."
            )
            raise CorruptTokenStore(msg) from exc
        if not hmac.compare_digest(digest, _digest(key)):
            msg = "A stored token was encrypted under another key of the store, and put here. It is left as it is."
            raise CorruptTokenStore(msg)
        return encrypted, text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r})"


def _divided(digest_and_text: bytes) -> tuple[bytes, str]:
    return digest_and_text[:32], hidden(digest_and_text[32:].decode())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
