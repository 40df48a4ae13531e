"""What holds for every score of a feature matrix: invariances, precisions, refusals."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hf_metalr import scores
from hf_metalr.scores import (
    gaussian_bhattacharyya_coefficient,
    h_score,
    linear_probe_accuracy,
    linear_probe_hits,
    log_maximum_evidence,
    nearest_neighbor_accuracy,
    nearest_neighbor_hits,
    shrinkage_h_score,
    trans_rate,
)
from tests.scores.cases import case, rotation

Score = Callable[[Tensor, Tensor], float]
OF_FEATURES = [
    gaussian_bhattacharyya_coefficient,
    h_score,
    linear_probe_accuracy,
    log_maximum_evidence,
    nearest_neighbor_accuracy,
    shrinkage_h_score,
    trans_rate,
]
CHANGES = {
    "rotation": lambda features: features @ rotation(features.shape[1]),
    "common scale": lambda features: features * 1e3,
    "duplication": lambda features: torch.cat([features, features], dim=1),
    "zero padding": lambda features: torch.nn.functional.pad(features, (0, 7)),
}
EXCEPTIONS = {(shrinkage_h_score, "rotation"), (shrinkage_h_score, "duplication")}


@pytest.mark.parametrize("name", ["tall", "wide", "low rank", "imbalanced"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("score", OF_FEATURES)
def test_changes_of_the_channels_that_carry_no_information(score: Score, change: str, name: str) -> None:
    features, labels = case(name)
    same = score(CHANGES[change](features), labels) == pytest.approx(score(features, labels), rel=1e-8, abs=1e-8)
    if (score, change) in EXCEPTIONS:
        assert name != "tall" or not same  # the docstring says so; in other cases α may be 0 before and after
    else:
        assert same


@pytest.mark.parametrize("score", OF_FEATURES)
def test_the_order_of_the_samples_and_the_names_of_the_classes_do_not_count(score: Score) -> None:
    features, labels = case("tall")
    expected = score(features, labels)
    renamed = torch.tensor([5, 1000, 2])[labels]
    order = torch.randperm(30)
    # the folds of the probe are drawn by position and dealt by the order of the labels
    if score is not linear_probe_accuracy:
        assert score(features[order], labels[order]) == pytest.approx(expected, abs=1e-9)
        assert score(features, renamed) == pytest.approx(expected, abs=1e-9)
    assert score(features, torch.tensor([0, 2, 7])[labels]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("score", OF_FEATURES)
def test_low_precision_is_computed_in_high_precision(score: Score, dtype: torch.dtype) -> None:
    # the score of the rounded features, not a rounded score
    features, labels = case("tall")
    rounded = features.to(dtype)
    assert isinstance(score(rounded, labels), float)
    assert score(rounded, labels) == pytest.approx(score(rounded.double(), labels), abs=1e-9)


@pytest.mark.parametrize("score", OF_FEATURES)
def test_the_graph_is_not_followed(score: Score) -> None:
    features, labels = case("tall")
    assert score(features.requires_grad_(), labels.to(torch.uint8)) == score(features.detach(), labels)


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), "`features` must hold at least one sample"),
        (torch.zeros(4, 0), torch.tensor([0, 0, 1, 1]), "`features` must hold at least one sample"),
        (torch.zeros(4, 3, 2), torch.tensor([0, 0, 1, 1]), r"found a torch.float32 tensor of shape \(4, 3, 2\)"),
        (torch.zeros(4, 3, dtype=torch.long), torch.tensor([0, 0, 1, 1]), "must be a floating-point tensor"),
        ([[0.0]] * 4, torch.tensor([0, 0, 1, 1]), "found list. .* torch.as_tensor"),
        (torch.tensor([[0.0], [math.nan], [math.inf], [1.0]]), torch.tensor([0, 0, 1, 1]), "found 2 of 4 rows"),
        (torch.randn(4, 3), torch.tensor([0, 0, -100, 1]), "must not be negative; found -100. .* drop these samples"),
        (torch.randn(4, 3), torch.tensor([2, 2, 2, 2]), "at least 2 classes; found only the label 2"),
        (torch.randn(1, 3), torch.tensor([0]), "at least 2 classes"),
    ],
)
@pytest.mark.parametrize("score", [*OF_FEATURES, linear_probe_hits, nearest_neighbor_hits])
def test_bad_input_is_refused_in_words(score: Score, features: Tensor, labels: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        score(features, labels)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 1]), torch.tensor([[0], [0], [1], [1]]), ["a", "a", "b", "b"]])
@pytest.mark.parametrize("score", [score for score in OF_FEATURES if score is not log_maximum_evidence])
def test_labels_that_do_not_fit_are_refused(score: Score, labels: Tensor) -> None:
    with pytest.raises(
        ValueError, match="must be a tensor of one integer for each sample, of which there are 4; found"
    ):
        score(torch.randn(4, 3), labels)
    with pytest.raises(ValueError, match=r"found torch\.float32"):
        score(torch.randn(4, 3), torch.zeros(4))


def test_every_public_name_documents_what_it_refuses() -> None:
    for name in scores.__all__:
        documentation = inspect.getdoc(getattr(scores, name))
        assert documentation
        assert "Raises:" in documentation or "the share of `" in documentation
