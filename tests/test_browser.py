"""A real browser logs a user in: headless Chromium, the pages of two servers, and the loopback receiver."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest

from requests_oauth2client import (
    ApiClient,
    AuthorizationResponseError,
    BearerToken,
    DPoPToken,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    authorize_by_loopback,
)
from requests_oauth2client.testing import AuthorizationServer

from .servers.conftest import connect, oidc_provider, oidc_server  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .servers.oidc_server import OidcProvider

pytestmark = pytest.mark.browser


class Window:
    """What a user does in a browser window."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def fill_in(self, **fields: str) -> None:
        for name, value in fields.items():
            self.driver.find_element("name", name).send_keys(value)

    def click(self, value: str) -> None:
        """Submit a form, and wait until its page is gone: the next one may have a button of the same name."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.expected_conditions import staleness_of
        from selenium.webdriver.support.wait import WebDriverWait

        button = self.driver.find_element("css selector", f"button[value={value}]")
        button.click()
        # between two pages, Chromium has other words for an element that is gone, too
        patient = WebDriverWait(self.driver, 20, poll_frequency=0.05, ignored_exceptions=[WebDriverException])
        patient.until(staleness_of(button))

    def text(self) -> str:
        return self.driver.find_element("tag name", "body").text


@pytest.fixture
def window(chromium: Any) -> Window:
    return Window(chromium)


@pytest.fixture
def log_in(window: Window) -> Iterator[Callable[..., Future[BearerToken]]]:
    """Start a login as a program does, and show its first page in the window."""
    with ThreadPoolExecutor(1) as program:

        def start(client: OAuth2Client, **kwargs: Any) -> Future[BearerToken]:
            opened: Queue[str] = Queue()
            outcome = program.submit(
                authorize_by_loopback, client, open_browser=opened.put, paste_from=None, timeout=30, **kwargs
            )
            window.driver.get(opened.get(timeout=10))
            return outcome

        yield start


def test_login_at_oidc_provider(window, log_in, oidc_provider: OidcProvider, connect) -> None:  # noqa: F811 - a fixture
    """The user signs in and consents; one call of the program returns a token whose ID Token is validated."""
    client = connect("native")
    outcome = log_in(client, scope="openid offline_access", prompt="consent", app_name="the test")
    window.fill_in(username="alice", password="in wonderland")
    window.click("yes")
    window.click("yes")
    token = outcome.result(30)
    assert (token.id_token.sub, token.id_token.iss) == ("alice", oidc_provider.issuer)
    assert "the test" in window.text()
    assert window.driver.current_url.startswith("http://127.0.0.1:")
    api = ApiClient(oidc_provider.api_url, auth=OAuth2AccessTokenAuth(client, token))
    assert api.get("open").json()["token"]["sub"] == "alice"


def test_cancel_at_oidc_provider(window, log_in, connect) -> None:  # noqa: F811 - a fixture
    """The user cancels; the program gets an error that says so, and the last page does not claim success."""
    outcome = log_in(connect("native"), scope="openid")
    window.click("no")
    with pytest.raises(AuthorizationResponseError, match="the user said no") as refused:
        outcome.result(30)
    assert refused.value.error == "access_denied"
    assert "the user said no" in window.text() or "denied" in window.text()


def test_login_with_proof_of_possession(window, log_in) -> None:
    """At the embedded server, a pushed request and a token that is bound to a key."""
    server = AuthorizationServer()
    server.add_user("alice", password="wonderland")
    server.add_client("cli", public=True, redirect_uris=["http://127.0.0.1/callback"])
    api = server.protect("https://api.local/")
    with server.serve() as issuer:
        server.require_par = server.require_dpop = True
        client = OAuth2Client.from_discovery_endpoint(issuer=issuer, client_id="cli")
        outcome = log_in(client, scope="openid", dpop=True)
        window.fill_in(username="alice", password="wonderland")
        window.click("allow")
        token = outcome.result(30)
        assert isinstance(token, DPoPToken)
        assert ApiClient(api.url, auth=token).get("orders").json()["sub"] == "alice"
    assert server.count("par") == 1
