"""The Functions app: every blueprint registered, and nothing else.

Nothing is read, built or contacted here: one exception at import would unregister every function.
"""

import azure.functions as func

from functions import addin, background, health, journey, links, orders, portal, support, support_actions

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for room in (journey, addin, links, portal, orders, support, support_actions, background, health):
    app.register_functions(room.bp)
