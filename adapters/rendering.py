"""Pages, mails and the add-in manifest, from templates/ and the catalogues in locales/.

No sentence stands in a template or in Python: every text is a catalogue entry, `locales/<language>/*.json`,
flat keys, placeholders as `{name}`. Templates follow https://jinja.palletsprojects.com/en/stable/templates/.
jinja2 is imported when the first template is asked for, because most of a cold worker's first page is
imports. What is deployed also holds the templates compiled to Python modules in `compiled_templates/`: to
compile those of one page takes a cold worker as long as to import three libraries (docs/performance.md).
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from association.dataclass import dataclass

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment
    from jinja2.runtime import Context
    from markupsafe import Markup

LANGUAGES = ("fr", "en")
# The customers, their partners and support all live by this clock, whatever the server's is.
TIME_ZONE = "Europe/Paris"
ADDIN_PREFIX = "addin."
HTML_SUFFIX = "_html"
COMPILED = "compiled_templates"
LINE_BREAKS = r"[\x00-\x1f\x7f\x85\u2028\u2029]+"


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to be sent: a subject of one line, and the same content twice."""

    subject: str
    text: str
    html: str


class Rendering:
    """Renders everything people read. One per worker; safe to share between requests."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder that holds `templates/` and `locales/`, and maybe `compiled_templates/`."""
        self._root = root
        self._catalogues: dict[str, dict[str, str]] = {}

    def text(self, language: str, key: str, **values: object) -> str:
        """The catalogue entry `key` with `values` in its placeholders, unescaped, clock times of moments.

        Raises KeyError for an unknown language, key or placeholder.
        """
        shown = {
            name: self._clock(language, value.astimezone(ZoneInfo(TIME_ZONE)))
            if isinstance(value, datetime)
            else value
            for name, value in values.items()
        }
        return self._catalogue(language)[key].format(**shown)

    def is_same_day(self, one: datetime, other: datetime) -> bool:
        """Whether two aware moments are on one day where the texts are read."""
        zone = ZoneInfo(TIME_ZONE)
        return one.astimezone(zone).date() == other.astimezone(zone).date()

    def has(self, key: str) -> bool:
        """Whether the catalogues hold `key`; they hold the same ones."""
        return key in self._catalogue(LANGUAGES[0])

    def page(self, name: str, language: str, **values: Any) -> str:
        """The HTML of `templates/pages/<name>.html`, whose first comment lists the values it needs.

        Raises jinja2.UndefinedError for a value that is missing.
        """
        return self._html(f"pages/{name}.html", language, values)

    def mail(self, kind: str, language: str, **values: Any) -> RenderedMail:
        """The mail of that kind: the text `mail.<kind>.subject` and two templates of `templates/emails`.

        Texts from outside are put on one line first: in plain text, a line break could fake a paragraph of
        ours, and in the subject another header.
        """
        plain = {name: _single_line(value) for name, value in values.items()}
        return RenderedMail(
            subject=_single_line(self.text(language, f"mail.{kind}.subject", **plain)),
            text=self._plain(f"emails/{kind}.txt", language, plain),
            html=self._html(f"emails/{kind}.html", language, values),
        )

    def manifest(self, addin: object) -> bytes:
        """The Outlook manifest as UTF-8, with `addin` and, per language, the texts of `addin.*`."""
        text = {language: self._addin_texts(language) for language in LANGUAGES}
        template = self._environment.get_template("addin/sage-contact.xml")
        return template.render(addin=addin, text=text).encode()

    def compile_templates(self) -> Path:
        """Write every template as a Python module to `compiled_templates/` in the root, and return that
        folder. The modules fit the version of jinja2 that writes them; nothing looks whether a template
        has been changed since.

        https://jinja.palletsprojects.com/en/stable/api/#jinja2.Environment.compile_templates
        """
        folder = self._root / COMPILED
        self._environment.overlay(loader=self._sources()).compile_templates(
            folder, zip=None, ignore_errors=False
        )
        return folder

    def _html(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        from markupsafe import Markup, escape

        catalogue = self._catalogue(language)

        def translate(key: str, /, **placeholders: object) -> Markup:
            entry = catalogue[key]
            markup = Markup(entry) if key.endswith(HTML_SUFFIX) else escape(entry)  # noqa: S704 - our own text
            return markup.format(**placeholders)

        return self._render(template, language, translate, values)

    def _plain(self, template: str, language: str, values: Mapping[str, Any]) -> str:
        catalogue = self._catalogue(language)

        def translate(key: str, /, **placeholders: object) -> str:
            return catalogue[key].format(**placeholders)

        return self._render(template, language, translate, values) + "\n"

    def _render(
        self, template: str, language: str, translate: Callable[..., str], values: Mapping[str, Any]
    ) -> str:
        known = {**values, "language": language, "t": translate}
        return self._environment.get_template(template).render(known)

    def _catalogue(self, language: str) -> dict[str, str]:
        if language not in LANGUAGES:
            raise KeyError(language)
        if language not in self._catalogues:
            self._catalogues[language] = _read_catalogue(self._root / "locales" / language)
        return self._catalogues[language]

    def _addin_texts(self, language: str) -> dict[str, str]:
        entries = self._catalogue(language).items()
        return {key.removeprefix(ADDIN_PREFIX): text for key, text in entries if key.startswith(ADDIN_PREFIX)}

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, ModuleLoader, StrictUndefined, select_autoescape

        compiled = self._root / COMPILED
        environment = Environment(
            loader=ModuleLoader(compiled) if compiled.is_dir() else self._sources(),
            # Everything but plain-text mails; jinja's own default knows only .html, .htm and .xml.
            autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            auto_reload=False,
        )
        for name, show in (("date", self._date), ("datetime", self._datetime), ("clock", self._clock)):
            environment.filters[name] = _moment_filter(show)
        return environment

    def _sources(self) -> "BaseLoader":
        from jinja2 import FileSystemLoader

        return FileSystemLoader(self._root / "templates")

    def _date(self, language: str, when: datetime) -> str:
        day = self.text(language, "format.first_of_month") if when.day == 1 else str(when.day)
        month = self.text(language, f"month.{when.month}")
        return self.text(language, "format.date", day=day, month=month, year=when.year)

    def _datetime(self, language: str, when: datetime) -> str:
        date, clock = self._date(language, when), self._clock(language, when)
        return self.text(language, "format.datetime", date=date, clock=clock)

    def _clock(self, language: str, when: datetime) -> str:
        return self.text(language, "format.clock", hour=when.hour, minute=when.minute)


def _moment_filter(show: Callable[[str, datetime], str]) -> Callable[["Context", datetime], "str | Markup"]:
    """A filter that shows an aware moment in the page's language: in HTML as a `<time>` element.

    https://html.spec.whatwg.org/multipage/text-level-semantics.html#the-time-element
    """
    from jinja2 import pass_context
    from markupsafe import Markup

    zone = ZoneInfo(TIME_ZONE)

    @pass_context
    def moment(context: "Context", when: datetime) -> "str | Markup":
        local = when.astimezone(zone)
        shown = show(context["language"], local)
        if not context.eval_ctx.autoescape:
            return shown
        machine = local.isoformat(timespec="minutes")
        return Markup('<time datetime="{}">{}</time>').format(machine, shown)

    return moment


def _single_line(value: Any) -> Any:
    return re.sub(LINE_BREAKS, " ", value).strip() if isinstance(value, str) else value


def _read_catalogue(folder: Path) -> dict[str, str]:
    """Every entry of every file in `folder`. Raises ValueError if two files hold the same key."""
    entries: dict[str, str] = {}
    for file in sorted(folder.glob("*.json")):
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        twice = entries.keys() & found.keys()
        if twice:
            raise ValueError(f"{file.name} repeats {sorted(twice)}")
        entries.update(found)
    return entries
