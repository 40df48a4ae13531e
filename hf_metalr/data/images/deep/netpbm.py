"""PGM and PPM of 16 bits per channel, whose values Pillow stretches to the full range."""

import re

import numpy as np

from hf_metalr.data.images.deep.raster import ImageRefused, Raster, require_size

# Magic number, width, height and largest value; comments may stand between them.
_HEADER = re.compile(rb"P([56])" + rb"(?:\s+(?:#[^\n]*\n\s*)*)(\d+)" * 3 + rb"\s")


def largest_value(content: bytes) -> int | None:
    """Return what a binary PGM or PPM gives as its largest value; None for other files."""
    header = _HEADER.match(content[:2000])
    return int(header[4]) if header else None


def read_netpbm(content: bytes) -> Raster:
    """Return the pixels of a binary PGM or PPM of 16 bits.

    Raises:
        ImageRefused: a damaged file.
    """
    header = _HEADER.match(content[:2000])
    assert header is not None
    channels, width, height = (3 if header[1] == b"6" else 1), int(header[2]), int(header[3])
    require_size(width, height)
    if len(content) - header.end() < width * height * channels * 2:
        raise ImageRefused("it is damaged: the file ends early")
    values = np.frombuffer(content, ">u2", width * height * channels, header.end())
    return Raster(values.reshape(height, width, channels).astype(np.uint16))
