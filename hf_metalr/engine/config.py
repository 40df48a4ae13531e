"""The settings of the engine, checked where they are made."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from hf_metalr.equations import Bounds
from hf_metalr.errors import InputError

Estimator = Literal["lookahead", "next_batch"]
LRUpdateName = Literal["proportional", "log_adam"]

# The paper's β for its own rule. For Adam on ln α: β, τ and K that did best on validation data (docs/benchmarks.md,
# "How the defaults were found").
DEFAULT_HYPER_LR: dict[str, float] = {"proportional": 0.1, "log_adam": 0.2}
DEFAULT_HYPER_LR_DECAY = 20.0
DEFAULT_HORIZON = 5

# The paper's bounds. A start outside of them widens them, and leaves what is learned the room that a start at 1e-3 has.
DEFAULT_LR_BOUNDS = Bounds(1e-6, 1e-2)
_ROOM_BELOW, _ROOM_ABOVE = 1e3, 10.0


@dataclass(frozen=True)
class MetaLRConfig:
    """How learning rates are measured and moved.

    Args:
        estimator: ``"next_batch"`` takes the gradient of the next training step as meta gradient (no extra pass);
            ``"lookahead"`` measures the meta loss where the optimizer's step arrived (the paper; one extra forward and
            backward).
        lr_update: ``"log_adam"``, Adam on ``ln α``, or ``"proportional"``, the paper's ``α (1 − βh)``.
        hyper_lr: ``β``, how fast the rates move; None takes the rule's default (0.2 and 0.1). 0 measures and moves
            nothing.
        hyper_lr_decay: ``τ`` in meta steps: the hyper-LR is ``β / √(1 + t/τ)`` at meta step ``t``, so that a rate that
            starts far off gets home early and settles later ("log_adam" only). None takes 20 there; infinity keeps
            ``β``.
        common_share: share of ``β`` that moves the scale of all rates by the mean agreement of all layers; the rest
            moves every rate by its own ("log_adam" only). 0: every layer for itself. 1: one scale, the proportions
            between layers stay those of the start. `MetaLRTrainer` sets it by the schedule.
        upward_drift: ``o``: a rate falls only where its evidence says so at more than this share of its scale, and
            rises otherwise, to the upper bound of its trust region ("log_adam" only; without a region it does nothing).
            For schedules that decay, whose decay comes on top of what is learned; `MetaLRTrainer` sets it by the
            schedule. 0: rises and falls alike.
        kept_head: the head was trained for this task before, and so were all layers: one scale is learned for all of
            them, and in the first steps by how much each differs (`hf_metalr.engine.kept_head`), instead of
            ``common_share`` and ``upward_drift``. Acts within a trust region alone. `MetaLRTrainer` looks at the head.
        horizon: ``K``, over how many past steps the displacement is measured ("next_batch" with "log_adam" and
            ``meta_every=1`` only): it reaches back to an anchor that follows the parameters by ``1/K`` of the way at
            every step. 1 is the last step alone, most of which is noise. None takes 5 where it can.
        meta_every: move the rates at every K-th optimizer step.
        min_lr: lower bound of every learned rate. None follows the start: 1e-6, or a thousandth of the lowest initial
            rate where that lies below.
        max_lr: upper bound of every learned rate. None follows the start: 1e-2, or ten times the highest initial rate
            where that lies above.
        max_lr_change: bound on the factor by which one meta step may change a rate. Not in the paper; it keeps one bad
            batch from sending a rate to a bound.
        trust_region: also keep the rate of every layer group, the initial one included, within bounds relative to the
            size of its weights (`hf_metalr.equations.trust_region`). Acts on optimizers of Adam's kind, whose steps
            are of size ``α``.

    Raises:
        InputError: a setting is unknown or out of range; the message names it, the rule and what was found.
    """

    estimator: Estimator = "next_batch"
    lr_update: LRUpdateName = "log_adam"
    hyper_lr: float | None = None
    hyper_lr_decay: float | None = None
    common_share: float = 0.0
    upward_drift: float = 0.0
    kept_head: bool = False
    horizon: int | None = None
    meta_every: int = 1
    min_lr: float | None = None
    max_lr: float | None = None
    max_lr_change: float = 2.0
    trust_region: bool = True

    def __post_init__(self) -> None:
        require_choice("estimator", self.estimator, get_args(Estimator))
        require_choice("lr_update", self.lr_update, get_args(LRUpdateName))
        if self.hyper_lr is not None and not 0 <= self.hyper_lr <= 100:
            raise InputError(
                "hyper_lr",
                f"must lie in [0, 100]; found {self.hyper_lr!r}. The paper uses 0.1 with "
                "lr_update='proportional'; "
                "leave it out for the default of the rule.",
            )
        if not (isinstance(self.meta_every, int) and self.meta_every >= 1):
            raise InputError(
                "meta_every", f"must be an integer of at least 1 (optimizer steps); found {self.meta_every!r}."
            )
        self._require_sound_horizon()
        if self.hyper_lr_decay is not None and not (self.hyper_lr_decay > 0 and self.lr_update == "log_adam"):
            raise InputError(
                "hyper_lr_decay",
                "must be above 0 (meta steps) and needs lr_update='log_adam'; "
                f"found {self.hyper_lr_decay!r} with lr_update={self.lr_update!r}.",
            )
        if not 0 <= self.common_share <= 1 or (self.common_share and self.lr_update != "log_adam"):
            raise InputError(
                "common_share",
                "must lie in [0, 1] and needs lr_update='log_adam'; "
                f"found {self.common_share!r} with lr_update={self.lr_update!r}.",
            )
        if not 0 <= self.upward_drift <= 1 or (self.upward_drift and self.lr_update != "log_adam"):
            raise InputError(
                "upward_drift",
                "must lie in [0, 1] and needs lr_update='log_adam'; "
                f"found {self.upward_drift!r} with lr_update={self.lr_update!r}.",
            )
        if not 0 < self._or(self.min_lr, self.max_lr) <= self._or(self.max_lr, self.min_lr) < math.inf:
            raise InputError(
                "min_lr",
                "and max_lr must satisfy 0 < min_lr <= max_lr and be finite; "
                f"found min_lr={self.min_lr!r}, max_lr={self.max_lr!r}.",
            )
        if not isinstance(self.kept_head, bool) or (self.kept_head and self.lr_update != "log_adam"):
            raise InputError(
                "kept_head",
                "must be True or False, and True needs lr_update='log_adam'; "
                f"found {self.kept_head!r} with lr_update={self.lr_update!r}.",
            )
        if not isinstance(self.trust_region, bool):
            raise InputError("trust_region", f"must be True or False; found {self.trust_region!r}.")
        if not self.max_lr_change > 1:
            raise InputError(
                "max_lr_change", f"must be above 1 (2.0 lets a rate halve or double); found {self.max_lr_change!r}."
            )

    @staticmethod
    def _or(given: float | None, other: float | None) -> float:
        return given if given is not None else other if other is not None else 1.0

    def bounds_from(self, rates: Iterable[float]) -> Bounds:
        """Return the bounds of what is learned: those given, and where none was given, those that follow the start.

        Args:
            rates: the initial rate of every layer group; 0, the rate of a frozen one, counts for nothing.

        >>> MetaLRConfig().bounds_from([1e-3]), MetaLRConfig().bounds_from([0.1])
        (Bounds(low=1e-06, high=0.01), Bounds(low=1e-06, high=1.0))
        >>> MetaLRConfig(max_lr=0.5).bounds_from([0.1])
        Bounds(low=1e-06, high=0.5)
        """
        starts = [lr for lr in rates if 0 < lr < math.inf]
        low, high = DEFAULT_LR_BOUNDS
        if starts and min(starts) < low:
            low = min(starts) / _ROOM_BELOW
        if starts and max(starts) > high:
            high = max(starts) * _ROOM_ABOVE
        if self.min_lr is not None:
            low, high = self.min_lr, max(high, self.min_lr * _ROOM_ABOVE)
        if self.max_lr is not None:
            low, high = min(low, self.max_lr / _ROOM_BELOW) if self.min_lr is None else low, self.max_lr
        return Bounds(low, high)

    def _require_sound_horizon(self) -> None:
        if self.horizon is None:
            return
        if not (isinstance(self.horizon, int) and self.horizon >= 1):
            raise InputError("horizon", f"must be an integer of at least 1 (optimizer steps); found {self.horizon!r}.")
        if self.horizon > 1 and not self._can_reach_back:
            raise InputError(
                "horizon",
                "above 1 needs estimator='next_batch', lr_update='log_adam' and meta_every=1; "
                f"found horizon={self.horizon} with {self.estimator!r}, {self.lr_update!r} and {self.meta_every}. "
                "Leave it out otherwise.",
            )

    @property
    def _can_reach_back(self) -> bool:
        return (self.estimator, self.lr_update, self.meta_every) == ("next_batch", "log_adam", 1)

    @property
    def effective_horizon(self) -> int:
        """``horizon``, or its default where none was given: 5 where it can reach back, 1 elsewhere."""
        if self.horizon is not None:
            return self.horizon
        return DEFAULT_HORIZON if self._can_reach_back else 1

    @property
    def effective_hyper_lr_decay(self) -> float | None:
        """``hyper_lr_decay``, or its default where none was given; None where the hyper-LR does not fall."""
        if self.hyper_lr_decay is None and self.lr_update == "log_adam":
            return DEFAULT_HYPER_LR_DECAY
        return self.hyper_lr_decay

    @property
    def effective_hyper_lr(self) -> float:
        """``hyper_lr``, or the default of the rule where none was given."""
        return DEFAULT_HYPER_LR[self.lr_update] if self.hyper_lr is None else self.hyper_lr


def require_choice(parameter: str, found: object, choices: tuple[str, ...]) -> None:
    """Raise an InputError that lists the choices unless ``found`` is one of them."""
    if found not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise InputError(parameter, f"must be one of {allowed}; found {found!r}.")
