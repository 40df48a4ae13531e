"""`metalr.json`: what a run learned about learning rates, small enough to share.

    {"schema": "hf_metalr/learned_rates", "version": 1,
     "layer_groups": [{"name": "layer.0", "is_head": false, "held": false, "parameters": 7087872,
                       "first_lr": 0.001, "last_lr": 0.00031, "late_lr": 0.00029}, …],
     "meta_estimator": "lookahead", "lr_update": "log_adam", "optimizer": "adamw_torch", "steps": 780, "seed": 42,
     "settings": {"learning_rate": 0.001, "hyper_lr": 0.03, …}, "versions": {"torch": "2.13.0", …},
     "library": "transformers", "model_class": "ViTForImageClassification", "base_model": "google/vit-base-patch16-224",
     "loaded_by": null, "task": "image-classification", "num_labels": 2, "dataset": null, "dataset_name": null,
     "results": {"evaluation": {"loss": 0.21}}, "train_seconds": 312.5, "metalr_seconds": 14.2}

The keys are the fields of `LearnedRates` and `LayerRate`, documented in docs/learned-rates.md. Files may come from
anywhere, so every value is checked when one is read.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from hf_metalr.checked_json import (
    Reader,
    is_count,
    is_finite,
    is_number,
    is_object_of_texts,
    is_text,
    optional_number,
    read_object,
    read_rows,
    require_schema,
    write_object,
)

LEARNED_RATES_NAME = "metalr.json"
SCHEMA, VERSION = "hf_metalr/learned_rates", 1
# Ten thousand groups, one per tensor of a very large model, take about 2 MB.
MOST_BYTES = 4 * 2**20
# A rate above this is a mistake with every optimizer that the engine supports.
MOST_LR = 1e3
_LONGEST = 300  # characters of a name

Setting = str | int | float | bool | None


@dataclass(frozen=True)
class LayerRate:
    """The learned base rate of one layer group; a schedule's factor multiplies it.

    Attributes:
        name: of the layer group (`hf_metalr.make_layer_groups`).
        is_head: whether the group was trained from scratch.
        held: whether the rate was still held when training ended, so that nothing was learned about it.
        parameters: how many trainable numbers share the rate.
        first_lr: where the rate started.
        last_lr: where it ended.
        late_lr: its geometric mean over the last quarter of training, which a single meta step moves less.
    """

    name: str
    is_head: bool
    held: bool
    parameters: int
    first_lr: float
    last_lr: float
    late_lr: float


@dataclass(frozen=True)
class LearnedRates:
    """What one run learned, and under which circumstances.

    Attributes:
        layer_groups: input to output.
        meta_estimator: "lookahead" or "next_batch".
        lr_update: "proportional" or "log_adam".
        optimizer: name of the optimizer, as in `optim`, or its class where the user made it.
        steps: optimizer steps of the run.
        seed: of the run.
        settings: further settings, in the order to print.
        versions: library versions by name.
        library: what loads the model: "transformers", "peft", or None for a plain module.
        model_class: class of the model.
        loaded_by: of a model with code of its own: the auto class that its configuration names for it, or, where it
            names none, the model's class itself, of which only the author has the code. None for models of the library.
        base_model: Hub id of the pre-trained model; None where it is unknown or a local folder.
        task: task id of the Hub.
        num_labels: how many labels the head tells apart; None where it is no such head.
        dataset: Hub id of the training data.
        dataset_name: what the training data are called.
        results: metrics by split, finite ones only.
        train_seconds: wall-clock time of training, that before a resume included.
        metalr_seconds: of these, seconds of MetaLR's own work on the main process (`hf_metalr.trainer.cost`).
    """

    layer_groups: tuple[LayerRate, ...]
    meta_estimator: str
    lr_update: str
    optimizer: str
    steps: int
    seed: int
    settings: Mapping[str, Setting] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    library: str | None = None
    model_class: str | None = None
    loaded_by: str | None = None
    base_model: str | None = None
    task: str | None = None
    num_labels: int | None = None
    dataset: str | None = None
    dataset_name: str | None = None
    results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    train_seconds: float | None = None
    metalr_seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values with the name and version of the schema."""
        content = {"schema": SCHEMA, "version": VERSION} | asdict(self)
        return content | {"layer_groups": [asdict(group) for group in self.layer_groups]}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file; a crash leaves either the old one or the new one.

        Raises:
            ValueError: a value would not be accepted when the file is read.
        """
        content = self.to_dict()
        parse(content, str(path))
        write_object(content, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read and check a file.

        Raises:
            ValueError: it is too large, no learned rates of this version, or a value is missing, of another type or
                out of range.
        """
        return cls(**parse(read_object(path, MOST_BYTES, "file of learned rates"), str(path)))


