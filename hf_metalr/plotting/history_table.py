"""Rows of the history as one table of learned rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HistoryRow = Mapping[str, Any]
"""One row of `metalr_history.jsonl`: at least `step` and `base_lr`, a mapping from layer group to learned base rate."""


@dataclass(frozen=True)
class HistoryTable:
    """The learned base rates of all layer groups at all meta steps.

    Attributes:
        steps: the optimizer steps, shape (S,), increasing.
        groups: the names of the layer groups, input to output, length G.
        lrs: the rates, shape (G, S); NaN where a rate is zero or missing, since a logarithm shows neither.
    """

    steps: np.ndarray
    groups: tuple[str, ...]
    lrs: np.ndarray


def read_table(rows: Sequence[HistoryRow]) -> HistoryTable:
    """Collect the rows.

    Raises:
        ValueError: no row, layer groups that differ between rows, steps that do not increase, or no rate above 0.
    """
    if not rows:
        raise ValueError("`rows` must hold at least one meta step, found none. Did the run end before the first one?")
    groups = tuple(rows[0]["base_lr"])
    for row in rows:
        if tuple(row["base_lr"]) != groups:
            raise ValueError(
                f"`rows` must name the same layer groups in the same order, found {list(row['base_lr'])} at step "
                f"{row['step']} after {list(groups)} at step {rows[0]['step']}. Plot each run by itself."
            )
    steps = np.array([row["step"] for row in rows])
    if (np.diff(steps) <= 0).any():
        raise ValueError(
            f"`rows` must have increasing steps, found {steps.tolist()[:10]}. "
            "Plot each run by itself, oldest row first."
        )
    lrs = np.array([[row["base_lr"][group] for row in rows] for group in groups], dtype=float)
    if not (lrs > 0).any():
        raise ValueError(
            "`rows` must hold a rate above 0 to draw on a logarithmic axis, found none. Did the run freeze every group?"
        )
    return HistoryTable(steps, groups, np.where(lrs > 0, lrs, np.nan))
