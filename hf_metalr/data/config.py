"""What a user says of his data: the same words in every command."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hf_metalr.options import option, positive_int, seed

FILE_RANGE = "file"
Window = tuple[float, float] | Literal["file"]


def regular_expression(text: str) -> str:
    """Return the text, for argparse, if it is a regular expression.

    Raises:
        argparse.ArgumentTypeError: it is none; the message says where it goes wrong.
    """
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"must be a regular expression, found '{text}': {error}") from error
    return text


def intensity(text: str) -> float | str:
    """Read a number or the word file, for argparse.

    >>> intensity("-160"), intensity("file")
    (-160.0, 'file')

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    if text == FILE_RANGE:
        return text
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be two numbers, such as 0 4095, or file; found '{text}'") from error


@dataclass(frozen=True)
class DataConfig:
    """What a user says of his data.

    Attributes:
        data: one folder, one or several files, or a data set of the Hub.
        subset: configuration of a data set of the Hub, such as sst2 of glue.
        split: the one split to use; None takes all (training) or the training split (everything else).
        input_column: of images or texts; two for pairs of texts; None finds it by type and name.
        label_column: of labels; several for one column of 0 and 1 per label; None finds it.
        group_column: no two splits share a value of this column, such as a patient.
        group_pattern: the same by the file's name: a regular expression, its first match or the first group of it.
        groups: the same by a table of its own, with a column of files and one of groups.
        window: intensities of deep images that become black and white; "file" takes each file's own range, None refuses
            images of more than 8 bits (DICOM files bring a window of their own).
        max_samples: at most so many; None for all.
        skip_damaged: leave out inputs that cannot be read instead of refusing them all.
        seed: of what is drawn.
    """

    data: tuple[str, ...] = option(
        "a folder of images (one sub-folder per class), CSV, TSV, JSON or parquet file(s), a folder written by "
        "save_to_disk, or a data set of the Hub (user/name)",
        metavar="SOURCE",
        several=True,
    )
    subset: str | None = option(
        "configuration of a data set of the Hub, such as sst2 of glue", default=None, metavar="NAME"
    )
    split: str | None = option(
        "the one split to use (default: training takes all, as they are; everything else the only one, or train)",
        default=None,
        metavar="NAME",
    )
    input_column: tuple[str, ...] | None = option(
        "column with the images or texts; two for pairs of texts, such as premise hypothesis (default: found by type "
        "and name, and told)",
        default=None,
        metavar="NAME",
        several=True,
    )
    label_column: tuple[str, ...] | None = option(
        "column with the labels (default: the class column); one per label if several",
        default=None,
        metavar="NAME",
        several=True,
    )
    group_column: str | None = option(
        "column such as patient_id: no two splits, folds or neighbours share a value of it",
        default=None,
        metavar="NAME",
    )
    group_pattern: str | None = option(
        "the same by the file's name: its first match, or the first (group) of it, such as 'patient_(\\d+)'",
        default=None,
        metavar="REGEX",
        type=regular_expression,
    )
    groups: Path | None = option(
        "the same by a table with a column of files and one of groups, for folders of images",
        default=None,
        metavar="FILE.csv",
    )
    window: Window | None = option(
        "images of more than 8 bits: the two intensities that become black and white, such as 0 4095, or file for each "
        "file's own range (default: they are refused; DICOM files bring their own)",
        default=None,
        metavar="LOW HIGH",
        type=intensity,
        several=True,
    )
    max_samples: int | None = option(
        "use at most N samples, for training of the training split, of each class its share (default: all)",
        default=None,
        metavar="N",
        type=positive_int,
    )
    skip_damaged: bool = option("leave out images that cannot be read and texts that are empty", default=False)
    seed: int = option("seed of every random choice", default=0, metavar="N", type=seed)

    def __post_init__(self) -> None:
        given: Any = self.window
        if given == (FILE_RANGE,):  # as the command line gives it
            object.__setattr__(self, "window", FILE_RANGE)
        if self.window is not None:
            from hf_metalr.data.images.deep.raster import require_window

            require_window(self.window)
