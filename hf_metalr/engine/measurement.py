"""What one meta step measures: three sums per layer group, averaged over processes and read."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.meta_step import MetaStep
from hf_metalr.equations import hypergradient


@dataclass(frozen=True)
class Measurement:
    """What one meta step saw of one layer group.

    Args:
        log_hypergradient: ``∂L_meta/∂ ln α = ⟨∇L_meta(θ̂), Δ⟩``, in units of the loss.
        lr: the effective rate that made the displacement.
        gradient_norm: norm of the gradient that the optimizer used.
        displacement_norm: ``‖Δ‖``.
    """

    log_hypergradient: float
    lr: float
    gradient_norm: float
    displacement_norm: float

    @property
    def hypergradient(self) -> float:
        """``h = ∂L_meta/∂α``."""
        return hypergradient(self.log_hypergradient, self.lr)

    @property
    def agreement(self) -> float:
        """``⟨∇L_meta(θ̂), Δ⟩ / (‖g‖ ‖Δ‖)`` within [−1, 1]; 0 where nothing moved.

        ``g`` is the training gradient, which can be far smaller than the meta gradient. Unbounded, one such batch would
        swell the running second moment and hold the rate for hundreds of steps.
        """
        scale = self.gradient_norm * self.displacement_norm
        return min(max(self.log_hypergradient / scale, -1.0), 1.0) if scale > 0 else 0.0


def averaged(
    sums: Tensor,
    lrs: Mapping[str, float],
    displacements: Displacements,
    reduce_mean: Callable[[Tensor], Tensor] | None,
) -> dict[str, Measurement]:
    """Average what `Displacements.measure` returned over processes, and read it.

    Args:
        sums: float64, (3, layer groups): ``⟨∇L_meta, Δ⟩``, ``‖g‖²`` and ``‖Δ‖²``.
        lrs: the effective rates that made the displacement.
        displacements: those that were measured.
        reduce_mean: averages over processes; None for one process. The squared norms are the same on all of them unless
            parameters are sharded, and only then are they averaged too.
    """
    if reduce_mean is not None:
        sums = reduce_mean(sums) if displacements.sharded else torch.stack([reduce_mean(sums[0]), *sums[1:]])
    return {
        name: Measurement(dot, lrs[name], math.sqrt(gradient_square), math.sqrt(displacement_square))
        for name, dot, gradient_square, displacement_square in zip(
            displacements.parameters, *sums.tolist(), strict=True
        )
    }


def telling(measured: Mapping[str, Measurement], held_groups: Collection[str]) -> dict[str, Measurement]:
    """Return the measurements that say something, of layer groups whose rates are not held.

    Exactly 0: no gradient or no displacement, which is no evidence, not evidence for standing still.
    """
    return {
        name: measurement
        for name, measurement in measured.items()
        if measurement.lr > 0 and measurement.log_hypergradient != 0 and name not in held_groups
    }


def describe(measured: Mapping[str, Measurement], **told: Any) -> MetaStep:
    """Return the record of a meta step from what it measured; the other fields of a `MetaStep` are told."""
    hypergradients = {name: measurement.hypergradient for name, measurement in measured.items()}
    finite = {name: value if math.isfinite(value) else None for name, value in hypergradients.items()}
    return MetaStep(hypergradient=finite, **told)
