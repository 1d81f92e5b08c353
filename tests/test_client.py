"""`OAuth2Client`: its parameters, what it knows of itself, and its life as an object. Its verbs have tests of their own."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle

import jwskate
import pytest
import requests
from attrs import field, fields, frozen
from attrs.exceptions import FrozenInstanceError

from requests_oauth2client import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    DPoPKey,
    InvalidDPoPAlg,
    InvalidEndpointUri,
    InvalidIssuer,
    InvalidParam,
    MissingIdTokenEncryptedResponseAlgParam,
    MissingIssuerParam,
    OAuth2Client,
    PrivateKeyJwt,
    PublicApp,
    UnsupportedClientCredentials,
)

URL = "https://as.local/token"
KEY = jwskate.Jwk.generate(alg="ES256")
DECRYPTION_KEY = jwskate.ECJwk.generate(crv="P-256", alg="ECDH-ES+A128KW")

ENDPOINTS = (
    "token_endpoint", "revocation_endpoint", "introspection_endpoint", "userinfo_endpoint", "authorization_endpoint",
    "backchannel_authentication_endpoint", "device_authorization_endpoint", "pushed_authorization_request_endpoint", "jwks_uri",
)  # fmt: skip

# the registry "OAuth Authorization Server Metadata", and names that vendors use
METADATA = """
issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported
response_modes_supported grant_types_supported token_endpoint_auth_methods_supported
token_endpoint_auth_signing_alg_values_supported service_documentation ui_locales_supported op_policy_uri op_tos_uri
revocation_endpoint revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
introspection_endpoint introspection_endpoint_auth_methods_supported
introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported signed_metadata
device_authorization_endpoint tls_client_certificate_bound_access_tokens mtls_endpoint_aliases
nfv_token_signing_alg_values_supported nfv_token_encryption_alg_values_supported nfv_token_encryption_enc_values_supported
userinfo_endpoint acr_values_supported subject_types_supported id_token_signing_alg_values_supported
id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported userinfo_signing_alg_values_supported
userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported
request_object_signing_alg_values_supported request_object_encryption_alg_values_supported
request_object_encryption_enc_values_supported display_values_supported claim_types_supported claims_supported
claims_locales_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported
require_request_uri_registration require_signed_request_object pushed_authorization_request_endpoint
require_pushed_authorization_requests introspection_signing_alg_values_supported
introspection_encryption_alg_values_supported introspection_encryption_enc_values_supported
authorization_response_iss_parameter_supported check_session_iframe frontchannel_logout_supported
frontchannel_logout_session_supported backchannel_logout_supported backchannel_logout_session_supported
end_session_endpoint backchannel_token_delivery_modes_supported backchannel_authentication_endpoint
backchannel_authentication_request_signing_alg_values_supported backchannel_user_code_parameter_supported
authorization_details_types_supported dpop_signing_alg_values_supported client_registration_types_supported
federation_registration_endpoint request_authentication_methods_supported
request_authentication_signing_alg_values_supported organization_name signed_jwks_uri jwks display_name description keywords
contacts logo_uri information_uri organization_uri protected_resources authorization_signing_alg_values_supported
authorization_encryption_alg_values_supported authorization_encryption_enc_values_supported
grant_management_actions_supported grant_management_endpoint grant_management_action_required native_sso_supported
prompt_values_supported pre-authorized_grant_anonymous_access_supported global_token_revocation_endpoint
authorization_challenge_endpoint client_id_metadata_document_supported challenge_endpoint
ping_revoked_sris_endpoint ping_session_management_sris_endpoint ping_session_management_users_endpoint
ping_end_session_endpoint
""".split()

# the registry "OAuth Dynamic Client Registration Metadata", where it is no name of the client's own
REGISTRATION = """
client_name client_uri logo_uri contacts tos_uri policy_uri jwks software_id software_version
token_endpoint_auth_method grant_types response_types default_max_age require_auth_time default_acr_values
initiate_login_uri request_uris userinfo_signed_response_alg userinfo_encrypted_response_alg
userinfo_encrypted_response_enc id_token_encrypted_response_enc request_object_signing_alg
request_object_encryption_alg request_object_encryption_enc token_endpoint_auth_signing_alg sector_identifier_uri
subject_type introspection_signed_response_alg authorization_signed_response_alg post_logout_redirect_uris
frontchannel_logout_uri backchannel_logout_uri backchannel_client_notification_endpoint tls_client_auth_subject_dn
""".split()

FIELDS = {field.name for field in fields(OAuth2Client)}


def make(**kwargs):
    return OAuth2Client(**{"token_endpoint": URL, "client_id": "id", **kwargs})


class TestParameters:
    def test_minimal(self):
        """A token endpoint and a client_id are enough; everything else has its default."""
        client = make()
        assert client.token_endpoint == URL
        assert client.auth == PublicApp("id")
        for name in ENDPOINTS[1:]:
            assert getattr(client, name) is None
        defaults = {
            "redirect_uri": None,
            "issuer": None,
            "id_token_signed_response_alg": "RS256",
            "id_token_encrypted_response_alg": None,
            "id_token_decryption_key": None,
            "code_challenge_method": "S256",
            "authorization_response_iss_parameter_supported": False,
            "require_pushed_authorization_requests": False,
            "token_class": BearerToken,
            "dpop_bound_access_tokens": False,
            "dpop_alg": "ES256",
            "testing": False,
            "timeout": 10,
            "max_response_size": 1024 * 1024,
            "extra_metadata": {},
        }
        assert {name: getattr(client, name) for name in defaults} == defaults
        assert isinstance(client.session, requests.Session)
        assert isinstance(client.dpop_key_generator("ES256"), DPoPKey)

    def test_given(self):
        """Each parameter is an attribute of its name."""

        class MyToken(BearerToken):
            pass

        session = requests.Session()
        given = {
            **{name: f"https://as.local/{name}" for name in ENDPOINTS},
            "redirect_uri": "http://client.example/no-check",
            "issuer": "https://as.local",
            "id_token_signed_response_alg": None,
            "code_challenge_method": None,
            "authorization_response_iss_parameter_supported": True,
            "token_class": MyToken,
            "session": session,
            "dpop_bound_access_tokens": True,
            "dpop_key_generator": DPoPKey.generate,
            "dpop_alg": "RS256",
            "timeout": 3,
            "max_response_size": 10,
        }
        client = make(**given)
        assert {name: getattr(client, name) for name in given} == given
        assert client.session is session

    @pytest.mark.parametrize(
        ("credentials", "auth"),
        [
            ({"auth": ("id", "secret")}, ClientSecretPost("id", "secret")),
            ({"client_id": "id", "client_secret": "secret"}, ClientSecretPost("id", "secret")),
            ({"auth": ("id", KEY)}, PrivateKeyJwt("id", KEY)),
            ({"client_id": "id", "private_key": KEY}, PrivateKeyJwt("id", KEY)),
            ({"client_id": "id", "private_jwk": dict(KEY)}, PrivateKeyJwt("id", KEY)),
            ({"auth": "id"}, PublicApp("id")),
            ({"auth": ClientSecretBasic("id", "secret")}, ClientSecretBasic("id", "secret")),
        ],
    )
    def test_credentials(self, credentials, auth):
        """Credentials become a client authentication method; a private key is never taken for metadata."""
        client = OAuth2Client(URL, **credentials)
        assert client.auth == auth
        assert client.client_id == "id"
        assert client.client_secret == getattr(auth, "client_secret", None)
        assert client.extra_metadata == {}

    def test_positional(self):
        """The token endpoint and `auth` may be positional."""
        assert OAuth2Client(URL, ("id", "secret")).auth == ClientSecretPost("id", "secret")

    @pytest.mark.parametrize("credentials", [{}, {"client_secret": "marked"}, {"private_jwk": KEY}, {"auth": 5}])
    def test_no_credentials(self, credentials):
        """Credentials that are not enough are refused."""
        with pytest.raises(UnsupportedClientCredentials):
            OAuth2Client(URL, **credentials)

    @pytest.mark.parametrize("name", ENDPOINTS)
    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("http://as.local/x", "must use https"),
            ("https://as.local", "must include a path"),
            ("https://as.local/x#y", "fragment"),
            ("https://u:marked@as.local/x", "credentials"),
            ("as.local/x", "must use https"),
            ("", "must use https"),
            (5, "of type int"),
        ],
    )
    def test_malformed_endpoints(self, name, url, problem):
        """The URL of each endpoint is checked when given; the error names it, and says what to write instead."""
        with pytest.raises(InvalidEndpointUri, match=f"Invalid `{name}`: .*{problem}") as caught:
            make(**{name: url})
        assert (caught.value.endpoint, caught.value.uri) == (name, url)
        assert isinstance(caught.value, InvalidParam)
        assert "marked" not in str(caught.value)

    @pytest.mark.parametrize(
        "credentials", [{"auth": ("id", "")}, {"auth": None, "client_id": "id", "client_secret": ""}]
    )
    def test_an_empty_secret(self, credentials):
        """An error names the type that the caller passed, not one of ours."""
        with pytest.raises(UnsupportedClientCredentials, match="`client_secret` of type str is not supported"):
            OAuth2Client(URL, **credentials)

    @pytest.mark.parametrize(
        ("issuer", "problem"),
        [("http://as.local", "must use https"), ("https://as.local?a=b", "query"), ("as", "https"), (5, "of type int")],
    )
    def test_malformed_issuer(self, issuer, problem):
        """So is the issuer."""
        with pytest.raises(InvalidIssuer, match=problem):
            make(issuer=issuer)

    def test_no_token_endpoint(self):
        """A variable that is not set is told at once, and not at the first request."""
        with pytest.raises(InvalidEndpointUri, match=r"Invalid `token_endpoint`.*of type NoneType"):
            OAuth2Client(None, "client_id")

    @pytest.mark.parametrize(
        "origin", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://as:8443"]
    )
    def test_loopback(self, origin):
        """Any port will do, and plain http on this machine."""
        client = make(token_endpoint=f"{origin}/token", issuer=origin)
        assert client.token_endpoint == f"{origin}/token"

    def test_testing(self):
        """With `testing`, nothing is checked."""
        client = make(token_endpoint="http://as.local", issuer="http://as.local?x", jwks_uri="x", testing=True)
        assert client.testing

    def test_stricter_subclasses(self):
        """Subclasses may be stricter: the checks are methods."""

        class Strict(OAuth2Client):
            def validate_endpoint_uri(self, attribute, uri):
                if "as.local" not in uri:
                    raise InvalidEndpointUri(attribute, uri, "not ours")
                return super().validate_endpoint_uri(attribute, uri)

            def validate_issuer_uri(self, attribute, uri):
                raise InvalidIssuer(attribute, uri, "no issuers here")

        assert Strict(URL, "id")
        with pytest.raises(InvalidEndpointUri, match="not ours"):
            Strict("https://other.local/token", "id")
        with pytest.raises(InvalidIssuer, match="no issuers"):
            Strict(URL, "id", issuer="https://as.local")

    def test_iss_needs_an_issuer(self):
        """`iss` can only be compared with a known issuer."""
        with pytest.raises(MissingIssuerParam, match="issuer"):
            make(authorization_response_iss_parameter_supported=True)

    @pytest.mark.parametrize("alg", ["HS256", "none", "", None, "RSA-OAEP", 5])
    def test_dpop_alg(self, alg):
        """Proofs of possession need an asymmetric algorithm."""
        with pytest.raises(InvalidDPoPAlg, match="require an asymmetric signing alg"):
            make(dpop_alg=alg)

    @pytest.mark.parametrize("alg", sorted(jwskate.SignatureAlgs.ALL_ASYMMETRIC))
    def test_dpop_algs(self, alg):
        """All of them will do."""
        assert make(dpop_alg=alg).dpop_alg == alg

    def test_decryption_key(self):
        """A decryption key names its algorithm, or the client does; a JWK is kept, a dict converted."""
        client = make(id_token_decryption_key=DECRYPTION_KEY)
        assert client.id_token_decryption_key is DECRYPTION_KEY
        assert client.id_token_encrypted_response_alg == "ECDH-ES+A128KW"
        bare = {name: value for name, value in DECRYPTION_KEY.items() if name != "alg"}
        client = make(id_token_decryption_key=bare, id_token_encrypted_response_alg="ECDH-ES")
        assert client.id_token_decryption_key == jwskate.Jwk(bare)
        assert client.id_token_encrypted_response_alg == "ECDH-ES"
        with pytest.raises(MissingIdTokenEncryptedResponseAlgParam, match="no decryption algorithm is defined"):
            make(id_token_decryption_key=bare)


class TestKeywords:
    @pytest.mark.parametrize("name", [name for name in (*METADATA, *REGISTRATION) if name not in FIELDS])
    def test_metadata_names(self, name):
        """No registered name is taken for a misspelling: it goes to `extra_metadata`."""
        assert make(**{name: "value"}).extra_metadata == {name: "value"}

    @pytest.mark.parametrize("name", sorted(FIELDS.intersection(METADATA)))
    def test_known_names(self, name):
        """The names that the client knows are those of the registry."""
        assert name in inspect.signature(OAuth2Client.__attrs_init__).parameters

    @pytest.mark.parametrize("discover", [OAuth2Client.from_discovery_document, OAuth2Client.from_discovery_endpoint])
    def test_discovery_takes_them_all(self, discover):
        """Discovery has each keyword of a client, with its type."""
        own = {"discovery", "url", "https", "found_at", "origin_policy"}
        taken = {name: p.annotation for name, p in inspect.signature(discover).parameters.items() if name not in own}
        assert taken == {name: p.annotation for name, p in inspect.signature(OAuth2Client).parameters.items()}

    def test_every_field_is_one(self):
        """Each attribute can be given, under its name."""
        public = {name for name in FIELDS if not name.startswith("_")}
        assert public <= inspect.signature(OAuth2Client).parameters.keys()

    @pytest.mark.parametrize("name", ["vendor", "x", "my.custom.member", "é", "vendor_endpoint", "audience"])
    def test_own_names(self, name):
        """Names of one's own are kept."""
        assert make(**{name: 1}).extra_metadata == {name: 1}

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("client_secert", "client_secret"),
            ("clientsecret", "client_secret"),
            ("private_jwks", "private_jwk"),
            ("private_keys", "private_key"),
            ("isuer", "issuer"),
            ("redirect_url", "redirect_uri"),
            ("jwk_uri", "jwks_uri"),
            ("revocation_endpiont", "revocation_endpoint"),
            ("introspect_endpoint", "introspection_endpoint"),
            ("user_info_endpoint", "userinfo_endpoint"),
            ("authorisation_endpoint", "authorization_endpoint"),
            ("token_classes", "token_class"),
            ("time_out", "timeout"),
            ("dpop_bound_acess_tokens", "dpop_bound_access_tokens"),
            ("code_challenge_methods", "code_challenge_method"),
        ],
    )
    def test_misspelt(self, name, meant):
        """A keyword that is nearly a known one is refused, and not kept as metadata without effect."""
        with pytest.raises(InvalidParam, match=f"Unknown keyword `{name}`: did you mean `{meant}`"):
            make(**{name: "value"})


