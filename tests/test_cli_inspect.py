"""`inspect`: what JWTs, keys, documents and URLs say, and what is wrong with them."""

from __future__ import annotations

import io
import json
import sys
import time
from typing import TYPE_CHECKING

import pytest
from jwskate import Jwk, Jwt

from requests_oauth2client import DPoPKey
from requests_oauth2client.cli import main
from requests_oauth2client.commands.jwt_review import kind_of, review_jwt
from requests_oauth2client.commands.moments import duration, moment
from requests_oauth2client.jose import b64u_json

if TYPE_CHECKING:
    from pathlib import Path

    from requests_oauth2client.testing import AuthorizationServer

KEY = Jwk.generate(alg="ES256").with_kid_thumbprint()
NOW = 1_800_000_000
GOOD = {
    "iss": "https://as.local",
    "sub": "alice",
    "aud": "api",
    "client_id": "c",
    "iat": NOW - 10,
    "jti": "1",
    "exp": NOW + 300,
}


def signed(claims: dict, **headers) -> str:
    return str(Jwt.sign_arbitrary(claims, {"alg": "ES256", "kid": KEY["kid"], **headers}, KEY, alg="ES256"))


def unsigned(headers: dict, claims: dict, signature: str = "AAAA") -> str:
    return f"{b64u_json(headers)}.{b64u_json(claims)}.{signature}"


def problems(text: str, **options) -> list[str]:
    return [finding.text for finding in review_jwt(text, now=NOW, **options).findings if finding.level == "problem"]


def found(command, text: str, *arguments: object) -> list[str]:
    """All findings of a text, with their levels."""
    ran = command("inspect", "--json", *arguments, stdin=text)
    report = json.loads(ran.out)
    findings = [item for section in report["sections"] for item in section.get("findings", ())]
    assert ran.status == (0 if report["ok"] else 1)
    return [f"{item['level']}: {item['text']}" for item in findings]


def assert_found(findings: list[str], *texts: str) -> None:
    for text in texts:
        assert any(text in finding for finding in findings), (text, findings)


# ---------------------------------------------------------------- JWTs


def test_a_good_jwt(command) -> None:
    """Header and claims are shown, times as dates; nothing is wrong."""
    now = int(time.time())
    ran = command("inspect", signed({**GOOD, "iat": now, "exp": now + 300}, typ="at+jwt"))
    assert ran.status == 0
    assert ran.out.startswith("This is an access token\n")
    assert "ES256" in ran.out
    assert f"{now + 300} (20" in ran.out
    assert "UTC, in 5 min)" in ran.out
    assert "not verified" in ran.out


@pytest.mark.parametrize(
    ("headers", "claims", "problem"),
    [
        ({"alg": "none"}, GOOD, "it is not signed"),
        ({}, GOOD, "it is not signed"),
        ({"alg": "ES256"}, {**GOOD, "exp": NOW - 120}, "it expired 2 min ago"),
        ({"alg": "ES256"}, {**GOOD, "nbf": NOW + 7200}, "not valid yet, but in 2 h"),
        ({"alg": "ES256"}, {**GOOD, "iat": NOW + 7200}, "issued in the future"),
        ({"alg": "ES256"}, {**GOOD, "exp": "soon"}, "`exp` is no number"),
        ({"alg": "ES256"}, {**GOOD, "exp": True}, "`exp` is no number"),
        ({"alg": "ES256", "typ": "at+jwt"}, {"iss": "x"}, "`exp` is missing"),
        ({"alg": "ES256", "typ": "dpop+jwt"}, {"htm": "GET"}, "no `jwk` header"),
        ({"alg": "HS256", "typ": "dpop+jwt"}, {"htm": "GET"}, "not with a secret"),
        ({"alg": "ES256", "typ": "dpop+jwt", "jwk": dict(KEY)}, {"htm": "GET"}, "PRIVATE key"),
        ({"alg": "ES256", "typ": "logout+jwt"}, {"nonce": "x"}, "must not have a `nonce`"),
    ],
)
def test_wrong_jwts(headers: dict, claims: dict, problem: str) -> None:
    """What is wrong with a JWT is told."""
    assert_found(problems(unsigned(headers, claims)), problem)


