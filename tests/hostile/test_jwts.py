"""Forged tokens and strange keys, from end to end: by a server that a client logs in at."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import zlib

import pytest
from jwskate import JweCompact, Jwk, JwkSet, SignedJwt

from requests_oauth2client import (
    AuthorizationResponse,
    InvalidIdToken,
    OAuth2Client,
    OAuth2Error,
    UnsupportedClientCredentials,
)
from requests_oauth2client.exceptions import InvalidJwksResponse
from requests_oauth2client.jose import b64u
from requests_oauth2client.jwks import MAX_KEYS
from requests_oauth2client.strict_jwt import MAX_SIZE, InvalidIdTokenSignature, MalformedIdToken
from requests_oauth2client.testing import AuthorizationServer, misbehaviour

SECRET = "marked-secret-of-more-than-32-bytes"
MALLORY = Jwk.generate(alg="ES256").with_kid_thumbprint()
ENCRYPTION = Jwk.generate(alg="ECDH-ES", crv="P-256")


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("client_id", client_secret=SECRET, redirect_uris="https://app.local/cb")
    server.add_user("alice")
    return server


def log_in(server, **changes):
    """Redeem a code, and return the validated token."""
    client = OAuth2Client.from_discovery_document(
        server.metadata,
        client_id="client_id",
        client_secret=SECRET,
        redirect_uri="https://app.local/cb",
        session=server.session(),
        **changes,
    )
    request = client.authorization_request()
    return client.authorization_code(request.validate_callback(server.authorize(request, user="alice")))


def jws(headers, claims, signature=b""):
    parts = [b64u(json.dumps(part).encode()) for part in (headers, claims)]
    signed = ".".join(parts)
    return f"{signed}.{b64u(signature(signed.encode()) if callable(signature) else signature)}"


def by_mallory(data):
    return MALLORY.sign(data, alg="ES256")


ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}


@pytest.mark.parametrize("alg", ORDERS)
@pytest.mark.parametrize("halves", [(0, 0), (0, 1), (1, 0), ("n", "n"), ("n", 0), (1, "n")])
def test_cve_2022_21449_psychic_signatures(server, alg, halves):
    """A signature of zeros, or of the order of the curve, verifies nothing."""
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[alg]
    signature = b"".join((ORDERS[alg] if half == "n" else half).to_bytes(size, "big") for half in halves)
    kid = server.keys.signing_key(alg).kid
    server.add_client(
        "client_id", client_secret=SECRET, redirect_uris="https://app.local/cb", id_token_signed_response_alg=alg
    )
    server.id_token_maker = lambda claims, _: jws({"alg": alg, "kid": kid}, claims, signature)
    with pytest.raises(InvalidIdTokenSignature):
        log_in(server, id_token_signed_response_alg=alg)


FORGERIES = {
    "CVE-2015-9235 alg none": lambda claims, _: jws({"alg": "none"}, claims),
    "CVE-2015-9235 alg none in capitals": lambda claims, _: jws({"alg": "NonE"}, claims),
    "CVE-2016-10555 the public key as secret": lambda claims, server: hmac_of(claims, public_pem(server)),
    "CVE-2022-29217 the public key as secret, in DER": lambda claims, server: hmac_of(claims, public_der(server)),
    "CVE-2026-33322 the client secret for any algorithm": lambda claims, _: hmac_of(claims, SECRET.encode()),
    "CVE-2018-0114 a key in the header": lambda claims, _: jws(
        {"alg": "ES256", "jwk": dict(MALLORY.public_jwk())}, claims, by_mallory
    ),
    "CVE-2026-27962 a key in the header, RS256": lambda claims, _: jws(
        {"alg": "RS256", "jwk": dict(MALLORY.public_jwk())}, claims, by_mallory
    ),
    "RFC 8725 §3.10 a jku": lambda claims, _: jws(
        {"alg": "RS256", "jku": "https://evil.local/jwks", "kid": MALLORY.kid}, claims, by_mallory
    ),
    "RFC 8725 §3.10 an x5u": lambda claims, _: jws(
        {"alg": "RS256", "x5u": "https://evil.local/cert", "kid": MALLORY.kid}, claims, by_mallory
    ),
    "CVE-2025-59420 an unknown crit": lambda claims, server: genuine(claims, server, crit=["bork"], bork=1),
    "RFC 7797 an unencoded payload": lambda claims, server: genuine(claims, server, crit=["b64"], b64=False),
    "RFC 8725 §3.11 an access token": lambda claims, server: genuine(claims, server, typ="at+jwt"),
    "RFC 8725 §3.11 a logout token": lambda claims, server: genuine(claims, server, typ="logout+jwt"),
    "RFC 8725 §3.9 for another client": lambda claims, server: genuine({**claims, "aud": "other"}, server),
    "CVE-2024-53861 a part of the issuer": lambda claims, server: genuine({**claims, "iss": "https://as"}, server),
    "CVE-2022-23540 no algorithm": lambda claims, _: jws({}, claims, by_mallory),
    "RFC 7515 §4 two algorithms": lambda claims, _: (
        b64u(b'{"alg":"RS256","alg":"none"}') + "." + b64u(json.dumps(claims).encode()) + "."
    ),
    "RFC 7519 §4 two subjects": lambda claims, server: genuine_text(
        json.dumps(claims)[:-1] + ',"sub":"mallory"}', server
    ),
    "CVE-2025-61920 an oversized header": lambda claims, _: jws({"alg": "RS256", "x": "x" * MAX_SIZE}, claims),
    "CVE-2025-61920 an oversized signature": lambda claims, _: jws({"alg": "RS256"}, claims, b"x" * MAX_SIZE),
    "RFC 8259 §9 deep claims": lambda claims, server: genuine_text('{"a":' + "[" * 4000 + "]" * 4000 + "}", server),
    "RFC 8725 §3.6 compressed in a JWE": lambda claims, _: str(
        JweCompact.encrypt(
            zlib.compress(b"x" * 10_000),
            ENCRYPTION.public_jwk(),
            alg="ECDH-ES",
            enc="A128GCM",
            extra_headers={"zip": "DEF"},
        )
    ),
    "RFC 7516 a JWE where a JWS is expected": lambda claims, server: str(
        JweCompact.encrypt(genuine(claims, server).encode(), ENCRYPTION.public_jwk(), alg="ECDH-ES", enc="A128GCM")
    ),
}


def hmac_of(claims, key):
    return jws({"alg": "HS256"}, claims, lambda data: hmac.digest(key, data, "sha256"))


def public_pem(server):
    return server.keys.signing_key("RS256").public_jwk().to_pem().encode()


def public_der(server):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = server.keys.signing_key("RS256").cryptography_key.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def genuine(claims, server, **headers):
    key, typ = server.keys.signing_key("RS256"), headers.pop("typ", "JWT")
    return str(SignedJwt.sign(claims, key, alg="RS256", typ=typ, extra_headers=headers))


def genuine_text(text, server):
    key = server.keys.signing_key("RS256")
    signed = b64u(json.dumps({"alg": "RS256", "kid": key.kid}).encode()) + "." + b64u(text.encode())
    return f"{signed}.{b64u(key.sign(signed.encode(), alg='RS256'))}"


@pytest.mark.parametrize("alg", ["RS256", None], ids=["pinned", "any algorithm"])
@pytest.mark.parametrize("name", FORGERIES)
def test_forged_id_tokens(server, name, alg):
    """A forged ID Token is refused in the whole flow, and nothing is fetched from where it points to."""
    server.id_token_maker = lambda claims, _: FORGERIES[name](claims, server)
    with pytest.raises(OAuth2Error) as caught:
        log_in(server, id_token_signed_response_alg=alg)
    assert isinstance(caught.value, InvalidIdToken) or isinstance(caught.value.__cause__, InvalidIdToken)
    assert server.strays == []
    assert "marked" not in str(caught.value)


def test_the_genuine_one(server):
    """The same flow without a forgery succeeds."""
    server.id_token_maker = lambda claims, _: genuine(claims, server)
    assert log_in(server).id_token.claims["iss"] == "https://as.local"


@pytest.mark.parametrize("claim", ["at_hash", "c_hash", "s_hash"])
@pytest.mark.parametrize("value", ["AAAAAAAAAAAAAAAAAAAAAA", "", None, 0, True, [], {}])
def test_authlib_1_6_9_hashes_that_fail_open(server, claim, value):
    """A hash that is wrong, or of a wrong type, is refused; there is no algorithm for which it is not compared."""
    server.id_token_claims = lambda claims: {**claims, claim: value}
    if value is None:
        server.id_token_maker = lambda claims, _: genuine({**claims, claim: None}, server)
    with pytest.raises(InvalidIdToken, match=claim):
        log_in(server)


class TestPasswords:
    """Keys that are derived by as many hashes as the sender wants (CVE-2022-36083, CVE-2023-6681)."""

    @pytest.mark.parametrize("alg", [None, "ECDH-ES", "PBES2-HS256+A128KW"])
    def test_cve_2022_36083_billion_hashes(self, server, alg):
        """No key is ever derived by a count that a token names."""
        token = str(JweCompact.encrypt_with_password(b"x", "p", alg="PBES2-HS256+A128KW", enc="A128GCM", count=1000))
        headers = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAAAAAAAAA", "p2c": 2**31 - 1}
        bomb = ".".join([b64u(json.dumps(headers).encode()), *token.split(".")[1:]])
        key = {} if alg is None else {"id_token_decryption_key": Jwk.generate(alg="ECDH-ES", crv="P-256")}
        server.id_token_maker = lambda *_: bomb
        start = time.monotonic()
        with pytest.raises(InvalidIdToken):
            log_in(server, id_token_encrypted_response_alg=alg, **key)
        assert time.monotonic() - start < 1


class TestKeySets:
    """What a server, or who stands before it, may publish as its keys."""

    def test_strange_keys_among_good_ones(self, server):
        """Keys that are symmetric, weak, malformed, or of an unknown type do not hide the good one, nor verify anything."""
        server.misbehave("jwks", misbehaviour.strange_keys(), times=None)
        assert log_in(server).id_token

    @pytest.mark.parametrize(
        "changes",
        [
            {"e": "AQ"},
            {"e": "Ag"},
            {"e": "AA"},
            {"n": "AQAB"},
            {"n": b64u(b"\x01" + bytes(2**14))},
            {"e": b64u(b"\x01" + bytes(2**12))},
            {"use": "enc"},
            {"key_ops": ["encrypt"]},
            {"kty": "oct", "k": b64u(b"k" * 32)},
            {"alg": "HS256"},
            {"alg": "RS512"},
            {"d": "AQAB"},
        ],
        ids=lambda changes: "-".join(f"{name}={value}"[:20] for name, value in changes.items()),
    )
    def test_rfc8725_3_5_keys_that_verify_nothing(self, server, changes):
        """A key that is weak, private, or meant for something else is not used, though its `kid` is right; none takes long."""
        session = server.session()
        good = session.get(server.endpoint("jwks")).json()["keys"]
        spoilt = [{**key, **changes} for key in good]
        server.misbehave("jwks", json={"keys": spoilt}, times=None)
        start = time.monotonic()
        with pytest.raises(InvalidIdToken):
            log_in(server)
        assert time.monotonic() - start < 2

    def test_a_secret_that_everybody_can_read(self, server):
        """A symmetric key in the JWK Set does not sign for the server."""
        key = {"kty": "oct", "k": b64u(b"k" * 32), "kid": "shared", "alg": "HS256"}
        server.extra_jwks = [key]
        server.id_token_maker = lambda claims, _: jws(
            {"alg": "HS256", "kid": "shared"}, claims, lambda data: hmac.digest(b"k" * 32, data, hashlib.sha256)
        )
        for alg in ("HS256", None, "RS256"):
            with pytest.raises(InvalidIdToken):
                log_in(server, id_token_signed_response_alg=alg)

    @pytest.mark.parametrize("count", [MAX_KEYS, MAX_KEYS + 1])
    def test_cwe_770_many_keys(self, server, count):
        """Hundreds of keys are read, more are refused, and none of them is built before it is used."""
        honest = server.session().get(server.endpoint("jwks")).json()["keys"]
        others = [{**honest[0], "kid": f"k{number}"} for number in range(count - len(honest))]
        server.misbehave("jwks", json={"keys": [*others, *honest]}, times=None)
        if count <= MAX_KEYS:
            assert log_in(server).id_token
        else:
            with pytest.raises(InvalidJwksResponse, match=f"{MAX_KEYS} are read at most"):
                log_in(server)

    def test_cwe_400_random_kids(self, server):
        """A hundred tokens with unknown `kid`s cause two requests for keys, and leave nothing behind."""
        client = OAuth2Client.from_discovery_document(
            server.metadata, client_id="client_id", client_secret=SECRET, session=server.session()
        )
        server.id_token_maker = lambda claims, _: jws(
            {"alg": "RS256", "kid": f"random {len(server.requests)}"}, claims, b"x" * 256
        )
        for _ in range(100):
            token = server.issue_token("client_id", user="alice", scope="openid")
            with pytest.raises(InvalidIdToken):
                client.token_class(**token).validate_id_token(client, AuthorizationResponse(code="c"))
        assert server.count("jwks") <= 2

    def test_where_a_key_points_to(self, server):
        """URLs in keys are not fetched."""
        keys = server.session().get(server.endpoint("jwks")).json()["keys"]
        pointing = [{**key, "x5u": "https://evil.local/", "jku": "https://evil.local/"} for key in keys]
        server.misbehave("jwks", json={"keys": pointing, "next": "https://evil.local/"}, times=None)
        assert log_in(server).id_token
        assert server.strays == []


@pytest.mark.parametrize(
    "key",
    [JwkSet(keys=[MALLORY.public_jwk()]), MALLORY.public_jwk(), {"kty": "RSA"}, "-----BEGIN", object(), "[" * 100_000],
    ids=["a set", "public", "incomplete", "no PEM", "object", "deep"],
)
def test_keys_that_cannot_sign_for_the_client(key):
    """A careless caller hears at once that a key cannot sign; no client without credentials comes of it."""
    with pytest.raises((OAuth2Error, ValueError)) as caught:
        OAuth2Client("https://as.local/token", client_id="client_id", private_key=key)
    assert isinstance(caught.value, (OAuth2Error, UnsupportedClientCredentials, ValueError))


def test_malformed_is_malformed():
    """What is no JWT at all is refused when it is parsed, with a class of its own."""
    with pytest.raises(MalformedIdToken):
        OAuth2Client("https://as.local/token", client_id="c").token_class("at", id_token="a.b.c")
