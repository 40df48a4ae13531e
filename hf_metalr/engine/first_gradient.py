"""Initial rates that only the first gradient can tell: those of plain SGD, whose steps are of size ``α ‖g‖``.

The weights say how far a step may move them: by the upper bound of their trust region, as for an optimizer of Adam's
kind. SGD's rate that moves them so far is that bound over the size of the gradient, layer group by layer group,

    α_j = ρ_max s (1 − μ) / ((1 − τ) √mean(g_j²))       μ: momentum, τ: its dampening

so that neither the scale of the loss nor that of the network matters. Source: a step in units of the weights is that of
LARS (You et al. 2017, arXiv 1708.03888), which takes it at every step; here it is the start of what is learned.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.adapters import lora_rates
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.rates import base_lrs, learned_groups, make_numbers_plain, set_base_lrs, unstated_groups
from hf_metalr.engine.trust_region import NO_BOUNDS, weight_region
from hf_metalr.equations import Bounds
from hf_metalr.layer_groups import LayerGroup

# A branch that starts at nothing, or rows of an embedding that the first batch leaves out, have hardly a gradient at
# first; a rate to match would be far too large as soon as it grows. MobileNetV2's layers lie within 7 times the median.
MOST_TIMES_MEDIAN = 10.0


class _Engine(Protocol):
    config: MetaLRConfig
    optimizer: Optimizer
    reduce_mean: Callable[[Tensor], Tensor] | None
    first_lrs: dict[str, float]
    wide_bounds: Bounds
    lr_bounds: dict[str, Bounds]
    _displacements: Displacements

    @property
    def scheduler(self) -> object: ...


class FirstGradient:
    """Chooses the rates that are still `UNSTATED` at the first step, when its gradient is there.

    Args:
        model: in training.
        optimizer: of SGD's kind where a rate is unstated; in numbers its rates are Transformers' default meanwhile.
        scheduler: that of the optimizer, or None.
        layer_groups: input to output.
        config: settings of the engine.

    Attributes:
        awaited: by layer group, the largest step that its weights bear; empty where nothing is to be chosen.
        chosen: by layer group, the rates that were.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        scheduler: object | None,
        layer_groups: Sequence[LayerGroup],
        config: MetaLRConfig,
    ) -> None:
        self.awaited: dict[str, float] = {}
        self.chosen: dict[str, float] = {}
        if unstated := unstated_groups(optimizer):
            region = weight_region(model, layer_groups, config)
            steps = lora_rates(model, layer_groups)
            steps |= {name: bounds.high for name, bounds in region.items() if bounds != NO_BOUNDS}
            self.awaited = {name: steps[name] for name in unstated if name in steps}
        make_numbers_plain(optimizer, scheduler)

    def choose_rates(self, engine: _Engine) -> None:
        """Set the rates of an engine whose optimizer is about to take its first step, and its bounds by them."""
        squares = engine._displacements.gradient_squares()
        if engine.reduce_mean is not None and engine._displacements.sharded:
            squares = engine.reduce_mean(squares)
        by_name = dict(zip(engine._displacements.parameters, squares.tolist(), strict=True))
        self.chosen = rates_of_first_gradient(engine.optimizer, by_name, self.awaited)
        self.awaited = {}
        others = {name: lr for name, lr in base_lrs(engine.optimizer).items() if name not in self.chosen}
        engine.wide_bounds = engine.config.bounds_from([*self.chosen.values(), *others.values()])
        engine.lr_bounds = dict.fromkeys(engine.lr_bounds, engine.wide_bounds)
        for name, lr in self.chosen.items():
            self.chosen[name] = engine.first_lrs[name] = engine.wide_bounds.clip(lr)
        set_base_lrs(engine.optimizer, engine.scheduler, self.chosen)


def rates_of_first_gradient(
    optimizer: Optimizer, gradient_squares: Mapping[str, float], steps: Mapping[str, float]
) -> dict[str, float]:
    """Return the rate by layer group at which SGD moves weights by steps of a given size; none without any gradient.

    A layer group without a gradient, or with one that is not finite, takes the median of the others; none has more than
    `MOST_TIMES_MEDIAN` times that.

    Args:
        optimizer: of SGD's kind, split by layer group.
        gradient_squares: ``‖g‖²`` by layer group.
        steps: root mean square of the wanted steps by layer group, for those whose rates are chosen.
    """
    counts: dict[str, int] = {}
    shares: dict[str, float] = {}
    for name, _, group in learned_groups(optimizer):
        counts[name] = counts.get(name, 0) + sum(parameter.numel() for parameter in group["params"])
        # What a steady gradient moves in the long run: 1/(1 − μ) of its first step, of which dampening leaves 1 − τ.
        shares[name] = (1 - group.get("momentum", 0.0)) / max(1 - group.get("dampening", 0.0), 1e-3)
    chosen = {}
    for name, step in steps.items():
        size = math.sqrt(gradient_squares[name] / counts[name])
        if 0 < size < math.inf:
            chosen[name] = step * shares[name] / size
    if not chosen:
        return {}
    middle = median(chosen.values())
    return {name: min(chosen.get(name, middle), MOST_TIMES_MEDIAN * middle) for name in steps}
