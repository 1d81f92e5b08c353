"""Every error of the library, under one root.

An error carries evidence (the response, what was received, what was expected), never a credential in its text. Each
message says what happened and what to do next. `tests/test_house.py` compares this drawing with the classes.

```
OAuth2Error
├─ TransportError
│  ├─ ConnectionFailed
│  ├─ RequestTimeout
│  ├─ ResponseTooLarge
│  └─ UnexpectedRedirect
├─ EndpointError
│  ├─ TokenEndpointError
│  │  ├─ InvalidRequest
│  │  ├─ InvalidClient
│  │  ├─ InvalidScope
│  │  ├─ InvalidTarget
│  │  ├─ InvalidGrant
│  │  ├─ UseDPoPNonce
│  │  ├─ AuthorizationPending
│  │  ├─ SlowDown
│  │  └─ ExpiredToken
│  ├─ ServerError
│  ├─ AccessDenied
│  ├─ UnauthorizedClient
│  ├─ UnknownTokenEndpointError
│  ├─ RevocationError
│  │  └─ UnsupportedTokenType
│  ├─ IntrospectionError
│  ├─ DeviceAuthorizationError
│  ├─ BackChannelAuthenticationError
│  └─ UserInfoError
├─ InvalidTokenResponse
├─ UnknownIntrospectionError
├─ InvalidDeviceAuthorizationResponse
├─ InvalidBackChannelAuthenticationResponse
├─ InvalidPushedAuthorizationResponse
├─ InvalidUserInfoResponse
├─ InvalidJwksResponse
├─ InvalidUseDPoPNonceResponse
│  ├─ MissingDPoPNonce
│  ├─ RepeatedDPoPNonce
│  └─ UnrepeatableBody
├─ AuthorizationResponseError
│  └─ InteractionRequired
│     ├─ LoginRequired
│     ├─ AccountSelectionRequired
│     ├─ SessionSelectionRequired
│     └─ ConsentRequired
├─ InvalidAuthResponse
│  ├─ MissingAuthCode
│  ├─ MissingIssuer
│  ├─ MismatchingState
│  └─ MismatchingIssuer
├─ InvalidIdToken
│  ├─ MissingIdToken
│  ├─ MissingIdTokenClaim
│  ├─ MismatchingIdTokenIssuer
│  ├─ MismatchingIdTokenSubject
│  ├─ MismatchingIdTokenNonce
│  ├─ MismatchingIdTokenAcr
│  ├─ MismatchingIdTokenAudience
│  ├─ MismatchingIdTokenAzp
│  ├─ MismatchingIdTokenAlg
│  ├─ MismatchingIdTokenHash
│  ├─ MismatchingIdTokenAuthTime
│  ├─ MismatchingIdTokenAuthReqId
│  ├─ ExpiredIdToken
│  ├─ IdTokenNotYetValid
│  ├─ UnsupportedIdTokenAlg
│  ├─ MalformedIdToken
│  └─ InvalidIdTokenSignature
├─ UnknownVerificationKey
├─ InvalidDPoPAccessToken
├─ InvalidDPoPKey
├─ InvalidDPoPAlg
├─ InvalidDPoPProof
├─ ExpiredAccessToken
├─ NonRenewableTokenError
├─ UnsupportedTokenTypeError
├─ TokenStoreError
│  ├─ TokenStoreUnavailable
│  ├─ TokenNotStored
│  └─ CorruptTokenStore
├─ MissingPackage
├─ PollingExpired
├─ PollingStopped
├─ InvalidBackChannelNotification
├─ MissingRefreshToken
├─ MissingDeviceCode
├─ MissingAuthRequestId
├─ InvalidSerializedValue
├─ LoopbackTimeout
├─ MissingEndpointUri
├─ MissingIssuerParam
├─ InvalidDiscoveryDocument
├─ InvalidUri
├─ InvalidParam
│  ├─ InvalidEndpointUri
│  │  ├─ InvalidIssuer
│  │  └─ UntrustedEndpointOrigin
│  ├─ InvalidScopeParam
│  ├─ InvalidAcrValuesParam
│  ├─ InvalidBackchannelAuthenticationRequestHintParam
│  ├─ MissingIdTokenEncryptedResponseAlgParam
│  └─ UnknownTokenType
│     ├─ UnknownSubjectTokenType
│     └─ UnknownActorTokenType
├─ InvalidMaxAgeParam
├─ UnsupportedResponseTypeParam
├─ InvalidCodeVerifierParam
├─ UnsupportedCodeChallengeMethod
├─ UnsupportedClientCredentials
├─ InvalidRequestForClientAuthentication
├─ InvalidClientAssertionSigningKeyOrAlg
├─ InvalidBoolFieldsParam
└─ InvalidPathParam
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import requests

from .evidence import printable, printable_url, redacted, shareable_request, shareable_response, without_secrets
from .hidden import hidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def _revive(cls: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Build an error without its constructor, so that any signature pickles."""
    error = cls.__new__(cls)
    error.args = args
    return error


