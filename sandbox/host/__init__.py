"""A local Azure Functions host for Python (v2 model): what Azure loses or changes is lost or changed here.

It serves the `FunctionApp` of a folder through azure-functions' public API and knows nothing else of this
repository.
Reference: https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""
