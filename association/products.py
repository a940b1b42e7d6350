"""Microsoft's products: their names, and which of them Sage 100 works with.

They are judged by service plan, because products appear faster than any list of them; names are for
people. Plan and product ids: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
"""

from collections.abc import Iterable

from association.identity import Licence, Subscription

P1_PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"  # AAD_PREMIUM
P2_PLAN = "eec0eb4f-6444-4f95-aba0-50c24d67f998"  # AAD_PREMIUM_P2
PREMIUM_PLANS = frozenset({P1_PLAN, P2_PLAN})
MAILBOX_PLANS = frozenset(
    {
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # EXCHANGE_S_STANDARD
        "efb87545-963c-4e0d-99df-69c6916d9eb0",  # EXCHANGE_S_ENTERPRISE
    }
)
# EXCHANGE_S_DESKLESS: the small mailbox of the frontline products, without desktop apps
KIOSK_MAILBOX_PLAN = "4a82b400-a79f-41a4-b4e2-e94f5787b113"
DESKTOP_PLANS = frozenset(
    {
        "43de0ff5-c92c-492b-9116-175376d08c38",  # OFFICESUBSCRIPTION
        "094e7854-93fc-4d55-b2c0-3ab5369ebdc1",  # OFFICE_BUSINESS
    }
)
# STREAM_O365_E1: every Office 365 E1 has it and no Business Basic does, which has STREAM_O365_SMB instead
# or no such plan at all; apart from that their plans are the same.
E1_PLAN = "743dd19e-1ce3-4c62-a3ad-49ba8f63a2f6"
TEAMS_PLAN = "57ff2da0-773e-42df-b2af-ffb7a2317929"  # TEAMS1
OFFICE_PLANS = MAILBOX_PLANS | DESKTOP_PLANS | {KIOSK_MAILBOX_PLAN, TEAMS_PLAN}

