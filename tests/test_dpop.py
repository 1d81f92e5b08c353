"""`DPoPKey` and `DPoPToken` as values: how they are made, what they sign, what they show."""

from __future__ import annotations

import copy
import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
import requests
from attrs.exceptions import FrozenError, FrozenInstanceError
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from jwskate import InvalidSignature, Jwk, SignatureAlgs, SignedJwt

from requests_oauth2client import dpop
from requests_oauth2client.dpop import DPoPKey, DPoPToken, add_dpop_proof, validate_dpop_proof
from requests_oauth2client.exceptions import (
    ExpiredAccessToken,
    InvalidDPoPAccessToken,
    InvalidDPoPAlg,
    InvalidDPoPKey,
    InvalidParam,
    MissingDPoPNonce,
    RepeatedDPoPNonce,
    UnsupportedTokenTypeError,
)
from requests_oauth2client.jose import sha256_b64u

VECTORS = Path(__file__).parent / "vectors"
API = "https://api.local/things"


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def key() -> DPoPKey:
    return DPoPKey.generate()


@pytest.fixture
def token(key: DPoPKey) -> DPoPToken:
    return DPoPToken("access_token", _dpop_key=key)


def prepared(url: str = API, method: str = "GET") -> requests.PreparedRequest:
    return requests.Request(method, url).prepare()


def answer(
    status: int = 200, url: str = API, request: requests.PreparedRequest | None = None, **headers: str
) -> requests.Response:
    response = requests.Response()
    response.status_code, response.url, response.request = status, url, request or prepared(url)
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


# ---------------------------------------------------------------- making keys


@pytest.mark.parametrize("alg", sorted(SignatureAlgs.ALL_ASYMMETRIC | {"ES256K"}))
def test_generate(alg: str) -> None:
    """A key for any asymmetric algorithm signs proofs that verify."""
    key = DPoPKey.generate(alg=alg)
    assert key.alg == alg
    proof = key.proof("GET", API)
    assert proof.headers == {
        "typ": "dpop+jwt",
        "alg": "ES256K" if alg == "ES256k" else alg,
        "jwk": dict(key.public_jwk),
    }
    assert validate_dpop_proof(str(proof), htm="GET", htu=API, alg=alg).claims == proof.claims
    if key.private_key.kty == "RSA":
        assert key.private_key.key_size == 2048


def test_rsa_key_size() -> None:
    """RSA keys are longer when asked for, never shorter."""
    assert DPoPKey.generate("PS256", rsa_key_size=3072).private_key.key_size == 3072
    with pytest.raises(InvalidParam, match="2048"):
        DPoPKey.generate("PS256", rsa_key_size=1024)


@pytest.mark.parametrize("alg", ["HS256", "none", "RSA-OAEP", "es256", "", None, "ECDH-ES"])
def test_generate_for_what_is_no_asymmetric_signature(alg: Any) -> None:
    """Anybody could make proofs with a symmetric key, and nobody with none."""
    with pytest.raises(InvalidDPoPAlg, match="DPoP proofing require an asymmetric signing alg") as caught:
        DPoPKey.generate(alg=alg)
    assert caught.value.alg == alg


def test_own_keys(rsa_key: rsa.RSAPrivateKey) -> None:
    """A `Jwk`, a JWK as a dict, or a `cryptography` key; the algorithm is the JWK's own, the given one, or the usual one."""
    jwk = Jwk.generate(alg="ES384", kid="mine")
    assert DPoPKey(jwk).alg == "ES384"
    assert DPoPKey(jwk).private_key is jwk
    assert DPoPKey(dict(jwk)).private_key == jwk
    assert DPoPKey(private_key=dict(jwk), alg="ES384").dpop_jkt == jwk.thumbprint()
    assert DPoPKey(rsa_key).alg == "RS256"
    assert DPoPKey(rsa_key, alg="PS512").alg == "PS512"
    assert DPoPKey(ec.generate_private_key(ec.SECP521R1())).alg == "ES512"
    assert DPoPKey(ed448.Ed448PrivateKey.generate()).alg == "EdDSA"
    assert DPoPKey({k: v for k, v in jwk.items() if k != "alg"}).alg == "ES384"


