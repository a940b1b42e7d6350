"""What must not become slow (rules P1, P2, P4), held by counts and not by a clock; and the bench runs."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession

import bench.__main__ as command
from bench import cold_start, journey, support
from bench.processes import compiled_in, first_answer, output_of
from bench.walker import Order
from functions.services import ROOT

# 267 and 358 in November 2026; the SDK's models alone are 1,200.
MOST_MODULES_OF_GRAPH = 320
MOST_MODULES_OF_A_PAGE = 400
NOT_ON_THE_FIRST_PAGE = {"msal", "msgraph", "httpx", "cryptography", "jwt", "kiota_http", "email_validator"}
MADE_ON_FIRST_USE = {
    "adapters.microsoft.entra",
    "adapters.microsoft.graph",
    "adapters.mail.smtp",
    "adapters.portal",
}
FIRST_PAGE = """
import gc, sys, asyncio
import function_app
seen = gc.get_stats()[2]["collections"], len(sys.modules)
from functions import services
services.AHEAD_AFTER_SECONDS = 600  # on a busy machine the page takes longer than the second it waits
async def page():
    ports = services.services().ports
    try:
        await ports.associations.read("0" * 32)
    except Exception as error:
        print(type(error).__name__)
    services.rendering()._environment.get_template("pages/progress.html")
asyncio.run(page())
print(gc.get_stats()[2]["collections"] - seen[0], len(sys.modules) - seen[1], *sys.modules)
"""
# What any page of an association is made with; then all blueprints.
PARTS = """
import sys
from association import links
from functions.web import boundary, pages, visitor
of_a_page = set(sys.modules)
import function_app
print(*[name for name in sys.modules if name.startswith("association.") and name not in of_a_page])
"""
SETTINGS = {
    "AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
    "TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a;"
}


# Notes what is looked for on other threads than the event loop's, and does what a worker does first.
IN_THREADS = """
import asyncio, json, sys, threading
class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            found.append(name)
found = []
sys.meta_path.insert(0, Watch())
sys.modules["msal_extensions"] = None  # which MSAL would look at; it is not in the package
from bench.licences import main
from functions.services import build
async def first(values, tenant_id):
    ports = build(values).ports
    await ports.associations.read("0" * 32)
    await ports.tasks.poisoned()
    await main("ours", values, tenant_id)
asyncio.run(first(json.loads(open(sys.argv[1]).read())["Values"], sys.argv[2]))
print(*[name for name in found if name.partition(".")[0] not in sys.stdlib_module_names])
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[journey.World]:
    with journey.running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


def test_the_first_page_imports_what_it_needs_and_collects_no_garbage(world: journey.World) -> None:
    values = {**world.settings["Values"], **SETTINGS, "PYTHONDONTWRITEBYTECODE": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", FIRST_PAGE], capture_output=True, text=True, check=True, cwd=ROOT, env=values
    )
    failed, *counted = finished.stdout.splitlines()
    assert failed == "StorageUnavailableError"
    collections, imported, *modules = counted[0].split()
    assert "azure.data.tables.aio" in modules
    assert {name.partition(".")[0] for name in modules} & NOT_ON_THE_FIRST_PAGE == set()
    assert MADE_ON_FIRST_USE.isdisjoint(modules)
    assert int(imported) <= MOST_MODULES_OF_A_PAGE
    assert int(collections) == 0


def test_blueprints_bring_no_verb_before_it_is_called() -> None:
    assert output_of(["-c", PARTS]).split() == []


def test_the_first_read_of_licences_imports_no_model_and_nothing_behind_a_page_or_a_wait(
    world: journey.World,
) -> None:
    tenant_id = asyncio.run(cold_start.consented(world))

    def imported(way: str) -> int:
        # time enough for the imports on a machine that does much else
        command = ["-m", "bench.licences", way, world.parts["settings"], tenant_id, "4"]
        return int(json.loads(output_of(command))["modules"])

    assert imported("ahead") == imported("meanwhile") == 0
    assert 0 < imported("ours") <= MOST_MODULES_OF_GRAPH


def test_no_thread_imports_a_library(world: journey.World) -> None:
    """One that does may be handed a half-made module, or leave one to the event loop."""
    tenant_id = asyncio.run(cold_start.consented(world))
    told = output_of(["-c", IN_THREADS, world.parts["settings"], tenant_id]).splitlines()
    assert json.loads(told[0])["modules"] > 0
    assert told[1].split() == []


def test_journeys_are_measured_to_their_end(world: journey.World) -> None:
    (row,), pages = journey.measure_in(world, {2: 2})
    assert (row.clients, row.journeys, row.astray) == (2, 2, 0)
    assert row.page_p95_ms >= row.page_p50_ms > 0
    named = {page.page: page.answers for page in pages}
    assert {"GET /a/{reference}", "GET /consent/callback"} <= named.keys()
    assert named["POST /a/{reference}/applications/contact"] == 2
    assert sum(named.values()) == row.pages_each * 2


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [
        (lambda order: replace(order, account="nobody@nowhere.example"), "^no form to "),
        (lambda order: replace(order, link=f"{order.link}x"), "^404 "),
    ],
    ids=["account", "link"],
)
def test_the_pages_of_a_journey_that_went_astray_do_not_count(
    world: journey.World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoiled: Callable[[Order], Order],
    told: str,
) -> None:
    orders: list[Order] = []
    invite = journey.invite

    async def sometimes_wrong(world: journey.World, session: ClientSession) -> Order:
        orders.append(await invite(world, session))
        # the first two are the warming up
        return spoiled(orders[-1]) if len(orders) == 3 else orders[-1]

    monkeypatch.setattr(journey, "invite", sometimes_wrong)
    (row,), pages = journey.measure_in(world, {1: 2})
    assert (row.journeys, row.astray) == (2, 1)
    assert re.search(told, capsys.readouterr().err, re.MULTILINE)
    assert {page.page: page.answers for page in pages}["GET /a"] == 1
    assert sum(page.answers for page in pages) == row.pages_each


@pytest.mark.parametrize(("astray", "code"), [(0, 0), (1, 1)])
def test_the_bench_fails_when_a_journey_went_astray(
    astray: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = journey.Journeys(1, 2, astray, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(command, "BENCHES", {"journey": lambda folder, quick: {"journeys": [row]}})
    assert command.main(["journey"]) == code
    assert ("astray" in capsys.readouterr().err) == bool(astray)


def test_processes_of_the_package_take_the_bytecode_that_it_ships(tmp_path: Path) -> None:
    for name in ("app", "ours"):
        (tmp_path / name).mkdir()
    asked = ["-c", "import sys; print(sys.pycache_prefix)"]
    with compiled_in(tmp_path / "pyc"):
        with cold_start.packaged(tmp_path, tmp_path / "app"):
            assert output_of(asked).strip() == "None"
        assert output_of(asked).strip() == str(tmp_path / "pyc")


def test_a_first_answer_is_timed_from_the_start_of_its_process(world: journey.World, tmp_path: Path) -> None:
    settings = Path(world.parts["settings"])
    first = first_answer(cold_start.HELLO, settings, "/hello", "", tmp_path / "log")
    assert (first.status, first.body) == (200, b"Hello")
    assert min(first.milliseconds, first.cpu_milliseconds) > 50  # an interpreter, a web server


def test_a_look_up_by_any_key_costs_two_calls_of_storage_at_most(tmp_path: Path) -> None:
    rows, filled = support.measure(tmp_path, (40,), 1)
    assert [fill.associations for fill in filled] == [40]
    assert {row.by for row in rows} == set(support.KEYS)
    assert max(row.storage_calls for row in rows) == 2
