"""How uncertain a score is: closed forms for means, real repetitions for evidence; ties."""

import math

import pytest
import torch
from torch import Tensor

from hf_metalr import scores
from hf_metalr.ranking.scoring import (
    H_SCORE,
    LEEP,
    LINEAR_PROBE,
    LOG_EVIDENCE,
    NEAREST_NEIGHBOR,
    OF_CLASSES,
    Estimate,
    Scorer,
    _half,
    chosen_scores,
)
from hf_metalr.ranking.ties import tie_groups


def scorer(**settings) -> Scorer:
    return Scorer(**({"names": OF_CLASSES, "k": 3, "folds": 4, "bootstraps": 1000, "seed": 0} | settings))


def blobs(count: int, channels: int = 4, distance: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    labels = torch.arange(count) % 2
    noise = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))
    return noise + distance * labels[:, None] * torch.eye(channels)[0], labels


def spread_of(estimate: Estimate) -> float:
    return float(estimate.resampled.std())


@pytest.mark.parametrize("name", [NEAREST_NEIGHBOR, LINEAR_PROBE])
def test_accuracies_have_the_interval_of_a_proportion(name):
    features, labels = blobs(400)
    estimate = scorer().estimate(name, features, labels)
    exact = math.sqrt(estimate.value * (1 - estimate.value) / 400)
    assert spread_of(estimate) == pytest.approx(exact, rel=0.1)
    low, high = estimate.interval(0.95)
    assert low == pytest.approx(estimate.value - 1.96 * exact, abs=0.4 * exact)
    assert high == pytest.approx(estimate.value + 1.96 * exact, abs=0.4 * exact)


@pytest.mark.parametrize("count", [200, 201, 7])
def test_half_samples_of_a_mean_vary_as_the_mean_does(count):
    # catches: the factor √(m/(N − m)) upside down or missing, draws with replacement
    values = torch.randn(count, generator=torch.Generator().manual_seed(1)).double()
    many = [
        scorer(seed=seed)._of_halves(lambda features, targets: float(features.mean()), values[:, None], values)
        for seed in range(40)
    ]
    variances = torch.tensor([spread_of(estimate) ** 2 for estimate in many])
    assert float(variances.mean()) == pytest.approx(float(values.var()) / count, rel=0.12)


@pytest.mark.parametrize("name", [LOG_EVIDENCE, H_SCORE])
def test_intervals_of_evidence_are_as_wide_as_real_repetitions_vary(name):
    # catches: a bootstrap with replacement, whose values are wide and off
    one = scorer()
    mixing = torch.randn(4, 8)

    def drawn(seed: int) -> tuple[Tensor, Tensor]:  # correlated channels, as those of networks are
        features, labels = blobs(80, distance=2.0, seed=seed)
        return features @ mixing, labels

    repeated = torch.tensor([one._function(name)(*drawn(seed)) for seed in range(50)])
    claimed = torch.tensor([spread_of(one.estimate(name, *drawn(seed))) for seed in range(3)])
    assert float(claimed.mean()) == pytest.approx(float(repeated.std()), rel=0.35)
    low, high = one.estimate(name, *drawn(0)).interval(0.95)
    assert low < one._function(name)(*drawn(0)) < high


def test_halves_keep_the_share_of_each_class_and_hold_no_copies():
    targets = torch.tensor([0] * 11 + [1] * 6 + [5])
    half = _half(targets, torch.Generator().manual_seed(0))
    assert len(set(half.tolist())) == len(half)
    assert torch.bincount(targets[half]).tolist() == [6, 3, 0, 0, 0, 1]
    other = _half(targets, torch.Generator().manual_seed(1))
    assert set(half.tolist()) != set(other.tolist())


@pytest.mark.parametrize("name", [NEAREST_NEIGHBOR, LINEAR_PROBE, LOG_EVIDENCE, H_SCORE])
def test_resampling_is_paired_between_backbones(name):
    # catches: draws that differ between backbones, so that a backbone differs from itself
    features, labels = blobs(60)
    difference = scorer().estimate(name, features, labels) - scorer().estimate(name, features.clone(), labels)
    assert difference.interval(0.95) == (0, 0)
    rotation, _ = torch.linalg.qr(torch.randn(4, 4))
    rotated = scorer().estimate(LOG_EVIDENCE, features @ rotation, labels)
    assert spread_of(rotated - scorer().estimate(LOG_EVIDENCE, features, labels)) < 1e-5


