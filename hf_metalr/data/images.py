"""From a cell of a column of images to the picture a model's processor gets: one rule for every kind of file.

The picture is grey or RGB, of 8 bits, upright and opaque. What would have to be lost for that without anybody's asking
(bits, pages) is refused instead.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.data import dicom
from hf_metalr.data.bit_depth import Depth, read_depth
from hf_metalr.data.deep.netpbm import read_netpbm
from hf_metalr.data.deep.orientation import SIDEWAYS, orientation_of, upright
from hf_metalr.data.deep.png import chunks, read_png
from hf_metalr.data.deep.raster import ImageRefused, Raster, TooDeep, Window, too_deep
from hf_metalr.data.deep.tiff import read_tiff

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["IMAGE_SUFFIXES", "ImageRefused", "TooDeep", "Window", "check", "decode", "to_channels"]

# Files with these suffixes are taken for images; some of them are then refused with the reason, such as HEIC.
_SUFFIXES = """
.apng .avif .bmp .dib .gif .heic .heif .j2c .j2k .jfif .jp2 .jpe .jpeg .jpf .jpg .jpx .mpo .pbm .pcx .pfm .pgm .png
.pnm .ppm .sgi .tga .tif .tiff .webp
"""
IMAGE_SUFFIXES = frozenset(_SUFFIXES.split()) | frozenset(dicom.SUFFIXES)
_GREY_MODES = ("1", "L", "LA", "La")
_WITH_ALPHA = ("LA", "PA", "RGBA")  # the A of LAB is a colour
# Formats in which more "frames" are no more images: previews of a phone's JPEG, layers whose sum is the first.
_ONE_IMAGE = ("MPO", "PSD")
_READERS = {"PNG": read_png, "TIFF": read_tiff, "PGM or PPM": read_netpbm}
_STRANGERS = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file itself: run `git lfs pull`",
    b"<!doctype": "it is a web page, not an image",
    b"<html": "it is a web page, not an image",
    b"<svg": "it is a drawing (SVG), not an image of pixels",
    b"<?xml": "it is XML, perhaps a drawing (SVG), not an image of pixels",
}


def decode(cell: Any, window: Window | None = None) -> "Image":
    """Return a PIL image of mode L or RGB, 8 bits, upright, opaque.

    Transparent pixels show white; palettes, CMYK, LAB and the like become RGB; one bit becomes 0 and 255.

    Args:
        cell: a cell of a column of images, {"bytes", "path"}; or bytes, a path, or a PIL image.
        window: of images with more than 8 bits per channel: which intensities become black and white, or "file" for the
            smallest and largest of each file; None refuses them. DICOM has a window of its own, which None keeps.

    Raises:
        ImageRefused: the image cannot be read, or not without loss; the message is the reason.
    """
    with _plain_reasons():
        if hasattr(cell, "getbands"):
            return _upright_and_opaque(cell) if not _has_deep_mode(cell) else _deep_picture(cell, None, window)
        content, path = _content(cell)
        if dicom.is_dicom(content, path):
            return dicom.read_dicom(content, window)
        depth = _readable_depth(content)
        if depth is not None and depth.is_deep and depth.kind in _READERS:
            return _scaled(_READERS[depth.kind](content), str(depth), window)
        with _opened(content) as image:
            if (depth is not None and depth.is_deep) or _has_deep_mode(image):
                return _deep_picture(image, depth, window)
            image.load()
            return _upright_and_opaque(image)


def check(cell: Any, window: Window | None = None) -> tuple[int, int]:
    """Return (width, height) of the upright image, having read the file to its end but not decoded it where that tells.

    PNG is read by its checksums, JPEG at an eighth of its size, anything else whole.

    Raises:
        ImageRefused: as `decode`, but what is deep is told without its range.
    """
    with _plain_reasons():
        if hasattr(cell, "getbands"):
            return decode(cell, window).size
        content, path = _content(cell)
        if dicom.is_dicom(content, path):
            return decode(cell, window).size
        depth = _readable_depth(content)
        if depth is not None and depth.is_deep:
            if window is None:
                raise too_deep(str(depth), None)
            return decode(cell, window).size
        with _opened(content) as image:
            if _has_deep_mode(image) and window is None:
                raise too_deep("more than 8 bits", None)
            if image.format == "PNG":
                return _checked_png(image, content)
            size = _upright_size(image)
            if image.format not in ("JPEG", "MPO"):
                image.load()
                return _upright_size(image)  # Pillow turns a TIFF when it loads it
            image.draft(image.mode, (1, 1))  # changes the size
            image.load()
            return size


def _checked_png(image: "Image", content: bytes) -> tuple[int, int]:
    """Read a PNG by its checksums; Pillow would decode it for its orientation, which few say in these chunks."""
    turned = False
    for kind, data in chunks(content):
        turned |= kind == b"eXIf" or data.startswith((b"Raw profile type", b"XML:com.adobe.xmp"))
    return _upright_size(image) if turned else image.size


def to_channels(image: "Image", channels: int) -> "Image":
    """Return the image in grey for a model with one input channel, in RGB for any other."""
    return image.convert("L" if channels == 1 else "RGB")


def _content(cell: Any) -> tuple[bytes, str]:
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


def _readable_depth(content: bytes) -> Depth | None:
    """Return the depth; refuse what Pillow would read in part."""
    depth = read_depth(content)
    if depth is None:
        return None
    if depth.pages > 1:
        raise _several(depth.pages)
    if depth.channels > 4:
        raise ImageRefused(f"it has {depth.channels} channels, where a model takes grey or RGB")
    return depth


def _opened(content: bytes) -> "Image":
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


def _has_deep_mode(image: "Image") -> bool:
    return image.mode.split(";")[0] in ("I", "F")


def _deep_picture(image: "Image", depth: Depth | None, window: Window | None) -> "Image":
    """Scale a deep image that Pillow reads whole, grey alone."""
    if not _has_deep_mode(image):
        raise ImageRefused(
            f"it is a {'' if depth is None else depth.kind} of {depth} per channel, of which only 8 can be read: "
            "convert it to PNG or TIFF of 16 bits"
        )
    values = np.asarray(image)
    if depth is not None and depth.kind == "JPEG 2000":
        values = values >> (16 - depth.bits)  # Pillow stretches them to 16 bits
    name = str(depth) if depth is not None else "floating-point numbers" if image.mode == "F" else "more than 8 bits"
    return _scaled(Raster(values[..., None], orientation=orientation_of(image)), name, window)


def _scaled(raster: Raster, depth: str, window: Window | None) -> "Image":
    if window is None:
        raise too_deep(depth, raster.range)
    picture: Image = raster.to_image(window)
    return picture


def _upright_size(image: "Image") -> tuple[int, int]:
    width, height = image.size
    return (height, width) if orientation_of(image) in SIDEWAYS else (width, height)


def _upright_and_opaque(image: "Image") -> "Image":
    from PIL import Image

    image = upright(image, orientation_of(image))
    mode = "L" if image.mode in _GREY_MODES else "RGB"
    if image.mode in ("La", "RGBa"):  # colours already multiplied by alpha
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == "LAB":
        image = _from_lab(image)
    return image.convert(mode)


def _from_lab(image: "Image") -> "Image":
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB"))
    assert converted is not None  # None only where it is asked to work in place
    return converted


@contextmanager
def _plain_reasons() -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageRefused with its reason."""
    try:
        yield
    except ImageRefused:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        raise ImageRefused(f"it cannot be read: {error or type(error).__name__}") from error
