"""Microsoft Entra ID, endpoints v2.0: <https://learn.microsoft.com/entra/identity-platform/v2-protocols>."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from requests_oauth2client.client import OAuth2Client
from requests_oauth2client.exceptions import AccessDenied, InvalidGrant, InvalidParam

from .common import credentials, https_url, plain_name

if TYPE_CHECKING:
    import requests

    from requests_oauth2client.client_authentication import ClientCredentials, PrivateKey
    from requests_oauth2client.exceptions import EndpointError

_TENANT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts."""

_USERINFO = {
    "login.microsoftonline.com": "https://graph.microsoft.com/oidc/userinfo",
    "login.microsoftonline.us": "https://graph.microsoft.us/oidc/userinfo",
    "login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn/oidc/userinfo",
}


class EntraClient(OAuth2Client):
    """A client that knows Entra's own error codes."""

    __slots__ = ()

    exception_classes: ClassVar[dict[str, type[EndpointError]]] = {
        **OAuth2Client.exception_classes,
        "authorization_declined": AccessDenied,
        "bad_verification_code": InvalidGrant,
    }


class Entra:
    """Clients of a tenant of Microsoft Entra ID (Azure AD).

    There is neither introspection nor revocation. A client gets a token for itself with a scope that ends with
    `/.default`: `client.client_credentials("https://graph.microsoft.com/.default")`.
    """

    @classmethod
    def client(
        cls,
        tenant: str,
        auth: ClientCredentials | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_jwk: PrivateKey | None = None,
        session: requests.Session | None = None,
        host: str = "login.microsoftonline.com",
        **kwargs: Any,
    ) -> EntraClient:
        """Return a client of a tenant.

        Args:
            tenant: its identifier; or one of its domains, `common`, `organizations`: then the issuer is not known
                beforehand, and the program must check the `tid` of ID Tokens itself.
            auth: see `OAuth2Client`.
            client_id: see `OAuth2Client`.
            client_secret: see `OAuth2Client`.
            private_jwk: private key of a registered certificate, with the thumbprint of the certificate as its member
                `x5t#S256`.
            session: see `OAuth2Client`.
            host: another cloud, such as `login.microsoftonline.us`.
            **kwargs: further arguments of `OAuth2Client`.

        Raises:
            InvalidParam: a name cannot be part of a URL, or the key has no thumbprint of a certificate.

        """
        url = f"{https_url(host, 'host')}/{plain_name(tenant, 'tenant')}"
        tenant_id = _CONSUMERS if tenant == "consumers" else tenant
        if private_jwk is not None and not (isinstance(private_jwk, Mapping) and "x5t#S256" in private_jwk):
            msg = "Entra finds the certificate of a key by its thumbprint: add the member `x5t#S256` to `private_jwk`."
            raise InvalidParam(msg)
        known = {
            "token_endpoint": f"{url}/oauth2/v2.0/token",
            "authorization_endpoint": f"{url}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{url}/oauth2/v2.0/devicecode",
            "userinfo_endpoint": _USERINFO.get(host),
            "jwks_uri": f"{url}/discovery/v2.0/keys",
            "issuer": f"{https_url(host, 'host')}/{tenant_id}/v2.0" if _TENANT_ID.fullmatch(tenant_id) else None,
            "end_session_endpoint": f"{url}/oauth2/v2.0/logout",
        }
        login = credentials(auth, client_id, client_secret, private_jwk, alg="PS256", typ="JWT")
        return EntraClient(session=session, **{**known, **login, **kwargs})
