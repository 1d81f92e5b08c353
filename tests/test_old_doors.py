"""Where code written for earlier versions imports from (contract, §0.3 and §0.4)."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import requests

import requests_oauth2client

DOORS = {
    "client": """OAuth2Client Endpoints GrantTypes InvalidAcrValuesParam InvalidBackchannelAuthenticationRequestHintParam
        InvalidDiscoveryDocument InvalidEndpointUri InvalidIssuer InvalidParam InvalidScopeParam MissingAuthRequestId
        MissingDeviceCode MissingEndpointUri MissingIdTokenEncryptedResponseAlgParam MissingIssuerParam MissingRefreshToken
        UnknownActorTokenType UnknownSubjectTokenType UnknownTokenType""",
    "client_authentication": """BaseClientAssertionAuthenticationMethod BaseClientAuthenticationMethod ClientSecretBasic
        ClientSecretJwt ClientSecretPost InvalidClientAssertionSigningKeyOrAlg InvalidRequestForClientAuthentication
        PrivateKeyJwt PublicApp UnsupportedClientCredentials client_auth_factory""",
    "tokens": """AccessTokenTypes BearerToken BearerTokenSerializer ExpiredAccessToken ExpiredIdToken IdToken InvalidIdToken MismatchingIdTokenAcr
        MismatchingIdTokenAlg MismatchingIdTokenAudience MismatchingIdTokenAzp MismatchingIdTokenIssuer
        MismatchingIdTokenNonce MissingIdToken TokenResponse TokenType UnsupportedIdTokenAlg UnsupportedTokenType
        UnsupportedTokenTypeError""",
    "authorization_request": """AuthorizationRequest AuthorizationRequestSerializer AuthorizationResponse CodeChallengeMethods
        InvalidCodeVerifierParam InvalidMaxAgeParam MissingIssuerParam PkceUtils RequestParameterAuthorizationRequest
        RequestUriParameterAuthorizationRequest ResponseTypes UnsupportedCodeChallengeMethod UnsupportedResponseTypeParam""",
    "auth": """NonRenewableTokenError OAuth2AccessTokenAuth OAuth2AuthorizationCodeAuth OAuth2ClientCredentialsAuth
        OAuth2DeviceCodeAuth OAuth2ResourceOwnerPasswordAuth""",
    "discovery": "oauth2_discovery_document_url oidc_discovery_document_url well_known_uri",
    "utils": "InvalidUri accepts_expires_in validate_endpoint_uri validate_issuer_uri",
    "exceptions": """AccessDenied AccountSelectionRequired AuthorizationPending AuthorizationResponseError
        BackChannelAuthenticationError ConsentRequired DeviceAuthorizationError EndpointError ExpiredToken InteractionRequired
        IntrospectionError InvalidAuthResponse InvalidBackChannelAuthenticationResponse InvalidClient
        InvalidDeviceAuthorizationResponse InvalidGrant InvalidPushedAuthorizationResponse InvalidRequest InvalidScope
        InvalidTarget InvalidTokenResponse LoginRequired MismatchingIssuer MismatchingState MissingAuthCode MissingIssuer
        OAuth2Error RevocationError ServerError SessionSelectionRequired SlowDown TokenEndpointError UnauthorizedClient
        UnknownIntrospectionError UnknownTokenEndpointError UnsupportedTokenType UnsupportedTokenTypeError UseDPoPNonce""",
    "deprecated": """BackChannelAuthenticationPoolingJob BaseTokenEndpointPoolingJob BearerTokenSerializer
        DeviceAuthorizationPoolingJob""",
    "pooling": "BaseTokenEndpointPoolingJob",
    "enums": """AccessTokenTypes CodeChallengeMethods Endpoints GrantTypes JwtTypes ResponseTypes TokenType""",
}


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, names in DOORS.items() for name in names.split()])
def test_doors(room, name):
    """Each name is found in the module where it used to be, and is the same thing as in the root."""
    module = importlib.import_module(f"requests_oauth2client.{room}")
    found = getattr(module, name)
    assert found is not None
    if room != "tokens" or name != "UnsupportedTokenType":
        assert getattr(requests_oauth2client, name, found) is found


def test_unknown_names():
    """A module has no other names."""
    from requests_oauth2client import authorization_request, tokens

    for module in (authorization_request, tokens):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            module.nonsense  # noqa: B018 - reading it is the test


@pytest.mark.parametrize(
    "door", ["tokens import BearerTokenSerializer", "authorization_request import AuthorizationRequestSerializer"]
)
def test_doors_upwards(door):
    """The serializers are found in the rooms of what they serialize, even when nothing else was imported before."""
    code = f"from requests_oauth2client.{door} as found; print(found.__module__)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["requests_oauth2client.serializers"]


def test_home_of_the_tokens():
    """Messages print the class of tokens with the module `tokens`."""
    for name in ("BearerToken", "IdToken"):
        assert str(getattr(requests_oauth2client, name)) == f"<class 'requests_oauth2client.tokens.{name}'>"


def test_requests():
    """The root has `requests`, also by a star import."""
    assert requests_oauth2client.requests is requests
    code = "from requests_oauth2client import *; print(requests.__name__, OAuth2Client.__name__)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["requests", "OAuth2Client"]


def test_dir():
    """`dir()` shows all names before any of them is loaded."""
    assert set(requests_oauth2client.__all__) <= set(dir(requests_oauth2client))
    code = "import requests_oauth2client as r; print(set(r.__all__) <= set(dir(r)), 'OAuth2Client' in vars(r))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("name", "members"),
    {
        "CodeChallengeMethods": {"S256": "S256", "plain": "plain"},
        "ResponseTypes": {
            "CODE": "code",
            "NONE": "none",
            "TOKEN": "token",
            "IDTOKEN": "id_token",
            "CODE_IDTOKEN": "code id_token",
            "CODE_TOKEN": "code token",
            "CODE_IDTOKEN_TOKEN": "code id_token token",
            "IDTOKEN_TOKEN": "id_token token",
        },
        "Endpoints": {
            "TOKEN": "token_endpoint",
            "AUTHORIZATION": "authorization_endpoint",
            "BACKCHANNEL_AUTHENTICATION": "backchannel_authentication_endpoint",
            "DEVICE_AUTHORIZATION": "device_authorization_endpoint",
            "INTROSPECTION": "introspection_endpoint",
            "REVOCATION": "revocation_endpoint",
            "PUSHED_AUTHORIZATION_REQUEST": "pushed_authorization_request_endpoint",
            "JWKS": "jwks_uri",
            "USER_INFO": "userinfo_endpoint",
        },
        "GrantTypes": {
            "CLIENT_CREDENTIALS": "client_credentials",
            "AUTHORIZATION_CODE": "authorization_code",
            "REFRESH_TOKEN": "refresh_token",
            "RESOURCE_OWNER_PASSWORD": "password",
            "TOKEN_EXCHANGE": "urn:ietf:params:oauth:grant-type:token-exchange",
            "JWT_BEARER": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "CLIENT_INITIATED_BACKCHANNEL_AUTHENTICATION": "urn:openid:params:grant-type:ciba",
            "DEVICE_CODE": "urn:ietf:params:oauth:grant-type:device_code",
        },
        "TokenType": {"ACCESS_TOKEN": "access_token", "REFRESH_TOKEN": "refresh_token", "ID_TOKEN": "id_token"},
        "AccessTokenTypes": {"BEARER": "Bearer", "DPOP": "DPoP"},
        "JwtTypes": {"CLIENT_AUTHENTICATION_JWT": "client-authentication+jwt"},
    }.items(),
)
def test_words(name, members):
    """The members of enumerations are the words of the specifications, and behave as their text."""
    enumeration = getattr(importlib.import_module("requests_oauth2client.enums"), name)
    for member, value in members.items():
        word = enumeration[member]
        assert word == value == str(word) == f"{word}"
        assert {value: 1}[word] == 1
        assert enumeration(value) is word
