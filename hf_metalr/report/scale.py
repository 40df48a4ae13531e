"""Axes of the report: where values lie between 0 and 1, and where ticks go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_TICKS = 7


@dataclass(frozen=True)
class LogScale:
    """A logarithmic axis from its lowest to its highest value."""

    low: float
    high: float

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return places in [0, 1], 0 at the low end; NaN stays NaN.

        >>> LogScale(1e-4, 1e-2).place(np.array([1e-4, 1e-3])).round(6).tolist()
        [0.0, 0.5]
        """
        return (np.log(values) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def ticks(self) -> list[float]:
        """Return the values to mark, at most `MOST_TICKS` of them: powers of ten, with 2 and 5 or 3 where they fit.

        >>> LogScale(1e-5, 1e-2).ticks(), LogScale(0.9, 2.2).ticks()
        ([1e-05, 3e-05, 0.0001, 0.0003, 0.001, 0.003, 0.01], [1.0, 1.5, 2.0])
        """
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found: list[float] = []
        for multiples in ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
            found = [float(f"{m}e{d}") for d in decades for m in multiples]
            found = [tick for tick in found if self.low * 0.999 <= tick <= self.high * 1.001]
            if len(found) <= MOST_TICKS:
                return found
        return found[:: -(-len(found) // MOST_TICKS)]


def step_ticks(low: float, high: float) -> list[int]:
    """Return round step numbers between two steps, at most five.

    >>> step_ticks(1, 301), step_ticks(7, 7)
    ([100, 200, 300], [7])
    """
    if high <= low:
        return [round(low)]
    for unit in (m * 10**d for d in range(12) for m in (1, 2, 5)):
        found = list(range(math.ceil(low / unit) * unit, math.floor(high) + 1, unit))
        if len(found) <= 5:
            return found or [round(low)]
    return [round(low)]


def rate_scale(values: Sequence[float] | np.ndarray, least_factor: float = 2.5) -> LogScale:
    """Return a scale that holds all positive values, and no less than a factor, so that small changes look small."""
    array = np.asarray(values, dtype=float)
    known = array[np.isfinite(array) & (array > 0)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.5, 2.0)
    widen = max(1.0, math.sqrt(least_factor * low / high)) * 1.05
    return LogScale(low / widen, high * widen)
