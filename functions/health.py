"""Whether the service is alive, what it lacks, and our own page for addresses that don't exist."""

import azure.functions as func

from association.errors import PageUnknownError, SettingsIncompleteError, StorageUnavailableError
from functions.services import services, settings_or_none
from functions.web import responses
from functions.web.boundary import json_api, pages
from functions.web.json_body import require_key_in_header

bp = func.Blueprint()
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@bp.function_name("health")
@bp.route("health", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
@json_api
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Alive or not, and nothing else, for anybody."""
    alive = settings_or_none() is not None
    return responses.data({"status": "ok" if alive else "unavailable"}, 200 if alive else 503)


@bp.function_name("health_details")
@bp.route("health/details", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def details(req: func.HttpRequest) -> func.HttpResponse:
    """With the key: which settings are missing or wrong, and whether storage answers."""
    require_key_in_header(req)
    try:
        ports = services().ports
    except SettingsIncompleteError as error:
        return responses.data({"status": "unavailable", "settings": list(error.names), "storage": None}, 503)
    try:
        await ports.claims.owner("health", "0")
        storage = "ok"
    except StorageUnavailableError:
        storage = "unavailable"
    return responses.data(
        {"status": storage, "settings": [], "storage": storage}, 200 if storage == "ok" else 503
    )


@bp.function_name("zz_not_found")
@bp.route("{*path}", methods=EVERY_METHOD, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def not_found(req: func.HttpRequest) -> func.HttpResponse:
    """Every other address: the host tries functions in the order of their names, and this is the last."""
    raise PageUnknownError
