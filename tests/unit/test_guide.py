"""The guide: chosen without script, drawn in the reader's language, whole on paper."""

import re
from collections import Counter
from typing import Any

import pytest
from lxml import html as markup

from adapters.rendering import LANGUAGES
from tests.unit.test_rendering import RENDERING, ROOT, page_cases

STYLE = (ROOT / "assets/site.css").read_text("utf-8")
DRAWINGS = (ROOT / "templates/pages/drawings.html").read_text("utf-8")
in_both_languages = pytest.mark.parametrize("language", LANGUAGES)


def guide(language: str, case: str = "guide") -> Any:
    """The guide's document, or that of another case of the rendering tests."""
    values = next(values for name, _, values in page_cases() if name == case)
    return markup.document_fromstring(RENDERING.page("guide", language, **values))


def text(language: str, key: str) -> str:
    return " ".join(RENDERING.text(language, key).split())


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def sections(language: str) -> list[Any]:
    return list(guide(language).xpath("//details[@class='way']"))


@in_both_languages
def test_the_way_for_all_stands_before_every_outlook(language: str) -> None:
    named = [words(section.xpath("./summary//strong")[0]) for section in sections(language)]
    outlooks = [text(language, f"guide.outlook.{name}") for name in ("web", "new", "classic", "mac")]
    assert named == [text(language, "guide.all.how"), *outlooks]


@in_both_languages
def test_one_outlook_is_chosen_at_a_time_without_script(language: str) -> None:
    first, *outlooks = sections(language)
    assert first.get("name") is None
    assert {outlook.get("name") for outlook in outlooks} == {"outlook"}
    assert not guide(language).xpath("//details[@open]")


@in_both_languages
def test_every_way_has_its_steps_in_order_and_a_drawing_for_each_place(language: str) -> None:
    for section in sections(language):
        steps = section.xpath("./ol/li")
        assert len(steps) == 5
        places = [step for step in steps if step.xpath(".//p[@class='path']")]
        assert len(places) >= 2
        assert all(step.xpath(".//svg[@role='img']") for step in places)


@in_both_languages
def test_every_drawing_says_what_it_shows(language: str) -> None:
    pictures = guide(language).xpath("//svg")
    drawings = [picture for picture in pictures if picture.get("role") == "img"]
    assert len(drawings) > 12
    known = {text(language, f"drawing.{name}") for name in re.findall(r"scene\('(\w+)'", DRAWINGS)}
    assert {words(drawing.xpath("./title")[0]) for drawing in drawings} == known
    assert all(picture.get("aria-hidden") == "true" for picture in pictures if picture not in drawings)


@in_both_languages
def test_a_drawing_is_labelled_in_the_readers_language(language: str) -> None:
    drawn = {line.text for line in guide(language).xpath("//svg//text")}
    wanted = {key for key in re.findall(r"t\('(drawn\.\w+)'\)", DRAWINGS)}
    assert len(wanted) > 15
    for key in wanted:
        assert set(RENDERING.text(language, key).split("\n")) <= drawn


def test_a_drawing_takes_its_colours_from_the_style_sheet() -> None:
    assert re.findall(r'\s(?:fill|stroke|style)="', DRAWINGS) == []
    rules = re.findall(r"^\.(?:drawing|sign)\b[^{]*\{([^}]*)\}", STYLE, re.MULTILINE)
    painted = [value for rule in rules for value in re.findall(r"(?:fill|stroke): ([^;]+);", rule)]
    assert len(painted) > 10
    assert all(value == "none" or value.startswith("var(--") for value in painted)


def test_drawings_hold_no_ids_so_that_one_can_stand_twice() -> None:
    ids = Counter(guide("fr").xpath("//@id"))
    assert [name for name, count in ids.items() if count > 1] == []
    titles = Counter(guide("fr").xpath("//svg[@role='img']/title/text()"))
    assert max(titles.values()) > 1


@in_both_languages
def test_a_place_stands_in_both_languages(language: str) -> None:
    for place in guide(language).xpath("//p[@class='path']"):
        (other,) = place.xpath("./small")
        assert other.get("lang") != language
        assert len(words(place)) > len(words(other))


@in_both_languages
def test_links_to_microsoft_say_nothing_of_where_they_come_from(language: str) -> None:
    links = guide(language).xpath("//main//a[starts-with(@href, 'http')]")
    assert {link.get("href") for link in links} == {
        "https://aka.ms/olksideload",
        "https://admin.microsoft.com",
    }
    assert {link.get("rel") for link in links} == {"noreferrer"}


@in_both_languages
def test_the_administrators_guide_opens_the_way_for_all_and_leads_back(language: str) -> None:
    own = guide(language, "guide-own")
    (opened,) = own.xpath("//details[@open]")
    assert words(opened.xpath("./summary//strong")[0]) == text(language, "guide.all.how")
    assert (
        own.xpath("//p[@class='back']/a/@href") == own.xpath("//a[@download]/@href[1]")[0].split("/sage")[:1]
    )


@in_both_languages
@pytest.mark.parametrize(
    ("obstacle", "facts"),
    [
        ("missing", ()),
        ("allow", ("My Custom Apps", "24")),
        ("wait", ("24", "72", "Built for your org")),
        ("groups", ("72", "Exchange Online")),
        ("off", ("AppsForOfficeEnabled",)),
        ("failed", ("New-App",)),
        ("window", ("olksideload",)),
        ("account", ("write scope",)),
        ("button", ("2023",)),
        ("menu", ("Org Custom Apps", "GoDaddy")),
    ],
)
def test_an_obstacle_is_a_short_question_with_its_answer(
    language: str, obstacle: str, facts: tuple[str, ...]
) -> None:
    question = text(language, f"guide.obstacle.{obstacle}")
    (answer,) = [
        words(details)
        for details in guide(language).xpath("//details[@class='more']")
        if words(details.xpath("./summary")[0]) == question
    ]
    assert all(fact in answer for fact in facts)
    assert len(answer) - len(question) < 420


def test_on_paper_everything_is_open_and_nothing_is_to_press() -> None:
    paper = STYLE[STYLE.index("@media print") :]
    opened = re.search(r"([^}]*)\{ content-visibility: visible;", paper)
    assert opened
    assert ".more::details-content" in opened[1] and ".way::details-content" in opened[1]
    hidden = " ".join(re.findall(r"([^{}]+)\{ display: none", paper))
    assert all(name in hidden for name in ("form", ".primary", ".copy", ".languages"))
    assert 'content: " (" attr(href) ")"' in paper
