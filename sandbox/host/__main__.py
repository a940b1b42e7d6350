"""python -m sandbox.host --settings FILE [--port P] [--app FOLDER]: serve a function app until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from sandbox.host.configuration import ConfigurationError, HostConfiguration, read_configuration
from sandbox.host.indexing import IndexedFunction, index_app
from sandbox.host.lifetime import check_triggers, serve

log = logging.getLogger("host")


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 after Ctrl-C or SIGTERM, 1 when the host cannot start."""
    options = _options(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("aiohttp.access").disabled = True
    try:
        configuration = read_configuration(options.settings, options.app)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    os.environ.update(configuration.values)
    port = configuration.port if options.port is None else options.port
    functions = _functions(options.app, configuration)
    try:
        return asyncio.run(serve(functions, configuration, port, options.until_stdin_closes))
    except OSError as error:
        print(f"port {port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="local.settings.json to read")
    parser.add_argument("--port", type=int, help="instead of Host.LocalHttpPort; 0 takes a free one")
    parser.add_argument(
        "--app", type=Path, default=Path.cwd(), help="folder of function_app.py and host.json"
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    return parser.parse_args(arguments)


def _functions(folder: Path, configuration: HostConfiguration) -> list[IndexedFunction]:
    """None at all when one of them cannot be loaded: as on Azure, every address then answers 404."""
    try:
        functions = index_app(folder)
        check_triggers(functions, configuration)
    except Exception:
        log.exception("indexing_failed app=%s", folder)
        return []
    return functions


if __name__ == "__main__":
    sys.exit(main())
