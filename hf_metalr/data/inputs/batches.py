"""From samples to batches."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hf_metalr.errors import InputError, Parameter


def collate(samples: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Stack images and labels.

    Raises:
        InputError: images of different sizes, from a processor that does not resize.
    """
    batch = {}
    for name in samples[0]:
        values = [torch.as_tensor(sample[name]) for sample in samples]
        shapes = sorted({str(tuple(value.shape)) for value in values})
        if len(shapes) > 1:
            raise InputError(
                None,
                f"The model's image processor leaves images of different sizes ({', '.join(shapes[:3])}), "
                "which make no batch. Resize them to one size, or set ",
                Parameter("batch_size"),
                " to 1.",
            )
        batch[name] = torch.stack(values)
    return batch


class TextCollator:
    """Pads token numbers with a tokenizer and stacks labels."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, samples: list[Mapping[str, Any]]) -> dict[str, Tensor]:
        inputs = [{name: value for name, value in sample.items() if name != "labels"} for sample in samples]
        batch = dict(self._tokenizer.pad(inputs, return_tensors="pt"))
        return batch | {"labels": torch.stack([sample["labels"] for sample in samples])}
