"""Where the endpoints may be that a metadata document names (RFC 8414 §6.2, RFC 9728 §7.7).

Whoever writes such a document chooses where this program sends its credentials, and which addresses of its own network
it calls (server-side request forgery). So a server on the internet names servers on the internet: not this machine, not
its neighbours, not the metadata service of its cloud. Names are judged as they are written, without looking them up:
behind a name that leads to such a place all the same there is no certificate for it, and https is demanded.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from attrs import field, frozen

from .exceptions import InvalidParam, UntrustedEndpointOrigin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Place = Literal["public", "private", "link-local", "loopback"]

_LEGACY_IPV4 = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}")
_PRIVATE_NAMES = (
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".localdomain",
    ".home.arpa",
)
_NAT64 = int(IPv6Address("64:ff9b::")) >> 32
_DEFAULT_PORTS = {"http": 80, "https": 443}


def place_of(host: str) -> Place:
    """Tell in which network `host` is: by its address, or by the ending of its name (RFC 6761 §6.3, RFC 6762 §G)."""
    name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")
    address = _address(name)
    if address is not None:
        return _place_of_address(address)
    if name == "localhost" or name.endswith(".localhost"):
        return "loopback"
    # without a dot, or with a zone: names of the local network
    return "private" if "." not in name or "%" in name or name.endswith(_PRIVATE_NAMES) else "public"


def _address(name: str) -> IPv4Address | IPv6Address | None:
    """Return an address in any notation that a resolver takes: `127.1` and `0x7f000001` are loopback, too."""
    if _LEGACY_IPV4.fullmatch(name):
        try:
            return IPv4Address(socket.inet_aton(name))
        except OSError:
            return None
    try:
        return ip_address(name)
    except ValueError:
        return None


def _place_of_address(address: IPv4Address | IPv6Address) -> Place:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _translated(address)
        if inner is not None:
            return _place_of_address(inner)
    if address.is_loopback or address.is_unspecified:  # 0.0.0.0 leads to this machine
        return "loopback"
    if address.is_link_local:
        return "link-local"
    return "public" if address.is_global and not address.is_multicast else "private"


def _translated(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address in one of NAT64 (RFC 6052 §2.1), or in an IPv4-compatible one (RFC 4291 §2.5.5.1)."""
    prefix, rest = divmod(int(address), 2**32)
    return IPv4Address(rest) if prefix == _NAT64 or (prefix == 0 and rest > 1) else None


def _authority(url: str) -> str:
    """Return host and port of an http(s) URL."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _hosts(hosts: Iterable[str]) -> frozenset[str]:
    given: tuple[Any, ...] = () if isinstance(hosts, str) else tuple(hosts)
    if isinstance(hosts, str) or not all(isinstance(host, str) and host and "/" not in host for host in given):
        msg = "`hosts` is a list of host names, such as ['oauth2.example.com', 'keys.internal:8443']."
        raise InvalidParam(msg)
    return frozenset(host.lower() for host in given)


@frozen
class OriginPolicy:
    """Where the endpoints may be that a metadata document names; pass it as `origin_policy=` to discovery.

    By default, the endpoints of a public server may be on any public host: those of Google are not where its issuer is.
    Endpoints on this machine, in its private networks or at a link-local address are only for a server that the caller
    found in the same kind of place: by the issuer, or by the URL of the document. An endpoint that the caller passes as
    a keyword is not judged.

    Attributes:
        hosts: hosts, with a port where it is not the default one, that are allowed wherever they are.
        only_hosts_of_issuer_or_listed: allow nothing but the host and port of the issuer, and `hosts`.
        let_public_servers_name_private_endpoints: believe any document, wherever its endpoints are.

    """

    hosts: frozenset[str] = field(default=frozenset(), converter=_hosts, kw_only=True)
    only_hosts_of_issuer_or_listed: bool = field(default=False, kw_only=True)
    let_public_servers_name_private_endpoints: bool = field(default=False, kw_only=True)

    def check(self, endpoints: Mapping[str, str], trusted: Iterable[str | None]) -> None:
        """Refuse endpoints that are where they should not be.

        Args:
            endpoints: URLs, by the names of their endpoints; URLs that cannot be read are judged elsewhere.
            trusted: URLs that tell where the server is, according to the caller.

        Raises:
            UntrustedEndpointOrigin: for the first of them.

        """
        anchors = [url for url in trusted if url]
        # saves 15 µs for what nearly every document looks like: all of it at the issuer
        beside = tuple(f"{parts.scheme}://{parts.netloc}/" for parts in map(urlsplit, anchors))
        endpoints = {name: url for name, url in endpoints.items() if not url.startswith(beside)}
        if not endpoints:
            return
        authorities = {_authority(url) for url in anchors}
        places: set[Place] = {place_of(urlsplit(url).hostname or "") for url in anchors}
        for name, url in endpoints.items():
            authority = _authority(url)
            host, _, port = authority.rpartition(":")
            if authority in authorities or authority in self.hosts or (port in ("80", "443") and host in self.hosts):
                continue
            if self.only_hosts_of_issuer_or_listed:
                raise UntrustedEndpointOrigin(name, url, "another host than that of the issuer")
            place = place_of(host.strip("[]"))
            if place != "public" and place not in places and not self.let_public_servers_name_private_endpoints:
                raise UntrustedEndpointOrigin(name, url, f"a {place} address")


DEFAULT_ORIGIN_POLICY = OriginPolicy()
