"""The judge finds a mail that is lost, doubled, or given up without need; and what workers wrote is read."""

from pathlib import Path

import pytest

from tests.storm.attempts import Attempts, Sendings, read_attempts
from tests.storm.example import ADMINISTRATOR, CONFIRMATION, INVITATION, Break, Found, rows, tell, verdict


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda it: rows(it).pop("outbox.associated-1"), id="a mail was never due"),
        pytest.param(
            lambda it: rows(it)["outbox.invitation-1"].update(status="due"), id="a mail is still due"
        ),
        pytest.param(lambda it: rows(it)["event.0000000012"].update(what="x"), id="a mail not noted"),
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
        pytest.param(
            lambda it: it["sendings"].update({INVITATION: Sendings(clean=1, raised=1)}),
            id="doubled beside a task that never came to the server",
        ),
        pytest.param(
            lambda it: tell(it, what="mail_due", old="invitation-1"), id="put off without a failure"
        ),
    ],
)
def test_it_finds(broken: Break) -> None:
    assert verdict(broken)


def _given_up(it: Found, reason: str, sent: Sendings, faults: int) -> None:
    rows(it)["outbox.associated-1"].update(status="failed", reason=reason)
    rows(it)["event.0000000012"].update(what="mail_failed")
    it["mails"].pop()
    it["sendings"][CONFIRMATION] = sent
    it["mail_faults"][ADMINISTRATOR] = faults


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        pytest.param(Sendings(), 0, id="never tried"),
        pytest.param(Sendings(unheard=4), 4, id="tried too seldom"),
        pytest.param(Sendings(unheard=5), 0, id="refused without a fault"),
        pytest.param(Sendings(unheard=5), 4, id="refused once without a fault"),
    ],
)
@pytest.mark.parametrize("reason", ["refused code=554", "never_finished", "link_ended", "overtaken"])
def test_it_finds_a_confirmation_given_up_without_need(sent: Sendings, faults: int, reason: str) -> None:
    assert verdict(lambda it: _given_up(it, reason, sent, faults))


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        pytest.param(Sendings(unheard=5), 5, id="refused each time"),
        pytest.param(Sendings(unheard=3, cut_off=1, raised=1), 3, id="faults of all kinds"),
        pytest.param(Sendings(cut_off=5), 0, id="deaths alone"),
    ],
)
def test_faults_at_every_attempt_excuse_a_mail(sent: Sendings, faults: int) -> None:
    assert verdict(lambda it: _given_up(it, "refused code=554", sent, faults)) == []
    assert verdict(lambda it: _given_up(it, "", sent, faults))


def _invitation_overtaken(it: Found, sent: Sendings) -> None:
    rows(it)["outbox.invitation-1"].update(status="failed", reason="overtaken")
    rows(it)["event.0000000002"].update(what="mail_failed")
    it["mails"].remove({"message_id": INVITATION})
    it["sendings"][INVITATION] = sent


def _unbound(it: Found) -> None:
    rows(it)["facts"].pop("generation")
    _invitation_overtaken(it, Sendings(cut_off=1))


def test_an_invitation_is_overtaken_by_the_binding_of_whoever_had_it() -> None:
    assert verdict(lambda it: _invitation_overtaken(it, Sendings(cut_off=1))) == []
    assert any("overtaken" in line for line in verdict(lambda it: _invitation_overtaken(it, Sendings())))
    assert any("overtaken" in line for line in verdict(_unbound))


def _word(it: Found, stamp: str, status: str = "sent") -> None:
    key = f"ready-access-{stamp}"
    rows(it)[f"outbox.{key}"] = {
        **{"key": key, "kind": "ready", "about": "access", "person": 1, "status": status},
        "reason": "overtaken" if status == "failed" else "",
    }
    tell(it, what="news", old="access", new="ready")
    tell(it, what=f"mail_{status}", old=key)
    if status == "sent":
        it["mails"].append({"message_id": f"<a1.{key}@x>"})
        it["sendings"][f"<a1.{key}@x>"] = Sendings(clean=1)


@pytest.mark.parametrize("status", ["sent", "failed"])
def test_word_of_the_way_comes_once_of_a_consent_and_may_be_overtaken(status: str) -> None:
    def thrice(it: Found) -> None:
        for stamp in ("1", "2", "3"):
            _word(it, stamp, status)

    assert verdict(lambda it: _word(it, "1", status)) == []
    assert any("consents" in line for line in verdict(thrice))


def test_a_task_is_read_as_it_ended_and_one_that_died_as_cut_off(tmp_path: Path) -> None:
    first, second = Attempts(tmp_path, "1"), Attempts(tmp_path, "2")
    for attempts, said in (
        (first, ["not_accepted", "ended"]),
        (first, ["accepted"]),
        (first, []),
        (second, ["ended"]),
        (second, ["raised"]),
        (second, ["accepted", "raised"]),
        (second, ["accepted", "ended"]),
    ):
        attempts.begin("<m@x>")
        for what in said:
            attempts.write("<m@x>", what)
    assert read_attempts(tmp_path) == {"<m@x>": Sendings(clean=1, cut_off=3, unheard=1, raised=1)}
    assert [first.is_first_death("<m@x>"), second.is_first_death("<m@x>")] == [True, False]
