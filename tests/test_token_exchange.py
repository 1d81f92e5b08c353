"""Tokens for tokens: which text is sent as what, and what comes back (RFC 8693)."""

from __future__ import annotations

import base64

import pytest
from jwskate import JweCompact, Jwk, Jwt

from requests_oauth2client import (
    BearerToken,
    DPoPKey,
    IdToken,
    InvalidParam,
    InvalidRequest,
    InvalidScopeParam,
    InvalidTarget,
    InvalidTokenResponse,
    IssuedToken,
    MissingIdToken,
    MissingRefreshToken,
    OAuth2Client,
    UnknownActorTokenType,
    UnknownSubjectTokenType,
    UnknownTokenType,
)
from requests_oauth2client.exceptions import UnsupportedTokenTypeError

URN = "urn:ietf:params:oauth:token-type:"
KEY = Jwk.generate(alg="ES256")
ID_TOKEN = IdToken(str(Jwt.sign({"iss": "https://as.local", "sub": "alice"}, KEY)))
JWE = str(JweCompact.encrypt(b"x", Jwk.generate(alg="RSA-OAEP-256").public_jwk(), enc="A128GCM"))
FULL = BearerToken("at", refresh_token="rt", id_token=ID_TOKEN)
BARE = BearerToken("at")
ISSUED = IssuedToken("issued", issued_token_type=f"{URN}refresh_token")


@pytest.fixture
def exchange(server, client):
    """Exchange something against a server that accepts all, and return what was sent."""

    def send(**kwargs):
        server.misbehave("token", json={"access_token": "new", "token_type": "Bearer"})
        client.token_exchange(**kwargs)
        form = server.last("token").form
        return {name: values for name, values in form.items() if name not in ("client_id", "client_secret")}

    return send


# ---------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("token", "given", "text", "sent"),
    [
        ("text", "access_token", "text", "access_token"),
        ("text", "refresh_token", "text", "refresh_token"),
        ("text", "id_token", "text", "id_token"),
        ("text", "jwt", "text", "jwt"),
        ("text", "saml1", "text", "saml1"),
        (b"text", "saml2", "text", "saml2"),
        (FULL, None, "at", "access_token"),
        (FULL, "access_token", "at", "access_token"),
        (FULL, "refresh_token", "rt", "refresh_token"),
        (FULL, f"{URN}access_token", "at", "access_token"),
        (FULL, f"{URN}refresh_token", "rt", "refresh_token"),
        (FULL, f"{URN}id_token", str(ID_TOKEN), "id_token"),
        (FULL, "jwt", "at", "jwt"),
        (BearerToken("at", id_token=JWE), f"{URN}id_token", JWE, "id_token"),
        (ID_TOKEN, None, str(ID_TOKEN), "id_token"),
        (ID_TOKEN, "id_token", str(ID_TOKEN), "id_token"),
        (ID_TOKEN, "jwt", str(ID_TOKEN), "jwt"),
        (ISSUED, None, "issued", "refresh_token"),
        (ISSUED, "refresh_token", "issued", "refresh_token"),
    ],
)
def test_right_token_for_each_type(exchange, token, given, text, sent):
    """For each class of token and each type, the text that is of this type is sent, under the URN of the type."""
    for role in ("subject", "actor"):
        others = {"subject_token": "s", "subject_token_type": "jwt"} if role == "actor" else {}
        form = exchange(**others, **{f"{role}_token": token, f"{role}_token_type": given})
        assert form[f"{role}_token"] == [text]
        assert form[f"{role}_token_type"] == [URN + sent]


@pytest.mark.parametrize("text", ['<Assertion ID="é"/>', "\ufeff <Assertion/>", b"<Assertion/>"])
@pytest.mark.parametrize("kind", ["saml1", f"{URN}saml2"])
def test_saml_is_encoded(exchange, kind, text):
    """A SAML assertion is sent in base64url; XML is encoded as it is (RFC 8693 §3)."""
    data = text.encode() if isinstance(text, str) else text
    form = exchange(subject_token=text, subject_token_type=kind)
    assert base64.urlsafe_b64decode(form["subject_token"][0] + "==") == data
    assert "=" not in form["subject_token"][0]


@pytest.mark.parametrize("kind", ["urn:example:ticket", f"{URN}saml9", "kerberos"])
def test_other_types(exchange, kind):
    """Types that are not known here are sent as they are given."""
    form = exchange(subject_token="t", subject_token_type=kind, requested_token_type=kind)
    assert form["subject_token_type"] == form["requested_token_type"] == [kind]


