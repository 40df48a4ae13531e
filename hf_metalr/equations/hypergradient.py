"""The hypergradient: how the meta loss answers to the learning rate of one layer group.

With the displacement of one inner step ``Δ_j = θ̂_j − θ_j = −α_j u_j`` (``u``: update direction), the learning rate
enters the look-ahead point linearly, so the chain rule needs no second derivative:

    ∂L_meta(θ̂) / ∂ ln α_j = ⟨∇_j L_meta(θ̂), Δ_j⟩          (`inner_product`, summed over the tensors of a group)
    h_j = ∂L_meta(θ̂) / ∂α_j = ⟨∇_j L_meta(θ̂), Δ_j⟩ / α_j = −⟨∇_j L_meta(θ̂), u_j⟩          (`hypergradient`)

A *negative* hypergradient says that a larger rate would have lowered the meta loss.

Over several steps, with their update directions taken as given, Δ is the sum of their displacements: ⟨∇L_meta(θ), Δ⟩ is
then what the loss would lose, or gain, had all of them been longer. One step alone is short-sighted: sharp directions
bounce from step to step where slow ones advance, which asks for rates that are too small (Wu et al. 2018, arXiv
1803.02021).

Source: MetaLR (arXiv 2206.01408), equation 2; exact for every optimizer whose displacement is proportional to its
learning rate (SGD, momentum, Adam, AdamW with decoupled decay, Lion, …).
"""

import torch
from torch import Tensor


def inner_product(meta_gradient: Tensor, displacement: Tensor) -> Tensor:
    """Return ``⟨∇ L_meta(θ̂), Δ⟩`` of one tensor; summed over the tensors of a layer group it is ``∂L_meta/∂ ln α_j``.

    Args:
        meta_gradient: gradient of the meta loss at the look-ahead point; any shape, any floating dtype, dense or
            sparse.
        displacement: ``θ̂ − θ`` of the same tensor, same shape, in units of the parameter.

    Returns:
        A scalar tensor in float32 or wider, in units of the loss.

    >>> inner_product(torch.tensor([1.0, 2.0]), torch.tensor([-0.5, 0.25])).item()
    0.0
    """
    # bfloat16 and float16 products lose the sign of a small sum; float32 keeps it at the price of one temporary tensor.
    wide = torch.promote_types(torch.promote_types(meta_gradient.dtype, displacement.dtype), torch.float32)
    left = meta_gradient.to_dense() if meta_gradient.is_sparse else meta_gradient
    right = displacement.to_dense() if displacement.is_sparse else displacement
    return torch.dot(left.to(wide).flatten(), right.to(wide).flatten())


def hypergradient(log_hypergradient: float, lr: float) -> float:
    """Return ``h_j = (∂L_meta/∂ ln α_j) / α_j``; 0 at a rate of exactly 0, where the step shows no direction.

    >>> hypergradient(-0.5, 0.25)
    -2.0
    """
    return log_hypergradient / lr if lr != 0 else 0.0


def accumulator(device: torch.device) -> torch.dtype:
    """Return the widest floating dtype that a device sums in: float64 but for Apple's mps."""
    return torch.float32 if device.type == "mps" else torch.float64
