"""From label columns to what a model is trained on: class numbers, rows of 0 and 1, numbers, or masks."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hf_metalr.training.masks import read_masks
from hf_metalr.training.splits import quantile_strata
from hf_metalr.training.tasks import Task

# What joins several labels in one cell, as in the table of ChestX-ray14.
SEPARATOR = "|"
MOST_CLASSES = 1000  # more are no classes but numbers or names of patients


@dataclass(frozen=True)
class Targets:
    """What is to be learned, for every row of a table.

    Attributes:
        values: class number, row of 0.0 and 1.0, or number, of every row; for masks the classes in it.
        names: the classes or labels in the order of their numbers; for a regression the column.
        strata: of every row, what splits are to spread evenly.
        mask_values: for masks, the class number of every value that occurs; empty otherwise.
        pixels: for masks, how many pixels of every class each row has; empty otherwise.
    """

    values: list[Any]
    names: list[str]
    strata: list[Hashable]
    mask_values: dict[int, int] = field(default_factory=dict)
    pixels: list[list[int]] = field(default_factory=list)

    def unseen(self, rows: Sequence[int]) -> list[str]:
        """Return the names of the classes or labels that none of these rows has.

        >>> Targets([0, 2, 1], ["a", "b", "c"], []).unseen([0, 1])
        ['b']
        """
        seen: set[int] = set()
        for value in (self.values[row] for row in rows):
            if isinstance(value, float):
                return []  # a number is no class
            if isinstance(value, int):
                seen.add(value)
            else:
                seen.update(value if self.pixels else np.flatnonzero(value).tolist())
        return [name for number, name in enumerate(self.names) if number not in seen]

    def far_from_unit_spread(self, rows: Sequence[int]) -> bool:
        """Return whether these rows of a regression have a mean beyond ±10 or a standard deviation outside 0.1 … 10.

        A new output layer starts near 0. The factor of ten is a choice: what lies within is reached in a few steps.

        >>> Targets([0.5, -1.0], ["x"], []).far_from_unit_spread([0, 1])
        False
        >>> Targets([40.0, 95.0], ["age"], []).far_from_unit_spread([0, 1])
        True
        """
        values = [self.values[row] for row in rows]
        if not all(isinstance(value, float) for value in values):
            return False
        return bool(abs(np.mean(values)) > 10 or not 0.1 <= np.std(values) <= 10)


def read_targets(dataset: Any, task: Task, columns: Sequence[str]) -> Targets:
    """Read the labels of every row for a task.

    Raises:
        ValueError: a label is missing or of the wrong kind, or there are fewer than two classes.
    """
    if task.name == "multi-label":
        return _multi_label(dataset, columns)
    if len(columns) > 1:
        raise ValueError(
            f"The task '{task.name}' takes one label column, found {', '.join(columns)}. Name one, or choose "
            "multi-label."
        )
    if task.name == "segmentation":
        return Targets(*read_masks(dataset, columns[0]))
    return _numbers(dataset, columns[0]) if task.name == "regression" else _classes(dataset, columns[0])


def _classes(dataset: Any, column: str) -> Targets:
    values = _complete(dataset, column)
    names = getattr(dataset.features[column], "names", None)
    if names is None:
        strange = next((value for value in values if not isinstance(value, int | float | str)), None)
        if strange is not None:
            raise ValueError(
                f"Column '{column}' must hold one class per row for a classification, as a word or a number, found "
                f"{type(strange).__name__}. Lists call for the task multi-label, masks for segmentation."
            )
        if any(not isinstance(value, int | str) and value != int(value) for value in values):
            raise ValueError(
                f"Column '{column}' holds numbers with fractions, which are no classes. Choose the task regression."
            )
        present = sorted({value if isinstance(value, str) else int(value) for value in values})
        numbers = {value: number for number, value in enumerate(present)}
        values, names = [numbers[value] for value in values], [str(value) for value in present]
    elif min(values) < 0:
        raise ValueError(f"Column '{column}' has rows with the class -1, which means no label. Remove them.")
    if not 2 <= len(names) <= MOST_CLASSES:
        raise ValueError(
            f"Column '{column}' must hold 2 to {MOST_CLASSES} classes, found {len(names)}. Is it the right label "
            "column? For numbers choose the task regression."
        )
    return Targets(values, list(names), list(values))


def _numbers(dataset: Any, column: str) -> Targets:
    complete = _complete(dataset, column)
    try:
        values = [float(value) for value in complete]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column '{column}' must hold numbers for a regression, found something else: {error}."
        ) from error
    strange = [row for row, value in enumerate(values) if not math.isfinite(value)]
    if strange:
        raise ValueError(
            f"Column '{column}' must hold finite numbers, found {values[strange[0]]} in row {strange[0]}. Remove "
            f"{len(strange)} such rows."
        )
    return Targets(values, [column], list(quantile_strata(values)))


def _multi_label(dataset: Any, columns: Sequence[str]) -> Targets:
    if len(columns) == 1:
        sets, names = _listed(dataset, columns[0])
        matrix = [[float(number in chosen) for number in range(len(names))] for chosen in sets]
    else:
        names = list(columns)
        cells = [
            [_zero_or_one(value, row, name) for row, value in enumerate(_complete(dataset, name))] for name in names
        ]
        matrix = [list(row) for row in zip(*cells, strict=True)]
    if not 1 <= len(names) <= MOST_CLASSES:
        raise ValueError(f"Column '{columns[0]}' must hold 1 to {MOST_CLASSES} different labels, found {len(names)}.")
    return Targets(matrix, names, [_rarest(row, np.sum(matrix, axis=0)) for row in matrix])


def _rarest(row: list[float], counts: np.ndarray) -> int:
    """Return which label of a row is the rarest of all, -1 for none: spreading these spreads what is scarce."""
    chosen = np.flatnonzero(row)
    return int(chosen[counts[chosen].argmin()]) if len(chosen) else -1


def _listed(dataset: Any, column: str) -> tuple[list[set[int]], list[str]]:
    """Return the labels of every row as numbers, and the names, from lists or from text such as `effusion|mass`."""
    values = list(dataset[column])
    inner = getattr(dataset.features[column], "feature", None)
    if any(value is None for value in values):
        raise ValueError(
            f"Column '{column}' has no value in row {values.index(None)}, which may mean no label or not known. Where "
            "it means none, write an empty list; in a table a word of its own such as 'no finding', or give one column "
            "of 0 and 1 per label."
        )
    lists = [value.split(SEPARATOR) if isinstance(value, str) else value for value in values]
    if not all(isinstance(entry, list) for entry in lists):
        raise ValueError(
            f"Column '{column}' must hold lists, or text with '{SEPARATOR}' between labels, for the task multi-label; "
            f"found {type(lists[0]).__name__}. Or name one column of 0 and 1 per label."
        )
    lists = [[entry.strip() if isinstance(entry, str) else entry for entry in row if entry != ""] for row in lists]
    if inner is not None and getattr(inner, "names", None):
        return [set(row) for row in lists], list(inner.names)
    present = sorted({entry for row in lists for entry in row})
    numbers = {entry: number for number, entry in enumerate(present)}
    return [{numbers[entry] for entry in row} for row in lists], [str(entry) for entry in present]


def _zero_or_one(value: Any, row: int, column: str) -> float:
    if value not in (0, 1):  # True and False are
        raise ValueError(
            f"Column '{column}' must hold 0 or 1 in every row for the task multi-label, found {value!r} in row {row}."
        )
    return float(value)


def _complete(dataset: Any, column: str) -> list[Any]:
    values = list(dataset[column])
    missing = [row for row, value in enumerate(values) if value is None]
    if missing:
        raise ValueError(
            f"Column '{column}' must have a value in every row, found {len(missing)} of {len(values)} rows without one "
            f"(the first is row {missing[0]}). Remove them."
        )
    return values
