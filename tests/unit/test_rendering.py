"""Every page and mail, in both languages, in every state it can be shown in."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from adapters.rendering import LANGUAGES, Rendering
from association.answer import Answer
from association.further_applications import FurtherApplication
from association.partition import Check, Mail, MailStatus, Prerequisite, Result
from association.rows import Leg
from association.share import ShareState
from association.steps import Cause, State, Step, StepState
from functions.web.answers import Left
from functions.web.done_page import Share
from functions.web.pages import Guest

ROOT = Path(__file__).parents[2]
RENDERING = Rendering(ROOT)
SINCE = datetime(2026, 11, 20, 9, 42, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"&'{{ 7 * 7 }}"
VOID = {"meta", "link", "input", "br", "circle", "path", "img"}
SUPPORT = {"support_phone": "01 41 66 21 21", "support_email": "association@sage.example"}
REFERENCE = "K7QF-2MPD"
TENANT = "5c3a1b1e-8f0d-4b7a-9d2e-0f1e2d3c4b5a"

Case = tuple[str, str, dict[str, Any]]


def journey(
    step: Step, state: State = State.CURRENT, *, signed_in: bool = True, **more: Any
) -> dict[str, Any]:
    """The values of a journey page that stands at `step`."""
    order = list(Step)
    steps = tuple(
        StepState(item, State.DONE, SINCE, 7)
        if order.index(item) < order.index(step)
        else StepState(item, state if item is step else State.TO_COME)
        for item in order
    )
    return {
        "company_name": "DURAND SARL",
        "reference": REFERENCE,
        **SUPPORT,
        "steps": steps,
        "step": step,
        "left": None,
        "action": f"/a/{REFERENCE}",
        "form_token": "form-token" if signed_in else "",
        "account": "paul@durand.example" if signed_in else "",
        "organisation": "durand.example" if signed_in else "",
        "passing_on": {
            "link": "https://sage.example/a?k=token",
            "partner_name": "Partenaire Conseil",
            "ends": SINCE,
        },
        "guest": Guest(),
        "has_address": True,
        "cause": Cause.CHECKS_FAILED if state is State.BLOCKED else Cause.NONE,
        "people": {7: "Paul Durand"} if signed_in else {},
        **more,
    }


def check(key: Prerequisite, cause: str, evidence: str = "", until: datetime | None = None) -> Check:
    """A check's row, with the result that its cause belongs to."""
    is_ok = cause in OK_CAUSES or (key, cause) == (Prerequisite.ADMINISTRATOR, "guest")
    return Check(
        key=key,
        result=Result.OK if is_ok else Result.UNKNOWN if cause == "unreadable" else Result.FAILED,
        cause=cause,
        evidence=evidence,
        until=until,
        at=SINCE,
        tenant_id=TENANT,
        object_id="o",
    )


