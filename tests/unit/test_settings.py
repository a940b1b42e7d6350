"""Settings: read all at once, every bad one named, no secret shown."""

from typing import Any

import pytest

from association.addin import tenant_add_in
from association.errors import SettingsIncompleteError
from association.settings import URL_LENGTH, Settings
from functions.services import ROOT
from tests.memory import SETTINGS, TENANT

REQUIRED = {
    "AzureWebJobsStorage",
    "PUBLIC_BASE_URL",
    "MICROSOFT_CLIENT_ID",
    "SIGNING_KEYS",
    "SMTP_HOST",
    "MAIL_FROM",
    "PORTAL_URL",
    "PORTAL_SIGNING_KEY",
    "CONNECTOR_URL",
    "ADDIN_PRODUCT_ID",
    "ADDIN_TASKPANE_URL",
    "SUPPORT_PHONE",
    "SUPPORT_EMAIL",
}
EITHER = "MICROSOFT_CERTIFICATE or MICROSOFT_CLIENT_SECRET"
PEM = """-----BEGIN PRIVATE KEY-----
x
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
y
-----END CERTIFICATE-----"""


def wrong(**changes: str) -> set[str]:
    with pytest.raises(SettingsIncompleteError) as caught:
        Settings.from_mapping({**SETTINGS, **changes})
    return set(caught.value.names)


def test_without_any_setting_all_that_are_needed_are_named_at_once() -> None:
    with pytest.raises(SettingsIncompleteError) as caught:
        Settings.from_mapping({})
    assert set(caught.value.names) == REQUIRED | {EITHER}


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("value", ["", "  \n"], ids=["empty", "blank"])
def test_a_needed_setting_that_is_empty_is_named(name: str, value: str) -> None:
    assert wrong(**{name: value}) == {name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_BASE_URL", "http://sage.example"),
        ("PUBLIC_BASE_URL", "https://sage.example/path"),
        ("PUBLIC_BASE_URL", "https://sage.example?x=1"),
        ("PUBLIC_BASE_URL", "https://sage.example/#a"),
        ("PUBLIC_BASE_URL", "https://sage.example/?"),
        ("PORTAL_URL", "https://portal.example#"),
        ("MICROSOFT_LOGIN_ORIGIN", "https://login.example#a"),
        ("PUBLIC_BASE_URL", "https://"),
        ("PUBLIC_BASE_URL", "ftp://localhost"),
        ("PUBLIC_BASE_URL", "http://[::1"),
        ("MICROSOFT_AUTHORITY", "http://localhost:7073"),
        ("MICROSOFT_LOGIN_ORIGIN", "http://login.example"),
        ("MICROSOFT_GRAPH_URL", "graph"),
        ("MICROSOFT_CLIENT_ID", "not-a-guid"),
        ("MICROSOFT_CERTIFICATE", "-----BEGIN CERTIFICATE-----"),
        ("SIGNING_KEYS", "k1:c2hvcnQ"),
        ("SIGNING_KEYS", "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI"),
        ("SIGNING_KEYS", f"{SETTINGS['SIGNING_KEYS']},"),
        ("SIGNING_KEYS", "k1:é"),
        ("SIGNING_KEYS", "k 1:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI"),
        ("SMTP_PORT", "smtp"),
        ("SMTP_SECURITY", "ssl"),
        ("PORTAL_URL", "portal"),
        ("ADDIN_PRODUCT_ID", "9b7a1d52"),
        ("ADDIN_TASKPANE_URL", "http://localhost/taskpane"),
        ("LINK_DAYS", "0"),
        ("SHARE_DAYS", "3651"),
        ("LINK_DAYS", "a"),
    ],
)
def test_a_setting_with_a_wrong_value_is_named_without_it(name: str, value: str) -> None:
    assert wrong(**{name: value}) == {name}


BAD_ADDRESSES = [
    "contact.example.test/pane",
    "/pane",
    "ftp://pane.test/",
    "javascript:alert(1)",
    "http://pane.test/",
    "http://localhost.pane.test/",
    "http://127.0.0.1/",
    "https://",
    "https:///pane",
    "https://user@pane.test/",
    "https://pane.test:/",
    "https://pane.test:port/",
    "https://-pane.test/",
    "https://pané.test/",
    "https://pane.te\u017ft/",
    "https://pane.test/a b",
    "https://pane.test/\na",
    "https://pane.test/\x08",
    "https://pane.test/\u202e",
    'https://pane.test/"><Evil/>',
    "https://pane.test/<script>",
    "https://pane.test/{{ tenant }}",
    "https://pane.test\\@evil.test/",
    "https://pane.test/" + "a" * URL_LENGTH,
    "https://" + "a" * URL_LENGTH,
]


@pytest.mark.parametrize("url", BAD_ADDRESSES)
@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "ADDIN_TASKPANE_URL", "PORTAL_URL"])
def test_an_address_that_the_add_in_file_may_not_hold_is_named(name: str, url: str) -> None:
    assert wrong(**{name: url}) == {name}


