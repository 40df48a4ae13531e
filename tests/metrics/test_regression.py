"""Closed forms, invariances, and what is undefined."""

import math

import numpy as np
import pytest

from hf_metalr.metrics import RegressionMetrics


def compute(answers, targets):
    return RegressionMetrics().compute(predictions=answers, references=targets)


def test_errors_have_their_closed_form():
    result = compute([1.0, 2.0, 6.0], [0.0, 2.0, 4.0])
    assert result["mae"] == pytest.approx(1.0)
    assert result["rmse"] == pytest.approx(math.sqrt(5 / 3))
    assert result["r2"] == pytest.approx(1 - 5 / 8)


def test_the_mean_as_answer_has_an_r2_of_zero_and_no_order():
    result = compute([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    assert result["r2"] == pytest.approx(0.0)
    assert math.isnan(result["spearman"])
    assert math.isnan(compute([1.0, 2.0], [3.0, 3.0])["r2"])


def test_spearman_sees_the_order_alone_and_shares_ranks_among_ties():
    targets = np.random.default_rng(0).normal(size=20)
    assert compute(np.exp(targets), targets)["spearman"] == pytest.approx(1.0)
    assert compute(-(targets**3), targets)["spearman"] == pytest.approx(-1.0)
    # ranks 1.5, 1.5, 4, 3 against 1, 2, 4, 3; deviations from 2.5 have the products 4.5, the squares 4.5 and 5
    assert compute([5.0, 5.0, 9.0, 7.0], [1.0, 2.0, 4.0, 3.0])["spearman"] == pytest.approx(4.5 / math.sqrt(4.5 * 5))


@pytest.mark.parametrize("answers", [[float("nan")], [float("inf")]])
def test_a_diverged_model_is_refused(answers):
    with pytest.raises(ValueError, match="`predictions` must be finite"):
        compute(answers, [1.0])
