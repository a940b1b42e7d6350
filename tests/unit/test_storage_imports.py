"""What importing the storage adapters pulls in (rule P1, and which way the imports go)."""

import pkgutil
import subprocess
import sys

import adapters.storage

HEAVY = {"azure", "requests", "urllib3", "cryptography", "msal", "msgraph", "aiohttp", "httpx"}
ALLOWED = {f"association{name}" for name in ("", ".dataclass", ".facts", ".partition", ".rows", ".errors")}


def modules_after_import() -> set[str]:
    names = [name for _, name, _ in pkgutil.iter_modules(adapters.storage.__path__, "adapters.storage.")]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(finished.stdout.split())


def test_importing_the_adapters_imports_no_sdk() -> None:
    modules = modules_after_import()
    assert "adapters.storage.tables" in modules
    assert not {name for name in modules if name.split(".")[0] in HEAVY}


def test_the_adapters_know_facts_rows_and_errors_of_the_association_only() -> None:
    assert {name for name in modules_after_import() if name.startswith("association")} == ALLOWED
