"""What is to be learned from what: the data of a run, divided, and the samples that a model is given of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from hf_metalr.data.images.masks import IGNORED, class_map
from hf_metalr.data.inputs.batches import TextCollator, collate
from hf_metalr.data.inputs.prepare import TextPreparation, prepare_for
from hf_metalr.data.read import Data, read_data
from hf_metalr.data.splits.duplicates import Duplicates, find_duplicates
from hf_metalr.data.splits.given_splits import given_splits
from hf_metalr.data.splits.shared_images import refuse_shared_images
from hf_metalr.data.splits.splits import TRAIN, VALIDATION, make_splits
from hf_metalr.data.tables.groups import told_groups
from hf_metalr.errors import InputError
from hf_metalr.training.augmentation import Augmentation
from hf_metalr.training.config import TrainingConfig
from hf_metalr.training.models import Loaded
from hf_metalr.training.units import UNCHANGED, Units, output_layer

logger = logging.getLogger(__name__)

Sample = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What is to be learned from what.

    Attributes:
        data: all rows.
        splits: the rows of train and perhaps validation and test.
        units: of a regression's targets.
        output: layer of the model that is to take these units in after the training; None where there are none.
        duplicates: inputs that occur more than once; None where they were not looked for.
    """

    data: Data
    splits: Mapping[str, Sequence[int]]
    units: Units = UNCHANGED
    output: nn.Linear | None = None
    duplicates: Duplicates | None = None

    @property
    def is_validated(self) -> bool:
        """Whether there is a validation split."""
        return VALIDATION in self.splits


def make_study(config: TrainingConfig) -> Study:
    """Read the data and divide them; everything that was found is accounted for.

    Raises:
        InputError: as of `read_data`, or there is nothing to train on.
    """
    data = read_data(config.data, several_splits=True, split_column=config.split_column, task=config.task)
    splits = make_splits(
        given_splits(data.table, config.split_column),
        data.targets.strata,
        config.validation_size,
        config.test_size,
        config.split_seed,
        data.groups,
    )
    data, splits[TRAIN] = data.drawn(splits[TRAIN])
    data, readable = data.readable([row for rows in splits.values() for row in rows])
    kept = set(readable)
    splits = {name: [row for row in rows if row in kept] for name, rows in splits.items()}
    if lost := [name for name, rows in splits.items() if not rows]:
        raise InputError("skip_damaged", f"leaves nothing of the split '{lost[0]}'. Mend its inputs, or add others.")
    logger.info("%s", data.account(splits))
    if data.groups is not None:
        logger.info("%s", told_groups(splits, data.groups, data.group_name))
    refuse_shared_images(data.table, splits)
    _warn(data, splits)
    duplicates = None if config.no_duplicate_search else find_duplicates(data, splits)
    if duplicates is not None:
        duplicates.tell()
    return Study(data, splits, duplicates=duplicates)


def _warn(data: Data, splits: Mapping[str, Sequence[int]]) -> None:
    targets = data.targets
    if len(targets.names) > len(targets.values) / 2 and isinstance(targets.values[0], int):
        logger.warning(
            "%d classes for %d samples. Does column '%s' hold classes? For numbers choose the task regression, else "
            "another label column",
            len(targets.names),
            len(targets.values),
            data.table.label_columns[0],
        )
    if unseen := targets.unseen(splits[TRAIN]):
        logger.warning("no training sample has %s: a model cannot learn what it never sees", ", ".join(unseen[:10]))


