"""RFC 7636: code verifiers and challenges."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from requests_oauth2client.enums import CodeChallengeMethods
from requests_oauth2client.exceptions import InvalidCodeVerifierParam, UnsupportedCodeChallengeMethod
from requests_oauth2client.pkce import PkceUtils

VECTOR = json.loads((Path(__file__).parent / "vectors" / "rfc7636-appendix-b.json").read_text("utf-8"))
VERIFIER, CHALLENGE = VECTOR["code_verifier"], VECTOR["code_challenge"]


def test_rfc7636_appendix_b():
    """The challenge of the RFC is derived from the verifier of the RFC."""
    octets = bytes(VECTOR["octets"])
    assert base64.urlsafe_b64encode(octets).rstrip(b"=").decode() == VERIFIER
    assert PkceUtils.derive_challenge(VERIFIER) == CHALLENGE
    assert PkceUtils.derive_challenge(VERIFIER.encode(), VECTOR["code_challenge_method"]) == CHALLENGE
    assert PkceUtils.validate_code_verifier(VERIFIER, CHALLENGE)


def test_new_verifiers():
    """A new verifier has 128 URL-safe characters, and is another each time."""
    verifiers = {PkceUtils.generate_code_verifier() for _ in range(20)}
    assert len(verifiers) == 20
    assert all(re.fullmatch("[A-Za-z0-9_-]{128}", verifier) for verifier in verifiers)


@pytest.mark.parametrize("method", ["S256", "plain", CodeChallengeMethods.S256, CodeChallengeMethods.plain])
def test_new_pairs(method):
    """A new challenge fits its verifier, and no other."""
    verifier, challenge = PkceUtils.generate_code_verifier_and_challenge(method)
    assert PkceUtils.validate_code_verifier(verifier, challenge, method)
    assert not PkceUtils.validate_code_verifier(PkceUtils.generate_code_verifier(), challenge, method)
    assert (verifier == challenge) == (method == "plain")


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "a" * 42,
        "a" * 129,
        "a" * 42 + "+",
        "a" * 43 + "\n",
        "\n" + "a" * 43,
        "é" * 43,
        ("é" * 43).encode(),
        "a" * 43 + "\0",
        None,
        7,
    ],
)
def test_malformed_verifiers(verifier):
    """What RFC 7636 §4.1 does not allow is refused; as an answer to a challenge, it is wrong. The text holds none of it."""
    with pytest.raises(InvalidCodeVerifierParam) as refused:
        PkceUtils.derive_challenge(verifier)
    assert refused.value.code_verifier is verifier
    assert "aaa" not in str(refused.value)
    assert "é" not in str(refused.value)
    assert not PkceUtils.validate_code_verifier(verifier, CHALLENGE)


@pytest.mark.parametrize("verifier", ["a" * 43, "a" * 128, "-._~" + "Z9" * 20])
def test_limits_of_verifiers(verifier):
    """43 and 128 characters are allowed, and all that RFC 7636 §4.1 lists."""
    assert PkceUtils.derive_challenge(verifier, "plain") == verifier


@pytest.mark.parametrize("method", ["", "s256", "S512", None])
def test_unknown_methods(method):
    """Another method is refused, never taken for `plain`."""
    with pytest.raises(UnsupportedCodeChallengeMethod):
        PkceUtils.derive_challenge(VERIFIER, method)
    with pytest.raises(UnsupportedCodeChallengeMethod):
        PkceUtils.validate_code_verifier(VERIFIER, CHALLENGE, method)


@pytest.mark.parametrize("challenge", ["", CHALLENGE[:-1], CHALLENGE + "=", CHALLENGE + "\n", "é" * 43, "\udc80"])
def test_wrong_challenges(challenge):
    """A challenge is compared as a whole, whatever it holds."""
    assert not PkceUtils.validate_code_verifier(VERIFIER, challenge)
