"""Features seen through their singular values: what LogME, the H-scores, TransRate and GBC share.

With ``F = U Σ Vᵀ``, scores that do not change under a rotation of the channels need only the singular values and the
targets' coordinates ``Uᵀ y``. Both come from one triangle: ``[F | Y] = Q [R₁ R₂]`` and ``R₁ = U' Σ Vᵀ`` give
``Uᵀ Y = U'ᵀ R₂``, the singular value decomposition is one of a square matrix of min(N, D) rows, and ``Q`` is never
formed. Unlike the eigenvalues of ``FᵀF`` this does not square the condition number, so small singular values and small
residuals stay exact.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Spectrum(NamedTuple):
    """Targets in the coordinates of the features' singular vectors; all float64.

    Attributes:
        squared_values: (r,) squared singular values of the features, falling; r is the numerical rank.
        squared_projections: (r, T) squares ``(u_i · y)²``.
        residuals: (T,) squared length of what no channel explains, ``‖y − U Uᵀ y‖²``; exactly 0 where r = N.
    """

    squared_values: Tensor
    squared_projections: Tensor
    residuals: Tensor


def spectrum(features: Tensor, targets: Tensor) -> Spectrum:
    """Decompose float64 features (N, D) and express float64 targets (N, T) in their left singular vectors."""
    narrow = narrowed(features)
    width = narrow.shape[1]
    triangle = torch.linalg.qr(torch.cat([narrow, targets], dim=1), mode="r").R
    left, values, _ = torch.linalg.svd(triangle[:width, :width])
    squared_projections = (left.T @ triangle[:width, width:]).square()
    rank = _rank(values, features)
    outside = triangle[width:, width:].square().sum(dim=0)
    return Spectrum(values[:rank].square(), squared_projections[:rank], outside + squared_projections[rank:].sum(dim=0))


def principal_components(features: Tensor, components: int) -> Tensor:
    """Return the centred features in their leading principal axes, (N, min(components, rank)), float64."""
    narrow = narrowed(centred(features))
    _, values, axes = torch.linalg.svd(torch.linalg.qr(narrow, mode="r").R)
    return narrow @ axes[: min(components, _rank(values, features))].T


def centred(features: Tensor) -> Tensor:
    """Return features of any floating dtype minus their channel means in float64, constant channels left out.

    A channel is constant when its range is within the rounding of its dtype. Its centred values would be noise of
    rounding, which a standardisation or an inverse covariance blows up.
    """
    low, high = features.double().aminmax(dim=0)
    rounding = torch.finfo(features.dtype).eps * torch.maximum(low.abs(), high.abs())
    varying = features[:, high - low > rounding].double()
    return varying - varying.mean(dim=0)


def narrowed(features: Tensor) -> Tensor:
    """Return (N, min(N, D)) features with the same inner products: a rotation and a cut of zero channels."""
    samples, channels = features.shape
    return features if channels <= samples else torch.linalg.qr(features.T, mode="r").R.T


def _rank(values: Tensor, features: Tensor) -> int:
    """Count the singular values above rounding, by the bound that numpy's matrix_rank uses."""
    return int((values > values[:1] * max(features.shape) * torch.finfo(torch.float64).eps).sum())
