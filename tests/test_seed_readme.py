"""What earlier versions promised in their README: each of its examples, by section, does what it said.

The code is ours; the calls, their arguments and what comes back are those of the examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from jwskate import Jwk

from requests_oauth2client import (
    ApiClient,
    BearerToken,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    PrivateKeyJwt,
    PublicApp,
)
from requests_oauth2client.testing import AuthorizationServer, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_ENDPOINT = "https://url.to.the/token_endpoint"
CREDENTIALS = {"client_id": "client_id", "client_secret": "client_secret"}
ENDPOINTS = ("token", "revocation", "introspection", "userinfo")


@pytest.fixture
def the_as(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> AuthorizationServer:
    """The server of most examples, with its endpoints where they have them."""
    paths = {name: f"/{name}_endpoint" for name in ENDPOINTS}
    server = internet(AuthorizationServer("https://url.to.the", paths=paths))
    methods = "client_secret_post client_secret_basic client_secret_jwt"
    server.add_client("client_id", client_secret="client_secret", auth_methods=methods)
    server.add_client("my_client_id", client_secret="my_client_secret")
    server.add_client("app_client_id", public=True)
    server.add_user("alice", name="Alice")
    return server


def form(request: Request) -> dict[str, Any]:
    """Fields of a form, without the credentials."""
    return {field: values[0] for field, values in request.form.items() if field not in ("client_id", "client_secret")}


# Usage


def test_star_import_binds_requests() -> None:
    """The star import gives every name, and `requests`."""
    names: dict[str, Any] = {}
    exec("from requests_oauth2client import *", names)
    assert names["requests"] is requests
    assert names["OAuth2Client"] is OAuth2Client


# Calling APIs with access tokens


def test_a_token_is_an_auth_handler(the_as: AuthorizationServer) -> None:
    """A `BearerToken` as `auth=` adds the Authorization header."""
    the_as.protect("https://my.protected.api/endpoint")
    response = requests.get("https://my.protected.api/endpoint", auth=BearerToken("my_access_token"), timeout=5)
    assert response.request.headers["Authorization"] == "Bearer my_access_token"


# Using an OAuth2Client


def test_client_by_id_and_secret(the_as: AuthorizationServer) -> None:
    """A Token Endpoint and credentials are enough; the secret is posted by default."""
    client = OAuth2Client(token_endpoint=TOKEN_ENDPOINT, client_id="my_client_id", client_secret="my_client_secret")
    assert isinstance(client.client_credentials(), BearerToken)
    assert the_as.last("token").form["client_secret"] == ["my_client_secret"]


# Obtaining tokens


def test_a_token_made_by_hand(now: Any) -> None:
    """`expires_in` counts down, `expires_at` stays, `is_expired()` tells."""
    token = BearerToken(access_token="an_access_token", expires_in=60)
    assert "an_access_token" in token.as_dict().values()
    expires_at = token.expires_at
    assert not token.is_expired()
    now.shift(20)
    assert (token.expires_in, token.expires_at) == (40, expires_at)
    now.shift(41)
    assert token.is_expired()


def test_what_else_the_server_said(the_as: AuthorizationServer) -> None:
    """Other members of the answer are attributes, and items when their name is no identifier."""
    the_as.extra_token_fields = {"custom_attr": "one", "my.custom.attr": "two"}
    token = OAuth2Client(TOKEN_ENDPOINT, **CREDENTIALS).client_credentials()
    assert token.custom_attr == "one"
    assert token["my.custom.attr"] == "two"


def test_a_token_serves_as_text(the_as: AuthorizationServer) -> None:
    """A `BearerToken` can stand where the text of the token can."""
    token = BearerToken("an_access_token")
    assert f"{token}" == "an_access_token"
    prepared = requests.Request("POST", "https://url.to.the/", data={"token": token}).prepare()
    assert prepared.body == "token=an_access_token"


# Client credentials grant


@pytest.mark.parametrize(
    "parameters",
    [
        {"scope": "myscope"},
        {"scope": "myscope", "resource": "https://myapi.local"},
        {"audience": "https://myapi.local"},
        {"scope": "myscope", "custom_param": "custom_value"},
    ],
    ids=str,
)
def test_client_credentials(the_as: AuthorizationServer, parameters: dict[str, str]) -> None:
    """Keywords of `client_credentials()` are fields of the token request."""
    client = OAuth2Client(token_endpoint=TOKEN_ENDPOINT, **CREDENTIALS)
    assert isinstance(client.client_credentials(**parameters), BearerToken)
    assert form(the_as.last("token")) == {"grant_type": "client_credentials", **parameters}


def test_client_credentials_handler(the_as: AuthorizationServer, now: Any) -> None:
    """The handler gets a token at the first call, keeps it while it is valid, then gets another."""
    the_as.protect("https://myapi.local/resource")
    auth = OAuth2ClientCredentialsAuth(
        OAuth2Client(token_endpoint=TOKEN_ENDPOINT, **CREDENTIALS), scope="myscope", resource="https://myapi.local"
    )
    assert requests.get("https://myapi.local/resource", auth=auth, timeout=5).ok
    assert form(the_as.last("token")) == {
        "grant_type": "client_credentials",
        "scope": "myscope",
        "resource": "https://myapi.local",
    }
    session = requests.Session()
    session.auth = auth
    assert session.get("https://myapi.local/resource").ok
    assert the_as.count("token") == 1
    now.shift(3600)
    assert session.get("https://myapi.local/resource").ok
    assert the_as.count("token") == 2


@pytest.mark.parametrize(("elapsed", "requests_sent"), [(3569, 1), (3571, 2)])
def test_leeway(the_as: AuthorizationServer, now: Any, elapsed: int, requests_sent: int) -> None:
    """A token counts as expired `leeway` seconds before it is."""
    the_as.protect("https://myapi.local/resource")
    client = OAuth2Client(token_endpoint=TOKEN_ENDPOINT, **CREDENTIALS)
    auth = OAuth2ClientCredentialsAuth(client, scope="myscope", leeway=30)
    requests.get("https://myapi.local/resource", auth=auth, timeout=5)
    now.shift(elapsed)
    requests.get("https://myapi.local/resource", auth=auth, timeout=5)
    assert the_as.count("token") == requests_sent


# Supported client authentication methods


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"auth": ClientSecretBasic("client_id", "client_secret")}, "Authorization"),
        ({"auth": ClientSecretPost("client_id", "client_secret")}, "client_secret"),
        ({"auth": ("client_id", "client_secret")}, "client_secret"),
        ({"client_id": "my_client_id", "client_secret": "my_client_secret"}, "client_secret"),
        ({"auth": ClientSecretJwt("client_id", "client_secret")}, "client_assertion"),
        ({"auth": PublicApp("app_client_id")}, "client_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_client_authentication(the_as: AuthorizationServer, arguments: dict[str, Any], sent: str) -> None:
    """Each method authenticates the client, in its own place of the request."""
    token = (
        OAuth2Client(TOKEN_ENDPOINT, **arguments).token_request({"grant_type": "client_credentials"})
        if (sent != "client_id")
        else None
    )
    if token is None:  # a public client has no grant of its own
        refresh = the_as.issue_token("app_client_id", user="alice", scope="read")["refresh_token"]
        token = OAuth2Client(TOKEN_ENDPOINT, **arguments).refresh_token(refresh)
    assert isinstance(token, BearerToken)
    request = the_as.last("token")
    assert sent in {**request.headers, **request.form}


def test_private_key_jwt(the_as: AuthorizationServer) -> None:
    """A private JWK authenticates the client as handler, in a tuple, and by keyword."""
    private_jwk = Jwk.generate(alg="RS256", key_size=2048, kid="mykid").to_dict()
    private_jwk.pop("alg")
    the_as.add_client("client_id", jwks=Jwk(private_jwk).public_jwk())
    for arguments in (
        {"auth": PrivateKeyJwt("client_id", private_jwk)},
        {"auth": ("client_id", private_jwk)},
        {"client_id": "client_id", "private_jwk": private_jwk},
    ):
        assert isinstance(OAuth2Client(TOKEN_ENDPOINT, **arguments).client_credentials(), BearerToken)
        assert "client_assertion" in the_as.last("token").form


# Token revocation, introspection, UserInfo


def test_revocation(the_as: AuthorizationServer) -> None:
    """Tokens are revoked by value, with the hint of the method; the answer is whether it worked."""
    client = OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        revocation_endpoint="https://url.to.the/revocation_endpoint",
        auth=ClientSecretJwt("client_id", "client_secret"),
    )
    sent = {"token": "mytoken", "token_type_hint": "access_token"}
    assert client.revoke_token("mytoken", token_type_hint="access_token") is True
    assert form(the_as.last("revocation")).items() >= sent.items()
    assert client.revoke_access_token("mytoken") is True
    assert form(the_as.last("revocation")).items() >= sent.items()
    assert client.revoke_refresh_token("mytoken") is True
    assert form(the_as.last("revocation"))["token_type_hint"] == "refresh_token"
    the_as.misbehave("revocation", status=503, body="try later")
    assert client.revoke_access_token("mytoken") is False


def test_introspection(the_as: AuthorizationServer) -> None:
    """Introspection gives the members of the answer."""
    client = OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        introspection_endpoint="https://url.to.the/introspection_endpoint",
        auth=ClientSecretJwt("client_id", "client_secret"),
    )
    assert client.introspect_token("mytoken", token_type_hint="access_token") == {"active": False}
    mine = the_as.issue_token("client_id", scope="read")["access_token"]
    assert client.introspect_token(mine, token_type_hint="access_token")["active"] is True


def test_userinfo(the_as: AuthorizationServer) -> None:
    """UserInfo gives the claims."""
    client = OAuth2Client(
        token_endpoint=TOKEN_ENDPOINT,
        userinfo_endpoint="https://url.to.the/userinfo_endpoint",
        auth=ClientSecretJwt("client_id", "client_secret"),
    )
    token = the_as.issue_token("client_id", user="alice", scope="openid profile")["access_token"]
    assert client.userinfo(token)["sub"] == "alice"


# Discovery


@pytest.mark.parametrize(
    "where", [{"url": "https://url.to.the.as/.well-known/openid-configuration"}, {"issuer": "https://url.to.the.as"}]
)
def test_discovery(internet: Callable[[AuthorizationServer], AuthorizationServer], where: dict[str, str]) -> None:
    """A client is made from the metadata, by URL or by issuer."""
    server = internet(AuthorizationServer("https://url.to.the.as"))
    server.add_client("client_id", client_secret="client_secret", auth_methods="client_secret_jwt")
    auth = ClientSecretJwt("client_id", "client_secret")
    client = OAuth2Client.from_discovery_endpoint(**where, auth=auth)
    assert client.token_endpoint == server.endpoint("token")
    assert client.revocation_endpoint == server.endpoint("revocation")
    assert isinstance(client.client_credentials(), BearerToken)


def test_discovery_positional(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> None:
    """The URL of the metadata may be given without its keyword."""
    internet(AuthorizationServer("https://url.to.the.as"))
    auth = ClientSecretJwt("client_id", "client_secret")
    url = "https://url.to.the.as/.well-known/openid-configuration"
    assert OAuth2Client.from_discovery_endpoint(url, auth=auth).issuer == "https://url.to.the.as"


def test_discovery_compares_the_issuer(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> None:
    """Metadata that belongs to another issuer is refused."""
    internet(AuthorizationServer("https://url.to.the.as", metadata_changes={"issuer": "https://other.as"}))
    with pytest.raises(ValueError, match=r"https://other\.as"):
        OAuth2Client.from_discovery_endpoint(issuer="https://url.to.the.as", auth=("client_id", "client_secret"))


# Specialized API client


@pytest.fixture
def root(the_as: AuthorizationServer) -> ApiClient:
    """The API client of the examples."""
    the_as.protect("https://myapi.local/root")
    oauth2client = OAuth2Client(TOKEN_ENDPOINT, **CREDENTIALS)
    return ApiClient("https://myapi.local/root", auth=OAuth2ClientCredentialsAuth(oauth2client))


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda api: api.get("/resource/foo"), "/root/resource/foo"),
        (lambda api: api.get("resource/foo"), "/root/resource/foo"),
        (lambda api: api.get(["resource", "foo"]), "/root/resource/foo"),
        (lambda api: api.get(["users", 1234, "details"]), "/root/users/1234/details"),
        (lambda api: api.resource.get(), "/root/resource"),
        (lambda api: api["my-resource"].get(), "/root/my-resource"),
        (lambda api: api.users.get("userid"), "/root/users/userid"),
    ],
)
def test_api_paths(root: ApiClient, call: Callable[[ApiClient], requests.Response], path: str) -> None:
    """However it is written, the path is below the root URL, and the call is authenticated."""
    assert call(root).json()["path"] == path


@pytest.mark.parametrize("path", ["../admin", "%2e%2e/admin", ["..", "admin"], "https://evil.com/", "//evil.com/"])
def test_api_never_leaves_its_root(the_as: AuthorizationServer, root: ApiClient, path: Any) -> None:
    """What would lead out of the root URL is refused, or stays below it."""
    try:
        url = root.to_absolute_url(path)
    except ValueError:
        return
    assert requests.Request("GET", url).prepare().url.startswith("https://myapi.local/root/")


def test_api_without_auth(the_as: AuthorizationServer) -> None:
    """An `ApiClient` works with no authentication at all; sub-clients share its root."""
    the_as.protect("https://myapi.local")
    api = ApiClient("https://myapi.local", raise_for_status=False)
    users_api = api.users
    assert users_api.get("userid").request.url == "https://myapi.local/users/userid"
    assert users_api.get("other_userid").request.url == "https://myapi.local/users/other_userid"
    assert api.resources.get().request.url == "https://myapi.local/resources"


def test_raise_for_status(the_as: AuthorizationServer) -> None:
    """Error statuses raise, unless the client or the call says otherwise."""
    the_as.protect("http://httpstat.us").respond = lambda request: Response(int(request.path.strip("/")))
    api = ApiClient("http://httpstat.us", raise_for_status=False)
    assert api.get("500").status_code == 500
    with pytest.raises(requests.HTTPError):
        api.get("500", raise_for_status=True)
    with pytest.raises(requests.HTTPError):
        ApiClient("http://httpstat.us").get("500")


def test_own_session() -> None:
    """A session that is given is the one that is used."""
    session = requests.Session()
    session.proxies = {"https": "http://localhost:3128"}
    assert ApiClient("https://myapi.local/resource", session=session).session == session


# Vendor-specific clients: extension points


def test_hooks() -> None:
    """`parse_token_response` and `on_token_error` can be overridden to live with a peculiar server."""
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret="client_secret")

    class Peculiar(OAuth2Client):
        def parse_token_response(self, response: requests.Response, *, dpop_key: Any = None) -> BearerToken:
            return BearerToken(response.json()["data"]["token"])

        def on_token_error(self, response: requests.Response, *, dpop_key: Any = None) -> BearerToken:
            return BearerToken("from-the-error-hook")

    client = Peculiar(server.endpoint("token"), auth=("client_id", "client_secret"), session=server.session())
    server.misbehave("token", json={"data": {"token": "nested"}})
    assert client.client_credentials() == BearerToken("nested")
    server.misbehave("token", status=500)
    assert client.client_credentials() == BearerToken("from-the-error-hook")
