"""The labels of a table, read for a task: classes or numbers here, several labels in a row in `label_sets`."""

import logging
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from hf_metalr.data.labels.label_sets import read_label_sets
from hf_metalr.data.labels.labels import LabelColumn, clean, in_order, is_whole, unwrapped, warn_of_cases
from hf_metalr.data.labels.targets import Targets
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.splits.splits import quantile_strata
from hf_metalr.data.tables.columns import values_of
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError, Parameter

MOST_CLASSES = 1000  # more are no classes but numbers or names of patients
FEWEST_NUMBERS = 5  # of whole numbers that begin elsewhere than at 0 or 1; grades and codes are fewer
MANY_CLASSES = 20  # of whole numbers; as many ages are no classes
SHOWN = 20  # of what was taken for the same
Masks = tuple[list[list[int]], list[str], list[Hashable], dict[int, int], list[list[int]]]
logger = logging.getLogger(__name__)


def read_targets(table: Table, task: Task, read_masks: Callable[[Any, str], Masks] | None = None) -> Targets:
    """Read the labels of every row for a task.

    Args:
        table: the data; rows are told by their numbers there.
        task: what the labels are read for.
        read_masks: reads the column of a segmentation: classes, names, strata, class numbers by value, and pixels.

    Raises:
        InputError: a label is missing or of the wrong kind, or there are fewer than two classes.
    """
    columns = [
        LabelColumn(name, table.dataset.features[name], values_of(table.dataset, name), table.name)
        for name in table.label_columns
        if task.name != "segmentation"
    ]
    if task.name == "multi-label":
        return read_label_sets(columns)
    if len(table.label_columns) > 1:
        raise InputError(
            "label_column",
            f"must name one column for the task '{task.name}', found {', '.join(table.label_columns)}. Name one, or "
            "choose ",
            Parameter("task"),
            " multi-label.",
        )
    if task.name == "segmentation":
        assert read_masks is not None
        return Targets(*read_masks(table.dataset, table.label_columns[0]))
    return read_numbers(columns[0]) if task.name == "regression" else read_classes(columns[0])


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


def read_numbers(column: LabelColumn) -> Targets:
    """Return the number of every row, to be spread by fifths.

    Raises:
        InputError: no number, no finite one, or the same in all rows.
    """
    values = []
    for row, value in enumerate(unwrapped(column.complete())):
        try:
            values.append(float(value))
        except (TypeError, ValueError) as error:
            comma = " Write decimals with a point." if "," in str(value) else " Correct it, or choose another column."
            raise column.wrong(
                f"must hold numbers for a regression, found {value!r} in {column.row_name(row)}.{comma}"
            ) from error
        if not math.isfinite(values[row]):
            raise column.wrong(f"must hold finite numbers, found {value} in {column.row_name(row)}. Remove such rows.")
    if len(set(values)) < 2:
        raise column.wrong(f"must hold different numbers for a regression, found only {values[0]:g}.")
    return Targets(values, [column.name], list(quantile_strata(values)))
