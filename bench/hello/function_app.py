"""Says hello, asynchronously as the product's handlers do."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name("hello")
@app.route("hello", methods=["GET"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    """Any answer will do."""
    return func.HttpResponse("Hello")