OK_CAUSES = ("ok", "by_group", "p2", "trial", "ending")
ADMINISTRATOR, PREMIUM, SUBSCRIPTION = Prerequisite
MET = (
    check(ADMINISTRATOR, "ok", "Global Administrator"),
    check(PREMIUM, "ok", "Microsoft 365 Business Premium"),
    check(SUBSCRIPTION, "ok", "Microsoft 365 Business Premium"),
)
CHECKS = {
    "met": MET,
    "by_group": (
        check(ADMINISTRATOR, "by_group", "Direction"),
        check(PREMIUM, "p2", "Microsoft 365 E5"),
        MET[2],
    ),
    "trial": (
        check(ADMINISTRATOR, "guest", "Global Administrator"),
        check(PREMIUM, "trial", "Microsoft Entra ID P1", SINCE),
        check(SUBSCRIPTION, "trial", "Office 365 E1"),
    ),
    "ending": (
        check(ADMINISTRATOR, "by_group"),
        check(PREMIUM, "ending", "Microsoft Entra ID P1"),
        check(SUBSCRIPTION, "ending", "Office 365 E1", SINCE),
    ),
    "not_held": (check(ADMINISTRATOR, "not_held"), *MET[1:]),
    "other_roles": (check(ADMINISTRATOR, "other_roles", "Exchange Administrator, Global Reader"), *MET[1:]),
    "eligible": (check(ADMINISTRATOR, "eligible"), *MET[1:]),
    "no_user_object": (check(ADMINISTRATOR, "no_user_object"), check(PREMIUM, "no_user_object"), MET[2]),
    "guest": (check(ADMINISTRATOR, "guest"), check(PREMIUM, "guest", "Microsoft Entra ID P1"), MET[2]),
    "absent": (MET[0], check(PREMIUM, "absent"), check(SUBSCRIPTION, "absent", "Microsoft Entra ID P1")),
    "not_assigned": (MET[0], check(PREMIUM, "not_assigned", "Microsoft Entra ID P1"), MET[2]),
    "pending": (MET[0], check(PREMIUM, "pending", "Microsoft Entra ID P1"), MET[2]),
    "plan": (MET[0], check(PREMIUM, "plan_disabled", "Microsoft 365 E3"), MET[2]),
    "plan_error": (MET[0], check(PREMIUM, "plan_error", "Microsoft 365 E3"), MET[2]),
    "suspended": (
        MET[0],
        check(PREMIUM, "suspended", "Microsoft Entra ID P1", SINCE),
        check(SUBSCRIPTION, "suspended", "Office 365 E3", SINCE),
    ),
    "ended": (
        MET[0],
        check(PREMIUM, "ended", "Microsoft Entra ID P1"),
        check(SUBSCRIPTION, "ended", "Office 365 E3"),
    ),
    "no_mailbox": (*MET[:2], check(SUBSCRIPTION, "no_mailbox", "Microsoft 365 Apps for business")),
    "incompatible": (*MET[:2], check(SUBSCRIPTION, "incompatible", "Microsoft 365 Business Basic")),
    "unreadable": tuple(check(key, "unreadable") for key in Prerequisite),
}


def progress(cause: Cause = Cause.NOT_STARTED, **more: Any) -> dict[str, Any]:
    """The values of the link's page."""
    values = journey(
        Step.IDENTIFICATION,
        State.WAITING if cause is Cause.LEFT_FOR_MICROSOFT else State.CURRENT,
        signed_in=False,
        partner_name="Compta Conseil",
        link_ends=SINCE,
        cause=cause,
        since=SINCE,
        is_bound=False,
        notice="",
    )
    return {**values, **more}


def unexpected(**more: Any) -> dict[str, Any]:
    """The values of the page that asks for the one-time code."""
    values = journey(
        Step.IDENTIFICATION,
        State.BLOCKED,
        organisation="martin.example",
        tenant_id=TENANT,
        is_authorised=False,
        code_sent=True,
        code_minutes=10,
        code_problem="",
        tries_left=5,
    )
    return {**values, **more}


APPLICATIONS = (
    FurtherApplication(
        key="flow",
        name={"fr": "Sage Flow", "en": "Sage Flow"},
        why={"fr": "pour", "en": "for"},
        client_id=TENANT,
        roles=frozenset(),
    ),
)


def share(state: ShareState = ShareState.OPEN, **more: Any) -> Share:
    """The share link as the last page shows it."""
    usual = {"made_at": SINCE, "made_by": "paul@durand.example", "revoked_by": "paul@durand.example"}
    url = "https://association.example/addin?k=share" if state is ShareState.OPEN else ""
    return Share(
        state=state, number=1, url=url, ends=SINCE, days=90, **{**usual, "revoked_at": SINCE, **more}
    )


def confirmation(status: MailStatus) -> Mail:
    """The confirmation mail in the outbox."""
    return Mail(
        key="associated-1", kind="associated", person=1, created_at=SINCE, status=status, sent_at=SINCE
    )


