"""The code to use a server with: the safest that it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests_oauth2client.enums import GrantTypes

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_METHOD = "private_key_jwt"
SECRET_METHODS = {
    "client_secret_jwt": "ClientSecretJwt",
    "client_secret_basic": "ClientSecretBasic",
    "client_secret_post": "ClientSecretPost",
}
"""By which class a secret is used, the best first."""


def _list(document: Mapping[str, Any], name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(value) if isinstance(value, list) else default


def credentials(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the class, and the expression, for the best client authentication that a server offers."""
    methods = _list(document, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    if KEY_METHOD in methods:
        return "PrivateKeyJwt", 'PrivateKeyJwt("my-client-id", Path("private_key.pem").read_text())'
    for method, name in SECRET_METHODS.items():
        if method in methods:
            return name, f'{name}("my-client-id", os.environ["CLIENT_SECRET"])'
    return "PublicApp", 'PublicApp("my-client-id")'


def advised_code(document: Mapping[str, Any]) -> str:
    """Return a program that gets a token from the server of a metadata document."""
    name, expression = credentials(document)
    grants = _list(document, "grant_types_supported", ("authorization_code",))
    handler, how = "", ""
    if GrantTypes.CLIENT_CREDENTIALS.value in grants:
        handler = "OAuth2ClientCredentialsAuth"
        how = f'api = ApiClient("https://api.example", auth={handler}(client, scope="my-scope"))\n'
    elif isinstance(document.get("authorization_endpoint"), str):
        handler = "OAuth2AccessTokenAuth"
        how = (
            f'token = authorize_by_loopback(client, scope="openid")\n'
            f'api = ApiClient("https://api.example", auth={handler}(client, token))\n'
        )
    else:
        how = "# this server announces no grant that needs nothing else: see client.token_request\n"
    used = [word for word in (handler, "authorize_by_loopback") if word and word in how]
    names = ", ".join(sorted({"ApiClient", "OAuth2Client", name, *used}))
    imports = "import os\n\n" if "os.environ" in expression else ""
    imports = "from pathlib import Path\n\n" if "Path(" in expression else imports
    bound = "    dpop_bound_access_tokens=True,\n" if _list(document, "dpop_signing_alg_values_supported") else ""
    return (
        f"{imports}from requests_oauth2client import {names}\n\n"
        f"client = OAuth2Client.from_discovery_endpoint(\n"
        f"    issuer={str(document.get('issuer', 'https://as.example'))!r},\n"
        f"    auth={expression},\n{bound})\n{how}"
    )
