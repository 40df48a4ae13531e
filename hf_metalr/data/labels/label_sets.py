"""Several labels in a row: lists, text with a mark between them, rows of 0 and 1, or one column for each label."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from hf_metalr.data.labels.labels import (
    SEPARATOR,
    LabelColumn,
    clean,
    in_order,
    is_multi_hot,
    separator_between,
    warn_of_cases,
)
from hf_metalr.data.labels.targets import Targets

MOST_LABELS = 1000


def read_label_sets(columns: Sequence[LabelColumn]) -> Targets:
    """Return a row of 0.0 and 1.0 for every row, and the labels in the order of their places in it.

    Raises:
        InputError: no lists, no text, or other numbers than 0 and 1 in one of several columns.
    """
    if len(columns) == 1:
        sets, names, notes = _listed(columns[0])
        matrix = [[float(number in chosen) for number in range(len(names))] for chosen in sets]
    else:
        names = [column.name for column in columns]
        matrix = [list(row) for row in zip(*(_zeros_and_ones(column) for column in columns), strict=True)]
        notes = []
    if not 1 <= len(names) <= MOST_LABELS:
        raise columns[0].wrong(
            f"must hold 1 to {MOST_LABELS} different labels, found {len(names)}. Is it the right column?"
        )
    counts = np.sum(matrix, axis=0)
    strata: list[Hashable] = [_rarest(row, counts) for row in matrix]
    return Targets(matrix, names, strata, notes=notes)


def _rarest(row: list[float], counts: np.ndarray) -> int:
    """Return which label of a row is the rarest of all, -1 for none: spreading these spreads what is scarce."""
    chosen = np.flatnonzero(row)
    return int(chosen[counts[chosen].argmin()]) if len(chosen) else -1


def _listed(column: LabelColumn) -> tuple[list[set[int]], list[str], list[str]]:
    """Return the labels of every row as numbers, their names and what is to be told, from lists or from text."""
    values, notes = column.values, []
    if None in values:
        raise column.wrong(
            f"has no value in {column.first(None)}, which may mean no label or not known. Where it means none, write "
            "an empty list; in a table a word of its own such as 'no finding', or give one column of 0 and 1 per label."
        )
    if all(isinstance(value, str) for value in values):
        mark = separator_between(values) or SEPARATOR
        values = [value.split(mark) for value in values]
        notes.append(f"labels of '{column.name}' have {mark} between them")
    if not all(isinstance(value, list) for value in values):
        raise column.wrong(
            f"must hold lists, or text with '{SEPARATOR}' between labels, for the task multi-label; found "
            f"{type(values[0]).__name__}. Or name one column of 0 and 1 per label."
        )
    if names := getattr(getattr(column.feature, "feature", None), "names", None):
        return [set(row) for row in values], list(names), notes
    if is_multi_hot(values):
        notes.append(f"labels of '{column.name}' are rows of 0 and 1, named by their places")
        return [set(np.flatnonzero(row).tolist()) for row in values], [str(n) for n in range(len(values[0]))], notes
    return *_numbered([{clean(x) if isinstance(x, str) else x for x in row} - {""} for row in values], column), notes


def _numbered(sets: list[set[Any]], column: LabelColumn) -> tuple[list[set[int]], list[str]]:
    for row, chosen in enumerate(sets):
        if strange := [entry for entry in chosen if not isinstance(entry, str | int)]:
            raise column.wrong(
                f"must hold lists of words or whole numbers for the task multi-label, found {strange[0]!r} in "
                f"{column.row_name(row)}."
            )
    present = in_order(set().union(*sets))
    warn_of_cases([entry for entry in present if isinstance(entry, str)], column.name)
    numbers = {entry: number for number, entry in enumerate(present)}
    return [{numbers[entry] for entry in chosen} for chosen in sets], [str(entry) for entry in present]


def _zeros_and_ones(column: LabelColumn) -> list[float]:
    for row, value in enumerate(column.complete()):
        if value not in (0, 1):  # True and False are
            raise column.wrong(
                f"must hold 0 or 1 in every row for the task multi-label, found {value!r} in {column.row_name(row)}."
            )
    return [float(value) for value in column.values]
