"""An OAuth 2.x and OpenID Connect client for `requests`.

Every public name is importable from here, and loaded at its first use: a program pays for what it uses.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests as requests
    from jwskate import EncryptionAlgs as EncryptionAlgs
    from jwskate import KeyManagementAlgs as KeyManagementAlgs
    from jwskate import SignatureAlgs as SignatureAlgs

    from .api_client import ApiClient as ApiClient
    from .auth import OAuth2AccessTokenAuth as OAuth2AccessTokenAuth
    from .auth import OAuth2AuthorizationCodeAuth as OAuth2AuthorizationCodeAuth
    from .auth import OAuth2ClientCredentialsAuth as OAuth2ClientCredentialsAuth
    from .auth import OAuth2DeviceCodeAuth as OAuth2DeviceCodeAuth
    from .auth import OAuth2ResourceOwnerPasswordAuth as OAuth2ResourceOwnerPasswordAuth
    from .authorization_request import AuthorizationRequest as AuthorizationRequest
    from .authorization_request import RequestParameterAuthorizationRequest as RequestParameterAuthorizationRequest
    from .authorization_request import (
        RequestUriParameterAuthorizationRequest as RequestUriParameterAuthorizationRequest,
    )
    from .authorization_response import AuthorizationResponse as AuthorizationResponse
    from .backchannel_authentication import BackChannelAuthenticationPollingJob as BackChannelAuthenticationPollingJob
    from .backchannel_authentication import BackChannelAuthenticationPoolingJob as BackChannelAuthenticationPoolingJob
    from .backchannel_authentication import BackChannelAuthenticationResponse as BackChannelAuthenticationResponse
    from .backchannel_notification import BackChannelNotification as BackChannelNotification
    from .bounded_http import BoundedAdapter as BoundedAdapter
    from .client import OAuth2Client as OAuth2Client
    from .client_authentication import (
        BaseClientAssertionAuthenticationMethod as BaseClientAssertionAuthenticationMethod,
    )
    from .client_authentication import BaseClientAuthenticationMethod as BaseClientAuthenticationMethod
    from .client_authentication import ClientSecretBasic as ClientSecretBasic
    from .client_authentication import ClientSecretJwt as ClientSecretJwt
    from .client_authentication import ClientSecretPost as ClientSecretPost
    from .client_authentication import PrivateKeyJwt as PrivateKeyJwt
    from .client_authentication import PublicApp as PublicApp
    from .device_authorization import DeviceAuthorizationPollingJob as DeviceAuthorizationPollingJob
    from .device_authorization import DeviceAuthorizationPoolingJob as DeviceAuthorizationPoolingJob
    from .device_authorization import DeviceAuthorizationResponse as DeviceAuthorizationResponse
    from .discovery import oauth2_discovery_document_url as oauth2_discovery_document_url
    from .discovery import oidc_discovery_document_url as oidc_discovery_document_url
    from .discovery import well_known_uri as well_known_uri
    from .dpop import DPoPKey as DPoPKey
    from .dpop import DPoPToken as DPoPToken
    from .dpop_validation import validate_dpop_proof as validate_dpop_proof
    from .enums import CodeChallengeMethods as CodeChallengeMethods
    from .enums import Endpoints as Endpoints
    from .enums import GrantTypes as GrantTypes
    from .enums import ResponseTypes as ResponseTypes
    from .events import TokenEvent as TokenEvent
    from .events import log_events as log_events
    from .exceptions import AccessDenied as AccessDenied
    from .exceptions import AccountSelectionRequired as AccountSelectionRequired
    from .exceptions import AuthorizationPending as AuthorizationPending
    from .exceptions import AuthorizationResponseError as AuthorizationResponseError
    from .exceptions import BackChannelAuthenticationError as BackChannelAuthenticationError
    from .exceptions import ConnectionFailed as ConnectionFailed
    from .exceptions import ConsentRequired as ConsentRequired
    from .exceptions import CorruptTokenStore as CorruptTokenStore
    from .exceptions import DeviceAuthorizationError as DeviceAuthorizationError
    from .exceptions import EndpointError as EndpointError
    from .exceptions import ExpiredAccessToken as ExpiredAccessToken
    from .exceptions import ExpiredIdToken as ExpiredIdToken
    from .exceptions import ExpiredToken as ExpiredToken
    from .exceptions import InteractionRequired as InteractionRequired
    from .exceptions import IntrospectionError as IntrospectionError
    from .exceptions import InvalidAcrValuesParam as InvalidAcrValuesParam
    from .exceptions import InvalidAuthResponse as InvalidAuthResponse
    from .exceptions import (
        InvalidBackchannelAuthenticationRequestHintParam as InvalidBackchannelAuthenticationRequestHintParam,
    )
    from .exceptions import InvalidBackChannelAuthenticationResponse as InvalidBackChannelAuthenticationResponse
    from .exceptions import InvalidBackChannelNotification as InvalidBackChannelNotification
    from .exceptions import InvalidBoolFieldsParam as InvalidBoolFieldsParam
    from .exceptions import InvalidClient as InvalidClient
    from .exceptions import InvalidClientAssertionSigningKeyOrAlg as InvalidClientAssertionSigningKeyOrAlg
    from .exceptions import InvalidCodeVerifierParam as InvalidCodeVerifierParam
    from .exceptions import InvalidDeviceAuthorizationResponse as InvalidDeviceAuthorizationResponse
    from .exceptions import InvalidDiscoveryDocument as InvalidDiscoveryDocument
    from .exceptions import InvalidDPoPAccessToken as InvalidDPoPAccessToken
    from .exceptions import InvalidDPoPAlg as InvalidDPoPAlg
    from .exceptions import InvalidDPoPKey as InvalidDPoPKey
    from .exceptions import InvalidDPoPProof as InvalidDPoPProof
    from .exceptions import InvalidEndpointUri as InvalidEndpointUri
    from .exceptions import InvalidGrant as InvalidGrant
    from .exceptions import InvalidIdToken as InvalidIdToken
    from .exceptions import InvalidIssuer as InvalidIssuer
    from .exceptions import InvalidMaxAgeParam as InvalidMaxAgeParam
    from .exceptions import InvalidParam as InvalidParam
    from .exceptions import InvalidPathParam as InvalidPathParam
    from .exceptions import InvalidPushedAuthorizationResponse as InvalidPushedAuthorizationResponse
    from .exceptions import InvalidRequest as InvalidRequest
    from .exceptions import InvalidRequestForClientAuthentication as InvalidRequestForClientAuthentication
    from .exceptions import InvalidScope as InvalidScope
    from .exceptions import InvalidScopeParam as InvalidScopeParam
    from .exceptions import InvalidSerializedValue as InvalidSerializedValue
    from .exceptions import InvalidTarget as InvalidTarget
    from .exceptions import InvalidTokenResponse as InvalidTokenResponse
    from .exceptions import InvalidUri as InvalidUri
    from .exceptions import InvalidUseDPoPNonceResponse as InvalidUseDPoPNonceResponse
    from .exceptions import LoginRequired as LoginRequired
    from .exceptions import LoopbackTimeout as LoopbackTimeout
    from .exceptions import MismatchingIdTokenAcr as MismatchingIdTokenAcr
    from .exceptions import MismatchingIdTokenAlg as MismatchingIdTokenAlg
    from .exceptions import MismatchingIdTokenAudience as MismatchingIdTokenAudience
    from .exceptions import MismatchingIdTokenAzp as MismatchingIdTokenAzp
    from .exceptions import MismatchingIdTokenIssuer as MismatchingIdTokenIssuer
    from .exceptions import MismatchingIdTokenNonce as MismatchingIdTokenNonce
    from .exceptions import MismatchingIssuer as MismatchingIssuer
    from .exceptions import MismatchingState as MismatchingState
    from .exceptions import MissingAuthCode as MissingAuthCode
    from .exceptions import MissingAuthRequestId as MissingAuthRequestId
    from .exceptions import MissingDeviceCode as MissingDeviceCode
    from .exceptions import MissingDPoPNonce as MissingDPoPNonce
    from .exceptions import MissingEndpointUri as MissingEndpointUri
    from .exceptions import MissingIdToken as MissingIdToken
    from .exceptions import MissingIdTokenEncryptedResponseAlgParam as MissingIdTokenEncryptedResponseAlgParam
    from .exceptions import MissingIssuer as MissingIssuer
    from .exceptions import MissingIssuerParam as MissingIssuerParam
    from .exceptions import MissingPackage as MissingPackage
    from .exceptions import MissingRefreshToken as MissingRefreshToken
    from .exceptions import NonRenewableTokenError as NonRenewableTokenError
    from .exceptions import OAuth2Error as OAuth2Error
    from .exceptions import PollingExpired as PollingExpired
    from .exceptions import PollingStopped as PollingStopped
    from .exceptions import RepeatedDPoPNonce as RepeatedDPoPNonce
    from .exceptions import RequestTimeout as RequestTimeout
    from .exceptions import ResponseTooLarge as ResponseTooLarge
    from .exceptions import RevocationError as RevocationError
    from .exceptions import ServerError as ServerError
    from .exceptions import SessionSelectionRequired as SessionSelectionRequired
    from .exceptions import SlowDown as SlowDown
    from .exceptions import TokenEndpointError as TokenEndpointError
    from .exceptions import TokenNotStored as TokenNotStored
    from .exceptions import TokenStoreError as TokenStoreError
    from .exceptions import TokenStoreUnavailable as TokenStoreUnavailable
    from .exceptions import TransportError as TransportError
    from .exceptions import UnauthorizedClient as UnauthorizedClient
    from .exceptions import UnexpectedRedirect as UnexpectedRedirect
    from .exceptions import UnknownActorTokenType as UnknownActorTokenType
    from .exceptions import UnknownIntrospectionError as UnknownIntrospectionError
    from .exceptions import UnknownSubjectTokenType as UnknownSubjectTokenType
    from .exceptions import UnknownTokenEndpointError as UnknownTokenEndpointError
    from .exceptions import UnknownTokenType as UnknownTokenType
    from .exceptions import UnsupportedClientCredentials as UnsupportedClientCredentials
    from .exceptions import UnsupportedCodeChallengeMethod as UnsupportedCodeChallengeMethod
    from .exceptions import UnsupportedResponseTypeParam as UnsupportedResponseTypeParam
    from .exceptions import UnsupportedTokenType as UnsupportedTokenType
    from .exceptions import UntrustedEndpointOrigin as UntrustedEndpointOrigin
    from .exceptions import UseDPoPNonce as UseDPoPNonce
    from .exceptions import UserInfoError as UserInfoError
    from .id_token import IdToken as IdToken
    from .loopback import LoopbackReceiver as LoopbackReceiver
    from .loopback import authorize_by_loopback as authorize_by_loopback
    from .origin_policy import OriginPolicy as OriginPolicy
    from .pkce import PkceUtils as PkceUtils
    from .polling import BaseTokenEndpointPollingJob as BaseTokenEndpointPollingJob
    from .polling import BaseTokenEndpointPoolingJob as BaseTokenEndpointPoolingJob
    from .retries import RetryPolicy as RetryPolicy
    from .serializers import AuthorizationRequestSerializer as AuthorizationRequestSerializer
    from .serializers import BearerTokenSerializer as BearerTokenSerializer
    from .serializers import DPoPKeySerializer as DPoPKeySerializer
    from .serializers import TokenSerializer as TokenSerializer
    from .sessions import ProxyRememberingSession as ProxyRememberingSession
    from .token_exchange import IssuedToken as IssuedToken
    from .token_store import MemoryTokenStore as MemoryTokenStore
    from .token_store import TokenStore as TokenStore
    from .token_stores import EncryptedTokenStore as EncryptedTokenStore
    from .token_stores import FileTokenStore as FileTokenStore
    from .token_stores import KeyringTokenStore as KeyringTokenStore
    from .token_stores import RedisTokenStore as RedisTokenStore
    from .token_stores import SqliteTokenStore as SqliteTokenStore
    from .tokens import BearerToken as BearerToken
    from .uris import validate_endpoint_uri as validate_endpoint_uri
    from .uris import validate_issuer_uri as validate_issuer_uri
    from .web_session import EncryptedSerializer as EncryptedSerializer
    from .web_session import LoginCookies as LoginCookies
    from .web_session import SessionTokens as SessionTokens


_ROOMS: dict[str, tuple[str, ...]] = {
    "api_client": ("ApiClient",),
    "auth": (
        "OAuth2AccessTokenAuth",
        "OAuth2AuthorizationCodeAuth",
        "OAuth2ClientCredentialsAuth",
        "OAuth2DeviceCodeAuth",
        "OAuth2ResourceOwnerPasswordAuth",
    ),
    "authorization_request": (
        "AuthorizationRequest",
        "RequestParameterAuthorizationRequest",
        "RequestUriParameterAuthorizationRequest",
    ),
    "authorization_response": ("AuthorizationResponse",),
    "backchannel_authentication": (
        "BackChannelAuthenticationPollingJob",
        "BackChannelAuthenticationPoolingJob",
        "BackChannelAuthenticationResponse",
    ),
    "bounded_http": ("BoundedAdapter",),
    "backchannel_notification": ("BackChannelNotification",),
    "client": ("OAuth2Client",),
    "client_authentication": (
        "BaseClientAssertionAuthenticationMethod",
        "BaseClientAuthenticationMethod",
        "ClientSecretBasic",
        "ClientSecretJwt",
        "ClientSecretPost",
        "PrivateKeyJwt",
        "PublicApp",
    ),
    "device_authorization": (
        "DeviceAuthorizationPollingJob",
        "DeviceAuthorizationPoolingJob",
        "DeviceAuthorizationResponse",
    ),
    "discovery": ("oauth2_discovery_document_url", "oidc_discovery_document_url", "well_known_uri"),
    "dpop": ("DPoPKey", "DPoPToken"),
    "dpop_validation": ("validate_dpop_proof",),
    "enums": ("CodeChallengeMethods", "Endpoints", "GrantTypes", "ResponseTypes"),
    "events": ("TokenEvent", "log_events"),
    "exceptions": (
        "AccessDenied",
        "AccountSelectionRequired",
        "AuthorizationPending",
        "AuthorizationResponseError",
        "BackChannelAuthenticationError",
        "ConnectionFailed",
        "ConsentRequired",
        "CorruptTokenStore",
        "DeviceAuthorizationError",
        "EndpointError",
        "ExpiredAccessToken",
        "ExpiredIdToken",
        "ExpiredToken",
        "InteractionRequired",
        "IntrospectionError",
        "InvalidAcrValuesParam",
        "InvalidAuthResponse",
        "InvalidBackChannelAuthenticationResponse",
        "InvalidBackChannelNotification",
        "InvalidBackchannelAuthenticationRequestHintParam",
        "InvalidBoolFieldsParam",
        "InvalidClient",
        "InvalidClientAssertionSigningKeyOrAlg",
        "InvalidCodeVerifierParam",
        "InvalidDPoPAccessToken",
        "InvalidDPoPAlg",
        "InvalidDPoPKey",
        "InvalidDPoPProof",
        "InvalidDeviceAuthorizationResponse",
        "InvalidDiscoveryDocument",
        "InvalidEndpointUri",
        "InvalidGrant",
        "InvalidIdToken",
        "InvalidIssuer",
        "InvalidMaxAgeParam",
        "InvalidParam",
        "InvalidPathParam",
        "InvalidPushedAuthorizationResponse",
        "InvalidRequest",
        "InvalidRequestForClientAuthentication",
        "InvalidScope",
        "InvalidScopeParam",
        "InvalidSerializedValue",
        "InvalidTarget",
        "InvalidTokenResponse",
        "InvalidUri",
        "InvalidUseDPoPNonceResponse",
        "LoginRequired",
        "LoopbackTimeout",
        "MismatchingIdTokenAcr",
        "MismatchingIdTokenAlg",
        "MismatchingIdTokenAudience",
        "MismatchingIdTokenAzp",
        "MismatchingIdTokenIssuer",
        "MismatchingIdTokenNonce",
        "MismatchingIssuer",
        "MismatchingState",
        "MissingAuthCode",
        "MissingAuthRequestId",
        "MissingDPoPNonce",
        "MissingDeviceCode",
        "MissingEndpointUri",
        "MissingIdToken",
        "MissingIdTokenEncryptedResponseAlgParam",
        "MissingIssuer",
        "MissingIssuerParam",
        "MissingPackage",
        "MissingRefreshToken",
        "NonRenewableTokenError",
        "OAuth2Error",
        "PollingExpired",
        "PollingStopped",
        "RepeatedDPoPNonce",
        "RequestTimeout",
        "ResponseTooLarge",
        "RevocationError",
        "ServerError",
        "SessionSelectionRequired",
        "SlowDown",
        "TokenEndpointError",
        "TokenNotStored",
        "TokenStoreError",
        "TokenStoreUnavailable",
        "TransportError",
        "UnauthorizedClient",
        "UnexpectedRedirect",
        "UnknownActorTokenType",
        "UnknownIntrospectionError",
        "UnknownSubjectTokenType",
        "UnknownTokenEndpointError",
        "UnknownTokenType",
        "UnsupportedClientCredentials",
        "UnsupportedCodeChallengeMethod",
        "UnsupportedResponseTypeParam",
        "UnsupportedTokenType",
        "UntrustedEndpointOrigin",
        "UseDPoPNonce",
        "UserInfoError",
    ),
    "id_token": ("IdToken",),
    "loopback": ("LoopbackReceiver", "authorize_by_loopback"),
    "origin_policy": ("OriginPolicy",),
    "pkce": ("PkceUtils",),
    "polling": ("BaseTokenEndpointPollingJob", "BaseTokenEndpointPoolingJob"),
    "retries": ("RetryPolicy",),
    "serializers": (
        "AuthorizationRequestSerializer",
        "BearerTokenSerializer",
        "DPoPKeySerializer",
        "TokenSerializer",
    ),
    "sessions": ("ProxyRememberingSession",),
    "token_exchange": ("IssuedToken",),
    "token_store": ("MemoryTokenStore", "TokenStore"),
    "token_stores": (
        "EncryptedTokenStore",
        "FileTokenStore",
        "KeyringTokenStore",
        "RedisTokenStore",
        "SqliteTokenStore",
    ),
    "tokens": ("BearerToken",),
    "uris": ("validate_endpoint_uri", "validate_issuer_uri"),
    "web_session": ("EncryptedSerializer", "LoginCookies", "SessionTokens"),
}
"""Where each public name lives."""

_ELSEWHERE = {"EncryptionAlgs": "jwskate", "KeyManagementAlgs": "jwskate", "SignatureAlgs": "jwskate"}
"""Names that other packages define."""

_HOMES = {name: f"{__name__}.{room}" for room, names in _ROOMS.items() for name in names} | _ELSEWHERE

__all__ = sorted([*_HOMES, "requests"])  # noqa: PLE0605 - made of _ROOMS: no name is said twice


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name == "requests":
        value: Any = import_module(name)
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
