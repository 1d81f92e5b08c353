"""The pytest plugin: fixtures for an Authorization Server, an API, a client, a clock, and failures.

pytest loads it by itself where this library is installed. It imports nothing until a fixture is asked for. The names of
all fixtures begin with `oauth2_`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests_oauth2client.client import OAuth2Client

    from .authorization_server import AuthorizationServer
    from .failures import Failures
    from .process_clock import ProcessClock
    from .protected_api import ProtectedApi

CLIENT_ID = "test-client"
CLIENT_SECRET = "test-secret"  # noqa: S105 - it opens nothing but the server in this process


@pytest.fixture
def oauth2_issuer() -> str:
    """Issuer of `oauth2_server`; define a fixture of this name to have another."""
    return "https://as.local"


@pytest.fixture
def oauth2_api_url() -> str:
    """URL of `oauth2_api`; define a fixture of this name to have another."""
    return "https://api.local"


@pytest.fixture
def oauth2_server(oauth2_issuer: str) -> AuthorizationServer:
    """An Authorization Server in this process: `session()` makes sessions that reach it.

    It knows the client `test-client` with the secret `test-secret`, and the user `alice`.
    """
    from .authorization_server import AuthorizationServer

    server = AuthorizationServer(oauth2_issuer)
    server.add_client(
        CLIENT_ID, client_secret=CLIENT_SECRET, auth_methods=("client_secret_post", "client_secret_basic")
    )
    server.add_user("alice", password="wonderland", email="alice@example.com")  # noqa: S106 - idem
    return server


@pytest.fixture
def oauth2_api(oauth2_server: AuthorizationServer, oauth2_api_url: str) -> ProtectedApi:
    """An API that wants access tokens of `oauth2_server`, and echoes what it receives, unless `answer` is set."""
    return oauth2_server.protect(oauth2_api_url)


@pytest.fixture
def oauth2_client(oauth2_server: AuthorizationServer) -> OAuth2Client:
    """An `OAuth2Client` of `oauth2_server`, whose session reaches it, its APIs, and nothing else."""
    from requests_oauth2client.client import OAuth2Client

    return OAuth2Client.from_discovery_document(
        oauth2_server.metadata, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, session=oauth2_server.session()
    )


@pytest.fixture
def oauth2_internet(oauth2_server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch) -> AuthorizationServer:
    """`oauth2_server`, where every `requests` session that this process makes from now on finds it, and its APIs."""
    import requests

    initialize = requests.Session.__init__

    def initialize_and_mount(session: requests.Session) -> None:
        initialize(session)
        oauth2_server.mount(session)

    monkeypatch.setattr(requests.Session, "__init__", initialize_and_mount)
    return oauth2_server


@pytest.fixture
def oauth2_served(oauth2_server: AuthorizationServer) -> Iterator[AuthorizationServer]:
    """`oauth2_server`, on a port of this machine, for code in other processes and browsers; its URLs change."""
    with oauth2_server.serve():
        yield oauth2_server


@pytest.fixture
def oauth2_clock() -> Iterator[ProcessClock]:
    """A clock that moves this process forward: `advance(3600)` lets tokens expire, for server and client."""
    from .process_clock import ProcessClock

    with ProcessClock().ruling() as clock:
        yield clock


@pytest.fixture
def oauth2_failures(oauth2_server: AuthorizationServer) -> Failures:
    """Failures on demand: `oauth2_failures.be_unavailable("token")`."""
    from .failures import Failures

    return Failures(oauth2_server)
