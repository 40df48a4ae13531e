"""Losses in which every class weighs the same, however rare it is."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[..., Tensor]


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Return w_c = n / (K n_c) for K classes with n_c of n samples: their mean over the samples is 1.

    A class without samples gets 1: it never occurs in the loss.

    >>> balanced_weights([1, 3])
    tensor([2.0000, 0.6667])
    """
    sizes = torch.tensor(counts, dtype=torch.float64)
    present = sizes > 0
    weights = torch.where(present, sizes.sum() / (present.sum() * sizes.clamp(min=1)), torch.ones_like(sizes))
    return weights.float()


def positive_weights(positives: Sequence[int], samples: int) -> Tensor:
    """Return (n − n_l) / n_l for labels l that n_l of n samples have: both answers weigh the same in the loss.

    A label that no sample or every sample has gets 1.

    >>> positive_weights([1, 4], 4)
    tensor([3., 1.])
    """
    have = torch.tensor(positives, dtype=torch.float32)
    usable = (have > 0) & (have < samples)
    return torch.where(usable, (samples - have) / have.clamp(min=1), torch.ones_like(have))


def weighted_cross_entropy(weights: Tensor, ignore_index: int = -100) -> Loss:
    """Build the `compute_loss_func` of a Trainer: Σ w_y · cross entropy / number of samples (or pixels).

    Logits of a coarser grid than the labels (segmentation) are interpolated to it.
    """

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = _logits(outputs)
        if labels.ndim == 3 and logits.shape[-2:] != labels.shape[-2:]:
            logits = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        total = F.cross_entropy(
            logits.float(), labels, weights.to(logits.device), ignore_index=ignore_index, reduction="sum"
        )
        counted = (labels != ignore_index).sum().clamp(min=1)
        return total / (counted if num_items_in_batch is None else num_items_in_batch)

    return loss


def weighted_binary_cross_entropy(weights: Tensor) -> Loss:
    """Build the `compute_loss_func` of a Trainer for labels that are 0 or 1 each; weights are those of the ones."""

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = _logits(outputs)
        total = F.binary_cross_entropy_with_logits(
            logits.float(), labels.float(), pos_weight=weights.to(logits.device), reduction="sum"
        )
        return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _logits(outputs: Any) -> Tensor:
    return outputs["logits"] if isinstance(outputs, dict) else outputs[0]
