"""Reports in colours, with the extra `cli`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests_oauth2client.exceptions import MissingPackage
from requests_oauth2client.optional import needed

from .report import MARKS

if TYPE_CHECKING:
    from typing import TextIO

    from .report import Level, Report

STYLES: dict[Level, str] = {"good": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}


def show(report: Report, stream: TextIO) -> bool:
    """Write a report to a terminal; tell whether it could be done, which takes the package `rich`."""
    try:
        rich = {name: needed(f"rich.{name}", extra="cli") for name in ("console", "padding", "syntax", "table", "text")}
    except MissingPackage:
        return False
    padding, text = rich["padding"].Padding, rich["text"].Text
    console = rich["console"].Console(file=stream, force_terminal=True, highlight=False)
    # `Text`, not markup: a claim that reads "[red]" is no command of ours
    console.print(text(report.title, style="bold underline"))
    for section in report.sections:
        console.print()
        console.print(text(section.title, style="bold"))
        table = rich["table"].Table.grid(padding=(0, 2))
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in section.shown_rows():
            table.add_row(text(name), text(value))
        if section.rows:
            console.print(padding(table, (0, 0, 0, 2)))
        for finding in section.findings:
            console.print(text(f"  {MARKS[finding.level]} {finding}", style=STYLES[finding.level]))
        if section.code is not None:
            # colours of the terminal, light or dark; long lines are left to it, so that they can be copied whole
            indented = "".join(f"    {line}".rstrip() + "\n" for line in section.code.splitlines())
            code = rich["syntax"].Syntax("", "python", theme="ansi_dark").highlight(indented)
            console.print(code, soft_wrap=True, end="")
    return True
