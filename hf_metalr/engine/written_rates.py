"""Rates that somebody else wrote between two optimizer steps: noticed, and refused or composed with what is learned.

An engine that was told of no scheduler refuses them: they would replace what it has learned. One that was told of a
scheduler, or that the loop writes rates itself (``scheduler="written"``), composes. Let ``m_j = α_j / u_j`` be the
learned multiplier of layer group j: its base rate over its *unit*, what it started from. Written was one of two:

    a schedule   numbers of the writer's own (the loops of MAE and DeiT, timm): it wrote ``s_j``, and the rate of the
                 coming step is ``m_j s_j``
    a factor     of what stood there (plateau schedulers, ``group["lr"] *= 0.1``): the learned rate is in it already

Which one it is shows in what all layer groups have in common: over what a schedule wrote before, or over what the last
step left. Where neither fits, it is refused. Where both do (a single layer group, or all were learned alike so far), it
is a factor if the step before got the same one, or if nobody wrote then and a scheduler was told; else a schedule.
"""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from torch.optim import Optimizer

from hf_metalr.engine.checks import refuse_unexplained_rates, refuse_untold_rates, require_one_rate_each
from hf_metalr.engine.rates import (
    base_lr,
    base_lrs,
    close,
    effective_lrs,
    learned_groups,
    place_base_lr,
    same_ratio,
    set_effective_lr,
)
from hf_metalr.engine.schedulers import last_lrs, multiplies_base_rates, owns_rates, written_units
from hf_metalr.errors import InputError

logger = logging.getLogger(__name__)

Style = Literal["schedule", "factor"]
Rates = dict[str, float]


