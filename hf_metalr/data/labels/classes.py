"""Labels as classes, and which number each of them has."""

import logging
from collections.abc import Sequence
from typing import Any

from hf_metalr.data.labels.labels import LabelColumn, clean, in_order, is_whole, unwrapped, warn_of_cases
from hf_metalr.data.labels.targets import Targets
from hf_metalr.errors import Parameter

MOST_CLASSES = 1000  # more are no classes but numbers or names of patients
FEWEST_NUMBERS = 5  # of whole numbers that begin elsewhere than at 0 or 1; grades and codes are fewer
MANY_CLASSES = 20  # of whole numbers; as many ages are no classes
SHOWN = 20  # of what was taken for the same
logger = logging.getLogger(__name__)


def read_classes(column: LabelColumn) -> Targets:
    """Return the class number of every row, and the classes in the order of their numbers.

    Words are cleaned of blanks around them and numbered alphabetically, whole numbers by size, however they are
    written; the classes of a `ClassLabel` keep their numbers.

    Raises:
        InputError: no words or whole numbers, or fewer than two classes.
    """
    notes: list[str] = []
    names = getattr(getattr(column.feature, "feature", column.feature), "names", None)  # also of a list of one
    values = unwrapped(column.complete())
    if names is None:
        values, present, notes = _class_values(values, column)
        numbers = {value: number for number, value in enumerate(present)}
        values, names = [numbers[value] for value in values], [str(value) for value in present]
    elif min(values) < 0:
        raise column.wrong(f"has the class -1, which means no label, first in {column.first(-1)}. Remove these rows.")
    if not 2 <= len(names) <= MOST_CLASSES:
        found = f"{len(names)}: {', '.join(map(str, names))}" if len(names) < 2 else str(len(names))
        raise column.wrong(
            f"must hold 2 to {MOST_CLASSES} classes, found {found}. Is it the right column, and are these all the "
            "data? For numbers choose ",
            Parameter("task"),
            " regression.",
        )
    return Targets(values, list(names), list(values), notes=notes)


def _class_values(values: list[Any], column: LabelColumn) -> tuple[list[Any], list[Any], list[str]]:
    """Return the classes of the rows, all different ones in order, and what is to be told."""
    strange = next((value for value in values if not isinstance(value, int | float | str)), None)
    if strange is not None:
        raise column.wrong(
            f"must hold one class per row for a classification, as a word or a number, found {type(strange).__name__}. "
            "Lists call for the task multi-label, masks for segmentation."
        )
    if isinstance(values[0], str):
        return _words(values, column.name)
    if not is_whole(values):
        raise column.wrong(
            "holds numbers with fractions, which are no classes. Choose ", Parameter("task"), " regression."
        )
    if isinstance(values[0], bool):
        return values, sorted(set(values)), []
    notes = [f"classes of '{column.name}': whole numbers written with a fraction"] * isinstance(values[0], float)
    whole = [int(value) for value in values]
    present = sorted(set(whole))
    if present[0] == -1 and len(present) > 2:
        raise column.wrong(
            f"holds -1 beside other classes, first in {column.first(-1, [-1])}, which mostly means no label or not "
            "sure. Remove these rows, or write words for the classes."
        )
    _warn_of_numbers(whole, present, column.name)
    return whole, present, notes


def _words(values: list[str], column: str) -> tuple[list[Any], list[Any], list[str]]:
    changed = sorted(f"{value!r} is {clean(value)!r}" for value in set(values) if value != clean(value))
    notes = [f"classes of '{column}' without the blanks around them: {', '.join(changed[:SHOWN])}"] * bool(changed)
    cleaned = [clean(value) for value in values]
    warn_of_cases(set(cleaned), column)
    return cleaned, in_order(set(cleaned)), notes


def _warn_of_numbers(values: Sequence[int], present: Sequence[int], column: str) -> None:
    """Warn of numbers such as ages that become classes: not numbered from 0 or 1, or many with few rows each."""
    numbered = present[0] in (0, 1) and len(present) == present[-1] - present[0] + 1
    few, many = len(present) > FEWEST_NUMBERS, len(present) > MANY_CLASSES
    if (few and present[0] not in (-1, 0, 1)) or (many and not (numbered and len(values) >= 10 * len(present))):
        logger.warning(
            "column '%s' becomes %d classes, %d to %d. If these are numbers to predict, choose the task regression",
            column,
            len(present),
            present[0],
            present[-1],
        )
