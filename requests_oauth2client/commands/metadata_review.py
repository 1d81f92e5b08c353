"""What a metadata document says: features, profiles that can be met, what is unsafe (RFC 8414, OIDC Discovery)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from requests_oauth2client.enums import GrantTypes
from requests_oauth2client.exceptions import InvalidUri, UntrustedEndpointOrigin
from requests_oauth2client.origin_policy import DEFAULT_ORIGIN_POLICY
from requests_oauth2client.uris import validate_endpoint_uri, validate_issuer_uri

from .advice import advised_code
from .report import Finding, Report, Section

Document: TypeAlias = Mapping[str, Any]

GOOD_ALGS = frozenset({"PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"})
"""Those that FAPI 2.0 §5.4 allows, and their longer siblings."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    "grant_types_supported": ("authorization_code", "implicit"),
    "response_types_supported": (),
    "token_endpoint_auth_methods_supported": ("client_secret_basic",),
}
"""What a missing member means (RFC 8414 §2)."""


def words(document: Document, name: str) -> list[str]:
    """Return the values of a member that is an array, or what it means when it is missing."""
    value = document.get(name)
    if not isinstance(value, list):
        return list(DEFAULTS.get(name, ()))
    return [item for item in value if isinstance(item, str)]


def has_url(document: Document, name: str) -> bool:
    """Tell whether a member is the URL of an endpoint."""
    return isinstance(document.get(name), str) and bool(document[name])


def grants(document: Document, grant: str) -> bool:
    """Tell whether a grant is announced."""
    return grant in words(document, "grant_types_supported")


@frozen
class Feature:
    """Something that a server can do.

    Attributes:
        name: what it is called.
        source: where it is written.
        found: tells how it is announced; nothing when it is not.

    """

    name: str
    source: str
    found: Callable[[Document], str]


def _listed(member: str, *wanted: str) -> Callable[[Document], str]:
    def found(document: Document) -> str:
        values = words(document, member)
        return ", ".join(value for value in values if not wanted or value in wanted)

    return found


def _endpoint(member: str, also: str | None = None) -> Callable[[Document], str]:
    def found(document: Document) -> str:
        if not has_url(document, member):
            return ""
        return f"{document[member]}, {also}" if also and document.get(also) is True else str(document[member])

    return found


def _true(member: str) -> Callable[[Document], str]:
    return lambda document: member if document.get(member) is True else ""


FEATURES = (
    Feature("Client credentials", "RFC 6749 §4.4", _listed("grant_types_supported", "client_credentials")),
    Feature("Authorization code", "RFC 6749 §4.1", _endpoint("authorization_endpoint")),
    Feature("Refresh tokens", "RFC 6749 §6", _listed("grant_types_supported", "refresh_token")),
    Feature("PKCE", "RFC 7636", _listed("code_challenge_methods_supported")),
    Feature("Issuer in responses", "RFC 9207", _true("authorization_response_iss_parameter_supported")),
    Feature(
        "Pushed requests (PAR)",
        "RFC 9126",
        _endpoint("pushed_authorization_request_endpoint", "require_pushed_authorization_requests"),
    ),
    Feature("Signed requests (JAR)", "RFC 9101", _listed("request_object_signing_alg_values_supported")),
    Feature("Signed responses (JARM)", "JARM §4", _listed("authorization_signing_alg_values_supported")),
    Feature("DPoP", "RFC 9449", _listed("dpop_signing_alg_values_supported")),
    Feature("Mutual TLS", "RFC 8705", _true("tls_client_certificate_bound_access_tokens")),
    Feature("Rich requests (RAR)", "RFC 9396", _listed("authorization_details_types_supported")),
    Feature("Device flow", "RFC 8628", _endpoint("device_authorization_endpoint")),
    Feature("Backchannel login (CIBA)", "CIBA §4", _listed("backchannel_token_delivery_modes_supported")),
    Feature("Token exchange", "RFC 8693", _listed("grant_types_supported", str(GrantTypes.TOKEN_EXCHANGE.value))),
    Feature("JWT as grant", "RFC 7523", _listed("grant_types_supported", str(GrantTypes.JWT_BEARER.value))),
    Feature("Client authentication", "RFC 8414 §2", _listed("token_endpoint_auth_methods_supported")),
    Feature("Revocation", "RFC 7009", _endpoint("revocation_endpoint")),
    Feature("Introspection", "RFC 7662", _endpoint("introspection_endpoint")),
    Feature("OpenID Connect", "OIDC Discovery §3", _listed("id_token_signing_alg_values_supported")),
    Feature("UserInfo", "OIDC Core §5.3", _endpoint("userinfo_endpoint")),
    Feature("Logout", "OIDC RP-Initiated Logout", _endpoint("end_session_endpoint")),
    Feature("Client registration", "RFC 7591", _endpoint("registration_endpoint")),
)


