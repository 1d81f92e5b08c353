"""The pages about standards name tests that are there, and count right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "docs" / "standards" / "index.md"
PAGES = sorted(page for page in INDEX.parent.glob("*.md") if page != INDEX)
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (done|partly|not) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def statuses(page: Path) -> list[str]:
    return [row[2] for row in ROW.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_status_has_a_proof_or_a_reason(page: Path) -> None:
    """What is done names its tests, which exist; what is not done, or in part, says why or what is missing."""
    text = page.read_text("utf-8")
    rows = ROW.findall(text)
    assert len(rows) == text.count("\n| ") - 1  # all but the heading
    for _, what, status, note, tests in rows:
        named = re.findall(r"`([^`]+)`", tests)
        assert [name for name in named if not (ROOT / "tests" / name).exists()] == [], what
        assert named if status == "done" else note.strip(), what


def test_the_index_counts() -> None:
    """The index lists every page, with the number of sections of each status."""
    counted = {
        name: [int(done), int(partly), int(never)]
        for name, done, partly, never in re.findall(
            r"\]\(([\w-]+)\.md\) \| (\d+) \| (\d+) \| (\d+) \|", INDEX.read_text("utf-8")
        )
    }
    assert counted == {
        page.stem: [statuses(page).count(status) for status in ("done", "partly", "not")] for page in PAGES
    }
