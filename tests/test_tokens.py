"""`BearerToken`: what a Token Endpoint gave."""

from __future__ import annotations

import copy
import logging
import pickle
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

import jwskate
import pytest
import requests
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_oauth2client import (
    BearerToken,
    ExpiredAccessToken,
    IdToken,
    InvalidIdToken,
    InvalidParam,
    OAuth2Error,
    UnsupportedTokenType,
)
from requests_oauth2client.exceptions import UnsupportedTokenTypeError
from requests_oauth2client.tokens import TokenResponse
from requests_oauth2client.tokens import UnsupportedTokenType as UnsupportedTokenTypeOfTokens

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
ID_TOKEN = str(jwskate.Jwt.sign({"sub": "alice"}, jwskate.Jwk.generate(alg="ES256")))
FULL = {
    "access_token": "marked-access",
    "token_type": "Bearer",
    "expires_at": NOW + timedelta(seconds=60),
    "scope": "read write",
    "refresh_token": "marked-refresh",
    "id_token": ID_TOKEN,
    "custom_attr": "marked-custom",
    "my.custom.attr": 42,
}
PLAIN = {name: value for name, value in FULL.items() if name != "id_token"}


def sent(auth, url="https://api.local/"):
    return requests.Request("GET", url, auth=auth).prepare().headers


class TestMembers:
    def test_bare(self):
        """A bare access token is enough."""
        token = BearerToken("at")
        assert token.access_token == "at"
        assert token.token_type == "Bearer"
        for name in ("expires_at", "expires_in", "scope", "refresh_token", "id_token"):
            assert getattr(token, name) is None
        assert token.kwargs == {}
        assert token.as_dict() == {"access_token": "at", "token_type": "Bearer"}

    def test_rfc6749_5_1(self, now):
        """RFC 6749 §5.1: the members of the example, the unknown one included."""
        token = BearerToken(
            access_token="2YotnFZFEjr1zCsicMWpAA",
            expires_in=3600,
            refresh_token="tGzv3JOkF0XG5Qx2TlKWIA",
            example_parameter="example_value",
            token_type="bearer",
        )
        assert token.access_token == "2YotnFZFEjr1zCsicMWpAA"
        assert token.expires_at == NOW + timedelta(hours=1)
        assert token.refresh_token == "tGzv3JOkF0XG5Qx2TlKWIA"
        assert token.token_type == "bearer"
        assert token.example_parameter == token["example_parameter"] == "example_value"

    def test_all(self, now):
        """All members are attributes and subscriptions; those without an attribute of their own are in `kwargs`."""
        token = BearerToken(**PLAIN)
        for name, value in PLAIN.items():
            assert token[name] == value
            assert getattr(token, name) == value
            assert name in token
        assert token["expires_in"] == token.expires_in == 60
        assert "expires_in" in token
        assert "expires_in" not in BearerToken("at")
        assert token.kwargs == {"custom_attr": "marked-custom", "my.custom.attr": 42}

    @pytest.mark.parametrize("value", [0, "", False, None, [], {}, 0.0])
    def test_falsy_members(self, value):
        """A falsy member is there as any other."""
        token = BearerToken("at", extra=value)
        assert token.extra is value or token.extra == value
        assert token["extra"] == value
        assert "extra" in token
        assert token.kwargs == {"extra": value}

    @pytest.mark.parametrize(
        "name", ["self", "kwargs", "replace", "is_expired", "_expiry", "__class__", "a b", "é", "1"]
    )
    def test_odd_names(self, name):
        """A member of any name is kept, and hides nothing of the token."""
        token = BearerToken(**{"access_token": "at", name: "value"})
        assert token[name] == "value"
        assert token.kwargs == {name: "value"}
        assert token.__class__ is BearerToken
        assert not token.is_expired()
        assert token.replace(scope="s")[name] == "value"
        assert pickle.loads(pickle.dumps(token)) == token

    def test_unknown(self):
        """An unknown attribute is an AttributeError, an unknown subscription a KeyError."""
        token = BearerToken("at", known=1)
        assert not hasattr(token, "unknown")
        with pytest.raises(AttributeError, match="'BearerToken' object has no attribute 'unknown'"):
            token.unknown  # noqa: B018 - reading it is the test
        with pytest.raises(KeyError, match="unknown"):
            token["unknown"]
        assert "unknown" not in token
        assert "refresh_token" not in token

    @pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", None])
    def test_token_type(self, token_type):
        """The type is compared in any case, kept as received, and is optional."""
        assert BearerToken("at", token_type=token_type).token_type == (token_type or "Bearer")

    @pytest.mark.parametrize("token_type", ["DPoP", "mac", "", "N_A", 5, ["Bearer"], {}, "Bearer\n"])
    def test_unsupported_token_type(self, token_type):
        """Another type is refused, with the type as evidence."""
        with pytest.raises(UnsupportedTokenTypeError, match="Unsupported token_type") as caught:
            BearerToken("at", token_type=token_type)
        assert caught.value.token_type == token_type
        assert isinstance(caught.value, ValueError)

    def test_names_of_the_type_error(self):
        """The old name of the error lives in `tokens`; that of the root is the revocation error."""
        assert UnsupportedTokenTypeOfTokens is UnsupportedTokenTypeError
        assert UnsupportedTokenType is not UnsupportedTokenTypeError

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("access_token", ""),
            ("access_token", None),
            ("access_token", 5),
            ("access_token", b"at"),
            ("access_token", ["at"]),
            ("access_token", "a\r\nX-Injected: 1"),
            ("access_token", "caf\u00e9"),
            ("access_token", "nul\x00"),
            ("refresh_token", ""),
            ("refresh_token", 5),
            ("refresh_token", "two\nlines"),
            ("refresh_token", {}),
            ("scope", 5),
            ("scope", {}),
            ("scope", ["read", 5]),
        ],
    )
    def test_unusable(self, member, value):
        """A member of another type, or that no header can carry, is refused; its value is not shown."""
        members = {"access_token": "at", member: value}
        with pytest.raises(InvalidParam, match=f"`{member}` of type {type(value).__name__} is unusable") as caught:
            BearerToken(**members)
        assert "Injected" not in str(caught.value)

    @pytest.mark.parametrize("scope", [["read", "write"], ("read", "write"), "read write"])
    def test_scope(self, scope):
        """Some servers list scopes; they are a text here."""
        assert BearerToken("at", scope=scope).scope == "read write"

    def test_scope_as_received(self):
        """What the server granted is kept as it said it."""
        assert BearerToken("at", scope="").scope == ""
        assert BearerToken("at", scope="a  b").scope == "a  b"


