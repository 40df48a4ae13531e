"""What a source holds, before its columns are chosen, and how it holds images: as {bytes, path}, never decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_metalr.data.ledger import Ledger, LeftOut

# Columns that come from where a file lies.
IMAGE, LABEL, MASK, SUBFOLDER = "image", "label", "mask", "subfolder"


@dataclass(frozen=True)
class Opened:
    """What a source holds. Every kind of source (`hf_metalr.data.kinds`) returns this.

    Attributes:
        parts: a `datasets.Dataset` for every split; one with the key None where there are none. Columns of images hold
            `Image(decode=False)`: {bytes, path}, decoded by `hf_metalr.data.images.decode` alone.
        folder: what paths of files are told relative to; None for a data set of the Hub.
        files: of a folder or of files: how many were found, and what was left out; None where there are no files.
        lost_rows: of tables, rows that are not in the parts: the reason, and what they are called.
        notes: what was decided on the user's behalf, one sentence each, such as where the splits come from.
    """

    parts: dict[str | None, Any]
    folder: Path | None = None
    files: Ledger | None = None
    notes: list[str] = field(default_factory=list)
    lost_rows: tuple[LeftOut, ...] = ()


def cells(folder: Path, names: Sequence[str | None]) -> list[dict[str, Any] | None]:
    """Return what a column of images holds of files in a folder."""
    root = folder.absolute()  # whoever reads the files later may be elsewhere
    return [None if name is None else {"bytes": None, "path": f"{root}/{name}"} for name in names]


def build(columns: Mapping[str, list[Any]], features: Mapping[str, Any]) -> Any:
    """Return the `datasets.Dataset` of these columns.

    Args:
        columns: the values; of images, those of `cells`.
        features: of every column, its type in `datasets`, such as `Image(decode=False)`.
    """
    from datasets import Dataset, Features

    return Dataset.from_dict({name: columns[name] for name in features}, features=Features(dict(features)))


def undecoded(dataset: Any) -> Any:
    """Return the data set with its columns of images as {bytes, path}."""
    from datasets import Image

    for name, feature in dataset.features.items():
        if isinstance(feature, Image) and feature.decode:
            dataset = dataset.cast_column(name, Image(decode=False))
    return dataset
