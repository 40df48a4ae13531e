"""Explicit lists of image files as a data set; nothing is decoded, and no name is taken for a pattern."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


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
