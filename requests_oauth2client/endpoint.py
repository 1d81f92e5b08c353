"""The one door to an Authorization Server: how one request reaches one endpoint, and how its answer is judged.

Every request gets fresh credentials at every attempt, a finite timeout, no redirects, and a bounded body. Nothing else
in the library does I/O, except calls to APIs in the session of their caller.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypedDict
from urllib.parse import urlencode

import requests

from .bounded_http import ACCEPTED_ENCODINGS, Deadline, read_body
from .client_authentication import FORM
from .enums import Endpoints
from .events import TokenEvent, tell
from .evidence import printable, printable_url
from .exceptions import (
    AccessDenied,
    AuthorizationPending,
    ConnectionFailed,
    EndpointError,
    ExpiredToken,
    InvalidClient,
    InvalidGrant,
    InvalidParam,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidTokenResponse,
    InvalidUseDPoPNonceResponse,
    MissingEndpointUri,
    OAuth2Error,
    RequestTimeout,
    ResponseTooLarge,
    ServerError,
    SlowDown,
    TransportError,
    UnauthorizedClient,
    UnexpectedRedirect,
    UnsupportedTokenType,
    UseDPoPNonce,
)
from .hidden import Hidden, forget_locals, hidden
from .options import check_option
from .retries import SINGLE_USE_GRANTS, tell_if_spent, with_retries
from .strict_json import loads_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.cookiejar import CookieJar
    from typing import Protocol, TypeVar

    from requests.auth import AuthBase

    from .dpop import DPoPKey
    from .events import EventHook, EventName
    from .nonces import NonceMemory
    from .retries import RetryPolicy

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)

    class Hook(Protocol[T_co]):
        """What judges an answer: gives the result, or raises."""

        def __call__(self, response: requests.Response, *, dpop_key: DPoPKey | None = None) -> T_co: ...


Timeout: TypeAlias = float | tuple[float | None, float | None] | None
"""Seconds to wait: for both, or for the connection and between bytes of the answer; `None` waits forever."""

DEFAULT_TIMEOUT = 10.0
"""Seconds without a connection, or without a byte of answer, before a request to an AS is given up."""

DEFAULT_DEADLINE = 60.0
"""Seconds that a request to an AS may take as a whole, to the last byte of its answer, however it drips."""

MAX_RESPONSE_SIZE = 1024 * 1024
"""Bytes, after decompression, that an answer of an AS may have."""

MAX_DPOP_ATTEMPTS = 3
"""Requests sent, at most, to satisfy a server that asks for DPoP nonces."""

NONCE_WANTED = "use_dpop_nonce"

_OURS = frozenset({"method", "url", "data", "json", "files", "auth", "stream", "dpop", "dpop_key"})
_NEVER_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)


class RequestOptions(TypedDict, total=False):
    """Arguments of `requests.Session.request` that a request to an Authorization Server may have, `timeout` aside."""

    headers: Mapping[str, str]
    params: Mapping[str, Any]
    cookies: Mapping[str, str] | CookieJar
    proxies: Mapping[str, str]
    hooks: Mapping[str, Any]
    verify: bool | str
    cert: str | tuple[str, str]
    allow_redirects: Literal[False]


class RequestsKwargs(RequestOptions, total=False):
    """What `requests_kwargs` may hold, for one request to an Authorization Server."""

    timeout: Timeout


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing: keeps requests from looking for credentials of this host in `.netrc`."""
    return request


def encode_form(fields: Mapping[str, Any]) -> str:
    """Return `fields` as a form: `None` is left out, several values repeat their name, all else goes as its text.

    Objects, and lists of objects, are one JSON text, such as `authorization_details` (RFC 9396 §2).

    Raises:
        InvalidParam: an object cannot be made JSON, or a text not be encoded.

    """
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if type(value) is str:
            pairs.append((name, value))
        elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            pairs.extend((name, text) for text in _texts(name, value))
        elif value is not None:
            pairs.append((name, value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)))
    with suppress(UnicodeEncodeError):
        return urlencode(pairs)
    raise InvalidParam.no_text(pairs)  # not out of that error, which holds the value


