"""`read_inputs`: inputs without labels, from everything that `read_data` reads and from images that lie anyhow."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.listing import Listing, list_folder
from hf_metalr.data.folders.twins import find_twins
from hf_metalr.data.images.decode import IMAGE_SUFFIXES, ImageRefused, decode
from hf_metalr.data.kinds.saved import is_saved
from hf_metalr.data.labels.tasks import Modality
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import IMAGE, Opened, build
from hf_metalr.data.source import open_source
from hf_metalr.data.tables.columns import LABEL_NAMES, find_input_columns, is_image, values_of
from hf_metalr.data.tables.image_paths import file_columns, mark_images, open_paths, stored_images
from hf_metalr.data.tables.parts import choose_parts, joined, row_name
from hf_metalr.errors import InputError, Parameter

logger = logging.getLogger(__name__)
EMPTY = "it is empty"


@dataclass(frozen=True)
class Inputs:
    """Inputs of a model, row by row; nothing is decoded before it is asked for.

    Attributes:
        config: what the user said.
        files: of a folder or of files: how many were found, and what was left out.
        rows: how many were found, and what was left out.
        dataset: of `datasets`; images as {bytes, path}.
        columns: of the images, or of one or two texts.
        names: of every row, its file relative to the data, or its number where it has none.
        lost: rows whose image is not there, and why.
    """

    config: DataConfig
    files: Ledger | None
    rows: Ledger
    dataset: Any
    columns: list[str]
    names: Sequence[str]
    lost: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, row: int) -> tuple[Any, ...]:
        """Return the decoded image, or the text or pair of texts of a row.

        Raises:
            ImageRefused: it cannot be read; the message is the reason.
        """
        if row in self.lost:
            raise ImageRefused(self.lost[row])
        values = self._stored[row]
        if is_image(self.dataset.features[self.columns[0]]):
            return (decode(values[self.columns[0]], self.config.window),)
        texts = tuple(values[name] for name in self.columns)
        if any(not (text or "").strip() for text in texts):
            raise ImageRefused(EMPTY)
        return texts

    @cached_property
    def _stored(self) -> Any:
        return self.dataset.select_columns(self.columns)


def read_inputs(config: DataConfig, modality: Modality) -> Inputs:
    """Find and open inputs; what is decided on the user's behalf is logged.

    A folder gives every image in it, however they lie, without masks beside them; a folder without images its tables.
    Image files may be named one by one. Of data with splits all are read, or the one that `config.split` names.

    Args:
        config: what the user said of his data; labels are of no account.
        modality: what the model reads.

    Raises:
        InputError: nothing is there, or the inputs cannot be told from other columns.
    """
    opened = _open(config)
    parts = {name: part for name, part in opened.parts.items() if len(part)}
    rows, notes = Ledger("row", sum(map(len, parts.values()))), list(opened.notes)
    if config.split is not None:
        parts, rows, told = choose_parts(opened.parts, config, several_splits=True)
        notes += told
    if not parts:
        raise InputError("data", f"has no rows: '{config.data[0]}'.")
    rows = rows.and_lost(opened.lost_rows)
    parts = {name: mark_images(part.with_format(None)) for name, part in parts.items()}
    main = next(iter(parts.values()))
    columns = _columns(main, config, opened.folder, modality)
    dataset, differing = joined(parts, columns, config.data[0])
    several = len(parts) > 1
    places = [row_name(name if several else None, row) for name, part in parts.items() for row in range(len(part))]
    lost: dict[int, str] = {}
    if modality == "image":
        cells_before = None if is_image(dataset.features[columns[0]]) else values_of(dataset, columns[0])
        dataset, lost, told = open_paths(dataset, columns[0], opened.folder)
        notes += told
        if cells_before is not None:
            lost = {row: f"{reason} ('{cells_before[row] or ''}')" for row, reason in lost.items()}
    for note in (*notes, *differing, f"input: {_listed(columns)}"):
        logger.info("%s", note)
    names = _names(dataset, columns[0], opened.folder, places)
    for line in (opened.files, rows):
        if line is not None:
            logger.info("%s", "\n".join([f"{line}", *(f"  left out, {entry}" for entry in line.left_out)]))
    return Inputs(config, opened.files, rows, dataset, columns, names, lost)


def _open(config: DataConfig) -> Opened:
    paths = [Path(source).expanduser() for source in config.data]
    if all(path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES for path in paths):
        return _of_images([str(path.absolute()) for path in paths], Path.cwd(), Ledger("file", len(paths)), [])
    if len(paths) == 1 and paths[0].is_dir() and not is_saved(paths[0]):
        listing = list_folder(paths[0].absolute())
        if listing.images:
            return _of_folder(listing)
    return open_source(replace(config, label_column=None))


def _of_folder(listing: Listing) -> Opened:
    twins = find_twins(listing.images)
    files = listing.files.without("mask, not an image", twins.names)
    files = files.without("table, which predicting from a folder of images does not read", listing.tables)
    names = [name for name in listing.images if name in twins.folders]
    return _of_images([f"{listing.folder}/{name}" for name in names], listing.folder, files, list(listing.notes))


def _of_images(paths: Sequence[str], folder: Path, files: Ledger, notes: list[str]) -> Opened:
    from datasets import Image

    stored = {IMAGE: [{"bytes": None, "path": path} for path in paths]}
    return Opened({None: build(stored, {IMAGE: Image(decode=False)})}, folder, files, notes)


def _columns(dataset: Any, config: DataConfig, folder: Path | None, modality: Modality) -> list[str]:
    files = file_columns(dataset, folder)
    labels = [name for name in dataset.features if name.lower() in LABEL_NAMES]
    columns = find_input_columns(dataset.features, config.input_column, labels, files)
    found = "image" if is_image(dataset.features[columns[0]]) or columns[0] in files else "text"
    if found != modality:
        raise InputError(
            "data",
            f"must hold {modality}s, which the model reads, but column '{columns[0]}' holds {found}s. Name another "
            "with ",
            Parameter("input_column"),
            ", or use a model for them.",
        )
    return columns


def _listed(columns: Sequence[str]) -> str:
    return f"pairs of the columns {' and '.join(columns)}" if len(columns) > 1 else f"column '{columns[0]}'"


def _names(dataset: Any, column: str, folder: Path | None, places: Sequence[str]) -> list[str]:
    if not is_image(dataset.features[column]):
        return list(places)
    names = []
    for (path, _), place in zip(stored_images(dataset, column), places, strict=True):
        here = None if path is None else Path(path)
        inside = here is not None and folder is not None and here.is_relative_to(folder)
        names.append(place if here is None else here.relative_to(folder).as_posix() if inside and folder else str(here))
    twice = {name for name, count in Counter(names).items() if count > 1}  # as in splits that number their images
    return [f"{name} ({place})" if name in twice else name for name, place in zip(names, places, strict=True)]
