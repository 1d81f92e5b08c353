"""One process of a fleet: does what it reads on its standard input, one JSON object a line, and answers the same way.

It shares one handler between eight threads, its clock can be moved, and it can be killed at each step of a renewal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import time_machine
from requests.adapters import HTTPAdapter

from requests_oauth2client import (
    FileTokenStore,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2Error,
    RedisTokenStore,
    SqliteTokenStore,
    TokenStore,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 8


def open_store(kind: str, where: str) -> TokenStore:
    """Open the store that the whole fleet shares."""
    match kind:
        case "file":
            return FileTokenStore(where)
        case "sqlite":
            return SqliteTokenStore(where)
        case _:
            return RedisTokenStore(where, lease=0.5)


def open_client(token_endpoint: str) -> OAuth2Client:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", Killing(pool_maxsize=THREADS))
    return OAuth2Client(token_endpoint, ("fleet", "secret"), session=session)


class Death:
    """Kills this process at one step of a renewal, as `kill -9` would: nothing is cleaned up."""

    step: str | None = None

    @classmethod
    def at(cls, step: str) -> None:
        if step == cls.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Killing(HTTPAdapter):
    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        Death.at("sending")
        response = super().send(*args, **kwargs)
        Death.at("answered")
        return response


class KillingStore:
    """A store that tells each step before and after it."""

    def __init__(self, store: TokenStore) -> None:
        self.store = store
        self.locked = False

    def get(self, key: str) -> str | None:
        text = self.store.get(key)
        if self.locked:
            Death.at("read")
        return text

    def put(self, key: str, value: str, *, replacing: str | None) -> bool:
        Death.at("renewed")
        put = self.store.put(key, value, replacing=replacing)
        Death.at("stored")
        return put

    def delete(self, key: str) -> None:
        self.store.delete(key)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        with self.store.lock(key):
            self.locked = True
            Death.at("locked")
            yield
            self.locked = False


class Worker:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(THREADS)
        self.auth: Any = None
        self.api = ""
        self.traveller: Any = None

    def use(self, *, store: list[str], token_endpoint: str, api: str, key: str | None, on_401: bool = True) -> None:
        """Make a handler: for one user if there is a `key`, for the fleet itself if not."""
        client, shared = open_client(token_endpoint), KillingStore(open_store(*store))
        if key is None:
            self.auth = OAuth2ClientCredentialsAuth(client, store=shared, renew_on_401=on_401)
        else:
            self.auth = OAuth2AccessTokenAuth(client, None, store=shared, store_key=key, renew_on_401=on_401)
        self.api = api

    def call(self, *, through: bool = True) -> dict[str, Any]:
        """Use the handler in all threads; with `through`, call the API in one of them."""

        def one(number: int) -> str:
            try:
                if through and number == 0:
                    response = self.auth.client.session.get(self.api, auth=self.auth, timeout=30)
                    return f"{response.status_code} {response.request.headers['Authorization']}"
                prepared = requests.Request("GET", self.api, auth=self.auth).prepare()
                return f"200 {prepared.headers['Authorization']}"
            except OAuth2Error as exc:
                return type(exc).__name__

        return {"answers": sorted(set(self.pool.map(one, range(THREADS))))}

    def one_call(self) -> dict[str, Any]:
        """Call the API in this thread."""
        try:
            return {"status": self.auth.client.session.get(self.api, auth=self.auth, timeout=30).status_code}
        except OAuth2Error as exc:
            return {"error": type(exc).__name__}

    def shift(self, *, seconds: float) -> None:
        """Move the clock of this process."""
        if self.traveller is None:
            self.traveller = time_machine.travel(datetime.now(tz=timezone.utc), tick=True).start()
        self.traveller.shift(seconds)

    def fork(self, *, die_at: str | None) -> dict[str, Any]:
        """Call the API in a child, which dies at a step."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            Death.step = die_at
            if die_at == "replacing":
                Path.replace = lambda *_: Death.at("replacing")  # type: ignore[assignment, method-assign, return-value]
            os.write(writer, json.dumps(self.one_call()).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            text = answer.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return {"code": code, **(json.loads(text) if text else {})}


def main() -> None:
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        sys.stdout.write(json.dumps(answer or {}) + "\n")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
