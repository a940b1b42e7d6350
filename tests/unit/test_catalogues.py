"""The catalogues say everything, in both languages, and nothing that nobody reads."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import Environment, nodes

from association import errors, microsoft_errors
from association.partition import Order, Prerequisite, Result
from association.steps import Cause, State, Step, Who
from tests.unit.test_rendering import CHECKS, mail_cases

ROOT = Path(__file__).parents[2]
# the add-in's and the problems' texts have tests of their own
FILES = sorted({path.stem for path in (ROOT / "locales/fr").glob("*.json")} - {"addin", "problems"})
ENVIRONMENT = Environment(trim_blocks=True, autoescape=True)
TEMPLATES = sorted(chain((ROOT / "templates/pages").iterdir(), (ROOT / "templates/emails").iterdir()))
# Texts asked for by code or by other audiences' views rather than by a template.
ASKED_BY_CODE = (
    r"month\.\d+",
    r"format\..+",
    r"mail\..+\.subject",
    r"button\..+",
    r"cause\..+",
    r"who\..+",
    r"error\..+",
    r"reason\..+",
)
ANY = r"[A-Za-z0-9_.]+"


def catalogue(language: str) -> dict[str, str]:
    """Our three files of one language as one mapping."""
    folder = ROOT / "locales" / language
    entries: dict[str, str] = {}
    for file in FILES:
        entries |= json.loads((folder / f"{file}.json").read_text("utf-8"))
    return entries


FRENCH, ENGLISH = catalogue("fr"), catalogue("en")
BOTH = pytest.mark.parametrize("texts", [FRENCH, ENGLISH], ids=["fr", "en"])


def placeholders(text: str) -> Counter[str]:
    """Names of the placeholders in `text`, each once."""
    return Counter({name for _, name, _, _ in Formatter().parse(text) if name})


def error_codes() -> Iterator[str]:
    """The code of every error there is."""
    for value in (*vars(errors).values(), *vars(microsoft_errors).values()):
        if isinstance(value, type) and issubclass(value, errors.AssociationError):
            yield value.code


def asked_patterns(template: Path) -> Iterator[str]:
    """What each `t(...)` of a template asks for, as a regular expression over the keys."""
    tree = ENVIRONMENT.parse(template.read_text("utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "t":
            yield from patterns(call.args[0])


def patterns(key: nodes.Node | None) -> Iterator[str]:
    """The keys that the expression `key` can come to."""
    if isinstance(key, nodes.Const):
        yield re.escape(key.value)
    elif isinstance(key, nodes.CondExpr):
        yield from patterns(key.expr1)
        yield from patterns(key.expr2)
    elif isinstance(key, nodes.Concat):
        parts = (re.escape(part.value) if isinstance(part, nodes.Const) else ANY for part in key.nodes)
        yield "".join(parts)
    elif not isinstance(key, nodes.Getattr):
        raise TypeError(key)


ASKED = sorted({pattern for template in TEMPLATES for pattern in asked_patterns(template)})


class Words(HTMLParser):
    """Collects the text between tags, and the values of attributes that people read."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        self.seen += [
            value or "" for name, value in attrs if name in ("title", "alt", "aria-label", "placeholder")
        ]

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def handle_data(self, data: str) -> None:
        if not self.in_style:
            self.seen.append(data)


def test_both_languages_have_the_same_texts_in_the_same_files() -> None:
    for file in FILES:
        french, english = (
            json.loads((ROOT / "locales" / language / f"{file}.json").read_text("utf-8"))
            for language in ("fr", "en")
        )
        assert list(french) == list(english)


def test_a_text_has_the_same_placeholders_in_both_languages() -> None:
    assert [key for key, text in FRENCH.items() if placeholders(text) != placeholders(ENGLISH[key])] == []


@BOTH
def test_no_text_is_empty_or_begins_or_ends_with_a_space(texts: dict[str, str]) -> None:
    assert [key for key, text in texts.items() if not text or text != text.strip()] == []


