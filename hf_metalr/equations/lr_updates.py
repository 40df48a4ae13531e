"""The rate updates: from one hypergradient to the next learning rate of one layer group.

Rates are Python floats: they go into ``param_groups``, JSON and logs, and a float64 is exact enough for all of them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


def proportional_update(lr: float, hypergradient: float, hyper_lr: float) -> float:
    """Return ``α (1 − β h)``, the paper's rule: a step of ``η = β α`` against the hypergradient.

    Not scale-free: ``h`` grows with the squared gradient norm. `bound_lr` keeps the result positive.

    Args:
        lr: learning rate ``α`` of the layer group.
        hypergradient: ``h = ∂L_meta/∂α``, in loss per unit of learning rate.
        hyper_lr: ``β``, the proportional hyper-LR.

    Source: MetaLR (arXiv 2206.01408), equation 3 with η = βα.

    >>> proportional_update(0.5, hypergradient=-2.0, hyper_lr=0.1)
    0.6
    """
    return lr * (1 - hyper_lr * hypergradient)


class Moments(NamedTuple):
    """Running moments of one layer group's agreement, as in Adam (arXiv 1412.6980)."""

    first: float = 0.0
    second: float = 0.0
    steps: int = 0


def log_adam_update(
    lr: float,
    agreement: float,
    hyper_lr: float,
    moments: Moments,
    beta1: float = 0.9,
    beta2: float = 0.99,
    epsilon: float = 1e-8,
) -> tuple[float, Moments]:
    """Return ``α exp(−β m̂/(√v̂ + ε))`` and the new moments: Adam on ``ln α``.

    The input is ``s = ⟨∇_j L_meta(θ̂), Δ_j⟩ / (‖g_j‖ ‖Δ_j‖)``, kept within [−1, 1]: the hypergradient in ln α, freed of
    the scales of gradient and displacement (``g``: the gradient that the optimizer used). Its running second moment
    frees it of what scale is left, so that ``hyper_lr`` is the typical relative change of a rate per meta step, for
    every layer, model and loss.

    Args:
        lr: learning rate ``α`` of the layer group.
        agreement: ``s``, dimensionless; negative where the meta loss falls along the displacement.
        hyper_lr: ``β``, the step in ``ln α``.
        moments: running moments so far; ``Moments()`` at the start.
        beta1: decay of the first moment.
        beta2: decay of the second moment; shorter than Adam's 0.999 since fine-tuning takes hundreds of steps.
        epsilon: keeps the quotient finite where no agreement was ever seen.

    >>> lr, moments = log_adam_update(0.1, agreement=-0.3, hyper_lr=0.03, moments=Moments())
    >>> round(lr / 0.1, 6) == round(math.exp(0.03), 6)
    True
    """
    direction, moments = normalised(agreement, moments, beta1, beta2, epsilon)
    return lr * math.exp(-hyper_lr * direction), moments


def normalised(
    agreement: float, moments: Moments, beta1: float = 0.9, beta2: float = 0.99, epsilon: float = 1e-8
) -> tuple[float, Moments]:
    """Return ``n(s) = m̂/(√v̂ + ε)``, by which `log_adam_update` moves ``ln α``, and the new moments; arguments as there.

    >>> round(normalised(-0.3, Moments())[0], 6)
    -1.0
    """
    first = beta1 * moments.first + (1 - beta1) * agreement
    second = beta2 * moments.second + (1 - beta2) * agreement**2
    steps = moments.steps + 1
    corrected_first = first / (1 - beta1**steps)
    corrected_second = second / (1 - beta2**steps)
    return corrected_first / (math.sqrt(corrected_second) + epsilon), Moments(first, second, steps)


def decayed_hyper_lr(hyper_lr: float, steps: int, decay: float | None) -> float:
    """Return ``β / √(1 + t/τ)``: nearly ``β`` for the first τ meta steps, then slower and slower.

    The sum over ``t`` still grows without bound, so that no rate is out of reach.

    Args:
        hyper_lr: ``β`` at the start.
        steps: ``t``, meta steps before this one.
        decay: ``τ`` in meta steps; None keeps ``β``.

    >>> decayed_hyper_lr(0.2, steps=60, decay=20)
    0.1
    """
    return hyper_lr if decay is None else hyper_lr / math.sqrt(1 + steps / decay)


def smoothed_over_depth(values: Sequence[float], width: int = 2) -> list[float]:
    """Return each value averaged with its neighbours, with weights that fall evenly to 0 beyond ``width``.

    Args:
        values: one per layer group, input to output.
        width: so many neighbours on either side count, fewer at the ends.

    >>> smoothed_over_depth([0.0, 3.0, 0.0], width=1)
    [1.0, 1.5, 1.0]
    """
    smooth = []
    for at in range(len(values)):
        weights = [max(width + 1 - abs(at - other), 0) for other in range(len(values))]
        smooth.append(sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights))
    return smooth


def bound_lr(proposed: float, lr: float, min_lr: float, max_lr: float, max_change: float) -> float:
    """Return the proposed rate within ``[lr/max_change, lr·max_change]`` and within ``[min_lr, max_lr]``.

    A rate that already lies outside the bounds, where a plateau scheduler has brought it, is not thrown back: it may
    only move towards them.

    The bound on the relative change keeps a rate positive when ``1 − βh`` is negative, and keeps one bad batch from
    sending a rate to a bound from which a proportional rule hardly returns. A rate of exactly 0 stays 0: the user froze
    it.

    >>> bound_lr(-3.0, lr=0.01, min_lr=1e-6, max_lr=1.0, max_change=2.0)
    0.005
    """
    if lr == 0:
        return 0.0
    near = min(max(proposed, lr / max_change), lr * max_change)
    return min(max(near, min(min_lr, lr)), max(max_lr, lr))
