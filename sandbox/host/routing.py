"""ASP.NET Core route templates as the Functions host reads them.

Functions are tried in order of their name, the first match wins; a literal goes not before a parameter.
https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote
from uuid import UUID

from sandbox.host.indexing import IndexedFunction, IndexingError

_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?P<rules>(?::\w+(?:\([^)]*\))?)*)(?:=(?P<default>[^{}?]*))?(?P<optional>\??)\}"
)
Rules = dict[str, tuple[Callable[[str], bool], ...]]
_RULE = re.compile(r":(\w+)(?:\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function's address: methods in upper case, none meaning any.

    Every path it serves begins with `start` and ends with `end` (case-folded, no slash at the end). The
    pattern is compiled for a path that does: the host's first answer would otherwise wait for all of them.
    """

    function: IndexedFunction
    methods: frozenset[str]
    start: str
    end: str
    pattern: str
    rules: Rules
    defaults: dict[str, str]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route parameters when this route serves the decoded `path`, else None."""
        if (self.methods and method not in self.methods) or not self._may_serve(path.casefold()):
            return None
        found = _compiled(self.pattern).fullmatch(path)
        if found is None:
            return None
        values = {**self.defaults, **{name: value for name, value in found.groupdict().items() if value}}
        fits = all(
            rule(values[name]) for name, rules in self.rules.items() if name in values for rule in rules
        )
        return values if fits else None

    def _may_serve(self, path: str) -> bool:
        return path.startswith(self.start) and path.removesuffix("/").endswith(self.end)


def routes_of(functions: Iterable[IndexedFunction], prefix: str) -> list[Route]:
    """The routes of the HTTP functions, in the functions' order.

    Raises:
        IndexingError: a template or constraint that this host cannot read.
    """
    return [_route(function, prefix) for function in functions if function.kind == "httpTrigger"]


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The first route that serves the request with its parameters; None means 404 (a wrong method too)."""
    for route in routes:
        if (values := route.match(method, path)) is not None:
            return route, values
    return None


def decode_path(raw: str) -> str:
    """The path percent-decoded once (`%2F` and invalid UTF-8 stay) without `.` and `..` segments."""
    kept = re.sub(r"%2f", lambda slash: "%25" + slash[0][1:], raw, flags=re.IGNORECASE)
    try:
        path = unquote(kept, errors="strict")
    except UnicodeDecodeError:
        path = raw
    return _without_dot_segments(path)


def _without_dot_segments(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    ends_open = segments[-1] in (".", "..") and kept
    return "/" + "/".join(kept) + ("/" if ends_open else "")


def _route(function: IndexedFunction, prefix: str) -> Route:
    template = "/".join(
        part.strip("/") for part in (prefix, function.trigger.get("route") or "") if part.strip("/")
    )
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, methods, *_read(template))


@cache
def _read(template: str) -> tuple[str, str, str, Rules, dict[str, str]]:
    rules: Rules = {}
    defaults: dict[str, str] = {}
    segments = [segment for segment in template.split("/") if segment]
    pattern = "".join(_segment(segment, rules, defaults) for segment in segments)
    start = "".join(itertools.takewhile(_is_literal, (f"/{segment}" for segment in segments)))
    end = f"/{segments[-1]}" if segments and _is_literal(segments[-1]) else ""
    return start.casefold(), end.casefold(), pattern + "/?", rules, defaults


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _is_literal(segment: str) -> bool:
    return "{" not in segment


def _segment(segment: str, rules: Rules, defaults: dict[str, str]) -> str:
    pattern, end = "", 0
    may_be_absent = False
    for parameter in _PARAMETER.finditer(segment):
        name = parameter["name"]
        pattern += re.escape(segment[end : parameter.start()])
        pattern += f"(?P<{name}>{'.*' if parameter['star'] else '[^/]+?'})"
        rules[name] = tuple(_rule(rule[1], rule[2]) for rule in _RULE.finditer(parameter["rules"]))
        if parameter["default"] is not None:
            defaults[name] = parameter["default"]
        whole = parameter[0] == segment
        may_be_absent = whole and bool(parameter["star"] or parameter["optional"] or name in defaults)
        end = parameter.end()
    literal = segment[end:]
    if "{" in literal or "}" in literal:
        raise IndexingError(f"the route segment {segment!r} cannot be read")
    pattern += re.escape(literal)
    return f"(?:/{pattern})?" if may_be_absent else f"/{pattern}"


def _rule(name: str, arguments: str | None) -> Callable[[str], bool]:
    try:
        return _RULES[name](arguments or "")
    except (KeyError, ValueError) as error:
        raise IndexingError(
            f"the route constraint {name}({arguments or ''}) is not known to this host"
        ) from error


def _converts(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            convert(value)
        except ValueError:
            return False
        return True

    return fits


def _integer(bits: int) -> Callable[[str], bool]:
    return lambda value: (
        re.fullmatch(r"[+-]?\d{1,20}", value) is not None
        and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)
    )


def _between(low: int, high: int | None, measure: Callable[[str], int]) -> Callable[[str], bool]:
    fits = _converts(measure)
    return lambda value: fits(value) and low <= measure(value) and (high is None or measure(value) <= high)


def _bounds(arguments: str) -> tuple[int, int]:
    low, _, high = arguments.partition(",")
    return int(low), int(high or low)


_RULES: dict[str, Callable[[str], Callable[[str], bool]]] = {
    "int": lambda _: _integer(32),
    "long": lambda _: _integer(64),
    "guid": lambda _: _converts(UUID),
    "bool": lambda _: lambda value: value.lower() in {"true", "false"},
    "alpha": lambda _: lambda value: re.fullmatch("[A-Za-z]*", value) is not None,
    "required": lambda _: bool,
    "minlength": lambda low: _between(int(low), None, len),
    "maxlength": lambda high: _between(0, int(high), len),
    "length": lambda both: _between(*_bounds(both), len),
    "min": lambda low: _between(int(low), None, int),
    "max": lambda high: _between(-(2**63), int(high), int),
    "range": lambda both: _between(*_bounds(both), int),
    "regex": lambda pattern: lambda value: re.search(pattern, value, re.IGNORECASE) is not None,
}
