"""How clients authenticate: what leaves, and what the server makes of it."""

from __future__ import annotations

import copy
import pickle
import traceback
from base64 import b64decode, b64encode
from urllib.parse import parse_qs, quote_plus, urlencode

import jwskate
import pytest
import requests
from attrs.exceptions import FrozenInstanceError
from cryptography.hazmat.primitives import serialization
from requests.auth import AuthBase

from requests_oauth2client import (
    BaseClientAssertionAuthenticationMethod,
    BaseClientAuthenticationMethod,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    InvalidClient,
    InvalidClientAssertionSigningKeyOrAlg,
    InvalidRequestForClientAuthentication,
    OAuth2Client,
    PrivateKeyJwt,
    PublicApp,
    UnsupportedClientCredentials,
)
from requests_oauth2client.client_authentication import CLIENT_ASSERTION_TYPE, client_auth_factory
from requests_oauth2client.hidden import hidden
from requests_oauth2client.jose import verifier
from requests_oauth2client.testing import AuthorizationServer

URL = "https://as.local/token"
SECRET = "marked-secret-of-more-than-32-bytes"
ODD = "marked sécret:%&+=/?#☃"
EC = jwskate.Jwk.generate(alg="ES256")
RSA = jwskate.RSAJwk.generate(key_size=2048)
RFC8037_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}

METHODS = {
    "client_secret_basic": ClientSecretBasic("client_id", SECRET),
    "client_secret_post": ClientSecretPost("client_id", SECRET),
    "client_secret_jwt": ClientSecretJwt("client_id", SECRET),
    "private_key_jwt": PrivateKeyJwt("client_id", EC),
    "none": PublicApp("client_id"),
}
EACH_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def prepared(auth, data="grant_type=client_credentials", url=URL, method="POST", headers=None):
    return requests.Request(method, url, data=data, auth=auth, headers=headers).prepare()


def form(request):
    values = parse_qs(request.body or "", keep_blank_values=True)
    assert all(len(value) == 1 for value in values.values()), values
    return {name: value[0] for name, value in values.items()}


def assertion_in(request):
    return jwskate.SignedJwt(form(request)["client_assertion"])


def registered(name, *, issuer="https://as.local", client_id="client_id", secret=SECRET, **flags):
    server = AuthorizationServer(issuer, issue_refresh_tokens={"password"})
    keys = {"jwks": [EC.public_jwk()], "client_secret": secret}
    server.add_client(client_id, auth_methods=name, **({"public": True} if name == "none" else keys), **flags)
    server.add_user("alice", password="wonderland")
    return server


