"""`WWW-Authenticate`, as RFC 9110 §11.6.1 has it and as servers write it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from requests_oauth2client.www_authenticate import MAX_LENGTH, Challenge, parse_www_authenticate

VECTORS = Path(__file__).parent / "vectors"


def read(value: str) -> list[tuple[str, str | None, dict[str, str]]]:
    return [(c.scheme, c.token68, c.parameters) for c in parse_www_authenticate(value)]


def test_rfc9449_section_9() -> None:
    """The demand for a nonce, as RFC 9449 prints it."""
    vector = json.loads((VECTORS / "rfc9449-9.json").read_text("utf-8"))
    (challenge,) = parse_www_authenticate(vector["headers"]["WWW-Authenticate"])
    assert challenge.scheme == "dpop"
    assert challenge.get("error") == "use_dpop_nonce"
    assert challenge.get("ERROR_description") == "Resource server requires nonce in DPoP proof"
    assert challenge.get("realm") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer", [("bearer", None, {})]),
        ('Basic realm="simple"', [("basic", None, {"realm": "simple"})]),
        # the two challenges of RFC 9110 §11.6.1
        (
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [
                ("basic", None, {"realm": "simple"}),
                ("newauth", None, {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ],
        ),
        ("Negotiate a87421000492aa874209af8bc028==", [("negotiate", "a87421000492aa874209af8bc028==", {})]),
        ("Negotiate abc=, DPoP a=b", [("negotiate", "abc=", {}), ("dpop", None, {"a": "b"})]),
        ("Negotiate, Bearer", [("negotiate", None, {}), ("bearer", None, {})]),
        ("Digest a=b", [("digest", None, {"a": "b"})]),
        ('DPOP Error = "x" , ALGS\t=\t"ES256 PS256"', [("dpop", None, {"error": "x", "algs": "ES256 PS256"})]),
        ('a b="1,2", c="d, e f=g", h', [("a", None, {"b": "1,2", "c": "d, e f=g"}), ("h", None, {})]),
        (',, ,DPoP a="" ,,b=c,,', [("dpop", None, {"a": "", "b": "c"})]),
        (r'a b="\\\"\,"', [("a", None, {"b": '\\",'})]),
        ("", []),
        (" , ,", []),
    ],
)
def test_the_grammar(value: str, expected: list[tuple[str, str | None, dict[str, str]]]) -> None:
    """Challenges and parameters share their commas, schemes and names have no case, quoted strings have escapes."""
    assert read(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # a parameter that is repeated keeps its first value
        ("DPoP error=a, error=b", [("dpop", None, {"error": "a"})]),
        # without a scheme, a parameter belongs to nobody
        ('error="x", DPoP', [("dpop", None, {})]),
        # URLs that should have been quoted
        ("Bearer resource_metadata=https://a.b/c?d=e", [("bearer", None, {"resource_metadata": "https://a.b/c?d=e"})]),
        # a comma that is missing
        ('DPoP a="b" c="d"', [("dpop", None, {"a": "b", "c": "d"})]),
        ('Bearer DPoP error="x"', [("bearer", None, {}), ("dpop", None, {"error": "x"})]),
        # a quote that is never closed spoils what it is in, up to the next comma
        ('DPoP a="b, Bearer c=d', [("dpop", None, {}), ("bearer", None, {"c": "d"})]),
        ('DPoP a=b"c"', [("dpop", None, {"a": "b"})]),
        ("DPoP x=y, a=, b=c", [("dpop", None, {"x": "y", "b": "c"})]),
        ('"DPoP error=x"', []),
        ("=, (), @, DPoP", [("dpop", None, {})]),
    ],
)
def test_what_servers_write_instead(value: str, expected: list[tuple[str, str | None, dict[str, str]]]) -> None:
    """What can be read is read; what cannot is left out."""
    assert read(value) == expected


def test_several_headers() -> None:
    """Several headers are one list, given one by one or joined as requests does; none is no challenge."""
    assert parse_www_authenticate(["Bearer", 'DPoP a="b"']) == parse_www_authenticate('Bearer, DPoP a="b"')
    assert parse_www_authenticate([]) == parse_www_authenticate(None) == ()


def test_challenges_are_values() -> None:
    """A challenge is frozen, equal by value, and hashable."""
    one, other = Challenge("dpop", None, {"a": "b"}), Challenge("dpop", None, {"a": "b"})
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(AttributeError):
        one.scheme = "bearer"  # type: ignore[misc] - it must fail


TOKENS = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=8)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)


@st.composite
def challenges(draw: st.DrawFn) -> list[Challenge]:
    parameters = st.dictionaries(TOKENS.map(str.lower), TEXTS, max_size=4)
    return [Challenge(draw(TOKENS).lower(), None, draw(parameters)) for _ in range(draw(st.integers(0, 4)))]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(challenges())
def test_what_is_written_is_read(written: list[Challenge]) -> None:
    """Any challenges with any parameters come back from their text."""
    text = ", ".join(
        " ".join([c.scheme, ", ".join(f"{name}={quoted(value)}" for name, value in c.parameters.items())]).strip()
        for c in written
    )
    assert list(parse_www_authenticate(text)) == written


@given(st.text(st.sampled_from('"\\,= \tDPoPerror()@/+~\x00\n'), max_size=60) | st.text())
@example('DPoP error="\\')
@example("\\" * 50)
def test_garbage_is_no_error(text: str) -> None:
    """No text at all makes an exception; what comes out is lower-cased names and texts from the input."""
    for challenge in parse_www_authenticate(text):
        assert challenge.scheme == challenge.scheme.lower()
        assert challenge.scheme in text.lower()
        assert all(name == name.lower() for name in challenge.parameters)


@pytest.mark.parametrize(
    "piece", ['"', '\\"', "a ", 'a="', "a=b,", '"\\",', "a" * 100, "=", "a" + " " * 99, ",", "a=" + '"\\\\' * 9]
)
def test_long_texts_take_no_time(piece: str) -> None:
    """A hostile server cannot keep us busy: what is read is bounded, and each of its forms is read in linear time."""
    started = time.process_time()
    parse_www_authenticate(piece * (10 * MAX_LENGTH // len(piece)))
    assert time.process_time() - started < 1


def test_only_the_beginning_is_read() -> None:
    """What comes after 16 KiB is as good as absent."""
    assert read(f'DPoP a="{"x" * MAX_LENGTH}"') == [("dpop", None, {})]
    assert len(read("a, " * MAX_LENGTH)) <= MAX_LENGTH
