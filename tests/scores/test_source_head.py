"""LEEP and NCE against loops, and against each other."""

import math

import pytest
import torch
from torch import Tensor

from hf_metalr.scores import log_expected_empirical_prediction, negative_conditional_entropy

LABELS = torch.tensor([0, 0, 2, 7, 7, 7, 2, 0, 7, 2])


def probabilities(classes: int = 4) -> Tensor:
    return torch.randn(len(LABELS), classes, dtype=torch.float64).mul(2).softmax(dim=1)


def test_leep_is_a_mean_of_logarithms() -> None:
    # catches a missing logarithm, P(z | y) in place of P(y | z), labels with gaps used as indices
    given, samples, total = probabilities(), len(LABELS), 0.0
    for i in range(samples):
        likelihood = 0.0
        for z in range(4):
            joint = sum(float(given[j, z]) for j in range(samples) if LABELS[j] == LABELS[i])
            likelihood += joint / float(given[:, z].sum()) * float(given[i, z])
        total += math.log(likelihood)
    assert log_expected_empirical_prediction(given, LABELS) == pytest.approx(total / samples, abs=1e-12)
    assert total < 0


def test_nce_is_leep_of_a_sure_head_and_a_loop() -> None:
    source = torch.tensor([3, 3, 9, 9, 9, 0, 0, 3, 9, 9])
    expected = 0.0
    for z in (0, 3, 9):
        for y in (0, 2, 7):
            joint = int(((source == z) & (y == LABELS)).sum())
            if joint:
                expected += joint / 10 * math.log(joint / int((source == z).sum()))
    assert negative_conditional_entropy(source, LABELS) == pytest.approx(expected, abs=1e-12)
    sure = torch.nn.functional.one_hot(source).double()  # most source classes are never given
    assert log_expected_empirical_prediction(sure, LABELS) == pytest.approx(expected, abs=1e-12)


def test_a_head_that_says_nothing_leaves_the_entropy_of_the_labels() -> None:
    entropy = -sum(p * math.log(p) for p in (0.3, 0.3, 0.4))
    same = probabilities()[:1].expand(10, -1)
    assert log_expected_empirical_prediction(same, LABELS) == pytest.approx(-entropy, abs=1e-12)
    assert negative_conditional_entropy(torch.full((10,), 5), LABELS) == pytest.approx(-entropy, abs=1e-12)


def test_source_classes_may_be_reordered_split_and_padded() -> None:
    given = probabilities()
    expected = pytest.approx(log_expected_empirical_prediction(given, LABELS), abs=1e-12)
    split = torch.cat([given[:, :1] * 0.3, given[:, :1] * 0.7, given[:, 1:]], dim=1)
    for other in (given.flip(1), split, torch.nn.functional.pad(given, (0, 3))):
        assert log_expected_empirical_prediction(other, LABELS) == expected


def test_more_source_classes_look_better_as_the_docstrings_say() -> None:
    assert negative_conditional_entropy(torch.arange(10), LABELS) == 0
    labels = torch.arange(400) % 4
    few, many = (torch.randn(400, classes).mul(3).softmax(dim=1) for classes in (2, 200))
    assert log_expected_empirical_prediction(many, labels) > log_expected_empirical_prediction(few, labels) + 0.05


def test_half_precision_probabilities_are_accepted_and_logits_refused() -> None:
    given = probabilities()
    for dtype in (torch.float16, torch.bfloat16):
        found = log_expected_empirical_prediction(given.to(dtype), LABELS)
        assert found == pytest.approx(log_expected_empirical_prediction(given, LABELS), abs=0.02)
    for wrong in (torch.randn(10, 4), given * 0.9, given.float() - 0.2):
        with pytest.raises(ValueError, match="`probabilities` must be non-negative rows that sum to 1; found values"):
            log_expected_empirical_prediction(wrong, LABELS)


def test_source_labels_must_be_one_per_sample() -> None:
    with pytest.raises(ValueError, match="`source_labels` must be a tensor of one integer for each sample, of which"):
        negative_conditional_entropy(torch.zeros(9, dtype=torch.long), LABELS)
    with pytest.raises(ValueError, match="`labels` must hold at least 2 classes"):
        negative_conditional_entropy(LABELS, torch.zeros(10, dtype=torch.long))
    with pytest.raises(ValueError, match=r"`labels` must be a tensor of one integer for each sample; found .*\(0,\)"):
        negative_conditional_entropy(LABELS[:0], LABELS[:0])
