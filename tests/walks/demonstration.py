"""The demonstration customers and their tenants, which those of the walks are made after."""

import json
import re
from pathlib import Path
from typing import Any

CUSTOMERS = {
    customer["tenant"]: customer
    # of a tenant's customers the first
    for customer in reversed(json.loads(Path("sandbox/customers.json").read_text(encoding="utf-8")))
}
TENANTS = {
    tenant["name"]: tenant
    for tenant in json.loads(Path("sandbox/microsoft/tenants.json").read_text(encoding="utf-8"))
}


def renamed(text: str, sources: list[dict[str, Any]], mark: str) -> str:
    """`text` with every domain of these tenants made another one."""
    for domain in sorted(
        {domain for source in sources for domain in source["domains"]}, key=len, reverse=True
    ):
        text = re.sub(rf"(?<![\w.-]){re.escape(domain)}", mark + domain, text)
    return text
