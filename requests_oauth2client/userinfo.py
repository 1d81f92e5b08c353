"""The UserInfo Endpoint: claims as JSON, or as a JWT that is signed, encrypted, or both (OIDC Core §5.3).

<https://openid.net/specs/openid-connect-core-1_0.html#UserInfo>
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from .authorization_server_keys import AuthorizationServerKeys
from .enums import Endpoints
from .evidence import printable
from .exceptions import InvalidIdToken, InvalidJwksResponse, InvalidUserInfoResponse, UserInfoError
from .hidden import hidden
from .strict_json import loads_object
from .tokens import BearerToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from jwskate import Jwk

    from .dpop import DPoPKey
    from .endpoint import RequestsKwargs
    from .id_token import IdToken

JWT_MEDIA_TYPE = "application/jwt"


class UserInfo(AuthorizationServerKeys):
    """Asks the server about the user.

    The keywords `userinfo_signed_response_alg` and `userinfo_encrypted_response_alg` of the client say what it is
    registered for (OIDC Registration §2). Once one of them is given, an answer of another form is refused.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def client_id(self) -> str: ...  # noqa: D102 - told in `OAuth2Client`
        @property
        def client_secret(self) -> str | None: ...  # noqa: D102 - told in `OAuth2Client`

        id_token_decryption_key: Jwk | None
        id_token_encrypted_response_alg: str | None
        extra_metadata: dict[str, Any]

    def userinfo(
        self,
        access_token: str | BearerToken,
        requests_kwargs: RequestsKwargs | None = None,
        *,
        id_token: IdToken | None = None,
    ) -> dict[str, Any]:
        """Ask for the claims about the user who granted `access_token` (OIDC Core §5.3.1).

        Args:
            access_token: the access token, or a token; the ID Token in it must be about the same user.
            requests_kwargs: further arguments of `requests.Session.request`.
            id_token: the ID Token of this user, when it is not in `access_token`.

        Raises:
            UserInfoError: the server refused.
            InvalidUserInfoResponse: the answer holds no claims, cannot be trusted, or is about somebody else.
            TransportError: no usable answer came.

        """
        access_token = hidden(access_token)
        token = access_token if isinstance(access_token, BearerToken) else BearerToken(access_token)
        known = token.id_token if id_token is None else id_token

        def judged(response: requests.Response, *, dpop_key: DPoPKey | None = None) -> dict[str, Any]:
            claims = self.parse_userinfo_response(response, dpop_key=dpop_key)
            _check_subject(claims, known, response)
            return claims

        return self._request(
            Endpoints.USER_INFO.value,
            data={},
            auth=token,
            on_success=judged,
            on_failure=self.on_userinfo_error,
            requests_kwargs=requests_kwargs,
        )

    def parse_userinfo_response(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> dict[str, Any]:
        """Return the claims in a 2xx answer (OIDC Core §5.3.2)."""
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            if media_type == JWT_MEDIA_TYPE:
                return self._claims_in_jwt(response.content)
            self._check_that_json_is_expected()
            return loads_object(response.content)
        except InvalidJwksResponse:  # not the fault of this answer
            raise
        except ValueError as exc:
            raise InvalidUserInfoResponse(response=response, description=str(exc)) from exc

    def _is_registered_for(self, form: str) -> str | None:
        return self.extra_metadata.get(f"userinfo_{form}_response_alg")

    def _check_that_json_is_expected(self) -> None:
        if self._is_registered_for("signed") or self._is_registered_for("encrypted"):
            raise ValueError(f"it is not of type '{JWT_MEDIA_TYPE}', which the client is registered for")

    def _claims_in_jwt(self, content: bytes) -> dict[str, Any]:
        from jwskate import JweCompact  # here, since plain JSON needs no JOSE

        from .strict_jwt import JwtPolicy, parse_jwt

        signed, encrypted = self._is_registered_for("signed"), self._is_registered_for("encrypted")
        jwt = parse_jwt(content)
        policy = JwtPolicy(
            alg=signed,
            client_secret=self.client_secret,
            # one key decrypts all that is sent to this client
            encryption_alg=encrypted or (self.id_token_encrypted_response_alg if isinstance(jwt, JweCompact) else None),
            decryption_key=self.id_token_decryption_key,
            keys=self.verification_keys,
        )
        if isinstance(jwt, JweCompact):
            payload = policy.payload(jwt)
            if payload.startswith(b"{") and signed is None:  # encrypted only: TLS vouches for it, as for plain JSON
                return loads_object(payload)
            jwt = policy.nested(payload, jwt)
        else:
            jwt = policy.decrypt(jwt)  # which refuses clear text when the client is registered for encryption
        policy.verify(jwt)
        claims: dict[str, Any] = jwt.claims
        self._check_claims(claims)
        return claims

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        """Refuse a signed JWT that was not made by our server, or not for us (OIDC Core §5.3.2)."""
        iss, aud, exp = claims.get("iss"), claims.get("aud"), claims.get("exp")
        if not isinstance(iss, str) or (self.issuer is not None and iss != self.issuer):
            raise InvalidIdToken(f"it was issued by '{printable(iss)}', not by '{self.issuer}'")
        if self.client_id not in ([aud] if isinstance(aud, str) else aud if isinstance(aud, list) else ()):
            raise InvalidIdToken(f"it is meant for '{printable(aud)}', not for '{self.client_id}'")
        if exp is not None and not (isinstance(exp, (int, float)) and time() < exp):
            raise InvalidIdToken(f"it expired at '{printable(exp)}'")

    def on_userinfo_error(
        self,
        response: requests.Response,
        *,
        dpop_key: DPoPKey | None = None,  # noqa: ARG002 - for subclasses
    ) -> dict[str, Any]:
        """Raise the error that the answer stands for (RFC 6750 §3.1)."""
        raise self._standard_error(response, UserInfoError) or UserInfoError(response=response, error="unknown_error")


def _check_subject(claims: Mapping[str, Any], id_token: object, response: requests.Response) -> None:
    """Refuse claims about another user than that of the ID Token (token substitution, OIDC Core §5.3.2)."""
    known = getattr(id_token, "claims", None)  # an ID Token that is still encrypted has none
    if known is None:
        return
    if claims.get("sub") != known.get("sub") or not isinstance(claims.get("sub"), str):
        description = f"it is about the user '{printable(claims.get('sub'))}', and the ID Token about another"
        raise InvalidUserInfoResponse(response=response, description=description)
