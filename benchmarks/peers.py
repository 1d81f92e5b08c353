"""The same work by other libraries. Each function makes a case, or raises `ImportError` where one is missing."""

from __future__ import annotations

import time
import uuid
import warnings
from typing import TYPE_CHECKING, Any

from canned import ACCESS_TOKEN, CLIENT_ID, ISSUER, SECRET, TOKEN, TOKEN_ENDPOINT, answering
from floors import private_jwk, public_jwk

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    Case = Callable[[], object]

warnings.filterwarnings("ignore", module="authlib")


def _held() -> dict[str, Any]:
    return {**TOKEN, "expires_at": int(time.time()) + 3600}


# ---------------------------------------------------------------- headers


def authlib_header(request: requests.PreparedRequest) -> Case:
    """Add a token."""
    from authlib.integrations.requests_client import OAuth2Session

    auth = OAuth2Session(CLIENT_ID, SECRET, token=_held()).token_auth
    return lambda: auth(request)


def oauthlib_header(request: requests.PreparedRequest) -> Case:
    """Add a token."""
    from oauthlib.oauth2 import BackendApplicationClient

    client = BackendApplicationClient(CLIENT_ID, token=_held())
    return lambda: client.add_token(request.url, http_method="GET", headers=request.headers)


def google_header(request: requests.PreparedRequest) -> Case:
    """Add a token."""
    from google.auth.transport.requests import Request
    from google.oauth2.credentials import Credentials

    credentials, transport = Credentials(ACCESS_TOKEN), Request(answering(TOKEN))
    return lambda: credentials.before_request(transport, "GET", request.url, request.headers)


# ---------------------------------------------------------------- calls of an API


def authlib_call(url: str) -> Case:
    """Call an API."""
    from authlib.integrations.requests_client import OAuth2Session

    session = answering({}, OAuth2Session(CLIENT_ID, SECRET, token=_held()))
    return lambda: session.get(url)


def oauthlib_call(url: str) -> Case:
    """Call an API."""
    from requests_oauthlib import OAuth2Session

    session = answering({}, OAuth2Session(CLIENT_ID, token=_held()))
    return lambda: session.get(url)


def google_call(url: str) -> Case:
    """Call an API."""
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    session = answering({}, AuthorizedSession(Credentials(ACCESS_TOKEN)))
    return lambda: session.get(url)


# ---------------------------------------------------------------- tokens by client credentials


def authlib_token() -> Case:
    """Get a token."""
    from authlib.integrations.requests_client import OAuth2Session

    session = answering(TOKEN, OAuth2Session(CLIENT_ID, SECRET, scope="read"))
    return lambda: session.fetch_token(TOKEN_ENDPOINT, grant_type="client_credentials")


def oauthlib_token() -> Case:
    """Get a token."""
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    session = answering(TOKEN, OAuth2Session(client=BackendApplicationClient(CLIENT_ID)))
    return lambda: session.fetch_token(TOKEN_ENDPOINT, client_id=CLIENT_ID, client_secret=SECRET)


# ---------------------------------------------------------------- signatures


def pyjwt_proof(key: Any, url: str) -> Case:
    """Make a DPoP proof."""
    import jwt

    header = {"typ": "dpop+jwt", "jwk": public_jwk(key)}
    return lambda: jwt.encode(_proof_claims(url), key, algorithm="ES256", headers=header)


def joserfc_proof(key: Any, url: str) -> Case:
    """Make a DPoP proof."""
    from joserfc import jwk, jwt

    header, signer = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(key)}, jwk.import_key(private_jwk(key))
    return lambda: jwt.encode(header, _proof_claims(url), signer, algorithms=["ES256"])


def _proof_claims(url: str) -> dict[str, Any]:
    return {"jti": str(uuid.uuid4()), "htm": "GET", "htu": url, "iat": int(time.time()), "ath": "x" * 43}


def pyjwt_id_token(key: Any, token: str, alg: str) -> Case:
    """Validate an ID Token, but for its nonce and `at_hash`, which PyJWT does not know."""
    import jwt

    public = key.public_key()
    return lambda: jwt.decode(token, public, algorithms=[alg], audience=CLIENT_ID, issuer=ISSUER)


def joserfc_id_token(key: Any, token: str, alg: str, nonce: str) -> Case:
    """Validate an ID Token, but for its `at_hash`, which joserfc does not know."""
    from joserfc import jwk, jwt

    keys = jwk.KeySet.import_key_set({"keys": [{**public_jwk(key), "kid": "a-key"}]})
    values = {"iss": ISSUER, "aud": CLIENT_ID, "nonce": nonce}
    wanted = {name: {"essential": True, "value": value} for name, value in values.items()}
    registry = jwt.JWTClaimsRegistry(**wanted)
    return lambda: registry.validate(jwt.decode(token, keys, algorithms=[alg]).claims)


# ---------------------------------------------------------------- logins


def authlib_login(endpoint: str, redirect_uri: str) -> Case:
    """Make the URL of an Authorization Request."""
    from authlib.integrations.requests_client import OAuth2Session

    session = OAuth2Session(CLIENT_ID, redirect_uri=redirect_uri, scope="openid email", code_challenge_method="S256")
    return lambda: session.create_authorization_url(endpoint, code_verifier="v" * 128, nonce=uuid.uuid4().hex)


def oauthlib_login(endpoint: str, redirect_uri: str) -> Case:
    """Make the URL of an Authorization Request."""
    from requests_oauthlib import OAuth2Session

    session = OAuth2Session(CLIENT_ID, redirect_uri=redirect_uri, scope=["openid", "email"], pkce="S256")
    return lambda: session.authorization_url(endpoint, nonce=uuid.uuid4().hex)
