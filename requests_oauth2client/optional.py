"""Packages that only some users need: each is an extra, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .exceptions import MissingPackage


def needed(name: str, *, extra: str) -> Any:
    """Return an optional package, or a module of it.

    Raises:
        MissingPackage: it is not installed.

    """
    try:
        return import_module(name)
    except ImportError as exc:
        raise MissingPackage(name.partition(".")[0], extra) from exc
