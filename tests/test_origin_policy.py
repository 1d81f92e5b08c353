"""A metadata document leads to the internet, or to where its server is, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_oauth2client import (
    InvalidEndpointUri,
    InvalidParam,
    OAuth2Client,
    OAuth2Error,
    OriginPolicy,
    UntrustedEndpointOrigin,
)
from requests_oauth2client.origin_policy import place_of
from requests_oauth2client.testing import AuthorizationServer

PUBLIC = "https://as.example"


def made(document, issuer=PUBLIC, **kwargs):
    document = {"issuer": PUBLIC, "token_endpoint": f"{PUBLIC}/token", **document}
    return OAuth2Client.from_discovery_document(document, issuer, client_id="client_id", **kwargs)


@pytest.mark.parametrize(
    ("place", "hosts"),
    [
        (
            "loopback",
            (
                "127.0.0.1 127.1 127.8.8.8 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 0 0.0.0.0 0x0 ::1 :: "
                "::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: localhost LOCALHOST localhost. a.localhost "
                "127.0.0.1. ①②⑦.⓪.⓪.① 127。0。0。1"
            ),
        ),
        (
            "link-local",
            (
                "169.254.169.254 169.254.0.1 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662 fe80::1 fe80::1%eth0 "
                "::ffff:169.254.169.254 ::ffff:a9fe:a9fe 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::"
            ),
        ),
        (
            "private",
            (
                "10.0.0.1 10.1 172.16.0.1 192.168.1.1 100.64.0.1 100.100.100.200 192.0.2.1 198.18.0.1 240.0.0.1 224.0.0.1 "
                "255.255.255.255 fd00:ec2::254 fc00::1 ff02::1 ::ffff:10.0.0.1 2001:db8::1 keycloak redis metadata "
                "metadata.google.internal instance-data.ec2.internal printer.local nas.lan router.home.arpa a.b%25c "
                "vault.corp."
            ),
        ),
        (
            "public",
            (
                "as.example accounts.google.com 8.8.8.8 1.1.1.1 2606:4700::1111 ::ffff:8.8.8.8 localhost.example "
                "127.0.0.1.example xn--bcher-kva.example bücher.example internal.example 256.256.256.256.example"
            ),
        ),
    ],
)
def test_places(place, hosts):
    """Whatever its notation, an address is where it is; names tell it by their ending."""
    assert {host: place_of(host) for host in hosts.split()} == dict.fromkeys(hosts.split(), place)


@pytest.mark.parametrize("endpoint", ["jwks_uri", "token_endpoint", "userinfo_endpoint", "revocation_endpoint"])
@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://169.254.169.254/latest/meta-data", "a link-local address"),
        ("https://metadata.google.internal/computeMetadata/v1", "a private address"),
        ("http://127.0.0.1:6379/x", "a loopback address"),
        ("http://localhost:8500/v1/kv", "a loopback address"),
        ("https://10.0.0.7:8443/x", "a private address"),
        ("https://[fd00:ec2::254]/x", "a private address"),
        ("https://[::ffff:169.254.169.254]/x", "a link-local address"),
        ("https://0x7f.1/x", "a loopback address"),
        ("https://vault:8200/v1/secret", "a private address"),
    ],
)
def test_rfc9728_7_7_request_forgery(endpoint, url, where):
    """A public server that names an endpoint in the network of its client is refused, with a way out for honest ones."""
    with pytest.raises(UntrustedEndpointOrigin, match=f"`{endpoint}`.*{where}") as caught:
        made({endpoint: url})
    assert (caught.value.endpoint, caught.value.uri, caught.value.where) == (endpoint, url, where)
    assert isinstance(caught.value, InvalidEndpointUri)


def test_nothing_is_sent_there():
    """The document is fetched, and then nothing else: not even the keys."""
    server = AuthorizationServer(PUBLIC)
    server.misbehave(
        "discovery", json={"issuer": PUBLIC, "token_endpoint": f"{PUBLIC}/t", "jwks_uri": "http://127.0.0.1:1/k"}
    )
    with pytest.raises(UntrustedEndpointOrigin):
        OAuth2Client.from_discovery_endpoint(issuer=PUBLIC, client_id="c", session=server.session())
    assert [request.url for request in server.requests] == [f"{PUBLIC}/.well-known/openid-configuration"]
    assert server.strays == []


@pytest.mark.parametrize(
    ("found", "endpoint", "accepted"),
    [
        ({}, "https://oauth2.googleapis.com/token", True),
        ({}, "https://8.8.8.8/token", True),
        ({"issuer": "https://10.0.0.1"}, "https://10.0.0.2:8443/token", True),
        ({"issuer": "https://10.0.0.1"}, "https://keycloak/token", True),
        ({"issuer": "https://10.0.0.1"}, "https://as.example/token", True),
        ({"issuer": "https://10.0.0.1"}, "http://127.0.0.1/token", False),
        ({"issuer": "https://10.0.0.1"}, "https://169.254.169.254/token", False),
        ({"issuer": "http://localhost:8080"}, "http://127.0.0.1:9090/token", True),
        ({"issuer": "http://localhost:8080"}, "https://10.0.0.2/token", False),
        ({"issuer": "https://sso.example", "found_at": "https://keycloak:8443/d"}, "https://keycloak:8443/t", True),
        ({"issuer": "https://sso.example", "found_at": "https://keycloak:8443/d"}, "https://169.254.169.254/t", False),
        ({"found_at": "https://as.example/d"}, "http://127.0.0.1/t", False),
    ],
)
def test_where_the_caller_found_the_server(found, endpoint, accepted):
    """An endpoint may be on the internet, or in the kind of network in which the caller found the server."""
    named = found.get("issuer", "http://127.0.0.1")  # what the document says of itself vouches for nothing
    document = {"issuer": named, "token_endpoint": endpoint}
    options = {"issuer": None, **found}
    if accepted:
        client = OAuth2Client.from_discovery_document(document, **options, client_id="c")
        assert client.token_endpoint == endpoint
    else:
        with pytest.raises(UntrustedEndpointOrigin):
            OAuth2Client.from_discovery_document(document, **options, client_id="c")


def test_a_document_of_the_caller():
    """A document that the caller holds, and says nothing of, is measured by its own issuer."""
    document = {"issuer": "http://localhost:1", "token_endpoint": "http://127.0.0.1:2/t"}
    assert OAuth2Client.from_discovery_document(document, client_id="c").token_endpoint == "http://127.0.0.1:2/t"
    with pytest.raises(UntrustedEndpointOrigin):
        OAuth2Client.from_discovery_document({"token_endpoint": "http://127.0.0.1:2/t"}, client_id="c")


def test_what_the_caller_names_is_not_judged():
    """Keywords win over the document, and are the caller's own word."""
    client = made({"jwks_uri": "http://127.0.0.1:1/k"}, jwks_uri="http://127.0.0.1:2/k")
    assert client.jwks_uri == "http://127.0.0.1:2/k"


