"""Auth handlers whose token is in the session of the user, for Flask; they need the extra `flask`.

For logins, and for other frameworks, see `requests_oauth2client.web_session`.
"""

from __future__ import annotations

from .auth import FlaskOAuth2AccessTokenAuth, FlaskOAuth2ClientCredentialsAuth, FlaskSessionAuthMixin

__all__ = ["FlaskOAuth2AccessTokenAuth", "FlaskOAuth2ClientCredentialsAuth", "FlaskSessionAuthMixin"]
