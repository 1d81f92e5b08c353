"""`doctor`: what an Authorization Server offers, what of it is unsafe, and how to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.evidence import printable_url
from requests_oauth2client.exceptions import InvalidDiscoveryDocument, InvalidParam, OAuth2Error

from .exit_codes import ExitCode
from .report import Finding, Report, Section

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import requests

    from .console import Console

SUMMARY = "Read the metadata of an Authorization Server, and tell what it offers, what is unsafe, and how to use it."

HTTP_OK = 200


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `doctor`."""
    parser = commands.add_parser("doctor", help=SUMMARY, description=SUMMARY, parents=[common])
    parser.add_argument("issuer", metavar="ISSUER", help="issuer of the server, or URL of its metadata document")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Ask the server, and tell."""
    from requests_oauth2client.bounded_http import bounded_session

    with bounded_session() as session:
        report = examine(session, options.issuer)
    console.show(report, as_json=options.json)
    return ExitCode.FOUND if report.has_problems else ExitCode.DONE


def examine(session: requests.Session, issuer: str) -> Report:
    """Return what is to be said about a server.

    Raises:
        InvalidDiscoveryDocument: it has no metadata.
        OAuth2Error: it cannot be reached, or the issuer is no URL.

    """
    from .metadata_review import review_metadata

    document, where = find_metadata(session, issuer)
    keys = _keys(session, document)
    return review_metadata(document, (where, *keys))


def find_metadata(session: requests.Session, issuer: str) -> tuple[dict[str, Any], Section]:
    """Return the metadata of a server, and what there is to say about where it was found."""
    from requests_oauth2client.discovery import discovery_document_urls, parse_discovery_document
    from requests_oauth2client.endpoint import exchange
    from requests_oauth2client.uris import validate_endpoint_uri, validate_issuer_uri

    direct = "/.well-known/" in issuer
    (validate_endpoint_uri if direct else validate_issuer_uri)(issuer)
    found: dict[str, dict[str, Any]] = {}
    rows: list[tuple[str, str]] = []
    for url in (issuer,) if direct else discovery_document_urls(issuer):
        response = exchange(session, "GET", url, headers={"Accept": "application/json"})
        if response.status_code == HTTP_OK:
            found[url] = parse_discovery_document(response.content, response)
        rows.append((printable_url(url), "found" if url in found else f"status {response.status_code}"))
    if not found:
        tried = "; ".join(f"{url} ({outcome})" for url, outcome in rows)
        msg = f"No metadata was found: {tried}. Check the issuer; with a server that publishes none, pass endpoints."
        raise InvalidDiscoveryDocument(msg, None)
    document = next(iter(found.values()))
    return document, Section(
        "Where its metadata is", tuple(rows), tuple(_where_findings(found, None if direct else issuer))
    )


def _where_findings(found: Mapping[str, Mapping[str, Any]], issuer: str | None) -> list[Finding]:
    findings = []
    named = {str(document.get("issuer")) for document in found.values()}
    if issuer is not None and named != {issuer}:
        said = ", ".join(sorted(named))
        findings.append(
            Finding("problem", f"it calls itself {said}, not {issuer}: clients will refuse it", "RFC 8414 §3.3")
        )
    documents = list(found.values())
    differing = sorted(
        {
            name
            for document in documents[1:]
            for name in documents[0].keys() & document.keys()
            if documents[0][name] != document[name]
        }
    )
    if differing:
        findings.append(Finding("warning", f"its documents differ in {', '.join(differing)}", "RFC 8414 §5"))
    return findings


def _keys(session: requests.Session, document: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return sections about the published keys."""
    from requests_oauth2client.endpoint import exchange
    from requests_oauth2client.origin_policy import DEFAULT_ORIGIN_POLICY
    from requests_oauth2client.strict_json import loads_object
    from requests_oauth2client.uris import validate_endpoint_uri

    from .jwks_review import review_jwks

    url = document.get("jwks_uri")
    if not isinstance(url, str):
        missing = Finding("note", "it publishes no keys: its JWTs cannot be verified", "RFC 8414 §2")
        return (Section("Keys", findings=(missing,)),)
    try:
        DEFAULT_ORIGIN_POLICY.check({"jwks_uri": validate_endpoint_uri(url)}, (str(document.get("issuer")),))
        response = exchange(session, "GET", url, headers={"Accept": "application/json"})
        if response.status_code != HTTP_OK:
            msg = f"status {response.status_code}"
            raise InvalidParam(msg)
        return review_jwks(loads_object(response.content)).sections
    except (OAuth2Error, ValueError) as exc:
        return (Section("Keys", findings=(Finding("problem", f"they cannot be read: {exc}", "RFC 7517 §5"),)),)
