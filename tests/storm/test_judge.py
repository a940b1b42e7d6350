"""The judge finds whatever is lost or doubled: one association as it should be, broken in each way."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.storm.attempts import Attempts, Sendings, read_attempts
from tests.storm.judge import Evidence, Wanted, judge

WANTED = [Wanted(order_number="O-1", customer_number="C-1", tenant_id="t1")]
INVITATION, CONFIRMATION = "<a1.invitation-1@x>", "<a1.associated-1@x>"
Found = dict[str, Any]
Break = Callable[[Found], Any]


def found() -> Found:
    """What a journey leaves that went well, after one repeat of a mail whose worker was killed."""
    whats = ["created", "mail_sent", "signed_in", "consent_returned", "checked", "bound", "mail_sent"]
    olds = ["", "invitation-1", "", "", "", "", "associated-1"]
    rows: dict[str, Any] = {
        f"event.{number:010}": {"what": what, "old": old, "version": number}
        for number, (what, old) in enumerate(zip(whats, olds, strict=True), 1)
    }
    rows |= {
        "facts": {
            **{"customer_number": "C-1", "reference": "R1", "version": len(whats)},
            **{"generation": 1, "bound_tenant_id": "t1"},
        },
        "order.O-1": {"order_number": "O-1"},
        "binding.1": {"tenant_id": "t1"},
        "outbox.invitation-1": {"key": "invitation-1", "kind": "invitation", "status": "sent"},
        "outbox.associated-1": {"key": "associated-1", "kind": "associated", "status": "sent"},
    }
    owner = {"association_id": "a1", "generation": 0}
    claims = {key: dict(owner) for key in ("order.O-1", "customer.C-1", "reference.R1", "reference.F9")}
    claims["tenant.t1"] = {"association_id": "a1", "generation": 1}
    return {
        "associations": {"a1": rows},
        "claims": claims,
        "flows": [
            {"association_id": "a1", "leg": leg, "status": "done"}
            for leg in ("sign_in", "consent", "consent", "confirm")
        ],
        "mails": [{"message_id": text} for text in (INVITATION, INVITATION, CONFIRMATION)],
        "sendings": {INVITATION: Sendings(clean=1, cut_off=1), CONFIRMATION: Sendings(clean=1)},
    }


def rows(place: Found) -> dict[str, Any]:
    return place["associations"]["a1"]  # type: ignore[no-any-return]


def test_nothing_is_wrong_with_a_journey_that_went_well() -> None:
    assert judge(WANTED, Evidence(**found())) == []


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
        pytest.param(lambda it: rows(it).update({"binding.2": {"tenant_id": "t1"}}), id="bound twice"),
        pytest.param(lambda it: rows(it)["binding.1"].update(tenant_id="t9"), id="another tenant's"),
        pytest.param(lambda it: rows(it).pop("event.0000000001"), id="an event is lost"),
        pytest.param(lambda it: rows(it).pop("facts"), id="the facts are lost"),
        pytest.param(lambda it: it["flows"].pop(0), id="a trip is told twice"),
        pytest.param(lambda it: it["flows"][0].update(status="open"), id="a trip is not consumed"),
        pytest.param(lambda it: rows(it).pop("outbox.associated-1"), id="a mail was never due"),
        pytest.param(
            lambda it: rows(it)["outbox.invitation-1"].update(status="due"), id="a mail is still due"
        ),
        pytest.param(
            lambda it: rows(it)["outbox.invitation-1"].update(status="failed"), id="a failure without reason"
        ),
        pytest.param(lambda it: rows(it)["event.0000000007"].update(what="x"), id="a mail not noted"),
        pytest.param(
            lambda it: rows(it)["event.0000000001"].update(what="mail_sent", old="associated-1"),
            id="a mail noted twice",
        ),
        pytest.param(lambda it: it["mails"].pop(), id="a mail noted and never accepted"),
        pytest.param(lambda it: it["mails"].append({"message_id": CONFIRMATION}), id="a mail sent again"),
        pytest.param(lambda it: it["mails"].append({"message_id": "<b@x>"}), id="nobody's mail"),
        pytest.param(
            lambda it: it["sendings"].update({INVITATION: Sendings(clean=2)}), id="two workers sent one mail"
        ),
        pytest.param(
            lambda it: it["sendings"].update({INVITATION: Sendings(clean=1, unheard=1)}),
            id="an acceptance unheard without a fault",
        ),
        pytest.param(lambda it: it.update(poisoned=1), id="a task given up"),
    ],
)
def test_the_judge_finds(broken: Break) -> None:
    it = found()
    broken(it)
    assert judge(WANTED, Evidence(**it))


def test_a_worker_that_dies_leaves_its_attempt_cut_off_and_others_as_they_ended(tmp_path: Any) -> None:
    first, second = Attempts(tmp_path, "1"), Attempts(tmp_path, "2")
    for attempts, said in (
        (first, ["not_accepted", "ended"]),
        (first, ["accepted"]),
        (second, ["ended"]),
        (second, ["accepted", "raised"]),
        (second, ["accepted", "ended"]),
    ):
        attempts.begin("<m@x>")
        for what in said:
            attempts.write("<m@x>", what)
    assert read_attempts(tmp_path) == {"<m@x>": Sendings(clean=1, cut_off=2, unheard=1)}
    assert [first.is_first_death("<m@x>"), second.is_first_death("<m@x>")] == [True, False]
