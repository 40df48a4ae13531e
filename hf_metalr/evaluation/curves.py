"""ROC and precision-recall curves, one class against the rest, thinned for a figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from hf_metalr.evaluation.answers import Answers

MOST_POINTS = 200


def curves(answers: Answers, classes: Sequence[int]) -> list[dict[str, Any]]:
    """Return the curves of classes that some rows have and others do not.

    Args:
        answers: of a classification or of several labels.
        classes: numbers of the classes.
    """
    found = []
    for number in classes:
        truth = answers.truth == number if answers.task.name == "classification" else answers.truth[:, number] == 1
        if not 0 < truth.sum() < len(truth):
            continue
        scores = answers.probabilities[:, number]
        false, true, _ = roc_curve(truth, scores)
        precision, recall, _ = precision_recall_curve(truth, scores, drop_intermediate=True)
        found.append(
            {
                "class": answers.names[number],
                "share": float(truth.mean()),
                "roc": {"false_positive_rate": _thin(false), "true_positive_rate": _thin(true)},
                "precision_recall": {"recall": _thin(recall), "precision": _thin(precision)},
            }
        )
    return found


def _thin(values: np.ndarray) -> list[float]:
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).round().astype(int))
    return [float(f"{value:.6g}") for value in values[places]]