@BOTH
def test_only_keys_that_say_so_hold_html(texts: dict[str, str]) -> None:
    assert [
        key for key, text in texts.items() if re.search("[<>&]", text) and not key.endswith("_html")
    ] == []


def test_french_texts_keep_their_spaces_where_french_wants_them() -> None:
    loose = re.compile(r" [:;?!»]|« |[^\s\d][?!»]|[^\s\d\w/]:|«[^\u00a0]|'|\.\.\.")
    wrong = {
        key: text
        for key, text in FRENCH.items()
        if loose.search(re.sub(r"<[^>]+>|https?://|\{[^}]+\}", "x", text)) and not key.endswith(".other")
    }
    assert wrong == {}


def test_every_text_that_a_template_asks_for_exists() -> None:
    assert [pattern for pattern in ASKED if not any(re.fullmatch(pattern, key) for key in FRENCH)] == []


def test_every_text_is_asked_for_by_something() -> None:
    known = re.compile("|".join((*ASKED, *ASKED_BY_CODE)))
    assert [key for key in FRENCH if not known.fullmatch(key)] == []


@BOTH
@pytest.mark.parametrize("code", sorted({*error_codes(), "unexpected"}))
def test_every_error_says_what_why_who_and_what_to_do(code: str, texts: dict[str, str]) -> None:
    for part in ("title", "cause", "remedy", "who"):
        assert not placeholders(texts[f"error.{code}.{part}"])


@BOTH
def test_no_text_is_kept_for_an_error_that_is_gone(texts: dict[str, str]) -> None:
    kept = {key.split(".")[1] for key in texts if re.fullmatch(r"error\.[a-z_]+\.title", key)}
    assert kept == set(error_codes())


@BOTH
def test_every_step_state_and_cause_has_its_words(texts: dict[str, str]) -> None:
    families = {"step": Step, "state": State, "who": Who, "result": Result, "cause": Cause}
    for family, values in families.items():
        wanted = {f"{family}.{value}" for value in values if value}
        assert {key for key in texts if key.startswith(f"{family}.")} == wanted


@BOTH
def test_every_check_says_why_it_is_made_and_every_cause_what_to_do(texts: dict[str, str]) -> None:
    causes = {(check.key, check.cause, check.result) for checks in CHECKS.values() for check in checks}
    assert {key for key, _, _ in causes} == set(Prerequisite)
    for key, cause, result in causes:
        for part in ("name", "why", "evidence"):
            assert f"check.{key}.{part}" in texts
        for part in ("found",) if result is Result.OK else ("found", "remedy", "who"):
            assert f"check.{key}.{cause}.{part}" in texts


def test_every_cause_that_a_check_can_come_to_is_shown_somewhere() -> None:
    source = (ROOT / "association/prerequisites.py").read_text("utf-8")
    judged = set(re.findall(r'Result\.\w+, "([a-z0-9_]+)"', source))
    assert judged == {check.cause for checks in CHECKS.values() for check in checks}


@BOTH
def test_every_field_that_an_order_can_lack_has_its_name(texts: dict[str, str]) -> None:
    lacking = set(dict(mail_cases())["order_incomplete"]["missing"])
    names = set(Order.__dataclass_fields__) | {"administrator_email"}
    assert lacking <= names
    assert {key for key in texts if key.startswith("field.")} == {f"field.{name}" for name in lacking}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_a_sentence(template: Path) -> None:
    tree = ENVIRONMENT.parse(template.read_text("utf-8"))
    # Expressions stand as a sign, so that tags around them stay whole.
    data = "".join(
        child.data if isinstance(child, nodes.TemplateData) else "#"
        for output in tree.find_all(nodes.Output)
        for child in output.nodes
    )
    words = Words()
    words.feed(data)
    words.close()
    assert re.findall(r"[^\W\d_]+", " ".join(words.seen)) == []