def done(state: ShareState = ShareState.OPEN, **more: Any) -> dict[str, Any]:
    """The values of the last page."""
    values = journey(
        Step.DONE,
        State.DONE,
        bound_at=SINCE,
        download=f"/a/{REFERENCE}/sage-contact.xml",
        applications=APPLICATIONS,
        missing_applications=(),
        share=share(state),
        connector_url="https://connector.example",
        partner_name="Compta Conseil",
        is_administrator=True,
        confirmation=confirmation(MailStatus.SENT),
    )
    return {**values, **more}


def error(code: str, button: dict[str, str] | None = None) -> dict[str, Any]:
    """The values of an error page that knows no association."""
    return {
        "company_name": "",
        "reference": "9HTN-W4XA",
        **SUPPORT,
        "code": code,
        "button": button,
        "values": {},
    }


def last_cases() -> Iterator[Case]:
    """The last page and the guide in each state."""
    for state in ShareState:
        yield f"done-share-{state}", "done", done(state)
    yield "done-missing", "done", done(missing_applications=APPLICATIONS, applications=())
    for status in (MailStatus.DUE, MailStatus.FAILED):
        yield f"done-mail-{status}", "done", done(confirmation=confirmation(status))
    yield "done-colleague", "done", done(is_administrator=False)
    yield "done-untold", "done", done(confirmation=None, share=share(made_at=None, made_by=""))
    common = {"company_name": "DURAND SARL", "reference": REFERENCE, **SUPPORT}
    yield "guide", "guide", {**common, "download": "/addin/sage-contact.xml", "own_path": ""}
    own = {"download": f"/a/{REFERENCE}/sage-contact.xml", "own_path": f"/a/{REFERENCE}"}
    yield "guide-own", "guide", {**common, **own}


def unexpected_cases() -> Iterator[Case]:
    """The page of the one-time code in each state."""
    yield "unexpected", "unexpected_tenant", unexpected()
    yield "unexpected-wrong", "unexpected_tenant", unexpected(code_problem="code_wrong", tries_left=4)
    yield "unexpected-ended", "unexpected_tenant", unexpected(code_problem="code_ended", tries_left=0)
    yield "unexpected-unsent", "unexpected_tenant", unexpected(code_sent=False)
    yield "unexpected-nobody", "unexpected_tenant", unexpected(has_address=False, code_sent=False)


def page_cases() -> Iterator[Case]:
    """Each page in each state: a name for the case, the page, its values."""
    for cause in Cause:
        yield f"progress-{cause or 'none'}", "progress", progress(cause)
    for notice in ("signed_out", "account_changed", "sign_in_refused"):
        yield f"progress-{notice}", "progress", progress(notice=notice)
    yield "progress-bound", "progress", progress(is_bound=True)
    yield "not_administrator", "not_administrator", journey(Step.AUTHORISATION)
    yield from unexpected_cases()
    for notice in ("", "refused", "access_missing"):
        state = State.BLOCKED if notice else State.CURRENT
        refusal = "cancelled" if notice == "refused" else ""
        values = journey(
            Step.AUTHORISATION, state, tenant_id=TENANT, notice=notice, refusal=refusal, since=SINCE
        )
        yield f"consent-{notice or 'first'}", "consent", values
    yield "consent-access_refused", "consent", {**values, "refusal": "disabled"}
    for answer in Answer:
        told = {"answer": answer, "again": SINCE}
        yield f"error-{answer}", "error", {**error("microsoft_refused"), "values": told}
    for leg in Leg:
        yield f"progress-left-{leg}", "progress", progress(left=Left(SINCE, leg))
    waiting = journey(Step.AUTHORISATION, State.WAITING, since=SINCE, refresh_seconds=5)
    for name, unread_at in (("verifying-unread", SINCE + timedelta(hours=1)), ("verifying", None)):
        yield name, "verifying", {**waiting, "unread_at": unread_at, "refusal": ""}
    yield "verifying-refused", "verifying", {**waiting, "unread_at": None, "refusal": "disabled"}
    yield "prerequisites-ready", "prerequisites", journey(Step.PREREQUISITES, checks=())
    for name, checks in CHECKS.items():
        values = journey(Step.PREREQUISITES, State.BLOCKED, checks=checks)
        yield f"prerequisites-{name}", "prerequisites", values
    yield "conflict", "conflict", journey(Step.PREREQUISITES, State.BLOCKED)
    leaving: dict[str, Any] = {
        "portal": "https://portal.example/association",
        "token": "a.b.c",
        "seconds": 60,
    }
    yield "handover", "handover", journey(Step.DONE, State.DONE, **leaving)
    yield from last_cases()
    yield from anybodys_cases()
    yield "error", "error", error("link_expired")
    yield (
        "error-link",
        "error",
        error("flow_expired", {"kind": "link", "href": "/a", "label": "button.restart"}),
    )
    without_support = {"support_phone": "", "support_email": ""}
    yield "error-bare", "error", {**error("settings_incomplete"), **without_support}