class TestIdTokens:
    def test_jwt(self):
        """A JWT becomes an `IdToken`, from text or bytes; an `IdToken` is kept."""
        for value in (ID_TOKEN, ID_TOKEN.encode(), IdToken(ID_TOKEN)):
            token = BearerToken("at", id_token=value)
            assert isinstance(token.id_token, IdToken)
            assert token.id_token.claims == {"sub": "alice"}
            assert token.id_token == ID_TOKEN
            assert token.as_dict()["id_token"] == ID_TOKEN
            assert pickle.loads(pickle.dumps(token)) == copy.deepcopy(token) == token
        id_token = IdToken(ID_TOKEN)
        assert BearerToken("at", id_token=id_token).id_token is id_token

    def test_jwe(self):
        """An encrypted ID Token stays a `JweCompact` until it is decrypted."""
        jwe = jwskate.JweCompact.encrypt(
            b"nested", jwskate.SymmetricJwk.generate(key_size=128), alg="A128KW", enc="A128GCM"
        )
        for value in (str(jwe), bytes(jwe), jwe):
            token = BearerToken("at", id_token=value)
            assert isinstance(token.id_token, jwskate.JweCompact)
            assert str(token.as_dict()["id_token"]) == str(jwe)
            assert pickle.loads(pickle.dumps(token)) == token

    @pytest.mark.parametrize("id_token", ["", "foo", "a.b.c", b"a.b", 5, {}, ["x"], "a.b.c.d.e", "é.é.é", b"\xff"])
    def test_neither(self, id_token):
        """What is neither is refused, with the value as evidence and out of the message."""
        with pytest.raises(InvalidIdToken, match="token is neither a JWT or a JWE"):
            BearerToken("at", id_token=id_token)

    def test_replace(self):
        """`replace` keeps the ID Token that was parsed."""
        token = BearerToken("at", id_token=ID_TOKEN)
        assert token.replace(scope="s").id_token is token.id_token


