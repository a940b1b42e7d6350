"""A mail that was refused once leaves later: of orders, conflicts and bindings, too, only what is still so.

A confirmation leaves in any case, without the share link once that opens nothing.
"""

from typing import Any

import pytest

from adapters.rendering import Rendering
from association.associate import bind
from association.close import close
from association.facts import Record
from association.outbox import BACK_OFF
from association.partition import MailStatus
from association.renew import renew_link, renew_share
from association.resend import resend_for_support
from association.revoke import revoke_share_link
from association.rows import Claim
from functions.services import ROOT
from tests.memory import NOW, TENANT, Memory, expects, identity, now_of, ordered, signed_in, tenant_facts
from tests.unit.test_outbox_overtaken import ADDRESS, kinds, leaves, mail_of, refused, stranger, turn


@pytest.fixture
def memory() -> Memory:
    return expects(Memory())


MISSING: dict[str, Any] = {"administrator_email": "", "mpn_id": ""}


@pytest.mark.parametrize("by", ["completion", "closing"])
async def test_a_partner_is_asked_for_nothing_once_nothing_is_missing(memory: Memory, by: str) -> None:
    record = await ordered(memory, **MISSING)
    await refused(memory, record, "order_incomplete-CMD-1")
    if by == "completion":
        await ordered(memory)
    else:
        await close(memory.ports, record.facts.association_id, "cancelled")
    assert not await leaves(memory, record, "order_incomplete-CMD-1")


async def test_a_partner_is_asked_for_what_is_missing_still(memory: Memory) -> None:
    record = await ordered(memory, **MISSING)
    await refused(memory, record, "order_incomplete-CMD-1")
    await ordered(memory, administrator_email="")
    assert await leaves(memory, record, "order_incomplete-CMD-1")
    assert memory.post.sent[0].values["missing"] == ("administrator_email",)


async def conflicting(memory: Memory, record: Record) -> None:
    """The administrator ends the checks; the tenant is another association's."""
    record, _ = await signed_in(memory, record)
    record = memory.put(record, consented_at=NOW, access_proven_at=NOW)
    await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: True)


async def in_conflict(memory: Memory) -> Record:
    await memory.claims.claim("tenant", TENANT, Claim(association_id="b" * 32, at=NOW, generation=1))
    record = await ordered(memory)
    await conflicting(memory, record)
    await refused(memory, record, f"conflict-{TENANT}")
    return now_of(memory, record)


async def test_support_is_told_of_no_tenant_that_has_no_conflict(memory: Memory) -> None:
    record, key = await in_conflict(memory), f"conflict-{TENANT}"
    await stranger(memory, record)
    assert not await leaves(memory, record, key)
    await conflicting(memory, now_of(memory, record))
    assert await leaves(memory, record, f"{key}~again-1")
    assert memory.post.sent[0].values["tenant_id"] == TENANT


async def test_support_is_told_of_a_conflict_once_while_its_mail_waits(memory: Memory) -> None:
    record = await in_conflict(memory)
    await stranger(memory, record)
    await conflicting(memory, now_of(memory, record))
    assert kinds(memory, record, "conflict") == [f"conflict-{TENANT}"]


@pytest.mark.parametrize("is_free", [True, False])
async def test_support_is_told_of_a_conflict_while_it_lasts(memory: Memory, is_free: bool) -> None:
    record = await in_conflict(memory)
    if is_free:
        memory.claims.rows.pop(("tenant", TENANT))
        await conflicting(memory, record)
    assert await leaves(memory, record, f"conflict-{TENANT}") is not is_free


async def bound(memory: Memory, record: Record) -> Record:
    record, _ = await signed_in(memory, record)
    return await bind(memory.ports, record, identity(memory), tenant_facts(), lambda _: True)


@pytest.mark.parametrize("ended_by", ["revocation", "closing", "its date", "its key"])
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_confirmation_leaves_without_the_address_that_opens_nothing(
    memory: Memory, ended_by: str, language: str
) -> None:
    """It is word that the tenant was bound, to whoever is recorded: revoking the share link hides nothing."""
    record = await bound(memory, await ordered(memory))
    await refused(memory, record, "associated-1")
    if ended_by == "revocation":
        await revoke_share_link(memory.ports, record.facts.association_id, "asked")
    elif ended_by == "closing":
        await close(memory.ports, record.facts.association_id, "cancelled")
    else:
        ended = {"share_kid": "gone"} if ended_by == "its key" else {"share_expires_at": NOW}
        memory.put(now_of(memory, record), **ended)
    assert await leaves(memory, record, "associated-1")
    (sent,) = memory.post.sent
    mail = Rendering(ROOT).mail("associated", language, **sent.values)
    for text in (mail.text, mail.html):
        assert "Boulangerie Dupont SARL" in text
        assert "/addin" not in text
        assert "Sage Contact" not in text


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_share_link_that_support_mails_leaves_while_it_opens(memory: Memory, is_open: bool) -> None:
    record = await bound(memory, await ordered(memory))
    await renew_share(memory.ports, record.facts.association_id, "asked")
    await refused(memory, record, "associated-1-2")
    if not is_open:
        await revoke_share_link(memory.ports, record.facts.association_id, "asked")
    memory.clock.advance(seconds=BACK_OFF[0])
    await turn(memory, record, "associated-1-2")
    mail = mail_of(memory, record, "associated-1-2")
    wanted = (MailStatus.SENT, "") if is_open else (MailStatus.FAILED, "link_ended")
    assert (mail.status, mail.reason) == wanted
    assert [sent.values["share_link"] != "" for sent in memory.post.sent] == [True] * is_open


@pytest.mark.parametrize("key", ["invitation-1", "invitation-1~again-1"])
async def test_whoever_has_done_it_is_invited_no_more(memory: Memory, key: str) -> None:
    record = await ordered(memory)
    if key != "invitation-1":
        await turn(memory, record, "invitation-1")
        memory.clock.advance(hours=1)
        await resend_for_support(memory.ports, record.facts.association_id, "lost")
    await refused(memory, record, key)
    await bound(memory, now_of(memory, record))
    assert not await leaves(memory, record, key)


@pytest.mark.parametrize("verb", [resend_for_support, renew_link])
async def test_the_link_that_support_sends_a_bound_customer_leaves(memory: Memory, verb: Any) -> None:
    record = await ordered(memory)
    await turn(memory, record, "invitation-1")
    await bound(memory, now_of(memory, record))
    memory.clock.advance(hours=1)
    await verb(memory.ports, record.facts.association_id, "lost")
    key = kinds(memory, record, "invitation")[-1]
    await refused(memory, record, key)
    assert await leaves(memory, record, key)
    assert memory.post.sent[0].to == ADDRESS


async def test_support_mails_the_link_anew_where_the_waiting_mail_was_overtaken(memory: Memory) -> None:
    record = await ordered(memory)
    await turn(memory, record, "invitation-1")
    memory.clock.advance(hours=1)
    await resend_for_support(memory.ports, record.facts.association_id, "lost")
    await refused(memory, record, "invitation-1~again-1")
    await bound(memory, now_of(memory, record))
    memory.clock.advance(seconds=1)
    after = await resend_for_support(memory.ports, record.facts.association_id, "lost again")
    assert "invitation-1~again-2" in after.outbox
    assert await leaves(memory, record, "invitation-1~again-2")
