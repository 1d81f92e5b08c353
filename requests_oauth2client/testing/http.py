"""HTTP requests and responses as plain values, and what makes a request refused."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from attrs import define, field, frozen

if TYPE_CHECKING:
    from requests.structures import CaseInsensitiveDict

FORM = "application/x-www-form-urlencoded"
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))

Headers: TypeAlias = Iterable[tuple[str, str]] | Mapping[str, str]


def _pairs(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@define(eq=False, repr=False)
class Request:
    """A request that the server received, and what became of it."""

    method: str
    url: str
    headers: CaseInsensitiveDict[str]
    body: bytes = b""
    endpoint: str = "unknown"
    """Name of the endpoint that got it: `token`, `userinfo`, `api`... or `unknown`."""
    client_id: str | None = None
    """The client, once authenticated."""
    response_status: int | None = None
    """HTTP status of the answer; `None` until it is answered."""
    patience: float | None = None
    """How long the sender waits for an answer, in seconds, when that is known."""
    response_headers: list[tuple[str, str]] = field(factory=list, init=False)
    """Headers that the answer will have, whatever it is."""
    proceed: Callable[[], Response] = field(default=lambda: Response(404), init=False)
    """Produces the answer of a well-behaved server. For misbehaviours that only change it."""

    @property
    def path(self) -> str:
        """The path of the URL, as received."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the URL, each with all its values."""
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def media_type(self) -> str:
        """The Content-Type, without its parameters, in lower case."""
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def form(self) -> dict[str, list[str]]:
        """The parameters of a form body, each with all its values; empty for any other body."""
        if self.media_type != FORM:
            return {}
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def json(self) -> Any:
        """Decode the body as JSON."""
        return json_module.loads(self.body)

    def proceed_with(self) -> Response:
        """Return what `proceed` gives: the misbehaviour that is none."""
        return self.proceed()

    def __repr__(self) -> str:
        """Show what was asked and answered; neither parameters nor headers, since they hold secrets."""
        url = urlsplit(self.url)
        where = f"{url.scheme}://{url.netloc}{url.path}"
        return f"<Request {self.method} {where} ({self.endpoint}): {self.response_status}>"


@frozen
class Response:
    """An HTTP response. A body of several chunks is sent chunk by chunk, as they come."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    body: bytes | Callable[[], Iterator[bytes]] = field(default=b"", repr=False)

    @classmethod
    def json(cls, content: Any, status: int = 200, headers: Headers | None = None) -> Response:
        """Make a JSON response that no cache may keep."""
        body = json_module.dumps(content).encode()
        return cls(status, (("Content-Type", "application/json"), *NO_STORE, *_pairs(headers)), body)

    @classmethod
    def html(cls, page: str, status: int = 200, headers: Headers | None = None) -> Response:
        """Make an HTML page that no cache may keep."""
        return cls(status, (("Content-Type", "text/html; charset=utf-8"), *NO_STORE, *_pairs(headers)), page.encode())

    @classmethod
    def redirect(cls, location: str, status: int = 303, headers: Headers | None = None) -> Response:
        """Make a redirection that no cache may keep."""
        return cls(status, (("Location", location), *NO_STORE, *_pairs(headers)))

    def chunks(self) -> Iterator[bytes]:
        """Iterate over the body."""
        if isinstance(self.body, bytes):
            yield self.body
        else:
            yield from self.body()

    def header(self, name: str) -> str | None:
        """Return the first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return a copy with more headers."""
        return Response(self.status, (*self.headers, *headers), self.body)

    def content(self) -> Any:
        """Decode the body as JSON."""
        return json_module.loads(b"".join(self.chunks()))

    def amend(self, changes: Mapping[str, Any]) -> Response:
        """Return a copy whose JSON object has other values for some fields; `None` removes a field."""
        content = {**self.content(), **changes}
        body = json_module.dumps({key: value for key, value in content.items() if value is not None}).encode()
        return Response(self.status, self.headers, body)


class Refusal(Exception):
    """The server says no: an OAuth 2.0 error, RFC 6749 §5.2."""

    def __init__(
        self, error: str, description: str | None = None, *, status: int = 400, headers: Headers | None = None
    ) -> None:
        """Refuse with that `error` code and, for humans, a description."""
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = _pairs(headers)

    def response(self) -> Response:
        """Make the JSON response of an endpoint that only clients call."""
        content = {"error": self.error, "error_description": self.description}
        return Response.json({key: value for key, value in content.items() if value}, self.status, self.headers)


class TimedOut(Exception):
    """Nothing was answered in the time that the sender was ready to wait."""


@frozen(repr=False)
class Form:
    """The parameters of a request to an endpoint, each known to come once unless it may be repeated."""

    values: dict[str, list[str]]

    @classmethod
    def read(cls, parameters: Mapping[str, list[str]], *, repeatable: Iterable[str] = ()) -> Form:
        """Drop parameters without a value, refuse repeated ones (RFC 6749 §3.2).

        Raises:
            Refusal: `invalid_request` when a parameter is repeated.

        """
        given = {name: [value for value in values if value] for name, values in parameters.items()}
        for name, values in parameters.items():
            if len(values) > 1 and name not in repeatable:
                raise Refusal("invalid_request", f"parameter '{name}' is repeated")
        return cls({name: values for name, values in given.items() if values})

    @classmethod
    def of(cls, request: Request, *, repeatable: Iterable[str] = ("resource", "audience")) -> Form:
        """Read the form that a client posted.

        Raises:
            Refusal: `invalid_request` for another Content-Type, and for credentials in the URL.

        """
        if request.media_type != FORM:
            raise Refusal("invalid_request", f"the Content-Type must be {FORM}")
        secrets = {"client_secret", "client_assertion", "code", "refresh_token", "password", "token", "access_token"}
        if secrets & request.query.keys():
            raise Refusal("invalid_request", "secrets belong in the body, not in the URL")
        return cls.read(request.form, repeatable=repeatable)

    def get(self, name: str) -> str | None:
        """Return the value of a parameter, or `None`."""
        values = self.values.get(name)
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Return all the values of a repeatable parameter."""
        return tuple(self.values.get(name, ()))

    def required(self, name: str) -> str:
        """Return the value of a parameter.

        Raises:
            Refusal: `invalid_request` when it is missing.

        """
        value = self.get(name)
        if value is None:
            raise Refusal("invalid_request", f"parameter '{name}' is missing")
        return value

    def __contains__(self, name: str) -> bool:
        """Tell whether a parameter was given."""
        return name in self.values

    def __repr__(self) -> str:
        """Show the names only, since values hold secrets."""
        return f"<Form {', '.join(self.values)}>"