def _texts(name: str, value: Iterable[Any]) -> list[str]:
    items = [item for item in ([value] if isinstance(value, Mapping) else value) if item is not None]
    if not any(isinstance(item, Mapping) for item in items):
        return [str(item) for item in items]
    try:
        return [json.dumps(dict(value) if isinstance(value, Mapping) else items, separators=(",", ":"))]
    except (TypeError, ValueError) as exc:
        msg = f"`{name}` cannot be made JSON: pass its text."
        raise InvalidParam(msg) from exc


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    data: str | None = None,
    headers: Mapping[str, str],
    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest] = no_auth,
    timeout: Timeout = DEFAULT_TIMEOUT,
    deadline: float | None = DEFAULT_DEADLINE,
    max_response_size: int = MAX_RESPONSE_SIZE,
    requests_kwargs: RequestsKwargs | None = None,
) -> requests.Response:
    """Send one request to an Authorization Server, and return its answer with the whole body read.

    Args:
        session: the session to send it with.
        method: `GET` or `POST`.
        url: the endpoint.
        data: an encoded form.
        headers: headers; those of `requests_kwargs` win.
        auth: adds credentials, and proofs.
        timeout: seconds, as requests takes it.
        deadline: seconds for all of it, or as long as `timeout` if that is more; `None` for no limit.
        max_response_size: bytes.
        requests_kwargs: further arguments of `requests.Session.request`, such as `verify`, `cert` or `proxies`.

    Raises:
        InvalidParam: `timeout` is no time.
        ConnectionFailed: the server could not be reached.
        RequestTimeout: no answer came in time.
        TransportError: the request could not be sent.
        UnexpectedRedirect: the answer is a 3xx, which is not followed: credentials would follow it.
        ResponseTooLarge: the body is longer than `max_response_size`.

    """
    headers = {"Accept-Encoding": ACCEPTED_ENCODINGS, **headers}
    options: dict[str, Any] = {"timeout": timeout, "headers": headers}
    if requests_kwargs:
        options = _merged(options, requests_kwargs)
    check_option("timeout", options["timeout"])
    try:
        with Deadline(_whole(deadline, options["timeout"])) as whole:
            sent = _Sent(auth, max_response_size, whole.until)
            response = session.request(method, url, data=data, auth=sent, allow_redirects=False, stream=True, **options)
            return sent.read(response)  # for sessions that call no hooks
    except TransportError:  # of ours already: the body is too large, or an auth handler of the caller failed
        raise
    except OSError as exc:  # of requests, and of files that it is told to use
        forget_locals(exc)
        raise _typed(exc, url) from exc


class _Sent:
    """The credentials of one request, and a hook that reads its answer.

    The hook comes before all that `requests` does with an answer: even when it follows no redirect, it works out where
    that leads, and reads the body of a 3xx without bound (a decompression bomb).
    """

    __slots__ = ("_auth", "_limit", "_until")

    def __init__(
        self, auth: Callable[[requests.PreparedRequest], requests.PreparedRequest], limit: int, until: float
    ) -> None:
        self._auth, self._limit, self._until = auth, limit, until

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request = self._auth(request)
        request.hooks["response"].append(self.read)
        return request

    def __reduce__(self) -> tuple[Any, ...]:
        # a hook goes where its request goes, into pickles too: the credentials stay here
        return _Sent, (no_auth, self._limit, self._until)

    def read(self, response: requests.Response, **_: Any) -> requests.Response:
        """Return an answer with its body, if it is no redirect, and not too large."""
        content = read_body(response, self._limit, self._until)
        _check_size(response, content, self._limit)
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - the class of redirects
            msg = (
                f"{printable_url(response.url)} answered {response.status_code}, a redirect to "
                f"'{printable_url(response.headers.get('Location', ''))}'. Redirects are never followed here, since "
                "credentials would follow them: configure the right URL."
            )
            raise UnexpectedRedirect(msg, response=response)
        return response


