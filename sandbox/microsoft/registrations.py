"""App registrations: what the publisher of an application has set up in its own tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509

from sandbox.microsoft.identifiers import MICROSOFT_TENANT_ID


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret; `expires_at` in Unix seconds, None for never."""

    value: str = field(repr=False)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A multi-tenant application.

    `application_permissions` and `delegated_permissions` are the values of Graph permissions that the
    registration asks for (its requiredResourceAccess); `group_membership_claims` "DirectoryRole" puts `wids`
    into id_tokens; `optional_claims` are the manifest's optionalClaims.idToken.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    publisher: str = "Sage"
    home_tenant_id: str = MICROSOFT_TENANT_ID
    secrets: tuple[Secret, ...] = ()
    certificates: tuple[x509.Certificate, ...] = ()
    application_permissions: tuple[str, ...] = ()
    delegated_permissions: tuple[str, ...] = ("openid", "profile", "User.Read")
    group_membership_claims: str | None = None
    optional_claims: frozenset[str] = frozenset()


def read_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM text (a private key beside them is ignored)."""
    return tuple(x509.load_pem_x509_certificates(pem.encode()))


def sage_business_center(
    client_id: str,
    public_base_url: str,
    *,
    secret: str | None = None,
    certificate: str | None = None,
    further_redirect_uris: Sequence[str] = (),
) -> Registration:
    """The registration of « Sage Business Center » for a product that is reached at `public_base_url`."""
    return Registration(
        client_id=client_id,
        name="Sage Business Center",
        redirect_uris=(
            f"{public_base_url}/sign-in/callback",
            f"{public_base_url}/consent/callback",
            *further_redirect_uris,
        ),
        secrets=(Secret(secret),) if secret else (),
        certificates=read_certificates(certificate) if certificate else (),
        application_permissions=("Organization.Read.All", "Application.Read.All"),
        delegated_permissions=("openid", "profile", "User.Read", "RoleManagement.Read.Directory"),
        group_membership_claims="DirectoryRole",
        optional_claims=frozenset({"acct"}),
    )


def further_application(
    client_id: str, name: str, roles: Sequence[str], redirect_uris: Sequence[str]
) -> Registration:
    """A further application of the same publisher, which asks for the application permissions `roles`."""
    return Registration(
        client_id=client_id,
        name=name,
        redirect_uris=tuple(redirect_uris),
        application_permissions=tuple(roles),
        delegated_permissions=("openid", "profile", "User.Read"),
    )
