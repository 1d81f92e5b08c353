"""What a command is told about server, client and token: by flags, and by one profile or the environment.

A profile and the environment are never mixed: the secret of one client must not go to the server of another.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import TYPE_CHECKING

from attrs import field, frozen

from requests_oauth2client.evidence import printable
from requests_oauth2client.exceptions import InvalidParam

from .private_files import read_profile, read_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .console import Console

FLOWS = ("client-credentials", "device", "browser", "refresh")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")

YES = frozenset({"1", "yes", "true", "on"})
NO = frozenset({"0", "no", "false", "off", ""})


@frozen
class Setting:
    """One thing that can be told.

    Attributes:
        name: in a profile; `--name` with dashes is its flag, `OAUTH2_NAME` its variable.
        help: what it means.
        metavar: what its value is called.
        many: it can be given several times, in a profile separated by white space.
        switch: it is on or off.
        choices: the values that it can have.

    """

    name: str
    help: str
    metavar: str | None = None
    many: bool = False
    switch: bool = False
    choices: tuple[str, ...] | None = None

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"OAUTH2_{self.name.upper()}"


SERVER = (
    Setting("issuer", "issuer of the Authorization Server, whose metadata tells its endpoints", "URL"),
    Setting("discovery_url", "URL of the metadata document, when the issuer does not lead to it", "URL"),
    Setting("token_endpoint", "Token Endpoint, of a server without metadata", "URL"),
    Setting("authorization_endpoint", "Authorization Endpoint, of a server without metadata", "URL"),
    Setting("device_authorization_endpoint", "Device Authorization Endpoint, of a server without metadata", "URL"),
)
CLIENT = (
    Setting("client_id", "identifier of the client", "ID"),
    Setting("client_secret", "secret of the client; better in a file, or in the environment", "SECRET"),
    Setting("client_secret_file", "file with the secret of the client", "FILE"),
    Setting("client_secret_env", "environment variable with the secret of the client", "NAME"),
    Setting("private_key_file", "file with the private key of the client, as a JWK or PEM", "FILE"),
    Setting("auth_method", "how the client authenticates", choices=AUTH_METHODS),
)
TOKEN = (
    Setting("scope", "scopes to ask for, separated by spaces", "SCOPE"),
    Setting("resource", "URL of the API that the token is for (RFC 8707); can be repeated", "URL", many=True),
    Setting("audience", "API that the token is for, on servers that call it so", "NAME"),
    Setting("param", "another parameter of the request for the token; can be repeated", "NAME=VALUE", many=True),
    Setting("dpop", "bind the token to a key (RFC 9449)", switch=True),
    Setting("refresh_token", "refresh token; better in a file, or in the environment", "TOKEN"),
    Setting("refresh_token_file", "file with the refresh token", "FILE"),
    Setting("store", "where the token is kept: a folder, or `keyring`; nowhere by default", "STORE"),
    Setting("account", "whose token it is in the store, if you keep those of several users", "NAME"),
)
SETTINGS = {setting.name: setting for setting in (*SERVER, *CLIENT, *TOKEN)}
ONLY_IN_PROFILES = {
    "flow": Setting("flow", "how to get a token", choices=FLOWS),
    "api": Setting("api", "base URL of the API that `call` calls", "URL"),
}
SECRETS = ("client_secret", "refresh_token")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting."""
    parser.add_argument("--profile", metavar="NAME", help="profile to use instead of the environment")
    for title, settings in (("server", SERVER), ("client", CLIENT), ("token", TOKEN)):
        group = parser.add_argument_group(title)
        for setting in settings:
            if setting.switch:
                group.add_argument(setting.flag, action=argparse.BooleanOptionalAction, default=None, help=setting.help)
            else:
                group.add_argument(
                    setting.flag,
                    metavar=setting.metavar,
                    choices=setting.choices,
                    action="append" if setting.many else "store",
                    help=setting.help,
                )


