"""The storm in small (`python3 dev.py storm` is the great one), judged by what must hold in any weather."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.faults.listed import Part
from sandbox.running import running_parts
from tests.storm.journeys import run_journeys
from tests.storm.mails import run_mails
from tests.storm.weather import Options

SEED = 11
PATIENCE = 400.0


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path, credential="secret", storage_faults=True) as started:
        yield started


async def test_journeys_lose_and_double_nothing_while_workers_die_and_everything_fails_now_and_then(
    parts: dict[str, str],
) -> None:
    weather = Options(
        workers=3,
        at_once=8,
        seed=SEED,
        kill_every=4,
        most_kills=3,
        faults={part.value: 0.02 for part in Part},
        impatience=0.2,
        patience=PATIENCE,
    )
    outcome = await run_journeys(parts, 12, weather)
    assert not outcome.wrong, (outcome.wrong, outcome.figures)
    assert outcome.figures["workers that died"], outcome.figures
    assert outcome.figures["faults"], outcome.figures


async def test_each_mail_is_sent_once_by_workers_that_die_over_a_mail_server_that_fails(
    parts: dict[str, str],
) -> None:
    weather = Options(
        workers=5,
        at_once=1,
        seed=SEED,
        kill_every=3,
        most_kills=3,
        faults={"smtp": 0.1},
        deaths=0.1,
        patience=PATIENCE,
    )
    outcome = await run_mails(parts, 26, weather)
    assert not outcome.wrong, (outcome.wrong, outcome.figures)
    assert outcome.figures["workers that died"], outcome.figures
    assert outcome.figures["mails accepted more than once"], outcome.figures
