"""Which way each layer's rate was pushed, and how steadily: hypergradients made comparable across layers."""

from dataclasses import dataclass

import numpy as np

from hf_metalr.plotting.history_table import HistoryTable, column_edges


@dataclass(frozen=True)
class Pushes:
    """Hypergradients in spans of steps, each layer in units of its own size.

    With ``s = ∂L_meta/∂ ln α`` of a layer at a meta step (`HistoryTable.log_hypergradients`), the push in a span is

        mean of −s over the span / root mean square of s over the run

    Above 0 the layer asked for a larger rate, below 0 for a smaller one. Noise averages out: among n meta steps it is
    about ±1/√n, and a layer that always pushes one way with one strength has ±1. Invariant to the scale of the loss
    and of the layer, which differ by orders of magnitude; the scale is kept apart in ``sizes``.

    Attributes:
        edges: the steps between spans, shape (B + 1,).
        values: shape (G, B); NaN where nothing is known, as in a span whose meta steps were all skipped.
        sizes: the root mean square of ``s`` of each layer, in units of the loss, shape (G,); NaN where all is unknown.
        per_span: meta steps in the longest span.
    """

    edges: np.ndarray
    values: np.ndarray
    sizes: np.ndarray
    per_span: int


def measure_pushes(table: HistoryTable, most_spans: int) -> Pushes:
    """Average over at most so many spans of equally many meta steps (the last may be shorter).

    >>> steady = HistoryTable(np.arange(4), ("head",), np.ones((1, 4)), np.full((1, 4), -0.2))
    >>> measure_pushes(steady, most_spans=2).values.round(6).tolist()
    [[1.0, 1.0]]
    """
    slopes = table.log_hypergradients
    known = np.isfinite(slopes)
    counts = known.sum(axis=1)
    squares = np.where(known, slopes, 0.0) ** 2
    sizes = np.sqrt(np.divide(squares.sum(axis=1), counts, out=np.full(len(counts), np.nan), where=counts > 0))
    per_span = -(-len(table.steps) // most_spans)
    starts = np.arange(0, len(table.steps), per_span)
    sums = np.add.reduceat(np.where(known, -slopes, 0.0), starts, axis=1)
    numbers = np.add.reduceat(known.astype(int), starts, axis=1)
    means = np.divide(sums, numbers, out=np.full(sums.shape, np.nan), where=numbers > 0)
    # A layer whose hypergradients are all zero pushes nowhere.
    values = np.divide(means, sizes[:, None], out=np.where(np.isnan(means), np.nan, 0.0), where=sizes[:, None] > 0)
    return Pushes(np.append(table.steps[starts], column_edges(table.steps)[-1]), values, sizes, per_span)


def push_limit(pushes: Pushes) -> float:
    """Return where the colours end, for both signs: the 98th percentile of the strengths, so that no outlier dims all.

    1 where nothing is pushed.
    """
    known = np.abs(pushes.values[np.isfinite(pushes.values)])
    return float(np.percentile(known, 98)) if known.any() else 1.0