def _shareable(value: object, request: requests.PreparedRequest | None) -> object:
    if isinstance(value, str):
        return without_secrets(value, request)
    if isinstance(value, requests.Response):
        return shareable_response(value)
    if isinstance(value, requests.PreparedRequest):
        return shareable_request(value)
    import pickle  # 1 ms that only pickled errors need

    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - a generator, a key: what cannot travel stays, and the error travels
        return f"<{type(value).__name__}>"
    return value


class OAuth2Error(Exception):
    """Root of all errors that this library raises of its own accord.

    Attributes:
        response: the HTTP answer that is the evidence; `None` when no answer is concerned.
        client: only what a caller passed; the library never sets it.
        description: what the server said, as it said it.
        request: the request that `response` answers.

    """

    hint: ClassVar[str] = ""
    """What to do next: ends the message. Empty where the message itself says it, since it depends on the case."""

    def __init__(
        self, response: requests.Response | None = None, client: object = None, description: str | None = None
    ) -> None:
        self._say(description or "OAuth 2.0 error", response=response, client=client, description=description)

    def _say(self, message: str, *, response: requests.Response | None = None, **attributes: Any) -> None:
        sentence = message if message.endswith((".", "?", "!")) else f"{message}."
        super().__init__(f"{sentence} {self.hint}" if self.hint else message)
        self.response: Any = response
        self.request: Any = getattr(response, "request", None)
        self.client: Any = None
        self.description: str | None = None
        for name, value in attributes.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return " ".join(str(arg) for arg in self.args)

    def __reduce__(self) -> tuple[Any, ...]:
        # a pickle travels further than the process: neither the client nor the request's credentials go with it
        request = self.request if isinstance(getattr(self, "request", None), requests.PreparedRequest) else None
        state = {name: _shareable(value, request) for name, value in self.__dict__.items() if name != "client"}
        return _revive, (type(self), self.args), {**state, "client": None}


# ---------------------------------------------------------------- no usable answer at all


class TransportError(OAuth2Error):
    """No usable answer came back; `may_have_been_processed` tells whether the server may have acted on the request."""

    may_have_been_processed: bool = True

    def __init__(self, message: str, *, response: requests.Response | None = None, **attributes: Any) -> None:
        self._say(message, response=response, **attributes)


class ConnectionFailed(TransportError, requests.ConnectionError):
    """The endpoint could not be reached, or the connection broke."""


class RequestTimeout(TransportError, requests.Timeout):
    """The endpoint did not answer in time."""


class ResponseTooLarge(TransportError):
    """The answer was longer than `max_response_size` bytes; the rest was not read."""


class UnexpectedRedirect(TransportError):
    """An AS endpoint answered with a redirect, which is never followed: credentials would follow it."""


# ---------------------------------------------------------------- errors that an endpoint of the AS returned


class EndpointError(OAuth2Error):
    """An endpoint answered with a standard error (RFC 6749 §5.2).

    `response` is `None` when the error came by a notification (CIBA §12).

    Attributes:
        error: the error code.
        description: `error_description`, as received.
        uri: `error_uri`, as received.

    """

    hint: ClassVar[str] = "Look the error code up in the documentation of the server."

    response: requests.Response
    error: str
    uri: str | None

    def __init__(
        self,
        response: requests.Response | None,
        client: object = None,
        error: str = "",
        description: str | None = None,
        uri: str | None = None,
    ) -> None:
        request = getattr(response, "request", None)
        parts = [f"{printable_url(getattr(response, 'url', ''))} answered {getattr(response, 'status_code', '?')}"]
        if response is None:
            parts = ["The Authorization Server sent a notification"]
        parts.append(f"with error '{redacted(error, request)}'")
        parts.append(f"({redacted(description, request)})." if description else "(no description provided).")
        self._say(" ".join(parts), response=response, client=client, error=error, description=description, uri=uri)


class TokenEndpointError(EndpointError):
    """The Token Endpoint refused a token request."""


class InvalidRequest(TokenEndpointError):
    """`invalid_request`: a parameter is missing, repeated or malformed."""

    hint = "Compare the parameters that were sent with what this server documents for this grant."


class InvalidClient(TokenEndpointError):
    """`invalid_client`: client authentication failed."""

    hint = "Check the client_id, its secret or key, and which client authentication method the server expects."


class InvalidScope(TokenEndpointError):
    """`invalid_scope`: a requested scope is unknown or not allowed."""

    hint = "Ask only for scopes which this client is registered for."


class InvalidTarget(TokenEndpointError):
    """`invalid_target`: a requested `resource` or `audience` is unknown or not allowed (RFC 8707 §2)."""

    hint = "Check the 'resource' or 'audience' values that were sent."


class InvalidGrant(TokenEndpointError):
    """`invalid_grant`: the code, refresh token or assertion is wrong, expired, revoked, or was used already."""

    hint = "It cannot be used again: get a new authorization from the user, or a new assertion."


class UseDPoPNonce(TokenEndpointError):
    """`use_dpop_nonce`: the server wants a nonce in DPoP proofs (RFC 9449 §8)."""

    hint = "The nonce which came with this answer must be part of the next proof."


