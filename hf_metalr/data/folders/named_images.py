"""Tables whose rows name images of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.folders.naming import FileIndex

# Columns of files in tables that are published, for when several could be meant.
FILE_COLUMNS = ("file_name", "filename", "file", "path", "filepath", "image", "image_path", "image_id", "img", "id")


@dataclass(frozen=True)
class NamedImages:
    """A table, and the images that its rows name.

    Attributes:
        table: file, relative to the folder.
        dataset: its rows.
        images: of every column that names images, the best one first, the file of each row; None where there is none.
        unclear: cells of the best column that could mean several files, in words.
    """

    table: str
    dataset: Any
    images: dict[str, list[str | None]]
    unclear: tuple[str, ...]

    @property
    def column(self) -> str:
        """The column that names most images, usual names first."""
        return next(iter(self.images))

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
    hits = {name: _hits(dataset[name][:], base, indexes) for name in _candidates(dataset)}
    hits = {name: files for name, files in hits.items() if _enough(files, len(images))}
    texts = {name: files for name, files in hits.items() if _is_text(dataset, name)}
    if not hits:
        return NamedImages(table, dataset, {}, ())
    # Numbers, such as an age, name images by chance where texts do.
    best = min(texts or hits, key=lambda name: (-_distinct(hits[name]), *_rank(name)))
    cells = dataset[best][:]
    several = [row for row, files in enumerate(hits[best]) if len(files) > 1]
    unclear = [f"row {row} of '{best}': '{cells[row]}' is {' or '.join(hits[best][row][:3])}" for row in several]
    found = {name: files for name, files in texts.items() if name != best and _all_differ(files)}
    named = {name: [one[0] if len(one) == 1 else None for one in files] for name, files in found.items()}
    main = [files[0] if len(files) == 1 else None for files in hits[best]]
    return NamedImages(table, dataset, {best: main} | named, tuple(unclear))


def _hits(values: Sequence[Any], base: str, indexes: tuple[FileIndex, FileIndex]) -> list[list[str]]:
    found = {cell: indexes[0].find(cell, base) or indexes[1].find(cell, base) for cell in set(values)}
    return [found[cell] for cell in values]


def _enough(hits: Sequence[list[str]], images: int) -> bool:
    distinct = _distinct(hits)
    return bool(distinct) and distinct * 2 >= min(len(hits), images)


def _distinct(hits: Sequence[list[str]]) -> int:
    return len({files[0] for files in hits if files})


def _all_differ(hits: Sequence[list[str]]) -> bool:
    """Tell a second image, such as the other eye or the mask, from words that are names of images by chance."""
    return all(len(files) < 2 for files in hits) and _distinct(hits) == sum(map(bool, hits))


def _candidates(dataset: Any) -> list[str]:
    kinds = {name: str(getattr(feature, "dtype", "")) for name, feature in dataset.features.items()}
    return [name for name, kind in kinds.items() if kind.startswith(("string", "large_string", "int", "uint", "float"))]


def _is_text(dataset: Any, column: str) -> bool:
    return "string" in str(dataset.features[column].dtype)


def _rank(column: str) -> tuple[int, str]:
    name = column.lower().replace(" ", "_")
    return (FILE_COLUMNS.index(name) if name in FILE_COLUMNS else len(FILE_COLUMNS), column)
