"""An application that uses the sandbox's Microsoft through MSAL and requests."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msal
import requests

from sandbox.microsoft import Directory, Microsoft
from sandbox.microsoft.visitor import Visitor, returned

CLIENT_ID = "6a4d1c7e-2b93-4f58-8e07-d5c1b9a3f246"
OTHER_CLIENT_ID = "e39b5d20-74f1-4c6a-9d8e-0b2a6c4f1357"
SECRET = "a secret that works"
EXPIRED_SECRET = "a secret that has expired"
BASE = "http://localhost:7071"
SIGN_IN_CALLBACK = f"{BASE}/sign-in/callback"
CONSENT_CALLBACK = f"{BASE}/consent/callback"
GRAPH_DEFAULT = "https://graph.microsoft.com/.default"

HAPPY = "menuiserie-lambert"
HAPPY_ADMINISTRATOR = "sophie.lambert@menuiserie-lambert.example"
HAPPY_USER = "hugo.marchand@menuiserie-lambert.example"


@dataclass(slots=True)
class Application:
    """« Sage Business Center » in the hands of a test, with one browser (`visitor`)."""

    microsoft: Microsoft
    ca_file: Path
    visitor: Visitor = field(default_factory=lambda: Visitor(requests.Session()))
    client_id: str = CLIENT_ID
    credential: Any = SECRET

    @property
    def directory(self) -> Directory:
        return self.microsoft.directory

    @property
    def browser(self) -> str:
        return self.microsoft.authority.browser_origin

    @property
    def back_channel(self) -> str:
        return self.microsoft.authority.back_channel_origin

    def msal(self, tenant: str = "organizations") -> msal.ConfidentialClientApplication:
        """A fresh MSAL application: nothing cached."""
        return msal.ConfidentialClientApplication(
            self.client_id,
            client_credential=self.credential,
            authority=f"{self.back_channel}/{tenant}",
            instance_discovery=False,
        )

    def flow(self, tenant: str = "organizations", *scopes: str, **more: Any) -> dict[str, Any]:
        """MSAL's flow; `auth_uri` is where the browser goes."""
        with warnings.catch_warnings():
            # MSAL recommends form_post; the product uses query on purpose (SameSite=Lax cookies).
            warnings.simplefilter("ignore", UserWarning)
            flow: dict[str, Any] = self.msal(tenant).initiate_auth_code_flow(
                list(scopes), redirect_uri=SIGN_IN_CALLBACK, **more
            )
        return flow

    def redeem(self, flow: dict[str, Any], answer: dict[str, str], tenant: str = "organizations") -> Any:
        """MSAL's result for what came back to the redirect_uri."""
        return self.msal(tenant).acquire_token_by_auth_code_flow(dict(flow), answer)

    def sign_in(self, account: str, tenant: str = "organizations", *scopes: str) -> Any:
        """MSAL's result of a whole sign-in with the account picker."""
        flow = self.flow(tenant, *scopes, prompt="select_account")
        return self.redeem(flow, returned(self.visitor.pick(flow["auth_uri"], account)), tenant)

    def app_only(self, tenant: str) -> Any:
        """MSAL's result of a client-credentials request."""
        return self.msal(tenant).acquire_token_for_client([GRAPH_DEFAULT])

    def consent_url(self, tenant: str, **changed: str) -> str:
        """The admin consent address."""
        query = {
            "client_id": self.client_id,
            "scope": GRAPH_DEFAULT,
            "redirect_uri": CONSENT_CALLBACK,
            "state": "a-state",
        }
        return f"{self.browser}/{tenant}/v2.0/adminconsent?{urlencode(query | changed)}"

    def consent(self, account: str, tenant: str, decision: str = "accept") -> dict[str, str]:
        """What comes back from a consent page."""
        return returned(self.visitor.decide(self.consent_url(tenant), account, decision))

    def graph(self, token: str, path: str, **headers: str) -> requests.Response:
        """A Graph read."""
        headers = {"Authorization": f"Bearer {token}"} | headers
        return requests.get(f"{self.back_channel}/v1.0/{path}", headers=headers, timeout=30)

    def token(self, tenant: str, form: dict[str, str], **headers: str) -> requests.Response:
        """A raw request to the token endpoint."""
        url = f"{self.back_channel}/{tenant}/oauth2/v2.0/token"
        return requests.post(url, data=form, headers=headers, timeout=30)