def test_the_kid_stays_at_home() -> None:
    """The `jwk` of a proof has the members that make the key, whatever else the JWK has."""
    jwk = Jwk.generate(alg="ES256", kid="mine", use="sig", x5u="https://example.com")
    assert set(DPoPKey(jwk).proof("GET", API).headers["jwk"]) == {"kty", "crv", "x", "y"}


@pytest.mark.parametrize(
    "material",
    [
        Jwk.generate(alg="ES256").public_jwk(),
        dict(Jwk.generate(alg="ES256").public_jwk()),
        Jwk.generate(alg="HS256"),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
        Jwk.generate(alg="ES256") | {"use": "enc"},
        {"kty": "EC"},
        {},
        b"bytes",
        "text",
        12,
        None,
    ],
    ids=lambda material: type(material).__name__,
)
def test_keys_that_cannot_sign_proofs(material: Any) -> None:
    """Public, symmetric, short, or for another use: the error carries the key, and does not print it."""
    with pytest.raises(InvalidDPoPKey, match="not an asymmetric private key") as caught:
        DPoPKey(material)
    assert caught.value.key is material
    assert "kty" not in str(caught.value)


@pytest.mark.parametrize("alg", ["ES384", "RS256", "HS256", "foo"])
def test_an_algorithm_that_does_not_fit(alg: str) -> None:
    """A P-256 key signs with ES256, however it is given."""
    raw = ec.generate_private_key(ec.SECP256R1())
    for material in (raw, Jwk(raw), dict(Jwk(raw)), {**Jwk(raw), "alg": "ES256"}):
        with pytest.raises(InvalidDPoPAlg) as caught:
            DPoPKey(material, alg=alg)
        assert caught.value.alg == alg


def test_a_key_meant_for_another_algorithm(rsa_key: rsa.RSAPrivateKey) -> None:
    """A JWK that names its algorithm is used with no other (RFC 7517 §4.4)."""
    with pytest.raises(InvalidDPoPAlg):
        DPoPKey({**Jwk(rsa_key), "alg": "RS256"}, alg="PS256")
    with pytest.raises(InvalidDPoPAlg):
        DPoPKey({**Jwk(rsa_key), "alg": "RSA-OAEP"})


# ---------------------------------------------------------------- proofs


def test_rfc9449_thumbprint() -> None:
    """The key of RFC 9449 §4.1 has the thumbprint of §6.1."""
    jwk = vector("rfc9449-4.1.json")["headers"]["jwk"]
    from requests_oauth2client.key_pairs import thumbprint

    assert thumbprint(json.dumps(jwk)) == vector("rfc9449-4.1.json")["jkt"]


def test_rfc9449_access_token_hash(key: DPoPKey) -> None:
    """The access token of RFC 9449 §7.1 has the hash that stands there."""
    example = vector("rfc9449-7.1.json")
    request = prepared("https://resource.example.org/protectedresource")
    DPoPToken(example["access_token"], _dpop_key=key)(request)
    claims = SignedJwt(request.headers["DPoP"]).claims
    assert {**claims, "jti": None, "iat": None} == {**example["claims"], "jti": None, "iat": None}


def test_claims_of_a_proof(key: DPoPKey) -> None:
    """`jti`, `htm`, `htu` and `iat` always; `ath` and `nonce` when there is one."""
    before = int(time.time())
    claims = key.proof("POST", "https://myapi.local").claims
    assert list(claims) == ["jti", "htm", "htu", "iat"]
    assert UUID(claims["jti"]).version == 4
    assert (claims["htm"], claims["htu"]) == ("POST", "https://myapi.local")
    assert before <= claims["iat"] <= int(time.time())
    assert key.proof("GET", API, ath="hash", nonce="n").claims.items() >= {"ath": "hash", "nonce": "n"}.items()


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://api.local/a?b=c#d", "https://api.local/a"),
        ("https://api.local/a#d?e", "https://api.local/a"),
        ("https://api.local?a", "https://api.local"),
        ("https://user:secret@api.local/a", "https://api.local/a"),
        ("https://api.local/a@b", "https://api.local/a@b"),
        ("https://user@api.local", "https://api.local"),
        ("https://user:secret@api.local/a://b@c", "https://api.local/a://b@c"),
    ],
)
def test_htu_has_neither_query_nor_fragment_nor_credentials(key: DPoPKey, url: str, htu: str) -> None:
    """What is not part of the target URI without its query stays out (RFC 9449 §4.2)."""
    assert key.proof("GET", url).claims["htu"] == htu


