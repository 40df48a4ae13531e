"""The hypergradient: how the meta loss answers to the learning rate of one layer group.

With the displacement of one inner step ``Δ_j = θ̂_j − θ_j = −α_j u_j`` (``u``: update direction), the learning rate
enters the look-ahead point linearly, so the chain rule needs no second derivative:

    ∂L_meta(θ̂) / ∂ ln α_j = ⟨∇_j L_meta(θ̂), Δ_j⟩          (`inner_product`)
    h_j = ∂L_meta(θ̂) / ∂α_j = ⟨∇_j L_meta(θ̂), Δ_j⟩ / α_j = −⟨∇_j L_meta(θ̂), u_j⟩          (`hypergradient`)

A *negative* hypergradient says that a larger rate would have lowered the meta loss.

Source: MetaLR (arXiv 2206.01408), equation 2; exact for every optimizer whose displacement is proportional to its
learning rate (SGD, momentum, Adam, AdamW with decoupled decay, Lion, …).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def inner_product(meta_gradients: Sequence[Tensor | None], displacements: Sequence[Tensor]) -> Tensor:
    """Return ``⟨∇_j L_meta(θ̂), Δ_j⟩ = ∂L_meta/∂ ln α_j`` of one layer group.

    Args:
        meta_gradients: gradient of the meta loss for each tensor of the group, at the look-ahead point; any shape, any
            floating dtype, sparse or dense; None where the meta loss does not depend on the tensor (counts as zero).
        displacements: ``θ̂ − θ`` of the same tensors, same shapes, in units of the parameters.

    Returns:
        A scalar tensor, float64 where the device has it (else float32), in units of the loss.

    >>> inner_product([torch.tensor([1.0, 2.0])], [torch.tensor([-0.5, 0.25])]).item()
    0.0
    """
    total = torch.zeros((), dtype=accumulator(displacements[0].device), device=displacements[0].device)
    for gradient, displacement in zip(meta_gradients, displacements, strict=True):
        if gradient is None:
            continue
        dense = gradient.to_dense() if gradient.is_sparse else gradient
        total += _dot(dense, displacement).to(total.device)
    return total


def hypergradient(log_hypergradient: float, lr: float) -> float:
    """Return ``h_j = (∂L_meta/∂ ln α_j) / α_j``; 0 at a rate of exactly 0, where the step shows no direction.

    >>> hypergradient(-0.5, 0.25)
    -2.0
    """
    return log_hypergradient / lr if lr != 0 else 0.0


def _dot(left: Tensor, right: Tensor) -> Tensor:
    # bfloat16 and float16 products lose the sign of a small sum; float32 keeps it at the price of one temporary tensor.
    wide = torch.promote_types(torch.promote_types(left.dtype, right.dtype), torch.float32)
    return torch.dot(left.to(wide).flatten(), right.to(wide).flatten())


def accumulator(device: torch.device) -> torch.dtype:
    """Return the widest floating dtype that a device sums in: float64 but for Apple's mps."""
    return torch.float32 if device.type == "mps" else torch.float64