def test_exact_fields(exchange):
    """What is not given is not sent; what is given is sent once; lists send several."""
    assert exchange(subject_token=BARE) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": ["at"],
        "subject_token_type": [f"{URN}access_token"],
    }
    assert exchange(
        subject_token=BARE,
        actor_token=ID_TOKEN,
        requested_token_type="jwt",
        scope=["read", "write"],
        resource=["https://one.local", "https://two.local"],
        audience=("three", "four"),
        custom="value",
        nothing=None,
    ) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": ["at"],
        "subject_token_type": [f"{URN}access_token"],
        "actor_token": [str(ID_TOKEN)],
        "actor_token_type": [f"{URN}id_token"],
        "requested_token_type": [f"{URN}jwt"],
        "scope": ["read write"],
        "resource": ["https://one.local", "https://two.local"],
        "audience": ["three", "four"],
        "custom": ["value"],
    }


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"subject_token": "t"}, UnknownSubjectTokenType, "subject_token_type"),
        ({"subject_token": None}, UnknownSubjectTokenType, "subject_token_type"),
        ({"subject_token": 42}, UnknownSubjectTokenType, "subject_token_type"),
        ({"subject_token": IssuedToken("x")}, UnknownSubjectTokenType, "subject_token_type"),
        ({"subject_token": BARE, "actor_token": "t"}, UnknownActorTokenType, "actor_token_type"),
        ({"subject_token": BARE, "actor_token_type": "jwt"}, InvalidParam, "`actor_token_type`"),
        ({"subject_token": ID_TOKEN, "subject_token_type": "access_token"}, UnknownTokenType, "IdToken"),
        ({"subject_token": ID_TOKEN, "subject_token_type": "refresh_token"}, UnknownTokenType, "IdToken"),
        ({"subject_token": FULL, "subject_token_type": "id_token"}, UnknownTokenType, "BearerToken"),
        ({"subject_token": BARE, "subject_token_type": "refresh_token"}, UnknownTokenType, "refresh_token"),
        ({"subject_token": BARE, "subject_token_type": f"{URN}refresh_token"}, MissingRefreshToken, "refresh_token"),
        ({"subject_token": BARE, "subject_token_type": f"{URN}id_token"}, MissingIdToken, "ID Token"),
        ({"subject_token": ISSUED, "subject_token_type": "access_token"}, UnknownTokenType, "IssuedToken"),
        ({"subject_token": "", "subject_token_type": "jwt"}, InvalidParam, "no token"),
        ({"subject_token": BARE, "scope": 5}, InvalidScopeParam, "scope"),
    ],
)
def test_bad_input(server, client, arguments, error, message):
    """What cannot be meant is refused before anything is sent."""
    with pytest.raises(error, match=message):
        client.token_exchange(**arguments)
    assert server.requests == []


@pytest.mark.parametrize(
    ("token_type", "token", "result"),
    [
        (None, BARE, f"{URN}access_token"),
        (None, ID_TOKEN, f"{URN}id_token"),
        ("access_token", None, f"{URN}access_token"),
        ("refresh_token", FULL, f"{URN}refresh_token"),
        ("id_token", "text", f"{URN}id_token"),
        ("saml1", object(), f"{URN}saml1"),
        ("urn:x", object(), "urn:x"),
        (None, "text", None),
        (None, None, None),
        ("id_token", BARE, None),
        ("access_token", ID_TOKEN, None),
        ("refresh_token", BARE, None),
    ],
)
def test_get_token_type(token_type, token, result):
    """The type of a token is named, guessed, or refused."""
    if result is None:
        with pytest.raises(UnknownTokenType):
            OAuth2Client.get_token_type(token_type, token)
    else:
        assert OAuth2Client.get_token_type(token_type, token) == result


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize("spelling", ["N_A", "n_a"])
def test_no_access_token(server, client, spelling):
    """What is no access token comes with the type `N_A`, and cannot be sent to an API by mistake (RFC 8693 §2.2.1)."""
    kind = f"{URN}refresh_token"
    server.misbehave("token", json={"access_token": "new", "token_type": spelling, "issued_token_type": kind})
    issued = client.token_exchange(subject_token=BARE, requested_token_type="refresh_token")
    assert isinstance(issued, IssuedToken)
    assert (str(issued), issued.issued_token_type) == ("new", kind)
    with pytest.raises(UnsupportedTokenTypeError):
        client.session.get("https://as.local/", auth=issued, timeout=1)


def test_issued_token_type(server, client):
    """What was issued can be read."""
    server.misbehave(
        "token", json={"access_token": "new", "token_type": "Bearer", "issued_token_type": f"{URN}access_token"}
    )
    token = client.token_exchange(subject_token=BARE)
    assert type(token) is BearerToken
    assert token.issued_token_type == f"{URN}access_token"


