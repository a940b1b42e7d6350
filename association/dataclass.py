"""`dataclass`, for frozen values, with the standard library's meaning and a quarter of its work at import.

The standard library writes and compiles five methods anew for each class. A worker defines fifty classes
before its first page, and a twentieth of that page's time went there (docs/performance.md); so here all share
the same five, and only `__init__` is each one's own. https://docs.python.org/3/library/dataclasses.html
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

C = TypeVar("C", bound=type)

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[C], C]:
        """As `dataclasses.dataclass`; `frozen` and `slots` have to be true."""
        if not (frozen and slots):
            raise TypeError("dataclasses that change are the standard library's")
        # not its `frozen`, which would compile two of the methods; that `__init__` sets each field just once
        make = dataclasses.dataclass(slots=True, kw_only=kw_only, eq=False, repr=False)

        def made(cls: C) -> C:
            cls = make(cls)
            cls.__eq__, cls.__hash__, cls.__repr__ = _equal, _hash, _repr
            cls.__setattr__, cls.__delattr__ = _set_once, _keep
            return cls

        return made


def _set_once(self: Any, name: str, value: object) -> None:
    if hasattr(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _keep(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _content(value: Any) -> tuple[Any, ...]:
    return tuple([getattr(value, name) for name in value.__dataclass_fields__])


def _equal(self: Any, other: object) -> bool:
    return _content(self) == _content(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_content(self))


def _repr(self: Any) -> str:
    shown = (f"{item.name}={getattr(self, item.name)!r}" for item in dataclasses.fields(self) if item.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"
