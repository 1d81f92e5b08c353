"""What type checkers see: these examples run, and mypy and pyright check them in strict mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from requests_oauth2client import (
    ApiClient,
    AuthorizationResponse,
    BearerToken,
    ClientSecretBasic,
    DeviceAuthorizationPollingJob,
    DPoPKey,
    DPoPToken,
    InvalidParam,
    InvalidScope,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    RetryPolicy,
)
from requests_oauth2client.client_authentication import BaseClientAuthenticationMethod
from requests_oauth2client.testing import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime  # noqa: F401 - in a quoted type

    from typing_extensions import assert_type

    from requests_oauth2client.endpoint import RequestsKwargs
    from requests_oauth2client.testing import ProtectedApi
else:

    def assert_type(value: object, _: object) -> object:
        return value


def test_servers_of_tests() -> None:
    """The choices of a server, and the fields of a client that it knows, have their types."""
    server = AuthorizationServer("https://as.local", require_pkce=True, access_token_lifetime=60)
    server.add_client("client_id", client_secret="client_secret", dpop_bound_access_tokens=True)
    assert_type(server.require_pkce, bool)
    if TYPE_CHECKING:
        AuthorizationServer(require_pcke=True)  # type: ignore[call-arg]
        server.add_client("client_id", public=True, client_name=1)  # type: ignore[arg-type]


def test_tokens(client: OAuth2Client) -> None:
    """A grant gives a `BearerToken`, whose members have their types."""
    token = client.client_credentials(scope="read", resource="https://api.local/")
    assert_type(token, BearerToken)
    assert_type(token.access_token, str)
    assert_type(token.refresh_token, "str | None")
    assert_type(token.expires_at, "datetime | None")
    assert_type(token.expires_in, "int | None")
    assert_type(token.is_expired(leeway=10), "bool | None")
    assert_type(client.token_request({"grant_type": "client_credentials"}), BearerToken)
    assert_type(client.revoke_access_token(token), bool)


def test_client_options(server: AuthorizationServer) -> None:
    """All keywords of a client have types, in discovery too; what a vendor adds is kept."""

    class Token(BearerToken):
        pass

    client = OAuth2Client(
        "https://as.local/token",
        client_id="client_id",
        revocation_endpoint="https://as.local/revoke",
        timeout=2.5,
        deadline=None,
        dpop_bound_access_tokens=True,
        dpop_key_generator=DPoPKey.generate,
        token_class=Token,
        retry=RetryPolicy(),
        on_event=lambda event: None,
        my_vendor_endpoint="https://as.local/vendor",
    )
    assert client.extra_metadata == {"my_vendor_endpoint": "https://as.local/vendor"}
    found = OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", redirect_uri="https://app.local/callback", dpop_alg="ES512", vendor=1
    )
    assert_type(found.redirect_uri, "str | None")
    assert (found.dpop_alg, found.extra_metadata) == ("ES512", {"vendor": 1})
    if TYPE_CHECKING:
        OAuth2Client("https://as.local/token", "client_id", revocation_endpoint=1)  # type: ignore[arg-type]
        OAuth2Client("https://as.local/token", "client_id", timeout="5")  # type: ignore[arg-type]
        OAuth2Client("https://as.local/token", "client_id", token_class=str)  # type: ignore[arg-type]
        OAuth2Client("https://as.local/token", client_id="client_id", client_secret=b"")  # type: ignore[arg-type]
        OAuth2Client.from_discovery_document({}, client_id="client_id", dpop_alg=512)  # type: ignore[arg-type]
        OAuth2Client.from_discovery_endpoint(issuer="https://as.local", retry=3)  # type: ignore[arg-type]
        OAuth2Client.from_discovery_endpoint(issuer="https://as.local", redirect_uri=b"x")  # type: ignore[arg-type]


def test_client_subclasses(server: AuthorizationServer) -> None:
    """Discovery gives the class it is called on, and hooks can be overridden."""

    class Mine(OAuth2Client):
        def on_token_error(self, response: requests.Response, *, dpop_key: Any = None) -> BearerToken:
            return super().on_token_error(response, dpop_key=dpop_key)

    mine = Mine.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=server.session()
    )
    assert_type(mine, Mine)
    with mine as entered:
        assert_type(entered, Mine)
    assert_type(mine.issuer, "str | None")


def test_api_client(api: ProtectedApi, client: OAuth2Client) -> None:
    """Verbs give responses; sub-resources keep the class."""

    class Orders(ApiClient):
        pass

    orders = Orders(api.url, auth=OAuth2ClientCredentialsAuth(client, scope="read"), session=client.session)
    assert_type(orders.get("1", params={"page": 1}, timeout=5), requests.Response)
    assert_type(orders["1"], Orders)
    assert_type(orders.to_absolute_url(["1", 2]), str)
    if TYPE_CHECKING:
        ApiClient(api.url, verify="ca.pem", proxies={"https": "http://proxy.local"}, trust_env=False)
        ApiClient(api.url, verfy=False)  # type: ignore[call-arg]
        ApiClient(api.url, cert=("cert.pem",))  # type: ignore[arg-type]


def test_handlers(client: OAuth2Client) -> None:
    """A handler is a callable on prepared requests, and knows its token."""
    handler = OAuth2AccessTokenAuth(client, BearerToken("access_token"))
    assert_type(handler.token, "BearerToken | None")
    usable: Callable[[requests.PreparedRequest], requests.PreparedRequest] = handler
    prepared = usable(requests.Request("GET", "https://api.local/").prepare())
    assert prepared.headers["Authorization"] == "Bearer access_token"


def test_errors(client: OAuth2Client, server: AuthorizationServer) -> None:
    """An error carries the typed evidence."""
    server.add_client("client_id", client_secret="client_secret", scope="read")
    with pytest.raises(InvalidScope) as raised:
        client.client_credentials(scope="write")
    assert_type(raised.value.error, str)
    assert_type(raised.value.description, "str | None")
    assert_type(raised.value.response, requests.Response)


def test_client_authentication() -> None:
    """One's own method is a subclass with `__call__`."""

    class ByHeader(BaseClientAuthenticationMethod):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request = super().__call__(request)
            request.headers["X-Client"] = self.client_id
            return request

    client = OAuth2Client("https://as.local/token", auth=ByHeader("me"))
    assert_type(client.client_id, str)
    assert OAuth2Client("https://as.local/token", ClientSecretBasic("me", "secret")).client_secret == "secret"


