"""Small facts that no attack of the tables would notice, and that changes of single expressions showed (see tests/mutants.md)."""

from __future__ import annotations

import io
import json
import pickle
import uuid

import pytest
import requests
from jwskate import Jwk, SignedJwt

from requests_oauth2client import (
    AuthorizationRequest,
    AuthorizationResponse,
    ClientSecretPost,
    DPoPKey,
    DPoPToken,
    InvalidClientAssertionSigningKeyOrAlg,
    InvalidDPoPAlg,
    InvalidDPoPKey,
    OAuth2Client,
    PrivateKeyJwt,
    RepeatedDPoPNonce,
    UnsupportedClientCredentials,
)
from requests_oauth2client.exceptions import (
    InvalidIdToken,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenHash,
    MismatchingIdTokenNonce,
    MissingIdTokenClaim,
)
from requests_oauth2client.id_token import IdToken, IdTokenValidator, half_hash
from requests_oauth2client.jose import b64u, hmac_signer, sha256_b64u
from requests_oauth2client.strict_jwt import MAX_SIZE, InvalidIdTokenSignature

KEY = Jwk.generate(alg="ES256")
SECRET = "a secret of more than thirty-two bytes"


def prepared(url="https://api.local/x", **headers):
    return requests.Request("GET", url, headers=headers).prepare()


def proof_of(request, header="DPoP"):
    return SignedJwt(str(request.headers[header]))


class TestProofs:
    def test_rfc9449_4_2_each_token_has_its_hash(self):
        """One key and two tokens: each proof has the hash of the token that it goes with, in whatever order."""
        key = DPoPKey(KEY)
        for text in ("first", "second", "second", "first"):
            request = prepared()
            DPoPToken(text, _dpop_key=key)(request)
            assert proof_of(request).ath == sha256_b64u(text)

    def test_nonces_of_both_roles_are_apart(self):
        """The nonces of servers and of APIs are remembered and set apart, at the same origin too."""
        key, response = DPoPKey(KEY), requests.Response()
        response.url = "https://both.local/"
        for role in ("as", "rs"):
            response.headers["DPoP-Nonce"] = f"of-{role}"
            key.remember(response, role=role)
        for role in ("as", "rs"):
            request = prepared("https://both.local/x")
            key.sign(request, role=role)
            assert proof_of(request).nonce == f"of-{role}"
        key.as_nonce = "set"
        request = prepared("https://both.local/x")
        key.sign(request, role="rs")
        assert proof_of(request).nonce == "of-rs"
        assert key.proof("GET", "https://both.local/x").nonce == "of-rs"
        key.rs_nonce = "set too"
        assert key.proof("GET", "https://both.local/x").nonce == "set too"

    def test_a_foreign_proof_in_any_alphabet(self):
        """The nonce of a refused proof is found in a header that somebody else wrote, whatever its base64url holds."""
        key = DPoPKey(KEY)
        for filler in range(64):
            nonce = f"n>?>?{filler:02}~~"
            response = requests.Response()
            response.url = "https://api.local/"
            response.headers["DPoP-Nonce"] = nonce
            payload = b64u(json.dumps({"x": ">>>???~~~" * 3, "nonce": nonce}).encode())
            response.request = prepared(DPoP=f"e30.{payload}.AAAA")
            with pytest.raises(RepeatedDPoPNonce) as caught:
                key.handle_rs_provided_dpop_nonce(response)
            assert caught.value.response is response

    def test_wire_and_sight(self):
        """A proof that is looked at in another encoding is not used up by it."""
        request = prepared()
        DPoPKey(KEY).sign(request, role="rs")
        proof = request.headers["DPoP"]
        assert proof.encode() == proof.encode("ascii") == proof.encode("latin-1") == str(proof).encode()
        assert proof.encode("latin-1") != str(proof).encode()
        assert pickle.loads(pickle.dumps(proof)) == str(proof)

    def test_identifiers(self):
        """A `jti` is a UUID of version 4, and another each time."""
        made = {DPoPKey(KEY).jti_generator() for _ in range(500)}
        assert len(made) == 500
        for text in made:
            assert str(uuid.UUID(text)) == text
            assert (uuid.UUID(text).version, uuid.UUID(text).variant) == (4, uuid.RFC_4122)

    def test_own_token_class(self):
        """A generated key makes tokens of the class that it was given."""

        class Own(DPoPToken):
            pass

        assert DPoPKey.generate(dpop_token_class=Own).dpop_token_class is Own

    def test_what_was_wrong(self):
        """Errors about keys and algorithms carry them."""
        with pytest.raises(InvalidDPoPAlg) as caught:
            DPoPKey(KEY, alg="ES512")
        assert caught.value.alg == "ES512"
        with pytest.raises(InvalidDPoPAlg) as caught:
            DPoPKey({**KEY, "alg": "ES256"}, alg="PS256")
        assert caught.value.alg == "PS256"
        with pytest.raises(InvalidDPoPKey) as wrong:
            DPoPToken("at", _dpop_key="no key")
        assert wrong.value.key == "no key"

    def test_as_values(self):
        """Tokens show that they are bound, and give their lifetime; keys that differ hash differently."""
        key = DPoPKey(KEY)
        token = DPoPToken("at", _dpop_key=key, expires_in=60)
        assert "dpop_key=DPoPKey(alg='ES256'" in repr(token)
        assert "expires_in" in token.as_dict()
        assert "expires_at" in token.as_dict(with_expires_in=False)
        assert hash(DPoPKey(KEY)) == hash(key) != hash(DPoPKey.generate())


