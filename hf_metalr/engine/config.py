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
        if not 0 < self.min_lr <= self.max_lr < math.inf:
            raise ValueError(
                "min_lr and max_lr must satisfy 0 < min_lr <= max_lr and be finite; "
                f"found min_lr={self.min_lr!r}, max_lr={self.max_lr!r}."
            )
        if not self.max_lr_change > 1:
            raise ValueError(
                f"max_lr_change must be above 1 (2.0 lets a rate halve or double); found {self.max_lr_change!r}."
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
