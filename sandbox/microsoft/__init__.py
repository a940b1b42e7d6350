"""Entra ID and Microsoft Graph over real HTTP; every answer is computed from the tenants' state.

How it is started::

    directory = Directory.load()  # tenants.json; Directory.load(path, now=time.time)
    app = sage_business_center(client_id, "http://localhost:7071", secret="...", certificate=pem)
    microsoft = Microsoft(directory, [app], "http://localhost:7072", "https://localhost:7073")
    microsoft.browser_app()  # aiohttp application, plain http: sign-in, consent
    microsoft.back_channel_app()  # aiohttp application, https: discovery, tokens, Graph
    control_app(directory, customers)  # sandbox.control: the page and JSON that change tenants
    tls = sandbox.tls.create(folder)  # tls.ca_file for clients, tls.server_context() for us

`running.serving(directory, [app], tls)` does all this on free ports for a `with` block, and `visitor.Visitor`
is a walk without a browser.

How a walk without a browser signs in (`authorize.py`) and consents (`adminconsent.py`): every page is a form
posted to its own address. Picking an account: field `account` = its address. Consent page and the page
« Approbation d'administrateur requise »: the page's hidden fields `account` and `canary`, and `consent` =
`accept` or `cancel`. Anything but a redirect is a page: its `<body data-page>` is `accounts`, `consent`,
`approval`, `failure` (with `data-code="AADSTS..."`) or `signed-out`. The session is a cookie.
"""

from sandbox.microsoft.directory import Directory
from sandbox.microsoft.registrations import Registration, further_application, sage_business_center
from sandbox.microsoft.service import Microsoft

__all__ = ["Directory", "Microsoft", "Registration", "further_application", "sage_business_center"]
