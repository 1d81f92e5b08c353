"""Discovery: where the metadata is, what of it is believed, and what becomes of it."""

from __future__ import annotations

from types import MappingProxyType

import pytest
import requests
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import (
    InvalidDiscoveryDocument,
    InvalidEndpointUri,
    InvalidIssuer,
    InvalidParam,
    InvalidUri,
    MissingIssuerParam,
    OAuth2Client,
    OAuth2Error,
    PrivateKeyJwt,
    oauth2_discovery_document_url,
    oidc_discovery_document_url,
    well_known_uri,
)
from requests_oauth2client.discovery import discovery_document_urls
from requests_oauth2client.testing import AuthorizationServer

ENDPOINTS = {
    f"{name}_endpoint": f"https://as.example/{name}"
    for name in (
        "token", "authorization", "revocation", "introspection", "userinfo", "pushed_authorization_request",
        "device_authorization", "backchannel_authentication",
    )
}  # fmt: skip
DOCUMENT = {
    "issuer": "https://as.example",
    **ENDPOINTS,
    "jwks_uri": "https://as.example/jwks",
    "authorization_response_iss_parameter_supported": True,
    "require_pushed_authorization_requests": True,
    "scopes_supported": ["openid"],
    "response_types_supported": ["code"],
}


def discover(server, **kwargs):
    return OAuth2Client.from_discovery_endpoint(
        client_id="client_id", client_secret="client_secret", session=server.session(), **kwargs
    )


def from_document(document=None, /, **kwargs):
    return OAuth2Client.from_discovery_document(DOCUMENT if document is None else document, client_id="id", **kwargs)


