"""Mathematical properties of the rate updates."""

import math

import pytest
import torch

from hf_metalr.equations import Moments, bound_lr, log_adam_update, proportional_update


def test_both_rules_raise_the_rate_where_the_meta_loss_falls_along_the_step() -> None:
    assert proportional_update(1e-3, hypergradient=-5.0, hyper_lr=0.1) == pytest.approx(1.5e-3)
    assert log_adam_update(1e-3, agreement=-0.2, hyper_lr=0.1, moments=Moments())[0] > 1e-3


def test_log_adam_is_torch_adam_on_the_logarithm() -> None:
    # catches a wrong bias correction, swapped betas, a missing root
    generator = torch.Generator().manual_seed(0)
    agreements = torch.randn(30, generator=generator, dtype=torch.float64).tolist()
    log_lr = torch.tensor(math.log(1e-3), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([log_lr], lr=0.03, betas=(0.9, 0.99), eps=1e-8)
    lr, moments = 1e-3, Moments()
    for agreement in agreements:
        log_lr.grad = torch.tensor(agreement, dtype=torch.float64)
        adam.step()
        lr, moments = log_adam_update(lr, agreement, 0.03, moments)
    assert math.log(lr) == pytest.approx(log_lr.item(), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_log_adam_does_not_know_scales(scale: float) -> None:
    lr, moments = 1e-3, Moments()
    reference, reference_moments = 1e-3, Moments()
    for agreement in [-0.5, 0.1, -0.2, -0.7]:
        lr, moments = log_adam_update(lr, scale * agreement, 0.1, moments)
        reference, reference_moments = log_adam_update(reference, agreement, 0.1, reference_moments)
    assert lr == pytest.approx(reference, rel=1e-2 if scale < 1 else 1e-6)  # epsilon shows at 1e-6 · agreement


def test_no_agreement_moves_nothing() -> None:
    assert log_adam_update(1e-3, 0.0, 0.1, Moments())[0] == 1e-3


@pytest.mark.parametrize("hypergradient", [1e30, -1e30, 1e3, -1e3, math.inf, -math.inf])
def test_one_bad_batch_changes_a_rate_by_a_bounded_factor(hypergradient: float) -> None:
    proposed = proportional_update(1e-3, hypergradient, 0.1)
    bounded = bound_lr(proposed, 1e-3, min_lr=1e-6, max_lr=1e-2, max_change=2.0)
    assert bounded in (5e-4, 2e-3)


@pytest.mark.parametrize("proposed", [-1.0, 0.0, 1e-9, 1e-3, 5.0])
def test_the_result_lies_within_the_bounds(proposed: float) -> None:
    assert 1e-4 <= bound_lr(proposed, 1.5e-4, min_lr=1e-4, max_lr=2e-4, max_change=10.0) <= 2e-4


def test_a_rate_of_exactly_zero_stays() -> None:
    assert bound_lr(1e-3, 0.0, min_lr=1e-6, max_lr=1e-2, max_change=2.0) == 0.0
