"""An order for Office 365 licences, as OCTAVE hands it in: parsed, and every bad field named at once.

Rules of the product: models DUL, DUA and DSU, never « Classique (Export) »; as many Azure AD users as
Office 365 users. The partner's MPN id, the administrator's address and the numbers of users may still be
missing; the partner is then asked for them.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from association.dataclass import dataclass
from association.errors import RequestInvalidError

MODELS = ("DUL", "DUA", "DSU")
SUBSCRIPTIONS = ("sage", "elsewhere")
LANGUAGES = ("fr", "en")
NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")
MPN_ID = re.compile(r"[0-9]{4,10}")
ADDRESS_IN_NAME = re.compile(r"@|://|www\.", re.IGNORECASE)
MOST_USERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order that passed every rule; "" and 0 stand for what is still missing."""

    order_number: str
    customer_number: str
    company_name: str
    partner_number: str
    partner_name: str
    partner_email: str
    model: str
    subscription: str
    language: str
    administrator_email: str = ""
    mpn_id: str = ""
    office365_users: int = 0
    azure_ad_users: int = 0


def parse_order(body: Any) -> OrderRequest:
    """Read an order from parsed JSON.

    Raises RequestInvalidError whose `problems` maps field paths (`partner.email`) to problem codes.
    """
    read = _Fields(body)
    partner = _Fields(read.part("partner"), "partner.", read.problems)
    request = OrderRequest(
        order_number=read("order_number", _number),
        customer_number=read("customer_number", _number),
        company_name=read("company_name", _name),
        partner_number=partner("number", _number),
        partner_name=partner("name", _name),
        partner_email=partner("email", read_address),
        model=read("model", _model),
        subscription=read("subscription", _subscription),
        language=read("language", _language, ""),
        administrator_email=read("administrator_email", read_address, ""),
        mpn_id=read("mpn_id", _mpn_id, ""),
        office365_users=read("office365_users", _users, 0),
        azure_ad_users=read("azure_ad_users", _users, 0),
    )
    read.refuse_unknown()
    partner.refuse_unknown()
    counts = ("office365_users", "azure_ad_users")
    if request.office365_users != request.azure_ad_users and not read.problems.keys() & counts:
        read.problems["azure_ad_users"] = "users_differ"
    if read.problems:
        raise RequestInvalidError(read.problems)
    return request


@dataclass(frozen=True, slots=True)
class _Fields:
    """Reads the fields of one JSON object and gathers what is wrong with them."""

    body: Any
    prefix: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def __call__(self, name: str, parse: Callable[[Any], Any], default: Any = None) -> Any:
        self.seen.add(name)
        value = self.body.get(name) if isinstance(self.body, Mapping) else None
        if value is None or value == "":
            if default is None:
                self.problems[self.prefix + name] = "missing"
            return default
        try:
            return parse(value)
        except ValueError as error:
            self.problems[self.prefix + name] = str(error)
            return default

    def part(self, name: str) -> Any:
        self.seen.add(name)
        return self.body.get(name) if isinstance(self.body, Mapping) else None

    def refuse_unknown(self) -> None:
        if isinstance(self.body, Mapping):
            for name in sorted(str(key)[:40] for key in self.body.keys() - self.seen):
                self.problems[self.prefix + name] = "unknown_field"


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise ValueError("not_text")  # noqa: TRY004 - a problem's code, gathered by _Fields
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") for character in text):
        raise ValueError("control_characters")
    if not text:
        raise ValueError("missing")
    if len(text) > most:
        raise ValueError("too_long")
    return text


def _number(value: Any) -> str:
    text = _text(value, 40)
    if not NUMBER.fullmatch(text):
        raise ValueError("not_a_number")
    return text


def _name(value: Any) -> str:
    text = _text(value, 120)
    if ADDRESS_IN_NAME.search(text):
        raise ValueError("address_in_name")
    return text


def read_address(value: Any) -> str:
    """An e-mail address (RFC 5321) in the form that orders record. Raises ValueError with its problem."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - kept off the cold start

    text = _text(value, 254)
    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError("not_an_address") from error
    # the form that mail servers and discovery take, whatever the domain is written in
    return address.ascii_email or address.normalized


def _mpn_id(value: Any) -> str:
    text = _text(value, 10)
    if not MPN_ID.fullmatch(text):
        raise ValueError("not_an_mpn_id")
    return text


def _users(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_USERS:
        raise ValueError("not_a_count")
    return value


def _model(value: Any) -> str:
    text = _text(value, 40)
    if text.casefold().startswith("classique"):
        raise ValueError("model_export")
    return _one_of(text, MODELS, "model_unknown")


def _subscription(value: Any) -> str:
    return _one_of(_text(value, 40), SUBSCRIPTIONS, "subscription_unknown")


def _language(value: Any) -> str:
    return _one_of(_text(value, 40), LANGUAGES, "language_unknown")


def _one_of(text: str, known: tuple[str, ...], problem: str) -> str:
    if text not in known:
        raise ValueError(problem)
    return text
