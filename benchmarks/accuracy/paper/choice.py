"""What is chosen, and by what: an epoch and a rate, on the validation split alone. Pure functions of results."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.grid import describe

Epoch = Mapping[str, Mapping[str, float | None]]  # split → metric → score


def chosen_epoch(epochs: Sequence[Epoch]) -> int:
    """Return the index of the epoch with the best validation accuracy; among equals the lowest validation loss.

    Accuracy, since it is what the paper reports and what its code chooses by, on the test fold.
    """
    return max(range(len(epochs)), key=lambda index: merit(epochs[index]))


def best_on_test(epochs: Sequence[Epoch]) -> int:
    """Return the index of the epoch with the best *test* accuracy: the released code's choice, shown for its bias."""
    return max(range(len(epochs)), key=lambda index: epochs[index]["test"]["accuracy"] or 0.0)


def merit(epoch: Epoch) -> tuple[float, float]:
    """Return what is chosen by, the larger the better: validation accuracy, then minus the validation loss."""
    scores = epoch["validation"]
    loss = scores["loss"]
    return scores["accuracy"] or 0.0, -math.inf if loss is None else -loss


def family(cell: Cell) -> str:
    """Return what cells have in common that differ in the rate alone."""
    return Cell.from_dict(cell.to_dict() | {"rate": None}).key


def chosen_cells(cells: Iterable[Cell], rows: Iterable[Mapping[str, Any]]) -> list[Cell]:
    """Return of each family the cell with the best validation score at fold 0. A family of one needs no row.

    Args:
        cells: of a grid.
        rows: results, of which those of fold 0 count.

    Raises:
        ValueError: a cell of a family of several did not run at fold 0.
    """
    families: dict[str, list[Cell]] = {}
    for cell in cells:
        families.setdefault(family(cell), []).append(cell)
    merits = {
        Cell.from_dict(row["cell"]).key: merit(row["epochs"][chosen_epoch(row["epochs"])])
        for row in rows
        if row["fold"] == 0
    }
    chosen = []
    for members in families.values():
        missing = [cell for cell in members if cell.key not in merits]
        if missing and len(members) > 1:
            raise ValueError(f"fold 0 must run first at every rate; {describe(missing[0].to_dict())} did not.")
        chosen.append(max(members, key=lambda cell: merits.get(cell.key, (0.0, 0.0))))
    return chosen
