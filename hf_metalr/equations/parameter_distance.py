"""How far two values of the same parameters lie apart: mean absolute difference, relative drift, angle, gradient ratio.

All sums run in float64 (float32 on Apple's mps): the differences are small beside the weights.
"""

import math

from torch import Tensor

from hf_metalr.equations.hypergradient import accumulator
from hf_metalr.errors import InputError


def mean_absolute_difference(left: Tensor, right: Tensor) -> float:
    """Return ``D = mean |left − right|`` over the numbers of one tensor, in units of the parameter.

    Args:
        left: any shape, any floating dtype.
        right: same shape.

    Raises:
        InputError: the shapes differ, or the tensors are empty.

    Source: arXiv 2212.00399, the distance of the transferability of parameters.

    >>> import torch
    >>> mean_absolute_difference(torch.tensor([1.0, -1.0]), torch.tensor([1.5, 1.0]))
    1.25
    """
    return unit_distances(left, right).mean().item()


def unit_distances(left: Tensor, right: Tensor) -> Tensor:
    """Return ``mean |left − right|`` of each output unit: a vector as long as the first dimension, in float64.

    Its mean is `mean_absolute_difference`; its spread tells how far that depends on which units there happen to be.
    A scalar counts as one unit.

    >>> import torch
    >>> unit_distances(torch.zeros(2, 3), torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 3.0]])).tolist()
    [1.0, 1.0]
    """
    _require_same_shape(left, right)
    return by_unit((_wide(left) - _wide(right)).abs())


def by_unit(values: Tensor) -> Tensor:
    """Return the mean of the numbers of each output unit (index of the first dimension).

    >>> import torch
    >>> by_unit(torch.tensor([[1.0, 3.0], [5.0, 5.0]])).tolist()
    [2.0, 5.0]
    """
    return values.reshape(len(values) if values.ndim else 1, -1).mean(1)


def relative_drift(start: Tensor, end: Tensor) -> float:
    """Return ``‖end − start‖ / ‖start‖`` of one tensor; infinite where something grew from exactly 0.

    >>> import torch
    >>> relative_drift(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 3.0]))
    0.2
    """
    _require_same_shape(start, end)
    start, end = _wide(start), _wide(end)
    return quotient((end - start).norm().item(), start.norm().item())


def angle(start: Tensor, end: Tensor) -> float:
    """Return the angle between two values of a tensor, in degrees; NaN where one of them is 0.

    Weights in front of a normalisation are free in scale: their length says nothing, their direction everything.

    >>> import torch
    >>> round(angle(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 2.0])), 6)
    45.0
    """
    _require_same_shape(start, end)
    start, end = _wide(start).flatten(), _wide(end).flatten()
    start_norm, end_norm = start.norm(), end.norm()
    if start_norm == 0 or end_norm == 0:
        return math.nan
    # The arccosine of a cosine near 1 loses half of its digits; the half angle from difference and sum loses none.
    start, end = start / start_norm, end / end_norm
    return math.degrees(2 * math.atan2((end - start).norm().item(), (end + start).norm().item()))


def gradient_to_weight_ratio(gradient: Tensor, weights: Tensor) -> float:
    """Return ``‖g‖ / ‖θ‖``, the relative gradient norm by which Auto-RGN sets rates; infinite where the weights are 0.

    Source: Lee et al. 2023, Surgical Fine-Tuning Improves Adaptation to Distribution Shifts (arXiv 2210.11466).

    >>> import torch
    >>> gradient_to_weight_ratio(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 50.0]))
    0.1
    """
    _require_same_shape(gradient, weights)
    return quotient(_wide(gradient).norm().item(), _wide(weights).norm().item())


def quotient(numerator: float, denominator: float) -> float:
    """Return ``numerator / denominator`` of two numbers of at least 0; ``x/0`` is infinite and ``0/0`` is NaN.

    >>> quotient(1.0, 0.0), quotient(0.0, 0.0)
    (inf, nan)
    """
    if denominator == 0:
        return math.inf if numerator > 0 else math.nan
    return numerator / denominator


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to(accumulator(tensor.device))


def _require_same_shape(left: Tensor, right: Tensor) -> None:
    if left.shape != right.shape or left.numel() == 0:
        raise InputError(
            None,
            f"Both tensors must have the same shape and at least one number, found {tuple(left.shape)} and "
            f"{tuple(right.shape)}. Compare tensors of the same parameter.",
        )
