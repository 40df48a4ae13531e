"""Opening a file of an image: its bytes, what its header says, and one reason in words where it cannot be read."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.data.images.bit_depth import Depth, read_depth
from hf_metalr.data.images.deep.raster import ImageRefused

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats in which more "frames" are no more images: previews of a phone's JPEG, layers whose sum is the first.
_ONE_IMAGE = ("MPO", "PSD")
_NEVER_WHOLE = ("JPEG", "SGI")
_STRANGERS = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file itself: run `git lfs pull`",
    b"<!doctype": "it is a web page, not an image",
    b"<html": "it is a web page, not an image",
    b"<svg": "it is a drawing (SVG), not an image of pixels",
    b"<?xml": "it is XML, perhaps a drawing (SVG), not an image of pixels",
}


@contextmanager
def plain_reasons() -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageRefused with its reason."""
    try:
        yield
    except ImageRefused:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        raise ImageRefused(f"it cannot be read: {error or type(error).__name__}") from error


def content_of(cell: Any) -> tuple[bytes, str]:
    """Return what the file holds, and its path or an empty text."""
    if isinstance(cell, Mapping):
        content, path = cell.get("bytes"), cell.get("path") or ""
    elif isinstance(cell, bytes):
        content, path = cell, ""
    else:
        content, path = None, cell or ""
    if content is None and path == "":
        raise ImageRefused("it is empty")
    if content is None:
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError as error:
            raise ImageRefused(f"there is no file '{path}'") from error
    if not content:
        raise ImageRefused("it is empty")
    return bytes(content), str(path)


def readable_depth(content: bytes) -> Depth | None:
    """Return the depth; refuse what Pillow would read in part."""
    depth = read_depth(content)
    if depth is None:
        return None
    if depth.pages > 1:
        raise _several(depth.pages)
    if depth.channels > 4:
        raise ImageRefused(f"it has {depth.channels} channels, where a model takes grey or RGB")
    if depth.is_deep and depth.kind in _NEVER_WHOLE:
        raise read_in_part(depth)
    return depth


def read_in_part(depth: Depth | None) -> ImageRefused:
    """Return the refusal of a deep image of which nobody here reads more than 8 bits."""
    kind = "an image of more than 8 bits" if depth is None else f"{depth.kind} of {depth}"
    return ImageRefused(f"it is {kind} per channel, of which only 8 can be read: convert it to PNG or TIFF of 16 bits")


def opened(content: bytes) -> "Image":
    """Open an image, whose pixels are not read yet; refuse more than one."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:
        raise ImageRefused(_stranger(content)) from error
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in _ONE_IMAGE:
        raise _several(frames)
    return image


def _stranger(content: bytes) -> str:
    """Return what a file that is no image may be."""
    if content[4:8] == b"ftyp":
        return f"it is {content[8:12].decode('latin-1')!r}, perhaps HEIC of a phone, which is not read: save it as JPEG"
    start = content[:100].lstrip().lower()
    return next((told for sign, told in _STRANGERS.items() if start.startswith(sign)), "it is no image of a known kind")


def _several(frames: int) -> ImageRefused:
    return ImageRefused(f"it holds {frames} images (frames or pages), of which only one would be used: split them")
