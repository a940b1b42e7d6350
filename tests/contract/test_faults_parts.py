"""Faults of the running parts: through the control application, at every part, and over with the call."""

import json
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableServiceClient

from sandbox.running import running_parts


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_parts(tmp_path_factory.mktemp("parts"), storage_faults=True) as started:
        yield started


@pytest.fixture(scope="module")
def values(parts: dict[str, str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(Path(parts["settings"]).read_text(encoding="utf-8"))
    return dict(document["Values"])


@pytest.fixture(autouse=True)
def nothing_left(parts: dict[str, str]) -> Iterator[None]:
    yield
    assert requests.delete(f"{parts['control']}faults", timeout=5).status_code == 204


def queue(parts: dict[str, str], **fault: Any) -> requests.Response:
    return requests.post(f"{parts['control']}faults", json=fault, timeout=5)


def test_the_settings_lead_through_the_proxies_and_the_parts_line_does_not(
    parts: dict[str, str], values: dict[str, str]
) -> None:
    through = TableServiceClient.from_connection_string(values["AzureWebJobsStorage"], retry_total=0)
    straight = TableServiceClient.from_connection_string(parts["storage"], retry_total=0)
    assert queue(parts, part="storage", fault="server_busy", times=2).status_code == 201
    with through, straight:
        straight.create_table_if_not_exists("straight")
        with pytest.raises(HttpResponseError, match="ServerBusy"):
            through.create_table_if_not_exists("through")
        (left,) = requests.get(f"{parts['control']}faults", timeout=5).json()["queued"]
        assert (left["fault"], left["times"]) == ("server_busy", 1)
        assert requests.delete(f"{parts['control']}faults", timeout=5).status_code == 204
        through.create_table_if_not_exists("through")


def test_a_fault_of_microsofts_back_channel(parts: dict[str, str], values: dict[str, str]) -> None:
    keys = f"{values['MICROSOFT_AUTHORITY']}/organizations/discovery/v2.0/keys"
    assert queue(parts, part="entra", fault="gateway_timeout", path="/keys").status_code == 201
    answers = [
        requests.get(keys, verify=values["REQUESTS_CA_BUNDLE"], timeout=5).status_code for _ in range(2)
    ]
    assert answers == [504, 200]


def test_a_fault_of_the_mail_server(parts: dict[str, str], values: dict[str, str]) -> None:
    assert queue(parts, part="smtp", fault="deferred", path="somebody@").status_code == 201
    with smtplib.SMTP("localhost", int(values["SMTP_PORT"]), timeout=5) as server:
        server.sendmail("from@sage.example", ["other@x.example"], "Subject: one\r\n\r\n")
        with pytest.raises(smtplib.SMTPDataError):
            server.sendmail("from@sage.example", ["somebody@x.example"], "Subject: two\r\n\r\n")
        server.sendmail("from@sage.example", ["somebody@x.example"], "Subject: three\r\n\r\n")
    mails = requests.get(parts["mailbox_json"], timeout=5).json()
    assert [mail["subject"] for mail in mails] == ["one", "three"]


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        pytest.param({"part": "moon", "fault": "reset"}, ["part"], id="unknown part"),
        pytest.param({"part": "graph", "fault": "server_busy"}, ["fault"], id="another part's fault"),
        pytest.param({"part": "graph"}, ["fault"], id="no fault"),
        pytest.param({"part": "graph", "fault": "reset", "colour": 1}, ["colour"], id="unknown field"),
        pytest.param({"part": "graph", "fault": "reset", "times": 0}, ["times"], id="never"),
        pytest.param({"part": "graph", "rate": 2}, ["rate"], id="more than always"),
        pytest.param({"part": "graph", "rate": 0.5, "times": 2}, ["rate", "times"], id="times and rate"),
        pytest.param({"part": "graph", "fault": "reset", "tenant": "x"}, ["tenant"], id="unknown tenant"),
        pytest.param(
            {"part": "storage", "fault": "reset", "tenant": "menuiserie-lambert"},
            ["tenant"],
            id="a tenant where there is none",
        ),
        pytest.param([], [], id="no object"),
    ],
)
def test_what_cannot_be_queued_is_refused_by_its_fields(
    parts: dict[str, str], fault: Any, fields: list[str]
) -> None:
    refused = requests.post(f"{parts['control']}faults", json=fault, timeout=5)
    assert (refused.status_code, refused.json()["fields"]) == (400, fields)
    assert requests.get(f"{parts['control']}faults", timeout=5).json()["queued"] == []


def test_without_proxies_a_fault_of_storage_is_refused(tmp_path: Path) -> None:
    with running_parts(tmp_path) as parts:
        refused = queue(parts, part="queue", fault="reset")
        values = json.loads(Path(parts["settings"]).read_text(encoding="utf-8"))["Values"]
    assert (refused.status_code, refused.json()["fields"]) == (400, ["part"])
    assert values["AzureWebJobsStorage"] == parts["storage"]
