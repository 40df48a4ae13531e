"""The transferability of pre-trained parameters.

With ``θ_r`` a random initialisation, ``θ_A`` the pre-trained parameters and ``θ_FB`` what fine-tuning on task B made of
them, for a layer of tensors t = 1 … n

    T = D(θ_r, θ_FB) / D(θ_A, θ_FB)           D: mean absolute difference, averaged over the tensors of the layer first

T > 1: pre-training moved the parameters nearer to where B wants them. As ``D(θ_r, θ_FB)`` hardly changes, T is about
one over the distance moved, and falls with steps × rate.

Source: Chen, Li, Ding, Liu, Rethinking Two Consensuses of the Transferability in Deep Learning (arXiv 2212.00399).
"""

import math
from collections.abc import Sequence
from statistics import fmean

from hf_metalr.equations.parameter_distance import quotient


def transferability(from_random: Sequence[float], from_pretrained: Sequence[float]) -> float:
    """Return T of one layer from the distances of its tensors, averaged before the ratio as in the paper.

    Args:
        from_random: ``D(θ_r, θ_FB)`` of each tensor.
        from_pretrained: ``D(θ_A, θ_FB)`` of each tensor, in the same order.

    Returns:
        T; infinite where nothing moved, NaN where the random end is the same, too.

    >>> transferability([2.0, 4.0], [0.5, 1.0])
    4.0
    """
    return quotient(fmean(from_random), fmean(from_pretrained))


def network_transferability(layers: Sequence[float]) -> float:
    """Return T of a network: the mean over its layers (without the head); layers that did not move are left out.

    >>> network_transferability([2.0, 4.0, math.inf])
    3.0
    """
    finite = [value for value in layers if math.isfinite(value)]
    return fmean(finite) if finite else math.nan


def typical_transferability(layers: Sequence[float]) -> float:
    """Return the geometric mean over the layers that moved: the middle of ratios, which one outlier does not rule.

    >>> typical_transferability([1.0, 4.0, math.inf])
    2.0
    """
    logs = [math.log(value) for value in layers if math.isfinite(value) and value > 0]
    return math.exp(fmean(logs)) if logs else math.nan
