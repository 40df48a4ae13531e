"""The directories of a TIFF file, classic and BigTIFF: what each page holds, without its pixels.

Source: TIFF revision 6.0 (Adobe, 1992), section 2; the BigTIFF design of libtiff.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hf_metalr.data.images.deep.raster import ImageRefused

# Letters of `struct` by the number of a field's type; types 2 (text) and 7 (bytes) are read as bytes.
_LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 18: "Q"}
_PAIRS = {5: "I", 10: "i"}  # fractions
MOST_DIRECTORIES = 100_000  # of a damaged file the directories may go round in a circle

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES = 270, 273, 274, 277
ROWS_PER_STRIP, STRIP_SIZES, PLANAR = 278, 279, 284
PREDICTOR, EXTRA_SAMPLES, FORMAT = 317, 338, 339
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES = 322, 323, 324, 325
_REDUCED, _TRANSPARENCY = 1, 4  # bits of SUBFILE: a small copy of a page, and its mask


def is_tiff(content: bytes) -> bool:
    """Whether the first bytes are those of a TIFF."""
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def byte_order(content: bytes) -> Literal["<", ">"]:
    """Return "<" or ">"."""
    return "<" if content[:2] == b"II" else ">"


@dataclass(frozen=True)
class Page:
    """One image of a TIFF.

    Attributes:
        tags: all values of every tag, by its number.
    """

    tags: dict[int, tuple[Any, ...]]

    def first(self, tag: int, default: Any = None) -> Any:
        """Return the first value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def bits(self) -> int:
        """The largest number of bits of a channel."""
        return int(max(self.tags.get(BITS, (1,))))

    @property
    def channels(self) -> int:
        """Channels as stored; a palette is one."""
        return int(self.first(SAMPLES, 1))


def pages(content: bytes) -> list[Page]:
    """Return the images of a TIFF without the small copies and masks that some writers put beside them.

    Raises:
        ImageRefused: a damaged file.
    """
    try:
        found = [Page(tags) for tags in _directories(content)]
    except (struct.error, IndexError, OverflowError) as error:
        raise ImageRefused("it is damaged: the directory of the TIFF ends early") from error
    whole = [page for page in found if not page.first(SUBFILE, 0) & (_REDUCED | _TRANSPARENCY)]
    return whole or found[:1]


def count(found: list[Page]) -> int:
    """Return how many images there are: ImageJ describes a stack whose images follow one another in its first page."""
    description = bytes(found[0].tags.get(DESCRIPTION, ())) if found else b""
    stack = re.search(rb"\bimages=(\d+)", description) if description.startswith(b"ImageJ=") else None
    return max(len(found), int(stack[1]) if stack else 0)


def _directories(content: bytes) -> Iterator[dict[int, tuple[Any, ...]]]:
    order = byte_order(content)
    big = content[2:4] in (b"+\0", b"\0+")
    count_letter, offset_letter, first, inline = ("Q", "Q", 8, 8) if big else ("H", "I", 4, 4)
    (place,) = struct.unpack_from(order + offset_letter, content, first)
    seen: set[int] = set()
    while place and place not in seen and len(seen) < MOST_DIRECTORIES:
        seen.add(place)
        (count,) = struct.unpack_from(order + count_letter, content, place)
        place += struct.calcsize(count_letter)
        tags = {}
        for _ in range(count):
            tag, kind, size = struct.unpack_from(f"{order}HH{offset_letter}", content, place)
            values = _values(content, order, kind, size, place + 4 + inline, inline, offset_letter)
            if values is not None:
                tags[tag] = values
            place += 4 + 2 * inline
        yield tags
        (place,) = struct.unpack_from(order + offset_letter, content, place)


def _values(
    content: bytes, order: str, kind: int, size: int, place: int, inline: int, offset_letter: str
) -> tuple[Any, ...] | None:
    letter = _LETTERS.get(kind) or _PAIRS.get(kind)
    if letter is None or size == 0:
        return None
    size *= 2 if kind in _PAIRS else 1
    if size * struct.calcsize(letter) > inline:
        (place,) = struct.unpack_from(order + offset_letter, content, place)
    return struct.unpack_from(f"{order}{size}{letter}", content, place)
