"""A customer who has just been invited, made as an order makes one, without a host."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from association.invite import receive_order
from association.links import mailed_token
from association.order import parse_order
from functions.services import build
from sandbox.parts import CUSTOMERS


@dataclass(frozen=True, slots=True)
class Invited:
    """Where the mail's button leads, and the association's page; both without the origin."""

    link: str
    page: str


def invited(settings: Path) -> Invited:
    """Hand in the first demonstration customer's order with these settings."""
    values = json.loads(settings.read_text(encoding="utf-8"))["Values"]
    order = json.loads(CUSTOMERS.read_text(encoding="utf-8"))[0]["order"]
    ports = build(values).ports
    facts = asyncio.run(receive_order(ports, parse_order(order))).facts
    return Invited(f"/a?k={mailed_token(ports.keys, facts)}", f"/a/{facts.reference}")
