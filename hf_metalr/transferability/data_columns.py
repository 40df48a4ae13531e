"""What needs data: gradient-to-weight ratio before training, similarity of features, and the effect of resetting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from hf_metalr.transferability.profile import LossChange

SampleLosses = Callable[[nn.Module, Mapping[str, Any]], Tensor]


@dataclass(frozen=True)
class DataColumns:
    """Columns by layer group; empty without data."""

    gradient_ratio: Mapping[str, float] = field(default_factory=dict)
    feature_similarity: Mapping[str, float] = field(default_factory=dict)
    reset_to_pretrained: Mapping[str, LossChange] = field(default_factory=dict)
    reset_to_random: Mapping[str, LossChange] = field(default_factory=dict)
    validation_loss: float | None = None
    validation_samples: int | None = None


def measure_on_data(*_: Any) -> DataColumns:
    """Measure all of them (to come)."""
    raise NotImplementedError
