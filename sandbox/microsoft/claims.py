"""The claims of tokens, computed from the directory as it is at this moment.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from sandbox.microsoft.authority import Authority
from sandbox.microsoft.identifiers import CONSUMER_TENANT_ID, DEFAULT_USER_ROLE
from sandbox.microsoft.registrations import Registration
from sandbox.microsoft.sessions import Code
from sandbox.microsoft.state import ServicePrincipal
from sandbox.microsoft.tokens import Claims, pairwise_subject


def id_token_claims(authority: Authority, app: Registration, code: Code, scopes: list[str]) -> Claims:
    """The claims of an id_token v2 for the person a code stands for."""
    user, tenant = code.user, code.tenant
    claims: Claims = {
        "aud": app.client_id,
        "iss": authority.tokens.issuer(tenant.id),
        "sub": pairwise_subject(app.client_id, user.id),
        "tid": tenant.id,
        "sid": code.sid,
    }
    if code.nonce is not None:
        claims["nonce"] = code.nonce
    if "profile" in scopes:
        claims |= {"oid": user.id, "name": user.name, "preferred_username": code.home[1].upn}
    if code.home[0].id != tenant.id:
        claims |= {"idp": _identity_provider(code.home[0].id), "email": code.home[1].upn}
    elif "email" in scopes:
        claims["email"] = user.upn
    return claims | _optional_claims(authority, app, code)


def _optional_claims(authority: Authority, app: Registration, code: Code) -> Claims:
    is_guest = code.user.user_type == "Guest"
    claims: Claims = {}
    if "acct" in app.optional_claims:
        claims["acct"] = int(is_guest)
    if "auth_time" in app.optional_claims:
        claims["auth_time"] = code.auth_time
    if app.group_membership_claims in ("DirectoryRole", "All"):
        roles = authority.directory.active_roles(code.tenant, code.user)
        if not is_guest:
            roles.append(DEFAULT_USER_ROLE)
        if roles:
            claims["wids"] = roles
    return claims


def _identity_provider(home_tenant_id: str) -> str:
    return (
        "live.com" if home_tenant_id == CONSUMER_TENANT_ID else f"https://sts.windows.net/{home_tenant_id}/"
    )


def delegated_claims(app: Registration, code: Code, scopes: list[str]) -> Claims:
    """The claims of a Graph token that acts for a person."""
    return {
        "appid": app.client_id,
        "app_displayname": app.name,
        "idtyp": "user",
        "oid": code.user.id,
        "sub": pairwise_subject("graph", code.user.id),
        "scp": " ".join(scopes),
    }


def app_only_claims(app: Registration, principal: ServicePrincipal, permissions: list[str]) -> Claims:
    """The claims of a Graph token of the application itself; no `roles` while nothing is granted."""
    claims: Claims = {
        "appid": app.client_id,
        "app_displayname": app.name,
        "idtyp": "app",
        "oid": principal.id,
        "sub": principal.id,
    }
    return claims | ({"roles": permissions} if permissions else {})
