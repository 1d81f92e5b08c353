"""What is known of asymmetric signing keys without touching one (RFC 7518 §3, RFC 8037, RFC 8812)."""

from __future__ import annotations

RSA_ALGS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

SIGNATURE_ALGS = ("ES256", "ES384", "ES512", "ES256K", "ES256k", "EdDSA", *RSA_ALGS)
"""The algorithms that keys are made for; `ES256k` is how jwskate spells `ES256K`."""

MIN_RSA_BITS = 2048
"""Bits that an RSA key must have, at least (RFC 7518 §3.3)."""


def registered_name(alg: str) -> str:
    """Return the name of `alg` that is registered, and goes over the wire (RFC 8812 §3.2)."""
    return "ES256K" if alg == "ES256k" else alg
