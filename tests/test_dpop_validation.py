"""`validate_dpop_proof`: each check of RFC 9449 §4.3, with a proof that fails it and no other."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import example, given
from hypothesis import strategies as st
from jwskate import Jwk, SignedJwt

from requests_oauth2client.dpop import DPoPKey, validate_dpop_proof
from requests_oauth2client.dpop_validation import normalised_htu
from requests_oauth2client.exceptions import InvalidDPoPProof
from requests_oauth2client.jose import b64u, b64u_json, sha256_b64u

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = Path(__file__).parent / "vectors"
HTU = "https://api.local/things"
KEY = Jwk.generate(alg="ES256")
ATH = sha256_b64u("token")


def signed(headers: dict[str, Any] | None = None, key: Jwk = KEY, **claims: Any) -> str:
    """A proof that is right, but for what the arguments change; `...` leaves a member out."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(KEY.public_jwk().minimize()), **(headers or {})}
    body = {"jti": "jti", "htm": "GET", "htu": HTU, "iat": int(time.time()), "ath": ATH, "nonce": "nonce", **claims}
    first = b64u_json({k: v for k, v in header.items() if v is not ...})
    text = f"{first}.{b64u(json.dumps({k: v for k, v in body.items() if v is not ...}).encode())}"
    return f"{text}.{b64u(bytes(key.sign(text.encode(), alg=key.alg)))}"


def validate(proof: str | bytes, **kwargs: Any) -> SignedJwt:
    return validate_dpop_proof(proof, **{"htm": "GET", "htu": HTU, "ath": ATH, "nonce": "nonce", **kwargs})


def test_a_good_proof() -> None:
    """A proof that is right in all is returned, from text or bytes; what is not asked for may be there."""
    proof = signed()
    assert validate(proof).claims["jti"] == "jti"
    assert validate(proof.encode()) == validate(SignedJwt(proof).value) == proof
    assert validate_dpop_proof(proof, htm="GET", htu=HTU) == proof


@pytest.mark.parametrize("name", ["rfc9449-4.1.json", "rfc9449-7.1.json"])
def test_rfc9449_proofs(name: str) -> None:
    """The proofs that RFC 9449 prints are valid at their time."""
    vector = json.loads((VECTORS / name).read_text("utf-8"))
    claims = vector["claims"]
    with time_machine.travel(claims["iat"] + 10, tick=False):
        jwt = validate_dpop_proof(
            vector["proof"],
            htm=claims["htm"],
            htu=claims["htu"],
            ath=sha256_b64u(vector["access_token"]) if "access_token" in vector else None,
            jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            alg="ES256",
        )
    assert jwt.claims == claims


