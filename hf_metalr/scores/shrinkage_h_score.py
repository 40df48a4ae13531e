"""The H-score of standardised channels with a shrunk covariance, for fewer samples than channels would need."""

import torch
from torch import Tensor

from hf_metalr.scores.checks import checked_features, checked_labels
from hf_metalr.scores.h_score import class_spectrum
from hf_metalr.scores.spectrum import centred


def shrinkage_h_score(features: Tensor, labels: Tensor) -> float:
    """Return the H-score of standardised channels with a Ledoit-Wolf covariance, ``(1 − α) tr(Σ_α⁻¹ cov(E[F | y]))``.

    ``Σ_α = (1 − α) cov(F) + α m I`` with ``m`` the mean variance, and the shrinkage ``α`` that minimises the expected
    squared error of ``Σ_α``. From 0 to C − 1; constant features have 0.

    Higher is better. Unchanged by a scale of each channel and by zero padding. Not unchanged by rotation, because the
    channels are standardised, nor by duplication, which changes the α that fits. Where the channels are nearly
    uncorrelated, α nears 1 and the score 0, *whatever the classes*; so it does on white noise, at any number of
    channels. *On noise with correlated channels it grows with their number*, like the raw score but later.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64. Constant channels do not count.
        labels: (N,) non-negative integers, at least two classes; gaps and classes of one sample are allowed.

    Raises:
        ValueError: features that are not a finite matrix, or labels that are not two or more classes of its rows.

    Source: Ibrahim et al. (arXiv 2110.06893); both covariances are divided by N, so that C − 1 bounds the score.

    >>> from hf_metalr.scores import h_score
    >>> features = torch.tensor([[0.0, 0.1], [0.1, 0.2], [1.0, 1.1], [1.1, 1.3]])
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> 0 < shrinkage_h_score(features, labels) <= h_score(features, labels)
    True
    """
    features = checked_features(features)
    indices = checked_labels(labels, features)
    channels = centred(features)
    channels = channels / channels.square().mean(dim=0).sqrt()
    parts = class_spectrum(channels, indices)
    variances = parts.squared_values / len(channels)
    alpha = _shrinkage(channels, variances)
    weights = (1 - alpha) * variances / ((1 - alpha) * variances + alpha)  # m = 1: each channel has variance 1
    return float(weights @ parts.squared_projections.sum(dim=1))


def _shrinkage(channels: Tensor, variances: Tensor) -> float:
    """Return the Ledoit-Wolf ``α`` of standardised channels whose covariance has these eigenvalues."""
    samples, width = channels.shape
    squared_norm = float(variances.square().sum())  # ‖cov‖², Frobenius
    distance = squared_norm - width  # ‖cov − I‖², since tr(cov) = D
    spread = (float(channels.square().sum(dim=1).square().mean()) - squared_norm) / samples
    if distance <= squared_norm * samples * torch.finfo(torch.float64).eps:
        return 0.0  # the covariance is the identity to rounding: nothing to shrink towards
    return min(max(spread, 0.0) / distance, 1.0)
