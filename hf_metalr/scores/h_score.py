"""The H-score: how much of the classes a linear map of the features recovers."""

from torch import Tensor

from hf_metalr.scores.checks import checked_features, checked_labels, one_hot
from hf_metalr.scores.spectrum import Spectrum, centred, spectrum


def h_score(features: Tensor, labels: Tensor) -> float:
    """Return the H-score ``tr(cov(F)⁺ cov(E[F | y]))``, the sum of squared canonical correlations with the labels.

    With the left singular vectors ``U`` of the centred features it is ``Σ_c n_c ‖mean of U over class c‖²``, computed
    without inverting a covariance. From 0 to min(rank, C − 1); constant features have 0.

    Higher is better, but only for N much larger than D: *it grows with the number of channels on pure noise*, by
    (C − 1) min(D, N − 1)/(N − 1), and is C − 1 whatever the labels are once the rank is N − 1. Prefer
    `shrinkage_h_score`. Unchanged by any invertible linear map of the channels, so by rotation and scale, and by
    duplication and zero padding.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64. Constant channels do not count.
        labels: (N,) non-negative integers, at least two classes; gaps and classes of one sample are allowed.

    Raises:
        ValueError: features that are not a finite matrix, or labels that are not two or more classes of its rows.

    Source: H-score (Bao et al., ICIP 2019).

    >>> import torch
    >>> round(h_score(torch.tensor([[0.0], [0.0], [1.0], [1.0]]), torch.tensor([0, 0, 1, 1])), 12)
    1.0
    """
    features = checked_features(features)
    parts = class_spectrum(centred(features), checked_labels(labels, features))
    return float(parts.squared_projections.sum())


def class_spectrum(channels: Tensor, indices: Tensor) -> Spectrum:
    """Decompose centred channels; the targets are the class indicators at unit length."""
    members = one_hot(indices)
    return spectrum(channels, members / members.sum(dim=0).sqrt())
