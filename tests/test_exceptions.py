"""Every error: its place in the tree, its evidence, its text, and its journeys."""

from __future__ import annotations

import copy
import inspect
import pickle
import traceback

import furl
import pytest
import requests

import requests_oauth2client
from requests_oauth2client import (
    AuthorizationResponseError,
    BearerToken,
    EndpointError,
    InvalidAuthResponse,
    InvalidGrant,
    InvalidParam,
    InvalidScopeParam,
    InvalidTokenResponse,
    OAuth2Client,
    OAuth2Error,
    TransportError,
    exceptions,
)


def answer(
    status=400,
    body=b'{"error": "marked-body"}',
    data="client_secret=marked-secret",
    url="https://as.local/token?k=marked",
):
    """A response as `requests` makes it, to a request with credentials."""
    response = requests.Response()
    response.status_code = status
    response.url = url
    response._content = body
    response.request = requests.Request(
        "POST", url, data=data, headers={"Authorization": "Basic marked-header"}
    ).prepare()
    return response


def subclasses(of):
    found = []
    for child in of.__subclasses__():
        if child.__module__ == exceptions.__name__:
            found += [child, *subclasses(child)]
    return found


CLASSES = [OAuth2Error, *(cls for cls in dict.fromkeys(subclasses(OAuth2Error)) if not cls.__name__.startswith("_"))]
EACH_CLASS = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

VALUES = {
    "response": answer(),
    "client": OAuth2Client("https://as.local/token", ("client_id", "marked-secret")),
    "error": "some_error",
    "description": "what happened",
    "uri": "https://as.local/errors",
    "token": BearerToken("marked-access"),
    "key": {"kty": "EC", "d": "marked-key"},
    "proof": b"marked-proof",
    "path": "../up",
    "bool_fields": (1, 2, 3),
    "args": ("one", "two"),
    "exc": exceptions.InvalidUri("http://as.local/", https=True, path=True),
}
FROM_THE_BROWSER = {"request": "the request", "response": "https://client.local/callback?error=x"}


def make(cls):
    """An instance, with a plausible value for each parameter."""
    values = dict(VALUES, request=answer().request)
    if issubclass(cls, (AuthorizationResponseError, InvalidAuthResponse)):
        values |= FROM_THE_BROWSER
    positional, keywords = [], {}
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        number = parameter.annotation in {"int", "float"}
        value = values.get(name, 5.5 if number else f"some {name}")
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += value
        elif parameter.kind is parameter.KEYWORD_ONLY:
            keywords[name] = value
        elif parameter.kind is not parameter.VAR_KEYWORD:
            positional.append(value)
    return cls(*positional, **keywords)


