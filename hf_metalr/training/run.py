"""`run(config)`: from what a user says to a fine-tuned model, step by step."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from hf_metalr.errors import InputError, Parameter
from hf_metalr.hub.figure import FIGURE_NAME
from hf_metalr.processes import process_index
from hf_metalr.trainer import MetaLRTrainer
from hf_metalr.trainer.recovery import last_complete_checkpoint
from hf_metalr.training.arguments import training_arguments
from hf_metalr.training.augmentation import LIGHT, MEDICAL, Augmentation
from hf_metalr.training.config import TrainingConfig
from hf_metalr.training.fit import fit, make_trainer
from hf_metalr.training.models import load_model
from hf_metalr.training.outcome import Outcome, keep_splits, splits_record
from hf_metalr.training.output_folder import remove_checkpoints, require_free
from hf_metalr.training.run_record import compare, forget, keep
from hf_metalr.training.study import Study, in_units, make_study, tell_cut_texts

logger = logging.getLogger(__name__)


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
    _begin(config, study, trainer)
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


def _begin(config: TrainingConfig, study: Study, trainer: MetaLRTrainer) -> None:
    """Write what the run is made of, or make sure that it still is what a resumed run began with."""
    folder = config.output_dir
    if config.push_to_hub is not None:
        trainer.init_hf_repo()  # a wrong token is told before the training
    goes_on = config.resume and folder.is_dir() and last_complete_checkpoint(folder, trainer.args.world_size)
    if config.resume and not goes_on:
        logger.info("no whole checkpoint in '%s' to resume from yet, so the training starts anew", folder)
    options = config.to_dict()
    changes = compare(folder, options) if goes_on else []
    if goes_on and config.epochs is not None and any(change.option == "epochs" for change in changes):
        _require_more_to_do(Path(goes_on), config.epochs)
    if process_index() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        if not goes_on:
            forget(folder)
            if config.overwrite:
                remove_checkpoints(folder)
        keep_splits(folder, splits_record(config, study), config.resume)
        keep(folder, options, changes)


def _require_more_to_do(checkpoint: Path, epochs: float) -> None:
    """Refuse fewer epochs than a run has behind it: it would end without having been trained as it says."""
    done = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)).epoch
    if done is not None and done >= epochs:
        raise InputError(
            "epochs",
            f"must be more than the {done:g} that the run to resume has behind it ({checkpoint.name}), found "
            f"{epochs:g}. Give more, or start anew in another folder.",
        )


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
