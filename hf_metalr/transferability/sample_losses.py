"""Batches of validation data, and the loss of each of their samples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hf_metalr.errors import InputError

SampleLosses = Callable[[nn.Module, Mapping[str, Any]], Tensor]
_LABELS = "labels"


def as_batches(data: Any, batch_size: int) -> Iterable[Mapping[str, Any]]:
    """Return batches that can be walked through again and again.

    Args:
        data: a map-style data set of model inputs with labels (joined by Transformers' `default_data_collator`), or
            batches that are ready; a generator of them is read into memory.
        batch_size: of a data set.
    """
    if isinstance(data, Iterator):
        data = list(data)
    is_dataset = hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (list, tuple))
    if is_dataset and not isinstance(data, Mapping):
        from transformers import default_data_collator

        data = DataLoader(data, batch_size, collate_fn=default_data_collator)
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise InputError(
            "data",
            f"must be a map-style data set or an iterable of batches, found {type(data).__name__}. "
            "Put a single batch into a list; of a DatasetDict choose one split.",
        )
    first = next(iter(data), None)
    if not isinstance(first, Mapping):
        raise InputError("data", f"must hold batches of named tensors (dicts), found {type(first).__name__} first.")
    return data


def losses_of_logits(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """Return the loss of each sample, shape (B,), from the logits of a model and the ``labels`` of a batch.

    Integer labels (B,): cross-entropy. Labels of 0 and 1 in the shape (B, C) of the logits: binary cross-entropy, mean
    over C. Other floating labels, (B,) for a single output or (B, C): squared error, mean over C.

    Raises:
        InputError: there are no labels, or their shape is none of these.
    """
    labels = batch.get(_LABELS)
    if not isinstance(labels, Tensor):
        raise InputError(
            "data",
            f"must have a tensor of {_LABELS!r} in every batch, found {sorted(batch)}. Add them, or pass `loss`.",
        )
    output = model(**inputs_of(batch))
    logits = output if isinstance(output, Tensor) else output["logits"]
    logits = logits.float()
    if not labels.is_floating_point() and logits.ndim == 2 and labels.shape == logits.shape[:1]:
        return F.cross_entropy(logits, labels.long(), reduction="none")
    targets = labels.float().reshape(logits.shape) if labels.numel() == logits.numel() else None
    if targets is None or logits.ndim != 2:
        raise InputError(
            "loss",
            f"must be given for labels of shape {tuple(labels.shape)} with logits of shape "
            f"{tuple(logits.shape)}: a function (model, batch) -> losses of shape (B,).",
        )
    if logits.shape[1] > 1 and bool(((targets == 0) | (targets == 1)).all()):
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)
    return F.mse_loss(logits, targets, reduction="none").mean(1)


def inputs_of(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch without its labels."""
    return {name: value for name, value in batch.items() if name != _LABELS}


def on_device(batch: Mapping[str, Any], model: nn.Module) -> dict[str, Any]:
    """Return a batch on the device of the model."""
    device = next(model.parameters()).device
    return {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}
