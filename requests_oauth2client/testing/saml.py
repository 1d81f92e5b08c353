"""SAML 2.0 assertions as grants, RFC 7522 §3.

XML signatures: exclusive canonicalization, RSA or ECDSA, SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from .http import Refusal
from .signed_jwt import BadJwt
from .token_requests import new_grant, token_response

if TYPE_CHECKING:
    from jwskate import Jwk

    from .core import Core
    from .token_requests import TokenRequest

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ALGS = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "RS256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": "ES256",
}
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"


def saml2_bearer(asked: TokenRequest) -> dict[str, Any]:
    """Grant what an assertion says. Its issuer must be trusted, see `AuthorizationServer.trust_issuer`."""
    try:
        sub = verified_assertion(asked.server, asked.form.required("assertion"))
    except BadJwt as exc:
        raise Refusal("invalid_grant", f"assertion: {exc}") from exc
    return token_response(asked, new_grant(asked, user=asked.server.user_with_sub(sub), subject=sub))


def verified_assertion(server: Core, encoded: str) -> str:
    """Return the subject of an assertion, given in base64url as RFC 7522 §2.1 says.

    Raises:
        BadJwt: if it is not signed by a trusted issuer, not for this server, expired, or used before.

    """
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        if "<!DOCTYPE" in text:
            raise BadJwt("document types have no place in an assertion")
        root = ET.fromstring(text)  # noqa: S314  # no document type, no entities
    except (ValueError, ET.ParseError) as exc:
        raise BadJwt("not XML in base64url") from exc
    if root.tag != f"{SAML}Assertion":
        raise BadJwt("not an assertion")
    issuer = root.findtext(f"{SAML}Issuer", "").strip()
    keys = server.trusted_issuers.get(issuer, ())
    if not any(_is_signed(text, root, key) for key in keys):
        raise BadJwt("not signed by a trusted issuer")
    expiry = _check_conditions(server, root)
    if not server.first_use("SAML assertion", issuer, root.get("ID", ""), expiry):
        raise BadJwt("it was used before")
    name = root.findtext(f"{SAML}Subject/{SAML}NameID", "").strip()
    if not name:
        raise BadJwt("it has no subject")
    return name


def _check_conditions(server: Core, root: ET.Element) -> float:
    """Check audience, recipient and validity, RFC 7522 §3; return when it expires."""
    now, skew = server.clock.now(), server.clock_skew
    here = {server.issuer, server.endpoint("token")}
    restrictions = root.iterfind(f"{SAML}Conditions/{SAML}AudienceRestriction/{SAML}Audience")
    audiences = {str(found.text).strip() for found in restrictions}
    if not audiences & here:
        raise BadJwt(f"its audience must be {server.issuer}")
    conditions = root.find(f"{SAML}Conditions")
    confirmations = [
        found.find(f"{SAML}SubjectConfirmationData")
        for found in root.iterfind(f"{SAML}Subject/{SAML}SubjectConfirmation")
        if found.get("Method") == BEARER
    ]
    if not confirmations:
        raise BadJwt("its subject is not confirmed as bearer")
    expiries = []
    for part in (conditions, confirmations[0]):
        if part is None:
            continue
        if part.get("Recipient") not in {None, *here}:
            raise BadJwt("its recipient is someone else")
        if _time(part.get("NotBefore")) > now + skew:
            raise BadJwt("not valid yet")
        if part.get("NotOnOrAfter") is not None:
            expiries.append(_time(part.get("NotOnOrAfter")))
    if not expiries:
        raise BadJwt("it does not say when it expires")
    if min(expiries) <= now - skew:
        raise BadJwt("expired")
    return min(expiries)


def _time(text: str | None) -> float:
    if text is None:
        return 0
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError as exc:
        raise BadJwt("a time is malformed") from exc


def _is_signed(text: str, root: ET.Element, key: Jwk) -> bool:
    """Verify the signature inside the assertion, over the whole assertion and nothing else: XML Signature §3.2."""
    signatures = root.findall(f"{DS}Signature")
    if len(signatures) != 1 or len(list(root.iter(f"{DS}Signature"))) != 1:
        return False  # signatures elsewhere are how assertions get wrapped
    signed_info = signatures[0].find(f"{DS}SignedInfo")
    references = [] if signed_info is None else signed_info.findall(f"{DS}Reference")
    if signed_info is None or len(references) != 1 or references[0].get("URI") != f"#{root.get('ID')}":
        return False
    algorithms = {found.tag.removeprefix(DS): found.get("Algorithm") for found in signed_info.iter()}
    transforms = [found.get("Algorithm") for found in references[0].iter(f"{DS}Transform")]
    alg = ALGS.get(algorithms.get("SignatureMethod") or "")
    if (
        alg is None
        or algorithms.get("CanonicalizationMethod") != EXCLUSIVE
        or algorithms.get("DigestMethod") != SHA256
        or transforms != [ENVELOPED, EXCLUSIVE]
    ):
        return False
    # Canonical XML 2.0, which Python has, is exclusive canonicalization when nothing else is asked
    signed = ET.canonicalize(text, exclude_tags=[f"{DS}Signature"])
    digest = base64.b64encode(hashlib.sha256(signed.encode()).digest()).decode()
    if not hmac.compare_digest(digest, references[0].findtext(f"{DS}DigestValue", "").strip()):
        return False
    if key.alg not in {None, alg} or alg not in key.supported_signing_algorithms():
        return False
    value = signatures[0].findtext(f"{DS}SignatureValue", "")
    try:
        return key.verify(_canonical_signed_info(text).encode(), base64.b64decode(value), alg=alg)
    except ValueError:
        return False


def _canonical_signed_info(text: str) -> str:
    """Cut `SignedInfo` out of the canonical assertion, and give it the namespace that it had from its parent."""
    canonical = ET.canonicalize(text)
    if len(re.findall(r"<(?:[^\s<>/:]+:)?SignedInfo[ >]", canonical)) != 1:
        return ""  # with another one, signed elsewhere, in its content, an assertion could lend its signature
    found = re.search(r"<((?:[^\s<>/:]+:)?)SignedInfo( [^>]*)?>.*</\1SignedInfo>", canonical, re.DOTALL)
    if found is None:
        return ""
    prefix, attributes = found[1], found[2] or ""
    name = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    namespace = "" if name in attributes else f' {name}="{DS[1:-1]}"'
    element = found[0]
    start = len(f"<{prefix}SignedInfo")
    return ET.canonicalize(f"{element[:start]}{namespace}{element[start:]}")