class TestLocations:
    @pytest.mark.parametrize("name", ["example", "/example"])
    @pytest.mark.parametrize(
        ("origin", "at_root", "expected"),
        [
            ("http://www.example.com", True, "http://www.example.com/.well-known/example"),
            ("http://www.example.com/", True, "http://www.example.com/.well-known/example"),
            ("http://www.example.com", False, "http://www.example.com/.well-known/example"),
            ("http://www.example.com/foo/bar", True, "http://www.example.com/.well-known/foo/bar/example"),
            ("http://www.example.com/foo/bar/", True, "http://www.example.com/.well-known/foo/bar/example"),
            ("http://www.example.com/foo/bar", False, "http://www.example.com/foo/bar/.well-known/example"),
            ("http://www.example.com/foo/bar/", False, "http://www.example.com/foo/bar/.well-known/example"),
            ("https://as.local:8443/t", True, "https://as.local:8443/.well-known/t/example"),
        ],
    )
    def test_well_known(self, origin, name, at_root, expected):
        """A well-known URI is at the root of its host, or behind the path; slashes at the ends do not matter."""
        assert well_known_uri(origin, name, at_root=at_root) == expected

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_documents(self, slash):
        """OpenID Connect puts its document behind the path of the issuer."""
        url = f"https://issuer.com/oidc{slash}"
        assert oidc_discovery_document_url(url) == "https://issuer.com/oidc/.well-known/openid-configuration"
        url = f"https://issuer.com{slash}"
        assert oidc_discovery_document_url(url) == "https://issuer.com/.well-known/openid-configuration"
        assert oauth2_discovery_document_url(url) == "https://issuer.com/.well-known/oauth-authorization-server"

    @pytest.mark.parametrize("issuer", ["https://as.local", "https://as.local/", "https://as.local/t/1"])
    @pytest.mark.parametrize("oidc", [True, False])
    def test_issuer(self, issuer, oidc):
        """An issuer, with a path or without, is found at the location of OpenID Connect, or else at that of RFC 8414."""
        server = AuthorizationServer(issuer, serve_oidc_discovery=oidc)
        client = discover(server, issuer=issuer)
        assert client.issuer == issuer
        assert client.token_endpoint == server.endpoint("token")
        assert client.session.get_adapter(issuer)
        tried = [request.url for request in server.requests]
        path = issuer.removeprefix("https://as.local").rstrip("/")
        assert tried[0] == f"https://as.local{path}/.well-known/openid-configuration"
        assert len(tried) == (1 if oidc else 2)
        if not oidc:
            assert tried[1] == f"https://as.local/.well-known/oauth-authorization-server{path}"

    def test_each_place_once(self):
        """No place is tried twice."""
        for issuer in ("https://as.local", "https://as.local/t/1"):
            urls = discovery_document_urls(issuer)
            assert len(urls) == len(set(urls)) >= 2

    def test_nowhere(self):
        """When there is none, the error names the last place and holds its answer."""
        server = AuthorizationServer(serve_oidc_discovery=False, serve_oauth_discovery=False)
        with pytest.raises(InvalidDiscoveryDocument, match="answered 404") as caught:
            discover(server, issuer=server.issuer)
        assert caught.value.response.status_code == 404
        assert len(server.requests) == len(discovery_document_urls(server.issuer))

    @pytest.mark.parametrize("status", [404, 405, 410])
    def test_not_here(self, server, status):
        """A status that says that nothing is there leads to the next place."""
        server.misbehave("discovery", status=status)
        assert discover(server, issuer=server.issuer).token_endpoint == server.endpoint("token")
        assert server.count("discovery") == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 502, 503])
    def test_failures_are_not_absence(self, server, status):
        """Any other failure is one: no other document takes the place of one that cannot be read now."""
        server.misbehave("discovery", status=status)
        with pytest.raises(InvalidDiscoveryDocument, match=f"answered {status}") as caught:
            discover(server, issuer=server.issuer)
        assert caught.value.response.status_code == status
        assert server.count("discovery") == 1

    def test_url(self, server):
        """The URL of the document can be given, and then it is the only place."""
        server.serve_oidc_discovery = False
        url = f"{server.issuer}/.well-known/oauth-authorization-server"
        assert discover(server, url=url).issuer == server.issuer
        assert discover(server, url=url, issuer=server.issuer).issuer == server.issuer
        with pytest.raises(InvalidDiscoveryDocument, match="answered 404"):
            discover(server, url=f"{server.issuer}/elsewhere")
        assert [request.path for request in server.requests] == [
            "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server", "/elsewhere",
        ]  # fmt: skip

    def test_requests(self, server):
        """One GET without credentials is all: keys are fetched when they are needed."""
        discover(server, issuer=server.issuer)
        (request,) = server.requests
        assert (request.method, request.headers["Accept"]) == ("GET", "application/json")
        assert "Authorization" not in request.headers
        assert request.body == b""

    @pytest.mark.parametrize(
        ("kwargs", "error", "problem"),
        [
            ({}, InvalidParam, "at least one of `issuer` or `url`"),
            ({"issuer": "http://as.local"}, InvalidIssuer, "must use https"),
            ({"issuer": "as.local"}, InvalidIssuer, "https"),
            ({"issuer": "https://as.local?x=1"}, InvalidIssuer, "query"),
            ({"url": "http://as.local/.well-known/x"}, InvalidUri, "must use https"),
            ({"url": "https://as.local"}, InvalidUri, "must include a path"),
            ({"url": "https://u:p@as.local/x"}, InvalidUri, "credentials"),
        ],
    )
    def test_refused(self, server, kwargs, error, problem):
        """What is malformed is refused before anything is sent."""
        with pytest.raises(error, match=problem):
            discover(server, **kwargs)
        assert server.requests == server.strays == []

    def test_testing(self):
        """With `testing`, plain http will do."""
        server = AuthorizationServer("http://as.local")
        assert discover(server, issuer="http://as.local", testing=True).issuer == "http://as.local"
        url = "http://as.local/.well-known/openid-configuration"
        assert discover(server, url=url, testing=True).token_endpoint == "http://as.local/token"

    def test_own_session(self, internet, server):
        """Without a session, one is made, and used for discovery and by the client."""
        internet(server)
        client = OAuth2Client.from_discovery_endpoint(issuer=server.issuer, client_id="c")
        assert isinstance(client.session, requests.Session)
        assert server.count("discovery") == 1

    def test_timeout(self, server):
        """The bounds of the client hold for discovery too."""
        server.misbehave("discovery", delay=5)
        with pytest.raises(requests.Timeout):
            discover(server, issuer=server.issuer, timeout=0.1)
        server.misbehave("discovery", body=b"x" * 5000)
        with pytest.raises(OAuth2Error, match="more than 4000 bytes"):
            discover(server, issuer=server.issuer, max_response_size=4000)


class TestCredentials:
    KEY = {  # noqa: RUF012 - RFC 8037 A.1
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }

    @pytest.mark.parametrize(
        "credentials",
        [{"auth": ("id", KEY)}, {"client_id": "id", "private_key": KEY}, {"client_id": "id", "private_jwk": KEY}],
    )
    def test_keys(self, server, credentials):
        """All ways to give credentials work with discovery, `private_jwk` included."""
        client = OAuth2Client.from_discovery_endpoint(issuer=server.issuer, session=server.session(), **credentials)
        assert client.auth == PrivateKeyJwt("id", self.KEY)
        assert OAuth2Client.from_discovery_document(DOCUMENT, **credentials).auth == client.auth


