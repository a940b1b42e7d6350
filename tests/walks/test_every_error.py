"""Every error there is, reached over HTTP through the sandbox, and read in both languages."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.storage.row_keys import digest, escape
from association import errors, microsoft_errors
from sandbox.running import running_parts
from tests.walks.browser import CATALOGUES, Page
from tests.walks.failing import Case, Scene
from tests.walks.failing_ways import MUTE, UNSET, UNSTORED, USUAL, WAYS, Way
from tests.walks.world import World, query_of, running_product, until

ROOT = Path(__file__).resolve().parents[2]
LISTED = json.loads((ROOT / "sandbox/applications.json").read_text(encoding="utf-8"))[:1]
CLOSED_PORT = 9  # discard (RFC 863), which nobody runs any more
REFERENCE = r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}"
# What only a defect would show: a stack, a file of ours, an exception's name, a text without its words.
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|\w(?:Error|Exception)\b|\b(?:error|button)\.[a-z_]+|\{[a-z_]+\}"
)
SHORTEST_SENTENCE = 16  # characters that two languages share by no chance
MOST_ATTEMPTS = 5
# These are answered to nobody; each has a test of its own below.
ANSWERED_TO_NOBODY = {
    "mail_refused": "a mail leaves in the background; the outbox row keeps the reason, which support sees",
    "flow_busy": "the callback that comes second is led to the page that the first one came to",
}


def unusable_portal_key() -> str:
    """A private key that can't sign ES256 (P-384 instead of P-256), in PEM."""
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def settings_of(host: str, parts: dict[str, str]) -> dict[str, str]:
    """The settings that make a host what it is called."""
    away = re.sub(r"(127\.0\.0\.1|localhost):\d+", f"localhost:{CLOSED_PORT}", parts["storage"])
    return {
        USUAL: {"PORTAL_SIGNING_KEY": unusable_portal_key()},
        MUTE: {
            "MICROSOFT_AUTHORITY": f"https://localhost:{CLOSED_PORT}",
            "SMTP_PORT": str(CLOSED_PORT),
        },
        UNSTORED: {"AzureWebJobsStorage": away},
        UNSET: {"SIGNING_KEYS": ""},
    }[host]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Everything but the host."""
    with running_parts(tmp_path_factory.mktemp("errors")) as started:
        yield started


@pytest.fixture(scope="module")
def scene(parts: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Scene]:
    """One host after another over the same parts, each with its settings."""
    file = Path(parts["settings"])
    usual = file.read_text(encoding="utf-8")
    changes = {"FURTHER_APPLICATIONS": json.dumps(LISTED), **settings_of(request.param, parts)}
    with running_product(parts, **changes) as world:
        yield Scene(world)
    file.write_text(usual, encoding="utf-8")


def codes() -> set[str]:
    """The code of every error there is."""
    named = (*vars(errors).values(), *vars(microsoft_errors).values())
    kinds = (kind for kind in named if isinstance(kind, type))
    return {kind.code for kind in kinds if issubclass(kind, errors.AssociationError)}


@cache
def sentences(language: str) -> tuple[str, ...]:
    """What is only said in `language`: the pieces of its texts between placeholders, blanks folded.

    Names are in both languages; of the errors' texts nothing is.
    """
    other = " ".join(" ".join(text.split()) for text in CATALOGUES[_other(language)].values())
    found = set()
    for key, text in CATALOGUES[language].items():
        for piece in re.split(r"\{[^}]*\}|<[^>]+>", text):
            folded = " ".join(piece.split())
            if len(folded) >= SHORTEST_SENTENCE and (key.startswith("error.") or folded not in other):
                found.add(folded)
    return tuple(sorted(found))


def foreign(text: str, language: str) -> list[str]:
    """The sentences of the other language than `language` in a text."""
    folded = " ".join(text.split())
    return [sentence for sentence in sentences(_other(language)) if sentence in folded]


def own_words(page: Page, language: str) -> str:
    """What the page holds to read or hear, but for what is marked as in the other language."""
    document = page.document
    for element in document.xpath(f"//*[@lang='{_other(language)}']"):
        element.drop_tree()
    return " ".join([*document.itertext(), *document.xpath("//@*")])


def is_logged(world: World, code: str, reference: str) -> bool:
    """Whether the host's log holds the failure under its reference, once."""
    return world.logged().count(f"failed code={code} reference={reference}") == 1


def require_page(page: Page, way: Way, language: str, world: World) -> None:
    """The page of a failure, or the page that tells of it: all it has to say, and nothing else."""
    title, *others = way.says or way.texts
    assert page.is_headed(title, language), page.heading
    assert [key for key in others if not page.says(key, language)] == []
    assert page.document.get("lang") == language
    assert len(page.document.xpath("//main//*[contains(concat(' ', @class, ' '), ' primary ')]")) == 1
    words = own_words(page, language)
    assert foreign(words, language) == []
    assert INSIDES.findall(words) == []
    if not way.says:
        assert re.fullmatch(REFERENCE, page.failure_reference)
        until(lambda: is_logged(world, way.code, page.failure_reference), "the failure in the log")


