"""Measure what docs/explanations/comparison.md says about other libraries, and about this one.

    python -m venv peers && peers/bin/pip install -r benchmarks/comparison/requirements.txt . && \
        peers/bin/python benchmarks/comparison/compare.py

Nothing leaves the process: an adapter of `requests` plays all servers. Each probe is written as the documentation of a
library says; a library without that feature has no row in the probe.
"""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msal
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials, service_account
from oauthlib.oauth2 import BackendApplicationClient
from requests.adapters import BaseAdapter
from requests_oauthlib import OAuth2Session as OAuthlibSession

from requests_oauth2client import BearerToken, OAuth2AccessTokenAuth, OAuth2Client, OAuth2ClientCredentialsAuth

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_URL = "https://as.example/tenant/token"
API_URL = "https://api.example/orders"
SECRET = "s3cret-of-the-client"
ACCESS = "access-token-of-the-server"
REFRESH = "refresh-token-of-the-user"
THREADS = 10

OURS, OAUTHLIB, AUTHLIB, MSAL, GOOGLE = "requests_oauth2client", "requests-oauthlib", "Authlib", "msal", "google-auth"


class Network(BaseAdapter):
    """All servers there are; what was sent to them, and with which time limit."""

    def __init__(self, *, redirect: bool = False, slow: float = 0.0) -> None:
        super().__init__()
        self.redirect, self.slow = redirect, slow
        self.sent: list[tuple[str, str]] = []
        self.timeouts: list[Any] = []
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, timeout: Any = None, **_: Any) -> requests.Response:
        """Note what is sent, and answer as the server of that host does."""
        url, body = str(request.url), request.body or ""
        body = body.decode() if isinstance(body, bytes) else str(body)
        with self._lock:
            self.sent.append((url, body + str(request.headers.get("Authorization", ""))))
            self.timeouts.append(timeout)
        host = urlsplit(url).hostname
        if url.endswith("openid-configuration"):
            issuer = url.partition("/.well-known")[0]
            return self._answer(
                request,
                200,
                {
                    "issuer": issuer,
                    "token_endpoint": f"{issuer}/token",
                    "authorization_endpoint": f"{issuer}/authorize",
                    "jwks_uri": f"{issuer}/jwks",
                },
            )
        if host == "as.example" and self.redirect:
            return self._answer(request, 307, {}, {"Location": "https://thief.example/tenant/token"})
        if host in {"as.example", "thief.example"}:
            time.sleep(self.slow)
            token = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600}
            return self._answer(request, 200, token)
        return self._answer(request, 200, {"orders": []})

    def _answer(
        self, request: requests.PreparedRequest, status: int, content: Any, headers: dict[str, str] | None = None
    ) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response.headers.update({"Content-Type": "application/json", **(headers or {})})
        response.raw = io.BytesIO(json.dumps(content).encode())
        response.connection = self  # type: ignore[attr-defined] # as the real adapter does
        return response

    def close(self) -> None:
        """Nothing is open."""

    def on(self, session: requests.Session) -> requests.Session:
        """Put this network under a session."""
        for scheme in ("https://", "http://"):
            session.mount(scheme, self)
        return session

    @property
    def token_requests(self) -> int:
        """How many requests a token endpoint got."""
        return sum("/token" in url for url, _ in self.sent)


def _google_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()).decode()


GOOGLE_KEY = _google_key()

# ---------------------------------------------------------------- a token of the client, once


def ours_once(net: Network, url: str) -> object:
    """Get a token, here."""
    client = OAuth2Client(url, client_id="c", client_secret=SECRET, session=net.on(requests.Session()))
    return client.client_credentials()


def oauthlib_once(net: Network, url: str) -> object:
    """Get a token, with requests-oauthlib."""
    session = net.on(OAuthlibSession(client=BackendApplicationClient("c")))
    return session.fetch_token(url, client_id="c", client_secret=SECRET, include_client_id=True)  # type: ignore[attr-defined]


def authlib_once(net: Network, url: str) -> object:
    """Get a token, with Authlib."""
    session = net.on(AuthlibSession("c", SECRET, token_endpoint_auth_method="client_secret_post"))
    return session.fetch_token(url, grant_type="client_credentials")  # type: ignore[attr-defined]


