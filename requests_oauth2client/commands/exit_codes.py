"""With which status a command ends: one for each kind of failure, so that scripts can tell them apart."""

from __future__ import annotations

from enum import IntEnum

import requests

from requests_oauth2client.exceptions import (
    AuthorizationResponseError,
    EndpointError,
    ExpiredToken,
    InvalidAuthResponse,
    InvalidBackChannelAuthenticationResponse,
    InvalidDeviceAuthorizationResponse,
    InvalidDiscoveryDocument,
    InvalidIdToken,
    InvalidJwksResponse,
    InvalidPushedAuthorizationResponse,
    InvalidTokenResponse,
    InvalidUseDPoPNonceResponse,
    LoopbackTimeout,
    PollingExpired,
    TokenStoreError,
    TransportError,
    UnknownVerificationKey,
    UntrustedEndpointOrigin,
)


class ExitCode(IntEnum):
    """Statuses; 2 is also what argparse ends with."""

    DONE = 0
    FOUND = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    UNTRUSTED = 5
    TOO_LATE = 6
    STORE = 7
    API_ERROR = 8
    BUG = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done; `inspect` and `doctor` found no problem",
    ExitCode.FOUND: "`inspect` or `doctor` found a problem",
    ExitCode.USAGE: "the command line, the environment, a profile or another file cannot be used as it is",
    ExitCode.REFUSED: "the Authorization Server, or the user, said no",
    ExitCode.UNREACHABLE: "no usable answer: no connection, a time limit, a redirect",
    ExitCode.UNTRUSTED: "an answer came that is unusable, or must not be trusted",
    ExitCode.TOO_LATE: "the user did not decide in time",
    ExitCode.STORE: "the token store did not work",
    ExitCode.API_ERROR: "the API answered `call` with a status of 400 or more",
    ExitCode.BUG: "a fault of this program; `--traceback` shows where",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}

_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (PollingExpired, ExitCode.TOO_LATE),
    (LoopbackTimeout, ExitCode.TOO_LATE),
    (ExpiredToken, ExitCode.TOO_LATE),
    (TransportError, ExitCode.UNREACHABLE),
    (EndpointError, ExitCode.REFUSED),
    (AuthorizationResponseError, ExitCode.REFUSED),
    (TokenStoreError, ExitCode.STORE),
    *(
        (error, ExitCode.UNTRUSTED)
        for error in (
            InvalidAuthResponse,
            InvalidBackChannelAuthenticationResponse,
            InvalidDeviceAuthorizationResponse,
            InvalidDiscoveryDocument,
            InvalidIdToken,
            InvalidJwksResponse,
            InvalidPushedAuthorizationResponse,
            InvalidTokenResponse,
            InvalidUseDPoPNonceResponse,
            UnknownVerificationKey,
            UntrustedEndpointOrigin,
        )
    ),
    (requests.RequestException, ExitCode.UNREACHABLE),
)


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the status for an error that ended a command: errors without a line of their own are about its input."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.USAGE)
