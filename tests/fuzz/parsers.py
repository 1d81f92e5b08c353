"""Drives each parser of outside text by coverage, with atheris: a value, or an error of ours; nothing else.

    python tests/fuzz/parsers.py [-max_total_time=600] [more options of libFuzzer] [corpus directory]

`python -m tox -e fuzz` runs it for ten minutes, after the properties of hypothesis with many more examples. The first byte
of an input chooses the parser, the others are its text.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["requests_oauth2client"]):
    import requests

    from requests_oauth2client import (
        ApiClient,
        AuthorizationRequest,
        AuthorizationRequestSerializer,
        BackChannelNotification,
        DPoPKeySerializer,
        OAuth2Client,
        OAuth2Error,
        TokenSerializer,
        validate_dpop_proof,
        validate_endpoint_uri,
        validate_issuer_uri,
    )
    from requests_oauth2client.evidence import printable, printable_url
    from requests_oauth2client.jwks import ServerKeys, cache_lifetime, keys_of
    from requests_oauth2client.origin_policy import place_of
    from requests_oauth2client.retries import retry_after
    from requests_oauth2client.strict_json import loads
    from requests_oauth2client.strict_jwt import JwtPolicy, parse_jwt
    from requests_oauth2client.www_authenticate import parse_www_authenticate

SECRET = "marked-secret"
REQUEST = AuthorizationRequest("https://as.local/authorize", client_id="c", issuer="https://as.local")
CLIENT = OAuth2Client("https://as.local/token", client_id="c", client_secret=SECRET, issuer="https://as.local")
API = ApiClient("https://api.local/v1/")


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def answer(data: bytes) -> requests.Response:
    """An answer with any status, type and body."""
    response = requests.Response()
    response.status_code = 200 + 100 * (data[:1] or b"\0")[0] % 400
    response.headers["Content-Type"] = ("application/json", "application/jwt", "text/html")[len(data) % 3]
    response.url = "https://as.local/x"
    response._content = data[1:]
    response.request = requests.Request("POST", response.url, data={"client_secret": SECRET}).prepare()
    return response


def api_path(data: bytes) -> None:
    url = API.to_absolute_url(text_of(data))
    prepared = requests.Request("GET", url).prepare().url or ""
    assert prepared.startswith("https://api.local/v1/"), url


def header(data: bytes) -> None:
    response = answer(b"")
    response.headers.update({"Retry-After": data.decode("latin-1"), "Cache-Control": data.decode("latin-1")})
    assert (retry_after(response) or 0) >= 0
    assert (cache_lifetime(response.headers) or 0) >= 0


def keys(data: bytes) -> None:
    held = ServerKeys({"keys": keys_of(loads(data))})
    assert held.get(None, "ES256").verify(b"data", b"signature") is False


def metadata(data: bytes) -> None:
    client = OAuth2Client.from_discovery_document(loads(data), client_id="c", client_secret=SECRET)
    assert client.token_endpoint.lower().startswith(("https://", "http://127.", "http://localhost", "http://[::1]"))


PARSERS = [
    loads,
    keys,
    metadata,
    header,
    api_path,
    lambda data: parse_www_authenticate(data.decode("latin-1")),
    lambda data: REQUEST.validate_callback(text_of(data)),
    lambda data: JwtPolicy(alg=None, client_secret=SECRET).open(data),
    lambda data: parse_jwt(text_of(data)),
    lambda data: validate_dpop_proof(data, htm="GET", htu="https://api.local/"),
    lambda data: TokenSerializer().loads(data),
    lambda data: TokenSerializer().make_instance(loads(data)),
    lambda data: DPoPKeySerializer().make_instance(loads(data)),
    lambda data: AuthorizationRequestSerializer().make_instance(loads(data)),
    lambda data: validate_endpoint_uri(text_of(data)),
    lambda data: validate_issuer_uri(text_of(data)),
    lambda data: place_of(text_of(data)),
    lambda data: BackChannelNotification("Bearer x", data).validate_ping("a", "x"),
    lambda data: CLIENT.parse_token_response(answer(data)),
    lambda data: CLIENT.on_token_error(answer(data)),
    lambda data: CLIENT.parse_introspection_response(answer(data)),
    lambda data: CLIENT.parse_userinfo_response(answer(data)),
    lambda data: CLIENT.parse_token_exchange_response(answer(data)),
    lambda data: CLIENT.parse_device_authorization_response(answer(data)),
    lambda data: CLIENT.parse_backchannel_authentication_response(answer(data)),
    lambda data: CLIENT.parse_jwks_response(answer(data)),
    lambda data: printable(text_of(data)).isprintable() or sys.exit("not printable"),
    lambda data: SECRET in printable_url(f"https://user:{SECRET}@as.local/{text_of(data)}") and sys.exit("a secret"),
]


def check(data: bytes) -> None:
    parser = PARSERS[data[0] % len(PARSERS)] if data else PARSERS[0]
    try:
        parser(data[1:])
    except OAuth2Error as exc:
        error: Exception = exc
    except ValueError as exc:
        if exc.__traceback__ is None or not raised_by_json(exc):
            raise
        return
    else:
        return
    assert SECRET not in f"{error}{error!r}"
    assert len(str(error)) < 4000


def raised_by_json(exc: ValueError) -> bool:
    """Tell whether it is what `strict_json` documents."""
    frame = exc.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.endswith(("strict_json.py", "jwks.py")):
            return True
        frame = frame.tb_next
    return False


SEEDS = [
    b'{"access_token":"at","token_type":"Bearer","expires_in":60,"scope":"a","refresh_token":"rt","id_token":"a.b.c"}',
    b'{"error":"invalid_grant","error_description":"why","error_uri":"https://as.local/"}',
    b'{"keys":[{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","use":"sig","x":"AA","y":"AA"},{"kty":"RSA","n":"AA"}]}',
    b'{"issuer":"https://as.local","token_endpoint":"https://as.local/token","jwks_uri":"https://10.0.0.1/k"}',
    b'{"device_code":"a","user_code":"b","verification_uri":"https://as.local/","expires_in":5,"interval":1}',
    b'{"auth_req_id":"a","expires_in":5,"interval":1}',
    b'{"form":"parameters","kwargs":{},"dpop_key":null,"client_id":"c","authorization_endpoint":"https://as.local/a"}',
    b'{"alg":"ES256","private_key":{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"},"jwt_typ":"dpop+jwt"}',
    b"https://app.local/cb?code=a&state=b&iss=https://as.local",
    b'DPoP error="use_dpop_nonce", algs="ES256", Bearer realm=x, Basic YTpi',
    b"eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0In0.eyJpYXQiOjEsImV4cCI6Mn0.AAAA",
    b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhHQ00ifQ.AAAA.AAAA.AAAA.AAAA",
    b"https://user@[::1]:443/a/../b?c#d",
]
"""A good value of each kind, to begin with."""


def main() -> None:
    with tempfile.TemporaryDirectory() as seeds:
        for number in range(len(PARSERS)):
            for index, seed in enumerate(SEEDS):
                (Path(seeds) / f"{number}-{index}").write_bytes(bytes([number]) + seed)
        atheris.Setup([*sys.argv, seeds], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