class TestAuth:
    def test_rfc6750_2_1(self):
        """RFC 6750 §2.1: the header of the example."""
        token = BearerToken("mF_9.B5f-4.1JqM")
        assert token.authorization_header() == "Bearer mF_9.B5f-4.1JqM"
        assert sent(token)["Authorization"] == "Bearer mF_9.B5f-4.1JqM"

    def test_received_type_changes_nothing(self):
        """The scheme is that of the class, however the server spells the type."""
        assert sent(BearerToken("at", token_type="bearer"))["Authorization"] == "Bearer at"

    def test_replaces_the_header(self):
        """There is one Authorization header."""
        request = requests.Request(
            "GET", "https://api.local/", headers={"Authorization": "Basic x"}, auth=BearerToken("at")
        )
        assert request.prepare().headers["Authorization"] == "Bearer at"

    def test_expired(self, now, api, server):
        """An expired token is not sent; the error has the token as evidence, and not in its text."""
        token = BearerToken("marked-access", expires_in=60)
        now.shift(60)
        assert sent(token)["Authorization"] == "Bearer marked-access"
        now.shift(0.5)
        with pytest.raises(ExpiredAccessToken, match="expired at 2030-01-01 00:01:00") as caught:
            server.session().get(api.url, auth=token)
        assert server.requests == []
        assert caught.value.token is token
        assert isinstance(caught.value, RuntimeError)
        assert "marked" not in str(caught.value) + repr(caught.value)

    def test_other_headers(self):
        """Subclasses choose header, scheme and type."""

        class ProxyToken(BearerToken):
            TOKEN_TYPE = "Proxy"
            AUTHORIZATION_HEADER = "Proxy-Authorization"
            AUTHORIZATION_SCHEME = "Token"

        headers = sent(ProxyToken("at", token_type="proxy"))
        assert headers["Proxy-Authorization"] == "Token at"
        assert "Authorization" not in headers
        assert ProxyToken("at").token_type == "Proxy"
        with pytest.raises(UnsupportedTokenTypeError):
            ProxyToken("at", token_type="Bearer")
        assert ProxyToken("at").replace(scope="s").__class__ is ProxyToken
        assert ProxyToken("at") != BearerToken("at", token_type="Bearer")

    def test_overridden_methods(self):
        """What subclasses say of the header and of the expiry counts at each request."""

        class Own(BearerToken):
            def authorization_header(self):
                return f'Token token="{self.access_token}"'

        class Revocable(BearerToken):
            revoked = False

            def is_expired(self, leeway=0):
                return self.revoked

        assert sent(Own("at", expires_in=60))["Authorization"] == 'Token token="at"'
        assert sent(Revocable("at", expires_in=-60))["Authorization"] == "Bearer at"
        Revocable.revoked = True
        with pytest.raises(ExpiredAccessToken):
            sent(Revocable("at"))

    def test_api(self, client, api):
        """An API accepts it."""
        token = client.client_credentials("read")
        assert client.session.get(api.url, auth=token).json()["scope"] == "read"


class TestAsText:
    def test_str(self):
        """The text of a token is the access token."""
        token = BearerToken("at", refresh_token="rt")
        assert str(token) == f"{token}" == "at"

    @pytest.mark.parametrize("encode", [urlencode, lambda data: urlencode(data, doseq=True)])
    def test_forms(self, encode):
        """Form encoders of the standard library take it for its text."""
        assert encode({"token": BearerToken("at")}) == "token=at"

    @pytest.mark.parametrize("data", [{"token": BearerToken("at")}, [("token", BearerToken("at"))]])
    def test_requests_forms(self, data):
        """So does requests, in forms and queries."""
        request = requests.Request("POST", "https://as.local/", data=data, params=data).prepare()
        assert request.body == "token=at"
        assert request.url == "https://as.local/?token=at"

    def test_repr(self, caplog):
        """The representation tells which members there are, and holds no secret; nor does a log line with it."""
        token = BearerToken(**FULL)
        for shown in (repr(token), repr([token]), repr({"token": token})):
            assert "marked" not in shown
            assert ID_TOKEN not in shown
        assert "access_token=[hidden], refresh_token=[hidden], id_token=[hidden]" in repr(token)
        assert "scope='read write'" in repr(token)
        assert "expires_at='2030-01-01 00:01:00+00:00'" in repr(token)
        assert "others=['custom_attr', 'my.custom.attr']" in repr(token)
        assert repr(BearerToken("at")) == "BearerToken(access_token=[hidden], token_type='Bearer')"
        logging.getLogger().warning("%r", token)
        assert "marked" not in caplog.text


