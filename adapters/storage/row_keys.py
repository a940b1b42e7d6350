"""Partition and row keys from values that may hold anything.

The service forbids / \\ # ? and control characters in keys:
https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
The SDK forbids more: over any asynchronous transport it signs addresses as aiohttp would spell them, with
! $ & ' ( ) * , : ; = @ unescaped, while requests sends them escaped, which the service answers with 403.
"""

import hashlib
import re

LONGEST = 200  # characters kept readable; a key may have 512 and often holds more than one part

_UNSAFE = re.compile(r"[^A-Za-z0-9-]")


def escape(text: str) -> str:
    """`text` in the characters A-Z a-z 0-9 - and _, different for different texts.

    Others become _XX for each UTF-8 byte; a text that gets too long is represented by its SHA-256. Raises
    ValueError for lone surrogates.
    """
    escaped = _UNSAFE.sub(lambda found: "".join(f"_{byte:02X}" for byte in found[0].encode()), text)
    # "_s" cannot come out of the line above, which writes upper-case hexadecimal digits after "_".
    return escaped if len(escaped) <= LONGEST else f"_sha256_{digest(text)}"


def digest(text: str) -> str:
    """SHA-256 (hex), where the text itself has no business in storage."""
    return hashlib.sha256(text.encode()).hexdigest()
