"""Nonces for proofs of possession, RFC 9449 §8 and §9."""

from __future__ import annotations

import secrets


class DPoPNonces:
    """The nonces of one server: of the Authorization Server, or of an API."""

    def __init__(self) -> None:
        """Start without any."""
        self._uses: dict[str, int] = {}
        self.current = ""
        self.rotate()

    def rotate(self) -> None:
        """Forget all nonces, and begin with a new one."""
        self._uses.clear()
        self._renew()

    def _renew(self) -> None:
        self.current = secrets.token_urlsafe(16)
        self._uses[self.current] = 0

    def use(self, nonce: object, allowed: int | None) -> bool:
        """Tell whether a nonce is good, and count its use. `allowed` is how often it may be used."""
        if not isinstance(nonce, str) or nonce not in self._uses:
            return False
        if allowed is None:
            return True
        self._uses[nonce] += 1
        if self._uses[nonce] >= allowed:
            good = self._uses.pop(nonce) <= allowed
            if nonce == self.current:
                self._renew()
            return good
        return True
