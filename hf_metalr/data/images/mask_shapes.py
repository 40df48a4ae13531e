"""Whether the values of masks are class numbers: areas of one value each, with sharp borders.

Where a mask was resized with interpolation, blurred, or saved as JPEG, values appear that are no class. They are known
by where they lie: outside all *squares* of 2 × 2 pixels of one value, and, along a resized border, *between* the values
to both sides.
"""

from dataclasses import dataclass

import numpy as np

from hf_metalr.errors import InputError

# Layers of tissue that are as thin as a pixel lie between their neighbours, too: class 3 between 2 and 4. So a border
# counts only where it passes over a number. In resized masks more than 80 % of the pixels outside squares lie between;
# of true ones, vessels as thin as a pixel, JPEG's ripples and noise less than 45 %.
SMALLEST_STEP = 3
BETWEEN = 0.6
FEWEST_PIXELS = 10
RIPPLES = 8  # at quality 95 a JPEG adds more values than this to a binary mask
MOST_VALUES_OF_A_PATTERN = 32
FEWEST_OBJECTS = 8
_FEW_VALUES = 2**16
_MEND = "Save masks as PNG, and resize them to the nearest pixel."


@dataclass(frozen=True)
class Shapes:
    """The values of one mask and how they lie.

    Attributes:
        values: in ascending order.
        pixels: of every value.
        solid: of these, those in a square of 2 × 2 of that value.
        is_resized: whether the borders are those of an interpolation.
        is_jpeg: whether the file is a JPEG.
    """

    values: list[int]
    pixels: list[int]
    solid: list[int]
    is_resized: bool = False
    is_jpeg: bool = False

    @classmethod
    def of(cls, mask: np.ndarray, is_jpeg: bool = False) -> "Shapes":
        """Look at the values of a mask, (height, width)."""
        pixels = _counts(mask)
        values = sorted(pixels)
        counts = [pixels[value] for value in values]
        if len(values) <= 2:  # nothing lies between two values
            return cls(values, counts, counts, False, is_jpeg)
        in_squares = _in_squares(mask)
        solid = _counts(mask[in_squares])
        return cls(values, counts, [solid.get(value, 0) for value in values], _is_resized(mask, in_squares), is_jpeg)


def _counts(values: np.ndarray) -> dict[int, int]:
    """Return how often every value occurs."""
    if values.size and values.min() >= 0 and values.max() < _FEW_VALUES:  # several times faster than sorting
        counts = np.bincount(values.ravel())
        return {value: int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    return dict(zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True))


def _in_squares(mask: np.ndarray) -> np.ndarray:
    same = mask[:-1, :-1] == mask[1:, 1:]
    same &= (mask[:-1, 1:] == mask[1:, :-1]) & (mask[:-1, :-1] == mask[:-1, 1:])
    found = np.zeros(mask.shape, dtype=bool)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            found[rows, columns] |= same
    return found


def _is_resized(mask: np.ndarray, in_squares: np.ndarray) -> bool:
    """Whether the way from area to area leads over values between more often than it jumps."""
    between, jumps = np.zeros(mask.shape, dtype=bool), 0
    for pixels, squares, marks in ((mask, in_squares, between), (mask.T, in_squares.T, between.T)):
        before, middle, after = pixels[:-2], pixels[1:-1], pixels[2:]
        rises = ((before < middle) & (middle < after)) | ((before > middle) & (middle > after))
        marks[1:-1] |= rises & (np.abs(after - before) >= SMALLEST_STEP)
        steps = np.abs(pixels[1:] - pixels[:-1]) >= SMALLEST_STEP
        jumps += int((steps & squares[1:] & squares[:-1]).sum())
    between &= ~in_squares
    count = int(between.sum())
    enough = count >= FEWEST_PIXELS and count > jumps and count >= BETWEEN * (~in_squares).sum()
    # One value alone may be the border itself, a class as thin as a pixel.
    return bool(enough and in_squares.any() and len(np.unique(mask[between])) > 1)


def require_class_numbers(shapes: dict[int, Shapes], column: str) -> None:
    """Raise an InputError if the masks hold a continuum of values, or number objects instead of classes.

    Args:
        shapes: of every mask, by its row.
        column: for the message.
    """
    pixels: dict[int, int] = {}
    solid: dict[int, int] = {}
    for shape in shapes.values():
        for value, count, within in zip(shape.values, shape.pixels, shape.solid, strict=True):
            pixels[value], solid[value] = pixels.get(value, 0) + count, solid.get(value, 0) + within
    loose = {value for value in pixels if 2 * solid[value] < pixels[value]}
    reason, rows = _continuum(shapes, loose, len(pixels) - len(loose))
    if rows:
        values = sorted(pixels)
        some = ", ".join(map(str, values[:6])) + (", …" if len(values) > 6 else "")
        raise InputError(
            "label_column",
            f"'{column}' must hold masks of class numbers, found a continuum of {len(values)} values ({some}) in "
            f"{len(rows)} of {len(shapes)} masks, first in row {rows[0]}: {reason}. {_MEND}",
        )
    _require_no_instances(shapes, column)


def _continuum(shapes: dict[int, Shapes], loose: set[int], solid: int) -> tuple[str, list[int]]:
    """Return why values are no class numbers, and in which masks; no masks where they may be.

    Args:
        shapes: of every mask, by its row.
        loose: values of which less than half of the pixels are in squares.
        solid: how many other values there are.
    """
    jpeg = [row for row, shape in shapes.items() if shape.is_jpeg and len(shape.values) > 2]
    if jpeg:
        return "JPEG blurs the borders", jpeg
    resized = [row for row, shape in shapes.items() if shape.is_resized]
    if resized:
        return "at the borders lie values between, as of masks that were resized with interpolation or blurred", resized
    with_loose = [row for row, shape in shapes.items() if loose.intersection(shape.values)]
    if solid and len(loose) >= max(RIPPLES, solid):
        return "most values form no areas, as of masks that were JPEG once", with_loose
    if not solid and len(loose) > MOST_VALUES_OF_A_PATTERN:
        return "no value forms areas, as of a photograph or a map of probabilities", with_loose
    return "", []


def _require_no_instances(shapes: dict[int, Shapes], column: str) -> None:
    """Raise an InputError if every mask counts from 0 without a gap to an end of its own: it counts objects."""
    ends = {max(shape.values) for shape in shapes.values()}
    counted = all(shape.values == list(range(len(shape.values))) for shape in shapes.values())
    if counted and len(ends) >= 3 and max(ends) >= FEWEST_OBJECTS:
        raise InputError(
            "label_column",
            f"'{column}' must hold masks of class numbers, found numbers of objects (instances): every mask counts 0, "
            f"1, … without a gap, to ends from {min(ends)} to {max(ends)}. Give all objects of a class its number.",
        )
