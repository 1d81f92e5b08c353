"""Logins and tokens in web sessions: what a browser holds, it cannot read, change or swap."""

from __future__ import annotations

import base64
import threading
from http.cookies import SimpleCookie
from secrets import token_hex
from types import SimpleNamespace

import pytest

from requests_oauth2client import (
    AuthorizationRequest,
    AuthorizationResponseError,
    BearerToken,
    DPoPKey,
    DPoPToken,
    InvalidAuthResponse,
    InvalidParam,
    MissingIssuer,
    TokenSerializer,
)
from requests_oauth2client.exceptions import CorruptTokenStore, InvalidSerializedValue, TokenStoreUnavailable
from requests_oauth2client.token_store import MemoryTokenStore
from requests_oauth2client.web_session import EncryptedSerializer, LoginCookies, Sealer, SessionTokens

SECRET = "a secret of the application, which has 32 bytes and more"
TOKEN = BearerToken("MARKED-at", refresh_token="MARKED-rt", expires_in=3600, scope="read")
REDIRECT_URI = "https://app.local/auth/callback"


def readable(text):
    """All that somebody without the secret can make of a text."""
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        decoded = b""
    return text.encode() + decoded


# ---------------------------------------------------------------- sealing


def test_sealed_cannot_be_read():
    """What is sealed differs each time, and shows nothing."""
    sealer = Sealer(SECRET, "test")
    one, two = sealer.seal(b"MARKED"), sealer.seal(b"MARKED")
    assert one != two
    assert b"MARKED" not in readable(one)
    assert sealer.open(one) == sealer.open(two) == b"MARKED"


def test_sealed_cannot_be_changed():
    """A changed text, wherever it is changed, cannot be opened."""
    sealer = Sealer(SECRET, "test")
    sealed = sealer.seal(b"x" * 20)
    for position in range(len(sealed) - 1):
        changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
        with pytest.raises(InvalidSerializedValue):
            sealer.open(changed)


@pytest.mark.parametrize("text", [None, 5, b"x", "", "x", "é", "=", "A" * 10_000])
def test_not_sealed(text):
    """What was never sealed is a typed error."""
    with pytest.raises(InvalidSerializedValue):
        Sealer(SECRET, "test").open(text)


def test_purposes_are_apart():
    """What is sealed for one purpose, or with another secret, cannot be opened."""
    sealed = Sealer(SECRET, "test").seal(b"x")
    for other in (Sealer(SECRET, "another"), Sealer("another", "test")):
        with pytest.raises(InvalidSerializedValue):
            other.open(sealed)


def test_rotation():
    """The first secret seals; all open, as long as they are listed."""
    old = Sealer("old", "test").seal(b"x")
    both = Sealer(["new", b"old"], "test")
    assert both.open(old) == b"x"
    assert Sealer("new", "test").open(both.seal(b"y")) == b"y"


@pytest.mark.parametrize("secrets", ["", b"", [], [""], ["good", ""]])
def test_no_secret(secrets):
    """Without a secret nothing can be sealed."""
    with pytest.raises(InvalidParam, match="secret"):
        Sealer(secrets, "test")


def test_age(now):
    """What is too old cannot be opened where age matters."""
    sealer = Sealer(SECRET, "test")
    sealed = sealer.seal(b"x")
    now.shift(61)
    assert sealer.open(sealed) == sealer.open(sealed, 61) == b"x"
    with pytest.raises(InvalidSerializedValue):
        sealer.open(sealed, 60)


# ---------------------------------------------------------------- tokens in sessions


@pytest.mark.parametrize(
    "token", [TOKEN, BearerToken("at"), DPoPToken("at", _dpop_key=DPoPKey.generate(), expires_in=60)]
)
def test_encrypted_serializer(token):
    """A token comes back as it was, its key included, and cannot be read meanwhile."""
    serializer = EncryptedSerializer(TokenSerializer(), SECRET)
    text = serializer.dumps(token)
    assert serializer.loads(text) == token
    assert b"MARKED" not in readable(text)


