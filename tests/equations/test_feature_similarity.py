"""Linear CKA: invariances, a slow twin, and what too few samples do."""

import math

import pytest
import torch

from hf_metalr.equations import linear_cka


def slow_debiased_product(x: torch.Tensor, y: torch.Tensor) -> float:
    """The mean of the kernel of the U-statistic over all quadruples of different samples."""
    from itertools import permutations

    k, m = x @ x.T, y @ y.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return torch.stack(terms).mean().item()


@pytest.mark.parametrize("debiased", [False, True])
def test_rotation_scale_and_shift_change_nothing(debiased: bool) -> None:
    x, y = torch.randn(12, 5, dtype=torch.float64), torch.randn(12, 3, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    value = linear_cka(x, y, debiased)
    assert linear_cka(7 * x @ rotation + 3, y - 2, debiased) == pytest.approx(value, rel=1e-9)
    assert linear_cka(y, x, debiased) == pytest.approx(value, rel=1e-12)
    assert linear_cka(x, -2 * x @ rotation, debiased) == pytest.approx(1, rel=1e-9)


def test_both_gram_forms_agree() -> None:
    # wide features take the N×N form; padding with zeros makes them wide and changes nothing
    x, y = torch.randn(8, 3, dtype=torch.float64), torch.randn(8, 4, dtype=torch.float64)
    wide = [torch.cat([side, torch.zeros(8, 20)], dim=1) for side in (x, y)]
    assert linear_cka(*wide) == pytest.approx(linear_cka(x, y), rel=1e-12)


def test_debiased_is_the_average_over_quadruples() -> None:
    x, y = torch.randn(6, 2, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    own = slow_debiased_product(x, x) * slow_debiased_product(y, y)
    assert linear_cka(x, y, debiased=True) == pytest.approx(slow_debiased_product(x, y) / math.sqrt(own), rel=1e-9)


def test_unrelated_wide_features_look_alike_only_without_debiasing() -> None:
    x, y = torch.randn(2, 30, 600)
    assert linear_cka(x, y) > 0.9
    assert abs(linear_cka(x, y, debiased=True)) < 0.1


def test_constant_features_have_no_similarity() -> None:
    assert math.isnan(linear_cka(torch.ones(5, 2), torch.randn(5, 2)))


@pytest.mark.parametrize(
    ("left", "right", "debiased"), [((3,), (3,), False), ((3, 2), (4, 2), False), ((3, 2), (3, 2), True)]
)
def test_unusable_shapes_are_refused(left, right, debiased) -> None:
    with pytest.raises(ValueError, match="same N of at least"):
        linear_cka(torch.ones(left), torch.ones(right), debiased)
