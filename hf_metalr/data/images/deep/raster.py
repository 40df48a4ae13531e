"""An image of any depth as numbers, and the one rule that makes 8 bits of it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hf_metalr.data.images.deep.orientation import upright
from hf_metalr.errors import InputError

# (low, high): intensities that become black and white; "file": the smallest and largest of each file.
Window = tuple[float, float] | Literal["file"]


class ImageRefused(ValueError):  # noqa: N818  # what happened, not what went wrong
    """An image that cannot be read without a loss that nobody asked for; the message is the reason alone."""


class TooDeep(ImageRefused):
    """More than 8 bits per channel, and no window that says which intensities become black and white.

    Attributes:
        range: the smallest and largest value, where they are known.
    """

    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Raster:
    """What a file stores, undiminished.

    Attributes:
        values: (height, width, 1 or 3), integers or floats.
        alpha: (height, width), from 0, invisible, to 1; None where all is visible.
        white_is_low: whether the smallest value is shown white, as in MONOCHROME1.
        orientation: of EXIF and TIFF, 1 to 8.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    white_is_low: bool = False
    orientation: int = 1

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and largest value of what is visible."""
        shown = self.values if self.alpha is None else self.values[self.alpha > 0]
        return (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)

    def to_image(self, window: Window) -> Any:
        """Return a PIL image of mode L or RGB: low and below is black, high and above is white, between them linear.

        Raises:
            ImageRefused: values that are not finite.
        """
        from PIL import Image

        if not np.isfinite(self.values).all():
            raise ImageRefused("it holds values that are not finite numbers (NaN or infinite)")
        low, high = self.range if window == "file" else window
        scaled = (self.values.astype(np.float64) - low) / ((high - low) or 1.0)
        shown = scaled.clip(0.0, 1.0)
        if self.white_is_low:
            shown = 1.0 - shown
        if self.alpha is not None:  # on white, as a viewer shows it
            shown = shown * self.alpha[..., None] + (1.0 - self.alpha[..., None])
        pixels = np.rint(shown * 255.0).astype(np.uint8)
        return upright(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), self.orientation)


def require_window(window: Any) -> None:
    """Raise an InputError unless this is None, "file", or two finite numbers of which the first is smaller."""
    if window is None or window == "file":
        return
    rule = "must be two numbers, low and high (which become black and white), or 'file' for each file's own range"
    if isinstance(window, str) or not hasattr(window, "__len__") or len(window) != 2:
        raise InputError("window", f"{rule}, found {window!r}.")
    if not all(isinstance(end, int | float) and math.isfinite(end) for end in window) or window[0] >= window[1]:
        raise InputError("window", f"{rule}, the first smaller than the second, found {window[0]} and {window[1]}.")


def in_words(window: Window) -> str:
    """Return what a window does.

    >>> in_words((0, 4095))
    '0 becomes black and 4095 white'
    """
    if window == "file":
        return "the smallest value of each file becomes black and the largest white"
    return f"{window[0]:.6g} becomes black and {window[1]:.6g} white"


def too_deep(depth: str, found: tuple[float, float] | None, where: str = "") -> TooDeep:
    """Return the refusal of a deep image, with the range that was found and the way out.

    >>> print(too_deep("16 bits", (0.0, 4095.0)))
    it has 16 bits per channel (values 0 to 4095), of which a model sees 8: choose the intensities that become black \
and white, such as --window 0 4095 (in Python window=(0, 4095)), or each file's own range by --window file
    """
    low, high = (f"{end:.6g}" for end in (found or (0.0, 4095.0)))
    told = f" (values {low} to {high}{where})" if found else ""
    refusal = TooDeep(
        f"it has {depth} per channel{told}, of which a model sees 8: choose the intensities that become black and "
        f"white, such as --window {low} {high} (in Python window=({low}, {high})), or each file's own range by "
        "--window file"
    )
    refusal.range = found
    return refusal


def require_size(width: int, height: int) -> None:
    """Raise an ImageRefused for a size beyond what Pillow opens: a few kilobytes can claim to be that large."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise ImageRefused(f"its {width} x {height} pixels are more than an image may have (decompression bomb?)")
