"""What an output folder tells about its run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_metalr.checked_json import is_finite, read_object
from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.errors import InputError
from hf_metalr.hub import LEARNED_RATES_NAME, LayerRate, LearnedRates
from hf_metalr.hub.card import duration, time_of_learning
from hf_metalr.plotting.history_table import HistoryRow, read_table
from hf_metalr.transferability import TransferabilityProfile
from hf_metalr.transferability.storage import PROFILE_NAME

CONFIG_NAME, STATE_NAME = "config.json", "trainer_state.json"
# Larger than any file of facts that a run writes; a trainer's log of a million lines would take minutes to read.
MOST_BYTES = 64 * 2**20
_SPLITS = {"eval": "evaluation"}  # what a trainer calls a split, and what `metalr.json` calls it

Facts = Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """What a report shows. Whatever is left empty is left out of it.

    Attributes:
        name: what the run is called.
        rows: its history, oldest row first.
        head_groups: the layer groups to show as heads.
        initial_lrs: where each rate began, before the first meta step; empty where that is not known.
        facts: model, data, task and the like, by the word to print.
        metrics: metric values by split.
        settings: of the run, by name.
        versions: of libraries, by name.
        profile: how far the pre-trained parameters carried.
    """

    name: str
    rows: Sequence[HistoryRow]
    head_groups: Sequence[str] = ("head",)
    initial_lrs: Mapping[str, float] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Facts = field(default_factory=dict)
    versions: Facts = field(default_factory=dict)
    profile: TransferabilityProfile | None = None


def read_run(path: Path) -> Run:
    """Gather the facts of a run from its output folder, or from a history file alone.

    Read are `metalr_history.jsonl` (needed), and where they are there `metalr.json`, `transferability.json`,
    `config.json`, `trainer_state.json` (of the folder, else of its last checkpoint) and `*_results.json`.

    Raises:
        InputError: there is no history, or a file is damaged; `metalr.json` and the profile are checked value by value.
    """
    folder = path if path.is_dir() else path.parent
    rows = _history(path / HISTORY_NAME if path.is_dir() else path)
    read_table(rows)  # refuses what cannot be drawn
    if not path.is_dir():
        return Run(path.stem, rows)
    learned = LearnedRates.load(folder / LEARNED_RATES_NAME) if (folder / LEARNED_RATES_NAME).is_file() else None
    profile = TransferabilityProfile.load(folder / PROFILE_NAME) if (folder / PROFILE_NAME).is_file() else None
    groups = () if learned is None else learned.layer_groups
    return Run(
        name=folder.resolve().name,
        rows=rows,
        head_groups=_heads(groups, profile),
        initial_lrs={group.name: group.first_lr for group in groups if group.first_lr > 0},
        facts=_facts(learned, _object(folder / CONFIG_NAME)),
        metrics=_metrics(folder, learned),
        settings={} if learned is None else _settings(learned),
        versions={} if learned is None else learned.versions,
        profile=profile,
    )


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file that others write and nobody checks; an empty one where there is none."""
    return read_object(path, MOST_BYTES, "file of a run's facts") if path.is_file() else {}


def _history(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise InputError(
            None,
            f"{path} does not exist. MetaLRTrainer writes it into its output_dir at the first "
            "meta step: name that folder or the file, or train for more steps.",
        )
    rows = read_history(path)
    if not rows:
        raise InputError(None, f"{path} holds no meta step. The run ended before its first one: train for more steps.")
    return rows


def _heads(groups: Sequence[LayerRate], profile: TransferabilityProfile | None) -> list[str]:
    layers = () if profile is None else profile.layers
    found = [group.name for group in groups if group.is_head] or [layer.name for layer in layers if layer.is_head]
    return found or ["head"]


def _settings(learned: LearnedRates) -> dict[str, str]:
    named = {key: getattr(learned, key) for key in ("meta_estimator", "lr_update", "optimizer", "seed")}
    settings = named | dict(learned.settings)
    if "learning_rate" in settings and settings["learning_rate"] is None:
        settings["learning_rate"] = "not stated"
    return {key: str(value) for key, value in settings.items() if value is not None}


def _facts(learned: LearnedRates | None, config: Mapping[str, Any]) -> dict[str, str]:
    classes, labels = config.get("architectures"), config.get("id2label")
    found: dict[str, object] = {
        "model": classes[0] if isinstance(classes, list) and classes else None,
        "classes": ", ".join(map(str, labels.values())) if isinstance(labels, dict) and len(labels) <= 20 else None,
    }
    if learned is not None:
        seconds = learned.train_seconds
        found = {
            "model": learned.model_class or found["model"],
            "started from": learned.base_model,
            "data": learned.dataset_name or learned.dataset,
            "task": learned.task,
            "classes": found["classes"],
            "training time": None if seconds is None else duration(seconds),
            "of it, learning the rates": time_of_learning(learned),
        }
    return {key: str(value) for key, value in found.items() if value}


def _metrics(folder: Path, learned: LearnedRates | None) -> dict[str, dict[str, float]]:
    """Return finite metrics by split: of `metalr.json`, `*_results.json`, else the last evaluation that was logged."""
    found = {} if learned is None else {split: _numbers(values) for split, values in learned.results.items()}
    for path in sorted(folder.glob("*_results.json")):
        split = path.name.removesuffix("_results.json")
        if split != "all":  # the same again
            found.setdefault(_SPLITS.get(split, split), _numbers(_object(path), f"{split}_"))
    if not found:
        logged = [row for row in _log(folder) if "eval_loss" in row]
        found = {_SPLITS["eval"]: _numbers(logged[-1], "eval_")} if logged else {}
    return {split: values for split, values in found.items() if values}


def _log(folder: Path) -> list[dict[str, Any]]:
    checkpoints = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    checkpoints.sort(key=lambda path: int(path.name.rpartition("-")[2]))
    places = [folder, *reversed(checkpoints)]
    state = next((place / STATE_NAME for place in places if (place / STATE_NAME).is_file()), None)
    rows = [] if state is None else _object(state).get("log_history")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the finite numbers whose key has the prefix, without it; speeds and counts of the run are no metrics."""
    named = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    return {
        key: float(value)
        for key, value in named.items()
        if is_finite(value) and not key.endswith(("_per_second", "runtime", "_time", "_memory")) and key != "epoch"
    }