class TestClientAuthentication:
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/x-www-form-urlencoded; charset=utf-8",
            "Application/X-WWW-Form-Urlencoded ; a=b; c=d",
            "application/x-www-form-urlencoded;",
        ],
    )
    def test_media_types(self, content_type):
        """A form with parameters is a form."""
        request = requests.Request(
            "POST", "https://as.local/", data="a=b", headers={"Content-Type": content_type}
        ).prepare()
        assert "client_id=c" in ClientSecretPost("c", "s")(request).body

    def test_what_was_wrong(self):
        """Errors about keys name the algorithm, and the type of what was passed."""
        with pytest.raises(InvalidClientAssertionSigningKeyOrAlg) as caught:
            PrivateKeyJwt("c", KEY.public_jwk())
        assert caught.value.alg == "ES256"
        with pytest.raises(UnsupportedClientCredentials, match="of type BytesIO"):
            PrivateKeyJwt("c", io.BytesIO())
        with pytest.raises(UnsupportedClientCredentials, match="of type int"):
            OAuth2Client("https://as.local/token", ("c", 5))

    def test_hashes(self):
        """Methods of other clients hash differently."""
        assert hash(PrivateKeyJwt("a", KEY)) == hash(PrivateKeyJwt("a", KEY)) != hash(PrivateKeyJwt("b", KEY))


class TestResponses:
    def test_all_that_is_given(self):
        """A response by hand keeps what it is given."""
        key = DPoPKey(KEY)
        response = AuthorizationResponse(code="c", dpop_key=key, requested_scope=("a",), x="y")
        assert (response.dpop_key, response.requested_scope, response.x) == (key, ("a",), "y")

    def test_attributes_that_are_not_there(self):
        """What is not there is said by name, with the class; `kwargs` is never a parameter."""
        with pytest.raises(AttributeError, match="'AuthorizationResponse' object has no attribute 'nothing'"):
            AuthorizationResponse(code="c").nothing  # noqa: B018 - reading it is the test
        unfinished = AuthorizationResponse.__new__(AuthorizationResponse)
        with pytest.raises(AttributeError, match="kwargs"):
            unfinished.kwargs  # noqa: B018 - reading it is the test
        assert AuthorizationRequest("https://as.local/a", client_id="c").kwargs == {}


# ---------------------------------------------------------------- ID Tokens

NOW = 1_893_456_000
CLAIMS = {"iss": "https://as.local", "sub": "alice", "aud": "c", "exp": NOW + 60, "iat": NOW}


def id_token(**changes):
    """An ID Token under HMAC."""
    text = b64u(b'{"alg":"HS256"}') + "." + b64u(json.dumps({**CLAIMS, **changes}).encode())
    return f"{text}.{b64u(hmac_signer(SECRET.encode(), 'HS256')(text.encode()))}"


def check(value, access_token=None, **expected):
    validator = IdTokenValidator(
        client_id="c", issuer="https://as.local", alg="HS256", client_secret=SECRET, **expected
    )
    return validator.check(value, access_token)


@pytest.mark.usefixtures("now")
class TestIdTokens:
    @pytest.mark.parametrize("nonce", ["\ud800", "n\udfff", "n\0"])
    def test_lone_surrogates(self, nonce):
        """A nonce that no text can be is compared all the same."""
        with pytest.raises(MismatchingIdTokenNonce):
            check(id_token(nonce=nonce), nonce="n")
        assert check(id_token(nonce=nonce), nonce=nonce)

    def test_hashes_under_hmac(self):
        """The hash of an access token under HMAC is that of its algorithm."""
        good = half_hash("HS256", None)("at")
        assert check(id_token(at_hash=good), "at")
        with pytest.raises(MismatchingIdTokenHash):
            check(id_token(at_hash=good), "other")

    @pytest.mark.parametrize(
        ("auth_time", "accepted"),
        [(NOW + 60, True), (NOW + 61, False), (NOW - 110, True), (NOW - 111, False)],
    )
    def test_bounds_of_auth_time(self, auth_time, accepted):
        """`auth_time` may be 60 seconds ahead, and 10 seconds too old."""
        if accepted:
            assert check(id_token(auth_time=auth_time), max_age=100)
        else:
            with pytest.raises(MismatchingIdTokenAuthTime):
                check(id_token(auth_time=auth_time), max_age=100)

    def test_the_last_second(self):
        """The last second of the calendar is a time, the next one is none."""
        assert check(id_token(exp=253_402_300_799))
        with pytest.raises(MissingIdTokenClaim):
            check(id_token(exp=253_402_300_800))

    def test_signing_keeps_what_is_asked_for(self):
        """A large ID Token can be made, by the algorithm that is asked for."""
        key = Jwk.generate(alg="PS512", key_size=2048).minimize()
        made = IdToken.sign_arbitrary({**CLAIMS, "x": "x" * MAX_SIZE}, {"alg": "PS512"}, key, alg="PS512")
        assert key.public_jwk().verify(made.value.rpartition(b".")[0], made.signature, alg="PS512")

    def test_a_bad_signature_has_its_evidence(self):
        """Its error knows the token, and what it came with, but no keys."""
        forged = id_token().rpartition(".")[0] + ".AAAA"
        source = object()
        with pytest.raises(InvalidIdTokenSignature) as caught:
            IdTokenValidator(client_id="c", alg="HS256", client_secret=SECRET).check(forged, None, source)
        assert caught.value.id_token == caught.value.data == IdToken(forged)
        assert caught.value.token_resp is source
        assert (caught.value.key, caught.value.algs) == (None, None)

    def test_no_typ(self):
        """A JWT that tells no type is an ID Token."""
        assert check(id_token())
        with pytest.raises(InvalidIdToken):
            check(id_token(), nonce="n")