class TestEachMethod:
    @pytest.mark.parametrize("name", METHODS)
    @pytest.mark.parametrize("issuer", ["https://as.local", None])
    def test_the_server_is_satisfied(self, name, issuer):
        """A strict server accepts each method at each of its endpoints, whether or not the client knows the issuer."""
        server = registered(name)
        client = OAuth2Client(
            server.endpoint("token"),
            METHODS[name],
            issuer=issuer,
            revocation_endpoint=server.endpoint("revocation"),
            introspection_endpoint=server.endpoint("introspection"),
            session=server.session(),
        )
        token = client.resource_owner_password("alice", "wonderland")
        token = client.refresh_token(token)
        if name != "none":
            assert client.introspect_token(token)["active"] is True
        assert client.revoke_token(token)
        assert {request.client_id for request in server.requests} == {"client_id"}
        for request in server.requests:
            assert all(len(values) == 1 for values in request.form.values())

    @EACH_METHOD
    def test_the_form_is_kept(self, method):
        """Parameters that are already in the form stay, with their order and repetitions."""
        body = urlencode([("resource", "a"), ("resource", "b"), ("empty", ""), ("odd", ODD)])
        request = prepared(method, body)
        assert request.body.startswith(body)
        assert request.headers["Content-Length"] == str(len(request.body))

    @EACH_METHOD
    def test_parameters_are_replaced(self, method):
        """A parameter that the method sends never appears twice."""
        body = urlencode({"client_id": "other", "client_secret": "x", "client_assertion": "x", "a": ODD, "empty": ""})
        sent = form(prepared(method, body))
        assert (sent["a"], sent["empty"]) == (ODD, "")
        if not isinstance(method, ClientSecretBasic):
            assert sent["client_id"] == "client_id"

    @EACH_METHOD
    def test_bytes_are_a_form_too(self, method):
        """A form that is encoded already may be bytes."""
        request = prepared(method, b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        assert body.startswith("a=b")

    @EACH_METHOD
    def test_an_empty_form(self, method):
        """Without any other parameter, there is no stray separator."""
        request = prepared(method, None)
        if not isinstance(method, ClientSecretBasic):
            assert request.body.startswith("client_id=client_id")
            assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"

    @EACH_METHOD
    def test_a_prepared_request(self, method):
        """A request that is complete already tells the length that its form has afterwards, in bytes."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        # as bytes: of a str, requests before 2.32 counts the characters
        request = method(prepared(None, "a=é".encode(), headers=headers))
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        assert request.headers["Content-Length"] == str(len(body))

    @EACH_METHOD
    @pytest.mark.parametrize(
        ("http_method", "headers", "data"),
        [
            ("GET", {}, None),
            ("PUT", {}, "a=b"),
            ("POST", {"Content-Type": "application/json"}, "{}"),
            ("POST", {"Content-Type": "multipart/form-data; boundary=x"}, "a=b"),
        ],
    )
    def test_credentials_go_with_form_posts_only(self, method, http_method, headers, data):
        """Client credentials are never added to a call to an API, taken for an endpoint by mistake."""
        with pytest.raises(InvalidRequestForClientAuthentication, match="use a token or an OAuth2") as caught:
            prepared(method, data, method=http_method, headers=headers)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.request.method == http_method
        assert "marked" not in str(caught.value)

    @EACH_METHOD
    def test_values(self, method):
        """Methods are values: frozen, hashable, equal to their copies and pickles, also after use."""
        before = copy.copy(method)
        prepared(method)
        for other in (before, copy.copy(method), copy.deepcopy(method), pickle.loads(pickle.dumps(method))):
            assert other == method
            assert hash(other) == hash(method)
            assert prepared(other).body.startswith("grant_type=")
        assert method != "client_id"
        assert method != PublicApp("somebody-else")
        with pytest.raises(FrozenInstanceError):
            method.client_id = "other"

    @EACH_METHOD
    def test_repr(self, method):
        """The representation names the client, and holds neither secret nor key."""
        assert "client_id='client_id'" in repr(method)
        assert "marked" not in repr(method)
        assert EC["d"] not in repr(method)

    @EACH_METHOD
    def test_client_id(self, method):
        """Every method knows the client_id, and is a `requests` auth handler."""
        assert method.client_id == "client_id"
        assert isinstance(method, BaseClientAuthenticationMethod)
        assert isinstance(method, AuthBase)

    @pytest.mark.parametrize("client_id", ["", None, 5, b"client_id", "two\nlines", "nul\x00"])
    @pytest.mark.parametrize("make", [PublicApp, lambda i: ClientSecretPost(i, "s"), lambda i: PrivateKeyJwt(i, EC)])
    def test_unusable_client_id(self, make, client_id):
        """A client_id that cannot be sent is refused when given."""
        with pytest.raises(UnsupportedClientCredentials, match=f"`client_id` of type {type(client_id).__name__} "):
            make(client_id)

    @pytest.mark.parametrize("secret", ["", None, 5, b"marked", "marked\n"])
    @pytest.mark.parametrize("method", [ClientSecretBasic, ClientSecretPost, ClientSecretJwt])
    def test_unusable_secret(self, method, secret):
        """A secret that cannot be sent is refused when given, and not shown."""
        told = f"`client_secret` of type {type(secret).__name__} "
        with pytest.raises(UnsupportedClientCredentials, match=told) as caught:
            method("client_id", hidden(secret))  # as a client passes it
        assert "marked" not in str(caught.value)


class TestBasic:
    def test_rfc6749_4_4_2(self):
        """RFC 6749 §4.4.2: the header of the example."""
        request = prepared(ClientSecretBasic("s6BhdRkqt3", "gX1fBat3bV"))
        assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
        assert request.body == "grant_type=client_credentials"

    def test_rfc6749_appendix_b(self):
        """RFC 6749 appendix B: ` %&+£€` is encoded as `+%25%26%2B%C2%A3%E2%82%AC` before base64 (§2.3.1)."""
        request = prepared(ClientSecretBasic("client", " %&+£€"))
        assert b64decode(request.headers["Authorization"][6:]) == b"client:+%25%26%2B%C2%A3%E2%82%AC"

    @pytest.mark.parametrize(
        ("client_id", "secret"),
        [
            ("client", "a:b%"),
            ("cli:ent", "a:b"),
            ("cl ient", "se cret"),
            ("https://client.example/?a=b", "+/="),
            ("cliént", "sécret☃"),
            ("client", "-._~*"),
            ("client", ODD),
        ],
    )
    def test_odd_characters(self, client_id, secret):
        """Identifier and secret of any characters reach a server that decodes them as RFC 6749 §2.3.1 says."""
        server = registered("client_secret_basic", client_id=client_id, secret=secret)
        client = OAuth2Client(server.endpoint("token"), ClientSecretBasic(client_id, secret), session=server.session())
        assert client.client_credentials().access_token
        decoded = b64decode(server.last("token").headers["Authorization"][6:]).decode()
        assert decoded == f"{quote_plus(client_id)}:{quote_plus(secret)}"

    @pytest.mark.parametrize("secret", ["a:b%", "sécret☃", "se cret+"])
    def test_raw(self, secret):
        """`form_encoded=False` is for servers that take the header as it is; to others it is a wrong secret."""
        server = registered("client_secret_basic", secret=secret, raw_basic=True)
        raw = ClientSecretBasic("client_id", secret, form_encoded=False)
        client = OAuth2Client(server.endpoint("token"), raw, session=server.session())
        assert client.client_credentials().access_token
        assert b64decode(server.last("token").headers["Authorization"][6:]).decode() == f"client_id:{secret}"
        encoded = OAuth2Client(
            server.endpoint("token"), ClientSecretBasic("client_id", secret), session=server.session()
        )
        with pytest.raises(InvalidClient):
            encoded.client_credentials()

    def test_raw_colon(self):
        """A colon in a raw client_id would move the border between identifier and secret."""
        with pytest.raises(UnsupportedClientCredentials, match="leave `form_encoded=True`"):
            ClientSecretBasic("a:b", "secret", form_encoded=False)
        assert ClientSecretBasic("ab", "c:d", form_encoded=False)


class TestForm:
    def test_post(self):
        """`client_secret_post` sends both in the form, and no header."""
        request = prepared(ClientSecretPost("client_id", ODD))
        assert form(request) == {"grant_type": "client_credentials", "client_id": "client_id", "client_secret": ODD}
        assert "Authorization" not in request.headers

    def test_none(self):
        """`none` sends the client_id only."""
        request = prepared(PublicApp("client_id"))
        assert form(request) == {"grant_type": "client_credentials", "client_id": "client_id"}
        assert "Authorization" not in request.headers


class TestAssertions:
    @EACH_METHOD
    def test_only_assertions_have_an_audience(self, method):
        """`for_issuer` binds assertions to the issuer, unless they have an audience; other methods stay themselves."""
        if not isinstance(method, BaseClientAssertionAuthenticationMethod):
            assert method.for_issuer("https://as.local") is method
            return
        assert method.for_issuer(None) is method
        bound = method.for_issuer("https://as.local")
        assert bound.aud == "https://as.local"
        assert bound.for_issuer("https://other.local") is bound
        assert method.aud is None

    @pytest.mark.parametrize("method", [METHODS["client_secret_jwt"], METHODS["private_key_jwt"]])
    def test_claims(self, now, method):
        """The claims are exactly those of RFC 7523 §3, for 60 seconds; `typ` is that of rfc7523bis."""
        request = prepared(method)
        jwt = assertion_in(request)
        issued = 1893456000
        assert isinstance(jwt.claims.pop("jti"), str)
        assert jwt.claims == {"iss": "client_id", "sub": "client_id", "aud": URL, "iat": issued, "exp": issued + 60}
        assert jwt.headers["typ"] == "client-authentication+jwt"
        assert form(request).keys() == {"grant_type", "client_id", "client_assertion", "client_assertion_type"}
        assert form(request)["client_id"] == "client_id"
        assert form(request)["client_assertion_type"] == CLIENT_ASSERTION_TYPE
        assert "Authorization" not in request.headers

    def test_hmac(self):
        """The HMAC key is the UTF-8 text of the secret."""
        jwt = assertion_in(prepared(ClientSecretJwt("client_id", "sécret of more than thirty-two bytes")))
        key = jwskate.SymmetricJwk.from_bytes("sécret of more than thirty-two bytes".encode())
        assert jwt.headers == {"alg": "HS256", "typ": "client-authentication+jwt"}
        assert jwt.verify_signature(key, alg="HS256")

    @pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
    def test_hmac_algorithms(self, alg):
        """Each HMAC algorithm satisfies the server."""
        server = registered("client_secret_jwt", secret=SECRET * 3, token_endpoint_auth_signing_alg=alg)
        method = ClientSecretJwt("client_id", SECRET * 3, alg=alg)
        assert OAuth2Client(server.endpoint("token"), method, session=server.session()).client_credentials()

    @pytest.mark.parametrize("alg", ["RS256", "none", "", None])
    def test_no_hmac_algorithm(self, alg):
        """Another algorithm is refused when given."""
        with pytest.raises(UnsupportedClientCredentials, match="use HS256, HS384 or HS512"):
            ClientSecretJwt("client_id", SECRET, alg=alg)

    @pytest.mark.parametrize(
        ("key", "alg"),
        [
            *((RSA, alg) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
            *((jwskate.ECJwk.generate(crv=f"P-{size}"), f"ES{size}") for size in (256, 384)),
            (jwskate.ECJwk.generate(crv="P-521"), "ES512"),
            (jwskate.OKPJwk.generate(crv="Ed25519"), "EdDSA"),
            (jwskate.OKPJwk.generate(crv="Ed448"), "EdDSA"),
        ],
    )
    @pytest.mark.parametrize("named", ["by the key", "by the parameter", "not at all"])
    def test_asymmetric_algorithms(self, key, alg, named):
        """Each algorithm satisfies the server, named by the key, by the parameter, or by the type of the key."""
        bare = jwskate.Jwk({name: value for name, value in key.items() if name not in {"alg", "kid"}})
        if named == "not at all":
            alg = {"RSA": "RS256"}.get(key.kty, alg)
        given = jwskate.Jwk({**bare, "alg": alg}) if named == "by the key" else bare
        server = AuthorizationServer(strict_audience=True)
        server.add_client("client_id", jwks=[bare.public_jwk()], token_endpoint_auth_signing_alg=alg)
        method = PrivateKeyJwt("client_id", given, alg=alg if named == "by the parameter" else None)
        client = OAuth2Client(server.endpoint("token"), method, issuer=server.issuer, session=server.session())
        assert client.client_credentials().access_token
        jwt = jwskate.SignedJwt(server.last("token").form["client_assertion"][0])
        assert jwt.headers == {"alg": alg, "typ": "client-authentication+jwt", "kid": bare.thumbprint()}

    def test_the_algorithm_of_the_key_comes_first(self):
        """A key that names its algorithm is used with nothing else."""
        assert PrivateKeyJwt("client_id", {**RSA, "alg": "PS256"}, alg="RS256").alg == "PS256"

    @pytest.mark.parametrize(
        ("embedded", "alg"), [(None, "ES256K"), (None, "ES256k"), ("ES256K", None), ("ES256k", None)]
    )
    def test_es256k(self, embedded, alg):
        """ES256K is announced by its registered name (RFC 8812 §3.2), however it was spelt."""
        bare = jwskate.ECJwk.generate(crv="secp256k1").minimize()
        key = {**bare, "alg": embedded} if embedded else bare
        jwt = assertion_in(prepared(PrivateKeyJwt("client_id", key, alg=alg)))
        assert jwt.headers["alg"] == "ES256K"
        assert verifier(bare.public_jwk(), "ES256k")(jwt.signed_part, jwt.signature)

    def test_rfc8037_a3(self):
        """RFC 8037 A.3: a key without `kid` is announced by its thumbprint."""
        method = PrivateKeyJwt("client_id", RFC8037_KEY)
        assert method.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        assert assertion_in(prepared(method)).headers["kid"] == method.kid

    def test_the_key_is_kept(self):
        """The attribute is the key that was given; its own `kid` is announced."""
        key = jwskate.Jwk({**EC, "kid": "my-kid"})
        method = PrivateKeyJwt("client_id", key)
        assert method.private_jwk == key
        assert assertion_in(prepared(method)).headers["kid"] == "my-kid"
        assert "kid" not in PrivateKeyJwt("client_id", RFC8037_KEY).private_jwk

    def test_certificate(self):
        """A key that names its certificate announces it (RFC 7515 §4.1.8); others do not."""
        key = {**EC, "x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}
        assert assertion_in(prepared(PrivateKeyJwt("client_id", key))).headers["x5t#S256"] == key["x5t#S256"]
        assert "x5t#S256" not in assertion_in(prepared(PrivateKeyJwt("client_id", EC))).headers

    @pytest.mark.parametrize("lifetime", [1, 30, 600])
    @pytest.mark.parametrize(
        "make", [lambda **k: ClientSecretJwt("c", SECRET, **k), lambda **k: PrivateKeyJwt("c", EC, **k)]
    )
    def test_options(self, now, make, lifetime):
        """Lifetime, `jti`, audience and `typ` are choices."""
        ids = iter([7, "b"])
        method = make(lifetime=lifetime, jti_gen=lambda: next(ids), aud="https://aud.local", typ="JWT")
        first, second = assertion_in(prepared(method)), assertion_in(prepared(method))
        assert first.claims["exp"] - first.claims["iat"] == lifetime
        assert (first.claims["jti"], second.claims["jti"]) == ("7", "b")
        assert first.claims["aud"] == "https://aud.local"
        assert first.headers["typ"] == "JWT"

    @pytest.mark.parametrize("name", ["client_secret_jwt", "private_key_jwt"])
    @pytest.mark.parametrize(
        ("issuer", "aud", "expected"),
        [
            (None, None, URL),
            ("https://as.local", None, "https://as.local"),
            ("https://as.local", URL, URL),
            (None, "https://aud.local", "https://aud.local"),
        ],
    )
    def test_audience(self, server, name, issuer, aud, expected):
        """The audience is what `aud=` says, else the issuer when it is known, else the URL of the endpoint."""
        method = {
            "client_secret_jwt": lambda: ClientSecretJwt("client_id", SECRET, aud=aud),
            "private_key_jwt": lambda: PrivateKeyJwt("client_id", EC, aud=aud),
        }[name]()
        client = OAuth2Client(URL, method, issuer=issuer, session=server.session())
        with pytest.raises(InvalidClient):
            client.client_credentials()
        sent = jwskate.SignedJwt(server.last("token").form["client_assertion"][0])
        assert sent.claims["aud"] == expected
        assert client.auth is method

    @pytest.mark.parametrize("name", ["client_secret_jwt", "private_key_jwt"])
    def test_each_attempt_has_its_own_assertion(self, name):
        """Every request, and every attempt of a request, carries a new `jti`: servers accept each once."""
        server = registered(name)
        client = OAuth2Client(server.endpoint("token"), METHODS[name], issuer=server.issuer, session=server.session())
        for _ in range(3):
            client.client_credentials()
        server.misbehave("token", status=503)
        with pytest.raises(Exception, match="503"):
            client.client_credentials()
        client.client_credentials()
        ids = [jwskate.SignedJwt(request.form["client_assertion"][0]).claims["jti"] for request in server.requests]
        assert len(set(ids)) == 5

    def test_abstract(self):
        """The base class signs nothing."""
        with pytest.raises(NotImplementedError):
            BaseClientAssertionAuthenticationMethod("client_id").client_assertion("aud")


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        [
            EC.public_jwk(),
            dict(EC.public_jwk()),
            {"kty": "oct", "k": "AAAA", "alg": "HS256"},
            jwskate.SymmetricJwk.generate(key_size=128),
            {**EC, "use": "enc"},
            {**EC, "alg": "ES384"},
            {**EC, "alg": "FOO"},
            {**RSA, "alg": "ES256"},
            jwskate.OKPJwk.generate(crv="X25519"),
            jwskate.ECJwk.generate(crv="secp256k1"),
            RSA.public_jwk().to_pem(),
        ],
    )
    def test_refused(self, key):
        """Public, symmetric, encryption and unsuitable keys are refused when given."""
        with pytest.raises(InvalidClientAssertionSigningKeyOrAlg, match="asymmetric private signing key") as caught:
            PrivateKeyJwt("client_id", key)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize("alg", ["FOO", "HS256", "none", "ES384"])
    def test_refused_alg(self, alg):
        """So is an algorithm that the key does not support."""
        with pytest.raises(InvalidClientAssertionSigningKeyOrAlg) as caught:
            PrivateKeyJwt("client_id", {**RFC8037_KEY}, alg=alg)
        assert caught.value.alg == alg

    def test_no_jwk(self):
        """A dict that is no JWK is refused as jwskate does it."""
        with pytest.raises(jwskate.InvalidJwk, match="must have a Key Type"):
            PrivateKeyJwt("client_id", {"not": "a jwk"})

    @pytest.mark.parametrize(
        "key",
        [
            "marked nonsense",
            5,
            [],
            None,
            object(),
            {"kty": "EC", "d": "marked"},
            "-----BEGIN PRIVATE KEY-----\nmarked\n-----END PRIVATE KEY-----",
            b"-----BEGIN PRIVATE KEY-----\nmarked\xff\n-----END PRIVATE KEY-----",
        ],
    )
    def test_unreadable(self, key):
        """What is no key at all is refused by a typed error that says what to pass, and does not show it."""
        with pytest.raises(UnsupportedClientCredentials, match="pass a JWK") as caught:
            PrivateKeyJwt("client_id", key)
        assert "marked" not in "".join(traceback.format_exception(caught.value))

    def test_password(self):
        """A PEM under a password is refused by the same error."""
        pem = EC.cryptography_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
        with pytest.raises(UnsupportedClientCredentials, match="without password"):
            PrivateKeyJwt("client_id", pem)

    @pytest.mark.parametrize(
        "key",
        [
            EC,
            dict(EC),
            EC.cryptography_key,
            EC.to_pem(),
            EC.to_pem().encode() if isinstance(EC.to_pem(), str) else EC.to_pem(),
        ],
        ids=["Jwk", "dict", "cryptography", "PEM", "PEM bytes"],
    )
    def test_material(self, key):
        """A private key comes as JWK, as a dict, as PEM, or as a key of `cryptography`."""
        method = PrivateKeyJwt("client_id", key)
        assert method.private_jwk["d"] == EC["d"]
        assert assertion_in(prepared(method)).verify_signature(EC.public_jwk(), alg="ES256")


class TestFactory:
    @pytest.mark.parametrize(
        ("auth", "keywords", "expected"),
        [
            (("id", "secret"), {}, ClientSecretPost("id", "secret")),
            (None, {"client_id": "id", "client_secret": "secret"}, ClientSecretPost("id", "secret")),
            (("id", EC), {}, PrivateKeyJwt("id", EC)),
            (("id", dict(EC)), {}, PrivateKeyJwt("id", EC)),
            (("id", EC.to_pem()), {}, PrivateKeyJwt("id", EC.to_pem())),
            (("id", str(EC.to_pem()).encode()), {}, PrivateKeyJwt("id", EC.to_pem())),
            (("id", EC.cryptography_key), {}, PrivateKeyJwt("id", EC.cryptography_key)),
            (None, {"client_id": "id", "private_key": EC}, PrivateKeyJwt("id", EC)),
            (None, {"client_id": "id", "private_jwk": EC}, PrivateKeyJwt("id", EC)),
            (None, {"client_id": "id", "private_jwk": dict(EC)}, PrivateKeyJwt("id", EC)),
            (None, {"client_id": "id", "client_secret": "s", "private_key": EC}, PrivateKeyJwt("id", EC)),
            (None, {"client_id": "id", "client_secret": "s", "private_jwk": EC}, PrivateKeyJwt("id", EC)),
            ("id", {}, PublicApp("id")),
            (None, {"client_id": "id"}, PublicApp("id")),
            (("id", EC), {"audience": "https://aud.local"}, PrivateKeyJwt("id", EC, aud="https://aud.local")),
            *(
                (
                    None,
                    {"client_id": "id", name: key, "audience": "https://aud.local"},
                    PrivateKeyJwt("id", key, aud="https://aud.local"),
                )
                for name, key in (("private_key", EC), ("private_jwk", EC), ("client_secret", EC.to_pem()))
            ),
            (("id", "s"), {"default_auth_handler": ClientSecretBasic}, ClientSecretBasic("id", "s")),
            (
                None,
                {"client_id": "id", "client_secret": "s", "default_auth_handler": ClientSecretJwt},
                ClientSecretJwt("id", "s"),
            ),
        ],
    )
    def test_made(self, auth, keywords, expected):
        """Each form of credentials stands for one method."""
        assert client_auth_factory(auth, **keywords) == expected

    @EACH_METHOD
    def test_methods_are_used_as_they_are(self, method):
        """A ready-made method is not touched."""
        assert client_auth_factory(method) is method

    @pytest.mark.parametrize(
        ("auth", "keywords"),
        [
            (None, {}),
            (None, {"client_secret": "marked"}),
            (None, {"private_key": EC}),
            (None, {"private_jwk": EC}),
            (None, {"client_id": "id", "client_secret": ""}),
            (None, {"client_id": "id", "client_secret": b"marked"}),
            (("id", "s"), {"client_id": "id"}),
            (("id", "s"), {"client_secret": "marked"}),
            (METHODS["none"], {"client_id": "id"}),
            (METHODS["none"], {"private_key": EC}),
            (METHODS["none"], {"private_jwk": EC}),
            (("id", 5), {}),
            (("id", None), {}),
            (("id", b"marked"), {}),
            (("id",), {}),
            (("id", "marked", "x"), {}),
            ((5, "marked"), {}),
            (["id", "marked"], {}),
            ({"client_id": "id"}, {}),
            (5, {}),
            ("", {}),
            (PublicApp, {}),
        ],
    )
    def test_refused(self, auth, keywords):
        """Credentials that contradict each other, or are not enough, are refused; secrets are not shown."""
        with pytest.raises(UnsupportedClientCredentials, match="not supported") as caught:
            client_auth_factory(auth, **keywords)
        assert isinstance(caught.value, (TypeError, ValueError))
        assert isinstance(caught.value, TypeError)
        assert "marked" not in str(caught.value)


def test_a_class_is_no_method(server):
    """`auth=ClientSecretPost`, without credentials, is refused when given, and not at the first request."""
    with pytest.raises(UnsupportedClientCredentials, match="of type type"):
        OAuth2Client(URL, ClientSecretPost)


class TestCustomMethods:
    def test_subclass(self, server):
        """A method of one's own is a subclass that overrides `__call__`."""

        class Header(BaseClientAuthenticationMethod):
            def __call__(self, request):
                request = super().__call__(request)
                request.headers["X-Client"] = b64encode(self.client_id.encode()).decode()
                return request

        client = OAuth2Client(URL, Header("client_id"), session=server.session())
        with pytest.raises(InvalidClient):
            client.client_credentials()
        assert server.last("token").headers["X-Client"] == "Y2xpZW50X2lk"
        assert client.client_id == "client_id"

    def test_assertions_of_ones_own(self):
        """A subclass may make its assertions elsewhere; the base takes its arguments in this order."""

        class Remote(BaseClientAssertionAuthenticationMethod):
            def client_assertion(self, audience):
                return f"{self.client_id} {self.lifetime} {self.jti_gen()} {self.alg} {self.typ} for {audience}"

        sent = form(prepared(Remote("client_id", 30, lambda: "jti", None, "ES256", "JWT")))
        assert sent["client_assertion"] == f"client_id 30 jti ES256 JWT for {URL}"
        sent = form(prepared(Remote("client_id", 30, lambda: "jti", "https://aud.local")))
        assert sent["client_assertion"].endswith(" None client-authentication+jwt for https://aud.local")
        assert Remote("client_id").lifetime == 60

    @pytest.mark.parametrize(("method", "material"), [(PrivateKeyJwt, EC), (ClientSecretJwt, "a-secret")])
    def test_constructors_of_ones_own(self, method, material):
        """A subclass that takes other arguments addresses the issuer as well, and keeps what it added."""

        class FromVault(method):
            def __init__(self, vault):
                super().__init__(vault["id"], vault["material"], lifetime=30)
                object.__setattr__(self, "vault", vault)

        auth = FromVault({"id": "client_id", "material": material})
        bound = auth.for_issuer("https://as.local")
        assert (bound.aud, bound.lifetime, bound.client_id) == ("https://as.local", 30, "client_id")
        assert bound.vault is auth.vault
        assert assertion_in(prepared(bound)).claims["aud"] == "https://as.local"
        assert auth.aud is None
        assert OAuth2Client(URL, auth, issuer="https://as.local").auth is auth

    def test_any_auth_handler(self, server):
        """So is any `requests` auth handler, or function; the client then has no client_id of its own."""

        def add_client(request):
            request.body += "&client_id=client_id&client_secret=client_secret"
            request.headers["Content-Length"] = str(len(request.body))
            return request

        client = OAuth2Client(URL, add_client, session=server.session())
        assert client.client_credentials().access_token
        with pytest.raises(AttributeError, match="custom authentication method without client_id"):
            client.client_id  # noqa: B018 - reading it is the test
        assert client.client_secret is None
