"""What the sign-in service publishes about itself: OpenID configuration, keys, its own host names.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.microsoft.authority import TRACE, Authority

_HEADERS = {"Cache-Control": "max-age=86400, private", "Access-Control-Allow-Origin": "*"}
_ANY_TENANT_ID = "{tenantid}"


class DiscoveryEndpoint:
    """Answers discovery requests of one authority; unknown tenants raise 90002."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def configuration(self, request: web.Request) -> web.Response:
        """GET /{tenant}/v2.0/.well-known/openid-configuration; a domain in the path becomes its GUID."""
        word = request.match_info["tenant"]
        tenant = self._authority.tenant(word)
        document = self._document(tenant.id if tenant else word, tenant.id if tenant else _ANY_TENANT_ID)
        return _published(request, document | {"tenant_region_scope": "EU" if tenant else None})

    async def keys(self, request: web.Request) -> web.Response:
        """GET /{tenant}/discovery/v2.0/keys."""
        tenant = self._authority.tenant(request.match_info["tenant"])
        return _published(request, self._authority.tokens.jwks(tenant.id if tenant else _ANY_TENANT_ID))

    async def instance(self, request: web.Request) -> web.Response:
        """GET /common/discovery/instance: this host is a cloud of its own."""
        authority = self._authority
        host = urlsplit(authority.back_channel_origin).netloc
        configuration = f"{authority.back_channel_origin}/common/v2.0/.well-known/openid-configuration"
        metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
        document = {"tenant_discovery_endpoint": configuration, "api-version": "1.1", "metadata": metadata}
        return _published(request, document)

    def _document(self, word: str, tenant_id: str) -> dict[str, Any]:
        back, front = self._authority.back_channel_origin, self._authority.browser_origin
        claims = (
            "sub iss cloud_instance_name cloud_instance_host_name cloud_graph_host_name msgraph_host aud exp"
        )
        more_claims = "iat auth_time acr nonce preferred_username name tid ver at_hash c_hash email"
        methods = ["client_secret_post", "private_key_jwt", "client_secret_basic"]
        return {
            "token_endpoint": self._authority.token_endpoint(word),
            "token_endpoint_auth_methods_supported": methods,
            "jwks_uri": f"{back}/{word}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": self._authority.tokens.issuer(tenant_id),
            "request_uri_parameter_supported": False,
            "authorization_endpoint": f"{front}/{word}/oauth2/v2.0/authorize",
            "http_logout_supported": True,
            "frontchannel_logout_supported": True,
            "end_session_endpoint": f"{front}/{word}/oauth2/v2.0/logout",
            "claims_supported": f"{claims} {more_claims}".split(),
            "cloud_instance_name": urlsplit(back).netloc,
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": urlsplit(back).netloc,
        }


def _published(request: web.Request, document: dict[str, Any]) -> web.Response:
    return web.json_response(document, headers=_HEADERS | {"x-ms-request-id": request[TRACE].trace_id})
