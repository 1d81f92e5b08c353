"""What `validate_callback` lets in, and what it refuses."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest
from attrs.exceptions import FrozenInstanceError
from furl import furl
from hypothesis import given
from hypothesis import strategies as st

from requests_oauth2client.authorization_request import AuthorizationRequest
from requests_oauth2client.authorization_response import AuthorizationResponse
from requests_oauth2client.exceptions import (
    AccountSelectionRequired,
    AuthorizationResponseError,
    ConsentRequired,
    InteractionRequired,
    InvalidAcrValuesParam,
    InvalidAuthResponse,
    LoginRequired,
    MismatchingIssuer,
    MismatchingState,
    MissingAuthCode,
    MissingIssuer,
    OAuth2Error,
    SessionSelectionRequired,
)

ISSUER = "https://as.local"
CALLBACK = "https://app.local/cb"


def made(**changes):
    options = {
        "client_id": "app", "redirect_uri": CALLBACK, "state": "the-state", "nonce": "the-nonce", "issuer": ISSUER,
        "acr_values": "gold silver", "max_age": 300, "authorization_response_iss_parameter_supported": True,
    }  # fmt: skip
    return AuthorizationRequest("https://as.local/authorize", **{**options, **changes})


REQUEST = made()
GOOD = "code=the-code&state=the-state&iss=https%3A%2F%2Fas.local"


@pytest.mark.parametrize(
    "callback",
    [
        f"{CALLBACK}?{GOOD}",
        f"{CALLBACK}?{GOOD}#",
        f"{CALLBACK}?{GOOD}#code=other&state=other",
        f"  {CALLBACK}?{GOOD}\n",
        f"?{GOOD}",
        GOOD,
        f"/cb?{GOOD}",
        f"127.0.0.1/cb?{GOOD}",
        f"localhost:8000/cb?{GOOD}",
        f"com.example.app:/cb?{GOOD}",
        f"https://app.local/cb;a=b?{GOOD}",
        f"https://elsewhere.example/?{GOOD}",
        f"{GOOD}&odd=?",
        f"odd=a?b:c/d&{GOOD}",
        GOOD.encode(),
        furl(f"{CALLBACK}?{GOOD}"),
    ],
    ids=str,
)
def test_forms_of_a_callback(callback):
    """A whole URL, a bare query string, bytes and URL objects are read alike."""
    response = REQUEST.validate_callback(callback)
    assert response.code == "the-code"
    assert response.kwargs["iss"] == ISSUER


def test_the_response_says_what_our_request_says():
    """All but the code comes from our request, the issuer included."""
    response = REQUEST.validate_callback(GOOD)
    assert response == AuthorizationResponse(
        code="the-code",
        redirect_uri=CALLBACK,
        code_verifier=REQUEST.code_verifier,
        state="the-state",
        nonce="the-nonce",
        acr_values=["gold", "silver"],
        max_age=300,
        issuer=ISSUER,
        requested_scope=("openid",),
        iss=ISSUER,
    )


@pytest.mark.parametrize(
    "name",
    [
        "redirect_uri", "code_verifier", "nonce", "acr_values", "max_age", "issuer", "dpop_key", "requested_scope", "kwargs",
        "self", "request", "__class__", "__attrs_init__", "__deepcopy__", "__reduce_ex__", "_repr_html_", "client_id",
    ],
)  # fmt: skip
def test_a_callback_never_fills_our_fields(name):
    """A parameter named as one of our fields, or as one of Python's, stays in `kwargs` and breaks nothing."""
    plain = REQUEST.validate_callback(GOOD)
    response = REQUEST.validate_callback(f"{GOOD}&{name}=evil")
    assert response.kwargs == {"iss": ISSUER, name: "evil"}
    for attribute in ("redirect_uri", "code_verifier", "state", "nonce", "acr_values", "max_age", "issuer", "dpop_key"):
        assert getattr(response, attribute) == getattr(plain, attribute)
    assert type(response) is AuthorizationResponse
    assert copy.deepcopy(response) == response
    assert pickle.loads(pickle.dumps(response)) == response


