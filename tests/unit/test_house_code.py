"""The house rules that no linter holds: who imports whom, sizes, what importing the app costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.services import ROOT

PRODUCT = ("functions", "association", "adapters")
ROOMS = (*PRODUCT, "sandbox", "deployment", "bench")
ALL_FILES = [
    *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))),
    ROOT / "function_app.py",
]
# What adapters may know of the association: values and what makes them, errors, how settings are called.
ERRORS = {"errors", "microsoft_errors"}
KNOWN_TO_ADAPTERS = {"answer", "dataclass", "facts", "partition", "rows", "identity", "settings", *ERRORS}
# Reads addresses in orders; imported on use.
THIRD_PARTIES_OF_ASSOCIATION = {"email_validator"}
HEAVY = {
    "adapters.mail",
    "adapters.microsoft",
    "adapters.storage",
    "aiohttp",
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.storage",
    "cryptography",
    "email_validator",
    "httpx",
    "itsdangerous",
    "jinja2",
    "jwt",
    "kiota_abstractions",
    "msal",
    "msgraph",
    "msgraph_core",
    "requests",
    "sandbox",
    "smtplib",
    "tests",
    "urllib3",
}
LONGEST_MODULE = 250
# Longer than the rule wants, and not to grow: an entry goes when its file has been split.
LONGER: dict[str, int] = {}
LONGEST_FUNCTION = 40
LONGEST_HANDLER = 15


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Every module that the file imports anywhere, by its full name."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_of(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def files_in(*rooms: str) -> list[Path]:
    return [path for path in ALL_FILES if name_of(path).split("/")[0] in rooms]


def test_the_rules_are_held_against_files() -> None:
    assert {name_of(path).split("/")[0] for path in ALL_FILES} == {*ROOMS, "function_app.py"}
    assert len(ALL_FILES) > 60


@pytest.mark.parametrize("path", files_in(*PRODUCT, "function_app.py"), ids=name_of)
def test_the_product_imports_neither_sandbox_nor_tests(path: Path) -> None:
    assert not rooms_of(path) & {"sandbox", "tests", "dev", "deployment", "bench"}


@pytest.mark.parametrize("path", files_in("association"), ids=name_of)
def test_the_association_imports_itself_and_the_standard_library(path: Path) -> None:
    allowed = {"association", *THIRD_PARTIES_OF_ASSOCIATION, *sys.stdlib_module_names}
    assert not rooms_of(path) - allowed


@pytest.mark.parametrize("path", files_in("adapters"), ids=name_of)
def test_an_adapter_knows_the_associations_values_and_nothing_of_the_edge(path: Path) -> None:
    names = [name.split(".") for name in imported(path)]
    assert "functions" not in {parts[0] for parts in names}
    known = {parts[1] for parts in names if parts[0] == "association"}
    assert known <= KNOWN_TO_ADAPTERS


@pytest.mark.parametrize("path", files_in("functions", "function_app.py"), ids=name_of)
def test_only_services_joins_the_adapters(path: Path) -> None:
    if path != ROOT / "functions" / "services.py":
        assert "adapters" not in rooms_of(path)


@pytest.mark.parametrize(
    "path", [path for path in files_in("functions") if path.name != "services.py"], ids=name_of
)
def test_the_edge_reaches_no_service_by_itself(path: Path) -> None:
    allowed = {"functions", "association", "azure", "itsdangerous", *sys.stdlib_module_names}
    assert not rooms_of(path) - allowed
    azure = {name for name in imported(path) if name.startswith("azure")}
    assert azure <= {"azure.functions"}


@pytest.mark.parametrize("path", files_in("sandbox"), ids=name_of)
def test_the_sandbox_does_not_use_the_product(path: Path) -> None:
    assert not rooms_of(path) & {*PRODUCT, "function_app", "tests"}


@pytest.mark.parametrize("path", sorted((ROOT / "sandbox" / "host").glob("*.py")), ids=name_of)
def test_the_local_host_knows_nothing_of_the_rest_of_the_sandbox(path: Path) -> None:
    names = {name for name in imported(path) if name.split(".")[0] == "sandbox"}
    assert all(name.startswith("sandbox.host.") for name in names)


def names_environment(path: Path) -> bool:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in (
            "os.environ",
            "os.getenv",
            "os.environb",
        ):
            return True
    return bool(imported(path) & {"os.environ", "os.getenv", "os.environb"})


def test_the_environment_is_read_in_one_place() -> None:
    readers = {name_of(path) for path in files_in(*PRODUCT, "function_app.py") if names_environment(path)}
    assert readers == {"functions/services.py"}


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_a_module_fits_on_a_few_screens(path: Path) -> None:
    length, most = (
        len(path.read_text(encoding="utf-8").splitlines()),
        LONGER.get(name_of(path), LONGEST_MODULE),
    )
    assert length <= most
    assert name_of(path) not in LONGER or length > LONGEST_MODULE, "short enough: take it off the list"


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_a_function_fits_on_one_screen(path: Path) -> None:
    too_long = {node.name: lines(node) for node in functions_of(path) if lines(node) > LONGEST_FUNCTION}
    assert too_long == {}


def is_handler(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("bp.function_name" in ast.unparse(decorator) for decorator in node.decorator_list)


@pytest.mark.parametrize("path", sorted((ROOT / "functions").glob("*.py")), ids=name_of)
def test_a_handler_only_joins_what_others_do(path: Path) -> None:
    handlers = {node.name: lines(node) for node in functions_of(path) if is_handler(node)}
    assert {name: size for name, size in handlers.items() if size > LONGEST_HANDLER} == {}


def test_there_are_handlers_to_hold_to_it() -> None:
    found = [node for path in (ROOT / "functions").glob("*.py") for node in functions_of(path)]
    assert sum(map(is_handler, found)) > 15


def test_importing_the_app_imports_nothing_heavy() -> None:
    code = "import sys, function_app; print(*sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    modules = set(finished.stdout.split())
    assert "functions.journey" in modules
    assert {name for name in modules if any(name == h or name.startswith(f"{h}.") for h in HEAVY)} == set()


def test_importing_the_app_needs_no_setting() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "import function_app"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert finished.stderr == ""
