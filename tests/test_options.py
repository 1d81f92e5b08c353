"""What the options of a client may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from requests_oauth2client import DPoPKey, InvalidParam, OAuth2Client, RetryPolicy, TransportError

if TYPE_CHECKING:
    from requests_oauth2client.testing import AuthorizationServer

ENDPOINT = "https://as.local/token"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("timeout", value) for value in ("10", -1, 0, True, (1, 2, 3), (1, "2"), [1, 2], float("nan"))],
        *[("deadline", value) for value in ("x", -1, 0, False, (1, 2))],
        *[("max_response_size", value) for value in (None, "1", 0, -5)],
        ("retry", 3),
        ("session", "https://as.local"),
        ("on_event", "print"),
        ("token_class", "BearerToken"),
        ("dpop_key_generator", DPoPKey.generate()),
    ],
)
def test_what_is_of_no_use(name, value):
    """It is refused when the client is made, by its name, with what to pass instead."""
    with pytest.raises(InvalidParam, match=rf"^`{name}` is .+: pass .+\.$"):
        OAuth2Client(ENDPOINT, client_id="c", **{name: value})


@pytest.mark.parametrize("value", ["marked", ("client_id", "marked"), ["marked"]])
@pytest.mark.parametrize("name", ["session", "timeout"])
def test_no_value_of_an_object_is_shown(name, value):
    """What was passed may be a secret in the wrong place: its type is shown."""
    with pytest.raises(InvalidParam) as caught:
        OAuth2Client(ENDPOINT, client_id="c", **{name: value})
    assert "marked" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("timeout", value) for value in (1, 0.5, None, (1, 2), (None, 3), float("inf"))],
        *[("deadline", value) for value in (1, None, float("inf"))],
        ("retry", RetryPolicy()),
        ("on_event", print),
        ("session", requests.Session()),
    ],
)
def test_what_is_of_use(name, value):
    """It is kept as it is."""
    assert getattr(OAuth2Client(ENDPOINT, client_id="c", **{name: value}), name) is value


@pytest.mark.parametrize("timeout", [-1, "x", 0, (1, 2, 3)])
def test_the_time_of_one_request(client: OAuth2Client, server: AuthorizationServer, timeout):
    """A time that no request can take is refused before anything is sent, however it is passed."""
    with pytest.raises(InvalidParam, match="`timeout`"):
        client.token_request({"grant_type": "client_credentials"}, timeout=timeout)
    with pytest.raises(InvalidParam, match="`timeout`"):
        client.client_credentials(requests_kwargs={"timeout": timeout})
    assert server.requests == []


@pytest.mark.parametrize("option", ["verify", "cert"])
def test_a_file_of_certificates_that_is_missing(option):
    """The error is one of ours, names the file, and tells that nothing was sent."""
    client = OAuth2Client("https://127.0.0.1:9/token", client_id="c")
    with pytest.raises(TransportError, match=r"was not sent: .*/nowhere/ca.pem") as caught:
        client.client_credentials(requests_kwargs={option: "/nowhere/ca.pem"})
    assert not caught.value.may_have_been_processed
    assert type(caught.value.__cause__) is OSError
