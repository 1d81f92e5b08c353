"""The table of resource bounds in the documentation is what the code has."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROWS = re.findall(r"^\| (.+?) \| ([\d.]+) \| `([\w.]+)\.(\w+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_table_is_read():
    """There are rows, and each bound has one."""
    assert len(ROWS) > 20
    assert len({(module, name) for _, _, module, name in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("what", "bound", "module", "name"), ROWS, ids=[row[3] for row in ROWS])
def test_bounds(what, bound, module, name):
    """A bound is as documented."""
    assert getattr(importlib.import_module(f"requests_oauth2client.{module}"), name) == float(bound), what


@pytest.mark.parametrize("word", sorted(set(re.findall(r"`(?:\w+/)?(test_\w+\.py)`", PAGE.read_text("utf-8")))))
def test_tests_that_are_named(word):
    """The tests that the page names are there."""
    assert list(Path(__file__).parents[1].rglob(word))
