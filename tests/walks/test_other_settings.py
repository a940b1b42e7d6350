"""Worlds with other settings: a client secret instead of a certificate, and a setting that is missing."""

from collections.abc import Iterator

import pytest
import requests

from tests.walks.browser import Browser
from tests.walks.people import Person
from tests.walks.test_link import failure
from tests.walks.world import World, running_world

UNSET = {
    "SIGNING_KEYS": "",
    "SMTP_PORT": "mail",
    "PORTAL_URL": "http://127.0.0.1:7076",
    "ADDIN_TASKPANE_URL": "https://pane.example/?tenant=x",
}


@pytest.fixture(scope="module")
def secret_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The product with a client secret, and links of one day."""
    folder = tmp_path_factory.mktemp("secret")
    with running_world(folder, credential="secret", LINK_DAYS="1") as started:
        yield started


@pytest.fixture(scope="module")
def unset_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The product without its signing keys, with a sender's port that is none, and with addresses that would
    spoil the add-in file.
    """
    folder = tmp_path_factory.mktemp("unset")
    with running_world(folder, storage_faults=False, **UNSET) as started:
        yield started


def test_the_journey_runs_with_a_client_secret_too(secret_world: World) -> None:
    values = secret_world.settings["Values"]
    assert "MICROSOFT_CLIENT_SECRET" in values
    assert "MICROSOFT_CERTIFICATE" not in values
    customer = secret_world.customer("menuiserie-lambert")
    person = Person(secret_world, customer.account)
    page = person.walks_to_the_end(secret_world.invites(customer))
    assert page.is_headed("done.title")
    assert person.browser.open(f"{page.url}/sage-contact.xml").status == 200


def test_everything_is_well_where_all_settings_are_there(world: World) -> None:
    for path, headers in (("/health", {}), ("/health/details", world.key)):
        answer = requests.get(world.host + path, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    "path", ["/a?k=x", "/a/0000-0000", "/addin?k=x", "/addin/guide", "/sign-in/callback"]
)
def test_without_a_setting_the_pages_say_so_with_a_reference(unset_world: World, path: str) -> None:
    page = failure(Browser().open(unset_world.host + path), 503, "settings_incomplete")
    assert page.offers("button.retry")
    assert "SIGNING_KEYS" not in page.text
    assert page.failure_reference in unset_world.logged()


def test_without_a_setting_an_order_is_refused_for_now(unset_world: World) -> None:
    answer = unset_world.post("/orders", unset_world.customer("menuiserie-lambert").order)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "settings_incomplete"


def test_without_a_setting_health_says_only_that_it_is_not_well(unset_world: World) -> None:
    answer = requests.get(f"{unset_world.host}/health", timeout=10)
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})


def test_with_the_key_health_names_every_setting_that_is_missing_or_wrong(unset_world: World) -> None:
    answer = unset_world.get("/health/details")
    assert answer.status_code == 503
    unknown = dict.fromkeys(("storage", "poisoned_tasks", "credential", "portal_key"))
    assert answer.json() == {"status": "unavailable", "settings": list(UNSET), **unknown}


def test_without_a_setting_an_unknown_address_still_is_our_404(unset_world: World) -> None:
    failure(Browser().open(f"{unset_world.host}/nulle/part"), 404, "page_unknown")


def test_without_a_setting_the_assets_are_served(unset_world: World) -> None:
    assert requests.get(f"{unset_world.host}/assets/site.css", timeout=10).status_code == 200