def anybodys_cases() -> Iterator[Case]:
    """The pages of no association: a new link, and what is kept."""
    anybody = {"company_name": "", "form_token": "form-token", "switch": "/new-link?language=en", **SUPPORT}
    cases: dict[str, dict[str, Any]] = {
        "empty": {},
        "filled": {"typed": REFERENCE},
        "wrong": {"typed": HOSTILE, "problem": "not_understood"},
        "sent": {"sent": True},
    }
    for name, values in cases.items():
        shown = {"typed": "", "problem": "", "sent": False, **values}
        yield f"new_link-{name}", "new_link", {**anybody, **shown}
    times = {"idle_minutes": 30, "session_hours": 8, "visit_hours": 12, "flow_minutes": 15}
    days = {"link_days": 30, "share_days": 90, "retention_days": 100}
    yield "privacy", "privacy", {**anybody, **times, **days}


def mail_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mail with its values."""
    common = {"company_name": "DURAND SARL", "reference": REFERENCE, **SUPPORT}
    link = "https://association.example/a?k=token"
    yield "invitation", {**common, "partner_name": "Compta Conseil", "link": link, "ends": SINCE}
    for about in ("access", "applications"):
        told = {**common, "about": about, "organisation": "martin.example", "link": link, "ends": SINCE}
        yield "ready", told
        yield "late", {**told, "refusal": ""}
        yield "late", {**told, "refusal": "disabled"}
    yield "code", {**common, "code": "482913", "organisation": "martin.example", "minutes": 10}
    for has_address, is_code_sent in ((True, True), (True, False), (False, False)):
        stopped = {"has_address": has_address, "is_code_sent": is_code_sent}
        yield "unexpected", {**common, "organisation": "martin.example", **stopped}
    conflict = {"tenant_id": TENANT, "customer_number": "C-1", "other_reference": "9HTN-W4XA"}
    yield "conflict", {**common, "organisation": "martin.example", **conflict}
    share = {"share_link": "https://association.example/addin?k=share", "share_ends": SINCE}
    yield "associated", {**common, "organisation": "durand.example", "bound_at": SINCE, **share}
    missing = ("administrator_email", "mpn_id", "office365_users", "azure_ad_users")
    for is_followed in (True, False):
        order = {"order_number": "CMD-1042", "missing": missing, "is_followed": is_followed}
        yield "order_incomplete", {**common, **order}


NAMED = ("has_address", "is_code_sent", "is_followed")
PAGES = [pytest.param(page, values, id=case) for case, page, values in page_cases()]
MAILS = [
    pytest.param(
        kind, values, id="-not-".join([kind, *(name for name in NAMED if values.get(name) is False)])
    )
    for kind, values in mail_cases()
]
in_both_languages = pytest.mark.parametrize("language", LANGUAGES)


class Reader(HTMLParser):
    """Collects what a browser sees, and refuses tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def read(html: str) -> Reader:
    """`html` as a browser reads it."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def hostile(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, with script in everything that comes from outside."""
    outside = {"company_name", "partner_name", "organisation", "account", "order_number"}
    return {name: HOSTILE if name in outside and value else value for name, value in values.items()}


