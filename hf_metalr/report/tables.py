"""The words and tables of the report."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hf_metalr.plotting.history_table import HistoryTable
from hf_metalr.plotting.pushes import Pushes
from hf_metalr.report.charts import span
from hf_metalr.report.markup import IN_CELL, Markup, definitions, element, prose, table
from hf_metalr.report.run import Run
from hf_metalr.report.scale import rate_scale
from hf_metalr.transferability import TransferabilityProfile
from hf_metalr.transferability.text import table as profile_cells

MANY_ROWS = 24  # a longer table scrolls in a box of its own


def summary(run: Run, history: HistoryTable) -> list[Markup]:
    """Return the first sentences and the facts."""
    last = history.lrs[:, -1]
    skipped = [row for row in run.rows if row.get("skipped")]
    sentences = (
        f"{_counted(len(history.groups), 'layer group')}, {_counted(len(history.steps), 'meta step')}, "
        f"the last at step {history.steps[-1]}."
    )
    if np.isfinite(last).any():
        low, high = int(np.nanargmin(last)), int(np.nanargmax(last))
        sentences += (
            f" At the end the rates run from {_rate(last[low])} ({history.groups[low]}) to {_rate(last[high])} "
            f"({history.groups[high]}), a factor of {_factor(last[high] / last[low])}."
        )
    if skipped:
        sentences += (
            f" {_counted(len(skipped), 'meta step')} moved nothing; the last, at step {skipped[-1]['step']}: "
            f"{skipped[-1]['skipped']}."
        )
    return [element("p", prose(sentences), class_="lead"), definitions(run.facts)]


def metrics_table(metrics: Mapping[str, Mapping[str, float]]) -> Markup:
    """Return one row per metric and one column per split."""
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    rows = [
        (name.replace("_", " "), *(f"{values[name]:.4g}" if name in values else "" for values in metrics.values()))
        for name in names
    ]
    return table("Metrics by split", ["metric", *metrics], rows) if rows else Markup()


def rates_table(run: Run, history: HistoryTable, pushes: Pushes) -> list[Markup]:
    """Return where each rate began and ended, as dots on one axis and in figures."""
    first = np.array([run.initial_lrs.get(group, math.nan) for group in history.groups])
    begun = "initial" if np.isfinite(first).all() else "first"
    first = first if begun == "initial" else history.lrs[:, 0]
    last = history.lrs[:, -1]
    scale = rate_scale(np.concatenate([first, last]))
    rows = [
        (
            _name(group, run.head_groups),
            span(scale, first[row], last[row], last[row], is_hollow_start=True),
            _rate(first[row]),
            _rate(last[row]),
            f"× {last[row] / first[row]:.3g}" if np.isfinite([first[row], last[row]]).all() else "",
            _rate(pushes.sizes[row], 1) if np.isfinite(pushes.sizes[row]) else "",
        )
        for row, group in enumerate(history.groups)
    ]
    note = (
        "Input to output, on one logarithmic axis: the ring is where a rate began"
        + ("" if begun == "initial" else " (after the first meta step)")
        + ", the dot where it ended. The last column is the root mean square of ∂L/∂ ln α, in units of the meta loss."
    )
    header = ["layer group", "range", begun, "last", "change", "RMS"]
    return [element("p", note, class_="note"), table("Learned base rates", header, rows, _box(len(rows)))]


def transferability_table(profile: TransferabilityProfile | None) -> list[Markup]:
    """Return T of each layer with its interval, what else was measured, and the summary in words."""
    if profile is None:
        return []
    header, cells = profile_cells(profile)
    finite = [v for layer in profile.layers for v in (layer.transferability, layer.low, layer.high) if v > 0]
    scale = rate_scale([*(v for v in finite if math.isfinite(v)), 1.0])
    heads = [layer.name for layer in profile.layers if layer.is_head]
    rows = [
        (_name(row[0], heads), span(scale, layer.low, layer.high, layer.transferability), *row[1:])
        for layer, row in zip(profile.layers, cells, strict=True)
    ]
    note = (
        "How far the pre-trained parameters of each layer carried: T = distance from a random initialisation / "
        "distance from the pre-trained values, with its interval on a logarithmic axis. At T = 1 pre-training brought "
        "nothing."
    )
    return [
        element("p", note, class_="note"),
        table("Transferability by layer", [header[0], "range", *header[1:]], rows, _box(len(rows))),
        *(element("p", prose(line)) for line in profile.summary().splitlines()),
    ]


def words_table(caption: str, header: tuple[str, str], values: Mapping[str, str]) -> Markup:
    """Return names and their values; nothing without any."""
    return (
        table(caption, header, [[prose(word, IN_CELL) for word in row] for row in values.items()], "words")
        if values
        else Markup()
    )


def _name(group: str, head_groups: Sequence[str]) -> Markup:
    return element("span", prose(group, IN_CELL), class_="head" if group in head_groups else None)


def _rate(value: float, decimals: int = 2) -> str:
    """Write a rate as the pointer does (script.js); zeros stay, so that the figures of a column align."""
    if not math.isfinite(value):
        return "0"
    digits, exponent = f"{value:.{decimals}e}".split("e")
    return f"{digits}e{int(exponent)}"


def _factor(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _box(rows: int) -> str:
    return "tall-table" if rows > MANY_ROWS else ""