@frozen
class Requirement:
    """What a profile asks of a server.

    Attributes:
        lacking: what is to be said when it is not met.
        met: tells whether it is.

    """

    lacking: str
    met: Callable[[Document], bool]


def _urls(document: Document) -> dict[str, str]:
    return {
        name: value
        for name, value in document.items()
        if (name.endswith("_endpoint") or name == "jwks_uri") and isinstance(value, str)
    }


def _no_implicit(document: Document) -> bool:
    return not grants(document, "implicit") and not any(
        "token" in kind.split() for kind in words(document, "response_types_supported")
    )


CODE = Requirement("no authorization code grant", lambda document: has_url(document, "authorization_endpoint"))
PKCE = Requirement("no PKCE with S256", lambda document: "S256" in words(document, "code_challenge_methods_supported"))
NO_IMPLICIT = Requirement("it offers the implicit grant", _no_implicit)
NO_PASSWORD = Requirement("it offers the password grant", lambda document: not grants(document, "password"))
ISS = Requirement(
    "no issuer in responses", lambda document: document.get("authorization_response_iss_parameter_supported") is True
)
BOUND = Requirement(
    "no tokens bound to a key, by DPoP or mutual TLS",
    lambda document: (
        bool(words(document, "dpop_signing_alg_values_supported"))
        or document.get("tls_client_certificate_bound_access_tokens") is True
    ),
)
PAR = Requirement("no pushed requests", lambda document: has_url(document, "pushed_authorization_request_endpoint"))
STRONG_CLIENTS = Requirement(
    "no clients with keys: private_key_jwt or mutual TLS",
    lambda document: bool(
        {"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
        & set(words(document, "token_endpoint_auth_methods_supported"))
    ),
)
STRONG_ALGS = Requirement(
    "neither PS256, ES256 nor EdDSA for clients that sign",
    lambda document: (
        "private_key_jwt" not in words(document, "token_endpoint_auth_methods_supported")
        or bool(GOOD_ALGS & set(words(document, "token_endpoint_auth_signing_alg_values_supported")))
    ),
)
JAR = Requirement(
    "no signed requests",
    lambda document: bool(GOOD_ALGS & set(words(document, "request_object_signing_alg_values_supported"))),
)
JARM = Requirement(
    "no signed responses",
    lambda document: bool(GOOD_ALGS & set(words(document, "authorization_signing_alg_values_supported"))),
)
HTTPS = Requirement(
    "not https everywhere", lambda document: all(url.startswith("https://") for url in _urls(document).values())
)
OPENID = Requirement(
    "not all members that OIDC Discovery requires",
    lambda document: all(
        document.get(name)
        for name in (
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "response_types_supported",
            "subject_types_supported",
            "id_token_signing_alg_values_supported",
        )
    ),
)
RS256 = Requirement(
    "no ID Tokens signed with RS256",
    lambda document: "RS256" in words(document, "id_token_signing_alg_values_supported"),
)
FAPI = (CODE, PKCE, PAR, BOUND, ISS, STRONG_CLIENTS, STRONG_ALGS, NO_PASSWORD, HTTPS)

PROFILES: dict[str, tuple[Requirement, ...]] = {
    "OpenID Connect": (OPENID, RS256, HTTPS),
    "OAuth 2.1 (draft)": (CODE, PKCE, NO_IMPLICIT, NO_PASSWORD, HTTPS),
    "OAuth 2.0 Security BCP (RFC 9700)": (CODE, PKCE, NO_IMPLICIT, NO_PASSWORD, ISS, HTTPS),
    "FAPI 2.0 Security Profile": FAPI,
    "FAPI 2.0 Message Signing": (*FAPI, JAR, JARM),
}
"""What clients can use, as far as metadata tells; a certification tests more."""


def lacking(document: Document, profile: str) -> list[str]:
    """Return what a server lacks for a profile."""
    return [requirement.lacking for requirement in PROFILES[profile] if not requirement.met(document)]


def review_metadata(document: Document, more: tuple[Section, ...] = ()) -> Report:
    """Return what is to be said about a metadata document.

    Args:
        document: the members.
        more: sections about what else was found, to come before the code.

    """
    features = tuple((feature.name, feature.found(document) or "no") for feature in FEATURES)
    profiles = tuple(
        (name, f"no: {'; '.join(missing)}" if (missing := lacking(document, name)) else "yes") for name in PROFILES
    )
    findings = tuple(_findings(document))
    return Report(
        f"Authorization Server {document.get('issuer', '(without issuer)')}",
        (
            Section("Features", features),
            Section("Profiles", profiles),
            Section("Safety", findings=findings or (Finding("good", "nothing unsafe is announced"),)),
            *more,
            Section("How to use it", code=advised_code(document)),
        ),
    )


def _findings(document: Document) -> Iterator[Finding]:
    yield from _identity_findings(document)
    yield from _url_findings(document)
    if not _no_implicit(document):
        missing = "" if "grant_types_supported" in document else " (no list of grants means this one, too)"
        yield Finding("warning", f"it offers the implicit grant{missing}: do not use it", "RFC 9700 §2.1.2")
    if grants(document, "password"):
        yield Finding("warning", "it offers the password grant: do not use it", "RFC 9700 §2.4")
    if has_url(document, "authorization_endpoint") and not PKCE.met(document):
        yield Finding("warning", "it does not announce PKCE with S256: stolen codes may be redeemed", "RFC 9700 §2.1.1")
    if "plain" in words(document, "code_challenge_methods_supported"):
        yield Finding("note", "it takes `plain` PKCE, which protects little; S256 is our default", "RFC 7636 §7.2")
    for name, value in document.items():
        if name.endswith("signing_alg_values_supported") and isinstance(value, list) and "none" in value:
            yield Finding("warning", f"`{name}` has `none`: never configure that", "RFC 8725 §3.2")
    if has_url(document, "authorization_endpoint") and not ISS.met(document):
        yield Finding(
            "note", "it does not tell its issuer in responses: use one redirect_uri for each server", "RFC 9700 §4.4.2"
        )
    if "none" in words(document, "introspection_endpoint_auth_methods_supported"):
        yield Finding("warning", "anyone may ask it about tokens", "RFC 7662 §4")
    if document.get("request_uri_parameter_supported") is True and not document.get("require_request_uri_registration"):
        yield Finding("note", "it fetches any `request_uri`, and so can be used against others", "RFC 9101 §10.4.1")


def _identity_findings(document: Document) -> Iterator[Finding]:
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not issuer:
        yield Finding("problem", "`issuer` is missing: nothing tells whose document this is", "RFC 8414 §2")
    else:
        try:
            validate_issuer_uri(issuer)
        except InvalidUri as exc:
            yield Finding("problem", f"`issuer`: {exc}", "RFC 8414 §2")
    if not has_url(document, "token_endpoint"):
        yield Finding("problem", "`token_endpoint` is missing: no token can be had", "RFC 8414 §2")
    if has_url(document, "authorization_endpoint") and not words(document, "response_types_supported"):
        yield Finding("warning", "`response_types_supported` is missing, which is required", "RFC 8414 §2")


def _url_findings(document: Document) -> Iterator[Finding]:
    urls = _urls(document)
    for name, url in urls.items():
        wrong = _wrong(url)
        if wrong:
            yield Finding("problem", f"`{name}`: {wrong}", "RFC 6749 §3.1")
    issuer = document.get("issuer")
    if not isinstance(issuer, str):
        return
    try:
        DEFAULT_ORIGIN_POLICY.check(urls, (issuer,))
    except UntrustedEndpointOrigin as exc:
        yield Finding("problem", str(exc), "RFC 8414 §6.2")
    except ValueError:
        return  # said above
    host = urlsplit(issuer).netloc
    elsewhere = sorted({urlsplit(url).netloc for url in urls.values()} - {host})
    if elsewhere:
        yield Finding("note", f"some endpoints are on other hosts: {', '.join(elsewhere)}", "RFC 8414 §6.2")


def _wrong(url: str) -> str:
    """Return what is wrong with the URL of an endpoint."""
    try:
        validate_endpoint_uri(url)
    except InvalidUri as exc:
        return str(exc)
    return ""