class TestDocument:
    def test_every_endpoint(self):
        """Every endpoint in the document is picked up, and what else the client knows of."""
        client = from_document()
        for name in (*ENDPOINTS, "jwks_uri", "issuer"):
            assert getattr(client, name) == DOCUMENT[name]
        assert client.authorization_response_iss_parameter_supported is True
        assert client.require_pushed_authorization_requests is True
        assert client.extra_metadata == {}

    def test_none_wins(self):
        """What the caller says wins over the document, `None` too."""
        assert from_document(revocation_endpoint=None).revocation_endpoint is None

    @pytest.mark.parametrize("name", [*ENDPOINTS, "jwks_uri"])
    @pytest.mark.parametrize(
        "url",
        ["http://as.example/x", "https://u:p@as.example/x", "https://as.example/x#f", "https://as.example", "x", ""],
    )
    def test_every_url_is_checked(self, name, url):
        """An endpoint that is not acceptable is refused, before it is used."""
        expected = InvalidDiscoveryDocument if name == "token_endpoint" and not url else OAuth2Error
        with pytest.raises(expected) as caught:
            from_document({**DOCUMENT, name: url})
        assert isinstance(caught.value, (InvalidEndpointUri, InvalidUri, InvalidDiscoveryDocument))
        if isinstance(caught.value, InvalidEndpointUri):
            assert caught.value.endpoint == name

    @pytest.mark.parametrize("name", [*ENDPOINTS, "jwks_uri", "issuer"])
    @pytest.mark.parametrize("value", [5, True, [], ["https://as.example/x"], {}, {"a": "b"}, 1.5])
    def test_wrong_types(self, name, value):
        """A member of another type is refused, and named."""
        with pytest.raises(InvalidDiscoveryDocument, match=f"`{name}` in the discovery document is of type") as caught:
            from_document({**DOCUMENT, name: value})
        assert caught.value.discovery_document[name] == value

    @pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
    def test_flags(self, value):
        """Flags are true or false."""
        with pytest.raises(InvalidDiscoveryDocument, match="bool is expected"):
            from_document({**DOCUMENT, "authorization_response_iss_parameter_supported": value})

    @pytest.mark.parametrize("name", [*ENDPOINTS, "jwks_uri", "issuer"])
    def test_null(self, name):
        """`null` is the same as nothing."""
        changes = {name: None, "authorization_response_iss_parameter_supported": None}
        if name == "token_endpoint":
            with pytest.raises(InvalidDiscoveryDocument, match="no `token_endpoint`"):
                from_document({**DOCUMENT, **changes})
        else:
            assert getattr(from_document({**DOCUMENT, **changes}), name) is None

    @pytest.mark.parametrize("document", [{}, {"issuer": "https://as.example"}])
    def test_no_token_endpoint(self, document):
        """A document without token endpoint is of no use, unless one is given."""
        with pytest.raises(InvalidDiscoveryDocument, match="no `token_endpoint`") as caught:
            from_document(document)
        assert caught.value.discovery_document == document
        assert isinstance(caught.value, ValueError)
        assert from_document(document, token_endpoint="https://as.example/t").token_endpoint == "https://as.example/t"

    @pytest.mark.parametrize("document", [[], "x", 5, b"{}", [("token_endpoint", "https://as.example/t")]])
    def test_no_document(self, document):
        """What is no object is no document."""
        with pytest.raises(InvalidDiscoveryDocument, match=f"of type {type(document).__name__}"):
            from_document(document)

    def test_iss_without_issuer(self):
        """A server cannot promise `iss` without saying who it is (RFC 9207 §3)."""
        with pytest.raises(MissingIssuerParam, match="issuer"):
            from_document({**DOCUMENT, "issuer": None})

    def test_keywords_win(self):
        """Keywords win over the document, each for itself."""
        overrides = {
            **{name: url.replace("as.example", "other.example") for name, url in ENDPOINTS.items()},
            "jwks_uri": "https://other.example/jwks",
            "authorization_response_iss_parameter_supported": False,
            "revocation_endpoint": None,
        }
        client = from_document(**overrides)
        assert {name: getattr(client, name) for name in overrides} == overrides
        assert client.issuer == DOCUMENT["issuer"]
        assert from_document(vendor_endpoint="https://as.example/v").extra_metadata == {
            "vendor_endpoint": "https://as.example/v"
        }

    def test_keywords_are_checked(self):
        """Keywords are checked as any other URL."""
        with pytest.raises(InvalidEndpointUri, match="must use https"):
            from_document(token_endpoint="http://as.example/token")
        with pytest.raises(InvalidUri):
            from_document(jwks_uri="http://as.example/jwks")

    def test_the_document_is_not_changed(self):
        """The mapping of the caller stays as it is, and may be any mapping."""
        document = dict(DOCUMENT)
        assert from_document(MappingProxyType(document)).token_endpoint == DOCUMENT["token_endpoint"]
        assert document == DOCUMENT

    def test_https_is_an_old_word(self):
        """`https=False` warns, and means `testing=True`."""
        document = {"token_endpoint": "http://as.example/token", "jwks_uri": "http://as.example/jwks"}
        with pytest.warns(DeprecationWarning, match="`https` parameter is deprecated"):
            client = from_document(document, https=False)
        assert client.testing
        assert from_document(document, testing=True).token_endpoint == "http://as.example/token"