@pytest.mark.parametrize(
    "answer",
    [
        {"token_type": "N_A", "issued_token_type": f"{URN}jwt"},
        {"access_token": 5, "token_type": "N_A"},
        {"access_token": "", "token_type": "N_A"},
        {"access_token": "new", "token_type": "N_A", "expires_in": [1]},
        {"access_token": "new", "token_type": "mac"},
        {"access_token": "new", "token_type": ["N_A"]},
        [],
    ],
)
def test_unusable_answers(server, client, answer):
    """An answer that is no token is a typed error, which says why."""
    server.misbehave("token", json=answer)
    with pytest.raises(InvalidTokenResponse) as refused:
        client.token_exchange(subject_token=BARE)
    assert refused.value.description


def test_exchanges_are_token_requests(server):
    """An override of `token_request` sees exchanges as it sees all grants, and `token_request` alone can exchange."""
    seen = []

    class Own(OAuth2Client):
        def token_request(self, data, **options):
            seen.append(data["grant_type"])
            return super().token_request({**data, "audience": "api"}, **options)

    client = Own.from_discovery_document(server.metadata, auth=("client_id", "client_secret"), session=server.session())
    server.misbehave("token", json={"access_token": "new", "token_type": "N_A", "issued_token_type": f"{URN}jwt"})
    issued = client.token_exchange(subject_token=BARE, requests_kwargs={"headers": {"X-Trace": "1"}})
    assert isinstance(issued, IssuedToken)
    assert seen == ["urn:ietf:params:oauth:grant-type:token-exchange"]
    assert server.last("token").headers["X-Trace"] == "1"
    assert "audience=api" in server.last("token").body.decode()


def test_n_a_is_for_exchanges_only(server, client):
    """Another grant that answers `N_A` gave no access token: it is refused."""
    server.misbehave("token", json={"access_token": "new", "token_type": "N_A"})
    with pytest.raises(InvalidTokenResponse):
        client.client_credentials()


def test_server_cannot_set_our_members(server, client):
    """Members that are ours are not taken from the answer."""
    answer = {"access_token": "new", "token_type": "N_A", "_dpop_key": "x", "expires_in": 60}
    server.misbehave("token", json=answer)
    issued = client.token_exchange(subject_token=BARE)
    assert issued.kwargs == {}


def test_dpop(client, server):
    """The new token is bound to a key on demand; what is no access token is not."""
    key = DPoPKey.generate()
    mine = client.client_credentials()
    assert client.token_exchange(subject_token=mine, dpop_key=key).dpop_key is key
    server.misbehave("token", json={"access_token": "new", "token_type": "N_A"})
    assert isinstance(client.token_exchange(subject_token=mine, dpop=True), IssuedToken)


def test_events(server):
    """An exchange is told to the hook of the client, as every token."""
    events = []
    client = OAuth2Client.from_discovery_document(
        server.metadata, client_id="client_id", client_secret="client_secret", session=server.session(),
        on_event=events.append,
    )  # fmt: skip
    client.token_exchange(subject_token=client.client_credentials())
    assert [(event.name, event.grant_type) for event in events] == [
        ("token_obtained", "client_credentials"),
        ("token_obtained", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ]


# ---------------------------------------------------------------- with a server that checks


@pytest.fixture
def alice(server):
    """Tokens of Alice."""
    return BearerToken(**server.issue_token("client_id", user="alice", scope="openid read"))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token", f"{URN}id_token"])
def test_each_token_of_a_user(server, client, api, alice, kind):
    """Each token of a user is accepted as what it is, and gives a token for this user."""
    token = client.token_exchange(subject_token=alice, subject_token_type=kind, scope="read")
    assert client.session.get("https://api.local/", auth=token, timeout=1).json()["sub"] == "alice"


def test_actors_of_actors(server, client, alice):
    """Each exchange with an actor adds one to the chain; the latest actor is the outermost (RFC 8693 §4.1)."""
    for name in ("front", "middle", "back"):
        server.add_client(name, client_secret="client_secret")
    subject = alice
    for name in ("front", "middle"):
        service = OAuth2Client(
            "https://as.local/token", client_id=name, client_secret="client_secret", session=server.session()
        )
        subject = service.token_exchange(subject_token=subject, actor_token=service.client_credentials())
    grant = server.access_tokens[str(subject)].grant
    assert grant.claims["act"] == {"sub": "middle", "act": {"sub": "front"}}
    assert grant.sub == "alice"


def test_what_was_issued_is_exchanged_again(client, alice):
    """What is no access token is exchanged as what it is."""
    jwt = client.token_exchange(subject_token=alice, requested_token_type="id_token")
    assert isinstance(jwt, IssuedToken)
    again = client.token_exchange(subject_token=jwt, scope="read")
    assert again.issued_token_type == f"{URN}access_token"


def test_refused(server, client, alice):
    """The refusals of the server are typed errors."""
    server.allowed_targets = {"https://api.local/"}
    with pytest.raises(InvalidTarget):
        client.token_exchange(subject_token=alice, resource=["https://api.local/", "https://other.local/"])
    with pytest.raises(InvalidRequest):
        client.token_exchange(subject_token="unknown", subject_token_type="access_token")