@pytest.mark.parametrize(
    ("headers", "claims", "warning"),
    [
        ({"alg": "XX999"}, GOOD, "not known here"),
        ({"alg": "ES256", "crit": ["x"]}, GOOD, "`crit`"),
        ({"alg": "ES256", "jku": "https://evil.example"}, GOOD, "`jku` offers a key"),
        ({"alg": "ES256"}, {**GOOD, "iss": "http://as.local"}, "plain http"),
        ({"alg": "ES256", "typ": "at+jwt"}, {**GOOD, "exp": NOW + 30 * 86400}, "it lives for 30 d"),
    ],
)
def test_dubious_jwts(headers: dict, claims: dict, warning: str) -> None:
    """What is dubious about a JWT is told, too."""
    report = review_jwt(unsigned(headers, claims), now=NOW)
    assert_found([finding.text for finding in report.findings if finding.level == "warning"], warning)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a.b", "2 parts"),
        ("e30x.e30.", "cannot be read"),
        ("e30.W10.", "not an object"),
        ("e30.e30=.", "not base64url"),
        ("e30.e30xx.", "its end was cut"),
        (unsigned({"alg": "ES256"}, GOOD, ""), "there is no signature"),
    ],
)
def test_malformed_jwts(text: str, problem: str) -> None:
    """What is no JWT is told apart."""
    assert_found(problems(text), problem)


@pytest.mark.parametrize(
    ("headers", "claims", "name"),
    [
        ({"typ": "JWT"}, {"aud": "c", "nonce": "n"}, "an ID Token"),
        ({"typ": "JWT"}, {"iss": "c", "sub": "c", "aud": "a", "jti": "1"}, "a client assertion"),
        ({"typ": "application/at+jwt"}, {}, "an access token"),
        ({}, {"scope": "read"}, "an access token, probably"),
        ({}, {"htm": "GET", "htu": "https://api"}, "a DPoP proof"),
        ({}, {"response_type": "code"}, "a signed authorization request"),
        ({}, {}, "a JWT"),
    ],
)
def test_kinds(headers: dict, claims: dict, name: str) -> None:
    """The use of a JWT is seen from its type, or guessed from its claims."""
    assert kind_of(headers, claims).name == name


