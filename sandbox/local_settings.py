"""local.settings.json for the product: the sandbox's addresses and fresh keys.

https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from sandbox.credentials import Credential, new_portal_key
from sandbox.ports import Ports

CLIENT_ID = "6f1d2c3b-8a47-4e55-9b0e-2f7c1d5a9e60"
ADDIN_PRODUCT_ID = "b3a4c7de-51f2-4c08-8a6d-7e90d1f4c2ab"
TASK_PANE = "/sage-contact/taskpane.html"
FURTHER_APPLICATIONS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("applications.json").read_text(encoding="utf-8")
)


def local_settings(ports: Ports, storage: str, credential: Credential, ca_file: Path) -> dict[str, Any]:
    """The whole document; `storage` is the connection string. Keys differ at every call."""
    return {
        "IsEncrypted": False,
        "Values": {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage": storage,
            "PUBLIC_BASE_URL": ports.address("host"),
            **_microsoft(ports, credential, ca_file),
            "SIGNING_KEYS": f"k1:{_key()}",
            **_mail(ports),
            "FURTHER_APPLICATIONS": json.dumps(FURTHER_APPLICATIONS, ensure_ascii=False),
            "PORTAL_URL": f"{ports.address('portal')}/",
            "PORTAL_SIGNING_KEY": new_portal_key(),
            "CONNECTOR_URL": f"{ports.address('portal')}/connector",
            "ADDIN_PRODUCT_ID": ADDIN_PRODUCT_ID,
            "ADDIN_TASKPANE_URL": ports.address("portal_https", "https") + TASK_PANE,
            "SUPPORT_PHONE": "01 99 00 12 34",
            "SUPPORT_EMAIL": "assistance@sage.example",
        },
        "Host": {
            "LocalHttpPort": ports.number("host"),
            "FunctionKey": secrets.token_urlsafe(30),
            "MasterKey": secrets.token_urlsafe(30),
        },
    }


def write_settings(file: Path, document: dict[str, Any]) -> None:
    """Write the document, readable by its owner only, in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)


def _microsoft(ports: Ports, credential: Credential, ca_file: Path) -> dict[str, str]:
    back_channel = ports.address("microsoft_https", "https")
    values = {
        "MICROSOFT_AUTHORITY": back_channel,
        "MICROSOFT_LOGIN_ORIGIN": ports.address("microsoft"),
        "MICROSOFT_GRAPH_URL": f"{back_channel}/v1.0",
        "MICROSOFT_CLIENT_ID": CLIENT_ID,
        "REQUESTS_CA_BUNDLE": str(ca_file),
        "SSL_CERT_FILE": str(ca_file),
    }
    if credential.secret:
        values["MICROSOFT_CLIENT_SECRET"] = credential.secret
    if credential.certificate:
        values["MICROSOFT_CERTIFICATE"] = credential.certificate
    return values


def _mail(ports: Ports) -> dict[str, str]:
    return {
        "SMTP_HOST": "localhost",
        "SMTP_PORT": str(ports.number("smtp")),
        "SMTP_SECURITY": "none",
        "MAIL_FROM": "ne-pas-repondre@sage.example",
    }


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
