"""Who may talk to the Authorization Server of these tests: its keys, its users, its clients."""

from __future__ import annotations

from typing import Any

from jwskate import Jwk

CALLBACK = "https://app.example/callback"
NATIVE_CALLBACK = "http://127.0.0.1/callback"  # any port: RFC 8252 §7.3
PING_CALLBACK = "https://app.example/ciba-ping"

RESOURCES = {
    "opaque": {"id": "https://opaque.api.example/", "format": "opaque"},
    "jwt": {"id": "https://jwt.api.example/", "format": "jwt"},
}
USERS = {
    "alice": {
        "password": "in wonderland",
        "user_code": "1234",
        "claims": {"name": "Alice Liddell", "email": "alice@example.com", "email_verified": True},
    },
    "bob": {
        "password": "the builder",
        "user_code": "4321",
        "claims": {"name": "Bob", "email": "bob@example.com", "email_verified": False},
    },
}
GRANTS = [
    "client_credentials",
    "authorization_code",
    "refresh_token",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
]
SECRET = "5uKw3-a_secret~of.forty-three.characters_9Qx"
SIGNING = ("ES256", "RS256", "PS256", "EdDSA")
ENCRYPTION = ("RSA-OAEP-256", "ECDH-ES")
EVERY_METHOD = ["basic", "basic-encoded", "post", "secret-jwt", *(f"key-{alg}" for alg in SIGNING), "public"]
"""The clients that have nothing of their own but how they authenticate."""


def generate(alg: str) -> Jwk:
    """Return a private key for `alg`, with its thumbprint as `kid` and its `use`."""
    params = {"key_size": 2048} if alg.startswith(("RS", "PS")) else {"crv": "P-256"} if alg == "ECDH-ES" else {}
    use = "enc" if alg in ENCRYPTION else "sig"
    return Jwk.generate(alg=alg, use=use, **params).with_kid_thumbprint()


def key_set(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"keys": [dict(Jwk(key).public_jwk()) for key in keys]}


def server_keys() -> dict[str, Any]:
    """Make the private keys of the Authorization Server; its RSA key names no `alg` and serves RS256 and PS256."""
    rsa = dict(generate("RS256"))
    del rsa["alg"]
    return {"keys": [rsa, *(dict(generate(alg)) for alg in ("ES256", "EdDSA", *ENCRYPTION))]}


def registrations() -> dict[str, dict[str, Any]]:
    """Describe every client: RFC 7591 metadata under the name that a test asks for, with the private keys beside it.

    `private_jwk` signs (assertions, request objects), `decryption_jwk` opens what was encrypted to the client.
    Unless a row says otherwise, a client authenticates with `client_secret_basic` and may use every grant.
    """
    signing = {alg: dict(generate(alg)) for alg in SIGNING}
    decryption = {alg: dict(generate(alg)) for alg in ENCRYPTION}
    keyed = {"token_endpoint_auth_method": "private_key_jwt"}
    rows: dict[str, dict[str, Any]] = {
        # Client authentication
        "basic": {},
        "basic-encoded": {"client_id": "50% more: you+me & co", "client_secret": f"a:b%c&d+e f=g/{SECRET}"},
        "post": {"token_endpoint_auth_method": "client_secret_post"},
        "secret-jwt": {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS256"},
        **{
            f"key-{alg}": {**keyed, "token_endpoint_auth_signing_alg": alg, "private_jwk": signing[alg]}
            for alg in SIGNING
        },
        "public": {"token_endpoint_auth_method": "none"},
        # Tokens
        "brief": {"access_token_ttl": 3},
        "narrow": {"scope": "openid read"},
        # ID Tokens
        **{f"id-{alg}": {"id_token_signed_response_alg": alg} for alg in (*SIGNING, "HS256")},
        "id-RSA-OAEP-256": {
            "id_token_encrypted_response_alg": "RSA-OAEP-256",
            "decryption_jwk": decryption["RSA-OAEP-256"],
        },
        "id-ECDH-ES": {
            "id_token_signed_response_alg": "ES256",
            "id_token_encrypted_response_alg": "ECDH-ES",
            "id_token_encrypted_response_enc": "A256GCM",
            "decryption_jwk": decryption["ECDH-ES"],
        },
        # UserInfo
        "userinfo-signed": {"userinfo_signed_response_alg": "ES256"},
        "userinfo-encrypted": {
            "id_token_encrypted_response_alg": "ECDH-ES",
            "userinfo_signed_response_alg": "RS256",
            "userinfo_encrypted_response_alg": "ECDH-ES",
            "decryption_jwk": decryption["ECDH-ES"],
        },
        # Authorization requests
        "jar": {
            "request_object_signing_alg": "ES256",
            "require_signed_request_object": True,
            "private_jwk": signing["ES256"],
        },
        "par": {"require_pushed_authorization_requests": True},
        "native": {
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "redirect_uris": [NATIVE_CALLBACK],
        },
        # Proof of possession
        "dpop": {"dpop_bound_access_tokens": True},
        "dpop-nonce": {"dpop_bound_access_tokens": True, "dpop_nonce_required": True},
        "dpop-public": {"token_endpoint_auth_method": "none", "dpop_bound_access_tokens": True},
        # Decoupled
        "brief-device": {"device_code_ttl": 1},
        "ciba-signed": {
            "backchannel_authentication_request_signing_alg": "ES256",
            "private_jwk": signing["ES256"],
        },
        "ciba-ping": {
            "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": PING_CALLBACK,
        },
    }
    return {name: complete(name, row) for name, row in rows.items()}


def complete(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Fill in what most clients share."""
    client = {
        "client_id": name,
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": GRANTS,
        "response_types": ["code"],
        "redirect_uris": [CALLBACK],
        "backchannel_token_delivery_mode": "poll",
        **row,
    }
    if client["token_endpoint_auth_method"].startswith("client_secret"):
        client.setdefault("client_secret", f"{SECRET}.{name}")
    keys = [client[kind] for kind in ("private_jwk", "decryption_jwk") if kind in client]
    if keys:
        client["jwks"] = key_set(*keys)
    return client


def metadata(client: dict[str, Any]) -> dict[str, Any]:
    """Return what the Authorization Server may know of a client: all but its private keys."""
    return {name: value for name, value in client.items() if name not in {"private_jwk", "decryption_jwk"}}
