"""python -m bench.licences WAY SETTINGS TENANT [SECONDS]: a fresh worker first reads licences.

Prints JSON: milliseconds of the first read and (the median) of later ones, and how many modules the first one
imported. The worker has read a row and spoken to Entra before, as it has when the journey reads licences, but
not to Graph.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.microsoft.ahead import import_libraries
from adapters.microsoft.graph_requests import subscribed_skus
from functions.services import build

WARM = 9
TOKEN_SECONDS = 0.2  # assumed; Microsoft promises none
NONE = "0" * 32  # an association's id that nobody has
Read = Callable[[], Awaitable[Any]]


async def main(
    way: str, values: dict[str, str], tenant_id: str, token_seconds: float = TOKEN_SECONDS
) -> None:
    """Read, and print; `ahead` is ours after what a worker imports behind its first page, `meanwhile` ours
    with a token that Microsoft takes `token_seconds` to give.
    """
    os.environ.update(values)
    ports = build(values).ports
    if way == "ahead":
        import_libraries()
    await ports.associations.read(NONE)
    token = await ports.entra.app_token(tenant_id)  # type: ignore[attr-defined]
    if way == "meanwhile":
        await asyncio.sleep(token_seconds)
    read = _with_models(token, ports.settings.graph_url) if way == "models" else _ours(ports.graph, token)
    modules = len(sys.modules)
    first = await _once(read)
    imported = len(sys.modules) - modules
    warm = [await _once(read) for _ in range(WARM)]
    print(json.dumps({"first_ms": first, "warm_ms": statistics.median(warm), "modules": imported}))


async def _once(read: Read) -> float:
    started = time.perf_counter()
    if not await read():
        raise RuntimeError("nothing was read")
    return (time.perf_counter() - started) * 1000


def _ours(graph: Any, token: str) -> Read:
    """What a step of `Graph.tenant_facts` does for the licences."""
    return lambda: graph._client.read_all(subscribed_skus(graph._client.adapter), token)


def _with_models(token: str, url: str) -> Read:
    """The same with `GraphServiceClient` and its models, as its documentation shows it.

    https://learn.microsoft.com/graph/sdks/create-requests
    """
    kept: list[Any] = []

    async def read() -> Any:
        if not kept:
            kept.append(_client(token, url))
        return (await kept[0].subscribed_skus.get()).value

    return read


def _client(token: str, url: str) -> Any:
    from azure.core.credentials import AccessToken  # noqa: PLC0415 - its import is what is measured
    from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: PLC0415
        AzureIdentityAuthenticationProvider,
    )
    from msgraph import GraphRequestAdapter, GraphServiceClient  # noqa: PLC0415

    class Known:
        def get_token(self, *scopes: str, **named: Any) -> AccessToken:
            return AccessToken(token, int(time.time()) + 3600)

    host = str(urlsplit(url).hostname)
    provider = AzureIdentityAuthenticationProvider(Known(), allowed_hosts=[host])
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = url
    return GraphServiceClient(request_adapter=adapter)


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[2]).read_text("utf-8"))["Values"]
    asyncio.run(main(sys.argv[1], given, sys.argv[3], *map(float, sys.argv[4:])))
