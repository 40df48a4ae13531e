"""Classification metrics for small, unbalanced data sets, as an `evaluate` metric that needs no network.

`evaluate.load("accuracy")` fetches a script from the Hub; the metric here is an ordinary class.
"""

from collections.abc import Callable
from typing import Any

import datasets
import evaluate
import numpy as np
from sklearn.metrics import f1_score, recall_score, roc_auc_score
from transformers import EvalPrediction

from hf_metalr.errors import InputError

DESCRIPTION = "Accuracy, balanced accuracy, macro F1 and AUROC of a single-label classifier."
INPUTS_DESCRIPTION = """
Args:
    predictions: one row per sample, one score per class: logits, or probabilities with `from_logits=False`.
    references: the true class index of each sample.
    from_logits: what the scores are. Only the AUROC of three or more classes depends on it.
"""
# Rows of probabilities computed in half precision miss 1 by up to about this much.
PROBABILITY_SUM_TOLERANCE = 1e-2


class ClassificationMetrics(evaluate.Metric):
    """Accuracy, balanced accuracy, macro F1 and AUROC from the scores of every class.

    * `accuracy`: share of samples whose highest score is at the true class.
    * `balanced_accuracy`: mean recall over the classes that occur in the references.
    * `macro_f1`: mean F1 over the classes that occur in the references or among the answers.
    * `auroc`: area under the ROC curve, one class against the rest, mean over the classes for which it is defined:
      those with at least one sample in the class and one outside. With two classes this is the usual AUROC.
      NaN when only one class occurs, because no pair of samples can be ordered then.

    All four are Python floats, and all four keys are always there.

    Raises:
        InputError: scores that are not finite or not a row per sample with at least two columns, references that are
            no class index, no samples at all, or rows that are no probabilities although `from_logits` is False.

    Example:
        >>> metric = ClassificationMetrics()
        >>> scores = [[2.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 3.0]]
        >>> result = metric.compute(predictions=scores, references=[0, 0, 1, 1])
        >>> result["accuracy"], result["balanced_accuracy"], result["auroc"]
        (0.75, 0.75, 0.75)
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)  # no cache files, whose locks parallel runs would share

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS_DESCRIPTION,
            features=datasets.Features(features),
        )

    def _compute(self, predictions: Any, references: Any, from_logits: bool = True) -> dict[str, float]:
        scores, labels = np.asarray(predictions, dtype=np.float64), np.asarray(references)
        _check(scores, labels, from_logits)
        answers = scores.argmax(axis=1)
        present = np.unique(labels)
        return {
            "accuracy": float((answers == labels).mean()),
            "balanced_accuracy": float(recall_score(labels, answers, labels=present, average="macro", zero_division=0)),
            "macro_f1": float(f1_score(labels, answers, average="macro", zero_division=0)),
            "auroc": _one_vs_rest_auroc(_log_odds(scores) if from_logits else scores, labels),
        }


def make_compute_metrics() -> Callable[[EvalPrediction], dict[str, float]]:
    """Build the `compute_metrics` of a `Trainer` whose model returns one logit per class.

    A model that returns more than its logits hands over a tuple; its first entry counts.

    Example:
        >>> compute_metrics = make_compute_metrics()
        >>> logits = np.array([[1.0, -1.0], [-1.0, 1.0]])
        >>> compute_metrics(EvalPrediction(predictions=logits, label_ids=np.array([0, 1])))["auroc"]
        1.0
    """
    metric = ClassificationMetrics()

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        outputs = prediction.predictions
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return metric.compute(predictions=logits, references=prediction.label_ids)

    return compute_metrics


def _log_odds(logits: np.ndarray) -> np.ndarray:
    """Return log(p_c / (1 − p_c)) of every class, (samples, classes) from logits of the same shape.

    It orders samples as the softmax probability p_c does, but does not round to ties when the network is sure.
    """
    total_of_the_others = [
        np.logaddexp.reduce(np.delete(logits, column, axis=1), axis=1) for column in range(logits.shape[1])
    ]
    return logits - np.stack(total_of_the_others, axis=1)


def _one_vs_rest_auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean AUROC over the classes with samples inside and outside; NaN when there are none."""
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    return float(np.mean([roc_auc_score(labels == label, scores[:, label]) for label in present]))


def _check(scores: np.ndarray, labels: np.ndarray, from_logits: bool) -> None:
    if len(labels) == 0:
        raise InputError("references", "must hold at least one sample, found none. Is the evaluation set empty?")
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise InputError(
            "predictions",
            f"must hold one row per sample with a score for each of at least two classes, found shape "
            f"{scores.shape}. For a single sigmoid output z pass the two columns (0, z).",
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        raise InputError(
            "predictions",
            f"must be finite, found {bad} of {len(scores)} rows with NaN or infinity. The model has "
            f"diverged: lower `learning_rate` or `max_lr`, or clip gradients with `max_grad_norm`.",
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise InputError(
            "references",
            f"must be class indices from 0 to {scores.shape[1] - 1}, found {labels.min()} to "
            f"{labels.max()}. Give the model as many labels as the data set has (`num_labels`).",
        )
    if from_logits:
        return
    if scores.min() < 0 or np.abs(scores.sum(axis=1) - 1).max() > PROBABILITY_SUM_TOLERANCE:
        raise InputError(
            "predictions",
            "must be probabilities when `from_logits` is False: non-negative rows that sum to 1, found "
            f"values from {scores.min():g} and sums from {scores.sum(axis=1).min():g} to "
            f"{scores.sum(axis=1).max():g}. Pass logits with `from_logits=True`.",
        )