class WrittenRates:
    """Remembers the rates that a step left behind, and reads those that the next one finds.

    Args:
        optimizer: its param groups bear the names of layer groups.
        units: the rate that each layer group was given to start with, before its bounds moved it.

    Attributes:
        units: what a schedule calls the rate of each layer group at its factor 1.
    """

    def __init__(self, optimizer: Optimizer, units: Mapping[str, float]) -> None:
        self._optimizer = optimizer
        self.units: Rates = {}
        self._scheduled: Rates = {}  # what a schedule wrote last, other than 0
        self._factors: Rates = {}  # by which the step before was given other rates; empty where nobody wrote
        self._left: Rates = {}
        self._moved: Rates = {}  # the units, brought into their bounds: a schedule may have read these
        self.add(units)

    def add(self, units: Mapping[str, float]) -> None:
        """Know layer groups, more of them later; they were written by nobody so far."""
        self.units |= units
        self._scheduled |= {name: unit * self._scale(name) for name, unit in units.items()}
        now, bases = effective_lrs(self._optimizer), base_lrs(self._optimizer)
        self._left |= {name: now[name] for name in units}
        self._moved |= {name: bases[name] for name in units}

    def note(self) -> None:
        """Remember the rates as they are now, as those that a step used."""
        self._left = effective_lrs(self._optimizer)

    def follow(self, scheduler: object, before: Mapping[str, float]) -> None:
        """Take the units from a scheduler that has just been told; ``before`` are the base rates without it."""
        values = written_units(scheduler)
        for name, index, group in learned_groups(self._optimizer):
            if values is not None:
                self.units[name] = float(values[index])
            elif before[name] > 0 and before[name] != base_lr(group):  # it set base rates of its own
                self.units[name] *= base_lr(group) / before[name]

    def require_untouched(self) -> None:
        """Raise an InputError where the optimizer wrote rates inside of its step: they were used, not those learned."""
        now = effective_lrs(self._optimizer)
        for name, lr in now.items():
            if lr != self._left[name]:
                raise InputError(
                    "optimizer",
                    f"({type(self._optimizer).__name__}) writes learning rates inside of its step, over those that "
                    f"were learned: layer group {name!r} had {self._left[name]:.4g} and was given {lr:.4g}. Write them "
                    "before the step, or use a scheduler and set `engine.scheduler`.",
                )

    def read(self, scheduler: object) -> None:
        """Set the rates of the coming step, where somebody has written others than the last step left.

        Raises:
            InputError: the engine was told of no scheduler, or what was written cannot be told from the learned rates.
        """
        found = require_one_rate_each(self._optimizer)
        given = last_lrs(scheduler)
        last = {name: given[index] for name, index, _ in learned_groups(self._optimizer) if index < len(given)}
        if all(lr == self._left[name] or lr == last.get(name) for name, lr in found.items()):
            self._factors = {}
            return
        if scheduler is None:
            refuse_untold_rates(found, self._left)
        self._compose(found, self._left | (last if multiplies_base_rates(scheduler) else {}), scheduler)
        self.note()

    def _compose(self, found: Rates, expected: Rates, scheduler: object) -> None:
        # The base rate of a plateau scheduler is what it has just written.
        bases = dict(self._left) if owns_rates(scheduler) else base_lrs(self._optimizer)
        for name in [name for name, base in bases.items() if base == 0]:
            self._begin(name, found.pop(name), scheduler)
        found = {name: lr for name, lr in found.items() if lr > 0}  # nothing is learned from steps of 0
        self._count_from_moved(found)
        multipliers = {name: bases[name] / self.units[name] for name in found}
        awake = {name: lr for name, lr in found.items() if expected[name] > 0}  # what leads away from 0 is no factor
        style = self._style_of(awake, expected, multipliers, scheduler)
        for name, lr in found.items():
            if style == "schedule" or name not in awake:
                set_effective_lr(self._optimizer, name, lr * multipliers[name])
                self._scheduled[name] = lr
                if owns_rates(scheduler):
                    self.units[name] = lr
        now = effective_lrs(self._optimizer)
        self._factors = {name: now[name] / expected[name] for name in awake}

    def _style_of(self, found: Rates, expected: Rates, multipliers: Rates, scheduler: object) -> Style:
        if all(lr == expected[name] for name, lr in found.items()):
            return "factor"
        if written_units(scheduler) is not None:
            return "schedule"
        learned = [name for name in found if multipliers[name] != 1]
        for names in (list(found), learned):  # where nothing was learned, a rate fits whatever it is
            schedule, factor = self._fits_schedule(found, names), same_ratio(found, expected, names)
            if schedule and factor:
                return self._most_likely(found, expected, scheduler)
            if schedule or factor:
                return "schedule" if schedule else "factor"
        refuse_unexplained_rates(found, expected, scheduler)

    def _most_likely(self, found: Rates, expected: Rates, scheduler: object) -> Style:
        if self._factors:
            again = all(close(lr / expected[name], self._factors.get(name, 0)) for name, lr in found.items())
            return "factor" if again else "schedule"
        return "factor" if owns_rates(scheduler) or multiplies_base_rates(scheduler) else "schedule"

    def _count_from_moved(self, found: Rates) -> None:
        """Take the moved units for the units of a schedule that read its first rates after they were moved."""
        names = list(found)
        if same_ratio(found, self._moved, names) and not self._fits_schedule(found, names):
            self.units |= {name: self._moved[name] for name in names}

    def _begin(self, name: str, lr: float, scheduler: object) -> None:
        """Begin to learn a rate that was 0, where somebody has given it another."""
        if lr > 0 and not multiplies_base_rates(scheduler):
            logger.info(
                f"Layer group {name!r} had a learning rate of 0 and was given {lr:.3g}; it is learned from there."
            )
            place_base_lr(self._optimizer, name, lr)
            self.units[name] = self._scheduled[name] = lr

    def _fits_schedule(self, found: Rates, names: list[str]) -> bool:
        scaled = {name: unit * self._scale(name) for name, unit in self.units.items()}
        return any(same_ratio(found, rates, names) for rates in (self._scheduled, self.units, scaled))

    def _scale(self, layer_group: str) -> float:
        """The factor by which loops multiply the rate of a param group: `lr_scale` (MAE, timm) or `lr_mult`."""
        groups = (group for name, _, group in learned_groups(self._optimizer) if name == layer_group)
        group = next(groups)
        return float(group.get("lr_scale", group.get("lr_mult", 1.0)))

    def state_dict(self) -> dict[str, Any]:
        """Return what was read so far, JSON-ready."""
        return {
            "units": dict(self.units),
            "scheduled": dict(self._scheduled),
            "moved": dict(self._moved),
            "left": dict(self._left),
            "factors": dict(self._factors),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.units, self._scheduled, self._moved = map(dict, (state["units"], state["scheduled"], state["moved"]))
        self._left, self._factors = dict(state["left"]), dict(state["factors"])
