"""Which way up an image is shown: EXIF and TIFF tag 274.

A damaged EXIF block tells nothing, but spoils nothing either: viewers show such an image, and so do we.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

_TAG = 274
SIDEWAYS = (5, 6, 7, 8)


def orientation_of(image: "Image") -> int:
    """Return 1 to 8 for a loaded image; 1, upright, where nothing or nothing readable is said."""
    if image.format == "TIFF":
        return 1  # Pillow turns it when it loads it, and old versions of it still say how it lay
    try:
        return _valid(image.getexif())
    except Exception:  # noqa: BLE001  # Pillow raises anything on damaged EXIF
        return 1


def orientation_of_exif(block: bytes | None) -> int:
    """Return the same of a block of EXIF data."""
    from PIL import Image

    tags = Image.Exif()
    try:
        tags.load(block or b"")
        return _valid(tags)
    except Exception:  # noqa: BLE001
        return 1


def _valid(tags: "Exif") -> int:
    found = tags.get(_TAG, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(image: "Image", orientation: int) -> "Image":
    """Return the image as it is to be shown; a copy unless it is upright already."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image