def msal_app(net: Network, url: str) -> Any:
    """Make an application, with msal."""
    http = net.on(requests.Session())
    issuer = url.removesuffix("/token")
    return msal.ConfidentialClientApplication("c", client_credential=SECRET, oidc_authority=issuer, http_client=http)


def msal_once(net: Network, url: str) -> object:
    """Get a token, with msal."""
    return msal_app(net, url).acquire_token_for_client(scopes=["orders"])


def google_credentials(url: str) -> Any:
    """Make credentials, with google-auth."""
    info = {"client_email": "c", "private_key": GOOGLE_KEY, "token_uri": url}
    return service_account.Credentials.from_service_account_info(info, scopes=["orders"])


def google_once(net: Network, url: str) -> object:
    """Get a token, with google-auth."""
    held = google_credentials(url)
    held.refresh(Request(net.on(requests.Session())))
    return held


ONCE: dict[str, Callable[[Network, str], object]] = {
    OURS: ours_once,
    OAUTHLIB: oauthlib_once,
    AUTHLIB: authlib_once,
    MSAL: msal_once,
    GOOGLE: google_once,
}

# ---------------------------------------------------------------- calls from threads


def together(call: Callable[[], object]) -> None:
    """Run `call` in threads that start at the same moment."""
    barrier = threading.Barrier(THREADS)

    def run() -> None:
        barrier.wait()
        call()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ours_client(net: Network) -> OAuth2Client:
    """Make a client, here."""
    return OAuth2Client(TOKEN_URL, client_id="c", client_secret=SECRET, session=net.on(requests.Session()))


def cold(name: str, net: Network) -> Callable[[], object] | None:
    """Return a call to the API with a token of the client; there is none yet."""
    if name == OURS:
        session = net.on(requests.Session())
        session.auth = OAuth2ClientCredentialsAuth(ours_client(net))
        return lambda: session.get(API_URL)
    if name == MSAL:
        app = msal_app(net, TOKEN_URL)
        net.sent.clear()
        return lambda: app.acquire_token_for_client(scopes=["orders"])
    if name == GOOGLE:
        held = net.on(
            AuthorizedSession(google_credentials(TOKEN_URL), auth_request=Request(net.on(requests.Session())))
        )
        return lambda: held.get(API_URL)
    return None  # the token is fetched by hand, before the first call


def expired(name: str, net: Network) -> Callable[[], object] | None:
    """Return a call to the API with an expired token of a user, which can be refreshed."""
    old = {
        "access_token": "old",
        "token_type": "Bearer",
        "refresh_token": REFRESH,
        "expires_in": -10,
        "expires_at": int(time.time()) - 10,
    }
    if name == OURS:
        session = net.on(requests.Session())
        session.auth = OAuth2AccessTokenAuth(
            ours_client(net), BearerToken("old", refresh_token=REFRESH, expires_in=-10)
        )
        return lambda: session.get(API_URL)
    if name == OAUTHLIB:
        oauthlib = net.on(
            OAuthlibSession(
                "c",
                token=old,
                auto_refresh_url=TOKEN_URL,
                token_updater=lambda _: None,
                auto_refresh_kwargs={"client_id": "c", "client_secret": SECRET},
            )
        )
        return lambda: oauthlib.get(API_URL)
    if name == AUTHLIB:
        authlib = net.on(
            AuthlibSession("c", SECRET, token=old, token_endpoint=TOKEN_URL, update_token=lambda *_, **__: None)
        )
        return lambda: authlib.get(API_URL)
    if name == GOOGLE:
        held = credentials.Credentials(
            "old", refresh_token=REFRESH, token_uri=TOKEN_URL, client_id="c", client_secret=SECRET
        )
        held.expiry = credentials._helpers.utcnow().replace(year=2020)  # noqa: SLF001 - its own way to say so
        google = net.on(AuthorizedSession(held, auth_request=Request(net.on(requests.Session()))))
        return lambda: google.get(API_URL)
    return None  # msal refreshes from its own cache of accounts, which only a login fills


