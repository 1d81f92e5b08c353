"""What a JWT says, and what is wrong with it; nothing is sent anywhere, and nothing is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from requests_oauth2client.exceptions import OAuth2Error
from requests_oauth2client.jwks import ALGORITHMS, PUBLIC_MEMBERS, ServerKeys
from requests_oauth2client.strict_json import loads_object
from requests_oauth2client.strict_jwt import HMAC_ALGS, JWE_PARTS, JWS_PARTS, b64u_decode

from .moments import duration, epoch, moment
from .report import Finding, Report, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMES = ("exp", "nbf", "iat", "auth_time", "updated_at")
SKEW = 60
"""Seconds by which clocks may differ."""

LONG_LIFE = 86_400
"""Seconds after which an access token, which can hardly be withdrawn, should have expired."""

FOREIGN_KEYS = ("jwk", "jku", "x5u", "x5c")


@frozen
class Kind:
    """A use of JWTs.

    Attributes:
        name: what it is called.
        required: claims that must be there.
        source: where that is written.

    """

    name: str
    required: tuple[str, ...] = ()
    source: str = ""


PROOF = Kind("a DPoP proof", ("jti", "htm", "htu", "iat"), "RFC 9449 §4.2")
ID_TOKEN = Kind("an ID Token", ("iss", "sub", "aud", "exp", "iat"), "OIDC Core §2")
ASSERTION = Kind("a client assertion", ("iss", "sub", "aud", "exp", "jti"), "OIDC Core §9")
ACCESS_TOKEN = Kind("an access token, probably", ("exp",), "RFC 9700 §2.2")
BY_TYP = {
    "dpop+jwt": PROOF,
    "client-authentication+jwt": ASSERTION,
    "at+jwt": Kind("an access token", ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"), "RFC 9068 §2.2"),
    "logout+jwt": Kind(
        "a logout token", ("iss", "aud", "iat", "exp", "jti", "events"), "OIDC Back-Channel Logout §2.4"
    ),
    "oauth-authz-req+jwt": Kind("a signed authorization request", ("client_id", "iss", "aud"), "RFC 9101 §4"),
    "token-introspection+jwt": Kind("a signed introspection response", ("iss", "aud", "iat"), "RFC 9701 §5"),
}


def kind_of(headers: Mapping[str, Any], claims: Mapping[str, Any]) -> Kind:
    """Return what a JWT is for: what it says, or what its claims suggest."""
    typ = str(headers.get("typ", "")).lower().removeprefix("application/")
    if typ in BY_TYP:
        return BY_TYP[typ]
    if {"htm", "htu"} <= claims.keys():
        return PROOF
    if {"nonce", "at_hash", "c_hash", "auth_time", "acr", "sid"} & claims.keys() and "aud" in claims:
        return ID_TOKEN
    if claims.get("iss") == claims.get("sub") and {"iss", "aud", "jti"} <= claims.keys():
        return ASSERTION
    if {"response_type", "redirect_uri"} & claims.keys():
        return BY_TYP["oauth-authz-req+jwt"]
    if {"scope", "scp", "client_id"} & claims.keys():
        return ACCESS_TOKEN
    return Kind("a JWT")


def review_jwt(text: str, *, now: float, jwks: Mapping[str, Any] | None = None) -> Report:
    """Return what is to be said about a JWT, or JWE.

    Args:
        text: the JWT.
        now: seconds since the epoch.
        jwks: keys to verify its signature with.

    """
    parts = text.split(".")
    if len(parts) == JWE_PARTS:
        return _review_jwe(parts)
    if len(parts) != JWS_PARTS:
        parts_found = Finding(
            "problem", f"it has {len(parts)} parts; a signed JWT has {JWS_PARTS}, an encrypted one {JWE_PARTS}"
        )
        return Report("This is no JWT", (Section("Form", findings=(parts_found,)),))
    headers, wrong_headers = _members(parts[0], "header")
    claims, wrong_claims = _members(parts[1], "claims")
    malformed = [finding for finding in (wrong_headers, wrong_claims) if finding is not None]
    if malformed:
        return Report("This is a malformed JWT", (Section("Form", findings=tuple(malformed)),))
    kind = kind_of(headers, claims)
    return Report(
        f"This is {kind.name}",
        (
            Section("Header", _rows(headers, now), tuple(_header_findings(headers, kind))),
            Section("Claims", _rows(claims, now), tuple(_claim_findings(claims, kind, now))),
            Section("Signature", findings=tuple(_signature_findings(parts, headers, kind, jwks))),
        ),
    )


def _members(part: str, name: str) -> tuple[dict[str, Any], Finding | None]:
    try:
        return loads_object(b64u_decode(part.encode("ascii"))), None
    except ValueError as exc:
        why = "its end was cut" if len(part) % 4 == 1 else str(exc)
        return {}, Finding("problem", f"its {name} cannot be read: {why}", "RFC 7515 §3")


def _rows(members: Mapping[str, Any], now: float) -> tuple[tuple[str, str], ...]:
    def shown(name: str, value: object) -> str:
        if name in TIMES:
            return moment(value, now)
        return value if isinstance(value, str) else json.dumps(value)

    return tuple((name, shown(name, value)) for name, value in members.items())


def _header_findings(headers: Mapping[str, Any], kind: Kind) -> Iterator[Finding]:
    alg = headers.get("alg")
    if alg is None or str(alg).lower() == "none":
        yield Finding("problem", "it is not signed: anyone could have written it", "RFC 8725 §3.2")
    elif alg in HMAC_ALGS:
        yield Finding("note", f"{alg} uses a shared secret: whoever can verify it can also make it", "RFC 7518 §3.2")
        if kind is PROOF:
            yield Finding("problem", "a DPoP proof is signed with a private key, not with a secret", "RFC 9449 §4.2")
    elif alg not in ALGORITHMS:
        yield Finding("warning", "this signature algorithm is not known here", "RFC 7518 §3.1")
    if "crit" in headers:
        yield Finding("warning", "`crit` demands extensions; who does not know them must refuse it", "RFC 7515 §4.1.11")
    if kind is PROOF:
        yield from _proof_key_findings(headers.get("jwk"))
    else:
        for name in FOREIGN_KEYS:
            if name in headers:
                yield Finding(
                    "warning", f"`{name}` offers a key; verify with the keys of the issuer only", "RFC 8725 §3.10"
                )
        if "kid" not in headers and alg not in HMAC_ALGS:
            yield Finding(
                "note", "without `kid`, an issuer that has several keys leaves us guessing", "RFC 7515 §4.1.4"
            )


def _proof_key_findings(key: object) -> Iterator[Finding]:
    if not isinstance(key, dict):
        yield Finding("problem", "it has no `jwk` header, the public key that it proves", "RFC 9449 §4.2")
    elif {"d", "k"} & key.keys():
        yield Finding("problem", "its `jwk` holds a PRIVATE key: replace that key, it is known now", "RFC 9449 §4.3")


def _claim_findings(claims: Mapping[str, Any], kind: Kind, now: float) -> Iterator[Finding]:
    for name in kind.required:
        if name not in claims:
            yield Finding("problem", f"`{name}` is missing, which {kind.name} must have", kind.source)
    yield from _time_findings(claims, kind, now)
    if kind is BY_TYP["logout+jwt"] and "nonce" in claims:
        yield Finding("problem", "a logout token must not have a `nonce`", "OIDC Back-Channel Logout §2.4")
    issuer = claims.get("iss")
    if isinstance(issuer, str) and issuer.startswith("http://") and kind is not ASSERTION:
        yield Finding("warning", "its issuer is a plain http URL", "RFC 8414 §2")


def _time_findings(claims: Mapping[str, Any], kind: Kind, now: float) -> Iterator[Finding]:
    for name in TIMES[:3]:
        if name in claims and epoch(claims[name]) is None:
            yield Finding("problem", f"`{name}` is no number of seconds", "RFC 7519 §2")
    expires, issued, starts = (epoch(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is not None and expires <= now:
        yield Finding("problem", f"it expired {duration(now - expires)} ago", "RFC 7519 §4.1.4")
    if starts is not None and starts > now + SKEW:
        yield Finding("problem", f"it is not valid yet, but in {duration(starts - now)}", "RFC 7519 §4.1.5")
    if issued is not None and issued > now + SKEW:
        yield Finding("problem", "it was issued in the future: compare the clocks", "RFC 7519 §4.1.6")
    if kind is PROOF and issued is not None and issued < now - SKEW:
        yield Finding("note", "most servers refuse a proof that is older than a minute", "RFC 9449 §11.1")
    if "access token" in kind.name and expires is not None and issued is not None and expires - issued > LONG_LIFE:
        yield Finding("warning", f"it lives for {duration(expires - issued)}: who steals it has time", "RFC 9700 §4.10")


def _signature_findings(
    parts: list[str], headers: Mapping[str, Any], kind: Kind, jwks: Mapping[str, Any] | None
) -> Iterator[Finding]:
    alg = headers.get("alg")
    if not parts[2]:
        yield Finding("problem", "there is no signature", "RFC 8725 §3.2")
        return
    key = headers.get("jwk")
    if kind is PROOF and isinstance(key, dict):
        jwks = {
            "keys": [{name: key[name] for name in ("kty", *PUBLIC_MEMBERS.get(str(key.get("kty")), ())) if name in key}]
        }
    if jwks is None or alg in HMAC_ALGS:
        yield Finding("note", "the signature was not verified; with --jwks FILE it is, unless a secret made it")
        return
    kid = headers.get("kid") if kind is not PROOF else None
    try:
        signature = b64u_decode(parts[2].encode("ascii"))
        verify = ServerKeys(jwks).get(kid if isinstance(kid, str) else None, str(alg)).verify
        fits = verify(".".join(parts[:2]).encode("ascii"), signature)
    except (OAuth2Error, ValueError) as exc:
        yield Finding("problem", f"it cannot be verified: {exc}", "RFC 7515 §5.2")
        return
    if fits:
        yield Finding("good", "the signature fits the key")
    else:
        yield Finding(
            "problem", "the signature does not fit: it was changed, or another key signed it", "RFC 7515 §5.2"
        )


def _review_jwe(parts: list[str]) -> Report:
    headers, wrong = _members(parts[0], "header")
    findings = [wrong] if wrong is not None else []
    if wrong is None:
        findings.append(Finding("note", "its content is encrypted: only who has the private key can read it"))
        if headers.get("alg") == "RSA1_5":
            findings.append(Finding("warning", "RSA1_5 is open to padding oracle attacks", "RFC 8725 §3.2"))
    rows = tuple((name, value if isinstance(value, str) else json.dumps(value)) for name, value in headers.items())
    return Report("This is an encrypted JWT (JWE)", (Section("Header", rows, tuple(findings)),))