class AuthorizationPending(TokenEndpointError):
    """`authorization_pending`: the user has not decided yet (RFC 8628 §3.5)."""

    hint = "Ask again after the polling interval."


class SlowDown(TokenEndpointError):
    """`slow_down`: as pending, and the interval grows by 5 seconds (RFC 8628 §3.5)."""

    hint = "Ask again after a longer interval."


class ExpiredToken(TokenEndpointError):
    """`expired_token`: the device code or authentication request expired (RFC 8628 §3.5)."""

    hint = "Start the flow again."


class ServerError(EndpointError):
    """`server_error`: the server failed."""

    hint = "Try again later; the fault is on the side of the server."


class AccessDenied(EndpointError):
    """`access_denied`: the user or the server said no."""

    hint = "Nothing more can be done without a new decision of the user."


class UnauthorizedClient(EndpointError):
    """`unauthorized_client`: this client may not use this grant."""

    hint = "Enable this grant type for the client in the configuration of the server."


class UnknownTokenEndpointError(EndpointError):
    """An error code that is not in `OAuth2Client.exception_classes`."""


class RevocationError(EndpointError):
    """The Revocation Endpoint returned a standard error (RFC 7009 §2.2.1)."""


class UnsupportedTokenType(RevocationError):
    """`unsupported_token_type`: the server does not revoke this type of token."""

    hint = "Revoke the refresh token instead, or wait until the token expires."


class IntrospectionError(EndpointError):
    """The Introspection Endpoint returned a standard error (RFC 7662 §2.3)."""


class DeviceAuthorizationError(EndpointError):
    """The Device Authorization Endpoint returned an error (RFC 8628 §3.2)."""


class BackChannelAuthenticationError(EndpointError):
    """The Backchannel Authentication Endpoint returned an error (CIBA §13)."""


class UserInfoError(EndpointError, requests.HTTPError):  # type: ignore[misc]  # ours has its evidence, always
    """The UserInfo Endpoint refused the request (OIDC Core §5.3.3)."""

    hint = "Check that the access token is still valid, and that it was issued with the 'openid' scope."


# ---------------------------------------------------------------- answers that are not what the specification says


class _InvalidResponse(OAuth2Error):
    """What is common to the answers that we refuse: which endpoint, which status, why."""

    hint = "Check that this URL is the right endpoint; the whole answer is in the `response` attribute."

    noun: ClassVar[str] = "response"

    def __init__(self, response: requests.Response, client: object = None, description: str | None = None) -> None:
        reason = redacted(
            description or "it is not what the specification asks for", getattr(response, "request", None)
        )
        self._say(
            f"{printable_url(getattr(response, 'url', ''))} answered {getattr(response, 'status_code', '?')} "
            f"with an unusable {self.noun}: {reason}.",
            response=response,
            client=client,
            description=description,
        )


class InvalidTokenResponse(_InvalidResponse):
    """The Token Endpoint answered with something that is neither a token nor a standard error."""

    noun = "token response"


class UnknownIntrospectionError(_InvalidResponse):
    """The Introspection Endpoint failed without a standard error."""

    noun = "introspection response"


class InvalidDeviceAuthorizationResponse(_InvalidResponse):
    """The Device Authorization Endpoint answered with something unusable."""

    noun = "device authorization response"


class InvalidBackChannelAuthenticationResponse(_InvalidResponse):
    """The Backchannel Authentication Endpoint answered with something unusable."""

    noun = "backchannel authentication response"


class InvalidPushedAuthorizationResponse(_InvalidResponse):
    """The Pushed Authorization Request Endpoint answered with something unusable."""

    noun = "pushed authorization response"


class InvalidUserInfoResponse(_InvalidResponse):
    """The UserInfo Endpoint answered with something unusable, or about somebody else."""

    noun = "UserInfo response"


class InvalidJwksResponse(_InvalidResponse, requests.HTTPError, ValueError):
    """The JWKS URI answered with an error, or with something that is not a JWK Set."""

    noun = "JWK Set"


class InvalidUseDPoPNonceResponse(OAuth2Error):
    """A server asked for a DPoP nonce in a way that cannot be obeyed."""

    def __init__(self, response: requests.Response, message: str) -> None:
        self._say(f"{printable_url(getattr(response, 'url', ''))}: {message}", response=response, description=message)


class MissingDPoPNonce(InvalidUseDPoPNonceResponse):
    """A server asked for a DPoP nonce without providing one."""

    hint = "The server breaks RFC 9449 §8: tell its operator, and show them the response."

    def __init__(self, response: requests.Response) -> None:
        super().__init__(response, "the server wants a DPoP nonce, but its `DPoP-Nonce` HTTP header is missing.")


class RepeatedDPoPNonce(InvalidUseDPoPNonceResponse):
    """A server refused a DPoP nonce, and provided the same one again."""

    hint = "Look for what else it may dislike in the proof: the clock of this machine, the URL behind a proxy."

    def __init__(self, response: requests.Response) -> None:
        super().__init__(
            response, "the server wants a DPoP nonce that was already included in the DPoP proof which it refused."
        )


