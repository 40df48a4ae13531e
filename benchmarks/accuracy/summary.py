"""Figures drawn from results: by rate, over rates, by rank. Pure functions of the rows of a store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# What "started anywhere" means in the tables.
RATES = (1e-5, 1e-4, 1e-3, 1e-2)
SYMBOLS = {"hyper_lr": "β", "hyper_lr_decay": "τ", "meta_horizon": "K", "warmup_steps": "warm-up"}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error (NaN for a single value) and the number of values."""

    mean: float
    error: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.error:.3f}" if self.count > 1 else "")


def estimate(values: Iterable[float]) -> Estimate:
    """Return mean and standard error of independent values.

    >>> print(estimate([0.5, 0.7]))
    0.600 ± 0.100
    """
    array = np.asarray(list(values), dtype=float)
    error = float(array.std(ddof=1) / np.sqrt(len(array))) if len(array) > 1 else float("nan")
    return Estimate(float(array.mean()), error, len(array))


def task_of(row: Row) -> str:
    """Return what is learned from what by which network, in one word: busi-400 mobilenetv2."""
    cell = row["cell"]
    start = "" if cell["pretrained"] else " random"
    return f"{cell['dataset']}-{cell['size']} {cell['backbone']}{start}"


def method_of(row: Row) -> str:
    """Return the method with its settings, and its steps where they are not the grid's usual 100.

    >>> cell = {"method": "metalr", "steps": 100, "settings": {"meta_estimator": "next_batch", "hyper_lr": 0.1}}
    >>> method_of({"cell": cell})
    'metalr next_batch β=0.1'
    """
    cell = row["cell"]
    words = [cell["method"]] + ([f"{cell['steps']} steps"] if cell["steps"] != 100 else [])
    for name, value in cell["settings"].items():
        words.append(value if isinstance(value, str) else f"{SYMBOLS.get(name, name)}={value}")
    return " ".join(words).replace("constant_with_warmup ", "")  # the steps of the warm-up follow


class Scores:
    """One metric of many rows, addressed by method, task, seed and rate.

    Args:
        rows: of one or more stores.
        metric: name of the metric.
        split: "validation" or "test".
    """

    def __init__(self, rows: Sequence[Row], metric: str = "balanced_accuracy", split: str = "validation") -> None:
        self._values: dict[str, dict[tuple[str, int], dict[float | None, float]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for row in rows:
            if row[split] is not None:
                run = task_of(row), row["cell"]["seed"]
                self._values[method_of(row)][run][row["cell"]["rate"]] = row[split][metric]

    @property
    def methods(self) -> list[str]:
        """Methods in the order of their first row."""
        return list(self._values)

    @property
    def tasks(self) -> list[str]:
        """Tasks in the order of their first row."""
        return list(dict.fromkeys(task for runs in self._values.values() for task, _ in runs))

    def rates(self, method: str) -> list[float | None]:
        """Return the rates at which a method ran, lowest first; [None] for one that takes none."""
        found = {rate for by_rate in self._values[method].values() for rate in by_rate}
        return sorted(found, key=lambda rate: -1.0 if rate is None else rate)

    def runs(self, method: str, task: str | None = None) -> list[tuple[str, int]]:
        """Return the (task, seed) pairs of a method."""
        return [run for run in self._values[method] if task is None or run[0] == task]

    def at(self, method: str, run: tuple[str, int], rate: float | None) -> float | None:
        """Return one score; a method without rates has the same at all of them. None where it did not run."""
        by_rate = self._values[method].get(run, {})
        return by_rate.get(rate, by_rate.get(None))

    def over_rates(self, method: str, run: tuple[str, int], rates: Sequence[float] = RATES) -> list[float] | None:
        """Return the scores at all given rates, or None unless the method ran at every one."""
        scores = [self.at(method, run, rate) for rate in rates]
        return None if any(score is None for score in scores) else [score for score in scores if score is not None]

    def best_rate(self, method: str, task: str) -> tuple[float | None, Estimate] | None:
        """Return the rate with the best mean over seeds, and that mean: a sweep that chooses on this very split."""
        candidates = []
        for rate in self.rates(method):
            scores = [self.at(method, run, rate) for run in self.runs(method, task)]
            if scores and None not in scores:
                candidates.append((rate, estimate(score for score in scores if score is not None)))
        return max(candidates, key=lambda candidate: candidate[1].mean, default=None)


def regrets(scores: Scores, method: str, sweep: str = "adamw") -> dict[float | None, Estimate]:
    """Return by initial rate how far a method stays behind the sweep's best rate of each task, mean over tasks.

    Negative: it is better. The error is over the runs.
    """
    found: dict[float | None, list[float]] = defaultdict(list)
    for task in scores.tasks:
        best = scores.best_rate(sweep, task)
        if best is None:
            continue
        for run in scores.runs(method, task):
            for rate in scores.rates(method):
                at_best, own = scores.at(sweep, run, best[0]), scores.at(method, run, rate)
                if at_best is not None and own is not None:
                    found[rate].append(at_best - own)
    return {rate: estimate(values) for rate, values in found.items()}


def mean_ranks(scores: Scores, methods: Sequence[str], rates: Sequence[float] = RATES) -> dict[str, Estimate]:
    """Return each method's rank (1 is best, ties share) over all (task, seed, rate) at which every method ran."""
    ranks: dict[str, list[float]] = {method: [] for method in methods}
    for run in scores.runs(methods[0]):
        for rate in rates:
            found = [scores.at(method, run, rate) for method in methods]
            if any(score is None for score in found):
                continue
            values = np.array(found, dtype=float)
            for method, own in zip(methods, values, strict=True):
                ranks[method].append(1 + float((values > own).sum()) + (float((values == own).sum()) - 1) / 2)
    return {method: estimate(values) for method, values in ranks.items() if values}
