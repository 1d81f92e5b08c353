"""`token`: how a token is got, from which settings, where it is kept, and how it is printed."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from jwskate import Jwk

from requests_oauth2client import DeviceAuthorizationResponse, OAuth2Client, OAuth2DeviceCodeAuth
from requests_oauth2client.commands import settings
from requests_oauth2client.commands.settings import ONLY_IN_PROFILES, SETTINGS
from requests_oauth2client.testing import AuthorizationServer
from requests_oauth2client.token_stores import FileTokenStore

if TYPE_CHECKING:
    from collections.abc import Iterator

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
KEY = Jwk.generate(alg="ES256").with_kid_thumbprint()


@pytest.fixture
def served() -> Iterator[AuthorizationServer]:
    """A server on a loopback port, with a client of each kind."""
    server = AuthorizationServer("https://as.local", polling_interval=0)
    server.add_client("service", client_secret="s3cret%#", scope="read write")
    server.add_client("basic", client_secret="s3cret", auth_methods="client_secret_basic")
    server.add_client("hmac", client_secret="s3cret", auth_methods="client_secret_jwt")
    server.add_client("keyed", jwks=KEY.public_jwk())
    server.add_client("app", public=True, redirect_uris="http://127.0.0.1/callback")
    server.add_user("alice", password="wonderland")
    with server.serve():
        yield server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, served: AuthorizationServer, command) -> pytest.MonkeyPatch:
    """The environment tells the server, and the client `service` with its secret."""
    monkeypatch.setenv("OAUTH2_ISSUER", served.issuer)
    monkeypatch.setenv("OAUTH2_CLIENT_ID", "service")
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", "s3cret%#")
    return monkeypatch


def profile(text: str, mode: int = 0o600) -> Path:
    """The profile file, with that text."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "requests_oauth2client" / "profiles.ini"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def asked(server: AuthorizationServer) -> dict[str, list[str]]:
    """The form of the last token request."""
    return [request for request in server.requests if request.endpoint == "token"][-1].form


def approving(server: AuthorizationServer) -> threading.Thread:
    """Approve the next device, as soon as there is one."""

    def approve() -> None:
        deadline = time.monotonic() + 10
        while not server.device_requests and time.monotonic() < deadline:
            time.sleep(0.005)
        for pending in list(server.device_requests.values()):
            server.approve_device(pending.user_code, "alice")

    thread = threading.Thread(target=approve)
    thread.start()
    return thread


# ---------------------------------------------------------------- what is printed


def test_the_token(command, environment, served: AuthorizationServer) -> None:
    """By default the access token is printed, and nothing else."""
    ran = command("token", "--scope", "read")
    assert (ran.status, ran.err) == (0, "")
    assert served.access_tokens[ran.out.rstrip("\n")].scope == ("read",)


def test_the_header(command, environment, served: AuthorizationServer) -> None:
    """`--header` prints what `curl -H` takes."""
    name, _, value = command("token", "--header").out.rstrip("\n").partition(": ")
    assert name == "Authorization"
    assert value.removeprefix("Bearer ") in served.access_tokens


def test_json(command, environment, served: AuthorizationServer) -> None:
    """`--json` prints all that the server said."""
    served.extra_token_fields = {"region": "eu"}
    members = json.loads(command("token", "--json", "--scope", "read").out)
    assert members["access_token"] in served.access_tokens
    assert (members["scope"], members["token_type"], members["region"]) == ("read", "Bearer", "eu")
    assert 3590 < members["expires_in"] <= 3600


def test_dpop(command, environment, served: AuthorizationServer) -> None:
    """A DPoP token comes with its key in JSON, with a note as text, and in no header."""
    members = json.loads(command("token", "--dpop", "--json").out)
    assert members["token_type"] == "DPoP"
    assert served.access_tokens[members["access_token"]].jkt == Jwk(members["dpop_key"]["private_key"]).thumbprint()
    assert "bound to a key" in command("token", "--dpop").err
    ran = command("token", "--dpop", "--header")
    assert (ran.status, ran.out) == (2, "")
    assert "use the command `call`" in ran.err


def test_verbose(command, environment) -> None:
    """`--verbose` tells what happens to tokens, on standard error, without them."""
    ran = command("token", "--verbose")
    assert "* token obtained grant=client_credentials" in ran.err
    assert ran.out.strip() not in ran.err


