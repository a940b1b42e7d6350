"""The add-in file as the tests make it: the product's template and texts, an example tenant's values."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from association.addin import AddIn, tenant_add_in

ROOT = Path(__file__).parents[1]
TENANT = "4d1f3a9e-5b62-4c1d-9e08-3c5a7f10b2d4"
SETTINGS = {
    "product_id": "b7a2b1de-58a9-4e08-9f6f-6f4a5c1d2e30",
    "public_base_url": "https://association.example.test",
    "taskpane_url": "https://contact.example.test/pane?release=2&theme=light",
    "portal_url": "https://centre.example.test",
}


def texts() -> dict[str, dict[str, str]]:
    """The catalogues' add-in texts per language, without the prefix of their keys."""
    return {
        language: {
            key.removeprefix("addin."): text
            for key, text in json.loads(
                (ROOT / "locales" / language / "addin.json").read_text(encoding="utf-8")
            ).items()
        }
        for language in ("fr", "en")
    }


def rendered(add_in: AddIn | None = None, **values: object) -> bytes:
    """The file of `add_in`, or of the example tenant; `values` replace the template's variables."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates"), autoescape=True, undefined=StrictUndefined
    )
    variables = {"addin": add_in or tenant_add_in(TENANT, **SETTINGS), "text": texts(), **values}
    return environment.get_template("addin/sage-contact.xml").render(variables).encode()
