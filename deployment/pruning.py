"""What is left out of the package, because nothing that runs can reach it (docs/adr/0010).

msgraph-sdk is pruned by what the product names, tzdata by the time zones it names, some distributions as a
whole; of the others only goes what is not for running at all.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from deployment.imports import Closure, everything_run

# Locked because something requires them, but never imported by what runs here.
LEFT_OUT = {
    "aiohttp": "another way for azure-core to speak HTTP; ours is requests",
    "aiohappyeyeballs": "aiohttp's",
    "aiosignal": "aiohttp's",
    "attrs": "aiohttp's",
    "frozenlist": "aiohttp's",
    "charset-normalizer": "requests' guess at untold encodings; we read JSON and XML",
    "azure-identity": "required by msgraph-sdk; our credentials are MSAL's",
    "msal-extensions": "azure-identity's",
    "dnspython": "email-validator's look-up of mail servers, which is never asked for",
    "opentelemetry-sdk": "required by kiota, which imports the API only; nothing is traced",
    "h2": "HTTP/2 of httpx, which has to be asked for and is not",
    "hpack": "h2's",
    "hyperframe": "h2's",
    "pycparser": "for building with cffi, not for running",
}
PRUNED = "msgraph"
ZONES = PurePosixPath("tzdata/zoneinfo")
# For type checkers and compilers; for building with cffi (it is _cffi_backend that runs); for tests.
DEAD_SUFFIXES = {".c", ".h", ".pxd", ".pyi", ".pyx", ".typed"}
DEAD_FOLDERS = {"cffi", "sboms", "tests"}
# What installers note for themselves: METADATA, entry points and licences stay.
NOTES = {"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "top_level.txt"}


class Pruning:
    """Tells which files below `site` are kept for the modules of `product`."""

    def __init__(self, site: Path, product: Iterable[Path]) -> None:
        modules = list(product)
        self._sources = [module.read_text(encoding="utf-8") for module in modules]
        self._reached = {
            PurePosixPath(file.relative_to(site).as_posix()) for file in reached(site, modules).values()
        }

    def keeps(self, path: PurePosixPath) -> bool:
        """Whether the file with this path below `site` may be needed."""
        if path.parts[0] == PRUNED:
            return path in self._reached
        if path.parts[0].endswith(".dist-info") and path.name in NOTES:
            return False
        if path.is_relative_to(ZONES) and path.suffix != ".py":
            return self._names_zone(str(path.relative_to(ZONES)))
        return path.suffix not in DEAD_SUFFIXES and DEAD_FOLDERS.isdisjoint(path.parts[:-1])

    def _names_zone(self, zone: str) -> bool:
        return any(f'"{zone}"' in source for source in self._sources)


def reached(site: Path, product: Iterable[Path]) -> dict[str, Path]:
    """The modules of msgraph-sdk that the product's calls may import, by name.

    A request builder stays in the module that imports it: only there its methods can be called, so only
    names mentioned there are followed. A call of `get` would bring the models, and the size would tell.
    """
    roots: set[str] = set()
    names: set[str] = set()
    for file in product:
        code = everything_run(file)
        named = {name for name in code.imports if name.partition(".")[0] == PRUNED}
        roots |= named
        if any(name.startswith(f"{PRUNED}.generated") for name in named):
            names |= code.names
    return Closure(site, PRUNED, roots, names).modules
