"""Clients of well-known vendors: their URLs and their quirks, filled in.

A vendor is one short file with a class whose `client` makes an `OAuth2Client`. Where a vendor publishes its metadata,
`OAuth2Client.from_discovery_endpoint` does nearly the same, for one request more.
"""

from __future__ import annotations

from .auth0 import Auth0
from .cognito import Cognito
from .entra import Entra
from .github import GitHub
from .google import Google
from .keycloak import Keycloak
from .okta import Okta
from .ping import Ping

__all__ = ["Auth0", "Cognito", "Entra", "GitHub", "Google", "Keycloak", "Okta", "Ping"]
