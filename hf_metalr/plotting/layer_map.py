"""The canvas of a map of layer group by step: one row per group, input on top, and a bar of its colours."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.plotting.canvas import HEAD_COLOUR, LARGE, LONGEST_NAME, NORMAL, SMALL, WIDTH, new_figure
from hf_metalr.plotting.names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

INCHES_PER_GROUP = 0.15  # a name of 8 points with a little air
FEWEST_ROWS = 9  # a lower figure has no room for its bar of colours
AROUND = 1.3  # inches above and below the map
BAR_WIDTH = 0.14  # inches


def draw_map(
    edges: np.ndarray,
    groups: Sequence[str],
    values: np.ndarray,
    norm: "Normalize",
    colour_map: str,
    head_groups: Collection[str],
    title: str,
    **bar: Any,
) -> "tuple[Figure, Axes, Axes]":
    """Draw values of shape (G, S) between the S + 1 edges, unknown ones in grey; ``bar`` goes to `Figure.colorbar`.

    Returns:
        The figure, the axes of the map, and those of its bar of colours.
    """
    from matplotlib import colormaps

    height = INCHES_PER_GROUP * max(len(groups), FEWEST_ROWS)
    figure, axes = new_figure(WIDTH, AROUND + height)
    axes.set_facecolor("#BBBBBB")  # shows through where a value is unknown
    mesh = axes.pcolormesh(
        edges,
        np.arange(len(groups) + 1) - 0.5,
        np.ma.masked_invalid(values),
        norm=norm,
        cmap=colormaps[colour_map],
        rasterized=True,  # thousands of steps would make a vector file of as many rectangles
    )
    axes.invert_yaxis()
    if len(edges) == 2:
        axes.set_xticks([edges.mean()], [str(edges[0])])  # the run has no step at the other edge
    axes.set_yticks(range(len(groups)), labels=shortened(groups, LONGEST_NAME), fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    for group, label in zip(groups, axes.get_yticklabels(), strict=True):
        if group in head_groups:
            label.set(color=HEAD_COLOUR, fontweight="bold")
    colours = figure.colorbar(mesh, ax=axes, pad=0.02, aspect=height / BAR_WIDTH, extendfrac=BAR_WIDTH / height, **bar)
    colours.minorticks_off()
    colours.outline.set_visible(False)
    colours.ax.tick_params(labelsize=NORMAL)
    colours.ax.yaxis.label.set_fontsize(NORMAL)
    figure.suptitle(title, x=0.01, ha="left", fontsize=LARGE)  # the map may be narrower
    return figure, axes, colours.ax
