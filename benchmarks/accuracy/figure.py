"""The pictures: a score against the rate that training started from, and where the rates of the layers end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.accuracy.summary import Row, Scores, estimate, task_of

# Okabe and Ito (2008): told apart with any colour vision. Black is for the fixed rates, vermilion for ours.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
FIRST = ("adamw", "metalr", "Trainer", "MetaLR, rate stated", "MetaLR, no rate")
MARKERS = "osD^vPX"
LINES = ("-", "--")  # the colours once more, dashed
PANELS_PER_ROW = 3
# A page shows a picture about 830 pixels wide: at 100 pixels to the inch, its text is as large as the page's notes.
WIDTH, PANEL_HEIGHT, LEGEND_LINE = 8.3, 2.6, 0.2  # inches
SMALL, NORMAL = 8, 9  # points
SPREAD = 1.6  # the methods at one rate lie within this factor, so that their error bars stand side by side
LETTERS_PER_LINE = 112  # of a legend, which names are set into columns of; a handle takes the room of eight


def accuracy_by_rate(scores: Scores, metric: str) -> Figure:
    """Draw one panel per task: a line per method over the initial rates, mean over seeds with its standard error.

    A method that takes no rate is a horizontal line. Points at one rate are moved apart a little.
    """
    figure, panels = _panels(scores.tasks)
    methods = sorted(scores.methods, key=lambda method: FIRST.index(method) if method in FIRST else len(FIRST))
    handles: dict[str, Any] = {}
    for axes, task in zip(panels, scores.tasks, strict=True):
        for index, method in enumerate(methods):
            turn, place = divmod(index, len(COLOURS))
            style = {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": LINES[turn % len(LINES)]}
            # Ours lie on top.
            style |= (
                {"linewidth": 2.2, "zorder": 3}
                if method == "metalr" or method.startswith("MetaLR")
                else {"linewidth": 1.2}
            )
            dodge = SPREAD ** ((index + 0.5) / len(methods) - 0.5)
            handles |= _draw(axes, scores, method, task, dodge, style)
        axes.set_xscale("log")
        axes.set_xlabel("initial learning rate", fontsize=NORMAL)
        axes.grid(axis="y", linewidth=0.4, color="#CCCCCC")
        axes.minorticks_off()
    for axes in panels[::PANELS_PER_ROW]:
        axes.set_ylabel(metric.replace("_", " "), fontsize=NORMAL)
    _add_legend(figure, handles)
    return figure


def _panels(tasks: Sequence[str], sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure and one of its axes per task, titled."""
    columns = min(PANELS_PER_ROW, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(WIDTH * max(columns, 2) / PANELS_PER_ROW, PANEL_HEIGHT * rows), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).flat)
    for axes in grid[len(tasks) :]:
        axes.set_visible(False)
    for axes, task in zip(grid, tasks, strict=False):
        axes.set_title(task, loc="left", fontsize=NORMAL)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
    return figure, grid[: len(tasks)]


def _add_legend(figure: Figure, handles: dict[str, Any]) -> None:
    """Name the lines below the panels, in as many columns as their names leave room for; the figure grows by it."""
    letters = LETTERS_PER_LINE * figure.get_figwidth() / WIDTH
    columns = max(1, min(len(handles), int(letters / (max(map(len, handles)) + 8))))
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * -(-len(handles) // columns))
    figure.legend(handles.values(), handles, loc="outside lower center", fontsize=NORMAL, frameon=False, ncols=columns)


def _draw(axes: Axes, scores: Scores, method: str, task: str, dodge: float, style: dict[str, Any]) -> dict[str, Any]:
    """Draw one method and return what stands for it in the legend, by its name there; nothing where it did not run."""
    points = []
    for rate in scores.rates(method):
        values = [score for run in scores.runs(method, task) if (score := scores.at(method, run, rate)) is not None]
        if values:
            points.append((rate, estimate(values)))
    if not points:
        return {}
    if points[0][0] is None:
        line = axes.axhline(points[0][1].mean, color=style["color"], linestyle=":", linewidth=1.6)
        return {method if method.endswith("no rate") else f"{method} (no rate)": line}
    rates, means = [rate * dodge for rate, _ in points], [point.mean for _, point in points]
    errors = [point.error if point.count > 1 else 0.0 for _, point in points]
    return {method: axes.errorbar(rates, means, errors, markersize=4, elinewidth=1.0, **style)}


def final_rates(rows: Sequence[Row]) -> Figure:
    """Draw one panel per task: the rate of every layer group after the last step, a line per initial rate.

    The geometric mean over seeds; the hollow mark at the left of a line is where every layer was asked to start.
    """
    tasks = list(dict.fromkeys(task_of(row) for row in rows))
    figure, panels = _panels(tasks, sharey=True)
    handles: dict[str, Any] = {}
    for axes, task in zip(panels, tasks, strict=True):
        starts = sorted({row["cell"]["rate"] for row in rows if task_of(row) == task})
        for start, colour, marker in zip(starts, COLOURS[1:], MARKERS, strict=False):
            runs = [row for row in rows if task_of(row) == task and row["cell"]["rate"] == start]
            last = [list(row["rates"].values())[-1] for row in runs]
            names = list(last[0])
            means = np.exp(np.mean([[np.log(rates[name]) for name in names] for rates in last], axis=0))
            (line,) = axes.plot(range(len(names)), means, color=colour, marker=marker, markersize=3.5, linewidth=1.2)
            axes.plot(-1.5, start, color=colour, marker=marker, markersize=6, fillstyle="none")
            handles.setdefault(f"from {start:g}", line)
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.set_xlabel("layer group, input to head", fontsize=NORMAL)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.4, color="#CCCCCC")
    for axes in panels[::PANELS_PER_ROW]:
        axes.set_ylabel("learning rate", fontsize=NORMAL)
    _add_legend(figure, handles)
    return figure
