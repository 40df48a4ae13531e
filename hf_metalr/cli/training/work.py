"""The run behind `train`: read the data, settle task and splits, load the model, fit, write."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.damaged import damaged_rows
from hf_metalr.cli.data.notes import note
from hf_metalr.cli.data.options import number_labels
from hf_metalr.cli.data.sampling import draw_indices
from hf_metalr.cli.data.table import Table, load_table
from hf_metalr.cli.errors import UserError, process_index
from hf_metalr.cli.training.arguments import training_arguments
from hf_metalr.cli.training.options import as_mapping
from hf_metalr.cli.training.report import keep_splits, splits_record
from hf_metalr.hub.figure import FIGURE_NAME
from hf_metalr.trainer.recovery import last_complete_checkpoint
from hf_metalr.training.augmentation import LIGHT, MEDICAL, Augmentation
from hf_metalr.training.fit import fit, make_trainer
from hf_metalr.training.models import Loaded, load_model
from hf_metalr.training.splits import TRAIN, VALIDATION, groups_on_two_sides, make_splits
from hf_metalr.training.study import Study, standardised
from hf_metalr.training.targets import Targets, read_targets
from hf_metalr.training.tasks import Task, guess_task


def fine_tune(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the options of `train` say and return the result.

    Raises:
        UserError, ValueError, OSError: the data, the model or an option is at fault.
    """
    _check_output(options)
    table = load_table(options, taken=(options.group_column, options.split_column))
    task = _settle_task(options, table)
    if task.name == "classification":
        table = replace(table, dataset=number_labels(table.dataset, table.label_columns[0]))
    targets = read_targets(table.dataset, task, table.label_columns)
    study = Study(
        dataset=table.dataset,
        columns=_columns(table, task),
        task=task,
        targets=targets,
        splits=_settle_splits(options, table, targets),
    )
    args = training_arguments(options, task, VALIDATION in study.splits)
    loaded = load_model(
        options.model,
        task,
        targets.names,
        settings=as_mapping(options.model_set),
        seed=options.seed,
        trust_remote_code=options.trust_remote_code,
    )
    for text in loaded.notes:
        note(text)
    return _train(options, table, _in_units(study, loaded), loaded, args)


def _in_units(study: Study, loaded: Loaded) -> Study:
    """Standardise the numbers of a regression, or say that they had better be."""
    name, rows = study.targets.names[0], study.splits[TRAIN]
    changed = standardised(study, loaded)
    if changed.output is not None:
        units = changed.units
        note(
            f"numbers of '{name}': learned as (number - {units.mean:.6g}) / {units.spread:.6g}, saved in their own unit"
        )
    elif study.targets.far_from_unit_spread(rows):
        note(
            f"warning: the numbers of '{name}' are far from a mean of 0 and a spread of 1, where the output of "
            "this model starts: training may not reach them. Subtract their mean and divide by their spread first"
        )
    return changed


def _train(options: argparse.Namespace, table: Table, study: Study, loaded: Loaded, args: Any) -> dict[str, Any]:
    folder = options.output_dir
    trainer = make_trainer(
        study,
        loaded,
        args,
        augmentation=_augmentation(options, study.task),
        balanced=options.class_weights == "balanced",
        patience=options.patience,
    )
    if options.push_to_hub is not None:
        trainer.init_hf_repo()  # a wrong token is told before the training
    if process_index() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        shares = {"validation": options.validation_size, "test": options.test_size}
        keep_splits(folder, splits_record(table, study.splits, options.seed, shares), options.resume)
    if options.resume and not (folder.is_dir() and last_complete_checkpoint(folder, args.world_size)):
        note(f"--resume: no whole checkpoint in '{folder}' yet, so the training starts anew")
    metrics = fit(trainer, study, loaded, options.resume)
    about = _about_the_data(options, table) | {"tasks": study.task.hub_task}
    if process_index() == 0:
        trainer.create_model_card(model_name=folder.resolve().name, **about)
    if options.push_to_hub is not None:
        trainer.push_to_hub(**about)
    return {
        "task": study.task.name,
        "model": options.model,
        "output_dir": str(folder),
        "inputs": table.input_columns,
        "labels": study.targets.names,
        "splits": {name: len(rows) for name, rows in study.splits.items()},
        "metrics": metrics,
        "best_metric": args.metric_for_best_model,
        "best_step": trainer.state.best_global_step or None,
        "steps": trainer.state.global_step,
        "learned_rates": trainer.learning_rates,
        "figure": str(folder / FIGURE_NAME) if (folder / FIGURE_NAME).is_file() else None,
    }


