"""Secrets go to whom they are for, and nowhere else: not into a `repr`, a log, a message, a pickle, or a traceback.

Everything secret here holds the word `marked`. What is made of secrets (the `Basic` header, assertions, proofs, codes,
verifiers, new tokens) is looked for as well.
"""

from __future__ import annotations

import enum
import errno
import inspect
import json
import logging
import os
import pickle
import traceback
from base64 import b64encode
from contextlib import suppress

import attrs
import pytest
import requests
from jwskate import Jwk, SymmetricJwk

import requests_oauth2client as roc
from requests_oauth2client import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    DPoPKey,
    DPoPToken,
    OAuth2Client,
    OAuth2Error,
    PrivateKeyJwt,
    PublicApp,
    TokenSerializer,
)
from requests_oauth2client.testing import AuthorizationServer, Response, misbehaviour
from requests_oauth2client.token_store import Entry, StoredToken
from requests_oauth2client.token_stores import FileTokenStore, KeyringTokenStore, SqliteTokenStore

SECRET = "marked-secret-of-more-than-32-bytes"
CODE, REFRESH, ACCESS, PASSWORD = "marked-code", "marked-refresh", "marked-access", "marked-password"
KEY = Jwk.generate(alg="ES256").with_kid_thumbprint()
CLIENT = OAuth2Client("https://as.local/token", ("client_id", SECRET), issuer="https://as.local")
DPOP_KEY = DPoPKey(KEY)
REQUEST = roc.AuthorizationRequest("https://as.local/authorize", client_id="c", code_verifier="marked" + "v" * 40)
TOKEN = BearerToken(ACCESS, refresh_token=REFRESH, expires_in=3600, custom="marked-custom")


def session_with_secrets():
    """A session whose credentials, headers and proxy are secret."""
    session = roc.ProxyRememberingSession()
    session.auth = ("user", PASSWORD)
    session.headers["X-Key"] = "marked-header"
    session.proxies = {"https": "http://user:marked-proxy@proxy.local"}
    return session


OBJECTS = {
    "ApiClient": lambda: roc.ApiClient("https://api.local/", auth=("user", PASSWORD), headers={"X-Key": "marked-header"}),
    "AuthorizationRequest": lambda: REQUEST,
    "AuthorizationResponse": lambda: roc.AuthorizationResponse(code=CODE, code_verifier="marked", state="s", x="marked-x"),
    "BackChannelAuthenticationPollingJob": lambda: roc.BackChannelAuthenticationPollingJob(CLIENT, "marked-auth-req-id"),
    "BackChannelAuthenticationResponse": lambda: roc.BackChannelAuthenticationResponse("marked-auth-req-id"),
    "BackChannelNotification": lambda: roc.BackChannelNotification("Bearer marked", b'{"auth_req_id": "marked-id"}'),
    "BaseClientAssertionAuthenticationMethod": lambda: ClientSecretJwt("client_id", SECRET),
    "BaseClientAuthenticationMethod": lambda: ClientSecretBasic("client_id", SECRET),
    "BaseTokenEndpointPollingJob": lambda: roc.BaseTokenEndpointPollingJob(CLIENT, token_kwargs={"a": "marked"}),
    "BearerToken": lambda: TOKEN,
    "ClientSecretBasic": lambda: ClientSecretBasic("client_id", SECRET),
    "ClientSecretJwt": lambda: ClientSecretJwt("client_id", SECRET),
    "ClientSecretPost": lambda: ClientSecretPost("client_id", SECRET),
    "DPoPKey": lambda: DPOP_KEY,
    "DPoPToken": lambda: DPoPToken(ACCESS, _dpop_key=DPOP_KEY, refresh_token=REFRESH),
    "DeviceAuthorizationPollingJob": lambda: roc.DeviceAuthorizationPollingJob(CLIENT, "marked-device-code"),
    "DeviceAuthorizationResponse": lambda: roc.DeviceAuthorizationResponse("marked-device-code", "USER-CODE", "https://x/"),
    "IssuedToken": lambda: roc.IssuedToken(ACCESS),
    "MemoryTokenStore": lambda: stored(roc.MemoryTokenStore()),
    "EncryptedSerializer": lambda: roc.EncryptedSerializer(TokenSerializer(), "marked" * 6),
    "LoginCookies": lambda: roc.LoginCookies("marked" * 6),
    "SessionTokens": lambda: roc.SessionTokens("key", store=stored(roc.MemoryTokenStore())),
    "EncryptedTokenStore": lambda: roc.EncryptedTokenStore(stored(roc.MemoryTokenStore()), b64encode(b"marked".ljust(32)).decode()),
    "OAuth2AccessTokenAuth": lambda: roc.OAuth2AccessTokenAuth(CLIENT, TOKEN),
    "OAuth2AuthorizationCodeAuth": lambda: roc.OAuth2AuthorizationCodeAuth(CLIENT, CODE, code_verifier="marked"),
    "OAuth2Client": lambda: OAuth2Client("https://as.local/token", ("c", SECRET), my_key="marked", id_token_decryption_key=KEY_FOR_ENCRYPTION),
    "OAuth2ClientCredentialsAuth": lambda: roc.OAuth2ClientCredentialsAuth(CLIENT, token=TOKEN, api_key="marked"),
    "OAuth2DeviceCodeAuth": lambda: roc.OAuth2DeviceCodeAuth(CLIENT, "marked-device-code"),
    "OAuth2ResourceOwnerPasswordAuth": lambda: roc.OAuth2ResourceOwnerPasswordAuth(CLIENT, username="alice", password=PASSWORD),
    "PrivateKeyJwt": lambda: PrivateKeyJwt("client_id", KEY),
    "ProxyRememberingSession": session_with_secrets,
}  # fmt: skip
KEY_FOR_ENCRYPTION = Jwk.generate(alg="ECDH-ES", crv="P-256")

