"""T and its means: the published list, the order of averaging, and degenerate ends."""

import math

import pytest

from hf_metalr.equations import network_transferability, transferability, typical_transferability

# ResNet-50 on CIFAR-10, from the stem over 16 blocks (arXiv 2212.00399); its head, at 1.0, stands apart.
PUBLISHED = [3.44, 7.76, 8.59, 7.3, 5.42, 9.2, 6.1, 5.52, 4.23, 7.65, 8.3, 8.32, 8.86, 8.88, 5.96, 13.0, 13.81]


def test_the_published_layers_average_to_the_published_network() -> None:
    assert round(network_transferability(PUBLISHED), 3) == 7.785
    assert round(network_transferability([*PUBLISHED, 1.0]), 3) != 7.785  # with the head it would not


def test_distances_are_averaged_before_the_ratio() -> None:
    # the mean of the tensors' own ratios, 2 and 4, would be 3
    assert transferability([2.0, 12.0], [1.0, 3.0]) == 3.5


def test_moving_twice_as_far_halves_it() -> None:
    assert transferability([1.0], [0.1]) == 2 * transferability([1.0], [0.2])


def test_what_did_not_move_has_no_ratio_and_is_left_out_of_means() -> None:
    assert transferability([1.0], [0.0]) == math.inf
    assert math.isnan(transferability([0.0], [0.0]))
    assert network_transferability([2.0, math.inf, math.nan, 4.0]) == 3
    assert math.isnan(network_transferability([math.inf]))
    assert math.isnan(typical_transferability([]))


def test_the_typical_layer_is_the_middle_of_ratios() -> None:
    assert typical_transferability([0.5, 2.0]) == pytest.approx(1.0)
