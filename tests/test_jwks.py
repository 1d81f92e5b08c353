"""Keys of an Authorization Server: found, built once, fetched again, forgotten."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from jwskate import ECJwk, Jwk, JwkSet, Jwt, OKPJwk, RSAJwk, SymmetricJwk

from requests_oauth2client import IdToken, OAuth2Client
from requests_oauth2client.exceptions import (
    ConnectionFailed,
    InvalidIdToken,
    InvalidJwksResponse,
    InvalidParam,
    MissingEndpointUri,
    ResponseTooLarge,
    UnexpectedRedirect,
    UnknownVerificationKey,
)
from requests_oauth2client.id_token import IdTokenValidator
from requests_oauth2client.jose import signer
from requests_oauth2client.jwks import (
    COOLDOWN,
    DEFAULT_LIFETIME,
    MAX_KEYS,
    MAX_LIFETIME,
    RETRY_AFTER_FAILURE,
    ServerKeys,
    cache_lifetime,
    keys_of,
    suits,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests_mock as requests_mock_module

FIRST, SECOND, THIRD = (Jwk({**Jwk.generate(alg="ES256"), "kid": kid}) for kid in ("first", "second", "third"))
RSA = Jwk({**Jwk.generate(alg="RS256", key_size=2048), "kid": "rsa"})
DATA = b"data"


def published(*keys: Jwk, **members: Any) -> dict[str, Any]:
    return {"keys": [{**dict(key.public_jwk()), "kid": key.kid, "use": "sig"} for key in keys], **members}


def fits(key: Any, private: Jwk, alg: str = "ES256") -> bool:
    """Tell whether a key verifies what a private key signs."""
    sign = signer(private, alg)
    assert key.verify(DATA, b"no signature") is False
    return key.verify(DATA, sign(DATA))


class Source:
    """Counts fetches; gives keys, or fails."""

    def __init__(self, *keys: Jwk, lifetime: float | None = None) -> None:
        self.keys, self.lifetime, self.count = keys, lifetime, 0
        self.failure: Exception | None = None

    def __call__(self) -> tuple[list[Mapping[str, Any]], float | None]:
        self.count += 1
        if self.failure is not None:
            raise self.failure
        return keys_of(published(*self.keys)), self.lifetime


@pytest.fixture(autouse=True)
def _stopped(now):
    """The clock stands still until a test moves it."""


# ---------------------------------------------------------------- finding


def test_by_kid():
    """A key is found by its `kid`, built when it is first used, and only then."""
    keys = ServerKeys(published(FIRST, SECOND, RSA))
    assert fits(keys.get("second", "ES256"), SECOND)
    assert not keys.get("second", "ES256").verify(DATA, signer(FIRST, "ES256")(DATA))
    assert keys.get("second", "ES256") is keys.get("second", "ES256")
    assert fits(keys.get("rsa", "RS256"), RSA, "RS256")


def test_without_kid():
    """Without `kid`, the key must be the only one for the algorithm."""
    keys = ServerKeys(published(FIRST, SECOND, RSA))
    assert fits(keys.get(None, "RS256"), RSA, "RS256")
    with pytest.raises(UnknownVerificationKey, match=r"does not contain a Key ID .*, and 2 keys"):
        keys.get(None, "ES256")
    with pytest.raises(UnknownVerificationKey, match=r"does not contain a Key ID .*, and 0 keys"):
        keys.get(None, "ES384")


def test_a_key_without_kid():
    """A key without `kid` is found by its thumbprint (RFC 7638)."""
    for key in (FIRST, RSA, Jwk.generate(alg="EdDSA")):
        public = key.minimize().public_jwk()
        keys = ServerKeys({"keys": [dict(public)]})
        assert fits(keys.get(public.thumbprint(), key.alg), key, key.alg)


def test_unknown_and_unsuitable_keys():
    """Why there is no key is told, with what was looked for."""
    keys = ServerKeys(published(FIRST, RSA))
    with pytest.raises(UnknownVerificationKey, match="no key\nwith kid='x' in the Authorization Server JWKS") as caught:
        keys.get("x", "ES256")
    assert (caught.value.kid, caught.value.alg) == ("x", "ES256")
    assert pickle.loads(pickle.dumps(caught.value)).kid == "x"
    with pytest.raises(UnknownVerificationKey, match="algorithm is not supported by the verification key"):
        keys.get("first", "RS256")
    for empty in (ServerKeys(), ServerKeys({}), ServerKeys({"keys": []}), ServerKeys(JwkSet())):
        with pytest.raises(UnknownVerificationKey, match="Authorization Server JWKS is not available"):
            empty.get("first", "ES256")


ES, OKP = dict(FIRST.public_jwk()), {"kty": "OKP", "crv": "Ed25519", "x": "AA"}


@pytest.mark.parametrize(
    ("changes", "alg", "suitable"),
    [
        ({}, "ES256", True),
        ({"use": "sig", "key_ops": ["verify"]}, "ES256", True),
        ({"alg": None, "use": None, "key_ops": None}, "ES256", True),
        ({"alg": None}, "ES384", False),
        ({"alg": None}, "RS256", False),
        ({"alg": None}, "HS256", False),
        ({"alg": None}, "none", False),
        ({"alg": "ES384"}, "ES256", False),
        ({"alg": ["ES256"]}, "ES256", False),
        ({"alg": "ECDH-ES"}, "ES256", False),
        ({"use": "enc"}, "ES256", False),
        ({"use": ["sig"]}, "ES256", False),
        ({"key_ops": ["deriveKey"]}, "ES256", False),
        ({"key_ops": [{}, "verify"]}, "ES256", True),
        ({"key_ops": ("sign",)}, "ES256", True),
        ({"key_ops": "verify"}, "ES256", False),
        ({"key_ops": []}, "ES256", False),
        ({"crv": "P-384"}, "ES256", False),
        ({"crv": None}, "ES256", False),
        ({"crv": ["P-256"]}, "ES256", False),
        ({"kty": "oct"}, "ES256", False),
        ({"kty": ["EC"]}, "ES256", False),
        ({"kty": None, "alg": None}, "none", False),
        (OKP, "EdDSA", False),
        ({**OKP, "alg": None}, "EdDSA", True),
        ({**OKP, "alg": "EdDSA"}, "EdDSA", True),
        ({**OKP, "alg": "Ed25519"}, "EdDSA", True),
        ({**OKP, "alg": "EdDSA"}, "Ed25519", True),
        ({**OKP, "alg": "EdDSA"}, "Ed448", False),
        ({**OKP, "alg": "EdDSA", "crv": "X25519"}, "EdDSA", False),
    ],
)
def test_suitable_keys(changes, alg, suitable):
    """A key verifies only what it is meant for, whatever the types of its members."""
    assert suits({**ES, **changes}, alg) is suitable


UNUSABLE = {
    "a secret": dict(SymmetricJwk.from_bytes(b"a" * 32)),
    "a secret that claims ES256": {**dict(SymmetricJwk.from_bytes(b"a" * 32)), "alg": "ES256"},
    "no kty": {"crv": "P-256"},
    "an unknown type": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
    "a type of another type": {"kty": ["EC"]},
    "an unknown curve": {"kty": "EC", "crv": "P-257", "x": "AA", "y": "AA"},
    "a missing coordinate": {"kty": "EC", "crv": "P-256", "x": ES["x"]},
    "a coordinate of another type": {**ES, "x": 1},
    "a coordinate that is no base64url": {**ES, "x": "é"},
    "a point off the curve": {**ES, "y": ES["x"]},
    "a key for key agreement": dict(OKPJwk.generate(crv="X25519").public_jwk()),
    "an RSA key of 1024 bits": dict(RSAJwk.generate(key_size=1024).public_jwk()),
    "an RSA key with the exponent 1": {**dict(RSA.public_jwk()), "e": "AQ"},
    "an RSA key without modulus": {"kty": "RSA", "e": "AQAB"},
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_keys(name):
    """A key that cannot be used is as good as absent; the others still work."""
    bad = {"alg": None, **UNUSABLE[name], "kid": "bad"}
    keys = ServerKeys({"keys": [bad, *published(FIRST)["keys"]]})
    for alg in ("ES256", "RS256", "EdDSA", "HS256"):
        with pytest.raises(UnknownVerificationKey):
            keys.get("bad", alg)
    assert fits(keys.get("first", "ES256"), FIRST)
    assert fits(keys.get(None, "ES256"), FIRST)
    assert "first" in {key.kid for key in keys.jwk_set.jwks}


@pytest.mark.parametrize("entry", [None, 1, "key", [], [{"kty": "EC"}], {}, {"kty": "oct", "k": "AAAA", "kid": 10**30}])
def test_entries_that_are_no_keys(entry):
    """What is no key at all is passed over."""
    keys = ServerKeys({"keys": [entry, *published(FIRST)["keys"]]})
    assert fits(keys.get("first", "ES256"), FIRST)
    assert keys.jwk_set == JwkSet(published(FIRST))


def test_two_keys_of_one_kid():
    """Of keys that share a `kid`, the first that suits is taken (RFC 7517 §4.5)."""
    rsa = {**dict(RSA.public_jwk()), "kid": "first"}
    keys = ServerKeys({"keys": [rsa, *published(FIRST)["keys"]]})
    assert fits(keys.get("first", "ES256"), FIRST)
    assert fits(keys.get("first", "RS256"), RSA, "RS256")
    other = {**dict(SECOND.public_jwk()), "kid": "first"}
    assert fits(ServerKeys({"keys": [*published(FIRST)["keys"], other]}).get("first", "ES256"), FIRST)


@pytest.mark.parametrize(
    "given", [1, "keys", [FIRST], {"keys": None}, {"keys": "x"}, {"keys": {}}, {"keys": [{}] * (MAX_KEYS + 1)}]
)
def test_what_is_no_jwk_set(given):
    """What is no JWK Set is refused when the client is made."""
    with pytest.raises(InvalidParam, match="`authorization_server_jwks` is unusable"):
        ServerKeys(given)


def test_many_keys():
    """A set may have as many keys as are read."""
    keys = ServerKeys({"keys": [{"kty": "x"}] * (MAX_KEYS - 1) + published(FIRST)["keys"]})
    assert fits(keys.get("first", "ES256"), FIRST)
    assert repr(keys) == f"ServerKeys(<{MAX_KEYS} keys>)"


def test_a_private_key_that_the_caller_holds():
    """Of a private key that was given, the public part verifies; one that a server shows to everybody is not used."""
    keys = ServerKeys(JwkSet(keys=[FIRST]))
    assert fits(keys.get("first", "ES256"), FIRST)
    assert keys.export() == {"keys": [{"kid": "first", "alg": "ES256", **dict(FIRST.minimize().public_jwk())}]}
    leaking = Source()
    leaking.keys = ()
    served = ServerKeys()
    with pytest.raises(UnknownVerificationKey):
        served.get("first", "ES256", lambda: (keys_of({"keys": [dict(FIRST)]}), None))
    assert len(served.jwk_set) == 0


# ---------------------------------------------------------------- what was given


def test_keys_are_added_to_an_empty_set():
    """Keys that are added by hand where none were given count, until keys are fetched; the set stays the same object."""
    keys = ServerKeys()
    filled = keys.jwk_set
    with pytest.raises(UnknownVerificationKey):
        keys.get("first", "ES256")
    filled.add_jwk(FIRST.public_jwk())
    assert fits(keys.get("first", "ES256"), FIRST)
    assert keys.refresh(Source(SECOND)) is filled
    assert [key.kid for key in filled.jwks] == ["second"]
    assert fits(keys.get("second", "ES256"), SECOND)


def test_a_jwk_set_is_kept_by_identity():
    """A `JwkSet` stays the very object that was given, and is read as it is now."""
    given = JwkSet(published(FIRST))
    client = OAuth2Client("https://as.local/token", client_id="client_id", authorization_server_jwks=given)
    assert client.authorization_server_jwks is given
    assert fits(client.verification_keys.get("first", "ES256"), FIRST)
    given.add_jwk(SECOND.public_jwk())
    assert fits(client.verification_keys.get("second", "ES256"), SECOND)
    given.remove_jwk("second")
    given.add_jwk(THIRD.public_jwk())
    assert fits(client.verification_keys.get("third", "ES256"), THIRD)
    with pytest.raises(UnknownVerificationKey):
        client.verification_keys.get("second", "ES256")
    given.remove_jwk("first")
    with pytest.raises(UnknownVerificationKey):
        client.verification_keys.get("first", "ES256")


def test_a_dict_is_converted():
    """A `dict` becomes a `JwkSet`, always the same, and stays as it was."""
    given = published(FIRST, RSA)
    before = copy.deepcopy(given)
    client = OAuth2Client("https://as.local/token", client_id="client_id", authorization_server_jwks=given)
    assert isinstance(client.authorization_server_jwks, JwkSet)
    assert client.authorization_server_jwks == JwkSet(given)
    assert client.authorization_server_jwks is client.authorization_server_jwks
    assert given == before


def test_nothing_given():
    """Without keys, the set is empty, and asking for it fetches nothing."""
    client = OAuth2Client("https://as.local/token", client_id="client_id", jwks_uri="https://as.local/jwks")
    assert client.authorization_server_jwks == JwkSet()


def test_copies_of_a_client():
    """Keys survive a copy and a pickle, which share nothing with the original."""
    for initial in (published(FIRST), JwkSet(published(FIRST)), None):
        keys = ServerKeys(initial)
        for copied in (copy.deepcopy(keys), pickle.loads(pickle.dumps(keys))):
            assert copied.jwk_set == keys.jwk_set
            assert copied.jwk_set is not keys.jwk_set


# ---------------------------------------------------------------- fetching


def test_keys_are_fetched_when_needed():
    """The first signature causes a fetch; the next ones find the key."""
    source, keys = Source(FIRST, SECOND), ServerKeys()
    assert fits(keys.get("first", "ES256", source), FIRST)
    assert fits(keys.get("second", "ES256", source), SECOND)
    assert source.count == 1


def test_given_keys_are_not_fetched():
    """Keys that were given are used without any request."""
    source = Source(SECOND)
    assert fits(ServerKeys(published(FIRST)).get("first", "ES256", source), FIRST)
    assert source.count == 0


def test_rotation(now):
    """An unknown `kid` causes a new fetch, and the keys which the server withdrew are not trusted any longer."""
    source, keys = Source(FIRST), ServerKeys()
    keys.get("first", "ES256", source)
    source.keys = (SECOND,)
    with pytest.raises(UnknownVerificationKey):  # the keys are fresh
        keys.get("second", "ES256", source)
    assert source.count == 1
    now.shift(COOLDOWN)
    assert fits(keys.get("second", "ES256", source), SECOND)
    assert source.count == 2
    with pytest.raises(UnknownVerificationKey):
        keys.get("first", "ES256", source)
    assert source.count == 2


@pytest.mark.parametrize("given", [None, published(FIRST)], ids=["nothing", "static keys"])
def test_random_kids(now, given):
    """Twenty tokens with random `kid`s cause two fetches at most."""
    source, keys = Source(FIRST), ServerKeys(given)
    keys.get("first", "ES256", source)
    for number in range(20):
        with pytest.raises(UnknownVerificationKey):
            keys.get(f"random {number}", "ES256", source)
        now.shift(1)
    assert source.count <= 2
    assert len(keys._snapshot._built) <= 1


@pytest.mark.parametrize("years", [-30, -1, 1, 30])
def test_a_clock_that_was_years_off(now, years):
    """Keys that were fetched by a wrong clock are fetched again once it is set right: none stays trusted for years."""
    source, keys = Source(FIRST), ServerKeys()
    now.shift(years * 365 * 86_400)
    keys.get("first", "ES256", source)
    now.shift(-years * 365 * 86_400)
    source.keys = (SECOND,)
    assert fits(keys.get("second", "ES256", source), SECOND)
    with pytest.raises(UnknownVerificationKey):
        keys.get("first", "ES256", source)
    assert source.count == 2


def test_no_kid_that_suits(now):
    """Without `kid`, keys are fetched when none suits, not when several do."""
    source, keys = Source(FIRST, SECOND), ServerKeys(published(RSA))
    with pytest.raises(UnknownVerificationKey, match="2 keys"):
        keys.get(None, "ES256", source)
    assert source.count == 1
    now.shift(COOLDOWN)
    with pytest.raises(UnknownVerificationKey, match="2 keys"):
        keys.get(None, "ES256", source)
    assert source.count == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (None, DEFAULT_LIFETIME),
        (3600, 3600),
        (0, COOLDOWN),
        (-5, COOLDOWN),
        (10**12, MAX_LIFETIME),
        (float("inf"), MAX_LIFETIME),
    ],
)
def test_lifetime(now, said, kept):
    """Keys are kept as long as their server says, within bounds."""
    source, keys = Source(FIRST, lifetime=said), ServerKeys()
    keys.get("first", "ES256", source)
    now.shift(kept - 1)
    keys.get("first", "ES256", source)
    assert source.count == 1
    now.shift(1)
    keys.get("first", "ES256", source)
    assert source.count == 2


def test_a_withdrawn_key_is_forgotten_with_time(now):
    """A key that the server withdrew is not used beyond the lifetime of the set it was in."""
    source, keys = Source(FIRST, SECOND), ServerKeys()
    assert keys.get("first", "ES256", source)
    source.keys = (SECOND,)
    now.shift(DEFAULT_LIFETIME)
    with pytest.raises(UnknownVerificationKey):
        keys.get("first", "ES256", source)


def test_an_outage(now):
    """While keys cannot be fetched, the last ones are used, for a day at most."""
    source, keys = Source(FIRST), ServerKeys()
    keys.get("first", "ES256", source)
    source.failure = ConnectionFailed("down")
    now.shift(DEFAULT_LIFETIME)
    assert fits(keys.get("first", "ES256", source), FIRST)
    assert fits(keys.get("first", "ES256", source), FIRST)
    assert source.count == 2  # a failed fetch is not repeated at once
    with pytest.raises(UnknownVerificationKey):
        keys.get("other", "ES256", source)
    now.shift(RETRY_AFTER_FAILURE)
    with pytest.raises(UnknownVerificationKey) as caught:
        keys.get("other", "ES256", source)
    assert caught.value.__cause__ is source.failure
    now.shift(MAX_LIFETIME)
    with pytest.raises(UnknownVerificationKey, match="not available any longer"):
        keys.get("first", "ES256", source)
    source.failure = None
    now.shift(RETRY_AFTER_FAILURE)
    assert fits(keys.get("first", "ES256", source), FIRST)


def test_an_outage_before_the_first_key(now):
    """Without any key, the failure itself is raised; a moment later keys are tried again."""
    source, keys = Source(FIRST), ServerKeys()
    source.failure = ConnectionFailed("down")
    with pytest.raises(ConnectionFailed):
        keys.get("first", "ES256", source)
    with pytest.raises(UnknownVerificationKey, match="JWKS is not available"):
        keys.get("first", "ES256", source)
    assert source.count == 1
    source.failure = None
    now.shift(RETRY_AFTER_FAILURE)
    assert fits(keys.get("first", "ES256", source), FIRST)


def test_threads_fetch_once():
    """However many threads need a key, one of them fetches it."""

    class Slow(Source):
        def __call__(self) -> Any:
            time.sleep(0.05)
            return super().__call__()

    source, keys = Slow(FIRST), ServerKeys()
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(fits(keys.get("first", "ES256", source), FIRST)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16
    assert source.count == 1


def test_a_slow_fetch_does_not_stop_others():
    """While one thread waits for the server, those that need known keys go on."""
    source, keys = Source(FIRST), ServerKeys(published(FIRST))
    started, finish = threading.Event(), threading.Event()

    def slow() -> Any:
        started.set()
        assert finish.wait(5)
        return source()

    def look() -> None:
        with pytest.raises(UnknownVerificationKey):
            keys.get("unknown", "ES256", slow)

    thread = threading.Thread(target=look)
    thread.start()
    assert started.wait(5)
    assert fits(keys.get("first", "ES256", slow), FIRST)
    assert keys.jwk_set == JwkSet(published(FIRST))
    finish.set()
    thread.join()


# ---------------------------------------------------------------- export and import


def test_export_and_import(now):
    """Fetched keys go through JSON into another process, which fetches nothing while they are fresh."""
    source, keys = Source(FIRST, RSA, lifetime=3600), ServerKeys()
    keys.get("first", "ES256", source)
    exported = json.loads(json.dumps(keys.export()))
    assert exported["expires_at"] - exported["fetched_at"] == 3600
    imported = ServerKeys(exported)
    assert imported.jwk_set == keys.jwk_set
    assert imported.export() == exported
    assert fits(imported.get("rsa", "RS256", source), RSA, "RS256")
    assert source.count == 1
    now.shift(3600)
    assert fits(imported.get("rsa", "RS256", source), RSA, "RS256")
    assert source.count == 2


@pytest.mark.parametrize(
    ("fetched_at", "expires_at", "fetches_now", "fetches_in_a_day"),
    [
        (4e9, 4e9 + 60, 0, 1),
        (4e9, 1e18, 0, 1),
        (0, 4e9, 1, 2),
        (-1e18, 1e18, 1, 2),
        (0, 0, 1, 2),
        (10**400, 10**400, 0, 1),
        (-(10**400), 10**400, 1, 2),
        (float("nan"), float("nan"), 1, 2),
        (True, True, 0, 0),
        ("0", "0", 0, 0),
        (None, 4e9, 0, 0),
        (4e9, None, 0, 0),
    ],
)
def test_the_age_of_an_import_is_bounded(now, fetched_at, expires_at, fetches_now, fetches_in_a_day):
    """What an import says of its age gives it no longer life than any keys have; without it, keys are static."""
    source = Source(FIRST)
    keys = ServerKeys(published(FIRST, fetched_at=fetched_at, expires_at=expires_at))
    assert fits(keys.get("first", "ES256", source), FIRST)
    assert source.count == fetches_now
    now.shift(MAX_LIFETIME)
    assert fits(keys.get("first", "ES256", source), FIRST)
    assert source.count == fetches_in_a_day


def test_an_exported_document_has_no_private_part():
    """An export shows public members only."""
    exported = ServerKeys(JwkSet(keys=[RSA, SymmetricJwk.from_bytes(b"a" * 32)])).export()
    assert [set(key) for key in exported["keys"]] == [{"kty", "kid", "alg", "n", "e"}]


# ---------------------------------------------------------------- cache headers


@pytest.mark.parametrize(
    ("headers", "lifetime"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "max-age=60"}, 60),
        ({"Cache-Control": "public, MAX-AGE = 60, must-revalidate"}, 60),
        ({"Cache-Control": 'max-age="60"'}, 60),
        ({"Cache-Control": "max-age=60", "Age": "20"}, 40),
        ({"Cache-Control": "max-age=60", "Age": "80"}, 0),
        ({"Cache-Control": "max-age=60", "Age": "soon"}, 60),
        ({"Cache-Control": "max-age=-60"}, None),
        ({"Cache-Control": "max-age=soon"}, None),
        ({"Cache-Control": "max-age=" + "9" * 5000}, 999_999_999_999),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "no-cache, max-age=60"}, 0),
        ({"Expires": "Tue, 01 Jan 2030 00:01:00 GMT"}, 60),
        ({"Expires": "Tue, 01 Jan 2030 00:01:00 GMT", "Date": "Tue, 01 Jan 2030 00:00:30 GMT"}, 30),
        ({"Expires": "Tue, 01 Jan 2030 00:01:00 GMT", "Date": "yesterday"}, 60),
        ({"Expires": "Tue, 01 Jan 2019 00:01:00 GMT"}, 0),
        ({"Expires": "0"}, 0),
        ({"Expires": "0", "Cache-Control": "max-age=5"}, 5),
        ({"Expires": "Tue, 01 Jan 99999 00:01:00 GMT"}, 0),
    ],
)
def test_cache_lifetime(headers, lifetime):
    """HTTP says how long keys may be kept (RFC 9111 §4.2)."""
    assert cache_lifetime(headers) == lifetime


@given(st.text(), st.text(), st.text(), st.text())
def test_any_cache_headers(cache_control, age, expires, date):
    """Whatever a server sends gives a number of seconds, or nothing."""
    headers = {"Cache-Control": cache_control, "Age": age, "Expires": expires, "Date": date}
    lifetime = cache_lifetime(headers)
    assert lifetime is None or lifetime >= 0


# ---------------------------------------------------------------- the client's verbs


URI = "https://as.local/jwks"


def make_client(**changes: Any) -> OAuth2Client:
    return OAuth2Client("https://as.local/token", **{"client_id": "client_id", "jwks_uri": URI, **changes})


def test_update(requests_mock: requests_mock_module.Mocker):
    """An update is one GET without credentials; it gives the very set that the client has, with the new keys only."""
    get = requests_mock.get(URI, json=published(FIRST), headers={"Cache-Control": "max-age=120"})
    client = make_client(auth=("client_id", "client_secret"), client_id=None)
    before = client.authorization_server_jwks
    assert client.update_authorization_server_public_keys() is client.authorization_server_jwks is before
    assert before == JwkSet(published(FIRST))
    assert "Authorization" not in get.last_request.headers
    assert get.last_request.headers["Accept"] == "application/json"
    assert get.last_request.timeout
    exported = client.export_authorization_server_jwks()
    assert exported["expires_at"] - exported["fetched_at"] == 120
    requests_mock.get(URI, json=published(SECOND))
    for _ in range(3):
        client.update_authorization_server_public_keys()
    assert [key.kid for key in before.jwks] == ["second"]


def test_an_update_leaves_the_given_set_alone(requests_mock: requests_mock_module.Mocker):
    """A set that the caller gave is not written to: it may be that of another client."""
    requests_mock.get(URI, json=published(SECOND))
    given = JwkSet(published(FIRST))
    client = make_client(authorization_server_jwks=given)
    updated = client.update_authorization_server_public_keys()
    assert updated is client.authorization_server_jwks
    assert [key.kid for key in updated.jwks] == ["second"]
    assert [key.kid for key in given.jwks] == ["first"]


@pytest.mark.parametrize("body", [{}, {"keys": []}, {"keys": [{"kty": "AKP"}]}, {"other": 1}])
def test_an_empty_update(requests_mock: requests_mock_module.Mocker, body):
    """A JWK Set without usable keys is an empty set."""
    requests_mock.get(URI, json=body)
    assert make_client().update_authorization_server_public_keys() == JwkSet()


BAD_ANSWERS = {
    "an error": {"status_code": 500, "json": published(FIRST)},
    "not found": {"status_code": 404, "text": "nothing here"},
    "HTML": {"text": "<html>"},
    "an array": {"json": [1]},
    "keys of another type": {"json": {"keys": {"first": {}}}},
    "repeated members": {"text": '{"keys": [], "keys": []}'},
    "very deep": {"text": "[" * 10_000},
    "nothing": {"text": ""},
    "too many keys": {"json": {"keys": [{}] * (MAX_KEYS + 1)}},
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answers(requests_mock: requests_mock_module.Mocker, name):
    """An answer that is no JWK Set changes nothing, and is evidence of the error."""
    requests_mock.get(URI, **BAD_ANSWERS[name])
    client = make_client(authorization_server_jwks=published(FIRST))
    with pytest.raises(InvalidJwksResponse) as caught:
        client.update_authorization_server_public_keys()
    assert isinstance(caught.value, requests.HTTPError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.response.url == URI
    assert pickle.loads(pickle.dumps(caught.value)).response.url == URI
    assert client.authorization_server_jwks == JwkSet(published(FIRST))
    assert fits(client.verification_keys.get("first", "ES256"), FIRST)


def test_transport_failures(requests_mock: requests_mock_module.Mocker):
    """Redirects, floods and broken connections are errors of ours."""
    client = make_client(max_response_size=1000)
    requests_mock.get(URI, status_code=302, headers={"Location": "https://mallory.local/jwks"})
    with pytest.raises(UnexpectedRedirect):
        client.update_authorization_server_public_keys()
    requests_mock.get(URI, content=b" " * 2000)
    with pytest.raises(ResponseTooLarge):
        client.update_authorization_server_public_keys()
    requests_mock.get(URI, exc=requests.ConnectionError)
    with pytest.raises(ConnectionFailed):
        client.update_authorization_server_public_keys()


def test_no_jwks_uri():
    """Without `jwks_uri`, there is nothing to fetch from."""
    with pytest.raises(MissingEndpointUri, match="jwks_uri"):
        make_client(jwks_uri=None).update_authorization_server_public_keys()


def test_a_failing_jwks_does_not_prevent_a_client(requests_mock: requests_mock_module.Mocker):
    """A client is made without any request for keys; the failure comes when a key is needed."""
    get = requests_mock.get(URI, status_code=503)
    client = make_client(issuer="https://as.local")
    assert get.call_count == 0
    token = IdToken.sign({"iss": "https://as.local", "sub": "alice", "aud": "client_id"}, FIRST)
    with pytest.raises(InvalidJwksResponse):
        IdTokenValidator(client_id="client_id", alg="ES256", keys=client.verification_keys).check(token)
    assert get.call_count == 1


def test_requests_kwargs(requests_mock: requests_mock_module.Mocker):
    """Further arguments reach `requests`."""
    get = requests_mock.get(URI, json=published(FIRST))
    make_client().update_authorization_server_public_keys(requests_kwargs={"headers": {"X-Tenant": "a"}, "timeout": 3})
    assert get.last_request.headers["X-Tenant"] == "a"
    assert get.last_request.timeout == 3


def test_an_unsupported_key_in_the_set(requests_mock: requests_mock_module.Mocker):
    """Keys of a type that is not known yet do not hide the others."""
    body = {"keys": [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, *published(FIRST)["keys"]]}
    requests_mock.get(URI, json=body)
    client = make_client()
    assert [key.kid for key in client.update_authorization_server_public_keys().jwks] == ["first"]
    assert fits(client.verification_keys.get("first", "ES256"), FIRST)


def test_twenty_tokens_with_random_kids(requests_mock: requests_mock_module.Mocker):
    """Hostile ID Tokens do not make the client hammer its server."""
    get = requests_mock.get(URI, json=published(FIRST))
    client = make_client()
    for number in range(20):
        key = ECJwk({**FIRST, "kid": f"random {number}"})
        token = Jwt.sign({"iss": "https://as.local", "sub": "alice"}, key)
        with pytest.raises(InvalidIdToken, match="no key\nwith kid"):
            IdTokenValidator(client_id="client_id", alg="ES256", keys=client.verification_keys).check(str(token))
    assert get.call_count <= 2


def test_preloading(requests_mock: requests_mock_module.Mocker):
    """Entering a client fetches the keys once; nothing is fetched when they are used."""
    get = requests_mock.get(URI, json=published(FIRST))
    with make_client() as client:
        assert get.call_count == 1
        assert fits(client.verification_keys.get("first", "ES256"), FIRST)
    assert get.call_count == 1


def test_keys_by_import(requests_mock: requests_mock_module.Mocker):
    """A short-lived process that is given exported keys makes no request for them."""
    get = requests_mock.get(URI, json=published(FIRST))
    with make_client() as client:
        text = json.dumps(client.export_authorization_server_jwks())
    other = make_client(authorization_server_jwks=json.loads(text))
    assert fits(other.verification_keys.get("first", "ES256"), FIRST)
    assert get.call_count == 1


def test_keys_cost_nothing_until_used():
    """Keys that are given as a `dict` load neither jwskate nor cryptography until a signature is verified."""
    import subprocess

    code = f"""
import sys
from requests_oauth2client import OAuth2Client
client = OAuth2Client("https://as.local/token", client_id="c", authorization_server_jwks={published(FIRST)!r})
print(*sorted({{m.partition('.')[0] for m in sys.modules}}))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert set(loaded.stdout.split()) & {"jwskate", "binapy", "cryptography"} == set()