def test_bound_tokens(client: OAuth2Client) -> None:
    """Who asks for a bound token gets one, and so does who refreshes one."""
    token = client.client_credentials(dpop=True)
    assert_type(token, DPoPToken)
    assert_type(token.dpop_key, DPoPKey)
    assert_type(client.token_request({"grant_type": "client_credentials"}, dpop=True), DPoPToken)
    assert_type(client.client_credentials(dpop=False), BearerToken)
    refresh: Callable[[DPoPToken], DPoPToken] = client.refresh_token
    assert refresh == client.refresh_token


def test_requests_kwargs(client: OAuth2Client) -> None:
    """What is passed through to requests has types, too."""
    options: RequestsKwargs = {"verify": True, "timeout": (5, 10), "headers": {"X-Trace": "1"}}
    assert_type(client.client_credentials(requests_kwargs=options), BearerToken)
    assert_type(client.token_request({"grant_type": "client_credentials"}, timeout=5, verify=True), BearerToken)
    with pytest.raises(InvalidParam):
        client.client_credentials(requests_kwargs={"data": "x"})  # type: ignore[call-overload]
    if TYPE_CHECKING:
        client.revoke_access_token("token", {"verfy": False})  # type: ignore[arg-type]
        client.token_request({}, verfy=False)  # type: ignore[call-overload]


def test_logins(client: OAuth2Client, server: AuthorizationServer) -> None:
    """From the request over the callback to the token, each step has its type."""
    server.add_client("client_id", client_secret="client_secret", redirect_uris="https://app.local/callback")
    request = client.authorization_request(redirect_uri="https://app.local/callback", scope="openid")
    assert_type(request.uri, str)
    if TYPE_CHECKING:
        client.authorization_request(acr_values=["gold"], max_age=60, code_challenge_method=None, prompt="login")
        client.authorization_request(max_age="60")  # type: ignore[arg-type]
    response = request.validate_callback(server.authorize(request.uri, user="alice"))
    assert_type(response, AuthorizationResponse)
    assert_type(client.authorization_code(response), BearerToken)


def test_device_flow(client: OAuth2Client, server: AuthorizationServer) -> None:
    """A job gives a token in the end, or perhaps at each call."""
    server.polling_interval = 0
    pending = client.authorize_device(scope="read")
    assert_type(pending.user_code, str)
    server.approve_device(pending.user_code, "alice")
    job = DeviceAuthorizationPollingJob(client, pending)
    assert_type(job(), "BearerToken | None")
    if TYPE_CHECKING:
        assert_type(job.wait(), BearerToken)
