"""What builds and publishes the package can do little, and is what it was when it was looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


@EACH
def test_actions_are_pinned(workflow):
    """Each action is a commit, with the version that it is."""
    used = re.findall(r"uses: *(.*)", workflow.read_text("utf-8"))
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert used


@EACH
def test_permissions_are_least(workflow):
    """A workflow may read the code at most; more is said for one job, and is never writing to the repository."""
    text = workflow.read_text("utf-8")
    assert re.search(r"^permissions:(?: \{\}|\n  contents: read\n)$", text, re.MULTILINE), workflow.name
    assert "contents: write" not in text
    assert "write-all" not in text
    assert "secrets." not in text


@EACH
def test_code_of_strangers_has_no_rights(workflow):
    """A pull request runs without rights, leaves no credentials behind, and is never part of a command."""
    text = workflow.read_text("utf-8")
    assert "pull_request_target" not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    for command in re.findall(r"run: *(.*)", text):
        assert "${{ github." not in command


@EACH
def test_jobs_end(workflow):
    """Each job has a limit of time."""
    text = workflow.read_text("utf-8")
    assert text.count("runs-on:") == text.count("timeout-minutes:")


def test_what_is_watched():
    """Dependencies and actions are looked after, and a pull request cannot bring a weak one."""
    watched = (ROOT / ".github" / "dependabot.yml").read_text("utf-8")
    assert {"pip", "github-actions", "npm"} <= set(re.findall(r"package-ecosystem: ([\w-]+)", watched))
    assert (ROOT / ".github" / "workflows" / "dependency-review.yml").exists()