def test_refusal(command, environment) -> None:
    """What the server says is told, without traceback and secret."""
    environment.setenv("OAUTH2_CLIENT_SECRET", "wr0ng")
    ran = command("token")
    assert (ran.status, ran.out) == (3, "")
    assert "invalid_client" in ran.err
    assert "wr0ng" not in ran.err
    assert "Traceback" not in ran.err
    assert "Traceback" in command("token", "--traceback").err


# ---------------------------------------------------------------- settings


def test_parameters(command, environment, served: AuthorizationServer) -> None:
    """Scope, resources, audience and any parameter are sent."""
    command(
        "token", "--scope", "read write", "--resource", "https://a/", "--resource", "https://b/", "--audience", "api",
        "--param", "org=acme", "--param", "x=1", "--param", "x=2=3",
    )  # fmt: skip
    form = asked(served)
    assert form["scope"] == ["read write"]
    assert form["resource"] == ["https://a/", "https://b/"]
    assert form["audience"] == ["api"]
    assert (form["org"], form["x"]) == (["acme"], ["1", "2=3"])


@pytest.mark.parametrize(
    ("client", "method", "seen"),
    [
        ("service", None, "client_secret"),
        ("service", "client_secret_post", "client_secret"),
        ("basic", "client_secret_basic", None),
        ("hmac", "client_secret_jwt", "client_assertion"),
    ],
)
def test_auth_methods_with_a_secret(command, environment, served, client: str, method: str | None, seen: str) -> None:
    """The secret is used as `--auth-method` says."""
    environment.setenv("OAUTH2_CLIENT_SECRET", "s3cret%#" if client == "service" else "s3cret")
    ran = command("token", "--client-id", client, *(["--auth-method", method] if method else []))
    assert ran.status == 0, ran.err
    assert seen is None or seen in asked(served)


@pytest.mark.parametrize("pem", [False, True])
def test_private_key(command, environment, served: AuthorizationServer, tmp_path: Path, pem: bool) -> None:
    """A private key comes from a file, as a JWK or PEM."""
    file = tmp_path / "key"
    file.write_text(KEY.to_pem() if pem else json.dumps(dict(KEY)))
    file.chmod(0o600)
    ran = command("token", "--client-id", "keyed", "--private-key-file", file)
    assert (ran.status, ran.err) == (0, "")
    assert "client_assertion" in asked(served)


def test_without_discovery(command, environment, served: AuthorizationServer) -> None:
    """A server without metadata is described by its endpoints."""
    environment.delenv("OAUTH2_ISSUER")
    assert command("token", "--token-endpoint", served.endpoint("token")).status == 0
    assert served.count("discovery") == 0
    assert command("token", "--discovery-url", f"{served.issuer}/.well-known/openid-configuration").status == 0
    assert served.count("discovery") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--issuer", ""], "Which Authorization Server"),
        (["--client-id", ""], "Which client"),
        (["--param", "x"], "NAME=VALUE"),
        (["--private-key-file", "/nonexistent"], "cannot be read"),
        (["--client-secret-file", "/nonexistent"], "cannot be read"),
        (["--client-secret-env", "NONEXISTENT"], "not set"),
        (["--auth-method", "private_key_jwt"], "--private-key-file"),
        (["--forget"], "--store"),
        (["--issuer", "http://as.example"], "https"),
        (["--profile", "x"], "cannot be read"),
    ],
)
def test_unusable_settings(command, environment, served: AuthorizationServer, arguments: list[str], told: str) -> None:
    """What is missing or unusable is told, and nothing is sent to get a token."""
    for name in ("ISSUER", "CLIENT_ID"):
        if f"--{name.lower().replace('_', '-')}" in arguments:
            environment.delenv(f"OAUTH2_{name}")
    ran = command("token", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err
    assert served.count("token") == 0


@pytest.mark.parametrize(
    ("content", "told"), [("", "is empty"), (b"\xff\xfe\x00", "is not UTF-8"), ("{]", "neither a JWK nor a PEM")]
)
def test_unusable_key_files(command, environment, tmp_path: Path, content: str | bytes, told: str) -> None:
    """A file without a key is told by its name, not by its content."""
    file = tmp_path / "key"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    ran = command("token", "--private-key-file", file)
    assert ran.status == 2
    assert told in ran.err


# ---------------------------------------------------------------- secrets


def test_secret_by_flag(command, environment) -> None:
    """A secret on the command line works, with a warning that does not show it."""
    environment.delenv("OAUTH2_CLIENT_SECRET")
    ran = command("token", "--client-secret", "s3cret%#")
    assert ran.status == 0
    assert "--client-secret-file" in ran.err
    assert "s3cret" not in ran.err
    assert command("token", "--client-secret", "s3cret%#", "--quiet").err == ""


@POSIX
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True)])
def test_secret_file(command, environment, tmp_path: Path, mode: int, warned: bool) -> None:
    """A secret comes from a file, without its line end; that others can read the file is a warning."""
    environment.delenv("OAUTH2_CLIENT_SECRET")
    file = tmp_path / "secret"
    file.write_text("s3cret%#\n")
    file.chmod(mode)
    ran = command("token", "--client-secret-file", file)
    assert ran.status == 0
    assert ("chmod 600" in ran.err) is warned


