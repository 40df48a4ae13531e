"""From a table, its splits and a model to a fine-tuned model: the trainer, the run and what it measured."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback

from hf_metalr.data.images.masks import IGNORED
from hf_metalr.data.splits.splits import TEST, TRAIN, VALIDATION
from hf_metalr.errors import InputError
from hf_metalr.trainer import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.trainer.recovery import last_complete_checkpoint
from hf_metalr.training.augmentation import Augmentation
from hf_metalr.training.last_batch import FineTuner
from hf_metalr.training.losses import (
    Loss,
    balanced_weights,
    positive_weights,
    weighted_binary_cross_entropy,
    weighted_cross_entropy,
)
from hf_metalr.training.models import Loaded
from hf_metalr.training.scoring import make_scoring
from hf_metalr.training.study import Study, collator, make_split

METRICS_NAME = "metrics.json"
# What `evaluate` of a Trainer adds to the metrics.
_NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "epoch", "jit_compilation_time")


def make_trainer(
    study: Study,
    loaded: Loaded,
    args: MetaLRTrainingArguments,
    *,
    augmentation: Augmentation | None = None,
    balanced: bool = False,
    patience: int | None = None,
) -> MetaLRTrainer:
    """Build the trainer of a study.

    Args:
        study: data, task and splits.
        loaded: model and processor.
        args: of the training.
        augmentation: of the training images.
        balanced: whether every class weighs the same in the loss.
        patience: how many evaluations without a better metric end the training; None for no end before time.

    Raises:
        InputError: class weights for a regression, or patience without validation.
    """
    if patience is not None and VALIDATION not in study.splits:
        raise InputError(None, "Early stopping needs a validation split. Give one, or leave the patience out.")
    return FineTuner(
        model=loaded.model,
        args=args,
        train_dataset=make_split(study, loaded, TRAIN, augmentation),
        eval_dataset=make_split(study, loaded, VALIDATION) if VALIDATION in study.splits else None,
        processing_class=loaded.processor,
        data_collator=collator(study, loaded),
        compute_loss_func=balanced_loss(study) if balanced else None,
        callbacks=[EarlyStoppingCallback(patience)] if patience is not None else None,
        **make_scoring(study.data.task, len(study.data.targets.names), study.units),
    )


def balanced_loss(study: Study) -> Loss:
    """Return the loss in which every class weighs the same, by its frequency in the training rows.

    Raises:
        InputError: a regression has no classes.
    """
    rows, targets = study.splits[TRAIN], study.data.targets
    if study.data.task.name == "regression":
        raise InputError(None, "Class weights need classes, but the task is a regression. Leave them out.")
    if study.data.task.name == "multi-label":
        sums = [int(sum(column)) for column in zip(*(targets.values[row] for row in rows), strict=True)]
        return weighted_binary_cross_entropy(positive_weights(sums, len(rows)))
    if study.data.task.name == "segmentation":
        sums = [sum(column) for column in zip(*(targets.pixels[row] for row in rows), strict=True)]
        return weighted_cross_entropy(balanced_weights(sums), IGNORED)
    values = [targets.values[row] for row in rows]
    return weighted_cross_entropy(balanced_weights([values.count(number) for number in range(len(targets.names))]))


def fit(trainer: MetaLRTrainer, study: Study, loaded: Loaded, resume: bool = False) -> dict[str, dict[str, float]]:
    """Train, then measure validation and, once and last, test; save model, processor and `metrics.json`.

    Of a study that `in_units` has changed, the model answers in the numbers' own unit from then on.

    Args:
        trainer: of `make_trainer`.
        study: the same.
        loaded: the same.
        resume: go on from the newest complete checkpoint of the output folder, if there is one.

    Returns:
        The metrics by split; NaN where one is not defined.
    """
    folder = Path(str(trainer.args.output_dir))
    checkpoint = last_complete_checkpoint(folder, trainer.args.world_size) if resume and folder.is_dir() else None
    trainer.train(resume_from_checkpoint=checkpoint)
    metrics = {}
    if VALIDATION in study.splits:
        metrics[VALIDATION] = _measured(trainer.evaluate(), "eval_")
    if TEST in study.splits:
        test = make_split(study, loaded, TEST)
        metrics[TEST] = _measured(trainer.evaluate(test, metric_key_prefix="test"), "test_")
    if study.output is not None:
        study.units.fold_into(study.output)
    trainer.save_model()
    if trainer.is_world_process_zero():
        write_json(folder / METRICS_NAME, metrics)
    return metrics


def write_json(path: Path, content: Any) -> None:
    """Write JSON for other programs: what is not a finite number becomes null."""
    path.write_text(json.dumps(finite(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def finite(content: Any) -> Any:
    """Return nested lists and mappings with None for every float that JSON cannot hold.

    >>> finite({"auroc": float("nan"), "sizes": [1, 2]})
    {'auroc': None, 'sizes': [1, 2]}
    """
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _measured(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    names = {key: key.removeprefix(prefix) for key in metrics}
    return {
        name: float(metrics[key])
        for key, name in names.items()
        if name not in _NOT_METRICS and not name.startswith("model_preparation")
    }
