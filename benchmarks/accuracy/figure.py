"""The picture: a score against the rate that training started from."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.accuracy.summary import Row, Scores, estimate, task_of

# Okabe and Ito (2008): told apart with any colour vision; black is for the fixed rates.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vPX"
LINES = ("-", "--")  # the colours once more, dashed
PANELS_PER_ROW = 3


def accuracy_by_rate(scores: Scores, metric: str) -> Figure:
    """Draw one panel per task: a line per method over the initial rates, mean over seeds with its standard error.

    A method that takes no rate is a horizontal line.
    """
    tasks = scores.tasks
    columns = min(PANELS_PER_ROW, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows + 0.2 * len(scores.methods)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=False)
    for axes, task in zip(grid.flat, tasks, strict=False):
        for index, method in enumerate(scores.methods):
            turn, place = divmod(index, len(COLOURS))
            style = {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": LINES[turn % len(LINES)]}
            _draw(axes, scores, method, task, style)
        axes.set_xscale("log")
        axes.set_title(task, loc="left", fontsize=10)
        axes.set_xlabel("initial learning rate")
        axes.set_ylabel(metric.replace("_", " "))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.4, color="#CCCCCC")
    for axes in list(grid.flat)[len(tasks) :]:
        axes.set_visible(False)
    handles = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower left", fontsize=8, frameon=False, ncols=1)
    return figure


def _draw(axes, scores: Scores, method: str, task: str, style: dict[str, str]) -> None:
    points = []
    for rate in scores.rates(method):
        values = [score for run in scores.runs(method, task) if (score := scores.at(method, run, rate)) is not None]
        if values:
            points.append((rate, estimate(values)))
    if not points:
        return
    if points[0][0] is None:
        axes.axhline(points[0][1].mean, color=style["color"], linestyle=":", label=method)
        return
    rates, means = [rate for rate, _ in points], [point.mean for _, point in points]
    errors = [point.error if point.count > 1 else 0.0 for _, point in points]
    axes.errorbar(rates, means, errors, markersize=4, linewidth=1.4, label=method, **style)


def final_rates(rows: Sequence[Row]) -> Figure:
    """Draw one panel per task: the rate of every layer group after the last step, a line per initial rate.

    The geometric mean over seeds; the hollow mark at the left of a line is where every layer was asked to start.
    """
    tasks = list(dict.fromkeys(task_of(row) for row in rows))
    figure = Figure(figsize=(4.6 * len(tasks), 3.4), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
    for axes, task in zip(panels, tasks, strict=True):
        starts = sorted({row["cell"]["rate"] for row in rows if task_of(row) == task})
        for start, colour, marker in zip(starts, COLOURS[1:], MARKERS, strict=False):
            runs = [row for row in rows if task_of(row) == task and row["cell"]["rate"] == start]
            last = [list(row["rates"].values())[-1] for row in runs]
            names = list(last[0])
            means = np.exp(np.mean([[np.log(rates[name]) for name in names] for rates in last], axis=0))
            axes.plot(range(len(names)), means, color=colour, marker=marker, markersize=3, linewidth=1.2)
            axes.plot(-1.5, start, color=colour, marker=marker, markersize=6, fillstyle="none")
            axes.annotate(
                f"from {start:g}", (-1.5, start), (6, 3), textcoords="offset points", fontsize=7, color=colour
            )
        axes.set_yscale("log")
        axes.set_title(task, loc="left", fontsize=10)
        axes.set_xlabel("layer group, input to head")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("learning rate")
    return figure
