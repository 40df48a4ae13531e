"""The labels of a table, read for a task: the same in every command."""

import math
from collections.abc import Callable, Hashable
from typing import Any

from hf_metalr.data.labels.classes import read_classes
from hf_metalr.data.labels.label_sets import read_label_sets
from hf_metalr.data.labels.labels import LabelColumn, unwrapped
from hf_metalr.data.labels.targets import Targets
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.splits.splits import quantile_strata
from hf_metalr.data.tables.columns import values_of
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError, Parameter

Masks = tuple[list[list[int]], list[str], list[Hashable], dict[int, int], list[list[int]]]


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
