"""What a server asks for with a 401: the challenges of `WWW-Authenticate` (RFC 9110 §11.6.1).

The grammar separates challenges with the same commas as their parameters, so that no splitting can work: the text is
read from left to right. Whatever a server sends, the answer is what could be read, and never an exception.

<https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LENGTH = 16 * 1024
"""Characters that are read; requests joins all headers of this name into one."""

_SEPARATORS = re.compile(r"[ \t,]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|\Z)")
# one character at a time: what cannot be closed is given up in linear time
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_BARE = re.compile(r'[^ \t,"]+')  # more than a token: servers forget to quote URLs
_GARBAGE = re.compile(r"[^,]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@frozen
class Challenge:
    """One way to authenticate that a server offers.

    Attributes:
        scheme: the authentication scheme, in lower case, such as `dpop`.
        token68: the value that old schemes have in place of parameters, such as that of `negotiate`.
        parameters: the parameters, their names in lower case, their values unquoted.

    """

    scheme: str
    token68: str | None = None
    parameters: dict[str, str] = field(factory=dict, hash=False)

    def get(self, name: str) -> str | None:
        """Return the parameter `name`, in any case; `None` when it is absent."""
        return self.parameters.get(name.lower())


def parse_www_authenticate(value: str | Iterable[str] | None) -> tuple[Challenge, ...]:
    """Return the challenges of a `WWW-Authenticate` header (or of several), in their order.

    A parameter that is repeated in a challenge keeps its first value. What cannot be read is left out.

    Args:
        value: the text of the header, or the texts of several; `None` when there is none.

    """
    if value is None:
        return ()
    if not isinstance(value, str):
        value = ", ".join(value)
    return tuple(
        Challenge(scheme, token68, parameters) for scheme, token68, parameters in _challenges(value[:MAX_LENGTH])
    )


def _challenges(text: str) -> Iterator[tuple[str, str | None, dict[str, str]]]:
    scheme: str | None = None
    token68: str | None = None
    parameters: dict[str, str] = {}
    position = _after(_SEPARATORS, text, 0)
    while position < len(text):
        word = _TOKEN.match(text, position)
        equals = word and _EQUALS.match(text, word.end())
        if word is None:
            position = _after(_QUOTED, text, position) or _after(_GARBAGE, text, position)
        elif equals is not None:
            value, position = _value(text, equals.end())
            if scheme is not None and value is not None:
                parameters.setdefault(word[0].lower(), value)
        else:
            if scheme is not None:
                yield scheme, token68, parameters
            blob = _TOKEN68.match(text, word.end())
            scheme, token68, parameters = word[0].lower(), blob and blob[1], {}
            position = (blob or word).end()
        position = _after(_SEPARATORS, text, position)
    if scheme is not None:
        yield scheme, token68, parameters


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where a match at `position` ends; 0 when there is none."""
    match = pattern.match(text, position)
    return match.end() if match else 0


def _value(text: str, position: int) -> tuple[str | None, int]:
    """Return the value of a parameter, and where it ends."""
    quoted = _QUOTED.match(text, position)
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    bare = _BARE.match(text, position)
    if bare is not None:
        return bare[0], bare.end()
    return None, position
