"""Writes the table of all errors into `reference/errors.md`, out of the code, when the site is built."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from requests_oauth2client import exceptions, strict_jwt
from requests_oauth2client.exceptions import OAuth2Error

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "<!-- all errors -->"
PAGE = "reference/errors.md"

IN_THE_MESSAGE = "Its message tells, since it depends on the case."

GROUPS = {
    "TransportError": "No usable answer came back",
    "EndpointError": "The Authorization Server said no",
    "AuthorizationResponseError": "The Authorization Server said no, through the browser",
    "InvalidAuthResponse": "What came through the browser must be refused",
    "InvalidIdToken": "The ID Token must be refused",
    "TokenStoreError": "The token store did not work",
    "InvalidParam": "What was passed cannot be used",
}
"""Headings for the errors below these; the others come at the end."""


def all_errors(of: type[OAuth2Error] = OAuth2Error) -> Iterator[type[OAuth2Error]]:
    """Iterate over the errors below a class, each before those below it."""
    for error in of.__subclasses__():
        if error.__module__ in (exceptions.__name__, strict_jwt.__name__):
            if not error.__name__.startswith("_"):
                yield error
            yield from all_errors(error)


def group_of(error: type[OAuth2Error]) -> str:
    """Return the heading for an error."""
    return next((GROUPS[base.__name__] for base in error.__mro__ if base.__name__ in GROUPS), "Other errors")


def parents(error: type[OAuth2Error]) -> str:
    """Return the classes, ours and Python's, by which an error can be caught, the nearest first."""
    bases = [base for base in error.__mro__[1:] if issubclass(base, Exception) and not base.__name__.startswith("_")]
    names = dict.fromkeys(base.__name__ for base in bases if base not in (Exception, OSError))
    return ", ".join(f"`{name}`" for name in names)


def what_happened(error: type[OAuth2Error]) -> str:
    """Return the first paragraph of the docstring."""
    return " ".join(inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].split())


def cell(text: str) -> str:
    """Return a text fit for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def table() -> str:
    """Return headings and tables with all errors."""
    errors = list(dict.fromkeys(all_errors()))
    lines: list[str] = []
    for heading in [*GROUPS.values(), "Other errors"]:
        lines += ["", f"## {heading}", "", "| Error | What happened | What to do |", "|---|---|---|"]
        for error in errors:
            if group_of(error) == heading:
                link = f"[`{error.__name__}`][{error.__module__}.{error.__name__}]"
                happened, to_do = what_happened(error), error.hint or IN_THE_MESSAGE
                lines.append(f"| {link}<br>is a {parents(error)} | {cell(happened)} | {cell(to_do)} |")
    return "\n".join(lines).strip()


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Put the table where the page has the marker; mkdocs calls this for each page."""
    return markdown.replace(MARKER, table()) if page.file.src_uri == PAGE else markdown
