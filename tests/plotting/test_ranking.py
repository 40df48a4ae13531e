"""The picture of a ranking shows its numbers, its ties and the chance level, and nothing overlaps."""

import io
from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hf_metalr.plotting import Dot, plot_ranking


def dots(count: int = 5) -> list[Dot]:
    values = [0.9 - 0.05 * index for index in range(count)]
    return [
        Dot(f"organisation/backbone-{index}", v, v - 0.06, v + 0.04, 1 + index // 2, "86.1 M, prior 0.812", index == 1)
        for index, v in enumerate(values)
    ]


def test_each_model_has_its_value_and_interval_the_best_on_top():
    axes = plot_ranking(dots(), "k-NN accuracy").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [dot.name for dot in dots()]
    points = {line.get_ydata()[0]: line for line in axes.lines if len(line.get_xdata()) == 1}
    spans = {line.get_ydata()[0]: line for line in axes.lines if len(line.get_xdata()) == 2}
    for row, dot in enumerate(dots()):
        assert points[row].get_xdata()[0] == dot.value
        assert list(spans[row].get_xdata()) == [dot.low, dot.high]
    bottom, top = axes.get_ylim()
    assert top < bottom
    assert points[1].get_markerfacecolor() == "white"
    assert points[0].get_markerfacecolor() != "white"


def test_a_band_joins_each_tie_group():
    axes = plot_ranking(dots(), "k-NN accuracy").axes[0]
    bands = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in axes.patches]
    assert [sum(low < row < high for row in range(5)) for low, high in bands] == [2, 2, 1]
    assert all(upper[1] < lower[0] for upper, lower in pairwise(bands))


def test_the_chance_level_is_in_the_picture():
    axes = plot_ranking(dots(), "k-NN accuracy", chance=0.1, as_percent=True).axes[0]
    assert axes.lines[-1].get_xdata()[0] == 0.1
    low, high = axes.get_xlim()
    assert low < 0.1 < high
    assert any(text.get_text() == "without signal" for text in axes.texts)
    axes.figure.canvas.draw()
    assert all(label.get_text().endswith(" %") for label in axes.get_xticklabels())


@pytest.mark.parametrize("chance", [0.1, 0.99])
@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_nothing_overlaps_or_leaves_the_picture(count, chance):
    figure = plot_ranking(dots(count), "k-NN accuracy", chance=chance, remarks="parameters")
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    names = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(names))
    heading, chance_note, first = (
        next(text.get_window_extent() for text in axes.texts if text.get_text() == words)
        for words in ("parameters", "without signal", dots(1)[0].remark)
    )
    assert chance_note.x1 < heading.x0
    assert heading.y0 > first.y1
    assert heading.x0 == pytest.approx(first.x0, abs=1)
    for box in [*names, *(text.get_window_extent() for text in axes.texts), axes.xaxis.label.get_window_extent()]:
        assert box.x0 >= figure.bbox.x0 - 1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= figure.bbox.y0 - 1
        assert box.y1 <= figure.bbox.y1 + 1


def test_long_names_keep_their_end():
    long = Dot("/a/very/long/path/" * 6 + "checkpoint-500", 0.5, 0.4, 0.6, 1)
    figure = plot_ranking([long], "LogME")
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text().startswith("…")
    assert label.get_text().endswith("/checkpoint-500")
    figure.savefig(io.BytesIO())
    assert figure.axes[0].get_position().width > 0.3


def test_equal_values_have_an_axis():
    figure = plot_ranking([Dot("a", 1.0, 1.0, 1.0, 1), Dot("b", 1.0, 1.0, 1.0, 1)], "accuracy")
    low, high = figure.axes[0].get_xlim()
    assert low < 1 < high


def test_no_models_are_refused():
    with pytest.raises(ValueError, match="at least one model"):
        plot_ranking([], "LogME")
