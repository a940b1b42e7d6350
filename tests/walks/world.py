"""Everything a walk needs: all parts and the host as processes of their own, reached over HTTP."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from sandbox.running import running_host, running_parts
from tests.walks.demonstration import CUSTOMERS, TENANTS, renamed

PATIENCE_SECONDS = 20.0


def until(found: Callable[[], Any], what: str) -> Any:
    """Wait for something true and return it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE_SECONDS:.0f} s: {what}")


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address, the first of each name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass(frozen=True, slots=True)
class Customer:
    """A demonstration customer with a Microsoft 365 of its own, so that walks don't meet in one tenant.

    `account` is who signs in; `tenants` are the names of all its tenants, the account's first.
    """

    order: dict[str, Any]
    account: str
    tenants: tuple[str, ...]

    @property
    def tenant(self) -> str:
        return self.tenants[0]

    def address(self, local_part: str) -> str:
        """The address of somebody else in the account's tenant."""
        return f"{local_part}@{self.account.rpartition('@')[2]}"


@dataclass(slots=True)
class World:
    """The product and everything around it, reached as people and systems reach it: over HTTP."""

    parts: dict[str, str]
    host: str
    settings: dict[str, Any]
    log: Path

    @property
    def key(self) -> dict[str, str]:
        return {"x-functions-key": self.settings["Host"]["FunctionKey"]}

    def customer(self, name: str, **changes: Any) -> Customer:
        """A new customer after a demonstration customer: other domains, tenant ids and numbers.

        `changes` are made to the order.
        """
        mark = self.mark(name)
        wanted = CUSTOMERS[name]
        domains = {
            wanted["account"].rpartition("@")[2],
            wanted["order"]["administrator_email"].rpartition("@")[2],
        }
        sources = [TENANTS[key] for key in TENANTS if domains & set(TENANTS[key]["domains"])]
        sources.sort(key=lambda source: wanted["account"].rpartition("@")[2] not in source["domains"])
        for source in sources:
            self._found(source, mark)
        order = json.loads(renamed(json.dumps(wanted["order"]), sources, mark))
        number = uuid.uuid4().hex[:10]
        order |= {"order_number": f"CMD-{number}", "customer_number": f"C-{number}", **changes}
        account = renamed(wanted["account"], sources, mark)
        return Customer(order, account, tuple(mark + source["name"] for source in sources))

    def mark(self, name: str) -> str:
        """What stands before the domains of a customer after `name`; never the same twice."""
        return f"x{uuid.uuid4().hex[:8]}."

    def _found(self, source: dict[str, Any], mark: str) -> None:
        copy = json.loads(renamed(json.dumps(source), [source], mark))
        copy["tenant_id"] = str(uuid.uuid4())
        name = mark + copy.pop("name")
        answer = requests.put(f"{self.parts['control']}tenants/{name}", json=copy, timeout=10)
        assert answer.status_code == 201, answer.text

    def orders(self, customer: Customer, **changes: Any) -> dict[str, Any]:
        """Hand in the customer's order and return it with the answer."""
        body = {**customer.order, **changes}
        answer = self.post("/orders", body)
        assert answer.status_code == 201, answer.text
        return {**body, **answer.json()}

    def invites(self, customer: Customer) -> str:
        """Hand in the customer's order and return the link of the mail."""
        return self.link(self.orders(customer))

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        return requests.post(f"{self.host}{path}", json=body, headers={**self.key, **headers}, timeout=30)

    def get(self, path: str, **parameters: str) -> requests.Response:
        return requests.get(f"{self.host}{path}", params=parameters, headers=self.key, timeout=30)

    def support(self, **question: str) -> dict[str, Any]:
        """The one association that support finds by `question`."""
        answer = self.post("/support/associations/search", question)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["associations"]
        return dict(found)

    def mails(self, to: str, subject: str = "") -> list[dict[str, Any]]:
        found = requests.get(self.parts["mailbox_json"], timeout=10).json()
        return [mail for mail in found if to in str(mail["to"]) and subject in mail["subject"]]

    def mail(self, to: str, subject: str = "") -> dict[str, Any]:
        """The newest mail to an address, waited for."""
        return dict(until(lambda: self.mails(to, subject), f"a mail to {to}")[-1])

    def link(self, order: dict[str, Any]) -> str:
        """The address behind « Je commence » of this order's mail."""

        def found() -> list[str]:
            mails = self.mails(order["administrator_email"], order["company_name"])
            return [
                link for mail in mails for link in mail["links"] if "/a?k=" in link and _about(mail, order)
            ]

        return str(until(found, "the association e-mail")[-1])

    def link_after(self, order: dict[str, Any], old: str) -> str:
        """The address of a newer association e-mail than the one with the address `old`."""
        return str(until(lambda: self._newer(order, old), "a newer association e-mail"))

    def _newer(self, order: dict[str, Any], old: str) -> str:
        newest = self.link(order)
        return newest if newest != old else ""

    def change_tenant(self, name: str, **change: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.parts['control']}tenants/{name}", json=change, timeout=10)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def tenant(self, name: str) -> dict[str, Any]:
        """A tenant's present state, as the control page's JSON tells it."""
        return dict(requests.get(f"{self.parts['control']}tenants/{name}", timeout=10).json())

    def found_tenant(self, **fields: Any) -> dict[str, Any]:
        """A tenant of its own beside the customers', with the fields of sandbox/microsoft/tenants.json."""
        wanted = {"tenant_id": str(uuid.uuid4()), "subscriptions": [], "users": [], **fields}
        name = str(wanted.pop("name", uuid.uuid4().hex))
        answer = requests.put(f"{self.parts['control']}tenants/{name}", json=wanted, timeout=10)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def rows(self, table: str, partition_key: str = "") -> list[dict[str, Any]]:
        """The rows of a table as they are stored, or those of one partition; none before the first."""
        with TableClient.from_connection_string(self.parts["storage"], table) as client:
            query = f"PartitionKey eq '{partition_key}'" if partition_key else ""
            try:
                return [dict(row) for row in client.query_entities(query)]
            except ResourceNotFoundError:
                return []

    def advance_microsoft(self, seconds: int) -> None:
        answer = requests.post(f"{self.parts['control']}clock", json={"advance_seconds": seconds}, timeout=10)
        assert answer.status_code == 200, answer.text

    def fault(self, part: str, name: str | None = None, **more: Any) -> None:
        """Queue a fault of sandbox/faults/listed.py; `more` are the fields of sandbox/control/faults.py.

        Without `tenant` or `path` the next call of anybody is struck; the host asks the queue all the time,
        the product only puts messages in: `method="POST"`.
        """
        wanted = {"part": part, **({"fault": name} if name else {}), **more}
        answer = requests.post(f"{self.parts['control']}faults", json=wanted, timeout=10)
        assert answer.status_code == 201, answer.text

    def faults(self) -> dict[str, Any]:
        """What is still queued, and what happened."""
        return dict(requests.get(f"{self.parts['control']}faults", timeout=10).json())

    def no_faults(self, **where: str) -> None:
        """Forget what is queued and what happened; with `tenant` or `path` only what is queued for these."""
        requests.delete(f"{self.parts['control']}faults", params=where, timeout=10).raise_for_status()

    def condition(self, subject: str, name: str, **fields: Any) -> None:
        """Set a condition of sandbox/microsoft/conditions.py; `subject` is `tenants/<name>`,
        `registrations/<client id>` or `keys`.
        """
        wanted = {"condition": name, **fields}
        answer = requests.post(f"{self.parts['control']}{subject}", json=wanted, timeout=10)
        assert answer.ok, answer.text

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")


def _about(mail: dict[str, Any], order: dict[str, Any]) -> bool:
    return order["reference"] in mail["text"]


@contextmanager
def running_world(
    folder: Path,
    *,
    credential: str = "certificate",
    storage_faults: bool = False,
    **values: str | Callable[[dict[str, str]], str],
) -> Iterator[World]:
    """Start everything with files in `folder`; `values` change the product's settings, some of them by
    where the parts are.

    Without further applications, unless `values` name them: most walks are about what comes before.
    """
    wanted = {"FURTHER_APPLICATIONS": "[]", **values}
    with running_parts(folder, credential=credential, storage_faults=storage_faults) as parts:
        known = {name: value(parts) if callable(value) else value for name, value in wanted.items()}
        with running_product(parts, **known) as world:
            yield world


@contextmanager
def running_product(parts: dict[str, str], **values: str) -> Iterator[World]:
    """Start the host over parts that run already; `values` change the product's settings."""
    file = Path(parts["settings"])
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["Values"] |= values
    file.write_text(json.dumps(settings), encoding="utf-8")
    with running_host(file) as host:
        yield World(parts, host, settings, file.with_name("host.log"))
