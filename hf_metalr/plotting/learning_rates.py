"""The learned rates as lines over the steps."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.plotting.canvas import GREY, HEAD_COLOUR, LARGE, LONGEST_NAME, SMALL, WIDTH, new_figure
from hf_metalr.plotting.history_table import HistoryRow, HistoryTable, read_table, thinned
from hf_metalr.plotting.line_labels import INCHES_PER_NAME, label_line_ends
from hf_metalr.plotting.names import shortened
from hf_metalr.plotting.rate_axis import set_rate_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# viridis orders its colours by lightness, so the order survives grey print and any colour vision; its yellow end is
# too pale for thin lines on white.
COLOUR_MAP, PALEST = "viridis", 0.9
# More names than this would make the picture taller than wide.
MOST_NAMES = 24
HEIGHT, MARGINS = 3.6, 0.75  # inches; a picture with many names grows
MOST_BAR_NAMES = 20  # beside the bar
MOST_POINTS = 400  # of a line: more cannot be told apart and make a vector file of megabytes


def plot_learning_rates(rows: Sequence[HistoryRow], head_groups: Collection[str] = ("head",)) -> "Figure":
    """Draw the learned base rate of every layer group over the steps, one line per group, on a logarithmic axis.

    Colours run from the input of the network (dark) to its output (light); the head is dashed and has a colour of its
    own. Each line bears its name at its end; where there are too many for that, a colour bar names some of them.

    Args:
        rows: the history, oldest row first (`hf_metalr.engine.history.read_history`).
        head_groups: the names of the groups to draw as heads; names that do not occur are ignored.

    Returns:
        A figure of its own, which belongs to no window: `figure.savefig("learned_rates.png")`.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no rows, rows of different layer groups, steps that do not increase, or no rate above 0.
    """
    table = thinned(read_table(rows), MOST_POINTS)
    names = len(table.groups) if len(table.groups) <= MOST_NAMES else 0
    figure, axes = new_figure(WIDTH, max(HEIGHT, MARGINS + INCHES_PER_NAME * names))
    body = [index for index, group in enumerate(table.groups) if group not in head_groups]
    heads = [index for index, group in enumerate(table.groups) if group in head_groups]
    _draw_lines(axes, table, body, heads)
    if len(table.steps) == 1:
        axes.set_xticks(table.steps)  # the locator would write fractions of a step around it
    set_rate_axis(axes, table.lrs)
    if len(table.groups) <= MOST_NAMES:
        label_line_ends(axes, axes.lines)
    else:
        label_line_ends(axes, axes.lines[len(body) :])
        _add_colour_bar(figure, axes, [table.groups[index] for index in body])
    axes.set_title("Learned rates, input (dark) to output (light)", loc="left", fontsize=LARGE)
    return figure


def _colours(count: int) -> list[tuple[float, float, float]]:
    """One colour per group, dark at the input."""
    from matplotlib import colormaps

    return [colormaps[COLOUR_MAP](place)[:3] for place in np.linspace(0, PALEST, count)]


def _draw_lines(axes: "Axes", table: HistoryTable, body: list[int], heads: list[int]) -> None:
    """Draw the body in its order, then the heads on top."""
    width = 1.4 if len(table.groups) <= MOST_NAMES else 0.9  # many lines hide one another
    marker = "o" if len(table.steps) == 1 else ""  # a line through one point is invisible
    for index, colour in zip(body, _colours(len(body)), strict=True):
        axes.plot(
            table.steps, table.lrs[index], color=colour, linewidth=width, marker=marker, label=table.groups[index]
        )
    for index in heads:
        axes.plot(
            table.steps,
            table.lrs[index],
            color=HEAD_COLOUR,
            linewidth=2.2,
            linestyle=(0, (4, 1.5)),
            marker=marker,
            label=table.groups[index],
        )


def _add_colour_bar(figure: "Figure", axes: "Axes", names: list[str]) -> None:
    """Name every k-th group beside a bar of their colours, the input on top."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    edges = np.arange(len(names) + 1) - 0.5
    mappable = ScalarMappable(BoundaryNorm(edges, len(names)), ListedColormap(_colours(len(names))))
    bar = figure.colorbar(mappable, ax=axes, pad=0.02, aspect=26)
    bar.minorticks_off()
    shown = range(0, len(names), -(-len(names) // MOST_BAR_NAMES))
    bar.set_ticks(list(shown), labels=shortened([names[index] for index in shown], LONGEST_NAME))
    bar.ax.tick_params(length=0, labelsize=SMALL)
    bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    bar.ax.set_title("input", fontsize=SMALL, color=GREY, loc="left")
    bar.ax.set_xlabel("output", fontsize=SMALL, color=GREY, loc="left")
