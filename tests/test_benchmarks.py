"""The benchmarks work: each case of each table runs, and gives a figure. How good it is, is nothing to test."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IN_PROCESS = ("header", "call", "signature", "id-token", "token", "login", "memory")


@pytest.fixture(scope="module")
def run():
    """The script with the tables; its folder is on the path while it is used, as when it is started."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield import_module("run")
    sys.path.remove(str(ROOT / "benchmarks"))


def test_every_section_is_run_here_or_starts_pythons(run):
    """A new section is tested, too."""
    assert set(run.SECTIONS) == {"start", *IN_PROCESS}


@pytest.mark.parametrize("section", IN_PROCESS)
def test_every_case_runs(run, section):
    """One round of each table gives a figure for each of its cases, and 1 for the floor, which comes first."""
    for _, figures in run.SECTIONS[section](1):
        assert next(iter(figures)).startswith("floor: ")
        assert next(iter(figures.values())).ratio == 1
        assert all(figure.median > 0 for figure in figures.values())