def test_extras_of_a_callback():
    """Other parameters are attributes too, those without value count as absent; what is unknown is an `AttributeError`."""
    response = REQUEST.validate_callback(f"{GOOD}&session_state=a+b%2Bc&foo=")
    assert response.session_state == "a b+c"
    assert response.kwargs == {"iss": ISSUER, "session_state": "a b+c"}
    assert not hasattr(response, "foo")
    with pytest.raises(AttributeError, match="unknown"):
        response.unknown  # noqa: B018 - reading it is the test


@pytest.mark.parametrize(
    ("callback", "error", "match"),
    [
        ("abc", InvalidAuthResponse, "Unable to parse"),
        ("", InvalidAuthResponse, "Unable to parse"),
        ("not_a_callback?", InvalidAuthResponse, "Unable to parse"),
        ("https://not.a.valid@callback/foo", InvalidAuthResponse, "Unable to parse"),
        (None, InvalidAuthResponse, "Unable to parse"),
        ({"code": "the-code", "state": "the-state"}, InvalidAuthResponse, "mapping hides"),
        (b"\xff\xfe", InvalidAuthResponse, "Unable to parse"),
        (furl(CALLBACK), MissingAuthCode, "no 'code'"),
        (f"{CALLBACK}#{GOOD}", MissingAuthCode, "whole URL"),
        ("https://u=x@app.local/", MissingAuthCode, "no 'code'"),
        ("code=&state=", MissingAuthCode, "no 'code'"),
        (f"code=other&{GOOD}", InvalidAuthResponse, "multiple 'code' query parameters in response"),
        (f"{GOOD}&code=the-code", InvalidAuthResponse, "multiple 'code' query parameters in response"),
        (f"{GOOD}&code=", InvalidAuthResponse, "multiple 'code' query parameters in response"),
        (f"{GOOD}&state=the-state", InvalidAuthResponse, "multiple 'state' query parameters in response"),
        (f"{GOOD}&st%61te=other", InvalidAuthResponse, "multiple 'state' query parameters in response"),
        (f"{GOOD}&iss=https://evil.example", InvalidAuthResponse, "multiple 'iss' query parameters in response"),
        (f"{GOOD}&error=a&error=b", InvalidAuthResponse, "multiple 'error' query parameters in response"),
        (f"{GOOD}&%0a=1&%0a=2", InvalidAuthResponse, r"multiple '\\n' query parameters in response"),
        (f"{GOOD}&x={'x' * 65536}", InvalidAuthResponse, "65536 are read at most"),
        (GOOD + "".join(f"&p{i}=" for i in range(100)), InvalidAuthResponse, "Unable to parse"),
        ("response=eyJ.eyJ.sig", InvalidAuthResponse, "JARM"),
        ("code=the-code&state=the-state", MissingIssuer, "has no 'iss'"),
        ("code=the-code&state=the-state&iss=", MissingIssuer, "has no 'iss'"),
        ("code=the-code&state=wrong", MissingIssuer, "has no 'iss'"),
        ("error=access_denied&state=the-state", MissingIssuer, "has no 'iss'"),
        (f"code=the-code&state=the-state&issuer={ISSUER}", MissingIssuer, "has no 'iss'"),
        ("code=the-code&state=wrong&iss=https://evil.example", MismatchingIssuer, "evil.example"),
        ("code=the-code&state=the-state&iss=https://as.local/", MismatchingIssuer, "mix-up"),
        ("code=the-code&state=the-state&iss=https://AS.local", MismatchingIssuer, "mix-up"),
        ("code=the-code&state=the-state&iss=https://as.local%00", MismatchingIssuer, r"\\x00"),
        ("error=access_denied&state=the-state&iss=https://evil.example", MismatchingIssuer, "mix-up"),
        (f"code=the-code&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=wrong&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=the-state+&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=the-st%C3%A9te&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=%ff&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"code=the-code&state=\udc80&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"error=access_denied&state=wrong&iss={ISSUER}", MismatchingState, "another 'state'"),
        (f"state=the-state&iss={ISSUER}", MissingAuthCode, "no 'code'"),
        (f"code=&state=the-state&iss={ISSUER}", MissingAuthCode, "no 'code'"),
        (f"code=a%0d%0ab&state=the-state&iss={ISSUER}", InvalidAuthResponse, "characters that no code has"),
        (f"code=caf%C3%A9&state=the-state&iss={ISSUER}", InvalidAuthResponse, "characters that no code has"),
        (f"code=%ff&state=the-state&iss={ISSUER}", InvalidAuthResponse, "characters that no code has"),
        (f"code=a%00&state=the-state&iss={ISSUER}", InvalidAuthResponse, "characters that no code has"),
    ],
    ids=lambda value: repr(value)[:60] if not isinstance(value, type) else value.__name__,
)
def test_hostile_callbacks(callback, error, match):
    """Each is refused by its own error, which carries the request and the text, and shows neither code nor state."""
    with pytest.raises(InvalidAuthResponse, match=match) as refused:
        REQUEST.validate_callback(callback)
    assert type(refused.value) is error
    assert refused.value.request is REQUEST
    assert isinstance(refused.value.response, str)
    assert "the-code" not in str(refused.value)
    assert "the-state" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_what_was_received_and_expected():
    """The errors about `state` and `iss` tell both values, in this order, as attributes."""
    with pytest.raises(MismatchingState) as wrong_state:
        REQUEST.validate_callback(f"code=c&state=wrong&iss={ISSUER}")
    assert (wrong_state.value.received, wrong_state.value.expected) == ("wrong", "the-state")
    with pytest.raises(MismatchingIssuer) as wrong_issuer:
        REQUEST.validate_callback("code=c&state=the-state&iss=https://evil.example")
    assert (wrong_issuer.value.received, wrong_issuer.value.expected) == ("https://evil.example", ISSUER)