def test_encrypted_serializer_of_any_text():
    """Another serializer may make any text."""
    plain = SimpleNamespace(dumps=lambda value: value, loads=lambda text: text)
    for text in ("", "é\n", "YQ", "YR", "a=", "not base64url!"):
        assert EncryptedSerializer(plain, SECRET).loads(EncryptedSerializer(plain, SECRET).dumps(text)) == text


def test_encryption_takes_little_room():
    """The text is hardly longer than it was without encryption: it is encoded once."""
    token = BearerToken(token_hex(500), refresh_token=token_hex(100))
    plain, sealed = TokenSerializer().dumps(token), EncryptedSerializer(TokenSerializer(), SECRET).dumps(token)
    assert len(sealed) < len(plain) + 110


@pytest.fixture(params=["encrypted", "store"])
def tokens(request):
    """Both ways to keep the token of a session."""
    if request.param == "encrypted":
        return SessionTokens.encrypted("token", SECRET)
    return SessionTokens("token", store=MemoryTokenStore())


def test_session_tokens(tokens):
    """A token is put, found again, replaced and forgotten; the session holds no secret."""
    session = {"other": 1}
    assert tokens.get(session) is None
    tokens.put(session, TOKEN)
    assert tokens.get(session) == TOKEN
    assert b"MARKED" not in readable(session["token"])
    tokens.put(session, BearerToken("second"))
    assert tokens.get(session) == BearerToken("second")
    tokens.put(session, None)
    tokens.put(session, None)
    assert session == {"other": 1}
    assert tokens.get(session) is None


def test_sessions_are_apart(tokens):
    """Two users have two tokens."""
    alice, bob = {}, {}
    tokens.put(alice, TOKEN)
    tokens.put(bob, BearerToken("of bob"))
    assert tokens.get(alice) == TOKEN
    assert tokens.get(bob) == BearerToken("of bob")


@pytest.mark.parametrize("text", [5, "", "nonsense", ["x"], None])
def test_unreadable_session(tokens, text):
    """What cannot be read is no token: the user logs in again."""
    assert tokens.get({"token": text}) is None


def test_store_forgets_with_the_session():
    """Forgetting the token of a session removes it from the store, which knows no session by its keys."""
    store = MemoryTokenStore()
    tokens, session = SessionTokens("token", store=store), {}
    tokens.put(session, TOKEN)
    kept = {**session}
    [key] = store._texts
    assert session["token"] not in key
    tokens.put(session, None)
    assert store._texts == {}
    assert tokens.get(kept) is None


def test_foreign_reference():
    """A reference that is not in the store is not taken over: somebody else may have chosen it (session fixation)."""
    tokens, session = SessionTokens("token", store=MemoryTokenStore()), {"token": "chosen by the attacker"}
    tokens.put(session, TOKEN)
    assert session["token"] != "chosen by the attacker"
    assert tokens.get({"token": "chosen by the attacker"}) is None


def test_corrupt_store():
    """What the store holds must be a token."""
    store, session = MemoryTokenStore(), {}
    tokens = SessionTokens("token", store=store)
    tokens.put(session, TOKEN)
    [key] = store._texts
    store._texts[key] = "nonsense"
    with pytest.raises(CorruptTokenStore):
        tokens.get(session)


def test_lock_of_a_session():
    """With a store, two requests of one session exclude each other; those of other sessions do not wait."""
    tokens, session, other = SessionTokens("token", store=MemoryTokenStore()), {}, {}
    tokens.put(session, TOKEN)
    tokens.put(other, TOKEN)
    entered = threading.Event()

    def enter():
        with tokens.lock(session):
            entered.set()

    with tokens.lock(session), tokens.lock(other), tokens.lock({}):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.05)
    assert entered.wait(5)
    waiting.join()
    with SessionTokens.encrypted("token", SECRET).lock(session):
        pass


def test_store_in_which_others_are_always_faster():
    """A store that never takes the token is given up."""
    store = MemoryTokenStore()
    store.put = lambda key, value, *, replacing: False
    with pytest.raises(TokenStoreUnavailable):
        SessionTokens("token", store=store).put({}, TOKEN)


