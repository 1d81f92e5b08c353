"""Devices, CIBA, token exchange and assertions at the embedded server, seen by `requests` and `jwskate` alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import jwskate
import pytest

from requests_oauth2client.testing import AuthorizationServer

SECRET = "marked-secret-that-is-longer-than-32-bytes"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CIBA = "urn:openid:params:grant-type:ciba"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SAML2 = "urn:ietf:params:oauth:grant-type:saml2-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"
KEY = jwskate.Jwk.generate(alg="ES256")
IDP = jwskate.Jwk.generate(alg="ES256")
VECTORS = json.loads((Path(__file__).parent / "vectors" / "saml2-signed-assertions.json").read_text("utf-8"))[
    "assertions"
]


@pytest.fixture
def server():
    server = AuthorizationServer("https://as.local")
    server.add_client("c", client_secret=SECRET, scope="openid read", jwks=KEY)
    server.add_client("tv", public=True)
    server.add_user("alice", password="marked-password", sub="248289761001", email="alice@as.local")
    return server


@pytest.fixture
def session(server):
    return server.session()


def post(session, server, endpoint, **form):
    fields = {"client_id": "c", "client_secret": SECRET, **form}
    return session.post(server.endpoint(endpoint), data={k: v for k, v in fields.items() if v is not None})


def error(response):
    assert 400 <= response.status_code < 500
    return response.json()["error"]


def left_half(value):
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()[:16]).decode().rstrip("=")


class TestDevice:
    def start(self, session, server, **form):
        return post(session, server, "device_authorization", client_id="tv", client_secret=None, **form).json()

    def poll(self, session, server, device_code, **form):
        fields = {"client_id": "tv", "client_secret": None, "grant_type": DEVICE, "device_code": device_code, **form}
        return post(session, server, "token", **fields)

    def test_response(self, server, session):
        """A device gets its codes and is told where its user goes."""
        started = self.start(session, server)
        assert re.fullmatch("[B-Z]{4}-[B-Z]{4}", started["user_code"])
        assert started["verification_uri"] == server.endpoint("verification")
        assert started["verification_uri_complete"].endswith(f"?user_code={started['user_code']}")
        assert (started["expires_in"], started["interval"]) == (600, 5)
        server.polling_interval = None
        assert "interval" not in self.start(session, server)
        assert server.metadata["device_authorization_endpoint"] == server.endpoint("device_authorization")

    def test_pending_then_approved(self, server, session):
        """The device waits until its user approves, and gets its tokens once."""
        started = self.start(session, server, scope="openid", resource="https://api.local")
        assert error(self.poll(session, server, started["device_code"])) == "authorization_pending"
        server.approve_device(started["user_code"].lower().replace("-", " "), user="alice")
        server.clock.advance(5)
        granted = self.poll(session, server, started["device_code"]).json()
        assert granted.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
        assert server.access_tokens[granted["access_token"]].grant.sub == "248289761001"
        assert server.access_tokens[granted["access_token"]].audience == ("https://api.local",)
        assert error(self.poll(session, server, started["device_code"])) == "invalid_grant"
        with pytest.raises(LookupError):
            server.approve_device(started["user_code"], user="alice")

    def test_slow_down(self, server, session):
        """Each poll that comes too early makes the interval longer, for good."""
        code = self.start(session, server)["device_code"]
        waits = [0, 4, 9, 15, 14, 20]
        answers = []
        for wait in waits:
            server.clock.advance(wait)
            answers.append(error(self.poll(session, server, code)))
        late, early = "authorization_pending", "slow_down"
        assert answers == [late, early, early, late, early, late]
        server.enforce_polling_interval = False
        assert error(self.poll(session, server, code)) == late

    def test_decided_later(self, server, session):
        """A decision can be made in advance, to take effect after some polls."""
        server.enforce_polling_interval = False
        started = self.start(session, server)
        server.approve_device(started["user_code"], user="alice", after=2)
        statuses = [self.poll(session, server, started["device_code"]).status_code for _ in range(3)]
        assert statuses == [400, 400, 200]

    def test_refusals(self, server, session):
        """A denied, expired, unknown or foreign device code gives nothing."""
        started = self.start(session, server)
        assert (
            error(self.poll(session, server, started["device_code"], client_id="c", client_secret=SECRET))
            == "invalid_grant"
        )
        assert error(self.poll(session, server, "unknown")) == "invalid_grant"
        server.deny_device(started["user_code"])
        assert error(self.poll(session, server, started["device_code"])) == "access_denied"
        started = self.start(session, server)
        server.clock.advance(600)
        assert error(self.poll(session, server, started["device_code"])) == "expired_token"
        with pytest.raises(LookupError):
            server.deny_device(started["user_code"])
        assert error(post(session, server, "device_authorization", scope="admin")) == "invalid_scope"
        assert error(post(session, server, "device_authorization", client_secret="x")) == "invalid_client"
        server.add_client("c", client_secret=SECRET, grant_types="client_credentials")
        assert error(post(session, server, "device_authorization")) == "unauthorized_client"

    def test_page(self, server, session):
        """The user types the code, logs in, and allows or denies."""
        started = self.start(session, server)
        shown = session.get(started["verification_uri_complete"])
        assert f'value="{started["user_code"]}"' in shown.text
        form = {"user_code": started["user_code"], "username": "alice", "decision": "allow"}
        url = started["verification_uri"]
        assert "no such code" in session.post(url, data={**form, "user_code": "x", "password": "marked-password"}).text
        assert "Wrong username" in session.post(url, data={**form, "password": "wrong"}).text
        assert "go back to your device" in session.post(url, data={**form, "password": "marked-password"}).text
        assert self.poll(session, server, started["device_code"]).status_code == 200
        started = self.start(session, server)
        assert "Denied" in session.post(url, data={"user_code": started["user_code"], "decision": "deny"}).text
        assert error(self.poll(session, server, started["device_code"])) == "access_denied"


class TestCiba:
    def start(self, session, server, **form):
        return post(session, server, "backchannel_authentication", **{"scope": "openid", "login_hint": "alice", **form})

    def poll(self, session, server, auth_req_id):
        return post(session, server, "token", grant_type=CIBA, auth_req_id=auth_req_id)

    def test_poll(self, server, session):
        """The client waits until the user approves elsewhere, and gets its tokens once."""
        started = self.start(session, server, binding_message="W4SCT", acr_values="gold").json()
        assert (started["expires_in"], started["interval"]) == (120, 5)
        assert server.backchannel_requests[started["auth_req_id"]].binding_message == "W4SCT"
        assert error(self.poll(session, server, started["auth_req_id"])) == "authorization_pending"
        assert error(self.poll(session, server, started["auth_req_id"])) == "slow_down"
        server.approve_ciba(started["auth_req_id"], acr="gold")
        server.clock.advance(10)
        granted = self.poll(session, server, started["auth_req_id"]).json()
        claims = jwskate.SignedJwt(granted["id_token"]).claims
        assert (claims["sub"], claims["acr"]) == ("248289761001", "gold")
        assert error(self.poll(session, server, started["auth_req_id"])) == "invalid_grant"
        with pytest.raises(LookupError):
            server.approve_ciba(started["auth_req_id"])

    def test_refusals(self, server, session):
        """A denied, expired or unknown request gives nothing."""
        denied = self.start(session, server).json()["auth_req_id"]
        server.deny_ciba(denied, after=1)
        assert error(self.poll(session, server, denied)) == "authorization_pending"
        server.clock.advance(5)
        assert error(self.poll(session, server, denied)) == "access_denied"
        late = self.start(session, server, requested_expiry=10).json()
        assert late["expires_in"] == 10
        server.clock.advance(10)
        assert error(self.poll(session, server, late["auth_req_id"])) == "expired_token"
        with pytest.raises(LookupError):
            server.deny_ciba(late["auth_req_id"])
        assert error(self.poll(session, server, "unknown")) == "invalid_grant"

    @pytest.mark.parametrize(
        ("form", "expected"),
        [
            ({"client_secret": "wrong"}, "invalid_client"),
            ({"client_id": "tv", "client_secret": None}, "invalid_client"),
            ({"scope": None}, "invalid_request"),
            ({"scope": "read"}, "invalid_scope"),
            ({"login_hint": None}, "invalid_request"),
            ({"id_token_hint": "x"}, "invalid_request"),
            ({"login_hint": "bob"}, "unknown_user_id"),
            ({"login_hint": None, "id_token_hint": "x"}, "invalid_request"),
            ({"binding_message": "x" * 101}, "invalid_binding_message"),
            ({"requested_expiry": "0"}, "invalid_request"),
            ({"requested_expiry": "soon"}, "invalid_request"),
            ({"request": "x"}, "invalid_request_object"),
        ],
    )
    def test_bad_requests(self, server, session, form, expected):
        """Authentication requests are checked, CIBA Core §13."""
        assert error(self.start(session, server, **form)) == expected

    def test_grant_types(self, server, session):
        """A client without that grant may not start."""
        server.add_client("c", client_secret=SECRET, grant_types="client_credentials")
        assert error(self.start(session, server)) == "unauthorized_client"

    def test_hints(self, server, session):
        """The user can be named by an address, an ID Token, or a signed token of the client or of a trusted issuer."""
        server.trust_issuer("https://idp.local", IDP)
        assert self.start(session, server, login_hint="alice@as.local").status_code == 200
        id_token = server.issue_token("c", user="alice", scope="openid")["id_token"]
        server.rotate_keys()
        server.clock.advance(7200)  # an expired hint is good enough
        assert self.start(session, server, login_hint=None, id_token_hint=id_token).status_code == 200
        foreign = str(jwskate.Jwt.sign({"iss": "https://as.local", "sub": "alice"}, KEY))
        assert error(self.start(session, server, login_hint=None, id_token_hint=foreign)) == "invalid_request"
        for issuer, key in (("c", KEY), ("https://idp.local", IDP)):
            token = str(jwskate.Jwt.sign({"iss": issuer, "sub": "alice"}, key))
            assert self.start(session, server, login_hint=None, login_hint_token=token).status_code == 200
            old = str(jwskate.Jwt.sign({"iss": issuer, "sub": "alice", "exp": 1}, key))
            assert (
                error(self.start(session, server, login_hint=None, login_hint_token=old)) == "expired_login_hint_token"
            )

    def test_signed_request(self, server, session):
        """A signed request has all claims of CIBA Core §7.1.1, and works once."""
        now = int(server.clock.now())
        claims = {
            "iss": "c", "aud": "https://as.local", "exp": now + 60, "iat": now, "nbf": now, "jti": "1",
            "scope": "openid", "login_hint": "alice", "requested_expiry": 10,
        }  # fmt: skip
        signed = str(jwskate.Jwt.sign(claims, KEY))
        assert self.start(session, server, request=signed, login_hint=None).json()["expires_in"] == 10
        assert error(self.start(session, server, request=signed)) == "invalid_request_object"
        for name in ("iss", "aud", "exp", "iat", "nbf", "jti"):
            bad = {key: value for key, value in {**claims, "jti": "2"}.items() if key != name}
            refused = self.start(session, server, request=str(jwskate.Jwt.sign(bad, KEY)))
            assert error(refused) == "invalid_request_object"

    def notified(self, server, session, mode):
        notes = []
        server.notify = lambda *note: notes.append(note)
        server.add_client(
            "c", client_secret=SECRET, backchannel_token_delivery_mode=mode,
            backchannel_client_notification_endpoint="https://app.local/cb",
        )  # fmt: skip
        assert error(self.start(session, server)) == "invalid_request"
        return notes

    def test_ping(self, server, session):
        """In ping mode, the client is told that it can fetch its tokens."""
        notes = self.notified(server, session, "ping")
        for decide in (server.approve_ciba, server.deny_ciba):
            started = self.start(session, server, client_notification_token="marked-token").json()
            decide(started["auth_req_id"])
            assert notes.pop() == ("https://app.local/cb", "marked-token", {"auth_req_id": started["auth_req_id"]})
            assert self.poll(session, server, started["auth_req_id"]).status_code == (
                200 if decide == server.approve_ciba else 400
            )

    def test_push(self, server, session):
        """In push mode, the client gets its tokens with hashes that bind them together, or the error."""
        notes = self.notified(server, session, "push")
        started = self.start(session, server, client_notification_token="marked-token").json()
        assert "interval" not in started
        server.approve_ciba(started["auth_req_id"])
        assert error(self.poll(session, server, started["auth_req_id"])) == "unauthorized_client"
        _, _, content = notes.pop()
        claims = jwskate.SignedJwt(content["id_token"]).claims
        assert content["auth_req_id"] == claims["urn:openid:params:jwt:claim:auth_req_id"] == started["auth_req_id"]
        assert claims["at_hash"] == left_half(content["access_token"])
        assert claims["urn:openid:params:jwt:claim:rt_hash"] == left_half(content["refresh_token"])
        started = self.start(session, server, client_notification_token="marked-token").json()
        server.deny_ciba(started["auth_req_id"])
        assert notes.pop()[2]["error"] == "access_denied"

    def test_notification_is_posted(self, server, session):
        """Notifications are posted to the client, with its token."""
        client = AuthorizationServer("https://client.local")
        with client.serve() as url:
            server.add_client(
                "c", client_secret=SECRET, backchannel_token_delivery_mode="ping",
                backchannel_client_notification_endpoint=f"{url}/cb",
            )  # fmt: skip
            started = self.start(session, server, client_notification_token="marked-token").json()
            server.approve_ciba(started["auth_req_id"])
        [note] = client.requests
        assert (note.method, note.path, note.json()) == ("POST", "/cb", {"auth_req_id": started["auth_req_id"]})
        assert note.headers["Authorization"] == "Bearer marked-token"


class TestExchange:
    def exchange(self, session, server, token, kind="access_token", **form):
        fields = {"subject_token": token, "subject_token_type": f"{TYPE}{kind}", **form}
        return post(session, server, "token", grant_type=EXCHANGE, **fields)

    @pytest.fixture
    def subject(self, server):
        return server.issue_token("tv", user="alice", scope="openid read write")

    def test_access_token(self, server, session, subject):
        """A token of another client becomes one of this client, for the same user, with less scope."""
        granted = self.exchange(
            session, server, subject["access_token"], resource=["https://a.local", "https://b.local"]
        )
        assert granted.json()["issued_token_type"] == f"{TYPE}access_token"
        assert (granted.json()["token_type"], granted.json()["scope"]) == ("Bearer", "openid read")
        token = server.access_tokens[granted.json()["access_token"]]
        assert (token.grant.client_id, token.grant.sub, token.audience) == (
            "c",
            "248289761001",
            ("https://a.local", "https://b.local"),
        )
        assert self.exchange(session, server, subject["access_token"], scope="read").json()["scope"] == "read"
        assert error(self.exchange(session, server, subject["access_token"], scope="write")) == "invalid_scope"

    @pytest.mark.parametrize("kind", ["refresh_token", "id_token"])
    def test_other_subject_tokens(self, server, session, subject, kind):
        """Refresh and ID Tokens can be exchanged too."""
        granted = self.exchange(session, server, subject[kind], kind).json()
        assert server.access_tokens[granted["access_token"]].grant.sub == "248289761001"

    def test_jwt_of_a_trusted_issuer(self, server, session):
        """A JWT of a trusted issuer can be exchanged, whoever its subject is."""
        server.trust_issuer("https://idp.local", IDP)
        claims = {"iss": "https://idp.local", "sub": "robot", "exp": int(server.clock.now()) + 60}
        granted = self.exchange(session, server, str(jwskate.Jwt.sign(claims, IDP)), "jwt", scope="read").json()
        assert server.access_tokens[granted["access_token"]].grant.sub == "robot"
        for bad in ({"sub": None}, {"exp": 1}, {"iss": "https://other.local"}):
            token = str(jwskate.Jwt.sign({**claims, **bad}, IDP))
            assert error(self.exchange(session, server, token, "jwt")) == "invalid_request"

    def test_actor(self, server, session, subject):
        """With an actor, introspection tells who acts for whom, RFC 8693 §4.1."""
        actor = {"actor_token": server.issue_token("c")["access_token"], "actor_token_type": f"{TYPE}access_token"}
        granted = self.exchange(session, server, subject["access_token"], **actor).json()
        described = post(session, server, "introspection", token=granted["access_token"]).json()
        assert (described["sub"], described["act"]) == ("248289761001", {"sub": "c"})
        again = self.exchange(session, server, granted["access_token"], **actor).json()
        described = post(session, server, "introspection", token=again["access_token"]).json()
        assert described["act"] == {"sub": "c", "act": {"sub": "c"}}
        alone = self.exchange(session, server, subject["access_token"], actor_token_type=f"{TYPE}access_token")
        assert error(alone) == "invalid_request"

    @pytest.mark.parametrize(
        ("kind", "token_type"),
        [("access_token", "Bearer"), ("refresh_token", "N_A"), ("id_token", "N_A"), ("jwt", "N_A")],
    )
    def test_requested_types(self, server, session, subject, kind, token_type):
        """Another type of token can be requested; what is no access token is of type `N_A`."""
        granted = self.exchange(session, server, subject["access_token"], requested_token_type=f"{TYPE}{kind}").json()
        assert (granted["issued_token_type"], granted["token_type"]) == (f"{TYPE}{kind}", token_type)
        if kind == "refresh_token":
            refreshed = post(
                session, server, "token", grant_type="refresh_token", refresh_token=granted["access_token"]
            )
            assert refreshed.status_code == 200

    def test_refusals(self, server, session, subject):
        """Unknown, mislabelled and unsupported tokens are refused, RFC 8693 §2.2.2."""
        good = subject["access_token"]
        for token, kind, form in (
            ("unknown", "access_token", {}),
            (subject["refresh_token"], "access_token", {}),
            (good, "refresh_token", {}),
            (good, "id_token", {}),
            (good, "saml1", {}),
            (good, "saml2", {}),
            (good, "access_token", {"subject_token_type": None}),
            (good, "access_token", {"requested_token_type": f"{TYPE}saml2"}),
            (good, "access_token", {"actor_token": "unknown", "actor_token_type": f"{TYPE}access_token"}),
            (good, "access_token", {"actor_token": good}),
        ):
            assert error(self.exchange(session, server, token, kind, **form)) == "invalid_request"
        server.allowed_targets = set()
        assert error(self.exchange(session, server, good, resource="https://a.local")) == "invalid_target"

    def test_tokens_of_others(self, server, session):
        """Tokens that were made elsewhere can be made known."""
        server.exchangeable_tokens["your_token_value"] = "someone"
        granted = self.exchange(session, server, "your_token_value").json()
        assert server.access_tokens[granted["access_token"]].grant.sub == "someone"


DS = "http://www.w3.org/2000/09/xmldsig#"


def saml_assertion(
    key, *, sub="248289761001", method="urn:oasis:names:tc:SAML:2.0:cm:bearer", recipient="https://as.local/token",
    until="2100-01-01T00:00:00.000Z", audience="https://as.local", before="", default_namespace=False,
):  # fmt: skip
    """Sign an assertion; see the vectors for ones that another program signed."""
    until = f' NotOnOrAfter="{until}"' if until else ""
    assertion = (
        '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0">'
        f"<saml:Issuer>https://idp.local</saml:Issuer>{before}<saml:Subject><saml:NameID>{sub}</saml:NameID>"
        f'<saml:SubjectConfirmation Method="{method}"><saml:SubjectConfirmationData Recipient="{recipient}"{until}/>'
        f"</saml:SubjectConfirmation></saml:Subject><saml:Conditions><saml:AudienceRestriction>"
        f"<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions></saml:Assertion>"
    )
    digest = base64.b64encode(hashlib.sha256(canonicalize(assertion).encode()).digest()).decode()
    exclusive = 'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"'
    signed_info = (
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod {exclusive}/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/><ds:Reference URI="#_1">'
        f'<ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform {exclusive}/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    if default_namespace:
        signed_info = signed_info.replace("xmlns:ds", "xmlns").replace("ds:", "")
    value = base64.b64encode(key.sign(canonicalize(signed_info).encode(), alg="ES256")).decode()
    namespace, prefix = (f' xmlns="{DS}"', "") if default_namespace else (f' xmlns:ds="{DS}"', "ds:")
    signature = (
        f"<{prefix}Signature{namespace}>{signed_info.replace(namespace, '')}"
        f"<{prefix}SignatureValue>{value}</{prefix}SignatureValue></{prefix}Signature>"
    )
    return assertion.replace("</saml:Assertion>", f"{signature}</saml:Assertion>")


class TestSaml:
    def grant(self, session, server, text, **form):
        encoded = base64.urlsafe_b64encode(text.encode()).decode()
        return post(session, server, "token", grant_type=SAML2, **{"assertion": encoded, **form})

    @pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["alg"])
    def test_signed_elsewhere(self, server, session, vector):
        """An assertion that another program signed is verified, and gives tokens once."""
        server.trust_issuer("https://idp.local", vector["jwk"])
        granted = self.grant(session, server, vector["assertion"])
        assert server.access_tokens[granted.json()["access_token"]].grant.user.username == "alice"
        assert error(self.grant(session, server, vector["assertion"])) == "invalid_grant"
        exchanged = AuthorizationServer("https://as.local")
        exchanged.add_client("c", client_secret=SECRET)
        exchanged.trust_issuer("https://idp.local", vector["jwk"])
        encoded = base64.urlsafe_b64encode(vector["assertion"].encode()).decode().rstrip("=")
        subject = {"subject_token": encoded, "subject_token_type": f"{TYPE}saml2"}
        assert post(exchanged.session(), exchanged, "token", grant_type=EXCHANGE, **subject).status_code == 200

    @pytest.mark.parametrize(
        ("pattern", "replacement"),
        [
            ("248289761001", "248289761002"),
            ("https://idp.local", "https://other.local"),
            (r"rsa-sha256", "rsa-sha1"),
            (r"xml-exc-c14n#", "xml-c14n11"),
            (r"<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>", ""),
            (r"URI=\"#_RS256\"", 'URI=""'),
            (r"<ds:Signature .*</ds:Signature>", ""),
            (r"(<ds:Signature .*</ds:Signature>)", r"\1\1"),
            (r"<saml:Subject>", "<saml:Advice><x/></saml:Advice><saml:Subject>"),
            (r"<ds:SignatureValue>....", "<ds:SignatureValue>AAAA"),
            (r"<ds:SignatureValue>[^<]*", "<ds:SignatureValue>A"),
            (r"^", "<!DOCTYPE x>"),
            (r"^", "<x"),
            (r"saml:Assertion", "saml:Response"),
        ],
    )
    def test_tampering(self, server, session, pattern, replacement):
        """Whatever is changed in an assertion, it is refused."""
        [vector] = [vector for vector in VECTORS if vector["alg"] == "RS256"]
        server.trust_issuer("https://idp.local", vector["jwk"])
        tampered = re.sub(pattern, replacement, vector["assertion"], flags=re.DOTALL)
        assert tampered != vector["assertion"]
        assert error(self.grant(session, server, tampered)) == "invalid_grant"

    def test_borrowed_signature(self, server, session):
        """A genuine signature, hidden in the content of a forged assertion, does not help."""
        vector = VECTORS[0]
        server.trust_issuer("https://idp.local", vector["jwk"])
        genuine = re.search("<ds:SignedInfo>.*</ds:SignedInfo>", vector["assertion"])[0]
        signature = re.search("<ds:SignatureValue>.*</ds:SignatureValue>", vector["assertion"])[0]
        for namespace in (DS, "urn:other"):
            advice = f'<saml:Advice xmlns:ds="{namespace}">{genuine}</saml:Advice>'
            forged = saml_assertion(IDP, sub="248289761001", before=advice)
            forged = re.sub("<ds:SignatureValue>.*</ds:SignatureValue>", signature, forged)
            assert error(self.grant(session, server, forged)) == "invalid_grant"

    @pytest.mark.parametrize(
        ("parts", "said"),
        [
            ({}, None),
            ({"default_namespace": True}, None),
            ({"sub": " "}, "no subject"),
            ({"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"}, "not confirmed"),
            ({"recipient": "https://other.local/token"}, "recipient"),
            ({"until": "soon"}, "malformed"),
            ({"until": None}, "when it expires"),
            ({"audience": "https://other.local"}, "audience"),
        ],
    )
    def test_parts(self, server, session, parts, said):
        """Each part that RFC 7522 §3 requires is checked."""
        server.trust_issuer("https://idp.local", IDP)
        answer = self.grant(session, server, saml_assertion(IDP, **parts))
        assert (answer.status_code == 200) is (said is None)
        assert said is None or said in answer.json()["error_description"]

    def test_conditions(self, server, session):
        """An assertion for another server, by someone else, or too old is refused."""
        vector = VECTORS[0]
        assert error(self.grant(session, server, vector["assertion"])) == "invalid_grant"
        assert error(self.grant(session, server, "", assertion="é")) == "invalid_grant"
        server.trust_issuer("https://idp.local", IDP)
        assert error(self.grant(session, server, vector["assertion"])) == "invalid_grant"
        other = AuthorizationServer("https://other.local")
        other.add_client("c", client_secret=SECRET)
        for some in (server, other):
            some.trust_issuer("https://idp.local", vector["jwk"])
        refused = self.grant(other.session(), other, vector["assertion"])
        assert "audience" in refused.json()["error_description"]
        server.clock.advance(100 * 366 * 86400)
        assert "expired" in self.grant(session, server, vector["assertion"]).json()["error_description"]
        server.clock.advance(-200 * 366 * 86400)
        assert "not valid yet" in self.grant(session, server, vector["assertion"]).json()["error_description"]
