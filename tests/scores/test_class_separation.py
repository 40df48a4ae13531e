"""H-scores, TransRate and GBC against canonical correlations, scikit-learn and loops over classes and pairs."""

import math

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from torch import Tensor

from hf_metalr.scores import gaussian_bhattacharyya_coefficient, h_score, shrinkage_h_score, trans_rate
from tests.scores.cases import CASES, case, noise


def class_means(features: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([features[labels == label].mean(dim=0) for label in labels])


@pytest.mark.parametrize("name", CASES)
def test_h_score_is_the_sum_of_squared_canonical_correlations(name: str) -> None:
    # cosines between the column spaces of the centred features and of the centred one-hot labels
    features, labels = case(name)
    indicators = torch.stack([labels == label for label in labels.unique()], dim=1).double()
    bases = []
    for columns in (features, indicators):
        u, s, _ = torch.linalg.svd(columns - columns.mean(dim=0), full_matrices=False)
        bases.append(u[:, s > 1e-10 * s[0]])
    expected = (bases[0].T @ bases[1]).square().sum().item()
    assert h_score(features, labels) == pytest.approx(expected, abs=1e-9)
    assert 0 < expected <= 2 + 1e-9


def test_h_score_is_not_an_elementwise_product() -> None:
    features, labels = case("tall")
    covariance = np.cov(features.T.numpy(), bias=True)
    between = np.cov(class_means(features, labels).T.numpy(), bias=True)
    product = float(np.trace(np.linalg.pinv(covariance) @ between))
    elementwise = float((np.linalg.pinv(covariance) * between).trace())
    assert h_score(features, labels) == pytest.approx(product, abs=1e-9)
    assert abs(elementwise - product) > 0.01


@pytest.mark.parametrize("name", CASES)
def test_shrinkage_matches_ledoit_and_wolf_of_scikit_learn(name: str) -> None:
    features, labels = case(name)
    centred = features[:, features.std(dim=0) > 0]
    centred = ((centred - centred.mean(dim=0)) / centred.std(dim=0, correction=0)).numpy()
    covariance, alpha = ledoit_wolf(centred, assume_centered=True)
    between = np.cov(class_means(torch.from_numpy(centred), labels).T.numpy(), bias=True)
    expected = (1 - alpha) * np.trace(np.linalg.solve(covariance, between))
    assert shrinkage_h_score(features, labels) == pytest.approx(expected, abs=1e-9)


def test_shrinkage_of_a_single_channel_is_the_h_score() -> None:
    # its covariance is the identity by standardisation: rounding must not decide on α
    labels = torch.arange(30) % 3
    for _ in range(30):
        channel = torch.randn(30, 1)
        assert shrinkage_h_score(channel, labels) == pytest.approx(h_score(channel, labels), abs=1e-12)


@pytest.mark.parametrize("components", [2, 5, 64])
@pytest.mark.parametrize("name", CASES)
def test_trans_rate_is_a_difference_of_coding_rates(name: str, components: int) -> None:
    features, labels = case(name)
    kept = min(components, int(torch.linalg.matrix_rank(features - features.mean(dim=0))))
    rows = PCA(kept, svd_solver="full").fit_transform(features.numpy())
    rows /= np.sqrt((rows**2).sum(axis=1).mean())

    def rate(part: np.ndarray) -> float:
        return 0.5 * np.linalg.slogdet(np.eye(kept) + part.T @ part / (len(part) * 1e-4)).logabsdet

    within = sum((labels == c).double().mean().item() * rate(rows[(labels == c).numpy()]) for c in labels.unique())
    found = trans_rate(features, labels, components)
    assert found == pytest.approx(rate(rows) - within, abs=1e-6)
    assert found >= 0


@pytest.mark.parametrize("components", [2, 5, 64])
@pytest.mark.parametrize("name", CASES[:-1])
def test_gbc_is_a_sum_over_pairs_of_classes(name: str, components: int) -> None:
    features, labels = case(name)
    kept = min(components, int(torch.linalg.matrix_rank(features - features.mean(dim=0))))
    rows = torch.from_numpy(PCA(kept, svd_solver="full").fit_transform(features.numpy()))
    floor = 1e-8 * rows.var(dim=0, correction=0).max()
    expected = 0.0
    for c in range(3):
        for other in range(3):
            if c != other:
                a, b = rows[labels == c], rows[labels == other]
                va, vb = a.var(dim=0, correction=0).clamp_min(floor), b.var(dim=0, correction=0).clamp_min(floor)
                # the integral of √(p q) over each axis, in the form of a product of Gaussians
                overlap = (2 * (va * vb).sqrt() / (va + vb)).sqrt()
                overlap *= torch.exp(-((a.mean(dim=0) - b.mean(dim=0)) ** 2) / (4 * (va + vb)))
                expected -= overlap.prod().item()
    assert gaussian_bhattacharyya_coefficient(features, labels, components) == pytest.approx(expected, abs=1e-6)


def test_gbc_stays_inside_its_bound_where_variances_vanish() -> None:
    # public code leaves [−C(C − 1), 0] on such features: variances of 0, of very different size, or near rounding
    labels = torch.arange(12) % 3
    repeated = torch.randn(3, 5)[labels]
    for features in (repeated, repeated * 1e-20, torch.ones(12, 5), torch.cat([repeated, torch.randn(12, 1)], dim=1)):
        assert -6 <= gaussian_bhattacharyya_coefficient(features, labels) <= 0
    assert gaussian_bhattacharyya_coefficient(torch.ones(12, 5), labels) == -6
    assert gaussian_bhattacharyya_coefficient(repeated, labels) == pytest.approx(0, abs=1e-12)


def test_gbc_refuses_a_class_without_variance() -> None:
    with pytest.raises(ValueError, match=r"at least two samples.*classes \[7\]"):
        gaussian_bhattacharyya_coefficient(*case("gaps and a single sample"))


def test_trans_rate_refuses_a_distortion_of_zero_and_no_components() -> None:
    features, labels = case("tall")
    for distortion in (0.0, math.nan):
        with pytest.raises(ValueError, match="`distortion` must be positive; found"):
            trans_rate(features, labels, distortion=distortion)
    with pytest.raises(ValueError, match="`components` must be at least 1; found 0"):
        trans_rate(features, labels, components=0)


@pytest.mark.parametrize("score", [h_score, shrinkage_h_score, trans_rate])
def test_constant_features_separate_nothing(score) -> None:
    # 0.1 has no exact mean: centred values of 1e-17 must not be taken for channels, nor the rounding of float32
    labels = torch.arange(12) % 3
    assert score(torch.full((12, 4), 0.1), labels) == 0
    jitter = torch.where(labels == 1, torch.nextafter(torch.tensor(0.1), torch.tensor(1.0)), 0.1)
    assert score(jitter[:, None].repeat(1, 4), labels) == 0


def test_what_grows_on_noise_is_what_the_docstrings_say() -> None:
    widths, classes, samples = (4, 64, 512), 4, 200
    white = [noise(samples, width, classes) for width in widths]
    correlated = [noise(samples, width, classes, correlated=True) for width in widths]
    expected = [(classes - 1) * min(width, samples - 1) / (samples - 1) for width in widths]
    assert [h_score(*each) for each in white] == pytest.approx(expected, abs=0.25)
    assert h_score(*white[2]) == pytest.approx(classes - 1, abs=1e-9)  # saturated, whatever the labels
    assert max(shrinkage_h_score(*each) for each in white) < 0.1 < h_score(*white[1])
    for score, data in (
        (shrinkage_h_score, correlated),
        (trans_rate, white[:2]),
        (gaussian_bhattacharyya_coefficient, white[:2]),
    ):
        values = [score(*each) for each in data]
        assert values == sorted(values)
        assert values[-1] > values[0] + 0.5
    # a fixed number of components bounds the growth
    assert trans_rate(*white[2]) == pytest.approx(trans_rate(*white[1]), rel=0.2)