class UnrepeatableBody(InvalidUseDPoPNonceResponse, requests.exceptions.UnrewindableBodyError):
    """A server asked for a DPoP nonce, and the body of the request was a stream that cannot be read twice."""

    hint = "The nonce is known now: make the same call anew, or pass bytes or a seekable file."

    def __init__(self, response: requests.Response) -> None:
        super().__init__(
            response,
            "the server wants a DPoP nonce, but the body of the request was a stream, which cannot be sent again.",
        )


# ---------------------------------------------------------------- what came back through the browser


class _FromTheBrowser(OAuth2Error):
    """An error that carries the Authorization Request, and the callback as text in `response`."""

    @property
    def url(self) -> Any:
        """The callback as a `furl.furl`; `None` when it cannot be parsed."""
        from furl import furl  # furl stays off the path of those who do not ask for it

        try:
            return furl(self.response)
        except ValueError:
            return None


class AuthorizationResponseError(_FromTheBrowser):
    """The Authorization Endpoint answered with an error (RFC 6749 §4.1.2.1)."""

    hint: ClassVar[str] = "Send the user through a new Authorization Request once the cause is removed."

    error: str
    uri: str | None

    def __init__(
        self, request: object, response: str, error: str, description: str | None = None, uri: str | None = None
    ) -> None:
        said = f" ({printable(description)})" if description else ""
        self._say(
            f"The Authorization Server answered with error '{printable(error)}'{said}.",
            error=error,
            description=description,
            uri=uri,
        )
        self.request = request
        self.response = response


class InteractionRequired(AuthorizationResponseError):
    """`interaction_required`: the server must interact with the user (OIDC Core §3.1.2.6)."""

    hint = "Repeat the request without `prompt=none`."


class LoginRequired(InteractionRequired):
    """`login_required`: the user must log in."""


class AccountSelectionRequired(InteractionRequired):
    """`account_selection_required`: the user must choose an account."""


class SessionSelectionRequired(InteractionRequired):
    """`session_selection_required`: the user must choose a session."""


class ConsentRequired(InteractionRequired):
    """`consent_required`: the user must consent."""


class InvalidAuthResponse(_FromTheBrowser, ValueError):
    """The callback is not an acceptable Authorization Response."""

    def __init__(self, message: str, request: object, response: str) -> None:
        self._say(message)
        self.request = request
        self.response = response


class MissingAuthCode(InvalidAuthResponse):
    """The callback holds no `code`."""

    hint = "Pass the whole URL that the user was sent back to."

    def __init__(self, request: object, response: str) -> None:
        super().__init__("The Authorization Response has no 'code'.", request, response)


class MissingIssuer(InvalidAuthResponse):
    """The callback holds no `iss`, though this server always sends it (RFC 9207 §2.4)."""

    hint = "It may come from another server (mix-up attack): refuse it."

    def __init__(self, request: object, response: str) -> None:
        super().__init__(
            "The Authorization Response has no 'iss', which this Authorization Server always sends.",
            request,
            response,
        )


class MismatchingState(InvalidAuthResponse):
    """The `state` of the callback is not the one of the request."""

    hint = "Keep one request for each login, and look it up by its state; refuse this one."

    def __init__(self, received: str | None, expected: str | None, request: object, response: str) -> None:
        super().__init__(
            "The Authorization Response has another 'state' than the request. It may be forged (CSRF), or belong to "
            "another request of the same user.",
            request,
            response,
        )
        self.received = received
        self.expected = expected


class MismatchingIssuer(InvalidAuthResponse):
    """The `iss` of the callback is not the expected issuer (RFC 9207 §2.4)."""

    hint = "Refuse it (mix-up attack), unless the `issuer` in the configuration of the client is wrong."

    def __init__(self, received: str | None, expected: str | None, request: object, response: str) -> None:
        super().__init__(
            f"The Authorization Response comes from issuer '{printable(received)}', not from '{printable(expected)}'.",
            request,
            response,
        )
        self.received = received
        self.expected = expected


# ---------------------------------------------------------------- ID Tokens


class InvalidIdToken(OAuth2Error, ValueError):
    """An ID Token that must not be accepted."""

    id_token: object
    token_resp: object

    def __init__(self, message: str, id_token: object = None, token_resp: object = None) -> None:
        self._say(message, id_token=id_token, token_resp=token_resp)


class _MismatchingClaim(InvalidIdToken):
    """What was received against what was expected."""

    claim: str
    show_values: ClassVar[bool] = True

    def __init__(self, received: Any, expected: Any, token: object = None, id_token: object = None) -> None:
        values = f" (received '{printable(received)}', expected '{printable(expected)}')" if self.show_values else ""
        super().__init__(f"The ID Token has an unacceptable '{self.claim}'{values}.", id_token, token)
        self.received = received
        self.expected = expected


class MissingIdToken(InvalidIdToken):
    """The token response has no ID Token, though one was asked for."""

    hint = "Ask for the 'openid' scope, or do not ask for ID Token validation."

    def __init__(self, token: object) -> None:
        super().__init__(
            "The token response has no ID Token.",
            None,
            token,
        )