def test_testing():
    """With `testing=True` everything goes."""
    assert made({"jwks_uri": "http://169.254.169.254/"}, testing=True).jwks_uri == "http://169.254.169.254/"


@pytest.mark.parametrize(
    ("hosts", "url", "accepted"),
    [
        (["127.0.0.1:6379"], "http://127.0.0.1:6379/k", True),
        (["127.0.0.1"], "http://127.0.0.1/k", True),
        (["127.0.0.1"], "http://127.0.0.1:6379/k", False),
        (["127.0.0.2"], "http://127.0.0.1/k", False),
        (["Keys.Internal"], "https://keys.internal/k", True),
        (["keys.internal"], "https://evil.keys.internal/k", False),
        (["[::1]"], "http://[::1]/k", True),
    ],
)
def test_listed_hosts(hosts, url, accepted):
    """A listed host is allowed wherever it is, at its default port unless another is listed."""
    policy = OriginPolicy(hosts=iter(hosts))
    if accepted:
        assert made({"jwks_uri": url}, origin_policy=policy).jwks_uri == url
    else:
        with pytest.raises(UntrustedEndpointOrigin):
            made({"jwks_uri": url}, origin_policy=policy)


@pytest.mark.parametrize("hosts", ["as.example", ["https://as.example/"], [""], [1]])
def test_unusable_hosts(hosts):
    """A list of hosts is a list of hosts."""
    with pytest.raises(InvalidParam, match="list of host names"):
        OriginPolicy(hosts=hosts)


def test_strict():
    """The strict policy knows the host and port of the issuer, and those that are listed."""
    strict = OriginPolicy(only_hosts_of_issuer_or_listed=True, hosts=["keys.example"])
    assert made({"jwks_uri": "https://keys.example/k"}, origin_policy=strict)
    lookalikes = ("https://as.example.evil.example/k", "https://as.example-evil.example/k", "https://as.exampl/k")
    for url in ("https://other.example/k", "https://as.example:8443/k", "https://10.0.0.1/k", *lookalikes):
        with pytest.raises(UntrustedEndpointOrigin, match="another host than that of the issuer"):
            made({"jwks_uri": url}, origin_policy=strict)


def test_opt_out():
    """The opt-out is long, and lets everything pass that is a URL of an endpoint."""
    policy = OriginPolicy(let_public_servers_name_private_endpoints=True)
    assert made({"jwks_uri": "http://127.0.0.1:1/k"}, origin_policy=policy).jwks_uri == "http://127.0.0.1:1/k"
    with pytest.raises(OAuth2Error, match="must use https"):
        made({"jwks_uri": "http://10.0.0.1/k"}, origin_policy=policy)


def test_policies_are_values():
    """Two policies that allow the same are equal."""
    assert OriginPolicy(hosts=["A"]) == OriginPolicy(hosts=("a",))
    assert hash(OriginPolicy()) == hash(OriginPolicy())


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-fx.:%\[\]]{1,40}", fullmatch=True)))
def test_any_host(host):
    """Whatever stands for a host is somewhere."""
    assert place_of(host) in ("public", "private", "link-local", "loopback")


@given(st.from_regex(r"https?://[\[\]0-9a-z.:%@-]{1,40}/[a-z]{1,5}", fullmatch=True))
def test_any_endpoint(url):
    """Whatever a document names gives a client, or an error of ours."""
    try:
        client = made({"jwks_uri": url})
    except OAuth2Error:
        return
    assert client.jwks_uri == url
