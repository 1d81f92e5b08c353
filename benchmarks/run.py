"""What the library costs, beside floors: hand-written code that does only what is needed, and nothing for safety.

    python -m tox -e bench                              # everything: two minutes
    python -m tox -e bench -- call token                # some sections
    python -m tox -e bench -- --quick --json mine.json  # kept for `python -m pyperf compare_to`

Other libraries take part where they are installed, as in `python -m tox -e peers`.
Only the ratios mean something elsewhere: they are to the floor in the same run, see `turns`.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tracemalloc
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import floors
import peers
import pyperf
from canned import (
    ACCESS_TOKEN,
    API,
    CLIENT_ID,
    ISSUER,
    SECRET,
    TOKEN,
    TOKEN_ENDPOINT,
    answering,
    prepared,
    uncredentialed,
)
from turns import Figure, figures, starts, take_turns

from requests_oauth2client import (
    ApiClient,
    AuthorizationRequest,
    AuthorizationResponse,
    BearerToken,
    ClientSecretJwt,
    DPoPKey,
    DPoPToken,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    PrivateKeyJwt,
    ProxyRememberingSession,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from turns import Row

    Rows = Iterator[tuple[str, dict[str, Figure]]]
    """What is measured, and the figures of its cases."""

ROUNDS, QUICK_ROUNDS = 120, 20
STARTS, QUICK_STARTS = 15, 5
URL = f"{API}/users/42"
SHOWN_IN_MICROSECONDS = 1000


def client(answer: dict[str, Any] = TOKEN, **kwargs: Any) -> OAuth2Client:
    """Make a client of a server that gives `answer`."""
    credentials = {} if "auth" in kwargs else {"client_id": CLIENT_ID, "client_secret": SECRET}
    return OAuth2Client(TOKEN_ENDPOINT, session=answering(answer), **credentials, **kwargs)


def bound(key: DPoPKey) -> DPoPToken:
    """Make a token that is bound to a key."""
    return DPoPToken(ACCESS_TOKEN, _dpop_key=key, expires_in=3600)


def present(row: dict[str, Callable[[], Callable[[], object]]]) -> Row:
    """Make those cases whose library is installed."""
    cases = {}
    for name, make in row.items():
        with suppress(ImportError):
            cases[name] = make()
    return cases


# ---------------------------------------------------------------- sections


def section_start(rounds: int) -> Rows:
    """Import the library, and use it for the first time; in a new Python each."""
    ours = "from requests_oauth2client import"
    handler = f"OAuth2ClientCredentialsAuth(OAuth2Client('{TOKEN_ENDPOINT}', ('id', 'secret')), token='t')(r)"
    proven = "DPoPToken('t', _dpop_key=DPoPKey.generate())(r)"
    request = f"import requests; r = requests.Session().prepare_request(requests.Request('GET', '{URL}')); "
    yield (
        "import",
        starts(
            {
                "floor: import requests": "import requests",
                "import requests, attrs": "import requests, attrs",
                "import requests, attrs, jwskate": "import requests, attrs, jwskate",
                "import requests_oauth2client": "import requests_oauth2client",
                "from requests_oauth2client import *": f"{ours} *",
                **{f"import {name}": f"import {name}" for name in _installed("requests_oauthlib", "msal")},
                **{f"import {name}": f"import {name}" for name in _installed("authlib.integrations.requests_client")},
            },
            rounds,
        ),
    )
    yield (
        "first use",
        starts(
            {
                "floor: a header": request + "r.headers['Authorization'] = 'Bearer t'",
                "BearerToken": request + f"{ours} BearerToken; BearerToken('t')(r)",
                "client credentials handler": request + f"{ours} OAuth2Client, OAuth2ClientCredentialsAuth; {handler}",
                "the same, by import *": request + f"{ours} *; {handler}",
                "DPoPToken with a new key": request + f"{ours} DPoPKey, DPoPToken; {proven}",
                "DPoPKey.proof, a SignedJwt": request + f"{ours} DPoPKey; DPoPKey.generate().proof('GET', '{URL}')",
            },
            rounds,
        ),
    )


def _installed(*names: str) -> list[str]:
    found = []
    for name in names:
        with suppress(ImportError):
            import_module(name)
            found.append(name)
    return found


def section_header(rounds: int) -> Rows:
    """Add a valid token to a prepared request."""
    request = prepared()
    value = f"Bearer {ACCESS_TOKEN}"

    def floor() -> None:
        request.headers["Authorization"] = value

    token = BearerToken(ACCESS_TOKEN, expires_in=3600)
    handler = OAuth2ClientCredentialsAuth(client(), token=token)
    row = {
        "floor: a header": lambda: floor,
        "BearerToken": lambda: lambda: token(request),
        "client credentials handler": lambda: lambda: handler(request),
        "Authlib": lambda: peers.authlib_header(request),
        "requests-oauthlib": lambda: peers.oauthlib_header(request),
        "google-auth": lambda: peers.google_header(request),
    }
    yield "a token in the header", take_turns(present(row), rounds)


def section_call(rounds: int) -> Rows:
    """Call an API that answers at once."""

    def got(auth: Any, session: requests.Session | None = None) -> Callable[[], object]:
        made = answering({}, session)
        return lambda: made.get(URL, auth=auth)

    def by_hand() -> Callable[[], object]:
        made = answering({})
        return lambda: made.get(URL, headers={"Authorization": f"Bearer {ACCESS_TOKEN}"})

    def api(session: requests.Session | None = None) -> ApiClient:
        return ApiClient(API, session=answering({}, session), auth=OAuth2ClientCredentialsAuth(client()))

    key = floors.ec_key()

    def signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
        floors.sign(key, b"x" * 400)
        return request

    def proved(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["DPoP"] = by_hand_proof()
        return request

    by_hand_proof = floors.proof(key, URL)
    plain, remembering, proven = api(), api(ProxyRememberingSession()), bound(DPoPKey(key))
    row = {
        "floor: Session.get": lambda: got(uncredentialed),
        "Session.get with a header, which reads .netrc": by_hand,
        "Session.get and a bare ES256 signature": lambda: got(signed),
        "Session.get and a proof by hand": lambda: got(proved),
        "BearerToken": lambda: got(BearerToken(ACCESS_TOKEN, expires_in=3600)),
        "client credentials handler": lambda: got(OAuth2ClientCredentialsAuth(client())),
        "DPoPToken, ES256": lambda: got(proven),
        "ApiClient with that handler": lambda: lambda: plain.get("users/42"),
        "ApiClient, from a sub-resource": lambda: lambda: plain.users["42"].get(),  # noqa: PLW0108 - the sub-resources are a part of it
        "ApiClient, remembering proxies": lambda: lambda: remembering.get("users/42"),
        "Authlib": lambda: peers.authlib_call(URL),
        "requests-oauthlib": lambda: peers.oauthlib_call(URL),
        "google-auth": lambda: peers.google_call(URL),
    }
    yield "a call", take_turns(present(row), rounds)


def section_signature(rounds: int) -> Rows:
    """Sign proofs and assertions."""
    key, request = floors.ec_key(), prepared()
    dpop_key = DPoPKey(key)
    token = bound(dpop_key)

    def proven() -> None:
        request.hooks["response"] = []
        token(request)

    row: dict[str, Any] = {
        "floor: ES256 and JSON": lambda: floors.proof(key, URL),
        "DPoPKey.proof": lambda: lambda: dpop_key.proof("GET", URL, "x" * 43),
        "DPoPToken on a request": lambda: proven,
        "PyJWT": lambda: peers.pyjwt_proof(key, URL),
        "joserfc": lambda: peers.joserfc_proof(key, URL),
    }
    yield "a DPoP proof", take_turns(present(row), rounds)
    row = {
        "floor: key and public JWK": lambda: lambda: floors.public_jwk(floors.ec_key()),
        "DPoPKey.generate": lambda: DPoPKey.generate,
    }
    yield "a DPoP key", take_turns(present(row), rounds)
    shared = ClientSecretJwt(CLIENT_ID, SECRET)
    for alg, signer in {"ES256": key, "RS256": floors.rsa_key()}.items():
        method = PrivateKeyJwt(CLIENT_ID, signer, alg=alg)
        row = {
            f"floor: {alg} and JSON": lambda signer=signer: floors.assertion(signer, TOKEN_ENDPOINT),
            f"PrivateKeyJwt, {alg}": lambda method=method: lambda: method.client_assertion(TOKEN_ENDPOINT),
            "ClientSecretJwt, HS256": lambda: lambda: shared.client_assertion(TOKEN_ENDPOINT),
        }
        yield f"a client assertion, {alg}", take_turns(present(row), rounds)


def section_id_token(rounds: int) -> Rows:
    """Parse an ID Token, and validate it."""
    nonce = "n-0S6_WzA2Mj"
    for alg, key in {"RS256": floors.rsa_key(), "ES256": floors.ec_key()}.items():
        token = floors.id_token(key, nonce)
        jwks = {"keys": [*_others(49), {**floors.public_jwk(key), "kid": "a-key", "alg": alg, "use": "sig"}]}
        checking = client(issuer=ISSUER, authorization_server_jwks=jwks, id_token_signed_response_alg=alg)
        response = AuthorizationResponse(code="code", nonce=nonce, issuer=ISSUER)

        def ours(
            token: str = token, checking: OAuth2Client = checking, response: AuthorizationResponse = response
        ) -> object:
            return BearerToken(ACCESS_TOKEN, id_token=token).validate_id_token(checking, response)

        row: dict[str, Any] = {
            "floor: signature and five claims": lambda key=key, token=token: floors.validation(key, token, nonce),
            "BearerToken.validate_id_token, 50 keys": lambda ours=ours: ours,
            "PyJWT": lambda key=key, token=token, alg=alg: peers.pyjwt_id_token(key, token, alg),
            "joserfc": lambda key=key, token=token, alg=alg: peers.joserfc_id_token(key, token, alg, nonce),
        }
        yield f"an ID Token, {alg}", take_turns(present(row), rounds)


def _others(count: int) -> list[dict[str, str]]:
    """Return keys that are not the right one."""
    return [{**floors.public_jwk(floors.ec_key()), "kid": f"other-{number}", "alg": "ES256"} for number in range(count)]


def section_token(rounds: int) -> Rows:
    """Get a token by client credentials from a server that answers at once."""
    form = {"grant_type": "client_credentials", "scope": "read", "client_id": CLIENT_ID, "client_secret": SECRET}
    session, key = answering(TOKEN), floors.ec_key()

    def posted(auth: Any) -> Callable[[], object]:
        return lambda: session.post(TOKEN_ENDPOINT, data=form, auth=auth, timeout=10).json()["access_token"]

    def new_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
        made = floors.ec_key()
        floors.public_jwk(made)
        floors.sign(made, b"x" * 400)
        return request

    by_hand = floors.assertion(key, TOKEN_ENDPOINT)

    def asserted(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.body = f"{request.body}&client_assertion={by_hand()}"
        request.headers["Content-Length"] = str(len(request.body))
        return request

    def got(asked: OAuth2Client, **kwargs: Any) -> Callable[[], object]:
        return lambda: asked.client_credentials(scope="read", **kwargs)

    row = {
        "floor: Session.post": lambda: posted(uncredentialed),
        "client_secret_post": lambda: got(client()),
        "private_key_jwt, ES256": lambda: got(client(auth=PrivateKeyJwt(CLIENT_ID, key, alg="ES256"))),
        "DPoP with a new key": lambda: got(client({**TOKEN, "token_type": "DPoP"}), dpop=True),
        "Session.post and an assertion by hand": lambda: posted(asserted),
        "Session.post, a bare key and its signature": lambda: posted(new_key),
        "Authlib": peers.authlib_token,
        "requests-oauthlib": peers.oauthlib_token,
    }
    yield "a token by client credentials", take_turns(present(row), rounds)
    answer = json.dumps(TOKEN)
    row = {
        "floor: JSON": lambda: lambda: json.loads(answer),
        "BearerToken of that JSON": lambda: lambda: BearerToken(**json.loads(answer)),
    }
    yield "a token out of JSON", take_turns(present(row), rounds)


def section_login(rounds: int) -> Rows:
    """Send a user to log in, and read the callback."""
    endpoint, redirect_uri = f"{ISSUER}/authorize", "https://app.local/callback"

    def requested(**kwargs: Any) -> AuthorizationRequest:
        who = {"client_id": CLIENT_ID, "redirect_uri": redirect_uri, "scope": "openid email", "issuer": ISSUER}
        return AuthorizationRequest(endpoint, **who, **kwargs)

    row = {
        "floor: randomness, PKCE and a URL": lambda: lambda: floors.authorization_url(endpoint, redirect_uri),
        "AuthorizationRequest.uri": lambda: lambda: requested().uri,
        "Authlib": lambda: peers.authlib_login(endpoint, redirect_uri),
        "requests-oauthlib": lambda: peers.oauthlib_login(endpoint, redirect_uri),
    }
    yield "the URL of a login", take_turns(present(row), rounds)
    request = requested(state="s" * 43)
    callback = f"{redirect_uri}?code=SplxlOBeZQQYbYS6WxSbIA&state={'s' * 43}&iss=https%3A%2F%2Fas.local"
    row = {
        "floor: a query and three checks": lambda: lambda: floors.callback_code(callback, "s" * 43),
        "validate_callback": lambda: lambda: request.validate_callback(callback),
    }
    yield "a callback", take_turns(present(row), rounds)


def section_memory(_: int) -> Rows:
    """Keep tokens: bytes for each, as `tracemalloc` counts them."""
    dpop_key = DPoPKey.generate()
    yield (
        "a token in memory",
        figures(
            {
                "floor: an object of three slots": [_size(lambda text: floors.Token(text, 3600, "read"))],
                "BearerToken": [_size(lambda text: BearerToken(text, expires_in=3600, scope="read"))],
                "DPoPToken, all of one key": [_size(lambda text: DPoPToken(text, _dpop_key=dpop_key, expires_in=3600))],
            },
            "byte",
        ),
    )


def _size(make: Callable[[str], object], count: int = 2000) -> float:
    kept = [make(f"{number:064}") for number in range(100)]
    gc.collect()
    tracemalloc.start(1)
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make(f"{number:064}") for number in range(count)]
        return (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()


SECTIONS: dict[str, Callable[[int], Rows]] = {
    "start": section_start,
    "header": section_header,
    "call": section_call,
    "signature": section_signature,
    "id-token": section_id_token,
    "token": section_token,
    "login": section_login,
    "memory": section_memory,
}


# ---------------------------------------------------------------- the table


def shown(figure: Figure) -> str:
    """Return a figure with its unit."""
    if figure.unit == "byte":
        return f"{figure.median:.0f} B"
    in_microseconds = figure.median * 1e6
    return f"{in_microseconds:.3g} µs" if in_microseconds < SHOWN_IN_MICROSECONDS else f"{in_microseconds / 1e3:.0f} ms"


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description="What the library costs, beside hand-written floors.")
    parser.add_argument("sections", nargs="*", help=f"some of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: half a minute, and more noise")
    parser.add_argument("--json", metavar="FILE", help="keep the values for pyperf")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    kept: list[pyperf.Benchmark] = []
    for section in options.sections or SECTIONS:
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
        if section == "start":
            rounds = QUICK_STARTS if options.quick else STARTS
        for title, cases in SECTIONS[section](rounds):
            print(f"\n| {title} | each | to the floor |\n|---|---:|---:|")
            for name, figure in cases.items():
                print(f"| {name} | {shown(figure)} | {figure.ratio:.2f} |", flush=True)
                kept.append(figure.kept(f"{title}: {name}"))
    if options.json:
        pyperf.BenchmarkSuite(kept).dump(options.json, replace=True)


if __name__ == "__main__":
    sys.exit(main())
