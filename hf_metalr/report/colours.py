"""Colours of the report without matplotlib: ramps between a few anchors, and pictures of maps."""

import base64
import io

import numpy as np
from PIL import Image

# Every eighth of viridis: ordered by lightness, for any colour vision.
VIRIDIS = ("440154", "472c7a", "3b518b", "2c718e", "21908d", "27ad81", "5cc863", "aadc32", "fde725")
# Brown to teal through white (ColorBrewer's BrBG): for any colour vision, white where nothing is asked for.
BROWN_TO_TEAL = ("543005", "8c510a", "bf812d", "dfc27d", "f5f5f5", "80cdc1", "35978f", "01665e", "003c30")
UNKNOWN = (187, 187, 187)
# The parts of viridis that stand out at 3 to 1, as WCAG asks of lines, from white paper and from the dark page.
ON_LIGHT, ON_DARK = (0.0, 0.56), (0.4, 1.0)


def shades(ramp: tuple[str, ...], places: np.ndarray) -> np.ndarray:
    """Return the colours at places in [0, 1] as integers from 0 to 255, with a last axis of red, green, blue.

    >>> shades(VIRIDIS, np.array([0.0, 1.0])).tolist()
    [[68, 1, 84], [253, 231, 37]]
    """
    anchors = np.array([[int(colour[i : i + 2], 16) for i in (0, 2, 4)] for colour in ramp])
    grid = np.linspace(0, 1, len(ramp))
    channels = [np.interp(np.clip(places, 0, 1), grid, anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def line_colours(count: int, part: tuple[float, float]) -> list[str]:
    """Return one colour per layer group, from the input's to the output's, out of a part of viridis."""
    return ["#" + bytes(colour).hex() for colour in shades(VIRIDIS, np.linspace(*part, count))]


def picture(places: np.ndarray, ramp: tuple[str, ...]) -> str:
    """Return a map of shape (rows, columns) as the address of a PNG picture of one dot each; NaN are grey."""
    known = np.isfinite(places)
    colours = shades(ramp, np.where(known, places, 0.0))
    colours[~known] = UNKNOWN
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
