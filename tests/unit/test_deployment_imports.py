"""What code imports, read from its syntax: a small package in the manner of a generated client."""

from pathlib import Path
from textwrap import dedent

import pytest

from deployment.imports import Closure, everything_run, read

CLIENT = {
    "client/__init__.py": "from .root import Root",
    "client/root.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from .hints import Hint
        else:
            from . import otherwise
        class Root:
            def __init__(self, hint: "Hint" = None) -> None:
                from .session import Session
            @property
            def users(self):
                from .users.users_builder import UsersBuilder
                return UsersBuilder().itself()
            def get(self):
                from .models.user import User
                return User
    """,
    "client/users/users_builder.py": """
        class UsersBuilder:
            def itself(self):
                def inner():
                    from ..deep import found
                return inner
            def other(self):
                from ..models.user import User
    """,
    "client/hints.py": "import client.models.user",
    "client/otherwise.py": "",
    "client/session.py": "import json, elsewhere.thing",
    "client/deep.py": "",
    "client/models/user.py": "",
    "elsewhere/thing.py": "",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, source in CLIENT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(source))
    return tmp_path


IMPORTED = {"client", "client.root", "client.otherwise", "client.session"}
CALLED = {*IMPORTED, "client.users.users_builder", "client.deep"}


@pytest.mark.parametrize(
    ("roots", "names", "reached"),
    [
        ([], [], set()),
        (["client.root.Root"], [], IMPORTED),
        (["client.root"], ["users"], CALLED),
        (["client"], ["users", "get"], {*CALLED, "client.models.user"}),
        (
            ["client.users.users_builder"],
            ["other"],
            {*IMPORTED, "client.users.users_builder", "client.models.user"},
        ),
        (["client.absent", "elsewhere.thing"], [], IMPORTED),
    ],
)
def test_what_runs_is_reached_and_nothing_else(
    site: Path, roots: list[str], names: list[str], reached: set[str]
) -> None:
    assert Closure(site, "client", roots, names).modules.keys() == reached


def test_a_name_mentioned_before_its_function_is_reached_counts_too(site: Path) -> None:
    assert "client.deep" in Closure(site, "client", ["client.users.users_builder"], ["itself"]).modules


@pytest.mark.parametrize(
    ("line", "imports"),
    [
        ("import a.b, c", {"a.b", "c"}),
        ("from a.b import c, d", {"a.b", "a.b.c", "a.b.d"}),
        ("from . import c", {"p.q", "p.q.c"}),
        ("from .c import d", {"p.q.c", "p.q.c.d"}),
        ("from ..c import d", {"p.c", "p.c.d"}),
        ("try:\n    import a\nexcept ImportError:\n    import b", {"a", "b"}),
        ("if typing.TYPE_CHECKING:\n    import a", set()),
        ("x: a.B = 1\ndef f(y: 'c.D') -> e.F: ...", set()),
    ],
)
def test_imports_of_a_line(tmp_path: Path, line: str, imports: set[str]) -> None:
    file = tmp_path / "module.py"
    file.write_text(line)
    assert read(file, "p.q").top.imports == imports


def test_functions_decorators_and_defaults_mention_names(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("@decorated\nasync def f(x=by.default):\n    import lazily\n    return x.called()")
    module = read(file)
    assert module.top.names == {"decorated", "by", "default"}
    assert [body.names for body in module.functions["f"]] == [{"x", "called"}]
    assert everything_run(file).imports == {"lazily"}
