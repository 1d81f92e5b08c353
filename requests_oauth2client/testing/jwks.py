"""The JWKS Endpoint, which publishes the keys of the server: RFC 7517, OIDC Core §10.1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .http import Response

if TYPE_CHECKING:
    from .core import Core
    from .http import Request


def jwks_endpoint(server: Core, _: Request) -> Response:
    """Publish the public keys, with the time for which they may be cached."""
    response = Response.json(jwks(server))
    if server.jwks_max_age is None:
        return response
    caching = ("Cache-Control", f"public, max-age={server.jwks_max_age}")
    return Response(200, (("Content-Type", "application/jwk-set+json"), caching), response.body)


def jwks(server: Core) -> dict[str, Any]:
    """Make the JWK Set: keys for the algorithms that clients registered, RS256 and ES256, and for encryption."""
    algs = dict.fromkeys(["RS256", "ES256"])
    for client in server.clients.values():
        for alg in (client.id_token_signed_response_alg, client.userinfo_signed_response_alg):
            if alg is not None and not alg.startswith("HS"):
                algs[alg] = None
    return {"keys": [*server.keys.public_keys(algs), *server.extra_jwks]}
