"""A `requests.Session` bound to the root URL of an API, which its requests never leave.

It knows no OAuth: any `requests` auth handler is an `auth`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache, cached_property
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypedDict, cast
from urllib.parse import quote, unquote, urlsplit

import requests
from attrs import field, fields, frozen
from requests.utils import default_user_agent

from .exceptions import InvalidBoolFieldsParam, InvalidParam, InvalidPathParam

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.cookiejar import CookieJar
    from types import TracebackType
    from typing import IO, TypeGuard

    from typing_extensions import Self, Unpack

Path: TypeAlias = str | bytes | Iterable[object] | None
"""A relative URL as text, its segments, or `None` for the root itself."""

NoneFields: TypeAlias = Literal["include", "exclude", "empty"]
"""What becomes of `None` values."""

Auth: TypeAlias = "tuple[str, str] | Callable[[requests.PreparedRequest], requests.PreparedRequest]"
"""A username and password for HTTP Basic, or a `requests` auth handler."""

Timeout: TypeAlias = float | tuple[float | None, float | None] | None
"""Seconds to wait: for both, or for the connection and between bytes of the answer; `None` waits forever."""

DEFAULT_USER_AGENT = default_user_agent()


class SessionAttributes(TypedDict, total=False):
    """Attributes of a `requests.Session` that `ApiClient` sets."""

    params: Mapping[str, Any]
    proxies: dict[str, str]
    hooks: dict[str, Any]
    verify: bool | str
    cert: str | tuple[str, str] | None
    trust_env: bool
    max_redirects: int
    stream: bool


class RequestKwargs(TypedDict, total=False):
    """What each verb takes besides the path: the arguments of `requests.Session.request`, and three of ours.

    An argument that is left out takes the value of the client. `auth=None` and `timeout=None` are values: no
    authentication at all (none from the session or a netrc file either), and no time limit.
    """

    params: Mapping[str, Any] | Iterable[tuple[str, Any]] | str | bytes | None
    data: Mapping[str, Any] | Iterable[tuple[str, Any]] | Iterable[bytes] | IO[Any] | str | bytes | None
    json: Any
    headers: Mapping[str, str | bytes | None] | None
    cookies: Mapping[str, str] | CookieJar | None
    files: Any
    auth: Auth | None
    timeout: Timeout
    allow_redirects: bool
    proxies: Mapping[str, str] | None
    hooks: Mapping[str, Any] | None
    stream: bool | None
    verify: bool | str | None
    cert: str | tuple[str, str] | None
    raise_for_status: bool | None
    none_fields: NoneFields | None
    bool_fields: Iterable[object] | None


# ---------------------------------------------------------------- paths

# Most paths are plain names: this one match spares them the checks below, which would find nothing.
_is_plain = re.compile(r"[\w~-][\w~.-]*(?:/[\w~-][\w~.-]*)*/?", re.ASCII).fullmatch

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ABSOLUTE = re.compile(r"\s*[a-z][a-z0-9+.-]*:|[\s/]*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_ROOT = re.compile(rf"[\s\\]|{_CONTROL.pattern}|{_STRAY_PERCENT.pattern}")
# `\` is a slash to some servers; others drop `;parameters` or blanks before they resolve the dots
_DOT_SEGMENT = re.compile(r"(?:\A|[/\\])\s*\.{1,2}\s*(?:;[^/\\]*)?(?:[/\\]|\Z)")

_MAX_DECODINGS = 4
"""How often proxies and servers in a row may percent-decode a path; what is encoded more often is an attack."""


def _way_out(path: str) -> str | None:
    """Tell what in `path` could lead out of the root, as it is or once a server has decoded it."""
    for _ in range(_MAX_DECODINGS):
        if _CONTROL.search(path):
            return "it contains control characters"
        if _DOT_SEGMENT.search(path):
            return "it contains a '.' or '..' segment, plain or percent-encoded"
        decoded = unquote(path)
        if decoded == path:
            return None
        path = decoded
    return "it is percent-encoded again and again"


def _relative(path: str, given: object) -> str:
    """Return the text `path` as it may be appended to the root and a slash; its query is kept."""
    before_query = path.partition("?")[0]
    if _CONTROL.search(path):  # urllib3 and browsers drop some of them: `https:/\n/evil` would become a URL
        problem: str | None = "it contains control characters"
    elif "#" in path:
        problem = "it contains a '#', and a fragment is never sent: write %23, or pass the segments as a list"
    elif "\\" in before_query:
        problem = "it contains a backslash: write %5C, or pass the segments as a list"
    elif _ABSOLUTE.match(before_query):
        problem = "it starts with a scheme or a host with port; if this is a name with a colon, start it with a '/'"
    else:
        problem = _way_out(before_query)
    if problem:
        raise InvalidPathParam(given, problem)
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        raise InvalidPathParam(given, "it contains characters which UTF-8 cannot encode") from exc
    # requests would encode every `%` of a URL with a stray one, those of the root included
    return _STRAY_PERCENT.sub("%25", path.lstrip("/"))


def _text(segment: object, given: object) -> str:
    if segment is None:
        raise InvalidPathParam(given, "one of its segments is None")
    try:
        return segment.decode() if isinstance(segment, bytes) else str(segment)
    except Exception as exc:
        kind = type(segment).__name__
        raise InvalidPathParam(given, f"one of its segments, of type {kind}, cannot be converted to text") from exc


def _segments(path: object) -> list[str]:
    if not isinstance(path, (list, tuple)) and (
        not isinstance(path, Iterable) or isinstance(path, (Mapping, AbstractSet))
    ):
        raise InvalidPathParam(path, "it is neither text nor a sequence of segments")
    return [segment if isinstance(segment, str) else _text(segment, path) for segment in path]


def _quoted(segments: list[str], given: object) -> str:
    """Return `segments` percent-encoded, but for the slashes inside them, and joined."""
    names = [segment.strip("/") for segment in segments]
    if not all(names):  # an empty identifier would turn `DELETE users/42` into `DELETE users/`
        raise InvalidPathParam(given, "one of its segments is empty")
    joined = "/".join(names)
    problem = _way_out(joined)
    if problem:
        raise InvalidPathParam(given, problem)
    try:
        return quote(joined) + ("/" if segments[-1].endswith("/") else "")
    except UnicodeEncodeError as exc:
        raise InvalidPathParam(given, "it contains characters which UTF-8 cannot encode") from exc


# ---------------------------------------------------------------- fields


def _is_pair(value: object) -> TypeGuard[tuple[Any, Any]]:
    return isinstance(value, (list, tuple)) and len(value) == 2  # noqa: PLR2004  # what a pair is


def _pairs(given: object) -> list[tuple[Any, Any]] | None:
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, (list, tuple)) and all(map(_is_pair, given)):
        return list(given)
    return None


def _form_fields(given: object, none_fields: NoneFields, bool_fields: tuple[str, str]) -> object:
    """Return form or query fields with the rules applied, as a new object; text, bytes and files as they are."""
    pairs = _pairs(given)
    if pairs is None:
        return given

    def kept(value: object) -> bool:
        return value is not None or none_fields != "exclude"

    def sent(value: object) -> object:
        if isinstance(value, bool):
            return bool_fields[0] if value else bool_fields[1]
        return "" if value is None and none_fields == "empty" else value

    converted = [
        (name, [sent(item) for item in value if kept(item)] if isinstance(value, (list, tuple)) else sent(value))
        for name, value in pairs
        if kept(value)
    ]
    # requests merges mappings with those of the session, but not pairs; a mapping with repeated names stays pairs
    by_name = dict(converted)
    return by_name if isinstance(given, Mapping) and len(by_name) == len(converted) else converted


def _json_members(given: object, none_fields: NoneFields) -> object:
    """Return a JSON object with the rule applied to its own members; what is nested in them is left as it is."""
    if none_fields == "include" or not isinstance(given, Mapping):
        return given
    if none_fields == "exclude":
        return {name: value for name, value in given.items() if value is not None}
    return {name: "" if value is None else value for name, value in given.items()}


def _bool_pair(value: Iterable[object] | None) -> tuple[str, str]:
    try:
        true, false = ("True", "False") if value is None else value
    except (TypeError, ValueError) as exc:
        raise InvalidBoolFieldsParam(value) from exc
    if isinstance(value, (str, bytes, AbstractSet)):  # letters are no pair, and a set has no order
        raise InvalidBoolFieldsParam(value)
    return str(true), str(false)


def _none_rule(value: NoneFields) -> NoneFields:
    if value not in ("include", "exclude", "empty"):
        raise InvalidParam("Invalid value for `none_fields`: pass 'include', 'exclude' or 'empty'.")
    return value


# ---------------------------------------------------------------- the client


def _unauthenticated(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing; with `None`, requests would look for credentials in the session and in netrc files."""
    return request


