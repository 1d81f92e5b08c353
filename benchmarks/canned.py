"""Servers that answer at once, always the same, without a network: what is left is the cost of the client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER = "https://as.local"
TOKEN_ENDPOINT = f"{ISSUER}/token"
API = "https://api.local/v1"
CLIENT_ID = "an-identifier"
SECRET = "a secret that is long enough for HMAC with SHA-256"
ACCESS_TOKEN = "mF_9.B5f-4.1JqM" * 6

TOKEN = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600, "scope": "read"}
"""A token response."""


class Canned(BaseAdapter):
    """Answers every request with the same JSON."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        """Answer `answer`."""
        super().__init__()
        self.body = json.dumps(answer).encode()

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Make the answer."""
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, str(request.url)
        response.headers["Content-Type"] = "application/json"
        response._content = self.body  # noqa: SLF001 - what an adapter would let be read
        return response

    def close(self) -> None:
        """There is nothing to close."""


def answering(answer: Mapping[str, Any], session: requests.Session | None = None) -> requests.Session:
    """Return a session, by default a new one, whose servers all give `answer`."""
    session = session or requests.Session()
    session.mount("https://", Canned(answer))
    return session


def prepared(method: str = "GET", url: str = f"{API}/users/42", **kwargs: Any) -> requests.PreparedRequest:
    """Return a request that is ready to be sent."""
    return requests.Session().prepare_request(requests.Request(method, url, **kwargs))


def uncredentialed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing; without any `auth`, requests reads a netrc file at each call."""
    return request
