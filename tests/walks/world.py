"""Everything a walk needs: all parts and the host as processes of their own, and people to use them."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from azure.data.tables import TableClient

from sandbox.running import running_host, running_parts
from tests.walks.browser import Browser, Page

PATIENCE_SECONDS = 20.0
CUSTOMERS = {
    customer["tenant"]: customer
    # of a tenant's customers the first
    for customer in reversed(json.loads(Path("sandbox/customers.json").read_text(encoding="utf-8")))
}
TENANTS = {
    tenant["name"]: tenant
    for tenant in json.loads(Path("sandbox/microsoft/tenants.json").read_text(encoding="utf-8"))
}


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
        order = json.loads(_renamed(json.dumps(wanted["order"]), sources, mark))
        number = uuid.uuid4().hex[:10]
        order |= {"order_number": f"CMD-{number}", "customer_number": f"C-{number}", **changes}
        account = _renamed(wanted["account"], sources, mark)
        return Customer(order, account, tuple(mark + source["name"] for source in sources))

    def mark(self, name: str) -> str:
        """What stands before the domains of a customer after `name`; never the same twice."""
        return f"x{uuid.uuid4().hex[:8]}."

    def _found(self, source: dict[str, Any], mark: str) -> None:
        copy = json.loads(_renamed(json.dumps(source), [source], mark))
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
        """The rows of a table as they are stored, or those of one partition."""
        with TableClient.from_connection_string(self.parts["storage"], table) as client:
            query = f"PartitionKey eq '{partition_key}'" if partition_key else ""
            return [dict(row) for row in client.query_entities(query)]

    def advance_microsoft(self, seconds: int) -> None:
        answer = requests.post(f"{self.parts['control']}clock", json={"advance_seconds": seconds}, timeout=10)
        assert answer.status_code == 200, answer.text

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")


def _renamed(text: str, sources: list[dict[str, Any]], mark: str) -> str:
    """`text` with every domain of these tenants made another one."""
    for domain in sorted(
        {domain for source in sources for domain in source["domains"]}, key=len, reverse=True
    ):
        text = re.sub(rf"(?<![\w.-]){re.escape(domain)}", mark + domain, text)
    return text


def _about(mail: dict[str, Any], order: dict[str, Any]) -> bool:
    return order["reference"] in mail["text"]


@dataclass(slots=True)
class Person:
    """Somebody at a browser, who does what the page in front of them says."""

    world: World
    account: str
    browser: Browser = field(default_factory=Browser)

    def opens(self, link: str) -> Page:
        return self.browser.open(link)

    def signs_in(self, page: Page, account: str = "") -> Page:
        """Press the page's sign-in button and pick the account at Microsoft's."""
        chosen = self.browser.submit(page, "/sign-in")
        return self.browser.submit(chosen, "/authorize", account=account or self.account)

    def consents(self, page: Page, answer: str = "accept") -> Page:
        """Press « Autoriser », pick the account again, and answer Microsoft's question."""
        return self.answers(self.browser.submit(page, "/consent"), answer)

    def authorises(self, page: Page, key: str, answer: str = "accept") -> Page:
        """Press the button of one further application, and answer Microsoft's question."""
        return self.answers(self.browser.submit(page, f"/applications/{key}"), answer)

    def answers(self, asked: Page, answer: str = "accept") -> Page:
        """Pick the account again if Microsoft asks for it, and answer its question."""
        if asked.document.body.get("data-page") == "accounts":
            asked = self.browser.submit(asked, "/adminconsent", account=self.account)
        return self.browser.submit(asked, "/adminconsent", consent=answer)

    def leaves(self, page: Page, action: str, **changes: str) -> str:
        """Press a button and stop before Microsoft's: the address the browser is sent to."""
        fields = page.form(action)
        target = fields.pop("")
        answer = self.browser.hold(target, "POST", {**fields, **changes}, Origin=self.world.host)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def passes(self, url: str, consent: str = "accept") -> str:
        """Do what Microsoft asks at `url` and stop on the way back: the callback's address, not opened."""
        answer = self.browser.hold(url)
        if not answer.is_redirect:
            answer = self.browser.hold(url, "POST", {"account": self.account})
        if not answer.is_redirect:
            page = Page(url, answer.status_code, answer.text, {}, answer.content)
            fields = page.form(urlsplit(url).path)
            answer = self.browser.hold(fields.pop(""), "POST", {**fields, "consent": consent})
        assert answer.is_redirect, answer.text
        return str(answer.headers["Location"])

    def checks_again(self, page: Page) -> Page:
        return self.browser.submit(page, "/check")

    def walks_to_the_end(self, link: str) -> Page:
        return self.consents(self.signs_in(self.opens(link)))


@contextmanager
def running_world(
    folder: Path, *, credential: str = "certificate", **values: str | Callable[[dict[str, str]], str]
) -> Iterator[World]:
    """Start everything with files in `folder`; `values` change the product's settings, some of them by
    where the parts are.

    Without further applications, unless `values` name them: most walks are about what comes before.
    """
    wanted = {"FURTHER_APPLICATIONS": "[]", **values}
    with running_parts(folder, credential=credential) as parts:
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
