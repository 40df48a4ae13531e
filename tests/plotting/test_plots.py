"""What the pictures show is what the history says; matplotlib's global state stays untouched."""

import io
import math
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.text import Text
from PIL import Image

from hf_metalr.plotting import plot_learning_rates, plot_learning_rates_heatmap
from hf_metalr.plotting.canvas import HEAD_COLOUR
from hf_metalr.plotting.line_labels import spread
from tests.plotting.histories import full_history

PLOTS = [plot_learning_rates, plot_learning_rates_heatmap]


def history(groups: int, steps: int = 6, first: float = 1e-4):
    names = ["stem", *(f"layer.{index}" for index in range(groups - 2)), "head"]
    return [
        {"step": 2 * step, "base_lr": {name: first * (index + 1) * 1.1**step for index, name in enumerate(names)}}
        for step in range(1, steps + 1)
    ]


def lightness(colour) -> float:
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_group_has_a_line_of_its_rates():
    rows = history(5)
    axes = plot_learning_rates(rows).axes[0]
    assert axes.get_yscale() == "log"
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == set(rows[0]["base_lr"])
    for name, line in lines.items():
        assert list(line.get_xdata()) == [row["step"] for row in rows]
        assert list(line.get_ydata()) == [row["base_lr"][name] for row in rows]


def test_colours_grow_lighter_towards_the_output_and_the_head_stands_apart():
    axes = plot_learning_rates(history(20)).axes[0]
    *body, head = axes.lines
    assert head.get_label() == "head"
    shades = [lightness(line.get_color()) for line in body]
    assert shades == sorted(shades)
    assert len(set(shades)) == 19
    assert head.get_color() not in {line.get_color() for line in body}
    assert head.get_linestyle() != body[0].get_linestyle()


@pytest.mark.parametrize("groups", [2, 5, 24])
def test_lines_bear_their_names_in_the_order_of_their_ends(groups):
    figure = plot_learning_rates(history(groups))
    axes = figure.axes[0]
    assert len(figure.axes) == 1
    ends = {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
    assert [text.get_text() for text in sorted(axes.texts, key=lambda text: text.get_position()[1])] == sorted(
        ends, key=ends.get
    )


@pytest.mark.parametrize("groups", [5, 24])
def test_names_at_the_lines_neither_overlap_nor_leave_the_picture(groups):
    rows = history(groups)
    for row in rows:  # all lines end at nearly one rate
        row["base_lr"] = {name: 1e-3 * (1 + 1e-4 * index) for index, name in enumerate(row["base_lr"])}
    figure = plot_learning_rates(rows)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for text in figure.axes[0].texts:
        text.update_positions(
            canvas.get_renderer()
        )  # an annotation knows its place only then; its own extent has the leader in it
    boxes = sorted((Text.get_window_extent(text) for text in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == groups
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))
    assert all(figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("groups", [6, 40])
def test_long_names_leave_room_for_the_picture(plot, groups):
    figure = plot(full_history(groups, prefix="base_model.model.vision_tower.encoder."))
    FigureCanvasAgg(figure).draw()
    assert figure.axes[0].get_window_extent().width >= 0.45 * figure.bbox.width
    titles = [
        text.get_window_extent() for text in figure.findobj(Text) if text.get_text().startswith(("Learned", "in"))
    ]
    assert all(one.x1 < other.x0 for one, other in pairwise(sorted(titles, key=lambda box: box.x0)))


@pytest.mark.parametrize(("groups", "named"), [(25, 12), (60, 20)])
def test_many_groups_are_named_by_a_colour_bar_from_the_input_on_top(groups, named):
    figure = plot_learning_rates(history(groups))
    axes, bar = figure.axes
    names = [label.get_text() for label in bar.get_yticklabels()]
    assert len(names) == named
    assert names[0] == "stem"
    bottom, top = bar.get_ylim()
    assert top < bottom
    assert [text.get_text() for text in axes.texts] == ["head"]
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in bar.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("high", [1.01e-4, 2e-4, 6e-4, 5e-3, 5e-2, 9e-2, 5])
def test_axis_has_enough_ticks_at_any_range(high):
    rows = [{"step": step, "base_lr": {"stem": 1e-4, "head": high}} for step in (1, 2)]
    for figure, number in ((plot_learning_rates(rows), 0), (plot_learning_rates_heatmap(rows), 1)):
        figure.canvas.draw()
        axis = figure.axes[number].yaxis
        low, top = sorted(axis.get_view_interval())
        visible = [tick for tick in axis.get_majorticklocs() if low <= tick <= top]
        assert (2 if top / low < 5 else 4) <= len(visible) <= 12


def test_small_changes_look_small():
    rows = [{"step": step, "base_lr": {"stem": 1e-4, "head": 1e-4 * 1.01**step}} for step in (1, 2)]
    low, high = plot_learning_rates(rows).axes[0].get_ylim()
    assert high / low > 2


@pytest.mark.parametrize("count", [1, 2, 10, 40])
def test_spread_keeps_order_gaps_and_range(count):
    places = np.random.default_rng(count).uniform(0.4, 0.6, count)
    moved = np.array(spread(places.tolist(), gap=0.05))
    assert (np.argsort(moved) == np.argsort(places)).all()
    assert moved.min() >= -1e-12
    assert moved.max() <= 1 + 1e-12
    if count > 1:
        assert np.diff(np.sort(moved)).min() >= min(0.05, 1 / (count - 1)) - 1e-12


def test_spread_moves_nothing_without_need():
    assert spread([0.1, 0.9, 0.5], gap=0.2) == pytest.approx([0.1, 0.9, 0.5])


def test_heads_of_other_names_are_drawn_as_heads():
    axes = plot_learning_rates(history(4), head_groups=["layer.1", "head"]).axes[0]
    assert [text.get_text() for text in axes.texts if text.get_color() == HEAD_COLOUR] == ["layer.1", "head"]


def test_map_holds_the_rates_input_on_top():
    rows = history(20)
    axes = plot_learning_rates_heatmap(rows).axes[0]
    (mesh,) = axes.collections
    assert isinstance(mesh.norm, LogNorm)
    np.testing.assert_array_equal(mesh.get_array(), [[row["base_lr"][n] for row in rows] for n in rows[0]["base_lr"]])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows[0]["base_lr"])
    bottom, top = axes.get_ylim()
    assert top < bottom
    assert axes.get_xlim() == (2, 14)  # a rate holds until the next meta step, two steps later


@pytest.mark.parametrize(
    ("head", "extend", "label"),
    [
        (1e-2, "max", "learned base rate\nhead up to 1e-2"),
        (2e-6, "min", "learned base rate\nhead down to 2e-6"),
        (2e-4, "neither", "learned base rate"),
    ],
)
def test_a_head_far_off_does_not_dim_the_layers(head, extend, label):
    rows = [{"step": step, "base_lr": {"stem": 1e-4, "layer.0": 1e-3, "head": head}} for step in (1, 2)]
    axes, bar = plot_learning_rates_heatmap(rows).axes
    (mesh,) = axes.collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1e-4, 1e-3)
    assert (mesh.colorbar.extend, bar.get_ylabel()) == (extend, label)


