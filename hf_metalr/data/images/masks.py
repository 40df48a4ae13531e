"""Masks of a segmentation: the value of every pixel, which values occur, and which class each of them is."""

import logging
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np

from hf_metalr.data.images import dicom
from hf_metalr.data.images.decode import READERS, ImageRefused
from hf_metalr.data.images.deep.orientation import orientation_of, upright
from hf_metalr.data.images.files import content_of, opened, plain_reasons, readable_depth
from hf_metalr.data.images.mask_shapes import Shapes, require_class_numbers
from hf_metalr.data.images.threads import each
from hf_metalr.errors import InputError

logger = logging.getLogger(__name__)

IGNORED = 255  # the value that Transformers' segmentation losses leave out
MOST_CLASSES = 255
_WAY_OUT = "save class numbers as a grey or palette PNG instead"


class Masks(NamedTuple):
    """What all masks of a column hold.

    Attributes:
        classes: in every mask.
        names: of the classes.
        strata: which classes a mask has, of every mask.
        numbers: of the classes, by value.
        pixels: how many of every class, of every mask.
    """

    classes: list[list[int]]
    names: list[str]
    strata: list[Hashable]
    numbers: dict[int, int]
    pixels: list[list[int]]


def read_masks(dataset: Any, column: str, rows: Iterable[int] | None = None) -> Masks:
    """Look through the masks once, and tell which value is which class.

    The values become classes 0, 1, … in ascending order; 255 is taken as "does not count" where there are three or
    more values, and as the foreground where it is one of two (0 and 255, as binary masks are often saved).

    Args:
        dataset: the table.
        column: of the masks.
        rows: to look at; None for all. The others get no class.

    Raises:
        InputError: the column holds no images, a mask is missing, damaged or no map of class numbers, or all have a
            single value.
    """
    from datasets import Image

    if not isinstance(dataset.features[column], Image):
        found = type(dataset.features[column]).__name__
        rule = f"'{column}' must hold images, the masks, for a segmentation, found {found}. "
        raise InputError("label_column", rule + "Name the column of the masks, or choose another task.")
    masks = dataset.select_columns([column]).cast_column(column, Image(decode=False))
    wanted = list(range(len(masks)) if rows is None else rows)
    looked = each(lambda row: _shapes(masks[row][column], column, row), wanted, "reading masks")
    shapes = dict(zip(wanted, looked, strict=True))
    require_class_numbers(shapes, column)
    counts = {row: dict(zip(shape.values, shape.pixels, strict=True)) for row, shape in shapes.items()}
    numbers = number_values({value for row in counts.values() for value in row}, column)
    pixels = [[counts.get(row, {}).get(value, 0) for value in numbers] for row in range(len(masks))]
    classes = [[number for number, size in enumerate(row) if size] for row in pixels]
    _tell(numbers, pixels, {IGNORED} & ({value for row in counts.values() for value in row} - set(numbers)))
    return Masks(classes, [str(value) for value in numbers], [tuple(row) for row in classes], numbers, pixels)


def _shapes(cell: Any, column: str, row: int) -> Shapes:
    try:
        return Shapes.of(*read_mask(cell))
    except ImageRefused as error:
        name = f" ('{cell['path']}')" if cell and cell["path"] else ""
        words = f"'{column}' has a mask that cannot be used, in row {row}{name}: {error}. Mend or remove it."
        raise InputError("label_column", words) from error


def _tell(numbers: dict[int, int], pixels: list[list[int]], ignored: set[int]) -> None:
    sums = [sum(column) for column in zip(*pixels, strict=True)]
    shares = ", ".join(
        f"{value} → {number} ({size / (sum(sums) or 1):.1%} of the pixels)"
        for (value, number), size in zip(numbers.items(), sums, strict=True)
    )
    rest = f"; {IGNORED} does not count" if ignored else ""
    logger.info("masks: %d classes, value → class: %s%s", len(numbers), shares, rest)


def number_values(values: set[int], column: str) -> dict[int, int]:
    """Return the class number of every value of the masks.

    >>> number_values({0, 255}, "mask"), number_values({0, 7, 255}, "mask")
    ({0: 0, 255: 1}, {0: 0, 7: 1})
    """
    classes = sorted(values - {IGNORED}) if len(values) > 2 else sorted(values)
    if not 2 <= len(classes) <= MOST_CLASSES:
        few = ", ".join(map(str, classes[:8])) + (", …" if len(classes) > 8 else "")
        kind = "Do they number objects (instances) rather than classes?" if len(classes) > 2 else "Are all masks empty?"
        raise InputError(
            "label_column",
            f"'{column}' must hold masks of 2 to {MOST_CLASSES} different values, one per class, found "
            f"{len(classes)}: {few}. {kind}",
        )
    return {value: number for number, value in enumerate(classes)}


def read_mask(cell: Any) -> tuple[np.ndarray, bool]:
    """Return the values of a mask, (height, width), upright, and whether they come from a JPEG.

    Palette masks give their indices; colour masks whose channels agree give one of them; an alpha channel that is
    opaque throughout is passed over.

    Raises:
        ImageRefused: the mask cannot be read, its colours differ, it has see-through parts, or its numbers are floats.
    """
    with plain_reasons():
        if hasattr(cell, "getbands"):
            return _values(cell), getattr(cell, "format", None) == "JPEG"
        content, path = content_of(cell)
        if dicom.is_dicom(content, path):
            raise ImageRefused(f"it is DICOM, whose values are no class numbers: {_WAY_OUT}")
        depth = readable_depth(content)
        if depth is not None and depth.is_deep and depth.kind in READERS:
            raster = READERS[depth.kind](content)
            alpha = None if raster.alpha is None else raster.alpha.min()
            return _one_channel(raster.values, alpha, raster.orientation), False
        with opened(content) as image:
            image.load()
            return _values(image), image.format in ("JPEG", "MPO")


def class_map(values: np.ndarray, numbers: dict[int, int]) -> np.ndarray:
    """Return the class numbers of a mask's values as uint8; what is no class becomes 255, which does not count."""
    known = np.array(sorted(numbers))
    table = np.array([numbers[value] for value in known.tolist()], dtype=np.uint8)
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    return np.where(known[place] == values, table[place], np.uint8(IGNORED))


def _values(image: Any) -> np.ndarray:
    """Return the values of a PIL image; those of a palette are its indices, not its colours."""
    if image.mode == "PA":
        image = image.getchannel("P")
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA") and image.mode.split(";")[0] not in ("I", "F"):
        raise ImageRefused(f"it is an image of inks or colours ({image.mode}): {_WAY_OUT}")
    array = np.asarray(image)
    alpha = array[..., -1].min() / 255 if image.mode in ("LA", "RGBA") else None
    colours = array[..., : -1 if alpha is not None else None] if array.ndim == 3 else array[..., None]
    return _one_channel(colours, alpha, orientation_of(image))


def _one_channel(colours: np.ndarray, alpha: float | None, orientation: int) -> np.ndarray:
    from PIL import Image

    if alpha is not None and alpha < 1:
        raise ImageRefused(f"it has see-through parts, so that colours or alpha may be the mask: {_WAY_OUT}")
    if (colours != colours[..., :1]).any():
        raise ImageRefused(f"it is a colour image: {_WAY_OUT}")
    if colours.dtype.kind == "f":
        raise ImageRefused(f"it holds floating-point numbers: {_WAY_OUT}")
    values = np.asarray(upright(Image.fromarray(colours[..., 0].astype(np.int32)), orientation))
    return values.astype(np.int64)
