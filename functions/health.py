"""Whether the service is alive, what it lacks, and our own page for addresses that don't exist."""

from typing import TYPE_CHECKING, Any

import azure.functions as func

from association.errors import PageUnknownError, SettingsIncompleteError
from functions.services import services, settings_or_none
from functions.web import responses
from functions.web.boundary import json_api, pages
from functions.web.json_body import require_key_in_header

if TYPE_CHECKING:
    from association.health import Health

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
    """With the key: settings missing or wrong, storage, tasks that failed for good, keys and their ends."""
    from association.health import Condition, examine

    require_key_in_header(req)
    try:
        found = await examine(services().ports)
    except SettingsIncompleteError as error:
        return responses.data(_unset(error.names), 503)
    works = found.status in (Condition.OK, Condition.WARNING)
    return responses.data(_view(found), 200 if works else 503)


def _view(found: "Health") -> dict[str, Any]:
    return {
        "status": found.status,
        "settings": [],
        "storage": found.storage,
        "poisoned_tasks": found.poisoned,
        "credential": {
            "kind": found.credential_kind,
            "status": found.credential,
            "ends_on": found.ends_on.isoformat() if found.ends_on else None,
            "days_left": found.days_left,
        },
        "portal_key": found.portal_key,
    }


def _unset(names: tuple[str, ...]) -> dict[str, Any]:
    """Without its settings nothing else can be looked at."""
    from association.health import Condition

    unknown = dict.fromkeys(("storage", "poisoned_tasks", "credential", "portal_key"))
    return {"status": Condition.UNAVAILABLE, "settings": list(names), **unknown}


@bp.function_name("zz_not_found")
@bp.route("{*path}", methods=EVERY_METHOD, auth_level=func.AuthLevel.ANONYMOUS)
@pages
async def not_found(req: func.HttpRequest) -> func.HttpResponse:
    """Every other address: the host tries functions in the order of their names, and this is the last."""
    raise PageUnknownError
