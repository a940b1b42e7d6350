"""python -m tests.storm: 2,000 journeys at once, or 500 mails, while everything fails now and then.

Prints what happened. The exit code is 0 when nothing was lost and nothing doubled, 1 otherwise.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from sandbox.faults.listed import Part
from sandbox.running import running_parts
from tests.storm.journeys import run_journeys
from tests.storm.mails import run_mails
from tests.storm.outcome import Outcome
from tests.storm.weather import Options

MOST_SHOWN = 40


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        # a secret: certificates prove themselves by the real clock, which the storm leaves
        with running_parts(folder, credential="secret", storage_faults=True, indexed_storage=True) as parts:
            outcome = asyncio.run(_run(parts, options))
    return report(outcome)


async def _run(parts: dict[str, str], options: argparse.Namespace) -> Outcome:
    weather = Options(
        workers=options.workers,
        at_once=options.at_once,
        seed=options.seed,
        kill_every=options.kill_every,
        faults=_rates(options),
        deaths=options.deaths,
        patience=options.patience * 60,
    )
    if options.mails:
        return await run_mails(parts, options.mails, weather)
    return await run_journeys(parts, options.journeys, weather)


def _rates(options: argparse.Namespace) -> dict[str, float]:
    """Of mails the mail server alone fails: what storage does to them, journeys show."""
    parts = [Part.SMTP] if options.mails else list(Part)
    return {part.value: options.faults for part in parts if options.faults}


def report(outcome: Outcome) -> int:
    """Print it; the exit code."""
    width = max(len(name) for name in outcome.figures)
    lines = [f"{name:<{width}}  {value}" for name, value in outcome.figures.items()]
    lines += ["", f"lost, doubled or otherwise wrong: {len(outcome.wrong)}"]
    lines += [f"- {line}" for line in outcome.wrong[:MOST_SHOWN]]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if outcome.wrong else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 dev.py storm", description=__doc__)
    parser.add_argument("--journeys", type=int, default=2000)
    parser.add_argument("--mails", type=int, default=0, help="so many mails instead of journeys")
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument(
        "--faults",
        type=float,
        default=0.05,
        help="share of disturbed calls of every part; of the queue's, what is put in",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kill-every", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--deaths", type=float, default=0.01, help="share of mails whose worker dies unnoted")
    parser.add_argument("--patience", type=float, default=120.0, metavar="MINUTES")
    parser.add_argument("--at-once", type=int, default=8, help="requests at the same time in one worker")
    parser.add_argument("--folder", type=Path, help="where logs stay")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
