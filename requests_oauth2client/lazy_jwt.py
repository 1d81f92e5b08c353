"""A `jwskate.SignedJwt` that is decoded when somebody looks into it.

A proof is made to be sent, and hardly ever looked into. This room imports jwskate: import it where a JWT is made.
"""

from __future__ import annotations

from typing import Any

from jwskate import SignedJwt

_DECODED = frozenset({"headers", "claims", "signature"})


class LazySignedJwt(SignedJwt):
    """A `SignedJwt` made of text that is known to be one; its parts are decoded at their first use."""

    def __init__(self, value: str) -> None:
        self.value = value.encode("ascii")

    def __getattr__(self, item: str) -> Any:
        """Decode, or give a claim by its name."""
        if item in _DECODED and "value" in self.__dict__:
            super().__init__(self.value)
            return self.__dict__[item]
        if item.startswith("__"):  # Python asking for a protocol, which a claim is no answer to
            raise AttributeError(item)
        return super().__getattr__(item)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),)
