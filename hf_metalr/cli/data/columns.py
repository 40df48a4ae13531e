"""Which column is the input, which one the label, and labels as class numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.data.source import IMAGE_SUFFIXES
from hf_metalr.cli.errors import UserError

# Names that data sets of the Hub commonly use, tried when the types of the columns do not decide.
INPUT_NAMES = ("image", "img", "text", "sentence")
LABEL_NAMES = ("label", "labels", "target", "targets")
MASK_NAMES = ("mask", "masks", "annotation", "segmentation", "segmentation_mask")


def find_label_column(dataset: Any, wanted: str | None) -> str:
    """Return the wanted column, or the only class column, or one with a usual name.

    Raises:
        UserError: there is none, or several could be meant.
    """
    if wanted is not None:
        return _existing(dataset, wanted, "--label-column")
    from datasets import ClassLabel, Image

    if all(isinstance(feature, Image) for feature in dataset.features.values()):
        raise UserError(
            f"--label-column must name the column with the labels, but there are images alone: "
            f"{', '.join(f'{name} (Image)' for name in dataset.features)}. In a folder of images give each class a "
            "sub-folder, at least two of them."
        )
    classes = [name for name, feature in dataset.features.items() if isinstance(feature, ClassLabel)]
    named = [name for name in LABEL_NAMES if name in dataset.features]
    return _the_one(dataset, classes or named[:1], named, "--label-column", "labels")


def find_input_column(dataset: Any, wanted: str | None, label_column: str) -> str:
    """Return the wanted column, or the only column of images, or the only one of texts, or one with a usual name.

    Raises:
        UserError: there is none, or several could be meant.
    """
    if wanted is not None:
        return _existing(dataset, wanted, "--input-column")
    from datasets import Image

    others = {name: feature for name, feature in dataset.features.items() if name != label_column}
    images = [name for name, feature in others.items() if isinstance(feature, Image)]
    texts = [name for name, feature in others.items() if _is_text(feature)]
    return _the_one(dataset, images or texts, INPUT_NAMES, "--input-column", "images or texts")


def encode_labels(dataset: Any, column: str) -> tuple[Any, list[str] | None]:
    """Turn labels that are strings or booleans into class numbers, in the alphabetical order of their names.

    Returns:
        The data set, and the names in the order of their numbers; None when nothing was to be turned.

    Raises:
        UserError: a row without a label.
    """
    from datasets import ClassLabel

    values = list(dataset[column])
    unlabelled = [row for row, value in enumerate(values) if value is None or value == "" or value != value]
    if unlabelled:
        raise UserError(
            f"--label-column '{column}' must have a value in every row, found {len(unlabelled)} of {len(values)} rows "
            f"without one (the first is row {unlabelled[0]}). Remove them; if their label is a word such as None, NA "
            "or null, which counts as empty in a CSV file, rename it."
        )
    if not (_is_text(dataset.features[column]) or getattr(dataset.features[column], "dtype", None) == "bool"):
        return dataset, None
    names = sorted({str(value) for value in values})
    numbers = {name: number for number, name in enumerate(names)}
    encoded = [numbers[str(value)] for value in values]
    without = dataset.remove_columns(column)
    return without.add_column(column, encoded, feature=ClassLabel(names=names)), names


def open_image_paths(dataset: Any, column: str, folder: Path) -> Any:
    """Turn a text column that holds names of image files, relative to a folder, into a column of images.

    Raises:
        UserError: a named file does not exist.
    """
    from datasets import Image

    if not _is_text(dataset.features[column]) or not len(dataset):
        return dataset
    names = list(dataset[column])
    if not all(isinstance(name, str) and Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names):
        return dataset
    paths = [folder / name for name in names]
    lost = [row for row, path in enumerate(paths) if not path.is_file()]
    if lost:
        raise UserError(
            f"--input-column '{column}' names image files, but {len(lost)} of {len(paths)} do not exist, the first in "
            f"row {lost[0]}: '{paths[lost[0]]}'. Paths are relative to the folder of the table, '{folder}'."
        )
    without = dataset.remove_columns(column)
    return without.add_column(column, [str(path) for path in paths]).cast_column(column, Image())


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string")


def _existing(dataset: Any, wanted: str, option: str) -> str:
    if wanted not in dataset.features:
        names = list(dataset.features)
        raise UserError(f"{option} '{wanted}' does not exist. The columns {near_misses(wanted, names)}.")
    return wanted


def _the_one(dataset: Any, candidates: list[str], usual: Sequence[str], option: str, what: str) -> str:
    """Return the only candidate, or the first usual name among several."""
    chosen = candidates if len(candidates) == 1 else [name for name in usual if name in candidates]
    if chosen:
        return chosen[0]
    columns = ", ".join(f"{name} ({_kind(feature)})" for name, feature in dataset.features.items())
    found = f"several columns could be: {', '.join(candidates)}" if candidates else "no column is marked as such"
    raise UserError(f"{option} must name the column with the {what}; {found}. The columns are: {columns}.")


def _kind(feature: Any) -> str:
    from datasets import Value

    if _is_text(feature):
        return "text"
    return str(feature.dtype) if isinstance(feature, Value) else type(feature).__name__
