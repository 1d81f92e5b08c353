"""Token exchange, RFC 8693."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from .http import Refusal
from .id_token import id_token
from .saml import verified_assertion
from .signed_jwt import ASYMMETRIC_ALGS, BadJwt, check_times, parse_jwt, verify_jwt
from .token_requests import access_token_response
from .tokens import Grant, Login

if TYPE_CHECKING:
    from .clients import User
    from .token_requests import TokenRequest

TYPE = "urn:ietf:params:oauth:token-type:"


@frozen
class Party:
    """Whom a token that was presented is about."""

    sub: str
    user: User | None = None
    scope: tuple[str, ...] | None = None
    act: dict[str, Any] | None = None
    """Who already acts for them, RFC 8693 §4.1."""


def token_exchange(asked: TokenRequest) -> dict[str, Any]:
    """Exchange a token for another, for the same subject, maybe with someone who acts for them."""
    server, form = asked.server, asked.form
    subject = _party(asked, "subject_token")
    grant = Grant(
        client_id=asked.client.client_id,
        scope=_scope(asked, subject),
        audience=server.targets_for(form.all("resource"), form.all("audience")),
        user=subject.user,
        subject=subject.sub,
        login=Login(subject.user, server.clock.now()) if subject.user else None,
    )
    if "actor_token" in form:
        actor = _party(asked, "actor_token")
        grant.claims["act"] = {"sub": actor.sub, **({"act": subject.act} if subject.act else {})}
    elif "actor_token_type" in form:
        raise Refusal("invalid_request", "'actor_token_type' without 'actor_token'")
    return _issue(asked, grant, form.get("requested_token_type") or f"{TYPE}access_token")


def _scope(asked: TokenRequest, subject: Party) -> tuple[str, ...]:
    """Return the scope asked for or, when nothing is, what the client may have of the scope of the token."""
    if asked.form.get("scope") is not None or subject.scope is None:
        return asked.server.scope_for(asked.client, asked.form.get("scope"))
    allowed = asked.client.scope
    return tuple(scope for scope in subject.scope if allowed is None or scope in allowed)


def _issue(asked: TokenRequest, grant: Grant, kind: str) -> dict[str, Any]:
    server = asked.server
    if kind == f"{TYPE}access_token":
        response = access_token_response(asked, grant, scope=grant.scope, refresh_token=None)
        return {**response, "issued_token_type": kind}
    if kind == f"{TYPE}refresh_token":
        value = server.new_refresh_token(grant, jkt=asked.refresh_jkt).value
    elif kind in {f"{TYPE}id_token", f"{TYPE}jwt"} and grant.user is not None:
        value = id_token(server, grant)
    else:
        raise Refusal("invalid_request", "no token of the 'requested_token_type' can be issued")
    response = {"access_token": value, "issued_token_type": kind, "token_type": "N_A"}  # RFC 8693 §2.2.1
    if grant.scope:
        response["scope"] = " ".join(grant.scope)
    return {**response, **server.extra_token_fields}


def _party(asked: TokenRequest, name: str) -> Party:
    """Check a token that was presented, RFC 8693 §2.1.

    Raises:
        Refusal: `invalid_request` when it is not what its type says, or not good, RFC 8693 §2.2.2.

    """
    server = asked.server
    value, kind = asked.form.required(name), asked.form.required(f"{name}_type")
    if value in server.exchangeable_tokens:
        return _subject(asked, server.exchangeable_tokens[value])
    kind = kind.removeprefix(TYPE)
    if kind in {"access_token", "refresh_token"}:
        tokens = server.access_tokens if kind == "access_token" else server.refresh_tokens
        token = tokens.get(value)
        if token is None or not token.is_active(server.clock.now()):
            raise Refusal("invalid_request", f"'{name}' is unknown, expired or revoked")
        grant = token.grant
        scope = server.access_tokens[value].scope if kind == "access_token" else grant.scope
        return Party(grant.sub, grant.user, scope, grant.claims.get("act"))
    try:
        if kind in {"id_token", "jwt"}:
            return _subject(asked, _subject_of_jwt(asked, value))
        if kind == "saml2":
            return _subject(asked, verified_assertion(server, value))
    except BadJwt as exc:
        raise Refusal("invalid_request", f"'{name}': {exc}") from exc
    raise Refusal("invalid_request", f"'{name}_type' is not supported")


def _subject(asked: TokenRequest, sub: str) -> Party:
    return Party(sub, asked.server.user_with_sub(sub))


def _subject_of_jwt(asked: TokenRequest, value: str) -> str:
    server = asked.server
    jwt = parse_jwt(value)
    issuer = jwt.claims.get("iss")
    own = issuer == server.issuer
    keys = server.keys.verification_keys(jwt.headers.get("alg")) if own else server.trusted_issuers.get(str(issuer), ())
    claims = verify_jwt(value, keys, ASYMMETRIC_ALGS).claims
    check_times(claims, server.clock.now(), skew=server.clock_skew, max_lifetime=10**9)
    if not isinstance(claims.get("sub"), str):
        raise BadJwt("'sub' is missing")
    return str(claims["sub"])
