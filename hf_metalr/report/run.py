"""What an output folder tells about its run."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.plotting.history_table import HistoryRow, read_table
from hf_metalr.transferability import TransferabilityProfile
from hf_metalr.transferability.storage import PROFILE_NAME

LEARNED_RATES_NAME, STATE_NAME = "metalr.json", "trainer_state.json"
# Larger than any file of facts that a run writes; a trainer's log of a million lines would take minutes to read.
MOST_BYTES = 64 * 2**20

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
        ValueError: there is no history, or a file is damaged.
    """
    folder = path if path.is_dir() else path.parent
    rows = _history(path / HISTORY_NAME if path.is_dir() else path)
    read_table(rows)  # refuses what cannot be drawn
    if not path.is_dir():
        return Run(path.stem, rows)
    learned, config = read_object(folder / LEARNED_RATES_NAME), read_object(folder / "config.json")
    profile = TransferabilityProfile.load(folder / PROFILE_NAME) if (folder / PROFILE_NAME).is_file() else None
    return Run(
        name=folder.resolve().name,
        rows=rows,
        head_groups=_heads(learned, profile),
        initial_lrs={
            str(group.get("name")): float(group["first_lr"])
            for group in _groups(learned)
            if _is_finite(group.get("first_lr")) and group["first_lr"] > 0
        },
        facts=_facts(learned, config),
        metrics=_metrics(folder, learned),
        settings=_texts(
            {key: learned[key] for key in ("meta_estimator", "lr_update", "optimizer", "seed") if key in learned}
            | _object(learned, "settings")
        ),
        versions=_texts(_object(learned, "versions")),
        profile=profile,
    )


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, an empty one where there is no such file.

    Raises:
        ValueError: the file is too large or holds no JSON object.
    """
    if not path.is_file():
        return {}
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} must have at most {MOST_BYTES} bytes, found {path.stat().st_size}. Remove it.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}). Mend or remove it.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, found {type(content).__name__}. Mend or remove it.")
    return content


def _history(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist. MetaLRTrainer writes it into its output_dir: name that folder, or the file."
        )
    return read_history(path)


def _groups(learned: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = learned.get("layer_groups")
    return [group for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []


def _heads(learned: Mapping[str, Any], profile: TransferabilityProfile | None) -> list[str]:
    found = [str(group.get("name")) for group in _groups(learned) if group.get("is_head") is True]
    if not found and profile is not None:
        found = [layer.name for layer in profile.layers if layer.is_head]
    return found or ["head"]


def _facts(learned: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    classes = config.get("architectures")
    labels = config.get("id2label")
    seconds = learned.get("train_seconds")
    found = {
        "model": learned.get("model_class") or (classes[0] if isinstance(classes, list) and classes else None),
        "started from": learned.get("base_model"),
        "data": learned.get("dataset_name") or learned.get("dataset"),
        "task": learned.get("task"),
        "classes": ", ".join(map(str, labels.values())) if isinstance(labels, dict) and len(labels) <= 20 else None,
        "training time": f"{seconds:.0f} s" if _is_finite(seconds) else None,
    }
    return {key: str(value) for key, value in found.items() if value}


def _metrics(folder: Path, learned: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return finite metrics by split: of `metalr.json`, `*_results.json`, else the last evaluation that was logged."""
    found = {split: _numbers(values) for split, values in _object(learned, "results").items()}
    for path in sorted(folder.glob("*_results.json")):
        split = path.name.removesuffix("_results.json")
        if split != "all":  # the same again
            found.setdefault(split, _numbers(read_object(path), f"{split}_"))
    if not found:
        logged = [row for row in _log(folder) if "eval_loss" in row]
        found = {"validation": _numbers(logged[-1], "eval_")} if logged else {}
    return {split: values for split, values in found.items() if values}


def _log(folder: Path) -> list[dict[str, Any]]:
    checkpoints = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    checkpoints.sort(key=lambda path: int(path.name.rpartition("-")[2]))
    places = [folder, *reversed(checkpoints)]
    state = next((place / STATE_NAME for place in places if (place / STATE_NAME).is_file()), None)
    rows = [] if state is None else read_object(state).get("log_history")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _numbers(values: object, prefix: str = "") -> dict[str, float]:
    """Return the finite numbers whose key has the prefix, without it; speeds and counts of the run are no metrics."""
    if not isinstance(values, dict):
        return {}
    named = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    return {
        key: float(value)
        for key, value in named.items()
        if _is_finite(value) and not key.endswith(("_per_second", "runtime", "_time", "_memory")) and key != "epoch"
    }


def _object(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
