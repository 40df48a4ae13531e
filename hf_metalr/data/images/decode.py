"""From a cell of a column of images to the picture a model's processor gets: one rule for every kind of file.

The picture is grey or RGB, of 8 bits, upright and opaque. What would have to be lost for that without anybody's asking
(bits, pages) is refused instead.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hf_metalr.data.images import dicom
from hf_metalr.data.images.bit_depth import Depth
from hf_metalr.data.images.deep.netpbm import read_netpbm
from hf_metalr.data.images.deep.orientation import SIDEWAYS, orientation_of, upright
from hf_metalr.data.images.deep.png import chunks, read_png
from hf_metalr.data.images.deep.raster import ImageRefused, Raster, TooDeep, Window, in_words, too_deep
from hf_metalr.data.images.deep.tiff import read_tiff
from hf_metalr.data.images.files import content_of, opened, plain_reasons, read_in_part, readable_depth

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
READERS = {"PNG": read_png, "TIFF": read_tiff, "PGM or PPM": read_netpbm}


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
    with plain_reasons():
        if hasattr(cell, "getbands"):
            return _upright_and_opaque(cell) if not _has_deep_mode(cell) else _deep_picture(cell, None, window)
        content, path = content_of(cell)
        if dicom.is_dicom(content, path):
            return dicom.read_dicom(content, window)
        depth = readable_depth(content)
        if depth is not None and depth.is_deep and depth.kind in READERS:
            return _scaled(READERS[depth.kind](content), str(depth), window)
        with opened(content) as image:
            if (depth is not None and depth.is_deep) or _has_deep_mode(image):
                return _deep_picture(image, depth, window)
            return _upright_and_opaque(image)


class Checked(NamedTuple):
    """What a look at an image tells.

    Attributes:
        size: (width, height), upright.
        scaling: how its intensities become 8 bits, in words; None where it has 8.
    """

    size: tuple[int, int]
    scaling: str | None = None


def check(cell: Any, window: Window | None = None) -> Checked:
    """Read an image's file to its end, but decode it only where nothing less tells whether it is whole.

    PNG is read by its checksums, JPEG at an eighth of its size, anything else whole.

    Raises:
        ImageRefused: as `decode`, but what is deep is told without its range.
    """
    with plain_reasons():
        if hasattr(cell, "getbands"):
            return _checked_deep(cell, None, window) if _has_deep_mode(cell) else Checked(decode(cell).size)
        content, path = content_of(cell)
        if dicom.is_dicom(content, path):
            return Checked(dicom.read_dicom(content, window).size, dicom.scaling(content, window))
        depth = readable_depth(content)
        if depth is not None and depth.is_deep:
            return _checked_deep(cell, depth, window)
        with opened(content) as image:
            return (
                _checked_deep(cell, None, window) if _has_deep_mode(image) else Checked(_checked_size(image, content))
            )


def _checked_deep(cell: Any, depth: Depth | None, window: Window | None) -> Checked:
    name = "more than 8 bits" if depth is None else str(depth)
    if window is None and (depth is None or depth.kind in READERS):
        raise too_deep(name, None)
    return Checked(decode(cell, window).size, None if window is None else f"{name} per channel: {in_words(window)}")


def _checked_size(image: "Image", content: bytes) -> tuple[int, int]:
    if image.format == "PNG":
        return _checked_png(image, content)
    if image.format not in ("JPEG", "MPO"):
        image.load()
        return _upright_size(image)
    size = _upright_size(image)
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
    """Return the image in grey for a model with one input channel, in RGB for any other.

    Raises:
        ImageRefused: an image that `decode` did not make has more than 8 bits per channel.
    """
    plain = image if image.mode in ("L", "RGB") else decode(image)
    return plain.convert("L" if channels == 1 else "RGB")


def _has_deep_mode(image: "Image") -> bool:
    return image.mode.split(";")[0] in ("I", "F")


def _deep_picture(image: "Image", depth: Depth | None, window: Window | None) -> "Image":
    """Scale a deep image that Pillow reads whole, grey alone."""
    if not _has_deep_mode(image):
        raise read_in_part(depth)
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

    image.load()
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
