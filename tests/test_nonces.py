"""The memory of nonces: per origin, bounded, safe to share."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_oauth2client.nonces import MAX_ORIGINS, NonceMemory, origin_of, usable_nonce


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.local/things?x=1", "https://api.local:443"),
        ("HTTPS://API.local:443", "https://api.local:443"),
        ("https://api.local:8443/", "https://api.local:8443"),
        ("http://api.local/", "http://api.local:80"),
        ("https://user:secret@api.local/", "https://api.local:443"),
        ("https://[::1]/", "https://::1:443"),
        ("http://a/b@c", "http://a:80"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    """Scheme, host and port; case and default ports make no difference, nor does anything else of a URL."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["https://api.local:port/", "https://[::1/"])
def test_what_is_no_url(url: str) -> None:
    """A URL that cannot be parsed has no origin."""
    with pytest.raises(ValueError, match=r"Port|IPv6"):
        origin_of(url)


@pytest.mark.parametrize("nonce", ["n", "eyJ7S_zG.eyJH0-Z.HX4w-7v", "!#[]~", "x" * 4096])
def test_nonces(nonce: str) -> None:
    """All the characters of RFC 6749 appendix A, NQCHAR."""
    assert usable_nonce(nonce) == nonce


@pytest.mark.parametrize("nonce", [None, "", " ", "a b", 'a"b', "a\\b", "\x7f", "é", "a\n", "x" * 4097])
def test_no_nonces(nonce: str | None) -> None:
    """Anything else is no nonce."""
    assert usable_nonce(nonce) is None


def test_each_origin_has_its_own() -> None:
    """A default stands for all origins until any nonce is known; from then on, each origin has its own or none."""
    memory = NonceMemory()
    assert memory.get("https://a/", "given") == "given"
    memory.put("https://a/x?y", "n1")
    assert memory.get("https://a:443/z", "given") == "n1"
    assert memory.get("https://b/", "given") is None
    memory.put("https://a/", "n2")
    assert memory.get("https://a/", None) == "n2"
    memory.clear()
    assert memory.get("https://a/", "given") == "given"


def test_it_is_bounded() -> None:
    """The origins that were heard least recently are forgotten first."""
    memory = NonceMemory()
    for number in range(MAX_ORIGINS):
        memory.put(f"https://api{number}/", str(number))
    memory.put("https://api0/", "again")
    memory.put("https://one.more/", "n")
    assert memory.get("https://api0/", None) == "again"
    assert memory.get("https://api1/", None) is None
    assert memory.get("https://api2/", None) == "2"


def test_threads_share_it() -> None:
    """However many threads write at once, it stays bounded and answers with what was written."""
    memory = NonceMemory()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: memory.put(f"https://api{i % 150}/", str(i % 150)), range(3000)))
    finally:
        sys.setswitchinterval(interval)
    found = {number: memory.get(f"https://api{number}/", None) for number in range(150)}
    known = {number: nonce for number, nonce in found.items() if nonce is not None}
    assert len(known) == MAX_ORIGINS
    assert all(nonce == str(number) for number, nonce in known.items())


@given(st.lists(st.tuples(st.integers(0, 5), st.text("abc", min_size=1, max_size=3))))
def test_the_last_one_counts(given: list[tuple[int, str]]) -> None:
    """For each origin, what it gave last is remembered."""
    memory = NonceMemory()
    for number, nonce in given:
        memory.put(f"https://api{number}/", nonce)
    for number, nonce in dict(given).items():
        assert memory.get(f"https://api{number}/", None) == nonce