WITHOUT_SECRETS = {
    "AuthorizationRequestSerializer", "BoundedAdapter", "DPoPKeySerializer", "EncryptionAlgs", "IdToken", "KeyManagementAlgs",
    "OriginPolicy", "PkceUtils", "PublicApp", "RequestUriParameterAuthorizationRequest", "RetryPolicy", "SignatureAlgs",
    "TokenEvent", "TokenSerializer", "TokenStore", "LoopbackReceiver", "RequestParameterAuthorizationRequest",
    "FileTokenStore", "KeyringTokenStore", "RedisTokenStore", "SqliteTokenStore",
}  # fmt: skip
"""Classes whose instances hold no secret, or a token that is public in the browser of the user. Stores are tested apart."""


def stored(store):
    store.put("key", "marked-text", replacing=None)
    return store


def test_every_public_class_is_looked_at():
    """A new public class is in one of the two tables above."""
    classes = {
        getattr(roc, name).__name__
        for name in roc.__all__
        if inspect.isclass(getattr(roc, name)) and not issubclass(getattr(roc, name), (BaseException, enum.Enum))
    }
    assert classes == set(OBJECTS) | WITHOUT_SECRETS


TEXT_BY_CONTRACT = {"BearerToken", "DPoPToken", "IssuedToken", "AuthorizationRequest"}
"""Objects whose `str` is what they stand for: a token is usable as its text, a request as its URL."""


@pytest.mark.parametrize("name", OBJECTS)
def test_objects(name):
    """Neither `repr` nor `str` of an object shows a secret, nor do those of what holds it."""
    made = OBJECTS[name]()
    assert KEY.d
    shown = [repr(made), repr([made]), repr({"a": made}), f"{made!r}", ascii(made), "%r" % (made,)]  # noqa: UP031
    if name not in TEXT_BY_CONTRACT:
        shown += [str(made), f"{made}"]
    for text in shown:
        assert "marked" not in text
        assert KEY.d not in text
        assert KEY_FOR_ENCRYPTION.d not in text


DECORATED = [name for name in OBJECTS if attrs.has(getattr(roc, name))]


@pytest.mark.parametrize("name", DECORATED)
def test_subclasses_that_attrs_decorates(name):
    """A subclass under `attrs.define(init=False)` has a `repr` of its own, which shows no secret either."""
    made = OBJECTS[name]()
    decorated = attrs.define(init=False)(type("Mine", (type(made),), {}))
    mine = decorated.__new__(decorated)
    for field in attrs.fields(type(made)):
        object.__setattr__(mine, field.name, getattr(made, field.name))
    text = repr(mine)
    assert text.startswith("Mine(")
    assert "marked" not in text
    assert KEY.d not in text
    assert KEY_FOR_ENCRYPTION.d not in text


