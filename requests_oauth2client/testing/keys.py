"""The server's own keys."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jwskate import Jwk

from .signed_jwt import ASYMMETRIC_ALGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENCRYPTION_ALGS = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
"""Algorithms by which request objects may be encrypted for the server, and its tokens for clients."""

ENCRYPTION_ENCS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")


class ServerKeys:
    """Private keys, one for each algorithm, made when they are needed."""

    def __init__(self, owner: str) -> None:
        """Hold the keys of that issuer."""
        self._owner = owner
        self._published = [0]

    def signing_key(self, alg: str) -> Jwk:
        """Return the key that signs now with that algorithm."""
        return _key(self._owner, alg, self._published[-1])

    def verification_keys(self, alg: object) -> list[Jwk]:
        """Return the published keys for an algorithm."""
        if alg not in ASYMMETRIC_ALGS:
            return []
        return [_key(self._owner, str(alg), generation).public_jwk() for generation in self._published]

    def decryption_keys(self) -> list[Jwk]:
        """Return the keys for which clients encrypt: the same for all servers of this process."""
        return [_key("any issuer", alg, 0) for alg in ("RSA-OAEP-256", "ECDH-ES")]

    def public_keys(self, algs: Iterable[str]) -> list[dict[str, Any]]:
        """Return the public keys: those that sign or signed with these algorithms, and those for encryption."""
        keys = [_key(self._owner, alg, generation) for alg in algs for generation in self._published]
        return [dict(key.public_jwk(), alg=key.alg, use="sig") for key in keys] + [
            # no `alg`: the EC key suits all ECDH-ES algorithms
            {name: value for name, value in dict(key.public_jwk(), use="enc").items() if name != "alg"}
            for key in self.decryption_keys()
        ]

    def rotate(self, *, keep_old: bool) -> None:
        """Sign with other keys from now on."""
        successor = self._published[-1] + 1
        self._published = [*self._published, successor] if keep_old else [successor]


@cache
def _key(owner: str, alg: str, generation: int) -> Jwk:  # noqa: ARG001  # what makes keys different  # what makes two keys different
    """Make a key, once in this process for each issuer: RSA keys take long to make, and tests make many servers."""
    if alg.startswith(("RS", "PS")):
        return Jwk.generate(alg=alg, key_size=2048).with_kid_thumbprint()
    if alg == "ECDH-ES":
        return Jwk.generate(alg=alg, crv="P-256").with_kid_thumbprint()
    return Jwk.generate(alg=alg).with_kid_thumbprint()


def encryption_key(keys: Sequence[Jwk], alg: str) -> Jwk | None:
    """Return the first key that suits an encryption algorithm."""
    return next(
        (key for key in keys if key.use != "sig" and alg in key.supported_key_management_algorithms()),
        None,
    )
