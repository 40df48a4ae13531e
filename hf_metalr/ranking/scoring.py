"""The scores of a ranking, by name, and how uncertain each is."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from hf_metalr import scores as functions
from hf_metalr.errors import InputError

# A standard deviation of 30 values is known to 13 percent; each half sample costs as much as the score itself.
HALF_SAMPLES = 30
NEAREST_NEIGHBOR, LINEAR_PROBE = "nearest_neighbor_accuracy", "linear_probe_accuracy"
LOG_EVIDENCE, H_SCORE, LEEP = "log_maximum_evidence", "shrinkage_h_score", "log_expected_empirical_prediction"
# The order is that of the table: the two with units first.
OF_CLASSES = (NEAREST_NEIGHBOR, LINEAR_PROBE, LOG_EVIDENCE, H_SCORE, LEEP)
LABELS = {
    NEAREST_NEIGHBOR: "k-NN accuracy",
    LINEAR_PROBE: "probe accuracy",
    LOG_EVIDENCE: "LogME",
    H_SCORE: "H-score",
    LEEP: "LEEP",
}


@dataclass(frozen=True)
class Estimate:
    """A score on all samples, and its values on resampled data, paired between backbones.

    is_bootstrap: percentiles of the values are an interval. Otherwise only their standard deviation is meant.
    """

    value: float
    resampled: Tensor
    is_bootstrap: bool

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.resampled - other.resampled, self.is_bootstrap)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two ends of the interval."""
        tail = (1 - confidence) / 2
        if self.is_bootstrap:
            low, high = self.resampled.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
            return low, high
        reach = statistics.NormalDist().inv_cdf(1 - tail) * float(self.resampled.std())
        return self.value - reach, self.value + reach


@dataclass(frozen=True)
class Scorer:
    """The chosen scores with their settings.

    **Accuracies** are means of hits. The hits are drawn anew with replacement, which is the ordinary bootstrap of a
    mean: it tells how far another set of test samples would move the accuracy, with the neighbours and the probe as
    they are.

    **LogME, H-score and LEEP** are functions of all samples at once. Drawn with replacement, samples occur twice, and
    an evidence takes the repetition for agreement: the bootstrap values would lie above the truth. Half samples without
    replacement have no copies. For a statistic whose error shrinks like 1/√N, the value on m of N samples varies around
    the value on all N with variance (1/m − 1/N)·σ², which for m = N/2 is σ²/N, the variance of the value on all
    samples. Their standard deviation (times √(m/(N − m)) where N is odd) is thus that of the score; their mean is not
    used, because fewer samples have less evidence. Of classes the halves keep the shares. On simulated features with
    correlated channels the intervals had 0.8 to 1.0 times the width that real repetitions have; the H-score of white
    noise, whose shrinkage jumps from sample to sample, has intervals of half the right width.

    With **groups** (N,), such as patients, no sample is judged by its own group, and whole groups are drawn instead of
    samples: images of one patient are no independent evidence.
    """

    names: tuple[str, ...]
    k: int
    folds: int
    bootstraps: int
    seed: int
    groups: Tensor | None = None

    def values(self, features: Tensor, targets: Tensor) -> dict[str, float]:
        """Return the value of each score of a layer; LEEP belongs to no layer."""
        return {name: self._function(name)(features, targets) for name in self.names if name != LEEP}

    def estimate(self, name: str, features: Tensor, targets: Tensor) -> Estimate:
        """Return a score with its resampled values."""
        if name in (NEAREST_NEIGHBOR, LINEAR_PROBE):
            return self._of_hits(self._hits(name)(features, targets).double())
        return self._of_halves(self._function(name), features, targets)

    def chance(self, targets: Tensor) -> dict[str, float]:
        """Return what each score is where the features tell nothing.

        LogME has no intercept, and features that are alike for all samples serve as one: theirs is its chance level.
        H-score and LEEP have none: on features without signal they depend on the features.
        """
        shares = torch.bincount(targets).double() / len(targets) if targets.dtype == torch.long else torch.ones(1)
        alike = torch.ones(len(targets), 1, dtype=torch.float64)
        levels: dict[str, Callable[[], float]] = {
            NEAREST_NEIGHBOR: lambda: float(shares.max()),
            LINEAR_PROBE: lambda: float(shares.max()),
            LOG_EVIDENCE: lambda: functions.log_maximum_evidence(alike, targets),
        }
        return {name: levels[name]() for name in self.names if name in levels}

    def _hits(self, name: str) -> Callable[[Tensor, Tensor], Tensor]:
        if name == NEAREST_NEIGHBOR:
            return partial(functions.nearest_neighbor_hits, k=self.k, groups=self.groups)
        return partial(functions.linear_probe_hits, folds=self.folds, seed=self.seed, groups=self.groups)

    def _function(self, name: str) -> Callable[[Tensor, Tensor], float]:
        if name in (NEAREST_NEIGHBOR, LINEAR_PROBE):
            return lambda features, targets: float(self._hits(name)(features, targets).double().mean())
        return {
            LOG_EVIDENCE: functions.log_maximum_evidence,
            H_SCORE: functions.shrinkage_h_score,
            LEEP: functions.log_expected_empirical_prediction,
        }[name]

    def _of_hits(self, hits: Tensor) -> Estimate:
        generator = torch.Generator().manual_seed(self.seed)
        members = torch.arange(len(hits)) if self.groups is None else torch.unique(self.groups, return_inverse=True)[1]
        count = int(members.max()) + 1
        sizes = torch.zeros(count, dtype=hits.dtype).index_add_(0, members, torch.ones_like(hits))
        sums = torch.zeros(count, dtype=hits.dtype).index_add_(0, members, hits)
        draws = (torch.randint(count, (count,), generator=generator) for _ in range(self.bootstraps))
        drawn = [sums[draw].sum() / sizes[draw].sum() for draw in draws]
        return Estimate(float(hits.mean()), torch.stack(drawn), is_bootstrap=True)

    def _of_halves(self, function: Callable[[Tensor, Tensor], float], features: Tensor, targets: Tensor) -> Estimate:
        value = function(features, targets)
        generator = torch.Generator().manual_seed(self.seed)
        halves = [
            _half(targets, generator) if self.groups is None else _half_of_groups(self.groups, generator)
            for _ in range(HALF_SAMPLES)
        ]
        values = [function(features[half], _used(targets[half])) for half in halves]
        spread = torch.tensor(values, dtype=torch.float64)
        spread = spread[torch.isfinite(spread)]  # half of the samples can be explained exactly where all cannot
        if len(spread) < 2:  # no interval is to be had, and none would claim certainty: undefined, as an exact fit is
            return Estimate(float("inf"), torch.zeros(1, dtype=torch.float64), is_bootstrap=False)
        kept = sum(map(len, halves)) / len(halves)
        scale = (kept / max(len(targets) - kept, 1)) ** 0.5
        return Estimate(value, value + scale * (spread - spread.mean()), is_bootstrap=False)


