"""Metrics of a classifier that may give a sample several labels, as an `evaluate` metric that needs no network."""

from typing import Any

import datasets
import evaluate
import numpy as np
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from hf_metalr.errors import InputError

DESCRIPTION = "Mean average precision, macro AUROC, macro and micro F1 and exact match of a multi-label classifier."
INPUTS_DESCRIPTION = """
Args:
    predictions: one row per sample, one logit per label; a label is given where its logit is above 0.
    references: one row per sample, 1 for each label that it has and 0 for the others.
"""


class MultiLabelMetrics(evaluate.Metric):
    """Mean average precision, AUROC, F1 and exact match from one logit per label.

    * `mean_average_precision`: area under precision over recall, mean over the labels that occur.
    * `auroc`: area under the ROC curve, mean over the labels that some samples have and others do not.
    * `macro_f1`: F1 of every label at a probability of 1/2, mean over the labels that occur or were given.
    * `micro_f1`: F1 over all pairs of sample and label.
    * `exact_match`: share of samples whose labels are all right.

    All five are Python floats, and all five keys are always there; a mean over no label is NaN.

    Raises:
        InputError: no samples, logits and references of different shapes, logits that are not finite, or references
            other than 0 and 1.

    Example:
        >>> metric = MultiLabelMetrics()
        >>> result = metric.compute(predictions=[[2.0, -1.0], [-2.0, -3.0]], references=[[1, 1], [0, 0]])
        >>> result["mean_average_precision"], result["exact_match"], round(result["micro_f1"], 3)
        (1.0, 0.5, 0.667)
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)  # no cache files, whose locks parallel runs would share

    def _info(self) -> evaluate.MetricInfo:
        row = datasets.List(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS_DESCRIPTION,
            features=datasets.Features({"predictions": row, "references": row}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        logits, labels = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
        _check(logits, labels)
        truth, answers = labels.astype(bool), logits > 0
        occurs, differs = truth.any(axis=0), truth.any(axis=0) & ~truth.all(axis=0)
        counted = np.flatnonzero(occurs | answers.any(axis=0))
        return {
            "mean_average_precision": _mean(
                [average_precision_score(truth[:, label], logits[:, label]) for label in np.flatnonzero(occurs)]
            ),
            "auroc": _mean([roc_auc_score(truth[:, label], logits[:, label]) for label in np.flatnonzero(differs)]),
            "macro_f1": _mean([f1_score(truth[:, label], answers[:, label], zero_division=0) for label in counted]),
            "micro_f1": float(f1_score(truth.ravel(), answers.ravel(), zero_division=0)),
            "exact_match": float((truth == answers).all(axis=1).mean()),
        }


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _check(logits: np.ndarray, labels: np.ndarray) -> None:
    if not len(labels):
        raise InputError("references", "must hold at least one sample, found none. Is the evaluation set empty?")
    if logits.ndim != 2 or logits.shape != labels.shape:
        raise InputError(
            "predictions",
            f"and `references` must have one row per sample and one column per label, found shapes "
            f"{logits.shape} and {labels.shape}.",
        )
    if not np.isfinite(logits).all():
        raise InputError(
            "predictions",
            f"must be finite, found {int((~np.isfinite(logits)).any(axis=1).sum())} of {len(logits)} "
            "rows with NaN or infinity. The model has diverged: lower `learning_rate` or `max_lr`.",
        )
    if not np.isin(labels, (0, 1)).all():
        strange = labels[~np.isin(labels, (0, 1))][0]
        raise InputError("references", f"must be 0 or 1 for every label, found {strange:g}.")