def test_signature(command, tmp_path: Path) -> None:
    """With the keys of the issuer, the signature is verified."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [dict(KEY.public_jwk())]}))
    text = signed({**GOOD, "exp": int(time.time()) + 300})
    assert_found(found(command, text, "--jwks", jwks), "good: the signature fits")
    header, _, signature = text.split(".")
    forged = f"{header}.{b64u_json({**GOOD, 'sub': 'eve'})}.{signature}"
    assert_found(found(command, forged, "--jwks", jwks), "problem: the signature does not fit")
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"keys": [dict(Jwk.generate(alg="ES256").with_kid_thumbprint().public_jwk())]}))
    assert_found(found(command, text, "--jwks", other), "problem: it cannot be verified")


def test_dpop_proof(command) -> None:
    """A DPoP proof is verified with the key that it holds."""
    proof = str(DPoPKey.generate().proof("GET", "https://api.local/"))
    assert_found(found(command, f"DPoP: {proof}"), "good: the signature fits")


def test_jwe() -> None:
    """Of an encrypted JWT the header is shown."""
    report = review_jwt(f"{b64u_json({'alg': 'RSA1_5', 'enc': 'A128GCM'})}.a.b.c.d", now=NOW)
    assert report.title == "This is an encrypted JWT (JWE)"
    assert_found([finding.text for finding in report.findings], "encrypted", "padding oracle")
    assert problems("x.a.b.c.d")


@pytest.mark.parametrize("prefix", ["", "Bearer ", "Authorization: Bearer ", "DPoP ", "\n  "])
def test_how_a_jwt_is_given(command, tmp_path: Path, prefix: str) -> None:
    """As argument, in a file, or on standard input; with what stood before it."""
    text = prefix + signed({**GOOD, "exp": int(time.time()) + 300}, typ="at+jwt")
    file = tmp_path / "token"
    file.write_text(text)
    outputs = {command("inspect", text).out, command("inspect", file).out, command("inspect", stdin=text).out}
    assert len({output.splitlines()[0] for output in outputs}) == 1
    assert outputs.pop().startswith("This is an access token")


@pytest.mark.parametrize(
    "text",
    ["", "opaque-token", '{"a": 1}', '{"a"', "{]", "x" * 5000],
    ids=["none", "opaque", "other", "cut", "bad", "long"],
)
def test_unknown_things(command, text: str) -> None:
    """What cannot be inspected is told, with status 2."""
    ran = command("inspect", stdin=text)
    assert (ran.status, ran.out) == (2, "")


def test_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who starts it without anything is told that it waits."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard("https://as.local/?code=c\n"))
    assert main(["inspect"]) == 0
    assert "Paste what is to be inspected" in capsys.readouterr().err


def test_what_a_stranger_wrote(command) -> None:
    """Claims cannot drive the terminal."""
    ran = command("inspect", unsigned({"alg": "none"}, {"sub": "\x1b[2J\u202e", "\x1b[1m": 1}))
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        ([], "problem: it has no keys"),
        ([dict(KEY)], "problem: a PRIVATE key"),
        ([{"kty": "oct", "k": "AAAA"}], "problem: a symmetric key"),
        ([{"kty": "AKP", "pub": "AAAA"}], "warning: keys of this type"),
        ([{"kty": ["x"]}], "warning: keys of this type"),
        ([{"kty": "RSA", "n": "AQAB"}], "problem: it lacks some of e, n"),
        ([{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}], "problem: its numbers are no key"),
        ([{**KEY.public_jwk(), "alg": "RS256"}], "problem: `alg` RS256 does not fit"),
        ([KEY.public_jwk(), KEY.public_jwk()], "warning: 2 keys have the `kid`"),
        ([KEY.public_jwk(), {n: v for n, v in KEY.public_jwk().items() if n != "kid"}], "warning: a key without `kid`"),
        (["x"], "problem: it is no JSON object"),
        ([dict(KEY.public_jwk(), kid=str(number)) for number in range(21)], "note: 21 keys are many"),
    ],
)
def test_key_sets(command, keys: list, finding: str) -> None:
    """What is wrong with a key set is told."""
    text = json.dumps({"keys": [dict(key) if not isinstance(key, str) else key for key in keys]})
    assert_found(found(command, text), finding)


def test_a_plain_key_set(command) -> None:
    """A key set of which nothing is to be said has no section for that."""
    ran = command("inspect", stdin=json.dumps({"keys": [dict(KEY.public_jwk())]}))
    assert ran.out.startswith("This is a key set (JWKS) with 1 key\n\nKey 1\n")


def test_small_rsa_key(command) -> None:
    """An RSA key that is too small is told."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = Jwk.from_cryptography_key(rsa.generate_private_key(65537, 1024)).public_jwk()
    assert_found(found(command, json.dumps(dict(key))), "problem: RSA keys need 2048 bits")


def test_keys_of_the_server(command, server: AuthorizationServer) -> None:
    """Good keys are shown with size and thumbprint, private ones never."""
    text = server.session().get(server.endpoint("jwks")).text
    assert found(command, text) == []
    out = command("inspect", stdin=text).out
    assert "2048 bits" in out
    assert "thumbprint" in out
    assert KEY["d"] not in command("inspect", stdin=json.dumps(dict(KEY))).out
    assert found(command, '{"keys": 1}') == ["problem: its `keys` are not an array"]


