"""Graph's JSON read into our own values, and its failures into our own words.

https://learn.microsoft.com/graph/errors and the resources subscribedSku, companySubscription,
licenseDetails, directoryRole.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.microsoft.answers import classify
from adapters.microsoft.retries import unavailable
from association.identity import Licence, Role, Subscription
from association.microsoft_errors import MicrosoftRefusedError, MicrosoftUnavailableError

if TYPE_CHECKING:
    import httpx

LONGEST_NAME = 200


class NotThereError(MicrosoftRefusedError):
    """Graph knows no such object."""


def checked(response: "httpx.Response") -> dict[str, Any]:
    """The JSON object of an answer.

    Raises MicrosoftUnavailableError when it is none, or tells of Microsoft's own trouble; NotThereError for
    404 and MicrosoftRefusedError for every other refusal.
    """
    failure = unavailable("graph", response.status_code, response.headers)
    if failure:
        raise failure
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and isinstance(body, dict):
        return body
    error = body.get("error") if isinstance(body, dict) else None
    detail = f"call=graph status={response.status_code} request_id={response.headers.get('request-id', '')}"
    if response.is_success or not isinstance(error, dict):
        raise MicrosoftUnavailableError(f"{detail} reason=not_json")
    code = str(error.get("code", ""))[:60]
    refused = NotThereError if response.status_code == 404 else MicrosoftRefusedError
    raise refused(
        classify(0, code, response.status_code),
        correlation_id=response.headers.get("client-request-id", ""),
        detail=f"{detail} code={code}",
    )


def items_of(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of one page of a collection. Raises MicrosoftUnavailableError when there are none to read:
    an empty collection says so, and what says nothing must not pass for one.
    """
    items = page.get("value")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MicrosoftUnavailableError("call=graph reason=no_collection")
    return items


@contextmanager
def well_formed() -> Iterator[None]:
    """Around the reading of values out of JSON: raises MicrosoftUnavailableError where one is of another
    kind than Microsoft documents.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise MicrosoftUnavailableError(f"call=graph reason=shape kind={type(error).__name__}") from None


def subscription(item: dict[str, Any], purchases: Iterable[dict[str, Any]]) -> Subscription:
    """One of subscribedSkus, with what companySubscriptions tell of the `purchases` behind its state."""
    sku_id, status = str(item.get("skuId", "")).lower(), str(item.get("capabilityStatus", ""))
    deciding = [
        each
        for each in purchases
        if str(each.get("skuId", "")).lower() == sku_id and each.get("status") == status
    ]
    changes = [moment for each in deciding if (moment := _moment(each.get("nextLifecycleDateTime")))]
    return Subscription(
        sku_id=sku_id,
        part_number=str(item.get("skuPartNumber", "")),
        status=status,
        plan_ids=frozenset(_plans(item)),
        is_trial=bool(deciding) and all(each.get("isTrial") is True for each in deciding),
        next_change=max(changes, default=None),
    )


def licence(item: dict[str, Any]) -> Licence:
    return Licence(
        sku_id=str(item.get("skuId", "")).lower(),
        part_number=str(item.get("skuPartNumber", "")),
        plans=_plans(item),
    )


def _plans(item: dict[str, Any]) -> dict[str, str]:
    return {
        str(plan.get("servicePlanId", "")).lower(): str(plan.get("provisioningStatus", ""))
        for plan in item.get("servicePlans") or ()
    }


def role(item: dict[str, Any], group: str | None = None) -> Role:
    """A directoryRole; `group` is the name of the group that gives it."""
    return Role(
        template_id=str(item.get("roleTemplateId") or ""),
        name=str(item.get("displayName") or "")[:LONGEST_NAME],
        group=group,
    )


def eligible_roles(items: Iterable[dict[str, Any]]) -> frozenset[str]:
    """Template ids of roles that can be activated for the whole tenant (a built-in role's id is both).

    https://learn.microsoft.com/graph/api/resources/unifiedroleeligibilityscheduleinstance
    """
    return frozenset(
        str(item.get("roleDefinitionId", "")) for item in items if item.get("directoryScopeId") == "/"
    )


def giving_group(assignments: Iterable[dict[str, Any]], groups: Iterable[dict[str, Any]]) -> str | None:
    """The name of the first of these groups that holds the assigned role; None if none of them does."""
    own = {str(group.get("id", "")) for group in groups}
    for assignment in assignments:
        if assignment.get("directoryScopeId") == "/" and str(assignment.get("principalId", "")) in own:
            return str((assignment.get("principal") or {}).get("displayName") or "")[:LONGEST_NAME]
    return None


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