# the bases of each class that code written for earlier versions may catch it by
BASES = {
    "EndpointError": ("OAuth2Error",),
    **dict.fromkeys(
        "TokenEndpointError ServerError AccessDenied UnauthorizedClient UnknownTokenEndpointError RevocationError "
        "IntrospectionError DeviceAuthorizationError BackChannelAuthenticationError UserInfoError".split(),
        ("EndpointError",),
    ),
    **dict.fromkeys(
        "InvalidRequest InvalidClient InvalidScope InvalidTarget InvalidGrant UseDPoPNonce AuthorizationPending SlowDown "
        "ExpiredToken".split(),
        ("TokenEndpointError",),
    ),
    "UnsupportedTokenType": ("RevocationError",),
    **dict.fromkeys(
        "InvalidTokenResponse UnknownIntrospectionError InvalidDeviceAuthorizationResponse AuthorizationResponseError "
        "InvalidBackChannelAuthenticationResponse InvalidPushedAuthorizationResponse NonRenewableTokenError "
        "InvalidUseDPoPNonceResponse".split(),
        ("OAuth2Error",),
    ),
    "InteractionRequired": ("AuthorizationResponseError",),
    **dict.fromkeys(
        "LoginRequired AccountSelectionRequired SessionSelectionRequired ConsentRequired".split(),
        ("InteractionRequired",),
    ),
    **dict.fromkeys(
        "InvalidAuthResponse InvalidParam InvalidIdToken InvalidUri MissingRefreshToken MissingDeviceCode MissingAuthRequestId "
        "InvalidDiscoveryDocument MissingIssuerParam InvalidMaxAgeParam UnsupportedResponseTypeParam InvalidCodeVerifierParam "
        "UnsupportedCodeChallengeMethod InvalidClientAssertionSigningKeyOrAlg InvalidBoolFieldsParam InvalidDPoPAccessToken "
        "InvalidDPoPKey InvalidDPoPAlg InvalidDPoPProof UnsupportedTokenTypeError".split(),
        ("OAuth2Error", ValueError),
    ),
    **dict.fromkeys(
        "MissingAuthCode MissingIssuer MismatchingState MismatchingIssuer".split(), ("InvalidAuthResponse",)
    ),
    **dict.fromkeys(
        "InvalidEndpointUri InvalidScopeParam InvalidAcrValuesParam InvalidBackchannelAuthenticationRequestHintParam "
        "MissingIdTokenEncryptedResponseAlgParam".split(),
        ("InvalidParam",),
    ),
    "InvalidIssuer": ("InvalidEndpointUri",),
    "UnknownTokenType": ("InvalidParam", TypeError),
    **dict.fromkeys("UnknownSubjectTokenType UnknownActorTokenType".split(), ("UnknownTokenType",)),
    **dict.fromkeys(
        "MissingIdToken MismatchingIdTokenIssuer MismatchingIdTokenNonce MismatchingIdTokenAcr MismatchingIdTokenAudience "
        "MismatchingIdTokenAzp MismatchingIdTokenAlg ExpiredIdToken UnsupportedIdTokenAlg".split(),
        ("InvalidIdToken",),
    ),
    **dict.fromkeys("MissingDPoPNonce RepeatedDPoPNonce".split(), ("InvalidUseDPoPNonceResponse",)),
    "MissingEndpointUri": ("OAuth2Error", AttributeError),
    "UnsupportedClientCredentials": ("OAuth2Error", TypeError, ValueError),
    "InvalidRequestForClientAuthentication": ("OAuth2Error", RuntimeError),
    "InvalidPathParam": ("OAuth2Error", TypeError, ValueError),
    "ExpiredAccessToken": ("OAuth2Error", RuntimeError),
    "TransportError": ("OAuth2Error",),
    "ConnectionFailed": ["TransportError", requests.ConnectionError],
    "RequestTimeout": ["TransportError", requests.Timeout],
    "ResponseTooLarge": ("TransportError",),
    "UnexpectedRedirect": ("TransportError",),
}


@pytest.mark.parametrize(("name", "bases"), BASES.items())
def test_bases(name, bases):
    """Code written for earlier versions catches each error by these classes."""
    for base in bases:
        assert issubclass(getattr(exceptions, name), getattr(exceptions, base) if isinstance(base, str) else base)


def test_userinfo_errors_are_http_errors():
    """Failures of the UserInfo Endpoint were `requests.HTTPError` before."""
    assert issubclass(exceptions.UserInfoError, requests.HTTPError)


@EACH_CLASS
def test_text(cls):
    """Each error says something, in sentences, and nothing that is secret."""
    error = make(cls)
    assert len(str(error)) > 10 or cls is OAuth2Error or error.args == ("one two",)
    assert str(error) == " ".join(map(str, error.args))
    for text in (str(error), repr(error), "".join(traceback.format_exception(error))):
        assert "marked" not in text


@EACH_CLASS
def test_documented(cls):
    """Each error has a docstring of its own."""
    assert cls.__doc__
    assert all(cls.__doc__ != base.__doc__ for base in cls.__bases__)


@EACH_CLASS
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, 0, pickle.HIGHEST_PROTOCOL])
def test_journeys(cls, travel):
    """Each error pickles and copies, with all its evidence; client and credentials of the request stay behind."""
    error = make(cls)
    error.__cause__ = ValueError("cause")
    arrived = travel(error) if callable(travel) else pickle.loads(pickle.dumps(error, travel))
    assert type(arrived) is cls
    assert str(arrived) == str(error)
    assert arrived.args == error.args
    assert vars(arrived).keys() == vars(error).keys()
    assert arrived.client is None
    for name, value in vars(error).items():
        there = getattr(arrived, name)
        if isinstance(value, requests.Response):
            assert (there.status_code, there.content, there.url) == (value.status_code, value.content, value.url)
            assert there.request.body is None
            assert "Authorization" not in there.request.headers
        elif isinstance(value, requests.PreparedRequest):
            assert (there.method, there.url, there.body) == (value.method, value.url, None)
        elif name != "client":
            assert there == value or str(there) == str(value)
    if isinstance(error.response, requests.Response):
        assert error.response.request.headers["Authorization"] == "Basic marked-header"


