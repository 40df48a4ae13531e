"""`run(config)`: from what a user says to a fine-tuned model, step by step, and the `Outcome` that is reported."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hf_metalr.errors import InputError, Parameter
from hf_metalr.hub.figure import FIGURE_NAME
from hf_metalr.processes import process_index
from hf_metalr.tables import console_table
from hf_metalr.trainer import MetaLRTrainer
from hf_metalr.training.arguments import training_arguments
from hf_metalr.training.augmentation import LIGHT, MEDICAL, Augmentation
from hf_metalr.training.config import TrainingConfig
from hf_metalr.training.fit import finite, fit, make_trainer
from hf_metalr.training.models import load_model
from hf_metalr.training.output_folder import require_free
from hf_metalr.training.start import begin
from hf_metalr.training.study import Study, in_units, make_study, tell_cut_texts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a fine-tune came to; printed, it is the table of its metrics.

    Attributes:
        task: classification, multi-label, segmentation or regression.
        model: what was fine-tuned.
        output_dir: where everything is.
        inputs: columns of images or texts.
        labels: the classes or labels in the order of their numbers.
        splits: how many samples each has.
        metrics: by split; NaN where one is not defined.
        best_metric: what chose the best model.
        best_step: of the best model; None where none was chosen.
        steps: optimizer steps.
        learned_rates: base rate of every layer group.
        figure: of the rates.
    """

    task: str
    model: str
    output_dir: str
    inputs: list[str]
    labels: list[str]
    splits: dict[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    best_metric: str | None
    best_step: int | None
    steps: int
    learned_rates: dict[str, float]
    figure: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON; what is not a finite number is None."""
        found: dict[str, Any] = finite(asdict(self))
        return found

    def __str__(self) -> str:
        names = list(dict.fromkeys(name for metrics in self.metrics.values() for name in metrics))
        found = finite(self.metrics)
        rows = [
            [split, str(self.splits[split]), *(_number(metrics.get(name)) for name in names)]
            for split, metrics in found.items()
        ]
        lines = [console_table(["split", "samples", *names], rows)] if rows else []
        lines += ["", *([] if rows else ["No validation or test split: nothing measured."])]
        if self.best_step:
            lines.append(f"Best model by validation {self.best_metric}: step {self.best_step}.")
        if rates := self.learned_rates.values():
            lines.append(f"Learned rates of {len(rates)} layer groups: {min(rates):.1e} to {max(rates):.1e}.")
        if self.figure:
            lines.append(f"Figure of the rates: {self.figure}.")
        return "\n".join([*lines, f"Everything is in {self.output_dir}."])


def run(config: TrainingConfig) -> Outcome:
    """Fine-tune a model: read the data, settle task and splits, load, train, measure, write.

    What was decided on the user's behalf is logged.

    Raises:
        InputError, OSError: the data, the model or an option is at fault.
    """
    _check(config)
    study = make_study(config)
    args = training_arguments(config, study.data.task, study.is_validated)
    loaded = load_model(
        config.model,
        study.data.task,
        study.data.targets.names,
        settings=config.model_settings,
        image_size=config.image_size,
        seed=config.data.seed,
        trust_remote_code=config.trust_remote_code,
    )
    for note in loaded.notes:
        logger.info("%s", note)
    tell_cut_texts(study, loaded)
    study = in_units(study, loaded)
    trainer = make_trainer(
        study,
        loaded,
        args,
        augmentation=_augmentation(config, study),
        balanced=config.class_weights == "balanced",
        patience=config.patience,
    )
    begin(config, study, trainer)
    metrics = fit(trainer, study, loaded, config.resume)
    return _finish(config, study, trainer, metrics)


def _check(config: TrainingConfig) -> None:
    """Refuse, before any work is done, what could not be done at its end."""
    if config.private and config.push_to_hub is None:
        raise InputError(
            "private", "belongs to ", Parameter("push_to_hub"), ", which is not given. Leave it out, or give both."
        )
    if config.no_flip and config.augment != "light":
        raise InputError(
            "no_flip", "changes ", Parameter("augment"), f" light alone, found {config.augment}. Leave it out."
        )
    if config.resume and config.overwrite:
        raise InputError(
            "overwrite", "starts anew, and ", Parameter("resume"), " goes on: choose one of the two, found both."
        )
    require_free(config.output_dir, config.resume, overwrite=config.overwrite)


def _augmentation(config: TrainingConfig, study: Study) -> Augmentation | None:
    if config.augment == "none":
        return None
    if study.data.task.modality == "text":
        raise InputError("augment", f"{config.augment} varies images, but the inputs are texts. Leave it out.")
    chosen = LIGHT if config.augment == "light" else MEDICAL
    return replace(chosen, flip=0.0) if config.no_flip else chosen


def _finish(config: TrainingConfig, study: Study, trainer: MetaLRTrainer, metrics: Any) -> Outcome:
    """Write the card, upload what is asked for, and return what came out."""
    folder = config.output_dir
    about = _about_the_data(config, study) | {"tasks": study.data.task.hub_task}
    if process_index() == 0:
        trainer.create_model_card(model_name=folder.resolve().name, **about)
    if config.push_to_hub is not None:
        trainer.push_to_hub(**about)
    return Outcome(
        task=study.data.task.name,
        model=config.model,
        output_dir=str(folder),
        inputs=study.data.table.input_columns,
        labels=study.data.targets.names,
        splits={name: len(rows) for name, rows in study.splits.items()},
        metrics=metrics,
        best_metric=trainer.args.metric_for_best_model,
        best_step=trainer.state.best_global_step or None,
        steps=trainer.state.global_step,
        learned_rates=trainer.learning_rates,
        figure=str(folder / FIGURE_NAME) if (folder / FIGURE_NAME).is_file() else None,
    )


def _about_the_data(config: TrainingConfig, study: Study) -> dict[str, Any]:
    """What the model card says of the data: of local ones a name, of those on the Hub their id as well."""
    source, table = config.data.data[0], study.data.table
    about = {"dataset": config.data_name or Path(source).resolve().name}
    if len(table.input_columns) > 1:
        about["dataset_args"] = f"pairs of texts, {' and '.join(table.input_columns)}, in this order"
    on_the_hub = {"dataset_tags": source, "dataset": config.data_name or source}
    return about if table.folder is not None else about | on_the_hub


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
