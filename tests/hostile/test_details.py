"""Small facts that no attack of the tables would notice, and that changes of single expressions showed (see tests/mutants.md)."""

from __future__ import annotations

import io
import json
import pickle
import re
import uuid

import pytest
import requests
from jwskate import Jwk, SignedJwt

from requests_oauth2client import (
    AuthorizationRequest,
    AuthorizationResponse,
    BearerToken,
    ClientSecretPost,
    DPoPKey,
    DPoPToken,
    InvalidAcrValuesParam,
    InvalidClientAssertionSigningKeyOrAlg,
    InvalidDPoPAlg,
    InvalidDPoPKey,
    OAuth2Client,
    PrivateKeyJwt,
    RepeatedDPoPNonce,
    UnsupportedClientCredentials,
)
from requests_oauth2client.client_authentication import client_auth_factory
from requests_oauth2client.exceptions import (
    ExpiredIdToken,
    InvalidIdToken,
    MismatchingIdTokenAlg,
    MismatchingIdTokenAudience,
    MismatchingIdTokenAuthTime,
    MismatchingIdTokenHash,
    MismatchingIdTokenIssuer,
    MismatchingIdTokenNonce,
    MismatchingIdTokenSubject,
    MissingIdTokenClaim,
)
from requests_oauth2client.id_token import (
    IdToken,
    IdTokenValidator,
    RefreshedIdTokenValidator,
    half_hash,
    validate_refreshed_id_token,
    validator_for,
)
from requests_oauth2client.jose import b64u, hmac_signer, sha256_b64u
from requests_oauth2client.strict_jwt import MAX_SIZE, InvalidIdTokenSignature

KEY = Jwk.generate(alg="ES256")
SECRET = "a secret of more than thirty-two bytes"


def prepared(url="https://api.local/x", **headers):
    return requests.Request("GET", url, headers=headers).prepare()


def answer(nonce, url="https://api.local/x"):
    response = requests.Response()
    response.url = url
    response.headers["DPoP-Nonce"] = nonce
    return response


def learned(key, role, nonce):
    key.remember(answer(nonce), role=role)
    return key


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

    @pytest.mark.parametrize("role", ["as", "rs"])
    def test_a_nonce_that_is_set_replaces_what_was_remembered(self, role):
        """Set by hand, a nonce stands for all servers of its role, those that gave one included."""
        key = learned(DPoPKey(KEY), role, "given")
        setattr(key, f"{role}_nonce", "set")
        request = prepared()
        key.sign(request, role=role)
        assert proof_of(request).nonce == "set"

    @pytest.mark.parametrize("role", ["as", "rs"])
    def test_a_request_that_is_sent_again_has_the_newest_nonce(self, role):
        """What goes over the wire a second time holds the nonce that its server gave meanwhile, for its role."""
        key, request = DPoPKey(KEY), prepared()
        key.sign(request, role=role)
        proof = request.headers["DPoP"]
        first = proof.encode("latin-1")
        learned(key, role, "meanwhile")
        second = SignedJwt(proof.encode("latin-1"))
        assert (SignedJwt(first).claims.get("nonce"), second.nonce, proof.nonce) == (None, "meanwhile", "meanwhile")

    @pytest.mark.parametrize(
        ("role", "obey"),
        [("as", DPoPKey.handle_as_provided_dpop_nonce), ("rs", DPoPKey.handle_rs_provided_dpop_nonce)],
    )
    def test_a_nonce_is_repeated_to_a_request_without_proof(self, role, obey):
        """Where the refused proof is not to be seen, what was remembered for that role tells that a nonce is no news."""
        key, response = DPoPKey(KEY), answer("n")
        response.request = prepared()
        obey(key, response)
        with pytest.raises(RepeatedDPoPNonce):
            obey(key, response)

    def test_no_credentials_in_htu(self):
        """Credentials in a URL stay out of a proof, also when the path looks like a URL."""
        for path in ("/x", "/to/https://other.local/x", "/@x"):
            proof = DPoPKey(KEY).proof("GET", f"https://user:pw@api.local{path}?q=https://u@b/")
            assert proof.htu == f"https://api.local{path}"

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


