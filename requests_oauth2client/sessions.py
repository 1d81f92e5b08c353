"""A `requests` session that remembers the proxies of a host, which `requests` works out anew at every call.

For that it goes through all variables of the environment, twice, and on Windows and macOS through the settings of the
system: half of the time of a call, and as much more as the environment is larger.
"""

from __future__ import annotations

import os
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

import requests
from requests.sessions import merge_setting
from requests.utils import get_environ_proxies

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

REMEMBERED_FOR = 60.0
"""Seconds after which proxies are worked out again, whatever the variables that are watched."""

_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# in a CGI script, where there is a REQUEST_METHOD, HTTP_PROXY is a header of the client and no proxy
_WATCHED = (*_NAMES, *(name.upper() for name in _NAMES), "REQUEST_METHOD")


@lru_cache(maxsize=256)
def _proxies(origin: str, watched: tuple[str | None, ...], period: int) -> Mapping[str, str]:  # noqa: ARG001 - the cache looks at all three
    return get_environ_proxies(origin, no_proxy=None)


class ProxyRememberingSession(requests.Session):
    """A `requests.Session` that works out the proxies of a host when it first calls it, and not at every call.

    A change of `http_proxy`, `https_proxy`, `all_proxy` or `no_proxy`, in lower or upper case, counts at the next call.
    What else may change them counts within `REMEMBERED_FOR` seconds: the system settings of Windows and macOS, and
    variables in another spelling. In all else it is a `requests.Session`: CA bundles, netrc files, `trust_env` and the
    `proxies` of a session or of a call mean what they always do.
    """

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: MutableMapping[str, str] | None,
        stream: bool | None,
        verify: bool | str | None,
        cert: Any,
    ) -> Any:
        """Return the settings of one request: those of the call, else of the environment, else of the session."""
        origin = "/".join(str(url).split("/", 3)[:3])
        if proxies or proxies is None or not self.trust_env or "@" in origin:  # a cache is no place for credentials
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        merge: Any = merge_setting  # has no types
        found = _proxies(origin, tuple(map(os.environ.get, _WATCHED)), int(monotonic() / REMEMBERED_FOR))
        if verify is True or verify is None:
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
        return {
            "proxies": merge(dict(found), self.proxies),
            "stream": merge(stream, self.stream),
            "verify": merge(verify, self.verify),
            "cert": merge(cert, self.cert),
        }