def test_map_names_do_not_overlap():
    figure = plot_learning_rates_heatmap(history(60))
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    "rows",
    [
        history(1 + 1, steps=1),
        [{"step": step, "base_lr": {"head": 1e-3}} for step in (1, 2)],
        [{"step": step, "base_lr": {"stem": 0.0, "head": 1e-3}, "skipped": "no gradient"} for step in (1, 2)],
    ],
    ids=["one step", "head alone", "frozen group"],
)
def test_degenerate_histories_are_drawn(plot, rows):
    buffer = io.BytesIO()
    plot(rows).savefig(buffer, format="png")
    assert len(Image.open(buffer).getcolors(maxcolors=1 << 24)) > 1


def test_each_leader_begins_at_its_own_name():
    """Lines that end in one place have steep leaders, which must not stop short beside a neighbour's name."""
    rows = [{"step": step, "base_lr": {f"layer.{index}": 1e-4 for index in range(20)}} for step in (1, 2)]
    figure = plot_learning_rates(rows)
    FigureCanvasAgg(figure).draw()
    points = figure.dpi / 72
    for name in figure.axes[0].texts:
        box = name.get_window_extent()
        start = name.arrow_patch.get_path().vertices[0]
        text = Text.get_window_extent(name)
        assert abs(start[1] - (text.y0 + text.y1) / 2) <= 3 * points, name.get_text()
        assert box.x0 <= start[0] <= text.x0 + 1


@pytest.mark.parametrize("plot", PLOTS)
def test_one_step_has_one_tick(plot):
    figure = plot(history(4, steps=1))
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2"]


def test_one_step_is_drawn_as_points():
    assert {line.get_marker() for line in plot_learning_rates(history(3, steps=1)).axes[0].lines} == {"o"}
    assert {line.get_marker() for line in plot_learning_rates(history(3, steps=2)).axes[0].lines} == {""}


def test_dots_at_the_ends_of_the_axis_are_whole():
    rows = [{"step": 2, "base_lr": {"stem": 1e-6, "head": 1e-2}}]
    figure = plot_learning_rates(rows)
    figure.canvas.draw()
    axes = figure.axes[0]
    heights = [axes.transData.transform((2, line.get_ydata()[0]))[1] for line in axes.lines]
    radius = axes.lines[0].get_markersize() / 2 * figure.dpi / 72
    assert axes.bbox.y0 <= min(heights) - radius
    assert max(heights) + radius <= axes.bbox.y1


def test_a_rate_of_zero_leaves_a_gap():
    rows = [{"step": step, "base_lr": {"stem": lr, "head": 1e-3}} for step, lr in [(1, 1e-4), (2, 0.0)]]
    stem = plot_learning_rates(rows).axes[0].lines[0]
    assert [math.isnan(lr) for lr in stem.get_ydata()] == [False, True]


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one meta step"),
        ([history(3)[0], history(4)[1]], "same layer groups"),
        ([history(3)[1], history(3)[0]], "increasing steps"),
        ([{"step": 1, "base_lr": {"stem": 0.0}}], "a rate above 0"),
    ],
)
def test_unusable_rows_are_refused_in_words(plot, rows, message):
    with pytest.raises(ValueError, match=message):
        plot(rows)


@pytest.mark.parametrize("plot", PLOTS)
def test_missing_matplotlib_is_named_with_the_way_out(plot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'hf-metalr\[plot\]'"):
        plot(history(3))


@pytest.mark.parametrize("plot", PLOTS)
def test_global_state_stays_untouched(plot, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    before = dict(matplotlib.rcParams)
    plot(history(3)).savefig(io.BytesIO())
    assert "matplotlib.pyplot" not in sys.modules
    assert dict(matplotlib.rcParams) == before
