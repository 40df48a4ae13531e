"""What a method costs, counted and not stated: every forward and backward pass of the network while it is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Passes:
    """Passes of a network, of whatever batches.

    Args:
        forwards: calls of the network, with or without gradients, in training or in evaluation mode.
        backwards: times that a gradient reached its loss, be it for the head alone.
    """

    forwards: int = 0
    backwards: int = 0


@contextmanager
def counted_passes(network: nn.Module) -> Iterator[Passes]:
    """Count the passes of a network, and of copies that are made of it meanwhile.

    The network must return its loss under the name ``loss``, as those of Transformers do.
    """
    passes = Passes()

    # Functions, since a deep copy of the network keeps them as they are: a run on a copy costs as much.
    def count_backward(gradient: Tensor) -> None:
        passes.backwards += 1

    def count_forward(module: nn.Module, arguments: Any, output: Any) -> None:
        passes.forwards += 1
        loss = output.get("loss")
        if loss is not None and loss.requires_grad:
            loss.register_hook(count_backward)

    hook = network.register_forward_hook(count_forward)
    try:
        yield passes
    finally:
        hook.remove()
