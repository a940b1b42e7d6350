"""The longest tests begin first: begun last, one process works on them while the others have nothing left."""

import pytest

LONGEST = ("tests/walks/test_interruption.py", "tests/model/test_model.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest where the share of each of xdist's processes begins; without xdist all is one."""
    shares: int = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    places: dict[pytest.Item, float] = {item: place for place, item in enumerate(items)}
    longest = (item for item in items if item.nodeid.startswith(LONGEST))
    for number, item in enumerate(longest):
        places[item] = number % shares * len(items) / shares - 0.5
    items.sort(key=places.__getitem__)
