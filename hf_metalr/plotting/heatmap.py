"""The learned rates as a map of layer group by step."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.plotting.canvas import require_matplotlib
from hf_metalr.plotting.history_table import HistoryRow, body_rates, column_edges, read_table
from hf_metalr.plotting.layer_map import draw_map
from hf_metalr.plotting.rate_axis import format_rate, rate_range, rate_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_learning_rates_heatmap(rows: Sequence[HistoryRow], head_groups: Collection[str] = ("head",)) -> "Figure":
    """Draw the learned base rates as a map: layer groups from input (top) to output, steps, rate as logarithmic colour.

    The colours span the rates of the body. A new head often learns at a hundred times those, and would dim all others;
    where it lies beyond, it has the colour of the end, and the bar says how far it goes.

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

    body = body_rates(table, head_groups)
    low, high = rate_range(body)
    extend, remark = _beyond(table.lrs, low, high)
    ticks, tick_format = rate_ticks(low, high)
    figure, _, _ = draw_map(
        column_edges(table.steps),
        table.groups,
        table.lrs,
        LogNorm(low, high),
        "viridis",
        head_groups,
        "Learned rates, input (top) to output",
        extend=extend,
        ticks=ticks,
        format=tick_format,
        label=f"learned base rate{remark}",
    )
    return figure


def _beyond(lrs: np.ndarray, low: float, high: float) -> tuple[str, str]:
    """Return which ends of the bar are arrows, and what is beyond them in words."""
    least, most = float(np.nanmin(lrs)), float(np.nanmax(lrs))
    below, above = least < low, most > high
    words = [f"down to {format_rate(least)}"] * below + [f"up to {format_rate(most)}"] * above
    extend = {(False, False): "neither", (False, True): "max", (True, False): "min", (True, True): "both"}
    return extend[below, above], f"\nhead {' and '.join(words)}" if words else ""
