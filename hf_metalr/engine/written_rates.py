"""Rates that somebody else wrote between two optimizer steps: noticed, and composed with what is learned.

Let ``m_j = α_j / u_j`` be the learned multiplier of layer group j: its base rate over its *unit*, what it started from.
A writer that does not know of the learning is one of two:

    a schedule   computes the rate from its own numbers (the loops of MAE and DeiT, timm): it wrote ``s_j``, and the
                 rate of the coming step is ``m_j s_j``. The base rate stays.
    a factor     multiplies what it finds (plateau schedulers, ``group["lr"] *= 0.1``): the rate that it wrote has the
                 learned one in it. Where no torch scheduler keeps the base rate, that is multiplied, too.

Which one it is shows in what all layer groups have in common: over what a schedule wrote before, or over what the last
step left. Where both fit, nothing was learned that tells them apart yet; then the writer is taken for what it was
before, or was at the step before, and for a schedule among several layer groups.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Any, Literal

from torch.optim import Optimizer

from hf_metalr.engine.checks import refuse_single_writes, refuse_unexplained_rates, require_one_rate_each
from hf_metalr.engine.rates import (
    base_lr,
    base_lrs,
    close,
    effective_lrs,
    learned_groups,
    place_base_lr,
    same_ratio,
    set_base_lr,
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
        groups_before: how many param groups there were before they were split.

    Attributes:
        units: what a schedule calls the rate of each layer group at its factor 1.
    """

    def __init__(self, optimizer: Optimizer, units: Mapping[str, float], groups_before: int) -> None:
        self._optimizer, self._groups_before = optimizer, groups_before
        self.units: Rates = {}
        self._scheduled: Rates = {}  # what a schedule wrote last, other than 0
        self._style: Style | None = None
        self._factors: Rates = {}  # by which the rates were multiplied at the step before; empty where nobody wrote
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
            ValueError: what was written cannot be told from the learned rates.
        """
        found = require_one_rate_each(self._optimizer)
        given = last_lrs(scheduler)
        last = {name: given[index] for name, index, _ in learned_groups(self._optimizer) if index < len(given)}
        if all(lr == self._left[name] or lr == last.get(name) for name, lr in found.items()):
            self._factors = {}
            return
        expected = self._left | (last if multiplies_base_rates(scheduler) else {})
        self._compose(found, expected, scheduler)
        self.note()

    def _compose(self, found: Rates, expected: Rates, scheduler: object) -> None:
        # The base rate of a plateau scheduler is what it has just written.
        bases = dict(self._left) if owns_rates(scheduler) else base_lrs(self._optimizer)
        for name in [name for name, base in bases.items() if base == 0]:
            self._begin(name, found.pop(name), scheduler)
        if not any(found.values()):  # a schedule at 0, and nothing to learn from
            return
        for name in [name for name, lr in found.items() if lr == 0]:
            del found[name]
            self._freeze(name, expected[name], scheduler)
        multipliers = {name: bases[name] / self.units[name] for name in found}
        if written_units(scheduler) is not None:
            styles: dict[str, Style] = dict.fromkeys(found, "schedule")
        else:
            styles = self._styles(found, expected, multipliers, scheduler)
        for name, lr in found.items():
            if styles[name] == "schedule":
                set_effective_lr(self._optimizer, name, lr * multipliers[name])
                self._scheduled[name] = lr or self._scheduled[name]
            elif lr > 0 and expected[name] > 0 and not multiplies_base_rates(scheduler) and not owns_rates(scheduler):
                self._scale_base(name, lr, lr / expected[name])
            if owns_rates(scheduler) and lr > 0:
                self.units[name] = lr if styles[name] == "schedule" else lr / multipliers[name]
        self._factors = {name: lr / expected[name] for name, lr in found.items() if expected[name] > 0}

    def _styles(self, found: Rates, expected: Rates, multipliers: Rates, scheduler: object) -> dict[str, Style]:
        learned = [name for name, multiplier in multipliers.items() if multiplier != 1]
        if not learned:
            return dict.fromkeys(found, "schedule")
        for names in (list(found), learned):  # where nothing was learned, a rate fits whatever it is
            schedule = self._fits_schedule(found, names)
            factor = same_ratio(found, expected, names)
            if not schedule and same_ratio(found, self._moved, names):
                multipliers |= self._take_moved_for_units(found, multipliers)
                return dict.fromkeys(found, "schedule")
            if schedule and factor:
                return dict.fromkeys(found, self._most_likely(found, expected, scheduler))
            if schedule or factor:
                self._style = "schedule" if schedule else "factor"
                return dict.fromkeys(found, self._style)
        if owns_rates(scheduler):  # it stops at a lower bound, one layer group before another
            return dict.fromkeys(found, "factor")
        return self._styles_of_few(found, expected, scheduler)

    def _take_moved_for_units(self, names: Collection[str], multipliers: Rates) -> Rates:
        """Return the multipliers of a schedule that started from the rates within their bounds."""
        new = {name: multipliers[name] * self.units[name] / self._moved[name] for name in names}
        self.units |= {name: self._moved[name] for name in names}
        return new

    def _most_likely(self, found: Rates, expected: Rates, scheduler: object) -> Style:
        if self._style is not None:
            return self._style
        if same_ratio(found, self._scheduled, list(found), ratio=1.0):
            return "schedule"
        if self._factors:
            again = all(close(lr / expected[name], self._factors.get(name, 0)) for name, lr in found.items())
            return "factor" if again else "schedule"
        if owns_rates(scheduler) or multiplies_base_rates(scheduler):
            return "factor"
        if len(found) == 1:
            refuse_unexplained_rates(found, expected, scheduler)
        return "schedule"

    def _styles_of_few(self, found: Rates, expected: Rates, scheduler: object) -> dict[str, Style]:
        """Where some layer groups only were given another rate: theirs, from which learning goes on."""
        few = [name for name, lr in found.items() if lr != expected[name] and lr != self._left[name]]
        if len(few) == len(found):
            refuse_unexplained_rates(found, expected, scheduler)
        refuse_single_writes(self._optimizer, few, self._groups_before)
        styles: dict[str, Style] = dict.fromkeys(found, "factor")
        for name in few:
            again = self._factors.get(name, 1.0)
            if again == 1:
                self.units[name] = base_lrs(self._optimizer)[name]  # what is learned from here on
                logger.warning(
                    f"The learning rate of layer group {name!r} was set from {expected[name]:.3g} to {found[name]:.3g} "
                    "between two steps; it is learned from there."
                )
            elif expected[name] > 0 and not close(found[name] / expected[name], again):
                styles[name] = "schedule"
        return styles

    def _freeze(self, name: str, expected: float, scheduler: object) -> None:
        """Learn no more of a rate that alone was set to 0."""
        if expected > 0 and not multiplies_base_rates(scheduler):
            logger.warning(f"The learning rate of layer group {name!r} was set to 0 between two steps: it is frozen.")
            place_base_lr(self._optimizer, name, 0.0)

    def _begin(self, name: str, lr: float, scheduler: object) -> None:
        """Begin to learn a rate that was 0, where somebody has given it another."""
        if lr > 0 and not multiplies_base_rates(scheduler):
            logger.info(
                f"Layer group {name!r} had a learning rate of 0 and was given {lr:.3g}; it is learned from there."
            )
            place_base_lr(self._optimizer, name, lr)
            self.units[name] = self._scheduled[name] = lr

    def _scale_base(self, name: str, lr: float, factor: float) -> None:
        base = base_lrs(self._optimizer)[name]
        set_base_lr(self._optimizer, None, name, base * factor)
        set_effective_lr(self._optimizer, name, lr)
        self.units[name] *= factor
        self._moved[name] *= factor

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
            "style": self._style,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.units, self._scheduled, self._moved = map(dict, (state["units"], state["scheduled"], state["moved"]))
        self._left, self._factors, self._style = dict(state["left"]), dict(state["factors"]), state["style"]
