"""The metrics against hand-made cases, scikit-learn's own multi-class form, and invariances."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from transformers import EvalPrediction

from hf_metalr.metrics import ClassificationMetrics, make_compute_metrics

KEYS = {"accuracy", "balanced_accuracy", "macro_f1", "auroc"}


def compute(scores, labels, **options):
    return ClassificationMetrics().compute(predictions=scores, references=labels, **options)


@pytest.fixture
def three_classes():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, size=60)
    logits = generator.normal(size=(60, 3)) * 2
    logits[np.arange(60), labels] += 1.0
    return logits, labels


def test_unbalanced_binary_case_by_hand():
    # Answers 0 0 0 0 | 0 1 for labels 0 0 0 0 | 1 1: recalls 1 and 1/2; F1 of class 0 = 8/9, of class 1 = 2/3.
    logits = [[3.0, 0.0], [2.0, 0.0], [2.5, 0.0], [1.0, 0.0], [1.5, 0.0], [0.0, 1.0]]
    result = compute(logits, [0, 0, 0, 0, 1, 1])
    assert result["accuracy"] == pytest.approx(5 / 6)
    assert result["balanced_accuracy"] == pytest.approx(0.75)
    assert result["macro_f1"] == pytest.approx((8 / 9 + 2 / 3) / 2)
    assert result["auroc"] == pytest.approx(7 / 8)  # one of the eight pairs is in the wrong order


def test_auroc_has_the_right_sign():
    labels = [0, 0, 1, 1]
    good = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    assert compute(good, labels)["auroc"] == 1.0
    assert compute(good[:, ::-1], labels)["auroc"] == 0.0


def test_multi_class_auroc_is_scikit_learns_one_versus_rest(three_classes):
    logits, labels = three_classes
    odds = np.exp(logits)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    expected = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert compute(logits, labels)["auroc"] == pytest.approx(expected, abs=1e-12)
    assert compute(probabilities, labels, from_logits=False)["auroc"] == pytest.approx(expected, abs=1e-12)


def test_logits_may_be_shifted_per_sample(three_classes):
    logits, labels = three_classes
    shift = np.linspace(-50, 50, len(labels))[:, None]
    assert compute(logits + shift, labels) == pytest.approx(compute(logits, labels))


def test_auroc_survives_saturated_probabilities():
    # softmax rounds all four to (0, 1): ties, AUROC 0.5. The logits still order them.
    logits = [[0.0, 800.0], [0.0, 900.0], [0.0, 1000.0], [0.0, 1100.0]]
    assert compute(logits, [0, 0, 1, 1])["auroc"] == 1.0


def test_one_class_only_leaves_auroc_undefined_and_the_rest_defined():
    result = compute([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [1.0, 0.0]], [0, 0, 0, 0])
    assert set(result) == KEYS
    assert math.isnan(result["auroc"])
    assert result["accuracy"] == result["balanced_accuracy"] == 0.75


def test_a_class_that_never_occurs_does_not_count(three_classes):
    logits, labels = three_classes
    rare = np.hstack([logits, np.full((len(labels), 1), -1e3)])
    expected = compute(logits, labels)
    assert compute(rare, labels) == pytest.approx(expected)


def test_all_values_are_python_floats(three_classes):
    assert {type(value) for value in compute(*three_classes).values()} == {float}


def test_batches_add_up(three_classes):
    logits, labels = three_classes
    metric = ClassificationMetrics()
    for rows in (slice(0, 7), slice(7, 60)):
        metric.add_batch(predictions=logits[rows], references=labels[rows])
    assert metric.compute() == compute(logits, labels)


@pytest.mark.parametrize("wrap", [lambda logits: logits, lambda logits: (logits, np.zeros((60, 8)))])
def test_compute_metrics_takes_the_logits_of_an_eval_prediction(three_classes, wrap):
    logits, labels = three_classes
    single = logits.astype(np.float32)
    result = make_compute_metrics()(EvalPrediction(predictions=wrap(single), label_ids=labels))
    assert result == pytest.approx(compute(single, labels))


@pytest.mark.parametrize(
    ("scores", "labels", "options", "message"),
    [
        (np.zeros((0, 2)), [], {}, "at least one sample"),
        ([[0.0], [1.0]], [0, 1], {}, "at least two classes"),
        ([[0.0, np.nan], [1.0, 0.0]], [0, 1], {}, "1 of 2 rows"),
        ([[0.0, 1.0], [1.0, 0.0]], [0, 2], {}, "from 0 to 1, found 0 to 2"),
        ([[0.0, 1.0], [1.0, 0.0]], [-100, 1], {}, "found -100"),
        ([[-2.0, 3.0], [1.0, 0.0]], [0, 1], {"from_logits": False}, "must be probabilities"),
        ([[0.2, 0.2], [1.0, 0.0]], [0, 1], {"from_logits": False}, "must be probabilities"),
    ],
)
def test_bad_input_is_refused_in_words(scores, labels, options, message):
    with pytest.raises(ValueError, match=message):
        compute(scores, labels, **options)