@pytest.mark.parametrize(
    ("changes", "callback", "error"),
    [
        ({"state": None}, f"code=c&iss={ISSUER}", None),
        ({"state": None}, f"code=c&state=injected&iss={ISSUER}", MismatchingState),
        ({"authorization_response_iss_parameter_supported": False}, "code=c&state=the-state", None),
        (
            {"authorization_response_iss_parameter_supported": False},
            "code=c&state=the-state&iss=other",
            MismatchingIssuer,
        ),
        (
            {"authorization_response_iss_parameter_supported": False, "issuer": None},
            "code=c&state=the-state&iss=whatever",
            None,
        ),
        ({"state": "é\udc80"}, f"code=c&state=%C3%A9&iss={ISSUER}", MismatchingState),
        ({"state": "à la carte"}, f"code=c&state=%C3%A0+la+carte&iss={ISSUER}", None),
    ],
)
def test_requests_that_expect_less(changes, callback, error):
    """Without `state`, one that comes is refused; without RFC 9207, an `iss` that comes is still compared."""
    request = made(**changes)
    if error is None:
        assert request.validate_callback(callback).code == "c"
    else:
        with pytest.raises(error):
            request.validate_callback(callback)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("access_denied", AuthorizationResponseError),
        ("interaction_required", InteractionRequired),
        ("login_required", LoginRequired),
        ("account_selection_required", AccountSelectionRequired),
        ("session_selection_required", SessionSelectionRequired),
        ("consent_required", ConsentRequired),
        ("unheard_of", AuthorizationResponseError),
    ],
)
def test_errors_of_the_server(code, error):
    """An error code becomes its class, with description and URI as received; a `code` beside it is not used."""
    callback = f"error={code}&error_description=not+now%0a&error_uri=https://as.local/why&{GOOD}"
    with pytest.raises(AuthorizationResponseError) as refused:
        REQUEST.validate_callback(callback)
    assert type(refused.value) is error
    assert (refused.value.error, refused.value.description) == (code, "not now\n")
    assert refused.value.uri == "https://as.local/why"
    assert refused.value.response == callback
    assert refused.value.request is REQUEST
    assert str(refused.value).isprintable()
    assert "the-code" not in str(refused.value)


