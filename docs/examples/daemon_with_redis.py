"""A daemon that calls an API again and again; all its copies, on all machines, share one token in Redis.

Run it with ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL and REDIS_URL in the environment; SIGTERM ends it.
It takes: pip install 'requests_oauth2client[redis]'
"""

from __future__ import annotations

import logging
import os
import signal
import threading

import redis
import requests

from requests_oauth2client import ApiClient, OAuth2Client, OAuth2ClientCredentialsAuth, OAuth2Error, log_events
from requests_oauth2client.token_stores import RedisTokenStore

logger = logging.getLogger("daemon")


def make_api() -> ApiClient:
    """Return the API, with a handler whose token is in Redis."""
    client = OAuth2Client.from_discovery_endpoint(
        issuer=os.environ["ISSUER"],
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
        on_event=log_events(logger),
    )
    store = RedisTokenStore(redis.Redis.from_url(os.environ["REDIS_URL"]))
    auth = OAuth2ClientCredentialsAuth(client, scope="orders:read", store=store)
    return ApiClient(os.environ["API_URL"], auth=auth, timeout=10)


def main() -> None:
    """Work until somebody asks to stop."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    api = make_api()
    while not stop.is_set():
        try:
            orders = api.get("orders").json()
            logger.info("%d orders", len(orders))
        except (OAuth2Error, requests.RequestException) as error:
            logger.warning("no orders this time: %s", error)
        stop.wait(float(os.environ.get("INTERVAL", "60")))
    logger.info("stopped")


if __name__ == "__main__":
    main()
