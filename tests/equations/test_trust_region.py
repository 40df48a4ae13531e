"""The size of weights, and the bounds of a rate that follow from it."""

import math

import pytest
import torch

from hf_metalr.equations import Bounds, head_bounds, relative_bounds, weight_size
from hf_metalr.equations.trust_region import HEAD_RATES, RELATIVE_RATES


def test_the_size_is_the_median_root_mean_square() -> None:
    # catches: the smallest or largest, a mean that one odd tensor moves, a standard deviation that takes the mean off
    large = torch.tensor([[3.0, 4.0], [0.0, 0.0]])  # √(25/4) = 2.5
    offset, odd = torch.full((3, 2), 2.0), torch.full((9, 9), 100.0)
    assert weight_size([large]) == pytest.approx(2.5)
    assert weight_size([large, odd, offset]) == pytest.approx(2.5)
    assert weight_size([large, offset]) == pytest.approx(2.25)


def test_the_size_scales_with_the_weights_and_not_with_their_number() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(5, 3, generator=generator), torch.randn(2, 4, 3, 3, generator=generator)]
    size = weight_size(weights)
    assert weight_size([1e-3 * weight for weight in weights]) == pytest.approx(1e-3 * size)
    assert weight_size([torch.cat([weight, weight]) for weight in weights]) == pytest.approx(size)


def test_zero_tensors_say_nothing() -> None:
    zero = torch.zeros(4, 4)
    assert weight_size([zero, torch.full((2, 2), 0.25)]) == 0.25
    assert weight_size([zero]) is None
    assert weight_size([]) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_squares_of_half_precision_do_not_vanish(dtype: torch.dtype) -> None:
    # catches: 1e-4 squared in float16, which is 0
    assert weight_size([torch.full((64, 64), 1e-4, dtype=dtype)]) == pytest.approx(1e-4, rel=1e-2)


def test_the_size_has_no_graph() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    assert isinstance(weight_size([weight]), float)
    assert weight.grad is None


def test_bounds_are_the_rates_times_the_size_and_over_the_inputs() -> None:
    assert relative_bounds(0.25) == pytest.approx((0.25 * RELATIVE_RATES.low, 0.25 * RELATIVE_RATES.high))
    assert head_bounds(64) == pytest.approx((HEAD_RATES.low / 64, HEAD_RATES.high / 64))
    assert relative_bounds(2.0).high == pytest.approx(2 * relative_bounds(1.0).high)
    assert head_bounds(200).high == pytest.approx(head_bounds(100).high / 2)


def test_the_constants_leave_room() -> None:
    for low, high in (RELATIVE_RATES, HEAD_RATES):
        assert 0 < low < high < math.inf
    assert RELATIVE_RATES.high < 1  # a step that replaces the weights is no fine-tuning


@pytest.mark.parametrize(
    ("bounds", "within"),
    [
        ((1e-4, 1e-3), (1e-4, 1e-3)),
        ((1e-8, 1e-3), (1e-6, 1e-3)),
        ((1e-4, 1.0), (1e-4, 1e-2)),
        ((1e-9, 1e-8), (1e-6, 1e-6)),  # disjoint: the nearest point
        ((0.1, 1.0), (1e-2, 1e-2)),
    ],
)
def test_bounds_are_brought_into_others(bounds: tuple, within: tuple) -> None:
    assert Bounds(*bounds).within(1e-6, 1e-2) == within
