"""Hypergradients on one scale: signs, invariances, what is unknown, and the picture of it all."""

import io
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hf_metalr.plotting import has_hypergradients, plot_hypergradients
from hf_metalr.plotting.history_table import HistoryTable, read_table, thinned
from hf_metalr.plotting.layer_map import BAR_WIDTH
from hf_metalr.plotting.pushes import PushScale, measure_pushes, push_scale
from tests.plotting.histories import full_history


def table_of(slopes: np.ndarray, steps: np.ndarray | None = None) -> HistoryTable:
    groups = tuple(f"layer.{index}" for index in range(len(slopes)))
    steps = np.arange(1, slopes.shape[1] + 1) if steps is None else steps
    return HistoryTable(steps, groups, np.ones(slopes.shape), slopes)


def test_a_negative_hypergradient_pushes_up() -> None:
    pushes = measure_pushes(read_table(full_history(3)), 10)
    stem, middle, head = pushes.values
    assert (stem < 0).all()  # its rates fall in the history, the head's rise
    assert (middle == 0).all()
    assert (head > 0).all()


def test_a_push_is_the_mean_over_its_span_in_units_of_the_layers_rms() -> None:
    slopes = np.random.default_rng(0).normal(size=(3, 10))
    pushes = measure_pushes(table_of(slopes), most_spans=4)
    assert pushes.per_span == 3
    for row, slope in enumerate(slopes):
        rms = np.sqrt(sum(value**2 for value in slope) / len(slope))
        assert pushes.sizes[row] == pytest.approx(rms)
        expected = [-sum(slope[i : i + 3]) / len(slope[i : i + 3]) / rms for i in (0, 3, 6, 9)]
        assert pushes.values[row] == pytest.approx(expected)
    assert pushes.edges.tolist() == [1, 4, 7, 10, 11]


def test_neither_the_scale_of_a_layer_nor_the_schedule_shows() -> None:
    rows = full_history(4)
    scaled = [
        row
        | {"hypergradient": row["hypergradient"] | {"head": 1e6 * row["hypergradient"]["head"]}}
        | {"effective_lr": dict.fromkeys(row["effective_lr"], 0.0)}
        for row in rows
    ]
    plain, other = (measure_pushes(read_table(found), 3) for found in (rows, scaled))
    assert other.values == pytest.approx(plain.values)
    assert other.sizes[-1] == pytest.approx(1e6 * plain.sizes[-1])


def test_slopes_are_per_relative_change_of_the_rate() -> None:
    row = {"step": 1, "base_lr": {"head": 0.02}, "hypergradient": {"head": -5.0}}
    assert read_table([row]).log_hypergradients.tolist() == [[-0.1]]


def test_unknown_hypergradients_stay_unknown_and_do_not_weigh() -> None:
    slopes = np.array([[np.nan, np.nan, -1.0, np.nan], [np.nan] * 4, [0.0] * 4])
    pushes = measure_pushes(table_of(slopes), 2)
    np.testing.assert_array_equal(pushes.values, [[np.nan, 1.0], [np.nan, np.nan], [0.0, 0.0]])
    np.testing.assert_array_equal(pushes.sizes, [1.0, np.nan, 0.0])


def test_the_colours_end_beyond_nearly_all_pushes_and_are_the_same_for_both_signs() -> None:
    slopes = np.random.default_rng(0).normal(size=(1, 1000))
    slopes[0, 0] = 100.0
    pushes = measure_pushes(table_of(slopes), 1000)
    scale = push_scale(pushes)
    assert np.mean(np.abs(pushes.values) <= scale.limit) == pytest.approx(0.98, abs=1e-3)
    assert np.mean(np.abs(pushes.values) <= scale.width) == pytest.approx(0.5, abs=1e-3)
    assert push_scale(measure_pushes(table_of(np.zeros((1, 3))), 3)) == PushScale(1.0, 1.0)
    mesh = plot_hypergradients(full_history(5)).axes[0].collections[0]
    assert mesh.norm.vmin == -mesh.norm.vmax
    low, middle, high = (np.array(mesh.cmap(place)[:3]) for place in (0.0, 0.5, 1.0))
    assert middle.min() > 0.9  # nothing is asked for: white
    assert low[0] > low[2]  # brown below, teal above
    assert high[2] > high[0]


