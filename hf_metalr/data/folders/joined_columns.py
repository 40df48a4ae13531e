"""Columns of tables that are joined to images in class folders, such as the patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.folders.named_images import NamedImages
from hf_metalr.data.opened import IMAGE, LABEL, MASK, SUBFOLDER
from hf_metalr.data.words import show


@dataclass(frozen=True)
class Extra:
    """A column of a table: its type in `datasets`, and the value of every image that the table names."""

    feature: Any
    values: dict[str, Any]


def join_columns(tables: Sequence[NamedImages], images: Sequence[str]) -> tuple[dict[str, Extra], set[str], list[str]]:
    """Join the columns of tables to the images that their rows name.

    A table is not used when it is not clear which images it names, or when two rows of an image differ.

    Args:
        tables: that name images.
        images: in class folders.

    Returns:
        The columns, the tables that are used, and what is to be told.
    """
    extras: dict[str, Extra] = {}
    used: set[str] = set()
    notes: list[str] = []
    for table in tables:
        taken = {*extras, IMAGE, LABEL, MASK, SUBFOLDER, *table.images}
        columns = [name for name in table.dataset.features if name not in taken]
        problem = _problem(table, columns)
        if problem:
            notes.append(f"the table '{table.table}' is not used: {problem}")
            continue
        extras.update(_columns(table, columns))
        used.add(table.table)
        notes.append(_told(table, columns, images))
    return extras, used, notes


def _problem(table: NamedImages, columns: Sequence[str]) -> str | None:
    if table.unclear:
        return f"its rows name images that are not clear, {table.unclear[0]}"
    rows: dict[str, int] = {}
    for row, file in enumerate(table.files):
        if file is not None and rows.setdefault(file, row) != row:
            first = rows[file]
            if any(table.dataset[name][row] != table.dataset[name][first] for name in columns):
                return f"its rows {first} and {row} name one image, '{file}', and differ"
    return None


def _columns(table: NamedImages, columns: Sequence[str]) -> dict[str, Extra]:
    kinds = table.dataset.features
    return {
        name: Extra(
            kinds[name],
            {file: value for file, value in zip(table.files, table.dataset[name][:], strict=True) if file is not None},
        )
        for name in columns
    }


def _told(table: NamedImages, columns: Sequence[str], images: Sequence[str]) -> str:
    """Say what is joined, and which images and rows have no counterpart."""
    named = set(table.files)
    without = [name for name in images if name not in named]
    words = f"labels are the class folders; '{table.table}' adds the columns {show(columns, 12)} by its column "
    words += f"'{table.column}'"
    if without:
        words += f"; {len(without)} of {len(images)} images have no row in it, such as '{without[0]}'"
    if None in named:
        words += f"; {table.files.count(None)} of its rows name no image, the first is row {table.files.index(None)}"
    return words
