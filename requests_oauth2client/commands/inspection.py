"""`inspect`: what a JWT, a metadata document, a JWKS or a URL says, and what is wrong with it. Nothing is sent."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests_oauth2client.exceptions import InvalidParam
from requests_oauth2client.strict_json import loads_object

from .exit_codes import ExitCode
from .private_files import MAX_SIZE, read_text

if TYPE_CHECKING:
    import argparse

    from .console import Console
    from .report import Report

SUMMARY = "Show what a JWT, metadata document, JWKS or callback URL says, and what is wrong with it; send nothing."

KINDS = ("jwt", "jwks", "metadata", "token", "url")

_PREFIX = re.compile(r"(?:authorization:\s*)?(?:bearer|dpop)\s+|dpop:\s*", re.IGNORECASE)
_JOSE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the parser of `inspect`."""
    parser = commands.add_parser("inspect", help=SUMMARY, description=SUMMARY, parents=[common])
    parser.add_argument(
        "what", nargs="?", default="-", metavar="WHAT", help="the thing itself, or a file; standard input by default"
    )
    parser.add_argument("--as", dest="kind", choices=KINDS, help="what it is, when that is not plain to see")
    parser.add_argument("--jwks", metavar="FILE", help="keys of the issuer, to verify the signature of a JWT with")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Show it."""
    text = _PREFIX.sub("", content_of(options.what, console), count=1).strip()
    report = review(text, options.kind or kind_of(text), jwks=_jwks(options.jwks))
    console.show(report, as_json=options.json)
    return ExitCode.FOUND if report.has_problems else ExitCode.DONE


def content_of(what: str, console: Console) -> str:
    """Return what is to be inspected: an argument, what is in a file, or what comes on standard input."""
    if what == "-":
        if sys.stdin.isatty():
            console.note("Paste what is to be inspected, then press Enter and Ctrl-D (on Windows: Ctrl-Z and Enter).")
        text = sys.stdin.read(MAX_SIZE)
    else:
        try:
            text = read_text(what) if Path(what).is_file() else what
        except (OSError, ValueError):  # too long for the name of a file, for example
            text = what
    if not text.strip():
        msg = "There is nothing to inspect: pass it as argument, as file, or on standard input."
        raise InvalidParam(msg)
    return text.strip()


def kind_of(text: str) -> str:
    """Return the kind of a text.

    Raises:
        InvalidParam: it is of no kind that is known here.

    """
    from .url_review import looks_like_parameters

    if text.startswith("{"):
        return _kind_of_object(_object(text))
    if _JOSE.fullmatch(text):
        return "jwt"
    if looks_like_parameters(text):
        return "url"
    msg = (
        "This is no JWT, no JSON object, no URL and no file that is there. "
        "An access token may be opaque: then only its server can read it."
    )
    raise InvalidParam(msg)


def _kind_of_object(members: dict[str, Any]) -> str:
    if "keys" in members or "kty" in members:
        return "jwks"
    if "access_token" in members or "id_token" in members:
        return "token"
    if "issuer" in members or any(name.endswith("_endpoint") for name in members):
        return "metadata"
    msg = "This JSON object is no JWKS, no metadata document and no token response: say what it is with --as."
    raise InvalidParam(msg)


def _object(text: str) -> dict[str, Any]:
    try:
        return loads_object(text)
    except ValueError as exc:
        msg = f"This is no usable JSON object: {exc}."
        raise InvalidParam(msg) from exc


def _jwks(path: str | None) -> dict[str, Any] | None:
    return None if path is None else _object(read_text(path))


def review(text: str, kind: str, *, jwks: dict[str, Any] | None = None) -> Report:
    """Return what is to be said about a text of that kind."""
    if kind == "jwt":
        from .jwt_review import review_jwt

        return review_jwt(text, now=time.time(), jwks=jwks)
    if kind == "url":
        from .url_review import review_url

        return review_url(text)
    if kind == "jwks":
        from .jwks_review import review_jwks

        return review_jwks(_object(text))
    if kind == "metadata":
        from .metadata_review import review_metadata

        return review_metadata(_object(text))
    return _review_token_response(_object(text), jwks)


def _review_token_response(members: dict[str, Any], jwks: dict[str, Any] | None) -> Report:
    """Return what is to be said about a token response, and the JWTs in it."""
    from .report import Finding, Report, Section
    from .url_review import shortened

    rows = tuple(
        (name, shortened(name, value) if isinstance(value, str) else json.dumps(value))
        for name, value in members.items()
    )
    findings = []
    if "expires_in" not in members:
        findings.append(Finding("warning", "without `expires_in` nobody knows when to renew it", "RFC 6749 §5.1"))
    if "token_type" not in members:
        findings.append(Finding("problem", "`token_type` is missing", "RFC 6749 §5.1"))
    sections = [Section("Members", rows, tuple(findings))]
    for name in ("access_token", "id_token"):
        value = members.get(name)
        if isinstance(value, str) and _JOSE.fullmatch(value):
            inner = review(value, "jwt", jwks=jwks)
            sections += [Section(f"{name}: {part.title}", part.rows, part.findings) for part in inner.sections]
    return Report("This is a token response", tuple(sections))
