"""Orders from OCTAVE, in JSON, with the function key in the header."""

import azure.functions as func

from association.invite import receive_order
from association.order import parse_order
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api
from functions.web.json_body import read_json
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
    view = association_view(record, ports.now())
    missing = list(record.orders[request.order_number].missing)
    return responses.data({**view, "order_number": request.order_number, "missing": missing}, 201)
