"""The share link's pages: whoever they stop is told of the share link, never of the association link."""

from dataclasses import replace

import azure.functions as func
import pytest
from markupsafe import escape

from association.facts import Record
from association.keys import Keys
from association.links import add_link, link_end, mailed_token, share_token
from association.partition import Binding
from association.renew import renew_share
from association.rows import Purpose
from association.session import Session
from association.settings import SigningKey
from functions import addin, services
from functions.services import Services, rendering
from functions.web import responses
from functions.web.boundary import STATUS, Handler
from functions.web.browser import form_token, session_name, set_session
from tests.memory import NOW, OTHER_TENANT, PERSON, TENANT, Memory, ordered

VISIT_PAGES = [addin.guide, addin.shared_file]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(services, "_built", [Services(made.ports, rendering())])
    return made


@pytest.fixture
async def shared(memory: Memory) -> Record:
    """A bound association with its share link."""
    record = await ordered(memory)
    days = memory.ports.settings.share_days
    await add_link(memory.ports, record.facts.association_id, Purpose.SHARE, 1, days)
    ends = link_end(NOW, days)
    binding = Binding(generation=1, tenant_id=TENANT, object_id=PERSON, person=1, at=NOW)
    return memory.put(
        replace(record, bindings={1: binding}),
        generation=1,
        bound_tenant_id=TENANT,
        share_number=1,
        share_kid="k1",
        share_expires_at=ends,
    )


def request(url: str, cookie: str = "") -> func.HttpRequest:
    return func.HttpRequest(method="GET", url=url, headers={"cookie": cookie}, body=b"")


async def opened(token: str) -> func.HttpResponse:
    """What the share link answers."""
    answer: func.HttpResponse = await addin.open_share_link(request(f"http://localhost:7071/addin?k={token}"))
    return answer


async def visited(page: Handler, cookie: str) -> func.HttpResponse:
    """What a page behind the share link answers to a browser with this cookie."""
    of = cookie.partition("=")[0].removeprefix("addin-")
    return await page(request(f"http://localhost:7071/addin/page?of={of}", cookie))


async def visit(memory: Memory, record: Record) -> str:
    """The cookie of a browser that has opened the share link."""
    answer = await opened(share_token(memory.ports.keys, record.facts))
    guide = f"/addin/guide?of={record.facts.reference}"
    assert (answer.status_code, answer.headers["Location"]) == (303, guide)
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def code_of(answer: func.HttpResponse) -> str:
    """Which failure the page tells."""
    html = answer.get_body().decode()
    titles = {code: str(escape(rendering().text("fr", f"error.{code}.title"))) for code in STATUS}
    (code,) = [code for code, title in titles.items() if f"<h1>{title}</h1>" in html]
    assert answer.status_code == STATUS[code]
    return code


async def assert_ended(memory: Memory, record: Record, cookie: str) -> None:
    """The link and both pages behind it say that the share has ended."""
    assert code_of(await opened(share_token(memory.ports.keys, record.facts))) == "share_ended"
    for page in VISIT_PAGES:
        assert code_of(await visited(page, cookie)) == "share_ended"


async def test_the_share_link_opens_guide_and_file(memory: Memory, shared: Record) -> None:
    cookie = await visit(memory, shared)
    for page in VISIT_PAGES:
        assert (await visited(page, cookie)).status_code == 200


async def test_an_expired_share_link_is_told_as_such(memory: Memory, shared: Record) -> None:
    memory.clock.advance(days=90, hours=-1)
    cookie = await visit(memory, shared)
    memory.clock.advance(hours=1)
    await assert_ended(memory, shared, cookie)


async def test_a_replaced_share_link_is_told_as_such(memory: Memory, shared: Record) -> None:
    cookie = await visit(memory, shared)
    await renew_share(memory.ports, shared.facts.association_id, "reason")
    await assert_ended(memory, shared, cookie)


