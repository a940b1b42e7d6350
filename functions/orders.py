"""Orders from OCTAVE, in JSON, with the function key in the header."""

import azure.functions as func

from association.errors import AssociationUnknownError
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api
from functions.web.json_body import read_json, require_key_in_header

bp = func.Blueprint()


@bp.function_name("orders_create")
@bp.route("orders", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def create(req: func.HttpRequest) -> func.HttpResponse:
    """Record an order; the same order again gives the same answer, another under its number is refused."""
    from association.invite import receive_order
    from association.order import parse_order
    from functions.web.views import order_view

    ports = services().ports
    request = parse_order(read_json(req))
    record = await receive_order(ports, request)
    return responses.data(order_view(record, request.order_number, ports), 201)


@bp.function_name("orders_read")
@bp.route("orders/{*order_number}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def read(req: func.HttpRequest) -> func.HttpResponse:
    """Where the association of an order stands."""
    from association.support import Question, find
    from functions.web.views import order_view

    require_key_in_header(req)
    ports = services().ports
    order_number = req.route_params.get("order_number", "").strip()
    found = await find(ports, Question("order_number", order_number))
    if not found:
        raise AssociationUnknownError
    return responses.data(order_view(found[0], order_number, ports))
