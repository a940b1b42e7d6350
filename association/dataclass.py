"""`dataclass`, for frozen values, with the standard library's meaning and a third of its work at import.

The standard library writes and compiles six methods anew for each class. A worker defines some forty
classes before its first page, and a twentieth of that page's time went there (docs/performance.md); so here
all share the same methods, and only `__init__` is each one's own. What is not as in the standard library is
refused where a class is defined, or told in docs/adr/0011. https://docs.python.org/3/library/dataclasses.html
"""

import dataclasses
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

C = TypeVar("C", bound=type)

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[C], C]:
        """As `dataclasses.dataclass`; `frozen` and `slots` have to be true. A class keeps the methods that it
        defines itself.

        Raises:
            TypeError: it is not for such a class: one that can change or inherits from a dataclass, or has
                InitVar or field(init=False).
        """
        if not (frozen and slots):
            raise _not_here("dataclasses that change")
        # not its `frozen`, which would compile two of the methods; that `__init__` sets each field just once
        make = dataclasses.dataclass(slots=True, kw_only=kw_only, eq=False, repr=False)

        def made(cls: C) -> C:
            own = set(vars(cls))
            if "__eq__" in own and cls.__hash__ is None:  # Python's doing, not the class's
                own.remove("__hash__")
            if any("__dataclass_fields__" in vars(base) for base in cls.__mro__[1:]):
                raise _not_here("dataclasses that inherit from others")
            if not own.isdisjoint(FREEZING):
                raise _not_here("dataclasses that are frozen otherwise")
            cls = make(cls)
            if any(item._field_type is dataclasses._FIELD_INITVAR or not item.init for item in _told(cls)):
                raise _not_here("fields that are not both told and kept")
            for name in SHARED.keys() - own:
                setattr(cls, name, SHARED[name])
            told = cls.__dataclass_params__
            told.frozen = told.eq = told.repr = True
            return cls

        return made


def _not_here(what: str) -> TypeError:
    return TypeError(f"{what} are the standard library's")


def _told(cls: Any) -> Any:
    return cls.__dataclass_fields__.values()


def _set_once(self: Any, name: str, value: object) -> None:
    if hasattr(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _keep(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _compared(value: Any) -> tuple[Any, ...]:
    return tuple([getattr(value, item.name) for item in dataclasses.fields(value) if item.compare])


def _equal(self: Any, other: object) -> bool:
    return _compared(self) == _compared(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    hashed = (item for item in dataclasses.fields(self) if (item.compare if item.hash is None else item.hash))
    return hash(tuple([getattr(self, item.name) for item in hashed]))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{item.name}={getattr(self, item.name)!r}" for item in dataclasses.fields(self) if item.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, item.name) for item in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for item, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)


FREEZING: dict[str, Callable[..., Any]] = {"__setattr__": _set_once, "__delattr__": _keep}
SHARED: dict[str, Callable[..., Any]] = {
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__getstate__": _state,
    "__setstate__": _restore,
    **FREEZING,
}