# ---------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("https://app/cb?code=abc&state=x", "note: without `iss`"),
        ("https://app/cb?code=abc", "warning: without `state`"),
        ("https://app/cb?error=access_denied&state=x", "warning: the server, or the user, said no: access_denied"),
        ("https://app/cb?error=x&code=y", "problem: it has both"),
        ("https://app/cb?state=x", "problem: it has neither"),
        ("https://app/cb?code=a&code=b&state=x", "problem: `code` is there 2 times"),
        ("https://app/cb#access_token=abcdef&state=x", "problem: `access_token` in a URL"),
        ("https://app/cb#code=abcdef&state=x", "warning: the code is behind the '#'"),
        ("https://app/cb?response=a.b.c", "note: the answer is a JWT"),
        ("http://app/cb?code=abc&state=x", "problem: must use https"),
        ("https://as/a?client_id=c&response_type=token", "problem: any response_type but `code`"),
        ("https://as/a?client_id=c&response_type=code", "problem: without `code_challenge`"),
        (
            "https://as/a?client_id=c&response_type=code&code_challenge=x&code_challenge_method=plain",
            "warning: this PKCE method",
        ),
        ("https://as/a?client_id=c&request_uri=urn:x", "note: the parameters that count are at the server"),
        ("https://as/a?client_id=c&response_type=code&scope=openid", "warning: without `nonce`"),
        ("https://as.local/", "note: a callback has `code`"),
        ("code=abc", "warning: without `state`"),
        ("https://[/?code=x", "problem: its host or port"),
    ],
)
def test_urls(command, url: str, finding: str) -> None:
    """What is wrong with a callback, or with an Authorization Request, is told."""
    assert_found(found(command, url), finding)


def test_secrets_in_urls(command) -> None:
    """Of a code only the beginning is shown."""
    ran = command("inspect", "http://127.0.0.1/cb?code=abcdefghijkl&state=xyz&iss=https://as.local")
    assert "abcd… (12 characters)" in ran.out
    assert "efghijkl" not in ran.out
    assert ran.status == 0


def test_our_own_request(command, client) -> None:
    """Nothing is wrong with the requests of this library."""
    request = client.authorization_request(redirect_uri="https://app.local/cb", scope="openid")
    assert found(command, request.uri) == []


# ---------------------------------------------------------------- the rest


def test_token_response(command, server: AuthorizationServer) -> None:
    """The JWTs in a token response are inspected, too."""
    response = {"access_token": "opaque", "id_token": unsigned({"alg": "none"}, {"nonce": "x", "aud": "c"})}
    findings = found(command, json.dumps(response))
    assert_found(
        findings, "warning: without `expires_in`", "problem: `token_type` is missing", "problem: it is not signed"
    )
    assert "opaque" not in command("inspect", stdin=json.dumps(response)).out


def test_metadata(command, server: AuthorizationServer, tmp_path: Path) -> None:
    """A metadata document is told as `doctor` does, without asking anybody."""
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps(server.metadata))
    ran = command("inspect", file)
    assert ran.status == 0
    assert "Pushed requests (PAR)" in ran.out
    assert server.requests == []


def test_given_kind(command) -> None:
    """`--as` says what it is."""
    assert "Authorization Server" in command("inspect", "--as", "metadata", '{"jwks_uri": "https://as.local/jwks"}').out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (NOW, f"{NOW} (2027-01-15 08:00:00 UTC, 0 s ago)"),
        (NOW + 3600, f"{NOW + 3600} (2027-01-15 09:00:00 UTC, in 1 h)"),
        ("x", "x (no date)"),
        (1e300, "1e+300 (no date)"),
    ],
)
def test_moment(value: object, shown: str) -> None:
    """A time is shown as a number, a date, and relative to now."""
    assert moment(value, NOW) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0 s"), (59, "59 s"), (-90, "2 min"), (86_400 * 3, "3 d")])
def test_duration(seconds: float, shown: str) -> None:
    """A duration is shown in its largest unit."""
    assert duration(seconds) == shown
