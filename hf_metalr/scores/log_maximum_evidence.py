"""LogME: the logarithm of the maximum evidence of a Bayesian linear model on the features."""

import math

import torch
from torch import Tensor

from hf_metalr.scores.checks import checked_features, checked_targets
from hf_metalr.scores.spectrum import Spectrum, spectrum

# In natural logarithms of t. The evidence is made of logistic curves of width 1 in ln t: a step of one half separates
# its maxima. At e²³ = 1e10 beyond the last curve it equals its limit to 1e-10.
_GRID_STEP = 0.5
_GRID_MARGIN = 23.0
# Halvings of a bracket of width 0.5: 1e-9 is left, where the evidence is flat to rounding.
_HALVINGS = 29


def log_maximum_evidence(features: Tensor, targets: Tensor) -> float:
    """Return the log maximum evidence per sample, in nats, averaged over the target columns (LogME).

    For each column ``y`` the model is ``y = F w + e`` with ``w ~ N(0, 1/a)`` and ``e ~ N(0, 1/b)``. With the singular
    values ``s_i`` and vectors ``u_i`` of ``F`` and ``t = a/b``, the best ``b`` has a closed form and leaves

        L(t) = −½ [log 2π + 1 + log(S(t)/N) + (1/N) Σ_i log(1 + s_i²/t)]
        S(t) = Σ_i (u_i·y)² / (1 + s_i²/t) + ‖y − U Uᵀ y‖²

    which is maximised over t by a search that sees every maximum, both limits included: t → ∞ (no signal) and, where
    the features have rank N, t → 0. One decomposition serves all columns.

    The type of the targets decides what they are:

    * 1-D integers: class labels. Each class is one 0/1 column.
    * anything else: the columns themselves, (N,) or (N, T): regression targets, or the 0/1 matrix of a multi-label
      task. There is no intercept: centre regression targets whose mean is far from 0.

    Higher is better. The score has no fixed zero: compare it only between features of the same samples and targets.
    Unchanged by rotation, a common scale, duplication and zero padding of the channels. On pure noise it does not
    grow with the number of channels.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64.
        targets: see above.

    Returns:
        The score; infinite where a column is an exact linear function of fewer than N independent features.

    Raises:
        ValueError: features or targets that are not finite, not one row per sample, fewer than two classes, or a
            target column of zeros only.

    Source: LogME (arXiv 2102.11005), with all D terms of the evidence, which public code drops where N < D.

    >>> features = torch.tensor([[1.0, 0.1], [0.9, -0.1], [-1.0, 0.2], [-1.1, 0.0]])
    >>> separated = log_maximum_evidence(features, torch.tensor([0, 0, 1, 1]))
    >>> mixed = log_maximum_evidence(features, torch.tensor([0, 1, 0, 1]))
    >>> separated > mixed
    True
    """
    features = checked_features(features)
    columns = checked_targets(targets, features)
    return float(_maximum_evidence(spectrum(features.double(), columns), columns).mean())


def _maximum_evidence(parts: Spectrum, columns: Tensor) -> Tensor:
    """Return the maximum over t of each column's evidence, (T,)."""
    samples, rank = len(columns), len(parts.squared_values)
    lengths = columns.square().sum(dim=0)
    if rank == 0:
        return _from_error(lengths, samples)
    rounding = (samples * torch.finfo(torch.float64).eps) ** 2 * lengths
    parts = parts._replace(residuals=torch.where(parts.residuals > rounding, parts.residuals, 0.0))
    best = _searched(parts, samples)
    return best if rank == samples else torch.where(parts.residuals > 0, best, math.inf)


def _searched(parts: Spectrum, samples: int) -> Tensor:
    """Return each column's largest evidence at a finite t: the best of a grid, then its slope halves the interval."""
    # S(t) → t Σ (u·y)²/s² + residual where t → 0: which of the two rules changes at their ratio.
    slopes = (parts.squared_projections / parts.squared_values[:, None]).sum(dim=0)
    turns = torch.where(parts.residuals > 0, (parts.residuals / slopes).log(), math.inf)
    curves = parts.squared_values.log()
    low = min(float(curves[-1]), float(turns.min())) - _GRID_MARGIN
    high = float(curves[0]) + _GRID_MARGIN
    grid = torch.arange(low, high + _GRID_STEP, _GRID_STEP, dtype=torch.float64, device=curves.device)
    on_grid, best = torch.stack([_evidence(log_t, parts, samples) for log_t in grid[:, None]]).max(dim=0)
    left = grid[best] - torch.where(_rises(grid[best], parts, samples), 0.0, _GRID_STEP)
    width = _GRID_STEP
    for _ in range(_HALVINGS):
        width /= 2
        left = torch.where(_rises(left + width, parts, samples), left + width, left)
    return torch.maximum(on_grid, _evidence(left + width / 2, parts, samples))


def _evidence(log_t: Tensor, parts: Spectrum, samples: int) -> Tensor:
    """Return L(t) of each column, (T,), at one t for all, (1,), or one t each, (T,)."""
    t, squares = log_t.exp(), parts.squared_values[:, None]
    error = (t / (t + squares) * parts.squared_projections).sum(dim=0) + parts.residuals
    return _from_error(error, samples) - 0.5 * (squares / t).log1p().sum(dim=0) / samples


def _rises(log_t: Tensor, parts: Spectrum, samples: int) -> Tensor:
    """Say of each column whether L grows with t, (T,): the sign of dL/d ln t."""
    t = log_t.exp()
    noise = t / (t + parts.squared_values[:, None])  # the share of each direction that counts as noise
    error = noise * parts.squared_projections
    growth = (error * (1 - noise)).sum(dim=0) / (error.sum(dim=0) + parts.residuals)
    return growth < (1 - noise).sum(dim=0) / samples


def _from_error(error: Tensor, samples: int) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + 1 + (error / samples).log())
