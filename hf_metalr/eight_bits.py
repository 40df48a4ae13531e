"""Images of more than 8 bits, which a plain conversion to RGB would clip at 255."""

from typing import Any

_DEEPER = ("I", "F")  # and I;16, I;16B, …


def require_eight_bits(image: Any) -> None:
    """Raise a ValueError for a PIL image of 16 or 32 bits, or of floating-point numbers, as scanners write them."""
    if image.mode.split(";")[0] in _DEEPER:
        raise ValueError(
            f"it has more than 8 bits per pixel (mode {image.mode!r}), which a conversion to RGB would clip at 255: "
            "map the intensities that matter (a window) to 0 … 255 first, in the same way for all images"
        )