def parse(content: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the checked fields of a `LearnedRates` from the JSON object of a file called ``place``."""
    require_schema(content, SCHEMA, VERSION, place, "Install the hf_metalr that wrote it, or train anew.")
    read = Reader(content, place)
    return {
        "layer_groups": read_rows(read, "layer_groups", "layer group", _layer_rate),
        "meta_estimator": read("meta_estimator", *_one_of("lookahead", "next_batch")),
        "lr_update": read("lr_update", *_one_of("proportional", "log_adam")),
        "optimizer": read("optimizer", *_LINE),
        "steps": read("steps", "an integer of at least 0", is_count),
        "seed": read("seed", "an integer of at least 0", is_count),
        "settings": read("settings", "an object of numbers, short texts, true, false and null", _are_settings),
        "versions": read("versions", "an object of texts", lambda v: is_object_of_texts(v) and all(map(_is_line, v))),
        "library": read("library", *_one_of("transformers", "peft", None)),
        **{name: read(name, *_OPTIONAL_LINE) for name in _OPTIONAL_LINES},
        "num_labels": read("num_labels", "an integer of at least 1, or null", _is_optional_number_of_labels),
        "results": read("results", "an object from split to an object of finite numbers", _are_results),
        **{name: read(name, *_OPTIONAL_SECONDS) for name in ("train_seconds", "metalr_seconds")},
    }


def _layer_rate(read: Reader) -> LayerRate:
    rate = (f"a number from 0 to {MOST_LR:g}", lambda v: is_number(v) and 0 <= v <= MOST_LR)
    return LayerRate(
        name=read("name", *_LINE),
        is_head=read("is_head", "true or false", lambda v: type(v) is bool),
        held=read("held", "true or false", lambda v: type(v) is bool),
        parameters=read("parameters", "an integer of at least 1", lambda v: is_count(v) and v >= 1),
        first_lr=float(read("first_lr", *rate)),
        last_lr=float(read("last_lr", *rate)),
        late_lr=float(read("late_lr", *rate)),
    )


def _is_line(value: object) -> bool:
    # Line breaks and control characters would escape from the tables and messages that names are printed in.
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _one_of(*choices: str | None) -> tuple[str, Any]:
    words = " or ".join("null" if choice is None else repr(choice) for choice in choices)
    return words, lambda value: value in choices if value is None or is_text(value) else False


def _are_settings(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_line(name) and (setting is None or type(setting) is bool or is_finite(setting) or is_text(setting))
        for name, setting in value.items()
    )


def _are_results(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_line(split) and isinstance(metrics, dict) and all(_is_line(name) for name in metrics)
        and all(map(is_finite, metrics.values()))
        for split, metrics in value.items()
    )  # fmt: skip


def _is_optional_number_of_labels(value: object) -> bool:
    return value is None or (is_count(value) and value != 0)


def _not_negative(value: float) -> bool:
    return 0 <= value < math.inf


_LINE = (f"a text of 1 to {_LONGEST} characters in one line", _is_line)
_OPTIONAL_LINE = (f"{_LINE[0]}, or null", lambda value: value is None or _is_line(value))
_OPTIONAL_SECONDS = optional_number("a finite number of at least 0", _not_negative)
_OPTIONAL_LINES = ("model_class", "loaded_by", "base_model", "task", "dataset", "dataset_name")
