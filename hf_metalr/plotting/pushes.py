"""Which way each layer's rate was pushed, and how steadily: hypergradients made comparable across layers."""

from dataclasses import dataclass

import numpy as np

from hf_metalr.plotting.history_table import HistoryTable, column_edges

WITHIN = 98  # per cent of the pushes that colours tell apart


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


@dataclass(frozen=True)
class PushScale:
    """How pushes become colours: a symmetric logarithm, since a few meta steps push many times as hard as the rest.

    With the width w, the place between 0 (smaller rate) and 1 (larger rate) is

        1/2 + arsinh(push / w) / (2 arsinh(limit / w))

    which is nearly linear up to w and logarithmic beyond; pushes beyond the limit have the colour of the limit.

    Attributes:
        limit: the push of either sign at which the colours end.
        width: the push w up to which colours are about linear.
    """

    limit: float
    width: float

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return places in [0, 1], 1/2 where nothing is pushed; NaN stays NaN.

        >>> PushScale(limit=4.0, width=1.0).place(np.array([-9.0, -4.0, 0.0, 1.0])).round(2).tolist()
        [0.0, 0.0, 0.5, 0.71]
        """
        ends = np.arcsinh(self.limit / self.width)
        return np.clip(0.5 + np.arcsinh(values / self.width) / (2 * ends), 0, 1)


def push_scale(pushes: Pushes) -> PushScale:
    """Return the scale that ends at the 98th percentile of the strengths other than 0, its width being their median.

    So no outlier dims all, and half the pushes are told apart by the linear part. Both are 1 where nothing is pushed.
    """
    strengths = np.abs(pushes.values[np.isfinite(pushes.values) & (pushes.values != 0)])
    if not strengths.size:
        return PushScale(1.0, 1.0)
    width, limit = np.percentile(strengths, [50, WITHIN])
    return PushScale(float(limit), float(width))
