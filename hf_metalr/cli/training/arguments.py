"""From the options to `MetaLRTrainingArguments`."""

import argparse
from dataclasses import fields
from typing import Any

from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.errors import UserError
from hf_metalr.cli.training.fields import field_settings
from hf_metalr.cli.training.options import as_mapping
from hf_metalr.trainer import MetaLRTrainingArguments
from hf_metalr.training.fit import evaluation_settings
from hf_metalr.training.tasks import Task

# Fields that an option of `train` sets already.
_OWN_OPTIONS = {
    "output_dir": "--output-dir",
    "num_train_epochs": "--epochs",
    "per_device_train_batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "seed": "--seed",
    "metric_for_best_model": "--metric",
    "greater_is_better": "--metric",
    "resume_from_checkpoint": "--resume",
    "push_to_hub": "--push-to-hub",
    "hub_model_id": "--push-to-hub",
    "hub_private_repo": "--private",
    "remove_unused_columns": "--input-column",
    "batch_eval_metrics": "--task",
}

# Dashboards whose package bears their name; Transformers tells the absence of the others itself.
_DASHBOARDS = {
    "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "mlflow", "neptune", "swanlab", "tensorboard", "trackio",
    "wandb",
}  # fmt: skip


def training_arguments(options: argparse.Namespace, task: Task, validated: bool) -> MetaLRTrainingArguments:
    """Build the arguments of the training; what the user sets wins over what the command would choose.

    Raises:
        UserError: `--set` names no field, one that has its own option, gives a value that the field refuses, or a
            dashboard that is not installed.
    """
    import torch
    from transformers.integrations import get_available_reporting_integrations

    known = {field.name: field.default for field in fields(MetaLRTrainingArguments) if field.init}
    chosen, own = as_mapping(options.set), field_settings(options)
    for name in chosen:
        if name not in known:
            raise UserError(
                f"--set '{name}' is no field of TrainingArguments. The fields {near_misses(name, sorted(known))}."
            )
        if name in _OWN_OPTIONS:
            raise UserError(f"--set '{name}': use {_OWN_OPTIONS[name]}, which sets it.")
        if isinstance(known[name], int | float) and isinstance(chosen[name], str):  # the class would not notice
            raise UserError(f"--set '{name}' must be a number or true or false, found {chosen[name]!r}.")
    settings: dict[str, Any] = {
        "output_dir": str(options.output_dir),
        "seed": options.seed,
        "per_device_train_batch_size": options.batch_size,
        "per_device_eval_batch_size": options.batch_size,
        "dataloader_pin_memory": torch.accelerator.is_available(),
        "use_cpu": not torch.accelerator.is_available(),  # else several CPU processes would each train alone
        **evaluation_settings(task, validated, options.metric),
        **_given(num_train_epochs=options.epochs, learning_rate=options.learning_rate),
        **_given(hub_model_id=options.push_to_hub or None, hub_private_repo=options.private or None),
    }
    try:
        args = MetaLRTrainingArguments(**(settings | own | chosen))
    except (TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ValueError) and not chosen:
            raise
        named = [name for name, value in chosen.items() if name in str(error) or f"{value} " in str(error)]
        place = f"--set {', '.join(named)}: " if named else ""
        raise UserError(f"{place}the training arguments are refused: {error}") from error
    for name in sorted(
        _DASHBOARDS.intersection(list(args.report_to or [])) - set(get_available_reporting_integrations())
    ):
        raise UserError(f"--set report_to: {name} is not installed: `pip install {name}`, or leave it out.")
    return args


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