def _about_the_data(options: argparse.Namespace, table: Table) -> dict[str, Any]:
    """What the model card says of the data: of local ones a name, of those on the Hub their id as well."""
    source = options.data[0]
    about = {"dataset": options.data_name or Path(source).resolve().name}
    if len(table.input_columns) > 1:
        about["dataset_args"] = f"pairs of texts, {' and '.join(table.input_columns)}, in this order"
    return (
        about if table.folder is not None else about | {"dataset_tags": source, "dataset": options.data_name or source}
    )


def _check_output(options: argparse.Namespace) -> None:
    """Refuse an output folder that cannot be made or written, or that another run has begun to fill."""
    if options.private and options.push_to_hub is None:
        raise UserError("--private belongs to --push-to-hub, which is not given. Leave it out, or give both.")
    folder = options.output_dir
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())  # or the nearest above it
    if not there.is_dir():
        raise UserError(f"--output-dir '{folder}' must be a folder or a new one, but '{there}' is a file.")
    if not os.access(there, os.W_OK):
        raise UserError(f"--output-dir '{folder}': the folder '{there}' may not be written. Choose another one.")
    if not options.resume and any(folder.glob("checkpoint-*")):
        raise UserError(
            f"--output-dir '{folder}' holds checkpoints of an earlier run. Go on from them with --resume, or choose "
            "another folder."
        )


def _settle_task(options: argparse.Namespace, table: Table) -> Task:
    guessed, reason = guess_task(table.dataset.features, table.input_columns[0], table.label_columns)
    if options.task is None:
        note(f"task: {guessed.name} of {guessed.modality}s ({reason}; choose another with --task)")
        return guessed
    return Task(options.task, guessed.modality)


def _columns(table: Table, task: Task) -> tuple[str, str | None]:
    """Return the column of the input, and that of the mask or of the second text where there is one."""
    second = table.label_columns[:1] if task.name == "segmentation" else table.input_columns[1:]
    return table.input_columns[0], second[0] if second else None


def _settle_splits(options: argparse.Namespace, table: Table, targets: Targets) -> dict[str, list[int]]:
    given, groups = table.splits(options.split_column), table.groups(options.group_column, options.group_pattern)
    sizes = (options.validation_size, options.test_size)
    splits = make_splits(given, targets.strata, *sizes, options.seed, groups)
    if options.max_samples is not None:
        rows = splits[TRAIN]
        splits[TRAIN] = [
            rows[i] for i in draw_indices([_drawable(targets, r) for r in rows], options.max_samples, options.seed)
        ]
    mask_column = table.label_columns[0] if targets.mask_values else None
    splits = _without_damaged(table, splits, mask_column, options.skip_damaged)
    if groups is not None and (shared := groups_on_two_sides(splits, groups)):
        note(f"warning: the data's own splits share {len(shared)} groups, such as {shared[0]!r}: scores will flatter")
    if len(targets.names) > len(targets.values) / 2 and isinstance(targets.values[0], int):
        note(
            f"warning: {len(targets.names)} classes for {len(targets.values)} samples. Does column "
            f"'{table.label_columns[0]}' hold classes? For numbers choose --task regression, else another label column"
        )
    if unseen := targets.unseen(splits[TRAIN]):
        note(f"warning: no training sample has {', '.join(unseen[:10])}: a model cannot learn what it never sees")
    note("splits: " + ", ".join(f"{name} {len(rows)}" for name, rows in splits.items()))
    return splits


def _without_damaged(
    table: Table, splits: dict[str, list[int]], mask_column: str | None, skip: bool
) -> dict[str, list[int]]:
    rows = [row for part in splits.values() for row in part]
    damaged = damaged_rows(table.dataset, table.input_columns, rows, table.files, mask_column, skip)
    kept = {name: [row for row in part if row not in damaged] for name, part in splits.items()}
    if lost := [name for name, part in kept.items() if not part]:
        raise UserError(f"--skip-damaged leaves nothing of the split '{lost[0]}'. Mend its inputs, or add others.")
    return kept


def _drawable(targets: Targets, row: int) -> Any:
    stratum = targets.strata[row]
    return stratum if isinstance(stratum, int) else str(stratum)


def _augmentation(options: argparse.Namespace, task: Task) -> Augmentation | None:
    if options.no_flip and options.augment != "light":
        raise UserError(f"--no-flip changes --augment light alone, found --augment {options.augment}. Leave it out.")
    if options.augment == "none":
        return None
    if task.modality == "text":
        raise UserError(f"--augment {options.augment} varies images, but the inputs are texts. Leave it out.")
    chosen = LIGHT if options.augment == "light" else MEDICAL
    return replace(chosen, flip=0.0) if options.no_flip else chosen
