"""The learned rates as a map of layer group by step."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.plotting.canvas import HEAD_COLOUR, new_figure
from hf_metalr.plotting.history_table import HistoryRow, read_table
from hf_metalr.plotting.rate_axis import rate_range, rate_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCHES_PER_GROUP = 0.17  # a name of 8 points with a little air


def plot_learning_rates_heatmap(rows: Sequence[HistoryRow], head_groups: Collection[str] = ("head",)) -> "Figure":
    """Draw the learned base rates as a map: layer groups from input (top) to output, steps, rate as logarithmic colour.

    Args:
        rows: the history, oldest row first (`hf_metalr.engine.history.read_history`).
        head_groups: the names to print as heads; names that do not occur are ignored.

    Returns:
        A figure of its own, which belongs to no window, and as tall as its groups need.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no rows, rows of different layer groups, steps that do not increase, or no rate above 0.
    """
    table = read_table(rows)
    figure, axes = new_figure(8.0, 1.6 + INCHES_PER_GROUP * max(len(table.groups), 8))
    from matplotlib.colors import LogNorm

    low, high = rate_range(table.lrs)
    mesh = axes.pcolormesh(
        _edges(table.steps),
        np.arange(len(table.groups) + 1) - 0.5,
        table.lrs,
        norm=LogNorm(low, high),
        cmap="viridis",
        rasterized=True,  # thousands of steps would make a vector file of as many rectangles
    )
    axes.invert_yaxis()
    axes.set_yticks(range(len(table.groups)), labels=table.groups, fontsize=8)
    axes.tick_params(axis="y", length=0)
    for group, label in zip(table.groups, axes.get_yticklabels(), strict=True):
        if group in head_groups:
            label.set(color=HEAD_COLOUR, fontweight="bold")
    ticks, tick_format = rate_ticks(low, high)
    bar = figure.colorbar(
        mesh, ax=axes, pad=0.02, aspect=30, ticks=ticks, format=tick_format, label="learned base rate"
    )
    bar.minorticks_off()
    axes.set_title("Learned rate of each layer group, input (top) to output", loc="left", fontsize=11)
    return figure


def _edges(steps: np.ndarray) -> np.ndarray:
    """Where each column of the map begins and the last one ends; a rate holds until the next meta step."""
    last_width = steps[-1] - steps[-2] if len(steps) > 1 else 1
    return np.append(steps, steps[-1] + last_width)
