"""A box without screen and keyboard that calls an API in the name of its owner, who decides on their phone.

Run it with ISSUER, CLIENT_ID and API_URL in the environment.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from requests_oauth2client import (
    AccessDenied,
    ApiClient,
    DeviceAuthorizationPollingJob,
    ExpiredToken,
    OAuth2AccessTokenAuth,
    OAuth2Client,
    PollingExpired,
)

if TYPE_CHECKING:
    from requests_oauth2client.polling import BaseTokenEndpointPollingJob


def show_progress(job: BaseTokenEndpointPollingJob) -> None:
    """Tell that the box is alive: a real one would let a light blink."""
    trouble = f" ({job.last_error})" if job.last_error else ""
    print(f"waiting{trouble}", flush=True)


def main() -> int:
    """Connect the box to its owner, and call the API."""
    client = OAuth2Client.from_discovery_endpoint(issuer=os.environ["ISSUER"], client_id=os.environ["CLIENT_ID"])
    pending = client.authorize_device(scope="orders:read")
    print(f"On your phone, open {pending.verification_uri} and enter {pending.user_code}", flush=True)
    try:
        token = DeviceAuthorizationPollingJob(client, pending).wait(on_wait=show_progress)
    except AccessDenied:
        print("You said no.")
        return 1
    except (ExpiredToken, PollingExpired):
        print("That took too long: switch the box off and on again.")
        return 1
    api = ApiClient(os.environ["API_URL"], auth=OAuth2AccessTokenAuth(client, token))
    print(f"{len(api.get('orders').json())} orders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
