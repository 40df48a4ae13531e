"""Cells that name image files, and cells that hold images as bytes, as one kind of column: `Image(decode=False)`."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_metalr.data.images.decode import IMAGE_SUFFIXES
from hf_metalr.data.opened import SUBFOLDER
from hf_metalr.data.tables.columns import is_image, is_text, values_of
from hf_metalr.errors import InputError

EMPTY, LOST, REMOTE = "it is empty", "no such file", "an address, which is not fetched"
LOOKED_AT = 200  # different cells, to see what a column holds
BATCH = 1000  # rows read at a time: images may lie in the table itself
_NEW = "paths of images"  # while both columns are there
_FILE_WORD = re.compile(r"file|image|img|path|scan|slide|id(?![a-z])", re.IGNORECASE)
_ADDRESS = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def mark_images(dataset: Any) -> Any:
    """Mark columns of images as such, not to be decoded: images, structs {bytes, path}, and plain bytes."""
    from datasets import Image, Value

    for name, feature in dataset.features.items():
        if getattr(feature, "dtype", None) == "large_binary":
            dataset = dataset.cast_column(name, Value("binary")).cast_column(name, Image(decode=False))
        elif (
            (is_image(feature) and feature.decode)
            or getattr(feature, "dtype", None) == "binary"
            or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})
        ):
            dataset = dataset.cast_column(name, Image(decode=False))
    return dataset


def file_columns(dataset: Any, folder: Path | None) -> list[str]:
    """Return the columns of words or whole numbers that name image files.

    At least half of their different cells end as images do, or are, with such an ending, names of files that exist.
    Whole numbers, which may mean anything, are names only in a column that is called so.
    """
    names = [
        name
        for name, feature in dataset.features.items()
        if (is_text(feature) and name != SUBFOLDER) or (_is_whole(feature) and _FILE_WORD.search(name))
    ]
    places = _places(dataset, folder)
    return [name for name in names if _names_files(values_of(dataset, name), places)]


def open_paths(dataset: Any, column: str, folder: Path | None) -> tuple[Any, dict[int, str], list[str]]:
    """Turn names of image files into images; a name is looked up beside its table, then in the folder of all.

    Of a name that does not exist blanks around it are left out, \\ is read as /, and an ending that one file has is
    added; each is told. Images without bytes of their own are looked up likewise.

    Returns:
        The data set, why rows have no image (the cell behind the reason), and what is to be told.

    Raises:
        InputError: most cells are addresses such as https://….
    """
    from datasets import Image

    if is_image(dataset.features[column]):
        stored = list(stored_images(dataset, column))
        own = [has_bytes for _, has_bytes in stored]
        if all(own):
            return dataset, {}, []
        cells: list[Any] = [path for path, _ in stored]
    else:
        cells = values_of(dataset, column)
        own = [False] * len(cells)
    remote = [cell for cell in cells if isinstance(cell, str) and _ADDRESS.match(cell.strip())]
    if 2 * len(remote) > len(cells):
        raise InputError(
            "input_column",
            f"'{column}' holds addresses such as '{remote[0]}', which are not fetched. Download the images, and write "
            "the names of their files into the column.",
        )
    places, told, reasons = _places(dataset, folder), Told(column), {}
    paths: list[str | None] = []
    for row, (cell, has_bytes) in enumerate(zip(cells, own, strict=True)):
        path = None if has_bytes else places[row].find(_text(cell), told)
        paths.append(None if path is None else str(path))
        if path is None and not has_bytes:
            reasons[row] = _reason(_text(cell))
    if any(own):
        return dataset, reasons, told.notes()  # bytes beside paths: the paths are as they were stored
    replaced = dataset.add_column(_NEW, paths).remove_columns(column).rename_column(_NEW, column)
    return replaced.cast_column(column, Image(decode=False)), reasons, told.notes()


def stored_images(dataset: Any, column: str) -> Iterator[tuple[str | None, bool]]:
    """Yield of each row the path of its image, and whether the table holds the image itself."""
    stored = dataset.select_columns([column]).with_format("arrow")
    for start in range(0, len(stored), BATCH):
        for chunk in stored[start : start + BATCH].column(0).chunks:
            fields = dict(zip((chunk.type.field(place).name for place in range(2)), chunk.flatten(), strict=True))
            yield from zip(fields["path"].to_pylist(), fields["bytes"].is_valid().to_pylist(), strict=True)


@dataclass
class Told:
    """How names were mended: of each way how often, and an example."""

    column: str
    ways: dict[str, list[str]] = field(default_factory=dict)

    def add(self, way: str, name: str) -> None:
        """Remember a name that was mended in this way."""
        self.ways.setdefault(way, []).append(name)

    def notes(self) -> list[str]:
        """Return a sentence for each way."""
        return [
            f"column '{self.column}': {way} in {len(names)} rows ('{names[0]}')" for way, names in self.ways.items()
        ]


class Place:
    """Folders in which the names of a table are looked up."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._listed: dict[Path, dict[str, list[Path]]] = {}
        self._below: dict[str, list[Path]] | None = None

    def find(self, name: str, told: Told | None = None) -> Path | None:
        """Return the file that a cell names, None where there is none; tell how the name was mended."""
        if not name or "\n" in name or "\0" in name or _ADDRESS.match(name.strip()):
            return None
        mended = {name: ""}
        bare = name.strip().removeprefix("file://")
        mended.setdefault(bare, "blanks around the name are left out" if bare != name else "")
        mended.setdefault(bare.replace("\\", "/"), "\\ is read as /")
        for form in ("NFC", "NFD"):  # macOS writes é as two characters
            mended.setdefault(unicodedata.normalize(form, bare), "accents are read in the other form of Unicode")
        for text, way in mended.items():
            for path in [folder / text for folder in self._folders] or [Path("/") / text]:
                if (found := path if _is_file(path) else self._with_suffix(path)) is not None:
                    if way and told is not None:
                        told.add(way, name)
                    if found is not path and told is not None:
                        told.add("the ending of the file is added", name)
                    return found
        below = None if re.search(r"[/\\\s]", bare) else self._one_below(bare)
        if below is not None and told is not None:
            told.add(f"files are found in the folder '{below.parent.name}' below the table", name)
        return below

    def _one_below(self, name: str) -> Path | None:
        """Return the only image of this name, with or without its ending, in the folders beside the table."""
        if self._below is None:
            self._below = {}
            for folder in [inner for outer in self._folders for inner in _inside(outer)]:
                for stem, images in self._images_in(folder).items():
                    for image in images:
                        self._below.setdefault(image.name, []).append(image)
                    self._below.setdefault(stem, []).extend(images)
        found = self._below.get(name, [])
        return found[0] if len(found) == 1 else None

    def _with_suffix(self, path: Path) -> Path | None:
        """Return the only image whose name is this one and an ending."""
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return None
        found = self._images_in(path.parent).get(path.name, [])
        return found[0] if len(found) == 1 else None

    def _images_in(self, folder: Path) -> dict[str, list[Path]]:
        """Return the images of a folder by their names without ending."""
        if folder not in self._listed:
            images: dict[str, list[Path]] = {}
            for file in _inside(folder):
                if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
                    images.setdefault(file.stem, []).append(file)
            self._listed[folder] = images
        return self._listed[folder]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text that is too long for a name, or a folder that may not be read
        return False


