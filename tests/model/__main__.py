"""The long search: `python -m tests.model --examples 2000 [--steps 40] [--seed 7] [--azurite]`.

Without `--azurite` the tables are in memory, which is many times faster; a failure prints the steps to it.
"""

import argparse
import logging
import sys
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from sandbox.storage import running_storage
from tests.model.ground import Ground
from tests.model.machine import Journey


def search(ground: Ground, examples: int, steps: int, number: int, *, shrinks: bool = True) -> None:
    """Draw `examples` examples of `steps` steps each. Raises what the first failing one raises, shrunk."""
    Journey.ground = ground
    found = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    class Seeded(Journey):
        pass

    run_state_machine_as_test(Seeded, settings=found)


def main() -> int:
    """Search as the command line says."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--examples", type=int, default=2000)
    arguments.add_argument("--steps", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--azurite", action="store_true")
    arguments.add_argument("--as-found", action="store_true", help="do not shrink what is found")
    given = arguments.parse_args()
    begun, shrinks = time.monotonic(), not given.as_found
    logging.disable(logging.CRITICAL)
    if given.azurite:
        with running_storage() as storage:
            search(
                Ground(storage.connection_string), given.examples, given.steps, given.seed, shrinks=shrinks
            )
    else:
        search(Ground(), given.examples, given.steps, given.seed, shrinks=shrinks)
    sys.stdout.write(f"{given.examples} examples held, {time.monotonic() - begun:.0f} s\n")
    sys.stdout.writelines(f"{times} {what}\n" for what, times in sorted(Journey.reached.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
