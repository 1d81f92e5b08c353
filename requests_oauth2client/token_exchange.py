"""Token exchange (RFC 8693).

<https://www.rfc-editor.org/rfc/rfc8693>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

from .endpoint import request_options
from .enums import GrantTypes, TokenType
from .exceptions import (
    InvalidParam,
    MissingIdToken,
    MissingRefreshToken,
    OAuth2Error,
    UnknownActorTokenType,
    UnknownSubjectTokenType,
    UnknownTokenType,
    UnsupportedTokenTypeError,
)
from .hidden import hidden
from .scopes import format_scope
from .strict_json import loads_object
from .token_endpoint import TokenEndpoint, encoded_xml, token_members
from .tokens import BearerToken, token_text

if TYPE_CHECKING:
    from typing import TypeGuard

    import requests

    from .dpop import DPoPKey
    from .endpoint import Hook, RequestsKwargs
    from .id_token import IdToken

URN = "urn:ietf:params:oauth:token-type:"
_SAML = (f"{URN}saml1", f"{URN}saml2")
_SHORT_NAMES = ("access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt")


@frozen(init=False, repr=False)
class IssuedToken(BearerToken):
    """What an exchange gave that is no access token: `token_type` is `N_A` (RFC 8693 §2.2.1).

    Its text is in `access_token`, as the RFC has it, and what it is in `issued_token_type`. It can be exchanged in its
    turn, as what it is.
    """

    TOKEN_TYPE: ClassVar[str] = "N_A"  # noqa: S105 - a word of the specification, not a credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:  # noqa: ARG002 - the form of auth handlers
        """Refuse: this token is not meant for API calls.

        Raises:
            UnsupportedTokenTypeError: always.

        """
        raise UnsupportedTokenTypeError(self.token_type)


class TokenExchange(TokenEndpoint):
    """Exchanges tokens for others."""

    __slots__ = ()

    def token_exchange(
        self,
        *,
        subject_token: str | bytes | BearerToken | IdToken,
        subject_token_type: str | None = None,
        actor_token: str | bytes | BearerToken | IdToken | None = None,
        actor_token_type: str | None = None,
        requested_token_type: str | None = None,
        dpop: bool | None = None,
        dpop_key: DPoPKey | None = None,
        requests_kwargs: RequestsKwargs | None = None,
        **token_kwargs: Any,
    ) -> BearerToken:
        """Exchange a token for another (RFC 8693 §2.1).

        Args:
            subject_token: on whose behalf; of a `BearerToken`, the member that `subject_token_type` names is sent. A
                SAML assertion may be XML: it is encoded.
            subject_token_type: a URN or its short name (`access_token`, `refresh_token`, `id_token`, `saml1`, `saml2`,
                `jwt`); guessed from the class of the token by default.
            actor_token: who acts, if it is somebody else.
            actor_token_type: as `subject_token_type`.
            requested_token_type: what to get; a URN or its short name.
            dpop: see `token_request`.
            dpop_key: see `token_request`.
            requests_kwargs: further arguments of `requests.Session.request`.
            **token_kwargs: further form fields, such as `scope`, `resource` or `audience` (a list sends several).

        Returns:
            A token, whose `issued_token_type` tells what it is; an `IssuedToken` when it is no access token.

        Raises:
            UnknownSubjectTokenType: pass `subject_token_type`.
            UnknownActorTokenType: pass `actor_token_type`.
            UnknownTokenType: the type does not fit the token.
            MissingRefreshToken: the token has no refresh token to send; `MissingIdToken` when it has no ID Token.
            InvalidParam: a token is empty, or there is a type of an actor and no actor.
            OAuth2Error: see `token_request`.

        """
        if actor_token is None and actor_token_type is not None:
            msg = "`actor_token_type` is of no use without `actor_token` (RFC 8693 §2.1)."
            raise InvalidParam(msg)
        subject_token, actor_token, token_kwargs = hidden((subject_token, actor_token, token_kwargs))
        subject_type = self._party_type(subject_token, subject_token_type, UnknownSubjectTokenType)
        data = hidden(
            {
                "grant_type": GrantTypes.TOKEN_EXCHANGE.value,
                "subject_token": _value(subject_token, subject_type),
                "subject_token_type": subject_type,
            }
        )
        if actor_token is not None:
            actor_type = self._party_type(actor_token, actor_token_type, UnknownActorTokenType)
            data |= {"actor_token": _value(actor_token, actor_type), "actor_token_type": actor_type}
        if requested_token_type:
            data["requested_token_type"] = self.get_token_type(requested_token_type)
        if "scope" in token_kwargs:
            token_kwargs["scope"] = format_scope(token_kwargs["scope"])
        form = hidden({**data, **token_kwargs})
        return self.token_request(form, dpop=dpop, dpop_key=dpop_key, **request_options(requests_kwargs))

    def _token_hook(self, grant_type: object) -> Hook[BearerToken]:
        is_exchange = grant_type == GrantTypes.TOKEN_EXCHANGE
        return self.parse_token_exchange_response if is_exchange else self.parse_token_response

    @classmethod
    def _party_type(cls, token: object, token_type: str | None, error: type[UnknownTokenType]) -> str:
        try:
            return cls.get_token_type(token_type, token)
        except UnknownTokenType as exc:
            if token_type is not None:
                raise
            raise error(token, token_type) from exc  # type: ignore[call-arg]  # each is told by its token

    def parse_token_exchange_response(
        self, response: requests.Response, *, dpop_key: DPoPKey | None = None
    ) -> BearerToken:
        """Return the token in a 2xx answer; what is no access token is an `IssuedToken`."""
        try:
            members = token_members(loads_object(response.content))
            if str(members.get("token_type")).lower() == IssuedToken.TOKEN_TYPE.lower():
                return IssuedToken(**members)
        except (OAuth2Error, ValueError, TypeError):
            pass  # the other hook says what is wrong
        return self.parse_token_response(response, dpop_key=dpop_key)

    @classmethod
    def get_token_type(cls, token_type: str | None = None, token: object = None) -> str:
        """Return the URN of a type of tokens (RFC 8693 §3).

        Args:
            token_type: a short name, or anything else, which is returned as it is; `None` to guess from `token`.
            token: the token, which must fit the type.

        Raises:
            UnknownTokenType: there is nothing to guess from, or the token does not fit.

        """
        if token_type is None:
            return _guessed(token)
        if token_type not in _SHORT_NAMES:
            return token_type
        if not _fits(token, token_type):
            msg = f"The token is of type '{type(token)}', which is no '{token_type}'."
            raise UnknownTokenType(msg, token, token_type)
        if token_type == TokenType.REFRESH_TOKEN and _holds_others(token) and token.refresh_token is None:
            msg = "This token does not contain a refresh_token."
            raise UnknownTokenType(msg, token, token_type)
        return URN + token_type


def _holds_others(token: object) -> TypeGuard[BearerToken]:
    """Tell whether it may hold a refresh token and an ID Token, beside the access token."""
    return isinstance(token, BearerToken) and not isinstance(token, IssuedToken)


def _is_id_token(token: object) -> bool:
    if token is None or isinstance(token, (str, BearerToken)):
        return False  # found out without jwskate
    from .id_token import IdToken

    return isinstance(token, IdToken)


def _fits(token: object, token_type: str) -> bool:
    if token is None or isinstance(token, str):
        return True
    if isinstance(token, IssuedToken):
        return token.kwargs.get("issued_token_type") in (None, URN + token_type)
    if token_type == TokenType.ID_TOKEN:
        return _is_id_token(token)
    return isinstance(token, BearerToken) or token_type not in (TokenType.ACCESS_TOKEN, TokenType.REFRESH_TOKEN)


def _guessed(token: object) -> str:
    if isinstance(token, IssuedToken):
        issued = token.kwargs.get("issued_token_type")
        if isinstance(issued, str) and issued:
            return issued
    elif isinstance(token, BearerToken):
        return URN + TokenType.ACCESS_TOKEN.value
    elif _is_id_token(token):
        return URN + TokenType.ID_TOKEN.value
    msg = f"Cannot guess the type of a token of type '{type(token)}': pass it."
    raise UnknownTokenType(msg, token, None)


def _value(token: object, token_type: str) -> str:
    """Return the text to send: of a `BearerToken`, the member which its type names; of XML, its base64url."""
    if _holds_others(token):
        if token_type == URN + TokenType.REFRESH_TOKEN.value:
            if token.refresh_token is None:
                raise MissingRefreshToken(token)
            return token.refresh_token
        if token_type == URN + TokenType.ID_TOKEN.value:
            if token.id_token is None:
                raise MissingIdToken(token)
            return str(token.id_token)
    if isinstance(token, (str, bytes)) and token_type in _SAML:  # RFC 8693 §3
        return encoded_xml(token) or token_text(token if isinstance(token, str) else token.decode())
    return token_text(token)
