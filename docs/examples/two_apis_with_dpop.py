"""A service that calls two APIs with one token, which is of no use to a thief: it is bound to a key.

Run it with ISSUER, CLIENT_ID, CLIENT_SECRET, ORDERS_URL and STOCK_URL in the environment.
"""

from __future__ import annotations

import os

from requests_oauth2client import ApiClient, OAuth2Client, OAuth2ClientCredentialsAuth


def main() -> None:
    """Compare what is ordered with what is there."""
    client = OAuth2Client.from_discovery_endpoint(
        issuer=os.environ["ISSUER"],
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
        dpop_bound_access_tokens=True,
    )
    auth = OAuth2ClientCredentialsAuth(
        client, scope="orders:read stock:read", resource=[os.environ["ORDERS_URL"], os.environ["STOCK_URL"]]
    )
    orders_api = ApiClient(os.environ["ORDERS_URL"], auth=auth)
    stock_api = ApiClient(os.environ["STOCK_URL"], auth=auth)
    stock = stock_api.get().json()
    for order in orders_api.get().json():
        print(f"{order['item']}: {stock.get(order['item'], 0)} in stock")


if __name__ == "__main__":
    main()
