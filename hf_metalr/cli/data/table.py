"""All splits of a data set as one table whose rows remember where they came from."""

import argparse
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.columns import (
    MASK_NAMES,
    find_input_columns,
    find_label_column,
    input_files,
    open_image_paths,
)
from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.data.notes import note
from hf_metalr.cli.data.options import choose_split
from hf_metalr.cli.data.source import open_source
from hf_metalr.cli.data.split_names import SPLIT_NAMES
from hf_metalr.cli.errors import UserError


@dataclass(frozen=True)
class Table:
    """The rows of all splits, one after the other.

    Attributes:
        dataset: of `datasets`.
        origins: of every row, the split and the row in it.
        input_columns: images or texts; two for pairs of texts.
        label_columns: one, or several for one column per label.
        folder: what paths of files are told relative to; None for a data set of the Hub.
    """

    dataset: Any
    origins: list[tuple[str | None, int]]
    input_columns: list[str]
    label_columns: list[str]
    folder: Path | None

    def files(self) -> list[str | None]:
        """Return the file that each input came from, None where the data do not say."""
        return input_files(self.dataset, self.input_columns[0], self.folder)

    def splits(self, column: str | None) -> list[str | None]:
        """Return which split (train, validation, test) each row is in, None for those that are to be divided.

        Args:
            column: that says so; None takes the splits in which the data came.

        Raises:
            UserError: the column does not exist, or a split has another name.
        """
        found = [name for name, _ in self.origins] if column is None else [str(v) for v in self._column(column)]
        strange = sorted({name for name in found if name is not None and name.lower() not in SPLIT_NAMES})
        if strange:
            place = "the data" if column is None else f"--split-column '{column}'"
            raise UserError(
                f"The splits of {place} must be called train, validation or test, found {', '.join(strange[:5])}. "
                "Choose one with --split, to be divided, or rename them."
            )
        names = [None if name is None else SPLIT_NAMES[name.lower()] for name in found]
        return names if len(set(names)) > 1 else [None] * len(names)

    def groups(self, column: str | None, pattern: str | None) -> list[Hashable] | None:
        """Return the group (patient) of each row from a column or from its file's name; None where neither is given.

        Raises:
            UserError: the column does not exist or misses values, or the pattern does not match a file.
        """
        if column is not None:
            values = self._column(column)
            missing = [row for row, value in enumerate(values) if value is None or value == "" or value != value]
            if missing:
                raise UserError(
                    f"--group-column '{column}' must have a value in every row, found {len(missing)} of {len(values)} "
                    f"rows without one (the first is row {missing[0]}). Fill them in, or remove the rows."
                )
            return list(values)
        if pattern is None:
            return None
        groups: list[Hashable] = []
        for row, file in enumerate(self.files()):
            match = re.search(pattern, file or "")
            if match is None:
                raise UserError(
                    f"--group-pattern '{pattern}' must match every file's name, not found in '{file}' (row {row})."
                )
            groups.append(match[1] if match.re.groups else match[0])
        return groups

    def _column(self, name: str) -> list[Any]:
        if name not in self.dataset.features:
            raise UserError(
                f"Column '{name}' does not exist. The columns {near_misses(name, list(self.dataset.features))}."
            )
        return list(self.dataset[name])


def load_table(options: argparse.Namespace, taken: Sequence[str | None] = ()) -> Table:
    """Open what the data options name, with all of its splits.

    Args:
        options: of `add_data_options`.
        taken: columns of groups and the like, which are no input.

    Raises:
        UserError: source, split or column is missing; the message says what exists.
    """
    opened = open_source(options.data, options.subset)
    parts: dict[str | None, Any]
    if options.split is not None:
        parts = {None: choose_split(opened, options.split, options.data[0])}
    else:
        parts = _known(dict(opened)) if isinstance(opened, dict) else {None: opened}
    parts = {name if len(parts) > 1 else None: part for name, part in parts.items() if len(part)}
    if not parts:
        raise UserError(f"--data '{options.data[0]}' has no rows.")
    label_columns = _label_columns(next(iter(parts.values())), options.label_column)
    parts = _labelled(parts, label_columns[0])
    dataset = _joined(parts, options.data[0])
    origins = [(name, row) for name, part in parts.items() for row in range(len(part))]
    input_columns = find_input_columns(dataset, options.input_column, [*label_columns, *taken])
    source = Path(options.data[0]).expanduser().absolute()
    folder = None
    if source.exists():
        folder = source if source.is_dir() else source.parent
        for column in (input_columns[0], label_columns[0]):
            dataset = open_image_paths(dataset, column, folder)
    return Table(dataset, origins, input_columns, label_columns, folder)


def _known(parts: dict[Any, Any]) -> dict[str | None, Any]:
    """Leave out splits such as `unsupervised` where there is one to train on."""
    others = [name for name in parts if name.lower() not in SPLIT_NAMES]
    if not others or all(SPLIT_NAMES.get(name.lower()) != "train" for name in parts):
        return dict(parts)
    note(f"left out: the splits {', '.join(others)}")
    return {name: part for name, part in parts.items() if name not in others}


def _labelled(parts: dict[str | None, Any], column: str) -> dict[str | None, Any]:
    """Leave out splits without labels, as the test splits of competitions are published (-1 for every class)."""
    from datasets import ClassLabel

    blind = [
        name
        for name, part in parts.items()
        if isinstance(part.features.get(column), ClassLabel) and set(part[column]) <= {-1, None}
    ]
    if not blind or len(blind) == len(parts):
        return parts
    note(f"left out: the splits without labels, {', '.join(map(str, blind))}")
    return {name: part for name, part in parts.items() if name not in blind}


def _joined(parts: dict[str | None, Any], source: str) -> Any:
    from datasets import concatenate_datasets

    kinds = {name: part.features for name, part in parts.items()}
    first = next(iter(kinds.values()))
    for name, features in kinds.items():
        if features != first:
            columns = sorted(key for key in features | first if features.get(key) != first.get(key))
            raise UserError(
                f"--data '{source}': the splits must have the same columns and classes, but '{name}' differs in "
                f"{', '.join(columns)}."
            )
    return concatenate_datasets(list(parts.values()))


def _label_columns(dataset: Any, wanted: list[str] | None) -> list[str]:
    if wanted is not None:
        return [find_label_column(dataset, name) for name in wanted]
    from datasets import ClassLabel

    masks = [name for name in MASK_NAMES if name in dataset.features]
    if masks and not any(isinstance(feature, ClassLabel) for feature in dataset.features.values()):
        return masks[:1]
    return [find_label_column(dataset, None)]
