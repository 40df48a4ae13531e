"""The hypergradient equation against autograd, for one and several tensors."""

import pytest
import torch

from hf_metalr.equations import hypergradient, inner_product


def test_inner_product_is_the_derivative_in_log_rate() -> None:
    # catches a wrong sign, a missing tensor, a division by α
    torch.manual_seed(0)
    parameters = [torch.randn(3, 4, dtype=torch.float64), torch.randn(5, dtype=torch.float64)]
    directions = [torch.randn_like(p) for p in parameters]
    log_lr = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)
    lookahead = [p - log_lr.exp() * u for p, u in zip(parameters, directions, strict=True)]
    loss = sum((p**3).sum() for p in lookahead)
    (expected,) = torch.autograd.grad(loss, log_lr)

    lr = log_lr.exp().item()
    displacements = [-lr * u for u in directions]
    meta_gradients = [3 * (p + d) ** 2 for p, d in zip(parameters, displacements, strict=True)]
    found = sum(inner_product(g, d) for g, d in zip(meta_gradients, displacements, strict=True))
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    assert hypergradient(found.item(), lr) == pytest.approx(expected.item() / lr, rel=1e-12)


def test_sparse_gradients_count_like_dense_ones() -> None:
    dense = torch.tensor([[0.0, 0.0], [2.0, 3.0]])
    displacement = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert inner_product(dense.to_sparse(), displacement).item() == -1.0


def test_bfloat16_keeps_a_small_sum() -> None:
    # summed in bfloat16, 256 + 1 is 256 and the sign of the rest is lost
    gradient = torch.tensor([256.0, 1.0, -256.0], dtype=torch.bfloat16)
    assert inner_product(gradient, torch.ones(3, dtype=torch.bfloat16)).item() == 1.0


def test_a_rate_of_zero_has_no_hypergradient() -> None:
    assert hypergradient(0.0, 0.0) == 0.0
