"""The judge finds whatever is lost or doubled: one association as it should be, broken in each way.

Here: orders, claims, bindings, proofs, and the tables beside the associations.
"""

from copy import deepcopy

import pytest

from adapters.storage.row_keys import digest
from tests.storm.example import PARTNER, Break, rows, trip, verdict


def test_nothing_is_wrong_with_a_journey_that_went_well() -> None:
    assert verdict() == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda it: rows(it).pop("order.O-1"), id="an order is lost"),
        pytest.param(lambda it: it["associations"].update(a2=deepcopy(rows(it))), id="an order is doubled"),
        pytest.param(lambda it: rows(it)["facts"].update(customer_number="C-2"), id="another customer's"),
        pytest.param(lambda it: it["claims"].pop("order.O-1"), id="an order without claim"),
        pytest.param(lambda it: it["claims"].pop("reference.R1"), id="a reference without claim"),
        pytest.param(lambda it: it["claims"].pop("tenant.t1"), id="a binding without claim"),
        pytest.param(
            lambda it: it["claims"].update({"tenant.t2": {"association_id": "a1", "generation": 1}}),
            id="a claim without binding",
        ),
        pytest.param(lambda it: rows(it)["facts"].update(generation=0), id="a binding is lost"),
        pytest.param(lambda it: rows(it).update({"binding.2": rows(it)["binding.1"]}), id="bound twice"),
        pytest.param(lambda it: rows(it)["binding.1"].update(tenant_id="t9"), id="another tenant's"),
        pytest.param(lambda it: rows(it).pop("facts"), id="the facts are lost"),
        pytest.param(lambda it: it.update(poisoned=1), id="a task given up"),
    ],
)
def test_the_judge_finds(broken: Break) -> None:
    assert verdict(broken)


@pytest.mark.parametrize("kind", ["order", "customer", "reference", "tenant"])
def test_it_finds_a_claim_that_is_stranded_with_an_association_that_never_came_to_be(kind: str) -> None:
    claim = {"association_id": "a0", "generation": 1}
    assert any("stranded" in line for line in verdict(lambda it: it["claims"].update({f"{kind}.X-9": claim})))


@pytest.mark.parametrize("kind", ["order", "customer"])
def test_it_finds_a_claim_that_its_association_does_not_hold(kind: str) -> None:
    claim = {"association_id": "a1", "generation": 0}
    assert any("stranded" in line for line in verdict(lambda it: it["claims"].update({f"{kind}.X-9": claim})))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda it: rows(it).pop("check.premium"), id="a check is lost"),
        pytest.param(lambda it: rows(it)["check.premium"].update(result="unknown"), id="a check unknown"),
        pytest.param(
            lambda it: rows(it)["check.premium"].update(tenant_id="t2"), id="another tenant's check"
        ),
        pytest.param(
            lambda it: rows(it)["check.premium"].update(object_id="o2"), id="another person's check"
        ),
        pytest.param(lambda it: rows(it).pop("app.contact.t1"), id="an application is lost"),
        pytest.param(lambda it: rows(it)["app.contact.t1"].pop("proven_at"), id="not proven"),
        pytest.param(
            lambda it: rows(it).update({"app.contact.t2": {**rows(it)["app.contact.t1"], "tenant_id": "t2"}}),
            id="another tenant's application",
        ),
        pytest.param(lambda it: rows(it).pop("person.1"), id="the administrator is lost"),
        pytest.param(lambda it: rows(it).pop("person.2"), id="the partner is lost"),
        pytest.param(lambda it: rows(it)["person.3"].update(username="x@y.example"), id="another account"),
        pytest.param(
            lambda it: rows(it).update({"person.4": {**rows(it)["person.3"], "number": 4}}),
            id="a person is doubled",
        ),
    ],
)
def test_it_finds_a_proof_or_a_person_lost_or_doubled(broken: Break) -> None:
    assert verdict(broken)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda it: it["links"].pop(0), id="the mailed link is lost"),
        pytest.param(lambda it: it["links"].pop(2), id="the share link is lost"),
        pytest.param(lambda it: it["links"].pop(3), id="a link is not listed under its day"),
        pytest.param(lambda it: it["links"][2].update(revoked_at=it["links"][2]["expires_at"]), id="revoked"),
        pytest.param(
            lambda it: it["links"].append({**it["links"][2], "PartitionKey": "f" * 64}),
            id="a share link is doubled",
        ),
        pytest.param(lambda it: rows(it)["facts"].update(share_number=2), id="a second share link"),
        pytest.param(lambda it: it["hints"].update({PARTNER: ()}), id="a hint is lost"),
        pytest.param(lambda it: it["hints"].update({PARTNER: ("a1", "a2")}), id="a hint leads astray"),
        pytest.param(lambda it: it.update(hint_rows=3), id="a hint of nobody's"),
        pytest.param(lambda it: it["limits"].pop(digest("sign_in.a1")), id="a sign-in uncounted"),
        pytest.param(lambda it: it["limits"].update({digest("post.a1"): -1}), id="a press uncounted"),
        pytest.param(lambda it: it["limits"].update({digest("post.a2"): 1}), id="a count of nobody's"),
    ],
)
def test_it_finds_a_link_a_hint_or_a_count_lost_or_doubled(broken: Break) -> None:
    assert verdict(broken)


def test_a_consent_that_is_asked_for_again_by_itself_needs_no_press() -> None:
    again = trip("consent", 5, is_open=False)
    assert verdict(lambda it: it["flows"].append({**again, "is_retry": True})) == []
    assert verdict(lambda it: it["flows"].append(again))
