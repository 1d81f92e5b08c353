"""Words of the specifications: endpoints, grants, response types, token types.

Members compare equal to their value, and are sent as it.
"""

from __future__ import annotations

from enum import Enum


class _Word(str, Enum):
    """A `str` whose text is its value, on every Python (`enum.StrEnum` starts with 3.11)."""

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)


class CodeChallengeMethods(_Word):
    """PKCE methods (RFC 7636 §4.2)."""

    S256 = "S256"
    plain = "plain"


class ResponseTypes(_Word):
    """Response types (OAuth 2.0 Multiple Response Types §3-5)."""

    CODE = "code"
    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a word of the specification, not a credential
    IDTOKEN = "id_token"
    CODE_IDTOKEN = "code id_token"
    CODE_TOKEN = "code token"  # noqa: S105 - a word of the specification, not a credential
    CODE_IDTOKEN_TOKEN = "code id_token token"  # noqa: S105 - a word of the specification, not a credential
    IDTOKEN_TOKEN = "id_token token"  # noqa: S105 - a word of the specification, not a credential


class Endpoints(_Word):
    """Endpoints of an Authorization Server, by their metadata names (RFC 8414 §2)."""

    TOKEN = "token_endpoint"  # noqa: S105 - a word of the specification, not a credential
    AUTHORIZATION = "authorization_endpoint"
    BACKCHANNEL_AUTHENTICATION = "backchannel_authentication_endpoint"
    DEVICE_AUTHORIZATION = "device_authorization_endpoint"
    INTROSPECTION = "introspection_endpoint"
    REVOCATION = "revocation_endpoint"
    PUSHED_AUTHORIZATION_REQUEST = "pushed_authorization_request_endpoint"
    JWKS = "jwks_uri"
    USER_INFO = "userinfo_endpoint"


class GrantTypes(_Word):
    """Values of `grant_type` in token requests."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word of the specification, not a credential
    RESOURCE_OWNER_PASSWORD = "password"  # noqa: S105 - a word of the specification, not a credential
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a word of the specification
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    CLIENT_INITIATED_BACKCHANNEL_AUTHENTICATION = "urn:openid:params:grant-type:ciba"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"


class TokenType(_Word):
    """What a token is, as `token_type_hint` names it (RFC 7009 §2.1)."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 - a word of the specification, not a credential
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word of the specification, not a credential
    ID_TOKEN = "id_token"  # noqa: S105 - a word of the specification, not a credential


class AccessTokenTypes(_Word):
    """How an access token is used: the `token_type` of a token response (RFC 6749 §7.1)."""

    BEARER = "Bearer"
    DPOP = "DPoP"


class JwtTypes(_Word):
    """Values of the `typ` header of JWTs (RFC 8725 §3.11)."""

    CLIENT_AUTHENTICATION_JWT = "client-authentication+jwt"
    DPOP_PROOF_JWT = "dpop+jwt"
