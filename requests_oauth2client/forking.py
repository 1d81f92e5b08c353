"""Forks: a child has the locks of its parent, but not the threads that would release them."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What has locks, and can start anew in a child process."""

    def after_fork(self) -> None:
        """Start anew with fresh locks; called in the child, which has one thread then."""


_all: WeakSet[Forkable] = WeakSet()


def start_anew_in_children(value: Forkable) -> None:
    """Have `value.after_fork()` called in each child process, as long as `value` lives."""
    _all.add(value)


def _in_child() -> None:
    for value in list(_all):
        value.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_in_child)
