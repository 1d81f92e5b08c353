"""What endpoints and issuers may be."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import InvalidUri, validate_endpoint_uri, validate_issuer_uri
from requests_oauth2client.uris import is_loopback

FLAGS = ("https", "no_credentials", "no_port", "no_fragment", "path")


@pytest.mark.parametrize(
    "uri",
    [
        "https://as.local/token",
        "https://as.local/oauth2/default/v1/token",
        "https://as.local/token/",
        "https://as.local:8443/token",
        "https://as.local/token?tenant=1",
        "https://AS.local/Token",
        "https://[2001:db8::1]/token",
        "https://192.0.2.1/token",
        "https://as.local/a%20b",
        "http://localhost/token",
        "http://localhost:3000/token",
        "http://LOCALHOST/token",
        "http://127.0.0.1:8080/token",
        "http://127.8.9.10/token",
        "http://[::1]:8080/token",
    ],
)
def test_accepted(uri):
    """HTTPS on any host and port, and plain HTTP on this machine, come back unchanged."""
    assert validate_endpoint_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "flags", "problem"),
    [
        ("http://as.local/token", {"https"}, "must use https"),
        ("http://localhost.evil.example/token", {"https"}, "must use https"),
        ("http://127.0.0.1.evil.example/token", {"https"}, "must use https"),
        ("http://2130706433/token", {"https"}, "must use https"),
        ("http://localhost@evil.example/token", {"https", "no_credentials"}, "credentials"),
        ("ftp://as.local/token", {"https"}, "must use https"),
        ("/token", {"https"}, "must use https"),
        ("as.local/token", {"https"}, "must use https"),
        ("https://user@as.local/token", {"no_credentials"}, "credentials"),
        ("https://user:pass@as.local/token", {"no_credentials"}, "credentials"),
        ("https://@as.local/token", {"no_credentials"}, "credentials"),
        ("https://as.local/token#", {"no_fragment"}, "fragment"),
        ("https://as.local/token#here", {"no_fragment"}, "fragment"),
        ("https://as.local", {"path"}, "must include a path"),
        ("https://as.local/", {"path"}, "must include a path"),
        ("https://as.local?a=b", {"path"}, "must include a path"),
        (
            "http://user:pass@as.local/#x",
            {"https", "no_credentials", "no_fragment", "path"},
            "https.*credentials.*fragm",
        ),
        ("https://as.local:99999/token", set(), "not a URL"),
        ("https://as.local:port/token", set(), "not a URL"),
        ("https://[::1/token", set(), "not a URL"),
        ("https:///token", set(), "absolute"),
        ("https:/as.local/token", set(), "absolute"),
        ("https://as.local/to ken", set(), "spaces"),
        (" https://as.local/token", set(), "spaces"),
        ("https://as.local/token\n", set(), "spaces"),
        ("https://as.local/\ttoken", set(), "spaces"),
        ("https://as.local\\@evil.example/token", set(), "others"),
        ("https://as.local/token\u2028", set(), "spaces"),
        ("", {"https", "path"}, "https"),
        (None, set(), "of type NoneType"),
        (b"https://as.local/token", set(), "of type bytes"),
    ],
)
def test_refused(uri, flags, problem):
    """What cannot be an endpoint is refused; each flag tells that this check failed, the message says it in words."""
    with pytest.raises(InvalidUri, match=problem) as caught:
        validate_endpoint_uri(uri)
    assert {flag for flag in FLAGS if getattr(caught.value, flag)} == flags
    assert caught.value.url == (uri if isinstance(uri, str) else str(uri))
    assert len(list(caught.value.errors())) == len(flags)


@pytest.mark.parametrize(
    ("options", "uri"),
    [
        ({"https": False}, "http://as.local/token"),
        ({"no_credentials": False}, "https://user:pass@as.local/token"),
        ({"no_fragment": False}, "https://as.local/token#x"),
        ({"path": False}, "https://as.local"),
        ({"no_port": True}, "https://as.local/token"),
        ({"no_port": True}, "https://as.local:443/token"),
    ],
)
def test_options(options, uri):
    """Each check can be left out, or added."""
    assert validate_endpoint_uri(uri, **options) == uri


def test_no_port():
    """With `no_port`, only the default port will do."""
    with pytest.raises(InvalidUri, match="port") as caught:
        validate_endpoint_uri("https://as.local:8443/token", no_port=True)
    assert caught.value.no_port


def test_other_schemes():
    """Without the `https` check, the scheme is still one of HTTP."""
    with pytest.raises(InvalidUri, match="absolute http"):
        validate_endpoint_uri("ftp://as.local/token", https=False)


@pytest.mark.parametrize("uri", ["https://as.local", "https://as.local/", "https://as.local/t/1", "http://localhost:1"])
def test_issuers(uri):
    """An issuer needs no path."""
    assert validate_issuer_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://as.local", "must use https"),
        ("https://as.local?x=1", "no query"),
        ("https://as.local/t?", "no query"),
        ("https://as.local/#x", "fragment"),
        ("https://u:p@as.local", "credentials"),
        ("as.local", "https"),
    ],
)
def test_refused_issuers(uri, problem):
    """An issuer has neither query nor fragment (RFC 8414 §2)."""
    with pytest.raises(InvalidUri, match=problem):
        validate_issuer_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://user:marked-secret@as.local/",
        "https://as.local/?key=marked-secret",
        "https://as.local/#marked-secret",
        "user:marked-secret@as.local/token",
        "https:/user:marked-secret@as.local/token",
        "https://user:marked-secret\u2100@as.local/token",
        "https://user:marked-secret@[::1/token",
        "https://user:marked secret@as.local/token?a=marked-secret",
    ],
)
def test_no_secret_is_shown(uri):
    """A URL that is refused is shown without user information, query and fragment, in the causes too."""
    with pytest.raises(InvalidUri) as caught:
        validate_endpoint_uri(uri)
    assert "marked" not in "".join(traceback.format_exception(caught.value))
    assert "marked" not in repr(caught.value)


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), (None, False), ("", False),
     ("128.0.0.1", False), ("as.local", False), ("10.0.0.1", False), ("::2", False)],
)  # fmt: skip
def test_loopback(host, here):
    """This machine is `localhost`, 127.0.0.0/8 and ::1 (RFC 8252 §8.3)."""
    assert is_loopback(host) is here


@pytest.mark.parametrize("validate", [validate_endpoint_uri, validate_issuer_uri])
@given(
    st.text(max_size=40)
    | st.builds(
        "".join, st.lists(st.sampled_from([*"https://@:.?#[]%\\", "as", "local", "443", "é", "\u2100"]), max_size=15)
    )
)
@settings(max_examples=300)
def test_a_uri_or_a_typed_error(validate, text):
    """Whatever text comes in, it is returned unchanged or refused by `InvalidUri`."""
    try:
        uri = validate(text)
    except InvalidUri:
        return
    assert uri == text
    assert text.lower().startswith(("https://", "http://"))
