"""What a trainer has learned, as the record that is saved, shared and shown on the model card."""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datasets
from torch import nn
from transformers import PreTrainedModel

from hf_metalr.engine import MetaLR
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.history import HISTORY_NAME, iterate_history
from hf_metalr.engine.trust_region import has_trust_region
from hf_metalr.hub import LayerRate, LearnedRates
from hf_metalr.hub.card import has_labels, task_of
from hf_metalr.hub.learned_rates import Setting
from hf_metalr.hub.locate import is_model_id
from hf_metalr.trainer.run_start import RunStart

# Rates are averaged over this part of the run, its end. A choice: short enough to be where they arrived, long enough
# that one noisy meta step does not matter.
LATE_PART = 0.25

_SPLITS = {"eval_": "evaluation", "test_": "test"}
_NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "compilation_time")
# Shown in every record; the others where they differ from their default.
_ALWAYS = (
    "learning_rate",
    "optim",
    "lr_scheduler_type",
    "per_device_train_batch_size",
    "num_train_epochs",
    "layer_groups",
    "meta_every",
)
_WHERE_CHANGED = (
    "data_seed",
    "max_steps",
    "gradient_accumulation_steps",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "bf16",
    "fp16",
    "meta_batch_size",
    "meta_split",
    "max_lr_change",
    "backbone_lr_scale",
    "head_hold_steps",
    "head_hold_epochs",
)


def learned_rates_of(trainer: Any, start: RunStart) -> LearnedRates:
    """Return what a trainer has learned.

    Args:
        trainer: a `MetaLRTrainer` that has trained; the main process's.
        start: what its run began with, before any resume.
    """
    model = _described(trainer.model)
    library = _library_of(trainer.model)
    class_name = type(model).__name__
    dataset, dataset_name = _dataset_of(trainer.train_dataset)
    return LearnedRates(
        layer_groups=_layer_rates(trainer, start.lrs),
        meta_estimator=trainer.args.meta_estimator,
        lr_update=trainer.args.lr_update,
        optimizer=type(trainer.metalr.optimizer).__name__,
        steps=trainer.state.global_step,
        seed=trainer.args.seed,
        settings=_settings(trainer, start),
        versions=_versions(library),
        library=library,
        model_class=class_name,
        loaded_by=_loaded_by(model) if library else None,
        base_model=_base_model_of(model),
        num_labels=getattr(model.config, "num_labels", None) if library and has_labels(class_name) else None,
        task=task_of(class_name) if library else None,
        dataset=dataset,
        dataset_name=dataset_name,
        results=results_of(trainer),
        train_seconds=_train_seconds(trainer),
        metalr_seconds=_rounded(trainer._cost.metalr_seconds),
    )


def results_of(trainer: Any) -> dict[str, dict[str, float]]:
    """Return the newest metrics of each split that are those of the trainer's present model.

    What was evaluated after training counts. Of what was evaluated during it, the last; or, with
    ``load_best_model_at_end``, what belongs to the best step, whose weights the model has.
    """
    best = (trainer.state.best_global_step or None) if trainer.args.load_best_model_at_end else None
    results: dict[str, dict[str, float]] = {}
    during_training = False
    for row in _newest(trainer):
        during_training = during_training or "train_runtime" in row
        if during_training and best is not None and row.get("step") != best:
            continue
        for prefix, split in _SPLITS.items():
            for name, value in row.items():
                key = name.removeprefix(prefix)
                if key != name and not key.endswith(_NOT_METRICS) and _is_finite(value):
                    results.setdefault(split, {}).setdefault(key, float(value))
    return {split: results[split] for split in _SPLITS.values() if split in results}


def _train_seconds(trainer: Any) -> float | None:
    newest = next((row["train_runtime"] for row in _newest(trainer) if "train_runtime" in row), None)
    return None if newest is None else _rounded(trainer._cost.earlier_seconds + newest)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)  # as Trainer rounds its own


def _newest(trainer: Any) -> list[dict[str, Any]]:
    return trainer.state.log_history[::-1]


def _layer_rates(trainer: Any, first_lrs: Mapping[str, float]) -> tuple[LayerRate, ...]:
    rates = trainer.learning_rates
    parameters = dict(trainer.metalr.model.named_parameters())
    late = late_lrs(Path(trainer._run_folder()) / HISTORY_NAME)
    return tuple(
        LayerRate(
            name=group.name,
            is_head=group.is_head,
            held=group.name in trainer.metalr.held_groups,
            parameters=sum(parameters[name].numel() for name in group.parameter_names),
            first_lr=first_lrs.get(group.name, trainer.metalr.first_lrs[group.name]),
            last_lr=rates[group.name],
            late_lr=late.get(group.name, rates[group.name]),
        )
        for group in trainer.metalr.layer_groups
        if group.name in rates
    )


