"""Is this access token good for that? RFC 6750 and RFC 9449 §7, for the APIs and the UserInfo endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from .dpop import NonceWanted, check_proof
from .http import Refusal, Response
from .signed_jwt import ASYMMETRIC_ALGS, BadJwt

if TYPE_CHECKING:
    from .core import Core
    from .dpop_nonces import DPoPNonces
    from .http import Request
    from .tokens import AccessToken


class Challenge(Refusal):
    """A refusal by a protected resource: a `WWW-Authenticate` header instead of a JSON body, RFC 6750 §3."""

    def __init__(
        self,
        error: str = "",
        description: str = "",
        *,
        status: int = 401,
        scheme: str = "Bearer",
        **parameters: str,
    ) -> None:
        """Challenge the client. Without `error`, it is only told that it needs a token."""
        super().__init__(error, description, status=status)
        self.scheme = scheme
        self.parameters = {"error": error, "error_description": description, **parameters}

    def response(self) -> Response:
        """Make the response, without a body."""
        parameters = ", ".join(f'{name}="{value}"' for name, value in self.parameters.items() if value)
        challenge = f"{self.scheme} {parameters}".strip()
        return Response(self.status, [("WWW-Authenticate", challenge), ("Cache-Control", "no-store")])


@frozen
class Resource:
    """What is protected, and how."""

    realm: str
    """What it calls itself in challenges."""
    nonces: DPoPNonces
    scope: tuple[str, ...] = ()
    """The scopes that a token must have, all of them."""
    audiences: frozenset[str] | None = None
    """What it calls itself in `resource` and `audience`; `None` to accept tokens for anything."""

    def check(self, server: Core, request: Request) -> AccessToken:
        """Return the access token of a request, if it may do what it wants.

        Raises:
            Challenge: `invalid_token` when it is unknown, expired, revoked, for another resource, or presented by the
                wrong scheme; `insufficient_scope` when it lacks a scope; `invalid_dpop_proof` and `use_dpop_nonce`;
                see also `_presented`.

        """
        scheme, value = self._presented(server, request)
        token = server.active_access_token(value)
        if token is None:
            raise self._challenge(server, scheme, "invalid_token", "the access token is unknown, expired or revoked")
        self._check_binding(server, request, token, scheme)
        if self.audiences is not None and token.audience and not self.audiences & set(token.audience):
            raise self._challenge(server, scheme, "invalid_token", "the access token is for another resource")
        if not set(self.scope) <= set(token.scope):
            scope = " ".join(self.scope)
            description = "the access token lacks a scope"
            raise self._challenge(server, scheme, "insufficient_scope", description, status=403, scope=scope)
        request.client_id = token.grant.client_id
        return token

    def _challenge(
        self, server: Core, scheme: str, error: str = "", description: str = "", *, status: int = 401, scope: str = ""
    ) -> Challenge:
        algs = " ".join(server.dpop_algs or ASYMMETRIC_ALGS) if scheme == "DPoP" else ""
        return Challenge(error, description, status=status, scheme=scheme, realm=self.realm, scope=scope, algs=algs)

    def _presented(self, server: Core, request: Request) -> tuple[str, str]:
        """Return the scheme and the access token, in the header or in the form body (RFC 6750 §2.2).

        Raises:
            Challenge: without `error` when there is none; `invalid_request` when there are several, or one in the URL,
                which ends in logs and histories.

        """
        asked = "DPoP" if server.require_dpop else "Bearer"
        authorization = request.headers.get("Authorization")
        if "access_token" in request.query:
            description = "the URL is no place for an access token"
            raise self._challenge(server, asked, "invalid_request", description, status=400)
        in_form = request.form.get("access_token", []) if request.method == "POST" else []
        if len(in_form) + (authorization is not None) > 1:
            raise self._challenge(server, asked, "invalid_request", "more than one access token", status=400)
        scheme, _, value = (authorization or "").partition(" ")
        if in_form:
            scheme, value = "Bearer", in_form[0]
        known = {"bearer": "Bearer", "dpop": "DPoP"}.get(scheme.lower())
        if known is None or not value.strip():
            raise self._challenge(server, asked)
        return known, value.strip()

    def _check_binding(self, server: Core, request: Request, token: AccessToken, scheme: str) -> None:
        """Check that a token that is bound to a key comes with a proof by that key, and only such a token."""
        if scheme == "Bearer":
            if token.jkt is not None or server.require_dpop:
                raise self._challenge(server, "DPoP", "invalid_token", "the access token needs a proof of possession")
            return
        try:
            thumbprint = check_proof(
                server, request, self.nonces, nonce_required=server.dpop_nonce_rs, access_token=token.value
            )
        except BadJwt as exc:
            raise self._challenge(server, "DPoP", "invalid_dpop_proof", str(exc)) from exc
        except NonceWanted as exc:
            description = "the proof must have the nonce of this response"
            raise self._challenge(server, "DPoP", "use_dpop_nonce", description) from exc
        if thumbprint != token.jkt:
            raise self._challenge(server, "DPoP", "invalid_token", "the access token is not bound to that key")
