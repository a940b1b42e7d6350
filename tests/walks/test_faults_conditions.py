"""What lasts at Microsoft's, walked into: the tenant's policies, our registration, its keys."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.credentials import new_credential
from sandbox.local_settings import CLIENT_ID
from sandbox.running import running_parts
from tests.walks.browser import Page, tells
from tests.walks.disturbed import Stand, finish
from tests.walks.disturbed_steps import ordered
from tests.walks.world import World, running_product, running_world

APP = f"registrations/{CLIENT_ID}"
# Longer than what is done in one of them, and all three within the skew that an id_token may have.
STAGE_SECONDS = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("conditions")) as started:
        yield started


@pytest.fixture
def stand(world: World) -> Stand:
    return ordered(world)


def lift(stand: Stand, name: str) -> None:
    stand.world.change_tenant(stand.customer.tenant, lift=name)


def meets(stand: Stand, name: str, **fields: object) -> None:
    stand.world.condition(f"tenants/{stand.customer.tenant}", name, **fields)


def test_a_consent_that_spreads_in_stages_is_not_believed_before_the_last_and_ends_by_itself(
    stand: Stand,
) -> None:
    meets(stand, "slow_consent", stages=[STAGE_SECONDS] * 3)
    page = stand.person.signs_in(stand.shown())
    checks = {**page.form("/sign-out"), "": f"{stand.address}/check"}
    assert stand.person.consents(page).is_headed("verifying.title")
    for stage in ("no application", "no roles", "no access to Graph"):
        assert stand.press(checks).text == f"/a/{stand.order['reference']}", stage
        assert stand.shown().is_headed("verifying.title"), stage
        assert not stand.rows()["facts"].get("access_proven_at"), stage
        stand.world.advance_microsoft(STAGE_SECONDS)
    finish(stand)


def test_a_service_principal_that_is_being_made_is_asked_for_once_more_by_itself(stand: Stand) -> None:
    meets(stand, "not_provisioned")
    page = stand.person.signs_in(stand.shown())
    back = stand.one(stand.away("/consent"))
    assert "adminconsent" in back.text
    again = stand.one(stand.person.passes(back.text))
    assert again.status == 303
    assert page.status == 200
    finish(stand)


def test_a_number_nobody_knows_on_the_way_back_is_told_and_the_way_stays_open(stand: Stand) -> None:
    meets(stand, "sign_in_error", number=1234567)
    answer = stand.one(stand.away("/sign-in"))
    assert (answer.status, answer.is_headed("error.sign_in_refused.title")) == (403, True)
    lift(stand, "sign_in_error")
    stand.person.signs_in(stand.shown())
    meets(stand, "consent_error", number=1234567, error="server_error")
    answer = stand.one(stand.away("/consent"))
    assert answer.is_headed("error.microsoft_unavailable.title"), answer.text
    lift(stand, "consent_error")
    finish(stand)


def test_conditional_access_on_the_token_is_told_and_the_way_stays_open(stand: Stand) -> None:
    meets(stand, "conditional_access")
    answer = stand.one(stand.away("/sign-in"))
    assert (answer.status, answer.is_headed("error.microsoft_refused.title")) == (502, True)
    assert answer.failure_reference
    assert answer.says("answer.blocked_by_policy.cause")
    require_told_to_support(stand, answer)
    lift(stand, "conditional_access")
    finish(stand)


def test_conditional_access_on_the_confirming_redirect_is_told_and_the_way_stays_open(stand: Stand) -> None:
    stand.person.signs_in(stand.shown())
    onward = stand.one(stand.away("/consent"))
    meets(stand, "sign_in_error", number=53003)
    answer = stand.one(stand.person.passes(onward.text))
    assert (answer.status, answer.is_headed("error.sign_in_refused.title")) == (403, True)
    require_told_to_support(stand, answer)
    lift(stand, "sign_in_error")
    finish(stand)


def require_told_to_support(stand: Stand, answer: Page) -> None:
    """What Microsoft's answer came to and its correlation id, found by the page's reference."""
    events = stand.world.support(reference=answer.failure_reference)["events"]
    (failed,) = [event for event in events if event["reference"] == answer.failure_reference]
    assert (failed["what"], failed["old"]) == ("failed", "blocked_by_policy")
    assert uuid.UUID(failed["correlation_id"])
    assert tells(failed["answer_in_words"], "answer.blocked_by_policy.cause")


@pytest.mark.parametrize("condition", ["tenant_restrictions", "approval_required"])
def test_who_never_comes_back_from_microsoft_is_seen_to_have_left(stand: Stand, condition: str) -> None:
    stand.person.signs_in(stand.shown())
    meets(stand, condition)
    page = stand.person.browser.open(stand.press(stand.shown().form("/consent")).text)
    page = stand.person.browser.submit(page, "/adminconsent", account=stand.person.account)
    assert page.document.body.get("data-code") in {"AADSTS500021", "AADSTS90094"}
    found = stand.world.support(order_number=stand.order["order_number"])
    assert (found["step"], found["cause"]) == ("authorisation", "left_for_microsoft")
    assert stand.shown().says("progress.left.restricted")
    lift(stand, condition)
    finish(stand)


def test_a_tenant_with_400_products_is_read_to_its_last_page(stand: Stand) -> None:
    meets(stand, "large")
    finish(stand)


def test_a_certificate_is_rotated_without_anybody_noticing(tmp_path: Path) -> None:
    new = new_credential("certificate").certificate
    assert new
    with running_parts(tmp_path) as parts:
        with running_product(parts, FURTHER_APPLICATIONS="[]") as before:
            old = before.settings["Values"]["MICROSOFT_CERTIFICATE"]
            before.condition(APP, "certificate_added", certificate=new)
            finish(ordered(before))
        with running_product(parts, MICROSOFT_CERTIFICATE=new) as later:
            finish(ordered(later))
            later.condition(APP, "old_certificates_removed")
            finish(ordered(later))
        with running_product(parts, MICROSOFT_CERTIFICATE=old) as forgotten:
            stand = ordered(forgotten)
            answer = stand.one(stand.away("/sign-in"))
    assert (answer.status, answer.says("answer.our_credential.cause")) == (502, True)
    assert answer.failure_reference


def test_microsofts_keys_rotate_in_the_middle_of_a_sign_in(world: World) -> None:
    finish(ordered(world))
    stand = ordered(world)
    callback = stand.away("/sign-in")
    world.condition("keys", "keys_rotated")
    assert stand.one(callback).status == 303
    world.condition("keys", "old_keys_removed")
    finish(stand)