# ---------------------------------------------------------------- the probes


def follows_redirects(name: str) -> str:
    """Tell whether a redirect of the token endpoint is followed with the credentials."""
    net = Network(redirect=True)
    with suppress(Exception):  # what matters is what was sent
        ONCE[name](net, TOKEN_URL)
    leaked = any(urlsplit(url).hostname == "thief.example" and body for url, body in net.sent)
    return "sends the credential on" if leaked else "refuses"


def logs_secrets(name: str) -> str:
    """Tell which secrets any logger writes."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        ONCE[name](Network(), TOKEN_URL)
    finally:
        root.removeHandler(handler)
        root.setLevel(logging.WARNING)
    found = [
        what for what, secret in (("client secret", SECRET), ("access token", ACCESS)) if secret in text.getvalue()
    ]
    return " and ".join(found) or "neither"


def plain_http(name: str) -> str:
    """Tell whether credentials go to an endpoint without encryption."""
    net = Network()
    with suppress(Exception):  # what matters is what was sent
        ONCE[name](net, "http://as.example/tenant/token")
    return "sends the credential" if any(url == "http://as.example/tenant/token" for url, _ in net.sent) else "refuses"


def time_limit(name: str) -> str:
    """Tell after which silence a token request ends."""
    net = Network()
    ONCE[name](net, TOKEN_URL)
    limit = [t for (url, _), t in zip(net.sent, net.timeouts, strict=True) if "/token" in url][-1]
    return "none" if limit is None else f"{limit if isinstance(limit, (int, float)) else limit[-1]:g} s"


def in_threads(make: Callable[[str, Network], Callable[[], object] | None]) -> Callable[[str], str]:
    """Make a probe that counts the token requests of many threads."""

    def probe(name: str) -> str:
        net = Network(slow=0.2)
        call = make(name, net)
        if call is None:
            return "-"
        together(call)
        return str(net.token_requests)

    return probe


def shows_secret(name: str) -> str:
    """Tell whether the `repr` of a token shows it."""
    held = ONCE[name](Network(), TOKEN_URL)
    return "shows it" if ACCESS in repr(held) else "hides it"


def import_time(name: str) -> str:
    """Measure the import in new processes."""
    statement = {
        OURS: "from requests_oauth2client import OAuth2Client, OAuth2ClientCredentialsAuth",
        OAUTHLIB: "from requests_oauthlib import OAuth2Session; from oauthlib.oauth2 import BackendApplicationClient",
        AUTHLIB: "from authlib.integrations.requests_client import OAuth2Session",
        MSAL: "from msal import ConfidentialClientApplication",
        GOOGLE: "from google.oauth2.service_account import Credentials; "
        "from google.auth.transport.requests import AuthorizedSession",
    }[name]
    program = f"import time, requests; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program], capture_output=True, check=True, text=True
            ).stdout
        )
        for _ in range(9)
    ]
    return f"{min(runs) * 1000:.0f} ms"


PROBES: dict[str, Callable[[str], str]] = {
    "token endpoint answers 307 to another host": follows_redirects,
    "token endpoint is plain `http`": plain_http,
    "time limit of a token request, if none is given": time_limit,
    "secrets in the log at level DEBUG": logs_secrets,
    "`repr` of a token, or of what holds it": shows_secret,
    f"token requests of {THREADS} threads, no token yet": in_threads(cold),
    f"token requests of {THREADS} threads, expired token": in_threads(expired),
    "import, after `import requests`": import_time,
}


def main() -> None:
    """Print a table."""
    warnings.simplefilter("ignore")
    names = [OURS, OAUTHLIB, AUTHLIB, MSAL, GOOGLE]
    for name in names:
        ONCE[name](Network(), TOKEN_URL)  # each works when nothing is wrong, so that a refusal is one
    print(f"{time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}")
    print(", ".join(f"{name} {version(name)}" for name in names))
    print("|   | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for title, probe in PROBES.items():
        print(f"| {title} | " + " | ".join(probe(name) for name in names) + " |", flush=True)


if __name__ == "__main__":
    main()