def request_options(requests_kwargs: RequestsKwargs | None) -> RequestsKwargs:
    """Return `requests_kwargs`, an empty mapping for `None`.

    Raises:
        InvalidParam: it holds what makes the request to an endpoint, such as `data`, or `allow_redirects=True`.

    """
    if not requests_kwargs:
        return {}
    options: RequestsKwargs = requests_kwargs
    refused = _OURS & set(options)
    if options.get("allow_redirects"):
        refused |= {"allow_redirects"}
    if refused:
        msg = f"`requests_kwargs` may not hold {sorted(refused)}: these are what makes a request to this endpoint."
        raise InvalidParam(msg)
    return options


def _merged(options: dict[str, Any], requests_kwargs: RequestsKwargs) -> dict[str, Any]:
    requests_kwargs = request_options(requests_kwargs)
    merged = {**options, **requests_kwargs, "headers": {**options["headers"], **(requests_kwargs.get("headers") or {})}}
    merged.pop("allow_redirects", None)
    return merged


def _whole(deadline: float | None, timeout: Timeout) -> float | None:
    """Return the seconds for a whole exchange: who allows a silence of two minutes allows two minutes."""
    if deadline is None:
        return None
    if isinstance(timeout, (int, float)):
        return max(deadline, timeout)
    parts = timeout if isinstance(timeout, tuple) else ()
    return max(deadline, sum(part for part in parts if isinstance(part, (int, float))))


def _check_size(response: requests.Response, content: bytes | None, limit: int) -> None:
    """Refuse a body without end, and a decompression bomb."""
    if content and len(content) > limit:
        response._content = content[:limit]  # noqa: SLF001 - evidence, not the whole flood
        response.close()
        msg = (
            f"{printable_url(response.url)} answered with more than {limit} bytes; the rest was not read. "
            "If this answer is legitimate, raise `max_response_size`."
        )
        raise ResponseTooLarge(msg, response=response)


def _typed(exc: OSError, url: str) -> TransportError:
    """Return the error of ours for what requests raised."""
    where, kind = printable_url(url), type(exc).__name__
    response = getattr(exc, "response", None)
    never_sent = isinstance(exc, _NEVER_SENT) or "NewConnectionError" in repr(exc.args) or _certificate_refused(exc)
    sent = not never_sent
    if isinstance(exc, requests.Timeout):
        msg = (
            f"{where} did not answer in time ({kind}). Try again later, or pass a longer `timeout`; "
            "if it sends slowly, give the client a longer `deadline`."
        )
        return RequestTimeout(msg, response=response, may_have_been_processed=sent)
    if isinstance(exc, requests.ConnectionError):
        msg = (
            f"{where} could not be reached, or the connection broke ({reason_of(exc) or kind}). "
            "Check the address and the network; the cause is chained to this error."
        )
        return ConnectionFailed(msg, response=response, may_have_been_processed=sent)
    if not isinstance(exc, requests.RequestException) and exc.errno is None:  # how requests says that a file is missing
        msg = f"The request to {where} was not sent: {printable(exc)}. Look at `verify`, `cert` and REQUESTS_CA_BUNDLE."
        return TransportError(msg, may_have_been_processed=False)
    msg = f"The request to {where} failed ({kind}). The cause is chained to this error."
    return TransportError(msg, response=response, may_have_been_processed=sent)


def _certificate_refused(exc: OSError) -> bool:
    """Tell whether it ended with the certificate of the server; other errors of TLS may come with an answer."""
    return any(isinstance(cause, SSLCertVerificationError) for cause in _causes(exc))


def _causes(exc: OSError) -> Iterator[BaseException]:
    """Iterate over an error and what it came of: requests, urllib3 and ssl wrap errors one in another."""
    cause: BaseException | None = exc
    for _ in range(6):
        if cause is None:
            return
        yield cause
        inner = (getattr(cause, "reason", None), *reversed(cause.args), cause.__cause__)
        cause = next((error for error in inner if isinstance(error, BaseException)), None)


def reason_of(exc: OSError) -> str | None:
    """Return what the system said of a failed connection, such as `Connection refused`."""
    for cause in _causes(exc):
        if isinstance(cause, SSLCertVerificationError):
            return printable(f"its certificate is not valid: {getattr(cause, 'verify_message', 'refused')}")
        if isinstance(cause, OSError) and isinstance(cause.errno, int) and cause.strerror:  # of the system itself
            return printable(cause.strerror)
    return None


