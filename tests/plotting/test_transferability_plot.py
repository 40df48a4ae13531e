"""The picture of a profile shows its numbers, and stays readable for many layers."""

import io
import math
import sys
from itertools import pairwise

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from hf_metalr.plotting import plot_transferability
from hf_metalr.plotting.canvas import HEAD_COLOUR


def picture(count: int, **options):
    names = [*(f"stage.{index // 6}.block.{index % 6}" for index in range(count)), "head"]
    values = [*(2.0 + index for index in range(count)), 1.1]
    return plot_transferability(names, values, [(value * 0.9, value * 1.2) for value in values], **options)


def test_line_band_and_head_are_the_numbers() -> None:
    axes = picture(5, network=4.0).axes[0]
    assert axes.get_yscale() == "log"
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["T"].get_ydata()) == [2, 3, 4, 5, 6]
    assert list(lines["head"].get_ydata()) == [1.1]
    assert lines["head"].get_color() == HEAD_COLOUR
    assert lines["head"].get_xdata()[0] > lines["T"].get_xdata()[-1] + 1  # apart
    band = axes.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((1.8, 7.2))
    assert "network 4" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("network", [0.9, 1.0, 1.1, 50.0])
def test_the_notes_of_the_references_do_not_overlap(network) -> None:
    figure = picture(5, network=network)
    FigureCanvasAgg(figure).draw()
    upper, lower = sorted((text.get_window_extent() for text in figure.axes[0].texts), key=lambda box: -box.y0)
    assert upper.y0 >= lower.y1
    assert upper.y1 <= figure.bbox.y1


def test_long_names_do_not_press_the_picture_flat() -> None:
    names = [f"encoder.stages.{index}.layers.0" for index in range(5)]
    figure = plot_transferability(names, [3.0] * 5, [(2.0, 4.0)] * 5)
    FigureCanvasAgg(figure).draw()
    assert figure.axes[0].bbox.height / figure.dpi > 2


def test_every_layer_is_named_without_overlap() -> None:
    for count in (5, 30, 120):
        figure = picture(count)
        FigureCanvasAgg(figure).draw()
        labels = figure.axes[0].get_xticklabels()
        boxes = [label.get_window_extent() for label in labels]
        assert all(left.x1 <= right.x0 + 1 for left, right in pairwise(boxes)), count
        assert labels[-1].get_text() == "head"
        assert all(box.y0 >= 0 for box in boxes)
        assert len(labels) == count + 1 or count == 120


def test_layers_that_did_not_move_are_marked_and_do_not_stretch_the_axis() -> None:
    figure = plot_transferability(["a", "b", "c"], [math.inf, 2.0, 3.0], [(math.inf, math.inf), (1.9, 2.1), (2.9, 3.1)])
    axes = figure.axes[0]
    assert "did not move" in axes.get_title(loc="left")
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "^"] == [[0.0]]
    assert axes.get_ylim()[1] < 10
    assert math.isnan(axes.lines[0].get_ydata()[0])


def test_a_single_layer_is_visible() -> None:
    buffer = io.BytesIO()
    plot_transferability(["a"], [2.0], [(2.0, 2.0)]).savefig(buffer, format="png")
    assert len(Image.open(buffer).getcolors(maxcolors=1 << 24)) > 3


def test_unusable_numbers_and_a_missing_matplotlib_are_refused(monkeypatch) -> None:
    with pytest.raises(ValueError, match="must be equally long, found 1, 2 and 1"):
        plot_transferability(["a"], [1.0, 2.0], [(1.0, 2.0)])
    with pytest.raises(ValueError, match="Did no layer move"):
        plot_transferability(["a"], [math.inf], [(math.inf, math.inf)])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'hf-metalr\[plot\]'"):
        picture(3)


def test_global_state_stays_untouched(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    before = dict(matplotlib.rcParams)
    picture(3).savefig(io.BytesIO())
    assert "matplotlib.pyplot" not in sys.modules
    assert dict(matplotlib.rcParams) == before