class Split(Dataset):
    """Some rows of the data as samples of a task.

    Args:
        data: all rows.
        rows: which of them, in their order.
        prepare: from an input (and a class map) to the model's inputs; of `hf_metalr.data.inputs.prepare`.
        augmentation: for training images; None leaves them as they are.

    Raises:
        InputError: when a sample is asked for whose input cannot be read; the message names it.
    """

    def __init__(
        self, data: Data, rows: Sequence[int], prepare: Callable[..., Sample], augmentation: Augmentation | None = None
    ) -> None:
        self._data, self._rows, self._prepare, self._augmentation = data, list(rows), prepare, augmentation

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        row = self._rows[index]
        inputs = [column[0] for column in self._data.inputs([row])]
        if self._data.task.name == "segmentation":
            return self._masked(inputs[0], row)
        if self._augmentation is not None:
            inputs = [self._augmentation(inputs[0])[0]]
        return self._prepare(*inputs) | {"labels": self._label(row)}

    def _masked(self, image: Any, row: int) -> Sample:
        from PIL import Image

        values = self._data.mask(row)
        if values.shape[::-1] != image.size:
            raise InputError(
                "label_column",
                f"holds a mask of {values.shape[1]} × {values.shape[0]} pixels in {self._data.table.name(row)}, "
                f"but its image has {image.size[0]} × {image.size[1]}.",
            )
        classes = Image.fromarray(class_map(values, self._data.targets.mask_values))
        if self._augmentation is not None:
            image, varied = self._augmentation(image, classes, mask_fill=IGNORED)
            assert varied is not None
            classes = varied
        return self._prepare(image, classes)

    def _label(self, row: int) -> Tensor:
        kind = torch.long if self._data.task.name == "classification" else torch.float32
        return torch.tensor(self._data.targets.values[row], dtype=kind)


def make_split(study: Study, loaded: Loaded, name: str, augmentation: Augmentation | None = None) -> Split:
    """Return the samples of a split, prepared for a model."""
    prepare = prepare_for(loaded.processor, loaded.model)
    return Split(study.data, study.splits[name], prepare, augmentation)


def tell_cut_texts(study: Study, loaded: Loaded) -> None:
    """Say how many texts are longer than the model takes, and are cut."""
    prepare = prepare_for(loaded.processor, loaded.model)
    if isinstance(prepare, TextPreparation):
        prepare.count_cut(*study.data.inputs([row for rows in study.splits.values() for row in rows]))


def collator(study: Study, loaded: Loaded) -> Callable[[list[Any]], dict[str, Tensor]]:
    """Return what makes a batch of samples."""
    return collate if study.data.task.modality == "image" else TextCollator(loaded.processor)


def in_units(study: Study, loaded: Loaded) -> Study:
    """Return a regression with mean 0 and spread 1 of its training targets; anything else as it is.

    A new output layer starts near 0, and its rate suits steps of about 1: years, prices or grades are out of its reach.
    The units are taken into the output layer once training is over (`fit`), which is exact where its answers are the
    model's. Where they are not, as in language models whose output layer has no bias, the study stays as it is.

    A model that has learned such numbers already goes on from what it answers: its layer is changed to the new units.
    """
    if study.data.task.name != "regression":
        return study
    targets, column = study.data.targets, study.data.targets.names[0]
    trial = collator(study, loaded)([make_split(study, loaded, TRAIN)[0]])
    layer = output_layer(loaded.model, {name: value for name, value in trial.items() if name != "labels"})
    if layer is None:
        if targets.far_from_unit_spread(study.splits[TRAIN]):
            logger.warning(
                "the numbers of '%s' are far from a mean of 0 and a spread of 1, where the output of the model starts: "
                "training may not reach them. Subtract their mean and divide by their spread first",
                column,
            )
        return study
    units = Units.of([targets.values[row] for row in study.splits[TRAIN]])
    if not any(parameter is layer.weight and name in loaded.new for name, parameter in loaded.model.named_parameters()):
        units.take_out_of(layer)
    values = [units.leave(value) for value in targets.values]
    logger.info(
        "numbers of '%s': learned as (number - %.6g) / %.6g, saved in their own unit", column, units.mean, units.spread
    )
    data = replace(study.data, targets=replace(targets, values=values))
    return replace(study, data=data, units=units, output=layer)
