"""Rate-update rules with their state; the equations are in `hf_metalr.equations.lr_updates`."""

import math
from collections.abc import Mapping
from typing import Protocol

from hf_metalr.engine.measurement import Measurement
from hf_metalr.equations import Bounds, Moments, decayed_hyper_lr, normalised, proportional_update
from hf_metalr.errors import InputError

# Under which the moments of the common scale are kept, beside those of the layer groups.
COMMON = "*"


class UpdateRule(Protocol):
    """Proposes the next base rates; bounds are applied by the engine."""

    region: Mapping[str, Bounds]

    def propose(self, lrs: Mapping[str, float], measured: Mapping[str, Measurement]) -> dict[str, float]:
        """Return the rates that the rule proposes in place of ``lrs``, for the layer groups that were measured."""

    def state_dict(self) -> dict[str, list[float]]:
        """Return the rule's state per layer group, JSON-ready."""

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Restore what `state_dict` returned."""


class ProportionalRule:
    """The paper's rule; it has no state, and no drift."""

    def __init__(self, hyper_lr: float) -> None:
        self.hyper_lr = hyper_lr
        self.region: Mapping[str, Bounds] = {}

    def propose(self, lrs: Mapping[str, float], measured: Mapping[str, Measurement]) -> dict[str, float]:
        return {
            name: proportional_update(lrs[name], measurement.hypergradient, self.hyper_lr)
            for name, measurement in measured.items()
        }

    def state_dict(self) -> dict[str, list[float]]:
        return {}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        if state:
            raise InputError(
                None, f"The state of lr_update='proportional' must be empty; found groups {sorted(state)}."
            )


class LogAdamRule:
    """Adam on ``ln α``, twice: on the scale that all rates have in common, and on every rate by itself.

        ln α_j ← ln α_j − β_t [w n(mean_i s_i) + (1 − w) n(s_j) − o_j]          n(s) = m̂/(√v̂ + ε)

    A share ``w`` of ``β`` goes to the common scale, which is moved by the mean agreement of all layer groups; the rest
    to each group's own. One layer's agreement is mostly noise, the mean of all is not: a layer that learns nothing
    about its rate follows the others, and a scale that is wrong for all is found within a few steps.

    The drift ``o_j`` is for schedules that decay. A gradient sees the noise of the steps just taken, which asks for
    smaller rates whatever they are. Under a constant rate that is right: the rate has to fall in the end. A schedule
    that decays does this by itself, and the pull downwards comes on top; ``o`` takes it off.

    Its state is one pair of running moments per layer group, and one of the mean, under `COMMON`.

    Args:
        hyper_lr: ``β``.
        decay: ``τ``, in ``β_t = β / √(1 + t/τ)``; None keeps ``β``.
        common_share: ``w``.
        upward_drift: ``o`` of the layer groups in ``region``; the others have none.

    Attributes:
        region: bounds of the layer groups whose weights set them. Without an upper bound a drift would have no end.
    """

    def __init__(
        self, hyper_lr: float, decay: float | None = None, common_share: float = 0.0, upward_drift: float = 0.0
    ) -> None:
        self.hyper_lr, self.decay = hyper_lr, decay
        self.common_share, self.upward_drift = common_share, upward_drift
        self.region: Mapping[str, Bounds] = {}
        self._moments: dict[str, Moments] = {}

    def propose(self, lrs: Mapping[str, float], measured: Mapping[str, Measurement]) -> dict[str, float]:
        agreements = {name: measurement.agreement for name, measurement in measured.items()}
        common = 0.0
        if self.common_share > 0 and agreements:
            hyper_lr, direction = self._step(COMMON, sum(agreements.values()) / len(agreements))
            common = self.common_share * hyper_lr * direction
        proposed = {}
        for name, agreement in agreements.items():
            hyper_lr, direction = self._step(name, agreement)
            drift = self.upward_drift if name in self.region else 0.0
            change = common + hyper_lr * ((1 - self.common_share) * direction - drift)
            proposed[name] = lrs[name] * math.exp(-change)
        return proposed

    def _step(self, name: str, agreement: float) -> tuple[float, float]:
        """Return ``β_t`` and ``n(s)`` of a layer group, and remember its moments."""
        moments = self._moments.get(name, Moments())
        direction, self._moments[name] = normalised(agreement, moments)
        return decayed_hyper_lr(self.hyper_lr, moments.steps, self.decay), direction

    def state_dict(self) -> dict[str, list[float]]:
        return {name: list(moments) for name, moments in self._moments.items()}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        self._moments = {name: Moments(values[0], values[1], int(values[2])) for name, values in state.items()}
