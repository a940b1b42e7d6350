"""python -m sandbox parts | demo: what dev.py hands over to."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from sandbox.credentials import KINDS
from sandbox.ports import DEFAULT_BASE, PortInUseError
from sandbox.storage import ROOT, StorageError


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 after Ctrl-C or SIGTERM, 1 when something could not start."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except PortInUseError as error:
        again = f"--port-base {error.port + 1000 - error.port % 10}"
        print(f"{error}: stop the program that uses it, or choose other ports with {again}", file=sys.stderr)
    except StorageError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


async def _run(options: argparse.Namespace) -> int:
    # Imported here: the line about a port in use should not need every part to be importable.
    from sandbox.demo import run_demo  # noqa: PLC0415
    from sandbox.parts import Options, run_parts  # noqa: PLC0415

    chosen = Options(
        settings=options.settings,
        port_base=options.port_base,
        credential=options.credential,
        storage_faults=options.storage_faults,
        indexed_storage=options.indexed_storage,
    )
    if options.command == "demo":
        return await run_demo(chosen)
    await run_parts(chosen, as_json=options.json, until_stdin_closes=options.until_stdin_closes)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    parts = commands.add_parser("parts", help="start everything but the host and write the settings file")
    demo = commands.add_parser("demo", help="start everything and order for the demonstration customers")
    for command in (parts, demo):
        command.add_argument("--settings", type=Path, default=ROOT / "local.settings.json", metavar="FILE")
        command.add_argument("--port-base", type=int, default=DEFAULT_BASE, metavar="N", help="0: free ports")
        command.add_argument("--credential", choices=KINDS, default=KINDS[0])
        command.add_argument("--storage-faults", action="store_true", help="storage can be made to fail")
        command.add_argument("--indexed-storage", action="store_true", help="storage is for many rows")
    parts.add_argument("--json", action="store_true", help="print the addresses as one line of JSON")
    parts.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
