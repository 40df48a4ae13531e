"""Masks of a segmentation: which values occur in them, and which class each of them is."""

from collections.abc import Hashable
from typing import Any

import numpy as np

IGNORED = 255  # the value that Transformers' segmentation losses leave out
MOST_CLASSES = 255


def read_masks(
    dataset: Any, column: str
) -> tuple[list[list[int]], list[str], list[Hashable], dict[int, int], list[list[int]]]:
    """Look through all masks once.

    The values become classes 0, 1, … in ascending order; 255 is taken as "does not count" where there are three or
    more values, and as the foreground where it is one of two (0 and 255, as binary masks are often saved).

    Returns:
        The classes in every mask, names, strata (which classes a mask has), class numbers by value, and pixel counts.

    Raises:
        ValueError: the column holds no images, a mask is missing, damaged or no map of class numbers, or all have a
            single value.
    """
    from datasets import Image

    if not isinstance(dataset.features[column], Image):
        raise ValueError(
            f"Column '{column}' must hold images, the masks, for a segmentation, found "
            f"{type(dataset.features[column]).__name__}. Name the column of the masks, or choose another task."
        )
    counts: list[dict[int, int]] = []
    masks = dataset.select_columns([column])
    for row in range(len(masks)):
        try:
            mask = masks[row][column]
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
            place = f"row {row}{_file(masks, column, row)}"
            raise ValueError(
                f"Column '{column}' has a mask that cannot be read, in {place}: {error}. Mend or remove it."
            ) from error
        if mask is None:
            raise ValueError(f"Column '{column}' has no mask in row {row}. Remove the row.")
        values, sizes = np.unique(mask_array(mask, f"row {row}"), return_counts=True)
        counts.append(dict(zip(values.tolist(), sizes.tolist(), strict=True)))
    numbers = number_values({value for row in counts for value in row}, column)
    names = [str(value) for value in numbers]
    pixels = [[row.get(value, 0) for value in numbers] for row in counts]
    classes = [[number for number, size in enumerate(row) if size] for row in pixels]
    return classes, names, [tuple(row) for row in classes], numbers, pixels


def _file(masks: Any, column: str, row: int) -> str:
    from datasets import Image

    path = masks.cast_column(column, Image(decode=False))[row][column]["path"]
    return f" ('{path}')" if path else ""


def number_values(values: set[int], column: str) -> dict[int, int]:
    """Return the class number of every value of the masks.

    >>> number_values({0, 255}, "mask"), number_values({0, 7, 255}, "mask")
    ({0: 0, 255: 1}, {0: 0, 7: 1})
    """
    classes = sorted(values - {IGNORED}) if len(values) > 2 else sorted(values)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ValueError(
            f"The masks in column '{column}' must hold 2 to {MOST_CLASSES} different values, one per class, found "
            f"{len(classes)}: {', '.join(map(str, classes[:8]))}{', …' if len(classes) > 8 else ''}. Save them as PNG "
            "with class numbers; JPEG blurs them."
        )
    return {value: number for number, value in enumerate(classes)}


def mask_array(mask: Any, place: str) -> np.ndarray:
    """Return the values of a mask image, (height, width); of a colour image whose channels agree, one of them.

    Raises:
        ValueError: the colours differ, so that they are no class numbers.
    """
    values = np.asarray(mask)
    if values.ndim == 3:
        colours = values[..., :3] if values.shape[-1] in (3, 4) else values[..., :1]
        if (colours != colours[..., :1]).any():
            raise ValueError(
                f"The mask in {place} is a colour image. Save class numbers as a grey or palette PNG instead."
            )
        values = colours[..., 0]
    return values.astype(np.int64)


def class_map(mask: Any, numbers: dict[int, int], place: str) -> np.ndarray:
    """Return the class numbers of a mask as uint8; values that are no class become 255, which does not count."""
    values = mask_array(mask, place)
    table = np.full(max(int(values.max()), *numbers) + 1, IGNORED, dtype=np.uint8)
    for value, number in numbers.items():
        table[value] = number
    return table[values]
