"""The closed forms against draws from the real initialisers, and their limits."""

import math

import pytest
import torch

from hf_metalr.equations import expected_distance_normal, expected_distance_uniform, mean_absolute_difference

DRAWS = 200_000
WEIGHTS = [-3.0, -1.0, -0.2, 0.0, 0.5, 1.9, 2.5]


def monte_carlo(sample: torch.Tensor, weight: float) -> float:
    return mean_absolute_difference(sample, torch.full_like(sample, weight))


@pytest.mark.parametrize("weight", WEIGHTS)
def test_each_family_agrees_with_its_draws(weight: float) -> None:
    b = torch.tensor([weight])
    empty = torch.empty(DRAWS)
    normal = monte_carlo(torch.nn.init.normal_(empty, std=0.7), weight)
    assert expected_distance_normal(b, std=0.7).item() == pytest.approx(normal, abs=0.01)
    cut = monte_carlo(torch.nn.init.trunc_normal_(empty, std=0.7, a=-1.4, b=1.4), weight)
    assert expected_distance_normal(b, std=0.7, cut=1.4).item() == pytest.approx(cut, abs=0.01)
    uniform = monte_carlo(torch.nn.init.uniform_(empty, -1.5, 1.5), weight)
    assert expected_distance_uniform(b, bound=1.5).item() == pytest.approx(uniform, abs=0.01)


def test_the_cut_changes_the_expectation_where_it_should() -> None:
    # without it the Monte Carlo test could not tell a forgotten cut: the two differ by a fifth at 0
    zero = torch.zeros(1)
    assert expected_distance_normal(zero, 1.0, cut=2.0).item() < 0.95 * expected_distance_normal(zero, 1.0).item()
    assert expected_distance_normal(zero, 1.0, cut=50.0).item() == pytest.approx(math.sqrt(2 / math.pi), rel=1e-12)


def test_far_weights_are_as_far_as_they_are_large() -> None:
    b = torch.tensor([40.0, -40.0])
    for expected in (expected_distance_normal(b, 1.0), expected_distance_uniform(b, 1.0)):
        assert expected.tolist() == pytest.approx([40.0, 40.0])


def test_units_of_weights_and_scale_are_the_same() -> None:
    b = torch.tensor(WEIGHTS, dtype=torch.float64)
    for function in (expected_distance_normal, expected_distance_uniform):
        torch.testing.assert_close(function(1e-3 * b, 0.5e-3), 1e-3 * function(b, 0.5), rtol=1e-12, atol=0)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_a_scale_of_nothing_is_refused_with_the_way_out(scale: float) -> None:
    with pytest.raises(ValueError, match=r"`std` must be above 0.*constant"):
        expected_distance_normal(torch.zeros(1), scale)
    with pytest.raises(ValueError, match="`bound` must be above 0"):
        expected_distance_uniform(torch.zeros(1), scale)
