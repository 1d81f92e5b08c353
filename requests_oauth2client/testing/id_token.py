"""ID Tokens, OIDC Core §2, and how the server signs and encrypts what is for a client."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from jwskate import JweCompact, Jwt, SymmetricJwk

from .http import Refusal
from .keys import encryption_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clients import Client
    from .core import Core
    from .tokens import Grant


def half_hash(value: str, alg: str) -> str:
    """Return the left half of a hash, as in `at_hash`, OIDC Core §3.1.3.6."""
    # EdDSA with Ed25519 hashes with SHA-512
    name = {"256": "sha256", "384": "sha384"}.get(alg[2:5], "sha512")
    digest = hashlib.new(name, value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def sign(server: Core, client: Client, claims: Mapping[str, Any], alg: str) -> str:
    """Sign claims for a client: with its secret for HS256 and its like, with the key of the server otherwise."""
    if alg.startswith("HS"):
        if client.client_secret is None:
            raise Refusal("server_error", f"client '{client.client_id}' has no secret for {alg}", status=500)
        return str(Jwt.sign(dict(claims), SymmetricJwk.from_bytes(client.client_secret.encode()), alg=alg))
    return str(Jwt.sign(dict(claims), server.keys.signing_key(alg)))


def encrypt(client: Client, content: str, alg: str, enc: str, headers: Mapping[str, Any]) -> str:
    """Encrypt something with the public key of a client."""
    key = encryption_key(client.jwks, alg)
    if key is None:
        raise Refusal("server_error", f"client '{client.client_id}' has no key for {alg}", status=500)
    return str(JweCompact.encrypt(content.encode(), key, alg=alg, enc=enc, extra_headers=headers))


def id_token(
    server: Core,
    grant: Grant,
    *,
    access_token: str | None = None,
    refresh_token: str | None = None,
    code: str | None = None,
) -> str:
    """Make an ID Token for a grant, signed and encrypted as its client registered."""
    client = server.clients[grant.client_id]
    claims = id_token_claims(server, grant, access_token=access_token, refresh_token=refresh_token, code=code)
    if server.id_token_maker is not None:
        return server.id_token_maker(claims, client)
    value = sign(server, client, claims, client.id_token_signed_response_alg)
    alg, enc = client.id_token_encrypted_response_alg, client.id_token_encrypted_response_enc
    return value if alg is None else encrypt(client, value, alg, enc, {"cty": "JWT"})


def id_token_claims(
    server: Core, grant: Grant, *, access_token: str | None, refresh_token: str | None, code: str | None
) -> dict[str, Any]:
    """Return the claims, after the changes that `server.id_token_claims` asks for."""
    alg = server.clients[grant.client_id].id_token_signed_response_alg
    now = int(server.clock.now())
    login = grant.login
    claims: dict[str, Any] = {
        "iss": server.issuer,
        "sub": grant.sub,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + server.id_token_lifetime,
        "auth_time": None if login is None else int(login.auth_time),
        "acr": None if login is None else login.acr,
        # once the code is redeemed, the nonce did its work: OIDC Core §12.2
        "nonce": grant.nonce if code is not None else None,
    }
    hashed = {"at_hash": access_token, "c_hash": code, "s_hash": grant.state if code is not None else None}
    for name in server.id_token_hashes:
        value = hashed[name]
        claims[name] = None if value is None else half_hash(value, alg)
    if grant.pushed_for is not None:  # CIBA Core §10.3.1
        claims["urn:openid:params:jwt:claim:auth_req_id"] = grant.pushed_for
        claims["at_hash"] = half_hash(access_token or "", alg)
        if refresh_token is not None:
            claims["urn:openid:params:jwt:claim:rt_hash"] = half_hash(refresh_token, alg)
    changes = server.id_token_claims
    claims = changes(claims) if callable(changes) else {**claims, **changes}
    return {name: value for name, value in claims.items() if value is not None}
