"""Numbers of any size as what a new output layer reaches: trained as (y − mean) / spread, saved in their own unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Units:
    """The unit of a regression's numbers: z = (y − mean) / spread is trained on.

    Attributes:
        mean: of the training numbers, in their unit.
        spread: standard deviation of the training numbers, in their unit; 1 where all agree.
    """

    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, values: Sequence[float]) -> "Units":
        """Return the unit in which these numbers have mean 0 and standard deviation 1.

        >>> Units.of([40.0, 60.0])
        Units(mean=50.0, spread=10.0)
        """
        return cls(float(np.mean(values)), float(np.std(values)) or 1.0)

    def leave(self, values: Any) -> Any:
        """Return z = (y − mean) / spread of a number or an array.

        >>> Units(50.0, 10.0).leave(65.0)
        1.5
        """
        return (values - self.mean) / self.spread

    def enter(self, values: Any) -> Any:
        """Return y = mean + spread · z of a number or an array.

        >>> Units(50.0, 10.0).enter(1.5)
        65.0
        """
        return self.mean + self.spread * values

    @torch.no_grad()
    def fold_into(self, layer: nn.Linear) -> None:
        """Make an output layer that answers with z answer with y: W ← spread · W, b ← mean + spread · b."""
        layer.weight.mul_(self.spread)
        layer.bias.mul_(self.spread).add_(self.mean)

    @torch.no_grad()
    def take_out_of(self, layer: nn.Linear) -> None:
        """Make an output layer that answers with y answer with z: W ← W / spread, b ← (b − mean) / spread."""
        layer.weight.div_(self.spread)
        layer.bias.sub_(self.mean).div_(self.spread)


UNCHANGED = Units()


@torch.no_grad()
def output_layer(model: nn.Module, inputs: dict[str, Tensor]) -> nn.Linear | None:
    """Return the linear layer with bias whose answer is the model's logits, or None where nothing is so simple.

    Args:
        model: of Transformers.
        inputs: a batch to try it on, without labels.
    """
    answers: dict[nn.Linear, Tensor] = {}
    layers = [module for module in model.modules() if isinstance(module, nn.Linear) and module.bias is not None]
    hooks = [layer.register_forward_hook(lambda layer, _, answer: answers.update({layer: answer})) for layer in layers]
    training = model.training
    try:
        logits = model.eval()(**inputs).logits
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return next((layer for layer, answer in reversed(answers.items()) if _equal(answer, logits)), None)


def _equal(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.equal(first, second)
