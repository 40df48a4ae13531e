"""Names at the ends of lines, moved apart where the lines end close together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_metalr.plotting.canvas import GREY, HEAD_COLOUR, LONGEST_NAME, SMALL
from hf_metalr.plotting.names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

INCHES_PER_NAME = 0.16  # the height of a name with a little air
AROUND = 0.75  # inches of a figure's height above and below its axes
LEADER_STARTS, NAME_STARTS = 1.005, 1.045  # in widths of the axes


def label_line_ends(axes: "Axes", lines: Sequence["Line2D"]) -> None:
    """Write each line's label to the right of the axes, joined to the line's last finite point.

    The vertical axis is logarithmic and has its limits already. Lines without a finite point stay unnamed.
    """
    drawn = [line for line in lines if np.isfinite(_values(line)).any()]
    low, high = np.log(axes.get_ylim())
    ends = [(np.log(_values(line)[np.isfinite(_values(line))][-1]) - low) / (high - low) for line in drawn]
    gap = INCHES_PER_NAME / (axes.figure.bbox.height / axes.figure.dpi - AROUND)
    names = shortened([str(line.get_label()) for line in drawn], LONGEST_NAME)
    for line, name, end, place in zip(drawn, names, ends, spread(ends, gap), strict=True):
        is_head = line.get_color() == HEAD_COLOUR
        axes.annotate(
            name,
            xy=(LEADER_STARTS, end),
            xytext=(NAME_STARTS, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            color=HEAD_COLOUR if is_head else GREY,
            fontweight="bold" if is_head else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": line.get_color(),
                "linewidth": 1.0,
                "shrinkA": 2,
                "shrinkB": 0,
                "relpos": (0, 0.5),
                "patchA": None,  # else a steep line is cut off where it leaves a box around the name, beside another
            },
        )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move places within [0, 1] apart until neighbours are a gap apart, keeping their order and moving little.

    The sum of squared moves is least (isotonic regression of the places less their gaps). More places than fit share
    the whole range evenly.

    >>> [round(place, 2) for place in spread([0.5, 0.98, 0.5, 0.2], 0.1)]
    [0.45, 0.98, 0.55, 0.2]
    """
    from sklearn.isotonic import isotonic_regression

    if len(places) < 2:
        return list(places)
    gap = min(gap, 1 / (len(places) - 1))
    order = np.argsort(places, kind="stable")
    offsets = gap * np.arange(len(places))
    result = np.empty(len(places))
    result[order] = isotonic_regression(np.asarray(places)[order] - offsets, y_min=0, y_max=1 - offsets[-1]) + offsets
    return result.tolist()


def _values(line: "Line2D") -> np.ndarray:
    return np.asarray(line.get_ydata(), dtype=float)