def require_problem(page: Page, way: Way, language: str, world: World) -> None:
    """A problem as RFC 9457 has it, in the caller's language."""
    body = json.loads(page.text)
    assert body["type"] == f"urn:sage:association:{way.code}"
    assert body["title"] == CATALOGUES[language][f"error.{way.code}.title"]
    assert (body["status"], body["code"]) == (way.status, way.code)
    assert foreign(page.text, language) == []
    assert INSIDES.findall(page.text) == []
    assert re.fullmatch(REFERENCE, body["reference"])
    until(lambda: is_logged(world, way.code, body["reference"]), "the failure in the log")


def _other(language: str) -> str:
    return "en" if language == "fr" else "fr"


def test_every_code_is_reached_or_said_to_reach_nobody() -> None:
    reached = {way.code for way in WAYS}
    assert reached | ANSWERED_TO_NOBODY.keys() == codes()
    assert not reached & ANSWERED_TO_NOBODY.keys()


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("scene", "way"), [(way.host, way) for way in WAYS], indirect=["scene"], ids=str, scope="module"
)
def test_it_says_what_why_who_and_what_to_do_in_the_readers_language(
    scene: Scene, way: Way, language: str
) -> None:
    page = way.go(scene, language)
    assert page.status == way.status, page.words[:300]
    assert page.headers["cache-control"] == "no-store"
    if page.url.startswith(f"{scene.world.host}/orders"):  # where systems ask, and no people
        assert page.headers["content-type"] == "application/problem+json"
        require_problem(page, way, language, scene.world)
    else:
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        require_page(page, way, language, scene.world)


@pytest.mark.parametrize("scene", [UNSET], indirect=True, scope="module")
def test_without_settings_the_page_can_still_be_read_in_the_other_language(scene: Scene) -> None:
    browser = scene.stranger("fr")
    page = browser.open(f"{scene.world.host}/privacy")
    for language in ("en", "fr"):
        (other,) = page.document.xpath("//*[@class='languages']/a/@href")
        page = browser.open(scene.world.host + str(other))
        assert page.is_headed("error.settings_incomplete.title", language)
        assert page.document.get("lang") == language


@pytest.mark.parametrize("scene", [USUAL], indirect=True, scope="module")
def test_a_callback_that_is_being_worked_on_leads_to_the_page_instead_of_flow_busy(scene: Scene) -> None:
    person = scene.reader(scene.opened, "fr")
    left = person.leaves(scene.opened.page, "/sign-in")
    callback = person.passes(left)
    scene.store("flows", digest(query_of(left)["state"]), "flow", status="consuming")
    page = person.browser.open(callback)
    assert (page.status, page.url) == (200, f"{scene.world.host}/a/{scene.opened.order['reference']}")
    assert "code=flow_busy" not in scene.world.logged()


@pytest.mark.parametrize("scene", [MUTE], indirect=True, scope="module")
def test_a_mail_that_is_refused_is_told_to_support_with_its_reason(scene: Scene) -> None:
    case = scene.ordered()
    first = last = refused(scene, case, 1)
    assert first["status"] == "due"
    for attempt in range(2, MOST_ATTEMPTS + 1):
        try_again(scene, case, first["key"])
        last = refused(scene, case, attempt)
    assert last["status"] == "failed"
    for mail in (first, last):
        assert mail["reason"] == "unreachable kind=ConnectionRefusedError"
    found = scene.world.support(order_number=case.order["order_number"])
    told = [(event["what"], event["by"], event["new"]) for event in found["events"]]
    assert told.count(("mail_failed", "mail", last["reason"])) == 1


def refused(scene: Scene, case: Case, attempts: int) -> dict[str, Any]:
    """The case's mail as support sees it, once so many attempts are over."""

    def found() -> dict[str, Any] | None:
        (mail,) = scene.world.support(order_number=case.order["order_number"])["mails"]
        return mail if mail["attempts"] == attempts and mail["status"] != "sending" else None

    return dict(until(found, f"attempt {attempts} to send"))


def try_again(scene: Scene, case: Case, key: str) -> None:
    """End the mail's rest, and have the background look at it now."""
    ended = datetime.now(UTC)
    scene.store("associations", case.association_id, f"outbox.{escape(key)}", leased_until=ended)
    task = {"kind": "mail", "association_id": case.association_id, "key": key}
    answer = requests.post(
        f"{scene.world.host}/admin/functions/background_task",
        json={"input": json.dumps(task)},
        headers={"x-functions-key": scene.world.settings["Host"]["MasterKey"]},
        timeout=10,
    )
    assert answer.status_code == 202, answer.text