@in_both_languages
@pytest.mark.parametrize(("page", "values"), PAGES)
def test_every_page_is_whole_in_both_languages(page: str, values: dict[str, Any], language: str) -> None:
    seen = read(RENDERING.page(page, language, **values))
    tags = [tag for tag, _ in seen.tags]
    assert ("html", {"lang": language}) in seen.tags
    drawings = [tag for tag, attributes in seen.tags if tag == "svg" and attributes.get("role") == "img"]
    assert tags.count("h1") == tags.count("main") == tags.count("title") - len(drawings) == 1
    assert values.get("reference", "") in seen.text
    assert "{" not in seen.text


@in_both_languages
@pytest.mark.parametrize(("page", "values"), PAGES)
def test_no_page_has_more_than_one_primary_action(page: str, values: dict[str, Any], language: str) -> None:
    seen = read(RENDERING.page(page, language, **values))
    primary = [tag for tag, attributes in seen.tags if attributes.get("class") == "primary"]
    asks_nothing = page == "privacy" or values.get("sent") or (page == "error" and not values["button"])
    assert len(primary) == (0 if asks_nothing else 1)


def is_ours(form: dict[str, str | None]) -> bool:
    """Whether the form leads to an address of ours."""
    return str(form["action"]).startswith("/")


def test_the_form_that_leaves_for_the_portal_carries_what_the_portal_may_see() -> None:
    case = next(values for name, _, values in page_cases() if name == "handover")
    html = RENDERING.page("handover", "fr", **case)
    (form,) = [a for tag, a in read(html).tags if tag == "form" and not is_ours(a)]
    assert (form["method"], form["action"]) == ("post", "https://portal.example/association")
    fields = re.findall(r'<input[^>]* name="(\w+)"', html[html.index("https://portal.example") :])
    assert fields == ["token", "reference"]


@pytest.mark.parametrize(("page", "values"), PAGES)
def test_every_form_posts_with_the_session_s_token(page: str, values: dict[str, Any]) -> None:
    tags = read(RENDERING.page(page, "fr", **values)).tags
    forms = [attributes for tag, attributes in tags if tag == "form" and is_ours(attributes)]
    tokens = [a["value"] for tag, a in tags if tag == "input" and a.get("name") == "form_token"]
    assert all(form["method"] == "post" for form in forms)
    assert tokens == [values.get("form_token", "form-token")] * len(forms)


@pytest.mark.parametrize(("page", "values"), PAGES)
def test_no_page_needs_what_the_content_security_policy_forbids(page: str, values: dict[str, Any]) -> None:
    for tag, attributes in read(RENDERING.page(page, "fr", **values)).tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert tag not in ("style", "img", "iframe")
        source = (
            attributes.get("src") if tag == "script" else attributes.get("href") if tag == "link" else None
        )
        assert source is None or source.startswith("/assets/")
        assert tag != "script" or source


@in_both_languages
@pytest.mark.parametrize(("page", "values"), PAGES)
def test_script_in_a_name_is_shown_on_pages_and_never_run(
    page: str, values: dict[str, Any], language: str
) -> None:
    seen = read(RENDERING.page(page, language, **hostile(values)))
    plain = read(RENDERING.page(page, language, **values))
    assert [tag for tag, _ in seen.tags] == [tag for tag, _ in plain.tags]
    assert (HOSTILE in seen.text) == bool(values["company_name"])


@in_both_languages
@pytest.mark.parametrize(("kind", "values"), MAILS)
def test_every_mail_says_the_same_in_text_and_html(kind: str, values: dict[str, Any], language: str) -> None:
    mail = RENDERING.mail(kind, language, **values)
    seen = read(mail.html)
    assert mail.subject.startswith("Sage") and values["company_name"] in mail.subject
    assert "<" not in mail.text and "{" not in mail.text
    links = {link for tag, a in seen.tags if tag == "a" and (link := a["href"])}
    for fact in {values["reference"], values["support_phone"], values["support_email"], *links}:
        assert fact in mail.text
        assert fact in seen.text
    lines = (line.strip("- ") for line in mail.text.splitlines())
    skipped = (RENDERING.text(language, "mail.invitation.button"), *links)
    for line in lines:
        assert " ".join(line.split()) in seen.text or line in skipped


