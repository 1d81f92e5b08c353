"""What the migration guides tell to write instead is what their executed blocks hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parents[1] / "docs" / "migrate").glob("from-*.md"))
ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def told(guide: Path) -> list[str]:
    """The calls in the right columns, of all tables but that of what behaves differently."""
    text = guide.read_text("utf-8").partition("## What behaves differently")[0]
    return [code for _, here in ROW.findall(text) for code in CODE.findall(here) if "(" in code]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_what_is_told_runs(guide: Path) -> None:
    """Each call in the column "Here" stands in a block of that page, which `test_readme.py` runs."""
    run = " ".join("".join(BLOCK.findall(guide.read_text("utf-8"))).split())
    assert [code for code in told(guide) if code not in run] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_has_tables(guide: Path) -> None:
    """A guide tells what was before, and what is here."""
    assert "| Before | Here |" in guide.read_text("utf-8")
    assert len(told(guide)) > 3
