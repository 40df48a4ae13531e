"""The metrics of every task as functions of weighted rows.

With all weights 1 they are those of `hf_metalr.metrics`, which training prints; in resamples a weight says how often a
row was drawn, so that no scores are sorted anew. Keys are names of metrics, or (metric, number of the class).
"""

from typing import Any

import numpy as np
from scipy.stats import rankdata

Found = dict[Any, float]
PER_CLASS = ("precision", "recall", "f1", "support", "auroc", "average_precision")


class ClassScores:
    """Of a classification.

    Args:
        scores: (N, C), one per class, ordered as the log-odds of the class.
        truth: (N,) class numbers.
        answers: (N,) class numbers.
    """

    def __init__(self, scores: np.ndarray, truth: np.ndarray, answers: np.ndarray) -> None:
        self._classes = scores.shape[1]
        self._pairs = truth * self._classes + answers
        self._ranked = [Ranked(scores[:, number], truth == number) for number in range(self._classes)]

    def __call__(self, weights: np.ndarray) -> Found:
        size = self._classes
        matrix = np.bincount(self._pairs, weights, minlength=size * size).reshape(size, size)
        hits, rows, columns = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
        recall, precision, f1 = _ratio(hits, rows), _ratio(hits, columns), _ratio(2 * hits, rows + columns)
        curves = [ranked(weights) for ranked in self._ranked]
        auroc = np.array([curve[0] for curve in curves])
        found: Found = {
            "accuracy": float(hits.sum() / matrix.sum()),
            "balanced_accuracy": _mean(recall),
            "macro_f1": _mean(f1),
            "auroc": _mean(auroc),
        }
        for number in range(size):
            values = (precision[number], recall[number], f1[number], rows[number], *curves[number])
            found |= {(name, number): float(value) for name, value in zip(PER_CLASS, values, strict=True)}
        return found


class LabelScores:
    """Of several labels per row.

    Args:
        logits: (N, L).
        truth: (N, L) of 0 and 1.
    """

    def __init__(self, logits: np.ndarray, truth: np.ndarray) -> None:
        self._truth, self._answers = truth.astype(bool), logits > 0
        self._ranked = [Ranked(logits[:, label], self._truth[:, label]) for label in range(logits.shape[1])]

    def __call__(self, weights: np.ndarray) -> Found:
        truth, answers = self._truth, self._answers
        hits, rows, columns = (weights @ part for part in (truth & answers, truth, answers))
        curves = [ranked(weights) for ranked in self._ranked]
        f1 = _ratio(2 * hits, rows + columns)
        found: Found = {
            "mean_average_precision": _mean(np.array([precision for _, precision in curves])),
            "auroc": _mean(np.array([auroc for auroc, _ in curves])),
            "macro_f1": _mean(f1),
            "micro_f1": float(_ratio(2 * hits.sum(), rows.sum() + columns.sum(), empty=0.0)),
            "exact_match": float(weights @ (truth == answers).all(axis=1) / weights.sum()),
        }
        recall, precision = _ratio(hits, rows), _ratio(hits, columns)
        for label, curve in enumerate(curves):
            values = (precision[label], recall[label], f1[label], rows[label], *curve)
            found |= {(name, label): float(value) for name, value in zip(PER_CLASS, values, strict=True)}
        return found


class NumberScores:
    """Of a regression.

    Args:
        answers: (N,).
        truth: (N,).
    """

    def __init__(self, answers: np.ndarray, truth: np.ndarray) -> None:
        self._answers, self._truth = answers, truth

    def __call__(self, weights: np.ndarray) -> Found:
        times = weights.astype(int)
        answers, truth = np.repeat(self._answers, times), np.repeat(self._truth, times)
        errors, spread = answers - truth, float(((truth - truth.mean()) ** 2).sum())
        return {
            "mae": float(np.abs(errors).mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "r2": 1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
            "spearman": _correlation(rankdata(answers), rankdata(truth)),
            "bias": float(errors.mean()),
        }


class OverlapScores:
    """Of a segmentation, over the pixels of all rows.

    Args:
        hits: (N, C) pixels that are of a class and are called so.
        truth: (N, C) pixels that are of a class.
        answers: (N, C) pixels that are called so.
    """

    def __init__(self, hits: np.ndarray, truth: np.ndarray, answers: np.ndarray) -> None:
        self._hits, self._truth, self._answers = (part.astype(np.float64) for part in (hits, truth, answers))

    def __call__(self, weights: np.ndarray) -> Found:
        hits, truth, answers = (weights @ part for part in (self._hits, self._truth, self._answers))
        dice, iou = _ratio(2 * hits, truth + answers), _ratio(hits, truth + answers - hits)
        found: Found = {
            "mean_iou": _mean(iou),
            "mean_dice": _mean(dice),
            "mean_dice_foreground": _mean(dice[1:]),
            "pixel_accuracy": float(hits.sum() / truth.sum()) if truth.sum() else float("nan"),
        }
        for number in range(len(hits)):
            own = {"dice": dice, "iou": iou, "precision": _ratio(hits, answers), "recall": _ratio(hits, truth)}
            found |= {(name, number): float(values[number]) for name, values in own.items()}
            found["pixels", number] = float(truth[number])
        return found

    def by_image(self) -> np.ndarray:
        """Return Dice of every image and class, (N, C); NaN where neither mask nor answer has it."""
        return _ratio(2 * self._hits, self._truth + self._answers)


class Ranked:
    """AUROC and average precision of one class against the rest, from scores that are sorted once.

    Args:
        scores: (N,), higher for the class.
        inside: (N,) whether a row is of the class.
    """

    def __init__(self, scores: np.ndarray, inside: np.ndarray) -> None:
        distinct, self._places = np.unique(-scores, return_inverse=True)  # the highest first; equal ones share a place
        self._count, self._inside = len(distinct), inside.astype(np.float64)

    def __call__(self, weights: np.ndarray) -> tuple[float, float]:
        positive = np.bincount(self._places, weights * self._inside, minlength=self._count)
        negative = np.bincount(self._places, weights * (1 - self._inside), minlength=self._count)
        total, others = positive.sum(), negative.sum()
        if not total:
            return float("nan"), float("nan")
        found, false = positive.cumsum(), negative.cumsum()
        with np.errstate(invalid="ignore"):  # places that no row of a resample has
            precision = np.where(positive > 0, found / (found + false), 0.0)
        average = float((precision * positive).sum() / total)
        if not others:
            return float("nan"), average
        below = others - false + negative / 2  # rows outside that are ranked lower, ties by half
        return float((positive * below).sum() / (total * others)), average


def _ratio(parts: Any, wholes: Any, empty: float = np.nan) -> Any:
    wholes = np.asarray(wholes, dtype=np.float64)
    return np.divide(parts, wholes, out=np.full(wholes.shape, empty), where=wholes > 0)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))
