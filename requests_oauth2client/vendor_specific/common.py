"""What the vendors share: URLs out of names, and the one deviation that several have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests_oauth2client.client_authentication import PrivateKeyJwt
from requests_oauth2client.evidence import printable
from requests_oauth2client.exceptions import InvalidParam

if TYPE_CHECKING:
    from typing_extensions import Self

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey

_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def https_url(value: object, parameter: str, *, path: bool = False) -> str:
    """Return `https://host` for a domain or an https URL, without a slash at its end.

    Args:
        value: what the user passed.
        parameter: how that argument is called.
        path: whether the URL may have a path.

    Raises:
        InvalidParam: it is neither.

    """
    text = value if isinstance(value, str) else ""
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        rest = url.removeprefix(f"https://{host}" if parts.port is None else f"https://{host}:{parts.port}")
    except ValueError:
        host = rest = ""
    if not _HOST.fullmatch(host) or not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)*/?" if path else "/?", rest):
        shown = printable(value) if isinstance(value, str) else f"of type {type(value).__name__}"
        msg = f"`{parameter}` must be a domain or an https URL, such as 'login.example.com'; it is '{shown}'."
        raise InvalidParam(msg)
    return url.rstrip("/")


def plain_name(value: object, parameter: str) -> str:
    """Return a name that may be part of a URL as it is.

    Raises:
        InvalidParam: it may not.

    """
    if isinstance(value, str) and _NAME.fullmatch(value) and ".." not in value:
        return value
    msg = f"`{parameter}` must be made of letters, digits, '.', '-' and '_'."
    raise InvalidParam(msg)


class EndpointAudienceJwt(PrivateKeyJwt):
    """`private_key_jwt` for servers that want the URL of the endpoint as audience, even where the issuer is known."""

    def for_issuer(self, issuer: str | None) -> Self:  # noqa: ARG002 - that is the point
        """Return this very method."""
        return self


def credentials(
    auth: ClientCredentials | None,
    client_id: str | None,
    client_secret: str | None,
    private_jwk: PrivateKey | None,
    **assertion: Any,
) -> dict[str, Any]:
    """Return the arguments of `OAuth2Client` for these credentials; a private key signs for the endpoint's URL."""
    if auth is None and private_jwk is not None and client_id is not None:
        return {"auth": EndpointAudienceJwt(client_id, private_jwk, **assertion)}
    return {"auth": auth, "client_id": client_id, "client_secret": client_secret, "private_jwk": private_jwk}
