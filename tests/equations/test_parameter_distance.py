"""Distances, drift and angles: closed forms, invariances, and what float32 would lose."""

import math

import pytest
import torch

from hf_metalr.equations import (
    angle,
    by_unit,
    gradient_to_weight_ratio,
    mean_absolute_difference,
    relative_drift,
    unit_distances,
)


def test_distance_is_a_metric_and_the_mean_over_units() -> None:
    a, b, c = torch.randn(3, 5, 2, 3, dtype=torch.float64)
    assert mean_absolute_difference(a, a) == 0
    assert (
        mean_absolute_difference(a, b) == mean_absolute_difference(b, a) == pytest.approx((a - b).abs().mean().item())
    )
    assert mean_absolute_difference(a, c) <= mean_absolute_difference(a, b) + mean_absolute_difference(b, c)
    assert unit_distances(a, b).tolist() == pytest.approx([(a[i] - b[i]).abs().mean().item() for i in range(5)])
    assert by_unit(torch.tensor(4.0)).tolist() == [4.0]  # a scalar, such as CLIP's temperature


def test_half_precision_is_widened_before_the_difference() -> None:
    # in bfloat16 256 + 1 is 256: the difference of two values that are stored exactly must not be rounded again
    left, right = torch.tensor([256.0, 1.0], dtype=torch.bfloat16), torch.tensor([0.0, 0.5], dtype=torch.bfloat16)
    assert mean_absolute_difference(left, right) == 128.25


def test_angle_and_drift_of_known_vectors() -> None:
    start = torch.tensor([2.0, 0.0])
    assert angle(start, -start) == pytest.approx(180)
    assert angle(start, torch.tensor([0.0, 0.1])) == pytest.approx(90)
    assert relative_drift(start, -start) == 2
    assert angle(start, 7 * start) == 0  # the angle is free of the scale, the drift is not
    assert relative_drift(start, 7 * start) == 6


def test_tiny_angles_keep_their_digits() -> None:
    # the arccosine of 1 - 5e-19 is 0 in float64
    turned = torch.tensor([1.0, 1e-9], dtype=torch.float64)
    assert angle(torch.tensor([1.0, 0.0], dtype=torch.float64), turned) == pytest.approx(math.degrees(1e-9), rel=1e-6)


def test_zeros_have_no_angle_and_an_infinite_drift() -> None:
    zero, one = torch.zeros(2), torch.ones(2)
    assert math.isnan(angle(zero, one))
    assert relative_drift(zero, one) == math.inf
    assert math.isnan(relative_drift(zero, zero))
    assert gradient_to_weight_ratio(zero, one) == 0


@pytest.mark.parametrize("function", [mean_absolute_difference, relative_drift, angle, gradient_to_weight_ratio])
def test_other_shapes_are_refused(function) -> None:
    # (2, 1) and (1, 2) would broadcast to four wrong differences
    with pytest.raises(ValueError, match="same shape"):
        function(torch.ones(2, 1), torch.ones(1, 2))
    with pytest.raises(ValueError, match="at least one number"):
        function(torch.ones(0), torch.ones(0))
