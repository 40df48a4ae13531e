"""The tables of docs/benchmarks.md: what they choose on, and what they show."""

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from benchmarks.accuracy import evidence
from benchmarks.accuracy.figure import accuracy_by_rate, final_rates
from benchmarks.accuracy.summary import Scores


def row(method: str, rate: float | None, validation: float, test: float, seed: int = 0, **cell: Any) -> dict[str, Any]:
    cell = {"dataset": "busi", "size": 400, "backbone": "cnn", "pretrained": True, "steps": 100, "settings": {}} | cell
    return {
        "cell": cell | {"method": method, "rate": rate, "seed": seed},
        "validation": {"balanced_accuracy": validation},
        "test": {"balanced_accuracy": test},
    }


def lines(table: str, name: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith(f"| {name} |")]


def test_the_sweep_chooses_on_validation_and_is_shown_on_test() -> None:
    rows = [row("adamw", 1e-4, 0.8, 0.5), row("adamw", 1e-3, 0.6, 0.9), row("metalr", 1e-2, 0.85, 0.6)]
    (line,) = lines(evidence.against_the_sweep(rows), "busi-400 cnn")
    assert "| 0.0001 | 0.800 / 0.500 |" in line
    assert "| +5.0 / +10.0 |" in line


def test_gains_are_between_runs_of_the_same_seed() -> None:
    rows = [row("adamw", 1e-3, score, score, seed) for seed, score in enumerate((0.2, 0.8))]
    rows += [row("metalr", 1e-3, 0.9, 0.9, seed=1)]  # against seed 1 alone, not against the mean of both
    (line,) = lines(evidence.against_the_sweep(rows), "busi-400 cnn")
    assert "| +10.0 / +10.0 |" in line
    assert line.endswith("| 1 |")


def test_the_sweep_can_be_one_under_a_schedule() -> None:
    rows = [row("adamw", 1e-3, 0.5, 0.5), row("adamw", 1e-3, 0.9, 0.8, settings={"schedule": "cosine"})]
    rows += [row("metalr", 1e-3, 0.8, 0.9)]
    assert "| -10.0 / +10.0 |" in evidence.against_the_sweep(rows, sweep="adamw cosine")


def test_ranks_share_places_and_optimizers_without_rates_count_at_every_rate() -> None:
    rows = [
        row(name, rate, 0.5, score) for name, score in (("adamw", 0.6), ("l2_sp", 0.6)) for rate in (1e-4, 1e-3, 1e-2)
    ]
    rows += [row("dog", None, 0.5, 0.7)]
    table = evidence.over_rates(rows, "adamw")
    assert "0.700 | 0.700 | 0.700 | 1.0 [1.0, 1.0]" in lines(table, "dog")[0]
    assert all("2.5 [2.5, 2.5]" in lines(table, name)[0] for name in ("adamw", "l2_sp"))


def test_methods_are_compared_where_all_of_them_ran() -> None:
    rates = evidence.COMMON_RATES
    rows = [row(name, rate, 0.5, 0.6, seed) for name in ("adamw", "l2_sp") for rate in rates for seed in (0, 1)]
    rows += [row("lp_ft", rate, 0.5, 0.9) for rate in rates]
    assert evidence.over_rates(rows, "adamw").startswith("2 (task, seed) pairs")
    assert not lines(evidence.over_rates(rows, "adamw"), "lp_ft")
    few = evidence.over_rates(rows, "lp_ft")
    assert few.startswith("1 (task, seed) pairs")
    assert all(lines(few, name) for name in ("adamw", "l2_sp", "lp_ft"))


def test_the_rates_drawn_are_geometric_means_after_the_last_step() -> None:
    rows = [
        row("metalr", 1e-3, 0.5, 0.5, seed)
        | {"rates": {"1": {"stem": 1.0, "head": 1.0}, "9": {"stem": lr, "head": 1e-2}}}
        for seed, lr in enumerate((1e-4, 1e-2))
    ]
    (axes,) = final_rates(rows).axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1e-3, 1e-2])


def history(lr: float) -> dict[str, Any]:
    return {"rates": {"9": {"stem": lr, "head": lr}}}


@pytest.mark.parametrize("count", [3, 25])
def test_the_figures_are_read_at_the_width_of_a_page(count: int) -> None:
    methods = ["dog", "metalr", "adamw", *(f"a rather long name {index}" for index in range(count - 3))]
    rows = [
        row(name, None if name == "dog" else rate, 0.5, 0.6, seed, dataset=dataset) | history(rate)
        for name in methods
        for rate in (1e-4, 1e-3)
        for dataset in ("busi", "fashion_mnist", "pneumoniamnist")
        for seed in (0, 1)
    ]
    by_rate = accuracy_by_rate(Scores(rows), "balanced_accuracy")
    for figure in (by_rate, final_rates([row for row in rows if row["cell"]["method"] == "metalr"])):
        assert_legible(figure)
    named = [text.get_text() for text in by_rate.legends[0].get_texts()]
    assert named[:3] == ["adamw", "metalr", "dog (no rate)"]
    assert len(named) == count


def assert_legible(figure: Figure) -> None:
    """Nothing is written over the panels' lines or beyond the picture, nor smaller than 11 pixels of a page's 830."""
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1
    assert box.y0 >= 0
    for axes in figure.axes:
        assert not [text for text in axes.texts if text.get_text()]
        assert axes.get_tightbbox().y0 >= box.y1 - 1
        assert axes.get_window_extent().height >= 1.2 * figure.dpi
    written = [text for text in figure.findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in written) * 830 / 72 / figure.get_figwidth() >= 11


def test_the_mean_is_over_tasks_and_left_out_where_one_lacks_a_rate() -> None:
    rows = []
    for dataset, gain in (("busi", 0.1), ("fashion_mnist", -0.3)):
        rows += [row("adamw", 1e-3, 0.5, 0.4, dataset=dataset), row("metalr", 1e-3, 0.5 + gain, 0.4, dataset=dataset)]
    rows += [row("metalr", 1e-5, 0.5, 0.4)]  # on BUSI alone
    (line,) = lines(evidence.against_the_sweep(rows), "mean of 2")
    assert line == "| mean of 2 |  |  |  |  | -10.0 / +0.0 |  |  |"