def late_lrs(history: Path) -> dict[str, float]:
    """Return the geometric mean of every base rate over the last quarter of a history; nothing where there is none."""
    if not history.is_file():
        return {}
    last_step = max((row["step"] for row in iterate_history(history)), default=0)
    logarithms: dict[str, list[float]] = {}
    for row in iterate_history(history):
        if row["step"] > last_step * (1 - LATE_PART):
            for name, lr in row["base_lr"].items():
                logarithms.setdefault(name, []).append(math.log(lr) if lr > 0 else -math.inf)
    return {name: math.exp(sum(values) / len(values)) for name, values in logarithms.items()}


def _described(model: nn.Module) -> nn.Module:
    """The model that a reader knows: neither compiled nor an adapter's wrapper."""
    model = getattr(model, "_orig_mod", model)
    return model.get_base_model() if _library_of(model) == "peft" else model  # type: ignore[operator]


def _library_of(model: nn.Module) -> str | None:
    model = getattr(model, "_orig_mod", model)
    if hasattr(model, "get_base_model") and isinstance(getattr(model, "peft_config", None), dict):
        return "peft"
    return "transformers" if isinstance(model, PreTrainedModel) else None


def _loaded_by(model: nn.Module) -> str | None:
    """What loads a model whose class is none of Transformers: an auto class that it is registered for, or itself."""
    named = next(kind for kind in type(model).__mro__ if not kind.__module__.startswith("torch."))  # FSDP2 derives one
    if named.__module__.split(".")[0] == "transformers":
        return None
    return getattr(named, "_auto_class", None) or named.__name__


def _base_model_of(model: nn.Module) -> str | None:
    name = str(getattr(getattr(model, "config", None), "_name_or_path", "") or "")
    return name if is_model_id(name) else None  # a local folder says nothing to others, and something about the author


def _dataset_of(dataset: Any) -> tuple[str | None, str | None]:
    """Hub id and name of a data set; local files have neither."""
    if not isinstance(dataset, datasets.Dataset):
        return None, None
    for source in dataset.info.download_checksums or {}:
        if source.startswith("hf://datasets/"):
            hub_id = source.removeprefix("hf://datasets/").split("@")[0]
            return hub_id, hub_id.split("/")[-1]
    return None, None


def _settings(trainer: Any, start: RunStart) -> dict[str, Setting]:
    args = trainer.args
    defaults = {field.name: field.default for field in fields(args)}
    values = {name: getattr(args, name) for name in (*_ALWAYS, *_WHERE_CHANGED)} | dict(start.settings)
    changed = [name for name in _WHERE_CHANGED if values[name] != defaults[name]]
    settings = {name: _setting(values[name]) for name in (*_ALWAYS, *changed)} | _in_force(trainer.metalr)
    if args.world_size > 1:
        settings["world_size"] = args.world_size
    if values["init_lrs"] is not None:
        settings["init_lrs"] = values["init_lrs"]
    return settings


def _in_force(engine: MetaLR) -> dict[str, Setting]:
    """Return the settings whose default depends on others, as they acted; what did not act at all is left out."""
    config = engine.config
    decay = config.effective_hyper_lr_decay
    return {
        "hyper_lr": config.effective_hyper_lr,
        **({} if decay is None else {"hyper_lr_decay": _setting(decay)}),
        **_scale_settings(config),
        "meta_horizon": config.effective_horizon,
        "min_lr": engine.wide_bounds.low,
        "max_lr": engine.wide_bounds.high,
        "trust_region": has_trust_region(engine.optimizer, config),
    }


def _scale_settings(config: MetaLRConfig) -> dict[str, Setting]:
    if config.lr_update != "log_adam":
        return {}
    if config.kept_head:
        return {"kept_head": True}
    return {"common_share": config.common_share, "upward_drift": config.upward_drift}


def _setting(value: Any) -> Setting:
    value = getattr(value, "value", value)  # of an enum
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value  # as the argument accepts it


def _versions(library: str | None) -> dict[str, str]:
    packages = [
        "hf-metalr",
        "transformers",
        "torch",
        "accelerate",
        "datasets",
        *(["peft"] if library == "peft" else []),
    ]
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in packages}


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