@pytest.mark.parametrize("prefix", ["", "base_model.model.vision_tower.encoder."])
@pytest.mark.parametrize("groups", [2, 6, 60])
def test_nothing_overlaps_or_leaves_the_picture(groups: int, prefix: str) -> None:
    figure = plot_hypergradients(full_history(groups, steps=400, prefix=prefix))
    FigureCanvasAgg(figure).draw()
    axes, bar = figure.axes
    names = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert len(names) == groups
    sizes = [text.get_window_extent() for text in axes.texts]
    for column in (names, sizes):
        ordered = sorted(column, key=lambda box: box.y0)
        assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(ordered))
    bar_box = bar.get_window_extent()
    assert all(box.x1 <= bar_box.x0 for box in sizes)
    assert bar.xaxis.label.get_window_extent().y1 <= bar_box.y0 - BAR_WIDTH * figure.dpi + 2  # below the arrow
    title, note = (text.get_window_extent() for text in figure.texts)
    assert title.y0 >= max(box.y1 for box in [*sizes, bar._left_title.get_window_extent()])
    assert note.y1 <= axes.xaxis.label.get_window_extent().y0
    assert axes.get_window_extent().width >= figure.bbox.width / 2
    for box in [title, note, *names, *sizes, axes.xaxis.label.get_window_extent(), bar.xaxis.label.get_window_extent()]:
        assert box.x0 >= figure.bbox.x0 - 1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= figure.bbox.y0 - 1


def test_a_history_without_hypergradients_is_refused_in_words() -> None:
    rows = full_history(3, steps=2)
    assert has_hypergradients(rows)
    for row in rows:
        row["hypergradient"] = dict.fromkeys(row["hypergradient"])
    assert not has_hypergradients(rows)
    with pytest.raises(ValueError, match="Was every meta step skipped"):
        plot_hypergradients(rows)


@pytest.mark.parametrize("rates", [None, [], {}, {"head": None}, {"head": "x"}, {"head": -1.0}, {"head": float("nan")}])
def test_rows_without_sound_rates_are_refused_in_words(rates) -> None:
    with pytest.raises(ValueError, match="'base_lr', an object from layer group"):
        read_table([{"step": 3, "base_lr": rates}])


def test_thinning_keeps_both_ends_and_the_pairs() -> None:
    table = read_table(full_history(3, steps=1000))
    thin = thinned(table, 100)
    assert len(thin.steps) == 100
    assert (thin.steps[0], thin.steps[-1]) == (1, 1000)
    np.testing.assert_array_equal(thin.lrs, table.lrs[:, thin.steps - 1])
    assert thinned(table, 1000) is table


def test_a_long_history_makes_a_small_vector_file() -> None:
    from hf_metalr.plotting import plot_learning_rates

    rows = full_history(10, steps=5000)
    for row in rows:  # wiggles, which matplotlib cannot leave out
        row["base_lr"] = {name: lr * (1.2 if row["step"] % 2 else 1.0) for name, lr in row["base_lr"].items()}
    buffer = io.BytesIO()
    plot_learning_rates(rows).savefig(buffer, format="svg")
    assert len(buffer.getvalue()) < 300_000


def test_text_is_legible_in_a_column() -> None:
    """Journals print columns of 3.5 inches and ask for letters of 5 points."""
    from hf_metalr.plotting import plot_learning_rates, plot_learning_rates_heatmap

    for groups in (6, 60):
        for plot in (plot_learning_rates, plot_learning_rates_heatmap, plot_hypergradients):
            figure = plot(full_history(groups))
            smallest = min(text.get_fontsize() for text in figure.findobj(matplotlib.text.Text) if text.get_text())
            assert smallest * 3.5 / figure.get_figwidth() >= 5.0


def test_figure_and_report_share_one_symmetric_logarithm() -> None:
    """Heavy tails leave the common pushes visible: the median has more than twice the colour of a linear scale."""
    slopes = np.random.default_rng(0).standard_t(2, size=(4, 200))
    pushes = measure_pushes(table_of(slopes), 200)
    scale = push_scale(pushes)
    rows = [
        {
            "step": step + 1,
            "base_lr": dict.fromkeys("abcd", 1.0),
            "hypergradient": dict(zip("abcd", map(float, slopes[:, step]), strict=True)),
        }
        for step in range(100)
    ]
    figure = plot_hypergradients(rows)
    norm = figure.axes[0].collections[0].norm
    drawn = push_scale(measure_pushes(read_table(rows), 100))
    values = np.linspace(-drawn.limit, drawn.limit, 21)
    np.testing.assert_allclose(np.asarray(norm(values)), drawn.place(values), atol=1e-9)
    assert f"within ±{drawn.limit:.2g}" in figure.get_supxlabel()
    assert 2 * scale.place(np.array(scale.width)) - 1 > 2 * scale.width / scale.limit
    assert all(abs(tick) <= drawn.limit for tick in figure.axes[1].get_yticks())
    assert len(figure.axes[1].get_yticks()) >= 3
    np.testing.assert_allclose(scale.place(-pushes.values), 1 - scale.place(pushes.values))
    assert np.isnan(scale.place(np.array(np.nan)))
