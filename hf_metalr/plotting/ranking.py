"""A ranking as dots with intervals, the best on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hf_metalr.errors import InputError
from hf_metalr.plotting.canvas import BODY_COLOUR, GREY, HEAD_COLOUR, NORMAL, SMALL, new_figure
from hf_metalr.plotting.names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES_PER_MODEL = 0.28
INCHES = 6.8  # wide, names of models are long
# Longer names would leave no room for the picture.
LONGEST_NAME = 44
# A note over a line further right than this share of the axes would lie over the heading beside them.
MOST_CENTRED = 0.8


@dataclass(frozen=True)
class Dot:
    """One model: its score with the two ends of the interval, its tie group, and a word beside its name.

    is_random: whether it is drawn as a random twin, hollow and grey.
    """

    name: str
    value: float
    low: float
    high: float
    tie_group: int
    remark: str = ""
    is_random: bool = False


def plot_ranking(
    dots: Sequence[Dot],
    label: str,
    chance: float | None = None,
    confidence: float = 0.95,
    as_percent: bool = False,
    remarks: str = "",
) -> "Figure":
    """Draw one row per model; a grey band joins the models of each tie group, a dashed line marks the chance level.

    Args:
        dots: the models, the best first; tie groups are consecutive.
        label: what is drawn, such as "k-NN accuracy".
        chance: the value without any signal.
        confidence: of the intervals, for the caption.
        as_percent: whether values are shares, to be written in percent.
        remarks: what the words beside the models are, to stand above them.

    Returns:
        A figure of its own, as tall as its models need.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: no models.
    """
    if not dots:
        raise InputError("dots", "must hold at least one model with a defined score.")
    figure, axes = new_figure(INCHES, 1.2 + INCHES_PER_MODEL * max(len(dots), 3))
    _draw_tie_groups(axes, dots)
    for row, dot in enumerate(dots):
        colour = GREY if dot.is_random else BODY_COLOUR
        axes.plot([dot.low, dot.high], [row, row], color=colour, linewidth=2.0, solid_capstyle="butt")
        axes.plot(dot.value, row, "o", color=colour, markersize=6, markerfacecolor="white" if dot.is_random else colour)
    _set_value_axis(axes, dots, chance, as_percent)
    if chance is not None:
        axes.axvline(chance, color=HEAD_COLOUR, linestyle=(0, (4, 2)), linewidth=1.2, zorder=1)
        axes.annotate(
            "without signal",
            (chance, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center" if _share(axes, chance) < MOST_CENTRED else "right",
            fontsize=SMALL,
            color=HEAD_COLOUR,
        )
    axes.set_yticks(range(len(dots)), labels=shortened([dot.name for dot in dots], LONGEST_NAME), fontsize=NORMAL)
    beside: dict[str, Any] = {"textcoords": "offset points", "fontsize": SMALL, "color": GREY}
    for row, dot in enumerate(dots):
        axes.annotate(dot.remark, (1, row), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center", **beside)
    axes.annotate(remarks, (1, 1), xycoords="axes fraction", xytext=(6, 3), **beside)
    axes.set_ylim(len(dots) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"{label}, with {100 * confidence:.4g} % interval; models on one band are tied", fontsize=NORMAL)
    return figure


def _draw_tie_groups(axes: "Axes", dots: Sequence[Dot]) -> None:
    for group in dict.fromkeys(dot.tie_group for dot in dots):
        rows = [row for row, dot in enumerate(dots) if dot.tie_group == group]
        axes.axhspan(rows[0] - 0.42, rows[-1] + 0.42, color="#F0F0F0", zorder=0, linewidth=0)


def _set_value_axis(axes: "Axes", dots: Sequence[Dot], chance: float | None, as_percent: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ends = [dot.low for dot in dots] + [dot.high for dot in dots] + ([] if chance is None else [chance])
    low, high = min(ends), max(ends)
    margin = 0.04 * (high - low) or 0.02
    axes.set_xlim(low - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    if as_percent:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))


def _share(axes: "Axes", value: float) -> float:
    low, high = axes.get_xlim()
    return (value - low) / (high - low)
