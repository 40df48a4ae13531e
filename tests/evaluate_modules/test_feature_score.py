"""The scores through `evaluate.load`, without network: same numbers as the functions, however the samples arrive."""

from pathlib import Path
from typing import Any

import evaluate
import pytest
import torch

from hf_metalr import scores
from hf_metalr.evaluate_modules import PATH, SCORES
from tests.scores.cases import case


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("evaluate.config.HF_METRICS_CACHE", str(tmp_path))
    return lambda name: evaluate.load(PATH, name)


def inputs_of(name: str) -> dict[str, Any]:
    features, labels = case("tall")
    given = torch.randn(30, 4, dtype=torch.float64).softmax(dim=1)
    if name == "negative_conditional_entropy":
        return {"source_labels": given.argmax(dim=1), "labels": labels}
    if name == "log_expected_empirical_prediction":
        return {"probabilities": given, "labels": labels}
    return {"features": features, "targets" if name == "log_maximum_evidence" else "labels": labels}


@pytest.mark.parametrize("name", SCORES)
def test_each_score_gives_the_number_of_its_function(load: Any, name: str) -> None:
    tensors = inputs_of(name)
    found = load(name).compute(**{key: value.tolist() for key, value in tensors.items()})
    assert found == {name: getattr(scores, name)(**tensors)}
    assert isinstance(found[name], float)


@pytest.mark.parametrize("kind", [torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.clone])
def test_samples_may_come_one_by_one_or_in_batches_as_lists_arrays_or_tensors(load: Any, kind: Any) -> None:
    features, labels = case("tall")
    expected = scores.nearest_neighbor_accuracy(features, labels, k=3)
    batches, singles = load("nearest_neighbor_accuracy"), load("nearest_neighbor_accuracy")
    for part in torch.arange(30).split(8):
        batches.add_batch(features=kind(features[part]), labels=kind(labels[part]))
    for row, label in zip(features, labels, strict=True):
        singles.add(features=kind(row), labels=int(label))
    assert batches.compute(k=3) == singles.compute(k=3) == {"nearest_neighbor_accuracy": expected}


def test_rows_of_targets_are_a_regression_and_single_numbers_are_classes(load: Any) -> None:
    features, labels = case("tall")
    metric, rows = load("log_maximum_evidence"), torch.randn(30, 2, dtype=torch.float64)
    for targets in (labels, rows, labels.double()[:, None] + 1):
        found = metric.compute(features=features.tolist(), targets=targets.tolist())
        assert found == {"log_maximum_evidence": scores.log_maximum_evidence(features, targets)}


def test_labels_that_are_not_whole_numbers_are_refused_instead_of_cut(load: Any) -> None:
    features, labels = case("tall")
    for name, key in (("log_maximum_evidence", "targets"), ("h_score", "labels")):
        with pytest.raises(ValueError, match=f"`{key}` must be whole numbers .* found 0.7"):
            load(name).compute(features=features.tolist(), **{key: [0.7, *labels.tolist()[1:]]})


def test_an_unknown_name_is_refused_with_the_list_of_names(load: Any) -> None:
    with pytest.raises(ValueError, match=r"must be one of gaussian_bhattacharyya_coefficient, .*; found 'log_me'"):
        load("log_me")


def test_the_help_of_a_loaded_score_is_that_of_the_function(load: Any) -> None:
    metric = load("trans_rate")
    assert "distortion" in metric.inputs_description
    assert all(set(features) == {"features", "labels"} for features in metric.features)