def test_secret_from_another_variable(command, environment) -> None:
    """`--client-secret-env` names the variable."""
    environment.setenv("MY_SECRET", "s3cret%#")
    environment.delenv("OAUTH2_CLIENT_SECRET")
    assert command("token", "--client-secret-env", "MY_SECRET").status == 0


def test_asked_secret(command, environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a secret is needed and none is told, a user at a terminal is asked; a script gets an error."""
    environment.delenv("OAUTH2_CLIENT_SECRET")
    ran = command("token", "--auth-method", "client_secret_post")
    assert ran.status == 2
    assert "OAUTH2_CLIENT_SECRET" in ran.err

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(settings, "sys", type("sys", (), {"stdin": Terminal()}))
    typed = ["s3cret%#", ""]
    monkeypatch.setattr(settings.getpass, "getpass", lambda *_, **__: typed.pop(0))
    assert command("token", "--auth-method", "client_secret_post").status == 0
    assert command("token", "--auth-method", "client_secret_post").status == 2


# ---------------------------------------------------------------- profiles


def test_profile(command, served: AuthorizationServer) -> None:
    """A profile tells it all; what all profiles share is in `[*]`."""
    profile(
        f"[*]\nissuer = {served.issuer}\n[work]\nclient_id = service\nclient_secret = s3cret%#\nscope = read\ndpop = yes\n"
    )
    ran = command("token", "--profile", "work", "--json")
    assert ran.status == 0, ran.err
    assert (asked(served)["scope"], json.loads(ran.out)["token_type"]) == (["read"], "DPoP")
    assert json.loads(command("token", "--profile", "work", "--json", "--no-dpop").out)["token_type"] == "Bearer"
    assert command("token", "--profile", "work", "--scope", "write").status == 0
    assert asked(served)["scope"] == ["write"]


def test_profile_by_variable(command, served: AuthorizationServer, monkeypatch, tmp_path: Path) -> None:
    """`OAUTH2_PROFILE` and `OAUTH2_PROFILES_FILE` choose profile and file."""
    file = tmp_path / "mine.ini"
    file.write_text(f"[work]\nissuer={served.issuer}\nclient_id=service\nclient_secret_env=MINE\n")
    file.chmod(0o600)
    monkeypatch.setenv("OAUTH2_PROFILES_FILE", str(file))
    monkeypatch.setenv("OAUTH2_PROFILE", "work")
    monkeypatch.setenv("MINE", "s3cret%#")
    assert command("token").status == 0


def test_profile_and_environment_do_not_mix(command, environment, served: AuthorizationServer) -> None:
    """With a profile, the secret in the environment, which is of another client, is not sent."""
    profile(f"[other]\nissuer = {served.issuer}\nclient_id = app\n")
    assert command("token", "--profile", "other").status == 3  # a public client has no tokens of its own
    assert "client_secret" not in asked(served)


@POSIX
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_open_profile(command, served: AuthorizationServer, mode: int) -> None:
    """A profile file that others can read or write is refused, and nothing is sent."""
    profile(f"[work]\nissuer = {served.issuer}\nclient_id = service\nclient_secret = s3cret%#\n", mode)
    ran = command("token", "--profile", "work")
    assert (ran.status, served.requests) == (2, [])
    assert "chmod 600" in ran.err


@POSIX
def test_profile_of_another_user(command, served: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile file that belongs to another user is refused."""
    path = profile(f"[work]\nissuer = {served.issuer}\nclient_id = service\n")
    owner = path.stat().st_uid or 1
    if path.stat().st_uid == 0:
        os.chown(path, 12345, -1)
        owner = 12345
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    ran = command("token", "--profile", "work")
    assert (ran.status, served.requests) == (2, [])
    assert "another user" in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[home]\nissuer = https://as.local\n", "it has: home"),
        ("[work]\nclient_secert = s3cret\n", "client_secert"),
        ("client_secret = s3cret\n", "line 1"),
        ("[work]\ns3cret\n", "line 2"),
        ("[work]\n[work]\n", "line 2"),
        ("[work]\nissuer = https://as.local\nclient_id = x\ndpop = perhaps\n", "on or off"),
        ("[work]\nissuer = https://as.local\nclient_id = x\nauth_method = magic\n", "must be one of"),
        ("[work]\nissuer = https://as.local\nclient_id = x\nflow = magic\n", "must be one of"),
    ],
)
def test_wrong_profile(command, internet, text: str, told: str) -> None:
    """What is wrong with a profile is told, without what it holds."""
    internet(AuthorizationServer("https://as.local"))
    profile(text)
    ran = command("token", "--profile", "work")
    assert ran.status == 2
    assert told in ran.err
    assert "s3cret" not in ran.err


