"""What running Python code imports, read from its syntax and never by running it.

Importing a module runs its top level. Calling a function runs its body, which may import more: generated
clients such as msgraph-sdk import on use nearly everything they have. Which function an attribute names is
not decided here: a name that the caller mentions stands for every function of that name in the modules
reached so far, so that the closure may hold too much and never too little.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Code:
    """A piece of code: what it imports (`from a import b` as a and a.b), the names it mentions."""

    imports: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Module:
    """The top level, and the bodies of the functions and methods by their names."""

    top: Code = field(default_factory=Code)
    functions: dict[str, list[Code]] = field(default_factory=dict)


class _Reader(ast.NodeVisitor):
    """Annotations and `if TYPE_CHECKING` are left out: nothing of them runs."""

    def __init__(self, package: str) -> None:
        self.module = Module()
        self._package = package
        self._code = self.module.top

    def visit_Import(self, node: ast.Import) -> None:
        self._code.imports |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        origin = node.module or ""
        if node.level:
            here = self._package.split(".")
            origin = ".".join([*here[: len(here) - node.level + 1], *filter(None, [origin])])
        self._code.imports |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.generic_visit(node)
            return
        for child in node.orelse:
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        defaults = [default for default in [*node.args.defaults, *node.args.kw_defaults] if default]
        for expression in [*node.decorator_list, *defaults]:
            self.visit(expression)
        outer = self._code
        if outer is self.module.top:
            self._code = Code()
            self.module.functions.setdefault(node.name, []).append(self._code)
        for child in node.body:
            self.visit(child)
        self._code = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        for child in filter(None, [node.target, node.value]):
            self.visit(child)

    def visit_Name(self, node: ast.Name) -> None:
        self._code.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._code.names.add(node.attr)
        self.visit(node.value)


def read(file: Path, package: str = "") -> Module:
    """The module in `file`; relative imports are resolved against `package`."""
    reader = _Reader(package)
    reader.visit(ast.parse(file.read_bytes()))
    return reader.module


def everything_run(file: Path) -> Code:
    """What the file imports and mentions anywhere, functions included."""
    module = read(file)
    pieces = [module.top, *(body for bodies in module.functions.values() for body in bodies)]
    return Code(
        {name for piece in pieces for name in piece.imports},
        {name for piece in pieces for name in piece.names},
    )


class Closure:
    """What of one `package` below `site` runs when `roots` are imported and functions of the `names` called.

    Special methods (`__init__`, `__getattr__`, ...) are always followed; other packages are ignored.
    """

    def __init__(self, site: Path, package: str, roots: Iterable[str], names: Iterable[str] = ()) -> None:
        self._site = site
        self._package = package
        self._names = set(names)
        self._followed: set[str] = set()
        self.modules: dict[str, Path] = {}
        self._read: dict[str, Module] = {}
        self._reach(roots)

    def _reach(self, imports: Iterable[str]) -> None:
        waiting = list(imports)
        while waiting or (waiting := list(self._newly_called())):
            for name in _with_parents(waiting.pop()):
                if name not in self.modules and (file := self._file_of(name)):
                    self.modules[name] = file
                    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
                    self._read[name] = module = read(file, package)
                    waiting += module.top.imports
                    self._names |= module.top.names

    def _newly_called(self) -> Iterator[str]:
        """The imports in functions that are called by a name mentioned so far, each function once."""
        for name, module in list(self._read.items()):
            for function, bodies in module.functions.items():
                special = function.startswith("__") and function.endswith("__")
                called = f"{name}:{function}"
                if called in self._followed or not (special or function in self._names):
                    continue
                self._followed.add(called)
                for body in bodies:
                    self._names |= body.names
                    yield from body.imports

    def _file_of(self, name: str) -> Path | None:
        if name.partition(".")[0] != self._package:
            return None
        path = self._site.joinpath(*name.split("."))
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file():
                return file
        return None


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
