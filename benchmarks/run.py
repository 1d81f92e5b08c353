"""What the library costs, beside floors: hand-written code that does only what is needed.

    python -m tox -e bench                 # everything
    python -m tox -e bench -- import       # some sections

A machine is never quiet, so only ratios within one run mean something: the cases of a section take turns in short
batches, in random order, on the clock of their own CPU time, and each figure is the median over the rounds.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import requests
from requests.adapters import BaseAdapter

from requests_oauth2client import ApiClient, BearerToken, OAuth2Client, OAuth2ClientCredentialsAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Callable[[], object]]

ROUNDS = 200
BATCH_SECONDS = 0.002
STARTS = 15


class Canned(BaseAdapter):
    """Answers at once, always the same."""

    def __init__(self, body: bytes) -> None:
        """Answer `body`."""
        super().__init__()
        self.body = body

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Make the answer."""
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, str(request.url)
        response.headers["Content-Type"] = "application/json"
        response._content = self.body  # noqa: SLF001 - what an adapter would let be read
        return response

    def close(self) -> None:
        """There is nothing to close."""


def session(body: bytes = b'{"access_token":"token","token_type":"Bearer","expires_in":3600}') -> requests.Session:
    """Make a session without network and without a look at the environment."""
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", Canned(body))
    return made


def handlers() -> Row:
    """Add a valid token to a prepared request."""
    request = requests.Request("GET", "https://api.local/").prepare()
    token = BearerToken("token", expires_in=3600)
    client = OAuth2Client("https://as.local/token", client_id="id", client_secret="secret", session=session())
    handler = OAuth2ClientCredentialsAuth(client, token=token)

    def floor() -> None:
        request.headers["Authorization"] = "Bearer token"

    return {"floor": floor, "BearerToken": lambda: token(request), "renewing handler": lambda: handler(request)}


def api_calls() -> Row:
    """Call an API that answers at once."""
    plain = session(b"{}")
    api = ApiClient("https://api.local/v1", session=plain)
    return {
        "floor": lambda: plain.get("https://api.local/v1/users/42"),
        "text": lambda: api.get("users/42"),
        "segments": lambda: api.get(["users", 42]),
        "sub-resource": lambda: api.users["42"].get(),  # noqa: PLW0108 - the sub-resources are a part of it
    }


def tokens() -> Row:
    """Get a token by client credentials from a server that answers at once."""
    plain = session()
    form = {"grant_type": "client_credentials", "scope": "read", "client_id": "id", "client_secret": "secret"}
    client = OAuth2Client("https://as.local/token", client_id="id", client_secret="secret", session=session())

    return {
        "floor": lambda: plain.post("https://as.local/token", data=form).json()["access_token"],
        "client_credentials": lambda: client.client_credentials(scope="read"),
    }


def per_call(row: Row) -> dict[str, list[float]]:
    """Return seconds per call of each case, one figure a round."""
    batches = {}
    for name, case in row.items():
        start = time.perf_counter()
        case()
        batches[name] = max(1, int(BATCH_SECONDS / (time.perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in row}
    for _ in range(ROUNDS):
        for name in random.sample(list(row), len(row)):
            case, batch = row[name], batches[name]
            start = time.thread_time()
            for _ in range(batch):
                case()
            times[name].append((time.thread_time() - start) / batch)
    return times


def starts(statements: dict[str, str]) -> dict[str, list[float]]:
    """Return the CPU seconds of a Python that runs each statement, less those of one that runs none."""

    def cpu(statement: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    times: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(STARTS):
        empty = cpu("pass")
        for name in random.sample(list(statements), len(statements)):
            times[name].append(cpu(statements[name]) - empty)
    return times


def imports() -> dict[str, list[float]]:
    """Import the library, and use it for the first time."""
    first_token = "from requests_oauth2client import BearerToken; BearerToken('token')"
    return starts(
        {"floor": "import requests", "import": "import requests_oauth2client", "first BearerToken": first_token}
    )


SECTIONS: dict[str, Callable[[], dict[str, list[float]]]] = {
    "import": imports,
    "handler": lambda: per_call(handlers()),
    "api": lambda: per_call(api_calls()),
    "token": lambda: per_call(tokens()),
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="What the library costs, beside hand-written floors.")
    parser.add_argument("sections", nargs="*", help=f"some of {', '.join(SECTIONS)}; all by default")
    sections = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    for section in sections:
        times = SECTIONS[section]()
        floor = times["floor"]
        for name, values in times.items():
            ratio = statistics.median(value / base for value, base in zip(values, floor, strict=True))
            print(f"{section:8} {name:20} {statistics.median(values) * 1e6:12.1f} us {ratio:8.2f} x")


if __name__ == "__main__":
    main()
