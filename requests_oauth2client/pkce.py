"""Proof Key for Code Exchange: whoever redeems a code proves that they asked for it (RFC 7636).

<https://www.rfc-editor.org/rfc/rfc7636>
"""

from __future__ import annotations

import re
from hmac import compare_digest
from secrets import token_urlsafe

from .enums import CodeChallengeMethods
from .exceptions import InvalidCodeVerifierParam, UnsupportedCodeChallengeMethod
from .jose import sha256_b64u


class PkceUtils:
    """Makes, derives and checks code verifiers and challenges."""

    code_verifier_pattern = re.compile(r"[A-Za-z0-9_\-~.]{43,128}\Z")
    """What a code verifier is made of (RFC 7636 §4.1)."""

    @classmethod
    def generate_code_verifier(cls) -> str:
        """Return a new code verifier of 128 characters, from 96 random bytes."""
        return token_urlsafe(96)

    @classmethod
    def derive_challenge(cls, verifier: str | bytes, method: str = CodeChallengeMethods.S256) -> str:
        """Return the challenge that stands for `verifier` in an Authorization Request (RFC 7636 §4.2).

        Raises:
            InvalidCodeVerifierParam: RFC 7636 §4.1 does not allow this verifier.
            UnsupportedCodeChallengeMethod: `method` is neither `S256` nor `plain`.

        """
        text: object = verifier.decode("latin-1") if isinstance(verifier, bytes) else verifier
        if not isinstance(text, str) or not cls.code_verifier_pattern.match(text):
            raise InvalidCodeVerifierParam(verifier)
        if method == CodeChallengeMethods.S256:
            return sha256_b64u(text)
        if method == CodeChallengeMethods.plain:
            return text
        raise UnsupportedCodeChallengeMethod

    @classmethod
    def generate_code_verifier_and_challenge(cls, method: str = CodeChallengeMethods.S256) -> tuple[str, str]:
        """Return a new code verifier and its challenge; see `derive_challenge`."""
        verifier = cls.generate_code_verifier()
        return verifier, cls.derive_challenge(verifier, method)

    @classmethod
    def validate_code_verifier(cls, verifier: str, challenge: str, method: str = CodeChallengeMethods.S256) -> bool:
        """Tell whether `challenge` was derived from `verifier`, as a server does (RFC 7636 §4.6).

        Raises:
            UnsupportedCodeChallengeMethod: `method` is neither `S256` nor `plain`.

        """
        try:
            expected = cls.derive_challenge(verifier, method)
        except InvalidCodeVerifierParam:
            return False
        return compare_digest(expected.encode("ascii"), challenge.encode("utf-8", "surrogatepass"))
