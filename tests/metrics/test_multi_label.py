"""Each number against pairs and sets counted by hand, and what happens where a label never or always occurs."""

import math

import numpy as np
import pytest

from hf_metalr.metrics import MultiLabelMetrics


def compute(logits, labels):
    return MultiLabelMetrics().compute(predictions=logits, references=labels)


@pytest.fixture
def drawn():
    generator = np.random.default_rng(0)
    return generator.normal(size=(40, 3)), (generator.random((40, 3)) < 0.3).astype(float)


def test_auroc_is_the_share_of_ordered_pairs(drawn):
    logits, labels = drawn
    shares = []
    for column in range(3):
        have, lack = logits[labels[:, column] == 1, column], logits[labels[:, column] == 0, column]
        shares.append(np.mean([high > low for high in have for low in lack]))
    assert compute(logits, labels)["auroc"] == pytest.approx(np.mean(shares))


def test_average_precision_is_the_mean_precision_at_every_hit(drawn):
    logits, labels = drawn
    means = []
    for column in range(3):
        hits = labels[np.argsort(-logits[:, column]), column]
        means.append(np.mean([hits[: place + 1].mean() for place in np.flatnonzero(hits)]))
    assert compute(logits, labels)["mean_average_precision"] == pytest.approx(np.mean(means))


def test_f1_and_exact_match_count_sets(drawn):
    logits, labels = drawn
    answers = logits > 0
    f1 = [2 * (a & t).sum() / (a.sum() + t.sum()) for a, t in zip(answers.T, labels.T.astype(bool), strict=True)]
    result = compute(logits, labels)
    assert result["macro_f1"] == pytest.approx(np.mean(f1))
    assert result["micro_f1"] == pytest.approx(2 * (answers & (labels == 1)).sum() / (answers.sum() + labels.sum()))
    assert result["exact_match"] == np.mean([list(a) == list(t) for a, t in zip(answers, labels == 1, strict=True)])


def test_a_label_that_never_or_always_occurs_does_not_enter_the_auroc():
    logits = [[1.0, 0.3, 2.0], [-1.0, 0.2, 1.0]]
    result = compute(logits, [[1, 0, 1], [0, 0, 1]])
    assert result["auroc"] == 1.0  # of the first label alone
    assert math.isnan(compute([[1.0], [2.0]], [[1], [1]])["auroc"])
    assert math.isnan(compute([[1.0], [2.0]], [[0], [0]])["mean_average_precision"])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[float("nan")]], [[1]], "must be finite, found 1 of 1"),
        ([[0.5]], [[0.5]], r"must be 0 or 1.*0\.5"),
        ([[0.5, 1.0]], [[1]], "found shapes"),
    ],
)
def test_what_is_no_multi_label_answer_is_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        compute(logits, labels)