def test_every_proof_is_another(key: DPoPKey) -> None:
    """No two proofs share a `jti`."""
    assert len({key.proof("GET", API).claims["jti"] for _ in range(50)}) == 50


def test_generators() -> None:
    """`jti`, `iat` and `typ` are as the caller wants them."""
    key = DPoPKey.generate(jti_generator=lambda: 12, iat_generator=lambda: 12532424.7, jwt_typ="jwt+custom")
    proof = key.proof("GET", API)
    assert proof.headers["typ"] == "jwt+custom"
    assert proof.claims == {"jti": "12", "htm": "GET", "htu": API, "iat": 12532424}


def test_a_proof_is_a_signed_jwt(key: DPoPKey) -> None:
    """A proof has all that jwskate gives a JWT, and survives copies."""
    proof = key.proof("GET", API)
    assert isinstance(proof, SignedJwt)
    assert proof.verify(key.public_jwk, alg="ES256") is proof
    with pytest.raises(InvalidSignature):
        proof.verify(DPoPKey.generate().public_jwk, alg="ES256")
    assert proof == SignedJwt(str(proof)) == str(proof)
    assert (proof.htm, proof["htu"], proof.alg, proof.typ) == ("GET", API, "ES256", "dpop+jwt")
    assert len(proof.signature) == 64
    assert proof.issued_at == datetime.fromtimestamp(proof.claims["iat"], timezone.utc)
    assert copy.deepcopy(proof) == pickle.loads(pickle.dumps(proof)) == copy.copy(proof) == proof
    for missing in ("foo", "__html__"):
        with pytest.raises(AttributeError):
            getattr(proof, missing)


def test_dpop_jkt(key: DPoPKey) -> None:
    """`dpop_jkt` is the RFC 7638 thumbprint of the public key."""
    assert key.dpop_jkt == key.public_jwk.thumbprint() == key.private_key.thumbprint()
    assert not key.public_jwk.is_private
    assert key.private_key.alg == "ES256"


def test_sign_for_an_authorization_server(key: DPoPKey) -> None:
    """A proof for an Authorization Server has no `ath`, and the nonce of that server."""
    key.rs_nonce, key.as_nonce = "for apis", "for-as"
    request = prepared("https://as.local/token", "POST")
    key.sign(request, role="as")
    claims = SignedJwt(request.headers["DPoP"]).claims
    assert {**claims, "jti": None, "iat": None} == {
        "jti": None,
        "htm": "POST",
        "htu": "https://as.local/token",
        "iat": None,
        "nonce": "for-as",
    }


def test_add_dpop_proof(key: DPoPKey) -> None:
    """The function puts a proof into a header, and leaves all others alone."""
    request = prepared()
    headers = dict(request.headers)
    add_dpop_proof(request, key, "token", header_name="X-Proof")
    proof = request.headers.pop("X-Proof")
    assert SignedJwt(proof).claims["ath"] == sha256_b64u("token")
    assert dict(request.headers) == headers


