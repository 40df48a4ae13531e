"""Rate-update rules with their state; the equations are in `hf_metalr.equations.lr_updates`."""

from typing import Protocol

from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.measurement import Measurement
from hf_metalr.equations import Moments, decayed_hyper_lr, log_adam_update, proportional_update
from hf_metalr.errors import InputError


class UpdateRule(Protocol):
    """Proposes the next base rate of a layer group; bounds are applied by the engine."""

    def propose(self, layer_group: str, lr: float, measurement: Measurement) -> float:
        """Return the rate that the rule proposes in place of ``lr``."""

    def state_dict(self) -> dict[str, list[float]]:
        """Return the rule's state per layer group, JSON-ready."""

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Restore what `state_dict` returned."""


class ProportionalRule:
    """The paper's rule; it has no state."""

    def __init__(self, hyper_lr: float) -> None:
        self.hyper_lr = hyper_lr

    def propose(self, layer_group: str, lr: float, measurement: Measurement) -> float:
        return proportional_update(lr, measurement.hypergradient, self.hyper_lr)

    def state_dict(self) -> dict[str, list[float]]:
        return {}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        if state:
            raise InputError(
                None, f"The state of lr_update='proportional' must be empty; found groups {sorted(state)}."
            )


class LogAdamRule:
    """Adam on ``ln α``; its state is one pair of running moments per layer group."""

    def __init__(self, hyper_lr: float, decay: float | None = None) -> None:
        self.hyper_lr, self.decay = hyper_lr, decay
        self._moments: dict[str, Moments] = {}

    def propose(self, layer_group: str, lr: float, measurement: Measurement) -> float:
        moments = self._moments.get(layer_group, Moments())
        hyper_lr = decayed_hyper_lr(self.hyper_lr, moments.steps, self.decay)
        lr, self._moments[layer_group] = log_adam_update(lr, measurement.agreement, hyper_lr, moments)
        return lr

    def state_dict(self) -> dict[str, list[float]]:
        return {name: list(moments) for name, moments in self._moments.items()}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        self._moments = {name: Moments(values[0], values[1], int(values[2])) for name, values in state.items()}


def make_rule(config: MetaLRConfig) -> UpdateRule:
    """Return the rule that the configuration names."""
    if config.lr_update == "proportional":
        return ProportionalRule(config.effective_hyper_lr)
    return LogAdamRule(config.effective_hyper_lr, config.effective_hyper_lr_decay)
