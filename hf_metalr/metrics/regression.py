"""Metrics of a model that answers with one number, as an `evaluate` metric that needs no network."""

from typing import Any

import datasets
import evaluate
import numpy as np

from hf_metalr.errors import InputError

DESCRIPTION = "Mean absolute error, root of the mean squared error, R² and Spearman's rank correlation."
INPUTS_DESCRIPTION = """
Args:
    predictions: one number per sample.
    references: the true number of each sample.
"""


class RegressionMetrics(evaluate.Metric):
    """MAE and RMSE in the unit of the targets, R² and Spearman's rank correlation.

    `r2` is 1 − (sum of squared errors) / (sum of squared deviations from the mean); NaN where all targets agree.
    `spearman` is NaN where all targets or all predictions agree, because nothing is ordered then.

    Raises:
        InputError: no samples, different numbers of predictions and references, or a value that is not finite.

    Example:
        >>> metric = RegressionMetrics()
        >>> metric.compute(predictions=[1.0, 2.0, 4.0], references=[1.0, 2.0, 3.0])["spearman"]
        1.0
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)  # no cache files, whose locks parallel runs would share

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS_DESCRIPTION,
            features=datasets.Features({"predictions": number, "references": number}),
        )

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        answers, targets = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
        _check(answers, targets)
        errors, deviations = answers - targets, targets - targets.mean()
        spread = float((deviations**2).sum())
        return {
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "r2": 1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
            "spearman": _rank_correlation(answers, targets),
        }


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's ρ: the correlation of the ranks, equal values sharing their mean rank."""
    ranks: list[np.ndarray] = []
    for values in (first, second):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        if len(counts) < 2:
            return float("nan")
        ranks.append((counts.cumsum() - (counts - 1) / 2)[place])
    return float(np.clip(np.corrcoef(np.stack(ranks))[0, 1], -1, 1))


def _check(answers: np.ndarray, targets: np.ndarray) -> None:
    if not len(targets):
        raise InputError("references", "must hold at least one sample, found none. Is the evaluation set empty?")
    if answers.shape != targets.shape or answers.ndim != 1:
        raise InputError(None, f"One number per sample is needed, found shapes {answers.shape} and {targets.shape}.")
    for name, values in (("predictions", answers), ("references", targets)):
        if not np.isfinite(values).all():
            raise InputError(
                name,
                f"must be finite, found {int((~np.isfinite(values)).sum())} of {len(values)} that are not. "
                "Has the model diverged? Lower `learning_rate` or `max_lr`.",
            )