class TestItself:
    def test_client_jwks(self):
        """The public keys to register: that of assertions, and that of ID Tokens, with their use."""
        assert make().client_jwks == jwskate.JwkSet(keys=[])
        client = OAuth2Client(URL, ("id", {**KEY, "kid": "mine"}), id_token_decryption_key=DECRYPTION_KEY)
        signing, encryption = client.client_jwks["keys"]
        assert (signing["kid"], signing["alg"], signing["use"]) == ("mine", "ES256", "sig")
        assert (encryption["kid"], encryption["alg"], encryption["use"]) == (
            DECRYPTION_KEY.thumbprint(), "ECDH-ES+A128KW", "enc",
        )  # fmt: skip
        assert client.client_jwks.is_private is False
        assert "d" not in signing
        assert "d" not in encryption

    def test_client_jwks_of_a_bare_key(self):
        """A key without `kid` and `alg` is published with those that assertions announce."""
        bare = KEY.minimize()
        client = OAuth2Client(URL, ("id", bare))
        (key,) = client.client_jwks["keys"]
        assert (key["kid"], key["alg"]) == (bare.thumbprint(), "ES256")
        assert "kid" not in client.auth.private_jwk

    def test_the_issuer_is_the_audience(self, server):
        """A client that knows its issuer addresses assertions to it; its `auth` stays what was given."""
        method = ClientSecretJwt("client_id", "client_secret")
        client = OAuth2Client(server.endpoint("token"), method, issuer=server.issuer, session=server.session())
        assert client.auth is method
        with pytest.raises(Exception, match="client_secret_jwt"):
            client.client_credentials()
        assertion = jwskate.SignedJwt(server.last("token").form["client_assertion"][0])
        assert assertion.claims["aud"] == server.issuer


