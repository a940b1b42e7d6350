"""The way to Sage Business Centre: the page that hands the administrator over, and the keys to verify it."""

import json

import azure.functions as func

from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api, pages
from functions.web.pages import show
from functions.web.visitor import enter

bp = func.Blueprint()
TEN_MINUTES = "public, max-age=600"


@bp.function_name("portal_hand_over")
@bp.route("a/{reference}/portal", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def open_portal(req: func.HttpRequest) -> func.HttpResponse:
    """« Ouvrir Sage Business Centre »: a page whose form posts the signed token to the portal."""
    from association.handover import LIFETIME, hand_over

    visitor = await enter(req, services().ports)
    await visitor.read_form(req)
    values = {
        "token": await hand_over(visitor.ports, visitor.record, visitor.signed_in()),
        "portal": f"{visitor.ports.settings.portal_url}/association",
        "seconds": int(LIFETIME.total_seconds()),
    }
    return show(visitor, page=("handover", lambda *_: values))


@bp.function_name("portal_keys")
@bp.route(".well-known/jwks.json", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
@json_api
async def keys(req: func.HttpRequest) -> func.HttpResponse:
    """The public keys of our signatures, as a JWK set (RFC 7517)."""
    body = json.dumps(services().ports.portal.jwks()).encode()
    return responses.file(body, "application/jwk-set+json", {"Cache-Control": TEN_MINUTES})