# ---------------------------------------------------------------- flows

CALLBACK = "https://app.local/cb"


class World:
    """A server, a client by some method, and everything secret that went over the wire."""

    def __init__(self, auth, *, dpop=False, **changes):
        self.server = AuthorizationServer("https://as.local", **changes)
        methods = "client_secret_basic client_secret_post client_secret_jwt private_key_jwt none"
        self.server.add_client(
            "client_id", client_secret=SECRET, jwks=KEY.public_jwk(), redirect_uris=CALLBACK, auth_methods=methods,
            backchannel_client_notification_endpoint="https://app.local/n",
        )  # fmt: skip
        self.server.add_user("alice", password=PASSWORD, sub="marked-no-secret")
        self.api = self.server.protect("https://api.local/")
        self.client = OAuth2Client.from_discovery_document(
            self.server.metadata, auth=auth, redirect_uri=CALLBACK, session=self.server.session(),
            dpop_bound_access_tokens=dpop, dpop_key_generator=lambda _: DPOP_KEY,
        )  # fmt: skip

    def tokens(self):
        members = self.server.issue_token("client_id", user="alice", scope="openid")
        return BearerToken(members["access_token"], refresh_token=members["refresh_token"])

    def secrets(self):
        """Everything that must not be shown, as it was sent or received."""
        found = {"marked-secret", CODE, REFRESH, ACCESS, PASSWORD, "marked-device", "marked-auth", "marked-st", KEY.d}
        found.add(b64encode(f"client_id:{SECRET}".encode()).decode())
        for sent in self.server.requests:
            for name in (
                "code",
                "refresh_token",
                "client_assertion",
                "token",
                "assertion",
                "code_verifier",
                "password",
            ):
                found |= set(sent.form.get(name, ()))
            found |= {value.partition(" ")[2] for name, value in sent.headers.items() if name == "Authorization"}
            found |= {value for name, value in sent.headers.items() if name == "DPoP"}
        found |= {*self.server.access_tokens, *self.server.refresh_tokens, *self.server.codes}
        return {secret for secret in found if secret and len(secret) > 5}


def log_in(world):
    request = world.client.authorization_request(scope="openid")
    callback = world.server.authorize(request, user="alice")
    return world.client.authorization_code(request.validate_callback(callback))


def wrong_state(world):
    first, second = world.client.authorization_request(), world.client.authorization_request()
    second.validate_callback(world.server.authorize(first, user="alice"))


def device(world):
    started = world.client.authorize_device()
    world.server.approve_device(started.user_code, "alice")
    return world.client.device_code(started)


FLOWS = {
    "client credentials": ("token", lambda w: w.client.client_credentials(scope="read")),
    "password": ("token", lambda w: w.client.resource_owner_password("alice", PASSWORD)),
    "refresh": ("token", lambda w: w.client.refresh_token(w.tokens())),
    "refresh by text": ("token", lambda w: w.client.refresh_token(w.tokens().refresh_token)),
    "unknown refresh token": ("token", lambda w: w.client.refresh_token(REFRESH)),
    "login": ("token", log_in),
    "unknown code": ("token", lambda w: w.client.authorization_code(CODE, code_verifier="marked" + "v" * 40)),
    "another state": ("token", wrong_state),
    "pushed": ("par", lambda w: w.client.pushed_authorization_request(w.client.authorization_request())),
    "device": ("token", device),
    "device authorization": ("device_authorization", lambda w: w.client.authorize_device()),
    "unknown device code": ("token", lambda w: w.client.device_code("marked-device-code")),
    "ciba": ("token", lambda w: w.client.ciba("marked-auth-req-id")),
    "ciba request": ("backchannel_authentication", lambda w: w.client.backchannel_authentication_request(login_hint="alice")),
    "exchange": ("token", lambda w: w.client.token_exchange(subject_token="marked-st", subject_token_type="access_token")),
    "jwt bearer": ("token", lambda w: w.client.jwt_bearer("marked-assertion-secret.x.y")),
    "revocation": ("revocation", lambda w: w.client.revoke_refresh_token(w.tokens())),
    "revocation by text": ("revocation", lambda w: w.client.revoke_access_token(ACCESS)),
    "revocation of a refresh token by text": ("revocation", lambda w: w.client.revoke_refresh_token(REFRESH)),
    "introspection": ("introspection", lambda w: w.client.introspect_token(ACCESS)),
    "userinfo": ("userinfo", lambda w: w.client.userinfo(w.tokens())),
    "handler": ("token", lambda w: w.client.session.get(w.api.url, auth=roc.OAuth2ClientCredentialsAuth(w.client))),
    "password handler": (
        "token",
        lambda w: w.client.session.get(
            w.api.url, auth=roc.OAuth2ResourceOwnerPasswordAuth(w.client, username="alice", password=PASSWORD)
        ),
    ),
    "expired": ("token", lambda w: w.client.session.get(w.api.url, auth=BearerToken(ACCESS, expires_in=-5))),
    "stored": ("token", lambda w: TokenSerializer().loads(TokenSerializer().dumps(w.tokens())[:-4])),
}  # fmt: skip


