"""When trying again may help: told by the clock, or done by the page itself."""

from datetime import datetime
from zoneinfo import ZoneInfo

import azure.functions as func
import pytest
from lxml import html as markup
from markupsafe import escape

from association.answer import Answer
from association.errors import (
    ConcurrentChangeError,
    LimitReachedError,
    SettingsIncompleteError,
    StorageUnavailableError,
)
from association.microsoft_errors import MicrosoftUnavailableError
from functions import services
from functions.services import Services, rendering
from functions.web.boundary import pages
from tests.memory import Memory
from tests.unit.test_web_boundary import LANGUAGES, page_of, problem_of, raising


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    monkeypatch.setattr(services, "_built", [Services(made.ports, rendering())])
    return made


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("told", "clock", "day"),
    [
        (61, "14:02", "today"),
        (120, "14:02", "today"),
        (3600, "15:00", "today"),
        (14 * 3600, "04:00", "tomorrow"),
    ],
)
async def test_a_long_time_that_microsoft_tells_is_told_by_the_clock(
    memory: Memory, language: str, told: int, clock: str, day: str
) -> None:
    at_two = datetime(2026, 7, 1, 14, 0, tzinfo=ZoneInfo("Europe/Paris"))
    memory.clock.advance(seconds=(at_two - memory.clock()).total_seconds())
    texts = rendering()
    wanted = texts.text(language, f"error.again.{day}", again=clock)
    for answer in (None, Answer.THROTTLED, Answer.UNAVAILABLE):
        values = {} if answer is None else {"answer": answer}
        error = MicrosoftUnavailableError("x", retry_after=told, **values)
        _, html = await page_of(error, accept_language=language)
        words = " ".join(str(markup.document_fromstring(html).xpath("string()")).split())
        problem = await problem_of(error, accept_language=language)
        for said in (words, " ".join(problem["detail"].split())):
            assert wanted in said
            assert texts.text(language, "error.again.remedy") in said.replace("\xa0", " ") or (
                " ".join(texts.text(language, "error.again.remedy").split()) in said
            )
            for key in ("error.microsoft_unavailable", "answer.throttled", "answer.unavailable"):
                assert texts.text(language, f"{key}.remedy") not in said


async def test_a_minute_is_told_by_the_texts_alone(memory: Memory) -> None:
    error = MicrosoftUnavailableError("x", retry_after=60, answer=Answer.THROTTLED)
    _, html = await page_of(error)
    assert str(escape(rendering().text("fr", "answer.throttled.remedy"))) in html
    assert "<time" not in html
    assert rendering().text("fr", "error.microsoft_unavailable.remedy") in (await problem_of(error))["detail"]


OWN = "/a/K7QF-2MPD"


@pytest.mark.parametrize(
    ("error", "method", "path", "seconds"),
    [
        (StorageUnavailableError(), "GET", OWN, 5),
        (StorageUnavailableError(), "GET", f"{OWN}/", 5),
        (StorageUnavailableError(), "GET", f"{OWN.lower()}?signed-out=1", 5),
        (StorageUnavailableError(), "GET", f"{OWN}/applications", 5),
        (ConcurrentChangeError(), "GET", OWN, 2),
        (MicrosoftUnavailableError(), "GET", OWN, 10),
        (MicrosoftUnavailableError(retry_after=11), "GET", OWN, None),
        (StorageUnavailableError(), "POST", OWN, None),
        (StorageUnavailableError(), "POST", f"{OWN}/applications", None),
        (StorageUnavailableError(), "GET", f"{OWN}/sage-contact.xml", None),
        (StorageUnavailableError(), "GET", "/a?k=x", None),
        (StorageUnavailableError(), "GET", "/a/x", None),
        (StorageUnavailableError(), "GET", "/sign-in/callback?state=x", None),
        (StorageUnavailableError(), "GET", "/consent/callback", None),
        (StorageUnavailableError(), "GET", "/addin", None),
        (SettingsIncompleteError(("SMTP_HOST",)), "GET", OWN, None),
        (LimitReachedError(retry_after=5), "GET", OWN, None),
        (RuntimeError(), "GET", OWN, None),
    ],
    ids=repr,
)
async def test_only_a_page_of_the_associations_own_tries_again_by_itself(
    memory: Memory, error: Exception, method: str, path: str, seconds: int | None
) -> None:
    req = func.HttpRequest(method=method, url=f"http://localhost:7071{path}", headers={}, body=b"")
    html = (await pages(raising(error))(req)).get_body().decode()
    page = markup.document_fromstring(html)
    told = [] if seconds is None else [str(seconds)]
    assert page.xpath("//main//@data-refresh") == told
    assert page.xpath("//head/noscript/meta[@http-equiv='refresh']/@content") == told
    text = rendering().text("fr", "error.refreshes", seconds=seconds)
    assert (text in str(page.xpath("string()"))) == (seconds is not None)
