"""An Authorization Server in this process: the endpoints put together, and the ways to reach them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from .assertion_grants import jwt_bearer
from .authorization import authorization_endpoint, interaction_endpoint
from .authorization_code import authorization_code
from .ciba import CIBA, backchannel_endpoint, ciba
from .core import Core
from .device import DEVICE_CODE, device_authorization_endpoint, device_code, verification_endpoint
from .http import Request, Response
from .in_process import InProcessAdapter
from .introspection import introspection_endpoint
from .jwks import jwks_endpoint
from .loopback import LoopbackServer
from .metadata import metadata
from .par import par_endpoint
from .protected_api import ProtectedApi
from .revocation import revocation_endpoint
from .saml import saml2_bearer
from .token_endpoint import client_credentials, password, refresh_token, token_endpoint
from .token_exchange import token_exchange
from .user_actions import UserActions
from .userinfo import userinfo_endpoint

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .switches import Choices
    from .token_requests import GrantHandler

Endpoint = Callable[[Core, Request], Response]


class AuthorizationServer(UserActions):
    """An OAuth 2.x Authorization Server and OpenID Provider that lives in this process.

    It is as strict as real ones: clients are authenticated, assertions work once, scopes are limited, refresh tokens
    rotate and their reuse is noticed, tokens expire.

    ```python
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret="client_secret")
    server.protect("https://api.local/")
    session = server.session()
    ```

    Everything that follows is a choice, given to the constructor or set as attribute at any time.

    | choice | default | meaning |
    | --- | --- | --- |
    | `access_token_lifetime` | 3600 | seconds; `None`: access tokens do not expire |
    | `refresh_token_lifetime` | 14 days | seconds; `None`: refresh tokens do not expire |
    | `issue_refresh_tokens` | all but the client's own | the grant types that also give a refresh token |
    | `rotate_refresh_tokens` | `True` | a refresh token works once, and gives another |
    | `return_refresh_token_on_refresh` | `False` | without rotation: the same refresh token is returned again |
    | `omit_expires_in` | `False` | token responses do not tell when the token expires |
    | `omit_scope` | `False` | token responses do not tell the scope |
    | `extra_token_fields` | `{}` | fields added to token responses; may replace others |
    | `allowed_targets` | `None` | the known `resource` and `audience` values; `None`: any |
    | `strict_audience` | `False` | the `aud` of client assertions must be the issuer, not the endpoint's URL |
    | `max_assertion_lifetime` | 600 | seconds until the `exp` of an assertion |
    | `clock_skew` | 10 | seconds by which the clocks of others may differ |
    | `unsupported_revocation_types` | `set()` | values of `token_type_hint` that revocation refuses |
    | `userinfo_requires_openid` | `True` | the UserInfo Endpoint wants the `openid` scope |
    | `userinfo_changes` | `{}` | claims that UserInfo gives instead; `None` removes a claim |
    | `authorization_code_lifetime` | 60 | seconds |
    | `require_pkce` | `False` | confidential clients must use PKCE too; public ones must anyway |
    | `allow_plain_pkce` | `False` | accept `code_challenge_method=plain` |
    | `iss_parameter` | `True` | authorization responses tell the issuer, RFC 9207 |
    | `acr_values_supported` | `None` | the `acr_values` that a login can satisfy; `None`: any |
    | `require_par` | `False` | authorization requests must be pushed, RFC 9126 |
    | `par_lifetime` | 60 | seconds for which a pushed request waits |
    | `require_signed_request_object` | `False` | authorization requests must be signed, RFC 9101 |
    | `strict_request_objects` | `False` | request objects must have `iss`, `aud` and `exp` |
    | `issue_id_tokens` | all with a login | the grant types that give an ID Token when the scope has `openid` |
    | `id_token_lifetime` | 3600 | seconds |
    | `id_token_hashes` | `{"at_hash"}` | which of `at_hash`, `c_hash` and `s_hash` ID Tokens have |
    | `id_token_claims` | `{}` | other values for claims of ID Tokens, `None` to remove; or a function of the claims |
    | `id_token_maker` | `None` | a function of the claims and the `Client` that makes the whole ID Token |
    | `require_dpop` | `False` | all tokens must be bound to a key by DPoP |
    | `dpop_algs` | `None` | the algorithms of DPoP proofs; `None`: all asymmetric ones |
    | `dpop_proof_lifetime` | 60 | seconds for which a DPoP proof can be used, after its `iat` |
    | `dpop_nonce_as` | `False` | DPoP proofs for the server must have its nonce |
    | `dpop_nonce_rs` | `False` | DPoP proofs for APIs and UserInfo must have their nonce |
    | `dpop_nonce_uses` | `None` | how often a nonce may be used, then another comes with the answer; `None`: always |
    | `dpop_downgrade` | `False` | answer Bearer tokens to requests with a DPoP proof |
    | `device_code_lifetime` | 600 | seconds |
    | `backchannel_lifetime` | 120 | seconds for which a CIBA request waits, unless it asks for another time |
    | `polling_interval` | 5 | seconds between two polls; `None`: not told, hence 5 |
    | `enforce_polling_interval` | `True` | answer `slow_down` to clients that poll too often |
    | `exchangeable_tokens` | `{}` | tokens of others that can be exchanged, each with its `sub` |
    | `jwks_max_age` | 3600 | seconds for which the JWKS may be cached; `None`: not at all |
    | `extra_jwks` | `[]` | more keys, as `dict`, to publish in the JWKS |
    | `serve_oidc_discovery` | `True` | there is a `/.well-known/openid-configuration` |
    | `serve_oauth_discovery` | `True` | there is a `/.well-known/oauth-authorization-server` |
    | `metadata_changes` | `{}` | fields added to the metadata; `None` removes a field |

    Attributes:
        clock: the `Clock` of this server.
        requests: every `Request` received by the server and its APIs, in order.
        strays: every request that a session made by `session()` sent elsewhere. Nobody answers them.
        reuse_alarms: how many times a refresh token was presented after its rotation.
        code_replays: how many times an authorization code was presented after its redemption.
        notify: how clients are told about their CIBA requests: takes the URL, the `client_notification_token` and the
            content of the notification.
        grants: the function that handles each grant type. Add yours: it takes a `TokenRequest`, returns the fields of
            the token response or raises a `Refusal`.

    """

    def __init__(
        self, issuer: str = "https://as.local", *, paths: Mapping[str, str] | None = None, **choices: Unpack[Choices]
    ) -> None:
        """Make a server.

        Args:
            issuer: its issuer identifier. Endpoints are below it.
            paths: other places for some endpoints, by name, such as `{"token": "/oauth/token"}`: a path on the host
                of the issuer, or a whole URL.
            **choices: see the table above.

        """
        super().__init__(issuer, paths=paths, **choices)
        self.grants: dict[str, GrantHandler] = {
            "authorization_code": authorization_code,
            "client_credentials": client_credentials,
            "password": password,
            "refresh_token": refresh_token,
            DEVICE_CODE: device_code,
            CIBA: ciba,
            "urn:ietf:params:oauth:grant-type:token-exchange": token_exchange,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": jwt_bearer,
            "urn:ietf:params:oauth:grant-type:saml2-bearer": saml2_bearer,
        }
        self._endpoints: dict[str, tuple[tuple[str, ...], Endpoint]] = {
            "authorization": (("GET", "POST"), authorization_endpoint),
            "interaction": (("POST",), interaction_endpoint),
            "par": (("POST",), par_endpoint),
            "device_authorization": (("POST",), device_authorization_endpoint),
            "verification": (("GET", "POST"), verification_endpoint),
            "backchannel_authentication": (("POST",), backchannel_endpoint),
            "jwks": (("GET", "HEAD"), jwks_endpoint),
            "token": (("POST",), lambda server, request: token_endpoint(server, self.grants, request)),
            "revocation": (("POST",), revocation_endpoint),
            "introspection": (("POST",), introspection_endpoint),
            "userinfo": (("GET", "POST"), userinfo_endpoint),
            "discovery": (("GET", "HEAD"), lambda _, __: Response.json(self.metadata)),
        }
        self._apis: list[ProtectedApi] = []
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._listeners: list[LoopbackServer] = []

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata document, RFC 8414 §2 and OIDC Discovery §3."""
        return metadata(self, self.grants)

    # Reaching it

    def protect(
        self, url: str, *, scope: str | Iterable[str] | None = None, path: str = "/", name: str = "api"
    ) -> ProtectedApi:
        """Make an API that wants access tokens from this server.

        Args:
            url: its URL. Everything on that host is for the API, unless this server is there too.
            scope: the scopes that it requires, all of them.
            path: where it is on its host; it answers 404 elsewhere.
            name: its name in `Request.endpoint`, `count` and `misbehave`.

        """
        api = ProtectedApi(self, url, scope=scope, path=path, name=name)
        with self.lock:
            self._apis.append(api)
            if self.served_at is not None:
                self._serve_api(api)
            for session in self._sessions:
                self._mount_api(session, api)
        return api

    def mount(self, session: requests.Session) -> requests.Session:
        """Answer in this process what the session sends to this server and its APIs. Return the session."""
        with self.lock:
            for origin in self.origins():
                session.mount(f"{origin}/", InProcessAdapter(self.handle))
            for api in self._apis:
                self._mount_api(session, api)
            self._sessions.add(session)
        return session

    def session(self) -> requests.Session:
        """Make a session that reaches this server and its APIs, and nothing else.

        Anything sent elsewhere is kept in `strays` and raises a `requests.ConnectionError`.
        """
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, InProcessAdapter(self._stray))
        return self.mount(session)

    def _mount_api(self, session: requests.Session, api: ProtectedApi) -> None:
        prefix = api.url if api.origin in self.origins() else f"{api.origin}/"
        session.mount(prefix, InProcessAdapter(lambda request: self.dispatch(request, api.name, api.respond)))

    def _stray(self, request: Request) -> Response:
        with self.lock:
            self.strays.append(request)
        url = urlsplit(request.url)
        msg = f"nothing is at {url.scheme}://{url.netloc}: this session only reaches {self!r} and its APIs"
        raise requests.ConnectionError(msg)

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on a loopback port, and each API on another, until the end of the `with` block.

        Meanwhile, all URLs of the server and of its APIs are there: their scheme, host and port change, not their path.

        Args:
            port: the port of the server; 0 for a free one.

        Yields:
            the issuer.

        """
        if self.served_at is not None:
            msg = f"already served at {self.served_at}"
            raise RuntimeError(msg)
        listener = LoopbackServer(self.handle, port)
        with self.lock:
            self._listeners.append(listener)
            self.served_at = listener.origin
            for api in self._apis:
                self._serve_api(api)
        try:
            yield self.issuer
        finally:
            with self.lock:
                self.served_at = None
                for api in self._apis:
                    api.served_at = None
                listeners, self._listeners = self._listeners, []
            for listener in listeners:
                listener.close()

    def _serve_api(self, api: ProtectedApi) -> None:
        listener = LoopbackServer(lambda request: self.dispatch(request, api.name, api.respond))
        self._listeners.append(listener)
        api.served_at = listener.origin

    # Answering

    def handle(self, request: Request) -> Response:
        """Answer a request to one of the endpoints."""
        name = self._endpoint_at(request.url)
        return self.dispatch(request, name, self._answer)

    def _endpoint_at(self, url: str) -> str:
        path = urlsplit(url).path
        if path in self._discovery_paths():
            return "discovery"
        return next((name for name in self._paths_by_name() if urlsplit(self.endpoint(name)).path == path), "unknown")

    def _paths_by_name(self) -> list[str]:
        return [name for name in self._endpoints if name != "discovery"]

    def _discovery_paths(self) -> set[str]:
        path = urlsplit(self.issuer).path.rstrip("/")
        paths = set()
        if self.serve_oidc_discovery:  # OIDC Discovery §4
            paths.add(f"{path}/.well-known/openid-configuration")
        if self.serve_oauth_discovery:  # RFC 8414 §3.1
            paths.add(f"/.well-known/oauth-authorization-server{path}")
        return paths

    def _answer(self, request: Request) -> Response:
        if request.endpoint == "unknown":
            return Response.json({"error": "not_found"}, 404)
        methods, endpoint = self._endpoints[request.endpoint]
        if request.method not in methods:
            return Response(405, [("Allow", ", ".join(methods))])
        with self.lock:
            return endpoint(self, request)

    def rotate_keys(self, *, keep_old: bool = True) -> None:
        """Sign with new keys from now on. The old ones stay published, or are withdrawn at once."""
        with self.lock:
            self.keys.rotate(keep_old=keep_old)

    def rotate_dpop_nonces(self) -> None:
        """Accept no nonce given so far, neither here nor at the APIs."""
        with self.lock:
            for nonces in (self.dpop_nonces, *(api.dpop_nonces for api in self._apis)):
                nonces.rotate()

    def __repr__(self) -> str:
        """Show the issuer."""
        return f"<AuthorizationServer {self.issuer}>"