def test_settings_have_different_names() -> None:
    """A setting is called the same everywhere, and nothing is called as another."""
    assert not SETTINGS.keys() & ONLY_IN_PROFILES.keys()
    assert SETTINGS["client_secret_file"].flag == "--client-secret-file"
    assert SETTINGS["client_secret_file"].variable == "OAUTH2_CLIENT_SECRET_FILE"


# ---------------------------------------------------------------- flows with a user


def test_device(command, environment, served: AuthorizationServer) -> None:
    """The device flow shows address and code, and prints the token once the user has decided."""
    approver = approving(served)
    ran = command("token", "device", "--client-id", "app", "--auth-method", "none", "--scope", "read")
    approver.join()
    assert ran.status == 0, ran.err
    assert served.access_tokens[ran.out.strip()].grant.sub == "alice"
    pending = next(iter(served.device_requests.values()))
    assert pending.user_code in ran.err
    assert served.endpoint("verification") in ran.err
    assert pending.device_code not in ran.err


def test_device_denied(command, environment, served: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who says no ends it with the status for refusals."""
    authorize = OAuth2Client.authorize_device

    def and_deny(self: OAuth2Client, **data) -> DeviceAuthorizationResponse:
        pending = authorize(self, **data)
        served.deny_device(pending.user_code)
        return pending

    monkeypatch.setattr(OAuth2Client, "authorize_device", and_deny)
    ran = command("token", "device", "--client-id", "app", "--auth-method", "none")
    assert (ran.status, ran.out) == (3, "")
    assert "access_denied" in ran.err


def test_browser(command, environment, served: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser flow opens the address, and takes what comes back to the loopback port."""

    def open_browser(url: str) -> bool:
        requests.get(served.authorize(url, user="alice"), timeout=10)
        return True

    monkeypatch.setattr("requests_oauth2client.commands.flows.open_browser", open_browser)
    ran = command("token", "browser", "--client-id", "app", "--auth-method", "none", "--scope", "openid")
    assert ran.status == 0, ran.err
    assert served.access_tokens[ran.out.strip()].grant.sub == "alice"


def test_browser_that_does_not_come_back(command, environment) -> None:
    """Nobody came back in time: the address was printed, and the status says so."""
    ran = command("token", "browser", "--client-id", "app", "--auth-method", "none", "--no-browser", "--wait", "0.1")
    assert ran.status == 6
    assert "/authorize?" in ran.err
    assert ran.err.startswith("To log in, open this address in a browser:\n")


def test_refresh(command, environment, served: AuthorizationServer, tmp_path: Path) -> None:
    """A refresh token comes from a file or the environment, and gives a new token."""
    first = served.issue_token("app", user="alice", scope="read")
    environment.setenv("OAUTH2_REFRESH_TOKEN", first["refresh_token"])
    members = json.loads(command("token", "refresh", "--client-id", "app", "--auth-method", "none", "--json").out)
    assert members["access_token"] in served.access_tokens
    file = tmp_path / "refresh"
    file.write_text(members["refresh_token"])
    ran = command(
        "token", "refresh", "--client-id", "app", "--auth-method", "none", "--refresh-token-file", file, "--json"
    )
    assert json.loads(ran.out)["refresh_token"] != members["refresh_token"]
    assert served.reuse_alarms == 0


# ---------------------------------------------------------------- stores


def test_store(command, environment, served: AuthorizationServer, tmp_path: Path) -> None:
    """A stored token is used again, replaced with `--new`, and removed with `--forget`."""
    store = tmp_path / "tokens"
    first = command("token", "--store", store).out
    assert command("token", "--store", store).out == first
    assert served.count("token") == 1
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in store.iterdir() if file.is_file())
    second = command("token", "--store", store, "--new").out
    assert second != first
    assert command("token", "--store", store, "--scope", "read").out not in (first, second)
    forgotten = command("token", "--store", store, "--forget")
    assert (forgotten.status, forgotten.out) == (0, "")
    assert command("token", "--store", store).out not in (first, second)


