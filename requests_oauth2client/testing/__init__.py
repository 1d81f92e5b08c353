"""An Authorization Server and protected APIs that live in this process.

Strict like real ones, and made to misbehave on demand: for tests, demonstrations and documentation.
"""

from __future__ import annotations

from . import misbehaviour
from .authorization_server import AuthorizationServer
from .clients import Client, User
from .clock import Clock
from .http import Form, Refusal, Request, Response
from .protected_api import ProtectedApi
from .protected_resource import Challenge
from .token_requests import TokenRequest
from .tokens import AccessToken, Grant, Login, RefreshToken

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