def echo(request):
    said = f"{request.body!r} {dict(request.headers)}"
    return Response.json({"error": "invalid_request", "error_description": said, "error_uri": said}, 400)


def echo_with_success(request):
    return Response.json(json.loads(echo(request).body), 200)


def echo_on_a_page(request):
    return Response.html(f"<p>{request.body!r} {dict(request.headers)}</p>")


def amended(request, **changes):
    honest = request.proceed()
    return honest.amend(changes) if honest.body.startswith(b"{") else honest


FAILURES = {
    "success": None,
    "refused": misbehaviour.canned(400, json={"error": "invalid_grant", "error_description": "no"}),
    "echoed": echo,
    "echoed with success": echo_with_success,
    "echoed on a page": echo_on_a_page,
    "unreadable": misbehaviour.html(),
    "redirected": misbehaviour.redirect("https://evil.local/?x=1"),
    "too large": misbehaviour.canned(200, b"x" * 2_000_000),
    "no token": misbehaviour.canned(200, json={"token_type": "mac"}),
    "another type": lambda request: amended(request, token_type="mac"),
    "no ID Token": lambda request: amended(request, id_token="marked.x.y"),
    "late": "late",
    "gone": "gone",
}

METHODS = {
    "post": lambda: ClientSecretPost("client_id", SECRET),
    "basic": lambda: ClientSecretBasic("client_id", SECRET),
    "secret jwt": lambda: ClientSecretJwt("client_id", SECRET),
    "key": lambda: PrivateKeyJwt("client_id", KEY),
    "none": lambda: PublicApp("client_id"),
}


def chain(exc):
    """An error, and what it came of."""
    seen = []
    while exc is not None and exc not in seen:
        seen.append(exc)
        exc = exc.__cause__ or exc.__context__
    return seen


def locals_of(error):
    """What a traceback with locals shows of each frame but ours, as `traceback` does it."""
    for exc in chain(error):
        for frame, _ in traceback.walk_tb(exc.__traceback__):
            if frame.f_code.co_filename != __file__:
                for name, value in list(frame.f_locals.items()):
                    with suppress(Exception):
                        yield f"{frame.f_code.co_name}: {name} = {value!r}"


def shown(error):
    """All texts that an error may leave somewhere."""
    for line in traceback.format_exception(error):
        if __file__ not in line:  # where the secrets are written
            yield line
    for exc in chain(error):
        yield str(exc)
        yield repr(exc)
    again = pickle.loads(pickle.dumps(error))
    yield repr(again)
    yield str(again)
    answer = getattr(again, "response", None)
    if isinstance(answer, requests.Response):  # with what the server said
        yield repr(pickle.dumps(answer))
    evidence = {"response", "key"}  # the one above, or a callback URL, and what was passed, as it was
    yield repr({name: value for name, value in vars(again).items() if name not in evidence})


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("method", METHODS)
def test_flows(caplog, method, failure):
    """However a flow ends, nothing secret is logged, shown by its error, or by a traceback with locals."""
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "requests_oauth2client"):
        caplog.set_level(logging.DEBUG, name)
    for name, (endpoint, flow) in FLOWS.items():
        for dpop in (False, True):
            world = World(METHODS[method](), dpop=dpop)
            fail(world, endpoint, FAILURES[failure])
            caplog.clear()
            error = None
            try:
                flow(world)
            except (OAuth2Error, requests.RequestException) as exc:
                error = exc
                logging.getLogger("app").debug("%r %s", exc, exc)
            secrets = world.secrets()
            found = {text for text in (caplog.text, *(shown(error) if error else ())) if leaks(text, secrets)}
            assert found == set(), (name, dpop)
            if error is not None:
                leaking = [line for line in locals_of(error) if leaks(line, secrets)]
                assert leaking == [], (name, dpop)


