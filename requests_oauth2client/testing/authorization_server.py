"""An Authorization Server in this process: the endpoints put together, and the ways to reach them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from .assertion_grants import jwt_bearer
from .authorization import answer, authorization_endpoint, decide_now, interaction_endpoint
from .authorization_code import authorization_code
from .core import Core
from .http import Headers, Refusal, Request, Response, TimedOut
from .in_process import InProcessAdapter
from .introspection import introspection_endpoint
from .jwks import jwks_endpoint
from .loopback import LoopbackServer
from .metadata import metadata
from .misbehaviour import Misbehaviour, Planned, canned
from .par import par_endpoint
from .protected_api import ProtectedApi
from .revocation import revocation_endpoint
from .token_endpoint import client_credentials, password, refresh_token, token_endpoint
from .token_requests import GrantHandler, TokenRequest, new_grant, token_response
from .tokens import Login
from .userinfo import userinfo_endpoint

Endpoint = Callable[[Core, Request], Response]


class AuthorizationServer(Core):
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
        grants: the function that handles each grant type. Add yours: it takes a `TokenRequest`, returns the fields of
            the token response or raises a `Refusal`.

    """

    def __init__(
        self, issuer: str = "https://as.local", *, paths: Mapping[str, str] | None = None, **choices: Any
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
            "urn:ietf:params:oauth:grant-type:jwt-bearer": jwt_bearer,
        }
        self._endpoints: dict[str, tuple[tuple[str, ...], Endpoint]] = {
            "authorization": (("GET", "POST"), authorization_endpoint),
            "interaction": (("POST",), interaction_endpoint),
            "par": (("POST",), par_endpoint),
            "jwks": (("GET", "HEAD"), jwks_endpoint),
            "token": (("POST",), lambda server, request: token_endpoint(server, self.grants, request)),
            "revocation": (("POST",), revocation_endpoint),
            "introspection": (("POST",), introspection_endpoint),
            "userinfo": (("GET", "POST"), userinfo_endpoint),
            "discovery": (("GET", "HEAD"), lambda _, __: Response.json(self.metadata)),
        }
        self._apis: list[ProtectedApi] = []
        self._planned: dict[str, list[Planned]] = {}
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
        session.mount(prefix, InProcessAdapter(lambda request: self._dispatch(request, api.name, api.respond)))

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
        listener = LoopbackServer(lambda request: self._dispatch(request, api.name, api.respond))
        self._listeners.append(listener)
        api.served_at = listener.origin

    # Answering

    def handle(self, request: Request) -> Response:
        """Answer a request to one of the endpoints."""
        name = self._endpoint_at(request.url)
        return self._dispatch(request, name, self._answer)

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

    def _dispatch(self, request: Request, name: str, respond: Callable[[Request], Response]) -> Response:
        """Take note of a request, then answer it, honestly or as planned by `misbehave`."""

        def proceed() -> Response:
            try:
                response = respond(request)
            except Refusal as refusal:
                response = refusal.response()
            return response.with_headers(*request.response_headers)

        request.endpoint = name
        request.proceed = proceed
        with self.lock:
            self.requests.append(request)
            planned = self._next_misbehaviour(name)
        if planned is None:
            response = proceed()
        else:
            if planned.delay:
                if request.patience is not None and planned.delay > request.patience:
                    msg = f"no answer from the {name} endpoint within {request.patience} s"
                    raise TimedOut(msg)
                sleep(planned.delay)
            response = planned.answer(request)
        request.response_status = response.status
        return response

    def _next_misbehaviour(self, name: str) -> Planned | None:
        waiting = self._planned.get(name)
        if not waiting:
            return None
        planned = waiting[0]
        if planned.times is not None:
            planned.times -= 1
            if planned.times <= 0:
                waiting.pop(0)
        return planned

    # Misbehaving

    def misbehave(
        self,
        endpoint: str,
        answer: Misbehaviour | None = None,
        *,
        status: int = 200,
        body: bytes | str | None = None,
        headers: Headers | None = None,
        json: Any = None,
        times: int | None = 1,
        delay: float = 0.0,
    ) -> None:
        """Plan another answer for the next requests to an endpoint. Several plans follow one another.

        Args:
            endpoint: name of the endpoint, or of an API.
            answer: a callable that takes the `Request` and returns the `Response`; several are ready in
                `requests_oauth2client.testing.misbehaviour`. Without it, what follows makes the answer.
            status: HTTP status.
            body: HTTP body.
            headers: HTTP headers.
            json: content of a JSON body.
            times: number of requests; `None` for all that come.
            delay: seconds to wait before the answer. When nothing else is given, the answer itself is honest.

        """
        if answer is None:
            honest = (status, body, headers, json) == (200, None, None, None)
            answer = Request.proceed_with if honest else canned(status, body or b"", headers, json)
        with self.lock:
            self._planned.setdefault(endpoint, []).append(Planned(answer, times, delay))

    def behave(self) -> None:
        """Forget all planned misbehaviours, and come back to the choices made when the server was built."""
        with self.lock:
            self._planned.clear()
            self.reset_switches()

    # Driving it from a test

    def count(self, endpoint: str) -> int:
        """Return the number of requests that an endpoint, or an API, received."""
        with self.lock:
            return sum(request.endpoint == endpoint for request in self.requests)

    def last(self, endpoint: str) -> Request:
        """Return the last request that an endpoint, or an API, received."""
        with self.lock:
            return next(request for request in reversed(self.requests) if request.endpoint == endpoint)

    def authorize(
        self,
        url: object,
        user: str | None = None,
        *,
        deny: bool = False,
        error: str | None = None,
        auth_time: float | None = None,
        acr: str | None = None,
    ) -> str:
        """Do what a user with a browser would do: open an authorization request, log in, decide.

        Args:
            url: the authorization request.
            user: name of the user who logs in. With `prompt=none`, of the user who is logged in already; `None` if
                nobody is.
            deny: whether they deny the request.
            error: an error code that the server answers instead.
            auth_time: when they logged in, in seconds since 1970-01-01 UTC; now by default. If that is too old for
                `max_age`, they log in again.
            acr: how they logged in; by default, the first of the `acr_values` asked for that the server supports.

        Returns:
            the URL to which the browser is redirected.

        Raises:
            Refusal: when the server shows an error page instead of redirecting.

        """
        refusals: list[Refusal] = []
        login = None
        if user is not None:
            login = Login(self.users[user], self.clock.now() if auth_time is None else auth_time, acr)

        def respond(request: Request) -> Response:
            try:
                with self.lock:
                    return answer(self, request, lambda asked: decide_now(self, asked, login, deny=deny, error=error))
            except Refusal as refusal:
                refusals.append(refusal)
                raise

        request = Request("GET", str(url), CaseInsensitiveDict())
        location = self._dispatch(request, "authorization", respond).header("Location")
        if location is None:
            raise refusals[0] if refusals else Refusal("server_error", "the answer is not a redirect")
        return location

    def rotate_keys(self, *, keep_old: bool = True) -> None:
        """Sign with new keys from now on. The old ones stay published, or are withdrawn at once."""
        with self.lock:
            self.keys.rotate(keep_old=keep_old)

    def rotate_dpop_nonces(self) -> None:
        """Accept no nonce given so far, neither here nor at the APIs."""
        with self.lock:
            for nonces in (self.dpop_nonces, *(api.dpop_nonces for api in self._apis)):
                nonces.rotate()

    def issue_token(
        self,
        client_id: str,
        *,
        user: str | None = None,
        scope: str | None = None,
        grant_type: str = "authorization_code",
        **parameters: str,
    ) -> dict[str, Any]:
        """Issue tokens without any request, as if that grant had just succeeded.

        Args:
            client_id: the client that gets the tokens.
            user: name of the user who granted it; `None` for the client's own.
            scope: the scope of the tokens.
            grant_type: decides, with `issue_refresh_tokens`, whether there is a refresh token.
            **parameters: other parameters of the token request, such as `resource`.

        Returns:
            the fields of a token response.

        """
        with self.lock:
            login = Login(self.users[user], self.clock.now()) if user is not None else None
            asked = TokenRequest.without_http(self, client_id, grant_type, {"scope": scope, **parameters})
            return token_response(asked, new_grant(asked, user=login.user if login else None, login=login))

    def __repr__(self) -> str:
        """Show the issuer."""
        return f"<AuthorizationServer {self.issuer}>"
