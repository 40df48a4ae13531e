"""IoU and Dice against sets of pixels, and which pixels count."""

import math

import numpy as np
import pytest

from hf_metalr.metrics import SegmentationMetrics
from hf_metalr.metrics.segmentation import confusion_matrix, overlap_scores


def test_iou_and_dice_are_those_of_sets_of_pixels_over_all_images():
    generator = np.random.default_rng(0)
    answers, truth = generator.integers(0, 3, (2, 4, 6, 5))
    result = SegmentationMetrics().compute(predictions=answers, references=truth, num_labels=3)
    sets = [
        ({tuple(place) for place in np.argwhere(answers == c)}, {tuple(place) for place in np.argwhere(truth == c)})
        for c in range(3)
    ]
    dice = [2 * len(a & t) / (len(a) + len(t)) for a, t in sets]
    assert result["mean_iou"] == pytest.approx(np.mean([len(a & t) / len(a | t) for a, t in sets]))
    assert result["mean_dice"] == pytest.approx(np.mean(dice))
    assert result["mean_dice_foreground"] == pytest.approx(np.mean(dice[1:]))
    assert result["pixel_accuracy"] == pytest.approx((answers == truth).mean())


def test_ignored_pixels_do_not_count_whatever_is_answered_there():
    truth = np.array([[0, 1], [255, 255]])
    assert np.array_equal(confusion_matrix(np.array([[0, 1], [0, 1]]), truth, 2), np.eye(2, dtype=int))


def test_the_rows_of_the_matrix_are_the_truth():
    assert confusion_matrix(np.array([1]), np.array([0]), 2).tolist() == [[0, 1], [0, 0]]


def test_a_class_that_occurs_nowhere_is_left_out_of_the_means():
    matrix = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert overlap_scores(matrix)["mean_iou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert math.isnan(overlap_scores(np.zeros((2, 2), int))["mean_iou"])


@pytest.mark.parametrize(
    ("answers", "truth", "message"),
    [([[2]], [[0]], "`predictions` must hold classes from 0 to 1"), ([[0, 0]], [[0]], "size of their masks")],
)
def test_maps_that_do_not_fit_are_refused(answers, truth, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(answers), np.array(truth), 2)
