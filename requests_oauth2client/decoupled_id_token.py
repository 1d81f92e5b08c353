"""ID Tokens of flows in which the user decides elsewhere: the device flow, and backchannel authentication.

<https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.10.3.1>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import asdict, evolve, field, frozen

from .exceptions import MismatchingIdTokenAuthReqId, MismatchingIdTokenHash, MissingIdTokenClaim
from .id_token import IdTokenValidator, NothingExpected, TlsVouches, half_hash, validator_for

if TYPE_CHECKING:
    from typing import TypeVar

    from .id_token import IdToken, IdTokenClient, TokenWithIdToken
    from .jwks import VerificationKey

    T = TypeVar("T", bound=TokenWithIdToken)


def _validator(client: object, asked: NothingExpected) -> IdTokenValidator:
    """Return what a client expects of an ID Token that it fetched itself."""
    validator = validator_for(cast("IdTokenClient", client), asked)
    return validator if validator.keys else evolve(validator, keys=TlsVouches())


def validate_device_id_token(token: T, client: object) -> T:
    """Return `token` with its ID Token decrypted and validated: by issuer, audience, times and signature.

    Args:
        token: what the Token Endpoint gave.
        client: the `OAuth2Client` which the ID Token must be meant for.

    Raises:
        InvalidIdToken: its subclasses say what is wrong.

    """
    return _validator(client, NothingExpected()).validate(token)


RT_HASH = "urn:openid:params:jwt:claim:rt_hash"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"


@frozen(kw_only=True, slots=False)
class BackChannelIdTokenValidator(IdTokenValidator):
    """What an ID Token of a backchannel authentication must be (CIBA §10.3.1).

    Tokens that are pushed come over a connection which somebody else opened: only these claims, under the signature of
    the server, tell that they belong together and to us. Tokens that we fetch may have them, and then they must fit.

    Attributes:
        auth_req_id: what the server named the authentication.
        refresh_token: what `rt_hash` is made of.
        pushed: whether the tokens were pushed, so that the claims are mandatory.

    """

    auth_req_id: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    pushed: bool = False

    def check_hashes(self, jwt: IdToken, token: object, key: VerificationKey, access_token: str | None) -> None:
        """`at_hash`, `rt_hash` and `auth_req_id` fit what came along."""
        IdTokenValidator.check_hashes(self, jwt, token, key, access_token)
        if self.pushed and "at_hash" not in jwt.claims:
            raise MissingIdTokenClaim("at_hash", token, jwt)
        self.check_rt_hash(jwt, token, key)
        self.check_auth_req_id(jwt, token)

    def check_rt_hash(self, jwt: IdToken, token: object, key: VerificationKey) -> None:
        """`rt_hash` fits the refresh token."""
        if RT_HASH not in jwt.claims:
            if self.pushed and self.refresh_token is not None:
                raise MissingIdTokenClaim(RT_HASH, token, jwt)
            return
        received = jwt.claims[RT_HASH]
        expected = None if self.refresh_token is None else half_hash(key.alg, key.curve)(self.refresh_token)
        if expected is None or received != expected:
            raise MismatchingIdTokenHash(RT_HASH, token, jwt, received, expected)

    def check_auth_req_id(self, jwt: IdToken, token: object) -> None:
        """`auth_req_id` is that of our request."""
        if AUTH_REQ_ID not in jwt.claims:
            if self.pushed:
                raise MissingIdTokenClaim(AUTH_REQ_ID, token, jwt)
            return
        received = jwt.claims[AUTH_REQ_ID]
        if received != self.auth_req_id:
            raise MismatchingIdTokenAuthReqId(received, self.auth_req_id, token, jwt)


class _Asked(NothingExpected):
    """Stands for the Authorization Response: what our authentication request asked for."""

    def __init__(self, acr_values: tuple[str, ...] | None) -> None:
        self.acr_values: Any = acr_values


def validate_backchannel_id_token(
    token: T,
    client: object,
    auth_req_id: str,
    *,
    acr_values: tuple[str, ...] | None = None,
    pushed: bool = False,
) -> T:
    """Return `token` with its ID Token decrypted and validated.

    Args:
        token: what the server gave.
        client: the `OAuth2Client` which the ID Token must be meant for.
        auth_req_id: what the server named the authentication.
        acr_values: one of them must be `acr`.
        pushed: whether the server pushed it.

    Raises:
        MissingIdToken: it has none.
        InvalidIdToken: its subclasses say what is wrong.

    """
    asked = _Asked(acr_values)
    # whoever pushes opened the connection: TLS says nothing about them
    expected = validator_for(cast("IdTokenClient", client), asked) if pushed else _validator(client, asked)
    validator = BackChannelIdTokenValidator(
        **asdict(expected, recurse=False),
        auth_req_id=auth_req_id,
        refresh_token=getattr(token, "refresh_token", None),
        pushed=pushed,
    )
    return validator.validate(token)
