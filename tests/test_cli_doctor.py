"""`doctor`: what a server offers, which profiles it can meet, what is unsafe, and the code to use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jwskate import Jwk

from requests_oauth2client import ClientSecretPost, PrivateKeyJwt
from requests_oauth2client.commands.advice import advised_code, credentials
from requests_oauth2client.commands.metadata_review import PROFILES, lacking, review_metadata
from requests_oauth2client.testing import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD: dict[str, Any] = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "pushed_authorization_request_endpoint": "https://as.example/par",
    "jwks_uri": "https://as.example/jwks",
    "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "dpop_signing_alg_values_supported": ["ES256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    "request_object_signing_alg_values_supported": ["ES256"],
    "authorization_signing_alg_values_supported": ["ES256"],
}
FAPI = ["FAPI 2.0 Security Profile", "FAPI 2.0 Message Signing"]
BCP = "OAuth 2.0 Security BCP (RFC 9700)"


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {**{name: value for name, value in GOOD.items() if name not in names}, **changes}


def unmet(document: dict[str, Any]) -> list[str]:
    return [profile for profile in PROFILES if lacking(document, profile)]


def test_a_server_that_meets_all() -> None:
    """Metadata with everything meets every profile, and nothing is unsafe."""
    assert unmet(GOOD) == []
    report = review_metadata(GOOD)
    assert [finding.level for finding in report.findings] == ["good"]


@pytest.mark.parametrize(
    ("document", "profiles"),
    [
        (without("code_challenge_methods_supported"), ["OAuth 2.1 (draft)", BCP, *FAPI]),
        (without("pushed_authorization_request_endpoint"), FAPI),
        (without("dpop_signing_alg_values_supported"), FAPI),
        (without("dpop_signing_alg_values_supported", tls_client_certificate_bound_access_tokens=True), []),
        (without("authorization_response_iss_parameter_supported"), [BCP, *FAPI]),
        (without("authorization_signing_alg_values_supported"), FAPI[1:]),
        (without("request_object_signing_alg_values_supported"), FAPI[1:]),
        (without("token_endpoint_auth_methods_supported"), FAPI),
        (without(token_endpoint_auth_signing_alg_values_supported=["RS256"]), FAPI),
        (without("jwks_uri"), ["OpenID Connect"]),
        (without(id_token_signing_alg_values_supported=["ES256"]), ["OpenID Connect"]),
        (without(grant_types_supported=["authorization_code", "password"]), ["OAuth 2.1 (draft)", BCP, *FAPI]),
        (without(response_types_supported=["code", "id_token token"]), ["OAuth 2.1 (draft)", BCP]),
        (without("grant_types_supported"), ["OAuth 2.1 (draft)", BCP]),
        (without(token_endpoint="http://as.example/token"), list(PROFILES)),
    ],
)
def test_profiles(document: dict[str, Any], profiles: list[str]) -> None:
    """What a server lacks decides which profiles it cannot meet."""
    assert unmet(document) == profiles


@pytest.mark.parametrize(
    ("document", "level", "text"),
    [
        (without("issuer"), "problem", "`issuer` is missing"),
        (without(issuer="http://as.example"), "problem", "must use https"),
        (without(issuer=["x"]), "problem", "`issuer` is missing"),
        (without("token_endpoint"), "problem", "`token_endpoint` is missing"),
        (without(token_endpoint="http://as.example/token"), "problem", "`token_endpoint`: Invalid URI"),
        (without(jwks_uri="https://169.254.169.254/x"), "problem", "jwks_uri"),
        (without(jwks_uri="https://keys.example/x"), "note", "on other hosts: keys.example"),
        (without("response_types_supported"), "warning", "`response_types_supported` is missing"),
        (without("grant_types_supported"), "warning", "no list of grants means this one, too"),
        (without(grant_types_supported=["password"]), "warning", "the password grant"),
        (without("code_challenge_methods_supported"), "warning", "does not announce PKCE"),
        (without(code_challenge_methods_supported=["plain", "S256"]), "note", "`plain` PKCE"),
        (without(id_token_signing_alg_values_supported=["none"]), "warning", "has `none`"),
        (without("authorization_response_iss_parameter_supported"), "note", "does not tell its issuer"),
        (without(introspection_endpoint_auth_methods_supported=["none"]), "warning", "anyone may ask"),
        (without(request_uri_parameter_supported=True), "note", "fetches any `request_uri`"),
        (without(code_challenge_methods_supported="S256"), "warning", "does not announce PKCE"),
        ({}, "problem", "`issuer` is missing"),
    ],
)
def test_safety(document: dict[str, Any], level: str, text: str) -> None:
    """What is unsafe, or wrong, is told with its weight."""
    findings = review_metadata(document).findings
    assert any(finding.level == level and text in finding.text for finding in findings), findings


# ---------------------------------------------------------------- the code


@pytest.mark.parametrize(
    ("methods", "name"),
    [
        (["client_secret_post", "private_key_jwt"], "PrivateKeyJwt"),
        (["client_secret_post", "client_secret_basic"], "ClientSecretBasic"),
        (["client_secret_post"], "ClientSecretPost"),
        (["client_secret_jwt", "client_secret_basic"], "ClientSecretJwt"),
        (["none"], "PublicApp"),
        (None, "ClientSecretBasic"),
    ],
)
def test_credentials(methods: list[str] | None, name: str) -> None:
    """The best client authentication is advised."""
    assert credentials({"token_endpoint_auth_methods_supported": methods} if methods else {})[0] == name


@pytest.mark.parametrize(
    "methods", ["private_key_jwt", "client_secret_basic", "client_secret_post", "client_secret_jwt"]
)
def test_the_code_runs(
    methods: str,
    internet: Callable[[AuthorizationServer], AuthorizationServer],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path,
) -> None:
    """The advised code gets a token, bound to a key, and calls the API."""
    server = internet(AuthorizationServer("https://as.local"))
    server.metadata_changes = {"token_endpoint_auth_methods_supported": [methods]}
    key = Jwk.generate(alg="ES256").with_kid_thumbprint()
    server.add_client("my-client-id", client_secret="s3cret", jwks=key.public_jwk(), auth_methods=methods)
    api = server.protect("https://api.example", scope="my-scope")
    (tmp_path / "private_key.pem").write_text(str(key.to_pem()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIENT_SECRET", "s3cret")
    names: dict[str, Any] = {}
    exec(advised_code(server.metadata), names)
    assert names["api"].get().json()["scope"] == "my-scope"
    assert api.url in names["api"].get().url or names["api"].get().ok
    assert server.requests[-1].headers["Authorization"].startswith("DPoP ")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({**GOOD, "grant_types_supported": ["authorization_code"]}, "authorize_by_loopback(client"),
        ({"token_endpoint": "https://as.example/token", "grant_types_supported": ["x"]}, "client.token_request"),
        ({"issuer": "https://as.example'\n"}, r"\n"),
    ],
)
def test_other_code(document: dict[str, Any], text: str) -> None:
    """Where there are no client credentials, another way is advised; whatever the document says, it is Python."""
    code = advised_code(document)
    assert text in code
    compile(code, "advice", "exec")


# ---------------------------------------------------------------- the command


@pytest.fixture
def healthy(internet: Callable[[AuthorizationServer], AuthorizationServer]) -> AuthorizationServer:
    return internet(AuthorizationServer("https://as.local"))


def test_doctor(command, healthy: AuthorizationServer) -> None:
    """Both documents and the keys are read; features, profiles, keys and code are shown."""
    ran = command("doctor", "https://as.local")
    assert (ran.status, ran.err) == (0, "")
    for text in ("Device flow", "FAPI 2.0", "password grant", "thumbprint", "issuer='https://as.local'"):
        assert text in ran.out
    assert [request.endpoint for request in healthy.requests] == ["discovery", "discovery", "jwks"]


def test_doctor_as_json(command, healthy: AuthorizationServer) -> None:
    """`--json` says the same to scripts."""
    report = json.loads(command("doctor", "https://as.local", "--json").out)
    assert report["ok"] is True
    sections = {section["title"]: section for section in report["sections"]}
    assert sections["Features"]["values"]["PKCE"] == "S256"
    assert sections["Profiles"]["values"]["OpenID Connect"] == "yes"


def test_url_of_the_document(command, healthy: AuthorizationServer) -> None:
    """The URL of a document is taken as it is."""
    assert command("doctor", "https://as.local/.well-known/oauth-authorization-server").status == 0
    assert healthy.count("discovery") == 1


def test_another_issuer(command, healthy: AuthorizationServer) -> None:
    """A server that calls itself otherwise would be refused by clients."""
    healthy.metadata_changes = {"issuer": "https://other.local"}
    ran = command("doctor", "https://as.local")
    assert ran.status == 1
    assert "it calls itself https://other.local" in ran.out


def test_documents_that_differ(command, healthy: AuthorizationServer) -> None:
    """Two documents that say different things are told."""
    healthy.misbehave("discovery", lambda request: request.proceed().amend({"token_endpoint": "https://as.local/t"}))
    assert "its documents differ in token_endpoint" in command("doctor", "https://as.local").out


@pytest.mark.parametrize("changes", [{"jwks_uri": "https://127.0.0.1/x"}, {"jwks_uri": "https://as.local/nothing"}])
def test_keys_that_cannot_be_read(command, healthy: AuthorizationServer, changes: dict[str, str]) -> None:
    """Keys that are elsewhere, or nowhere, are a problem; nobody is asked where he should not."""
    healthy.metadata_changes = changes
    ran = command("doctor", "https://as.local")
    assert ran.status == 1
    assert "they cannot be read" in ran.out


def test_no_keys(command, healthy: AuthorizationServer) -> None:
    """A server may publish no keys."""
    healthy.metadata_changes = {"jwks_uri": None}
    assert "it publishes no keys" in command("doctor", "https://as.local").out


@pytest.mark.parametrize(
    ("issuer", "status", "text"),
    [
        ("https://as.local/nothing", 5, "status 404"),
        ("http://as.local", 2, "must use https"),
        ("as.local", 2, "Invalid URI"),
        ("http://127.0.0.1:1", 4, "could not be reached"),
    ],
)
def test_no_server(command, healthy: AuthorizationServer, issuer: str, status: int, text: str) -> None:
    """Where no metadata is, or nobody answers, is told."""
    ran = command("doctor", issuer)
    assert (ran.status, ran.out) == (status, "")
    assert text in ran.err


def test_used_classes() -> None:
    """The advised classes are ours."""
    assert PrivateKeyJwt.__name__ in advised_code(GOOD)
    assert ClientSecretPost.__name__ in advised_code({"token_endpoint_auth_methods_supported": ["client_secret_post"]})
