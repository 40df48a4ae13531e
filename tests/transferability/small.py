"""Small models with known ends."""

import copy

import torch
from torch import nn


def make_mlp(seed: int = 0) -> nn.Module:
    """Three linear layers with a norm between: block.0 … and a head; all modules have reset_parameters."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )


def moved(model: nn.Module, by: float, seed: int = 1) -> nn.Module:
    """A copy whose parameters each moved by exactly ``by``, in random directions."""
    generator = torch.Generator().manual_seed(seed)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            signs = torch.randint(0, 2, parameter.shape, generator=generator) * 2 - 1
            parameter.add_(by * signs)
    return twin
