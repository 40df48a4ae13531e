"""How many bits a channel has, read from the file itself: Pillow opens many deep images in modes of 8 bits."""

import struct
from dataclasses import dataclass

from hf_metalr.data.images.deep import netpbm, png, tiff_tags
from hf_metalr.data.images.deep.raster import ImageRefused

_JPEG_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # SOF markers
_JPEG_ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_FLOAT = 3  # TIFF's sample format


@dataclass(frozen=True)
class Depth:
    """What the header of a file says of its pixels.

    Attributes:
        kind: "PNG", "TIFF", "JPEG", "JPEG 2000", "PGM or PPM" or "SGI".
        bits: per channel.
        channels: as stored; a palette is one.
        is_float: floating-point numbers.
        pages: images in the file, where the header tells; 1 elsewhere.
    """

    kind: str
    bits: int
    channels: int
    is_float: bool = False
    pages: int = 1

    @property
    def is_deep(self) -> bool:
        """Whether 8 bits cannot hold a channel."""
        return self.bits > 8 or self.is_float

    def __str__(self) -> str:
        return f"{self.bits} bits{' of floating-point numbers' if self.is_float else ''}"


def read_depth(content: bytes) -> Depth | None:
    """Return what the header says; None for kinds of files whose depth Pillow's mode tells.

    Raises:
        ImageRefused: a header that is damaged.
    """
    try:
        if content.startswith(png.SIGNATURE):
            bits, colour = content[24], content[25]
            return Depth("PNG", bits, png.CHANNELS.get(colour, 1))
        if tiff_tags.is_tiff(content):
            pages = tiff_tags.pages(content)
            if not pages:
                raise ImageRefused("it is damaged: a TIFF without an image")
            is_float = pages[0].first(tiff_tags.FORMAT) == _FLOAT
            return Depth("TIFF", pages[0].bits, pages[0].channels, is_float, tiff_tags.count(pages))
        if content.startswith(b"\xff\xd8"):
            return _jpeg(content)
        if content[:4] == b"\xff\x4f\xff\x51" or content[4:12] == b"jP  \r\n\x87\n":
            return _jpeg_2000(content)
        if content[:2] == b"\x01\xda":
            return Depth("SGI", 8 * content[3], struct.unpack_from(">H", content, 10)[0])
    except (struct.error, IndexError) as error:
        raise ImageRefused("it is damaged: its header ends early") from error
    largest = netpbm.largest_value(content)
    if largest is None:
        return None
    return Depth("PGM or PPM", 16 if largest > 255 else 8, 3 if content[1:2] == b"6" else 1)


def _jpeg(content: bytes) -> Depth | None:
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None  # damaged or unusual: the decoder will tell
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            return Depth("JPEG", content[place + 4], content[place + 9])
        if marker == 0xDA:
            return None
        if marker == 0xFF or marker in _JPEG_ALONE:
            place += 1 if marker == 0xFF else 2
        else:
            place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    return None


def _jpeg_2000(content: bytes) -> Depth | None:
    """The depth of the first component: the SIZ marker is the first of every codestream."""
    place = content.find(b"\xff\x4f\xff\x51")
    if place < 0:
        return None
    (channels,) = struct.unpack_from(">H", content, place + 40)
    return Depth("JPEG 2000", (content[place + 42] & 0x7F) + 1, channels)
