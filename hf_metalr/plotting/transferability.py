"""The transferability of pre-trained parameters over the depth of a network."""

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.errors import InputError
from hf_metalr.plotting.canvas import BODY_COLOUR, GREY, HEAD_COLOUR, LARGE, NORMAL, SMALL, WIDTH, new_figure
from hf_metalr.plotting.line_labels import spread
from hf_metalr.plotting.rate_axis import LEAST_FACTOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND_ALPHA = 0.25
INCHES_PER_LAYER = 0.2
HEIGHT, MOST_INCHES = 3.6, 8.0
SHORT_NAME, INCHES_PER_LETTER = 10, 0.07  # names of layers stand upright: longer ones must not press the picture flat
NOTE_GAP = 0.13  # of the axes' height, between the middles of a note of one line and one of two
# More names than this cannot be read side by side even at the widest.
MOST_NAMES = 36


def plot_transferability(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    head_groups: Collection[str] = ("head",),
    network: float = math.nan,
) -> "Figure":
    """Draw T of every layer group, input (left) to output, on a logarithmic axis with its interval as a band.

    Heads stand apart on the right, in a colour of their own. Layers that did not move have no T and are marked at the
    upper edge. A dashed line is the network's T, a dotted one T = 1, where pre-training brought nothing.

    Args:
        names: layer groups, input to output, heads last.
        values: T of each; infinite or NaN where there is none.
        intervals: low and high of each.
        head_groups: names to draw as heads; names that do not occur are ignored.
        network: T of the network; NaN draws none.

    Returns:
        A figure of its own, which belongs to no window: `figure.savefig("transferability.png")`.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: the lengths differ, or no layer has a finite T above 0.
    """
    _require_drawable(names, values, intervals)
    width = min(max(WIDTH, 1.6 + INCHES_PER_LAYER * len(names)), MOST_INCHES)
    figure, axes = new_figure(width, HEIGHT + INCHES_PER_LETTER * max(0, max(map(len, names)) - SHORT_NAME))
    is_head = np.array([name in head_groups for name in names])
    places = np.arange(len(names)) + 0.8 * is_head  # the head stands apart
    heights = np.array([value if math.isfinite(value) and value > 0 else np.nan for value in values])
    band = np.array([(low, high) if math.isfinite(high) and low > 0 else (np.nan, np.nan) for low, high in intervals])
    _draw_body(axes, places[~is_head], heights[~is_head], band[~is_head])
    _draw_heads(axes, places[is_head], heights[is_head], band[is_head])
    _set_axes(axes, heights, band)
    _draw_references(axes, network)
    unmoved = np.isinf(np.array(values))
    axes.plot(
        places[unmoved], np.ones(unmoved.sum()), "^", color=GREY, transform=axes.get_xaxis_transform(), clip_on=False
    )
    _name_layers(axes, names, places, is_head)
    note = "; ▲ did not move" if unmoved.any() else ""
    axes.set_title(f"Transferability of the pre-trained parameters{note}", loc="left", fontsize=LARGE, pad=9)
    return figure


def _require_drawable(names: Sequence[str], values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> None:
    if not len(names) == len(values) == len(intervals):
        raise InputError(
            None,
            "`names`, `values` and `intervals` must be equally long, "
            f"found {len(names)}, {len(values)} and {len(intervals)}.",
        )
    if not any(math.isfinite(value) and value > 0 for value in values):
        raise InputError("values", "must hold a finite T above 0 to draw, found none. Did no layer move?")


def _draw_body(axes: "Axes", places: np.ndarray, heights: np.ndarray, band: np.ndarray) -> None:
    axes.fill_between(places, band[:, 0], band[:, 1], color=BODY_COLOUR, alpha=BAND_ALPHA, linewidth=0)
    known = np.pad(np.isfinite(band[:, 0]), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # without a neighbour to span a band to
    axes.vlines(places[alone], band[alone, 0], band[alone, 1], color=BODY_COLOUR, alpha=BAND_ALPHA, linewidth=3)
    axes.plot(places, heights, "o-", color=BODY_COLOUR, markersize=4, linewidth=1.4, label="T")


def _draw_heads(axes: "Axes", places: np.ndarray, heights: np.ndarray, band: np.ndarray) -> None:
    axes.vlines(places, band[:, 0], band[:, 1], color=HEAD_COLOUR, alpha=BAND_ALPHA, linewidth=3)
    axes.plot(places, heights, "D", color=HEAD_COLOUR, markersize=6, label="head", clip_on=False)


def _draw_references(axes: "Axes", network: float) -> None:
    references: list[tuple[str, float, Any]] = [("no better\nthan random", 1.0, ":")]
    if math.isfinite(network) and network > 0:
        references.append((f"network {network:.3g}", network, (0, (4, 2))))
    low, high = np.log(axes.get_ylim())
    ends = [(math.log(height) - low) / (high - low) for _, height, _ in references]
    for (text, height, style), place in zip(references, spread(ends, NOTE_GAP), strict=True):
        axes.axhline(height, color=GREY, linestyle=style, linewidth=1.0)
        _note(axes, text, place)


def _note(axes: "Axes", text: str, place: float) -> None:
    """Write to the right of the axes, at a share of their height."""
    axes.annotate(
        text,
        xy=(1.0, place),
        xycoords="axes fraction",
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=GREY,
    )


def _set_axes(axes: "Axes", heights: np.ndarray, band: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    shown = np.concatenate([heights, band.ravel(), [1.0]])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    high = max(high, low * LEAST_FACTOR)
    axes.set_yscale("log")
    axes.set_ylim(low / 1.15, high * 1.15)
    multiples = (1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=multiples, numticks=30))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_ylabel("T (logarithmic)", fontsize=NORMAL)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)


def _name_layers(axes: "Axes", names: Sequence[str], places: np.ndarray, is_head: np.ndarray) -> None:
    from matplotlib.ticker import FixedLocator

    step = -(-len(names) // MOST_NAMES)
    shown = [index for index in range(len(names)) if is_head[index] or index % step == 0]
    axes.xaxis.set_major_locator(FixedLocator([float(places[index]) for index in shown]))
    axes.set_xticklabels([names[index] for index in shown], rotation=90, fontsize=SMALL)
    for index, label in zip(shown, axes.get_xticklabels(), strict=True):
        if is_head[index]:
            label.set(color=HEAD_COLOUR, fontweight="bold")
    axes.set_xlim(-0.6, places[-1] + 0.6)
    axes.set_xlabel("layer group, input to output", fontsize=NORMAL)
