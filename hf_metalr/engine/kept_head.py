"""A head that came with the weights: how it is told, and the rule for a network whose every layer knows the task.

A network with a new head is unlike one whose head was trained for the task before (on another hospital's images, say):
there the gradient of the first steps says mostly that the head knows nothing. Here it says which layers the new data
do not fit, and rates can follow: a shift of the pixels lies in the first layers, a shift of the labels in the last.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from torch import nn
from torch.optim import Optimizer

from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.measurement import Measurement
from hf_metalr.engine.rules import COMMON, LogAdamRule, ProportionalRule, UpdateRule
from hf_metalr.engine.trust_region import has_trust_region
from hf_metalr.equations import Bounds, Moments, log_adam_update, smoothed_over_depth
from hf_metalr.layer_groups import LayerGroup

# Judged on validation splits alone (benchmarks/accuracy/NOTES.md, section 8).
DEVIATION_STEPS = 13  # within the first epoch of a few hundred samples: no batch is seen twice
DEVIATION_HYPER_LR = 0.4
DEVIATION_RANGE = 64.0
# As far as the region of a network with batch norm reaches down from its upper bound; those that were measured have it.
COMMON_RANGE = 6.0


def heads_are_kept(model: nn.Module, layer_groups: Sequence[LayerGroup]) -> bool:
    """Return whether every head seems to have been trained before: it was loaded, and its biases are not zero.

    Transformers marks the tensors that it has loaded (read in 5.23), and leaves those that it drew anew unmarked. Some
    checkpoints hold a head that was saved as it was drawn, with biases of zero. A head without a bias counts as new.
    """
    parameters = dict(model.named_parameters())
    heads = [
        {name: parameters[name] for name in group.parameter_names if name in parameters}
        for group in layer_groups
        if group.is_head
    ]
    return bool(heads) and all(map(_is_kept, heads))


def _is_kept(head: Mapping[str, nn.Parameter]) -> bool:
    biases = [parameter for name, parameter in head.items() if name.endswith("bias")]
    loaded = all(getattr(parameter, "_is_hf_initialized", False) for parameter in head.values())
    return loaded and bool(biases) and all(bool(bias.any()) for bias in biases)


def settled(config: MetaLRConfig, optimizer: Optimizer) -> MetaLRConfig:
    """Return the settings with ``kept_head`` off where no trust region acts."""
    return config if has_trust_region(optimizer, config) else replace(config, kept_head=False)


def with_room_below(bounds: Mapping[str, Bounds], region: Collection[str], min_lr: float) -> dict[str, Bounds]:
    """Return the bounds with the lower ones of a region `DEVIATION_RANGE` times lower: some layers need not move.

    None is lower than ``min_lr``.
    """
    return {
        name: Bounds(max(own.low / DEVIATION_RANGE, min_lr), own.high) if name in region else own
        for name, own in bounds.items()
    }


class KeptHeadRule(LogAdamRule):
    """Adam on the scale that all rates have in common; in the first steps, also on how each differs from it.

        ln α_j ← ln α_j − β_t n(mean_i s_i) − β' n(s̃_j − mean_i s_i)        the last term for `DEVIATION_STEPS` alone

    ``s̃`` is the agreement smoothed over depth: one layer's own is mostly noise, and a shift lies in a stretch of
    layers. After that the proportions between layers stay: the common scale stops where the first rate meets its upper
    bound, or the highest has fallen to a `COMMON_RANGE`-th of it.

    Args:
        hyper_lr: ``β`` of the common scale.
        decay: its ``τ``.
        heads: names of the heads, which are not smoothed.
    """

    def __init__(self, hyper_lr: float, decay: float | None, heads: Collection[str]) -> None:
        super().__init__(hyper_lr, decay, common_share=1.0)
        self.heads = heads

    def propose(self, lrs: Mapping[str, float], measured: Mapping[str, Measurement]) -> dict[str, float]:
        agreements = {name: measurement.agreement for name, measurement in measured.items()}
        if not agreements:
            return {}
        mean = sum(agreements.values()) / len(agreements)
        hyper_lr, direction = self._step(COMMON, mean)
        common = self._room(lrs).clip(math.exp(-hyper_lr * direction))
        proposed = {name: lrs[name] * common for name in agreements}
        if self._moments[COMMON].steps <= DEVIATION_STEPS:
            body = [name for name in agreements if name not in self.heads]
            smooth = agreements | dict(zip(body, smoothed_over_depth([agreements[name] for name in body]), strict=True))
            for name, agreement in smooth.items():
                high = self.region[name].high if name in self.region else math.inf
                proposed[name] = min(self._deviated(name, proposed[name], (agreement - mean) / 2), high)
        return proposed

    def _room(self, lrs: Mapping[str, float]) -> Bounds:
        """By which factors the common scale may move."""
        moving = [(lrs[name], bounds) for name, bounds in self.region.items() if lrs.get(name, 0.0) > 0]
        if not moving:
            return Bounds(0.0, math.inf)
        low = min(bounds.high / COMMON_RANGE / lr for lr, bounds in moving)
        return Bounds(min(1.0, low), max(1.0, min(bounds.high / lr for lr, bounds in moving)))

    def _deviated(self, name: str, lr: float, difference: float) -> float:
        moments = self._moments.get(name, Moments())
        lr, self._moments[name] = log_adam_update(lr, difference, DEVIATION_HYPER_LR, moments)
        return lr


def make_rule(config: MetaLRConfig, layer_groups: Sequence[LayerGroup]) -> UpdateRule:
    """Return the rule that the configuration names."""
    beta, tau = config.effective_hyper_lr, config.effective_hyper_lr_decay
    if config.lr_update == "proportional":
        return ProportionalRule(beta)
    if config.kept_head:
        return KeptHeadRule(beta, tau, [group.name for group in layer_groups if group.is_head])
    return LogAdamRule(beta, tau, config.common_share, config.upward_drift)
