"""Calibration, thresholds and tests on answers whose truth is known."""

import numpy as np
import pytest
from scipy.stats import chi2

from hf_metalr.data.labels.tasks import Task
from hf_metalr.evaluation.answers import Answers
from hf_metalr.evaluation.calibration import at_temperature, calibration, fit_temperature
from hf_metalr.evaluation.comparison import compare, mcnemar
from hf_metalr.evaluation.resampling import Resamples
from hf_metalr.evaluation.thresholds import choose_threshold, operating_points


def sure_by(factor: float, rows: int = 4000, task: str = "classification") -> Answers:
    """Answers whose logits are so many times too large."""
    random = np.random.default_rng(0)
    score = random.normal(scale=1.5, size=rows)
    truth = (random.uniform(size=rows) < 1 / (1 + np.exp(-score))).astype(int)
    if task == "multi-label":
        return Answers(Task("multi-label", "image"), ["a"], factor * score[:, None], truth[:, None])
    logits = np.stack([np.zeros(rows), factor * score], axis=1)
    return Answers(Task("classification", "image"), ["a", "b"], logits, truth)


@pytest.mark.parametrize("task", ["classification", "multi-label"])
def test_the_temperature_mends_what_is_too_sure(task):
    answers = sure_by(3.0, task=task)
    temperature = fit_temperature(answers)
    assert temperature == pytest.approx(3.0, rel=0.1)
    before, after = calibration(answers), calibration(at_temperature(answers, temperature))
    assert before["ece"] > 0.1
    assert after["ece"] < 0.025
    assert after["brier"] < before["brier"]


def test_ece_and_brier_by_hand():
    logits = np.log([[0.95, 0.05], [0.95, 0.05], [0.45, 0.55], [0.45, 0.55]])
    answers = Answers(Task("classification", "image"), ["a", "b"], logits, np.array([0, 1, 1, 1]))
    found = calibration(answers)
    assert found["ece"] == pytest.approx((2 * abs(0.5 - 0.95) + 2 * abs(1 - 0.55)) / 4)
    assert found["brier"] == pytest.approx(2 * (0.05**2 + 0.95**2 + 0.45**2 + 0.45**2) / 4)
    assert [entry["count"] for entry in found["bins"]] == [2, 2]


def test_a_threshold_reaches_its_rate_on_validation_at_the_least_cost():
    answers = sure_by(1.0, 300)
    scores, inside = answers.probabilities[:, 1], answers.truth == 1
    for rate, least in (("sensitivity", 0.9), ("specificity", 0.9), ("specificity", 0.999)):
        threshold = choose_threshold(scores, inside, rate, least)

        def reached(cut, rate=rate):
            return ((scores >= cut)[inside] if rate == "sensitivity" else (scores < cut)[~inside]).mean()

        assert reached(threshold) >= least
        others = np.unique(scores)
        beyond = others[others > threshold] if rate == "sensitivity" else others[others < threshold]
        assert all(reached(other) < least for other in beyond)


def test_thresholds_come_from_validation_and_rates_from_test():
    validation, test = sure_by(1.0, 400), sure_by(1.0, 50)
    moved = Answers(test.task, test.names, test.logits + np.array([[0.0, 5.0]]), test.truth)  # another hospital
    draws = Resamples(50, None, 30, seed=0)
    (point,) = operating_points(validation, moved, [1], [("specificity", 0.9)], draws, 0.95)
    same = choose_threshold(validation.probabilities[:, 1], validation.truth == 1, "specificity", 0.9)
    assert point["threshold"] == same
    assert point["specificity"]["value"] < 0.2  # nowhere near what was chosen
    called = moved.probabilities[:, 1] >= same
    assert point["positive_predictive_value"]["value"] == pytest.approx((moved.truth[called] == 1).mean())


def test_mcnemar_is_near_its_chi_square_for_many_rows():
    first = np.array([True] * 400 + [False] * 300)
    second = np.array([True] * 250 + [False] * 150 + [True] * 200 + [False] * 100)
    found = mcnemar(first, second)
    assert (found["only_this_right"], found["only_other_right"]) == (150, 200)
    assert found["p_value"] == pytest.approx(chi2.sf((abs(150 - 200) - 1) ** 2 / 350, 1), rel=0.05)
    assert mcnemar(first, first)["p_value"] == 1.0


def test_a_model_does_not_differ_from_itself_with_its_classes_in_another_order():
    answers = sure_by(1.0, 100)
    turned = Answers(answers.task, ["b", "a"], answers.logits[:, ::-1], 1 - answers.truth)
    found = compare(answers, turned, Resamples(100, None, 20, seed=0), 0.95, grouped=False)
    ends = [value for difference in found["differences"].values() for value in difference.values()]
    assert ends == pytest.approx([0.0] * len(ends), abs=1e-12)
    assert found["mcnemar"]["p_value"] == 1.0
