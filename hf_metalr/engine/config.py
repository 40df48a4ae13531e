"""The settings of the engine, checked where they are made."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Estimator = Literal["lookahead", "next_batch"]
LRUpdateName = Literal["proportional", "log_adam"]

# The paper's β = 0.1 for its own rule; for Adam on ln α the step that did best in the first trials of the two
# estimators.
DEFAULT_HYPER_LR: dict[str, float] = {"proportional": 0.1, "log_adam": 0.03}


@dataclass(frozen=True)
class MetaLRConfig:
    """How learning rates are measured and moved.

    Args:
        estimator: ``"lookahead"`` measures the meta loss where the optimizer's step arrived (the paper; one extra
            forward and backward); ``"next_batch"`` takes the gradient of the next training step as meta gradient (no
            extra pass).
        lr_update: ``"proportional"``, the paper's ``α (1 − βh)``, or ``"log_adam"``, Adam on ``ln α``.
        hyper_lr: ``β``, how fast the rates move; None takes the rule's default (0.1 and 0.03). 0 measures and moves
            nothing.
        hyper_lr_decay: ``τ`` in meta steps: the hyper-LR is ``β / √(1 + t/τ)`` at meta step ``t``, so that a rate that
            starts far off gets home early and settles later ("log_adam" only); None keeps ``β``.
        horizon: ``K``, over how many past steps the displacement is measured ("next_batch" with "log_adam" only): it
            reaches back to an anchor that follows the parameters by ``1/K`` of the way at every step. 1 is the last
            step alone, most of which is noise.
        meta_every: move the rates at every K-th optimizer step.
        min_lr: lower bound of every learned rate.
        max_lr: upper bound of every learned rate.
        max_lr_change: bound on the factor by which one meta step may change a rate. Not in the paper; it keeps one bad
            batch from sending a rate to a bound.

    Raises:
        ValueError: a setting is unknown or out of range; the message names it, the rule and what was found.
    """

    estimator: Estimator = "lookahead"
    lr_update: LRUpdateName = "proportional"
    hyper_lr: float | None = None
    hyper_lr_decay: float | None = None
    horizon: int = 1
    meta_every: int = 1
    min_lr: float = 1e-6
    max_lr: float = 1e-2
    max_lr_change: float = 2.0

    def __post_init__(self) -> None:
        require_choice("estimator", self.estimator, get_args(Estimator))
        require_choice("lr_update", self.lr_update, get_args(LRUpdateName))
        if self.hyper_lr is not None and not 0 <= self.hyper_lr <= 100:
            raise ValueError(
                f"hyper_lr must lie in [0, 100]; found {self.hyper_lr!r}. The paper uses 0.1 with "
                "lr_update='proportional'; "
                "leave it out for the default of the rule."
            )
        if not (isinstance(self.meta_every, int) and self.meta_every >= 1):
            raise ValueError(
                f"meta_every must be an integer of at least 1 (optimizer steps); found {self.meta_every!r}."
            )
        self._require_sound_horizon()
        if self.hyper_lr_decay is not None and not (self.hyper_lr_decay > 0 and self.lr_update == "log_adam"):
            raise ValueError(
                "hyper_lr_decay must be above 0 (meta steps) and needs lr_update='log_adam'; "
                f"found {self.hyper_lr_decay!r} with lr_update={self.lr_update!r}."
            )
        if not 0 < self.min_lr <= self.max_lr < math.inf:
            raise ValueError(
                "min_lr and max_lr must satisfy 0 < min_lr <= max_lr and be finite; "
                f"found min_lr={self.min_lr!r}, max_lr={self.max_lr!r}."
            )
        if not self.max_lr_change > 1:
            raise ValueError(
                f"max_lr_change must be above 1 (2.0 lets a rate halve or double); found {self.max_lr_change!r}."
            )

    def _require_sound_horizon(self) -> None:
        if not (isinstance(self.horizon, int) and self.horizon >= 1):
            raise ValueError(f"horizon must be an integer of at least 1 (optimizer steps); found {self.horizon!r}.")
        if self.horizon > 1 and (self.estimator, self.lr_update, self.meta_every) != ("next_batch", "log_adam", 1):
            raise ValueError(
                "horizon above 1 needs estimator='next_batch', lr_update='log_adam' and meta_every=1; "
                f"found horizon={self.horizon} with {self.estimator!r}, {self.lr_update!r} and {self.meta_every}. "
                "Leave it at 1 otherwise."
            )

    @property
    def effective_hyper_lr(self) -> float:
        """``hyper_lr``, or the default of the rule where none was given."""
        return DEFAULT_HYPER_LR[self.lr_update] if self.hyper_lr is None else self.hyper_lr


def require_choice(parameter: str, found: object, choices: tuple[str, ...]) -> None:
    """Raise a ValueError that lists the choices unless ``found`` is one of them."""
    if found not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{parameter} must be one of {allowed}; found {found!r}.")
