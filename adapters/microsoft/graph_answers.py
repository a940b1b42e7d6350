"""Graph's JSON read into our own values, and its failures into our own words.

https://learn.microsoft.com/graph/errors and the resources subscribedSku, licenseDetails, directoryRole.
"""

from typing import TYPE_CHECKING, Any

from association.errors import Answer, MicrosoftRefusedError, MicrosoftUnavailableError
from association.identity import Licence, Role, Subscription

if TYPE_CHECKING:
    import httpx


def checked(response: "httpx.Response", body: Any) -> dict[str, Any]:
    if response.is_success and isinstance(body, dict):
        return body
    error = body.get("error", {}) if isinstance(body, dict) else {}
    detail = f"call=graph status={response.status_code} request_id={response.headers.get('request-id', '')}"
    if response.status_code >= 500 or response.status_code == 429 or not isinstance(error, dict):
        raise MicrosoftUnavailableError(detail)
    raise MicrosoftRefusedError(
        Answer.UNKNOWN,
        correlation_id=response.headers.get("client-request-id", ""),
        detail=f"{detail} code={str(error.get('code', ''))[:60]}",
    )


def subscription(item: dict[str, Any]) -> Subscription:
    return Subscription(
        sku_id=str(item.get("skuId", "")).lower(),
        part_number=str(item.get("skuPartNumber", "")),
        status=str(item.get("capabilityStatus", "")),
        plan_ids=frozenset(_plans(item)),
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


def role(item: dict[str, Any]) -> Role:
    return Role(template_id=str(item.get("roleTemplateId") or ""), name=str(item.get("displayName") or ""))
