"""Bootstrap intervals in which whole groups (patients) are drawn, for any number of metrics at once.

A resample is a weight for every row: how often its group was drawn. Every metric is a function of weighted rows, and
two models are compared on the same resamples.

Source: Efron 1979; of whole groups, Davison and Hinkley 1997, section 3.8.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEW_GROUPS = 20  # below it percentile intervals are known to be too narrow

Scores = Callable[[np.ndarray], dict[Any, float]]


@dataclass(frozen=True)
class Resamples:
    """The weights of all rows, once per resample: the same whenever they are gone through, and never all in memory.

    Attributes:
        count: how many rows there are.
        groups: of every row; None draws single rows.
        number: of resamples.
        seed: of the draws.

    >>> [float(weights.sum()) for weights in Resamples(4, ["a", "a", "b", "b"], 2, seed=0)]
    [4.0, 4.0]
    """

    count: int
    groups: Sequence[Hashable] | None
    number: int
    seed: int

    def __iter__(self) -> Iterator[np.ndarray]:
        generator = np.random.default_rng(self.seed)
        members = np.arange(self.count) if self.groups is None else _numbered(self.groups)
        size = int(members.max()) + 1
        for _ in range(self.number):
            drawn = np.bincount(generator.integers(size, size=size), minlength=size)
            yield drawn[members].astype(np.float64)


def intervals(scores: Scores, draws: Resamples, confidence: float) -> dict[Any, dict[str, float]]:
    """Return value, low and high of every score.

    Resamples in which a score is not defined (a class that was not drawn) are left out of its interval.

    Args:
        scores: from the weights of all rows to scores by name; NaN where one is not defined.
        draws: the resamples.
        confidence: share of resamples inside.
    """
    values = scores(np.ones(draws.count))
    return _ends(values, [scores(weights) for weights in draws], confidence)


def paired(first: Scores, second: Scores, draws: Resamples, confidence: float) -> dict[Any, dict[str, float]]:
    """Return value, low and high of every difference, first minus second, each resample being drawn for both."""

    def differences(weights: np.ndarray) -> dict[Any, float]:
        one, other = first(weights), second(weights)
        return {name: one[name] - other[name] for name in one if name in other}

    return intervals(differences, draws, confidence)


def _ends(
    values: Mapping[Any, float], drawn: Sequence[Mapping[Any, float]], confidence: float
) -> dict[Any, dict[str, float]]:
    tail = (1 - confidence) / 2
    found = {}
    for name, value in values.items():
        sample = np.array([row[name] for row in drawn], dtype=np.float64)
        sample = sample[np.isfinite(sample)]
        low, high = np.quantile(sample, (tail, 1 - tail)) if len(sample) and np.isfinite(value) else (np.nan, np.nan)
        found[name] = {"value": float(value), "low": float(low), "high": float(high)}
    return found


def _numbered(values: Sequence[Hashable]) -> np.ndarray:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values])
