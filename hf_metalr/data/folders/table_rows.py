"""Rows of tables that name images, split by split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.named_images import NamedImages
from hf_metalr.data.ledger import LeftOut
from hf_metalr.data.words import show
from hf_metalr.errors import InputError


@dataclass
class Part:
    """Rows of one split.

    Attributes:
        tables: files that the rows are from.
        dataset: the rows.
        column: that names the images.
        images: of the columns that become images, the file of each row.
        split: that the rows belong to.
    """

    tables: list[str]
    dataset: Any
    column: str
    images: dict[str, list[str | None]]
    split: str | None = None

    @property
    def files(self) -> list[str | None]:
        """The image of every row."""
        return self.images[self.column]

    def select(self, rows: Sequence[int], split: str | None = None) -> "Part":
        """Return some of the rows."""
        images = {name: [files[row] for row in rows] for name, files in self.images.items()}
        return Part(self.tables, self.dataset.select(rows), self.column, images, split or self.split)

    def and_then(self, other: "Part") -> "Part":
        """Return the rows of both, of the same columns.

        Raises:
            InputError: the columns differ, or both have a row for one image.
        """
        from datasets import concatenate_datasets

        if self.dataset.features != other.dataset.features or set(self.images) != set(other.images):
            raise InputError("data", f"has tables of one split with other columns, {show(self.tables + other.tables)}.")
        both = sorted({*map(str, self.files)} & {*map(str, other.files)})
        if both:
            raise InputError(
                "data", f"has rows for the image '{both[0]}' in {show(self.tables + other.tables)}. Keep one."
            )
        images = {name: files + other.images[name] for name, files in self.images.items()}
        tables = [*self.tables, *other.tables]
        return Part(tables, concatenate_datasets([self.dataset, other.dataset]), self.column, images, self.split)


def take_rows(table: NamedImages, config: DataConfig, notes: list[str], lost_rows: list[LeftOut]) -> Part:
    """Return the rows of a table whose image is there; the others go to ``lost_rows``, and are told in ``notes``.

    Raises:
        InputError: no row has an image, or two rows that differ name the same.
    """
    wanted = [name for name in config.input_column or () if name in table.images]
    column = wanted[0] if wanted else table.column
    images = {
        name: files
        for name, files in table.images.items()
        if name == column or (name != config.group_column and files != table.images[column])
    }
    part = Part([table.table], table.dataset, column, images)
    cells = table.dataset[column][:]
    lost = [row for row, file in enumerate(part.files) if file is None]
    if len(lost) == len(cells):
        raise InputError("data", f"has the table '{table.table}', but no image that its column '{column}' names.")
    notes.append(f"'{table.table}' names the images in its column '{column}'")
    if lost:
        shown = ", ".join(f"row {row} ('{cells[row]}')" for row in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        notes.append(
            f"left out: {len(lost)} of {len(cells)} rows of '{table.table}' whose image is not there: {shown}{more}"
        )
        lost_rows.append(LeftOut(f"row of '{table.table}' whose image is not there", _names(lost)))
    twice = _repeated(part)
    if twice:
        notes.append(f"left out: {len(twice)} rows of '{table.table}' that repeat another, such as row {twice[0]}")
        lost_rows.append(LeftOut(f"row of '{table.table}' that repeats another", _names(twice)))
    return part.select(sorted({*range(len(cells))} - {*lost} - {*twice}))


def _names(rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"row {row}" for row in rows)


def _repeated(part: Part) -> list[int]:
    """Return rows that are equal to one before them."""
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(part.files):
        if file is not None:
            rows.setdefault(file, []).append(row)
    several = {file: numbers for file, numbers in rows.items() if len(numbers) > 1}
    differ = {f: n for f, n in several.items() if any(part.dataset[row] != part.dataset[n[0]] for row in n[1:])}
    if differ:
        file, numbers = next(iter(differ.items()))
        raise InputError(
            "data",
            f"has the table '{part.tables[0]}', where {len(differ)} image{'s' * (len(differ) > 1)} stand in several "
            f"rows that differ, such as '{file}' in rows {', '.join(map(str, numbers[:5]))}. Keep one row for each.",
        )
    return [row for numbers in several.values() for row in numbers[1:]]


def with_same_columns(
    parts: Sequence[Part], labels: Sequence[str] | None, notes: list[str]
) -> tuple[list[Part], list[Part]]:
    """Divide splits into those with the columns of the training split and those without labels, as of competitions.

    Args:
        parts: of all splits.
        labels: columns that a split must have; None for all columns of the training split.
        notes: what is left out is told here.

    Returns:
        Splits with the same columns, and the others.
    """
    first = next((part for part in parts if part.split == "train"), parts[0])
    needed = set(labels or first.dataset.column_names)
    blind = [part for part in parts if not needed <= set(part.dataset.column_names) and part is not first]
    for part in blind:
        lacking = [name for name in first.dataset.column_names if name not in part.dataset.column_names]
        notes.append(f"left out: the split {part.split} ('{part.tables[0]}'), which has no column {show(lacking)}")
    seeing = [part for part in parts if part not in blind]
    common = [name for name in first.dataset.column_names if all(name in part.dataset.column_names for part in seeing)]
    for part in seeing:
        extra = [name for name in part.dataset.column_names if name not in common]
        if extra:
            notes.append(f"left out: {show(extra)} of '{part.tables[0]}', columns that not every split has")
            part.dataset = part.dataset.remove_columns(extra)
            part.images = {name: files for name, files in part.images.items() if name in common}
    return seeing, blind


def refuse_shared(parts: Sequence[Part]) -> None:
    """Refuse images that two splits name.

    Raises:
        InputError: with the splits and an image.
    """
    seen: dict[str, Part] = {}
    for part in parts:
        for file in part.files:
            other = seen.setdefault(str(file), part)
            if other is not part:
                raise InputError(
                    "data",
                    f"has the image '{file}' in two splits, by '{other.tables[0]}' and '{part.tables[0]}'. A model "
                    "must not be tested on what it was trained on: keep one of the rows.",
                )