@in_both_languages
@pytest.mark.parametrize(("kind", "values"), MAILS)
def test_script_in_a_name_is_shown_in_mails_and_never_run(
    kind: str, values: dict[str, Any], language: str
) -> None:
    mail = RENDERING.mail(kind, language, **hostile(values))
    plain = RENDERING.mail(kind, language, **values)
    assert [tag for tag, _ in read(mail.html).tags] == [tag for tag, _ in read(plain.html).tags]
    assert HOSTILE in read(mail.html).text
    assert HOSTILE in mail.text
    assert HOSTILE in mail.subject


@in_both_languages
@pytest.mark.parametrize(("kind", "values"), MAILS)
def test_a_line_break_in_a_name_adds_no_line_to_a_mail(
    kind: str, values: dict[str, Any], language: str
) -> None:
    broken = {**values, "company_name": "DURAND\r\nBcc: x@y.example\u2028SARL"}
    mail = RENDERING.mail(kind, language, **broken)
    plain = RENDERING.mail(kind, language, **values)
    assert "DURAND Bcc: x@y.example SARL" in mail.subject
    assert len(mail.subject.splitlines()) == 1
    assert len(mail.text.splitlines()) == len(plain.text.splitlines())


@in_both_languages
def test_the_invitation_names_who_asked_first_and_has_one_button(language: str) -> None:
    kind, values = next(mail_cases())
    mail = RENDERING.mail(kind, language, **values)
    assert mail.text.startswith("Compta Conseil")
    buttons = [a for tag, a in read(mail.html).tags if tag == "a" and a.get("class") == "button"]
    assert [button["href"] for button in buttons] == [values["link"]]
    assert "https://association.example/" in mail.text


@in_both_languages
def test_the_link_s_page_shows_no_address_and_no_tenant(language: str) -> None:
    for _, page, values in page_cases():
        if page == "progress":
            text = read(RENDERING.page(page, language, **values)).text.replace(values["support_email"], "")
            assert "@" not in text
            assert TENANT not in text


@pytest.mark.parametrize(("page", "values"), PAGES)
def test_a_page_without_one_of_its_values_is_an_error(page: str, values: dict[str, Any]) -> None:
    with pytest.raises(UndefinedError):
        RENDERING.page(page, "fr", **{name: values[name] for name in values if name != "company_name"})


def test_a_mail_without_one_of_its_values_is_an_error() -> None:
    _, values = next(mail_cases())
    with pytest.raises(UndefinedError):
        RENDERING.mail("invitation", "fr", **{n: v for n, v in values.items() if n != "link"})


@pytest.mark.parametrize(
    ("language", "moment", "date", "datetime_"),
    [
        ("fr", datetime(2026, 11, 20, 9, 42, tzinfo=UTC), "20 novembre 2026", "20 novembre 2026 à 10:42"),
        ("en", datetime(2026, 11, 20, 9, 42, tzinfo=UTC), "20 November 2026", "20 November 2026 at 10:42"),
        ("fr", datetime(2026, 7, 31, 22, 5, tzinfo=UTC), "1er août 2026", "1er août 2026 à 00:05"),
        ("en", datetime(2026, 7, 31, 22, 5, tzinfo=UTC), "1 August 2026", "1 August 2026 at 00:05"),
    ],
    ids=["winter-fr", "winter-en", "summer-fr", "summer-en"],
)
def test_moments_are_told_in_the_reader_s_language_by_paris_time(
    language: str, moment: datetime, date: str, datetime_: str
) -> None:
    values = dict(mail_cases())["associated"] | {"bound_at": moment, "share_ends": moment}
    text = RENDERING.mail("associated", language, **values).text
    assert f" {datetime_}." in text
    assert f" {date}." in text


def test_a_page_carries_each_moment_for_machines_too() -> None:
    html = RENDERING.page("progress", "fr", **progress(left=Left(SINCE, Leg.SIGN_IN)))
    assert '<time datetime="2026-11-20T10:42+01:00">20 novembre 2026 à 10:42</time>, pas revenu' in html


