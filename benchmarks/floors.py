"""What is physically needed: the signature, the JSON, the header; with nothing for safety, and nothing for comfort."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from canned import ACCESS_TOKEN, CLIENT_ID, ISSUER
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_CURVE = ec.SECP256R1()


def b64u(data: bytes) -> str:
    """Encode in base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    """Decode base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def part(members: Mapping[str, Any]) -> str:
    """Encode a part of a JWT."""
    return b64u(json.dumps(members, separators=(",", ":")).encode())


def half_hash(text: str) -> str:
    """Return `at_hash`."""
    return b64u(hashlib.sha256(text.encode()).digest()[:16])


def ec_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(_CURVE)


def rsa_key() -> rsa.RSAPrivateKey:
    """Make a key."""
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any) -> dict[str, str]:
    """Return the public JWK of a private key."""
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": b64u(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    return {"kty": "EC", "crv": "P-256", "x": b64u(x), "y": b64u(y)}


def private_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return the private JWK of a key."""
    return {**public_jwk(key), "d": b64u(key.private_numbers().private_value.to_bytes(32, "big"))}


def sign(key: Any, data: bytes) -> bytes:
    """Sign by ES256 or RS256."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), _SHA256)
    r, s = utils.decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(key: Any, signature: bytes, data: bytes) -> None:
    """Verify by ES256 or RS256."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), _SHA256)
        return
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), data, _ECDSA)


def jwt(key: Any, header: str, claims: Mapping[str, Any]) -> str:
    """Sign a JWT; its header is encoded."""
    signed = f"{header}.{part(claims)}"
    return f"{signed}.{b64u(sign(key, signed.encode()))}"


def proof(key: Any, url: str) -> Callable[[], str]:
    """Make DPoP proofs (RFC 9449 §4.2)."""
    header = part({"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(key)})
    ath = b64u(hashlib.sha256(ACCESS_TOKEN.encode()).digest())

    def make() -> str:
        claims = {"jti": str(uuid.uuid4()), "htm": "GET", "htu": url, "iat": int(time.time()), "ath": ath}
        return jwt(key, header, claims)

    return make


def assertion(key: Any, audience: str) -> Callable[[], str]:
    """Make client assertions (RFC 7523 §3)."""
    header = part({"alg": "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256", "kid": "a-key"})

    def make() -> str:
        now = int(time.time())
        who = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": audience}
        return jwt(key, header, {**who, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())})

    return make


def id_token(key: Any, nonce: str) -> str:
    """Make an ID Token, as a server would."""
    now = int(time.time())
    alg = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    times = {"iat": now, "exp": now + 86400, "auth_time": now}
    claims = {"iss": ISSUER, "sub": "alice", "aud": CLIENT_ID, "nonce": nonce, "at_hash": half_hash(ACCESS_TOKEN)}
    return jwt(key, part({"alg": alg, "kid": "a-key"}), {**claims, **times, "name": "Alice"})


def validation(key: Any, token: str, nonce: str) -> Callable[[], dict[str, Any]]:
    """Validate an ID Token: its signature, and the five claims that nobody may leave out."""
    keys = {"a-key": key.public_key()}

    def validate() -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        verify(keys[json.loads(unb64u(header))["kid"]], unb64u(signature), signed.encode())
        claims: dict[str, Any] = json.loads(unb64u(payload))
        right = claims["iss"] == ISSUER and claims["aud"] == CLIENT_ID and claims["nonce"] == nonce
        if not right or claims["exp"] < time.time() or claims["at_hash"] != half_hash(ACCESS_TOKEN):
            raise ValueError
        return claims

    return validate


def authorization_url(endpoint: str, redirect_uri: str) -> str:
    """Make the URL of an Authorization Request with PKCE."""
    verifier, state, nonce = (b64u(uuid.uuid4().bytes * 4) for _ in range(3))
    challenge = b64u(hashlib.sha256(verifier.encode()).digest())
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    who = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": redirect_uri, "scope": "openid email"}
    return f"{endpoint}?{urlencode({**who, **pkce, 'state': state, 'nonce': nonce})}"


def callback_code(callback: str, state: str) -> str:
    """Take the code out of a callback."""
    parameters = {name: value for name, (value,) in parse_qs(urlsplit(callback).query).items()}
    if "error" in parameters or parameters["state"] != state or parameters["iss"] != ISSUER:
        raise ValueError
    return parameters["code"]


class Token:
    """A token that knows its expiry, and nothing else."""

    __slots__ = ("access_token", "expires_at", "scope")

    def __init__(self, access_token: str, expires_in: int, scope: str) -> None:
        """Keep it."""
        self.access_token, self.expires_at, self.scope = access_token, time.time() + expires_in, scope