class TestAsValue:
    def test_as_dict(self, now):
        """`as_dict` has all members with a value, `expires_in` at this moment, and the extra ones at the top."""
        now.shift(10)
        assert BearerToken(**PLAIN).as_dict() == {
            "access_token": "marked-access",
            "token_type": "Bearer",
            "expires_in": 50,
            "scope": "read write",
            "refresh_token": "marked-refresh",
            "custom_attr": "marked-custom",
            "my.custom.attr": 42,
        }
        with_date = BearerToken(**PLAIN).as_dict(with_expires_in=False)
        assert with_date == PLAIN
        assert BearerToken("at").as_dict(with_expires_in=False) == {"access_token": "at", "token_type": "Bearer"}

    def test_round_trip(self, now):
        """A token made of its own members is equal."""
        token = BearerToken(**FULL)
        assert BearerToken(**token.as_dict()) == token
        assert BearerToken(**token.as_dict(with_expires_in=False)) == token

    @pytest.mark.parametrize("name", FULL)
    def test_equality(self, name):
        """Tokens are equal when all their members are, and never to anything else."""
        other = {"token_type": "bearer", "expires_at": NOW, "id_token": None}.get(name, "other")
        assert BearerToken(**FULL) == BearerToken(**FULL)
        assert BearerToken(**FULL) != BearerToken(**{**FULL, name: other})
        assert BearerToken("at") not in ("at", None, {"access_token": "at"}, b"at", object())

    def test_hash(self):
        """Equal tokens have the same hash, unhashable members notwithstanding."""
        extras = {"authorization_details": [{"type": "x"}]}
        assert hash(BearerToken(**FULL, **extras)) == hash(BearerToken(**FULL, **extras))
        assert len({BearerToken("a"), BearerToken("a"), BearerToken("b")}) == 2

    @pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, *(
        lambda token, protocol=protocol: pickle.loads(pickle.dumps(token, protocol)) for protocol in range(2, 6)
    )])  # fmt: skip
    def test_copies(self, now, make):
        """Copies and pickles are equal, whenever they are read."""
        token = BearerToken(**FULL, expires_in=59.25)
        now.shift(3600)
        copied = make(token)
        assert copied == token
        assert copied.expires_at == token.expires_at
        assert copied.kwargs == token.kwargs
        assert str(copied.id_token) == ID_TOKEN

    def test_frozen(self):
        """Nothing of a token can be changed, but by making another one."""
        token = BearerToken(**FULL)
        for name in ("access_token", "expires_at", "scope", "custom_attr", "new"):
            with pytest.raises(FrozenInstanceError):
                setattr(token, name, "changed")
        with pytest.raises(FrozenInstanceError):
            del token.access_token
        token.kwargs["custom_attr"] = "changed"
        assert token.custom_attr == "marked-custom"
        changed = token.replace(access_token="changed", custom_attr=None)
        assert (changed.access_token, changed.custom_attr) == ("changed", None)
        assert changed.refresh_token == token.refresh_token
        assert token.access_token == "marked-access"

    def test_bases(self):
        """It is a token response, and a `requests` auth handler."""
        assert isinstance(BearerToken("at"), TokenResponse)
        assert isinstance(BearerToken("at"), requests.auth.AuthBase)
        assert BearerToken.__module__ == IdToken.__module__ == "requests_oauth2client.tokens"

    def test_access_token_jwt(self):
        """The access token can be looked into, when it is a JWT."""
        jwt = BearerToken(ID_TOKEN).access_token_jwt
        assert isinstance(jwt, jwskate.SignedJwt)
        assert jwt.claims == {"sub": "alice"}
        with pytest.raises(jwskate.InvalidJwt):
            BearerToken("at").access_token_jwt  # noqa: B018 - reading it is the test


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token", "x", "self"])


@given(st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=200)
def test_a_token_or_a_typed_error(members):
    """Whatever JSON a server gives as members, there is a token or an error of ours."""
    try:
        token = BearerToken(**{"access_token": "at", **members})
    except OAuth2Error:
        return
    assert pickle.loads(pickle.dumps(token)) == token
    assert repr(token)
    assert token.as_dict()["access_token"] == str(token)
