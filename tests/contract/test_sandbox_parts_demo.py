"""`python -m sandbox demo`: one command, a mail for every demonstration customer, one Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from sandbox.storage import ROOT
from tests.contract.test_sandbox_parts import children_of

CUSTOMERS = json.loads((ROOT / "sandbox" / "customers.json").read_text(encoding="utf-8"))


def address_after(word: str, lines: list[str]) -> str:
    return next(line.split()[-1] for line in lines if line.strip().startswith(word))


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_the_demo_mails_every_customer_and_ends_with_ctrl_c_leaving_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "demo", "--port-base", "0"]
    command += ["--settings", str(tmp_path / "local.settings.json")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout
        lines: list[str] = []
        while not (lines and lines[-1].startswith("Ctrl-C")):
            line = demo.stdout.readline()
            assert line, lines
            lines.append(line)
        recipients = mails(address_after("Mailbox", lines) + "messages", len(CUSTOMERS))
        children = children_of(demo.pid)
        demo.send_signal(signal.SIGINT)
        code = demo.wait(20)
    assert sorted(recipients) == sorted(customer["order"]["administrator_email"] for customer in CUSTOMERS)
    assert len(children) == 2
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []
    assert code == 0


def mails(address: str, number: int) -> list[str]:
    deadline = time.monotonic() + 20
    while True:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback
            found: list[dict[str, str]] = json.load(answer)
        if len(found) >= number or time.monotonic() > deadline:
            return [mail["to"] for mail in found]
        time.sleep(0.1)