@pytest.mark.parametrize("both", [{}, {"serializer": TokenSerializer(), "store": MemoryTokenStore()}])
def test_one_of_both(both):
    """Either the session has the token, or the store."""
    with pytest.raises(InvalidParam):
        SessionTokens("token", **both)


# ---------------------------------------------------------------- logins


class Browser:
    """Keeps cookies, as a response of a web framework sets them."""

    def __init__(self):
        self.cookies = {}
        self.attributes = {}

    def set_cookie(self, key, value="", *, max_age, path, secure, httponly, samesite):
        self.attributes[key] = {
            "max_age": max_age, "path": path, "secure": secure, "httponly": httponly, "samesite": samesite,
        }  # fmt: skip
        if max_age:
            self.cookies[key] = value
        else:
            self.cookies.pop(key, None)


@pytest.fixture
def browser():
    return Browser()


def authorization_request(**kwargs):
    known = {"client_id": "c", "redirect_uri": REDIRECT_URI, "issuer": "https://as.local"}
    return AuthorizationRequest("https://as.local/authorize", **{**known, **kwargs})


def callback(request, **changes):
    parameters = {"code": "x", "state": request.state, "iss": "https://as.local", **changes}
    query = "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
    return f"{REDIRECT_URI}?{query}"


def test_login(browser):
    """A login that comes back is found by its `state`, with all that its request expects."""
    logins, request = LoginCookies(SECRET), authorization_request(dpop=True, acr_values="mfa", max_age=5)
    logins.begin(browser, request, return_to="/page?a=ü")
    [(name, value)] = browser.cookies.items()
    assert request.state not in name
    for secret in (request.code_verifier, request.nonce, request.state):
        assert secret.encode() not in readable(value)
    answer, data = logins.finish(browser.cookies, callback(request))
    assert data == {"return_to": "/page?a=ü"}
    assert answer == request.validate_callback(callback(request))
    logins.forget(browser, answer)
    assert browser.cookies == {}
    with pytest.raises(InvalidAuthResponse):
        logins.finish(browser.cookies, callback(request))


def test_cookie_attributes(browser):
    """The cookie goes to the `redirect_uri` only, not to scripts, and with the redirection."""
    LoginCookies(SECRET, lifetime=600).begin(browser, authorization_request())
    [attributes] = browser.attributes.values()
    assert attributes == {
        "max_age": 600, "path": "/auth/callback", "secure": True, "httponly": True, "samesite": "Lax",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("redirect_uri", "samesite", "path", "secure"),
    [
        ("http://localhost:5000/cb", "Lax", "/cb", False),
        ("http://localhost:5000", "Lax", "/", False),
        ("https://app.local/cb", "None", "/cb", True),
        (None, "Lax", "/", True),
    ],
)
def test_other_cookie_attributes(browser, redirect_uri, samesite, path, secure):
    """Plain http is for this machine; `form_post` needs a cookie that comes across sites."""
    LoginCookies(SECRET, samesite=samesite).begin(browser, authorization_request(redirect_uri=redirect_uri))
    [attributes] = browser.attributes.values()
    assert (attributes["path"], attributes["secure"], attributes["samesite"]) == (path, secure, samesite)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_tabs(browser, order):
    """Two logins of one browser do not disturb each other, whichever comes back first."""
    logins, requests = LoginCookies(SECRET), [authorization_request(), authorization_request()]
    for number, request in enumerate(requests):
        logins.begin(browser, request, tab=number)
    for number in order:
        answer, data = logins.finish(browser.cookies, callback(requests[number]))
        assert (answer.code_verifier, data) == (requests[number].code_verifier, {"tab": number})
        logins.forget(browser, answer)
    assert browser.cookies == {}


