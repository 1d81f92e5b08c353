"""Files with secrets: profiles, which nobody else may read, and secrets that a user or a platform put into a file."""

from __future__ import annotations

import os
import stat
import sys
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import TYPE_CHECKING

from requests_oauth2client.evidence import printable
from requests_oauth2client.exceptions import InvalidParam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SIZE = 1024 * 1024
"""Bytes that are read of a file."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def _open(path: Path) -> tuple[bytes, os.stat_result]:
    """Return the content of a file, and what it was when it was read: a look at its name could see another file."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_SIZE + 1), os.fstat(file.fileno())
    except OSError as exc:
        msg = f"The file {printable(path)} cannot be read: {exc.strerror}. Check its name, and whose it is."
        raise InvalidParam(msg) from exc


def _text(path: Path, content: bytes) -> str:
    if len(content) > MAX_SIZE:
        msg = f"The file {printable(path)} is longer than {MAX_SIZE} bytes: it is another file than was meant."
        raise InvalidParam(msg)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        msg = f"The file {printable(path)} is not UTF-8 text: save it as that, or pass another."
        raise InvalidParam(msg) from None


def read_text(path: str | Path) -> str:
    """Return the text of a file.

    Raises:
        InvalidParam: it cannot be read, or is no text.

    """
    path = Path(path).expanduser()
    return _text(path, _open(path)[0])


def read_secret(path: str, warn: Callable[[str], None]) -> str:
    """Return a secret from a file, without white space around it; `warn` of a file that other users can read.

    It is only a warning, since container platforms mount secrets that way.

    Raises:
        InvalidParam: it cannot be read, or is empty.

    """
    file = Path(path).expanduser()
    content, status = _open(file)
    if sys.platform != "win32" and stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS:
        warn(f"Other users of this machine can read {printable(path)}: chmod 600 it, if it is yours.")
    secret = _text(file, content).strip()
    if not secret:
        msg = f"The file {printable(path)} is empty, and should hold a secret."
        raise InvalidParam(msg)
    return secret


def profiles_file() -> Path:
    """Return where the profiles are."""
    chosen = os.environ.get("OAUTH2_PROFILES_FILE")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "requests_oauth2client" / "profiles.ini"


def read_profile(name: str) -> Mapping[str, str]:
    """Return the settings of a profile.

    Raises:
        InvalidParam: there is none of that name, or others can read or write the file.

    """
    path = profiles_file()
    content, status = _open(path)
    if sys.platform != "win32":
        if status.st_mode & OTHERS:
            msg = f"Other users of this machine can read or write {printable(path)}, which holds secrets: chmod 600 it."
            raise InvalidParam(msg)
        if status.st_uid not in (os.getuid(), 0):
            msg = f"{printable(path)} belongs to another user, who could send your secrets elsewhere: make it yours."
            raise InvalidParam(msg)
    profiles = ConfigParser(interpolation=None, default_section="*")  # a '%' in a secret is a '%'
    try:
        profiles.read_string(_text(path, content))
    except ConfigParserError as exc:
        line = getattr(exc, "lineno", None) or next((number for number, _ in getattr(exc, "errors", ())), None)
        where = f", line {line}" if line else ""
        msg = f"{printable(path)}{where} is no INI file ({type(exc).__name__}): write [profile], then `name = value`."
        raise InvalidParam(msg) from None  # the error of the parser quotes the line, which may hold a secret
    if name not in profiles:
        known = ", ".join(profiles.sections()) or "none"
        msg = f"There is no profile '{printable(name)}' in {printable(path)}; it has: {printable(known)}."
        raise InvalidParam(msg)
    return dict(profiles[name])