def test_pickles_hold_no_credential():
    """What the request carried, and the client, are not in a pickle."""
    error = InvalidGrant(answer(body=b"{}", url="https://as.local/token"), VALUES["client"], "invalid_grant")
    assert error.client is VALUES["client"]
    assert b"marked" not in pickle.dumps(error)


@pytest.mark.parametrize("evidence", [(x for x in "ab"), lambda: None, inspect])
def test_evidence_that_cannot_travel(evidence):
    """Evidence that does not pickle is replaced by the name of its type; the error travels."""
    arrived = pickle.loads(pickle.dumps(InvalidScopeParam(evidence)))
    assert arrived.scope == f"<{type(evidence).__name__}>"


class TestEndpointErrors:
    def test_evidence(self):
        """What the server said is in the attributes as it said it, and in the text."""
        response = answer(data="grant_type=x")
        error = InvalidGrant(response, None, "invalid_grant", "It is\nwrong", "https://as.local/errors")
        assert error.response is response
        assert error.request is response.request
        assert (error.error, error.description, error.uri) == (
            "invalid_grant",
            "It is\nwrong",
            "https://as.local/errors",
        )
        assert error.client is None
        assert str(error) == (
            "https://as.local/token answered 400 with error 'invalid_grant' (It is\\nwrong). "
            "It cannot be used again: get a new authorization from the user, or a new assertion."
        )

    def test_keywords(self):
        """All arguments can be keywords."""
        error = EndpointError(response=answer(), client=1, error="e", description="d", uri="u")
        assert (error.client, error.error, error.description, error.uri) == (1, "e", "d", "u")

    def test_no_description(self):
        """Without a description, the error code is still there."""
        assert "with error 'some_code' (no description provided)" in str(EndpointError(answer(), None, "some_code"))

    @pytest.mark.parametrize("cls", [cls for cls in CLASSES if issubclass(cls, EndpointError)])
    def test_hints(self, cls):
        """Each tells what to do next."""
        assert str(make(cls)).endswith(cls.hint)
        assert cls.hint[0].isupper()
        assert cls.hint.endswith(".")

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("x" * 600, "x" * 500 + "…"),
            ("your secret marked-secret is wrong", "your secret [redacted] is wrong"),
            ("your header marked-header is wrong", "your header [redacted] is wrong"),
            ("\x1b[2J", "\\x1b[2J"),
        ],
    )
    @pytest.mark.parametrize("member", ["error", "description"])
    def test_texts_of_the_server(self, member, said, shown):
        """What the server says is cut, escaped, and rid of what the request carried."""
        text = str(EndpointError(answer(), None, **{"error": "e", member: said}))
        assert shown in text
        assert said not in text

    def test_without_response(self):
        """An error need not come with a response."""
        error = EndpointError(None, None, "access_denied")
        assert (error.response, error.request) == (None, None)
        assert "'access_denied'" in str(error)

    def test_old_base_class(self):
        """`OAuth2Error` itself can be raised with a response and a client, as ever."""
        response = answer()
        error = OAuth2Error(response, "client", "description")
        assert (error.response, error.client, error.description, error.request) == (
            response, "client", "description", response.request,
        )  # fmt: skip
        assert "description" in str(error)
        assert OAuth2Error().response is None


