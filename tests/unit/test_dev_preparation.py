"""dev.py makes the environment once, repairs a half-made one, and says in one line why it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import dev


class Steps:
    """Stands in for the commands that install, in an empty repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.done: list[str] = []
        self.fails: str | None = None

    def run(self, title: str, command: list[str], total: int = 0) -> None:
        self.done.append(title)
        if title == self.fails:
            raise dev.SetupError("the network is away")
        if title == "Python environment":
            python = Path(dev.venv_python(self.root / ".venv", windows=False))
            python.parent.mkdir(parents=True)
            python.touch()
        if title == "Node packages":
            (self.root / "node_modules").mkdir(exist_ok=True)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Steps:
    root = tmp_path / "a folder with blanks"
    root.mkdir()
    for name in dev.LOCKS:
        (root / name).write_text("one==1\n")
    steps = Steps(root)
    monkeypatch.setattr(dev, "ROOT", root)
    monkeypatch.setattr(dev, "_step", steps.run)
    return steps


ALL = ["Python environment", "Python packages", "Node packages"]


def test_the_second_start_installs_nothing(steps: Steps) -> None:
    assert dev.prepare(windows=False) == steps.root / ".venv" / "bin" / "python"
    dev.prepare(windows=False)
    assert steps.done == ALL


@pytest.mark.parametrize("name", dev.LOCKS)
def test_a_changed_lock_file_makes_it_anew(steps: Steps, name: str) -> None:
    dev.prepare(windows=False)
    (steps.root / name).write_text("one==2\n")
    dev.prepare(windows=False)
    assert steps.done == ALL * 2


@pytest.mark.parametrize("title", ALL)
def test_a_start_after_a_broken_one_makes_all_anew(steps: Steps, title: str) -> None:
    steps.fails = title
    with pytest.raises(dev.SetupError):
        dev.prepare(windows=False)
    steps.fails, steps.done = None, []
    dev.prepare(windows=False)
    assert steps.done == ALL


def test_a_stamp_without_an_interpreter_is_no_environment(steps: Steps) -> None:
    python = dev.prepare(windows=False)
    python.unlink()
    dev.prepare(windows=False)
    assert steps.done == ALL * 2


def test_a_failed_command_is_one_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(windows: bool) -> Path:
        noise = "print('npm error code ENOTFOUND'); raise SystemExit(1)"
        dev._step("Node packages", [sys.executable, "-c", noise])
        return Path()

    monkeypatch.setattr(dev, "prepare", prepare)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert dev.main(["demo"]) == 1
    step, blank, *told = capsys.readouterr().err.splitlines()
    assert (step, blank) == ("  Node packages ...", "")
    assert told == [
        "The package index cannot be reached: connect to the network (behind a proxy set HTTPS_PROXY), "
        "then run the command again."
    ]


def test_progress_is_no_line_of_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of `sandbox --json` is for a program, at the first start as well."""
    dev._step("Something", [sys.executable, "-c", "pass"])
    dev.tell("Ready")
    told = capsys.readouterr()
    assert told.out == ""
    assert "Something" in told.err