RSA_1024 = Jwk(rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        (lambda: "", "not a syntactically valid JWT"),
        (lambda: "abc", "not a syntactically valid JWT"),
        (lambda: "a.b.c", "not a syntactically valid JWT"),
        (lambda: signed() + "." + signed(), "not a syntactically valid JWT"),
        (lambda: signed() + ", " + signed(), "not a syntactically valid JWT"),
        (lambda: signed() + "\n", "not a syntactically valid JWT"),
        (lambda: "é" + signed(), "not a syntactically valid JWT"),
        (lambda: signed(padding="x" * 20_000), "not a syntactically valid JWT"),
        (lambda: 12, "not a syntactically valid JWT"),
        (lambda: f"{b64u(b'[]')}.{b64u(b'[]')}.{b64u(b'x')}", "not a syntactically valid JWT"),
        (lambda: f"{b64u(b'{}')}.{b64u(b'[' * 9000)}.{b64u(b'x')}", "not a syntactically valid JWT"),
        (lambda: signed({"typ": "JWT"}), "not the expected 'dpop+jwt'"),
        (lambda: signed({"typ": ...}), "not the expected 'dpop+jwt'"),
        (lambda: signed({"typ": ["dpop+jwt"]}), "not the expected 'dpop+jwt'"),
        (lambda: signed({"crit": ["b64"], "b64": False}), "'crit' header"),
        (lambda: signed({"jwk": ...}), "'jwk' header is missing"),
        (lambda: signed({"jwk": None}), "'jwk' header is missing"),
        (lambda: signed({"jwk": "foo"}), "'jwk' header is not a valid JWK"),
        (lambda: signed({"jwk": {}}), "'jwk' header is not a valid JWK"),
        (
            lambda: signed({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
            "'jwk' header is not a valid JWK",
        ),
        (lambda: signed({"jwk": {"kty": 12}}), "'jwk' header is not a valid JWK"),
        (lambda: signed({"jwk": {"kty": "AKP", "pub": "AA"}}), "'jwk' header is not a valid JWK"),
        (
            lambda: signed({"alg": "RS256", "jwk": dict(RSA_1024.public_jwk())}, key=Jwk({**RSA_1024, "alg": "RS256"})),
            "'jwk' header is not a valid JWK: RSA keys need 2048 bits",
        ),
        (lambda: signed({"jwk": dict(KEY)}), "'jwk' header is a private or symmetric key"),
        (
            lambda: signed({"alg": "HS256", "jwk": dict(Jwk.generate(alg="HS256"))}),
            "'jwk' header is a private or symmetric key",
        ),
        (lambda: signed(key=Jwk.generate(alg="ES256")), "signature does not verify"),
        (lambda: signed()[:-8], "signature does not verify"),
        (lambda: signed({"alg": "none"}), "signature does not verify: alg 'none'"),
        (lambda: signed({"alg": "HS256"}), "signature does not verify: alg 'HS256'"),
        (lambda: signed({"alg": "ES384"}), "signature does not verify: alg 'ES384'"),
        (lambda: signed({"alg": ...}), "signature does not verify"),
        (lambda: signed({"alg": ["ES256"]}), "signature does not verify"),
        (lambda: signed(iat=...), "Issued At (iat) claim is missing"),
        (lambda: signed(iat="now"), "Issued At (iat) claim is missing"),
        (lambda: signed(iat=True), "Issued At (iat) claim is missing"),
        (lambda: signed(iat=time.time() - 62), "Issued At timestamp (iat) is too far away in the past or future"),
        (lambda: signed(iat=time.time() + 62), "Issued At timestamp (iat) is too far away in the past or future"),
        (lambda: signed(iat=10**400), "Issued At timestamp (iat) is too far away in the past or future"),
        (lambda: signed(iat=-(10**400)), "Issued At timestamp (iat) is too far away in the past or future"),
        (lambda: signed(iat=float("nan")), "Issued At"),
        (lambda: signed(iat=float("inf")), "Issued At"),
        (lambda: signed(jti=...), "a Unique Identifier (jti) claim is missing"),
        (lambda: signed(jti=""), "a Unique Identifier (jti) claim is missing"),
        (lambda: signed(jti=12), "a Unique Identifier (jti) claim is missing"),
        (lambda: signed(htm=...), "the HTTP method (htm) claim is missing."),
        (lambda: signed(htm="POST"), "HTTP Method (htm) 'POST' does not matches expected 'GET'"),
        (lambda: signed(htm="get"), "HTTP Method (htm) 'get' does not matches expected 'GET'"),
        (lambda: signed(htu=...), "the HTTP URI (htu) claim is missing"),
        (lambda: signed(htu=HTU + "/2"), f"HTTP URI (htu) '{HTU}/2' does not matches expected '{HTU}'"),
        (lambda: signed(htu="/things"), f"HTTP URI (htu) '/things' does not matches expected '{HTU}'"),
        (lambda: signed(htu="https://[::1"), "HTTP URI (htu) 'https://[::1' does not matches"),
        (lambda: signed(ath=...), "the Access Token hash (ath) claim is missing"),
        (lambda: signed(ath="x"), f"Access Token Hash (ath) value 'x' does not match expected '{ATH}'"),
        (lambda: signed(ath="é\ud800"), "Access Token Hash (ath) value"),
        (lambda: signed(nonce=...), "the DPoP Nonce (nonce) claim is missing"),
        (lambda: signed(nonce="x"), "DPoP Nonce (nonce) value 'x' does not match expected 'nonce'"),
    ],
)
def test_bad_proofs(proof: Callable[[], Any], message: str) -> None:
    """Each message tells the check that failed; the proof is attached."""
    text = proof()
    with pytest.raises(InvalidDPoPProof) as caught:
        validate(text)
    assert message in str(caught.value)
    assert caught.value.proof == (text.encode() if isinstance(text, str) else text)


ORDER = [
    ({"typ": "JWT"}, {}, "(typ)"),
    ({"jwk": ...}, {}, "'jwk' header is missing"),
    ({"alg": "none"}, {}, "signature does not verify"),
    ({}, {"iat": ...}, "(iat)"),
    ({}, {"jti": ...}, "(jti)"),
    ({}, {"htm": ...}, "(htm)"),
    ({}, {"htu": ...}, "(htu)"),
    ({}, {"ath": ...}, "(ath)"),
    ({}, {"nonce": ...}, "(nonce)"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_order_of_checks(first: int) -> None:
    """Of several faults, the one that comes first in the order of checks is told."""
    headers: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    for header, claim, _ in ORDER[first:]:
        headers |= header
        claims |= claim
    with pytest.raises(InvalidDPoPProof) as caught:
        validate(signed(headers, **claims))
    assert ORDER[first][2] in str(caught.value)


def test_accepted_algorithms() -> None:
    """`alg` and `algs` together say what is accepted; by default everything asymmetric is."""
    proof = signed()
    for accepted in ({"alg": "ES256"}, {"algs": ["PS256", "ES256"]}, {"alg": "PS256", "algs": ("ES256",)}, {}):
        assert validate(proof, **accepted)
    for refused in ({"alg": "PS256"}, {"algs": ["PS256", "EdDSA"]}):
        with pytest.raises(InvalidDPoPProof, match="signature does not verify: alg 'ES256'"):
            validate(proof, **refused)


def test_leeway() -> None:
    """`iat` may be `leeway` seconds away, in both directions."""
    for iat in (time.time() - 8, time.time() + 8):
        assert validate(signed(iat=iat), leeway=10)
        with pytest.raises(InvalidDPoPProof, match="too far away"):
            validate(signed(iat=iat), leeway=5)


def test_the_key_of_the_token() -> None:
    """With `jkt`, the proof must be of the key that the access token is bound to (RFC 9449 §6)."""
    assert validate(signed(), jkt=KEY.thumbprint())
    with pytest.raises(InvalidDPoPProof, match="not the one that the access token is bound to"):
        validate(signed(), jkt=Jwk.generate(alg="ES256").thumbprint())


class Seen:
    """What an API remembers, in its simplest form."""

    def __init__(self) -> None:
        self.until: dict[str, datetime] = {}
        self.lock = threading.Lock()

    def __call__(self, identifier: str, until: datetime) -> bool:
        with self.lock:
            now = datetime.now(timezone.utc)
            self.until = {known: end for known, end in self.until.items() if end > now}
            known = identifier in self.until
            self.until[identifier] = until
            return known


def test_replays() -> None:
    """A proof is accepted once; the same `jti` from another key is another proof."""
    seen = Seen()
    proof = signed()
    assert validate(proof, jti_seen=seen)
    with pytest.raises(InvalidDPoPProof, match="was already used"):
        validate(proof, jti_seen=seen)
    assert validate(signed(jti="other"), jti_seen=seen)
    other = Jwk.generate(alg="ES256")
    assert validate(signed({"jwk": dict(other.public_jwk().minimize())}, key=other), jti_seen=seen)
    assert validate(signed(jti="\ud800" * 1000), jti_seen=seen)
    assert {len(identifier) for identifier in seen.until} == {43}


def test_replays_are_remembered_as_long_as_needed() -> None:
    """A proof is remembered until its `iat` alone makes it fail."""
    seen = Seen()
    iat = int(time.time()) + 30
    validate(signed(iat=iat), jti_seen=seen, leeway=60)
    (until,) = seen.until.values()
    assert until == datetime.fromtimestamp(iat, timezone.utc) + timedelta(seconds=60)


def test_refused_proofs_are_not_remembered() -> None:
    """What fails another check costs no memory."""
    seen = Seen()
    with pytest.raises(InvalidDPoPProof):
        validate(signed(nonce="x"), jti_seen=seen)
    assert seen.until == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api.local/a", "HTTPS://API.LOCAL:443/a"),
        ("https://api.local", "https://api.local/"),
        ("http://api.local:80/", "http://api.local"),
        ("https://api.local/a?b#c", "https://api.local/a"),
        ("https://api.local/%7euser", "https://api.local/~user"),
        ("https://api.local/a%2fb", "https://api.local/a%2Fb"),
        ("https://api.local/%c3%a9", "https://api.local/%C3%A9"),
        ("https://api.local/./a/b/../c", "https://api.local/a/c"),
        ("https://api.local/a/..", "https://api.local/"),
        ("https://api.local/../../a", "https://api.local/a"),
        ("https://[::1]:443/", "https://[::1]"),
    ],
)
def test_equivalent_uris(one: str, other: str) -> None:
    """URIs that are the same by RFC 3986 §6.2.2 and §6.2.3 are the same here."""
    assert normalised_htu(one) == normalised_htu(other)
    assert validate(signed(htu=one), htu=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api.local/a", "https://api.local/A"),
        ("https://api.local/a", "https://api.local/a/"),
        ("https://api.local/a", "http://api.local/a"),
        ("https://api.local/a", "https://api.local:8443/a"),
        ("https://api.local/a/b", "https://api.local/a%2Fb"),
        ("https://api.local//a", "https://api.local/a"),
        ("https://user@api.local/a", "https://api.local/a"),
        ("https://api.local/a\n", "https://api.local/a"),
        ("https://api.local/a\tb", "https://api.local/ab"),
    ],
)
def test_different_uris(one: str, other: str) -> None:
    """What could be another resource is another resource."""
    with pytest.raises(InvalidDPoPProof, match=r"HTTP URI \(htu\)"):
        validate(signed(htu=one), htu=other)