def test_values_are_those_of_the_scores():
    features, labels = blobs(60)
    values = scorer().values(features, labels)
    assert values == {
        NEAREST_NEIGHBOR: scores.nearest_neighbor_accuracy(features, labels, 3),
        LINEAR_PROBE: scores.linear_probe_accuracy(features, labels, 4, 0),
        LOG_EVIDENCE: scores.log_maximum_evidence(features, labels),
        H_SCORE: scores.shrinkage_h_score(features, labels),
    }
    for name, value in values.items():
        assert scorer().estimate(name, features, labels).value == pytest.approx(value, abs=1e-12)


def test_chance_is_what_features_without_signal_get():
    labels = torch.tensor([0] * 90 + [1] * 30)
    noise = 9 + torch.randn(120, 3, generator=torch.Generator().manual_seed(0))  # features rarely have mean 0
    chance = scorer().chance(labels)
    assert chance[NEAREST_NEIGHBOR] == chance[LINEAR_PROBE] == 0.75
    values = scorer().values(noise, labels)
    for name, level in chance.items():
        assert values[name] == pytest.approx(level, abs=0.12 if name == NEAREST_NEIGHBOR else 0.05), name
    assert not {H_SCORE, LEEP} & chance.keys()  # theirs depends on the features


def estimate(value: float, spread: float = 0.0, sign: float = 1.0) -> Estimate:
    return Estimate(value, value + spread * sign * torch.linspace(-1, 1, 101).double(), is_bootstrap=True)


def test_a_group_ends_at_the_first_that_is_clearly_behind_its_leader():
    # c is tied with b, but not with a, who leads: it begins a group of its own
    values = {"c": estimate(0.7, 0.0), "a": estimate(0.9, 0.1), "b": estimate(0.82, 0.0), "d": estimate(0.1, 0.0)}
    assert tie_groups(values, 0.95) == {"a": 1, "b": 1, "c": 2, "d": 3}
    assert tie_groups({}, 0.95) == {}


def test_ties_are_judged_by_paired_differences():
    # both intervals are wide and overlap, but the two move together
    together = {"a": estimate(0.9, 0.2), "b": estimate(0.8, 0.2)}
    assert tie_groups(together, 0.95) == {"a": 1, "b": 2}
    against = {"a": estimate(0.9, 0.2), "b": estimate(0.8, 0.2, sign=-1)}
    assert tie_groups(against, 0.95) == {"a": 1, "b": 1}


def test_less_confidence_makes_fewer_ties():
    values = {"a": estimate(0.9, 0.1), "b": estimate(0.82)}
    assert tie_groups(values, 0.95)["b"] == 1
    assert tie_groups(values, 0.5)["b"] == 2


def test_scores_by_task():
    assert chosen_scores(None, "classification") == OF_CLASSES
    assert chosen_scores(None, "regression") == chosen_scores([LOG_EVIDENCE], "multi-label") == (LOG_EVIDENCE,)
    assert chosen_scores([H_SCORE, NEAREST_NEIGHBOR], "classification")[0] == H_SCORE
    for wrong in (["accuracy"], [], "h_score", [H_SCORE, H_SCORE]):
        with pytest.raises(ValueError, match="`scores` must be a list of different names among"):
            chosen_scores(wrong, "classification")
    with pytest.raises(ValueError, match="which have no classes to tell apart"):
        chosen_scores([LINEAR_PROBE], "regression")


def test_a_score_that_is_infinite_on_every_half_is_undefined():
    # catches: an interval of NaN, or one of no width that claims certainty
    labels = torch.tensor([0, 1] * 4)
    found = scorer()._of_halves(lambda _, seen: 1.0 if len(seen) == 8 else math.inf, torch.ones(8, 2), labels)
    assert found.value == math.inf
