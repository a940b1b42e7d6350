"""The Functions app: every blueprint registered, and nothing else.

Nothing is read, built or contacted here: one exception at import would unregister every function.
"""

import azure.functions as func

from functions import addin, background, health, journey, orders, support

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (journey.bp, addin.bp, orders.bp, support.bp, background.bp, health.bp):
    app.register_functions(blueprint)