async def test_a_share_link_whose_key_is_removed_is_told_as_such(
    memory: Memory, shared: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, left = share_token(memory.ports.keys, shared.facts), Keys((SigningKey("k2", b"n" * 32),))
    monkeypatch.setattr(memory.ports.keys, "_keys", left._keys)
    assert code_of(await opened(token)) == "share_ended"


async def test_without_a_binding_the_share_has_ended(memory: Memory, shared: Record) -> None:
    cookie = await visit(memory, shared)
    memory.put(memory.record(shared.facts.association_id), generation=0)
    for page in VISIT_PAGES:
        assert code_of(await visited(page, cookie)) == "share_ended"


async def test_a_visit_of_more_than_twelve_hours_has_ended(memory: Memory, shared: Record) -> None:
    cookie = await visit(memory, shared)
    memory.clock.advance(hours=12)
    for page in VISIT_PAGES:
        assert code_of(await visited(page, cookie)) == "share_ended"


async def test_a_browser_that_never_opened_the_link_is_told_the_same(memory: Memory, shared: Record) -> None:
    for page in VISIT_PAGES:
        assert code_of(await visited(page, "")) == "share_ended"


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
async def test_a_token_that_was_never_issued_is_not_recognised(
    memory: Memory, shared: Record, token: str
) -> None:
    assert code_of(await opened(token)) == "link_unknown"
    assert code_of(await opened(mailed_token(memory.ports.keys, shared.facts))) == "link_unknown"


def test_the_texts_name_no_link_that_users_do_not_have() -> None:
    """The association e-mail and its link are the administrator's."""
    for language, foreign in (
        ("fr", ("e-mail", "lien d\u2019association")),
        ("en", ("e-mail", "association link")),
    ):
        for part in ("title", "cause", "remedy", "who"):
            text = rendering().text(language, f"error.share_ended.{part}")
            assert not [word for word in foreign if word in text]


async def test_a_revoked_share_link_and_the_visits_it_left_are_told_as_ended(
    memory: Memory, shared: Record
) -> None:
    cookie = await visit(memory, shared)
    memory.put(shared, share_revoked_at=NOW)
    for page in VISIT_PAGES:
        assert code_of(await visited(page, cookie)) == "share_ended"


def holding(memory: Memory, record: Record, tenant_id: str, method: str = "GET") -> func.HttpRequest:
    """A request of a browser whose session is of a person of `tenant_id`, with the form's own token."""
    reference, now = record.facts.reference, memory.ports.now()
    session = Session(
        session_id="s",
        association_id=record.facts.association_id,
        tenant_id=tenant_id,
        object_id=PERSON,
        account=1,
        generation=record.facts.generation,
        link_number=record.facts.link_number,
        started_at=now,
        seen_at=now,
    )
    cookie = set_session(responses.data({}), memory.ports, reference, session).headers["Set-Cookie"]
    token = form_token(memory.ports, session, None)
    return func.HttpRequest(
        method=method,
        url=f"http://localhost:7071/a/{reference}/page",
        headers={
            "cookie": cookie.partition(";")[0],
            "origin": "http://localhost:7071",
            "content-type": "application/x-www-form-urlencoded",
        },
        route_params={"reference": reference},
        body=f"form_token={token}&share=revoke&number=1".encode() if method == "POST" else b"",
    )


@pytest.mark.parametrize(
    ("page", "method"), [(addin.own_file, "GET"), (addin.own_guide, "GET"), (addin.renew, "POST")]
)
async def test_a_session_of_another_tenant_gets_and_changes_nothing(
    memory: Memory, shared: Record, page: Handler, method: str
) -> None:
    answer = await page(holding(memory, shared, OTHER_TENANT, method))
    assert code_of(answer) == "not_bound"
    facts = memory.record(shared.facts.association_id).facts
    assert (facts.share_number, facts.share_revoked_at) == (1, None)
    own = await page(holding(memory, shared, TENANT, method))
    assert own.status_code in (200, 303)


async def test_the_guide_keeps_the_administrators_session_awake(memory: Memory, shared: Record) -> None:
    answer = await addin.own_guide(holding(memory, shared, TENANT))
    assert answer.headers["Set-Cookie"].startswith(session_name(shared.facts.reference))
