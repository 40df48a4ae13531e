"""Linear centred kernel alignment: how alike two representations of the same samples are."""

import math

from torch import Tensor

from hf_metalr.equations.hypergradient import accumulator
from hf_metalr.errors import InputError


def linear_cka(left: Tensor, right: Tensor, debiased: bool = False) -> float:
    """Return the linear CKA of two feature matrices ``X``, ``Y``, their columns centred.

        CKA = ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖)          (Frobenius norms)

    Free of rotations and of a common scale of either side; the widths may differ. With fewer samples than features the
    plain form rises towards 1 whatever the features are; ``debiased`` puts the unbiased estimate of Székely and Rizzo
    in the place of each product, which may then be slightly negative.

    Args:
        left: (N, D) features of N samples, any floating dtype.
        right: (N, E) features of the same samples, in the same order.
        debiased: whether to take the unbiased products; needs N of at least 4.

    Returns:
        A number up to 1; NaN where one side is constant over the samples.

    Raises:
        InputError: the tensors are no matrices of the same number of samples, or there are too few.

    Source: Kornblith et al. 2019 (arXiv 1905.00414); the debiased form: Nguyen et al. 2021 (arXiv 2010.15327).

    >>> import torch
    >>> features = torch.eye(4)
    >>> round(linear_cka(features, 3 * features), 6)
    1.0
    """
    least = 4 if debiased else 2
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right) or len(left) < least:
        raise InputError(
            "left",
            f"and `right` must be (N, D) and (N, E) with the same N of at least {least}, found "
            f"{tuple(left.shape)} and {tuple(right.shape)}. Pool features to one row per sample.",
        )
    product = _unbiased_product if debiased else _product
    x, y = (side.detach().to(accumulator(side.device)) for side in (left, right))
    x, y = x - x.mean(0), y - y.mean(0)
    own = product(x, x) * product(y, y)
    return product(x, y) / math.sqrt(own) if own > 0 else math.nan


def _product(x: Tensor, y: Tensor) -> float:
    """``‖XᵀY‖²``, through whichever of the two Gram forms is smaller."""
    if len(x) < min(x.shape[1], y.shape[1]):
        return ((x @ x.T) * (y @ y.T)).sum().item()
    return (x.T @ y).square().sum().item()


def _unbiased_product(x: Tensor, y: Tensor) -> float:
    """The U-statistic of the same product: the diagonals of the N×N kernels, where a sample meets itself, are out."""
    k, m = x @ x.T, y @ y.T
    k, m = k - k.diag().diag(), m - m.diag().diag()
    n = len(x)
    both = (k * m).sum()
    ones = k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ m.sum(0)) / (n - 2)
    return ((both + ones) / (n * (n - 3))).item()