def _inside(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:  # no folder, or none that may be read
        return []


def _places(dataset: Any, folder: Path | None) -> list[Place]:
    """Return where the name in each row is looked up; without a folder names must be absolute."""
    if folder is None or SUBFOLDER not in dataset.features:
        return [Place([] if folder is None else [folder])] * len(dataset)
    names = [str(name) for name in values_of(dataset, SUBFOLDER)]
    places = {name: Place([folder / name, folder]) for name in dict.fromkeys(names)}
    return [places[name] for name in names]


def _names_files(values: Any, places: Sequence[Place]) -> bool:
    rows = {_text(value): row for row, value in reversed(list(enumerate(values))) if _text(value).strip()}
    looked_at = list(rows)[:: max(1, len(rows) // LOOKED_AT)]
    if not looked_at:
        return False
    if mostly_end_like_images(looked_at):
        return True
    return 2 * sum(places[rows[cell]].find(cell) is not None for cell in looked_at) >= len(looked_at)


def mostly_end_like_images(cells: Sequence[Any]) -> bool:
    """Return whether at least half of these cells, empty ones aside, end as names of images do."""
    filled = [cell for cell in map(_text, cells) if cell.strip()]
    ending = [cell for cell in filled if Path(cell.strip().split("?")[0]).suffix.lower() in IMAGE_SUFFIXES]
    return 2 * len(ending) >= len(filled) > 0


def _reason(cell: str) -> str:
    if not cell.strip():
        return EMPTY
    return REMOTE if _ADDRESS.match(cell.strip()) else LOST


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _is_whole(feature: Any) -> bool:
    return getattr(feature, "names", None) is None and str(getattr(feature, "dtype", "")).startswith(("int", "uint"))