def _root(base_url: object) -> str:
    """Return `base_url` if it is an absolute http(s) URL, which can be the beginning of others."""
    text = base_url if isinstance(base_url, str) else ""
    if _NOT_IN_ROOT.search(text):
        problem: str | None = "it contains blanks, control characters, backslashes or a single '%'; percent-encode them"
    elif "#" in text:
        problem = "it contains a fragment, which is never sent"
    elif "?" in text:
        problem = "it contains a query; pass `params={...}` to add parameters to each request"
    else:
        problem = _root_problem(text)
    if problem:
        raise InvalidParam(f"Invalid `base_url`: {problem}. Pass an absolute URL, such as 'https://api.example/v1'.")
    return text


def _root_problem(base_url: str) -> str | None:
    try:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return "it does not start with https:// or http:// and a host"
        requests.PreparedRequest().prepare_url(base_url, None)
    except ValueError:
        return "it is malformed"
    if "@" in parts.netloc:
        return "it contains credentials; pass them as `auth=`"
    return _way_out(parts.path)


def _usable_auth(auth: Any) -> Auth | None:
    if auth is None or callable(auth) or (isinstance(auth, tuple) and _is_pair(auth)):
        return cast("Auth | None", auth)
    raise InvalidParam(
        f"Invalid `auth` of type {type(auth).__name__}: pass an auth handler such as a BearerToken, "
        "or a tuple of username and password."
    )