PRODUCT_NAMES = {
    "078d2b04-f1bd-4111-bbd4-b4b1b354cef4": "Microsoft Entra ID P1",
    "84a661c4-e949-4bd2-a560-ed7766fcaf2b": "Microsoft Entra ID P2",
    "efccb6f7-5641-4e0e-bd10-b4976e1bf68e": "Enterprise Mobility + Security E3",
    "b05e124f-c7cc-45a0-a6aa-8cf78c946968": "Enterprise Mobility + Security E5",
    "3b555118-da6a-4418-894f-7df1e2096870": "Microsoft 365 Business Basic",
    "dab7782a-93b1-4074-8bb1-0e61318bea0b": "Microsoft 365 Business Basic",
    "b1f3042b-a390-4b56-ab61-b88e7e767a97": "Microsoft 365 Business Basic EEA (no Teams)",
    "21502a13-c8dc-4744-be9c-177fd9d2eafc": "Microsoft 365 Business Basic (no Teams)",
    "f245ecc8-75af-4f8e-b61f-27d8114de5f3": "Microsoft 365 Business Standard",
    "5a1c7b8d-0739-4ca8-bf69-ec87e69133ac": "Microsoft 365 Business Standard (no Teams)",
    "ffa3a2a0-3820-462a-aa81-8a4d741f0cba": "Microsoft 365 Business Standard EEA (no Teams)",
    "c1f79c29-5d7a-4bec-a2c1-1a76774864c0": "Microsoft 365 Business Standard EEA (no Teams)",
    "ac5cef5d-921b-4f97-9ef3-c99076e5470f": "Microsoft 365 Business Standard",
    "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46": "Microsoft 365 Business Premium",
    "00e1ec7b-e4a3-40d1-9441-b69b597ab222": "Microsoft 365 Business Premium (no Teams)",
    "cdd28e44-67e3-425e-be4c-737fab2899d3": "Microsoft 365 Apps for business",
    "b214fe43-f5a3-4703-beeb-fa97188220fc": "Microsoft 365 Apps for business",
    "c2273bd0-dff7-4215-9ef5-2c7bcfb06425": "Microsoft 365 Apps for enterprise",
    "05e9a617-0261-4cee-bb44-138d3ef5d965": "Microsoft 365 E3",
    "0c21030a-7e60-4ec7-9a0f-0042e0e0211a": "Microsoft 365 E3",
    "c2fe850d-fbbb-4858-b67d-bd0c6e746da3": "Microsoft 365 E3 EEA (no Teams)",
    "602e6573-55a3-46b1-a1a0-cc267991501a": "Microsoft 365 E3 EEA (no Teams)",
    "dcf0408c-aaec-446c-afd4-43e3683943ea": "Microsoft 365 E3 (no Teams)",
    "06ebc4ee-1bb5-47dd-8120-11324bc54e06": "Microsoft 365 E5",
    "db684ac5-c0e7-4f92-8284-ef9ebde75d33": "Microsoft 365 E5",
    "3271cf8e-2be5-4a09-a549-70fd05baaa17": "Microsoft 365 E5 EEA (no Teams)",
    "1e988bf3-8b7c-4731-bec0-4e2a2946600c": "Microsoft 365 E5 EEA (no Teams)",
    "66b55226-6b4f-492c-910c-a3b7a3c9d993": "Microsoft 365 F3",
    "f7ee79a7-7aec-4ca4-9fb9-34d6b930ad87": "Microsoft 365 F3 EEA (no Teams)",
    "18181a46-0d4e-45cd-891e-60aabd171b4e": "Office 365 E1",
    "f8ced641-8e17-4dc5-b014-f5a2d53f6ac8": "Office 365 E1 (no Teams)",
    "b57282e3-65bd-4252-9502-c0eae1e5ab7f": "Office 365 E1 EEA (no Teams)",
    "6fd2c87f-b296-42f0-b197-1e91e994b900": "Office 365 E3",
    "46c3a859-c90d-40b3-9551-6178a48d5c18": "Office 365 E3 (no Teams)",
    "d711d25a-a21c-492f-bd19-aae1e8ebaf30": "Office 365 E3 EEA (no Teams)",
    "c7df2760-2c81-4ef7-b578-5b5392b571df": "Office 365 E5",
    "4b585984-651b-448a-9e53-3b10f069cf7f": "Office 365 F3",
}
# Sage's list (developer.sage.com, prerequisites), with those variants of Office 365 E1 that have a name:
# the others of its products are told by their desktop apps, which E1 hasn't.
COMPATIBLE = frozenset(
    {
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
        "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
        "05e9a617-0261-4cee-bb44-138d3ef5d965",
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        "18181a46-0d4e-45cd-891e-60aabd171b4e",
        "f8ced641-8e17-4dc5-b014-f5a2d53f6ac8",
        "b57282e3-65bd-4252-9502-c0eae1e5ab7f",
        "6fd2c87f-b296-42f0-b197-1e91e994b900",
        "c7df2760-2c81-4ef7-b578-5b5392b571df",
    }
)
MOST_NAMES = 5


def product_name(sku_id: str, part_number: str) -> str:
    """A product's name for people; Microsoft's part number where the table doesn't know it."""
    return PRODUCT_NAMES.get(sku_id, part_number.strip())


def product_names(products: Iterable[Licence | Subscription]) -> str:
    """Their names in one line, each once; of many only the first, because tenants gather free ones."""
    names = sorted({product_name(each.sku_id, each.part_number) for each in products})
    return ", ".join(names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES))


def is_compatible(subscription: Subscription) -> bool:
    """Whether it is on Sage's list, or a variant: a mailbox with desktop apps, or with E1's own plan."""
    if subscription.sku_id in COMPATIBLE:
        return True
    plans = subscription.plan_ids
    return bool(MAILBOX_PLANS & plans and (DESKTOP_PLANS | {E1_PLAN}) & plans)
