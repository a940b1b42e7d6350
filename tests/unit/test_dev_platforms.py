"""Calls that only some platforms have stand inside a branch that asks for the platform."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = [ROOT / "dev.py", *sorted((ROOT / "sandbox").rglob("*.py"))]
MODULES = {"fcntl", "grp", "msvcrt", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "winreg"}
OS = """
chown chroot execv execve execvp fchmod fchown fork forkpty getegid geteuid getgid getgroups getloadavg
getpgid getpgrp getsid getuid initgroups killpg lchown mkfifo mknod nice openpty posix_spawn sched_getaffinity
setegid seteuid setgid setpgid setpgrp setsid setuid startfile sync sysconf
ttyname uname wait wait3 wait4 waitid
"""
SIGNAL = """
CTRL_BREAK_EVENT CTRL_C_EVENT SIGALRM SIGBREAK SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGWINCH
alarm pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait
"""
ATTRIBUTES = {
    "os": set(OS.split()),
    "signal": set(SIGNAL.split()),
    "socket": {"AF_UNIX", "SO_EXCLUSIVEADDRUSE", "SO_REUSEADDR", "SO_REUSEPORT", "socketpair"},
    "subprocess": {"CREATE_NEW_CONSOLE", "CREATE_NEW_PROCESS_GROUP", "STARTUPINFO"},
}
METHODS = {"add_signal_handler", "create_unix_server", "create_unix_connection", "remove_signal_handler"}
ARGUMENTS = {"preexec_fn", "process_group", "creationflags", "pass_fds"}


def platform_calls(tree: ast.AST, guarded: bool = False) -> Iterator[str]:
    """What a tree uses of some platforms only, outside of a branch on os.name or sys.platform."""
    for node in ast.iter_child_nodes(tree):
        inside = guarded or (isinstance(node, ast.If) and asks_for_the_platform(node.test))
        if not inside and (used := platform_specific(node)):
            yield f"{used} in line {getattr(node, 'lineno', 0)}"
        yield from platform_calls(node, inside)


def asks_for_the_platform(test: ast.expr) -> bool:
    return any(where in ast.unparse(test) for where in ("os.name", "sys.platform"))


def platform_specific(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute):
        known = isinstance(node.value, ast.Name) and node.attr in ATTRIBUTES.get(node.value.id, ())
        return node.attr if known or node.attr in METHODS else None
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if alias.name in MODULES), None)
    if isinstance(node, ast.ImportFrom):
        banned = ATTRIBUTES.get(node.module or "", set())
        return next((a.name for a in node.names if a.name in banned or node.module in MODULES), None)
    return node.arg if isinstance(node, ast.keyword) and node.arg in ARGUMENTS else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_only_some_platforms_have_is_used_on_those_only(file: Path) -> None:
    assert list(platform_calls(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import fcntl",
        "from os import fork",
        "from pwd import getpwnam",
        "import os\nos.killpg(1, 2)",
        "import signal\nprint(signal.SIGKILL)",
        "loop.add_signal_handler(2, print)",
        "Popen([], preexec_fn=print)",
        "if ready:\n    os.execv('a', [])",
    ],
)
def test_the_check_finds_a_call_outside_of_a_branch(source: str) -> None:
    assert len(list(platform_calls(ast.parse(source)))) == 1
    branch = "import sys\nif sys.platform == 'linux':\n" + "\n".join(
        f"    {line}" for line in source.splitlines()
    )
    assert list(platform_calls(ast.parse(branch))) == []