def _kind(auth: Auth | None) -> str:
    return "None" if auth is None else f"<{type(auth).__name__}>"


@cache
def _state_beside_dict(cls: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return, for a class of clients, the names of its slotted fields, and of its cached properties."""
    slotted = tuple(f.name for f in fields(cls) if isinstance(getattr(cls, f.name, None), MemberDescriptorType))
    cached = tuple(name for base in cls.__mro__ for name, v in vars(base).items() if isinstance(v, cached_property))
    return slotted, cached


@frozen(init=False, slots=False)
class ApiClient:
    """Send requests to the API below a root URL, and nowhere else.

    `api.users` and `api["my-resource"]` are clients for the URLs below; they share session, authentication, options
    and class. A name that is taken (`api.session`) or starts with an underscore needs the brackets.

    Clients are frozen values: equal when all their attributes are, the session being compared by identity. A copy
    shares the session; a deep copy and a pickle have their own, with the cookies and credentials that it holds.

    Args:
        base_url: root of the API, absolute, http or https; without credentials, query or fragment.
        auth: `requests` auth handler, or `(username, password)`. With `None`, requests takes the credentials of the
            session, or those of a netrc file.
        timeout: seconds to wait for the connection, and between bytes of the answer; a tuple for each of them;
            `None` to wait forever.
        raise_for_status: raise `requests.HTTPError` for an answer of status 400 or more.
        none_fields: for the `None` values in `data` and `json`: `exclude` leaves them out, `include` leaves them to
            requests (null in JSON, left out of forms), `empty` sends an empty string. They are left out of `params`.
        bool_fields: what `True` and `False` become in `data` and `params`; `None` stands for `("True", "False")`.
        cookies: added to the cookies of the session.
        headers: added to the headers of the session.
        user_agent: for the session; `None` removes its own (urllib3 then sends its name). Left out, it stays.
        session: the session to use; a new one by default.
        session_kwargs: attributes to set on the session, such as `proxies`, `verify`, `cert` or `params`.

    Raises:
        InvalidParam: `base_url`, `auth`, `none_fields` or an attribute of the session is not usable.
        InvalidBoolFieldsParam: `bool_fields` does not hold two values.

    """

    base_url: str = field(converter=_root)
    auth: Auth | None = field(default=None, kw_only=True, hash=False, repr=_kind, converter=_usable_auth)
    timeout: Timeout = field(default=60, kw_only=True, hash=False)
    raise_for_status: bool = field(default=True, kw_only=True, hash=False)
    none_fields: NoneFields = field(default="exclude", kw_only=True, hash=False, converter=_none_rule)
    bool_fields: tuple[str, str] = field(default=("true", "false"), kw_only=True, hash=False, converter=_bool_pair)
    session: requests.Session = field(factory=requests.Session, kw_only=True, hash=False, repr=False)

    __iter__: ClassVar[None] = None
    """Not iterable: with `__getitem__` alone, Python would iterate over `api[0]`, `api[1]`, … forever."""

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        timeout: Timeout = 60,
        raise_for_status: bool = True,
        none_fields: NoneFields = "exclude",
        bool_fields: Iterable[object] | None = ("true", "false"),
        cookies: Mapping[str, str] | CookieJar | None = None,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = DEFAULT_USER_AGENT,
        session: requests.Session | None = None,
        **session_kwargs: Unpack[SessionAttributes],
    ) -> None:
        session = requests.Session() if session is None else session
        unknown = [name for name in session_kwargs if not hasattr(session, name)]
        if unknown:
            raise InvalidParam(f"`{unknown[0]}` is no parameter of ApiClient, nor an attribute of its session.")
        ApiClient.__attrs_init__(  # a subclass made by attrs has one of its own
            self,
            base_url,
            auth=auth,
            timeout=timeout,
            raise_for_status=raise_for_status,
            none_fields=none_fields,
            bool_fields=bool_fields,
            session=session,
        )
        for name, value in session_kwargs.items():
            setattr(session, name, value)
        if cookies:
            session.cookies.update(cookies)
        if headers:
            session.headers.update(headers)
        if user_agent is None:
            session.headers.pop("User-Agent", None)
        elif user_agent is not DEFAULT_USER_AGENT:  # a session that was given keeps its own
            session.headers["User-Agent"] = user_agent

    def to_absolute_url(self, path: Path = None) -> str:
        """Return the URL that a request to `path` goes to, always below `base_url`.

        Text is appended as it is, after exactly one slash: its percent-encoding and its query are kept. The segments
        of an iterable are converted to text and percent-encoded, but for the slashes inside them.

        Raises:
            InvalidPathParam: a server could resolve the path to another place (a `.` or `..` segment, encoded or
                not, a backslash, control characters), it has a scheme or a fragment, or an empty segment.

        """
        if path is None:
            return self.base_url
        if isinstance(path, str):
            relative = path.lstrip("/")
            if not _is_plain(relative):
                relative = _relative(path, path)
        elif isinstance(path, bytes):
            relative = _relative(_text(path, path), path)
        else:
            segments = _segments(path)
            if not segments:
                return self.base_url
            relative = "/".join(segments)
            if not (segments[-1] and _is_plain(relative)):
                relative = _quoted(segments, path)
        return f"{self.base_url.rstrip('/')}/{relative}"

    def request(self, method: str, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a request to a path below the root; the verbs below are shortcuts for it.

        Redirects are not followed unless `allow_redirects=True`; they may lead out of the root.
        The arguments are those of `requests.Session.request`, and the options of the client for this request only:
        see [`RequestKwargs`][requests_oauth2client.api_client.RequestKwargs]. What they hold is never modified.

        Raises:
            InvalidPathParam: the path is not below the root.
            InvalidBoolFieldsParam: `bool_fields` does not hold two values.
            requests.HTTPError: the answer has a status of 400 or more, and `raise_for_status` is true.

        """
        url = self.to_absolute_url(path)
        options = cast("dict[str, Any]", kwargs)
        raise_for_status = options.pop("raise_for_status", None)
        none_fields = options.pop("none_fields", None)
        none_fields = self.none_fields if none_fields is None else _none_rule(none_fields)
        bool_fields = options.pop("bool_fields", None)
        bool_fields = self.bool_fields if bool_fields is None else _bool_pair(bool_fields)
        if "params" in options:  # an empty parameter would mean something to most APIs
            options["params"] = _form_fields(options["params"], "exclude", bool_fields)
        if "data" in options:
            options["data"] = _form_fields(options["data"], none_fields, bool_fields)
        if "json" in options:
            options["json"] = _json_members(options["json"], none_fields)
        if "auth" not in options:
            options["auth"] = self.auth
        elif options["auth"] is None:
            options["auth"] = _unauthenticated
        options.setdefault("timeout", self.timeout)
        options.setdefault("allow_redirects", False)
        response = self.session.request(method, url, **options)
        if self.raise_for_status if raise_for_status is None else raise_for_status:
            response.raise_for_status()
        return response

    def get(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a GET request: see `request`."""
        return self.request("GET", path, **kwargs)

    def head(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a HEAD request: see `request`."""
        return self.request("HEAD", path, **kwargs)

    def options(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send an OPTIONS request: see `request`."""
        return self.request("OPTIONS", path, **kwargs)

    def post(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a POST request: see `request`."""
        return self.request("POST", path, **kwargs)

    def put(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a PUT request: see `request`."""
        return self.request("PUT", path, **kwargs)

    def patch(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a PATCH request: see `request`."""
        return self.request("PATCH", path, **kwargs)

    def delete(self, path: Path = None, **kwargs: Unpack[RequestKwargs]) -> requests.Response:
        """Send a DELETE request: see `request`."""
        return self.request("DELETE", path, **kwargs)

    def _at(self, base_url: str) -> Self:
        """Copy this client, and whatever a subclass adds to it, for another root."""
        cls: Any = type(self)
        slotted, cached = _state_beside_dict(cls)
        below: Self = object.__new__(cls)
        below.__dict__.update(self.__dict__, base_url=base_url)
        for name in cached:  # what was computed for this root is not true for the other
            below.__dict__.pop(name, None)
        for name in slotted:
            object.__setattr__(below, name, getattr(self, name))
        return below

    def __getitem__(self, segment: object) -> Self:
        """Return a client for a URL below; `segment` is one segment of the path, or a tuple of them."""
        if isinstance(segment, str) and _is_plain(segment):
            return self._at(f"{self.base_url.rstrip('/')}/{segment}")
        # not `self.to_absolute_url`: what a subclass adds to the end of a URL has no place in a root
        return self._at(ApiClient.to_absolute_url(self, segment if isinstance(segment, (tuple, list)) else (segment,)))

    def __getattr__(self, name: str) -> Self:
        """Return a client for the URL `name` below; names with a leading underscore are Python's and its tools'."""
        if name.startswith("_") or "base_url" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}; for a resource, use brackets.")
        try:
            return self[name]
        except InvalidPathParam as exc:
            raise AttributeError(str(exc)) from exc

    def __enter__(self) -> Self:
        """Return the client; its session is closed at the end of the block."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the session, also one that was given."""
        self.session.close()
