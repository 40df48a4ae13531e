"""Which columns are the input, which one the label, and labels as class numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.data.notes import note
from hf_metalr.cli.data.source import IMAGE_SUFFIXES
from hf_metalr.cli.errors import UserError

# Names that data sets of the Hub commonly use, tried when the types of the columns do not decide.
INPUT_NAMES = ("image", "img", "text", "sentence")
# Of two texts that are read together, as GLUE, SuperGLUE and many after them name them.
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "answer"),
    ("text1", "text2"),
)
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


def find_input_columns(dataset: Any, wanted: Sequence[str] | None, taken: Sequence[str | None]) -> list[str]:
    """Return the column of images or of texts, or the two columns of texts that are read as pairs, and tell the user.

    Without wanted columns that is the only column of images, or the only one of texts, or two that have the names of a
    pair, or one with a usual name.

    Args:
        dataset: the data.
        wanted: names that the user gave.
        taken: columns that serve another purpose, such as the labels.

    Raises:
        UserError: there is none, several could be meant, or what is wanted is no image, text or pair of texts.
    """
    from datasets import Image

    others = {name: feature for name, feature in dataset.features.items() if name not in taken}
    images = [name for name, feature in others.items() if isinstance(feature, Image)]
    texts = [name for name, feature in others.items() if _is_text(feature)]
    if wanted is not None:
        chosen = _wanted_inputs(dataset, wanted, taken, texts)
    elif not images and (pair := _pair_among(texts)):
        chosen = pair
    else:
        chosen = [_the_one(dataset, images or texts, INPUT_NAMES, "--input-column", "images or texts")]
    left = [name for name in images or texts if name not in chosen] if wanted is None else []
    words = f"pairs of the columns {' and '.join(chosen)}" if len(chosen) > 1 else f"column '{chosen[0]}'"
    note(f"input: {words}" + f" (not read: {', '.join(left)}; choose with --input-column)" * bool(left))
    return chosen


def _wanted_inputs(dataset: Any, wanted: Sequence[str], taken: Sequence[str | None], texts: Sequence[str]) -> list[str]:
    chosen = [_existing(dataset, name, "--input-column") for name in wanted]
    used = [name for name in chosen if name in taken]
    if used:
        raise UserError(f"--input-column '{used[0]}' holds the labels, groups or splits already. Name another column.")
    if len(chosen) > 1 and (len(chosen) > 2 or len({*chosen} & {*texts}) < 2):
        kinds = ", ".join(f"{name} ({_kind(dataset.features[name])})" for name in chosen)
        raise UserError(f"--input-column takes one column, or two different columns of texts for pairs, found {kinds}.")
    return chosen


def _pair_among(texts: Sequence[str]) -> list[str] | None:
    """Return the two texts of a pair, if the names speak for one pair and for no single text."""
    pairs = [pair for pair in PAIR_NAMES if set(pair) <= set(texts)]
    if len(pairs) != 1 or set(INPUT_NAMES) & (set(texts) - set(pairs[0])):
        return None
    return list(pairs[0])


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
    pair = "Name two columns of texts for pairs. " if option == "--input-column" and len(candidates) > 1 else ""
    raise UserError(f"{option} must name the column with the {what}; {found}. {pair}The columns are: {columns}.")


def _kind(feature: Any) -> str:
    from datasets import Value

    if _is_text(feature):
        return "text"
    return str(feature.dtype) if isinstance(feature, Value) else type(feature).__name__


def input_files(dataset: Any, column: str, folder: Path | None) -> list[str | None]:
    """Return the file that each image came from, relative to the folder where it lies there; None where unknown."""
    from datasets import Image

    if not isinstance(dataset.features[column], Image):
        return [None] * len(dataset)
    stored = dataset.select_columns([column]).with_format("arrow")[:].column(0)
    paths = [path for chunk in stored.chunks for path in chunk.field("path").to_pylist()]
    return [None if path is None else _shown(Path(path), folder) for path in paths]


def _shown(path: Path, folder: Path | None) -> str:
    return path.relative_to(folder).as_posix() if folder is not None and path.is_relative_to(folder) else path.name
