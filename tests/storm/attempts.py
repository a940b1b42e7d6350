"""What the workers tried with each mail, one file per worker, which outlives the worker's sudden death.

A line is the number of a task, a Message-ID, and what happened: `begun`; `accepted` or `not_accepted` by the
server as the worker heard it; `ended` or `raised` by the task. Nothing more when the worker died.
"""

from collections import Counter, defaultdict
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from pathlib import Path

SUFFIX = ".attempts"


class Attempts:
    """One worker's file in `folder`."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._file = folder / f"{worker}{SUFFIX}"
        self._numbers = count()
        self._number: ContextVar[int] = ContextVar("attempt")

    def begin(self, message_id: str) -> None:
        """Another task about this mail; what it writes from now on is told apart from other tasks."""
        self._number.set(next(self._numbers))
        self.write(message_id, "begun")

    def write(self, message_id: str, what: str) -> None:
        """Add a line; it is with the system when this returns."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{self._number.get()} {message_id} {what}\n")

    def is_first_death(self, message_id: str) -> bool:
        """Whether nobody has died for this mail yet; the next one to ask is told no."""
        mark = self._folder / f"{message_id.strip('<>').replace('/', '_')}.died"
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Sendings:
    """How often a mail was accepted and its task ended well (`clean`); how often an acceptance may not have
    been noted, because the task failed after it or the worker died (`cut_off`); how often the attempt ended
    without an acceptance that was heard (`unheard`); how often the task failed before it came to the server
    (`raised`), after which nothing can have been accepted.
    """

    clean: int = 0
    cut_off: int = 0
    unheard: int = 0
    raised: int = 0

    @property
    def failures(self) -> int:
        """How many attempts came to grief."""
        return self.cut_off + self.unheard + self.raised


def read_attempts(folder: Path) -> dict[str, Sendings]:
    """What the workers wrote down, by Message-ID."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        for message_id, said in _tasks(file):
            if ending := _ending(said):
                counts[message_id][ending] += 1
    return {identifier: Sendings(**number) for identifier, number in counts.items()}


def _tasks(file: Path) -> list[tuple[str, set[str]]]:
    tasks: dict[str, tuple[str, set[str]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        number, message_id, what = line.split(" ")
        tasks.setdefault(number, (message_id, set()))[1].add(what)
    return list(tasks.values())


def _ending(said: set[str]) -> str:
    if "not_accepted" in said:
        return "unheard"
    if "ended" in said:
        return "clean" if "accepted" in said else ""
    if "raised" in said and "accepted" not in said:
        return "raised"
    return "cut_off"