def fail(world, endpoint, plan):
    if plan == "late":
        world.server.misbehave(endpoint, delay=60, times=None)
    elif plan == "gone":
        session = world.client.session
        for prefix in list(session.adapters):
            session.mount(prefix, Gone())
    elif plan is not None:
        world.server.misbehave(endpoint, plan, times=None)


class Gone(requests.adapters.HTTPAdapter):
    """Where nobody listens."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https://as.local", "http://127.0.0.1:9").replace(
            "https://api.local", "http://127.0.0.1:9"
        )
        return super().send(request, *args, **kwargs)


def leaks(text, secrets):
    return any(secret in text for secret in secrets) or "marked-custom" in text


@pytest.mark.parametrize("method", METHODS)
def test_real_sockets(caplog, method):
    """Nor do urllib3 and `http.client`, which handle the bytes, log or show them in their frames when a server is silent."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")
    world = World(METHODS[method]())
    with world.server.serve():
        client = OAuth2Client(
            world.server.endpoint("token"), METHODS[method](), timeout=0.05, dpop_bound_access_tokens=True
        )
        world.server.misbehave("token", delay=0.2, times=None)
        with pytest.raises(roc.RequestTimeout) as caught:
            client.resource_owner_password("alice", PASSWORD)
        secrets = {PASSWORD, SECRET, KEY.d, b64encode(f"client_id:{SECRET}".encode()).decode()} | world.secrets()
    assert "urllib3" in caplog.text
    assert not leaks(caplog.text, secrets)
    assert [line for line in locals_of(caught.value) if leaks(line, secrets)] == []


class Full(roc.MemoryTokenStore):
    """A store that has no room for what replaces something; `error` is raised."""

    error = roc.TokenStoreUnavailable("full")

    def put(self, key, value, *, replacing):
        if replacing is not None:
            raise self.error
        return super().put(key, value, replacing=replacing)


FERNET = b64encode(b"marked".ljust(32)).decode()


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "no room")


def busy(path):
    """Return a database that another process writes to, so that nothing can be put there."""
    store = SqliteTokenStore(path)
    with store._connected() as connection:
        connection.execute("PRAGMA query_only = ON")
    return store


class BrokenKeyring:
    """A keyring that has a text, and takes no other."""

    def get_password(self, service, name):
        return "marked-text"

    def set_password(self, service, name, password):
        raise RuntimeError


STORES = {
    "file": FileTokenStore,
    "sqlite": lambda path: busy(path / "db"),
    "keyring": lambda path: KeyringTokenStore(backend=BrokenKeyring(), lock_directory=path),
    "encrypted": lambda path: roc.EncryptedTokenStore(Full(), FERNET),
}


@pytest.mark.parametrize("kind", STORES)
def test_stores_that_fail(kind, tmp_path, monkeypatch):
    """A store that cannot take a text, or has a damaged one, shows it in no frame."""
    monkeypatch.setattr(os, "fsync", full_disk)
    store = STORES[kind](tmp_path)
    if kind == "encrypted":
        store.put("key", "marked-text", replacing=None)
    before = "marked-text" if kind in ("encrypted", "keyring") else None
    with pytest.raises(roc.TokenStoreError) as caught:
        store.put("key", "marked-other", replacing=before)
    assert [line for line in locals_of(caught.value) if "marked" in line] == []


@pytest.mark.parametrize("keys", ["marked", b"marked", [FERNET, b"marked"]])
def test_keys_of_stores(keys):
    """A misspelt key of a store is shown in no frame."""
    with pytest.raises(roc.InvalidParam) as caught:
        roc.EncryptedTokenStore(roc.MemoryTokenStore(), keys)
    assert [line for line in locals_of(caught.value) if "marked" in line or FERNET in line] == []