def standard_error(
    response: requests.Response, classes: Mapping[str, type[EndpointError]], default: type[EndpointError]
) -> EndpointError | None:
    """Return the error that `response` holds (RFC 6749 §5.2), `None` when it holds no standard error.

    Args:
        response: an answer of an endpoint.
        classes: the class for each error code.
        default: the class for all other codes.

    """
    try:
        members = loads_object(response.content)
    except ValueError:
        return None
    error = members.get("error")
    if not isinstance(error, str) or not error:
        return None
    texts = {name: value for name, value in members.items() if isinstance(value, str)}
    return classes.get(error, default)(
        response=response, error=error, description=texts.get("error_description"), uri=texts.get("error_uri")
    )


class BaseClient:
    """What the verbs of a client stand on: its session, its credentials, and one request to one endpoint.

    Wings (the classes with the verbs) have no fields and no constructor; they use what is declared here.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        session: requests.Session
        auth: AuthBase
        _bound_auth: AuthBase
        _as_nonces: NonceMemory
        issuer: str | None
        retry: RetryPolicy | None
        on_event: EventHook | None
        timeout: float
        deadline: float | None
        max_response_size: int
        dpop_bound_access_tokens: bool
        dpop_key_generator: Callable[[str], DPoPKey]
        dpop_alg: str

    exception_classes: ClassVar[dict[str, type[EndpointError]]] = {
        "server_error": ServerError,
        "invalid_request": InvalidRequest,
        "invalid_client": InvalidClient,
        "invalid_scope": InvalidScope,
        "invalid_target": InvalidTarget,
        "invalid_grant": InvalidGrant,
        "access_denied": AccessDenied,
        "unauthorized_client": UnauthorizedClient,
        "authorization_pending": AuthorizationPending,
        "slow_down": SlowDown,
        "expired_token": ExpiredToken,
        "use_dpop_nonce": UseDPoPNonce,
        "unsupported_token_type": UnsupportedTokenType,
    }
    """The class of each error code; subclasses may extend it."""

    def _uri(self, endpoint: str) -> str:
        uri = getattr(self, endpoint, None)
        if not uri:
            raise MissingEndpointUri(str(endpoint))
        return str(uri)

    def _dpop_key(self, dpop: bool | None, dpop_key: DPoPKey | None) -> DPoPKey | None:
        """Return the key to bind a token to: the given one, a new one, or none (RFC 9449 §5)."""
        if dpop_key is not None:
            return dpop_key
        if dpop is None:
            dpop = self.dpop_bound_access_tokens
        return self.dpop_key_generator(self.dpop_alg) if dpop else None

    def _standard_error(self, response: requests.Response, default: type[EndpointError]) -> EndpointError | None:
        return standard_error(response, self.exception_classes, default)

    def _get(
        self, endpoint: str, *, accept: str = "application/json", requests_kwargs: RequestsKwargs | None = None
    ) -> requests.Response:
        """Send a GET without credentials, such as for a JWK Set."""
        return exchange(
            self.session,
            "GET",
            self._uri(endpoint),
            headers={"Accept": accept},
            timeout=self.timeout,
            deadline=self.deadline,
            max_response_size=self.max_response_size,
            requests_kwargs=requests_kwargs,
        )

    def _tell_again(self, endpoint: str, grant_type: str | None, number: int, why: str) -> None:
        name: EventName = "nonce_retried" if why == NONCE_WANTED else "request_retried"
        client_id = getattr(self.auth, "client_id", None)
        tell(self.on_event, TokenEvent(name, client_id, endpoint, grant_type, attempt=number, error=why))

    def _request(
        self,
        endpoint: str,
        *,
        data: Mapping[str, Any],
        on_success: Hook[T],
        on_failure: Hook[T],
        auth: AuthBase | None = None,
        dpop_key: DPoPKey | None = None,
        timeout: Timeout = None,
        accept: str = "application/json",
        requests_kwargs: RequestsKwargs | None = None,
    ) -> T:
        """POST a form to an endpoint, and return what its hooks make of the answer.

        Args:
            endpoint: name of the attribute that holds the URL.
            data: form fields, see `encode_form`.
            on_success: hook for 2xx answers.
            on_failure: hook for all other answers.
            auth: instead of client authentication.
            dpop_key: adds a DPoP proof; a nonce that the server asks for is added in a new attempt (RFC 9449 §8).
            timeout: seconds; `None` for that of the client.
            accept: the `Accept` header.
            requests_kwargs: see `exchange`.

        Raises:
            MissingEndpointUri: the client does not know this endpoint.
            TransportError: see `exchange`.

        """
        url, data = self._uri(endpoint), hidden(data)
        form = Hidden(encode_form(data))
        auth = self._bound_auth if auth is None else auth
        auth_and_proof = auth if dpop_key is None else _Proven(auth, dpop_key)
        headers = {"Accept": accept, "Content-Type": FORM}

        def attempt() -> requests.Response:
            response = exchange(
                self.session,
                "POST",
                url,
                data=form,
                headers=headers,
                auth=auth_and_proof,
                timeout=self.timeout if timeout is None else timeout,
                deadline=self.deadline,
                max_response_size=self.max_response_size,
                requests_kwargs=requests_kwargs,
            )
            if dpop_key is not None:
                self._as_nonces.learn(url, response.headers)
            return response

        told = partial(self._tell_again, endpoint, data.get("grant_type"))

        def send() -> requests.Response:
            if dpop_key is None:
                return attempt()
            dpop_key.recall_as_nonce(url, self._as_nonces)  # saves each new key a refusal
            return _with_dpop_nonce(attempt, dpop_key, told)

        single_use = data.get("grant_type") in SINGLE_USE_GRANTS
        response = with_retries(send, self.retry, single_use=single_use, on_retry=told)
        if not response.ok and dpop_key is None and _wants_nonce(response):
            raise InvalidTokenResponse(
                response=response,
                description="it wants a nonce in the DPoP proof, but the initial request did not include a DPoP proof",
            )
        try:
            return (on_success if response.ok else on_failure)(response, dpop_key=dpop_key)
        except OAuth2Error as exc:
            forget_locals(exc)  # of parsers: a server may echo a credential, or issue a token in a bad answer
            if single_use and not response.ok:
                tell_if_spent(exc, response)
            raise


class _Proven:
    """Client authentication, and then a DPoP proof over the finished request."""

    __slots__ = ("_auth", "_key")

    def __init__(self, auth: AuthBase, key: DPoPKey) -> None:
        self._auth, self._key = auth, key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request = self._auth(request)
        self._key.sign(request, role="as")
        return request


def _wants_nonce(response: requests.Response) -> bool:
    return response.status_code >= 400 and isinstance(  # noqa: PLR2004 - the classes of errors
        standard_error(response, {"use_dpop_nonce": UseDPoPNonce}, EndpointError), UseDPoPNonce
    )


def _with_dpop_nonce(
    attempt: Callable[[], requests.Response], key: DPoPKey, told: Callable[[int, str], None]
) -> requests.Response:
    """Send a proven request until the server has the nonce it wants (RFC 9449 §8)."""
    attempts = 1
    while _wants_nonce(response := attempt()):
        try:
            key.handle_as_provided_dpop_nonce(response)
        except InvalidUseDPoPNonceResponse as exc:
            raise InvalidTokenResponse(response=response, description=exc.description) from exc
        if attempts == MAX_DPOP_ATTEMPTS:
            reason = "it asked for a different DPoP `nonce` for the third time in row"
            raise InvalidTokenResponse(response=response, description=reason)
        attempts += 1
        told(attempts, NONCE_WANTED)
    key.remember(response, role="as")
    return response


__all__ = [
    "DEFAULT_TIMEOUT",
    "MAX_RESPONSE_SIZE",
    "BaseClient",
    "Endpoints",
    "encode_form",
    "exchange",
    "reason_of",
    "request_options",
    "standard_error",
]
