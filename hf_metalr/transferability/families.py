"""Which family of initialisation a random tensor was drawn from, and its expected distance from given weights."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hf_metalr.equations import by_unit, expected_distance_normal, expected_distance_uniform, unit_distances

# `lecun_normal_` of Transformers (SigLIP) and variance scaling cut at two standard deviations, which leaves this part
# of the standard deviation. `trunc_normal_` with its bounds of ±2 at a std of 0.02 cuts nothing: a plain normal.
_CUT = 2.0
_STD_AFTER_CUT = 0.8796256610342398
# A sample mean further from 0 than so many standard errors is no chance; the closed forms are centred at 0.
_CENTRED_WITHIN = 6.0


@dataclass(frozen=True)
class Family:
    """A family of initialisation, fitted to two draws of one tensor.

    Attributes:
        name: "constant" (both draws agree), "normal", "truncated normal" (cut at two standard deviations), "uniform",
            or "drawn" where none of them fits (off centre): then the mean distance from the two draws stands in.
        scale: standard deviation before the cut, or the bound of the uniform; 0 for the other two.
        draws: the two draws, kept for "constant" and "drawn".
    """

    name: Literal["constant", "normal", "truncated normal", "uniform", "drawn"]
    scale: float = 0.0
    draws: tuple[Tensor, ...] = ()

    def expected_distances(self, weights: Tensor) -> Tensor:
        """Return the expected distance of each output unit of the weights from a random tensor."""
        if self.name == "normal":
            return by_unit(expected_distance_normal(weights, self.scale))
        if self.name == "truncated normal":
            return by_unit(expected_distance_normal(weights, self.scale, cut=_CUT * self.scale))
        if self.name == "uniform":
            return by_unit(expected_distance_uniform(weights, self.scale))
        return torch.stack([unit_distances(draw, weights) for draw in self.draws]).mean(0)

    def __str__(self) -> str:
        return f"{self.name} {self.scale:.3g}" if self.scale else self.name


def fit_family(first: Tensor, second: Tensor) -> Family:
    """Return the family under which two independent draws of one tensor are most likely, centred at 0.

    >>> torch.manual_seed(0).device.type
    'cpu'
    >>> fit_family(torch.rand(500) - 0.5, torch.rand(500) - 0.5).name
    'uniform'
    >>> fit_family(torch.ones(5), torch.ones(5)).name
    'constant'
    """
    first, second = first.detach().cpu(), second.detach().cpu()
    if torch.equal(first, second):
        return Family("constant", draws=(first,))
    sample = torch.cat([first.flatten(), second.flatten()]).double()
    count = len(sample)
    std = sample.square().mean().sqrt().item()
    if abs(sample.mean().item()) > _CENTRED_WITHIN * std / math.sqrt(count):
        return Family("drawn", draws=(first, second))
    largest = sample.abs().max().item()
    bound = largest * (count + 1) / count  # unbiased: the largest of n uniform numbers lies a little inside
    uncut = max(std / _STD_AFTER_CUT, largest / _CUT)
    kept = math.erf(_CUT / math.sqrt(2))
    log_likelihoods = {
        Family("normal", std): -math.log(std) - std**2 / (2 * std**2) - 0.5 * math.log(2 * math.pi),
        Family("truncated normal", uncut): (
            -math.log(uncut) - std**2 / (2 * uncut**2) - 0.5 * math.log(2 * math.pi) - math.log(kept)
        ),
        Family("uniform", bound): -math.log(2 * bound),
    }
    return max(log_likelihoods, key=lambda family: log_likelihoods[family])
