"""What the host is told: the settings file (local.settings.json) and host.json.

https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
https://learn.microsoft.com/azure/azure-functions/functions-host-json
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_PORT = 7071


class ConfigurationError(Exception):
    """The settings file or host.json cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """host.json `extensions.queues`; `lease`, for how long a message is hidden from others while its function
    runs; `idle`, the time between two looks into an empty queue. Durations in seconds.
    """

    max_dequeue_count: int = 5
    retry_delay: float = 0.0
    batch_size: int = 16
    new_batch_threshold: int = 8
    encoding: str = "base64"
    # Azure's is ten minutes: here a killed host's work is taken up soon
    lease: int = 30
    # host.json's maxPollingInterval is not read: tests are quick this way
    idle: float = 0.2


@dataclass(frozen=True, slots=True)
class HostConfiguration:
    """Everything the host needs beside the app itself."""

    values: dict[str, str] = field(repr=False)
    port: int
    function_key: str | None = field(repr=False)
    master_key: str | None = field(repr=False)
    route_prefix: str
    queues: QueueOptions


def read_configuration(settings_file: Path, app_folder: Path) -> HostConfiguration:
    """Read the settings file and the app's host.json.

    Raises:
        ConfigurationError: a file is missing, no JSON, or encrypted.
    """
    local = _read_json(settings_file)
    if local.get("IsEncrypted"):
        raise ConfigurationError(f"{settings_file} is encrypted; this host reads plain settings only")
    host_file = app_folder / "host.json"
    extensions = _read_json(host_file).get("extensions", {}) if host_file.exists() else {}
    options = local.get("Host", {})
    return HostConfiguration(
        values={name: str(value) for name, value in local.get("Values", {}).items()},
        port=int(options.get("LocalHttpPort", DEFAULT_PORT)),
        function_key=options.get("FunctionKey"),
        master_key=options.get("MasterKey"),
        route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
        queues=_queue_options(extensions.get("queues", {})),
    )


def _queue_options(section: dict[str, Any]) -> QueueOptions:
    batch_size = int(section.get("batchSize", 16))
    return QueueOptions(
        max_dequeue_count=int(section.get("maxDequeueCount", 5)),
        retry_delay=timespan_seconds(section.get("visibilityTimeout", "00:00:00")),
        batch_size=batch_size,
        new_batch_threshold=int(section.get("newBatchThreshold", batch_size // 2)),
        encoding=section.get("messageEncoding", "base64"),
    )


def timespan_seconds(text: str) -> float:
    """Seconds of a .NET TimeSpan such as `00:00:10` or `1.00:00:00`."""
    days, _, clock = (
        text.rpartition(".") if text.count(".") and text.index(".") < text.index(":") else ("", "", text)
    )
    hours, minutes, seconds = clock.split(":")
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no JSON object")
    return content
