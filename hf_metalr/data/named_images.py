"""Tables whose rows name images of a folder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.naming import FileIndex

# Columns of files in tables that are published, for when several could be meant.
FILE_COLUMNS = ("file_name", "filename", "file", "path", "filepath", "image", "image_path", "image_id", "img", "id")


@dataclass(frozen=True)
class NamedImages:
    """A table, and the images that its rows name.

    Attributes:
        table: file, relative to the folder.
        dataset: its rows.
        images: of every column that names images, the file of each row; None where there is none.
        unclear: cells that could mean several files, in words.
    """

    table: str
    dataset: Any
    images: dict[str, list[str | None]]
    unclear: tuple[str, ...]

    @property
    def column(self) -> str:
        """The column that names most images, usual names first."""
        return min(self.images, key=lambda name: (-len(_distinct(self.images[name])), *_rank(name)))

    @property
    def files(self) -> list[str | None]:
        """The image of every row, by `column`."""
        return self.images[self.column]


def name_images(table: str, dataset: Any, images: Sequence[str], others: Sequence[str]) -> NamedImages:
    """Match the cells of a table with images, by path, name or stem.

    A column names images when it does so in at least half of the rows (a table of few images of a folder), or names at
    least half of the images (a folder with part of the images of a table).

    Args:
        table: file, relative to the folder; paths in it are relative to where it lies, or to the folder.
        dataset: its rows.
        images: of the folder.
        others: images that are meant only by a cell that means no other, such as masks.
    """
    base = table.rpartition("/")[0]
    indexes = (FileIndex(images), FileIndex(others))
    found: dict[str, list[str | None]] = {}
    unclear: list[str] = []
    for column in _candidates(dataset):
        cells = list(dataset[column])
        hits = [indexes[0].find(cell, base) or indexes[1].find(cell, base) for cell in cells]
        several = [row for row, files in enumerate(hits) if len(files) > 1]
        distinct = len({files[0] for files in hits if files})
        if not distinct or distinct * 2 < min(len(cells), len(images)):
            continue
        found[column] = [files[0] if len(files) == 1 else None for files in hits]
        unclear += [f"row {row} of '{column}': '{cells[row]}' is {' or '.join(hits[row][:3])}" for row in several]
    numbers = {name for name in found if not _is_text(dataset, name)}
    if numbers != set(found):  # numbers such as an age name images by chance
        found = {name: files for name, files in found.items() if name not in numbers}
    return NamedImages(table, dataset, found, tuple(unclear) if found else ())


def _candidates(dataset: Any) -> list[str]:
    kinds = {name: str(getattr(feature, "dtype", "")) for name, feature in dataset.features.items()}
    return [name for name, kind in kinds.items() if kind.startswith(("string", "large_string", "int", "uint", "float"))]


def _is_text(dataset: Any, column: str) -> bool:
    return "string" in str(dataset.features[column].dtype)


def _distinct(files: Iterable[str | None]) -> set[str]:
    return {file for file in files if file is not None}


def _rank(column: str) -> tuple[int, str]:
    name = column.lower().replace(" ", "_")
    return (FILE_COLUMNS.index(name) if name in FILE_COLUMNS else len(FILE_COLUMNS), column)
