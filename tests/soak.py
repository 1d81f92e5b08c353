"""Lets clients live among honest and hostile servers for a while, and shows what they hold on to: it must be flat.

    python tests/soak.py [seconds]        (600 by default; `python -m tox -e soak`)

Ten times it prints memory, threads, sockets, and entries of caches. It fails when the second half holds more than the first.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import requests

from requests_oauth2client import (
    AuthorizationResponse,
    BearerToken,
    DPoPKey,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    OAuth2Error,
    TokenSerializer,
)
from requests_oauth2client.nonces import _origin
from requests_oauth2client.strict_jwt import header_of
from requests_oauth2client.testing import AuthorizationServer, misbehaviour

SECRET = "a secret of more than thirty-two bytes"
CALLBACK = "https://app.local/callback"
SAMPLES = 10

MEMORY_SLACK = 4 * 1024 * 1024
"""Bytes by which the second half may be above the first: allocators round."""

HOSTILE = [
    misbehaviour.redirect("https://evil.local/"),
    misbehaviour.html(),
    misbehaviour.huge_body(3_000_000),
    misbehaviour.gzip_bomb(20_000_000),
    misbehaviour.nested_json(),
    misbehaviour.huge_number(),
    misbehaviour.cut_body(),
    misbehaviour.log_injection(),
    misbehaviour.slow_drip(0.05, 100),
    misbehaviour.canned(500, b"x" * 100_000),
    misbehaviour.canned(200, json={"access_token": "a"}, headers={"Set-Cookie": "a=b; Path=/"}),
]


class World:
    """Servers on loopback, and clients that live as long as the process."""

    def __init__(self, stack: ExitStack) -> None:
        self.server = AuthorizationServer("https://as.local", access_token_lifetime=25, dpop_nonce_uses=3)
        self.server.add_client("client_id", client_secret=SECRET, redirect_uris=CALLBACK)
        self.server.add_user("alice")
        self.api = self.server.protect("https://api.local/")
        stack.enter_context(self.server.serve())
        self.client = OAuth2Client.from_discovery_document(
            self.server.metadata,
            client_id="client_id",
            client_secret=SECRET,
            redirect_uri=CALLBACK,
            testing=True,
            deadline=0.5,
            timeout=0.5,
        )
        self.handler = OAuth2ClientCredentialsAuth(self.client, leeway=5)
        self.key = DPoPKey.generate()
        self.session = requests.Session()
        self.count = itertools.count()
        self.hostile = itertools.cycle(HOSTILE)

    def login(self) -> None:
        request = self.client.authorization_request()
        response = request.validate_callback(self.server.authorize(request, user="alice"))
        token = self.client.authorization_code(response)
        assert TokenSerializer().loads(TokenSerializer().dumps(token)).access_token == token.access_token
        handler = OAuth2AccessTokenAuth(self.client, token, leeway=60)
        self.session.get(self.api.url, auth=handler)  # refreshes first
        self.client.userinfo(handler.token)
        self.client.revoke_refresh_token(handler.token)

    def machine(self) -> None:
        for _ in range(5):
            self.session.get(self.api.url, auth=self.handler)
        self.handler.forget_token()

    def threads(self) -> None:
        self.handler.forget_token()
        workers = [
            threading.Thread(target=self.session.get, args=(self.api.url,), kwargs={"auth": self.handler})
            for _ in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def proofs(self) -> None:
        self.server.dpop_nonce_as = self.server.dpop_nonce_rs = True
        token = self.client.client_credentials(dpop_key=self.key)
        for _ in range(5):
            self.session.get(self.api.url, auth=token)
        response = requests.Response()
        response.url = f"https://h{next(self.count)}.example/"
        response.headers["DPoP-Nonce"] = "n" * 1000
        self.key.remember(response, role="rs")
        self.server.behave()

    def forgeries(self) -> None:
        client = self.client
        header = f'{{"alg":"RS256","kid":"{next(self.count)}"}}'.encode()
        for value in (f"{b64(header)}.e30.AAAA", "a.b.c", "x" * 100_000):
            with suppress(OAuth2Error):
                BearerToken("at", id_token=value).validate_id_token(client, AuthorizationResponse(code="c"))

    def attacks(self) -> None:
        for endpoint, call in (
            ("token", self.client.client_credentials),
            ("jwks", self.client.update_authorization_server_public_keys),
            ("userinfo", lambda: self.client.userinfo("at")),
        ):
            self.server.misbehave(endpoint, next(self.hostile))
            with suppress(OAuth2Error):
                call()
            self.server.behave()
        self.client.update_authorization_server_public_keys()

    def short_lives(self) -> None:
        with OAuth2Client(self.client.token_endpoint, ("client_id", SECRET), testing=True) as client:
            client.client_credentials()

    def forget(self) -> None:
        """Let the server forget: it is not what is measured."""
        server = self.server
        with server.lock:
            for memory in (
                server.requests, server.strays, server.access_tokens, server.refresh_tokens, server.codes,
                server.used_values, server.logins, server.consents, server.interactions,
            ):  # fmt: skip
                memory.clear()

    def held(self) -> dict[str, int]:
        self.forget()
        gc.collect()  # after it: what was forgotten may hold itself, and is no sign of anything
        statm = Path("/proc/self/statm")
        memory = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
        descriptors = Path("/proc/self/fd")
        return {
            "memory": memory,
            "threads": threading.active_count(),
            "descriptors": len(list(descriptors.iterdir())) if descriptors.exists() else 0,
            "nonces": len(self.key._rs_memory._by_origin or ()) + len(self.key._as_memory._by_origin or ()),
            "headers": header_of.cache_info().currsize,
            "origins": _origin.cache_info().currsize,
            "keys": len(self.client._server_keys._snapshot._built),
            "cookies": len(self.client.session.cookies),
            "objects": len(gc.get_objects()),
        }


def b64(data: bytes) -> str:
    from requests_oauth2client.jose import b64u

    return b64u(data)


def main(seconds: float) -> int:
    with ExitStack() as stack:
        samples = sampled(World(stack), seconds)
    failed = [name for name in samples[0] if grew(name, [sample[name] for sample in samples])]
    say("held on to more and more:", *(failed or ["nothing"]))
    return bool(failed)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def sampled(world: World, seconds: float) -> list[dict[str, int]]:
    rounds = (
        world.login,
        world.machine,
        world.threads,
        world.proofs,
        world.forgeries,
        world.attacks,
        world.short_lives,
    )
    samples: list[dict[str, int]] = []
    start = time.monotonic()
    turns = 0
    while len(samples) < SAMPLES:
        due = start + seconds * (len(samples) + 1) / SAMPLES
        while time.monotonic() < due:
            for turn in rounds:
                turn()
            turns += 1
            if turns % 50 == 0:
                world.forget()
        samples.append(world.held())
        say(f"{time.monotonic() - start:6.0f} s {turns:7} turns", samples[-1])
    return samples


def grew(name: str, values: list[int]) -> bool:
    """Tell whether the second half is above the first; its beginning fills caches, and does not count."""
    slack = {"memory": MEMORY_SLACK, "descriptors": 12, "threads": 10, "objects": 2000}.get(name, 0)
    limit = {"nonces": 200, "headers": 64, "origins": 256}.get(name)
    if limit is not None:
        return max(values) > limit
    return max(values[5:]) > max(values[1:5]) + slack


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
