"""Rows that have an input and a label; the others are named all at once, or left out if the user says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.tables.columns import Columns, is_image, is_text, values_of
from hf_metalr.data.tables.image_paths import EMPTY, LOST
from hf_metalr.data.tables.parts import is_missing
from hf_metalr.errors import InputError, Parameter

SHOWN = 5  # rows of one kind in a message
Reasons = dict[int, tuple[str, str]]  # by row: why it cannot be used, and the cell


def usable_rows(
    dataset: Any,
    columns: Columns,
    found: Mapping[str, Reasons],
    names: Sequence[str],
    rows: Ledger,
    config: DataConfig,
) -> tuple[list[int], Ledger]:
    """Return the rows with input and label, and the ledger without the others.

    Args:
        dataset: the table.
        columns: of inputs and labels.
        found: of columns with names of files, why rows have no image.
        names: of the rows, for messages.
        rows: the ledger so far.
        config: whether such rows may be left out.

    Raises:
        InputError: there are rows without, and they are not to be skipped; or none is left.
    """
    inputs = _without_input(dataset, columns.inputs, found)
    labels, blamed = _without_label(dataset, columns.labels, found)
    blank = {row for row, (reason, _) in inputs.items() if reason == EMPTY} & set(labels)
    rows = rows.without("neither input nor label", [names[row] for row in sorted(blank)])
    wrong: dict[tuple[str, str], list[int]] = {}  # by column and reason
    for row in sorted({*inputs, *labels} - blank):
        side, column = (inputs, columns.inputs[0]) if row in inputs else (labels, blamed.get(row, columns.labels[0]))
        wrong.setdefault((column, side[row][0]), []).append(row)
    cells = {row: cell for row, (_, cell) in (labels | inputs).items()}
    if wrong and not config.skip_damaged:
        raise _refusal(wrong, columns, cells, names)
    for (column, reason), lost in wrong.items():
        rows = rows.without(f"column '{column}': {reason}", [_with_cell(names[row], cells[row]) for row in lost])
    kept = [row for row in range(len(dataset)) if row not in inputs and row not in labels]
    if not kept:
        raise InputError("data", f"has no row with input and label: '{config.data[0]}'. {rows}.")
    return kept, rows


def _refusal(
    wrong: Mapping[tuple[str, str], Sequence[int]], columns: Columns, cells: Mapping[int, str], names: Sequence[str]
) -> InputError:
    words: list[str] = []
    for (column, reason), lost in wrong.items():
        parameter = "input_column" if column in columns.inputs else "label_column"
        shown = ", ".join(_with_cell(names[row], cells[row]) for row in lost[:SHOWN]) + ", …" * (len(lost) > SHOWN)
        words += [Parameter(parameter), f" '{column}': {reason} in {len(lost)} of {len(names)} rows ({shown}). "]
    if any(reason == LOST for _, reason in wrong):
        words.append("Names of files are relative to the folder of the table. ")
    return InputError(
        words[0], words[1].removeprefix(" "), *words[2:], "Mend or remove these rows, or leave them out with ",
        Parameter("skip_damaged"), ".",
    )  # fmt: skip


def _without_input(dataset: Any, columns: Sequence[str], found: Mapping[str, Reasons]) -> Reasons:
    reasons = dict(found.get(columns[0], {}))
    for column in columns:
        if is_text(dataset.features[column]):
            reasons |= {row: (EMPTY, "") for row, value in enumerate(values_of(dataset, column)) if is_missing(value)}
    return reasons


def _without_label(
    dataset: Any, columns: Sequence[str], found: Mapping[str, Reasons]
) -> tuple[Reasons, dict[int, str]]:
    """Return the rows without a label, and of each the first column that lacks it."""
    from datasets import ClassLabel

    if is_image(dataset.features[columns[0]]):
        return dict(found.get(columns[0], {})), {}
    reasons: Reasons = {}
    blamed: dict[int, str] = {}
    for column in columns:
        none = -1 if isinstance(dataset.features[column], ClassLabel) else None
        for row, value in enumerate(values_of(dataset, column)):
            if is_missing(value) or (none is not None and value == none):
                reasons[row] = ("no label", "")
                blamed.setdefault(row, column)
    return reasons, blamed


def _with_cell(name: str, cell: str) -> str:
    return f"{name}: '{cell}'" if cell.strip() else name
