"""Why a package cannot be built."""


class PackageError(Exception):
    """The package cannot be built; the message is one line that says what to do."""
