"""PNG of 16 bits per channel: grey, grey with alpha, colour, colour with alpha; interlaced too.

Source: the PNG specification, third edition (W3C), sections 7 (interlacing), 9 (filters) and 11.3.1.1 (tRNS).
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from hf_metalr.data.images.deep.orientation import orientation_of_exif
from hf_metalr.data.images.deep.raster import ImageRefused, Raster, require_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type; 3 is a palette
# Adam7: first column, first row, and the steps of both, of each of the seven passes.
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of every chunk.

    Raises:
        ImageRefused: the file ends early, or a checksum is not that of its chunk.
    """
    place = len(SIGNATURE)
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        checksum = content[place + 8 + size : place + 12 + size]
        if len(checksum) < 4:
            break
        if zlib.crc32(kind + data) != struct.unpack(">I", checksum)[0]:
            raise ImageRefused(f"it is damaged: a wrong checksum in the chunk {kind.decode('latin-1')!r}")
        yield kind, data
        if kind == b"IEND":
            return
        place += 12 + size
    raise ImageRefused("it is damaged: the file ends early")


def read_png(content: bytes) -> Raster:
    """Return the pixels of a PNG of 16 bits per channel.

    Raises:
        ImageRefused: a damaged file.
    """
    found: dict[bytes, bytes] = {}
    for kind, data in chunks(content):
        found[kind] = found.get(kind, b"") + data if kind == b"IDAT" else found.get(kind, data)
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", found[b"IHDR"])
    require_size(width, height)
    pixels = np.zeros((height, width, CHANNELS[colour]), dtype=np.uint16)
    parts = [pixels[y::down, x::right] for x, y, right, down in _PASSES] if interlaced else [pixels]
    parts = [part for part in parts if part.size]
    raw = _inflated(found.get(b"IDAT", b""), sum(part.shape[0] * (1 + part[0].size * 2) for part in parts))
    place = 0
    for part in parts:
        rows, line = part.shape[0], 1 + part[0].size * 2
        lines = np.frombuffer(raw, np.uint8, rows * line, place).reshape(rows, line)
        place += rows * line
        part[...] = _unfiltered(lines, 2 * CHANNELS[colour]).view(">u2").reshape(part.shape)
    return _raster(pixels, colour, found)


def _raster(pixels: np.ndarray, colour: int, found: dict[bytes, bytes]) -> Raster:
    alpha = None
    if colour & 4:
        pixels, alpha = pixels[..., :-1], pixels[..., -1] / 65535.0
    elif b"tRNS" in found:  # one colour is invisible
        invisible = np.frombuffer(found[b"tRNS"], ">u2", pixels.shape[-1])
        alpha = (pixels != invisible).any(-1).astype(np.float64)
    return Raster(pixels, alpha, orientation=orientation_of_exif(found.get(b"eXIf")))


def _inflated(data: bytes, size: int) -> bytes:
    try:
        raw = zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ImageRefused(f"it is damaged: {error}") from error
    if len(raw) < size:
        raise ImageRefused("it is damaged: its pixels end early")
    return raw


def _unfiltered(lines: np.ndarray, step: int) -> np.ndarray:
    """Undo the filter of every line: its first byte tells which.

    A byte is told by those left of it, above it and above left. So all bytes with one sum of row and column are known
    together once those before them are: a step of numpy for each such diagonal.

    Args:
        lines: (rows, 1 + bytes per row).
        step: bytes per pixel, at least 2.

    Returns:
        (rows, bytes per row).
    """
    kinds, rows = lines[:, 0], lines.shape[0]
    columns = (lines.shape[1] - 1) // step
    if kinds.max() > 4:
        raise ImageRefused(f"it is damaged: no filter {kinds.max()}")
    stored = lines[:, 1:].reshape(rows, columns, step).astype(np.int32)
    # One row and one column of zeros before the first.
    done = np.zeros((rows + 1, columns + 1, step), dtype=np.int32)
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        left, above, corner = done[row + 1, column], done[row, column + 1], done[row, column]
        guesses = [np.zeros_like(left), left, above, (left + above) >> 1, _paeth(left, above, corner)]
        guess = np.choose(kinds[row][:, None], guesses)
        done[row + 1, column + 1] = (stored[row, column] + guess) & 255
    return np.ascontiguousarray(done[1:, 1:].reshape(rows, -1).astype(np.uint8))


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Of three neighbours, the one nearest to left + above − corner; at equal distance in this order."""
    by_left, by_above = np.abs(above - corner), np.abs(left - corner)
    by_corner = np.abs(left + above - 2 * corner)
    nearest = np.where(by_above <= by_corner, above, corner)
    return np.where((by_left <= by_above) & (by_left <= by_corner), left, nearest)
