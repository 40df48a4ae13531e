"""A new figure, and what all pictures share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Vermilion and blue of the palette by Okabe and Ito (2008): told apart from each other, and the vermilion from viridis,
# by readers with any colour vision.
HEAD_COLOUR, BODY_COLOUR = "#D55E00", "#0072B2"
GREY = "#555555"

# Shrunk to a journal's column of 3.5 inches, the smallest text is still 5 points high, the least that journals accept.
WIDTH = 5.6
LONGEST_NAME = 28  # letters of a layer group's name, beyond which it would take half the width
SMALL, NORMAL, LARGE = 8, 9, 10  # points: names of layers, everything else, the title


def new_figure(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return an empty figure of the given inches and its axes, without touching pyplot's global state.

    Raises:
        ImportError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=NORMAL)
    axes.set_xlabel("optimizer step", fontsize=NORMAL)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    return figure, axes


def require_matplotlib() -> None:
    """Raise an ImportError that names the way out where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed. Install it with `pip install 'hf-metalr[plot]'`."
        ) from error
