"""What the trips to Microsoft and the reads of Graph are made with, imported on the event loop alone.

Two threads that import one package from two ends each hold a module that the other waits for; Python notices
and hands one of them a half-made one. So no thread of ours imports a library: the event loop does, ahead of
time, or at last before it hands a call to a thread.
"""

import asyncio
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence

SIGN_IN = (
    "cryptography.hazmat.primitives.serialization",
    "cryptography.x509",
    "jwt",
    "requests",
    "msal",
    "adapters.whole_answers",
)
# Not the models: nothing of ours uses them (rule P2).
GRAPH = (
    "anyio._backends._asyncio",
    "httpcore",
    "httpx",
    "adapters.microsoft.graph_transport",
    "kiota_abstractions.native_response_handler",
    "kiota_http.middleware.options",
    "msgraph_core",
    "msgraph.graph_request_adapter",
    "msgraph.generated.organization.organization_request_builder",
    "msgraph.generated.subscribed_skus.subscribed_skus_request_builder",
    "msgraph.generated.directory.subscriptions.subscriptions_request_builder",
    "msgraph.generated.users.users_request_builder",
)


def import_libraries(names: Iterable[str] = (*SIGN_IN, *GRAPH)) -> None:
    """Import them now; once they are, this costs microseconds."""
    for name in names:
        importlib.import_module(name)


def import_later(seconds: float, names: Sequence[str] = (*SIGN_IN, *GRAPH)) -> None:
    """Have the running event loop import them in so many seconds, one by one: about 0.2 s of processor time,
    and whoever asks for a page meanwhile waits for one library at most.
    """
    if not sys.modules.keys() >= set(names):
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, _import_next, loop, iter(names))


def _import_next(loop: asyncio.AbstractEventLoop, names: Iterator[str]) -> None:
    name = next(names, None)
    if name:
        importlib.import_module(name)
        loop.call_soon(_import_next, loop, names)