@pytest.mark.parametrize("parameter", ["error_description=no", "error_uri=https://as.local/why"])
def test_errors_without_code(parameter):
    """A description or a URI alone is an error too, never a success."""
    with pytest.raises(AuthorizationResponseError) as refused:
        REQUEST.validate_callback(f"{parameter}&{GOOD}")
    assert refused.value.error == ""


def test_own_error_classes():
    """A subclass names classes for further codes, and may make a response out of an error."""

    class Busy(AuthorizationResponseError):
        pass

    class Request(AuthorizationRequest):
        exception_classes: ClassVar = {**AuthorizationRequest.exception_classes, "busy": Busy}

    class Lenient(AuthorizationRequest):
        def on_response_error(self, response):
            return response

    options = {"client_id": "app", "state": "s"}
    with pytest.raises(Busy):
        Request("https://as.local/authorize", **options).validate_callback("error=busy&state=s")
    lenient = Lenient("https://as.local/authorize", **options)
    assert lenient.validate_callback("error=busy&state=s") == "error=busy&state=s"


def test_errors_travel():
    """An error pickles with its request, and gives the callback as a `furl`."""
    with pytest.raises(MismatchingState) as refused:
        REQUEST.validate_callback(f"{CALLBACK}?code=c&state=wrong&iss={ISSUER}")
    assert refused.value.url.args["state"] == "wrong"
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.request, again.received) == (REQUEST, "wrong")


@given(st.text())
def test_any_text(text):
    """Whatever comes back, it is a response or an error of ours, whose text cannot forge a line of a log."""
    outcome = None
    try:
        outcome = REQUEST.validate_callback(text)
    except OAuth2Error as exc:
        outcome = str(exc)
    assert isinstance(outcome, AuthorizationResponse) or outcome.isprintable()


@given(
    st.dictionaries(
        st.sampled_from(["code", "state", "iss", "error", "response", "nonce", "x"]),
        st.one_of(st.sampled_from(["the-code", "the-state", ISSUER]), st.text(max_size=20)),
    ),
    st.sampled_from(["", "?", f"{CALLBACK}?", f"{CALLBACK}#", "a=b?"]),
)
def test_any_parameters(parameters, before):
    """Whatever the parameters, a response has our state, the issuer's `iss` and a code; all else is an error of ours."""
    text = before + "&".join(f"{name}={value}" for name, value in parameters.items())
    try:
        response = REQUEST.validate_callback(text)
    except OAuth2Error:
        return
    assert (response.state, response.nonce, response.issuer) == ("the-state", "the-nonce", ISSUER)
    assert response.code.isascii()
    assert response.code


@pytest.mark.parametrize(
    ("acr_values", "expected"),
    [
        (None, None),
        ("", None),
        ([], None),
        ("1", ("1",)),
        ("1 2", ("1", "2")),
        (["1", "2"], ("1", "2")),
        (dict.fromkeys(("1", "2")).keys(), ("1", "2")),
    ],
)
def test_acr_values(acr_values, expected):
    """Authentication contexts are a tuple, or nothing."""
    assert AuthorizationResponse(code="c", acr_values=acr_values).acr_values == expected


@pytest.mark.parametrize("acr_values", [1, b"1", [1], {"1": "2"}, [None]])
def test_wrong_acr_values(acr_values):
    """Anything else than texts is refused."""
    with pytest.raises(InvalidAcrValuesParam, match=f"of type {type(acr_values).__name__}") as caught:
        AuthorizationResponse(code="c", acr_values=acr_values)
    assert caught.value.acr_values is acr_values


def test_responses_are_values():
    """A response made by hand has extras as attributes; it is frozen, hashable, and shows no secret."""
    response = AuthorizationResponse(
        code="MARK1", code_verifier="MARK2", state="MARK3", nonce="MARK4", redirect_uri=CALLBACK, foo="MARK5", _bar="x"
    )
    assert response.foo == "MARK5"
    assert response.kwargs["_bar"] == "x"
    assert not hasattr(response, "_bar")
    assert "MARK" not in repr(response)
    assert CALLBACK in repr(response)
    assert {response, copy.copy(response)} == {response}
    with pytest.raises(FrozenInstanceError):
        response.code = "other"