def _without_auth(credentials):
    return {name: value for name, value in credentials.items() if name != "auth"}


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

    @pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
    @pytest.mark.parametrize(("given", "sent"), [(None, ""), ("a=b", "a=b&"), ("a=é".encode(), "a=é&")])
    def test_the_request_is_complete(self, headers, given, sent):
        """A form that got credentials says what it is, and how long it is in bytes, without any help of `requests`."""
        request = requests.Request("POST", "https://as.local/", headers=headers).prepare()
        request.body = given
        ClientSecretPost("c", "s")(request)
        assert request.body == f"{sent}client_id=c&client_secret=s"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers["Content-Length"] == str(len(request.body.encode()))

    @pytest.mark.parametrize(
        "credentials",
        [{"client_secret": KEY}, {"private_key": KEY}, {"auth": ("c", KEY)}],
    )
    def test_the_audience_reaches_every_assertion(self, credentials):
        """However the private key is passed, the audience that was asked for is that of its assertions."""
        who = {} if "auth" in credentials else {"client_id": "c"}
        method = client_auth_factory(
            credentials.get("auth"), **who, **_without_auth(credentials), audience="https://as"
        )
        assert method.aud == "https://as"

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

    @pytest.mark.parametrize("acr_values", [5, ["a", 5], b"a"])
    def test_acr_values_that_are_none(self, acr_values):
        """The error knows what was passed."""
        with pytest.raises(InvalidAcrValuesParam) as caught:
            AuthorizationRequest("https://as.local/a", client_id="c", acr_values=acr_values)
        assert caught.value.acr_values == acr_values

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

    def test_no_alg_at_all(self):
        """Neither in the token nor in the client: the error has the token, and what it came with."""
        text, source = f"{b64u(b'{}')}.{b64u(json.dumps(CLAIMS).encode())}.AAAA", object()
        with pytest.raises(InvalidIdToken, match="alg") as caught:
            IdTokenValidator(client_id="c", alg=None).check(text, None, source)
        assert (caught.value.id_token, caught.value.token_resp) == (IdToken(text), source)

    def test_a_hash_of_what_is_not_there(self):
        """A hash that nothing can be compared with is refused, with the token, and what it came with."""
        value, source = id_token(c_hash="x"), object()
        validator = IdTokenValidator(client_id="c", alg="HS256", client_secret=SECRET)
        with pytest.raises(InvalidIdToken, match="no code was included") as caught:
            validator.check(value, None, source)
        assert (caught.value.id_token, caught.value.token_resp) == (IdToken(value), source)

    def test_hashes_of_what_no_text_can_be(self):
        """A code with a lone surrogate has a hash, which differs: the error is one of ours."""
        with pytest.raises(MismatchingIdTokenHash):
            check(id_token(c_hash="x"), code="\ud800")

    def test_what_was_expected_of_auth_time(self):
        """The error tells how old a login may be."""
        with pytest.raises(MismatchingIdTokenAuthTime) as caught:
            check(id_token(auth_time=5), max_age=100)
        assert caught.value.expected.startswith("100 seconds before")

    @pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt"])
    def test_the_kind_is_named(self, typ):
        """A JWT that was made for another use is named by its type."""
        header = b64u(json.dumps({"alg": "HS256", "typ": typ}).encode())
        with pytest.raises(InvalidIdToken, match=re.escape(typ)):
            check(f"{header}.e30.AAAA")

    def test_the_largest(self):
        """As many bytes as are read at most may come; one more may not, and is told how many came."""
        value = id_token()
        assert IdToken(value, max_size=len(value)) == value
        with pytest.raises(InvalidIdToken, match=f"has {len(value)} bytes"):
            IdToken(value, max_size=len(value) - 1)

    def test_what_is_no_token(self):
        """The error keeps what came, and names its type."""
        with pytest.raises(InvalidIdToken, match="of type int") as caught:
            BearerToken("at", id_token=5)
        assert caught.value.id_token == 5
        with pytest.raises(AttributeError, match="__missing__"):
            IdToken(id_token()).__missing__  # noqa: B018 - reading it is the test

    def test_leeways_of_a_client(self):
        """Nothing is let pass after `exp`; a login may be 10 seconds older than `max_age`."""
        client = OAuth2Client("https://as.local/token", ("c", SECRET))
        validator = validator_for(client, AuthorizationResponse(code="c"))
        assert (validator.exp_leeway, validator.auth_time_leeway) == (0, 10)

    def test_hmac_that_nobody_named(self):
        """An HMAC under a secret is refused where the client expects no algorithm by name, and the error says why."""
        with pytest.raises(MismatchingIdTokenAlg) as caught:
            IdTokenValidator(client_id="c", alg=None, client_secret=SECRET).check(id_token())
        assert (caught.value.received, "asymmetric" in caught.value.expected) == ("HS256", True)


