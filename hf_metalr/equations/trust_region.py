"""The trust region of a rate: what a network's weights can bear, and what moves them at all.

An optimizer of Adam's kind moves every weight by about ``α`` in a step, whatever the gradient. So ``α`` over the size
of a weight, the *relative rate*, is the share of itself by which it changes, and a sensible rate is one for which that
share is small but not nothing:

    ρ_min s ≤ α_j ≤ ρ_max s             s: the median, over the network's weight matrices, of their root mean square

One region for all layers. A region by the size of each layer's own weights (LARS, LAMB) was worse: sizes within a
network tell how it is parametrised, a depthwise filter is larger for having nine inputs, more than what it can bear.

A new head has no size to go by. Its weights move together, so that one step moves a logit by up to ``α Σ|x|``, the sum
over its n inputs, which are of size 1 or so:

    λ_min / n ≤ α_head ≤ λ_max / n

Source: the relative step as the natural unit of a rate: LARS (You et al. 2017, arXiv 1708.03888), Adafactor (Shazeer
and Stern 2018, arXiv 1804.04235), LAMB (You et al. 2019, arXiv 1904.00962); 1/n for a head: Yang et al. 2021 (μP, arXiv
2203.03466). Here it bounds rates that are learned, instead of setting them.
"""

import math
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor


class Bounds(NamedTuple):
    """Lower and upper bound of a learning rate."""

    low: float
    high: float

    def within(self, low: float, high: float) -> "Bounds":
        """Return the bounds brought into another pair.

        >>> Bounds(1e-4, 1e-1).within(1e-6, 1e-2)
        Bounds(low=0.0001, high=0.01)
        """
        return Bounds(*map(Bounds(low, high).clip, self))

    def clip(self, lr: float) -> float:
        """Return the rate within the bounds that is nearest to another.

        >>> Bounds(1e-4, 1e-2).clip(0.5)
        0.01
        """
        return min(max(lr, self.low), self.high)


# Found on validation data (docs/benchmarks.md, "How the defaults were found").
RELATIVE_RATES = Bounds(6e-4, 2e-3)  # ρ
BATCH_NORM_RATES = Bounds(2e-3, 1.2e-2)  # ρ in a network with batch norm, which bears more
HEAD_RATES = Bounds(0.1, 1.0)  # λ


def weight_size(matrices: Iterable[Tensor]) -> float | None:
    """Return ``s``, the median root mean square of tensors, leaving out those that are all zero; None for none.

    Args:
        matrices: weight tensors of two or more dimensions, any floating dtype. Zero ones (the last
            layer of a residual block that starts at nothing, say) do not tell the size that weights will have.

    >>> weight_size([torch.full((2, 2), 3.0), torch.full((4, 1), 0.5), torch.ones(3, 3), torch.zeros(2, 2)])
    1.0
    """
    # A norm reads a matrix without a copy, and one transfer brings them all: no waiting for a device at each matrix.
    norms = [
        torch.linalg.vector_norm(matrix.detach(), dtype=torch.promote_types(matrix.dtype, torch.float32)).float()
        / math.sqrt(max(matrix.numel(), 1))
        for matrix in matrices
    ]
    sizes = torch.stack([norm.to(norms[0].device) for norm in norms]).tolist() if norms else []
    return median(filled) if (filled := [size for size in sizes if size > 0]) else None


def relative_bounds(size: float, batch_norm: bool = False) -> Bounds:
    """Return the bounds of the rate of pre-trained weights, in units of the rate.

    Args:
        size: ``s``, as `weight_size` returns it.
        batch_norm: whether the network normalises by batch, which takes the scale of its weights out of its outputs.

    >>> relative_bounds(0.5) == Bounds(0.5 * RELATIVE_RATES.low, 0.5 * RELATIVE_RATES.high)
    True
    """
    return Bounds(*(rate * size for rate in (BATCH_NORM_RATES if batch_norm else RELATIVE_RATES)))


def head_bounds(inputs: int) -> Bounds:
    """Return the bounds of the rate of a head with so many inputs.

    >>> head_bounds(1024) == Bounds(HEAD_RATES.low / 1024, HEAD_RATES.high / 1024)
    True
    """
    return Bounds(*(rate / inputs for rate in HEAD_RATES))
