"""The add-in's icons: our own drawing, in the sizes that Outlook asks for."""

import re
import struct
import zlib

import pytest

from tests.addin_file import ROOT

Pixel = tuple[int, int, int, int]
ACCENT: Pixel = (0x0B, 0x5D, 0x3B, 255)
WHITE: Pixel = (255, 255, 255, 255)
SIZES = (16, 32, 64, 80, 128)


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Each chunk's type and content (https://www.w3.org/TR/png-3/ §5), its checksum proven."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = [], 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        content = png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + content)
        found.append((kind, content))
        at += 12 + length
    return found


def paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda known: abs(guess - known))


def unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    """One line without its filter (§9), four bytes to a pixel."""
    out = bytearray()
    for at, value in enumerate(line):
        left, corner = (out[at - 4], above[at - 4]) if at > 3 else (0, 0)
        guesses = (0, left, above[at], (left + above[at]) // 2, paeth(left, above[at], corner))
        out.append((value + guesses[kind]) % 256)
    return bytes(out)


def pixels(png: bytes) -> list[list[Pixel]]:
    """The rows of an 8-bit RGBA picture that isn't interlaced."""
    parts = chunks(png)
    width, height, *form = struct.unpack(">IIBBBBB", parts[0][1])
    assert form == [8, 6, 0, 0, 0], "8 bits, RGBA, not interlaced"
    data = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    assert len(data) == height * (1 + 4 * width)
    above, rows = bytes(4 * width), []
    for start in range(0, len(data), 1 + 4 * width):
        above = unfiltered(data[start], data[start + 1 : start + 1 + 4 * width], above)
        rows.append([(above[x], above[x + 1], above[x + 2], above[x + 3]) for x in range(0, 4 * width, 4)])
    return rows


def icon(size: int) -> list[list[Pixel]]:
    return pixels((ROOT / "assets" / f"icon-{size}.png").read_bytes())


@pytest.mark.parametrize("size", SIZES)
def test_an_icon_has_exactly_its_size(size: int) -> None:
    rows = icon(size)
    assert (len(rows), {len(row) for row in rows}) == (size, {size})


@pytest.mark.parametrize("size", SIZES)
def test_an_icon_shows_a_card_on_the_accent_colour(size: int) -> None:
    flat = [pixel for row in icon(size) for pixel in row]
    assert flat.count(ACCENT) > size * size * 0.3
    assert flat.count(WHITE) > size * size * 0.15


@pytest.mark.parametrize("size", SIZES)
def test_an_icon_is_rounded_so_that_its_corners_show_what_is_behind(size: int) -> None:
    rows = icon(size)
    corners = [rows[y][x] for y in (0, -1) for x in (0, -1)]
    assert all(alpha < 64 for _, _, _, alpha in corners)
    assert rows[size // 2][0] == ACCENT


def test_the_smallest_icon_is_a_drawing_of_its_own_on_whole_pixels() -> None:
    blurred = [pixel for row in icon(16)[2:-2] for pixel in row[1:-1] if pixel not in (ACCENT, WHITE)]
    assert len(blurred) <= 16  # the round corners of card, head and shoulders


def test_a_blank_picture_is_told_from_an_icon() -> None:
    line = b"\x00" + bytes(4 * 16)
    head = struct.pack(">IIBBBBB", 16, 16, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(line * 16)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts
    )
    rows = pixels(b"\x89PNG\r\n\x1a\n" + body)
    assert {pixel for row in rows for pixel in row} == {(0, 0, 0, 0)}


def test_the_drawing_is_self_contained() -> None:
    svg = (ROOT / "assets" / "icon.svg").read_text(encoding="utf-8")
    assert "#0b5d3b" in svg
    assert not re.search(r"<(script|image|style|foreignObject|use)\b|href|url\(", svg)
