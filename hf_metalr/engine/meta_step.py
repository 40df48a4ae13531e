"""What one meta step measured and did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetaStep:
    """What one meta step measured and did; dictionaries run over layer groups from input to output.

    Args:
        step: number of the optimizer step, from 1, that was taken with these rates.
        base_lr: learned base rates after the move.
        effective_lr: rates, schedule included, of the optimizer step ``step``.
        hypergradient: ``h = ∂L_meta/∂α`` per group; None where it is not finite.
        meta_loss: this process's meta loss; None where the estimator computes none.
        skipped: why nothing was moved, or None.
    """

    step: int
    base_lr: dict[str, float]
    effective_lr: dict[str, float]
    hypergradient: dict[str, float | None]
    meta_loss: float | None = None
    skipped: str | None = None
