"""What an evaluation found, as figures: matrix, curves, reliability, and the errors of numbers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.plotting.canvas import BODY_COLOUR, GREY, HEAD_COLOUR, NORMAL, SMALL, new_figure
from hf_metalr.plotting.names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 3.6  # inches of one square
MOST_LINES = 8  # more curves cannot be told apart
MOST_NUMBERS = 20  # classes beyond which a matrix shows colours alone
LONGEST_NAME = 18


def plot_confusion_matrix(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> "Figure":
    """Draw how often each true class (row) is called what (column): shares of the row as colours, counts as numbers.

    Args:
        matrix: (C, C) counts, rows by truth.
        names: of the classes.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    side = max(SIDE, min(9.0, 1.6 + 0.42 * len(names)))
    figure, axes = new_figure(side + 0.6, side)
    shares = np.divide(
        counts,
        counts.sum(axis=1, keepdims=True),
        out=np.zeros_like(counts),
        where=counts.sum(axis=1, keepdims=True) > 0,
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = shortened(list(names), LONGEST_NAME)
    axes.set_xticks(range(len(names)), labels=shown, fontsize=SMALL, rotation=90 if len(names) > 4 else 0)
    axes.set_yticks(range(len(names)), labels=shown, fontsize=SMALL)
    if len(names) <= MOST_NUMBERS:
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{int(counts[row, column])}" if counts.max() < 1e5 else f"{shares[row, column]:.2f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=colour)
    _labelled(axes, "answer", "truth")
    axes.spines[:].set_visible(False)
    return figure


def plot_curves(curves: Sequence[Mapping[str, Any]]) -> "Figure":
    """Draw ROC and precision-recall curves side by side; the first classes, where there are many.

    Args:
        curves: as `evaluation.json` has them.
    """
    figure, (left, right) = _two_axes()
    for place, curve in enumerate(curves[:MOST_LINES]):
        colour = _colour(place, min(len(curves), MOST_LINES))
        roc, pr = curve["roc"], curve["precision_recall"]
        left.plot(roc["false_positive_rate"], roc["true_positive_rate"], color=colour, label=curve["class"])
        right.step(pr["recall"], pr["precision"], color=colour, where="post", label=curve["class"])
        right.axhline(curve["share"], color=colour, linestyle=":", linewidth=0.8)
    left.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.8)
    _labelled(left, "1 − specificity", "sensitivity")
    _labelled(right, "recall (sensitivity)", "precision (positive predictive value)")
    for axes in (left, right):
        _unit_square(axes)
    if len(curves) > 1:
        left.legend(fontsize=SMALL, frameon=False, loc="lower right")
    return figure


def plot_reliability(calibration: Mapping[str, Any]) -> "Figure":
    """Draw how often answers are right against how sure the model is, and how many answers are how sure.

    Args:
        calibration: as `evaluation.json` has it.
    """
    bins = calibration["bins"]
    figure, axes = new_figure(SIDE + 0.4, SIDE)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=0.8)
    most = max(entry["count"] for entry in bins)
    for entry in bins:
        axes.bar(entry["probability"], 0.2 * entry["count"] / most, width=0.04, color="#DDDDDD", zorder=0)
    axes.plot([b["probability"] for b in bins], [b["share"] for b in bins], "o-", color=BODY_COLOUR, markersize=5)
    _labelled(axes, "probability that the model gives", "share that is so")
    axes.set_title(f"ECE {calibration['ece']:.3f}, Brier {calibration['brier']:.3f}; grey: how many", fontsize=SMALL)
    _unit_square(axes)
    return figure


def plot_numbers(truth: Sequence[float], answers: Sequence[float], limits: Sequence[float], bias: float) -> "Figure":
    """Draw a regression: answer against truth, Bland-Altman, and the errors.

    Args:
        truth: (N,).
        answers: (N,).
        limits: of agreement, bias ± 1.96 standard deviations (Bland and Altman 1986).
        bias: mean error.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * SIDE, SIDE), layout="constrained")
    scatter, agreement, residuals = figure.subplots(1, 3)
    true, given = np.asarray(truth), np.asarray(answers)
    ends = [min(true.min(), given.min()), max(true.max(), given.max())]
    scatter.plot(ends, ends, color=GREY, linestyle=":", linewidth=0.8)
    scatter.plot(true, given, "o", color=BODY_COLOUR, markersize=3, alpha=0.6)
    _labelled(scatter, "truth", "answer")
    agreement.plot((true + given) / 2, given - true, "o", color=BODY_COLOUR, markersize=3, alpha=0.6)
    for value, style in ((bias, "-"), (limits[0], "--"), (limits[1], "--")):
        agreement.axhline(value, color=HEAD_COLOUR, linestyle=style, linewidth=1)
    _labelled(agreement, "mean of truth and answer", "answer − truth")
    residuals.hist(given - true, bins=min(30, max(5, len(true) // 5)), color=BODY_COLOUR)
    residuals.axvline(0, color=GREY, linestyle=":", linewidth=0.8)
    _labelled(residuals, "answer − truth", "rows")
    residuals.yaxis.get_major_locator().set_params(integer=True)
    for axes in (scatter, agreement, residuals):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
    return figure


def plot_overlaps(by_image: np.ndarray, names: Sequence[str]) -> "Figure":
    """Draw Dice of every image, one row of dots per class, with the median as a bar.

    Args:
        by_image: (N, C), NaN where an image has nothing of a class.
        names: of the classes.
    """
    figure, axes = new_figure(5.6, 1.0 + 0.32 * max(3, len(names)))
    jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(by_image))
    for row in range(len(names)):
        known = np.isfinite(by_image[:, row])
        axes.plot(by_image[known, row], row + jitter[known], "o", color=BODY_COLOUR, markersize=2.5, alpha=0.5)
        if known.any():
            middle = float(np.median(by_image[known, row]))
            axes.plot([middle, middle], [row - 0.35, row + 0.35], color=HEAD_COLOUR, linewidth=2)
    axes.set_yticks(range(len(names)), labels=shortened(list(names), LONGEST_NAME), fontsize=SMALL)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    _labelled(axes, "Dice of each image; bars are medians", "")
    return figure


def _two_axes() -> "tuple[Figure, tuple[Axes, Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * SIDE, SIDE), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=SMALL)
    return figure, (left, right)


def _colour(place: int, count: int) -> Any:
    if count == 1:
        return BODY_COLOUR
    from matplotlib import colormaps

    return colormaps["viridis"](0.9 * place / (count - 1))


def _labelled(axes: "Axes", across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=NORMAL)
    axes.set_ylabel(up, fontsize=NORMAL)


def _unit_square(axes: "Axes") -> None:
    from matplotlib.ticker import MultipleLocator

    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.xaxis.set_major_locator(MultipleLocator(0.2))
    axes.yaxis.set_major_locator(MultipleLocator(0.2))
