"""Import function_app and list its functions, refusing what the Python worker refuses.

One bad function and none is served, as on Azure.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

TRIGGERS = {"httpTrigger", "queueTrigger", "timerTrigger"}
OUTPUTS = {"http"}


class IndexingError(Exception):
    """The app cannot be served; the message says why."""


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """One function of the app: `trigger` holds the binding's fields as function.json names them."""

    name: str
    trigger: dict[str, Any]
    handler: Callable[..., Any]
    wants_context: bool
    folder: str

    @property
    def kind(self) -> str:
        """The binding type: httpTrigger, queueTrigger or timerTrigger."""
        return str(self.trigger["type"])

    @property
    def argument(self) -> str:
        """The parameter that receives the trigger's value."""
        return str(self.trigger["name"])


def index_app(folder: Path) -> list[IndexedFunction]:
    """The functions of `folder`/function_app.py, in the order in which the host tries them (by name).

    Raises:
        IndexingError: no FunctionApp there, or a function that the worker would not load.
        Exception: whatever importing the app raises.
    """
    module = _import_app(folder)
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionApp)]
    if len(apps) != 1:
        raise IndexingError(f"function_app.py has {len(apps)} FunctionApp objects, it needs exactly one")
    functions = [_indexed(function, folder) for function in apps[0].get_functions()]
    return sorted(functions, key=lambda function: function.name.upper())


def _import_app(folder: Path) -> ModuleType:
    if sys.path[0] != str(folder):
        sys.path.insert(0, str(folder))
    # Made anew: the library lists the functions of one FunctionApp only once.
    sys.modules.pop("function_app", None)
    module = importlib.import_module("function_app")
    if Path(module.__file__ or "").parent.resolve() != folder.resolve():
        raise IndexingError(f"{folder} has no function_app.py")
    return module


def _indexed(function: func.Function, folder: Path) -> IndexedFunction:
    name = function.get_function_name() or ""
    binding = function.get_trigger()
    if binding is None:
        raise IndexingError(f"function {name} has no trigger")
    trigger = {key: _plain(value) for key, value in binding.get_dict_repr().items()}
    kinds = {str(b.get_binding_name()) for b in function.get_bindings()}
    if trigger["type"] not in TRIGGERS or not kinds - {trigger["type"]} <= OUTPUTS:
        raise IndexingError(
            f"function {name} has bindings this host does not serve: {', '.join(sorted(kinds))}"
        )
    handler = function.get_user_function()
    parameters = set(inspect.signature(handler).parameters)
    if trigger["name"] not in parameters:
        raise IndexingError(f"function {name} has no parameter named {trigger['name']}")
    if unknown := parameters - {trigger["name"], "context"}:
        raise IndexingError(f"function {name} has parameters without a binding: {', '.join(sorted(unknown))}")
    return IndexedFunction(name, trigger, handler, "context" in parameters, str(folder))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
