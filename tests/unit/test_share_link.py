"""The share link's pages: whoever they stop is told of the share link, never of the association link."""

import azure.functions as func
import pytest
from markupsafe import escape

from association.facts import Record
from association.keys import Keys
from association.links import add_link, link_end, mailed_token, share_token
from association.renew import renew_share
from association.rows import Purpose
from association.settings import SigningKey
from functions import addin, services
from functions.services import Services, rendering
from functions.web.boundary import STATUS, Handler
from tests.memory import NOW, TENANT, Memory, ordered

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
    return memory.put(
        record,
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
    return await page(request("http://localhost:7071/addin/page", cookie))


async def visit(memory: Memory, record: Record) -> str:
    """The cookie of a browser that has opened the share link."""
    answer = await opened(share_token(memory.ports.keys, record.facts))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/addin/guide")
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