class TestOtherErrors:
    def test_unusable_response(self):
        """An unusable answer is described: which endpoint, which status, why."""
        error = InvalidTokenResponse(answer(200), description="no marked-secret here")
        assert str(error).startswith(
            "https://as.local/token answered 200 with an unusable token response: no [redacted] here. "
        )
        assert error.description == "no marked-secret here"

    @pytest.mark.parametrize("sent", [True, False])
    def test_may_have_been_processed(self, sent):
        """Transport errors tell whether the server may have acted; it may, when nobody knows better."""
        assert TransportError("x", may_have_been_processed=sent).may_have_been_processed is sent
        assert TransportError("x").may_have_been_processed is True

    @pytest.mark.parametrize("cls", [AuthorizationResponseError, InvalidAuthResponse])
    def test_url_of_the_callback(self, cls):
        """Errors of callbacks give the callback as text, and parsed when it can be."""
        error = make(cls)
        assert (error.request, error.response) == ("the request", FROM_THE_BROWSER["response"])
        assert isinstance(error.url, furl.furl)
        assert error.url.args["error"] == "x"
        error.response = "https://[broken/"
        assert error.url is None

    @pytest.mark.parametrize("name", ["MismatchingState", "MismatchingIssuer"])
    def test_received_and_expected(self, name):
        """What was received comes first, what was expected second."""
        error = getattr(exceptions, name)("received", "expected", "request", "response")
        assert (error.received, error.expected) == ("received", "expected")

    @pytest.mark.parametrize(
        ("name", "received", "expected"),
        [
            ("MismatchingIdTokenIssuer", "iss", "expected"),
            ("MismatchingIdTokenNonce", "nonce", "expected"),
            ("MismatchingIdTokenAcr", "acr", "expected"),
            ("MismatchingIdTokenAudience", "audiences", "client_id"),
            ("MismatchingIdTokenAzp", "azp", "client_id"),
            ("MismatchingIdTokenAlg", "token_alg", "client_alg"),
        ],
    )
    def test_claims_by_keyword(self, name, received, expected):
        """Errors about a claim take it by its own name (contract, §4.4), and give it as `received`."""
        error = getattr(exceptions, name)(**{received: 1, expected: 2}, token="token", id_token="id_token")
        assert (error.received, error.expected, error.token_resp, error.id_token) == (1, 2, "token", "id_token")

    def test_state_is_not_shown(self):
        """States are secrets of the session of the user."""
        assert "marked" not in str(exceptions.MismatchingState("marked-1", "marked-2", "request", "response"))
        assert "marked" not in str(exceptions.MismatchingIdTokenNonce("marked-1", "marked-2"))

    @pytest.mark.parametrize("timeout", [None, 5])
    def test_polling_expired(self, timeout):
        """Waiting ends with the code, or with the patience of the program."""
        assert ("5 seconds" in str(exceptions.PollingExpired(timeout))) is (timeout == 5)

    def test_param(self):
        """`InvalidParam` takes any arguments."""
        assert str(InvalidParam("a", 1)) == "a 1"

    @pytest.mark.parametrize(
        ("error", "attributes"),
        [
            (exceptions.InvalidEndpointUri("token_endpoint", "u", "e"), {"endpoint": "token_endpoint", "uri": "u"}),
            (exceptions.InvalidScopeParam(5), {"scope": 5}),
            (exceptions.InvalidAcrValuesParam(5), {"acr_values": 5}),
            (exceptions.UnknownTokenType("m", "t", "tt"), {"token": "t", "token_type": "tt"}),
            (exceptions.UnknownActorTokenType("t", "tt"), {"token": "t", "token_type": "tt"}),
            (exceptions.MissingRefreshToken("t"), {"token": "t"}),
            (exceptions.MissingDeviceCode("dar"), {"device_authorization_response": "dar"}),
            (exceptions.MissingAuthRequestId("bcar"), {"backchannel_authentication_response": "bcar"}),
            (exceptions.InvalidDiscoveryDocument("m", {}), {"discovery_document": {}}),
            (exceptions.InvalidCodeVerifierParam("v"), {"code_verifier": "v"}),
            (exceptions.InvalidClientAssertionSigningKeyOrAlg("FOO"), {"alg": "FOO"}),
            (exceptions.InvalidBoolFieldsParam(5), {"value": 5}),
            (exceptions.InvalidPathParam("../x"), {"url": "../x"}),
            (exceptions.UnsupportedTokenTypeError("mac"), {"token_type": "mac"}),
            (exceptions.InvalidDPoPProof(b"p", "m"), {"proof": b"p"}),
            (exceptions.UnsupportedIdTokenAlg("t", "i", "FOO"), {"alg": "FOO", "id_token": "i", "token_resp": "t"}),
        ],
    )
    def test_attributes(self, error, attributes):
        """The evidence of each error is in attributes."""
        assert {name: getattr(error, name) for name in attributes} == attributes


def test_every_error_is_exported_or_documented_elsewhere():
    """The errors of the contract come from the root; the others from `exceptions`."""
    for cls in CLASSES:
        exported = getattr(requests_oauth2client, cls.__name__, cls)
        assert exported is cls
