"""What a resumed run needs of the engine beside the optimizer's and the scheduler's own state."""

from dataclasses import replace
from typing import Any

from torch import nn
from torch.optim import Optimizer

from hf_metalr.engine.checks import (
    require_agreeing_scheduler,
    require_own_groups,
    require_recorded_rates,
    require_same_run,
    require_sound_rates,
)
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.first_gradient import FirstGradient
from hf_metalr.engine.kept_head import make_rule
from hf_metalr.engine.rates import base_lrs
from hf_metalr.engine.rules import UpdateRule
from hf_metalr.engine.trust_region import has_trust_region, resumed_bounds
from hf_metalr.engine.written_rates import WrittenRates
from hf_metalr.equations import Bounds
from hf_metalr.layer_groups import LayerGroup


class Resumable:
    """The state of a `MetaLR` engine, saved and restored."""

    config: MetaLRConfig
    model: nn.Module
    optimizer: Optimizer
    scheduler: Any
    layer_groups: tuple[LayerGroup, ...]
    lr_bounds: dict[str, Bounds]
    wide_bounds: Bounds
    step: int
    skipped: int
    _rule: UpdateRule
    _written: WrittenRates
    _displacements: Displacements
    first_gradient: FirstGradient

    @property
    def learning_rates(self) -> dict[str, float]:
        """The learned base rate of every layer group, input to output."""
        rates = base_lrs(self.optimizer)
        return {group.name: rates[group.name] for group in self.layer_groups if group.name in rates}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs beside the optimizer's (and scheduler's) own state, where the rates are."""
        return {
            "config": self._identity(),
            "layer_groups": list(self.learning_rates),
            "learning_rates": self.learning_rates,  # to check against: they are restored from the optimizer's state
            "step": self.step,
            "skipped": self.skipped,
            "kept_head": self.config.kept_head,  # by now its biases say nothing
            "lr_bounds": {name: list(bounds) for name, bounds in self.lr_bounds.items()},
            "written": self._written.state_dict(),
            "rule": self._rule.state_dict(),
            "displacements": self._displacements.state_dict(self.model),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; load the optimizer's and the scheduler's state first.

        Raises:
            InputError: the state was made with another estimator, update rule, trust region or grouping, the loaded
                rates are out of bounds, or the optimizer's and the scheduler's states do not belong together.
        """
        self.require_fitting(state)
        require_own_groups(self.optimizer, self.model, self.layer_groups)
        require_sound_rates(self.optimizer, self.config, self.scheduler)
        require_agreeing_scheduler(self.optimizer, self.scheduler)
        require_recorded_rates(state["learning_rates"], self.learning_rates)
        self.step, self.skipped = state["step"], state["skipped"]
        self.lr_bounds = resumed_bounds(state["lr_bounds"], self.optimizer, self.config)
        if not has_trust_region(self.optimizer, self.config):  # they followed rates that the first gradient told
            lows, highs = zip(*self.lr_bounds.values(), strict=True)
            self.wide_bounds = Bounds(min(lows), max(highs))
        self._written.load_state_dict(state["written"])
        self.first_gradient.awaited.clear()  # it has passed
        self.config = replace(self.config, kept_head=state["kept_head"])
        self._rule = make_rule(self.config, self.layer_groups)
        self._rule.load_state_dict(state["rule"])
        self._displacements.load_state_dict(state["displacements"], self.model)

    def require_fitting(self, state: dict[str, Any]) -> None:
        """Raise an InputError if a state was made with another estimator, rule, trust region or grouping."""
        require_same_run(state, self._identity(), list(self.learning_rates))

    def displacement_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor whose displacement is measured, by parameter name."""
        return self._displacements.shapes(self.model)

    def _identity(self) -> dict[str, Any]:
        return {name: getattr(self.config, name) for name in ("estimator", "lr_update", "trust_region")}
