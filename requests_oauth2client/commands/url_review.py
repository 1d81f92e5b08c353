"""What a callback URL, or the URL of an Authorization Request, says, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from requests_oauth2client.evidence import SECRET_PARAMETERS
from requests_oauth2client.exceptions import InvalidUri
from requests_oauth2client.uris import validate_endpoint_uri

from .report import Finding, Report, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    Pairs = list[tuple[str, str]]

SHOWN = 4
"""Characters of a secret that are shown, so that it can be recognized."""

SHORTEST_STATE = 22
"""Characters that hold 128 random bits in base64url."""


def looks_like_parameters(text: str) -> bool:
    """Tell whether a text is a URL, or the query of one."""
    return "://" in text.partition("?")[0] or ("=" in text and not any(char.isspace() for char in text))


def shortened(name: str, value: str) -> str:
    """Return a value, of secrets only the beginning."""
    if name not in SECRET_PARAMETERS - {"request"} or len(value) <= SHOWN:
        return value
    return f"{value[:SHOWN]}… ({len(value)} characters)"


def review_url(text: str) -> Report:
    """Return what is to be said about the URL of a request or response, or about the query of one."""
    url = text if "://" in text.partition("?")[0] else f"?{text.lstrip('?')}"
    try:
        parts = urlsplit(url)
    except ValueError:
        wrong = Finding("problem", "its host or port cannot be read")
        return Report("This is no URL", (Section("Form", findings=(wrong,)),))
    query, fragment = parse_qsl(parts.query, keep_blank_values=True), parse_qsl(parts.fragment, keep_blank_values=True)
    names = {name for name, _ in (*query, *fragment)}
    request = bool(names & {"response_type", "request", "request_uri"}) and "client_id" in names
    findings = [*_place_findings(url), *_repeated(query)]
    if request:
        title, found = "This is an Authorization Request", [*_request_findings(dict(query))]
    elif names & {"code", "error", "state", "iss", "response", "access_token", "id_token"}:
        title = "This is an Authorization Response (a callback)"
        found = [*_token_findings(query + fragment), *_response_findings(dict(query), dict(fragment))]
    else:
        title, found = "This is a URL without anything of OAuth 2.0 in it", []
        findings.append(Finding("note", "a callback has `code` or `error`; was the whole address copied?"))
    rows = [] if not parts.scheme else [("address", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")]
    rows += [(name, shortened(name, value)) for name, value in query]
    rows += [(f"#{name}", shortened(name, value)) for name, value in fragment]
    return Report(title, (Section("Parameters", tuple(rows), tuple(findings + found)),))


def _place_findings(url: str) -> Iterator[Finding]:
    if url.startswith("?"):
        return
    try:
        validate_endpoint_uri(url, path=False, no_fragment=False)
    except InvalidUri as exc:
        yield Finding("problem", "; ".join(exc.errors()) or "it is no usable URL", "RFC 9700 §2.6")


def _repeated(query: Pairs) -> Iterator[Finding]:
    names = [name for name, _ in query]
    for name in dict.fromkeys(names):
        if names.count(name) > 1 and name != "resource":
            yield Finding("problem", f"`{name}` is there {names.count(name)} times", "RFC 6749 §3.1")


def _token_findings(pairs: Pairs) -> Iterator[Finding]:
    for name, _ in pairs:
        if name in ("access_token", "id_token", "refresh_token"):
            yield Finding("problem", f"`{name}` in a URL stays in histories: use response_type=code", "RFC 9700 §2.1.2")


def _response_findings(query: dict[str, str], fragment: dict[str, str]) -> Iterator[Finding]:
    if "code" in fragment:
        yield Finding("warning", "the code is behind the '#', which no server sees: use response_mode=query")
    answer = {**fragment, **query}
    if "error" in answer:
        yield Finding("warning", f"the server, or the user, said no: {answer['error']}", "RFC 6749 §4.1.2.1")
        if "code" in answer:
            yield Finding("problem", "it has both `code` and `error`: it is forged, or broken", "RFC 6749 §4.1.2")
    elif "response" in answer:
        yield Finding("note", "the answer is a JWT in `response`: inspect that", "JARM §2")
        return
    elif "code" not in answer:
        yield Finding("problem", "it has neither `code` nor `error`: was the whole address copied?", "RFC 6749 §4.1.2")
    if "state" not in answer:
        yield Finding("warning", "without `state` it cannot be told from a forged one (CSRF)", "RFC 6749 §10.12")
    if "iss" not in answer:
        yield Finding("note", "without `iss` a client of several servers cannot tell who answered", "RFC 9207 §2")


def _request_findings(query: dict[str, str]) -> Iterator[Finding]:
    if "request_uri" in query or "request" in query:
        where = "at the server" if "request_uri" in query else "in the JWT `request`: inspect that"
        yield Finding("note", f"the parameters that count are {where}", "RFC 9101 §5")
        return
    if query.get("response_type") != "code":
        yield Finding("problem", "any response_type but `code` puts tokens into URLs", "RFC 9700 §2.1.2")
    if "code_challenge" not in query:
        yield Finding("problem", "without `code_challenge` a stolen code can be redeemed (PKCE)", "RFC 9700 §2.1.1")
    elif query.get("code_challenge_method") != "S256":
        yield Finding("warning", "this PKCE method shows the verifier: use S256", "RFC 7636 §7.2")
    if len(query.get("state", "")) < SHORTEST_STATE and "code_challenge" not in query:
        yield Finding("warning", "`state` is missing, or short enough to be guessed (CSRF)", "RFC 6749 §10.12")
    if "redirect_uri" not in query:
        yield Finding("note", "without `redirect_uri` the server chooses the registered one", "RFC 6749 §3.1.2.3")
    if "openid" in query.get("scope", "").split() and "nonce" not in query:
        yield Finding("warning", "without `nonce` an ID Token of another login would be accepted", "OIDC Core §15.5.2")