@pytest.mark.parametrize(
    "url",
    [
        "https://pane.test/?tenant=x",
        "https://pane.test/?a=1&tenant",
        "https://pane.test/?%74enant=x",
        "https://pane.test/" + "a" * (URL_LENGTH - len("https://pane.test/&tenant=") - 35),
    ],
)
def test_a_task_pane_that_leaves_no_room_for_the_tenant_is_named(url: str) -> None:
    assert wrong(ADDIN_TASKPANE_URL=url) == {"ADDIN_TASKPANE_URL"}


@pytest.mark.parametrize(
    "url",
    [
        "https://pane.test",
        "https://pane.test/a/",
        "https://pane.test/?q=/",
        "https://pane.test/?a=#/x",
        "https://pane.test/a'b(c)/;x=1,2/%C3%A9?q='&r=%22&s=$!*+@:~",
        "https://pane.test/?" + "a" * (URL_LENGTH - len("https://pane.test/?&tenant=") - 36),
    ],
    ids=["host", "slash", "slash in the query", "fragment", "every character", "long"],
)
def test_the_task_panes_address_is_kept_as_it_is_and_fits_the_file_with_its_tenant(url: str) -> None:
    kept = Settings.from_mapping({**SETTINGS, "ADDIN_TASKPANE_URL": url})
    assert kept.addin_taskpane_url == url
    pane = tenant_add_in(
        TENANT,
        product_id=kept.addin_product_id,
        public_base_url=kept.public_base_url,
        taskpane_url=url,
        portal_url=kept.portal_url,
    ).taskpane_url
    assert len(pane) <= URL_LENGTH


def test_all_that_would_spoil_the_add_in_file_is_named_at_once_without_its_value() -> None:
    names = ("PUBLIC_BASE_URL", "PORTAL_URL", "ADDIN_PRODUCT_ID", "ADDIN_TASKPANE_URL")
    with pytest.raises(SettingsIncompleteError) as caught:
        Settings.from_mapping({**SETTINGS, **dict.fromkeys(names, "secret")})
    assert caught.value.names == names
    assert "secret" not in str(caught.value)


def test_one_expression_says_what_a_guid_is() -> None:
    files = [
        file for room in ("adapters", "association", "functions") for file in (ROOT / room).rglob("*.py")
    ]
    saying = [file.name for file in files for line in file.read_text("utf-8").split("\n") if "{8}" in line]
    assert saying == ["identity.py"]


def test_one_of_certificate_and_secret_is_enough() -> None:
    assert wrong(MICROSOFT_CLIENT_SECRET="") == {EITHER}
    settings = Settings.from_mapping(
        {**SETTINGS, "MICROSOFT_CLIENT_SECRET": "", "MICROSOFT_CERTIFICATE": PEM}
    )
    assert settings.certificate == PEM


def test_a_certificate_on_one_line_has_its_line_ends_back() -> None:
    settings = Settings.from_mapping({**SETTINGS, "MICROSOFT_CERTIFICATE": PEM.replace("\n", "\\n")})
    assert settings.certificate == PEM


def test_what_is_left_out_has_the_real_services_addresses() -> None:
    kept = {name: value for name, value in SETTINGS.items() if name in REQUIRED}
    settings = Settings.from_mapping({**kept, "MICROSOFT_CLIENT_SECRET": "s"})
    assert settings.authority == settings.login_origin == "https://login.microsoftonline.com"
    assert settings.graph_url == "https://graph.microsoft.com/v1.0"
    assert (settings.smtp_port, settings.smtp_security) == (587, "starttls")
    assert (settings.link_days, settings.share_days) == (30, 90)


def test_guids_and_addresses_are_brought_to_one_form() -> None:
    changes: dict[str, Any] = {
        "MICROSOFT_CLIENT_ID": SETTINGS["MICROSOFT_CLIENT_ID"].upper(),
        "ADDIN_PRODUCT_ID": SETTINGS["ADDIN_PRODUCT_ID"].upper(),
        "PUBLIC_BASE_URL": "https://sage.example/",
    }
    settings = Settings.from_mapping({**SETTINGS, **changes})
    assert settings.client_id == SETTINGS["MICROSOFT_CLIENT_ID"]
    assert settings.addin_product_id == SETTINGS["ADDIN_PRODUCT_ID"]
    assert (settings.public_base_url, settings.is_https) == ("https://sage.example", True)


def test_the_first_key_signs_and_the_others_follow() -> None:
    keys = f"k2:{'Qw' * 21}Q,k1:{'Qk' * 21}I"
    settings = Settings.from_mapping({**SETTINGS, "SIGNING_KEYS": keys})
    assert [key.kid for key in settings.signing_keys] == ["k2", "k1"]


def test_no_secret_is_shown() -> None:
    secrets = {
        "AzureWebJobsStorage": "AccountKey=hidden1",
        "MICROSOFT_CLIENT_SECRET": "hidden2",
        "SMTP_PASSWORD": "hidden3",
        "MICROSOFT_CERTIFICATE": PEM.replace("x", "hidden4"),
    }
    shown = repr(Settings.from_mapping({**SETTINGS, **secrets}))
    assert "hidden" not in shown
    assert "BBBB" not in shown
    assert SETTINGS["PORTAL_URL"] in shown