def chosen_scores(names: Sequence[str] | None, task: str) -> tuple[str, ...]:
    """Return the scores to compute, the ordering one first; None takes all that the task allows.

    Raises:
        InputError: an unknown or repeated score, none, or one that needs classes where there are none.
    """
    possible = OF_CLASSES if task == "classification" else (LOG_EVIDENCE,)
    if names is None:
        return possible
    if isinstance(names, str) or not names or len(set(names)) < len(names) or not set(names) <= set(OF_CLASSES):
        raise InputError("scores", f"must be a list of different names among {list(OF_CLASSES)}, found {names!r}.")
    refused = [name for name in names if name not in possible]
    if refused:
        raise InputError(
            "scores",
            f"must be ['{LOG_EVIDENCE}'] for {task} targets, which have no classes to tell apart; found {refused}.",
        )
    return tuple(names)


def _half(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Indices of half the samples without replacement; of each class half, and of an odd class one more."""
    order = torch.randperm(len(targets), generator=generator)
    if targets.dtype != torch.long:
        return order[: (len(targets) + 1) // 2]
    by_class = order[targets[order].argsort(stable=True)]
    sizes = torch.bincount(targets)
    within = torch.arange(len(targets)) - (sizes.cumsum(0) - sizes)[targets[by_class]]
    return by_class[within < (sizes[targets[by_class]] + 1) // 2]


def _half_of_groups(groups: Tensor, generator: torch.Generator) -> Tensor:
    """Indices of the samples of half the groups, without replacement."""
    names, members = torch.unique(groups, return_inverse=True)
    chosen = torch.zeros(len(names), dtype=torch.bool)
    chosen[torch.randperm(len(names), generator=generator)[: (len(names) + 1) // 2]] = True
    return chosen[members].nonzero().squeeze(1)


def _used(targets: Tensor) -> Tensor:
    """Without the labels of a multi-label task that no sample of this half has: the same ones for every backbone."""
    return targets[:, targets.any(dim=0)] if targets.ndim == 2 else targets
