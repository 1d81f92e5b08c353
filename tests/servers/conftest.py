"""Real servers: started once per worker, on free loopback ports, killed at the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from .oidc_server import CannotRun, OidcProvider, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests.auth import AuthBase

    from requests_oauth2client import OAuth2Client

LOG_START = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def oidc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    try:
        with running(tmp_path_factory.mktemp("oidc-provider")) as server:
            yield server
    except CannotRun as reason:
        if os.environ.get("CI"):  # a missing server must not look like a pass
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture
def oidc_provider(oidc_server: OidcProvider, request: pytest.FixtureRequest) -> OidcProvider:
    """Lend a real Authorization Server; what it logs during a test that fails is shown with the failure."""
    request.node.stash[LOG_START] = len(oidc_server.log)
    return oidc_server


@pytest.fixture
def connect(oidc_provider: OidcProvider) -> Callable[..., OAuth2Client]:
    """Make our client for one of the registered clients, from the metadata that the server publishes."""

    def connect(name: str = "basic", **kwargs: Any) -> OAuth2Client:
        from requests_oauth2client import OAuth2Client

        registered = oidc_provider.clients[name]
        kwargs = {"auth": credentials(registered), "redirect_uri": registered["redirect_uris"][0], **kwargs}
        return OAuth2Client.from_discovery_endpoint(issuer=oidc_provider.issuer, **kwargs)

    return connect


def credentials(registered: dict[str, Any]) -> AuthBase:
    """Authenticate as a registered client, by the method that it registered."""
    from requests_oauth2client import ClientSecretBasic, ClientSecretJwt, ClientSecretPost, PrivateKeyJwt, PublicApp

    client_id, secret = registered["client_id"], registered.get("client_secret")
    match registered["token_endpoint_auth_method"]:
        case "client_secret_basic":
            return ClientSecretBasic(client_id, secret)
        case "client_secret_post":
            return ClientSecretPost(client_id, secret)
        case "client_secret_jwt":
            return ClientSecretJwt(client_id, secret)
        case "private_key_jwt":
            return PrivateKeyJwt(client_id, registered["private_jwk"])
        case _:
            return PublicApp(client_id)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.failed and LOG_START in item.stash:
        server = item.funcargs.get("oidc_provider")
        if server:
            report.sections.append(("oidc-provider", server.log[item.stash[LOG_START] :]))
    return report
