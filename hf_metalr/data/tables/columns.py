"""Which columns are the input, the labels, the groups and the splits; all mistakes about them are told at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.near import near_misses
from hf_metalr.data.opened import MASK, SUBFOLDER
from hf_metalr.errors import InputError, Parameter

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
MASK_NAMES = (MASK, "masks", "annotation", "segmentation", "segmentation_mask")


@dataclass(frozen=True)
class Columns:
    """What is read: one column of images or texts or two of texts, one or several of labels; and what is told of it."""

    inputs: list[str]
    labels: list[str]
    notes: list[str]


def find_columns(
    features: Any, config: DataConfig, split_column: str | None = None, files: Sequence[str] = ()
) -> Columns:
    """Return the columns that the user named, or those that types and names speak for.

    Args:
        features: of the data set; columns of images are marked as such.
        config: what the user named.
        split_column: that says the split of each row.
        files: columns of text that hold names of image files.

    Raises:
        InputError: a named column does not exist, is of the wrong kind or serves twice, or several could be meant.
            The message holds all that is wrong.
    """
    mistakes: list[InputError] = []

    def attempt(find: Callable[[], list[str]]) -> list[str]:
        try:
            return find()
        except InputError as error:
            mistakes.append(error)
            return []

    others = [name for name in (config.group_column, split_column) if name is not None]
    for parameter, name in (("group_column", config.group_column), ("split_column", split_column)):
        if name is not None:
            attempt(lambda parameter=parameter, name=name: [_existing(features, name, parameter)])  # type: ignore[misc]
    labels = attempt(lambda: find_label_columns(features, config.label_column))
    inputs: list[str] = []
    if config.input_column is not None or labels:  # what is no label is not known before the labels are
        inputs = attempt(lambda: find_input_columns(features, config.input_column, [*labels, *others], files))
    if mistakes:
        raise joined_errors(mistakes)
    return Columns(inputs, labels, [_told(features, inputs, config, [*labels, *others], files)])


def joined_errors(errors: Sequence[InputError]) -> InputError:
    """Return one error that says all of them, each with its parameter."""
    words = list(errors[0].words)
    for error in errors[1:]:
        words += [" ", *([Parameter(error.parameter), " "] if error.parameter else []), *error.words]
    return InputError(errors[0].parameter, *words)


def find_label_columns(features: Any, wanted: Sequence[str] | None) -> list[str]:
    """Return the wanted columns, or the column of masks, or the only class column, or one with a usual name.

    Raises:
        InputError: there is none, or several could be meant.
    """
    if wanted is not None:
        names = [_existing(features, name, "label_column") for name in wanted]
        if len(set(names)) < len(names):
            raise InputError("label_column", f"must name different columns, found {', '.join(names)}.")
        return names
    from datasets import ClassLabel

    classes = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    masks = _called(MASK_NAMES, features)
    if masks and not classes:
        return masks[:1]
    if all(is_image(feature) for feature in features.values()):
        raise InputError(
            "label_column",
            f"must name the column with the labels, but there are images alone: {_listed(features)}. In a folder of "
            "images give each class a sub-folder, at least two of them.",
        )
    named = _called(LABEL_NAMES, features)
    return [_the_one(features, classes or named[:1], LABEL_NAMES, "label_column", "labels")]


def find_input_columns(
    features: Any, wanted: Sequence[str] | None, taken: Sequence[str], files: Sequence[str] = ()
) -> list[str]:
    """Return the column of images or of texts, or the two columns of texts that are read as pairs.

    Without wanted columns that is the only column of images, or the only one of texts, or two that have the names of a
    pair, or one with a usual name.

    Args:
        features: of the data.
        wanted: names that the user gave.
        taken: columns that serve another purpose, such as the labels.
        files: columns of text or numbers that hold names of image files.

    Raises:
        InputError: there is none, several could be meant, or what is wanted is no image, text or pair of texts.
    """
    images, texts = _candidates(features, taken, files)
    if wanted is not None:
        return _wanted_inputs(features, wanted, taken, texts, files)
    if not images and (pair := _pair_among(texts)):
        return pair
    return [_the_one(features, images or texts, INPUT_NAMES, "input_column", "images or texts")]


def values_of(dataset: Any, column: str) -> list[Any]:
    """Return all values of a column in one piece, which takes a tenth of the time of one row after the other."""
    return dataset.select_columns([column])[:][column]


def is_image(feature: Any) -> bool:
    """Return whether a column holds images."""
    from datasets import Image

    return isinstance(feature, Image)


def is_text(feature: Any) -> bool:
    """Return whether a column holds words."""
    return getattr(feature, "dtype", None) in ("string", "large_string")


def _candidates(features: Any, taken: Sequence[str], files: Sequence[str]) -> tuple[list[str], list[str]]:
    others = {name: feature for name, feature in features.items() if name not in taken and name != SUBFOLDER}
    images = [name for name, feature in others.items() if is_image(feature)]
    return images or [name for name in files if name in others], [
        name for name, feature in others.items() if is_text(feature) and name not in files
    ]


def _wanted_inputs(
    features: Any, wanted: Sequence[str], taken: Sequence[str], texts: Sequence[str], files: Sequence[str]
) -> list[str]:
    chosen = [_existing(features, name, "input_column") for name in wanted]
    if used := [name for name in chosen if name in taken]:
        raise InputError(
            "input_column", f"'{used[0]}' holds the labels, groups or splits already. Name another column."
        )
    kinds = ", ".join(f"{name} ({_kind(features[name])})" for name in chosen)
    if len(chosen) > 1 and (len(chosen) > 2 or len({*chosen} & {*texts}) < 2):
        raise InputError(
            "input_column", f"takes one column, or two different columns of texts for pairs, found {kinds}."
        )
    if not (is_image(features[chosen[0]]) or is_text(features[chosen[0]]) or chosen[0] in files):
        raise InputError(
            "input_column",
            f"must name a column of images, one image in a row, of file names or of texts, found {kinds}. The columns "
            f"are: {_listed(features)}.",
        )
    return chosen


def _pair_among(texts: Sequence[str]) -> list[str] | None:
    """Return the two texts of a pair, if the names speak for one pair and for no single text."""
    pairs = [pair for pair in PAIR_NAMES if set(pair) <= set(texts)]
    if len(pairs) != 1 or set(INPUT_NAMES) & (set(texts) - set(pairs[0])):
        return None
    return list(pairs[0])


def _told(features: Any, inputs: Sequence[str], config: DataConfig, taken: Sequence[str], files: Sequence[str]) -> str:
    images, texts = _candidates(features, taken, files)
    left = [name for name in images or texts if name not in inputs] if config.input_column is None else []
    words = f"pairs of the columns {' and '.join(inputs)}" if len(inputs) > 1 else f"column '{inputs[0]}'"
    return f"input: {words}" + f" (not read: {', '.join(left)}; choose with --input-column)" * bool(left)


def _existing(features: Any, wanted: str, parameter: str) -> str:
    if wanted not in features:
        names = list(features)
        raise InputError(parameter, f"'{wanted}' does not exist. The columns {near_misses(wanted, names)}.")
    return wanted


def _called(usual: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns with a usual name, in any case, in the order of the usual names."""
    return [name for word in usual for name in names if name.lower() == word]


def _the_one(features: Any, candidates: Sequence[str], usual: Sequence[str], parameter: str, what: str) -> str:
    """Return the only candidate, or the first usual name among several."""
    chosen = candidates if len(candidates) == 1 else _called(usual, candidates)
    if chosen:
        return chosen[0]
    found = f"several columns could be: {', '.join(candidates)}" if candidates else "no column is marked as such"
    pair = "Name two columns of texts for pairs. " if parameter == "input_column" and len(candidates) > 1 else ""
    raise InputError(
        parameter, f"must name the column with the {what}; {found}. {pair}The columns are: {_listed(features)}."
    )


def _listed(features: Any) -> str:
    return ", ".join(f"{name} ({_kind(feature)})" for name, feature in features.items())


def _kind(feature: Any) -> str:
    from datasets import Value

    if is_text(feature):
        return "text"
    return str(feature.dtype) if isinstance(feature, Value) else type(feature).__name__