@frozen
class Settings:
    """What was told.

    Attributes:
        flags: values of the flags; `None` for those that were not given.
        told: settings from the profile or the environment, as texts.
        where: names that place, in messages.

    """

    flags: Mapping[str, object] = field(repr=False)
    told: Mapping[str, str] = field(repr=False)
    where: str
    console: Console = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return a setting; `None` when it was not told, or is empty."""
        given = self.flags.get(name)
        value = self.told.get(name) if given is None else str(given)
        setting = SETTINGS.get(name) or ONLY_IN_PROFILES[name]
        if value and setting.choices and value not in setting.choices:
            msg = f"`{name}` from {self.where} must be one of {', '.join(setting.choices)}."
            raise InvalidParam(msg)
        return value or None

    def texts(self, name: str) -> list[str]:
        """Return all values of a setting that may have several."""
        given = self.flags.get(name)
        return list(given) if isinstance(given, list) else self.told.get(name, "").split()

    def switch(self, name: str) -> bool:
        """Return whether a setting is on.

        Raises:
            InvalidParam: it is told in other words than yes and no.

        """
        given = self.flags.get(name)
        value = self.told.get(name, "").lower() if given is None else str(given).lower()
        if value not in YES | NO:
            msg = f"`{name}` from {self.where} is on or off: write yes or no."
            raise InvalidParam(msg)
        return value in YES

    def parameters(self) -> dict[str, str | list[str]]:
        """Return the further parameters of the request for the token.

        Raises:
            InvalidParam: one of them is not of the form NAME=VALUE.

        """
        found: dict[str, str | list[str]] = {}
        for pair in self.texts("param"):
            name, equals, value = pair.partition("=")
            if not equals or not name:
                msg = "`--param` takes NAME=VALUE, such as organization=acme."
                raise InvalidParam(msg)
            before = found.get(name)
            found[name] = value if before is None else [*([before] if isinstance(before, str) else before), value]
        return found

    def secret(self, name: str) -> str | None:
        """Return a secret: from a file, from the environment, or, with a warning, from the command line.

        Raises:
            InvalidParam: its file cannot be read.

        """
        for source in (self.flags, self.told):
            file, variable, value = (source.get(f"{name}{suffix}") for suffix in ("_file", "_env", ""))
            if file:
                return read_secret(str(file), self.console.note)
            if variable:
                return _from_environment(str(variable))
            if value:
                if source is self.flags:
                    self.console.note(
                        f"The command line, hence {SETTINGS[name].flag}, can be seen by other users of this machine "
                        f"and stays in the history of the shell: use {SETTINGS[name].flag}-file, or a profile."
                    )
                return str(value)
        return None

    def ask_secret(self, name: str) -> str:
        """Ask the user for a secret, who types it unseen.

        Raises:
            InvalidParam: there is nobody to ask.

        """
        setting = SETTINGS[name]
        if not sys.stdin.isatty():
            msg = f"A {name} is needed: pass {setting.flag}-file, or set {setting.variable}."
            raise InvalidParam(msg)
        secret = getpass.getpass(f"{name}: ", stream=self.console.err)
        if not secret:
            msg = f"No {name} was given."
            raise InvalidParam(msg)
        return secret


def _from_environment(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        msg = f"The environment variable {printable(variable)}, which should hold a secret, is not set."
        raise InvalidParam(msg)
    return value


def settings_of(options: argparse.Namespace, console: Console) -> Settings:
    """Return what flags, and a profile or the environment, tell.

    Raises:
        InvalidParam: the profile cannot be used.

    """
    flags = vars(options)
    profile = flags.get("profile") or os.environ.get("OAUTH2_PROFILE")
    known = {**SETTINGS, **ONLY_IN_PROFILES}
    if not profile:
        variables = {name: os.environ.get(setting.variable, "") for name, setting in known.items()}
        return Settings(flags, {name: value for name, value in variables.items() if value}, "the environment", console)
    told = read_profile(profile)
    _refuse_unknown(told, known, profile)
    return Settings(flags, told, f"profile '{printable(profile)}'", console)


def _refuse_unknown(told: Iterable[str], known: Iterable[str], profile: str) -> None:
    unknown = sorted(set(told) - set(known))
    if unknown:
        msg = (
            f"Profile '{printable(profile)}' has '{printable(unknown[0])}', which is no setting: use some of "
            f"{', '.join(sorted(known))}."
        )
        raise InvalidParam(msg)
