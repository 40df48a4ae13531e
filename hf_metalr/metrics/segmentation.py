"""Metrics of class maps, as an `evaluate` metric that needs no network, and the confusion matrix behind them."""

from typing import Any

import datasets
import evaluate
import numpy as np

from hf_metalr.errors import InputError

DESCRIPTION = "Mean IoU, mean Dice and pixel accuracy of a semantic segmentation."
INPUTS_DESCRIPTION = """
Args:
    predictions: one class map (rows of class numbers) per image.
    references: the true class maps, of the same sizes.
    num_labels: how many classes there are.
    ignore_index: a number in the references whose pixels do not count.
"""


class SegmentationMetrics(evaluate.Metric):
    """Mean IoU, mean Dice and pixel accuracy over all pixels of all images.

    With the confusion matrix C (rows: truth) over the pixels of the whole set, class c has
    IoU = C_cc / (row sum + column sum − C_cc) and Dice = 2 C_cc / (row sum + column sum). The means run over the
    classes that occur in the truth or the answers; `mean_dice_foreground` leaves class 0, the background, out.

    Raises:
        InputError: maps of different sizes, or a class number outside 0 … num_labels − 1.

    Example:
        >>> metric = SegmentationMetrics()
        >>> result = metric.compute(predictions=[[[0, 1], [1, 1]]], references=[[[0, 0], [1, 1]]], num_labels=2)
        >>> result["pixel_accuracy"], round(result["mean_iou"], 3), round(result["mean_dice_foreground"], 3)
        (0.75, 0.583, 0.8)
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)  # no cache files, whose locks parallel runs would share

    def _info(self) -> evaluate.MetricInfo:
        maps = datasets.List(datasets.List(datasets.Value("int64")))
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation="",
            inputs_description=INPUTS_DESCRIPTION,
            features=datasets.Features({"predictions": maps, "references": maps}),
        )

    def _compute(self, predictions: Any, references: Any, num_labels: int, ignore_index: int = 255) -> dict[str, float]:
        matrix = np.zeros((num_labels, num_labels), dtype=np.int64)
        for answer, truth in zip(predictions, references, strict=True):
            matrix += confusion_matrix(np.asarray(answer), np.asarray(truth), num_labels, ignore_index)
        return overlap_scores(matrix)


def confusion_matrix(answers: np.ndarray, truth: np.ndarray, num_labels: int, ignore_index: int = 255) -> np.ndarray:
    """Count the pixels of every pair (true class, answered class).

    Args:
        answers: class numbers, any shape.
        truth: class numbers of the same shape.
        num_labels: how many classes there are.
        ignore_index: a number in `truth` whose pixels do not count.

    Returns:
        (num_labels, num_labels) int64, rows by truth.

    Raises:
        InputError: different shapes, or a class number out of range.
    """
    if answers.shape != truth.shape:
        raise InputError(
            None, f"Class maps must have the size of their masks, found {answers.shape} and {truth.shape}."
        )
    counted = truth != ignore_index
    rows, columns = truth[counted].astype(np.int64), answers[counted].astype(np.int64)
    for name, values in (("references", rows), ("predictions", columns)):
        if len(values) and not 0 <= values.min() <= values.max() < num_labels:
            raise InputError(
                name, f"must hold classes from 0 to {num_labels - 1}, found {values.min()} to {values.max()}."
            )
    return np.bincount(rows * num_labels + columns, minlength=num_labels**2).reshape(num_labels, num_labels)


def overlap_scores(matrix: np.ndarray) -> dict[str, float]:
    """Return the scores of a confusion matrix; NaN where no pixel counts.

    >>> overlap_scores(np.array([[3, 0], [0, 5]]))["mean_dice"]
    1.0
    """
    hits, sums = matrix.diagonal().astype(np.float64), (matrix.sum(axis=0) + matrix.sum(axis=1)).astype(np.float64)
    occurs = sums > 0
    iou, dice = hits[occurs] / (sums - hits)[occurs], 2 * hits[occurs] / sums[occurs]
    foreground = dice[np.flatnonzero(occurs) > 0]
    return {
        "mean_iou": _mean(iou),
        "mean_dice": _mean(dice),
        "mean_dice_foreground": _mean(foreground),
        "pixel_accuracy": float(hits.sum() / matrix.sum()) if matrix.sum() else float("nan"),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
