"""The learned rates as a map of layer group by step."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from hf_metalr.plotting.canvas import require_matplotlib
from hf_metalr.plotting.history_table import HistoryRow, column_edges, read_table
from hf_metalr.plotting.layer_map import draw_map
from hf_metalr.plotting.rate_axis import rate_range, rate_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    require_matplotlib()
    from matplotlib.colors import LogNorm

    low, high = rate_range(table.lrs)
    ticks, tick_format = rate_ticks(low, high)
    figure, _, _ = draw_map(
        column_edges(table.steps),
        table.groups,
        table.lrs,
        LogNorm(low, high),
        "viridis",
        head_groups,
        "Learned rates, input (top) to output",
        ticks=ticks,
        format=tick_format,
        label="learned base rate",
    )
    return figure