@given(st.text("/.%aA2f?#:@~", max_size=20))
@example("/..")
def test_normalisation_is_stable(path: str) -> None:
    """A normalised URI is its own normal form."""
    normal = normalised_htu(f"https://api.local/{path}")
    assert normal is not None
    assert normalised_htu(normal) == normal


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "crit", "kid"]), json_values),
    st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"]), json_values),
)
def test_garbage_is_refused(headers: dict[str, Any], claims: dict[str, Any]) -> None:
    """Whatever JSON is in a proof, it is valid or an `InvalidDPoPProof`, and nothing else."""
    try:
        validate(signed(headers, **claims))
    except InvalidDPoPProof:
        return
    assert claims.get("htm", "GET") == "GET"


@given(
    st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "use", "key_ops", "alg"]), json_values)
)
def test_garbage_keys_are_refused(jwk: dict[str, Any]) -> None:
    """Whatever is in `jwk`, the same."""
    members = {**KEY.public_jwk().minimize(), **jwk}
    with suppress(InvalidDPoPProof):
        validate(signed({"jwk": members}))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_garbage_bytes_are_refused(proof: bytes | str) -> None:
    """What is no JWT at all is an `InvalidDPoPProof`, too."""
    with pytest.raises(InvalidDPoPProof, match="not a syntactically valid JWT"):
        validate(proof)


def test_own_proofs_are_valid() -> None:
    """What `DPoPKey` signs is what this accepts."""
    key = DPoPKey.generate(rs_nonce="nonce")
    assert validate(str(key.proof("GET", HTU, ath=ATH)), jkt=key.dpop_jkt)
