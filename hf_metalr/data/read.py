"""`read_data`: from what a user names to inputs and targets, the same for every command."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hf_metalr.data.account import Account
from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.groups_file import read_groups
from hf_metalr.data.images.damage import find_damaged
from hf_metalr.data.images.decode import ImageRefused, decode
from hf_metalr.data.images.masks import read_mask, read_masks
from hf_metalr.data.labels.guess import guess_task
from hf_metalr.data.labels.read_targets import read_targets
from hf_metalr.data.labels.targets import Targets
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import Opened
from hf_metalr.data.source import open_source
from hf_metalr.data.splits.sampling import draw_rows
from hf_metalr.data.tables.columns import is_image
from hf_metalr.data.tables.groups import find_groups
from hf_metalr.data.tables.table import Table, make_table
from hf_metalr.errors import InputError, Parameter

logger = logging.getLogger(__name__)
SHOWN = 5  # damaged inputs in a message


@dataclass(frozen=True)
class Data:
    """What was read, row by row.

    Attributes:
        config: what the user said.
        files: of a folder or of files: how many were found, and what was left out.
        table: the rows.
        task: what the labels are for.
        targets: of every row.
        groups: of every row, such as its patient; None where the user names none.
        group_name: what the groups are called.
    """

    config: DataConfig
    files: Ledger | None
    table: Table
    task: Task
    targets: Targets
    groups: Sequence[Hashable] | None = None
    group_name: str = ""

    def __len__(self) -> int:
        return len(self.table.dataset)

    def inputs(self, rows: Sequence[int]) -> list[list[Any]]:
        """Return the inputs of rows by column: decoded images, or texts (two columns for pairs).

        Raises:
            InputError: an image cannot be decoded; the message names its row.
        """
        cells = [self._stored[row] for row in rows]
        if self.task.modality == "text":
            return [[cell[name] for cell in cells] for name in self.table.input_columns]
        (column,) = self.table.input_columns
        return [[self._decoded(cell[column], row) for cell, row in zip(cells, rows, strict=True)]]

    @cached_property
    def _stored(self) -> Any:
        """The columns of the inputs alone; one row of them is read in a hundredth of a millisecond."""
        return self.table.dataset.select_columns(self.table.input_columns)

    def mask(self, row: int) -> Any:
        """Return the values of the mask of a row, (height, width), of a segmentation."""
        return read_mask(self.table.dataset[row][self.table.label_columns[0]])[0]

    def without(self, reason: str, rows: Sequence[int]) -> "Data":
        """Return the same data with rows written off: they stay in the table, and are accounted for."""
        names = [self.table.name(row) for row in rows]
        return replace(self, table=replace(self.table, rows=self.table.rows.without(reason, names)))

    def drawn(self, rows: Sequence[int]) -> tuple["Data", list[int]]:
        """Return at most `config.max_samples` of these rows, of each class its share."""
        kept = draw_rows(self.targets, rows, self.config.max_samples, self.config.seed)
        chosen = set(kept)
        return self.without("not drawn", [row for row in rows if row not in chosen]), kept

    def readable(self, rows: Sequence[int]) -> tuple["Data", list[int]]:
        """Return those of these rows whose inputs can be read.

        Raises:
            InputError: some cannot, and are not to be skipped; or nothing else is left.
        """
        table = self.table
        mask = table.label_columns[0] if self.task.name == "segmentation" else None
        damaged = find_damaged(table.dataset, table.input_columns, rows, mask, self.config.window)
        if not damaged:
            return self, list(rows)
        if not self.config.skip_damaged:
            raise InputError(
                "input_column",
                f"'{table.input_columns[0]}': {len(damaged)} of {len(rows)} inputs cannot be read: "
                f"{self._listed(damaged)}. Mend or remove them, or leave them out with ",
                Parameter("skip_damaged"),
                ".",
            )
        kept = [row for row in rows if row not in damaged]
        if not kept:
            raise InputError("skip_damaged", f"leaves nothing of {len(rows)} inputs: {self._listed(damaged)}.")
        data = self
        for reason in dict.fromkeys(damaged.values()):
            data = data.without(reason, [row for row, why in damaged.items() if why == reason])
        return data, kept

    def account(self, splits: Mapping[str, Sequence[int]]) -> Account:
        """Return what became of everything that was found."""
        counts = {name: list(self.targets.counts(rows).values()) for name, rows in splits.items()}
        classes = [] if self.task.name == "regression" else self.targets.names
        sizes = {name: len(rows) for name, rows in splits.items()}
        source = " ".join(self.config.data)
        return Account(source, self.files, self.table.rows, sizes, classes, counts if classes else None)

    def _decoded(self, cell: Any, row: int) -> Any:
        try:
            return decode(cell, self.config.window)
        except ImageRefused as error:
            raise InputError(
                "input_column", f"'{self.table.input_columns[0]}' cannot be decoded in {self._place(row)}: {error}."
            ) from error

    def _listed(self, damaged: Mapping[int, str]) -> str:
        by_reason: dict[str, list[str]] = {}
        for row, reason in list(damaged.items())[:SHOWN]:
            by_reason.setdefault(reason, []).append(self._place(row))
        words = "; ".join(f"{', '.join(places)}: {reason}" for reason, places in by_reason.items())
        return words + "; …" * (len(damaged) > SHOWN)

    def _place(self, row: int) -> str:
        """Return the file of a row where it has one, else its number: nobody counts the rows of a folder."""
        file = self.table.files()[row]
        return self.table.name(row) if file is None else f"'{file}'"


def read_data(
    config: DataConfig, *, several_splits: bool = False, split_column: str | None = None, task: str | None = None
) -> Data:
    """Find, open and read what a user names; what is decided on his behalf is logged.

    Args:
        config: what he says of it.
        several_splits: whether all splits are read; otherwise the training split, or the only one.
        split_column: that says the split of each row.
        task: what the labels are for; None guesses it.

    Raises:
        InputError: a source, split, column or label is missing or cannot be read; the message says what exists.
    """
    opened = open_source(config, masks=None if task is None else task == "segmentation")
    for note in opened.notes:
        logger.info("%s", note)
    return _read(opened, config, several_splits, split_column, task)


def read_dataset(dataset: Any, input_column: str | None, label_column: str | None, **settings: Any) -> Data:
    """Read a data set of the library `datasets` that a Python user passes.

    Args:
        dataset: one split.
        input_column: of images or texts; None finds it.
        label_column: of the labels; None finds it.
        settings: other fields of `DataConfig`.

    Raises:
        InputError: as of `read_data`.
    """
    config = DataConfig(
        ("the data set",),
        input_column=None if input_column is None else (input_column,),
        label_column=None if label_column is None else (label_column,),
        **settings,
    )
    return _read(Opened({None: dataset}), config, False, None, None)


def _read(opened: Opened, config: DataConfig, several_splits: bool, split_column: str | None, task: str | None) -> Data:
    table = make_table(opened, config, several_splits=several_splits, split_column=split_column)
    for note in table.notes:
        logger.info("%s", note)
    settled = _settled_task(table, task)
    if settled.name == "segmentation" and config.skip_damaged:
        table = _without_damaged(table, config)  # masks are read whole for their classes, so before that
    targets = read_targets(table, settled, read_masks)
    for note in targets.notes:
        logger.info("%s", note)
    groups = find_groups(table, config, read_groups)
    return Data(config, opened.files, table, settled, targets, *(groups or ()))


def _without_damaged(table: Table, config: DataConfig) -> Table:
    """Return a segmentation without the rows whose image or mask cannot be read."""
    rows = range(len(table.dataset))
    damaged = find_damaged(table.dataset, table.input_columns, rows, table.label_columns[0], config.window)
    kept = [row for row in rows if row not in damaged]
    if not kept:
        raise InputError("skip_damaged", f"leaves nothing of {len(rows)} images: {next(iter(damaged.values()))}.")
    ledger = table.rows
    for reason in dict.fromkeys(damaged.values()):
        ledger = ledger.without(reason, [table.name(row) for row, why in damaged.items() if why == reason])
    origins = [table.origins[row] for row in kept]
    return replace(table, dataset=table.dataset.select(kept), origins=origins, rows=ledger)


def _settled_task(table: Table, wanted: str | None) -> Task:
    if wanted is not None:
        modality = "image" if is_image(table.dataset.features[table.input_columns[0]]) else "text"
        return Task(wanted, modality)  # type: ignore[arg-type]  # checked by the class
    guessed, reason = guess_task(table)
    logger.info("task: %s of %ss (%s; choose another with --task)", guessed.name, guessed.modality, reason)
    return guessed
