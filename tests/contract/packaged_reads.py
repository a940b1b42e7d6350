"""Run by `python -I -S` over an unpacked package, so that only it and the standard library can be imported:
index its functions, send every request that its Graph adapter can make, use tables and queue; then import
every module of msgraph-sdk and every binary that it holds.

python -I -S packaged_reads.py FOLDER, with JSON on standard input; JSON on standard output.
"""

import asyncio
import importlib
import inspect
import json
import sys
import zoneinfo
from pathlib import Path
from typing import Any

SITE = ".python_packages/lib/site-packages"


def main(app: Path, told: dict[str, Any]) -> dict[str, Any]:
    sys.path[:0] = [str(app), str(app / SITE)]
    sys.dont_write_bytecode = True
    from function_app import app as functions

    zoneinfo.reset_tzpath(())  # as on a system without time zones
    return {
        "functions": sorted(function.get_function_name() for function in functions.get_functions()),
        "zone": zoneinfo.ZoneInfo("Europe/Paris").key,
        **asyncio.run(read_all(told)),
        **asyncio.run(store(told)),
        "called": [name for name, _ in _files() if name.partition(".")[0] == "msgraph"],
        "msgraph": _imported(app / SITE, "msgraph/**/*.pyc"),
        "binaries": _imported(app / SITE, "**/*.so"),
        "elsewhere": [name for name, file in _files() if not _belongs(file, app)],
    }


async def read_all(told: dict[str, Any]) -> dict[str, Any]:
    """What each request of graph_requests and each read of Graph gave."""
    from adapters.microsoft import graph_requests
    from adapters.microsoft.graph import Graph
    from association.settings import Settings

    async def app_token(tenant_id: str) -> str:
        return str(told["app_token"])

    graph = Graph(Settings.from_mapping(told["settings"]), app_token, timeout=30)
    answers = {
        name: await _answer(graph, function, told)
        for name, function in vars(graph_requests).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }
    tenant, person = await graph.tenant_facts(told["tenant_id"]), await graph.person_facts(told["user_token"])
    roles = await graph.application_roles(told["tenant_id"], [told["client_id"]])
    await graph.close()
    return {
        "answers": answers,
        "organisation": tenant.organisation,
        "subscriptions": len(tenant.subscriptions or ()),
        "roles": [role.name for role in person.roles or ()],
        "granted": sorted(roles[told["client_id"]]),
    }


async def store(told: dict[str, Any]) -> dict[str, Any]:
    """Write to a table and to the queue, signed with the account's key."""
    from adapters.storage.limits import Limits
    from adapters.storage.tables import Tables
    from adapters.storage.tasks import Tasks
    from association.rows import Task, TaskKind

    tables, tasks = Tables(told["storage"], timeout=10), Tasks(told["storage"], timeout=10)
    count = await Limits(tables).count(told["tenant_id"], "day")
    await tasks.send(Task(kind=TaskKind.MAIL, association_id=told["tenant_id"]))
    poisoned = await tasks.poisoned()
    await tables.close()
    await tasks.close()
    return {"count": count, "poisoned": poisoned}


async def _answer(graph: Any, function: Any, told: dict[str, Any]) -> Any:
    """How many members the answer has, for the first of both tokens that may read it, or the refusal."""
    from association.microsoft_errors import MicrosoftRefusedError

    others = list(inspect.signature(function).parameters)[1:]
    refused = ""
    for token in (told["app_token"], told["user_token"]):
        request = function(graph._client.adapter, *(told[name] for name in others))
        try:
            return len(await graph._client.read(request, token))
        except MicrosoftRefusedError as error:
            refused = repr(error)
    return refused


def _imported(site: Path, pattern: str) -> list[str]:
    """The modules of the files below `site` that match, now that they are imported."""
    names = [_module(file.relative_to(site)) for file in sorted(site.glob(pattern))]
    return [name for name in names if importlib.import_module(name)]


def _module(file: Path) -> str:
    parts = [*file.parent.parts, file.name.partition(".")[0]]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _files() -> list[tuple[str, Path]]:
    found = [(name, getattr(module, "__file__", None)) for name, module in sorted(sys.modules.items())]
    return [(name, Path(file)) for name, file in found if file]


def _belongs(file: Path, app: Path) -> bool:
    """Whether a module is the package's, the standard library's, or this one."""
    library = Path(asyncio.__file__).parent.parent
    if "site-packages" in file.parts and not file.is_relative_to(app):
        return False
    return file.is_relative_to(app) or file.is_relative_to(library) or file == Path(__file__)


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), json.load(sys.stdin)), sys.stdout)
