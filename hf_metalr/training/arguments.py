"""From the config of a run to `MetaLRTrainingArguments`."""

from dataclasses import fields
from typing import Any

from hf_metalr.data.labels.tasks import LOWER_IS_BETTER, Task
from hf_metalr.data.near import near_misses
from hf_metalr.errors import InputError, Parameter
from hf_metalr.trainer import MetaLRTrainingArguments
from hf_metalr.training.config import TrainingConfig

# Fields of `TrainingArguments` that a field of `TrainingConfig` sets already.
_OWN = {
    "output_dir": "output_dir",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "seed": "seed",
    "metric_for_best_model": "metric",
    "greater_is_better": "metric",
    "resume_from_checkpoint": "resume",
    "push_to_hub": "push_to_hub",
    "hub_model_id": "push_to_hub",
    "hub_private_repo": "private",
    "remove_unused_columns": "input_column",
    "batch_eval_metrics": "task",
}

# Dashboards whose package bears their name; Transformers tells the absence of the others itself.
_DASHBOARDS = {
    "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "mlflow", "neptune", "swanlab", "tensorboard", "trackio",
    "wandb",
}  # fmt: skip


def training_arguments(config: TrainingConfig, task: Task, validated: bool) -> MetaLRTrainingArguments:
    """Build the arguments of the training; what the user sets wins over what a run would choose.

    Raises:
        InputError: a setting is no field, one that has its own option, a value that the field refuses, or a dashboard
            that is not installed.
    """
    import torch

    _check_settings(config.settings)
    settings: dict[str, Any] = {
        "output_dir": str(config.output_dir),
        "seed": config.data.seed,
        "per_device_train_batch_size": config.batch_size,
        "per_device_eval_batch_size": config.batch_size,
        "dataloader_pin_memory": torch.accelerator.is_available(),
        "use_cpu": not torch.accelerator.is_available(),  # else several CPU processes would each train alone
        **_evaluation_settings(task, validated, config.metric),
        **_given(num_train_epochs=config.epochs, learning_rate=config.learning_rate),
        **_given(hub_model_id=config.push_to_hub or None, hub_private_repo=config.private or None),
    }
    try:
        args = MetaLRTrainingArguments(**(settings | config.learned_rates | config.settings))
    except InputError:
        raise
    except (TypeError, AttributeError, ValueError) as error:  # Transformers' own
        named = [name for name, value in config.settings.items() if name in str(error) or f"{value} " in str(error)]
        raise InputError(
            "settings", f"{', '.join(named or config.settings)}: Transformers refuses it: {error}"
        ) from error
    _require_dashboards(args)
    return args


def _evaluation_settings(task: Task, validated: bool, metric: str | None = None) -> dict[str, Any]:
    """Return the training arguments that evaluate and save once per epoch and keep the best model by validation.

    Args:
        task: names the metric.
        validated: whether there is a validation split.
        metric: chooses the best model instead of the task's own.

    Raises:
        InputError: the metric is none of the task's, or there is no validation split to measure it on.
    """
    if metric is not None and not validated:
        raise InputError(None, f"The metric {metric!r} needs a validation split. Give one, or leave the metric out.")
    if metric is not None and metric not in ("loss", *task.metrics):
        raise InputError(
            None,
            f"The metric of the task '{task.name}' must be one of loss, {', '.join(task.metrics)}, found {metric!r}.",
        )
    settings: dict[str, Any] = {
        "save_strategy": "epoch",
        "save_total_limit": 2,
        "restore_callback_states_from_checkpoint": True,  # patience goes on counting where it was
        "logging_strategy": "epoch",
        "remove_unused_columns": False,  # samples are made from columns that no model knows
        "batch_eval_metrics": task.name == "segmentation",
        "eval_strategy": "epoch" if validated else "no",
    }
    if validated:
        best = metric or task.best_metric
        settings |= {
            "load_best_model_at_end": True,
            "metric_for_best_model": best,
            "greater_is_better": best not in LOWER_IS_BETTER,
        }
    return settings


def _check_settings(chosen: dict[str, Any]) -> None:
    known = {field.name: field.default for field in fields(MetaLRTrainingArguments) if field.init}
    for name in chosen:
        if name in _OWN:
            raise InputError("settings", f"'{name}': use ", Parameter(_OWN[name]), ", which sets it.")
        if name not in known:
            raise InputError(
                "settings", f"'{name}' is no field of TrainingArguments. The fields {near_misses(name, sorted(known))}."
            )
        if isinstance(known[name], int | float) and isinstance(chosen[name], str):  # the class would not notice
            raise InputError("settings", f"'{name}' must be a number or true or false, found {chosen[name]!r}.")


def _require_dashboards(args: MetaLRTrainingArguments) -> None:
    from transformers.integrations import get_available_reporting_integrations

    wanted = _DASHBOARDS.intersection(list(args.report_to or []))
    for name in sorted(wanted - set(get_available_reporting_integrations())):
        raise InputError("settings", f"report_to: {name} is not installed: `pip install {name}`, or leave it out.")


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
