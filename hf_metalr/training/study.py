"""What is to be learned from what, and the samples that a model is given for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from hf_metalr.training.augmentation import Augmentation
from hf_metalr.training.models import Loaded
from hf_metalr.training.samples import ImagePreparation, Samples, TextCollator, TextPreparation, collate
from hf_metalr.training.splits import TRAIN
from hf_metalr.training.targets import Targets
from hf_metalr.training.tasks import Task
from hf_metalr.training.units import UNCHANGED, Units, output_layer


@dataclass(frozen=True)
class Study:
    """What is to be learned from what.

    Attributes:
        dataset: table with all rows.
        columns: of the input and, for a segmentation, of the mask; for pairs of texts, of the second text.
        task: what the model is to do.
        targets: of every row.
        splits: the rows of train and perhaps validation and test.
        units: of a regression's targets.
        output: layer of the model that is to take these units in after the training; None where there are none.
    """

    dataset: Any
    columns: tuple[str, str | None]
    task: Task
    targets: Targets
    splits: Mapping[str, Sequence[int]]
    units: Units = UNCHANGED
    output: nn.Linear | None = None


def make_samples(study: Study, loaded: Loaded, split: str, augmentation: Augmentation | None = None) -> Samples:
    """Return the samples of a split, prepared for a model."""
    config = loaded.model.config
    prepare: ImagePreparation | TextPreparation
    if study.task.modality == "image":
        prepare = ImagePreparation(loaded.processor, getattr(config, "num_channels", 3))
    else:
        prepare = TextPreparation(loaded.processor, config)
    rows = study.splits[split]
    return Samples(study.dataset, rows, study.columns, study.targets, study.task, prepare, augmentation)


def collator(task: Task, loaded: Loaded) -> Callable[[list[Any]], dict[str, Tensor]]:
    """Return what makes a batch of samples."""
    return collate if task.modality == "image" else TextCollator(loaded.processor)


def standardised(study: Study, loaded: Loaded) -> Study:
    """Return a regression with mean 0 and spread 1 of its training targets; anything else as it is.

    A new output layer starts near 0, and its rate suits steps of about 1: years, prices or grades are out of its reach.
    The units are taken into the output layer once training is over (`fit`), which is exact where its answers are the
    model's. Where they are not, as in language models whose output layer has no bias, the study stays as it is.

    A model that has learned such numbers already goes on from what it answers: its layer is changed to the new units.
    """
    if study.task.name != "regression":
        return study
    trial = collator(study.task, loaded)([make_samples(study, loaded, TRAIN)[0]])
    layer = output_layer(loaded.model, {name: value for name, value in trial.items() if name != "labels"})
    if layer is None:
        return study
    units = Units.of([study.targets.values[row] for row in study.splits[TRAIN]])
    if not any(parameter is layer.weight and name in loaded.new for name, parameter in loaded.model.named_parameters()):
        units.take_out_of(layer)
    values = [units.leave(value) for value in study.targets.values]
    return replace(study, targets=replace(study.targets, values=values), units=units, output=layer)
