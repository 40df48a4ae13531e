"""TIFF of 16 to 64 bits per channel: integers or floats, grey or colour, however it is compressed.

Pillow unpacks what the strips or tiles hold (it brings libtiff) once it is told that they are rows of plain bytes; from
these bytes the numbers are put together here, since Pillow itself would keep 8 bits of each.
"""

import io
import struct

import numpy as np

from hf_metalr.data.images.deep import tiff_tags as tags
from hf_metalr.data.images.deep.raster import ImageRefused, Raster, require_size

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED = 1  # colours that are already multiplied by alpha
_HORIZONTAL, _OF_FLOATS = 2, 3  # predictors
_PREDICTED = (5, 8, 32946, 34925, 50000)  # compressions with predictors: LZW, deflate (twice), LZMA, Zstandard
# Tags that say where the bytes are and how they are packed; the rest would tell Pillow of numbers.
_KEPT = (
    tags.COMPRESSION,
    tags.STRIP_OFFSETS,
    tags.ROWS_PER_STRIP,
    tags.STRIP_SIZES,
    tags.TILE_HEIGHT,
    tags.TILE_OFFSETS,
    tags.TILE_SIZES,
)


def read_tiff(content: bytes) -> Raster:
    """Return the pixels of the first page.

    Raises:
        ImageRefused: a damaged file, or numbers that are stored in a way that is not read here.
    """
    page = tags.pages(content)[0]
    photometric, channels, kind = page.first(tags.PHOTOMETRIC), page.channels, _number_kind(page)
    colours = 3 if photometric == _RGB else 1
    extra = page.tags.get(tags.EXTRA_SAMPLES, ())
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or channels - colours not in (0, 1):
        raise ImageRefused(
            f"it is a TIFF of {page.bits} bits per channel with {channels} channels (photometric {photometric}), of "
            "which only grey and RGB are read; convert it to 16-bit grey or to 8-bit colour"
        )
    pixels = _pixels(content, page, kind)
    values, alpha = pixels[..., :colours], None
    if channels > colours and extra and extra[0] != 0:  # 0: a channel of unspecified meaning, no alpha
        most = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)
        alpha = (pixels[..., colours] / most).clip(0.0, 1.0)
        if extra[0] == _ASSOCIATED:
            visible = np.where(alpha > 0, alpha, 1.0)[..., None]
            values = values / visible
    return Raster(values, alpha, photometric == _WHITE_IS_ZERO, int(page.first(tags.ORIENTATION, 1)))


def _number_kind(page: tags.Page) -> np.dtype:
    """Return the dtype of a channel, in this machine's byte order."""
    bits, number = page.bits, page.first(tags.FORMAT, _UNSIGNED)
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}.get(number)
    known = letter is not None and bits in (8, 16, 32, 64) and (letter, bits) != ("f", 8)
    if not known or len(set(page.tags[tags.BITS])) > 1:
        raise ImageRefused(
            f"it is a TIFF of {bits} bits per channel in a form that is not read (sample format {number}); convert it "
            "to 16 bits"
        )
    return np.dtype(f"{letter}{bits // 8}")


def _pixels(content: bytes, page: tags.Page, kind: np.dtype) -> np.ndarray:
    """Return (height, width, channels)."""
    height, width, channels = int(page.first(tags.HEIGHT)), int(page.first(tags.WIDTH)), page.channels
    require_size(width, height)
    if page.first(tags.PLANAR, 1) == 1 or channels == 1:
        rows = _bytes_of_rows(content, page, channels * kind.itemsize)
        return _numbers(rows.reshape(height, width * channels * kind.itemsize), content, page, kind, channels)
    name = tags.TILE_OFFSETS if tags.TILE_OFFSETS in page.tags else tags.STRIP_OFFSETS
    count = len(page.tags[name]) // channels
    planes = []
    for channel in range(channels):  # one after the other: each is an image of one channel
        own = {
            tag: values[channel * count : (channel + 1) * count] if len(values) == count * channels > 1 else values
            for tag, values in page.tags.items()
        }
        rows = _bytes_of_rows(content, tags.Page(own), kind.itemsize)
        planes.append(_numbers(rows.reshape(height, width * kind.itemsize), content, page, kind, 1))
    return np.concatenate(planes, axis=-1)


def _bytes_of_rows(content: bytes, page: tags.Page, step: int) -> np.ndarray:
    """Return the unpacked bytes, (height, width × step), by way of Pillow: a second directory calls them 8-bit grey."""
    from PIL import Image

    order = tags.byte_order(content)
    entries = {tag: page.tags[tag] for tag in _KEPT if tag in page.tags}
    entries |= {tags.WIDTH: (int(page.first(tags.WIDTH)) * step,), tags.HEIGHT: (int(page.first(tags.HEIGHT)),)}
    entries |= {tags.BITS: (8,), tags.PHOTOMETRIC: (_BLACK_IS_ZERO,), tags.SAMPLES: (1,)}
    if tags.TILE_WIDTH in page.tags:
        entries[tags.TILE_WIDTH] = (int(page.first(tags.TILE_WIDTH)) * step,)
    body, more = b"", b""
    start = len(content) + len(content) % 2
    beyond = start + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, more = struct.pack(f"{order}I", beyond + len(more)), more + packed
        body += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = content[:2] + struct.pack(f"{order}HI", 42, start)
    directory = struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}I", 0) + more
    disguised = head + content[8:] + b"\0" * (len(content) % 2) + directory
    with Image.open(io.BytesIO(disguised)) as image:
        return np.asarray(image)


def _numbers(rows: np.ndarray, content: bytes, page: tags.Page, kind: np.dtype, channels: int) -> np.ndarray:
    """Put bytes together to numbers and undo the predictor.

    Args:
        rows: (height, bytes per row).
        content: of the file, for its byte order.
        page: for the predictor.
        kind: of the numbers.
        channels: that lie side by side.

    Returns:
        (height, width, channels).
    """
    predictor = page.first(tags.PREDICTOR, 1) if page.first(tags.COMPRESSION, 1) in _PREDICTED else 1
    if predictor == _OF_FLOATS:
        return _undo_of_floats(rows, page, kind, channels)
    values = np.ascontiguousarray(rows).view(kind.newbyteorder(tags.byte_order(content))).astype(kind)
    values = values.reshape(rows.shape[0], -1, channels)
    if predictor == _HORIZONTAL:
        unsigned, whole = values.view(f"u{kind.itemsize}"), values.shape[1]
        width = int(page.first(tags.TILE_WIDTH, whole))  # differences begin anew in every tile
        parts = [unsigned[:, left : left + width] for left in range(0, whole, width)]
        values = np.concatenate([part.cumsum(1, dtype=unsigned.dtype) for part in parts], axis=1).view(kind)
    return values


def _undo_of_floats(rows: np.ndarray, page: tags.Page, kind: np.dtype, channels: int) -> np.ndarray:
    """Of a row, differences of the first bytes of all numbers, then of all second bytes, and so on."""
    if tags.TILE_WIDTH in page.tags:
        raise ImageRefused("it is a TIFF of tiles with the predictor for floats, which is not read; save it without")
    steps = rows.reshape(rows.shape[0], -1, channels).cumsum(1, dtype=np.uint8)
    planes = steps.reshape(rows.shape[0], kind.itemsize, -1)
    values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(kind.newbyteorder(">"))
    return values.reshape(rows.shape[0], -1, channels).astype(kind)
