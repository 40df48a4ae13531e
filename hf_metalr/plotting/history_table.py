"""Rows of the history as tables of layer group by meta step."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_metalr.errors import InputError

HistoryRow = Mapping[str, Any]
"""One row of `metalr_history.jsonl`: at least `step` and `base_lr`, a mapping from layer group to learned base rate."""


@dataclass(frozen=True)
class HistoryTable:
    """The learned base rates and the hypergradients of all layer groups at all meta steps.

    Attributes:
        steps: the optimizer steps, shape (S,), increasing.
        groups: the names of the layer groups, input to output, length G.
        lrs: the rates, shape (G, S); NaN where a rate is zero or missing, since a logarithm shows neither.
        log_hypergradients: ``∂L_meta/∂ ln α = h α`` with the learned base rate α, in units of the loss, shape (G, S):
            to first order, what the meta loss would change by if the base rate were larger by a factor e, with the
            schedule at its peak. NaN where it is not known. Unlike ``h`` it does not grow as a layer's rate falls, and
            unlike ``h`` times the effective rate it does not fade with the schedule.
    """

    steps: np.ndarray
    groups: tuple[str, ...]
    lrs: np.ndarray
    log_hypergradients: np.ndarray

    def at(self, columns: np.ndarray) -> "HistoryTable":
        """Return the table of some of its meta steps, by index."""
        return HistoryTable(self.steps[columns], self.groups, self.lrs[:, columns], self.log_hypergradients[:, columns])


def read_table(rows: Sequence[HistoryRow]) -> HistoryTable:
    """Collect the rows.

    Raises:
        InputError: no row, a row without rates, layer groups that differ between rows, steps that do not increase, or
            no rate above 0.
    """
    if not rows:
        raise InputError("rows", "must hold at least one meta step, found none. Did the run end before the first one?")
    for row in rows:
        rates = row.get("base_lr")
        if not isinstance(rates, Mapping) or not rates or not all(map(_is_rate, rates.values())):
            raise InputError(
                "rows",
                "must hold 'base_lr', an object from layer group to a number of at least 0, found "
                f"{str(rates)[:80]} at step {row.get('step')}. Mend the file or train anew.",
            )
    groups = tuple(rows[0]["base_lr"])
    for row in rows:
        if tuple(row["base_lr"]) != groups:
            raise InputError(
                "rows",
                f"must name the same layer groups in the same order, found {list(row['base_lr'])} at step "
                f"{row['step']} after {list(groups)} at step {rows[0]['step']}. Plot each run by itself.",
            )
    steps = np.array([row["step"] for row in rows])
    if (np.diff(steps) <= 0).any():
        raise InputError(
            "rows",
            f"must have increasing steps, found {steps.tolist()[:10]}. Plot each run by itself, oldest row first.",
        )
    lrs = np.array([[row["base_lr"][group] for row in rows] for group in groups], dtype=float)
    if not (lrs > 0).any():
        raise InputError(
            "rows",
            "must hold a rate above 0 to draw on a logarithmic axis, found none. Did the run freeze every group?",
        )
    slopes = np.array([[_log_hypergradient(row, group) for row in rows] for group in groups])
    return HistoryTable(steps, groups, np.where(lrs > 0, lrs, np.nan), slopes)


def thinned(table: HistoryTable, most: int) -> HistoryTable:
    """Keep at most so many meta steps, evenly spread, the first and the last among them.

    >>> table = HistoryTable(np.arange(1, 8), ("head",), np.ones((1, 7)), np.ones((1, 7)))
    >>> thinned(table, 3).steps.tolist()
    [1, 4, 7]
    """
    if len(table.steps) <= most:
        return table
    return table.at(np.linspace(0, len(table.steps) - 1, most).round().astype(int))


def body_rates(table: HistoryTable, head_groups: Collection[str]) -> np.ndarray:
    """Return the rates of all groups but the heads, or of all where no other has one.

    What the colours of a map span: a new head often learns at a hundred times those rates, and would dim all others.
    """
    body = table.lrs[[group not in head_groups for group in table.groups]]
    return body if np.isfinite(body).any() else table.lrs


def column_edges(steps: np.ndarray) -> np.ndarray:
    """Where each column of a map begins and the last one ends; a rate holds until the next meta step."""
    last_width = steps[-1] - steps[-2] if len(steps) > 1 else 1
    return np.append(steps, steps[-1] + last_width)


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _log_hypergradient(row: HistoryRow, group: str) -> float:
    """Return ``h α``, NaN where either is missing or not finite."""
    slope, rate = (_number(row, key, group) for key in ("hypergradient", "base_lr"))
    return slope * rate if math.isfinite(slope * rate) else math.nan


def _number(row: HistoryRow, key: str, group: str) -> float:
    values = row.get(key)
    value = values.get(group) if isinstance(values, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
