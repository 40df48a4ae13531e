"""The metrics of weighted rows are those of `hf_metalr.metrics` and scikit-learn, and resamples draw whole groups."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from hf_metalr.data.labels.tasks import Task
from hf_metalr.evaluation.answers import Answers, log_odds
from hf_metalr.evaluation.resampling import Resamples, intervals, paired
from hf_metalr.evaluation.scores import ClassScores, LabelScores, NumberScores, OverlapScores, Ranked
from hf_metalr.metrics import ClassificationMetrics, MultiLabelMetrics, RegressionMetrics
from hf_metalr.metrics.segmentation import confusion_matrix, overlap_scores

ROWS, CLASSES = 60, 4


@pytest.fixture
def random():
    return np.random.default_rng(0)


def overall(found):
    return {name: value for name, value in found.items() if isinstance(name, str)}


def test_a_classification(random):
    logits, truth = random.normal(size=(ROWS, CLASSES)).round(1), random.integers(0, 3, ROWS)  # one class never occurs
    found = ClassScores(log_odds(logits), truth, logits.argmax(axis=1))(np.ones(ROWS))
    expected = ClassificationMetrics().compute(predictions=logits, references=truth)
    assert overall(found) == pytest.approx(expected)
    columns = precision_recall_fscore_support(truth, logits.argmax(axis=1), labels=range(CLASSES), zero_division=np.nan)
    for name, values in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        for number in range(CLASSES):
            assert found[name, number] == pytest.approx(values[number], nan_ok=True)


def test_several_labels(random):
    logits, truth = random.normal(size=(ROWS, CLASSES)), random.integers(0, 2, (ROWS, CLASSES))
    truth[:, 1] = 0
    found = overall(LabelScores(logits, truth)(np.ones(ROWS)))
    assert found == pytest.approx(MultiLabelMetrics().compute(predictions=logits, references=truth))


def test_numbers(random):
    answers, truth = random.normal(size=ROWS).round(1), random.normal(size=ROWS).round(1)
    found = NumberScores(answers, truth)(np.ones(ROWS))
    assert found.pop("bias") == pytest.approx((answers - truth).mean())
    assert found == pytest.approx(RegressionMetrics().compute(predictions=answers, references=truth))


def test_masks(random):
    maps = random.integers(0, 3, (2, ROWS, 5, 5))
    matrices = np.stack([confusion_matrix(a, t, 3) for a, t in zip(*maps, strict=True)])
    parts = matrices.diagonal(axis1=1, axis2=2), matrices.sum(axis=2), matrices.sum(axis=1)
    found = OverlapScores(*parts)(np.ones(ROWS))
    assert overall(found) == pytest.approx(overlap_scores(matrices.sum(axis=0)))


@pytest.mark.parametrize("tied", [False, True])
def test_ranks_under_weights_are_those_of_scikit_learn(random, tied):
    scores, inside = random.normal(size=ROWS), random.integers(0, 2, ROWS)
    scores = scores.round(0) if tied else scores
    weights = random.integers(0, 4, ROWS).astype(float)
    auroc, average = Ranked(scores, inside == 1)(weights)
    assert auroc == pytest.approx(roc_auc_score(inside, scores, sample_weight=weights))
    assert average == pytest.approx(average_precision_score(inside, scores, sample_weight=weights))


def test_a_weight_is_a_repetition(random):
    logits, truth = random.normal(size=(ROWS, CLASSES)), random.integers(0, CLASSES, ROWS)
    weights = random.integers(0, 3, ROWS)
    rows = np.repeat(np.arange(ROWS), weights)
    for make in (
        lambda r: ClassScores(log_odds(logits[r]), truth[r], logits[r].argmax(axis=1)),
        lambda r: LabelScores(logits[r], (logits[r][:, ::-1] > 0.3).astype(int)),
        lambda r: NumberScores(logits[r, 0], logits[r, 1]),
    ):
        weighted, repeated = make(np.arange(ROWS))(weights.astype(float)), make(rows)(np.ones(len(rows)))
        assert list(weighted.values()) == pytest.approx(list(repeated.values()), nan_ok=True)


def test_whole_groups_are_drawn():
    groups = ["a", "b", "a", "c", "c", "c"]
    for weights in Resamples(6, groups, 50, seed=0):
        assert weights[0] == weights[2]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[1] + weights[3] == 3  # as many groups as there are


def test_intervals_by_group_are_wider_where_groups_agree(random):
    patients = np.repeat(np.arange(30), 10)
    errors = np.repeat(random.normal(size=30), 10)  # all images of a patient fail alike

    def mean(weights):
        return {"mean": float(weights @ errors / weights.sum())}

    widths = []
    for groups in (None, patients.tolist()):
        found = intervals(mean, Resamples(300, groups, 500, seed=0), 0.95)["mean"]
        widths.append(found["high"] - found["low"])
    assert 2.2 < widths[1] / widths[0] < 4.2  # √10 in theory
    assert widths[1] == pytest.approx(2 * 1.96 * errors[::10].std() / np.sqrt(30), rel=0.15)


def test_what_is_undefined_stays_so():
    truth, logits = np.array([0, 0, 0]), np.array([[1.0, 0.0]] * 3)
    draws = Resamples(3, None, 20, seed=0)
    found = intervals(ClassScores(log_odds(logits), truth, logits.argmax(axis=1)), draws, 0.95)
    assert np.isnan([found["auroc"][end] for end in ("value", "low", "high")]).all()
    assert found["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_paired_difference_is_narrower_than_two_intervals(random):
    truth = random.integers(0, 2, 200)
    task = Task("classification", "image")
    logits = np.stack([np.zeros(200), (2 * truth - 1) + random.normal(scale=2, size=200)], axis=1)
    nearly = logits + np.stack([np.zeros(200), random.normal(scale=0.1, size=200)], axis=1)
    one, two = (Answers(task, ["a", "b"], values, truth).scores() for values in (logits, nearly))
    draws = Resamples(200, None, 300, seed=0)
    own, difference = intervals(one, draws, 0.95)["auroc"], paired(one, two, draws, 0.95)["auroc"]
    assert difference["value"] == pytest.approx(own["value"] - two(np.ones(200))["auroc"])
    assert difference["high"] - difference["low"] < 0.3 * (own["high"] - own["low"])
