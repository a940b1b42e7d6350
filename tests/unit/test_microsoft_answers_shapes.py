"""Answers of the sign-in service that are JSON, but not what is documented: each ends as an error of ours."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest
import requests

from adapters.microsoft.entra import Entra
from adapters.microsoft.session import MicrosoftSession
from association.errors import AssociationError, IdTokenInvalidError
from association.microsoft_errors import MicrosoftUnavailableError
from association.rows import Leg
from tests.memory import NOW, TENANT, Memory

LOGIN = "https://login.example"
DISCOVERY = {
    "issuer": f"{LOGIN}/{TENANT}/v2.0",
    "authorization_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/authorize",
    "token_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/token",
}
SECRETS = ("sentinel", "not-a-secret")


class Scripted:
    """In the place of MicrosoftSession: discovery as given, and one answer of the token endpoint."""

    def __init__(self, token: Any = None, status: int = 200, **discovery: Any) -> None:
        self.token, self.status = token, status
        self.discovery = {**DISCOVERY, **discovery}

    def get(self, url: str, **_: Any) -> requests.Response:
        return answered(200, self.discovery)

    def post(self, url: str, **_: Any) -> requests.Response:
        return answered(self.status, self.token)

    def close(self) -> None:
        """Nothing is open."""


def answered(status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode()
    return response


def entra(session: Scripted) -> Entra:
    settings = replace(Memory().ports.settings, authority=LOGIN, login_origin=LOGIN)
    return Entra(settings, cast(MicrosoftSession, session), lambda: NOW)


TOKEN = {"token_type": "Bearer", "access_token": "sentinel", "expires_in": 3600}
WRONG = [
    {},
    {**TOKEN, "access_token": None},
    {**TOKEN, "access_token": 7},
    {**TOKEN, "access_token": ""},
    {**TOKEN, "access_token": ["sentinel"]},
    {**TOKEN, "expires_in": None},
    {**TOKEN, "expires_in": "soon"},
    {**TOKEN, "expires_in": {"seconds": 1}},
    {**TOKEN, "access_token": None, "scope": 7},
]


@pytest.mark.parametrize("body", WRONG, ids=str)
async def test_a_token_of_another_shape_is_microsoft_unavailable(body: dict[str, Any]) -> None:
    with pytest.raises(MicrosoftUnavailableError) as caught:
        await entra(Scripted(body)).app_token(TENANT)
    assert not [secret for secret in SECRETS if secret in f"{caught.value} {caught.value.__cause__}"]


@pytest.mark.parametrize(
    "id_token",
    [None, "", "sentinel", "sentinel.sentinel.sentinel", "e30.e30.", "e30.W10.x", 7, ["sentinel"], {}],
    ids=str,
)
async def test_an_id_token_of_another_shape_signs_nobody_in(id_token: Any) -> None:
    body = {**TOKEN, "id_token": id_token, "client_info": "sentinel"}
    adapter = entra(Scripted(body))
    flow = await adapter.begin(TENANT, Leg.SIGN_IN, state="s" * 43, login_hint="", silent=False)
    with pytest.raises((IdTokenInvalidError, MicrosoftUnavailableError)) as caught:
        await adapter.redeem(TENANT, flow, {"code": "sentinel", "state": "s" * 43})
    assert not [secret for secret in SECRETS if secret in f"{caught.value} {caught.value.__cause__}"]


@pytest.mark.parametrize(
    "body",
    [
        {"error": None},
        {"error": 7},
        {"error": "x", "error_codes": "many", "error_description": ["sentinel"]},
        {"error": "x", "error_codes": [{}], "correlation_id": {}},
        {"error": {"code": "sentinel"}},
    ],
    ids=str,
)
async def test_an_error_of_another_shape_is_an_error_all_the_same(body: dict[str, Any]) -> None:
    with pytest.raises(AssociationError) as caught:
        await entra(Scripted(body, 400)).app_token(TENANT)
    assert caught.value.code in ("microsoft_refused", "microsoft_unavailable")
    assert "sentinel" not in str(caught.value)


@pytest.mark.parametrize(
    "discovery",
    [
        {"token_endpoint": "http://login.example/token"},
        {"token_endpoint": "nowhere"},
        {"authorization_endpoint": "https://elsewhere.example/authorize"},
        {"authorization_endpoint": "nowhere"},
        {"authorization_endpoint": "https://["},
        {"authorization_endpoint": f"{LOGIN}.evil.example/authorize"},
        {"token_endpoint": "https://["},
    ],
    ids=str,
)
async def test_discovery_that_leads_elsewhere_is_not_followed(discovery: dict[str, Any]) -> None:
    adapter = entra(Scripted(TOKEN, **discovery))
    with pytest.raises(MicrosoftUnavailableError):
        await adapter.begin(TENANT, Leg.SIGN_IN, state="s" * 43, login_hint="", silent=False)


@pytest.mark.parametrize("issuer", ["", "nowhere", "https://[", "https://login.example/not-a-guid/v2.0"])
async def test_an_issuer_that_names_no_tenant_names_none(issuer: str) -> None:
    assert await entra(Scripted(issuer=issuer)).tenant_of_domain("contoso.example") == ""


async def test_a_tenant_is_read_from_the_issuer() -> None:
    issuer = DISCOVERY["issuer"].replace(TENANT, TENANT.upper())
    assert await entra(Scripted(issuer=issuer)).tenant_of_domain("contoso.example") == TENANT
