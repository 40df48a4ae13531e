"""All splits that are read as one table, whose rows have an input and a label and remember where they came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import Opened
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.tables.columns import Columns, find_columns, is_image, values_of
from hf_metalr.data.tables.hints import hints_of_codes, hints_of_patients, hints_of_splits
from hf_metalr.data.tables.image_paths import (
    file_columns,
    mark_images,
    mostly_end_like_images,
    open_paths,
    stored_images,
)
from hf_metalr.data.tables.parts import choose_parts, joined, leave_out_unlabelled, row_name
from hf_metalr.data.tables.usable_rows import Reasons, usable_rows


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
    rows = rows.and_lost(opened.lost_rows)
    parts = {name: mark_images(part.with_format(None)) for name, part in parts.items()}  # formats are for loops
    main = next(
        (part for name, part in parts.items() if name and split_of(name) == "train"), next(iter(parts.values()))
    )
    files = file_columns(main, opened.folder)
    columns = find_columns(main.features, config, split_column, files)
    parts, rows, unlabelled = leave_out_unlabelled(parts, rows, columns.labels)
    used = [*columns.inputs, *columns.labels, *(name for name in (config.group_column, split_column) if name)]
    dataset, differing = joined(parts, used, config.data[0])
    several = len(parts) > 1
    places = [(name if several else None, row) for name, part in parts.items() for row in range(len(part))]
    dataset, found, mended = _opened_images(dataset, columns, files, opened.folder)
    kept, rows = usable_rows(dataset, columns, found, [row_name(*place) for place in places], rows, config)
    if len(kept) < len(dataset):
        dataset = dataset.select(kept)
    notes = [*told, *unlabelled, *differing, *columns.notes, *mended]
    if opened.folder is not None:
        notes += hints_of_codes(dataset, columns.inputs[0], opened.folder)
    if several_splits and split_column is None and not several:
        notes += hints_of_splits(dataset, used)
    if several_splits and config.group_column is None and config.group_pattern is None and config.groups is None:
        notes += hints_of_patients(dataset, used)
    return Table(dataset, [places[row] for row in kept], columns.inputs, columns.labels, opened.folder, rows, notes)


def _opened_images(
    dataset: Any, columns: Columns, files: Sequence[str], folder: Path | None
) -> tuple[Any, dict[str, Reasons], list[str]]:
    """Turn names of files into images; return of each column why rows have none, and the cell."""
    found: dict[str, Reasons] = {}
    notes: list[str] = []
    for column in [*columns.inputs[:1], *columns.labels[:1]]:
        named = values_of(dataset, column) if column in files else [""] * len(dataset)
        # A class may be called like a file that is there by chance, but not like file.png.
        is_named = column in files and (column in columns.inputs or mostly_end_like_images(named))
        if is_image(dataset.features[column]) or is_named:
            dataset, reasons, told = open_paths(dataset, column, folder)
            found[column] = {row: (reason, str(named[row] or "")) for row, reason in reasons.items()}
            notes += told
    return dataset, found, notes


def _shown(path: Path, folder: Path | None) -> str:
    return path.relative_to(folder).as_posix() if folder is not None and path.is_relative_to(folder) else path.name