@pytest.mark.parametrize("form", ["signed", "pushed"])
def test_other_forms(browser, client, server, form):
    """A signed or pushed request is remembered as well."""
    request = authorization_request()
    if form == "signed":
        request = request.sign(DPoPKey.generate().private_key, alg="ES256", lifetime=60)
    else:
        server.add_client("client_id", client_secret="client_secret", redirect_uris=[REDIRECT_URI])
        request = client.pushed_authorization_request(client.authorization_request(redirect_uri=REDIRECT_URI))
    logins = LoginCookies(SECRET)
    logins.begin(browser, request)
    answer, _ = logins.finish(browser.cookies, callback(request))
    assert answer.redirect_uri == REDIRECT_URI
    logins.forget(browser, answer)
    assert browser.cookies == {}


@pytest.mark.parametrize("changes", [{"state": "another"}, {"state": None}, {"state": ""}])
def test_login_of_somebody_else(browser, changes):
    """A callback for a login that this browser has not begun is refused (CSRF, session fixation)."""
    logins, request = LoginCookies(SECRET), authorization_request()
    logins.begin(browser, request)
    with pytest.raises(InvalidAuthResponse, match="begun no login"):
        logins.finish(browser.cookies, callback(request, **changes))
    with pytest.raises(InvalidAuthResponse, match="begun no login"):
        logins.finish({}, callback(request))


def test_swapped_cookies(browser):
    """A cookie under the name of another login does not validate its callback."""
    logins, requests = LoginCookies(SECRET), [authorization_request(), authorization_request()]
    for request in requests:
        logins.begin(browser, request)
    one, two = browser.cookies
    swapped = {one: browser.cookies[two], two: browser.cookies[one]}
    with pytest.raises(InvalidAuthResponse):
        logins.finish(swapped, callback(requests[0]))


def test_late(browser, now):
    """A login must come back in time."""
    logins, request = LoginCookies(SECRET, lifetime=60), authorization_request()
    logins.begin(browser, request)
    now.shift(61)
    with pytest.raises(InvalidAuthResponse, match="too long ago"):
        logins.finish(browser.cookies, callback(request))


@pytest.mark.parametrize("bad", ["nonsense", "https://app.local/cb?code=x&state=a&state=b", ""])
def test_malformed_callback(browser, bad):
    """A callback that cannot be read is a typed error."""
    with pytest.raises(InvalidAuthResponse):
        LoginCookies(SECRET).finish(browser.cookies, bad)


def test_the_request_validates(browser):
    """All checks of the request are made: errors, issuer."""
    logins = LoginCookies(SECRET)
    request = authorization_request(authorization_response_iss_parameter_supported=True)
    logins.begin(browser, request)
    with pytest.raises(MissingIssuer):
        logins.finish(browser.cookies, callback(request, iss=None))
    with pytest.raises(AuthorizationResponseError):
        logins.finish(browser.cookies, callback(request, error="access_denied", code=None))


def test_requests_that_cannot_be_remembered(browser):
    """Without `state` a login could not be found again, and browsers drop what is too large."""
    with pytest.raises(InvalidParam, match="`state`"):
        LoginCookies(SECRET).begin(browser, authorization_request(state=None))
    with pytest.raises(InvalidParam, match="cookie of"):
        LoginCookies(SECRET).begin(browser, authorization_request(claims=token_hex(3000)))
    assert browser.cookies == {}


@pytest.mark.parametrize("framework", ["flask", "django.http", "starlette.responses"])
def test_frameworks(framework):
    """The responses of the frameworks take the cookie as it is given."""
    module = pytest.importorskip(framework)
    if framework == "django.http":
        settings = pytest.importorskip("django.conf").settings
        if not settings.configured:
            settings.configure()
    response = getattr(module, "HttpResponse", None) or module.Response
    response = response("")
    logins, request = LoginCookies(SECRET), authorization_request()
    logins.begin(response, request)
    header = response.cookies.output(header="") if framework == "django.http" else response.headers["set-cookie"]
    [morsel] = SimpleCookie(header).values()
    answer, _ = logins.finish({morsel.key: morsel.value}, callback(request))
    assert (morsel["path"], morsel["httponly"], morsel["secure"]) == ("/auth/callback", True, True)
    assert morsel["samesite"].lower() == "lax"
    assert answer.code == "x"
