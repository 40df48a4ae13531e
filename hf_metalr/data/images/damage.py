"""Inputs that cannot be read, found before the training rather than in the middle of it."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hf_metalr.data.images.decode import Checked, ImageRefused, check, decode
from hf_metalr.data.images.deep.raster import TooDeep, Window, too_deep
from hf_metalr.data.images.files import content_of, readable_depth
from hf_metalr.data.images.masks import read_mask
from hf_metalr.data.images.threads import each

logger = logging.getLogger(__name__)

EMPTY = "it is empty"
_TRIED = 20  # deep images that tell the range of all


def find_damaged(
    dataset: Any,
    columns: Sequence[str],
    rows: Sequence[int],
    mask_column: str | None = None,
    window: Window | None = None,
) -> dict[int, str]:
    """Return which of these rows have an input that cannot be used, and why, in the order of the rows.

    Each image is read to its end once, on all cores: PNG by its checksums, JPEG at an eighth of its size, others whole.
    On one core that takes about 0.4 ms per MB of PNG and 12 ms per MB of JPEG. How deep images and DICOM become 8 bits
    is told. Texts are damaged where they are empty.

    Args:
        dataset: the table.
        columns: of the images, or of one or two texts.
        rows: to look at.
        mask_column: of a segmentation; a mask of another size than its image damages the row.
        window: of deep images, as of `images.decode`.
    """
    from datasets import Image

    if not isinstance(dataset.features[columns[0]], Image):
        texts = [dataset[column] for column in columns]
        return {row: EMPTY for row in rows if any(not (text[row] or "").strip() for text in texts)}
    names = [columns[0]] if mask_column is None else [columns[0], mask_column]
    files = dataset.select_columns(names)
    for name in names:
        files = files.cast_column(name, Image(decode=False))
    seen = each(lambda row: _look(window, *(files[row][name] for name in names)), rows, "reading images")
    found = dict(zip(rows, seen, strict=True))
    told = Counter(
        known.scaling for known in found.values() if isinstance(known, Checked) and known.scaling is not None
    )
    for scaling, count in told.items():
        logger.info("%d image%s of %s", count, "s" * (count != 1), scaling)
    if window is not None and not told:
        logger.warning("the window is of no effect: no image has more than 8 bits")
    damage = {row: reason for row, reason in found.items() if isinstance(reason, ImageRefused)}
    deep = [files[row][names[0]] for row, reason in damage.items() if isinstance(reason, TooDeep)]
    common = _reason_of_all(deep) if deep else ""
    return {row: common if isinstance(reason, TooDeep) else str(reason) for row, reason in damage.items()}


def _look(window: Window | None, cell: Any, *masks: Any) -> Checked | ImageRefused:
    """Return what an image tells, or why it or its mask cannot be used."""
    try:
        seen = check(cell, window)
    except ImageRefused as reason:
        return reason
    for mask in masks:
        try:
            size = read_mask(mask)[0].shape[::-1]
        except ImageRefused as reason:
            return ImageRefused(f"its mask: {reason}")
        if size != seen.size:
            return ImageRefused(f"its mask must have the image's size {seen.size}, found {size}")
    return seen


def _reason_of_all(cells: list[Any]) -> str:
    """Return one reason for all deep images: with the range of the first, so that a window for all can be chosen."""
    depths, ends = set(), []
    for cell in cells[:_TRIED]:
        depth = readable_depth(content_of(cell)[0])
        depths.add("more than 8 bits" if depth is None else str(depth))
        try:
            decode(cell)
        except TooDeep as reason:
            ends.append(reason.range)
        except ImageRefused:
            continue
    return str(
        too_deep(" or ".join(sorted(depths)), _hull(ends), f" in the first {len(ends)}" if len(cells) > 1 else "")
    )


def _hull(ends: Iterable[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [pair for pair in ends if pair is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None
