"""Very many users and products of one tenant, made when somebody looks at them: before, they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload
from uuid import NAMESPACE_URL, uuid5

from sandbox.microsoft.state import User, object_id


@dataclass(slots=True)
class Crowd(Sequence[User]):
    """The users `personne.00001@domain` and so on; `products` is how many are subscribed to."""

    tenant_id: str
    domain: str
    users: int
    products: int
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.users

    @overload
    def __getitem__(self, place: int) -> User: ...
    @overload
    def __getitem__(self, place: slice) -> list[User]: ...
    def __getitem__(self, place: int | slice) -> User | list[User]:
        numbers = range(self.users)[place]
        return self._user(numbers) if isinstance(numbers, int) else [self._user(one) for one in numbers]

    def __iter__(self) -> Iterator[User]:
        return (self._user(number) for number in range(self.users))

    def find(self, id_or_upn: str) -> User | None:
        """The user with this object id or address, in lower case."""
        local, _, domain = id_or_upn.partition("@")
        digits = local.removeprefix("personne.")
        if domain == self.domain and digits.isascii() and digits.isdecimal():
            number = int(digits) - 1
            return self._user(number) if 0 <= number < self.users else None
        if not self._numbers:
            self._numbers = {user.id: number for number, user in enumerate(self)}
        found = self._numbers.get(id_or_upn)
        return None if found is None else self._user(found)

    def product_ids(self) -> Iterator[tuple[str, str]]:
        """skuId and skuPartNumber of each product."""
        for number in range(1, self.products + 1):
            name = f"ADDON_{number:03}"
            yield str(uuid5(NAMESPACE_URL, f"sandbox/{name}")), name

    def _user(self, number: int) -> User:
        upn = f"personne.{number + 1:05}@{self.domain}"
        return User(object_id(self.tenant_id, "user", upn), upn, f"Personne {number + 1:05}")
