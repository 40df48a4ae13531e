"""k-NN against loops, the probe against scikit-learn and a search of its own; both at chance on noise."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor

from hf_metalr.scores import (
    linear_probe_accuracy,
    linear_probe_hits,
    nearest_neighbor_accuracy,
    nearest_neighbor_hits,
)
from hf_metalr.scores.linear_probe import _stratified_folds
from tests.scores.cases import CASES, case, noise


def voted(features: Tensor, labels: Tensor, k: int) -> list[bool]:
    """Loop over samples: sort the others by cosine, count, break ties by the nearest voter."""
    hits = []
    for i, row in enumerate(features):
        others = [j for j in range(len(features)) if j != i]
        cosines = [float(torch.cosine_similarity(row, features[j], dim=0)) for j in others]
        nearest = [int(labels[others[j]]) for j in np.argsort(-np.array(cosines), kind="stable")[:k]]
        winner = max(nearest, key=lambda label: (nearest.count(label), -nearest.index(label)))
        hits.append(winner == int(labels[i]))
    return hits


@pytest.mark.parametrize("k", [1, 2, 5, 11])
@pytest.mark.parametrize("name", CASES)
def test_neighbors_vote_as_in_a_loop(name: str, k: int) -> None:
    features, labels = case(name)
    hits = nearest_neighbor_hits(features, labels, k)
    assert hits.dtype == torch.bool
    assert hits.tolist() == voted(features, labels, k)
    assert nearest_neighbor_accuracy(features, labels, k) == pytest.approx(hits.double().mean().item(), abs=1e-15)


def test_chunks_do_not_change_the_neighbors(monkeypatch: pytest.MonkeyPatch) -> None:
    # catches a diagonal that is not moved with the chunk: a sample would be its own neighbour
    features, labels = case("tall")
    whole = nearest_neighbor_hits(features, labels, 3)
    monkeypatch.setattr("hf_metalr.scores.nearest_neighbors._SIMILARITIES_AT_ONCE", 7 * 30)
    assert torch.equal(nearest_neighbor_hits(features, labels, 3), whole)


def test_huge_and_tiny_rows_keep_their_direction() -> None:
    features, labels = case("tall")
    rows = features.float()
    expected = nearest_neighbor_hits(rows, labels, 3)
    scales = torch.logspace(-30, 30, 30)[:, None]
    assert torch.equal(nearest_neighbor_hits(rows * scales, labels, 3), expected)


@pytest.mark.parametrize("name", ["tall", "wide", "dead channels", "low rank"])
def test_the_probe_is_ridge_regression_with_a_ridge_chosen_without_the_fold(name: str) -> None:
    # catches a mean or a ridge that saw the held-out fold, a missing intercept, a wrong residual in GCV
    features, labels = case(name)
    features += torch.randn(len(features), features.shape[1], dtype=torch.float64)  # so that the ridge matters
    fold_of, expected = _stratified_folds(labels, 4, seed=3), torch.zeros(len(labels), dtype=torch.bool)
    targets = torch.nn.functional.one_hot(labels).double()
    for fold in range(4):
        seen = fold_of != fold
        x, y = features[seen] - features[seen].mean(dim=0), targets[seen] - targets[seen].mean(dim=0)
        errors = {}
        for ridge in torch.linalg.matrix_norm(x, 2) ** 2 * torch.logspace(-6, 2, 17, dtype=torch.float64):
            hat = x @ torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T)
            errors[ridge] = float(((y - hat @ y) ** 2).sum() / (1 - (1 + hat.trace()) / len(x)) ** 2)
        ridge = min(errors, key=errors.get)
        model = RidgeCV(alphas=[float(ridge)]).fit(features[seen].numpy(), targets[seen].numpy())
        answers = model.predict(features[~seen].numpy()).argmax(axis=1)
        expected[~seen] = torch.from_numpy(answers) == labels[~seen]
    hits = linear_probe_hits(features, labels, folds=4, seed=3)
    assert torch.equal(hits, expected)
    assert linear_probe_accuracy(features, labels, folds=4, seed=3) == pytest.approx(hits.double().mean().item())


def test_folds_are_stratified_seeded_and_leave_the_global_random_state() -> None:
    labels = torch.tensor([0] * 23 + [1] * 9 + [2] * 2)
    before = torch.get_rng_state()
    fold_of = _stratified_folds(labels, 4, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    for members in (fold_of, *(fold_of[labels == label] for label in range(3))):
        counts = torch.bincount(members, minlength=4)
        assert counts.max() - counts.min() <= 1
    assert torch.equal(fold_of, _stratified_folds(labels, 4, seed=1))
    assert not torch.equal(fold_of, _stratified_folds(labels, 4, seed=2))


@pytest.mark.parametrize("channels", [8, 60, 300])
@pytest.mark.parametrize("score", [nearest_neighbor_accuracy, linear_probe_accuracy])
def test_noise_stays_at_chance(score, channels: int) -> None:
    # leave-one-out of the probe would fall far below 1/4; a probe judged on its training data would reach 1
    labels = torch.arange(120) % 4
    mean = sum(score(torch.randn(120, channels), labels) for _ in range(12)) / 12
    standard_error = 1.5 * (0.25 * 0.75 / (12 * 120)) ** 0.5  # hits vary 1.3 to 1.5 times as much as coins
    assert abs(mean - 0.25) < 3 * standard_error


def test_signal_is_found() -> None:
    features, labels = noise(120, 20, 3)
    features[:, :3] += 6 * torch.nn.functional.one_hot(labels)
    assert nearest_neighbor_accuracy(features, labels) > 0.95
    assert linear_probe_accuracy(features, labels) > 0.95


@pytest.mark.parametrize("score", [nearest_neighbor_hits, linear_probe_hits])
def test_a_class_of_one_sample_is_never_hit(score) -> None:
    features, labels = case("gaps and a single sample")
    assert not score(features, labels)[labels == 7].any()


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_features_give_a_single_answer(value: float) -> None:
    # each sample is alike: what can be right is at most the largest class
    features, labels = torch.full((40, 5), value), torch.tensor([0] * 30 + [1] * 10)
    assert linear_probe_accuracy(features, labels) == 0.75
    assert nearest_neighbor_accuracy(features, labels) <= 0.75


@pytest.mark.parametrize("k", [0, 30])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"`k` must be from 1 to 29.*found {k}"):
        nearest_neighbor_accuracy(*case("tall"), k=k)


@pytest.mark.parametrize("folds", [1, 31])
def test_folds_out_of_range_are_refused(folds: int) -> None:
    with pytest.raises(ValueError, match=f"`folds` must be from 2 to 30.*found {folds}"):
        linear_probe_accuracy(*case("tall"), folds=folds)
