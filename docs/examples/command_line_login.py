"""A command that calls an API in the name of its user, who logs in with their browser the first time.

Run it with ISSUER, CLIENT_ID and API_URL in the environment. The server must know the redirect URI
http://127.0.0.1/callback, on any port. It takes: pip install 'requests_oauth2client[file]'
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import requests

from requests_oauth2client import (
    ApiClient,
    ExpiredAccessToken,
    InvalidGrant,
    NonRenewableTokenError,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    OAuth2Error,
    authorize_by_loopback,
)
from requests_oauth2client.token_stores import FileTokenStore

STATE = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "my-orders"


def orders(client: OAuth2Client) -> list[dict[str, str]]:
    """Return the orders of the user, who is asked to log in when that is needed."""
    auth = OAuth2AccessTokenAuth(client, None, store=FileTokenStore(STATE), store_key="me")
    api = ApiClient(os.environ["API_URL"], auth=auth)
    try:
        response = api.get("orders")
    except (NonRenewableTokenError, ExpiredAccessToken, InvalidGrant):  # the first time, or the session is over
        auth.token = authorize_by_loopback(client, scope="orders:read offline_access", app_name="my-orders")
        response = api.get("orders")
    found: list[dict[str, str]] = response.json()
    return found


def main() -> int:
    """Print the orders."""
    client = OAuth2Client.from_discovery_endpoint(issuer=os.environ["ISSUER"], client_id=os.environ["CLIENT_ID"])
    try:
        for order in orders(client):
            print(order["item"])
    except (OAuth2Error, requests.RequestException) as error:
        print(f"my-orders: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
