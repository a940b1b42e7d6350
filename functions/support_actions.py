"""What Sage support does with an association, each time with a reason that its history keeps."""

from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from association.errors import RequestInvalidError
from association.facts import Record
from association.ports import Ports
from functions.services import services
from functions.web import responses
from functions.web.boundary import json_api, language_of
from functions.web.json_body import read_object, text_of

Verb = Callable[[Ports, str, str], Awaitable[Record]]

bp = func.Blueprint()
LARGEST_NUMBER = 2**31 - 1


@bp.function_name("support_renew_link")
@bp.route("support/associations/{id}/renew-link", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def renew(req: func.HttpRequest) -> func.HttpResponse:
    """Issue and mail a new link: the association link, which reopens it, or the users' share link."""
    from association.renew import renew_link, renew_share

    body = read_object(req, ("reason", "link"))
    return await _done(req, body, _of_link(body, renew_link, renew_share))


@bp.function_name("support_revoke_link")
@bp.route("support/associations/{id}/revoke-link", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def revoke(req: func.HttpRequest) -> func.HttpResponse:
    """Withdraw the association link, and every session with it, or the users' share link."""
    from association.revoke import revoke_association_link, revoke_share_link

    body = read_object(req, ("reason", "link"))
    return await _done(req, body, _of_link(body, revoke_association_link, revoke_share_link))


@bp.function_name("support_resend_link")
@bp.route("support/associations/{id}/resend-link", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def resend(req: func.HttpRequest) -> func.HttpResponse:
    """Mail the live association link once more to the recorded address, or a mail that failed."""
    from association.resend import resend_for_support, resend_mail

    body = read_object(req, ("reason", "mail"))
    key = text_of(body, "mail") if "mail" in body else ""

    async def verb(ports: Ports, association_id: str, reason: str) -> Record:
        return await resend_mail(ports, association_id, key, reason)

    return await _done(req, body, verb if key else resend_for_support)


@bp.function_name("support_close")
@bp.route("support/associations/{id}/close", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def close_association(req: func.HttpRequest) -> func.HttpResponse:
    """Close the association: both links end. Renewing its link reopens it."""
    from association.close import close

    return await _done(req, read_object(req, ("reason",)), close)


@bp.function_name("support_release_tenant")
@bp.route("support/associations/{id}/release-tenant", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def release(req: func.HttpRequest) -> func.HttpResponse:
    """Accept the tenant that is signed in although it isn't the recorded address's."""
    from association.release import release_tenant

    body = read_object(req, ("reason", "tenant_id"))
    tenant_id = text_of(body, "tenant_id")

    async def verb(ports: Ports, association_id: str, reason: str) -> Record:
        return await release_tenant(ports, association_id, tenant_id, reason)

    return await _done(req, body, verb)


@bp.function_name("support_waive_application")
@bp.route("support/associations/{id}/waive-application", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def waive(req: func.HttpRequest) -> func.HttpResponse:
    """Require a further application no longer of the tenant that is signed in or bound."""
    from association.waive import waive_application

    body = read_object(req, ("reason", "application"))
    key = text_of(body, "application")

    async def verb(ports: Ports, association_id: str, reason: str) -> Record:
        return await waive_application(ports, association_id, key, reason)

    return await _done(req, body, verb)


@bp.function_name("support_erase_person")
@bp.route("support/associations/{id}/erase-person", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@json_api
async def erase(req: func.HttpRequest) -> func.HttpResponse:
    """Erase a person, named by number or address (rule S11), and answer with what was erased."""
    from association.erase import erase_person

    body = read_object(req, ("reason", "person", "email"))
    number, address = _person(body)
    identifier, reason = req.route_params["id"], text_of(body, "reason")
    erased = await erase_person(services().ports, identifier, reason, number=number, address=address)
    return responses.data({"people": list(erased.people), "mails": list(erased.mails)})


async def _done(req: func.HttpRequest, body: dict[str, Any], verb: Verb) -> func.HttpResponse:
    from functions.web.support_view import support_view

    ports = services().ports
    record = await verb(ports, req.route_params["id"], text_of(body, "reason"))
    return responses.data(support_view(record, ports, language_of(req)))


def _of_link(body: dict[str, Any], association: Verb, share: Verb) -> Verb:
    """The verb for what the body's `link` names; the association link where it doesn't say."""
    verbs = {"association": association, "share": share}
    kind = body.get("link", "association")
    if not isinstance(kind, str) or kind not in verbs:
        raise RequestInvalidError({"link": "link_unknown_kind"})
    return verbs[kind]


def _person(body: dict[str, Any]) -> tuple[int, str]:
    """The number or the address by which the body names a person: exactly one of them."""
    if ("person" in body) == ("email" in body):
        raise RequestInvalidError(dict.fromkeys(("person", "email"), "exactly_one"))
    if "email" in body:
        address = text_of(body, "email")
        if not address.strip():
            raise RequestInvalidError({"email": "missing"})
        return 0, address
    number = body["person"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= LARGEST_NUMBER:
        raise RequestInvalidError({"person": "not_a_person"})
    return number, ""
