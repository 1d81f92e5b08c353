"""What `inspect` and `doctor` have to say, as values: shown as text, in colours, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from requests_oauth2client.evidence import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["good", "note", "warning", "problem"]

MARKS: dict[Level, str] = {"good": "✓", "note": "·", "warning": "!", "problem": "✗"}

LONGEST_VALUE = 2000
"""Characters of a value that are shown."""


@frozen
class Finding:
    """One judgement.

    Attributes:
        level: how bad it is.
        text: what is so, and what to do about it.
        source: where it is written, such as `RFC 7519 §4.1.4`.

    """

    level: Level
    text: str
    source: str = ""

    def __str__(self) -> str:
        said = self.text if self.level in ("good", "note") else f"{self.level}: {self.text}"
        return printable(f"{said} ({self.source})" if self.source else said, LONGEST_VALUE)


@frozen
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        rows: names and values; what a stranger wrote is escaped when it is shown.
        findings: what is good and bad about them.
        code: Python to copy.

    """

    title: str
    rows: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    code: str | None = None

    def shown_rows(self) -> list[tuple[str, str]]:
        """Return the rows without what would drive a terminal."""
        return [(printable(name, 100), printable(value, LONGEST_VALUE)) for name, value in self.rows]

    def as_dict(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        members: dict[str, Any] = {"title": self.title}
        if self.rows:
            members["values"] = {}
            for name, value in self.rows:
                before = members["values"].get(name)
                members["values"][name] = (
                    value if before is None else [*([before] if isinstance(before, str) else before), value]
                )
        if self.findings:
            members["findings"] = [
                {"level": item.level, "text": item.text, "source": item.source or None} for item in self.findings
            ]
        if self.code is not None:
            members["code"] = self.code
        return members


@frozen
class Report:
    """All that is to be said about one thing."""

    title: str
    sections: tuple[Section, ...]

    @property
    def findings(self) -> list[Finding]:
        """The findings of all sections."""
        return [finding for section in self.sections for finding in section.findings]

    @property
    def has_problems(self) -> bool:
        """Whether one of the findings is a problem."""
        return any(finding.level == "problem" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "title": self.title,
            "ok": not self.has_problems,
            "sections": [section.as_dict() for section in self.sections],
        }

    def lines(self) -> Iterator[str]:
        """Iterate over its lines, as plain text."""
        yield printable(self.title)
        for section in self.sections:
            yield ""
            yield printable(section.title)
            rows = section.shown_rows()
            width = min(max((len(name) for name, _ in rows), default=0), 40)
            yield from (f"  {name:{width}}  {value}" for name, value in rows)
            yield from (f"  {MARKS[finding.level]} {finding}" for finding in section.findings)
            if section.code is not None:
                yield from (f"    {line}".rstrip() for line in section.code.splitlines())
