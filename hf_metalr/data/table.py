"""All splits that are read as one table, whose rows have an input and a label and remember where they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_metalr.data.columns import Columns, find_columns, is_image, is_text, values_of
from hf_metalr.data.config import DataConfig
from hf_metalr.data.image_paths import EMPTY, LOST, file_columns, mark_images, open_paths, stored_images
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import Opened
from hf_metalr.data.parts import choose_parts, is_missing, joined, leave_out_unlabelled, row_name
from hf_metalr.data.patients import like_patients
from hf_metalr.data.split_names import split_of
from hf_metalr.errors import InputError, Parameter

SHOWN = 5  # rows of one kind in a message


@dataclass(frozen=True)
class Table:
    """The rows of all splits that are read, one after the other.

    Attributes:
        dataset: of `datasets`; columns of images hold `Image(decode=False)`.
        origins: of every row, its split (None where there is one part alone) and its number in it, from 0.
        input_columns: images or texts; two for pairs of texts.
        label_columns: one, or several for one column per label.
        folder: what paths of files are told relative to; None for a data set of the Hub.
        rows: how many were found in all splits, and which were left out.
        notes: what was decided on the user's behalf, one sentence each.
    """

    dataset: Any
    origins: list[tuple[str | None, int]]
    input_columns: list[str]
    label_columns: list[str]
    folder: Path | None
    rows: Ledger
    notes: list[str]

    def files(self) -> list[str | None]:
        """Return the file that each input came from, relative to the folder where it lies there; None where unknown."""
        column = self.input_columns[0]
        if not is_image(self.dataset.features[column]):
            return [None] * len(self.dataset)
        paths = (path for path, _ in stored_images(self.dataset, column))
        return [None if path is None else _shown(Path(path), self.folder) for path in paths]

    def name(self, row: int) -> str:
        """Return what a row is called in messages: by its number in the user's data."""
        return row_name(*self.origins[row])


def make_table(opened: Opened, config: DataConfig, *, several_splits: bool, split_column: str | None = None) -> Table:
    """Choose splits and columns, look up the files that cells name, and account for every row.

    Rows with neither input nor label are left out and told. A row without one of them is refused, or, with
    `skip_damaged`, left out and told as well.

    Args:
        opened: what the source holds.
        config: what the user said of it.
        several_splits: whether all splits are read where `config.split` names none; otherwise `train`, or the only one.
        split_column: that says the split of each row.

    Raises:
        InputError: a split or column that is missing or has to be named, or rows without input or label. The message
            says what exists, and holds all that is wrong with the columns, or with the rows.
    """
    parts, rows, told = choose_parts(opened.parts, config, several_splits)
    parts = {name: mark_images(part) for name, part in parts.items()}
    main = next(
        (part for name, part in parts.items() if name and split_of(name) == "train"), next(iter(parts.values()))
    )
    files = file_columns(main, opened.folder)
    columns = find_columns(main.features, config, split_column, files)
    parts, rows, unlabelled = leave_out_unlabelled(parts, rows, columns.labels)
    used = [*columns.inputs, *columns.labels, *(name for name in (config.group_column, split_column) if name)]
    dataset, differing = joined(parts, used, config.data[0])
    several = len(parts) > 1
    places = [(name, row) for name, part in parts.items() for row in range(len(part))]
    dataset, found, mended = _opened_images(dataset, columns, files, opened.folder)
    kept, rows = _usable(dataset, columns, found, [row_name(name, row) for name, row in places], rows, config)
    if len(kept) < len(dataset):
        dataset = dataset.select(kept)
    notes = [*opened.notes, *told, *unlabelled, *differing, *columns.notes, *mended]
    if several_splits and config.group_column is None and config.group_pattern is None and config.groups is None:
        notes += [
            f"column '{name}' may name patients: keep each on one side with group_column"
            for name in like_patients(dataset, used)
        ]
    origins = [(places[row][0] if several else None, places[row][1]) for row in kept]
    return Table(dataset, origins, columns.inputs, columns.labels, opened.folder, rows, notes)


def _opened_images(
    dataset: Any, columns: Columns, files: Sequence[str], folder: Path | None
) -> tuple[Any, dict[str, dict[int, tuple[str, str]]], list[str]]:
    """Turn names of files into images; return of each column why rows have none, and the cell."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    notes: list[str] = []
    masks = columns.labels if len(columns.labels) == 1 else []
    for column in [*columns.inputs[:1], *masks]:
        if is_image(dataset.features[column]) or column in files:
            named = values_of(dataset, column) if column in files else [""] * len(dataset)
            dataset, reasons, told = open_paths(dataset, column, folder)
            found[column] = {row: (reason, str(named[row] or "")) for row, reason in reasons.items()}
            notes += told
    return dataset, found, notes


def _usable(
    dataset: Any,
    columns: Columns,
    found: Mapping[str, Mapping[int, tuple[str, str]]],
    names: Sequence[str],
    rows: Ledger,
    config: DataConfig,
) -> tuple[list[int], Ledger]:
    """Return the rows with input and label, and the ledger without the others.

    Raises:
        InputError: there are rows without, and they are not to be skipped; or none is left.
    """
    inputs = _without_input(dataset, columns.inputs, found)
    labels = _without_label(dataset, columns.labels, found)
    blank = {row for row, (reason, _) in inputs.items() if reason == EMPTY} & set(labels)
    rows = rows.without("neither input nor label", [names[row] for row in sorted(blank)])
    wrong: dict[tuple[str, str], list[int]] = {}  # by column and reason
    for row in sorted({*inputs, *labels} - blank):
        side, column = (inputs, columns.inputs[0]) if row in inputs else (labels, columns.labels[0])
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


def _without_input(
    dataset: Any, columns: Sequence[str], found: Mapping[str, Mapping[int, tuple[str, str]]]
) -> dict[int, tuple[str, str]]:
    reasons = dict(found.get(columns[0], {}))
    for column in columns:
        if is_text(dataset.features[column]):
            reasons |= {row: (EMPTY, "") for row, value in enumerate(values_of(dataset, column)) if is_missing(value)}
    return reasons


def _without_label(
    dataset: Any, columns: Sequence[str], found: Mapping[str, Mapping[int, tuple[str, str]]]
) -> dict[int, tuple[str, str]]:
    from datasets import ClassLabel

    if is_image(dataset.features[columns[0]]):
        return dict(found.get(columns[0], {}))
    reasons = {}
    for column in columns:
        none = -1 if isinstance(dataset.features[column], ClassLabel) else None
        for row, value in enumerate(values_of(dataset, column)):
            if is_missing(value) or (none is not None and value == none):
                reasons[row] = ("no label", "")
    return reasons


def _with_cell(name: str, cell: str) -> str:
    return f"{name}: '{cell}'" if cell.strip() else name


def _shown(path: Path, folder: Path | None) -> str:
    return path.relative_to(folder).as_posix() if folder is not None and path.is_relative_to(folder) else path.name
