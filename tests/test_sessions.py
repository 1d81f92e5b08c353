"""A session that remembers proxies gives what `requests` gives, and asks less."""

from __future__ import annotations

import copy
import pickle

import pytest
import requests

from requests_oauth2client import ApiClient, ProxyRememberingSession, sessions

URL = "https://api.local/v1/users"

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No proxies, and no memory of any."""
    for name in (*NAMES, *(name.upper() for name in NAMES), "REQUEST_METHOD", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    sessions._proxies.cache_clear()
    return monkeypatch


@pytest.fixture
def lookups(monkeypatch):
    """The URLs whose proxies were worked out."""
    urls = []

    def get_environ_proxies(url, no_proxy):
        urls.append(url)
        return requests.utils.get_environ_proxies(url, no_proxy=no_proxy)

    monkeypatch.setattr(sessions, "get_environ_proxies", get_environ_proxies)
    return urls


def settings(session, url=URL, proxies=(), stream=None, verify=None, cert=None):
    """Return what `Session.request` would send with."""
    merged = session.merge_environment_settings(url, dict(proxies), stream, verify, cert)
    return {name: dict(value) if name == "proxies" else value for name, value in merged.items()}


def plain(session):
    """Return a `requests.Session` with the same settings."""
    other = requests.Session()
    for name in ("proxies", "stream", "verify", "cert", "trust_env"):
        setattr(other, name, getattr(session, name))
    return other


ATTRIBUTES = [
    {},
    {"proxies": {"https": "http://session.local", "http": None}},
    {"proxies": None},
    {"verify": False, "stream": True, "cert": "/cert.pem"},
    {"trust_env": False},
]
"""What may be set on a session."""

CALLS = [
    {},
    {"url": "http://api.local"},
    {"url": "https://api.local:8443/?a=//b"},
    {"url": "https://user:secret@api.local/"},
    {"proxies": {"https": "http://call.local"}},
    {"proxies": {"no_proxy": "api.local"}},
    {"verify": False, "stream": True, "cert": "/other.pem"},
    {"verify": True},
    {"verify": "/call.pem"},
]
"""What a call may say."""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"https_proxy": "http://proxy.local:3128"},
        {"HTTPS_PROXY": "http://proxy.local:3128"},
        {"all_proxy": "socks5://proxy.local", "http_proxy": "http://other.local"},
        {"https_proxy": "http://proxy.local", "no_proxy": "api.local"},
        {"https_proxy": "http://proxy.local", "NO_PROXY": "*"},
        {"https_proxy": "http://proxy.local", "no_proxy": "api.local:8443"},
        {"HTTP_PROXY": "http://proxy.local", "REQUEST_METHOD": "GET"},
        {"REQUESTS_CA_BUNDLE": "/requests.pem", "CURL_CA_BUNDLE": "/curl.pem"},
        {"CURL_CA_BUNDLE": "/curl.pem"},
    ],
    ids=" ".join,
)
def test_it_gives_what_requests_gives(environment, variables):
    """Whatever the environment, the session and the call say, the settings are those of `requests`, twice."""
    for name, value in variables.items():
        environment.setenv(name, value)
    for attributes in ATTRIBUTES:
        session = ProxyRememberingSession()
        for name, value in attributes.items():
            setattr(session, name, value)
        for call in CALLS:
            expected = settings(plain(session), **call)
            assert settings(session, **call) == expected, (attributes, call)
            assert settings(session, **call) == expected, (attributes, call)


def test_no_proxies_at_all():
    """`None` for the proxies of a call means what it means to `requests`."""
    session = ProxyRememberingSession()
    arguments = (URL, None, None, None, None)
    assert session.merge_environment_settings(*arguments) == plain(session).merge_environment_settings(*arguments)


def test_proxies_are_worked_out_once(lookups):
    """All calls to one origin share one lookup, also those of other sessions."""
    first, second = ProxyRememberingSession(), ProxyRememberingSession()
    for path in range(10):
        settings(first, f"{URL}/{path}")
        settings(second, f"{URL}?page={path}")
    assert lookups == ["https://api.local"]


def test_each_origin_has_its_own(lookups):
    """Scheme, host and port make the difference."""
    session = ProxyRememberingSession()
    urls = ["https://api.local/a", "http://api.local/a", "https://api.local:8443/a", "https://other.local/a"]
    for url in urls * 2:
        settings(session, url)
    assert lookups == [url.removesuffix("/a") for url in urls]


@pytest.mark.parametrize("name", [*NAMES, *(name.upper() for name in NAMES)])
def test_a_change_of_a_variable_counts_at_once(environment, lookups, name):
    """A variable that is set, changed or deleted is seen by the next call."""
    session = ProxyRememberingSession()
    for value in ("http://one.local", "http://two.local", None):
        settings(session)
        if value is None:
            environment.delenv(name)
        else:
            environment.setenv(name, value)
        assert settings(session) == settings(plain(session))
    assert lookups


def test_all_else_counts_within_a_minute(environment, lookups):
    """What is not watched, such as system settings, is looked up again when the time is over."""
    now = 1000 * sessions.REMEMBERED_FOR
    environment.setattr(sessions, "monotonic", lambda: now)
    session = ProxyRememberingSession()
    settings(session)
    now += sessions.REMEMBERED_FOR - 1
    settings(session)
    assert len(lookups) == 1
    now += 1
    settings(session)
    assert len(lookups) == 2


def test_what_is_returned_is_not_what_is_remembered(environment):
    """Whoever changes the settings of one request does not change those of the next."""
    environment.setenv("https_proxy", "http://proxy.local")
    session = ProxyRememberingSession()
    session.proxies = None
    session.merge_environment_settings(URL, {}, None, None, None)["proxies"].clear()
    assert settings(session)["proxies"] == {"https": "http://proxy.local"}


def test_credentials_are_not_remembered(lookups):
    """A URL with a password is worked out by `requests`, and kept nowhere."""
    settings(ProxyRememberingSession(), "https://user:secret@api.local/")
    assert lookups == []
    assert sessions._proxies.cache_info().currsize == 0


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies(lookups, again):
    """It can be copied and pickled, as other sessions can."""
    session = again(ProxyRememberingSession())
    assert settings(session) == settings(requests.Session())
    assert lookups == ["https://api.local"]


def test_with_an_api_client(environment, lookups):
    """It sends the calls of an `ApiClient`, and still looks for the proxy of each host."""
    session = ProxyRememberingSession()
    sent = []

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            sent.append((request.url, dict(kwargs["proxies"])))
            response = requests.Response()
            response.status_code, response.request, response.url = 200, request, request.url
            response._content = b""
            return response

        def close(self):
            pass

    session.mount("https://", Adapter())
    client = ApiClient("https://api.local/v1", session=session)
    client.get("users")
    environment.setenv("https_proxy", "http://proxy.local")
    client.get("users")
    assert sent == [(URL, {}), (URL, {"https": "http://proxy.local"})]
    assert len(lookups) == 2
