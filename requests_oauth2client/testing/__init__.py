"""An Authorization Server and protected APIs that live in this process.

Strict like real ones, and made to misbehave on demand: for tests, demonstrations and documentation. Names are loaded at
their first use, so that the pytest plugin costs nothing where it is not used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import misbehaviour as misbehaviour
    from .authorization_server import AuthorizationServer as AuthorizationServer
    from .clients import Client as Client
    from .clients import User as User
    from .clock import Clock as Clock
    from .http import Form as Form
    from .http import Refusal as Refusal
    from .http import Request as Request
    from .http import Response as Response
    from .protected_api import ProtectedApi as ProtectedApi
    from .protected_resource import Challenge as Challenge
    from .token_requests import TokenRequest as TokenRequest
    from .tokens import AccessToken as AccessToken
    from .tokens import Grant as Grant
    from .tokens import Login as Login
    from .tokens import RefreshToken as RefreshToken

_HOMES = {
    "AuthorizationServer": "authorization_server",
    "Client": "clients",
    "User": "clients",
    "Clock": "clock",
    "Form": "http",
    "Refusal": "http",
    "Request": "http",
    "Response": "http",
    "ProtectedApi": "protected_api",
    "Challenge": "protected_resource",
    "TokenRequest": "token_requests",
    "AccessToken": "tokens",
    "Grant": "tokens",
    "Login": "tokens",
    "RefreshToken": "tokens",
}

__all__ = [
    "AccessToken",
    "AuthorizationServer",
    "Challenge",
    "Client",
    "Clock",
    "Form",
    "Grant",
    "Login",
    "ProtectedApi",
    "RefreshToken",
    "Refusal",
    "Request",
    "Response",
    "TokenRequest",
    "User",
    "misbehaviour",
]


def __getattr__(name: str) -> Any:
    """Load a name at its first use."""
    if name == "misbehaviour":
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value
