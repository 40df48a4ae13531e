"""Ticks for learning rates on a logarithmic scale, enough of them to read a value off."""

from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.plotting.canvas import NORMAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import FuncFormatter, LogLocator

# Rates within a smaller factor are drawn on an axis of this factor, so that small changes look small.
LEAST_FACTOR = 2.5  # the least that always holds two of the ticks of a decade
MARGIN = 0.03  # of the axis, at either end: a line or dot at the end is drawn whole
# Up to so many decades: the multiples of a power of ten that bear a tick. Matplotlib's own choice may label one or two.
TICKS = ((1.0, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)), (2.5, (1.0, 2.0, 5.0)), (4.5, (1.0, 3.0)), (np.inf, (1.0,)))


def set_rate_axis(axes: "Axes", lrs: np.ndarray) -> None:
    """Fit the vertical axis to rates of any shape, of which at least one is positive; NaN are ignored."""
    low, high = rate_range(lrs)
    locator, formatter = rate_ticks(low, high)
    axes.set_yscale("log")
    margin = (high / low) ** MARGIN
    axes.set_ylim(low / margin, high * margin)
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(formatter)
    axes.minorticks_off()
    axes.set_ylabel("learned base rate", fontsize=NORMAL)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)


def rate_range(lrs: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest rate, widened to `LEAST_FACTOR` where they are closer; NaN are ignored."""
    low, high = float(np.nanmin(lrs)), float(np.nanmax(lrs))
    widen = max(1.0, float(np.sqrt(LEAST_FACTOR * low / high)))
    return low / widen, high * widen


def rate_ticks(low: float, high: float) -> "tuple[LogLocator, FuncFormatter]":
    """Return where ticks go between two rates and how they are written."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    decades = np.log10(high / low)
    multiples = next(multiples for most, multiples in TICKS if decades <= most)
    return LogLocator(subs=multiples, numticks=30), FuncFormatter(lambda value, _: format_rate(value))


def format_rate(value: float) -> str:
    """Write a rate as short as it goes.

    >>> format_rate(1e-3), format_rate(1.5e-4)
    ('1e-3', '1.5e-4')
    """
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"
