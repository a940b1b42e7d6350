"""Orders from OCTAVE, in JSON, with the function key in the header."""

import azure.functions as func

from association.errors import AssociationUnknownError
from association.invite import receive_order
from association.order import parse_order
from association.support import Question, find
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api
from functions.web.json_body import read_json, require_key_in_header
from functions.web.views import association_view

bp = func.Blueprint()


@bp.function_name("orders_create")
@bp.route("orders", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def create(req: func.HttpRequest) -> func.HttpResponse:
    """Record an order; the same order again gives the same answer, another under its number is refused."""
    ports = services().ports
    request = parse_order(read_json(req))
    record = await receive_order(ports, request)
    view = association_view(record, ports)
    missing = list(record.orders[request.order_number].missing)
    return responses.data({**view, "order_number": request.order_number, "missing": missing}, 201)


@bp.function_name("orders_read")
@bp.route("orders/{*order_number}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def read(req: func.HttpRequest) -> func.HttpResponse:
    """Where the association of an order stands."""
    require_key_in_header(req)
    ports = services().ports
    order_number = req.route_params["order_number"].strip()
    found = await find(ports, Question("order_number", order_number))
    if not found:
        raise AssociationUnknownError
    missing = list(found[0].orders[order_number].missing)
    view = association_view(found[0], ports)
    return responses.data({**view, "order_number": order_number, "missing": missing})