@pytest.mark.usefixtures("now")
class TestRefreshedIdTokens:
    """OIDC Core §12.2, for clients that know no key: TLS stands for the signature, and for nothing else."""

    CLIENT = OAuth2Client("https://as.local/token", ("c", SECRET))
    PREVIOUS = IdToken(id_token())

    def validated(self, previous=PREVIOUS, access_token="at", **kwargs):
        header = b64u(b'{"alg":"RS256","kid":"any"}')
        text = f"{header}.{b64u(json.dumps({**CLAIMS, **kwargs.pop('claims', {})}).encode())}.AAAA"
        return validate_refreshed_id_token(BearerToken(access_token, id_token=text), previous, self.CLIENT, **kwargs)

    def test_the_hash_is_compared(self):
        """`at_hash` is that of the algorithm which the token names, though no key is known."""
        assert self.validated(claims={"at_hash": half_hash("RS256", None)("at")})
        with pytest.raises(MismatchingIdTokenHash):
            self.validated(claims={"at_hash": half_hash("RS256", None)("other")})

    def test_a_hash_without_access_token_is_named(self):
        """The error says what is missing."""
        validator = RefreshedIdTokenValidator(client_id="c", alg="HS256", client_secret=SECRET)
        with pytest.raises(InvalidIdToken, match="no access token was included"):
            validator.check(id_token(at_hash="x"))

    @pytest.mark.parametrize(
        ("error", "claims", "received", "expected"),
        [
            (MismatchingIdTokenIssuer, {"iss": "https://other.local"}, "https://other.local", "https://as.local"),
            (MismatchingIdTokenAudience, {"aud": ["c", "d"], "azp": "c"}, ["c", "d"], "c"),
            (MismatchingIdTokenSubject, {"sub": "bob"}, "bob", "alice"),
        ],
    )
    def test_what_changed(self, error, claims, received, expected):
        """The error has what came, what was there before, the ID Token and the token response."""
        with pytest.raises(error) as caught:
            self.validated(claims=claims)
        exc = caught.value
        assert (exc.received, exc.expected) == (received, expected)
        assert exc.id_token.claims == {**CLAIMS, **claims}
        assert exc.token_resp.access_token == "at"

    @pytest.mark.parametrize("which", ["new", "previous"])
    def test_audiences_that_are_none(self, which):
        """A list with something else than texts is no audience, and the error has the token response."""
        wrong = {"aud": ["c", 5]}
        previous = IdToken(id_token(**wrong)) if which == "previous" else self.PREVIOUS
        with pytest.raises(MissingIdTokenClaim) as caught:
            self.validated(previous, claims=wrong if which == "new" else {})
        assert caught.value.token_resp.access_token == "at"

    def test_leeway(self):
        """`exp_leeway` counts for a refresh, too."""
        with pytest.raises(ExpiredIdToken):
            self.validated(claims={"exp": NOW - 5})
        assert self.validated(claims={"exp": NOW - 5}, exp_leeway=10)
