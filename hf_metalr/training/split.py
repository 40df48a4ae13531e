"""The rows of one split as a data set of torch, each prepared when it is asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from hf_metalr.data.images.masks import IGNORED, class_map
from hf_metalr.data.read import Data
from hf_metalr.errors import InputError
from hf_metalr.training.augmentation import Augmentation

Sample = dict[str, Any]


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
