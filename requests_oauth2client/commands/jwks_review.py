"""What is wrong with the keys of a JWK Set."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from requests_oauth2client.jwks import ALGORITHMS, PUBLIC_MEMBERS, public_part, suits
from requests_oauth2client.signing_keys import MIN_RSA_BITS

from .report import Finding, Report, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})

TOO_MANY = 20
"""Keys, above which a set is unusual."""


def review_jwks(document: Mapping[str, Any]) -> Report:
    """Return what is to be said about a JWK Set, or about one JWK."""
    if "keys" not in document:
        return Report("This is a key (JWK)", (_review_key(document, "Key"),))
    keys = document["keys"]
    if not isinstance(keys, list):
        wrong = Finding("problem", "its `keys` are not an array", "RFC 7517 §5.1")
        return Report("This is a malformed key set", (Section("Form", findings=(wrong,)),))
    sections = [
        _review_key(key, f"Key {number}")
        if isinstance(key, dict)
        else Section(f"Key {number}", findings=(Finding("problem", "it is no JSON object", "RFC 7517 §4"),))
        for number, key in enumerate(keys, 1)
    ]
    findings = tuple(_set_findings([key for key in keys if isinstance(key, dict)]))
    if findings:
        sections.insert(0, Section("Key set", findings=findings))
    return Report(f"This is a key set (JWKS) with {len(keys)} key{'' if len(keys) == 1 else 's'}", tuple(sections))


def _set_findings(keys: list[Mapping[str, Any]]) -> Iterator[Finding]:
    if not keys:
        yield Finding("problem", "it has no keys: nothing can be verified with it", "RFC 7517 §5.1")
    kids = Counter(str(key["kid"]) for key in keys if "kid" in key)
    for kid, times in kids.items():
        if times > 1:
            yield Finding("warning", f"{times} keys have the `kid` {kid}", "RFC 7517 §4.5")
    if len(keys) > 1 and any("kid" not in key for key in keys):
        yield Finding("warning", "a key without `kid` is hard to find among others", "RFC 7517 §4.5")
    if len(keys) > TOO_MANY:
        yield Finding("note", f"{len(keys)} keys are many: old ones may have been forgotten")


def _review_key(key: Mapping[str, Any], title: str) -> Section:
    shown = {name: key[name] for name in ("kid", "kty", "crv", "alg", "use", "key_ops") if name in key}
    rows = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in shown.items()]
    findings = [*_key_findings(key)]
    public = public_part(key)
    if public is not None:
        size, thumbprint, wrong = _material(public)
        rows += [("size", f"{size} bits")] if size else []
        rows += [("thumbprint", thumbprint)] if thumbprint else []
        findings += wrong
    return Section(title, tuple(rows), tuple(findings))


def _key_findings(key: Mapping[str, Any]) -> Iterator[Finding]:
    kty = key.get("kty")
    if kty == "oct":
        yield Finding("problem", "a symmetric key is a secret: who reads it can sign; replace it", "RFC 7517 §9.2")
    elif PRIVATE_MEMBERS & key.keys():
        yield Finding("problem", "a PRIVATE key: if it was published, replace it at once", "RFC 7517 §9.2")
    elif not isinstance(kty, str) or kty not in PUBLIC_MEMBERS:
        yield Finding("warning", "keys of this type are not known here, and skipped", "RFC 7517 §5")
    elif public_part(key) is None:
        yield Finding("problem", f"it lacks some of {', '.join(PUBLIC_MEMBERS[kty])}", "RFC 7518 §6")
    alg = key.get("alg")
    if isinstance(alg, str) and alg in ALGORITHMS and key.get("use", "sig") == "sig" and not suits(key, alg):
        yield Finding("problem", f"`alg` {alg} does not fit its type, curve or `key_ops`", "RFC 7517 §4.4")


def _material(public: dict[str, Any]) -> tuple[int | None, str | None, list[Finding]]:
    """Return size, thumbprint, and what is wrong with the key itself."""
    from jwskate import Jwk

    try:
        jwk = Jwk(public)
        size = getattr(jwk.cryptography_key, "key_size", None)
        thumbprint = jwk.thumbprint()
    except Exception:  # noqa: BLE001 - many kinds are raised for a malformed key
        return (
            None,
            None,
            [Finding("problem", "its numbers are no key, such as a point beside its curve", "RFC 7518 §6")],
        )
    if public["kty"] == "RSA" and size is not None and size < MIN_RSA_BITS:
        return size, thumbprint, [Finding("problem", f"RSA keys need {MIN_RSA_BITS} bits or more", "RFC 7518 §3.3")]
    return size, thumbprint, []
