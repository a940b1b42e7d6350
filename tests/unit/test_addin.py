"""The add-in's values, its addresses, and the headers it is handed over with."""

import re

import pytest

from association.addin import (
    TEMPLATE_VERSION,
    AddIn,
    download_headers,
    entity_tag,
    is_unchanged,
    tenant_add_in,
)
from association.errors import NotBoundError
from tests.addin_file import SETTINGS, TENANT

TAG = entity_tag(b"content")


def add_in(tenant_id: str = TENANT, **changes: str) -> AddIn:
    return tenant_add_in(tenant_id, **{**SETTINGS, **changes})


def test_the_task_pane_keeps_its_query_and_gains_the_tenant() -> None:
    assert add_in().taskpane_url == f"{SETTINGS['taskpane_url']}&tenant={TENANT}"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("https://pane.test", f"https://pane.test?tenant={TENANT}", id="bare host"),
        pytest.param("https://pane.test/a/", f"https://pane.test/a/?tenant={TENANT}", id="path"),
        pytest.param(
            "https://pane.test/?q=%C3%A9", f"https://pane.test/?q=%C3%A9&tenant={TENANT}", id="encoded"
        ),
        pytest.param("https://pane.test/?a=#/x", f"https://pane.test/?a=&tenant={TENANT}#/x", id="fragment"),
        pytest.param("https://localhost:7077/p", f"https://localhost:7077/p?tenant={TENANT}", id="localhost"),
    ],
)
def test_the_tenant_goes_into_the_query_of_any_good_address(setting: str, expected: str) -> None:
    assert add_in(taskpane_url=setting).taskpane_url == expected


def test_the_tenant_is_written_in_lower_case() -> None:
    made = add_in(TENANT.upper())
    assert made.tenant_id == TENANT
    assert TENANT.upper() not in made.taskpane_url


def test_the_addresses_of_ours_come_from_the_public_base() -> None:
    made = add_in(public_base_url="https://sage.test:8443")
    assert made.icon_url(64) == "https://sage.test:8443/assets/icon-64.png"
    assert made.app_domain == "https://sage.test:8443"
    assert made.version == TEMPLATE_VERSION


@pytest.mark.parametrize(
    "tenant_id",
    [
        "",
        "contoso.onmicrosoft.com",
        f"{{{TENANT}}}",
        f" {TENANT}",
        f"{TENANT}\n",
        TENANT.replace("-", ""),
        f"urn:uuid:{TENANT}",
        f'{TENANT}"/><Evil/>',
        f"{TENANT}&tenant={TENANT}",
        TENANT.replace("4", "\u0664"),
        TENANT[:-1] + "\x08",
        "a" * 3000,
    ],
)
def test_a_tenant_that_is_no_guid_gets_no_file(tenant_id: str) -> None:
    with pytest.raises(NotBoundError) as refusal:
        add_in(tenant_id)
    assert refusal.value.detail == "tenant_id is not a GUID"


def test_the_entity_tag_is_strong_and_follows_the_bytes() -> None:
    assert re.fullmatch(r'"[0-9a-f]{64}"', TAG)
    assert entity_tag(b"content") == TAG
    assert entity_tag(b"content.") != TAG


def test_the_file_is_saved_under_a_constant_name_and_never_shown() -> None:
    assert download_headers(TAG, "Complément Sage Contact.xml") == {
        "Content-Type": "application/xml; charset=utf-8",
        "Content-Disposition": 'attachment; filename="sage-contact.xml"; '
        "filename*=UTF-8''Compl%C3%A9ment%20Sage%20Contact.xml",
        "Cache-Control": "private, no-cache",
        "ETag": TAG,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
    }


def test_a_file_name_cannot_add_a_header_or_a_parameter() -> None:
    disposition = download_headers(TAG, "a\"; b='c'\r\nSet-Cookie: d/\\(é)*%.xml")["Content-Disposition"]
    name = disposition.rpartition("''")[2]
    assert name == "a%22%3B%20b%3D%27c%27%0D%0ASet-Cookie%3A%20d%2F%5C%28%C3%A9%29%2A%25.xml"


@pytest.mark.parametrize(
    "header",
    [
        TAG,
        f"W/{TAG}",
        f'"other", {TAG}',
        f'"a,b",W/"c" ,\t{TAG} , "d"',
        f', "", {TAG},',
        "*",
        " * ",
    ],
)
def test_a_file_the_browser_holds_is_not_sent_again(header: str) -> None:
    assert is_unchanged(header, TAG)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        '"other"',
        TAG.strip('"'),
        TAG.upper(),
        f"w/{TAG}",
        f'"other" {TAG}',
        f"{TAG} junk",
        f"*, {TAG}",
        f'"{TAG}"',
        TAG[:-1],
        '"a",' + "   ," * 5000 + "x",
    ],
)
def test_another_or_a_malformed_tag_gets_the_whole_file(header: str | None) -> None:
    assert not is_unchanged(header, TAG)