class TestSubclasses:
    def test_own_fields(self):
        """A subclass gets what the document says, its own fields, and its own defaults."""

        class Regional(OAuth2Client):
            def __init__(self, token_endpoint, auth=None, *, region, timeout=3.0, **others):
                super().__init__(token_endpoint, auth, timeout=timeout, region=region, **others)

        client = Regional.from_discovery_document(DOCUMENT, client_id="client_id", region="eu")
        assert type(client) is Regional
        assert (client.extra_metadata, client.timeout) == ({"region": "eu"}, 3.0)
        assert client.revocation_endpoint == DOCUMENT["revocation_endpoint"]

    def test_own_attrs_fields(self):
        """So does one that is made by attrs."""

        @frozen(init=False, repr=False)
        class Regional(OAuth2Client):
            region: str = "eu"

        client = Regional.from_discovery_document(DOCUMENT, client_id="client_id")
        assert client.region == "eu"
        assert client.revocation_endpoint == DOCUMENT["revocation_endpoint"]


class TestIssuer:
    @pytest.mark.parametrize(
        "received",
        [
            "https://as.example/",
            "https://AS.example",
            "https://as.example.evil.example",
            "https://evil.example",
            "https://as.example:443",
            None,
        ],
    )
    def test_mismatch(self, received):
        """The document must name the expected issuer, character by character (mix-up, RFC 8414 §3.3)."""
        with pytest.raises(
            InvalidParam, match=r"Mismatching `issuer` value in discovery document \(received '"
        ) as caught:
            from_document({**DOCUMENT, "issuer": received}, issuer="https://as.example")
        assert f"(received '{received}', expected 'https://as.example')" in str(caught.value)

    def test_mismatch_of_an_endpoint(self, server):
        """So must what is found at the URL of another one."""
        server.metadata_changes = {"issuer": "https://evil.example"}
        for kwargs in ({}, {"url": f"{server.issuer}/.well-known/openid-configuration"}):
            with pytest.raises(InvalidParam, match="Mismatching `issuer`"):
                discover(server, issuer=server.issuer, **kwargs)

    def test_log_injection(self):
        """What the document says is shown on one line, and cut."""
        with pytest.raises(InvalidParam) as caught:
            from_document(
                {**DOCUMENT, "issuer": "https://a\n2030-01-01 root logged in " + "x" * 10_000}, issuer="https://b.c"
            )
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000

    def test_unknown_issuer(self):
        """Without an expectation, the issuer of the document is taken, if it is acceptable."""
        assert from_document().issuer == "https://as.example"
        with pytest.raises(InvalidIssuer, match="must use https"):
            from_document({**DOCUMENT, "issuer": "http://as.example"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(list(DOCUMENT.values())[:5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(DOCUMENT)), JSON, max_size=5))
@settings(max_examples=150)
def test_a_client_or_a_typed_error(changes):
    """Whatever a document holds, there is a client with checked endpoints, or an error of ours."""
    try:
        client = from_document({**DOCUMENT, **changes})
    except OAuth2Error:
        return
    for name in (*ENDPOINTS, "jwks_uri", "issuer"):
        assert getattr(client, name) is None or getattr(client, name).startswith("https://")
