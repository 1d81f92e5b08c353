"""What a scope may be (RFC 6749 §3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Union

from .exceptions import InvalidScopeParam

Scope = Union[str, Iterable[str], None]  # noqa: UP007 - evaluated, and `|` does not take abstract classes on 3.10
"""Scopes: separated by spaces, or one by one; `None` and nothing leave the choice to the server."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def parse_scope(scope: Scope) -> tuple[str, ...]:
    """Return the scopes in `scope`, in their order.

    Raises:
        InvalidScopeParam: it is neither a str nor an iterable of str, or holds other characters than RFC 6749 allows.

    """
    if scope is None:
        return ()
    text = scope if isinstance(scope, str) else _joined(scope)
    scopes = tuple(text.split())
    if scopes and not _SCOPE.fullmatch(" ".join(scopes)):
        raise InvalidScopeParam(scope)
    return scopes


def _joined(scope: Any) -> str:
    if not isinstance(scope, Iterable) or isinstance(scope, (bytes, dict)):
        raise InvalidScopeParam(scope)
    items = tuple(scope)
    if not all(isinstance(item, str) for item in items):
        raise InvalidScopeParam(scope)
    return " ".join(items)


def format_scope(scope: Scope) -> str | None:
    """Return `scope` as it is sent, `None` when there is none; see `parse_scope`."""
    return " ".join(parse_scope(scope)) or None
