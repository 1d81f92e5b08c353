"""The reference documents every public name."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import requests_oauth2client

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
INDEX = (REFERENCE / "index.md").read_text("utf-8")
DIRECTIVE = re.compile(r"^::: (\S+)", re.MULTILINE)
OF_OTHERS = {"EncryptionAlgs", "KeyManagementAlgs", "SignatureAlgs", "requests"}


def documented() -> set[object]:
    """Return what the directives of the reference pages show: objects, and all that a module defines."""
    found = set()
    for page in REFERENCE.glob("*.md"):
        for path in DIRECTIVE.findall(page.read_text("utf-8")):
            module, _, name = path.rpartition(".")
            try:
                shown = import_module(path)
            except ModuleNotFoundError:
                found.add(getattr(import_module(module), name))
                continue
            members = inspect.getmembers(shown, lambda o: inspect.isclass(o) or inspect.isfunction(o))
            found |= {member for _, member in members if member.__module__ == path}
    return found


def test_every_public_name_is_listed() -> None:
    """The list of public names is that of `__all__`, no more and no less."""
    listed = set(re.findall(r"\[`(\w+)`\]", INDEX))
    assert listed == set(requests_oauth2client.__all__)


def test_every_public_name_is_documented() -> None:
    """Each public name of ours is shown by a page of the reference."""
    shown = documented()
    missing = [
        name
        for name in requests_oauth2client.__all__
        if name not in OF_OTHERS and getattr(requests_oauth2client, name) not in shown
    ]
    assert missing == []


@pytest.mark.parametrize("name", sorted(set(requests_oauth2client.__all__) - OF_OTHERS))
def test_every_public_name_has_a_docstring(name: str) -> None:
    """What is public says what it is, in a line that fits."""
    text = inspect.getdoc(getattr(requests_oauth2client, name))
    assert text
    assert len(text.splitlines()[0]) <= 120
