"""From settings to a client, and to a handler that gets tokens by the flow that was asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, setters
from requests import Request

from requests_oauth2client.auth import OAuth2ClientCredentialsAuth
from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.client_authentication import (
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    PrivateKeyJwt,
    PublicApp,
)
from requests_oauth2client.device_authorization import DeviceAuthorizationPollingJob
from requests_oauth2client.enums import GrantTypes
from requests_oauth2client.evidence import printable
from requests_oauth2client.exceptions import InvalidGrant, InvalidParam, NonRenewableTokenError
from requests_oauth2client.loopback import authorize_by_loopback, open_browser
from requests_oauth2client.renewal import RenewingAuth

from .private_files import read_secret
from .stores import open_store

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    import requests
    from requests.auth import AuthBase

    from requests_oauth2client.events import EventHook, TokenEvent
    from requests_oauth2client.token_store import TokenStore
    from requests_oauth2client.tokens import BearerToken

    from .console import Console
    from .settings import Settings

ENDPOINTS = ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint")

DEFAULT_ACCOUNT = "default"


def client_authentication(settings: Settings) -> AuthBase:
    """Return how the client authenticates, as the settings say, or as its credentials suggest.

    Raises:
        InvalidParam: a setting is missing, or unusable.

    """
    client_id = settings.text("client_id")
    if client_id is None:
        msg = "Which client is it? Pass --client-id, set OAUTH2_CLIENT_ID, or choose a --profile that has `client_id`."
        raise InvalidParam(msg)
    method = settings.text("auth_method")
    key_file = settings.text("private_key_file")
    if method == "private_key_jwt" or (method is None and key_file is not None):
        if key_file is None:
            msg = "`private_key_jwt` needs --private-key-file, with the private key as a JWK or PEM."
            raise InvalidParam(msg)
        return PrivateKeyJwt(client_id, _private_key(read_secret(key_file, settings.console.note)))
    if method == "none":
        return PublicApp(client_id)
    secret = settings.secret("client_secret")
    if secret is None:
        if method is None:
            return PublicApp(client_id)
        secret = settings.ask_secret("client_secret")
    by_name: dict[str | None, Callable[[str, str], AuthBase]] = {
        "client_secret_basic": ClientSecretBasic,
        "client_secret_jwt": ClientSecretJwt,
    }
    return by_name.get(method, ClientSecretPost)(client_id, secret)


def _private_key(text: str) -> Any:
    from requests_oauth2client.strict_json import loads_object

    if "-----BEGIN" in text:
        return text
    try:
        return loads_object(text)
    except ValueError:
        msg = "The private key file holds neither a JWK nor a PEM."
        raise InvalidParam(msg) from None


def make_client(settings: Settings, *, verbose: bool, session: requests.Session | None = None) -> OAuth2Client:
    """Return a client as the settings say.

    Raises:
        InvalidParam: a setting is missing, or unusable.
        OAuth2Error: see `OAuth2Client.from_discovery_endpoint`.

    """
    endpoints: dict[str, Any] = {name: url for name in ENDPOINTS if (url := settings.text(name)) is not None}
    issuer, url = settings.text("issuer"), settings.text("discovery_url")
    if issuer is None and url is None and "token_endpoint" not in endpoints:
        msg = "Which Authorization Server is it? Pass --issuer, set OAUTH2_ISSUER, or choose a --profile."
        raise InvalidParam(msg)
    auth = client_authentication(settings)
    hook = telling(settings.console) if verbose else None
    if url is None and "token_endpoint" in endpoints:
        return OAuth2Client(auth=auth, issuer=issuer, session=session, on_event=hook, **endpoints)
    return OAuth2Client.from_discovery_endpoint(url, issuer, auth=auth, session=session, on_event=hook, **endpoints)


def telling(console: Console) -> EventHook:
    """Return a hook that tells what happens to tokens."""

    def tell(event: TokenEvent) -> None:
        known = {"grant": event.grant_type, "attempt": event.attempt, "error": event.error}
        details = " ".join(f"{name}={printable(value)}" for name, value in known.items() if value is not None)
        took = "" if event.duration is None else f" ({event.duration * 1000:.0f} ms)"
        console.tell(f"* {event.name.replace('_', ' ')} {details}{took}")

    return tell


@define(init=False, eq=False)
class LoginAuth(RenewingAuth):  # type: ignore[override]  # each class gets its own initializer
    """Gets its first token from a user; refreshes it; asks the user again when that does not work any more.

    A program finds the same token in the same store with the handler of that grant, such as `OAuth2DeviceCodeAuth`.

    Attributes:
        login: gets the first token.

    """

    login: Callable[[], BearerToken] = field(on_setattr=setters.frozen, repr=False)

    def __init__(
        self,
        client: OAuth2Client,
        login: Callable[[], BearerToken],
        token_kwargs: dict[str, Any],
        *,
        store: TokenStore | None,
        store_key: str,
    ) -> None:
        super().__init__(
            client,
            None,
            token_kwargs,
            leeway=20,
            store=store,
            store_key=store_key,
            renew_on_401=True,
            renew_in_background=False,
            login=login,
        )

    def renew_token(self) -> None:
        """Refresh the token, or ask the user."""
        if self.token is not None and self.token.refresh_token is not None:
            try:
                self._refresh()
            except InvalidGrant:  # the session is over
                self.token = self.login()
        else:
            self.token = self.login()


class DeviceLogin(LoginAuth):
    """By the device flow."""

    GRANT_TYPE: ClassVar[str] = GrantTypes.DEVICE_CODE.value


class BrowserLogin(LoginAuth):
    """By a browser on this machine."""

    GRANT_TYPE: ClassVar[str] = GrantTypes.AUTHORIZATION_CODE.value


class GivenRefreshToken(LoginAuth):
    """By a refresh token that the user has."""

    GRANT_TYPE: ClassVar[str] = GrantTypes.REFRESH_TOKEN.value


def make_auth(client: OAuth2Client, flow: str, settings: Settings, options: Namespace) -> RenewingAuth:
    """Return a handler that gets tokens by a flow, and keeps them where the settings say.

    Raises:
        InvalidParam: a setting is missing, or unusable.

    """
    asked = token_arguments(settings)
    store = open_store(settings)
    if flow == "client-credentials":
        return OAuth2ClientCredentialsAuth(client, store=store, **asked)
    kinds: dict[str, tuple[type[LoginAuth], Callable[[], BearerToken]]] = {
        "device": (DeviceLogin, partial(device_login, client, asked, settings.console)),
        "browser": (BrowserLogin, partial(browser_login, client, asked, settings.console, options)),
        "refresh": (GivenRefreshToken, partial(refresh, client, asked, settings)),
    }
    kind, login = kinds[flow]
    return kind(client, login, asked, store=store, store_key=settings.text("account") or DEFAULT_ACCOUNT)


def token_arguments(settings: Settings) -> dict[str, Any]:
    """Return what the settings say about the token, as arguments of the grants."""
    asked: dict[str, Any] = {name: settings.text(name) for name in ("scope", "audience")}
    asked["resource"] = settings.texts("resource")
    asked["dpop"] = settings.switch("dpop")
    return {**settings.parameters(), **{name: value for name, value in asked.items() if value}}


def device_login(client: OAuth2Client, asked: dict[str, Any], console: Console) -> BearerToken:
    """Let the user decide on another device."""
    form = {name: value for name, value in asked.items() if name != "dpop"}
    pending = client.authorize_device(**form)
    console.tell(f"Open {pending.verification_uri} on any device, and enter the code:\n\n    {pending.user_code}\n")
    if pending.verification_uri_complete:
        console.note(f"Or open this address, and compare the code:\n{pending.verification_uri_complete}\n")
    job = DeviceAuthorizationPollingJob(client, pending, dpop=asked.get("dpop"))
    with console.countdown("Waiting for you:", pending.expires_in):
        return job.wait()


def browser_login(client: OAuth2Client, asked: dict[str, Any], console: Console, options: Namespace) -> BearerToken:
    """Let the user log in with a browser that comes back to this machine."""
    return authorize_by_loopback(
        client,
        port=options.port,
        timeout=options.wait,
        open_browser=None if options.no_browser else open_browser,
        tell=console.tell,
        app_name="the command line",
        **asked,
    )


def refresh(client: OAuth2Client, asked: dict[str, Any], settings: Settings) -> BearerToken:
    """Spend a refresh token that the user has."""
    return client.refresh_token(settings.secret("refresh_token") or settings.ask_secret("refresh_token"), **asked)


def obtained_token(auth: RenewingAuth) -> BearerToken:
    """Return the token that a handler would put on a request now, renewed if that is needed."""
    auth(Request("GET", "https://api.invalid/").prepare())
    token = auth.token
    if token is None:
        raise NonRenewableTokenError
    return token
