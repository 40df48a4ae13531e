"""Writes deep PNG and TIFF files the slow and obvious way, straight from the specifications."""

import struct
import zlib

import numpy as np

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values: np.ndarray, *, filters=(0,), interlaced=False, extra: bytes = b"") -> bytes:
    """PNG of 16 bits, values (height, width, 1 to 4); rows take the filters in turn; extra chunks follow the header."""
    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, int(interlaced))
    parts = [values[y::down, x::right] for x, y, right, down in PASSES] if interlaced else [values]
    raw = b"".join(_filtered(part, filters) for part in parts if part.size)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _filtered(values: np.ndarray, filters) -> bytes:
    step, lines, before = 2 * values.shape[-1], [], None
    for number, row in enumerate(values):
        line = list(row.astype(">u2").tobytes())
        before = before or [0] * len(line)
        kind = filters[number % len(filters)]
        lines.append(
            bytes([kind, *((value - _guess(kind, line, before, n, step)) % 256 for n, value in enumerate(line))])
        )
        before = line
    return b"".join(lines)


def _guess(kind: int, line: list[int], before: list[int], place: int, step: int) -> int:
    left, corner = (line[place - step], before[place - step]) if place >= step else (0, 0)
    above = before[place]
    if kind == 4:
        p = left + above - corner
        return min((left, above, corner), key=lambda value: abs(p - value))  # the first of equals
    return (0, left, above, (left + above) // 2)[kind]


def tiff(
    values: np.ndarray, *, order="<", photometric=None, predictor=1, deflate=False, planar=False, tile=None, tags=()
):
    """TIFF of values (height, width, channels) of any dtype: strips of 3 rows, or tiles; deflated or not."""
    height, width, channels = values.shape
    kind = values.dtype.newbyteorder(order)
    planes = [values[..., n : n + 1] for n in range(channels)] if planar else [values]
    pieces = [piece for plane in planes for piece in _pieces(plane, tile)]
    if predictor == 2:
        pieces = [np.diff(piece, axis=1, prepend=np.zeros_like(piece[:, :1])) for piece in pieces]
    packed = [piece.astype(kind).tobytes() for piece in pieces]
    packed = [zlib.compress(piece) if deflate else piece for piece in packed]
    offsets = np.cumsum([8, *(len(piece) for piece in packed)])[:-1].tolist()
    sizes = [len(piece) for piece in packed]
    entries = {256: [width], 257: [height], 258: [values.itemsize * 8] * channels, 259: [8 if deflate else 1]}
    entries |= {262: [photometric if photometric is not None else (2 if channels > 2 else 1)], 277: [channels]}
    entries |= {
        284: [2 if planar else 1],
        317: [predictor],
        339: [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * channels,
    }
    if channels in (2, 4):
        entries[338] = [2]
    entries |= {322: [tile], 323: [tile], 324: offsets, 325: sizes} if tile else {273: offsets, 278: [3], 279: sizes}
    entries |= dict(tags)
    content = b"".join(packed)
    place = 8 + len(content)
    more = place + 2 + 12 * len(entries) + 4
    directory, tail = struct.pack(order + "H", len(entries)), b""
    for tag, numbers in sorted(entries.items()):
        data = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            data, tail = struct.pack(order + "I", more + len(tail)), tail + data
        directory += struct.pack(order + "HHI", tag, 4, len(numbers)) + data
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, place)
    return head + content + directory + struct.pack(order + "I", 0) + tail


def _pieces(plane: np.ndarray, tile: int | None) -> list[np.ndarray]:
    if tile is None:
        return [plane[top : top + 3] for top in range(0, len(plane), 3)]
    height, width = plane.shape[:2]
    padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
    return [
        padded[top : top + tile, left : left + tile] for top in range(0, height, tile) for left in range(0, width, tile)
    ]
