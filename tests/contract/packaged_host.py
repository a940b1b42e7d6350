"""python -m tests.contract.packaged_host ...: the sandbox's host, whose app finds only its own package.

The host brings what it is made of itself, as on Azure; everything else comes from the package or not at all.
"""

import sys
from pathlib import Path

APP = Path(sys.argv[sys.argv.index("--app") + 1])
SITE = APP / ".python_packages/lib/site-packages"
OF_THE_HOST = {"aiohttp", "aiohappyeyeballs", "aiosignal", "attr", "attrs", "frozenlist"}


def main() -> int:
    sys.path.insert(0, str(SITE))
    from sandbox.host.__main__ import main as serve

    sys.path[:] = [str(SITE), *(entry for entry in sys.path if _of_python(Path(entry)))]
    for name in list(sys.modules):
        if name.partition(".")[0] not in OF_THE_HOST and _of_the_environment(name):
            del sys.modules[name]
    return serve(sys.argv[1:])


def _of_python(entry: Path) -> bool:
    return Path(sys.base_prefix) in entry.parents and "site-packages" not in entry.parts


def _of_the_environment(module: str) -> bool:
    file = Path(str(getattr(sys.modules[module], "__file__", "")))
    return "site-packages" in file.parts and not file.is_relative_to(SITE)


if __name__ == "__main__":
    sys.exit(main())