@pytest.mark.parametrize("damage", [lambda text: text[:-3], lambda text: text.replace('"key"', '"x"')])
def test_damaged_files(damage, tmp_path):
    """What a damaged file of a store holds is shown in no frame."""
    store = FileTokenStore(tmp_path)
    store.put("key", "marked-text", replacing=None)
    (path,) = tmp_path.glob("*.token")
    path.write_text(damage(path.read_text()))
    with pytest.raises(roc.CorruptTokenStore) as caught:
        store.put("key", "marked-other", replacing="marked-text")
    assert [line for line in locals_of(caught.value) if "marked" in line] == []


@pytest.mark.parametrize("error", [OSError(), KeyboardInterrupt()])
@pytest.mark.parametrize("encrypted", [False, True])
def test_tokens_that_are_not_stored(error, encrypted):
    """The text of a stored token is its secrets, packed: it is shown in no frame of a renewal."""
    inner = Full()
    inner.error = error
    store = roc.EncryptedTokenStore(inner, FERNET) if encrypted else inner
    auth = roc.OAuth2AccessTokenAuth(CLIENT, TOKEN, store=store, store_key="alice")
    request = requests.Request("GET", "https://api.local/").prepare()
    auth(request)
    auth.token = BearerToken("marked-other", refresh_token=REFRESH)
    with pytest.raises((OSError, KeyboardInterrupt)) as caught:
        auth(request)
    secrets = {"marked-other", REFRESH, TokenSerializer().dumps(auth.token)}
    assert [line for line in locals_of(caught.value) if leaks(line, secrets)] == []


def test_stored_text_of_somebody_else():
    """A stored token of another server is shown in no frame."""
    entry = Entry(roc.MemoryTokenStore(), "key", "https://as.local", BearerToken)
    text = entry.dump(StoredToken(TOKEN, None))
    for damaged in (text.replace("as.local", "other.local"), text[:-2]):
        with pytest.raises(roc.CorruptTokenStore) as caught:
            entry.load(str(damaged))
        assert [line for line in locals_of(caught.value) if text[60:90] in line] == []


BY_CLIENTS = 7
"""So many of the attempts below go through a client; the constructor of a bare credential shows its own arguments."""


def test_unusable_credentials():
    """An error about credentials does not show them, nor do the frames that it passed through on its way to a client."""
    private = dict(KEY)
    tries = [
        lambda: OAuth2Client("http://as.local/token", client_id="c", client_secret=SECRET),
        lambda: OAuth2Client("https://as.local/token", client_id="c", client_secret=SECRET, auth=("c", SECRET)),
        lambda: OAuth2Client("https://as.local/token", ("c", SECRET), client_secert="marked-secret-x"),
        lambda: OAuth2Client("https://as.local/token", client_id="c", private_key={**private, "kty": "XX"}),
        lambda: OAuth2Client("https://as.local/token", client_id="c", private_key=dict(SymmetricJwk.from_bytes(b"marked" * 9))),
        lambda: OAuth2Client.from_discovery_document({"token_endpoint": "x"}, client_id="c", client_secret=SECRET),
        lambda: OAuth2Client.from_discovery_endpoint(issuer="http://x", client_id="c", client_secret=SECRET),
        lambda: ClientSecretBasic("a:b", SECRET, form_encoded=False),
        lambda: ClientSecretPost("c", SECRET + "\n"),
        lambda: ClientSecretPost("", SECRET),
        lambda: ClientSecretJwt("c", SECRET, alg="RS256"),
        lambda: BearerToken(ACCESS + "\n"),
        lambda: BearerToken(ACCESS, refresh_token=REFRESH, token_type="mac"),
        lambda: DPoPToken(ACCESS + "\n", _dpop_key=DPOP_KEY),
        lambda: DPoPKey({**private, "kty": "XX"}),
    ]  # fmt: skip
    secrets = {"marked-secret", ACCESS, REFRESH, KEY.d, str(SymmetricJwk.from_bytes(b"marked" * 9).k)}
    for number, attempt in enumerate(tries):
        with pytest.raises((OAuth2Error, ValueError)) as caught:
            attempt()
        assert [text for text in shown(caught.value) if leaks(text, secrets)] == [], number
        if number < BY_CLIENTS:
            assert [line for line in locals_of(caught.value) if leaks(line, secrets)] == [], number
