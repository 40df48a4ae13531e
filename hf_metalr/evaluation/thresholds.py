"""Operating points: a threshold for a wanted sensitivity or specificity, chosen on validation, reported on test."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from hf_metalr.evaluation.answers import Answers
from hf_metalr.evaluation.resampling import Resamples, intervals

REPORTED = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")


def operating_points(
    validation: Answers,
    test: Answers,
    classes: Sequence[int],
    wanted: Sequence[tuple[str, float]],
    draws: Resamples,
    confidence: float,
) -> list[dict[str, Any]]:
    """Return, for each class and wanted rate, the threshold and what it gives on test, with intervals.

    A row is called of a class where its probability is at least the threshold.

    Args:
        validation: answers to the rows that thresholds are chosen on.
        test: answers to the rows that are reported on.
        classes: numbers of the classes, each against the rest.
        wanted: ("sensitivity" or "specificity", at least this).
        draws: resamples of test.
        confidence: of the intervals.
    """
    points = []
    for number in classes:
        inside = _inside(validation, number)
        if not 0 < inside.sum() < len(inside):
            continue  # no threshold can be chosen without both
        for rate, least in wanted:
            threshold = choose_threshold(validation.probabilities[:, number], inside, rate, least)
            called, truth = test.probabilities[:, number] >= threshold, _inside(test, number)

            def rates(weights: np.ndarray, called: np.ndarray = called, truth: np.ndarray = truth) -> dict[str, float]:
                return _rates(weights, called, truth)

            points.append(
                {"class": test.names[number], "rule": rate, "at_least": least, "threshold": threshold}
                | intervals(rates, draws, confidence)
            )
    return points


def choose_threshold(scores: np.ndarray, inside: np.ndarray, rate: str, least: float) -> float:
    """Return the threshold that reaches a rate at the least cost of the other one.

    That is the highest one with this sensitivity, or the lowest one with this specificity.

    Args:
        scores: (N,) probabilities of the class.
        inside: (N,) whether a row is of the class.
        rate: sensitivity or specificity.
        least: of the rate.

    >>> choose_threshold(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 1, 0, 1]), "sensitivity", 0.9)
    0.4
    """
    false, true, thresholds = roc_curve(inside, scores, drop_intermediate=False)
    thresholds[0] = min(2.0, np.nextafter(scores.max(), 2.0))  # nothing is called; scikit-learn says infinity
    slack = 1e-12  # 1 − 0.05 is no exact 0.95
    if rate == "sensitivity":
        return float(thresholds[np.flatnonzero(true >= least - slack)[0]])
    return float(thresholds[np.flatnonzero(1 - false >= least - slack)[-1]])


def _inside(answers: Answers, number: int) -> np.ndarray:
    return answers.truth == number if answers.task.name == "classification" else answers.truth[:, number] == 1


def _rates(weights: np.ndarray, called: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    both = (
        (weights @ (called & truth), weights @ truth),
        (weights @ (~called & ~truth), weights @ ~truth),
        (weights @ (called & truth), weights @ called),
        (weights @ (~called & ~truth), weights @ ~called),
    )
    return {
        name: float(part / whole) if whole else float("nan") for name, (part, whole) in zip(REPORTED, both, strict=True)
    }