class TestValues:
    CLIENTS = pytest.mark.parametrize(
        "client",
        [
            make(),
            OAuth2Client(URL, ("id", "marked-secret"), issuer="https://as.local", vendor="marked-vendor"),
            OAuth2Client(URL, ClientSecretJwt("id", "marked-secret")),
            OAuth2Client(URL, ("id", KEY), id_token_decryption_key=DECRYPTION_KEY),
        ],
    )

    @CLIENTS
    def test_repr(self, client, caplog):
        """The representation tells which client of which server it is, and holds no secret; nor does a log line."""
        text = repr(client)
        assert text.startswith("OAuth2Client(token_endpoint='https://as.local/token', auth=")
        assert "client_id='id'" in text
        assert ("issuer" in text) == (client.issuer is not None)
        logging.getLogger().warning("%r %s", client, client)
        for secret in ("marked", KEY["d"], DECRYPTION_KEY["d"]):
            assert secret not in text + str(client) + caplog.text

    def test_repr_of_urls(self):
        """A query in the URL of an endpoint may hold a secret: it is not shown."""
        assert "marked" not in repr(make(token_endpoint="https://as.local/token?key=marked"))

    @CLIENTS
    def test_frozen(self, client):
        """Nothing can be changed, added or removed."""
        for name in ("token_endpoint", "auth", "issuer", "session", "something_new"):
            with pytest.raises(FrozenInstanceError):
                setattr(client, name, None)
        with pytest.raises(FrozenInstanceError):
            del client.token_endpoint

    @CLIENTS
    def test_equality(self, client):
        """A client equals its copy, with the same session, and no other; it is hashable."""
        copied = copy.copy(client)
        assert copied == client
        assert hash(copied) == hash(client)
        assert len({client, copied}) == 1
        assert client != make(issuer="https://other.local")
        assert client != "client"

    @CLIENTS
    @pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))])
    def test_journeys(self, client, travel):
        """Copies and pickles keep all that was given, and work."""
        arrived = travel(client)
        for name in (
            *ENDPOINTS,
            "auth",
            "issuer",
            "id_token_decryption_key",
            "extra_metadata",
            "token_class",
            "timeout",
        ):
            assert getattr(arrived, name) == getattr(client, name)
        assert isinstance(arrived.session, requests.Session)
        request = requests.Request("POST", URL, data={"a": "b"}, auth=arrived.auth).prepare()
        assert "client_id=id" in request.body

    def test_journeys_of_working_clients(self, server):
        """A pickled client still authenticates."""
        with server.serve():
            client = OAuth2Client(server.endpoint("token"), ("client_id", "client_secret"))
            client.client_credentials()
            with pickle.loads(pickle.dumps(client)) as arrived:
                assert arrived.client_credentials().access_token
            client.session.close()

    def test_subclasses(self):
        """Subclasses keep their class."""

        class Mine(OAuth2Client):
            pass

        mine = Mine(URL, "id")
        assert repr(mine).startswith("Mine(")
        assert type(copy.deepcopy(mine)) is Mine
        assert mine != make(session=mine.session)

    @pytest.mark.parametrize("auth", [("id", "secret"), ("id", KEY)])
    def test_subclasses_that_attrs_decorates(self, auth):
        """A subclass under `attrs.frozen(init=False)` can be hashed and compared as well."""

        @frozen(init=False)
        class Mine(OAuth2Client):
            tenant: str = field(init=False, default="mine")

        session = requests.Session()
        mine, same = (Mine(URL, auth, session=session, id_token_decryption_key=DECRYPTION_KEY, x="y") for _ in range(2))
        assert mine == same
        assert hash(mine) == hash(same)


class TestContext:
    def test_enters_itself(self, client):
        """A client is a context manager that gives itself."""
        with client as entered:
            assert entered is client
            assert client.client_credentials()

    @pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), ValueError()])
    def test_swallows_nothing(self, error):
        """What is raised inside comes out."""
        with pytest.raises(type(error)) as caught, make():
            raise error
        assert caught.value is error

    def test_closes_the_session(self):
        """Leaving closes the session."""
        closed = []

        class Session(requests.Session):
            def close(self):
                closed.append(1)

        with make(session=Session()):
            assert not closed
        assert closed == [1]
