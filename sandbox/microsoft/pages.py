"""Microsoft's side of the screen: short French pages whose forms post to their own address."""

from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.microsoft.authority import TRACE
from sandbox.microsoft.errors import EntraError

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

PERMISSION_TEXTS = {
    "Application.Read.All": "Lire toutes les applications",
    "Directory.Read.All": "Lire les données de l'annuaire",
    "LicenseAssignment.Read.All": "Lire les attributions de licences",
    "Organization.Read.All": "Lire les informations sur l'organisation",
    "RoleManagement.Read.Directory": "Lire les paramètres des rôles de l'annuaire",
    "User.Read": "Vous connecter et lire votre profil",
    "User.Read.All": "Lire le profil complet de tous les utilisateurs",
    "User.ReadBasic.All": "Lire le profil de base de tous les utilisateurs",
    "email": "Afficher votre adresse de courriel",
    "offline_access": "Conserver l'accès aux données auxquelles vous lui avez donné accès",
    "openid": "Vous connecter",
    "profile": "Afficher votre profil de base",
}


def page(request: web.Request, name: str, *, status: int = 200, **values: object) -> web.Response:
    """The page `pages/<name>.html`; `values` are what its template names."""
    text = _ENVIRONMENT.get_template(f"{name}.html").render(page=name, trace=request[TRACE], **values)
    headers = {"Cache-Control": "no-store, no-cache", "X-Frame-Options": "DENY"}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def failure_page(request: web.Request, error: EntraError) -> web.Response:
    """Microsoft's « we cannot sign you in »: the way ends here, the application hears nothing."""
    return page(request, "failure", status=error.status, number=error.number, text=error.text)
