"""The association e-mail, as the administrator finds it in the mailbox."""

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.walks.browser import CATALOGUES, Page, tells
from tests.walks.world import World, until

PARIS = ZoneInfo("Europe/Paris")


def day(moment: datetime, language: str = "fr") -> str:
    """A date as the texts write it."""
    entries, local = CATALOGUES[language], moment.astimezone(PARIS)
    number = entries["format.first_of_month"] if local.day == 1 else str(local.day)
    return entries["format.date"].format(day=number, month=entries[f"month.{local.month}"], year=local.year)


def seen(mail: dict[str, Any]) -> Page:
    """The HTML part as a page."""
    return Page("", 200, mail["html"], {}, mail["html"].encode())


@pytest.mark.parametrize("part", ["text", "html"])
def test_both_parts_say_who_asked_what_to_do_until_when_and_how_to_check(world: World, part: str) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    mail = world.mail(order["administrator_email"])
    shown = mail["text"] if part == "text" else seen(mail).words
    for key in ("who", "what", "button", "ends", "forward"):
        assert tells(shown, f"mail.invitation.{key}"), key
    for key in ("title", "address", "reference", "password", "call"):
        assert tells(shown, f"mail.genuine.{key}"), key
    for fact in (order["company_name"], order["partner"]["name"], order["reference"], link):
        assert fact in shown
    found = world.support(order_number=order["order_number"])
    assert day(datetime.fromisoformat(found["link"]["expires_at"])) in shown


def test_the_mail_has_one_button_and_its_address_is_written_out_beside_it(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    link = world.link(order)
    mail = world.mail(order["administrator_email"])
    document = seen(mail).document
    labels = {anchor.text_content().strip() for anchor in document.xpath("//a[@href=$link]", link=link)}
    assert CATALOGUES["fr"]["mail.invitation.button"] in labels
    assert tells(seen(mail).words, "mail.address")
    assert link in seen(mail).words
    assert re.fullmatch(rf"{re.escape(world.host)}/a\?k=[A-Za-z0-9_-]{{43}}", link)
    assert mail["subject"] == CATALOGUES["fr"]["mail.invitation.subject"].format(
        company_name=order["company_name"]
    )


def test_the_mail_loads_nothing_and_runs_nothing(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    world.link(order)
    document = seen(world.mail(order["administrator_email"])).document
    assert document.xpath("//script | //img | //link | //iframe | //form | //@onclick | //@onload") == []


def test_an_english_order_is_mailed_in_english(world: World) -> None:
    order = world.orders(world.customer("mont-blanc-outdoor"))
    world.link(order)
    mail = world.mail(order["administrator_email"])
    assert tells(mail["subject"], "mail.invitation.subject", "en")
    for shown in (mail["text"], seen(mail).words):
        assert tells(shown, "mail.invitation.who", "en")
        assert tells(shown, "mail.genuine.title", "en")
        assert not tells(shown, "mail.genuine.title", "fr")
    assert seen(mail).document.get("lang") == "en"


def test_the_message_id_follows_from_the_association_and_the_link(world: World) -> None:
    order = world.orders(world.customer("menuiserie-lambert"))
    world.link(order)
    sender = world.settings["Values"]["MAIL_FROM"].rpartition("@")[2]
    first = world.mail(order["administrator_email"])["message_id"]
    assert first == f"<{order['association_id']}.invitation-1@{sender}>"

    world.post(f"/support/associations/{order['association_id']}/renew-link", {"reason": "perdu"})
    two = until(lambda: world.mails(order["administrator_email"])[1:], "the second association e-mail")
    assert two[0]["message_id"] == f"<{order['association_id']}.invitation-2@{sender}>"


def test_the_link_of_a_mail_lasts_as_long_as_the_setting_says(world: World) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    order = world.orders(world.customer("menuiserie-lambert"))
    ends = datetime.fromisoformat(world.support(order_number=order["order_number"])["link"]["expires_at"])
    assert (ends - before).days == int(world.settings["Values"].get("LINK_DAYS", "30"))
