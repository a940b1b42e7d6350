"""The sandbox as a whole: everything listens, the settings file is all a host needs, nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from sandbox.running import running_host, running_parts
from sandbox.storage import ROOT

KEYS = {
    "host",
    "microsoft",
    "microsoft_https",
    "mailbox",
    "mailbox_json",
    "portal",
    "portal_https",
    "control",
    "storage",
    "settings",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder with blanks")


@pytest.fixture(scope="module")
def parts(folder: Path) -> Iterator[dict[str, str]]:
    with running_parts(folder) as addresses:
        yield addresses


@pytest.fixture
def settings(parts: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(parts["settings"]).read_text(encoding="utf-8"))
    return document


def get(address: str, ca_file: str | None = None, method: str = "GET") -> str:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    with urlopen(Request(address, method=method), timeout=10, context=context) as answer:  # noqa: S310 - loopback
        body: bytes = answer.read()
        return body.decode()


def send(settings: dict[str, Any], subject: str, to: str = "a@kunde.example") -> None:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["Message-ID"] = subject, to, f"<{len(subject)}@sage.example>"
    mail.set_content("Ouvrez http://localhost/a?k=1.\n")
    mail.add_alternative('<p><a href="http://localhost/a?k=1&amp;b=é">Je commence</a>', subtype="html")
    values = settings["Values"]
    with smtplib.SMTP(values["SMTP_HOST"], int(values["SMTP_PORT"]), timeout=10) as server:
        server.send_message(mail, values["MAIL_FROM"], [to])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_first_line_names_every_part_once_it_listens(parts: dict[str, str]) -> None:
    assert set(parts) == KEYS
    for name in KEYS - {"storage", "settings", "host"}:
        assert listens(urlsplit(parts[name]).port or 0), name
    assert not listens(urlsplit(parts["host"]).port or 0)


def test_the_settings_file_has_azures_schema_and_only_one_credential(settings: dict[str, Any]) -> None:
    assert set(settings) == {"IsEncrypted", "Values", "Host"}
    assert set(settings["Host"]) == {"LocalHttpPort", "FunctionKey", "MasterKey"}
    assert all(isinstance(value, str) and value for value in settings["Values"].values())
    assert settings["Values"]["MICROSOFT_CERTIFICATE"].startswith("-----BEGIN PRIVATE KEY-----")
    assert "MICROSOFT_CLIENT_SECRET" not in settings["Values"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps access lists instead of modes")
def test_nobody_else_may_read_the_settings_file(parts: dict[str, str]) -> None:
    assert Path(parts["settings"]).stat().st_mode & 0o077 == 0


def test_a_mail_is_on_the_page_and_in_the_json_newest_last(
    parts: dict[str, str], settings: dict[str, Any]
) -> None:
    get(parts["mailbox_json"], method="DELETE")
    assert json.loads(get(parts["mailbox_json"])) == []
    send(settings, "Première")
    send(settings, "<b>Deuxième</b>")
    first, second = json.loads(get(parts["mailbox_json"]))
    assert set(first) == {"to", "subject", "text", "html", "message_id", "links", "received"}
    assert (first["to"], first["subject"], first["message_id"]) == (
        "a@kunde.example",
        "Première",
        "<8@sage.example>",
    )
    assert first["text"] == "Ouvrez http://localhost/a?k=1.\n"
    assert first["links"] == ["http://localhost/a?k=1&b=é", "http://localhost/a?k=1"]
    assert second["subject"] == "<b>Deuxième</b>"
    assert "&lt;b&gt;Deuxième&lt;/b&gt;" in get(parts["mailbox"])
    assert "Ouvrez http://localhost/a?k=1." in get(parts["mailbox"] + "mails/1")
    assert get(parts["mailbox"] + "mails/1/html").startswith('<base target="_blank"><p><a href=')


def test_a_mail_can_run_no_script(parts: dict[str, str], settings: dict[str, Any]) -> None:
    send(settings, "Encore")
    with urlopen(parts["mailbox"] + "mails/1/html", timeout=10) as answer:  # noqa: S310 - loopback
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in policy


def test_the_task_pane_is_served_over_https_and_shows_what_it_is_given_as_text(
    parts: dict[str, str], settings: dict[str, Any]
) -> None:
    ca_file = settings["Values"]["SSL_CERT_FILE"]
    page = get(settings["Values"]["ADDIN_TASKPANE_URL"] + "?tenant=%3Cscript%3E", ca_file)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace('<meta http-equiv="', "")


def test_the_portal_answers_on_both_ports(parts: dict[str, str], settings: dict[str, Any]) -> None:
    assert "Sage Business Centre" in get(parts["portal"])
    assert "Sage Business Centre" in get(parts["portal_https"], settings["Values"]["REQUESTS_CA_BUNDLE"])


def test_microsofts_back_channel_trusts_the_ca_of_the_settings_only(
    parts: dict[str, str], settings: dict[str, Any]
) -> None:
    discovery = (
        settings["Values"]["MICROSOFT_AUTHORITY"] + "/organizations/v2.0/.well-known/openid-configuration"
    )
    assert json.loads(get(discovery, settings["Values"]["REQUESTS_CA_BUNDLE"]))["jwks_uri"]
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        get(discovery)


def test_a_host_starts_from_the_settings_file_alone(parts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        "import os\n"
        "import azure.functions as func\n"
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n"
        "@app.route('where')\n"
        "def where(req: func.HttpRequest) -> func.HttpResponse:\n"
        "    return func.HttpResponse(os.environ['PUBLIC_BASE_URL'])\n",
        encoding="utf-8",
    )
    with running_host(Path(parts["settings"]), app=tmp_path, log=tmp_path / "log") as origin:
        assert origin == parts["host"]
        assert get(f"{origin}/api/where") == origin


def test_the_secret_variant_has_a_secret_and_no_certificate(tmp_path: Path) -> None:
    with running_parts(tmp_path, credential="secret") as parts:
        values = json.loads(Path(parts["settings"]).read_text(encoding="utf-8"))["Values"]
        assert len(values["MICROSOFT_CLIENT_SECRET"]) >= 32
        assert "MICROSOFT_CERTIFICATE" not in values


def test_two_sandboxes_run_side_by_side_with_keys_of_their_own(
    parts: dict[str, str], settings: dict[str, Any], tmp_path: Path
) -> None:
    with running_parts(tmp_path) as others:
        assert not {parts[name] for name in KEYS} & {others[name] for name in KEYS}
        other = json.loads(Path(others["settings"]).read_text(encoding="utf-8"))
    assert other["Values"]["SIGNING_KEYS"] != settings["Values"]["SIGNING_KEYS"]
    assert not set(other["Host"].values()) & set(settings["Host"].values())


def test_a_port_in_use_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = taken.getsockname()[1] - 1
        command = [sys.executable, "-m", "sandbox", "parts", "--port-base", str(base)]
        command += ["--settings", str(tmp_path / "local.settings.json")]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"port {base + 1} (host) is already in use" in ended.stderr
    assert "--port-base" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_is_stopped_no_process_and_no_port_stays(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "sandbox", "parts", "--json", "--port-base", "0"]
    command += ["--settings", str(tmp_path / "local.settings.json")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        parts = json.loads(process.stdout.readline())
        children = children_of(process.pid)
        assert len(children) == 1
        process.send_signal(how)
        code = process.wait(15)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []
    assert not listens(urlsplit(parts["mailbox"]).port or 0)


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended while we looked
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(os.name != "posix", reason="the end of a pipe is looked at the POSIX way")
def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = (
        "import os, sys; from pathlib import Path; from sandbox.running import running_parts\n"
        f"with running_parts(Path({str(tmp_path)!r})) as parts:\n"
        "    print(parts['mailbox'], flush=True); os._exit(1)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", starter], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    port = urlsplit(ended.stdout.strip()).port
    assert port
    deadline = time.monotonic() + 10
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)
