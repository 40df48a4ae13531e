"""Features and labels of every shape that a backbone and a data set can give; all seeded."""

import torch
from torch import Tensor

CASES = ("tall", "wide", "square", "low rank", "imbalanced", "dead channels", "gaps and a single sample")


def case(name: str) -> tuple[Tensor, Tensor]:
    """Return float64 features with some signal, and labels of three classes."""
    generator = torch.Generator().manual_seed(CASES.index(name))
    samples, channels = {"wide": (14, 40), "square": (16, 16)}.get(name, (30, 6))
    labels = torch.arange(samples) % 3
    if name == "imbalanced":
        labels = torch.tensor([0] * 24 + [1] * 4 + [2] * 2)
    if name == "gaps and a single sample":
        labels = torch.tensor([0] * 15 + [2] * 14 + [7])
    features = torch.randn(samples, channels, generator=generator, dtype=torch.float64) + 0.5
    features[:, 0] += labels
    if name == "low rank":
        features = features[:, :2] @ torch.randn(2, channels, generator=generator, dtype=torch.float64)
    if name == "dead channels":
        features[:, 1], features[:, 3] = 0.0, 0.1
    return features, labels


def noise(samples: int, channels: int, classes: int, *, correlated: bool = False) -> tuple[Tensor, Tensor]:
    """Return features that know nothing of the balanced labels."""
    generator = torch.Generator().manual_seed(channels)
    features = torch.randn(samples, channels, generator=generator)
    if correlated:
        features = (features * torch.arange(1, channels + 1) ** -0.5) @ torch.randn(
            channels, channels, generator=generator
        )
    return features, torch.arange(samples) % classes


def rotation(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.linalg.qr(torch.randn(channels, channels, generator=generator, dtype=torch.float64)).Q
