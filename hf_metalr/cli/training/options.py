"""The options of `train`."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data import add_data_options
from hf_metalr.cli.numbers import not_negative, positive_int
from hf_metalr.cli.training.fields import add_field_options

TASK_NAMES = ("classification", "multi-label", "segmentation", "regression")
AUGMENTATIONS = ("none", "light", "medical")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; what is not given is left to `MetaLRTrainingArguments`."""
    parser.add_argument("--model", required=True, metavar="MODEL", help="folder or Hub id of the pre-trained model")
    parser.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where everything is written")
    parser.add_argument(
        "--task",
        choices=TASK_NAMES,
        metavar="TASK",
        help=f"{', '.join(TASK_NAMES[:-1])} or {TASK_NAMES[-1]} (default: guessed from the labels, and told)",
    )
    add_data_options(
        parser,
        required=True,
        sampled="training samples",
        several_labels=True,
        pairs=True,
        split="the one split to use and to divide (default: all, as they are)",
    )
    _add_split_options(parser)
    _add_training_options(parser)
    add_field_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print the result as JSON")
    output.add_argument(
        "--data-name", metavar="NAME", help="of the data on the model card (default: the folder's, file's or Hub name)"
    )
    output.add_argument(
        "--push-to-hub",
        nargs="?",
        const="",
        metavar="ID",
        help="upload the result at the end; without ID under the name of the output folder",
    )
    output.add_argument("--private", action="store_true", help="make a new repository of the Hub private")


def _add_split_options(parser: argparse.ArgumentParser) -> None:
    splits = parser.add_argument_group("splits", "Splits that the data have are kept; missing ones are drawn.")
    splits.add_argument("--split-column", metavar="NAME", help="column that says train, validation or test")
    splits.add_argument(
        "--validation-size", type=float, default=0.2, metavar="SHARE", help="of the data (default: 0.2)"
    )
    splits.add_argument("--test-size", type=float, default=0.0, metavar="SHARE", help="of the data (default: 0)")
    groups = splits.add_mutually_exclusive_group()
    groups.add_argument(
        "--group-column", metavar="NAME", help="no two splits share a value of this column, such as patient_id"
    )
    groups.add_argument(
        "--group-pattern",
        type=regular_expression,
        metavar="REGEX",
        help="the same by the file's name: its first match, or the first (group) of it, such as 'patient_(\\d+)'",
    )


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=not_negative, metavar="X", help="passes over the training data (default: 3)")
    training.add_argument(
        "--batch-size", type=positive_int, default=32, metavar="N", help="samples per device and step (default: 32)"
    )
    training.add_argument(
        "--learning-rate", type=not_negative, metavar="RATE", help="where rates start (default: 5e-5)"
    )
    training.add_argument(
        "--augment",
        choices=AUGMENTATIONS,
        default="none",
        help="vary training images. light: crop, shift, exposure, mirror left and right; medical: turn by up to 7 "
        "degrees, size, shift, exposure, never mirrored (default: none)",
    )
    training.add_argument(
        "--no-flip", action="store_true", help="never mirror images: left and right matter (with --augment light)"
    )
    training.add_argument(
        "--class-weights",
        choices=["none", "balanced"],
        default="none",
        help="balanced: rare classes weigh as much as frequent ones (default: none)",
    )
    training.add_argument(
        "--metric",
        metavar="NAME",
        help="chooses the best model: loss or a metric of the task (default: balanced_accuracy, "
        "mean_average_precision, mean_dice or rmse)",
    )
    training.add_argument(
        "--patience", type=positive_int, metavar="N", help="stop after N evaluations without a better metric"
    )
    training.add_argument("--resume", action="store_true", help="go on from the last whole checkpoint, if there is one")
    training.add_argument(
        "--set",
        nargs="+",
        action="extend",
        type=assignment,
        metavar="NAME=VALUE",
        help="any other field of TrainingArguments, such as warmup_steps=50 lr_scheduler_type=cosine",
    )
    training.add_argument(
        "--model-set",
        nargs="+",
        action="extend",
        type=assignment,
        metavar="NAME=VALUE",
        help="fields of the model's configuration, such as classifier_dropout_prob=0.2",
    )
    training.add_argument("--trust-remote-code", action="store_true", help="allow code of a Hub model to run")


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


def assignment(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`, for argparse; the value as JSON where it is any, else as text.

    >>> assignment("warmup_steps=50"), assignment("lr_scheduler_type=cosine"), assignment("bf16=True")
    (('warmup_steps', 50), ('lr_scheduler_type', 'cosine'), ('bf16', True))
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, found '{text}'")
    words: dict[str, Any] = {"True": True, "False": False, "None": None}
    if value in words:
        return name, words[value]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def as_mapping(pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any]:
    """Return assignments as a mapping; of two for one name the last counts."""
    return dict(pairs or [])