class MissingIdTokenClaim(InvalidIdToken):
    """A claim that must be there is not."""

    hint = "Do not log this user in; have the server issue ID Tokens as OIDC Core §2 and this request want them."

    def __init__(self, claim: str, token: object = None, id_token: object = None) -> None:
        super().__init__(f"The ID Token has no usable '{claim}' claim, which is mandatory here.", id_token, token)
        self.claim = claim


class MismatchingIdTokenIssuer(_MismatchingClaim):
    """The ID Token comes from another issuer."""

    hint = "Do not log this user in. If it is the right server, configure its issuer as its metadata has it."

    claim = "iss"

    def __init__(self, iss: Any, expected: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(iss, expected, token, id_token)


class MismatchingIdTokenSubject(_MismatchingClaim):
    """The ID Token is about another user than the previous one."""

    hint = "Do not put this user in the place of the other one: start a new login."

    claim = "sub"


class MismatchingIdTokenNonce(_MismatchingClaim):
    """The ID Token does not belong to this Authorization Request."""

    hint = "Do not log this user in (injection). Keep one request for each login, and validate with that one."

    claim = "nonce"
    show_values = False

    def __init__(self, nonce: Any, expected: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(nonce, expected, token, id_token)


class MismatchingIdTokenAcr(_MismatchingClaim):
    """The user was not authenticated in one of the requested ways."""

    hint = "Send the user through another request with the same `acr_values`."

    claim = "acr"

    def __init__(self, acr: Any, expected: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(acr, expected, token, id_token)


class MismatchingIdTokenAudience(_MismatchingClaim):
    """The ID Token is not meant for this client."""

    hint = "Do not log this user in: it was issued for somebody else. Check the `client_id`."

    claim = "aud"

    def __init__(self, audiences: Any, client_id: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(audiences, client_id, token, id_token)


class MismatchingIdTokenAzp(_MismatchingClaim):
    """The ID Token was issued to another client."""

    hint = "Do not log this user in: it was issued to somebody else. Check the `client_id`."

    claim = "azp"

    def __init__(self, azp: Any, client_id: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(azp, client_id, token, id_token)


class MismatchingIdTokenAlg(_MismatchingClaim):
    """The ID Token is signed with another algorithm than the client expects."""

    hint = "Set `id_token_signed_response_alg` of the client to the algorithm that it is registered with."

    claim = "alg"

    def __init__(self, token_alg: Any, client_alg: Any, token: object = None, id_token: object = None) -> None:
        super().__init__(token_alg, client_alg, token, id_token)


class MismatchingIdTokenHash(InvalidIdToken):
    """The access token, code or state is not the one which the ID Token was issued with."""

    hint = "Do not use these tokens, and start a new login."

    def __init__(
        self, claim: str, token: object = None, id_token: object = None, received: Any = None, expected: Any = None
    ) -> None:
        super().__init__(f"The ID Token has a mismatching '{claim}' value (token substitution).", id_token, token)
        self.claim = claim
        self.received = received
        self.expected = expected


class MismatchingIdTokenAuthTime(_MismatchingClaim):
    """The user was authenticated too long ago."""

    hint = "Send the user through another request with the same `max_age`, or with `prompt='login'`."

    claim = "auth_time"


class MismatchingIdTokenAuthReqId(_MismatchingClaim):
    """The ID Token belongs to another backchannel authentication (CIBA §10.3.1)."""

    hint = "Do not log this user in (injection), and start a new authentication."

    claim = "urn:openid:params:jwt:claim:auth_req_id"
    show_values = False


class ExpiredIdToken(_MismatchingClaim):
    """The ID Token is expired; `received` is its expiry, `expected` the time of the check."""

    hint = "Compare the clocks of server and client, or start a new login."

    claim = "exp"

    def __init__(self, token: Any, id_token: Any, now: Any = None) -> None:
        super().__init__(getattr(id_token, "expires_at", None), now, token, id_token)


class IdTokenNotYetValid(_MismatchingClaim):
    """The ID Token was issued in the future (`iat`), or is not valid yet (`nbf`): check the clocks."""

    hint = "Compare the clocks of server and client."

    def __init__(
        self, received: Any, expected: Any, token: object = None, id_token: object = None, claim: str = "iat"
    ) -> None:
        self.claim = claim
        super().__init__(received, expected, token, id_token)


class UnsupportedIdTokenAlg(InvalidIdToken):
    """The ID Token is signed with an algorithm that is not supported."""

    hint = "Register the client for an algorithm such as ES256 or RS256."

    def __init__(self, token: object, id_token: object, alg: str) -> None:
        super().__init__(f"This JWT is signed with '{printable(alg)}', which is not supported.", id_token, token)
        self.alg = alg


class UnknownVerificationKey(OAuth2Error, LookupError):
    """No key of the Authorization Server verifies this signature."""

    kid: str | None
    alg: str | None

    def __init__(self, reason: str, kid: str | None = None, alg: str | None = None) -> None:
        self._say(reason, kid=kid, alg=alg)


# ---------------------------------------------------------------- DPoP


class InvalidDPoPAccessToken(OAuth2Error, ValueError):
    """An access token that cannot be sent in an HTTP header."""

    hint = "Check that this is the access token, as the server gave it."

    access_token: str

    def __init__(self, access_token: str) -> None:
        self._say(
            "This DPoP access token contains invalid characters; those of token68 are allowed (RFC 9449 §7.1).",
            access_token=hidden(access_token),
        )


class InvalidDPoPKey(OAuth2Error, ValueError):
    """A key that cannot sign DPoP proofs."""

    hint = "Pass a private EC, RSA or OKP key, or let `DPoPKey.generate()` make one."

    key: object

    def __init__(self, key: object) -> None:
        self._say("This DPoP key is not an asymmetric private key, usable for signature.", key=key)


class InvalidDPoPAlg(OAuth2Error, ValueError):
    """An algorithm that cannot sign DPoP proofs."""

    hint = "Pass an algorithm such as ES256, which fits the key."

    alg: str

    def __init__(self, alg: str) -> None:
        self._say(
            f"DPoP proofing require an asymmetric signing alg; '{printable(alg)}' is none, or does not fit the key.",
            alg=alg,
        )


class InvalidDPoPProof(OAuth2Error, ValueError):
    """A DPoP proof that must not be accepted (RFC 9449 §4.3)."""

    hint = "Refuse the request that it came with."

    proof: bytes

    def __init__(self, proof: bytes, message: str) -> None:
        self._say(f"Invalid DPoP proof: {message}", proof=proof)


# ---------------------------------------------------------------- tokens and grants


class ExpiredAccessToken(OAuth2Error, RuntimeError):
    """An expired access token was about to be sent."""

    hint = "Get a new one, or use an OAuth2…Auth handler, which renews it."

    token: object

    def __init__(self, token: object) -> None:
        self._say(
            f"This access token expired at {getattr(token, 'expires_at', None)}.",
            token=token,
        )


class NonRenewableTokenError(OAuth2Error):
    """A handler has no token, and no means to get one."""

    def __init__(self, message: str = "") -> None:
        self._say(message or "There is no token, and no way to get one: provide a token, a code or a refresh token.")


class TokenStoreError(OAuth2Error):
    """A token store did not do what it was asked for; the cause is chained to this error."""

    def __init__(self, message: str) -> None:
        self._say(message)


class TokenStoreUnavailable(TokenStoreError):
    """The store cannot be reached, or its lock was not free in time. Nothing was lost, and no token was spent."""


class TokenNotStored(TokenStoreError):
    """A renewed token could not be stored. The handler holds it, and stores it before it is used."""


class CorruptTokenStore(TokenStoreError):
    """What a store holds is not what was put there: another format, a wrong key, damage. It is left as it is."""


class MissingPackage(OAuth2Error, ImportError):
    """A package that only some users need is not installed."""

    package: str
    extra: str

    def __init__(self, package: str, extra: str) -> None:
        self._say(
            f"This needs the package '{package}': pip install 'requests_oauth2client[{extra}]'",
            package=package,
            extra=extra,
        )


class PollingExpired(OAuth2Error, TimeoutError):
    """The user has not decided in time."""

    timeout: float | None

    def __init__(self, timeout: float | None = None) -> None:
        if timeout is None:
            message = "The user has not decided in time: start the flow again."
        else:
            message = (
                f"The user has not decided within the {printable(timeout)} seconds that this program waits. "
                "Until the server says that it is too late, you can go on waiting."
            )
        self._say(message, timeout=timeout)


class PollingStopped(OAuth2Error):
    """The program stopped waiting for the user."""

    hint = "The code is still good until it expires: another job may use it."

    def __init__(self) -> None:
        self._say("Waiting for the user was stopped.")


class InvalidBackChannelNotification(OAuth2Error, ValueError):
    """What came to our notification endpoint is no notification for this authentication (CIBA §10.2, §10.3)."""

    hint = "Answer it with an error, such as 401, and go on waiting."

    reason: str

    def __init__(self, reason: str) -> None:
        self._say(
            f"This notification cannot be accepted: {reason}.",
            reason=reason,
        )


class UnsupportedTokenTypeError(OAuth2Error, ValueError):
    """A `token_type` that the token class does not support."""

    hint = "Pass the matching `token_class` to the client."

    token_type: str

    def __init__(self, token_type: str) -> None:
        self._say(
            f"Unsupported token_type '{printable(token_type)}'.",
            token_type=token_type,
        )


class MissingRefreshToken(OAuth2Error, ValueError):
    """A refresh token is needed, and this token has none."""

    hint = "Ask for one (often with scope 'offline_access'), or get a new token as you got this one."

    token: object

    def __init__(self, token: object) -> None:
        self._say("This token has no refresh_token.", token=token)


class MissingDeviceCode(OAuth2Error, ValueError):
    """A device authorization response without `device_code`."""

    hint = "Pass what `authorize_device` returned."

    device_authorization_response: object

    def __init__(self, dar: object) -> None:
        self._say("This device authorization response has no device_code.", device_authorization_response=dar)


class MissingAuthRequestId(OAuth2Error, ValueError):
    """A backchannel authentication response without `auth_req_id`."""

    hint = "Pass what `backchannel_authentication_request` returned."

    backchannel_authentication_response: object

    def __init__(self, bcar: object) -> None:
        self._say("This response has no auth_req_id.", backchannel_authentication_response=bcar)


class InvalidSerializedValue(OAuth2Error, ValueError):
    """A text that is no serialized token, key or request."""

    hint = (
        "Check where it was kept, and by which serializer it was made; if it is lost, get a new token or "
        "start a new request."
    )

    reason: str

    def __init__(self, reason: str) -> None:
        self._say(
            f"This is no serialized value of that kind: {reason}.",
            reason=reason,
        )


class LoopbackTimeout(OAuth2Error, TimeoutError):
    """The user did not come back to the loopback address in time."""

    hint = (
        "Start again, with a longer `timeout` if the user needs it. The server must accept the loopback "
        "redirect_uri on any port (RFC 8252 §7.3)."
    )

    timeout: float

    def __init__(self, timeout: float) -> None:
        self._say(
            f"No Authorization Response came back within {timeout:g} seconds.",
            timeout=timeout,
        )


# ---------------------------------------------------------------- what the caller passed


class MissingEndpointUri(OAuth2Error, AttributeError):
    """The client was built without the URL of this endpoint."""

    endpoint: str

    def __init__(self, endpoint: str) -> None:
        self._say(
            f"This client has no '{endpoint}'. Pass `{endpoint}=` to OAuth2Client, or build it from discovery.",
            endpoint=endpoint,
        )


class MissingIssuerParam(OAuth2Error, ValueError):
    """An `issuer` is needed to check `iss` in Authorization Responses."""

    hint = "Pass `issuer=`, the issuer identifier of the server."

    def __init__(self) -> None:
        self._say("`authorization_response_iss_parameter_supported` needs `issuer=` to compare 'iss' with (RFC 9207).")


class InvalidDiscoveryDocument(OAuth2Error, ValueError):
    """A metadata document that cannot be used."""

    discovery_document: object

    def __init__(self, message: str, discovery_document: object, response: requests.Response | None = None) -> None:
        self._say(message, response=response, discovery_document=discovery_document)


class InvalidUri(OAuth2Error, ValueError):
    """A URI that is not acceptable; each flag is true when that check failed."""

    def __init__(
        self,
        url: str,
        *,
        https: bool = False,
        no_credentials: bool = False,
        no_port: bool = False,
        no_fragment: bool = False,
        path: bool = False,
        reason: str | None = None,
    ) -> None:
        self.url = url
        self.https = https
        self.no_credentials = no_credentials
        self.no_port = no_port
        self.no_fragment = no_fragment
        self.path = path
        problems = ", ".join(self.errors()) or reason or "it is not an absolute URL"
        self._say(f"Invalid URI '{printable_url(url)}': {problems}.")

    def errors(self) -> Iterator[str]:
        """Iterate over the problems, in words."""
        if self.https:
            yield "must use https (plain http is for loopback hosts, or with `testing=True`)"
        if self.no_credentials:
            yield "must not contain credentials"
        if self.no_port:
            yield "must use the default port 443"
        if self.no_fragment:
            yield "must not contain a fragment"
        if self.path:
            yield "must include a path"


class InvalidParam(OAuth2Error, ValueError):
    """A parameter that cannot be used."""

    def __init__(self, *args: object) -> None:
        self._say(" ".join(str(arg) for arg in args))

    @classmethod
    def no_text(cls, parameters: Iterable[tuple[str, str | list[str]]]) -> InvalidParam:
        """Return the error about the parameter that UTF-8 cannot encode, without its value, which may be a secret."""
        name = next(
            (name for name, texts in parameters if any("\ud800" <= char <= "\udfff" for char in "".join(texts))), "?"
        )
        return cls(f"`{name}` holds characters that no text has (lone surrogates): pass it properly decoded.")


class InvalidEndpointUri(InvalidParam):
    """The URL of an endpoint is not acceptable."""

    def __init__(self, endpoint: str, uri: str, exc: object) -> None:
        super().__init__(f"Invalid `{endpoint}`: {exc}")
        self.endpoint = endpoint
        self.uri = uri


class InvalidIssuer(InvalidEndpointUri):
    """The issuer identifier is not acceptable (RFC 8414 §2)."""


class UntrustedEndpointOrigin(InvalidEndpointUri):
    """A metadata document names an endpoint that is where its server should not lead us."""

    def __init__(self, endpoint: str, uri: str, where: str) -> None:
        super().__init__(
            endpoint,
            uri,
            f"the metadata document names '{printable_url(uri)}', {where}, where this server should not lead us "
            f"(request forgery). If it is meant, pass `{endpoint}=` yourself, or list its host in "
            "`origin_policy=OriginPolicy(hosts=[...])`.",
        )
        self.where = where


class InvalidScopeParam(InvalidParam):
    """`scope` is neither text nor an iterable of texts."""

    hint = (
        "Pass 'read write' or ['read', 'write']; a scope is made of printable ASCII without spaces, quotes "
        "and backslashes (RFC 6749 §3.3)."
    )

    def __init__(self, scope: object) -> None:
        super().__init__(f"Invalid 'scope' of type {type(scope).__name__}.")
        self.scope = scope


class InvalidAcrValuesParam(InvalidParam):
    """`acr_values` is neither text nor an iterable of texts."""

    hint = "Pass a str or a list of str."

    def __init__(self, acr_values: object) -> None:
        super().__init__(f"Invalid 'acr_values' of type {type(acr_values).__name__}.")
        self.acr_values = acr_values


class InvalidBackchannelAuthenticationRequestHintParam(InvalidParam):
    """Not exactly one hint about the user was given (CIBA §7.1)."""


class MissingIdTokenEncryptedResponseAlgParam(InvalidParam):
    """A decryption key came without the algorithm to use it with."""

    hint = "Pass `id_token_encrypted_response_alg=`, or a key with an 'alg'."

    def __init__(self) -> None:
        super().__init__("An ID Token decryption key was given, but no decryption algorithm is defined.")


class UnknownTokenType(InvalidParam, TypeError):
    """The type of a token is unknown, or does not fit the token."""

    def __init__(self, message: str, token: object, token_type: str | None) -> None:
        super().__init__(message)
        self.token = hidden(token)
        self.token_type = token_type


class UnknownSubjectTokenType(UnknownTokenType):
    """The type of the subject token cannot be guessed."""

    hint = "Pass `subject_token_type=`."

    def __init__(self, token: object, token_type: str | None) -> None:
        super().__init__("Cannot guess the type of the subject token.", token, token_type)


class UnknownActorTokenType(UnknownTokenType):
    """The type of the actor token cannot be guessed."""

    hint = "Pass `actor_token_type=`."

    def __init__(self, token: object, token_type: str | None) -> None:
        super().__init__("Cannot guess the type of the actor token.", token, token_type)


class InvalidMaxAgeParam(OAuth2Error, ValueError):
    """`max_age` is negative."""

    hint = "Pass a number of seconds, 0 or more."

    def __init__(self) -> None:
        self._say("Invalid 'max_age' parameter.")


class UnsupportedResponseTypeParam(OAuth2Error, ValueError):
    """A `response_type` other than `code`."""

    hint = "Use 'code', the only one that is safe (RFC 9700 §2.1.2)."

    response_type: str

    def __init__(self, response_type: str) -> None:
        self._say(
            f"Unsupported response_type '{printable(response_type)}'.",
            response_type=response_type,
        )


class InvalidCodeVerifierParam(OAuth2Error, ValueError):
    """A `code_verifier` that RFC 7636 §4.1 does not allow."""

    hint = (
        "Leave it out, and a random one is made; or pass 43 to 128 characters out of A-Z a-z 0-9 - . _ ~ "
        "(RFC 7636 §4.1)."
    )

    code_verifier: object

    def __init__(self, code_verifier: object) -> None:
        self._say(
            "Invalid 'code_verifier'.",
            code_verifier=code_verifier,
        )


class UnsupportedCodeChallengeMethod(OAuth2Error, ValueError):
    """A PKCE method other than `S256` and `plain`."""

    def __init__(self, *args: object) -> None:
        self._say(" ".join(str(arg) for arg in args) or "Unsupported code_challenge_method: use 'S256'.")


class UnsupportedClientCredentials(OAuth2Error, TypeError, ValueError):
    """The credentials of the client cannot be used as they are."""

    def __init__(self, *args: object) -> None:
        self._say(" ".join(str(arg) for arg in args))


class InvalidRequestForClientAuthentication(OAuth2Error, RuntimeError):
    """Client authentication was asked of a request that is no form POST."""

    hint = "To call an API, use a token or an OAuth2…Auth handler as `auth`."

    def __init__(self, request: requests.PreparedRequest) -> None:
        self._say(f"Client authentication works on POST requests with a form body; this is a {request.method} request.")
        self.request = request


class InvalidClientAssertionSigningKeyOrAlg(OAuth2Error, ValueError):
    """A key that cannot sign client assertions."""

    hint = "Pass the private key as a JWK or PEM, not the public one, and leave `alg` out."

    alg: str | None

    def __init__(self, alg: str | None) -> None:
        self._say(
            "Client assertions need an asymmetric private signing key, as a JWK, and an algorithm that it supports "
            f"(alg is '{printable(alg)}').",
            alg=alg,
        )


class InvalidBoolFieldsParam(OAuth2Error, ValueError):
    """`bool_fields` does not hold two values."""

    hint = "Pass two values, for True and for False."

    value: object

    def __init__(self, bool_fields: object) -> None:
        self._say("Invalid value for `bool_fields`.", value=bool_fields)


class InvalidPathParam(OAuth2Error, TypeError, ValueError):
    """A path that is not below the root of the API."""

    hint = "Pass a relative path such as 'users/42', or a list of its segments, which get percent-encoded."

    url: object

    def __init__(self, path: object, problem: str = "it is not below the root of the API") -> None:
        self._say(
            f"Unexpected path ({type(path).__name__}): {problem}.",
            url=path,
        )
