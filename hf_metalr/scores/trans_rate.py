"""TransRate: how many more nats it takes to describe all features than those of each class, at one precision."""

import torch
from torch import Tensor

from hf_metalr.errors import InputError
from hf_metalr.scores.checks import checked_components, checked_features, checked_labels, one_hot
from hf_metalr.scores.spectrum import principal_components


def trans_rate(features: Tensor, labels: Tensor, components: int = 64, distortion: float = 1e-4) -> float:
    """Return the TransRate ``R(Z) − Σ_c (n_c/N) R(Z_c)``, in nats, of features in a fixed number of components.

    ``Z`` are the centred features in their leading principal axes, with mean squared length 1, and

        R(Z) = ½ log det(I + ZᵀZ / (N ε))

    is the coding rate at distortion ``ε``. ``Z_c``, the rows of one class, are not centred anew. At least 0, since
    log det is concave; constant features have 0. Higher is better.

    *On pure noise it grows with the number of channels*, up to `components` of them fast and then slowly: compare it
    only between features of the same samples, and mistrust it where N is not much larger than C times `components`.
    Unchanged by rotation, a common scale, duplication and zero padding of the channels.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64. Constant channels do not count.
        labels: (N,) non-negative integers, at least two classes; gaps and classes of one sample are allowed.
        components: how many principal axes to keep, so that the widths of two networks do not decide; if the rank is
            smaller, all of them.
        distortion: ``ε``, relative to the mean squared length.

    Raises:
        InputError: features that are not a finite matrix, labels that are not two or more classes of its rows,
            components below 1, or a distortion that is not positive.

    Source: TransRate (Huang et al., ICML 2022, arXiv 2106.09362), with the classes weighted by their share; released
    code weighs them all alike, keeps all channels, and has no fixed scale.

    >>> features = torch.tensor([[-1.0], [-1.0], [1.0], [1.0]])
    >>> trans_rate(features, torch.tensor([0, 0, 1, 1])) == trans_rate(features, torch.tensor([0, 1, 0, 1]))
    True
    """
    features = checked_features(features)
    indices = checked_labels(labels, features)
    if not distortion > 0:
        raise InputError("distortion", f"must be positive; found {distortion}.")
    rows = principal_components(features, checked_components(components))
    rows = rows / (rows.square().sum(dim=1).mean() * distortion).sqrt()
    members = one_hot(indices)
    moments = torch.stack([(rows * member[:, None]).T @ rows for member in members.T])  # Z_cᵀ Z_c / ε, (C, d, d)
    counts = members.sum(dim=0)
    within = _coding_rate(moments / counts[:, None, None]) @ counts / len(rows)
    return float(_coding_rate(moments.sum(dim=0) / len(rows)) - within)


def _coding_rate(second_moments: Tensor) -> Tensor:
    """Return ½ log det(I + M) of each matrix."""
    identity = torch.eye(second_moments.shape[-1], dtype=second_moments.dtype, device=second_moments.device)
    return 0.5 * torch.linalg.slogdet(identity + second_moments).logabsdet
