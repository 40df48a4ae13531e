"""GBC: how little the classes overlap, each seen as a Gaussian."""

import torch
from torch import Tensor

from hf_metalr.errors import InputError
from hf_metalr.scores.checks import checked_components, checked_features, checked_labels, one_hot
from hf_metalr.scores.spectrum import principal_components

# Class variances below this share of the largest component's variance count as this much: the resolution of features
# computed in half precision. Without a floor a class that is flat in one direction is at infinite distance from all.
_VARIANCE_FLOOR = 1e-8


def gaussian_bhattacharyya_coefficient(features: Tensor, labels: Tensor, components: int = 64) -> float:
    """Return GBC, ``−Σ_{c ≠ c'} exp(−B(c, c'))`` over ordered pairs of classes, from −C(C − 1) to 0.

    Each class is a Gaussian with diagonal covariance in the leading principal axes of all features, with the
    Bhattacharyya distance

        B(c, c') = Σ_i [ (μ_ci − μ_c'i)² / (8 v_i) + ½ log(v_i / √(v_ci v_c'i)) ],    v_i = (v_ci + v_c'i)/2

    Each term is at least 0, which keeps the score inside its bound. −C(C − 1): all classes look the same (constant
    features as well); 0: no two overlap. Higher is better.

    *On pure noise it grows towards 0 with the number of channels*, up to `components` of them fast and then slowly,
    and faster the fewer samples a class has: estimated means and variances differ by chance in every
    direction. Unchanged by rotation, a common scale, duplication and zero padding of the channels.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64. Constant channels do not count.
        labels: (N,) non-negative integers, at least two classes with at least two samples each; gaps are allowed.
        components: how many principal axes to keep; if the rank is smaller, all of them.

    Raises:
        InputError: features that are not a finite matrix, labels that are not two or more classes of its rows, a
            class with a single sample, which has no variance, or components below 1.

    Source: Pándy et al. (CVPR 2022, arXiv 2111.12780), equations 3 to 5, diagonal covariances, population variances.

    >>> import torch
    >>> features = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    >>> gaussian_bhattacharyya_coefficient(features, torch.tensor([0, 0, 1, 1]))
    -2.0
    """
    features = checked_features(features)
    indices = checked_labels(labels, features)
    members = one_hot(indices)
    counts = members.sum(dim=0)[:, None]
    if counts.min() < 2:
        alone = labels.to(indices.device)[counts[indices, 0] < 2].tolist()
        raise InputError(
            "labels",
            f"must give each class at least two samples, which a variance needs; found one each of the "
            f"classes {alone}. Leave them out.",
        )
    rows = principal_components(features, checked_components(components))
    means = members.T @ rows / counts
    variances = members.T @ (rows - means[indices]).square() / counts
    if variances.numel():
        variances = variances.clamp_min(_VARIANCE_FLOOR * float(rows.square().mean(dim=0).max()))
    pairs = range(len(means))
    overlaps = [torch.exp(-_distances(means[c], variances[c], means, variances)).sum() - 1 for c in pairs]
    return -float(torch.stack(overlaps).sum())


def _distances(mean: Tensor, variance: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Return the Bhattacharyya distance of one class to each, (C,); 0 to itself."""
    middle = (variance + variances) / 2
    between = (mean - means).square() / (8 * middle)
    return (between + 0.5 * (middle.log() - 0.5 * (variance.log() + variances.log()))).sum(dim=1)
