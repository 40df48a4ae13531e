"""LogME against direct maximisation of the evidence, written with the full N × N covariance."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from hf_metalr.scores import log_maximum_evidence
from tests.scores.cases import CASES, case, noise


def maximised_evidence(features: Tensor, target: Tensor) -> float:
    """Search over ln a and ln b, from several starts, for the largest log density of N(0, I/b + FFᵀ/a), per sample."""
    gram, y = (features @ features.T).numpy(), target.double().numpy()

    def negative_log_density(logarithms: np.ndarray) -> float:
        a, b = np.exp(logarithms)
        covariance = np.eye(len(y)) / b + gram / a
        energy = y @ np.linalg.solve(covariance, y)
        return 0.5 * (np.log(2 * np.pi) + (np.linalg.slogdet(covariance).logabsdet + energy) / len(y))

    starts = [(a, b) for a in (-3.0, 1.0, 5.0) for b in (0.0, 3.0)]
    bounds = [(-12, 18), (-12, 18)]  # the limits, within 1e-7; beyond, the covariance is singular in float64
    return -min(
        minimize(
            negative_log_density, start, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}
        ).fun
        for start in starts
    )


def as_published(features: Tensor, target: Tensor) -> float:
    """Most used public form: fixed-point iteration, and only min(N, D) of the D terms of the evidence."""
    samples, channels = features.shape
    u, s, _ = torch.linalg.svd(features, full_matrices=False)
    s, z = s**2, (u.T @ target) ** 2
    residual = float(target @ target - z.sum())
    a = b = 1.0
    for _ in range(100):
        t = a / b
        gamma = float((s / (s + t)).sum())
        weights, error = float((s * z / (t + s) ** 2).sum()), float((z / (1 + s / t) ** 2).sum()) + residual
        a, b = gamma / weights, (samples - gamma) / error
    logarithms = channels * math.log(a) + samples * math.log(b / (2 * math.pi)) - float((a + b * s).log().sum())
    return (logarithms - b * error - a * weights) / (2 * samples)


@pytest.mark.parametrize("name", CASES)
def test_class_labels_match_direct_maximisation(name: str) -> None:
    # catches a lost term (N < D), a missed maximum, dead directions that count
    features, labels = case(name)
    expected = np.mean([maximised_evidence(features, labels == label) for label in labels.unique()])
    assert log_maximum_evidence(features, labels) == pytest.approx(expected, abs=1e-6)


def test_regression_targets_match_direct_maximisation() -> None:
    features, _ = case("tall")
    targets = torch.stack([features @ torch.randn(6, dtype=torch.float64), torch.randn(30, dtype=torch.float64)], dim=1)
    targets += 0.3 * torch.randn_like(targets)
    each = [maximised_evidence(features, target) for target in targets.T]
    assert log_maximum_evidence(features, targets) == pytest.approx(np.mean(each), abs=1e-6)
    assert log_maximum_evidence(features, targets[:, 0]) == pytest.approx(each[0], abs=1e-6)


def test_a_multi_label_matrix_is_its_columns_and_class_labels_are_one_hot() -> None:
    features, labels = case("imbalanced")
    matrix = torch.nn.functional.one_hot(labels)
    assert log_maximum_evidence(features, matrix) == pytest.approx(log_maximum_evidence(features, labels), abs=1e-12)
    assert log_maximum_evidence(features, matrix.bool()) == log_maximum_evidence(features, matrix.float())
    # the same numbers as floats are a regression on 0, 1, 2, which is another question
    assert log_maximum_evidence(features, labels.double()) != pytest.approx(log_maximum_evidence(features, labels))


def test_public_code_is_wrong_where_samples_are_fewer_than_channels() -> None:
    # as in the case of +1.489 against −0.441: the lost terms add ½ (D − N) ln a / N
    features, labels = case("wide")
    target = (labels == 0).double()
    truth, ours = maximised_evidence(features, target), log_maximum_evidence(features, target)
    assert ours == pytest.approx(truth, abs=1e-6)
    assert abs(as_published(features, target) - truth) > 1
    tall, labels = case("tall")  # where the published form is right, the twin above is right too
    target = (labels == 0).double()
    assert as_published(tall, target) == pytest.approx(log_maximum_evidence(tall, target), abs=1e-6)


def test_no_signal_is_the_limit_of_large_t() -> None:
    # y is orthogonal to the features: any weight only costs, the evidence is that of noise alone
    features, target = torch.tensor([[1.0], [1.0], [1.0], [1.0]]), torch.tensor([1.0, -1.0, 2.0, -2.0])
    expected = -0.5 * (math.log(2 * math.pi) + 1 + math.log(10 / 4))
    assert log_maximum_evidence(features, target) == pytest.approx(expected, abs=1e-9)


def test_full_rank_has_a_finite_limit_of_small_t() -> None:
    # features of rank N whose covariance is the target's own: without noise the evidence is largest
    features = torch.diag(torch.tensor([1.0, 10.0, 100.0]))
    target = torch.tensor([1.0, -10.0, 100.0])
    squares = torch.tensor([1.0, 1e2, 1e4], dtype=torch.float64)
    expected = -0.5 * (math.log(2 * math.pi) + 1 + float(squares.log().mean()))  # Σ y²/s² = N
    assert log_maximum_evidence(features, target) == pytest.approx(expected, abs=1e-9)


def test_an_exact_fit_of_low_rank_is_infinite_and_a_near_one_is_large() -> None:
    features, _ = case("tall")
    target = features @ torch.ones(6, dtype=torch.float64)
    assert log_maximum_evidence(features, target) == math.inf
    near = target + 1e-5 * torch.randn(30, dtype=torch.float64)
    assert log_maximum_evidence(features, near) == pytest.approx(finely_searched_evidence(features, near), abs=1e-6)


def finely_searched_evidence(features: Tensor, target: Tensor) -> float:
    """Search over ln t alone, densely: the two-dimensional search loses its way at a noise of 1e-5."""
    y = target.numpy()
    # By singular values: the zero eigenvalues of FFᵀ come out as rounding, which t = 1e-10 makes visible on some CPUs.
    vectors, singular, _ = np.linalg.svd(features.numpy(), full_matrices=True)
    values, squares = np.zeros(len(y)), (vectors.T @ y) ** 2
    values[: len(singular)] = singular**2
    t = np.exp(np.linspace(-40, 10, 400_001))[:, None]
    best = -np.inf
    for part in np.array_split(t, 40):
        shrunk = 1 + values / part
        evidence = np.log((squares / shrunk).mean(axis=1)) + np.log(shrunk).mean(axis=1)
        best = max(best, float((-0.5 * (math.log(2 * math.pi) + 1 + evidence)).max()))
    return best


def test_one_sample_and_constant_features_are_defined() -> None:
    # one sample with signal: variance y², whatever part of it the features take
    one = log_maximum_evidence(torch.tensor([[2.0, 1.0]]), torch.tensor([3.0]))
    assert one == pytest.approx(-0.5 * (math.log(2 * math.pi) + 1 + math.log(9)), abs=1e-12)
    labels = torch.tensor([0, 0, 1, 1])
    zero = log_maximum_evidence(torch.zeros(4, 3), labels)
    assert zero == pytest.approx(-0.5 * (math.log(2 * math.pi) + 1 + math.log(0.5)), abs=1e-12)


def test_noise_does_not_grow_with_the_channels() -> None:
    scores = [log_maximum_evidence(*noise(200, channels, 4)) for channels in (8, 64, 512)]
    no_signal = -0.5 * (math.log(2 * math.pi) + 1 + math.log(0.25))
    assert max(abs(score - no_signal) for score in scores) < 0.02


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (torch.zeros(30, 2), r"column of zeros only; found columns \[0, 1\]"),
        (torch.full((30,), math.nan), "must be finite"),
        (torch.zeros(29), "each of the 30 samples"),
        (torch.zeros(30, 2, 2), "found shape"),
        ([0.0] * 30, "found list"),
    ],
)
def test_targets_without_an_evidence_are_refused(targets: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        log_maximum_evidence(case("tall")[0], targets)
