"""The client's verbs for the keys of its Authorization Server (RFC 8414 §2 `jwks_uri`, RFC 7517)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoint import BaseClient
from .enums import Endpoints
from .exceptions import InvalidJwksResponse
from .jwks import KeySource, cache_lifetime, keys_of
from .strict_json import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from jwskate import JwkSet

    from .endpoint import RequestsKwargs
    from .jwks import ServerKeys, VerificationKeys


class AuthorizationServerKeys(BaseClient):
    """Fetches, keeps and lends the public keys of the server.

    The client holds them in `_server_keys`, made as `ServerKeys(authorization_server_jwks)`.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        jwks_uri: str | None
        _server_keys: ServerKeys

    @property
    def authorization_server_jwks(self) -> JwkSet:
        """The keys that are known now, without any request: what was given, or fetched last."""
        return self._server_keys.jwk_set

    @property
    def verification_keys(self) -> VerificationKeys:
        """The keys that verify what the server signed; they are fetched from `jwks_uri` when they are needed."""
        return KeySource(self._server_keys, self._fetch_keys if self.jwks_uri else None)

    def update_authorization_server_public_keys(self, requests_kwargs: RequestsKwargs | None = None) -> JwkSet:
        """Fetch the keys now, in place of those that are known, and return `authorization_server_jwks`.

        There is no need to: keys are fetched when one is needed, and again when they are too old or one is unknown.

        Args:
            requests_kwargs: further arguments of `requests.Session.request`.

        Raises:
            MissingEndpointUri: the client has no `jwks_uri`.
            InvalidJwksResponse: the answer is an error (it is a `requests.HTTPError`), or no JWK Set (a `ValueError`).
            TransportError: no usable answer came.

        """
        return self._server_keys.refresh(lambda: self._fetch_keys(requests_kwargs))

    def export_authorization_server_jwks(self) -> dict[str, Any]:
        """Return the known keys, with their age, as a `dict` that JSON can hold.

        A process that lives shortly passes it as `authorization_server_jwks`, and fetches nothing while they are fresh.
        """
        return self._server_keys.export()

    def parse_jwks_response(self, response: requests.Response) -> list[Mapping[str, Any]]:
        """Return the keys in an answer of `jwks_uri`, unread.

        Raises:
            InvalidJwksResponse: it holds none.

        """
        if not response.ok:
            raise InvalidJwksResponse(response=response, description="it is an error")
        try:
            return keys_of(loads(response.content))
        except ValueError as exc:
            raise InvalidJwksResponse(response=response, description=str(exc)) from exc

    def _fetch_keys(
        self, requests_kwargs: RequestsKwargs | None = None
    ) -> tuple[list[Mapping[str, Any]], float | None]:
        response = self._get(Endpoints.JWKS.value, requests_kwargs=requests_kwargs)
        return self.parse_jwks_response(response), cache_lifetime(response.headers)
