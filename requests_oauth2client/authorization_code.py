"""The authorization code grant: ask the user, redeem the code (RFC 6749 §4.1), push the request before (RFC 9126).

<https://www.rfc-editor.org/rfc/rfc6749#section-4.1> <https://www.rfc-editor.org/rfc/rfc9126>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .authorization_request import (
    AuthorizationRequest,
    RequestParameterAuthorizationRequest,
    RequestUriParameterAuthorizationRequest,
)
from .authorization_response import AuthorizationResponse
from .endpoint import request_options
from .enums import Endpoints, GrantTypes, ResponseTypes
from .exceptions import InvalidParam, InvalidPushedAuthorizationResponse, MissingIdToken, UnknownTokenEndpointError
from .hidden import hidden
from .lifetime import seconds
from .strict_json import loads_object
from .token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import EllipsisType

    import requests
    from jwskate import Jwk

    from .authorization_request import BaseAuthorizationRequest
    from .client_authentication import PrivateKey
    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs
    from .jwks import VerificationKeys
    from .scopes import Scope
    from .tokens import BearerToken


class AuthorizationCode(TokenEndpoint):
    """Sends the user to the Authorization Endpoint, and redeems the code that comes back."""

    __slots__ = ()

    if TYPE_CHECKING:
        redirect_uri: str | None
        code_challenge_method: str | None
        authorization_response_iss_parameter_supported: bool
        require_pushed_authorization_requests: bool
        require_signed_request_object: bool

        id_token_signed_response_alg: str | None
        id_token_encrypted_response_alg: str | None
        id_token_decryption_key: Jwk | None

        @property
        def client_id(self) -> str: ...  # noqa: D102 - told in `OAuth2Client`
        @property
        def client_secret(self) -> str | None: ...  # noqa: D102 - told in `OAuth2Client`
        @property
        def verification_keys(self) -> VerificationKeys: ...  # noqa: D102 - told in `OAuth2Client`

    def authorization_request(
        self,
        *,
        scope: Scope = "openid",
        response_type: str = ResponseTypes.CODE.value,
        redirect_uri: str | None = None,
        state: str | EllipsisType | None = ...,
        nonce: str | EllipsisType | None = ...,
        code_verifier: str | None = None,
        code_challenge_method: str | EllipsisType | None = ...,
        acr_values: str | Iterable[str] | None = None,
        max_age: int | None = None,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        dpop_alg: str | None = None,
        **kwargs: Any,
    ) -> AuthorizationRequest:
        """Make a request for an authorization code; nothing is sent.

        Args:
            scope: scopes to ask for, as `"openid email"` or one by one.
            response_type: only `code`.
            redirect_uri: where the user comes back; by default that of the client.
            state: see `AuthorizationRequest`.
            nonce: see `AuthorizationRequest`.
            code_verifier: see `AuthorizationRequest`.
            code_challenge_method: how PKCE is done, `None` for without; by default as the client says.
            acr_values: see `AuthorizationRequest`.
            max_age: see `AuthorizationRequest`.
            dpop: bind code and token to a key (RFC 9449 §10); `None` for `dpop_bound_access_tokens` of the client.
            dpop_key: the key to bind them to, which implies `dpop`; by default a new one.
            dpop_alg: algorithm of the new key; by default that of the client.
            **kwargs: further parameters, see `AuthorizationRequest`.

        Raises:
            MissingEndpointUri: the client does not know the Authorization Endpoint.

        """
        if dpop_key is None and (self.dpop_bound_access_tokens if dpop is None else dpop):
            dpop_key = self.dpop_key_generator(dpop_alg or self.dpop_alg)
        known = {
            "issuer": self.issuer,
            "authorization_response_iss_parameter_supported": self.authorization_response_iss_parameter_supported,
        }
        return AuthorizationRequest(
            self._uri(Endpoints.AUTHORIZATION.value),
            client_id=self.client_id,
            redirect_uri=self.redirect_uri if redirect_uri is None else redirect_uri,
            scope=scope,
            response_type=response_type,
            state=state,
            nonce=nonce,
            code_verifier=code_verifier,
            code_challenge_method=self.code_challenge_method if code_challenge_method is ... else code_challenge_method,
            acr_values=acr_values,
            max_age=max_age,
            dpop_key=dpop_key,
            **{**known, **kwargs},
        )

    def start_authorization(
        self,
        *,
        sign_jwk: PrivateKey | None = None,
        enc_jwk: Jwk | Mapping[str, Any] | None = None,
        lifetime: int = 300,
        push: bool | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **request_kwargs: Any,
    ) -> BaseAuthorizationRequest:
        """Make an Authorization Request in the form that this server wants, ready for the user.

        Whatever the form, send the user to its `uri`, and give what comes back to its `validate_callback`.

        Args:
            sign_jwk: private key to sign the request with (RFC 9101); the JWT is addressed to the issuer.
            enc_jwk: public key of the server, to encrypt the signed request with.
            lifetime: seconds until the signed request expires.
            push: send the request to the server before (RFC 9126); `None` for when the server requires it.
            requests_kwargs: further arguments of `requests.Session.request`, when it is pushed.
            **request_kwargs: see `authorization_request`.

        Raises:
            InvalidParam: the server wants signed requests, and there is no `sign_jwk`; or an issuer is needed to sign.
            OAuth2Error: see `pushed_authorization_request`.

        """
        made = self.authorization_request(**request_kwargs)
        request: BaseAuthorizationRequest = made
        if sign_jwk is not None:
            request = self._signed(made, sign_jwk, enc_jwk, lifetime)
        elif enc_jwk is not None or self.require_signed_request_object:
            msg = "A signed Authorization Request is needed here: pass `sign_jwk=`, the private key of this client."
            raise InvalidParam(msg)
        if self.require_pushed_authorization_requests if push is None else push:
            return self.pushed_authorization_request(request, requests_kwargs)
        return request

    def _signed(
        self,
        request: AuthorizationRequest,
        sign_jwk: PrivateKey,
        enc_jwk: Jwk | Mapping[str, Any] | None,
        lifetime: int,
    ) -> RequestParameterAuthorizationRequest:
        if self.issuer is None:
            msg = "A signed Authorization Request is addressed to the issuer: pass `issuer=` to the client."
            raise InvalidParam(msg)
        # OIDC Core §6.1 wants these in the query too; servers that follow RFC 9101 §6.3 ignore them there
        beside: dict[str, Any] = {
            "response_type": request.response_type,
            "scope": request.scope and " ".join(request.scope),
        }
        if enc_jwk is None:
            return request.sign(sign_jwk, lifetime=lifetime, aud=self.issuer, **beside)
        return request.sign_and_encrypt(sign_jwk, enc_jwk, lifetime=lifetime, aud=self.issuer, **beside)

    # ------------------------------------------------------------ pushed requests

    def pushed_authorization_request(
        self,
        authorization_request: BaseAuthorizationRequest,
        requests_kwargs: RequestsKwargs | None = None,
    ) -> RequestUriParameterAuthorizationRequest:
        """Send an Authorization Request to the server, and return the reference which stands for it (RFC 9126 §2).

        Args:
            authorization_request: the request, plain or signed.
            requests_kwargs: further arguments of `requests.Session.request`.

        Raises:
            MissingEndpointUri: the client does not know the Pushed Authorization Request Endpoint.
            EndpointError: the server refused; the class depends on the error code.
            InvalidPushedAuthorizationResponse: the answer is neither a reference nor a standard error.
            TransportError: no usable answer came.

        """
        if isinstance(authorization_request, AuthorizationRequest):
            stands_for: AuthorizationRequest | None = authorization_request
            data: dict[str, Any] = authorization_request.args
        elif isinstance(authorization_request, RequestParameterAuthorizationRequest):
            stands_for = authorization_request.authorization_request
            # and nothing beside, RFC 9126 §3
            data = {"client_id": authorization_request.client_id, "request": str(authorization_request.request)}
        else:
            kind = type(authorization_request).__name__
            msg = f"A {kind} cannot be pushed: pass an AuthorizationRequest, plain or signed."
            raise InvalidParam(msg)
        pushed = self._request(
            Endpoints.PUSHED_AUTHORIZATION_REQUEST.value,
            data=data,
            on_success=self.parse_pushed_authorization_response,
            on_failure=self.on_pushed_authorization_request_error,
            dpop_key=authorization_request.dpop_key,
            requests_kwargs=requests_kwargs,
        )
        made_by_us = isinstance(pushed, RequestUriParameterAuthorizationRequest)
        return pushed.standing_for(stands_for) if made_by_us else pushed  # what a hook made is the result

    def parse_pushed_authorization_response(
        self, response: requests.Response, *, dpop_key: DPoPKey | None = None
    ) -> RequestUriParameterAuthorizationRequest:
        """Return the reference in a 2xx answer of the Pushed Authorization Request Endpoint (RFC 9126 §2.2).

        Raises:
            InvalidPushedAuthorizationResponse: it has no usable `request_uri` and `expires_in`.

        """
        try:
            members = loads_object(response.content)
        except ValueError as exc:
            raise InvalidPushedAuthorizationResponse(response=response, description=str(exc)) from exc
        if "request_uri" not in members:
            return self.on_pushed_authorization_request_error(response, dpop_key=dpop_key)
        request_uri, expires_in = members["request_uri"], seconds(members.get("expires_in"))
        problem = None
        if not isinstance(request_uri, str) or ":" not in request_uri or not (request_uri + " ").isprintable():
            problem = "its `request_uri` is not a URI"
        elif not request_uri.isascii() or " " in request_uri:
            problem = "its `request_uri` holds characters that no URI has"
        elif expires_in is None or expires_in <= 0:
            problem = "its `expires_in` is not a positive number of seconds"
        if problem:
            raise InvalidPushedAuthorizationResponse(response=response, description=problem)
        return RequestUriParameterAuthorizationRequest(
            self._uri(Endpoints.AUTHORIZATION.value),
            client_id=self.client_id,
            request_uri=request_uri,
            expires_in=expires_in,
            dpop_key=dpop_key,
        )

    def on_pushed_authorization_request_error(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> RequestUriParameterAuthorizationRequest:
        """Raise the error that an answer of that endpoint stands for; subclasses may return a request instead."""
        error = self._standard_error(response, UnknownTokenEndpointError)
        raise error or InvalidPushedAuthorizationResponse(response=response)

    # ------------------------------------------------------------ the code

    def authorization_code(
        self,
        code: str | AuthorizationResponse,
        *,
        validate: bool = True,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Redeem an authorization code (RFC 6749 §4.1.3), and validate the ID Token that comes with the token.

        Args:
            code: what `validate_callback` returned: it brings `code_verifier`, `redirect_uri`, the DPoP key, and what
                the ID Token must say. Or the bare code: the ID Token is then compared with what the client knows.
            validate: `False` returns the ID Token, if any, as it came, and nothing in it may be believed.
            dpop: see `token_request`.
            dpop_key: see `token_request`; by default that of the response.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields; they win over those of the response.

        Raises:
            InvalidIdToken: the ID Token must not be accepted; `MissingIdToken` when one was asked for and none came.
            OAuth2Error: see `token_request`.

        """
        expected = code if isinstance(code, AuthorizationResponse) else None
        code, token_kwargs = hidden((code, token_kwargs))
        data = hidden({"grant_type": GrantTypes.AUTHORIZATION_CODE.value, "code": code})
        if expected is not None:
            data |= {
                "code": expected.code,
                "code_verifier": expected.code_verifier,
                "redirect_uri": expected.redirect_uri,
            }
            dpop_key = dpop_key or expected.dpop_key
        form = hidden({**data, **token_kwargs})
        token = self.token_request(form, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))
        if not validate or not hasattr(token, "id_token"):  # what a hook returns may have no such attribute
            return token
        if token.id_token is not None:
            return token.validate_id_token(self, expected or AuthorizationResponse(code=str(code)))
        if expected is not None and (expected.nonce is not None or "openid" in (expected.requested_scope or ())):
            raise MissingIdToken(token)
        return token
