"""`--data` and its companions: declared once, read once, for every command that needs data."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.columns import (
    encode_labels,
    find_input_columns,
    find_label_column,
    input_files,
    open_image_paths,
)
from hf_metalr.cli.data.damaged import damaged_rows
from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.data.notes import note
from hf_metalr.cli.data.sampling import draw_indices
from hf_metalr.cli.data.source import open_source
from hf_metalr.cli.errors import UserError
from hf_metalr.cli.numbers import positive_int, seed

DEFAULT_SPLIT = "train"
SHOWN = 20  # of the classes


@dataclass(frozen=True)
class Data:
    """One split of a data set, and which of its columns are meant.

    rows: the row of each sample in the user's data, for messages, where a part was drawn; None for all in order.
    folder: what paths of files are told relative to; None for a data set of the Hub.
    """

    dataset: Any  # datasets.Dataset, whose import would make `--help` slow
    input_columns: list[str]  # of images or texts; two for pairs of texts
    label_column: str
    rows: Sequence[int] | None = None
    folder: Path | None = None

    def row_of(self, sample: int) -> int:
        """Return the row that a sample has in the user's data."""
        return sample if self.rows is None else self.rows[sample]

    def part(self, size: int | None, seed: int) -> "Data":
        """Return at most so many samples, of each class its share, in their order; see `draw_indices`."""
        if size is None or size >= len(self.dataset):
            return self
        rows = draw_indices(list(self.dataset[self.label_column]), size, seed)
        return self._of(rows)

    def without_damaged(self, skip: bool) -> "Data":
        """Return the samples whose inputs can be read; `UserError` as of `damaged_rows`."""
        rows = range(len(self.dataset))
        damaged = damaged_rows(
            self.dataset,
            self.input_columns,
            rows,
            lambda: input_files(self.dataset, self.input_columns[0], self.folder),
            skip=skip,
            row_of=self.row_of,
        )
        if not damaged:
            return self
        return self._of([row for row in rows if row not in damaged])

    def _of(self, rows: Sequence[int]) -> "Data":
        return replace(self, dataset=self.dataset.select(rows), rows=[self.row_of(row) for row in rows])


def add_data_options(
    parser: argparse.ArgumentParser,
    *,
    required: bool,
    max_samples: int | None = None,
    sampled: str = "samples",
    several_labels: bool = False,
    pairs: bool = False,
    split: str = f"split to use (default: the only one, or '{DEFAULT_SPLIT}')",
) -> None:
    """Add the options that name a data set.

    Args:
        parser: of the command.
        required: whether the command needs data.
        max_samples: the command's default.
        sampled: what `--max-samples` counts, in the help.
        several_labels: whether there may be more than one label column.
        pairs: whether texts may be pairs.
        split: help of `--split`.
    """
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        nargs="+",
        required=required,
        metavar="SOURCE",
        help="a folder of images (one sub-folder per class), CSV, TSV, JSON or parquet file(s), a folder written by "
        "save_to_disk, or a data set of the Hub (user/name)",
    )
    data.add_argument("--subset", metavar="NAME", help="configuration of a data set of the Hub, such as sst2 of glue")
    data.add_argument("--split", metavar="NAME", help=split)
    data.add_argument(
        "--input-column",
        nargs="+",
        metavar="NAME",
        help="column with the images or texts"
        + "; two for pairs of texts, such as premise hypothesis" * pairs
        + " (default: found by type and name, and told)",
    )
    data.add_argument(
        "--label-column",
        metavar="NAME",
        help="column with the labels (default: the class column)" + ("; one per label if several" * several_labels),
        nargs="+" if several_labels else None,
    )
    data.add_argument(
        "--max-samples",
        type=positive_int,
        default=max_samples,
        metavar="N",
        help=f"use at most N {sampled}, of each class its share (default: {max_samples or 'all'})",
    )
    data.add_argument(
        "--skip-damaged", action="store_true", help="leave out images that cannot be read and texts that are empty"
    )
    data.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of every random choice (default: 0)")


def load_data(options: argparse.Namespace) -> Data:
    """Open what the data options name, all rows of it. What was chosen for the user is told on standard error.

    `--max-samples` is left to the command: `Data.part` draws, unless what it calls draws by itself.

    Raises:
        UserError: source, split, column or label is missing; the message says what exists.
    """
    opened = open_source(options.data, options.subset)
    dataset = choose_split(opened, options.split, options.data[0])
    if not len(dataset):
        raise UserError(f"--data '{options.data[0]}' has no rows.")
    wanted = options.label_column if isinstance(options.label_column, list) else [options.label_column]
    label_columns = [find_label_column(dataset, name) for name in wanted]
    input_columns = find_input_columns(dataset, options.input_column, label_columns)
    source = Path(options.data[0]).expanduser().absolute()
    folder = None
    if source.exists():
        folder = source if source.is_dir() else source.parent
        dataset = open_image_paths(dataset, input_columns[0], folder)
    if len(label_columns) > 1:
        dataset, label_column = one_label_column(dataset, label_columns)
    else:
        label_column = label_columns[0]
        dataset = number_labels(dataset, label_column)
    return Data(dataset, input_columns, label_column, folder=folder)


def number_labels(dataset: Any, column: str) -> Any:
    """Return the data set with labels that were words as class numbers, and tell the user the mapping."""
    dataset, names = encode_labels(dataset, column)
    if names is not None:
        shown = ", ".join(f"{number} = {name}" for number, name in enumerate(names[:SHOWN]))
        note(f"labels of '{column}': {shown}" + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))
    return dataset


def one_label_column(dataset: Any, columns: Sequence[str]) -> tuple[Any, str]:
    """Return the data set with one column of lists in place of one column of 0 and 1 per label, and its name."""
    for column in columns:
        strange = next((value for value in dataset[column] if value not in (0, 1)), None)
        if strange is not None or None in dataset[column]:
            raise UserError(f"--label-column '{column}' must hold 0 and 1, one column per label, found {strange!r}.")
    name = "+".join(columns)
    lists = [[int(value) for value in row] for row in zip(*(dataset[column] for column in columns), strict=True)]
    return dataset.add_column(name, lists), name


def choose_split(opened: Any, wanted: str | None, source: str) -> Any:
    """Return the wanted split, the only one, or the training split."""
    if not isinstance(opened, dict):
        if wanted is not None:
            raise UserError(f"--split '{wanted}': the data set saved in '{source}' has no splits. Leave it out.")
        return opened
    splits = list(opened)
    if wanted is None:
        if len(splits) > 1 and DEFAULT_SPLIT not in splits:
            raise UserError(f"--split must name one split of '{source}'. The splits {near_misses('', splits)}.")
        wanted = splits[0] if len(splits) == 1 else DEFAULT_SPLIT
        if len(splits) > 1:
            note(f"split '{wanted}' of {', '.join(splits)} (choose another with --split)")
    if wanted not in splits:
        raise UserError(f"--split '{wanted}' does not exist in '{source}'. The splits {near_misses(wanted, splits)}.")
    return opened[wanted]
