"""Which call fails next, and how: faults queued for some calls, or for a share of all of a part.

One Plan is asked by every part at every call, from several threads. It knows nothing of HTTP or SMTP.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.faults.listed import FAULTS, MICROSOFT, Fault, Part

_REMEMBERED = 1000


class FaultError(Exception):
    """A fault that cannot be queued; `fields` are the names of what is wrong."""

    def __init__(self, message: str, *fields: str) -> None:
        self.fields = sorted(fields)
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a part is asked: of a mail, `path` is its recipients. `tenants` are the names of the tenant that
    it is about (name, id, domains), looked for only when a queued fault asks for one.
    """

    part: Part
    method: str
    path: str
    tenants: Callable[[], Iterable[str]] = tuple


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to one call. `seconds`: of Retry-After, or between two bytes of a slow drip."""

    fault: Fault
    seconds: float


@dataclass(slots=True, kw_only=True)
class Wanted:
    """A queued fault. It strikes calls of `part` whose path contains `path`, after `skip` of them: the next
    `times`, or each with the probability `rate` until the plan is cleared. Without `fault` each time another
    one of the part's, chosen by `seed`. Empty `tenant`, `method` and `path` mean all.
    """

    part: Part
    fault: Fault | None = None
    times: int = 1
    rate: float | None = None
    seed: int = 0
    tenant: str = ""
    method: str = ""
    path: str = ""
    skip: int = 0
    seconds: float = 1.0
    chance: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 - a storm has to be the same twice

    def strikes(self, call: Call) -> Fault | None:
        """The fault for this call, if there is one; counts it."""
        if not self._concerns(call):
            return None
        if self.skip:
            self.skip -= 1
            return None
        if self.rate is not None:
            return self._chosen() if self.chance.random() < self.rate else None
        self.times -= 1
        return self._chosen()

    def _concerns(self, call: Call) -> bool:
        return (
            call.part is self.part
            and self.method in ("", call.method)
            and self.path in call.path
            and (not self.tenant or self.tenant in call.tenants())
        )

    def _chosen(self) -> Fault:
        return self.fault or self.chance.choice(faults_of(self.part))

    def as_json(self) -> dict[str, Any]:
        """As it was asked for, with what is left of it."""
        left = {"rate": self.rate, "seed": self.seed} if self.rate is not None else {"times": self.times}
        return {
            "part": self.part.value,
            "fault": self.fault.name if self.fault else None,
            **left,
            **{"tenant": self.tenant, "method": self.method, "path": self.path},
            **{"skip": self.skip, "seconds": self.seconds},
        }


class Plan:
    """The queued faults, first come first; `parts` are those that ask this plan at all."""

    def __init__(self, parts: Iterable[Part] = tuple(Part)) -> None:
        self._parts = frozenset(parts)
        self._lock = threading.Lock()
        self._queued: list[Wanted] = []
        self._happened: deque[dict[str, str]] = deque(maxlen=_REMEMBERED)
        self._counts: Counter[str] = Counter()

    def add(self, part: str, fault: str | None = None, **more: Any) -> None:
        """Queue a fault; `more` are the fields of Wanted.

        Raises:
            FaultError: an unknown part, fault or field, a fault that this part doesn't have, or a part that
                nothing disturbs here.
        """
        wanted = _wanted(part, fault, more)
        if wanted.part not in self._parts:
            raise FaultError(f"{part} isn't disturbed here: start the parts with storage faults", "part")
        with self._lock:
            self._queued.append(wanted)

    def withdraw(self, *, tenant: str = "", path: str = "") -> None:
        """Forget what is queued for exactly this tenant and path."""
        with self._lock:
            self._queued = [one for one in self._queued if (one.tenant, one.path) != (tenant, path)]

    def clear(self) -> None:
        """Forget what is queued and what happened."""
        with self._lock:
            self._queued.clear()
            self._happened.clear()
            self._counts.clear()

    def concerns(self, part: Part) -> bool:
        """Whether anything is queued for this part: without lock, for calls that must stay fast."""
        return any(wanted.part is part for wanted in tuple(self._queued))

    def strikes(self, call: Call) -> Disturbance | None:
        """What happens to this call, None for nothing; counted and noted."""
        with self._lock:
            for wanted in self._queued:
                if fault := wanted.strikes(call):
                    self._note(call, fault)
                    self._queued = [one for one in self._queued if one.rate is not None or one.times > 0]
                    return Disturbance(fault, wanted.seconds)
        return None

    def as_json(self) -> dict[str, Any]:
        """What is still queued, how often each fault happened (`part.fault`), and the last 1,000 of them."""
        with self._lock:
            return {
                "queued": [wanted.as_json() for wanted in self._queued],
                "counts": dict(sorted(self._counts.items())),
                "happened": list(self._happened),
            }

    def _note(self, call: Call, fault: Fault) -> None:
        part = call.part.value
        self._counts[f"{part}.{fault.name}"] += 1
        self._happened.append({"part": part, "fault": fault.name, "method": call.method, "path": call.path})


def faults_of(part: Part) -> list[Fault]:
    """The faults that a part can have, in the order of the list."""
    return [fault for fault in FAULTS.values() if part in fault.parts]


def _wanted(part: str, fault: str | None, more: dict[str, Any]) -> Wanted:
    try:
        place = Part(part)
    except ValueError:
        raise FaultError(f"part is one of {', '.join(Part)}", "part") from None
    known = {one.name: one for one in faults_of(place)}
    if fault is not None and fault not in known:
        raise FaultError(f"{part} can have {', '.join(known)}", "fault")
    _check(place, fault, more)
    return Wanted(part=place, fault=known[fault] if fault else None, **more)


def _check(part: Part, fault: str | None, more: dict[str, Any]) -> None:
    if unknown := more.keys() - _KINDS.keys():
        raise FaultError(f"unknown fields: {', '.join(sorted(unknown))}", *unknown)
    if wrong := [name for name, value in more.items() if not _KINDS[name](value)]:
        raise FaultError(f"cannot be used: {', '.join(wrong)}", *wrong)
    if fault is None and more.get("rate") is None:
        raise FaultError("fault is needed, unless there is a rate", "fault")
    if {"rate", "times"} <= more.keys():
        raise FaultError("either times or rate", "rate", "times")
    if more.get("tenant") and part not in MICROSOFT:
        raise FaultError(f"{part} knows no tenants", "tenant")


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


_KINDS: dict[str, Callable[[object], bool]] = {
    **{"times": lambda value: _count(value) and value != 0, "skip": _count, "seed": _count},
    **{"tenant": _text, "method": _text, "path": _text},
    **{"seconds": _number, "rate": lambda value: value is None or (_number(value) and value <= 1)},  # type: ignore[operator]
}
