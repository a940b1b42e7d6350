"""The sentinel: a whole journey, then a search for what must not have been written down anywhere.

Nothing secret and nobody's name or address may stand in the host's log (rule S5), or leave the browser in an
address of ours. In storage, secrets stand as hashes at most, people in `person` rows alone, and queue
messages hold a kind and ids. Storage is reached through a proxy that keeps what goes by, so that rows that
were overwritten and messages that were handled are searched as well.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlsplit

import pytest
import requests

from sandbox.running import running_host, running_parts
from tests.walks.browser import Browser, Page
from tests.walks.people import Person
from tests.walks.test_attack_consent import sent_code, typed
from tests.walks.world import World, query_of

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
SETTINGS = ("MICROSOFT_CERTIFICATE", "MICROSOFT_CLIENT_SECRET", "SIGNING_KEYS", "PORTAL_SIGNING_KEY")
CARRIERS = ("code", "state", "k", "client_info", "session_state", "code_challenge", "nonce", "login_hint")


@dataclass(slots=True)
class Seen:
    """Everything that has to be searched for, by what it is."""

    secrets: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def in_text(self, text: str, what: dict[str, str]) -> list[str]:
        """The names of those of `what` that stand in `text`, however they are spelled there."""
        return sorted(name for name, value in what.items() if any(form in text for form in spelled(value)))


def spelled(value: str) -> set[str]:
    """A value as text, in an address, in a form, in JSON, and in capitals or none."""
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    return forms | {form.lower() for form in forms}


class Watched(Browser):
    """A browser that remembers every secret it was handed."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def hold(
        self, url: str, method: str = "GET", fields: dict[str, str] | None = None, **headers: str
    ) -> requests.Response:
        answer = Browser.hold(self, url, method, fields, **headers)
        for address in (url, answer.headers.get("Location", "")):
            self.remember(query_of(address))
        for (name, _), value in self.cookies.kept.items():
            self.keep(f"cookie {name}", value)
        if "form_token" in (fields or {}):
            self.keep("form token", str((fields or {})["form_token"]))
        return answer

    def remember(self, query: dict[str, str]) -> None:
        for name in CARRIERS:
            if name in query and "@" not in query[name]:
                self.keep(name, query[name])

    def keep(self, name: str, value: str) -> None:
        if len(value) >= 16:
            self.seen.secrets[f"{name} {len(self.seen.secrets)}"] = value


