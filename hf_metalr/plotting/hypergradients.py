"""The hypergradients as a map of layer group by step: which way each layer's rate was pushed, and how steadily."""

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.errors import InputError
from hf_metalr.plotting.canvas import GREY, NORMAL, SMALL, require_matplotlib
from hf_metalr.plotting.history_table import HistoryRow, read_table
from hf_metalr.plotting.layer_map import draw_map
from hf_metalr.plotting.pushes import WITHIN, PushScale, measure_pushes, push_scale
from hf_metalr.plotting.rate_axis import format_rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Brown to teal through white: told apart with any colour vision, and white where nothing is asked for.
COLOUR_MAP = "BrBG"
MOST_SPANS = 100  # narrower columns than these show noise


def plot_hypergradients(rows: Sequence[HistoryRow], head_groups: Collection[str] = ("head",)) -> "Figure":
    """Draw which way each layer's rate was pushed: teal asks for a larger rate, brown for a smaller one.

    Each layer is in units of its own root mean square over the run, so that layers compare
    (`hf_metalr.plotting.pushes.Pushes` has the equation); that size, in units of the meta loss, stands at the right.
    Colours follow a symmetric logarithm (`hf_metalr.plotting.pushes.PushScale`), since strengths have heavy tails.

    Args:
        rows: the history, oldest row first (`hf_metalr.engine.history.read_history`).
        head_groups: the names to print as heads; names that do not occur are ignored.

    Returns:
        A figure of its own, which belongs to no window, and as tall as its groups need.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: as `plot_learning_rates`, or no row holds a hypergradient.
    """
    table = read_table(rows)
    if not np.isfinite(table.log_hypergradients).any():
        raise InputError(
            "rows", "must hold at least one finite 'hypergradient', found none. Was every meta step skipped?"
        )
    require_matplotlib()
    from matplotlib.colors import AsinhNorm

    pushes = measure_pushes(table, MOST_SPANS)
    scale = push_scale(pushes)
    among = "" if pushes.per_span == 1 else f", mean of {pushes.per_span} meta steps"
    figure, axes, bar = draw_map(
        pushes.edges,
        table.groups,
        pushes.values,
        AsinhNorm(scale.width, -scale.limit, scale.limit),
        COLOUR_MAP,
        head_groups,
        "Hypergradients, input (top) to output",
        extend="both",
        ticks=_ticks(scale),
        format="{x:.3g}",
    )
    bar.set_title("larger", fontsize=SMALL, color=GREY, loc="left")
    bar.set_xlabel("smaller", fontsize=SMALL, color=GREY, loc="left", labelpad=9)  # below the arrow
    figure.supxlabel(
        f"colour: −∂L/∂ ln α in units of the layer's RMS{among}\n"
        f"symmetric logarithm, linear to ±{scale.width:.2g}; {WITHIN} % lie within ±{scale.limit:.2g}",
        fontsize=NORMAL,
    )
    for row, size in enumerate(pushes.sizes):
        axes.annotate(
            format_rate(float(f"{size:.0e}")) if np.isfinite(size) else "unknown",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=GREY,
        )
    axes.annotate(
        "RMS",
        (1, 1),
        xycoords="axes fraction",
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=SMALL,
        color=GREY,
    )
    return figure


def _ticks(scale: PushScale) -> list[float]:
    """Return 0 and round numbers of both signs from the end of the linear part to the limit, few enough to be read."""
    multiples = (1, 2, 5) if scale.limit < 10 * scale.width else (1,)
    decades = range(math.floor(math.log10(scale.width)), math.ceil(math.log10(scale.limit)) + 1)
    found = [float(f"{multiple}e{decade}") for decade in decades for multiple in multiples]
    shown = [tick for tick in found if scale.width <= tick <= scale.limit] or [scale.limit]
    return [*(-tick for tick in reversed(shown)), 0.0, *shown]


def has_hypergradients(rows: Sequence[HistoryRow]) -> bool:
    """Return whether a history holds any finite hypergradient, so that `plot_hypergradients` has something to draw."""
    return bool(np.isfinite(read_table(rows).log_hypergradients).any())
