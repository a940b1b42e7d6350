"""The package runs as it stands: nothing of this environment's libraries is within its reach."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployment.imports import everything_run
from deployment.package import product_files
from deployment.pruning import reached
from functions.services import ROOT
from sandbox.host.indexing import index_app
from sandbox.microsoft.identifiers import GLOBAL_ADMINISTRATOR
from sandbox.running import _child, running_parts
from tests.contract.test_microsoft_graph import app_token, user_token
from tests.memory import SETTINGS
from tests.microsoft_application import CLIENT_ID, HAPPY, HAPPY_ADMINISTRATOR, Application
from tests.walks import test_happy_path as happy_path
from tests.walks.world import World

if TYPE_CHECKING:
    from tests.contract.packaged import Package

pytest_plugins = ["tests.azurite", "tests.microsoft", "tests.contract.packaged"]

READS = Path(__file__).with_name("packaged_reads.py")
SCOPES = ("User.Read", "RoleManagement.Read.Directory")
ROLES = ("Organization.Read.All", "Application.Read.All")


def told(application: Application) -> dict[str, Any]:
    """What the reads need to know: where Graph is, who asks, and the identifiers of the requests."""
    tenant = application.directory.tenants[HAPPY]
    application.consent(HAPPY_ADMINISTRATOR, "organizations")
    tenant.page_size = 1
    token = app_token(application, *ROLES)
    found = application.graph(token, f"servicePrincipals(appId='{CLIENT_ID}')").json()["id"]
    (resource, *_) = application.graph(token, f"servicePrincipals/{found}/appRoleAssignments").json()["value"]
    return {
        "settings": {**SETTINGS, "MICROSOFT_GRAPH_URL": f"{application.back_channel}/v1.0"},
        "app_token": token,
        "user_token": user_token(application, HAPPY_ADMINISTRATOR, *SCOPES),
        "tenant_id": tenant.id,
        "client_id": CLIENT_ID,
        "principal_id": found,
        "resource_id": resource["resourceId"],
        "template_id": GLOBAL_ADMINISTRATOR,
    }


def read_from(app: Path, application: Application, storage: str) -> dict[str, Any]:
    process = subprocess.run(
        [sys.executable, "-I", "-S", str(READS), str(app)],
        input=json.dumps({**told(application), "storage": storage}),
        env={"SSL_CERT_FILE": str(application.ca_file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    read: dict[str, Any] = json.loads(process.stdout)
    return read


def test_every_function_is_indexed_and_every_graph_request_sent_from_the_package_alone(
    package: "Package", application: Application, storage_connection_string: str
) -> None:
    read = read_from(package.app, application, storage_connection_string)
    assert read["functions"] == sorted(function.name for function in index_app(ROOT))
    assert read["elsewhere"] == []
    assert read["zone"] == "Europe/Paris"
    assert len(read["answers"]) > 10
    ((refused, why),) = [one for one in read["answers"].items() if isinstance(one[1], str)]
    assert refused == "own_eligible_roles"
    assert "AadPremiumLicenseRequired" in why
    assert read["organisation"] == "Menuiserie Lambert SARL"
    assert read["roles"] == ["Global Administrator"]
    assert read["granted"] == sorted(ROLES)
    assert (read["count"], read["poisoned"]) == (1, 0)
    modules = [file for file in product_files() if file.suffix == ".py"]
    closure = reached(package.libraries, modules).keys()
    assert set(read["msgraph"]) == closure
    assert named_by(modules) & closure <= set(read["called"]) <= closure
    assert {"cryptography.hazmat.bindings._rust", "_cffi_backend"} <= set(read["binaries"])


def named_by(modules: Iterable[Path]) -> set[str]:
    """What they import by its name."""
    return {name for module in modules for name in everything_run(module).imports}


@contextmanager
def packaged_world(app: Path, folder: Path) -> Iterator[World]:
    """All parts, and a host in which the app has nothing but its package."""
    with running_parts(folder) as parts:
        file = Path(parts["settings"])
        settings = json.loads(file.read_text(encoding="utf-8"))
        settings["Values"]["FURTHER_APPLICATIONS"] = "[]"
        file.write_text(json.dumps(settings), encoding="utf-8")
        command = ["tests.contract.packaged_host", "--settings", str(file), "--app", str(app)]
        with _child(command, folder / "host.log") as line:
            yield World(parts, line.split()[-1], settings, folder / "host.log")


def test_an_administrator_walks_through_the_packaged_app(package: "Package", tmp_path: Path) -> None:
    with packaged_world(package.app, tmp_path) as world:
        happy_path.test_an_administrator_walks_from_the_mail_to_the_file(world)
        assert "Error" not in world.logged()