def test_stored_session(command, environment, served: AuthorizationServer, tmp_path: Path) -> None:
    """A user logs in once; later commands refresh; when the session is over, the user is asked again."""
    arguments = [
        "token", "device", "--client-id", "app", "--auth-method", "none", "--store", tmp_path / "t",
    ]  # fmt: skip
    served.access_token_lifetime = 1  # at each command it is about to expire
    approver = approving(served)
    first = command(*arguments).out
    approver.join()
    logins = served.count("device_authorization")
    time.sleep(0.6)
    second = command(*arguments)
    assert second.status == 0, second.err
    assert second.out != first
    assert (served.count("device_authorization"), served.reuse_alarms) == (logins, 0)
    served.refresh_tokens.clear()
    served.device_requests.clear()
    time.sleep(0.6)
    approver = approving(served)
    assert command(*arguments).status == 0
    approver.join()
    assert served.count("device_authorization") == logins + 1


def test_programs_share_the_store(command, environment, served: AuthorizationServer, tmp_path: Path) -> None:
    """A program finds the token of the command line with the handler of that grant."""
    approver = approving(served)
    token = command(
        "token", "device", "--client-id", "app", "--auth-method", "none", "--store", tmp_path / "t", "--scope", "read",
        "--account", "alice",
    ).out.strip()  # fmt: skip
    approver.join()
    client = OAuth2Client.from_discovery_endpoint(issuer=served.issuer, client_id="app")
    auth = OAuth2DeviceCodeAuth(client, None, scope="read", store=FileTokenStore(tmp_path / "t"), store_key="alice")
    auth(requests.Request("GET", "https://api.local/").prepare())
    assert str(auth.token) == token


def test_store_that_cannot_be_made(command, environment, tmp_path: Path) -> None:
    """What the system says is told."""
    (tmp_path / "file").touch()
    ran = command("token", "--store", tmp_path / "file")
    assert ran.status == 7
    assert "(File exists): choose one in which this user may write." in ran.err


def test_broken_store(command, environment, tmp_path: Path) -> None:
    """A store that holds something else is told, and left as it is."""
    store = tmp_path / "tokens"
    command("token", "--store", store)
    file = next(file for file in store.iterdir() if file.is_file() and file.stat().st_size)
    file.write_text("garbage")
    ran = command("token", "--store", store)
    assert (ran.status, ran.out) == (7, "")
    assert file.read_text() == "garbage"


def test_keyring(command, environment, served: AuthorizationServer, monkeypatch, tmp_path: Path) -> None:
    """`--store keyring` keeps the token in the keyring of the system."""
    import keyring

    monkeypatch.setattr(Path, "home", lambda: tmp_path)  # where the locks are

    class Keyring:
        priority = 1

        def __init__(self) -> None:
            self.kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, name: str) -> str | None:
            return self.kept.get((service, name))

        def set_password(self, service: str, name: str, password: str) -> None:
            self.kept[service, name] = password

        def delete_password(self, service: str, name: str) -> None:
            del self.kept[service, name]

    ring = Keyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    first = command("token", "--store", "keyring")
    assert first.status == 0, first.err
    assert ring.kept
    assert command("token", "--store", "keyring").out == first.out
    assert served.count("token") == 1


def test_store_without_its_package(command, environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A store whose package is missing says what to install."""
    monkeypatch.setitem(sys.modules, "filelock", None)
    for name in [name for name in sys.modules if name.startswith("requests_oauth2client.token_stores")]:
        monkeypatch.delitem(sys.modules, name)
    ran = command("token", "--store", tmp_path / "tokens")
    assert ran.status == 2, ran
    assert "requests_oauth2client[file]" in ran.err
