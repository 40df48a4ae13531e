"""The expected distance of given weights from a random initialisation, in closed form.

Models on the Hub do not publish the initialisation that their pre-training started from. For a given weight ``b`` and a
random one ``w`` of a known distribution, ``E|w − b|`` needs no draw:

    w ~ N(0, s²)                     s √(2/π) e^(−b²/2s²) + b erf(b/(s√2))
    the same, cut off at ±c          [2s² (p(b) − p(c)) + b erf(b/(s√2))] / erf(c/(s√2))    for |b| ≤ c, else |b|
    w ~ U(−a, a)                     (a² + b²)/(2a)                                         for |b| ≤ a, else |b|

with ``p`` the density of N(0, s²). The mean over the numbers of a tensor is the expected ``D`` of
`mean_absolute_difference`.
"""

import math

import torch
from torch import Tensor

from hf_metalr.equations.hypergradient import accumulator
from hf_metalr.errors import InputError


def expected_distance_normal(weights: Tensor, std: float, cut: float = math.inf) -> Tensor:
    """Return ``E|w − b|`` of every weight for ``w ~ N(0, std²)``, where asked cut off at ``±cut``.

    Args:
        weights: the given weights ``b``; any shape, any floating dtype.
        std: standard deviation ``s`` before the cut, above 0.
        cut: the largest size ``c`` of a random weight, in units of the parameter; infinite for a plain normal.

    Returns:
        The expected distances in the shape of the weights, float64, in units of the parameter.

    >>> expected_distance_normal(torch.zeros(1), std=1.0).item() == math.sqrt(2 / math.pi)
    True
    """
    _require_positive("std", std)
    _require_positive("cut", cut)
    b = weights.detach().to(accumulator(weights.device))
    at_cut = math.exp(-((cut / std) ** 2) / 2)
    inside = std * math.sqrt(2 / math.pi) * ((-((b / std) ** 2) / 2).exp() - at_cut)
    inside = (inside + b * torch.erf(b / (std * math.sqrt(2)))) / math.erf(cut / (std * math.sqrt(2)))
    return torch.where(b.abs() <= cut, inside, b.abs())


def expected_distance_uniform(weights: Tensor, bound: float) -> Tensor:
    """Return ``E|w − b|`` of every weight for ``w ~ U(−bound, bound)``.

    Args:
        weights: the given weights ``b``; any shape, any floating dtype.
        bound: ``a``, above 0, in units of the parameter.

    Returns:
        The expected distances in the shape of the weights, float64, in units of the parameter.

    >>> expected_distance_uniform(torch.tensor([0.0, 2.0]), bound=1.0).tolist()
    [0.5, 2.0]
    """
    _require_positive("bound", bound)
    b = weights.detach().to(accumulator(weights.device)).abs()
    return torch.where(b <= bound, (bound**2 + b**2) / (2 * bound), b)


def _require_positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(
            name,
            f"must be above 0, found {value!r}. A constant initialisation has the distance |b − constant|.",
        )