@dataclass(slots=True)
class Traffic:
    """What went to storage: the bodies of tables' writes with their addresses, and of queue messages."""

    tables: list[tuple[str, str]] = field(default_factory=list)
    queue: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def recorded(endpoint: str, kept: list[tuple[str, str]]) -> Iterator[str]:
    """A server that passes everything on to the account at `endpoint`; its own address for the account."""
    upstream = urlsplit(endpoint)
    session = requests.Session()

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def passed(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept.append((self.path, body.decode("utf-8", "replace")))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            answer = session.request(
                self.command,
                f"{upstream.scheme}://{upstream.netloc}{self.path}",
                data=body,
                headers=headers,
                timeout=10,
                stream=True,
            )
            content = answer.raw.read(decode_content=False)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = passed  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the terminal is pytest's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{upstream.path}"
    finally:
        server.shutdown()
        server.server_close()
        session.close()


@dataclass(slots=True)
class Journey:
    """What the journey left behind."""

    world: World
    seen: Seen
    traffic: Traffic
    browsers: list[Browser]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """The journey, walked once in a world of its own."""
    traffic = Traffic()
    with running_parts(tmp_path_factory.mktemp("sentinel")) as parts:
        connection = dict(part.partition("=")[::2] for part in parts["storage"].rstrip(";").split(";"))
        with (
            recorded(connection["TableEndpoint"], traffic.tables) as tables,
            recorded(connection["QueueEndpoint"], traffic.queue) as queue,
        ):
            watched = {**connection, "TableEndpoint": tables, "QueueEndpoint": queue}
            file = Path(parts["settings"])
            settings = json.loads(file.read_text(encoding="utf-8"))
            settings["Values"]["AzureWebJobsStorage"] = "".join(f"{k}={v};" for k, v in watched.items())
            file.write_text(json.dumps(settings), encoding="utf-8")
            with running_host(file) as host:
                world = World(parts, host, settings, file.with_name("host.log"))
                seen = Seen()
                browsers = list(walked(world, seen))
                yield Journey(world, seen, traffic, browsers)


def walked(world: World, seen: Seen) -> Iterator[Browser]:
    """Two customers: one with everything that can go wrong on the way, one whose consent is refused."""
    for name in SETTINGS:
        value = world.settings["Values"].get(name, "")
        if value:
            seen.secrets[name] = value.splitlines()[1] if "BEGIN" in value else value.rpartition(":")[2]
    seen.secrets["function key"] = world.key["x-functions-key"]
    yield from unexpected_tenant(world, seen)
    yield from refused_consent(world, seen)
    # what the background does (mails, looks for access) is logged as well
    time.sleep(1)


def unexpected_tenant(world: World, seen: Seen) -> Iterator[Browser]:
    customer = world.customer("imprimerie-roussel")
    order = world.orders(customer)
    people_of(seen, order, "Nathalie Roussel", "David Roussel", customer.account)
    link = world.link(order)
    seen.secrets["link token"] = query_of(link)["k"]
    browser = Watched(seen)
    person = Person(world, customer.account, browser)
    page = person.signs_in(person.opens(link))
    code = sent_code(world, order)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for number, tried in enumerate((wrong, code)):
        seen.secrets[f"one-time code {number}"] = tried
        page = typed(person, page, tried)
    page = person.consents(page)
    for key in ("contact", "automate"):
        page = person.authorises(page, key)
    assert page.is_headed("done.title")
    browser.open(f"{page.url}/sage-contact.xml")
    handed = browser.submit(page, "/portal")
    seen.secrets["hand-over token"] = handed.form("/association")["token"]
    assert browser.submit(handed, "/association").url.startswith(world.parts["portal"])
    for mail in world.mails(order["administrator_email"]):
        for address in mail["links"]:
            browser.remember(query_of(address))
            browser.open(address) if "/addin" in address else None
    browser.open(f"{world.host}/addin/sage-contact.xml?of={order['reference']}")
    browser.submit(browser.open(page.url), "/sign-out")
    asked_by_support(world, order)
    yield browser


def refused_consent(world: World, seen: Seen) -> Iterator[Browser]:
    customer = world.customer("vignobles-chastel")
    order = world.orders(customer)
    people_of(seen, order, "Élise Chastel", customer.account)
    browser, thief = Watched(seen), Watched(seen)
    person = Person(world, customer.account, browser)
    page = person.signs_in(person.opens(world.link(order)))
    invited = {**page.form("/sign-in"), "domain": "camille.invitee@nobody.example"}
    people_of(seen, order, invited["domain"])
    assert browser.post(invited.pop(""), invited, Origin=world.host).status == 400
    asking = browser.open(f"{world.host}/new-link")
    assert browser.submit(asking, "/new-link", asked=order["administrator_email"]).status == 200
    page = person.consents(person.signs_in(person.opens(world.link(order))), "cancel")
    assert page.is_headed("consent.refused")
    callback = person.passes(person.leaves(page, "/consent"))
    broken(world, browser, thief, page, callback)
    assert browser.open(callback).is_headed("applications.some")
    yield from (browser, thief)


def broken(world: World, browser: Watched, thief: Watched, page: Page, callback: str) -> None:
    """Error pages of every kind, each with something in its request that must not be logged."""
    state = query_of(callback)["state"]
    statuses = [
        thief.open(callback).status,
        browser.open(f"{world.host}/sign-in/callback?state={state}&code=0.{'A' * 40}").status,
        browser.open(f"{world.host}/consent/callback?state={state[:20]}").status,
        browser.open(f"{world.host}/a?k={'B' * 43}").status,
        thief.open(page.url).status,
        browser.post(f"{page.url}/consent", {"form_token": "f" * 64}, Origin=world.host).status,
        browser.open(f"{world.host}/nothing?mail=elise.chastel%40example.org").status,
        world.post("/orders", {"elise.chastel@example.org": 1}).status_code,
        world.get("/support/associations", email="elise.chastel@example.org").status_code,
        requests.get(f"{world.host}/health/details", params={"code": "x" * 40}, timeout=10).status_code,
    ]
    assert statuses == [400, 400, 400, 404, 403, 403, 404, 400, 400, 401]


def asked_by_support(world: World, order: dict[str, Any]) -> None:
    assert world.support(email=order["administrator_email"])["reference"] == order["reference"]
    path = f"/support/associations/{order['association_id']}/renew-link"
    assert world.post(path, {"reason": "Demandé au téléphone"}).status_code == 200


def people_of(seen: Seen, order: dict[str, Any], *more: str) -> None:
    values = (order["administrator_email"], order["partner"]["email"], *more)
    seen.people |= {value: value for value in values}


def test_the_log_holds_no_secret_and_nobodys_name_or_address(journey: Journey) -> None:
    text, seen = journey.world.logged(), journey.seen

    assert "function=journey_sign_in_callback" in text
    assert "failed code=browser_unknown" in text
    assert seen.in_text(text, seen.secrets) == []
    assert seen.in_text(text, seen.people) == []
    assert JWT.findall(text) == []
    assert ADDRESS.findall(text) == []


def test_no_address_of_ours_carries_an_email_address(journey: Journey) -> None:
    for browser in journey.browsers:
        for url in browser.visited:
            for name, value in parse_qsl(urlsplit(url).query):
                # at Microsoft's the leg without a page says who is to be shown again; MSAL says it twice
                hint = name in ("login_hint", "X-AnchorMailbox")
                hint = hint and url.startswith(journey.world.parts["microsoft"])
                forged = value == "elise.chastel@example.org"
                assert hint or forged or not ADDRESS.search(value), urlsplit(url).path


def test_storage_is_handed_no_secret(journey: Journey) -> None:
    seen = journey.seen
    for path, body in (*journey.traffic.tables, *journey.traffic.queue):
        text = unquote_plus(path) + body
        assert seen.in_text(text, seen.secrets) == [], path
        assert JWT.findall(text) == [], path


def test_names_and_addresses_are_stored_in_person_rows_only(journey: Journey) -> None:
    seen, people = journey.seen, 0
    for path, body in journey.traffic.tables:
        assert seen.in_text(unquote_plus(path), seen.people) == [], path
        # a row is one line of JSON, alone or in a transaction
        for row in (json.loads(line) for line in body.splitlines() if line.startswith("{")):
            values = " ".join(str(value) for name, value in row.items() if not name.endswith("@odata.type"))
            if ADDRESS.search(values) or seen.in_text(values, seen.people):
                assert row["RowKey"].startswith("person."), row["RowKey"]
                people += 1
    assert people >= 4


def test_queue_messages_hold_a_kind_and_ids(journey: Journey) -> None:
    sent = [body for path, body in journey.traffic.queue if "<MessageText>" in body]
    assert len(sent) > 10
    for body in sent:
        assert "@" not in body
        assert journey.seen.in_text(body, journey.seen.people) == []
        text = body.partition("<MessageText>")[2].partition("</MessageText>")[0]
        task = json.loads(text.replace("&quot;", '"'))
        assert task.keys() == {"kind", "association_id", "key", "attempt"}
        if task["association_id"] or task["kind"] != "new_link":
            assert re.fullmatch(r"[0-9a-f]{32}", task["association_id"])
        else:
            # an address that was typed goes as its look-up key alone
            assert re.fullmatch(r"email:[0-9a-f]{64}", task["key"])


def test_the_sentinel_sees_each_secret_and_each_name_when_it_is_there(journey: Journey) -> None:
    """Without this, a journey that collected nothing would pass."""
    seen = journey.seen
    kinds = (
        "code ",
        "state ",
        "k ",
        "nonce ",
        "form token ",
        "one-time code 1",
        "link token",
        "function key",
    )
    for kind in (
        *kinds,
        "cookie visit-",
        "cookie session-",
        "cookie flow-",
        "SIGNING_KEYS",
        "MICROSOFT_CERT",
    ):
        assert any(name.startswith(kind) for name in seen.secrets), kind
    assert len(seen.people) >= 7
    for what in (seen.secrets, seen.people):
        for name, value in what.items():
            for form in (value, quote(value, safe=""), value.upper().lower()):
                assert name in seen.in_text(f"INFO x {form} y", what)
    assert JWT.search("Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.sig")
    assert ADDRESS.search("who=sophie@lambert.example")
