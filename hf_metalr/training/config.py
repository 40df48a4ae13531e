"""Everything that a user says of one fine-tune, in one object: `hf_metalr.training.run` does what it says."""

import argparse
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.labels.tasks import TASKS
from hf_metalr.options import not_negative, option, positive_int, seed

_SPLITS, _TRAINING, _OUTPUT = "splits", "training", "output"


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


@dataclass(frozen=True)
class TrainingConfig:
    """One fine-tune. The words of its options explain the fields.

    Attributes:
        data: what the user says of his data.
        learned_rates: fields that `MetaLRTrainingArguments` adds to those of Transformers; others keep their default.
    """

    data: DataConfig
    model: str = option("folder or Hub id of the pre-trained model", metavar="MODEL")
    output_dir: Path = option("where everything is written", metavar="FOLDER")
    task: str | None = option(
        f"{', '.join(TASKS[:-1])} or {TASKS[-1]} (default: guessed from the labels, and told)",
        default=None,
        metavar="TASK",
        choices=TASKS,
    )
    split_column: str | None = option(
        "column that says train, validation or test", default=None, metavar="NAME", group=_SPLITS
    )
    validation_size: float = option("of the data", default=0.2, type=float, metavar="SHARE", group=_SPLITS)
    test_size: float = option("of the data", default=0.0, type=float, metavar="SHARE", group=_SPLITS)
    split_seed: int = option(
        "draws the splits; other than --seed, so that runs with other seeds share them",
        default=0,
        type=seed,
        metavar="N",
        group=_SPLITS,
    )
    no_duplicate_search: bool = option(
        "do not look for images or texts that occur twice (they are told, above all where two splits share them)",
        default=False,
        group=_SPLITS,
    )
    epochs: float | None = option(
        "passes over the training data (default: 3)", default=None, type=not_negative, metavar="X", group=_TRAINING
    )
    batch_size: int = option("samples per device and step", default=32, type=positive_int, metavar="N", group=_TRAINING)
    learning_rate: float | None = option(
        "where rates start (default: chosen from the weights)",
        default=None,
        type=not_negative,
        metavar="RATE",
        group=_TRAINING,
    )
    image_size: int | None = option(
        "side of the images that the model is given, in pixels; sets its processor and its configuration together "
        "(default: the model's own)",
        default=None,
        type=positive_int,
        metavar="PIXELS",
        group=_TRAINING,
    )
    augment: str = option(
        "vary training images. light: crop, shift, exposure, mirror left and right; medical: turn by up to 7 "
        "degrees, size, shift, exposure, never mirrored",
        default="none",
        choices=("none", "light", "medical"),
        group=_TRAINING,
    )
    no_flip: bool = option(
        "never mirror images: left and right matter (with --augment light)", default=False, group=_TRAINING
    )
    class_weights: str = option(
        "balanced: rare classes weigh as much as frequent ones",
        default="none",
        choices=("none", "balanced"),
        group=_TRAINING,
    )
    metric: str | None = option(
        "chooses the best model: loss or a metric of the task (default: balanced_accuracy, mean_average_precision, "
        "mean_dice or rmse)",
        default=None,
        metavar="NAME",
        group=_TRAINING,
    )
    patience: int | None = option(
        "stop after N evaluations without a better metric",
        default=None,
        type=positive_int,
        metavar="N",
        group=_TRAINING,
    )
    resume: bool = option("go on from the last whole checkpoint, if there is one", default=False, group=_TRAINING)
    overwrite: bool = option("write over a finished model in the output folder", default=False, group=_TRAINING)
    settings: dict[str, Any] = option(
        "any other field of TrainingArguments, such as warmup_steps=50 lr_scheduler_type=cosine",
        default={},
        name="--set",
        type=assignment,
        several=True,
        metavar="NAME=VALUE",
        group=_TRAINING,
    )
    model_settings: dict[str, Any] = option(
        "fields of the model's configuration, such as classifier_dropout_prob=0.2",
        default={},
        name="--model-set",
        type=assignment,
        several=True,
        metavar="NAME=VALUE",
        group=_TRAINING,
    )
    trust_remote_code: bool = option("allow code of a Hub model to run", default=False, group=_TRAINING)
    data_name: str | None = option(
        "of the data on the model card (default: the folder's, file's or Hub name)",
        default=None,
        metavar="NAME",
        group=_OUTPUT,
    )
    push_to_hub: str | None = option(
        "upload the result at the end; without ID under the name of the output folder",
        default=None,
        optional="",
        metavar="ID",
        group=_OUTPUT,
    )
    private: bool = option("make a new repository of the Hub private", default=False, group=_OUTPUT)
    learned_rates: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return every option by its name, those of the data and of the learned rates included."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return vars(own.pop("data")) | own.pop("learned_rates") | own
