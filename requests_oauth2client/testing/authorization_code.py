"""Authorization codes, and the grant that redeems them: RFC 6749 §4.1.3, RFC 7636 §4.6."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

from .http import Refusal
from .token_requests import token_response
from .tokens import AuthorizationCode, Grant

if TYPE_CHECKING:
    from .core import Core
    from .pending import CheckedRequest
    from .token_requests import TokenRequest
    from .tokens import Login


def new_code(server: Core, asked: CheckedRequest, login: Login) -> str:
    """Issue a code for a request that its user approved."""
    grant = Grant(
        client_id=asked.client.client_id,
        scope=asked.scope,
        audience=asked.audience,
        user=login.user,
        login=login,
        nonce=asked.nonce,
        state=asked.state,
    )
    code = AuthorizationCode(
        value=secrets.token_urlsafe(32),
        grant=grant,
        redirect_uri=asked.redirect_uri if asked.redirect_uri_sent else None,
        code_challenge=asked.code_challenge,
        code_challenge_method=asked.code_challenge_method,
        dpop_jkt=asked.dpop_jkt,
        expires_at=server.clock.now() + server.authorization_code_lifetime,
    )
    server.codes[code.value] = code
    return code.value


def authorization_code(asked: TokenRequest) -> dict[str, Any]:
    """Redeem a code, once. Its second use revokes all that came from it, RFC 6749 §4.1.2."""
    server, form = asked.server, asked.form
    code = server.codes.get(form.required("code"))
    if code is None or code.grant.client_id != asked.client.client_id:
        raise Refusal("invalid_grant", "unknown code")
    if code.used:
        code.grant.revoked = True
        server.code_replays += 1
        raise Refusal("invalid_grant", "the code was used before: all its tokens are revoked")
    if code.expires_at <= server.clock.now():
        raise Refusal("invalid_grant", "the code is expired")
    if code.redirect_uri is not None and form.get("redirect_uri") != code.redirect_uri:
        raise Refusal("invalid_grant", "'redirect_uri' is not that of the authorization request")
    if code.dpop_jkt is not None and code.dpop_jkt != asked.jkt:
        raise Refusal("invalid_grant", "the code is bound to another key")
    _check_verifier(code, form.get("code_verifier"))
    code.used = True
    return token_response(asked, code.grant, code=code.value)


def _check_verifier(code: AuthorizationCode, verifier: str | None) -> None:
    if code.code_challenge is None:
        if verifier is not None:  # someone removed the challenge from the request: RFC 9700 §4.8.2
            raise Refusal("invalid_grant", "'code_verifier' without 'code_challenge' in the authorization request")
        return
    if verifier is None:
        raise Refusal("invalid_grant", "'code_verifier' is missing")
    challenge = verifier
    if code.code_challenge_method == "S256":
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    if not hmac.compare_digest(challenge.encode(), code.code_challenge.encode()):
        raise Refusal("invalid_grant", "'code_verifier' does not match 'code_challenge'")
