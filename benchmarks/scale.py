"""What does not grow with calls, tokens in a store, and keys in a JWK Set; drawn into `docs/assets/scale.svg`.

    python -m tox -e scale                    # to 1,000,000 calls: five minutes
    python -m tox -e scale -- --quick         # to a hundredth of that

Each point is the median of some batches, in CPU time of the thread, after everything before it was done. The machine is
not quiet: look for a slope, not for wiggles.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import floors
from canned import ACCESS_TOKEN, API, CLIENT_ID, ISSUER, SECRET, TOKEN, TOKEN_ENDPOINT, answering, prepared
from plot import Panel, drawing

from requests_oauth2client import (
    ApiClient,
    AuthorizationResponse,
    BearerToken,
    DPoPKey,
    DPoPToken,
    FileTokenStore,
    MemoryTokenStore,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    ProxyRememberingSession,
    SqliteTokenStore,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests_oauth2client import TokenStore

    Points = list[tuple[int, float]]

PICTURE = Path(__file__).parents[1] / "docs" / "assets" / "scale.svg"
CALLS, TOKENS, KEYS = 1_000_000, 100_000, 1_000
BATCHES = 9


def powers(most: int) -> Iterator[int]:
    """Yield 1, 10, 100, up to `most`."""
    power = 1
    while power <= most:
        yield power
        power *= 10


def microseconds(case: Callable[[], object], calls: int = 50) -> float:
    """Return what a call costs now."""
    spent = []
    for _ in range(BATCHES):
        start = time.thread_time()
        for _ in range(calls):
            case()
        spent.append((time.thread_time() - start) / calls)
    return statistics.median(spent) * 1e6


def memory() -> float:
    """Return the MiB that this process occupies."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# ---------------------------------------------------------------- calls


def api_calls() -> Callable[[], object]:
    """Call an API, each time at another path."""
    client = OAuth2Client(TOKEN_ENDPOINT, client_id=CLIENT_ID, client_secret=SECRET, session=answering(TOKEN))
    session = answering({}, ProxyRememberingSession())
    api = ApiClient(API, session=session, auth=OAuth2ClientCredentialsAuth(client))
    numbers = iter(range(10 * CALLS))
    return lambda: api.get(["users", next(numbers)])


def proven_requests() -> Callable[[], object]:
    """Prove the possession of a key, at ten thousand hosts, each of which gives a nonce."""
    token = DPoPToken(ACCESS_TOKEN, _dpop_key=DPoPKey.generate(), expires_in=10**6)
    request = prepared()
    answer = answering({}).get(f"{API}/")
    numbers = iter(range(10 * CALLS))

    def call() -> None:
        number = next(numbers)
        request.url = answer.url = f"https://api{number % 10_000}.local/users/{number}"
        answer.headers["DPoP-Nonce"] = f"nonce-{number}"
        request.hooks["response"] = []
        token(request)
        token.dpop_key.remember(answer, role="rs")

    return call


def through_calls(call: Callable[[], object], most: int) -> tuple[Points, Points]:
    """Return what a call costs after so many, and the memory that was taken since the first hundred."""
    costs, grown, done, before = [], [], 0, 0.0
    for number in powers(most):
        while done < number:
            call()
            done += 1
        costs.append((number, microseconds(call)))
        done += BATCHES * 50
        if number == 100:  # noqa: PLR2004 - what is made at first use is there
            before = memory()
        if number >= 100:  # noqa: PLR2004 - idem
            grown.append((number, memory() - before))
    return costs, grown


# ---------------------------------------------------------------- stores


def through_tokens(store: TokenStore, most: int) -> Points:
    """Return what it costs to read one token of so many."""
    text = "a stored token, with its expiry and its refresh token, is about this long " * 8
    points, held = [], 0
    for number in powers(most):
        for added in range(held, number):
            store.put(_key(added), text, replacing=None)
        held = number
        wanted = iter([_key(index * 7919 % number) for index in range(BATCHES * 50)])
        points.append((number, microseconds(lambda wanted=wanted: store.get(next(wanted)))))
    return points


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


# ---------------------------------------------------------------- keys


def through_keys(alg: str, key: object, most: int) -> Points:
    """Return what it costs to validate an ID Token by one of so many keys."""
    nonce = "n-0S6_WzA2Mj"
    token = floors.id_token(key, nonce)
    right = {**floors.public_jwk(key), "kid": "a-key", "alg": alg, "use": "sig"}
    others = [{**floors.public_jwk(floors.ec_key()), "kid": f"other-{n}", "alg": "ES256"} for n in range(most - 1)]
    response = AuthorizationResponse(code="code", nonce=nonce, issuer=ISSUER)
    points = []
    for number in powers(most):
        client = OAuth2Client(
            TOKEN_ENDPOINT,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            issuer=ISSUER,
            authorization_server_jwks={"keys": [*others[: number - 1], right]},
            id_token_signed_response_alg=alg,
        )

        def validate(client: OAuth2Client = client) -> object:
            return BearerToken(ACCESS_TOKEN, id_token=token).validate_id_token(client, response)

        validate()  # sorts the keys, and makes the one that is needed
        points.append((number, microseconds(validate)))
    return points


# ---------------------------------------------------------------- the picture


def measured(share: int) -> list[Panel]:
    """Measure everything, up to a `share` of what is promised."""
    calls, calls_memory = through_calls(api_calls(), CALLS // share)
    proofs, proofs_memory = through_calls(proven_requests(), CALLS // share)
    root = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the disk is not what is measured
    with tempfile.TemporaryDirectory(dir=root) as directory:
        stores = {
            "in memory": MemoryTokenStore(),
            "in files": FileTokenStore(f"{directory}/files"),
            "in SQLite": SqliteTokenStore(f"{directory}/tokens.sqlite"),
        }
        tokens = {name: through_tokens(store, TOKENS // share) for name, store in stores.items()}
    keys = {alg: through_keys(alg, key, KEYS) for alg, key in (("ES256", floors.ec_key()), ("RS256", floors.rsa_key()))}
    return [
        Panel("µs a call, after so many calls", {"ApiClient.get": calls, "DPoP, 10,000 hosts": proofs}),
        Panel(
            "MiB taken since call 100", {"ApiClient.get": calls_memory, "DPoP, 10,000 hosts": proofs_memory}, least=4
        ),
        Panel("µs to read one of so many tokens", tokens),
        Panel("µs to validate an ID Token, of so many keys", keys),
    ]


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description="What does not grow with calls, tokens and keys.")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the calls and tokens; draws nothing")
    quick = parser.parse_args().quick
    panels = measured(100 if quick else 1)
    for panel in panels:
        print(f"\n{panel.title}")
        for name, points in panel.series.items():
            print(f"  {name:24}", "  ".join(f"{number:,}: {value:.3g}" for number, value in points))
    if not quick:
        PICTURE.write_text(drawing(panels, "Costs that stay flat from one call, token or key to a million"), "utf-8")


if __name__ == "__main__":
    main()
