"""A storm in which nothing happened proves nothing; what it struck is known even after long."""

from typing import Any

from sandbox.faults.listed import Part
from sandbox.faults.plan import faults_of
from tests.storm.struck import ENOUGH, Struck, calm

RATES = {"smtp": 0.1, "graph": 0.0}


async def _struck(*faults: str) -> Struck:
    async def told() -> dict[str, Any]:
        return {
            "counts": {f"smtp.{name}": 1 for name in faults},
            "happened": [{"part": "smtp", "fault": name, "path": "a@b.example"} for name in faults],
        }

    struck = Struck(told)
    await struck.look()
    return struck


async def test_each_fault_and_a_killed_worker_are_part_of_a_great_storms_verdict() -> None:
    names = [fault.name for fault in faults_of(Part.SMTP)]
    whole, most = await _struck(*names), await _struck(*names[1:])
    assert calm(ENOUGH, RATES, whole, killed=1) == []
    assert calm(ENOUGH, RATES, most, killed=1) == [f"fault smtp.{names[0]} never happened"]
    assert calm(ENOUGH, RATES, whole, killed=0) == ["no worker was killed"]
    assert calm(ENOUGH - 1, RATES, most, killed=0) == []


async def test_what_was_struck_is_counted_once_however_often_one_looks_and_missed_aloud() -> None:
    told = {
        "counts": {"smtp.refused": 2, "graph.reset": 1},
        "happened": [
            {"part": "smtp", "fault": "refused", "path": "a@b.example"},
            {"part": "graph", "fault": "reset", "path": "/v1.0/me"},
        ],
    }

    async def ask() -> dict[str, Any]:
        return told

    struck = Struck(ask)
    await struck.look()
    await struck.look()
    assert (dict(struck.mails), struck.counts, struck.missed) == ({"a@b.example": 1}, told["counts"], 1)
    assert calm(1, {}, struck, killed=0) == ["1 faults happened unseen"]