def test_what_is_made_once(key: DPoPKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header of proofs, and the hash of a token that is sent again, are made once."""
    made = []
    for name in ("CompactSigner", "sha256_b64u"):
        real = getattr(dpop, name)
        monkeypatch.setattr(dpop, name, lambda *args, name=name, real=real: (made.append(name), real(*args))[1])
    for _ in range(3):
        key.sign(prepared(), role="rs", access_token="token")
    assert sorted(made) == ["CompactSigner", "sha256_b64u"]


def test_a_proof_on_the_wire_is_fresh_each_time(key: DPoPKey) -> None:
    """The first bytes that http.client writes are those of the text, all later ones are of new proofs."""
    request = prepared()
    key.sign(request, role="rs", access_token="token")
    header = request.headers["DPoP"]
    assert isinstance(header, str)
    assert header.encode("latin-1") == header.encode() == header.encode("ascii") == str(header).encode()
    key.rs_nonce = "n1"
    claims = SignedJwt(header.encode("latin-1")).claims
    assert claims["jti"] != SignedJwt(str(header)).claims["jti"]
    assert claims["nonce"] == header.nonce == "n1"
    assert (claims["htm"], claims["htu"], claims["ath"]) == ("GET", API, sha256_b64u("token"))
    assert type(pickle.loads(pickle.dumps(header))) is str
    assert json.loads(json.dumps([header])) == [header]
    assert hash(header) == hash(str(header))


@pytest.mark.parametrize("role", ["as", "rs"])
def test_a_proof_on_the_wire_has_the_newest_nonce(key: DPoPKey, role: Any) -> None:
    """A proof that renews itself has what its server gave last: not the other role on its origin, nor another origin."""
    request = prepared()
    key.sign(request, role=role)
    request.headers["DPoP"].encode("latin-1")
    other = {"as": "rs", "rs": "as"}[role]
    for url, giver in ((API, role), (API, other), ("https://other.local/", role)):
        key.remember(answer(url=url, DPoP_Nonce=f"of-{giver}-{url[8:11]}"), role=giver)
    assert SignedJwt(request.headers["DPoP"].encode("latin-1")).claims["nonce"] == f"of-{role}-api"


# ---------------------------------------------------------------- nonces


@pytest.mark.parametrize("role", ["as", "rs"])
def test_a_nonce_that_is_set_by_hand_replaces_all(key: DPoPKey, role: Any) -> None:
    """It goes to the servers of its role that had given another, and to none of the other role."""
    other = {"as": "rs", "rs": "as"}[role]
    for giver in (role, other):
        key.remember(answer(DPoP_Nonce=f"of-{giver}"), role=giver)
    setattr(key, f"{role}_nonce", "by-hand")
    for giver, nonce in ((role, "by-hand"), (other, f"of-{other}")):
        request = prepared()
        key.sign(request, role=giver)
        assert SignedJwt(request.headers["DPoP"]).claims["nonce"] == nonce


def test_proofs_of_ones_own() -> None:
    """What the `proof` of a subclass returns is what is sent, again and again; an empty nonce is none."""
    asked: list[tuple[Any, ...]] = []

    class Own(DPoPKey):
        def proof(self, htm: str, htu: str, ath: str | None = None, nonce: str | None = None) -> SignedJwt:
            asked.append((htm, htu, ath, nonce))
            return super().proof(htm.lower(), htu, ath, nonce)

    own = Own.generate(rs_nonce="of-the-api")
    request = prepared()
    own.sign(request, role="as")
    claims = SignedJwt(str(request.headers["DPoP"])).claims
    assert claims["htm"] == "get"
    assert claims.keys() == {"jti", "htm", "htu", "iat"}
    own.sign(request, role="rs", access_token="at")
    first, second = (request.headers["DPoP"].encode("latin-1") for _ in range(2))
    assert first != second
    assert SignedJwt(second).claims["htm"] == "get"
    ath = SignedJwt(second).claims["ath"]
    assert asked == [("GET", API, None, ""), *[("GET", API, ath, "of-the-api")] * 2]


def test_nonces_that_are_set_by_hand() -> None:
    """A nonce given to the constructor, or set later, goes into proofs for any server of its role."""
    key = DPoPKey.generate(as_nonce="a", rs_nonce="r")
    assert key.proof("GET", API).claims["nonce"] == "r"
    assert key.proof("GET", "https://other.local/").claims["nonce"] == "r"
    key.remember(answer(DPoP_Nonce="n1"), role="rs")
    assert key.proof("GET", API).claims["nonce"] == key.rs_nonce == "n1"
    assert "nonce" not in key.proof("GET", "https://other.local/").claims
    key.rs_nonce = "r2"
    assert key.proof("GET", API).claims["nonce"] == key.proof("GET", "https://other.local/").claims["nonce"] == "r2"
    key.rs_nonce = None
    assert "nonce" not in key.proof("GET", API).claims
    assert key.as_nonce == "a"


def test_roles_do_not_mix(key: DPoPKey) -> None:
    """What a server says as Authorization Server is not repeated to it as API, even on one origin."""
    key.remember(answer(DPoP_Nonce="as1"), role="as")
    assert (key.as_nonce, key.rs_nonce) == ("as1", None)
    key.remember(answer(DPoP_Nonce="rs1"), role="rs")
    assert (key.as_nonce, key.rs_nonce) == ("as1", "rs1")
    for role, nonce in (("as", "as1"), ("rs", "rs1")):
        request = prepared()
        key.sign(request, role=role)  # type: ignore[arg-type] - a literal, in a loop
        assert SignedJwt(request.headers["DPoP"]).claims["nonce"] == nonce


def test_remember_tells_what_it_learnt(key: DPoPKey) -> None:
    """The nonce, or nothing."""
    assert key.remember(answer(DPoP_Nonce="n1"), role="as") == "n1"
    assert key.remember(answer(), role="as") is None
    assert key.as_nonce == "n1"


@pytest.mark.parametrize("role", ["as", "rs"])
def test_demands(key: DPoPKey, role: str) -> None:
    """A demand is obeyed unless it has no nonce, or that of the refused proof."""
    handle = getattr(key, f"handle_{role}_provided_dpop_nonce")
    with pytest.raises(MissingDPoPNonce) as missing:
        handle(answer(401))
    assert missing.value.response.status_code == 401
    request = prepared()
    key.sign(request, role=role)  # type: ignore[arg-type] - a literal, in a parameter
    handle(answer(401, request=request, DPoP_Nonce="n1"))
    assert getattr(key, f"{role}_nonce") == "n1"
    handle(answer(401, request=request, DPoP_Nonce="n1"))  # the same request was sent twice: its proof had no nonce
    key.sign(request, role=role)  # type: ignore[arg-type] - a literal, in a parameter
    with pytest.raises(RepeatedDPoPNonce):
        handle(answer(401, request=request, DPoP_Nonce="n1"))


def test_a_demand_for_a_proof_that_somebody_else_signed(key: DPoPKey) -> None:
    """The nonce of any proof is read; without one, what is remembered is what was sent."""
    request = prepared()
    request.headers["DPoP"] = str(key.proof("GET", API, nonce="n1"))
    with pytest.raises(RepeatedDPoPNonce):
        key.handle_rs_provided_dpop_nonce(answer(401, request=request, DPoP_Nonce="n1"))
    for text in ("garbage", "a.b.c", "a.W10.c", ""):
        other = DPoPKey.generate(rs_nonce="n1")
        request.headers["DPoP"] = text
        with pytest.raises(RepeatedDPoPNonce):
            other.handle_rs_provided_dpop_nonce(answer(401, request=request, DPoP_Nonce="n1"))
        other.handle_rs_provided_dpop_nonce(answer(401, request=request, DPoP_Nonce="n2"))
        assert other.rs_nonce == "n2"


@pytest.mark.parametrize("role", ["as", "rs"])
def test_a_demand_without_its_request(key: DPoPKey, role: Any) -> None:
    """When nobody knows what was sent, what is remembered of that server, in that role, is what was sent."""
    handle = getattr(key, f"handle_{role}_provided_dpop_nonce")
    demand = answer(401, DPoP_Nonce="n1")
    demand.request = None  # type: ignore[assignment] - of a response that was made by hand
    key.remember(answer(DPoP_Nonce="n1"), role="rs" if role == "as" else "as")
    handle(demand)
    with pytest.raises(RepeatedDPoPNonce):
        handle(demand)


def test_threads_share_a_key(key: DPoPKey) -> None:
    """Threads that learn nonces of many origins while others sign never see a nonce of another origin."""

    def work(number: int) -> None:
        url = f"https://api{number % 7}.local/"
        key.remember(answer(url=url, DPoP_Nonce=f"n{number % 7}"), role="rs")
        assert key.proof("GET", url).claims["nonce"] == f"n{number % 7}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))


# ---------------------------------------------------------------- a key as a value


def test_keys_are_frozen_but_for_the_nonces(key: DPoPKey) -> None:
    """What makes a key cannot be changed; attrs makes another one with changes."""
    for name in ("alg", "jwt_typ", "jti_generator", "iat_generator", "dpop_token_class"):
        with pytest.raises(FrozenError):
            setattr(key, name, "other")
    with pytest.raises(AttributeError):
        key.private_key = None  # type: ignore[misc] - it must fail

    class Token(DPoPToken):
        pass

    changed = attrs.evolve(key, dpop_token_class=Token, rs_nonce="n1")
    assert (changed.dpop_token_class, changed.rs_nonce, changed.dpop_jkt) == (Token, "n1", key.dpop_jkt)


def test_equality() -> None:
    """Keys are equal when all but their generators is; then their hashes are, and nonces leave a hash as it is."""
    raw = ec.generate_private_key(ec.SECP256R1())
    key = DPoPKey(raw)
    assert key == DPoPKey(Jwk(raw), "ES256", jti_generator=lambda: "x", iat_generator=lambda: 0)
    assert hash(key) == hash(DPoPKey(Jwk(raw)))
    before = hash(key)
    key.as_nonce = "n"
    assert hash(key) == before
    for other in (
        DPoPKey(raw),
        DPoPKey(raw, as_nonce="n", rs_nonce="n"),
        DPoPKey(raw, as_nonce="n", jwt_typ="other"),
        DPoPKey.generate(as_nonce="n"),
        "key",
        None,
    ):
        assert key != other


def test_repr_shows_algorithm_and_nonces_only() -> None:
    """Nothing of the key is in its `repr`."""
    key = DPoPKey.generate(as_nonce="a")
    assert repr(key) == "DPoPKey(alg='ES256', as_nonce='a', rs_nonce=None)"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])
def test_copies_and_pickles(alg: str, duplicate: Any) -> None:
    """A copy is equal, signs as well, and learns for itself."""
    key = DPoPKey.generate(alg, as_nonce="a", rs_nonce="r", jwt_typ="typ")
    key.proof("GET", API)
    twin = duplicate(key)
    assert twin == key
    assert twin is not key
    assert twin.proof("GET", API).verify(key.public_jwk, alg=alg)
    twin.remember(answer(DPoP_Nonce="n1"), role="rs")
    assert key.rs_nonce == "r"


def test_pickles_keep_generators() -> None:
    """Generators that pickle by name go along."""
    key = pickle.loads(pickle.dumps(DPoPKey.generate(iat_generator=time.time, jti_generator=time.time_ns)))
    assert (key.iat_generator, key.jti_generator) == (time.time, time.time_ns)


def test_as_dict_is_fit_for_json() -> None:
    """All that makes a key goes through JSON and back."""
    jwk = Jwk.generate(alg="ES256", kid="mine")
    key = DPoPKey(jwk, as_nonce="a", jwt_typ="typ")
    members = json.loads(json.dumps(key.as_dict()))
    assert members == {"alg": "ES256", "private_key": dict(jwk), "jwt_typ": "typ", "as_nonce": "a", "rs_nonce": None}
    assert DPoPKey(**members) == key


# ---------------------------------------------------------------- tokens


def test_a_token_is_a_bearer_token_with_a_key(key: DPoPKey) -> None:
    """All members are there; `token_type` is DPoP, in any case or unsaid."""
    token = DPoPToken("access_token", _dpop_key=key, scope="read", refresh_token="rt", expires_in=60, foo="bar")
    assert (token.access_token, token.scope, token.refresh_token, token.foo) == ("access_token", "read", "rt", "bar")
    assert token.dpop_key is key
    assert token.token_type == "DPoP"
    assert DPoPToken("access_token", _dpop_key=key, token_type="dpop").token_type == "dpop"
    assert token.kwargs == {"foo": "bar"}
    assert str(token) == "access_token"


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "mac", "", "N_A"])
def test_a_downgrade_is_refused(key: DPoPKey, token_type: str) -> None:
    """A server that answers with a token which is not bound to the key is not believed."""
    with pytest.raises(UnsupportedTokenTypeError):
        DPoPToken("access_token", _dpop_key=key, token_type=token_type)


@pytest.mark.parametrize("text", ["", "with space", "a\r\nX: y", "a=b", "=", "é", "a,b", "a\n", 'a"', 12, None])
def test_access_tokens_are_token68(key: DPoPKey, text: Any) -> None:
    """A DPoP token is token68, as RFC 9449 §7.1 has it; the error does not print it."""
    with pytest.raises(InvalidDPoPAccessToken, match="invalid characters") as caught:
        DPoPToken(text, _dpop_key=key)
    assert caught.value.access_token == text


@pytest.mark.parametrize("key", [None, "key", {"alg": "ES256"}])
def test_a_token_needs_a_key(key: Any) -> None:
    """Anything else than a `DPoPKey` is refused at once."""
    with pytest.raises(InvalidDPoPKey):
        DPoPToken("access_token", _dpop_key=key)


def test_an_expired_token_is_not_sent(key: DPoPKey) -> None:
    """Neither header is written."""
    request = prepared()
    with pytest.raises(ExpiredAccessToken):
        DPoPToken("access_token", _dpop_key=key, expires_in=-1)(request)
    assert {"Authorization", "DPoP"} & set(request.headers) == set()


def test_as_dict(token: DPoPToken) -> None:
    """`dpop_key` is there, fit for JSON; what a server calls so does not replace it."""
    members = json.loads(json.dumps(token.as_dict()))
    assert members == {"access_token": "access_token", "token_type": "DPoP", "dpop_key": token.dpop_key.as_dict()}
    other = DPoPToken("access_token", _dpop_key=token.dpop_key, dpop_key="evil")
    assert other.dpop_key is token.dpop_key
    assert other.as_dict()["dpop_key"] == token.dpop_key.as_dict()


def test_tokens_are_values(token: DPoPToken) -> None:
    """Equal by all members, key included; hashable; frozen; copied and pickled whole."""
    same = DPoPToken("access_token", _dpop_key=token.dpop_key)
    assert token == same
    assert hash(token) == hash(same)
    assert token != DPoPToken("access_token", _dpop_key=DPoPKey.generate())
    assert token == copy.deepcopy(token) == copy.copy(token) == pickle.loads(pickle.dumps(token))
    assert token.replace(scope="x").dpop_key is token.dpop_key
    with pytest.raises(FrozenInstanceError):
        token.dpop_key = token.dpop_key


def test_repr_of_a_token_hides_it(token: DPoPToken) -> None:
    """Neither the token nor the key is in the `repr`."""
    assert "access_token=[hidden]" in repr(token)
    assert "'access_token'" not in repr(token)
    assert token.dpop_key.private_key.d not in repr(token)


def test_a_subclass_of_its_own(key: DPoPKey) -> None:
    """The token class of a key may add fields and headers of its own."""

    class Token(DPoPToken):
        AUTHORIZATION_HEADER = "X-Custom-Auth"
        DPOP_HEADER = "X-DPoP"

    request = Token("abc", _dpop_key=key)(prepared())
    assert request.headers["X-Custom-Auth"] == "DPoP abc"
    assert SignedJwt(request.headers["X-DPoP"]).claims["ath"] == sha256_b64u("abc")
    assert "Authorization" not in request.headers