def test_the_clock_filter_tells_paris_time() -> None:
    template = RENDERING._environment.from_string("{{ at | clock }}")
    assert ">10:42</time>" in template.render(at=SINCE, language="fr")


def test_a_text_is_given_as_it_stands() -> None:
    assert RENDERING.text("en", "progress.bound", company="A & B") == (
        "The Microsoft 365 of A & B is associated with Sage"
    )


@pytest.mark.parametrize(("language", "key"), [("fr", "no.such.key"), ("de", "app.name")])
def test_an_unknown_text_or_language_is_an_error(language: str, key: str) -> None:
    with pytest.raises(KeyError):
        RENDERING.text(language, key)


@dataclass(frozen=True)
class Anything:
    """Stands for the add-in: its own tests render it for real."""

    name: str


def test_a_manifest_gets_the_add_in_and_its_texts_escaped(tmp_path: Path) -> None:
    for language in LANGUAGES:
        folder = tmp_path / "locales" / language
        folder.mkdir(parents=True)
        (folder / "addin.json").write_text(f'{{"addin.label": "{language} & é", "other": "x"}}', "utf-8")
    (tmp_path / "templates" / "addin").mkdir(parents=True)
    template = "<a n='{{ addin.name }}' fr='{{ text.fr.label }}' en='{{ text.en.label }}'/>"
    (tmp_path / "templates" / "addin" / "sage-contact.xml").write_text(template, "utf-8")
    manifest = Rendering(tmp_path).manifest(Anything("<>"))
    assert manifest == "<a n='&lt;&gt;' fr='fr &amp; é' en='en &amp; é'/>".encode()


def test_two_catalogue_files_with_the_same_key_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locales" / "fr"
    folder.mkdir(parents=True)
    for name in ("a.json", "b.json"):
        (folder / name).write_text('{"key": "text"}', "utf-8")
    with pytest.raises(ValueError, match="key"):
        Rendering(tmp_path).text("fr", "key")


def test_importing_the_module_imports_no_template_engine() -> None:
    code = "import sys, adapters.rendering; sys.exit('jinja2' in sys.modules or 'markupsafe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_waiting_page_tells_when_microsoft_could_not_be_asked() -> None:
    cases = {name: values for name, page, values in page_cases() if page == "verifying"}
    told = {name: "11:42" in RENDERING.page("verifying", "en", **values) for name, values in cases.items()}
    assert told == {"verifying": False, "verifying-unread": True, "verifying-refused": False}


def test_the_waiting_page_refreshes_itself_without_script() -> None:
    case = {page: values for _, page, values in page_cases() if page == "verifying"}
    html = RENDERING.page("verifying", "fr", **case["verifying"])
    assert re.search(r'<noscript><meta http-equiv="refresh" content="5"></noscript>', html)


@in_both_languages
def test_the_waiting_page_promises_no_mail_where_nobody_is_recorded(language: str) -> None:
    values = next(values for _, page, values in page_cases() if page == "verifying")
    promised, instead = (
        RENDERING.text(language, f"verifying.{key}") for key in ("close", "close.no_address")
    )
    for has_address in (True, False):
        html = RENDERING.page("verifying", language, **{**values, "has_address": has_address})
        assert (promised in html, instead in html) == (has_address, not has_address)


@in_both_languages
def test_whoever_has_authorised_already_is_not_told_that_nothing_is(language: str) -> None:
    nothing = RENDERING.text(language, "unexpected_tenant.nothing_done")
    for is_authorised in (True, False):
        html = RENDERING.page("unexpected_tenant", language, **unexpected(is_authorised=is_authorised))
        assert (nothing in html) is not is_authorised


def test_whoever_is_erased_can_still_sign_out() -> None:
    nameless = unexpected(account="", has_address=False, code_sent=False)
    assert "/sign-out" in RENDERING.page("unexpected_tenant", "fr", **nameless)
