"""Adapters that no first page asks anything of are made when they are asked (rule P1)."""

import pytest

from association.errors import PortalUnavailableError
from functions.on_first_use import OnFirstUse


class Portal:
    def jwks(self) -> str:
        return "keys"


def test_it_is_made_once_and_when_it_is_first_asked() -> None:
    made: list[Portal] = []

    def make() -> Portal:
        made.append(Portal())
        return made[-1]

    portal = OnFirstUse(make)
    assert not made
    assert portal.jwks() == portal.jwks() == "keys"
    assert len(made) == 1
    with pytest.raises(AttributeError, match="sign"):
        _ = portal.sign


def test_what_could_not_be_made_is_made_at_the_next_question() -> None:
    answers = iter((PortalUnavailableError("key=none"), Portal()))

    def make() -> Portal:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    portal = OnFirstUse(make)
    with pytest.raises(PortalUnavailableError):
        portal.jwks()
    assert portal.jwks() == "keys"
